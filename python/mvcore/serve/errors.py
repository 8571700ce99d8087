"""Errors for clients: a code for programs, a message for people."""

from __future__ import annotations

from typing import Any

from mvcore.errors import Error

# WebSocket close codes (RFC 6455: 4000 to 4999 are for applications).
BAD_MESSAGE, UNAUTHORIZED, FORBIDDEN, SLOW, TOO_MANY, FULL = 4400, 4401, 4403, 4408, 4429, 4503
GOING_AWAY = 1001  # defined by RFC 6455


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
    value = error.value
    plain = value is None or isinstance(value, (str, int, bool))
    given = {"table": error.table, "column": error.column, "row": error.row}
    given["value"] = value if plain else str(value)
    return {name: fact for name, fact in given.items() if fact is not None}


def unknown(side: str, name: str) -> RefusedError:
    """The error for an unknown name. It is the same for a name that the client may not see."""
    shown = name if len(name) <= 100 else f"{name[:100]}..."
    return RefusedError(f"unknown_{side}", f"unknown {side} {shown!r}", 404)
