"""Limits on the requests of a client, and on the time they may take."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Sizes in bytes, times in seconds, intervals in milliseconds."""

    head_bytes: int = 16_384  # of a request's head: its first line and headers
    head: float = 10.0  # from connecting to the end of a head
    heads: int = 100  # connections with an incomplete head after a second
    per_address: int = 500  # open connections; clients behind a proxy share its address
    message_bytes: int = 65_536  # of a WebSocket message from a client
    body_bytes: int = 16 << 20  # of a request's body: a batch of ticks or facts
    messages: int = 20  # from one client per second
    sessions: int = 2_000
    rows: int = 20_000  # of one selection
    computed: int = 200_000  # rows that a selection may have before its page is cut out, at most
    listed: int = 100  # accounts per list, or a page of it, if the book has more than `rows`
    names: int = 5_000  # of accounts or instruments in one selection
    least_interval: int = 50
    most_interval: int = 5_000
    hello: float = 5.0  # from connecting to the token
    slow: float = 10.0  # time for one message; a slower client is disconnected
    # without changes, an empty message is sent this often, to detect a dead client
    silence: float = 10.0
