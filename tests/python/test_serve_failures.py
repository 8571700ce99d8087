"""Failures inside the service end selections with a code, and nothing else."""

import asyncio
import contextlib
import dataclasses
import json
import logging
import threading
import time

import pytest

import mvcore

serve = pytest.importorskip("mvcore.serve")
from mvcore.serve.hub import Hub  # noqa: E402
from serving import Follower, client, live, running, serving, settled, websockets  # noqa: E402 - after importorskip


@pytest.mark.parametrize("error", [MemoryError("17550.25"), ZeroDivisionError("17550.25")])
def test_a_failed_read_ends_the_selections_and_new_ones_work(
    book, monkeypatch, caplog, error
) -> None:
    """Rows that the failed view returned are lost. A new selection gets all rows."""
    json_rows = mvcore.Frame.json_rows
    broken = False

    def sometimes(frame, columns):
        if broken:
            raise error
        return json_rows(frame, columns)

    monkeypatch.setattr(mvcore.Frame, "json_rows", sometimes)
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


def test_rows_beyond_the_limit_are_not_converted(book, monkeypatch) -> None:
    made = []
    json_rows = mvcore.Frame.json_rows

    def counted(frame, columns):
        made.append(len(frame))
        return json_rows(frame, columns)

    monkeypatch.setattr(mvcore.Frame, "json_rows", counted)

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
            await follower.at(book.update(accounts=relabelled))  # two leave and two enter
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


@contextlib.contextmanager
def asking(port: int, times: int):
    """Send this many requests at once. Their responses are awaited at the end."""
    with client(port) as http:

        def ask() -> None:
            assert http.post("/v1/values", json={}).status_code == 200

        threads = [threading.Thread(target=ask) for _ in range(times)]
        for thread in threads:
            thread.start()
        yield
        for thread in threads:
            thread.join()


def test_http_answers_do_not_delay_sessions(book, monkeypatch) -> None:
    """Responses are made a few at a time, and not in the thread that reads for sessions."""
    from mvcore.serve import answers

    answer, go_on = answers.answer, threading.Event()
    counting, working, most = threading.Lock(), 0, 0

    def slow(*arguments):
        nonlocal working, most
        with counting:
            working += 1
            most = max(most, working)
        go_on.wait(60)
        with counting:
            working -= 1
        return answer(*arguments)

    monkeypatch.setattr(answers, "answer", slow)

    async def follow(port: int) -> None:
        async with live(port) as connection:
            follower = Follower(connection)
            await follower.ask()
            await follower.next()
            for step in range(5):
                await follower.at(book.tick("AAPL", 100 + step))
            await follower.ask(by=["desk"])
            while ("d1",) not in follower.rows:
                await follower.next()

    with serving(book) as (service, port):
        with asking(port, 40):
            try:
                while not working:
                    time.sleep(0.01)
                asyncio.run(follow(port))
                assert most == 2
            finally:
                go_on.set()
        settled(service)
    assert most == 2
    assert not any(thread.name.startswith("mvcore-serve") for thread in threading.enumerate())


def test_lists_are_not_serialized_on_the_event_loop(book, monkeypatch) -> None:
    from mvcore.serve import app

    on_the_loop = []
    render = app.JSONResponse.render

    def noted(self, content):
        with contextlib.suppress(RuntimeError):
            asyncio.get_running_loop()
            on_the_loop.extend(content)
        return render(self, content)

    monkeypatch.setattr(app.JSONResponse, "render", noted)
    with serving(book) as (_, port), client(port) as http:
        for route in ("accounts", "instruments", "attributes"):
            assert http.get(f"/v1/{route}").status_code == 200
        assert on_the_loop == []
        assert http.get("/health").status_code == 200
        assert on_the_loop == ["status", "epoch"]


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("becomes", [None, serve.Principal("one", frozenset({"A1"}))])
def test_a_revoked_token_ends_its_session(book, monkeypatch, header, becomes) -> None:
    from mvcore.serve import session

    monkeypatch.setattr(session, "VERIFY_EVERY", 0.05)
    known = {"t": serve.Principal("one", frozenset({"A1", "A2"}), until=time.time() + 900)}

    class Changing:
        def principal(self, token: str):
            """Each call extends the expiry."""
            who = known.get(token)
            return who and dataclasses.replace(who, until=time.time() + 900)

    async def run(port: int) -> int:
        async with live(port, "t" if header else None) as connection:
            if not header:
                await connection.send(json.dumps({"type": "hello", "token": "t"}))
            follower = Follower(connection)
            await follower.ask()
            await follower.next()
            await asyncio.sleep(0.3)
            await follower.at(book.tick("AAPL", 7))
            known["t"] = becomes
            with pytest.raises(websockets.ConnectionClosed):
                await asyncio.wait_for(connection.recv(), 30)
            return connection.close_code

    app = serve.create_app(book, Changing())
    with running(app) as port:
        assert asyncio.run(run(port)) == 4401
        settled(app.state.service)


def test_an_account_may_be_removed_while_a_view_of_it_opens(book, monkeypatch) -> None:
    """The selection continues without the account."""
    opened = Hub._open

    def removing(self, selection, accounts):
        if "A9" in accounts:
            book.remove(accounts="A9")
        return opened(self, selection, accounts)

    monkeypatch.setattr(Hub, "_open", removing)

    async def run(port: int) -> None:
        async with live(port, "desk") as connection:
            follower = Follower(connection)
            book.update(accounts={"account": ["A9"], "desk": ["d2"]})
            await follower.ask()  # opens a view of A9, too
            assert {*(await follower.at(book.epoch))} == {("A2",)}
            book.update(accounts={"account": ["A9"], "desk": ["d2"]})  # opens a new view
            await follower.at(book.tick("AAPL", "160.5"))
            book.update(accounts={"account": ["A9"], "desk": ["d2"]})
            await follower.ask(accounts=["A9"])  # here the client named it
            while (told := await follower.next())["type"] == "rows":
                pass
            assert told["code"] == "unknown_account"

    with serving(book) as (service, port):
        asyncio.run(run(port))
        settled(service)
