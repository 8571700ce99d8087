"""Cases from public bug reports about selections by attribute, each with its answer."""

from __future__ import annotations

import pickle
from decimal import Decimal as D

import numpy as np
import pyarrow as pa
import pytest

import mvcore
from case_book import make


@pytest.fixture
def book() -> mvcore.Book:
    return make()


READS = {
    "values": lambda book, **wanted: book.values(**wanted),
    "holdings": lambda book, **wanted: book.holdings(**wanted),
    "positions": lambda book, **wanted: book.positions(**wanted),
    "orders": lambda book, **wanted: book.orders(**wanted),
    "view": lambda book, **wanted: book.view(**wanted).read(),
    "incremental view": lambda book, **wanted: book.view(mode="incremental", **wanted).read(),
    "snapshot.values": lambda book, **wanted: book.snapshot().values(**wanted),
    "snapshot.holdings": lambda book, **wanted: book.snapshot().holdings(**wanted),
    "snapshot.positions": lambda book, **wanted: book.snapshot().positions(**wanted),
    "snapshot.orders": lambda book, **wanted: book.snapshot().orders(**wanted),
}
every_read = pytest.mark.parametrize("read", READS.values(), ids=list(READS))


@every_read
@pytest.mark.parametrize(
    ("wanted", "says", "near"),
    [
        ({"instruments": {"sector": "tech"}}, "no instrument has the label 'tech'", ("Tech",)),
        ({"instruments": {"sector": "TECH"}}, "'TECH'", ("Tech",)),
        ({"instruments": {"sector": ["Tech", "Govt"]}}, "'Govt'; known: 'Tech', ", ()),
        ({"instruments": {"sector": ["Cash", "Goverment"]}}, "'Goverment'", ("Government",)),
        ({"instruments": {"sector": "Gov"}}, "'Gov'", ("Government",)),
        ({"instruments": {"sector": " Cash"}}, "' Cash'", ("Cash",)),
        ({"instruments": {"sector": ("Tech", None, "nope")}}, "'nope'", ()),
        ({"instruments": {"rating": 3}}, "instruments.rating", ()),
        ({"instruments": {"rating": [1, 3.5]}}, "'3.5'", ()),
        ({"instruments": {"sector": "Tech", "rating": 7}}, "'7'", ()),
        ({"accounts": {"desk": "d3"}}, "no account has the label 'd3'; known: 'd1', 'd2'", ()),
        ({"accounts": {"desk": "D1"}}, "accounts.desk", ("d1",)),
        ({"accounts": {"account": "x"}}, "accounts.account", ("X",)),
        ({"instruments": {"instrument": ["A", "sap"]}}, "'sap'", ("SAP",)),
        ({"instruments": {"currency": "EURO"}}, "instruments.currency", ("EUR",)),
        ({"instruments": {"currency": "usd"}}, "'usd'", ("USD",)),
    ],
)
def test_a_label_that_nothing_has_is_an_error(book, read, wanted, says, near) -> None:
    with pytest.raises(mvcore.InvalidInput, match=says) as error:
        read(book, **wanted)
    assert set(error.value.near) == set(near)
    for name in near:
        assert repr(name) in str(error.value).partition("did you mean")[2]
    assert len(read(book, **wanted, allow_empty=True)) == len(read(book, **possible(wanted)))


def possible(wanted: dict) -> dict:
    """The selection without labels that nothing has."""
    known = {
        "sector": ["Tech", "Government", "Cash"], "rating": [1, 2], "desk": ["d1", "d2"],
        "account": ["X", "Y"], "instrument": ["A", "SAP"], "currency": ["USD", "EUR"],
    }  # fmt: skip
    return {
        side: {
            name: [label for label in listed(labels) if label is None or label in known[name]]
            for name, labels in given.items()
        }
        for side, given in wanted.items()
    }


def listed(labels) -> list:
    return list(labels) if isinstance(labels, (list, tuple)) else [labels]


