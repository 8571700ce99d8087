"""Messages name the fault: the row that overflows, the value as it was given."""

from decimal import Decimal as D

import numpy as np
import pytest

import mvcore

HUGE = 10**19


@pytest.fixture
def large() -> mvcore.Book:
    """X's amounts in I1 have 41 digits. All others fit."""
    book = mvcore.Book()
    book.load(
        instruments={"instrument": ["I1", "I2"], "currency": ["USD"] * 2, "sector": ["s", "t"]},
        accounts={"account": ["X", "Y"], "desk": ["d", None]},
        holdings={"account": ["X", "Y"], "instrument": ["I1", "I2"], "quantity": [HUGE, 1]},
        prices={"instrument": ["I1", "I2"], "price": [HUGE, 1]},
    )
    return book


@pytest.mark.parametrize(
    ("question", "named"),
    [
        ({}, "values.sod: account 'X':"),
        (
            {"by": ("desk", "sector"), "measures": "expected"},
            "values.expected: desk 'd', sector 's':",
        ),
        ({"by": ()}, "values.sod: the total:"),
        ({"by": ("desk", "sector"), "rollup": True}, "values.sod: the total:"),
    ],
)
def test_an_amount_that_does_not_fit_is_named_by_its_row(large, question, named) -> None:
    view = large.view(**question)
    fits = large.view(accounts="Y")
    for read in (
        lambda: large.values(**question),
        view.read,
        view.changes,
        lambda: large.changes([fits, view]),
        lambda: large.snapshot().values(**question),
        lambda: view.read(prices={"I2": 2}),
    ):
        with pytest.raises(mvcore.ValueOverflow) as told:
            read()
        assert str(told.value) == f"{named} an amount does not fit 38 digits"
    assert fits.read()["current"] == [D(1)]


def test_an_amount_that_does_not_fit_is_named_by_its_position(large) -> None:
    def told(read) -> str:
        with pytest.raises(mvcore.ValueOverflow) as error:
            read()
        return str(error.value)

    does_not_fit = "an amount does not fit 38 digits"
    assert told(lambda: large.value("X")) == f"value.account: 'X': {does_not_fit}"
    assert told(large.holdings) == f"holdings: ('X', 'I1'): {does_not_fit}"
    assert told(lambda: large.revalue("I1")) == f"revalue.instrument: 'I1': {does_not_fit}"
    large.order(1, "Y", "I1", HUGE)
    assert told(large.orders) == f"orders: ('Y', 'I1'): {does_not_fit}"
    with large.snapshot() as now:
        assert told(now.holdings) == f"holdings: ('X', 'I1'): {does_not_fit}"


@pytest.mark.parametrize("price", [1 / 300, 1e-19, 1e20, float("nan")])
def test_an_error_shows_a_float_as_it_was_given(book, price) -> None:
    with pytest.raises(mvcore.InvalidInput, match=repr(price).replace("+", r"\+")):
        book.tick("AAPL", price)
    with pytest.raises(mvcore.InvalidInput, match=repr(price).replace("+", r"\+")):
        book.ticks(["AAPL"], np.array([price]))


def test_masked_values_are_refused(book) -> None:
    before = book.prices().to_pylist()

    def masked(*values):
        return np.ma.array(values, mask=[False, True])

    good = np.array([1.5, 2.5])
    for arguments in (
        (["AAPL", "BUND"], masked(1.0, -999.0)),
        (masked(0, 1), good),
        (["AAPL", "BUND"], good, masked(1, 2)),
        (["AAPL", "BUND"], masked(1, 2), None, 1),
    ):
        with pytest.raises(mvcore.InvalidInput, match="row 1: the value is masked"):
            book.ticks(*arguments)
    assert book.prices().to_pylist() == before
    book.ticks(["AAPL", "BUND"], np.ma.array(good), scale=None)  # no value is masked
    assert book.prices()["price"] == [D("1.5"), D("2.5")]


def test_common_mistakes_are_explained(book) -> None:
    view = book.view()
    with pytest.raises(mvcore.InvalidInput, match="is not a list of views"):
        book.changes(view)
    with pytest.raises(mvcore.InvalidInput, match="unknown attribute 'sectro', known: 'sector'"):
        book.values(instruments={"sectro": "tech"})
    with pytest.raises(mvcore.InvalidInput, match="texts or integers"):
        book.load(orders={"order": np.array([1.0]), "account": ["A1"], "instrument": ["AAPL"],
                          "order_quantity": [1]})  # fmt: skip


def test_a_view_keeps_the_attribute_that_it_was_opened_with(book) -> None:
    """If the other side gets an attribute of that name, a new query is ambiguous.

    The view is not.
    """
    views = [book.view(by=("desk", "account")), book.view(by="desk", mode="incremental")]
    for view in views:
        view.read()
    book.update(instruments={"instrument": ["AAPL"], "currency": ["USD"], "desk": ["x"]})
    with pytest.raises(mvcore.InvalidInput, match="ambiguous"):
        book.values(by="desk")
    assert views[0].read()["desk"] == ["d1", "d2"]
    book.tick("AAPL", 151)
    assert [frame["desk"] for frame in book.changes(views)] == [["d1", "d2"]] * 2
    assert views[1].read(prices={"AAPL": 1})["desk"] == ["d1", "d2"]
