"""Limits on what a server accepts before it checks a token: request heads and open connections.

uvicorn limits neither the time for a head nor the connections of an address. Only its h11 protocol
limits the size of a head. These protocols extend uvicorn's.
"""

from __future__ import annotations

import asyncio
import functools
import json
import logging
from collections import Counter
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from mvcore.serve.errors import RefusedError
from mvcore.serve.limits import Limits

if TYPE_CHECKING:
    from asyncio import Transport

log = logging.getLogger("mvcore.serve")
# seconds that any number of connections may wait, because many clients may connect at once
GRACE = 1.0
CUT = 4  # a message of this many times `message_bytes` closes its connection without an answer


def server_settings(limits: Limits | None = None) -> dict[str, Any]:
    """Return settings for `uvicorn.Config` or `uvicorn.run` that limit what a server accepts.

    Call it once per server: its connections are counted together.
    """
    limits = limits or Limits()
    connections = Connections(limits)
    return {
        "http": functools.partial(BoundedHttp, connections),
        "h11_max_incomplete_event_size": limits.head_bytes,
        "ws": functools.partial(BoundedWebSocket, connections),
        "ws_max_size": CUT * limits.message_bytes,
        "ws_per_message_deflate": False,
    }


class Connections:
    """The open connections of one server by address, and those with an incomplete request head."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._waiting: dict[BoundedHttp, float] = {}  # start of the wait, oldest first
        self._trimming: asyncio.TimerHandle | None = None
        self._by_address: Counter[str] = Counter()
        self._warned = False

    def wait(self, connection: BoundedHttp) -> None:
        self._waiting[connection] = connection.loop.time()
        self._trim_later(connection.loop)

    def stop_waiting(self, connection: BoundedHttp) -> None:
        self._waiting.pop(connection, None)

    def _trim_later(self, loop: asyncio.AbstractEventLoop) -> None:
        if len(self._waiting) > self.limits.heads and self._trimming is None:
            oldest = next(iter(self._waiting.values()))
            self._trimming = loop.call_at(oldest + GRACE, self._trim, loop)

    def _trim(self, loop: asyncio.AbstractEventLoop) -> None:
        """Close the oldest waiting connections above the limit."""
        self._trimming = None
        too_many = RefusedError("too_many", "too many incomplete requests", 503)
        for connection, since in list(self._waiting.items()):
            if len(self._waiting) <= self.limits.heads or since + GRACE > loop.time():
                break
            connection.refuse(too_many)
        self._trim_later(loop)

    def add(self, address: str | None) -> bool:
        """Return False if the address has too many connections. Unix sockets have no limit."""
        if address is None:
            return True
        self._by_address[address] += 1
        if self._by_address[address] <= self.limits.per_address:
            return True
        if not self._warned:
            self._warned = True
            log.warning("%s has more than %d connections", address, self.limits.per_address)
        return False

    def remove(self, address: str | None) -> None:
        if address is not None:
            self._by_address[address] -= 1
            if not self._by_address[address]:
                del self._by_address[address]


class BoundedHttp(H11Protocol):
    """An HTTP connection with limits `head_bytes` and `head` seconds for each request head.

    If too many connections have an incomplete head, the oldest are closed. An honest client sends
    its head at once.
    """

    def __init__(self, connections: Connections, **settings: Any) -> None:
        super().__init__(**settings)
        self._open, self._limits = connections, connections.limits
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self._open.add(self._address()):
            self._wait()
        else:
            self.refuse(RefusedError("too_many", "this address has too many connections", 429))

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        self._open.remove(self._address())
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        if self.conn.their_state is h11.IDLE:
            room = self._limits.head_bytes - len(self.conn.trailing_data[0])
            super().data_received(data[:room])
            data = data[room:]
            if data and self.conn.their_state is h11.IDLE:
                refused = f"the head of a request has at most {self._limits.head_bytes} bytes"
                self.refuse(RefusedError("too_large", refused, 431))
        if data and not self._is_left():
            super().data_received(data)
        if self._is_left() or self.conn.our_state in (h11.SEND_RESPONSE, h11.SEND_BODY):
            self._stop_waiting()
        elif self._timer is None:
            self._wait()

    def _is_left(self) -> bool:
        """Return whether the connection is closed, or has become a WebSocket."""
        return self.transport.is_closing() or self.transport.get_protocol() is not self

    def _address(self) -> str | None:
        return self.client[0] if self.client else None

    def _wait(self) -> None:
        """Wait for a head, or for the rest of a body that nobody reads."""
        self._timer = self.loop.call_later(self._limits.head, self._expire)
        self._open.wait(self)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._open.stop_waiting(self)

    def _expire(self) -> None:
        self.refuse(RefusedError("too_slow", "the request was not complete in time", 408))

    def refuse(self, error: RefusedError) -> None:
        """Close the connection, with a response if the client waits for one."""
        self._stop_waiting()
        if self.conn.their_state is h11.IDLE:
            body = json.dumps(error.to_json()).encode()
            status = f"{error.status} {HTTPStatus(error.status).phrase}"
            head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nConnection: close\r\n"
            self.transport.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        self.transport.close()


class BoundedWebSocket(WebSocketsSansIOProtocol):
    """A WebSocket connection. It began as `BoundedHttp` and is counted until it ends."""

    def __init__(self, connections: Connections, **settings: Any) -> None:
        super().__init__(**settings)
        self._open = connections

    def connection_lost(self, exc: Exception | None) -> None:
        self._open.remove(self.client[0] if self.client else None)
        super().connection_lost(exc)
