"""A running service and its clients, over real connections."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

httpx = pytest.importorskip("httpx")
uvicorn = pytest.importorskip("uvicorn")
websockets = pytest.importorskip("websockets")
serve = pytest.importorskip("mvcore.serve")

TOKENS = {
    "all": serve.Principal("all", None, write=True),
    "one": serve.Principal("one", frozenset({"A1", "gone"})),
    "desk": serve.Principal("desk", {"desk": ["d2"]}),
}


@contextlib.contextmanager
def running(app, port: int = 0, **settings):
    """Run the application in a server thread and yield its port.

    settings: uvicorn's, in addition to those that limit connections.
    """
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        service = getattr(getattr(app, "state", None), "service", None)
        bounds = serve.server_settings(service.limits if service else None)
        usual = bounds | {"log_level": "warning", "lifespan": "off"}
        config = uvicorn.Config(app, **usual | settings)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        while not server.started:
            if not thread.is_alive():
                raise RuntimeError("the server has ended")
            time.sleep(0.01)
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()


@contextlib.contextmanager
def serving(book):
    """The service of the book, with the tokens above, and its port."""
    limits = serve.Limits(slow=1, hello=0.5)
    origins = ["https://desk.example.com"]
    app = serve.create_app(book, serve.Tokens.of(TOKENS), origins, limits)
    with running(app) as port:
        yield app.state.service, port


@contextlib.contextmanager
def served(*arguments: str, stop=signal.SIGKILL):
    """The lines printed at the start, and a client. The signal `stop` ends the process."""
    command = [sys.executable, "-m", "mvcore", "serve", "--port", "0", *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            lines = []
            while not lines or not lines[-1].startswith("Serving on "):
                lines.append(process.stdout.readline())
                assert lines[-1], "the service has ended"
            with client(int(lines[-1].rstrip("/\n").rpartition(":")[2]), None) as http:
                yield "".join(lines), http
        finally:
            process.send_signal(stop)


def client(port: int, token: str | None = "all"):
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=30)


def live(port: int, token: str | None = "all", **settings):
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return websockets.connect(
        f"ws://127.0.0.1:{port}/v1/live", additional_headers=headers, **settings
    )


class Follower:
    """A client that keeps the rows it received."""

    def __init__(self, connection) -> None:
        self.connection, self.rows, self.columns, self.epoch = connection, {}, [], 0

    async def ask(self, **selection) -> None:
        message = {"type": "select", "id": 1, "interval": 50} | selection
        self.labels = len(message.get("by", ["account"])) + message.get("rollup", False)
        await self.connection.send(json.dumps(message))

    async def next(self) -> dict:
        message = json.loads(await asyncio.wait_for(self.connection.recv(), 30))
        if message["type"] != "rows":
            return message
        if message["all"]:
            self.rows = {}
        self.columns, self.epoch = message["columns"], message["epoch"]
        for row in message["rows"]:
            self.rows[tuple(row[: self.labels])] = row
        for key in message["removed"]:
            self.rows.pop(tuple(key), None)
        return message

    async def at(self, epoch: int) -> dict:
        """Return the rows as a dict once this epoch has arrived."""
        while self.epoch < epoch:
            await self.next()
        return self.table()

    def table(self) -> dict:
        return {k: dict(zip(self.columns, row, strict=True)) for k, row in self.rows.items()}


def settled(service) -> None:
    """Assert that nothing is left over."""
    for _ in range(100):
        if service.hub.views == service.hub.counts["sessions"] == 0 and not service.hub.polling:
            break
        time.sleep(0.05)
    assert service.hub.views == service.hub.counts["sessions"] == 0
    assert not service.hub.polling
    assert service.book.stats()["views"] == 0
