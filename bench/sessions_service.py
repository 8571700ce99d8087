"""The server process of `sessions.py`: the service, the writer, and their resource use."""

from __future__ import annotations

import asyncio
import json
import os
import pickle
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import uvicorn

import mvcore
from mvcore.serve import Limits, create_app, limit_backlog, server_settings
from sessions_oracle import Writes

HERE = Path(__file__).resolve().parent
WAIT = 60.0  # maximum seconds to wait for something


class Server(threading.Thread):
    """uvicorn in its own thread."""

    def __init__(self, book: mvcore.Book, limits: Limits) -> None:
        super().__init__()
        app = create_app(book, limits=limits)
        self.hub = app.state.service.hub
        settings = server_settings(replace(limits, per_address=limits.sessions + 1))
        config = uvicorn.Config(app, log_level="warning", lifespan="off", **settings)
        self.uvicorn = uvicorn.Server(config)
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        limit_backlog(self.listener)
        self.port = self.listener.getsockname()[1]
        self.loop: asyncio.AbstractEventLoop | None = None

    def run(self) -> None:
        async def serve() -> None:
            self.loop = asyncio.get_running_loop()
            await self.uvicorn.serve([self.listener])

        with asyncio.Runner(loop_factory=self.uvicorn.config.get_loop_factory()) as runner:
            runner.run(serve())

    def tasks(self) -> int:
        async def count() -> int:
            return len(asyncio.all_tasks()) - 1

        assert self.loop is not None
        return asyncio.run_coroutine_threadsafe(count(), self.loop).result()

    @property
    def sessions(self) -> int:
        return self.hub.counts["sessions"]  # type: ignore[no-any-return]

    def left(self) -> dict[str, int]:
        """The resources that sessions hold."""
        return {
            "views": self.hub.views, "tasks": self.tasks(),
            "descriptors": len(os.listdir("/proc/self/fd")),
        }  # fmt: skip

    def __enter__(self) -> Server:
        self.start()
        while not self.uvicorn.started:
            time.sleep(0.01)
        return self

    def __exit__(self, *error: object) -> None:
        self.uvicorn.should_exit = True
        self.join()
        self.listener.close()


class Writer(threading.Thread):
    """Writes ticks and reports at their pace: single calls of `tick` and `order`, in turns of 10
    ms."""

    def __init__(self, book: mvcore.Book, writes: Writes) -> None:
        super().__init__()
        self.book, self.writes, self.calls = book, writes, writes.calls()
        self.written = 0
        self.done, self.measured = threading.Event(), threading.Event()

    def run(self) -> None:
        writes, start = self.writes, time.monotonic()
        due, is_tick = (start + writes.due).tolist(), writes.is_tick.tolist()
        for k, (when, tick, call) in enumerate(zip(due, is_tick, self.calls, strict=True)):
            if (early := when - time.monotonic()) > 0:
                time.sleep(early)
            epoch = self.book.tick(*call) if tick else self.book.order(*call)
            writes.epochs[k], writes.times[k] = epoch, when
            self.written = k + 1
        self.done.set()
        self.measured.wait()  # keep the thread alive, so that its clock can be read


class Clients:
    """The process of the clients."""

    def __init__(self, port: int, asked: dict[str, Any], out: Path) -> None:
        self.out = out
        command = [sys.executable, str(HERE / "sessions_clients.py")]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.tell(json.dumps(asked | {"port": port, "out": str(out)}))

    def tell(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def hear(self, word: str) -> None:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line.startswith(word):
            raise RuntimeError(f"the clients said {line!r}")

    def leave(self) -> list[dict[str, Any]]:
        self.tell("leave")
        self.hear("left")
        self.process.communicate(timeout=WAIT)
        with self.out.open("rb") as file:
            return pickle.load(file)["clients"]  # type: ignore[no-any-return]


class Usage:
    """CPU seconds of the threads and the process, and the hub's counters."""

    def __init__(self, server: Server, writer: Writer) -> None:
        self.at = time.monotonic()
        self.cpu = {
            "all": time.process_time(),
            "event loop": _thread_seconds(server), "writer": _thread_seconds(writer),
        }  # fmt: skip
        self.counts = dict(server.hub.counts)

    def since(self, before: Usage) -> dict[str, float]:
        """Shares of a core, and counts per second."""
        seconds = self.at - before.at
        out = {name: (cpu - before.cpu[name]) / seconds for name, cpu in self.cpu.items()}
        out["other threads"] = out["all"] - out["event loop"] - out["writer"]
        for name in ("messages", "polls"):
            out[name] = (self.counts[name] - before.counts[name]) / seconds
        return out


def _thread_seconds(thread: threading.Thread) -> float:
    assert thread.ident is not None
    return time.clock_gettime(time.pthread_getcpuclockid(thread.ident))
