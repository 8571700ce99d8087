"""Tokens and amounts are never logged, even at the most verbose level."""

import asyncio
import json
import logging

import pytest

serve = pytest.importorskip("mvcore.serve")
jwt = pytest.importorskip("jwt")
from raw_client import BINARY, frame, handshake, opened  # noqa: E402 - after importorskip
from serving import Follower, client, live, running, settled, websockets  # noqa: E402

SECRET = b"a secret of at least thirty-two bytes"
QUANTITY, PRICE = "7654321.25", "98765.4321"  # no part of them is a number of another kind


def amounts(book) -> set[str]:
    """All amounts that must not appear, without their decimals."""
    frames = [book.values(), book.values(by=()), book.positions(), book.holdings()]
    frames += [book.orders(), book.prices()]
    found = {PRICE, QUANTITY}
    for table in frames:
        for row in table.to_pylist():
            found |= {format(v, "f") for v in row.values() if hasattr(v, "as_tuple")}
    return {text.partition(".")[0] for text in found if len(text.partition(".")[0]) > 4}


def use(port: int, token: str, unknown: str) -> None:
    """Make every kind of accepted and refused request."""
    with client(port, token) as http:
        for kind in ("application/json", "text/csv", "application/vnd.apache.parquet"):
            for call in ("values", "positions", "holdings", "orders"):
                headers = {"Accept": kind}
                assert http.post(f"/v1/{call}", json={}, headers=headers).status_code == 200
        for route, body in (
            ("ticks", {"instrument": ["AAPL"], "price": [PRICE]}),
            ("ticks", {"instrument": ["AAPL"], "price": [PRICE + "x"]}),
            ("facts", {"prices": {"instrument": ["nothing"], "price": [PRICE]}}),
            ("facts", {"holdings": {"quantity": [QUANTITY]}}), ("values", {"accounts": QUANTITY}),
            ("values", {"currency": QUANTITY}), ("nothing", {"price": PRICE}),
        ):  # fmt: skip
            http.post(f"/v1/{route}", json=body)
        http.post("/v1/ticks", content=f'{{"price": [{PRICE}')
    with client(port, unknown) as http:
        assert http.post("/v1/values", json={}).status_code == 401
    with opened(port, handshake(unknown)) as raw:
        assert raw.status() == 403
    for wrong in (frame(QUANTITY.encode(), BINARY), frame(b"\xff" + QUANTITY.encode())):
        with opened(port, handshake(token)) as raw:
            assert raw.status() == 101
            raw.send(wrong)
            assert raw.code() in (1007, 4400)


async def follow(port: int, token: str, unknown: str, book) -> None:
    async with live(port, None) as connection:
        await connection.send(json.dumps({"type": "hello", "token": token}))
        follower = Follower(connection)
        await follower.ask()
        await follower.next()
        await follower.at(book.tick("AAPL", PRICE[:-1]))
        await follower.ask(accounts=[QUANTITY])
        while (await follower.next())["type"] != "error":
            pass
    async with live(port, None) as connection:
        await connection.send(json.dumps({"type": "hello", "token": unknown}))
        with pytest.raises(websockets.ConnectionClosed):
            await connection.recv()


@pytest.mark.parametrize("level", ["debug", "trace"])
def test_neither_tokens_nor_amounts_are_logged(book, level, caplog) -> None:
    book.update(
        holdings={"account": ["A1"], "instrument": ["AAPL"], "quantity": [QUANTITY]},
        prices={"instrument": ["AAPL"], "price": [PRICE]},
    )
    book.order(1, "A1", "AAPL", QUANTITY, 1)
    claims = {"sub": "x", "exp": 9_999_999_999, "accounts": "*", "write": True}
    token, unknown = (jwt.encode(claims, key, "HS256") for key in (SECRET, SECRET[::-1]))
    app = serve.create_app(book, serve.JwtTokens(SECRET))
    for own in ("websockets.client", "httpcore", "asyncio"):  # loggers of this test's clients
        caplog.set_level(logging.INFO, own)
    caplog.set_level(1)
    with running(app, log_level=level, access_log=True, log_config=None) as port:
        use(port, token, unknown)
        asyncio.run(follow(port, token, unknown, book))
        settled(app.state.service)
    written = [logging.Formatter("%(name)s %(message)s").format(r) for r in caplog.records]
    for name in ("uvicorn.access", "uvicorn.error", "mvcore.serve"):  # the test did capture them
        assert any(line.startswith(name) for line in written), name
    secret = {*token.split("."), *unknown.split("."), token, *amounts(book)}
    assert len(secret) > 8
    assert [line for line in written for text in secret if text in line] == []
