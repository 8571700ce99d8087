"""Options of a listening socket: how much the kernel buffers for a client that does not read."""

from __future__ import annotations

import socket

UNSENT = 16_384  # bytes
UNTAKEN = 60_000  # milliseconds


def limit_backlog(listener: socket.socket) -> None:
    """Limit the buffers of accepted connections, which inherit these options (tcp(7)).

    Little data waits in the kernel, so a slow client gets few outdated rows before the latest. A
    client that reads nothing for a minute is dropped, with the data that waits for it. Otherwise a
    server that closes the connection would wait for it forever.
    """
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNTAKEN)
