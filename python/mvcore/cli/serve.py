"""`mvcore serve`: serves a book from files, from a folder or from the demo."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import mvcore
from mvcore.cli.files import LONG_BYTES, CommandError, Progress, total_bytes
from mvcore.cli.value import load, paths_of, read

if TYPE_CHECKING:
    from mvcore.serve import Verifier

NEEDED = ("instruments", "accounts", "holdings", "prices")
IN_DEMO = ({None, "USD"}, {None, 8})  # the base currency and value scale of the demo's book


def run(arguments: argparse.Namespace) -> int:
    """Load the book, then serve until Ctrl-C or SIGTERM, which close it."""
    try:
        import uvicorn

        from mvcore.serve import AskedByName, Limits, create_app, limit_backlog, server_settings
    except ImportError as error:
        raise CommandError(
            f"mvcore serve needs {error.name}: run pip install 'mvcore[serve]'"
        ) from None
    check(arguments)
    tokens = tokens_of(arguments)
    limits = Limits(per_address=arguments.per_address)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with bound(arguments.host, arguments.port) as listener, book_of(arguments) as book:
        app: Any = create_app(book, tokens, arguments.origin, limits)
        if tokens is None:
            app = AskedByName(app)
        config = uvicorn.Config(app, lifespan="off", access_log=False, **server_settings(limits))
        limit_backlog(listener)
        listener.listen()  # from now on connections are queued until the server starts
        print(f"Serving on http://{arguments.host}:{listener.getsockname()[1]}/", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(config).run([listener])
    return 0


def bound(host: str, port: int) -> socket.socket:
    """Bind the socket. Done before the book is loaded, so that a busy port fails early."""
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
    """Check the options before any work."""
    from mvcore.serve.origin_checks import is_loopback

    missing = [f"--{name}" for name in NEEDED if getattr(arguments, name) is None]
    if arguments.demo is not None:
        if paths_of(arguments) or arguments.book:
            raise CommandError("--demo: its book needs neither files nor --book; omit them")
        if arguments.base_currency not in IN_DEMO[0] or arguments.value_scale not in IN_DEMO[1]:
            raise CommandError(
                "--demo: its book is in USD with 8 decimals; omit --base-currency and --value-scale"
            )
        if arguments.cash is not None or arguments.cash_scale is not None:
            raise CommandError(
                "--demo: its book has no cash from fills; omit --cash and --cash-scale"
            )
    elif missing and not (arguments.book and os.path.isdir(arguments.book)):
        raise CommandError(f"no book to serve; add {', '.join(missing)}, or only --demo")
    if arguments.tokens is not None and arguments.jwt_key is not None:
        raise CommandError("--tokens and --jwt-key exclude each other; use one of them")
    if arguments.jwt_key is None and (arguments.jwt_audience or arguments.jwt_issuer):
        raise CommandError("--jwt-audience and --jwt-issuer need --jwt-key")
    open_to_all = arguments.tokens is None and arguments.jwt_key is None
    if open_to_all and not is_loopback(arguments.host):
        raise CommandError(
            f"--host {arguments.host}: other machines may reach this address; add --tokens or "
            "--jwt-key"
        )


def tokens_of(arguments: argparse.Namespace) -> Verifier | None:
    """The verifier of tokens. None if the service needs none."""
    from mvcore.serve import JwtTokens, Tokens

    if arguments.jwt_key is not None:
        return JwtTokens.read(arguments.jwt_key, arguments.jwt_audience, arguments.jwt_issuer)
    return None if arguments.tokens is None else Tokens.read(arguments.tokens)


@contextlib.contextmanager
def book_of(arguments: argparse.Namespace) -> Iterator[mvcore.Book]:
    """Open the book from a folder, from files, or from the demo.

    Print whether facts are durable.
    """
    cash: dict[str, Any] = {"cash": arguments.cash, "cash_scale": arguments.cash_scale}
    if arguments.book is not None:
        base, scale = arguments.base_currency, arguments.value_scale
        with mvcore.open(arguments.book, base, scale, **cash) as book:
            begin(book, arguments)
            yield book
        return
    print(
        "Facts are kept in memory only and lost when the service ends; --book keeps them in a "
        "folder.",
        flush=True,
    )
    if arguments.demo is not None:
        from mvcore.demo import served

        with served.playing(arguments.demo or None) as book:
            yield book
        return
    base, scale = arguments.base_currency, arguments.value_scale
    with mvcore.Book(base or "USD", 8 if scale is None else scale, **cash) as book:
        load_files(book, arguments)
        yield book


def begin(book: mvcore.Book, arguments: argparse.Namespace) -> None:
    """Load the files into a new book. A book that has facts keeps them."""
    if book.epoch == 0:
        missing = [f"--{name}" for name in NEEDED if getattr(arguments, name) is None]
        if missing:
            raise CommandError(
                f"--book {arguments.book}: the book is empty; add {', '.join(missing)}"
            )
        load_files(book, arguments)
    elif paths_of(arguments):
        print(f"The book continues at epoch {book.epoch}; the files are not read.", flush=True)
    else:
        print(f"The book continues at epoch {book.epoch}.", flush=True)


def load_files(book: mvcore.Book, arguments: argparse.Namespace) -> None:
    """Load all tables in one batch."""
    paths = paths_of(arguments)
    long = total_bytes(list(paths.values())) > LONG_BYTES
    with Progress(long=long) as progress:
        load(book, read(paths, arguments, progress), progress)
