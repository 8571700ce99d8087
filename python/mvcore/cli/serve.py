"""`mvcore serve`: a book as a service, from files or made up."""

from __future__ import annotations

import argparse
import contextlib
import ipaddress
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

import mvcore
from mvcore.cli.files import LONG_BYTES, CommandError, Progress, total_bytes
from mvcore.cli.value import load, paths_of, read

if TYPE_CHECKING:
    from mvcore.serve import Verifier

NEEDED = ("instruments", "accounts", "holdings", "prices")
DEMO_SIZE = (200, 100)  # accounts, instruments
DEMO_TICKS = 83.3  # a second


def run(arguments: argparse.Namespace) -> int:
    """Load, then serve until Ctrl-C."""
    check(arguments)
    try:
        import uvicorn

        from mvcore.serve import Limits, create_app
    except ImportError as error:
        raise CommandError(f"{error.name} is missing: pip install 'mvcore[serve]'") from None
    tokens = tokens_of(arguments)
    limits = Limits()
    with book_of(arguments) as book:
        app = create_app(book, tokens, arguments.origin, limits)
        uvicorn.run(
            app, host=arguments.host, port=arguments.port, lifespan="off", access_log=False,
            ws="websockets-sansio", ws_max_size=limits.message_bytes,
        )  # fmt: skip
    return 0


def check(arguments: argparse.Namespace) -> None:
    """Before any work."""
    missing = [f"--{name}" for name in NEEDED if getattr(arguments, name) is None]
    if arguments.demo and len(missing) < len(NEEDED):
        raise CommandError("--demo takes no files")
    if not arguments.demo and missing:
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


def is_loopback(host: str) -> bool:
    """Of this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@contextlib.contextmanager
def book_of(arguments: argparse.Namespace) -> Iterator[mvcore.Book]:
    """From files; or made up, with ticks as long as it is served."""
    with mvcore.Book(arguments.base_currency, arguments.value_scale) as book:
        if not arguments.demo:
            paths = paths_of(arguments)
            long = total_bytes(list(paths.values())) > LONG_BYTES
            with Progress(long=long) as progress:
                load(book, read(paths, progress), paths, progress)
            yield book
            return
        done = threading.Event()
        playing = threading.Thread(target=play, args=(book, make_up(book), done))
        playing.start()
        try:
            yield book
        finally:
            done.set()
            playing.join()


def make_up(book: mvcore.Book) -> list[str]:
    """Holdings and orders of every account in every instrument, with attributes to group by."""
    from mvcore.demo import generate

    facts = generate.generate(*DEMO_SIZE)
    tables = generate.tables(facts)
    count = len(facts.accounts)
    tables["accounts"]["household"] = [f"H{k // 4:03}" for k in range(count)]
    tables["accounts"]["desk"] = [f"desk {k % 5}" for k in range(count)]
    sectors = ("energy", "finance", "health", "industry", "technology")
    tables["instruments"]["sector"] = [sectors[k % 5] for k in range(len(facts.instruments))]
    book.load(**tables)
    return facts.instruments


def play(book: mvcore.Book, instruments: list[str], done: threading.Event) -> None:
    """Prices that move a little, at a market's pace."""
    random = np.random.default_rng(1)
    prices = dict(zip(book.prices()["instrument"], book.prices()["price"], strict=True))
    cents = {name: int(prices[name] * 100) for name in instruments}
    while not done.wait(1 / DEMO_TICKS):
        name = instruments[int(random.integers(len(instruments)))]
        cents[name] = max(1, cents[name] + int(random.integers(-50, 51)))
        book.tick(name, f"{cents[name]}e-2")
