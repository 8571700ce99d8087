"""`mvcore serve`: a book as a service, from files or made up."""

from __future__ import annotations

import argparse
import contextlib
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import mvcore
from mvcore.cli.files import LONG_BYTES, CommandError, Progress, total_bytes
from mvcore.cli.value import load, paths_of, read

if TYPE_CHECKING:
    from mvcore.serve import Verifier

NEEDED = ("instruments", "accounts", "holdings", "prices")
IN_DEMO = ("USD", 8)  # the currency and the decimals of its book


def run(arguments: argparse.Namespace) -> int:
    """Load, then serve until Ctrl-C."""
    try:
        import uvicorn

        from mvcore.serve import AskedByName, Limits, create_app, limit_backlog
    except ImportError as error:
        raise CommandError(f"{error.name} is missing: pip install 'mvcore[serve]'") from None
    check(arguments)
    tokens = tokens_of(arguments)
    limits = Limits()
    with bound(arguments.host, arguments.port) as listener, book_of(arguments) as book:
        app: Any = create_app(book, tokens, arguments.origin, limits)
        if tokens is None:
            app = AskedByName(app)
        config = uvicorn.Config(
            app, lifespan="off", access_log=False,
            ws="websockets-sansio", ws_max_size=limits.message_bytes, ws_per_message_deflate=False,
        )  # fmt: skip
        limit_backlog(listener)
        print(f"Serving on http://{arguments.host}:{listener.getsockname()[1]}/", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(config).run([listener])
    return 0


def bound(host: str, port: int) -> socket.socket:
    """Before the book is loaded, which takes longer."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise CommandError(f"--host {host} --port {port}: {error.strerror}") from None
    return listener


def check(arguments: argparse.Namespace) -> None:
    """Before any work."""
    from mvcore.serve.door import is_loopback

    missing = [f"--{name}" for name in NEEDED if getattr(arguments, name) is None]
    if arguments.demo is not None:
        if len(missing) < len(NEEDED) or arguments.fx or arguments.orders:
            raise CommandError("--demo takes no files")
        if (arguments.base_currency, arguments.value_scale) != IN_DEMO:
            raise CommandError("--demo: its book is in USD with 8 decimals")
    elif missing:
        raise CommandError(f"{', '.join(missing)} or --demo wanted")
    if arguments.tokens is not None and arguments.jwt_key is not None:
        raise CommandError("--tokens and --jwt-key: one of them wanted")
    if arguments.jwt_key is None and (arguments.jwt_audience or arguments.jwt_issuer):
        raise CommandError("--jwt-audience and --jwt-issuer need --jwt-key")
    open_to_all = arguments.tokens is None and arguments.jwt_key is None
    if open_to_all and not is_loopback(arguments.host):
        raise CommandError(
            f"--host {arguments.host}: others may reach it, so --tokens or --jwt-key is needed"
        )


def tokens_of(arguments: argparse.Namespace) -> Verifier | None:
    """Who may see what."""
    from mvcore.serve import JwtTokens, Tokens

    if arguments.jwt_key is not None:
        return JwtTokens.read(arguments.jwt_key, arguments.jwt_audience, arguments.jwt_issuer)
    return None if arguments.tokens is None else Tokens.read(arguments.tokens)


@contextlib.contextmanager
def book_of(arguments: argparse.Namespace) -> Iterator[mvcore.Book]:
    """From files; or the demo's, whose prices move."""
    if arguments.demo is not None:
        from mvcore.demo import served

        with served.playing(arguments.demo or None) as book:
            yield book
        return
    paths = paths_of(arguments)
    long = total_bytes(list(paths.values())) > LONG_BYTES
    with mvcore.Book(arguments.base_currency, arguments.value_scale) as book:
        with Progress(long=long) as progress:
            load(book, read(paths, progress), paths, progress)
        yield book
