"""Valuation functions of users, compared with plain Python, and their errors."""

import math
from decimal import Decimal as D

import pytest

import mvcore

pytest.importorskip("numba")

from measured import BUND, NOTE_A, NOTE_B, accrued, column, exposure, held_book, named, short


@pytest.fixture
def held():
    return held_book()


# ---- values --------------------------------------------------------------------------------------


def test_functions_stand_beside_exact_measures(held) -> None:
    bonds = held.values(instruments=["BUND", "NOTE"], measures=("current", accrued, "sod"))
    assert bonds.column_names == [
        "account",
        "amount_currency",
        "current",
        "accrued",
        "sod",
        "unpriced",
    ]
    assert column(bonds, "accrued") == {"A": BUND * 1.1 + NOTE_A, "B": NOTE_B}
    assert column(bonds, "current") == column(bonds, "sod") == {"A": D("4116.24"), "B": D("-505")}
    assert bonds.to_numpy("accrued").dtype == "float64"
    assert str(bonds.to_arrow().schema.field("accrued").type) == "double"
    with pytest.raises(mvcore.InvalidInput, match="not a decimal column"):
        bonds.to_numpy("accrued", scaled=True)


def test_functions_are_summed_by_any_group(held) -> None:
    assert held.values(measures=short, by=()).to_pylist() == [
        {"amount_currency": "USD", "short": -503.0, "unpriced": 0}
    ]
    by_desk = held.values(measures=[exposure], by="desk")
    note, call = -500.0 * 101.0 * 1 * 0.01 * 1, 7.0 * 2.35 * 100 * 1 * 0.25
    a = 1000.5 * 98.7 * 1 * 0.01 * 1 * 1.1 + 3000.0 * 101.0 * 0.01 + note + call
    assert column(by_desk, "exposure", "desk") == pytest.approx(
        {"d1": a, "d2": -3.0 * 2.35 * 100 * 0.25}, rel=1e-15
    )
    chosen = held.values(accounts=["B"], instruments=["CALL"], measures=exposure)
    assert chosen["exposure"] == [call]


def test_attributes_that_are_not_numbers_are_nan(held) -> None:
    both = held.values(measures=accrued)
    assert column(both, "accrued")["A"] == BUND * 1.1 + NOTE_A
    assert math.isnan(column(both, "accrued")["B"]) and math.isnan(column(both, "accrued")["C"])
    held.update(
        instruments={
            "instrument": ["CALL"],
            "currency": ["USD"],
            "coupon": ["1_0"],
            "days": ["inf"],
        }
    )
    assert math.isnan(column(held.values(measures=accrued), "accrued")["C"])
    held.update(
        instruments={"instrument": ["CALL"], "currency": ["USD"], "coupon": [0], "days": [0]}
    )
    assert column(held.values(measures=accrued), "accrued")["C"] == 0


def test_results_are_converted_to_the_currency(held) -> None:
    def of_bund(currency):
        return held.values(instruments=["BUND"], measures=accrued, currency=currency)["accrued"]

    assert of_bund(None) == of_bund("USD") == [BUND * 1.1]
    assert of_bund("EUR") == of_bund("local") == [BUND]
    assert of_bund("GBP") == [BUND * 1.1 * 0.8]
    local = held.values(accounts=["A"], measures=(accrued, "current"), currency="local")
    assert column(local, "accrued", "amount_currency") == {"EUR": BUND, "USD": NOTE_A}


def test_positions_without_a_needed_price_or_rate_are_left_out(held) -> None:
    held.update(holdings={"account": ["C"], "instrument": ["SHARE"], "quantity": [-10]})
    row = held.values(accounts=["C"], measures=(short, exposure)).to_pylist()[0]
    assert row["short"] == -3 + -10 / 0.8  # it has no parameter `price`
    assert row["exposure"] == -3.0 * 2.35 * 100 * 0.25
    assert row["unpriced"] == 1
    held.load(fx={"currency": ["EUR"], "rate": ["1.1"]})
    row = held.values(accounts=["C"], measures=short).to_pylist()[0]
    assert (row["short"], row["unpriced"]) == (-3, 1)  # no rate
    assert held.values(accounts=["C"], measures=short, currency="local")["short"] == [-3, -10]


def test_functions_get_the_quantity_that_they_name(held) -> None:
    quantities = [
        mvcore.measure(quantity=name)(function)
        for name, function in [
            ("sod", named("at_sod")), ("current", named("at_current")),
            ("expected", named("at_expected")),
        ]
    ]  # fmt: skip
    held.order("O1", "C", "CALL", 10, filled_quantity=4, status="partially_filled")
    held.order("O2", "C", "NOTE", 8)
    row = held.values(accounts=["C"], measures=quantities).to_pylist()[0]
    assert (row["at_sod"], row["at_current"], row["at_expected"]) == (-3, 1, 15)


