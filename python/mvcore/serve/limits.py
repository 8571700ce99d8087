"""What a client may ask of the service, and how long it may take."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Sizes in bytes, times in seconds, intervals in milliseconds."""

    head_bytes: int = 16_384  # of the head of a request: its first line and its headers
    head: float = 10.0  # from the connection to the end of a head
    heads: int = 100  # connections that have not sent a whole head after a second
    per_address: int = 500  # open connections; those behind a proxy have its address
    message_bytes: int = 65_536  # of a message from a WebSocket
    body_bytes: int = 16 << 20  # of a request: a batch of ticks or facts
    messages: int = 20  # from one client in a second
    sessions: int = 2_000
    rows: int = 20_000  # of one selection
    listed: int = 100  # accounts whose holdings or orders are listed, in a book of more than `rows`
    names: int = 5_000  # of accounts or instruments in one selection
    least_interval: int = 50
    most_interval: int = 5_000
    hello: float = 5.0  # from the connection to the token
    slow: float = 10.0  # a client that takes so long for one message is closed
    silence: float = 10.0  # a message without rows, where nothing changes: is the client there?