@every_read
@pytest.mark.parametrize(
    ("wanted", "unknown", "near"),
    [
        ({"instruments": {"sectr": "Tech"}}, "'sectr', known: 'sector', 'rating'", ("sector",)),
        ({"instruments": {"Sector": "Tech"}}, "'Sector'", ("sector",)),
        ({"instruments": {"desk": "d1"}}, "'desk'", ()),
        ({"instruments": {"curency": "EUR"}}, "'curency'", ("currency",)),
        ({"instruments": {"account": "X"}}, "'account'", ()),
        ({"accounts": {"sector": "Tech"}}, "'sector', known: 'desk'", ()),
        ({"accounts": {"Desk": "d1"}}, "'Desk'", ("desk",)),
        ({"accounts": {"currency": "EUR"}}, "'currency'", ()),
        ({"accounts": {"account.dsk": "d1"}}, "'dsk'", ("desk",)),
    ],
)
def test_an_unknown_attribute_is_an_error(book, read, wanted, unknown, near) -> None:
    for allow_empty in (False, True):
        with pytest.raises(mvcore.InvalidInput, match=f"unknown attribute {unknown}") as error:
            read(book, **wanted, allow_empty=allow_empty)
        assert error.value.near == near


@every_read
@pytest.mark.parametrize(
    ("labels", "says"),
    [
        ({"not": "Cash"}, r"instruments.sector: \{'not': 'Cash'\} is a dict"),
        ([{"not": "Cash"}], r"\{'not': 'Cash'\} is a dict"),
        ([["Tech"]], r"\['Tech'\] is a list"),
        (b"Tech", "b'Tech' is a bytes"),
        ([b"Tech"], "b'Tech' is a bytes"),
        (object(), "is a object"),
        (lambda label: label == "Tech", "is a function"),
        (str, "is a type"),
        ([object()], "is a object"),
        ([1, {"a"}], "is a set"),
    ],
)
def test_an_invalid_label_is_refused_and_named(book, read, labels, says) -> None:
    for allow_empty in (False, True):
        with pytest.raises(mvcore.InvalidInput, match=says):
            read(book, instruments={"sector": labels}, allow_empty=allow_empty)


@pytest.mark.parametrize("key", [1, None, ("desk",), b"desk"])
def test_the_name_of_an_attribute_must_be_text(book, key) -> None:
    with pytest.raises(mvcore.InvalidInput, match="expected an attribute's name"):
        book.values(accounts={key: "d1"})


@pytest.mark.parametrize(
    "labels",
    [
        ["Tech", "Cash"], ("Tech", "Cash"), {"Tech", "Cash"}, frozenset(("Tech", "Cash")),
        {"Tech": 1, "Cash": 2}.keys(), (name for name in ("Tech", "Cash")),
        np.array(["Tech", "Cash"]), np.array(["Tech", "Cash"], object), pa.array(["Tech", "Cash"]),
        pa.chunked_array([["Tech"], ["Cash"]]), [pa.scalar("Tech"), np.str_("Cash")],
    ],
    ids=lambda labels: type(labels).__name__,
)  # fmt: skip
def test_labels_are_accepted_in_any_container(book, labels) -> None:
    frame = book.values(instruments={"sector": labels}, by="sector")
    assert frame["sector"] == ["Tech", "Cash"]


@pytest.mark.parametrize(
    "label",
    [1, 1.0, "1", D("1.00"), np.int64(1), np.float32(1), np.uint8(1), pa.scalar(1)],
    ids=repr,
)
def test_a_number_is_one_label_whatever_its_type(book, label) -> None:
    assert book.values(instruments={"rating": label}, by="instrument")["instrument"] == ["A"]


