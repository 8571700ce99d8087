"""Options of a listening socket: how much the kernel keeps for a client that does not read."""

from __future__ import annotations

import socket

UNSENT = 16_384  # bytes
UNTAKEN = 60_000  # milliseconds


def limit_backlog(listener: socket.socket) -> None:
    """Connections that are accepted here inherit it (tcp(7)).

    A slow client gets few old rows before the latest ones, as little waits in the kernel. One that
    takes nothing for a minute is dropped with all that waits for it: a server that closes its
    connection would wait for it without end.
    """
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNTAKEN)
