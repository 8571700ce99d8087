"""HTTP responses: frames in the format that the client accepts, and common headers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.datastructures import MutableHeaders
from starlette.responses import JSONResponse, Response

from mvcore.formats import csv_bytes, parquet_bytes
from mvcore.serve import rows
from mvcore.serve.errors import RefusedError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from mvcore.frame import Frame

JSON, CSV, PARQUET = "application/json", "text/csv", "application/vnd.apache.parquet"
KINDS = (JSON, CSV, PARQUET)  # the first is the default


def kind_of(accept: str | None) -> str:
    """The format with the highest weight in the header `Accept` (RFC 9110, 12.5.1)."""
    weights = [_weight(kind, accept) for kind in KINDS] if accept and accept.strip() else [1.0]
    if max(weights) <= 0:
        raise RefusedError(
            "not_acceptable", f"no such format; expected one of {', '.join(KINDS)}", 406
        )
    return KINDS[weights.index(max(weights))]


def _weight(kind: str, accept: str) -> float:
    """The weight of the most specific range that includes the kind."""
    found: dict[int, float] = {}
    for part in accept.split(","):
        wanted, *parameters = (word.strip().lower() for word in part.split(";"))
        ranges = ("*/*", f"{kind.partition('/')[0]}/*", kind)
        if wanted in ranges:
            found.setdefault(ranges.index(wanted), _quality(parameters))
    return found[max(found)] if found else 0.0


def _quality(parameters: list[str]) -> float:
    given = [text[2:] for text in parameters if text.startswith("q=")]
    try:
        return min(max(float(given[0]), 0.0), 1.0) if given else 1.0
    except ValueError:
        return 0.0


def answer(frame: Frame, kind: str, name: str) -> Response:
    """The response with the whole frame. name: the file name without its ending."""
    headers = {"X-Mvcore-Epoch": str(frame.epoch), "Vary": "Accept"}
    if kind == JSON:
        return JSONResponse(rows.table(frame), headers=headers)
    file = csv_bytes(frame) if kind == CSV else parquet_bytes(frame)
    ending = "csv" if kind == CSV else "parquet"
    headers["Content-Disposition"] = f'attachment; filename="{name}.{ending}"'
    return Response(file, headers=headers, media_type=kind)


class Headers:
    """Middleware that forbids caching, since responses have amounts, and content sniffing.

    Headers that a route sets are kept.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("Cache-Control", "no-store")
                headers.setdefault("X-Content-Type-Options", "nosniff")
            await send(message)

        await self.app(scope, receive, with_headers if scope["type"] == "http" else send)