@pytest.mark.parametrize(
    ("label", "names"),
    [
        (D("0.10"), ["X"]), (0.1, ["X"]), ("0.1", ["X"]), (np.float32(0.1), ["X"]),
        (D("0.1000000000000000055511151231257827"), []), (0.1 + 0.2, []), (0.30000000000000004, []),
        (10**30, ["Y"]), (D("1e30"), ["Y"]), (10**30 + 1, []), (1e30, ["Y"]),
        (-0.0, ["Z"]), (0, ["Z"]), (False, []), (D("-0.00"), ["Z"]),
        (True, ["W"]), (np.bool_(True), ["W"]), (1, []), ([0, D("0.1")], ["X", "Z"]),
    ],
    ids=repr,
)  # fmt: skip
def test_a_number_selects_by_its_exact_value(book, label, names) -> None:
    book.update(
        accounts={
            "account": ["X", "Y", "Z", "W"],
            "limit": [D("0.1"), 10**30, 0, True],
        },
        holdings={
            "account": ["Z", "W"], "instrument": ["A", "A"], "quantity": [1, 1],
        },
    )  # fmt: skip
    frame = book.holdings(accounts={"limit": label}, allow_empty=True)
    assert list(dict.fromkeys(frame["account"])) == names
    if not names:
        with pytest.raises(mvcore.InvalidInput, match="no account has the label"):
            book.values(accounts={"limit": label})


@pytest.mark.parametrize(
    "label",
    [
        float("inf"), -float("inf"), np.float32("inf"), D("Infinity"), 1j, np.complex64(1),
        np.timedelta64(1, "D"),
    ],
    ids=repr,
)  # fmt: skip
def test_selections_refuse_the_labels_that_writes_refuse(book, label) -> None:
    with pytest.raises(mvcore.InvalidInput):
        book.update(accounts={"account": ["X"], "limit": [label]})
    for allow_empty in (False, True):
        with pytest.raises(mvcore.InvalidInput, match=r"accounts\.desk"):
            book.values(accounts={"desk": [label]}, allow_empty=allow_empty)


def test_none_means_not_set(book) -> None:
    for label in (None, pa.scalar(None)):
        for labels, names in (
            (label, ["BUND", "CASH"]), ([label], ["BUND", "CASH"]),
            ([label, 1], ["A", "BUND", "CASH"]),
        ):  # fmt: skip
            found = book.values(instruments={"rating": labels}, by="instrument")
            assert found["instrument"] == names
        assert len(book.values(instruments={"sector": label})) == 0  # all have one: no rows


@every_read
def test_a_name_may_say_its_side_as_in_by(book, read) -> None:
    book.update(accounts={"account": ["X", "Y"], "sector": ["Tech", "own"]})
    for wanted, same in (
        ({"accounts": {"account.sector": "own"}}, {"accounts": {"sector": "own"}}),
        (
            {"instruments": {"instrument.sector": ["Tech", "Cash"], "rating": [1, None]}},
            {"instruments": {"sector": ["Tech", "Cash"], "rating": [1, None]}},
        ),
        ({"instruments": {"instrument.currency": "EUR"}}, {"instruments": {"currency": "EUR"}}),
        ({"accounts": {"account.account": "X"}}, {"accounts": {"account": "X"}}),
    ):
        assert read(book, **wanted).to_pylist() == read(book, **same).to_pylist()
        assert 0 < len(book.holdings(**wanted)) < len(book.holdings())
    with pytest.raises(mvcore.InvalidInput) as caught:
        read(book, instruments={"instrument.sector": ["Tech", "nope"]})
    assert str(caught.value).startswith("instruments.sector: no instrument has the label 'nope'")


@every_read
@pytest.mark.parametrize("allow_empty", [False, True])
def test_a_name_of_the_other_side_says_where_it_belongs(book, read, allow_empty) -> None:
    for side, other in (("account", "instrument"), ("instrument", "account")):
        for rest in ("sector", "desk", other):
            key = f"{other}.{rest}"
            with pytest.raises(mvcore.InvalidInput) as caught:
                read(book, **{f"{side}s": {key: "Tech"}}, allow_empty=allow_empty)
            error = caught.value
            assert str(error) == (
                f"{side}s.{key}: {key!r} is an attribute of {other}s, not {side}s; "
                f"expected {other}s={{{rest!r}: ...}}"
            )
            assert (error.table, error.column, error.value) == (f"{side}s", key, key)


