"""The clients of `sessions.py` in their own process, with real connections to the service.

Reads one line of JSON from standard input: the address, and the selections. Prints "ready" when
every client has its first rows. Then it reads commands, one per line: "stop" makes some clients
stop reading, "leave" closes all and writes the received messages to a file.

It uses the protocol of the `websockets` package without its queues and tasks, so the time of a
message is the arrival time of its bytes.
"""

from __future__ import annotations

import asyncio
import gc
import json
import pickle
import socket
import sys
import time
from typing import Any

from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.uri import parse_uri

AT_ONCE = 50  # concurrent connection attempts
SMALL = 4_096  # small receive buffer of a client that stops, so that it fills soon
DRAIN = 15.0  # seconds for the remaining data of a stopped connection to arrive


class Client(asyncio.Protocol):
    """One session. `times` and `messages` are those received, in order."""

    def __init__(self, port: int, selection: dict[str, Any]) -> None:
        self.url, self.selection = f"ws://127.0.0.1:{port}/v1/live", selection
        self.protocol = ClientProtocol(parse_uri(self.url))
        self.times: list[float] = []
        self.messages: list[bytes] = []
        loop = asyncio.get_running_loop()
        self.first, self.gone = loop.create_future(), loop.create_future()

    async def connect(self, small: bool) -> None:
        listener = socket.socket()
        if small:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
        listener.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(listener, ("127.0.0.1", self.protocol.uri.port))
        await loop.create_connection(lambda: self, sock=listener)
        await self.first

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport
        self.protocol.send_request(self.protocol.connect())
        self._flush()

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        self.protocol.receive_data(data)
        for event in self.protocol.events_received():
            if not isinstance(event, Frame):  # the handshake is complete
                self.protocol.send_text(json.dumps(self.selection).encode())
            elif event.opcode is Opcode.TEXT:
                self.times.append(now)
                self.messages.append(bytes(event.data))
                if len(self.times) == 1:
                    self.first.set_result(None)
        self._flush()  # also sends the pong to a ping

    def connection_lost(self, error: Exception | None) -> None:
        self.protocol.receive_eof()
        for future in (self.first, self.gone):
            if not future.done():
                future.set_result(None)

    def _flush(self) -> None:
        data = b"".join(self.protocol.data_to_send())
        if data and not self.transport.is_closing():
            self.transport.write(data)

    async def leave(self) -> None:
        """Close as a browser does: send the close frame, wait for the answer, hang up."""
        try:
            self.protocol.send_close(1000)
            self._flush()
        except ConnectionClosed:
            pass
        await self._end()

    async def drain(self) -> None:
        """Continue to read: the data in flight when the client stopped, then the end of the
        connection."""
        self.transport.resume_reading()
        await self._end()

    async def _end(self) -> None:
        await asyncio.wait([self.gone], timeout=DRAIN)
        self.ended = self.gone.done()
        self.transport.abort()

    def record(self, stopped: bool) -> dict[str, Any]:
        """The results. The close code is None if the connection was dropped without one."""
        received = self.protocol.close_rcvd
        return {
            "accounts": self.selection["accounts"], "times": self.times, "stopped": stopped,
            "messages": self.messages, "code": received and received.code, "ended": self.ended,
        }  # fmt: skip


async def run(asked: dict[str, Any]) -> None:
    loop = asyncio.get_running_loop()
    commands = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    selections = [
        {"type": "select", "accounts": pair, "interval": asked["interval"]}
        for pair in asked["accounts"]
    ]
    clients = [Client(asked["port"], selection) for selection in selections]
    slow = clients[: asked["stopped"]]
    gate = asyncio.Semaphore(AT_ONCE)

    async def connect(client: Client) -> None:
        async with gate:
            await client.connect(client in slow)

    await asyncio.gather(*map(connect, clients))
    gc.collect()
    gc.freeze()
    print("ready", flush=True)
    while (command := (await commands.readline()).strip()) == b"stop":
        for client in slow:
            client.transport.pause_reading()
        print("stopped", flush=True)
    if command == b"leave":
        await asyncio.gather(*(client.leave() for client in clients[len(slow) :]))
        await asyncio.gather(*(client.drain() for client in slow))
        with open(asked["out"], "wb") as file:
            records = [client.record(k < len(slow)) for k, client in enumerate(clients)]
            pickle.dump({"clients": records, "cpu": time.process_time()}, file)
        print("left", flush=True)


if __name__ == "__main__":
    gc.disable()  # a collector pause of this process is not the service's latency
    asyncio.run(run(json.loads(sys.stdin.buffer.raw.readline())))  # type: ignore[attr-defined]
