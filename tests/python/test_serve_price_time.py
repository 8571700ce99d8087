"""`price_time` is the time of the selection's prices, not of all prices in the book."""

import asyncio
from datetime import UTC, datetime

import pytest

serve = pytest.importorskip("mvcore.serve")
from serving import Follower, live, running  # noqa: E402 - after importorskip


@pytest.fixture
def service(book):
    with running(serve.create_app(book, limits=serve.Limits(silence=0.5))) as port:
        yield port


def at(second: int) -> int:
    """Nanoseconds, later than the prices of the small book."""
    return (1_750_000_000 + second) * 10**9


def text(second: int) -> str:
    return datetime.fromtimestamp(1_750_000_000 + second, UTC).isoformat()


def follow(port: int, steps, **selection) -> list[str | None]:
    """The price times after all rows arrived, and after each step took effect."""

    async def run() -> list[str | None]:
        async with live(port) as connection:
            follower = Follower(connection)
            await follower.ask(**selection)
            found = [(await follower.next())["price_time"]]
            for step, wanted in steps:
                step()
                while (await follower.next())["price_time"] != wanted:
                    pass
                found.append(wanted)
            return found

    return asyncio.run(asyncio.wait_for(run(), 60))


def test_price_time_covers_the_instruments_that_the_accounts_hold(service, book) -> None:
    book.tick("AAPL", 150, at(1))
    book.tick("BUND", 98, at(2))
    book.tick("CASH", 1, at(3))  # no account holds it
    assert follow(service, [], accounts=["A1"]) == [text(2)]
    assert follow(service, [], accounts=["A2"]) == [text(1)]
    assert follow(service, [], accounts={"desk": ["d2"]}, by=["sector"]) == [text(1)]
    assert follow(service, [], accounts=["A1"], instruments=["AAPL"]) == [text(1)]
    assert follow(service, [], instruments=["BUND"]) == [text(2)]
    assert follow(service, [], accounts=["A2"], instruments=["BUND"]) == [None]


def test_price_time_covers_new_positions(service, book) -> None:
    book.tick("AAPL", 150, at(1))
    book.tick("BUND", 98, at(2))
    steps = [
        (lambda: book.tick("AAPL", 151, at(4)), text(4)),
        (lambda: book.order(1, "A2", "CASH", 5), text(4)),  # it has no price
        (lambda: book.tick("CASH", 1, at(5)), text(5)),
    ]
    assert follow(service, steps, accounts=["A2"]) == [text(1), text(4), text(4), text(5)]
