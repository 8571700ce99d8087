"""Clients that vanish silently or read nothing are dropped soon, with their views."""

import json
import socket
import time

import pytest

import mvcore

serve = pytest.importorskip("mvcore.serve")
from raw_client import frame, handshake, opened  # noqa: E402 - after importorskip
from serving import TOKENS, running, settled  # noqa: E402

LIMITS = serve.Limits(hello=0.5, slow=0.5, silence=0.3)
PINGS = {"ws_ping_interval": 0.3, "ws_ping_timeout": 0.3}
SELECT = frame(b'{"type": "select", "interval": 50}')


@pytest.mark.parametrize("what", ["nothing", "a selection", "a selection, while prices move"])
def test_a_vanished_client_is_disconnected(book, what) -> None:
    """The client neither reads nor answers pings, and its connection stays open."""
    app = serve.create_app(book, serve.Tokens.of(TOKENS), limits=LIMITS)
    with running(app, **PINGS) as port, opened(port) as raw:
        if what != "nothing":
            raw.send(SELECT)
            assert raw.message()["type"] == "rows"
            assert app.state.service.hub.views == 1
        for step in range(50 if "prices" in what else 0):
            book.tick("AAPL", step)
        settled(app.state.service)


@pytest.mark.parametrize("moves", [False, True])
def test_a_client_that_does_not_read_a_long_message_is_disconnected(moves) -> None:
    """The server cannot close such a connection, because its output is not read."""
    book = mvcore.Book()
    names = [f"{k:05}{'x' * 1_500}" for k in range(12_000)]
    one = {"account": names, "instrument": ["X"] * len(names), "quantity": [1] * len(names)}
    book.load(
        instruments={"instrument": ["X"], "currency": ["USD"]}, accounts={"account": names},
        holdings=one, prices={"instrument": ["X"], "price": [1]},
    )  # fmt: skip
    app = serve.create_app(book, serve.Tokens.of(TOKENS), limits=LIMITS)
    with running(app, **PINGS) as port, socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        client.connect(("127.0.0.1", port))
        client.sendall(handshake())
        assert client.recv(4_096).startswith(b"HTTP/1.1 101 ")
        client.sendall(SELECT)
        counts = app.state.service.hub.counts
        while counts["sessions"] and not counts["messages"]:  # unless its ping comes first
            time.sleep(0.05)
        if moves:
            book.tick("X", 2)
        settled(app.state.service)


def test_without_changes_an_empty_message_is_sent(book) -> None:
    app = serve.create_app(book, serve.Tokens.of(TOKENS), limits=LIMITS)
    with running(app) as port:
        with opened(port) as raw:
            raw.send(SELECT)
            first = raw.message()
            book.update(fx={"currency": ["GBP"], "rate": [2]})  # no amount changes
            while (quiet := raw.message())["epoch"] == first["epoch"]:
                pass
            want = first | {"all": False, "rows": [], "epoch": book.epoch}
            assert json.dumps(quiet, sort_keys=True) == json.dumps(want, sort_keys=True)
        settled(app.state.service)
