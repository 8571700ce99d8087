"""From which pages a browser may ask, and what of it all may be logged."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterable
from pathlib import Path

import websockets
from starlette.requests import HTTPConnection

from mvcore.errors import InvalidInput

ORIGIN = re.compile(r"https?://[a-z0-9._\-\[\]:]+")


def checked(origins: Iterable[str]) -> frozenset[str]:
    """As browsers write them; another spelling would never be met. Raises InvalidInput."""
    several = [origins] if isinstance(origins, str) else list(origins)
    for origin in several:
        if not ORIGIN.fullmatch(origin):
            raise InvalidInput(f"origins: {origin!r} is not like https://desk.example.com")
    return frozenset(several)


def own_or_listed(connection: HTTPConnection, origins: Collection[str]) -> bool:
    """A browser says where the page came from; other clients say nothing. Behind a proxy the
    service does not know whether its own origin is http or https."""
    origin, host = connection.headers.get("origin"), connection.headers.get("host")
    own = (f"http://{host}", f"https://{host}")
    return origin is None or origin in origins or (bool(host) and origin in own)


class NoContents(logging.Filter):
    """At level DEBUG the websockets library logs headers, with their tokens, and messages, with
    their amounts, by the logger of its server."""

    _FOLDER = str(Path(websockets.__file__).parent)

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno > logging.DEBUG or not record.pathname.startswith(self._FOLDER)


NO_CONTENTS = NoContents()


def log_no_contents() -> None:
    """Once is enough: a filter that is there is not added again."""
    for name in ("uvicorn.error", "websockets.server"):
        logging.getLogger(name).addFilter(NO_CONTENTS)
