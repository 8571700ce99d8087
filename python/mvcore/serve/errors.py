"""What a client is refused with: a code for programs, a message for people."""

from __future__ import annotations

# Close codes of the WebSocket (RFC 6455: 4000 to 4999 are an application's own).
BAD_MESSAGE, UNAUTHORIZED, FORBIDDEN, SLOW, TOO_MANY, FULL = 4400, 4401, 4403, 4408, 4429, 4503
GOING_AWAY = 1001  # RFC 6455's


class RefusedError(Exception):
    """`code` is one of those in docs/serve.md; `status` is HTTP's."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.status = code, status

    def to_json(self) -> dict[str, str]:
        return {"type": "error", "code": self.code, "message": str(self)}


def unknown(side: str, name: str) -> RefusedError:
    """Also where the name is one that the client may not see."""
    shown = name if len(name) <= 100 else f"{name[:100]}..."
    return RefusedError(f"unknown_{side}", f"unknown {side} {shown!r}", 404)
