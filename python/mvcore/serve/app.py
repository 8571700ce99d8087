"""The ASGI application: HTTP routes and the WebSocket endpoint."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from mvcore.errors import Error
from mvcore.serve import answers, origin_checks, page
from mvcore.serve.access import EVERYBODY, Principal, Verifier
from mvcore.serve.errors import FORBIDDEN, FULL, UNAUTHORIZED, RefusedError, refusal
from mvcore.serve.hub import Hub
from mvcore.serve.limits import Limits
from mvcore.serve.parsing import read_object
from mvcore.serve.selection import USED, Selection, parse
from mvcore.serve.session import Session

if TYPE_CHECKING:
    from mvcore.book import Book
    from mvcore.serve.selection import Names
    from mvcore.written import Written

ANSWERS = 2  # at a time: more would only compete for the interpreter
MARKET = ("instruments", "prices", "fx")
FACTS = (*MARKET, "accounts", "holdings", "orders")
PRIVATE = {"accounts", "positions", "orders", "facts", "late_orders"}  # counts over all accounts


def create_app(
    book: Book,
    tokens: Verifier | None = None,
    origins: Iterable[str] = (),
    limits: Limits | None = None,
) -> Starlette:
    """Make the service of a book, to be mounted or run by any ASGI server.

    tokens: who may see what (`Tokens`, `JwtTokens`); None lets everybody see and write everything.
    origins: origins of pages other than the service's own that may call it (RFC 6454,
    "https://desk.example.com"). The caller owns the book: the application does not close it.
    """
    origin_checks.log_no_contents()
    return Service(book, tokens, origin_checks.checked(origins), limits or Limits()).app


class Service:
    """The handlers of the routes in docs/serve.md."""

    def __init__(
        self, book: Book, tokens: Verifier | None, origins: frozenset[str], limits: Limits
    ) -> None:
        self.book, self.tokens, self.origins, self.limits = book, tokens, origins, limits
        self.hub = Hub(book, limits)
        self._answering = asyncio.Semaphore(ANSWERS)
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
                Route("/v1/positions", self.positions, methods=post),
                Route("/v1/holdings", self.holdings, methods=post),
                Route("/v1/orders", self.orders, methods=post),
                Route("/v1/ticks", self.ticks, methods=post),
                Route("/v1/facts", self.facts, methods=post),
                WebSocketRoute("/v1/live", self.live),
                *page.routes(),
            ],
            middleware=[Middleware(answers.Headers)],
            exception_handlers=HANDLERS,
        )
        self.app.state.service = self

    # -- authorization --

    def _bearer(self, connection: HTTPConnection) -> tuple[Principal, str] | None:
        """The principal and its token, or None without an Authorization header.

        Raises RefusedError if the token is unknown.
        """
        if self.tokens is None:
            return EVERYBODY, ""
        header = connection.headers.get("authorization")
        if header is None:
            return None
        kind, _, token = header.partition(" ")
        token = token.strip()
        who = self.tokens.principal(token) if kind.lower() == "bearer" else None
        if who is None:
            raise RefusedError("unauthorized", "the token is unknown or has expired", 401)
        return who, token

    def _who(self, request: Request, write: bool = False) -> Principal:
        if not origin_checks.own_or_listed(request, self.origins):
            raise RefusedError("forbidden", "this origin is not allowed", 403)
        known = self._bearer(request)
        if known is None:
            raise RefusedError("unauthorized", "a bearer token is needed", 401)
        who, _ = known
        if write and not who.write:
            raise RefusedError("forbidden", "this token may not write", 403)
        return who

    async def _body(self, request: Request) -> dict[str, Any]:
        """Read the body as JSON. Raises RefusedError if it is too large or arrives too slowly."""
        parts, size = [], 0
        try:
            # for the whole body, however small its parts
            async with asyncio.timeout(self.limits.slow):
                async for part in request.stream():
                    size += len(part)
                    if size > self.limits.body_bytes:
                        raise RefusedError("too_large", "the request is too large", 413)
                    parts.append(part)
        except TimeoutError:
            raise RefusedError("too_slow", "the request was not complete in time", 408) from None
        except ClientDisconnect:  # nobody reads the response
            raise RefusedError("too_slow", "the client has disconnected", 408) from None
        try:
            return await asyncio.to_thread(read_object, b"".join(parts))
        except ValueError as error:
            raise RefusedError("invalid_json", f"the request: {error}") from None

    # -- reads --

    async def health(self, request: Request) -> Response:
        return JSONResponse({"status": "ok", "epoch": self.book.epoch})

    async def metrics(self, request: Request) -> Response:
        """Metrics in Prometheus' text format, version 0.0.4. Counters end in _total."""
        who, stats = self._who(request), await asyncio.to_thread(self.book.stats)
        shown = stats.keys() - (set() if who.accounts is None else PRIVATE)
        gauges = {"mvcore_serve_views": self.hub.views}
        gauges["mvcore_serve_sessions"] = self.hub.counts["sessions"]
        for name in ("epoch", "positions", "orders", "accounts", "instruments"):
            if name in shown:
                gauges[f"mvcore_book_{name}"] = stats[name]
        counters = {f"mvcore_serve_{n}": c for n, c in self.hub.counts.items() if n != "sessions"}
        for name in ("ticks", "facts", "late_prices", "late_orders"):
            if name in shown:
                counters[f"mvcore_book_{name}"] = stats[name]
        lines = [f"# TYPE {name} gauge\n{name} {value}" for name, value in gauges.items()]
        lines += [f"# TYPE {n}_total counter\n{n}_total {v}" for n, v in counters.items()]
        return PlainTextResponse("\n".join(lines) + "\n", media_type="text/plain; version=0.0.4")

    async def accounts(self, request: Request) -> Response:
        who, directory = self._who(request), await self.hub.directories.now()

        def listed() -> Response:
            names = directory.accounts.listed(directory.allowed(who))
            return JSONResponse({"accounts": names})

        return await self._in_thread(listed)

    async def instruments(self, request: Request) -> Response:
        self._who(request)
        directory = await self.hub.directories.now()
        return await self._in_thread(
            lambda: JSONResponse({"instruments": directory.instruments.listed()})
        )

    async def attributes(self, request: Request) -> Response:
        who, directory = self._who(request), await self.hub.directories.now()

        def labels() -> Response:
            accounts = directory.accounts.labels(directory.allowed(who))
            instruments = directory.instruments.labels()
            return JSONResponse({"instruments": instruments, "accounts": accounts})

        return await self._in_thread(labels)

    async def currencies(self, request: Request) -> Response:
        self._who(request)
        directory = await self.hub.directories.now()
        known = await asyncio.to_thread(directory.currencies, self.book)
        return JSONResponse({"base": self.book.base_currency, "currencies": known})

    async def values(self, request: Request) -> Response:
        return await self._read(request, "values")

    async def positions(self, request: Request) -> Response:
        return await self._read(request, "positions")

    async def holdings(self, request: Request) -> Response:
        return await self._read(request, "holdings")

    async def orders(self, request: Request) -> Response:
        return await self._read(request, "orders")

    async def _read(self, request: Request, call: str) -> Response:
        who, kind = self._who(request), answers.kind_of(request.headers.get("accept"))
        body = await self._body(request)
        selection = parse(body, self.limits, call)
        return await self._in_thread(lambda: self._answer(who, selection, call, kind))

    async def _in_thread(self, answer: Callable[[], Response]) -> Response:
        """Compute and serialize a long response in a thread, off the event loop."""
        async with self._answering:
            return await asyncio.to_thread(answer)

    def _answer(self, who: Principal, selection: Selection, call: str, kind: str) -> Response:
        """Answer a read. Runs in a thread. Permissions are those of the epoch that is read."""
        with self.book.snapshot() as state:
            accounts = self.hub.directories.of(state).effective(selection.accounts, who)
            asked = selection.arguments(accounts)
            if call in USED:
                asked = {field: asked[field] for field in USED[call]}
                self._not_too_long(call, selection, accounts)
            else:
                asked["max_rows"] = self.limits.computed
            frame = getattr(state, call)(**asked)
            if len(frame) > self.limits.rows:
                raise RefusedError("too_many_rows", f"more than {self.limits.rows} rows")
            return answers.answer(frame, kind, call)

    def _not_too_long(self, call: str, selection: Selection, accounts: Names) -> None:
        """Refuse a list that would be too long before computing it."""
        limits, held = self.limits, self.book.stats()["orders" if call == "orders" else "positions"]
        if held <= limits.rows or (isinstance(accounts, tuple) and len(accounts) <= limits.listed):
            return
        expected = f"at most {limits.listed} accounts by name"
        if call == "positions":
            end = None if selection.limit is None else selection.offset + selection.limit
            if end is not None and end <= limits.rows:
                return
            expected += f", or a page that ends within the first {limits.rows} rows"
        raise RefusedError("too_many_rows", f"too many rows; expected {expected}")

    # -- writes --

    async def ticks(self, request: Request) -> Response:
        """Apply `{"instrument": [...], "price": [...], "time": [...]}`. time may be absent or
        null."""
        self._who(request, write=True)
        body = await self._body(request)
        if not {"instrument", "price"} <= body.keys() <= {"instrument", "price", "time"}:
            raise RefusedError(
                "invalid_ticks", "expected the columns instrument, price and (optional) time"
            )
        instruments, prices, times = body["instrument"], body["price"], body.get("time")
        names = isinstance(instruments, list) and all(isinstance(n, str) for n in instruments)
        if not names:  # numbers would be codes, which only the book's process knows
            raise RefusedError("invalid_ticks", "instrument: expected a list of names")
        call = functools.partial(self.book.ticks, instruments, prices, times)
        return _acknowledged(await asyncio.to_thread(call))

    async def facts(self, request: Request) -> Response:
        """Apply tables as `Book.update` takes them, by name, in one atomic batch.

        Only a principal that sees all accounts may write tables that name accounts. Such tables
        decide who sees what, and their errors reveal which accounts exist. The same holds for
        instruments if fills move cash: multiplier, currency and cash determine the amounts.
        """
        who = self._who(request, write=True)
        body = await self._body(request)
        tables = all(isinstance(table, dict) for table in body.values())
        if not body or not tables or not body.keys() <= set(FACTS):
            raise RefusedError("invalid_facts", f"expected tables among {', '.join(FACTS)}")
        if who.accounts is not None:
            # Instruments move cash of accounts that the token may not see.
            allowed = [t for t in MARKET if t != "instruments" or self.book.cash is None]
            if not body.keys() <= set(allowed):
                raise RefusedError(
                    "forbidden", f"this token may only write {', '.join(allowed)}", 403
                )
        return _acknowledged(await asyncio.to_thread(lambda: self.book.update(**body)))

    # -- the WebSocket --

    async def live(self, socket: WebSocket) -> None:
        if not origin_checks.own_or_listed(socket, self.origins):
            return await socket.close(FORBIDDEN, "this origin is not allowed")
        if self.hub.counts["sessions"] >= self.limits.sessions:
            return await socket.close(FULL, "too many sessions")
        try:
            known = self._bearer(socket)
        except RefusedError as error:
            return await socket.close(UNAUTHORIZED, str(error))
        self.hub.counts["sessions"] += 1
        try:
            await socket.accept()
            await Session(socket, self.hub, self.tokens, self.limits).run(known)
        finally:
            self.hub.counts["sessions"] -= 1
        return None


def _acknowledged(written: Written) -> Response:
    """The epoch, and the counts of rows without effect, if any."""
    dropped = {name: count for name, count in vars(written).items() if count}
    return JSONResponse({"epoch": int(written)} | dropped)


async def _no_route(request: Request, error: HTTPException) -> Response:
    code = error.detail.lower().replace(" ", "_")  # not_found, method_not_allowed
    body = {"type": "error", "code": code, "message": error.detail}
    return JSONResponse(body, status_code=error.status_code, headers=error.headers)


async def _refused(request: Request, error: RefusedError) -> Response:
    headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else {}
    if error.status in (408, 413):  # do not wait for the rest of the request
        headers["Connection"] = "close"
    return JSONResponse(error.to_json(), status_code=error.status, headers=headers)


async def _failed(request: Request, error: Error) -> Response:
    """Errors of the book: refused input (422), and failures of the service (503)."""
    code = type(error).__name__
    answer = refusal(error, code, 422)
    answer.code = code
    return await _refused(request, answer)


HANDLERS: dict[Any, Any] = {RefusedError: _refused, Error: _failed, HTTPException: _no_route}
