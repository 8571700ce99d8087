"""The ASGI application: routes over HTTP, and the door to the WebSocket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from mvcore.errors import ClosedError, Error
from mvcore.serve import answers, page
from mvcore.serve.access import EVERYBODY, Principal, Verifier
from mvcore.serve.directory import currencies, label_at
from mvcore.serve.errors import FORBIDDEN, FULL, UNAUTHORIZED, RefusedError
from mvcore.serve.hub import Hub
from mvcore.serve.limits import Limits
from mvcore.serve.selection import parse
from mvcore.serve.session import Session

if TYPE_CHECKING:
    from mvcore.book import Book
    from mvcore.masters import Attribute
    from mvcore.serve.selection import Names

FACTS = ("instruments", "accounts", "holdings", "orders", "prices", "fx")


def create_app(
    book: Book,
    tokens: Verifier | None = None,
    origins: Iterable[str] = (),
    limits: Limits | None = None,
) -> Starlette:
    """The service of a book, to be mounted or run by any ASGI server.

    tokens: who may see what (`Tokens`, `JwtTokens`); None lets everybody see and write everything.
    origins: of pages that may open the WebSocket besides the service's own (RFC 6454,
    "https://desk.example.com"). The book stays the caller's: it is not closed with the application.
    """
    return Service(book, tokens, frozenset(origins), limits or Limits()).app


class Service:
    """Handlers; each answers for one route of docs/serve.md."""

    def __init__(
        self, book: Book, tokens: Verifier | None, origins: frozenset[str], limits: Limits
    ) -> None:
        self.book, self.tokens, self.origins, self.limits = book, tokens, origins, limits
        self.hub = Hub(book, limits)
        get, post = ["GET"], ["POST"]
        self.app = Starlette(
            routes=[
                Route("/health", self.health, methods=get),
                Route("/metrics", self.metrics, methods=get),
                Route("/v1/accounts", self.accounts, methods=get),
                Route("/v1/instruments", self.instruments, methods=get),
                Route("/v1/attributes", self.attributes, methods=get),
                Route("/v1/currencies", self.currencies, methods=get),
                Route("/v1/values", self.values, methods=post),
                Route("/v1/holdings", self.holdings, methods=post),
                Route("/v1/orders", self.orders, methods=post),
                Route("/v1/ticks", self.ticks, methods=post),
                Route("/v1/facts", self.facts, methods=post),
                WebSocketRoute("/v1/live", self.live),
                *page.routes(),
            ],
            middleware=[Middleware(answers.Headers)],
            exception_handlers={RefusedError: _refused, Error: _failed},  # type: ignore[dict-item]
        )
        self.app.state.service = self

    # -- who asks --

    def _bearer(self, connection: HTTPConnection) -> Principal | None:
        """None where there is no header; raises RefusedError where its token is unknown."""
        if self.tokens is None:
            return EVERYBODY
        header = connection.headers.get("authorization")
        if header is None:
            return None
        kind, _, token = header.partition(" ")
        who = self.tokens.principal(token.strip()) if kind.lower() == "bearer" else None
        if who is None:
            raise RefusedError("unauthorized", "the token is unknown or has expired", 401)
        return who

    def _who(self, request: Request, write: bool = False) -> Principal:
        who = self._bearer(request)
        if who is None:
            raise RefusedError("unauthorized", "a bearer token is needed", 401)
        if write and not who.write:
            raise RefusedError("forbidden", "this token may not write", 403)
        return who

    async def _body(self, request: Request) -> dict[str, Any]:
        """Numbers with a point are decimals, as they stand there."""
        parts, size = [], 0
        async for part in request.stream():
            size += len(part)
            if size > self.limits.body_bytes:
                raise RefusedError("too_large", "the request is too large", 413)
            parts.append(part)
        try:
            body = json.loads(b"".join(parts), parse_float=Decimal, parse_constant=_no_number)
        except (ValueError, RecursionError):
            raise RefusedError("invalid_json", "the request is not JSON") from None
        if not isinstance(body, dict):
            raise RefusedError("invalid_json", "a JSON object wanted")
        return body

    # -- reads --

    async def health(self, request: Request) -> Response:
        return JSONResponse({"status": "ok", "epoch": self.book.epoch})

    async def metrics(self, request: Request) -> Response:
        """Prometheus' text format, version 0.0.4; counters end in _total."""
        self._who(request)
        stats = await asyncio.to_thread(self.book.stats)
        gauges = {"mvcore_serve_views": self.hub.views}
        gauges["mvcore_serve_sessions"] = self.hub.counts["sessions"]
        for name in ("epoch", "positions", "orders", "accounts", "instruments"):
            gauges[f"mvcore_book_{name}"] = stats[name]
        counters = {f"mvcore_serve_{n}": c for n, c in self.hub.counts.items() if n != "sessions"}
        for name in ("ticks", "facts", "late_prices", "late_orders"):
            counters[f"mvcore_book_{name}"] = stats[name]
        lines = [f"# TYPE {name} gauge\n{name} {value}" for name, value in gauges.items()]
        lines += [f"# TYPE {n}_total counter\n{n}_total {v}" for n, v in counters.items()]
        return PlainTextResponse("\n".join(lines) + "\n", media_type="text/plain; version=0.0.4")

    async def accounts(self, request: Request) -> Response:
        directory = self.hub.directories.now()
        allowed = directory.allowed(self._who(request))
        names = {
            name: code
            for name, code in directory.accounts.items()
            if allowed is None or name in allowed
        }
        return JSONResponse({"accounts": _listed("account", names, directory.masters.account)})

    async def instruments(self, request: Request) -> Response:
        self._who(request)
        directory = self.hub.directories.now()
        table = directory.masters.instrument
        return JSONResponse({"instruments": _listed("instrument", directory.instruments, table)})

    async def attributes(self, request: Request) -> Response:
        """Labels of accounts only for who may see all of them: they would tell of the others."""
        directory = self.hub.directories.now()
        found = {"instruments": directory.attributes("instrument")}
        if directory.allowed(self._who(request)) is None:
            found["accounts"] = directory.attributes("account")
        else:
            found["accounts"] = {name: [] for name in directory.masters.account}
        return JSONResponse(found)

    async def currencies(self, request: Request) -> Response:
        self._who(request)
        self.book._core.check_open()
        return JSONResponse({"base": self.book.base_currency, "currencies": currencies(self.book)})

    async def values(self, request: Request) -> Response:
        return await self._read(request, "values")

    async def holdings(self, request: Request) -> Response:
        return await self._read(request, "holdings")

    async def orders(self, request: Request) -> Response:
        return await self._read(request, "orders")

    async def _read(self, request: Request, call: str) -> Response:
        who, kind = self._who(request), answers.kind_of(request.headers.get("accept"))
        selection = parse(await self._body(request), self.limits)
        accounts = self.hub.directories.now().effective(selection.accounts, who)
        asked = selection.arguments(accounts)
        if call != "values":
            asked = {side: asked[side] for side in ("accounts", "instruments")}
            self._not_too_long(call, accounts)

        def read() -> Response:
            frame = getattr(self.book, call)(**asked)
            if len(frame) > self.limits.rows:
                raise RefusedError("too_many_rows", f"more than {self.limits.rows} rows")
            return answers.answer(frame, kind, call)

        return await asyncio.to_thread(read)

    def _not_too_long(self, call: str, accounts: Names) -> None:
        """A list is refused before it is made."""
        held = self.book.stats()["orders" if call == "orders" else "positions"]
        named = isinstance(accounts, tuple) and len(accounts) <= self.limits.listed
        if held > self.limits.rows and not named:
            raise RefusedError("too_many_rows", f"name at most {self.limits.listed} accounts")

    # -- writes --

    async def ticks(self, request: Request) -> Response:
        """`{"instrument": [...], "price": [...], "time": [...]}`, times left out or null."""
        self._who(request, write=True)
        body = await self._body(request)
        if not {"instrument", "price"} <= body.keys() <= {"instrument", "price", "time"}:
            raise RefusedError("invalid_ticks", "columns instrument, price and time wanted")
        instruments, prices, times = body["instrument"], body["price"], body.get("time")
        epoch = await asyncio.to_thread(lambda: self.book.ticks(instruments, prices, times))
        return JSONResponse({"epoch": epoch})

    async def facts(self, request: Request) -> Response:
        """Tables as `Book.update` takes them, by name; one atomic batch."""
        self._who(request, write=True)
        body = await self._body(request)
        if not body or not body.keys() <= set(FACTS):
            raise RefusedError("invalid_facts", f"tables wanted: {', '.join(FACTS)}")
        epoch = await asyncio.to_thread(lambda: self.book.update(**body))
        return JSONResponse({"epoch": epoch})

    # -- the WebSocket --

    async def live(self, socket: WebSocket) -> None:
        if not self._own_or_listed(socket):
            return await socket.close(FORBIDDEN, "this origin is not allowed")
        if self.hub.counts["sessions"] >= self.limits.sessions:
            return await socket.close(FULL, "too many sessions")
        try:
            who = self._bearer(socket)
        except RefusedError as error:
            return await socket.close(UNAUTHORIZED, str(error))
        self.hub.counts["sessions"] += 1
        try:
            await socket.accept()
            await Session(socket, self.hub, self.tokens, self.limits).run(who)
        finally:
            self.hub.counts["sessions"] -= 1
        return None

    def _own_or_listed(self, socket: WebSocket) -> bool:
        """A browser says where the page came from; other clients say nothing."""
        origin = socket.headers.get("origin")
        host = socket.headers.get("host")
        return origin is None or origin in self.origins or origin.partition("://")[2] == host


def _listed(
    kind: str, names: Mapping[str, int], attributes: Mapping[str, Attribute]
) -> list[dict[str, Any]]:
    return [
        {kind: name, "attributes": {n: label_at(a, code) for n, a in attributes.items()}}
        for name, code in names.items()
    ]


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is not a number")


async def _refused(request: Request, error: RefusedError) -> Response:
    headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else None
    return JSONResponse(error.to_json(), status_code=error.status, headers=headers)


async def _failed(request: Request, error: Error) -> Response:
    """What the book refuses."""
    status = 503 if isinstance(error, ClosedError) else 422
    code = type(error).__name__
    message = str(error.args[0]) if error.args else code
    return JSONResponse({"type": "error", "code": code, "message": message}, status_code=status)
