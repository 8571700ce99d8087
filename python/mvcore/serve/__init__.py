"""The account overview as a service: an ASGI application over one book. An extra, `mvcore[serve]`.

Mount `create_app(book)` in a service of your own, or run `mvcore serve`. docs/serve.md describes
the protocol.
"""

from mvcore.serve.access import Principal, Tokens, Verifier
from mvcore.serve.app import create_app
from mvcore.serve.connections import server_settings
from mvcore.serve.jwts import JwtTokens
from mvcore.serve.limits import Limits
from mvcore.serve.listening import limit_backlog
from mvcore.serve.origin_checks import AskedByName

__all__ = [
    "AskedByName",
    "JwtTokens",
    "Limits",
    "Principal",
    "Tokens",
    "Verifier",
    "create_app",
    "limit_backlog",
    "server_settings",
]
