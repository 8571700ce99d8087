"""One WebSocket client: receives a token and selections, and sends rows, conflated if it is
slow."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Coroutine, Generator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from mvcore.errors import ClosedError
from mvcore.serve import errors
from mvcore.serve.errors import RefusedError
from mvcore.serve.hub import Hub, Shared, Watcher
from mvcore.serve.parsing import read_object
from mvcore.serve.selection import Selection, interval_of, parse

if TYPE_CHECKING:
    from mvcore.serve.access import Principal, Verifier
    from mvcore.serve.directory import Directory
    from mvcore.serve.limits import Limits
    from mvcore.serve.selection import Names

log = logging.getLogger("mvcore.serve")
VERIFY_EVERY = 5.0  # seconds; verifying a signature takes 0.1 ms


class Closing(Exception):
    """Close the connection with this code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


def _expired() -> Closing:
    return Closing(errors.UNAUTHORIZED, "the token has expired")


def _unknown() -> Closing:
    return Closing(errors.UNAUTHORIZED, "the token is unknown or has expired")


def _id_of(message: dict[str, Any]) -> str | int | None:
    """The id to return in the answer: a short text or a 64-bit integer."""
    given = message.get("id")
    if isinstance(given, str):
        sendable = len(given) <= 100 and not any("\ud800" <= c <= "\udfff" for c in given)
        return given if sendable else None
    if not isinstance(given, int) or isinstance(given, bool):
        return None
    return given if -(2**63) <= given < 2**63 else None