@every_read
def test_an_attribute_is_named_once(book, read) -> None:
    wanted = {"sector": ["Tech", "Cash"], "instrument.sector": "Tech"}
    with pytest.raises(mvcore.InvalidInput, match="an earlier key names") as caught:
        read(book, instruments=wanted)
    assert (caught.value.table, caught.value.column) == ("instruments", "instrument.sector")


def test_names_and_currencies_select_like_labels(book) -> None:
    def held(**wanted) -> list[str]:
        return book.values(by="instrument", **wanted)["instrument"]

    assert held(instruments={"currency": "EUR"}) == ["SAP", "BUND"]
    assert held(instruments={"currency": ["EUR"], "sector": "Tech"}) == ["SAP"]
    assert held(instruments={"instrument": ["A", "BUND"]}) == ["A", "BUND"]
    assert held(instruments={"instrument": "A", "currency": "EUR"}) == []
    assert held(accounts={"account": "Y"}) == ["BUND", "CASH"]
    assert held(accounts={"account": ["X", "Y"], "desk": "d1"}) == ["A", "SAP"]
    book.update(accounts={"account": ["X"], "currency": ["CHF"]})  # an ordinary attribute
    assert held(accounts={"currency": "CHF"}) == ["A", "SAP"]


def test_a_currency_without_instruments_is_not_a_label(book) -> None:
    book.update(fx={"currency": ["CHF"], "rate": ["1.1"]})
    with pytest.raises(mvcore.InvalidInput, match="CHF"):
        book.values(instruments={"currency": "CHF"})
    book.update(instruments={"instrument": ["NESN"], "currency": ["CHF"]})
    assert len(book.values(instruments={"currency": "CHF"})) == 0
    book.remove(instruments="NESN")
    with pytest.raises(mvcore.InvalidInput, match="CHF"):
        book.values(instruments={"currency": "CHF"})


def test_a_removed_label_is_unknown_again(book) -> None:
    book.update(instruments={"instrument": ["CASH"], "sector": ["Money"]})
    with pytest.raises(mvcore.InvalidInput, match="'Cash'"):
        book.values(instruments={"sector": "Cash"})
    assert book.values(instruments={"sector": "Money"}, by=())["current"] == [D("500.00")]
    book.update(holdings={"account": ["Y"], "instrument": ["CASH"], "quantity": [0]})
    assert len(book.values(instruments={"sector": "Money"})) == 0  # has the label, has no position
    book.remove(instruments="CASH")
    with pytest.raises(mvcore.InvalidInput, match="'Money'"):
        book.values(instruments={"sector": "Money"})


@pytest.mark.parametrize("mode", ["lazy", "incremental"])
def test_an_open_view_works_after_its_label_has_disappeared(book, mode) -> None:
    wanted = {"sector": "Cash"}
    with book.view(instruments=wanted, by=(), mode=mode) as view, book.view(mode=mode) as other:
        assert view.changes()["current"] == [D("500.00")]
        other.changes()
        book.update(instruments={"instrument": ["CASH"], "sector": ["Money"]})
        assert [(r["removed"]) for r in view.changes().to_pylist()] == [True]
        assert len(view.read()) == 0
        assert [len(frame) for frame in book.changes([view, other])] == [0, 0]
        assert len(view.read(prices={"CASH": 2})) == 0
        with pytest.raises(mvcore.InvalidInput, match="'Cash'"):
            book.view(instruments=wanted)
        book.update(instruments={"instrument": ["A"], "sector": ["Cash"]})
        assert view.changes()["current"] == [D("1000.00")]


