"""Snapshots: one epoch, read while writes continue."""

import threading
from decimal import Decimal as D

import pytest

import mvcore


@pytest.fixture
def traded(book):
    book.update(
        orders={
            "order": ["O1", "O2"],
            "account": ["A1", "A2"],
            "instrument": ["AAPL", "AAPL"],
            "order_quantity": [100, -3],
            "filled_quantity": [40, 0],
        }
    )
    return book


def everything(reads) -> dict:
    return {
        "epoch": reads.epoch,
        "value": reads.value("A1"),
        "values": reads.values(by=("desk", "sector"), rollup=True).to_pylist(),
        "holdings": reads.holdings().to_pylist(),
        "positions": reads.positions().to_pylist(),
        "orders": reads.orders().to_pylist(),
        "revalue": reads.revalue("AAPL").to_pylist(),
        "prices": reads.prices().to_pylist(),
    }


def test_a_snapshot_does_not_change(traded) -> None:
    before = everything(traded)
    with traded.snapshot() as then:
        traded.tick("AAPL", 1)
        traded.order("O1", "A2", "BUND", "7.25", 1, "canceled")
        traded.order("O3", "A1", "AAPL", 5)
        traded.update(accounts={"account": ["A3", "A1"], "desk": ["d1", "d9"]})
        traded.update(holdings={"account": ["A3"], "instrument": ["AAPL"], "quantity": [4]})
        traded.update(instruments={"instrument": ["AAPL"], "multiplier": [3]})
        traded.roll_day()
        traded.load(holdings={"account": [], "instrument": [], "quantity": []})
        assert everything(then) == before
        assert everything(traded) != before
        with pytest.raises(mvcore.UnknownId, match="A3"):
            then.value("A3")
        with pytest.raises(mvcore.UnknownId, match="A3"):
            then.values(accounts=["A3"])


def test_frames_of_a_snapshot_outlive_it(traded) -> None:
    with traded.snapshot() as then:
        frames = then.values(), then.orders(), then.revalue("AAPL")
    traded.roll_day()
    traded.load(orders={"order": [], "account": [], "instrument": [], "order_quantity": []})
    assert frames[0]["expected"][0] == frames[0]["current"][0] + 60 * D("150.25")
    assert frames[1]["order"] == ["O1", "O2"]
    assert frames[2]["order"] == [None, None, "O1", "O2"]


def test_a_closed_snapshot_refuses_calls(traded) -> None:
    then = traded.snapshot()
    then.close()
    then.close()
    for call in (lambda: then.value("A1"), then.values, then.holdings, then.orders, then.prices):
        with pytest.raises(mvcore.ClosedError, match="snapshot"):
            call()
    with pytest.raises(mvcore.ClosedError):
        then.revalue("AAPL")


def test_a_snapshot_accepts_hypothetical_prices(traded) -> None:
    with traded.snapshot() as then:
        traded.tick("AAPL", 999)
        row = then.values(accounts="A2", prices={"AAPL": "2"}).to_pylist()[0]
        assert (row["sod"], row["expected"]) == (-6, -12)
        assert then.values(accounts="A2")["sod"] == [D("-450.75")]
        assert traded.values(accounts="A2")["sod"] == [-2997]


def test_a_reader_of_a_snapshot_never_stops_the_writer(traded) -> None:
    """A reader sleeps in a snapshot. The writer continues, and its memory stays bounded."""
    inside, leave = threading.Event(), threading.Event()

    def read() -> None:
        with traded.snapshot() as then:
            inside.set()
            leave.wait()
            assert then.prices()["price"][0] == D("150.25")

    reader = threading.Thread(target=read)
    reader.start()
    inside.wait()
    for k in range(1000):
        traded.tick("AAPL", k + 1)
    copied = traded.stats()["pages_copied"]
    leave.set()
    reader.join()
    assert copied == 2  # the page of its quote, and the page of its rarely used fields
