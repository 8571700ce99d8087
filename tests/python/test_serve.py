"""The WebSocket of the service, used by a client."""

import asyncio
import contextlib
import json
from decimal import Decimal as D

import pytest

pytest.importorskip("mvcore.serve")
from serving import Follower, live, serving, settled, websockets


@pytest.fixture
def service(book):
    with serving(book) as running_service:
        yield running_service


# -- the WebSocket -------------------------------------------------------------------------------


def test_a_session_gets_all_rows_and_then_changes(service, book) -> None:
    service, port = service

    async def run() -> None:
        async with live(port) as connection:
            follower = Follower(connection)
            await follower.ask(by=["desk", "sector"], rollup=True, currency="EUR")
            first = await follower.next()
            assert first["all"] is True
            assert first["version"] == 1
            assert first["price_time"] == "2024-01-01T00:00:00.000001+00:00"
            for step in range(30):
                epoch = book.tick("AAPL", D(15_000 + step).scaleb(-2))
                if step % 7 == 0:
                    epoch = book.order(step, "A2", "BUND", 10, 3)
                if step == 20:
                    epoch = book.update(holdings={"account": ["A2"], "instrument": ["AAPL"],
                                                  "quantity": [0]})  # fmt: skip
                got = await follower.at(epoch)
                frame = book.values(by=("desk", "sector"), rollup=True, currency="EUR")
                assert frame.epoch == epoch
                want = {
                    tuple(row[name] for name in ("level", "desk", "sector")): {
                        n: format(v, "f") if isinstance(v, D) else v for n, v in row.items()
                    }
                    for row in frame.to_pylist()
                }
                assert got == want

    asyncio.run(run())
    settled(service)


def test_sessions_with_equal_selections_share_a_view(service, book) -> None:
    service, port = service

    async def run() -> None:
        async with contextlib.AsyncExitStack() as stack:
            followers = []
            for k in range(20):
                follower = Follower(await stack.enter_async_context(live(port)))
                accounts = ["A1", "A2"] if k % 2 else ["A2", "A1"]
                await follower.ask(accounts=accounts, interval=50 if k % 3 else 200)
                followers.append(follower)
            for follower in followers:
                assert (await follower.next())["all"] is True
            assert service.hub.views == book.stats()["views"] == 1
            epoch = book.tick("AAPL", "160.5")
            tables = [await follower.at(epoch) for follower in followers]
            assert all(table == tables[0] for table in tables)
            assert tables[0][("A2",)]["current"] == "-481.50000000"
            await followers[0].ask(by=["sector"])  # another view; the old one stays open
            assert {key for key, in (await followers[0].next() and followers[0].rows)} == {
                "tech", "govt",
            }  # fmt: skip
            assert service.hub.views == 2

    asyncio.run(run())
    settled(service)


def test_a_refused_message_keeps_the_selection(service, book) -> None:
    service, port = service
    wrong = [
        {"accounts": "A1"}, {"accounts": [1]}, {"accounts": ["A1", "A1"]}, {"by": "desk"},
        {"by": ["nothing"]}, {"measures": []}, {"measures": ["worth"]}, {"rollup": 1},
        {"currency": "XXX"}, {"currency": 5}, {"interval": 49}, {"interval": 5_001},
        {"interval": 100.0}, {"accounts": {"desk": {}}}, {"accounts": {"nothing": ["x"]}},
        {"instruments": ["nothing"]}, {"accounts": ["nobody"]}, {"id": []}, {"type": "what"},
        {"rolup": True}, {"where": ["current", ">", 1]}, {"where": [["account", "=", "A1"]]},
        {"where": [["current", "==", 1]]}, {"where": [["current", ">", "x"]]},
        {"where": [["current", ">", None]]}, {"where": [["sod", ">", 1]], "measures": ["current"]},
        {"sort": "current"}, {"sort": ["x"]}, {"limit": -1}, {"limit": 1.0}, {"offset": True},
        {"limit": 1, "rollup": True},
        {"id": "\ud800"}, {"id": "x" * 101}, {"id": 2**63}, {"id": True}, {"id": 0.5},
    ]  # fmt: skip

    async def run() -> None:
        async with live(port) as connection:
            follower = Follower(connection)
            await follower.ask()
            await follower.next()
            for one in wrong:
                await connection.send(json.dumps({"type": "select", "id": 7, "interval": 50} | one))
                answer = await follower.next()
                assert answer["type"] == "error", one
                assert answer["code"] in ("invalid_selection", "unknown_account", "unknown_type")
                await asyncio.sleep(0.06)
            epoch = book.tick("AAPL", "1.25")
            assert (await follower.at(epoch))[("A2",)]["sod"] == "-3.75000000"
            await connection.send(json.dumps({"type": "ping", "id": 3}))
            assert await follower.next() == {"type": "pong", "id": 3}

    asyncio.run(run())
    settled(service)


@pytest.mark.parametrize(
    ("sent", "code"),
    [("{", 4400), ("[]", 4400), ("null", 4400), (b"{}", 4400), ("[" * 60_000, 4400),
     ('{"type": "ping"}' + " " * 270_000, 1009), (["{}"] * 30, 4429)],
)  # fmt: skip
def test_invalid_messages_close_the_connection(service, sent, code) -> None:
    service, port = service

    async def run() -> int:
        async with live(port) as connection:
            for message in sent if isinstance(sent, list) else [sent]:
                await connection.send(message)
            with contextlib.suppress(websockets.ConnectionClosed):
                async for _ in connection:
                    pass
            return connection.close_code

    assert asyncio.run(run()) == code
    settled(service)


def test_a_browser_sends_its_token_first(service) -> None:
    service, port = service

    async def run(first: str | None) -> object:
        async with live(port, None) as connection:
            if first is not None:
                await connection.send(json.dumps({"type": "hello", "token": first}))
                await connection.send(json.dumps({"type": "ping"}))
            try:
                return json.loads(await asyncio.wait_for(connection.recv(), 30))["type"]
            except websockets.ConnectionClosed as closed:
                return closed.rcvd.code

    assert asyncio.run(run("all")) == "pong"
    assert asyncio.run(run("nobody")) == 4401
    assert asyncio.run(run(None)) == 4401
    settled(service)


@pytest.mark.parametrize(
    ("token", "origin", "opens"),
    [("all", None, True), ("all", "https://desk.example.com", True), ("nobody", None, False),
     ("all", "https://evil.example.com", False), ("all", "null", False)],
)  # fmt: skip
def test_only_known_tokens_and_origins_may_connect(service, token, origin, opens) -> None:
    _, port = service

    async def run() -> bool:
        with contextlib.suppress(websockets.InvalidStatus):
            async with live(port, token, origin=origin):
                return True
        return False

    assert asyncio.run(run()) is opens


def test_closing_the_book_ends_every_session(service, book) -> None:
    service, port = service

    async def run() -> list:
        async with live(port) as watching, live(port) as idle:
            follower = Follower(watching)
            await follower.ask()
            await follower.next()
            book.close()
            answers = [await follower.next()]
            await idle.send(json.dumps({"type": "select"}))
            with contextlib.suppress(websockets.ConnectionClosed):
                answers.append(await asyncio.wait_for(idle.recv(), 30))
            return [*answers, idle.close_code]

    ended, *refused, code = asyncio.run(run())
    assert (ended["type"], ended["code"]) == ("error", "closed")
    assert (refused, code) == ([], 1001)