@pytest.mark.parametrize("mode", ["lazy", "incremental"])
def test_a_view_may_wait_for_labels(book, mode) -> None:
    with (
        book.view(instruments={"sector": "Energy"}, by=(), mode=mode, allow_empty=True) as sector,
        book.view(instruments={"instrument": "XOM"}, by=(), mode=mode, allow_empty=True) as name,
        book.view(instruments={"currency": "GBP"}, by=(), mode=mode, allow_empty=True) as currency,
        book.view(accounts={"account": "Z"}, by=(), mode=mode, allow_empty=True) as account,
    ):
        views = [sector, name, currency, account]
        assert [len(view.changes()) for view in views] == [0] * 4
        book.update(
            instruments={"instrument": ["XOM"], "currency": ["GBP"], "sector": ["Energy"]},
            accounts={"account": ["Z"]},
            holdings={"account": ["Z"], "instrument": ["XOM"], "quantity": [3]},
            prices={"instrument": ["XOM"], "price": [100]},
            fx={"currency": ["GBP"], "rate": ["1.5"]},
        )
        assert [view.changes()["current"] for view in views] == [[D("450.00")]] * 4


@pytest.mark.parametrize(
    ("by", "near"),
    [
        ("sectr", ("sector",)),
        ("Sector", ("sector",)),
        ("acount", ("account",)),
        ("instruments", ("instrument",)),
        ("ccy", ()),
        ("Currency", ("currency",)),
        (("desk", "secto"), ("sector",)),
        ("account.dsk", ("account.desk",)),
        ("instrument.Sector", ("instrument.sector",)),
        ("amount_currency", ("currency",)),
    ],
)
def test_grouping_by_an_unknown_attribute_is_an_error(book, by, near) -> None:
    for read in (book.values, book.view, book.snapshot().values):
        with pytest.raises(mvcore.InvalidInput, match="by: unknown attribute") as error:
            read(by=by)
        assert set(near) <= set(error.value.near)
        assert near != () or error.value.near == ()


@pytest.mark.parametrize(
    ("call", "near"),
    [
        (lambda b: b.values(accounts="x"), ("X",)),
        (lambda b: b.values(accounts=["X", "y"]), ("Y",)),
        (lambda b: b.view(instruments=["SAPP"]), ("SAP",)),
        (lambda b: b.holdings(instruments="bund"), ("BUND",)),
        (lambda b: b.orders(accounts={"x"}), ("X",)),
        (lambda b: b.revalue("sap"), ("SAP",)),
        (lambda b: b.values(currency="eur"), ("EUR",)),
        (lambda b: b.view(currency="US"), ("USD",)),
        (lambda b: b.snapshot().values(instruments="sap"), ("SAP",)),
        (lambda b: b.values(accounts="nobody"), ()),
    ],
)
def test_errors_about_unknown_names_suggest_similar_names(book, call, near) -> None:
    with pytest.raises(mvcore.UnknownId) as error:
        call(book)
    assert error.value.near == near
    assert ("did you mean" in str(error.value)) is bool(near)
    assert "did you mean" not in error.value.args[0]
    copied = pickle.loads(pickle.dumps(error.value))
    assert (str(copied), copied.near) == (str(error.value), near)


def test_allow_empty_does_not_permit_unknown_names_in_a_list(book) -> None:
    for call in (book.values, book.holdings, book.orders, book.view):
        with pytest.raises(mvcore.UnknownId):
            call(accounts=["Z"], allow_empty=True)


@every_read
def test_labels_of_an_interrupted_write_are_known(book, read, monkeypatch) -> None:
    """The core already has the facts. The next read publishes the attributes."""
    with monkeypatch.context() as patched:
        patched.setattr(mvcore.Book, "_adopt", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            book.update(instruments={"instrument": ["A"], "sector": ["Software"]})
    read(book, instruments={"sector": "Software"})
    with pytest.raises(mvcore.InvalidInput, match="'Softwar'"):
        read(book, instruments={"sector": "Softwar"})


@every_read
@pytest.mark.parametrize("word", ["no", None, 0, 1])
def test_allow_empty_must_be_true_or_false(book, read, word) -> None:
    with pytest.raises(mvcore.InvalidInput, match="allow_empty"):
        read(book, allow_empty=word)


def test_empty_lists_of_names_and_labels_select_nothing(book) -> None:
    for nothing in ([], {"desk": []}, {"account": []}):
        assert len(book.values(accounts=nothing)) == 0
        assert len(book.holdings(accounts=nothing)) == 0
