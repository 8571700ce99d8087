"""Checks of the origin and the host name of requests, and a filter for logs."""

from __future__ import annotations

import ipaddress
import logging
import re
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import websockets
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse

from mvcore.errors import InvalidInput
from mvcore.serve.errors import FORBIDDEN, RefusedError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

ORIGIN = re.compile(r"https?://[a-z0-9._\-\[\]:]+")


def checked(origins: Iterable[str]) -> frozenset[str]:
    """Check allowed origins. They must be spelled as browsers send them. Raises InvalidInput."""
    several = [origins] if isinstance(origins, str) else list(origins)
    for origin in several:
        if not ORIGIN.fullmatch(origin):
            raise InvalidInput.about(
                None, "origins", None, origin, f"{origin!r} is not like https://desk.example.com"
            )
    return frozenset(several)


def own_or_listed(connection: HTTPConnection, origins: Collection[str]) -> bool:
    """Return whether the request has no origin, the service's own, or a listed one.

    Browsers send the origin of the page; other clients send none. Behind a proxy the service does
    not know whether its own origin is http or https.
    """
    origin, host = connection.headers.get("origin"), connection.headers.get("host")
    own = (f"http://{host}", f"https://{host}")
    return origin is None or origin in origins or (bool(host) and origin in own)


def is_loopback(host: str) -> bool:
    """Return whether the host is reachable from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class AskedByName:
    """Middleware that refuses requests whose Host header is not a loopback name.

    Any site can let its name resolve to this machine (DNS rebinding). The origin of its page then
    equals the service's own. A service with tokens does not need this, because such a page has no
    token.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or self._by_name(dict(scope["headers"])):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": FORBIDDEN})
        else:
            refused = RefusedError(
                "forbidden", "the service does not answer requests for this host name", 403
            )
            await JSONResponse(refused.to_json(), refused.status)(scope, receive, send)

    def _by_name(self, headers: dict[bytes, bytes]) -> bool:
        try:
            host = urlsplit("//" + headers.get(b"host", b"").decode("latin-1")).hostname
        except ValueError:
            return False
        return host is not None and is_loopback(host)


class NoContents(logging.Filter):
    """Filters debug records of websockets: they contain headers with tokens and messages with
    amounts."""

    _FOLDER = str(Path(websockets.__file__).parent)

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno > logging.DEBUG or not record.pathname.startswith(self._FOLDER)


NO_CONTENTS = NoContents()


def log_no_contents() -> None:
    """Install the filter. Installing it again does nothing."""
    for name in ("uvicorn.error", "websockets.server"):
        logging.getLogger(name).addFilter(NO_CONTENTS)