def test_rollup_adds_positions(held) -> None:
    tree = held.values(by=("desk", "account"), measures=(short, accrued), rollup=True)
    rows = list(zip(tree["level"], tree["desk"], tree["account"], tree["short"], strict=True))
    assert rows == [
        (0, None, None, -503), (1, "d1", None, -500), (2, "d1", "A", 0), (2, "d1", "B", -500),
        (1, "d2", None, -3), (2, "d2", "C", -3),
    ]  # fmt: skip
    bonds = held.values(by="desk", instruments=["BUND", "NOTE"], measures=accrued, rollup=True)
    # equal bits, in order of positions
    assert bonds["accrued"] == [BUND * 1.1 + NOTE_A + NOTE_B] * 2


def test_a_position_for_which_the_function_raises_is_nan(held) -> None:
    @mvcore.measure
    def picky(quantity):
        if quantity < 0:
            raise ValueError("a short")
        return 1 / (quantity - 3000)

    got = column(held.values(instruments=["NOTE"], measures=picky), "picky")
    assert got["A"] == math.inf and math.isnan(got["B"])


# ---- errors --------------------------------------------------------------------------------------


def defined(text: str):
    space: dict = {}
    exec(text, space)
    return space["f"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("f = 3", "is not a plain Python function"),
        ("f = len", "is not a plain Python function"),
        ("async def f(quantity): return 1.0", "is not a plain Python function"),
        ("f = lambda quantity: quantity", "is not a name for a column"),
        ("def f(price): return price", "f has no parameter 'quantity'"),
        ("def f(quantity, *more): return quantity", "'*more' of f: expected a plain parameter"),
        ("def f(quantity, **more): return quantity", "'**more' of f: expected a plain parameter"),
        ("def f(quantity, *, price): return price", "'price' of f: expected a plain parameter"),
        ("def f(quantity, price=1): return price", "'price=1' of f: expected a plain parameter"),
        (
            "def f(quantity): return nowhere(quantity)",
            "cannot compile f: NameError: name 'nowhere'",
        ),
        ("def f(quantity): return quantity.x", "cannot compile f: Unknown attribute 'x'"),
        ("def f(quantity): return 'a'", "cannot compile f: it returns Literal"),
        ("def f(quantity): return None", "cannot compile f: it returns none"),
        ("def f(quantity): yield quantity", "cannot compile f: it returns"),
    ],
)
def test_wrong_functions_are_refused_when_decorated(text, says) -> None:
    with pytest.raises(mvcore.InvalidInput) as error:
        mvcore.measure(defined(text))
    assert says in str(error.value).splitlines()[0]


@pytest.mark.parametrize(
    "name", ["current", "unpriced", "account", "level", "removed", "currency", "amount_currency"]
)
def test_a_function_may_not_have_the_name_of_another_column(name) -> None:
    with pytest.raises(mvcore.InvalidInput, match="the name of another column"):
        mvcore.measure(named(name))


@pytest.mark.parametrize("quantity", ["now", None, 3, ["sod"]])
def test_an_unknown_quantity_is_refused(quantity) -> None:
    with pytest.raises(mvcore.InvalidInput, match="expected one of sod, current, expected"):
        mvcore.measure(quantity=quantity)


def test_a_function_of_unknown_attributes_is_refused_when_used(held) -> None:
    needs = mvcore.measure(defined("def f(quantity, gamma): return quantity * gamma"))
    with pytest.raises(mvcore.InvalidInput, match="'gamma' of f is not an attribute"):
        held.values(measures=needs)
    with pytest.raises(mvcore.InvalidInput, match="'gamma' of f is not an attribute"):
        held.view(measures=needs)
    with pytest.raises(mvcore.InvalidInput, match="names one twice"):
        held.values(measures=(needs, mvcore.measure(defined("def f(quantity): return quantity"))))
    with pytest.raises(mvcore.InvalidInput, match="'desk' is a column of `by` too"):
        held.values(by="desk", measures=mvcore.measure(named("desk")))
    for wrong in ((), None, [accrued, 3], [accrued, "total"], {accrued: 1}, accrued.function):
        with pytest.raises(mvcore.InvalidInput, match="measures"):
            held.values(measures=wrong)


def test_a_view_raises_if_an_attribute_of_its_function_disappears(held) -> None:
    with held.view(measures=accrued) as view:
        view.read()
        held.load(
            instruments={
                "instrument": ["BUND", "NOTE", "CALL"],
                "currency": ["EUR", "USD", "USD"],
                "coupon": [1, 1, 1],
            }
        )
        with pytest.raises(mvcore.InvalidInput, match="'days' of accrued"):
            view.read()


def test_a_measure_can_be_called_as_a_function() -> None:
    assert accrued(365.0, 100.0, 1.0) == 1
    assert repr(accrued) == "<mvcore.measure accrued(quantity, coupon, days)>"
    assert accrued.__doc__.startswith("Interest")


def test_without_numba_the_error_names_the_package(monkeypatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "numba", None)
    with pytest.raises(ImportError, match=r"pip install mvcore\[numba\]"):
        mvcore.measure(named("f"))
