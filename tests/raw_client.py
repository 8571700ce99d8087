"""A WebSocket client that violates the protocol as no library would."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
from collections.abc import Iterator

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def frame(
    payload: bytes, opcode: int = TEXT, fin: bool = True, reserved: int = 0, masked: bool = True
) -> bytes:
    """One frame of RFC 6455. The mask is all zeros, so the payload is unchanged."""
    first = (0x80 if fin else 0) | reserved << 4 | opcode
    bit = 0x80 if masked else 0
    if len(payload) < 126:
        head = struct.pack("!BB", first, bit | len(payload))
    elif len(payload) < 1 << 16:
        head = struct.pack("!BBH", first, bit | 126, len(payload))
    else:
        head = struct.pack("!BBQ", first, bit | 127, len(payload))
    return head + (bytes(4) if masked else b"") + payload


def handshake(token: str | None = "all", **headers: str | None) -> bytes:
    """A request to open `/v1/live`. Headers that are None are omitted."""
    lines = {
        "Host": "127.0.0.1", "Upgrade": "websocket", "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Authorization": None if token is None else f"Bearer {token}",
    } | {name.replace("_", "-"): value for name, value in headers.items()}  # fmt: skip
    text = "".join(f"{n}: {v}\r\n" for n, v in lines.items() if v is not None)
    return f"GET /v1/live HTTP/1.1\r\n{text}\r\n".encode("latin-1")


class Raw:
    """A connection that sends bytes and reads frames."""

    def __init__(self, port: int, first: bytes) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.socket.sendall(first)
        self._read = b""

    def send(self, *parts: bytes) -> None:
        """Send as far as the other side accepts it."""
        with contextlib.suppress(OSError):
            self.socket.sendall(b"".join(parts))

    def status(self) -> int:
        """The status of the response to the handshake."""
        while b"\r\n\r\n" not in self._read:
            self._read += self._more()
        head, _, self._read = self._read.partition(b"\r\n\r\n")
        return int(head.split(b" ")[1])

    def message(self) -> dict | int | None:
        """The next message, the code of a close frame, or None at the end."""
        try:
            while True:
                first, second = self._take(2)
                size = second & 127
                if size > 125:
                    size = int.from_bytes(self._take(2 if size == 126 else 8), "big")
                payload = self._take(size)
                if first & 15 == CLOSE:
                    return int.from_bytes(payload[:2], "big")
                if first & 15 == TEXT:
                    return json.loads(payload)
        except OSError:
            return None

    def code(self) -> int | None:
        """The close code of the connection."""
        while isinstance(found := self.message(), dict):
            pass
        return found

    def _take(self, size: int) -> bytes:
        while len(self._read) < size:
            self._read += self._more()
        taken, self._read = self._read[:size], self._read[size:]
        return taken

    def _more(self) -> bytes:
        if not (part := self.socket.recv(65_536)):
            raise ConnectionError("closed")
        return part


@contextlib.contextmanager
def opened(port: int, first: bytes | None = None) -> Iterator[Raw]:
    """Open a connection and send the handshake. The default handshake must be accepted."""
    raw = Raw(port, handshake() if first is None else first)
    try:
        if first is None:
            assert raw.status() == 101
        yield raw
    finally:
        raw.socket.close()
