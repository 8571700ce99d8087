"""What programs that embed a book need besides reads and writes; `mvcore.serve` and the command
line use nothing else."""

from __future__ import annotations

import inspect
import logging
import pickle
from decimal import Decimal as D

import pytest

import mvcore


def test_closed_tells_whether_an_object_is_closed(book: mvcore.Book) -> None:
    view, then = book.view(), book.snapshot()
    assert not (book.closed or view.closed or then.closed)
    then.close()
    assert then.closed and not book.closed
    view.close()
    assert view.closed
    other = book.view()
    book.close()
    assert book.closed and other.closed


def test_masters_version_rises_when_names_or_attributes_change(book: mvcore.Book) -> None:
    first = book.masters_version
    with book.snapshot() as then:
        book.tick("AAPL", 151)
        book.order("O1", "A1", "AAPL", 5)
        book.update(holdings={"account": ["A2"], "instrument": ["AAPL"], "quantity": [4]})
        assert book.masters_version == first
        book.update(accounts={"account": ["A1"], "desk": ["d9"]})
        second = book.masters_version
        assert second > first == then.masters_version
    book.remove(orders="O1")
    assert book.masters_version == second
    book.update(instruments={"instrument": ["NEW"], "currency": ["USD"]})
    assert book.masters_version > second
    third = book.masters_version
    book.remove(instruments="NEW")
    assert book.masters_version > third
    book.close()
    with pytest.raises(mvcore.ClosedError):
        _ = book.masters_version


def test_texts_are_exact_decimals(book: mvcore.Book) -> None:
    frames = {
        "values": book.values(by=("account", "instrument"), currency="EUR", fx={"EUR": "1.1"}),
        "holdings": book.holdings(),
        "positions": book.positions(currency="EUR"),
        "prices": book.prices(),
        "instruments": book.instruments(),
        "revalue": book.revalue("AAPL"),
    }
    seen = 0
    for frame in frames.values():
        for name in frame.column_names:
            values = frame[name]
            if not any(isinstance(value, D) for value in values):
                with pytest.raises(mvcore.InvalidInput, match="not a decimal column"):
                    frame.texts(name)
                continue
            wanted = [None if value is None else format(value, "f") for value in values]
            assert frame.texts(name) == wanted
            assert frame[1:].texts(name) == wanted[1:]
            seen += 1
    assert seen > 10
    with pytest.raises(mvcore.InvalidInput, match="no column 'none'"):
        frames["values"].texts("none")


def test_texts_of_nulls_are_none() -> None:
    book = mvcore.Book("USD", 2)
    book.load(
        instruments={"instrument": ["A", "B"], "currency": ["USD", "USD"]},
        accounts={"account": ["X"]},
        holdings={"account": ["X", "X"], "instrument": ["A", "B"], "quantity": [3, "-0.5"]},
        prices={"instrument": ["B"], "price": ["0.01"]},
    )
    frame = book.holdings()
    assert frame.texts("market_value") == [None, "0.00"]
    assert frame.texts("price") == [None, "0.01"]
    assert frame.texts("quantity") == ["3", "-0.5"]


def test_warn_of_missing_rates_warns_once(caplog: pytest.LogCaptureFixture) -> None:
    book = mvcore.Book()
    book.load(instruments={"instrument": ["A"], "currency": ["CHF"]}, accounts={"account": ["X"]})
    with caplog.at_level(logging.WARNING, "mvcore"):
        book.order("O1", "X", "A", 5)
        assert caplog.messages == []
        for _ in range(2):
            book.warn_of_missing_rates()
    assert len(caplog.messages) == 1
    assert "'CHF' has no rate" in caplog.messages[0]
    book.close()
    with pytest.raises(mvcore.ClosedError):
        book.warn_of_missing_rates()


def test_a_wrong_argument_names_the_public_class(book: mvcore.Book) -> None:
    seen = 0
    for owner in (book, book.snapshot(), book.view(), book.values()):
        for name, _ in inspect.getmembers(type(owner), inspect.isfunction):
            if name.startswith("_"):
                continue
            with pytest.raises(TypeError) as caught:
                getattr(owner, name)(no_such_argument=1)
            public = "Frame" if isinstance(owner, mvcore.Frame) else type(owner).__name__
            assert str(caught.value).startswith(f"{public}.{name}() got an ")
            seen += 1
    assert seen > 40
    with pytest.raises(TypeError, match=r"^Snapshot\.values\(\) takes from 1 to 9 positional"):
        book.snapshot().values(*range(9))
    with pytest.raises(
        TypeError, match=r"^Book\.breaks\(\) missing 1 required positional argument"
    ):
        book.breaks()


def test_reads_of_subclasses(book: mvcore.Book) -> None:
    class Middle(mvcore.Book):
        def values(self, *args, **options):
            return super().values(*args, **options).to_pylist()

    class Last(Middle):
        pass

    own = Last()
    own.load(instruments=book.instruments(), accounts=book.accounts(), holdings=book.holdings())
    assert own.values(by="account") == Middle.values(own, by="account")
    assert [row["account"] for row in own.values()] == ["A1", "A2"]
    assert inspect.signature(mvcore.Book.values) == inspect.signature(type(book.snapshot()).values)
    assert str(inspect.getdoc(mvcore.Book.values)).startswith("Return exact totals")
    assert pickle.loads(pickle.dumps(mvcore.Book.positions)) is mvcore.Book.positions