class Begun:
    """A coroutine that has run its first step. Most sends complete in it, and need no timeout.

    Raises what the first step raises. If it is not `done`, await it in the same task.
    """

    def __init__(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self._coroutine = coroutine
        try:
            self._awaited = coroutine.send(None)
            self.done = False
        except StopIteration:
            self.done = True

    def __await__(self) -> Generator[Any, Any, None]:
        try:
            yield self._awaited
            yield from self._coroutine.__await__()
        finally:
            self._coroutine.close()


class Session:
    """Runs until the client disconnects or is disconnected."""

    def __init__(
        self, socket: WebSocket, hub: Hub, tokens: Verifier | None, limits: Limits
    ) -> None:
        self._socket, self._hub, self._tokens, self._limits = socket, hub, tokens, limits
        self._told = asyncio.Event()
        self._shared: Shared | None = None
        self._watcher: Watcher | None = None
        self._selection: Selection | None = None
        self._accounts: Names = None
        # the directory by which the accounts were last checked
        self._allowed_by: Directory | None = None
        self._choosing = asyncio.Lock()  # held while the selection or its accounts change
        self._id: Any = None
        self._id_text = "null"
        self._budget, self._second = limits.messages, 0

    async def run(self, known: tuple[Principal, str] | None) -> None:
        """Run the session. `known`: the principal and token from the request's header, if any."""
        try:
            if known is None:
                known = await asyncio.wait_for(self._hello(), self._limits.hello)
            principal, token = known
            tasks = [asyncio.create_task(self._send(principal))]
            tasks.append(asyncio.create_task(self._receive(principal)))
            if self._tokens is not None:
                tasks.append(asyncio.create_task(self._verify(self._tokens, principal, token)))
            lasts = None if principal.until is None else max(principal.until - time.time(), 0)
            try:
                done, _ = await asyncio.wait(tasks, timeout=lasts, return_when="FIRST_COMPLETED")
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
            if not done:
                raise _expired()
            for task in done:
                task.result()
        except TimeoutError:
            await self._close(Closing(errors.UNAUTHORIZED, "the client sent no token"))
        except Closing as closing:
            await self._close(closing)
        except ClosedError:
            await self._close(Closing(errors.GOING_AWAY, "the book is closed"))
        except WebSocketDisconnect:
            pass
        finally:
            self._leave()

    # -- in --

    async def _verify(self, tokens: Verifier, who: Principal, token: str) -> None:
        """End the session when its token is revoked, or its rights have changed."""
        while (now := tokens.principal(token)) is not None:
            if replace(now, until=None) != replace(who, until=None):
                break
            await asyncio.sleep(VERIFY_EVERY)
        raise Closing(errors.UNAUTHORIZED, "the token was revoked, or its rights have changed")

    async def _hello(self) -> tuple[Principal, str]:
        """Receive the first message with the token. Browsers cannot send it in a header."""
        try:
            message = await self._message()
        except RefusedError:
            raise _unknown() from None
        token = message.get("token")
        if self._tokens is None or message.get("type") != "hello" or not isinstance(token, str):
            raise _unknown()
        who = self._tokens.principal(token)
        if who is None:
            raise _unknown()
        return who, token

    async def _receive(self, who: Principal) -> None:
        while True:
            message: dict[str, Any] = {}
            try:
                message = await self._message()
                await self._answer(message, who)
            except RefusedError as error:
                self._hub.counts["refused"] += 1
                await self._text(json.dumps(error.to_json() | {"id": _id_of(message)}))

    async def _answer(self, message: dict[str, Any], who: Principal) -> None:
        kind = message.get("type")
        if kind == "ping":
            await self._text(json.dumps({"type": "pong", "id": _id_of(message)}))
        elif kind == "select":
            await self._select(message, who)
        elif kind != "hello":
            raise RefusedError("unknown_type", "type: expected select or ping")

    async def _select(self, message: dict[str, Any], who: Principal) -> None:
        """Replace the selection. If the new one is refused, the old one stays."""
        if message.get("id") is not None and _id_of(message) is None:
            raise RefusedError(
                "invalid_selection",
                "id: expected a text of at most 100 characters, or a 64-bit integer",
            )
        selection, interval = parse(message, self._limits), interval_of(message, self._limits)
        async with self._choosing:
            await self._watch(selection, interval, who)
            self._id = message.get("id")
            self._id_text = json.dumps(self._id)

    async def _watch(self, selection: Selection, interval: float, who: Principal) -> None:
        """Watch a selection. Raises RefusedError.

        If an account is removed meanwhile, the accounts are looked up again: the client may not
        have named that account.
        """
        watcher = Watcher(interval, self._limits.silence, self._told.set)
        shared = None
        while shared is None:
            directory = await self._hub.directories.now()
            accounts = directory.effective(selection.accounts, who, selection.allow_empty)
            try:
                shared = await self._hub.watch(selection, accounts, watcher)
            except RefusedError:
                if await self._hub.directories.now() is directory:
                    raise
        self._leave()
        self._shared, self._watcher = shared, watcher
        self._selection, self._accounts, self._allowed_by = selection, accounts, directory

    def _leave(self) -> None:
        if self._shared is not None and self._watcher is not None:
            self._hub.leave(self._shared, self._watcher)
        self._shared = self._watcher = None

    async def _message(self) -> dict[str, Any]:
        """Receive a message. Raises Closing if it is malformed, RefusedError if it is too large."""
        event = await self._socket.receive()
        if event["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(event.get("code", 1000))
        text = event.get("text")
        if text is None:
            raise Closing(errors.BAD_MESSAGE, "expected text, not bytes")
        if (second := int(time.monotonic())) != self._second:
            self._second, self._budget = second, self._limits.messages
        self._budget -= 1
        if self._budget < 0:
            raise Closing(errors.TOO_MANY, "too many messages in a second")
        most = self._limits.message_bytes
        if len(text.encode("utf-8", "surrogatepass")) > most:
            told = f"the selection is larger than {most} bytes: choose fewer names, or attributes"
            raise RefusedError("too_large", told)
        try:
            return read_object(text)
        except ValueError:
            raise Closing(errors.BAD_MESSAGE, "the message is not a JSON object") from None

    # -- out --

    async def _send(self, who: Principal) -> None:
        """Send the changes since the last message, each time that the hub wakes the session."""
        while True:
            await self._told.wait()
            self._told.clear()
            watcher, shared = self._watcher, self._shared
            if watcher is None or shared is None:
                continue
            # the system clock may have been set
            if who.until is not None and who.until <= time.time():
                raise _expired()
            if watcher.refused is not None:
                self._leave()
                await self._text(json.dumps(watcher.refused.to_json() | {"id": self._id}))
                continue
            if not await self._still_allowed(who) or self._watcher is not watcher:
                continue
            if not watcher.ready:
                continue
            body = shared.rows.body(watcher.take(shared.rows), shared.clock.text)
            await self._text(f'{{"id": {self._id_text}, {body.text}')
            self._hub.counts["messages"] += 1
            self._hub.counts["rows"] += body.rows

    async def _still_allowed(self, who: Principal) -> bool:
        """Check permissions again if accounts or attributes have changed since the selection."""
        if await self._hub.directories.now() is self._allowed_by:
            return True
        async with self._choosing:
            if self._selection is None or self._watcher is None:
                return True
            directory = await self._hub.directories.now()
            selection = replace(self._selection, allow_empty=True)
            try:
                accounts = directory.effective(selection.accounts, who, selection.allow_empty)
                if accounts == self._accounts:
                    self._allowed_by = directory
                else:
                    await self._watch(selection, self._watcher.interval, who)
            except RefusedError as error:
                self._leave()
                await self._text(json.dumps(error.to_json() | {"id": self._id}))
                return False
        return True

    async def _text(self, text: str) -> None:
        """Send a message. Disconnects a client that does not take it in time."""
        try:
            sending = Begun(self._socket.send_text(text))
            if not sending.done:
                async with asyncio.timeout(self._limits.slow):
                    await sending
        except TimeoutError:
            self._hub.counts["slow"] += 1
            raise Closing(errors.SLOW, "the client is too slow") from None
        except RuntimeError:  # the client has disconnected
            raise WebSocketDisconnect from None

    async def _close(self, closing: Closing) -> None:
        if self._socket.client_state is WebSocketState.CONNECTED:
            log.info("session closed: %s", closing)
            try:
                async with asyncio.timeout(1):
                    await self._socket.close(closing.code, str(closing))
            except (RuntimeError, TimeoutError, WebSocketDisconnect):
                pass
