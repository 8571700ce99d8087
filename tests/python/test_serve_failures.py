"""What goes wrong inside the service ends selections with a code, and nothing else."""

import asyncio
import logging

import pytest

serve = pytest.importorskip("mvcore.serve")
from mvcore.serve.rows import Heads  # noqa: E402
from serving import Follower, live, running, serving, settled  # noqa: E402 - behind what skips


@pytest.mark.parametrize("error", [MemoryError("17550.25"), ZeroDivisionError("17550.25")])
def test_an_error_while_the_book_is_read(book, monkeypatch, caplog, error) -> None:
    """Rows that the view has handed out are lost with it: who selects again gets all of them."""
    update_of = Heads.update_of
    broken = False

    def sometimes(self, frame):
        if broken:
            raise error
        return update_of(self, frame)

    monkeypatch.setattr(Heads, "update_of", sometimes)
    caplog.set_level(logging.INFO, "mvcore.serve")

    async def run(port: int) -> None:
        nonlocal broken
        async with live(port) as one, live(port) as other:
            followers = [Follower(one), Follower(other)]
            for follower, by in zip(followers, (["account"], ["desk"]), strict=True):
                await follower.ask(by=by)
                await follower.next()
            broken = True
            epoch = book.tick("AAPL", "160.5")
            for follower in followers:
                while (told := await follower.next())["type"] == "rows":
                    pass
                assert (told["code"], told["id"]) == ("failed", 1)
            broken = False
            for follower in followers:
                await follower.ask()
                assert (await follower.next())["all"] is True
                assert (await follower.at(epoch))[("A2",)]["current"] == "-481.50000000"

    with serving(book) as (service, port):
        asyncio.run(run(port))
        settled(service)
    assert type(error).__name__ in caplog.text
    assert "17550" not in caplog.text


def test_rows_beyond_the_limit_are_not_made_into_texts(book, monkeypatch) -> None:
    made = []
    update_of = Heads.update_of

    def counted(self, frame):
        made.append(len(frame))
        return update_of(self, frame)

    monkeypatch.setattr(Heads, "update_of", counted)

    async def run(port: int) -> None:
        async with live(port, None) as connection:
            follower = Follower(connection)
            await follower.ask(by=["account", "instrument"])
            assert (await follower.next())["code"] == "too_many_rows"
            assert made == []
            await follower.ask()
            assert len((await follower.next())["rows"]) == 2
            relabelled = {"account": ["A1", "A2"], "desk": ["d3", "d4"]}
            await follower.ask(by=["desk"])
            await follower.next()
            await follower.at(book.update(accounts=relabelled))  # two go, and two come
            assert {*follower.rows} == {("d3",), ("d4",)}
            more = {"account": ["A3"], "instrument": ["CASH"], "quantity": [1]}
            book.update(accounts={"account": ["A3"]}, holdings=more)  # each read is short
            while (told := await follower.next())["type"] == "rows":
                pass
            assert told["code"] == "too_many_rows"

    app = serve.create_app(book, limits=serve.Limits(rows=2))
    with running(app) as port:
        asyncio.run(run(port))
        settled(app.state.service)
