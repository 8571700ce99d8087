"""Errors for clients: a code for programs, a message for people."""

from __future__ import annotations

import logging
from typing import Any

from mvcore.errors import ClosedError, Error, InvalidInput, UnknownId, ValueOverflow, shown

log = logging.getLogger("mvcore.serve")

# WebSocket close codes (RFC 6455: 4000 to 4999 are for applications).
BAD_MESSAGE, UNAUTHORIZED, FORBIDDEN, SLOW, TOO_MANY, FULL = 4400, 4401, 4403, 4408, 4429, 4503
GOING_AWAY = 1001  # defined by RFC 6455
MOST_SHOWN = 100  # characters of a client's text in an answer


class RefusedError(Exception):
    """A refused request. `code` is one of docs/serve.md; `status` is an HTTP status."""

    def __init__(
        self, code: str, message: str, status: int = 400, about: Error | None = None
    ) -> None:
        """about: the library's error, if there is one."""
        super().__init__(message)
        self.code, self.status = code, status
        self._place = {} if about is None else place_of(about)

    def to_json(self) -> dict[str, Any]:
        return {"type": "error", "code": self.code, "message": str(self)} | self._place


def place_of(error: Error) -> dict[str, Any]:
    """The facts of an error that apply: `table`, `column`, `row` and `value`."""
    facts = (error.table, error.column, error.row, error.value)
    named = zip(("table", "column", "row", "value"), map(_short, facts), strict=True)
    return {name: fact for name, fact in named if fact is not None}


def refusal(error: Error, code: str, status: int = 400) -> RefusedError:
    """The answer about an error of the library.

    If the input is wrong, it has this code and status, and the library's message without similar
    names. Any other error is a failure of the service. Its message may name folders of the disk, so
    only the log has it.
    """
    if isinstance(error, UnknownId | InvalidInput | ValueOverflow):
        code = "too_many_rows" if error.column == "max_rows" else code
        return RefusedError(code, str(error.args[0]) if error.args else code, status, about=error)
    if isinstance(error, ClosedError):
        return RefusedError("closed", "the book is closed", 503)
    log.error("a request failed: %s: %s", type(error).__name__, error)
    return RefusedError("failed", "the service failed; its log says why", 503)


def _short(fact: Any) -> Any:
    """The fact as JSON has it: a number that fits 64 bits, or a text of 100 characters."""
    if fact is None or isinstance(fact, bool):
        return fact
    if hasattr(fact, "__index__") and -(2**63) <= fact < 2**63:
        return int(fact)
    text = fact if isinstance(fact, str) else shown(fact)
    text = text.encode(errors="backslashreplace").decode()  # lone surrogates
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}..."


def unknown(side: str, name: str) -> RefusedError:
    """The error for an unknown name. It is the same for a name that the client may not see."""
    short = name if len(name) <= MOST_SHOWN else f"{name[:MOST_SHOWN]}..."
    return RefusedError(f"unknown_{side}", f"unknown {side} {short!r}", 404)
