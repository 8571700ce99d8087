"""The options of the commands, and their allowed values."""

from __future__ import annotations

import argparse
import math
import os
import re
from collections.abc import Callable
from typing import Any, NoReturn

import mvcore
from mvcore.cli.files import CommandError
from mvcore.query.measures import MEASURES
from mvcore.query.result_page import OPERATORS


class Parser(argparse.ArgumentParser):
    """An argparse parser whose errors are one line: the usage text would hide the reason.

    Options cannot be abbreviated: `--out` and `--output` are too similar to guess.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        """Raise an error that says what is wrong and names the help. The exit status becomes 2."""
        raise CommandError(f"{message} (see {self.prog} --help)")


def names_list(text: str) -> tuple[str, ...]:
    """`a, b` as a tuple. Empty text is the empty tuple, which `--by` takes as the grand total."""
    return tuple(name.strip() for name in text.split(",")) if text.strip() else ()


def condition(text: str) -> tuple[str, str, str | None]:
    """Parse a condition on rows: a column, an operator, and a number or a label."""
    match = re.fullmatch(r"\s*(.+?)\s*(<=|>=|!=|<|>|==?)\s*(.*?)\s*", text, re.DOTALL)
    if match is None:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no condition; expected a column, one of {' '.join(OPERATORS)}, and a "
            "number or a label"
        )
    return match[1], match[2], match[3] or None


def count(text: str) -> int:
    """Parse a number of rows, 0 or more."""
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text} is negative")
    return number


def positive_int(text: str) -> int:
    """Parse a count of accounts or instruments, at least 1. A book without either has no values."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return number


def size(text: str) -> tuple[int, int]:
    """Parse `200x100`: accounts and instruments."""
    accounts, _, instruments = text.partition("x")
    return positive_int(accounts), positive_int(instruments)


def port(text: str) -> int:
    """Parse a TCP port. 0 means any free port."""
    number = int(text)
    if not 0 <= number <= 65_535:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 65535")
    return number


def seconds(text: str) -> float:
    """Parse a duration of at most an hour. Refuses `inf` and `nan`."""
    number = float(text)
    if not 0 <= number <= 3600:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 3600")
    return number


def pace(text: str) -> float:
    """Parse a multiple of the file's own speed. `max` is infinity: play without waiting."""
    number = math.inf if text == "max" else float(text)
    if not number > 0 or (math.isinf(number) and text != "max"):
        raise argparse.ArgumentTypeError(f"{text} is neither a positive number nor max")
    return number


def interval(text: str) -> float:
    """Parse the seconds between two screen updates, at least 0.01."""
    number = float(text)
    if not 0.01 <= number <= 3600:
        raise argparse.ArgumentTypeError(f"{text} is not between 0.01 and 3600")
    return number


FILE_KINDS = (
    "Files are CSV or any delimited text (also compressed), Parquet, or Arrow/Feather, known by "
    "their ending. Delimiter, encoding and header row of a text are detected; what is not a comma, "
    "UTF-8 or the first line is told on stderr. Ids of "
    "orders are integers where the column is one; in CSV, where every id is a plain 64-bit integer "
    "(7, not 007); else texts."
)


def add_files(parser: Parser, required: bool = True) -> Any:
    """Add the tables of a book. Returns a function that adds more files."""
    add = parser.add_argument_group("files").add_argument
    add(
        "--instruments",
        required=required,
        metavar="FILE",
        help="instrument, currency, multiplier, quote_factor, cash, attributes",
    )
    add("--accounts", required=required, metavar="FILE", help="account, attributes")
    add("--holdings", required=required, metavar="FILE", help="account, instrument, quantity")
    add("--prices", required=required, metavar="FILE", help="instrument, price, time")
    add("--fx", metavar="FILE", help="currency, rate, method (multiply or divide)")
    add(
        "--orders",
        metavar="FILE",
        help="order, account, instrument, order_quantity, filled_quantity, average_price, "
        "rolled_quantity, status, time",
    )
    add_reading(parser)
    return add


def add_reading(parser: Parser) -> None:
    """Add the options of `mvcore.read`, which apply to all files of the command."""
    add = parser.add_argument_group("how files are read").add_argument
    add("--delimiter", type=delimiter, metavar="C", help="one character, or tab")
    add("--decimal", default=".", metavar="C", help="the decimal mark, . or , (default: .)")
    add("--thousands", metavar="C", help="what separates thousands (default: nothing)")
    add("--encoding", metavar="E", help="utf-8, utf-16, windows-1252, ...")
    add("--header-row", type=int, metavar="N", help="the line with the names of the columns")
    add(
        "--rename",
        action=Rename,
        default={},
        metavar="OLD=NEW",
        help="a column's name in a file and its name for mvcore; may be repeated",
    )
    add(
        "--extra",
        choices=("error", "ignore"),
        default="error",
        help="columns that a table does not have (default: error)",
    )
    add(
        "--duplicates",
        choices=("error", "sum"),
        default="error",
        help="holdings of one account and instrument, such as tax lots (default: error)",
    )
    add(
        "--blank-price",
        choices=("error", "skip"),
        default="error",
        help="rows of prices and ticks without a price (default: error)",
    )
    add("--accounting", action="store_true", help="(100) and 100- are -100")
    add(
        "--currency-signs",
        default="",
        metavar="SIGNS",
        help="signs that may stand before or after a number, such as '$'",
    )
    add(
        "--unknown",
        choices=("error", "skip"),
        default="error",
        help="prices of instruments that are not in the book; skip counts them on stderr "
        "(default: error)",
    )


def delimiter(text: str) -> str:
    """Parse a delimiter. A tab may be written as `tab`, because shells make it hard to type."""
    return "\t" if text in ("tab", "\\t") else text


class Rename(argparse.Action):
    """Collects `OLD=NEW` options in a dict."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option: Any = None) -> None:
        old, _, new = values.rpartition("=")
        held = getattr(namespace, self.dest)
        if not old or not new:
            parser.error(f"argument --rename: {values!r} is not OLD=NEW")
        if old in held:
            parser.error(f"argument --rename: {old!r} is there twice")
        setattr(namespace, self.dest, {**held, old: new})


def add_question(parser: Parser) -> Any:
    """Add the options that say what to value. Returns a function that adds more of them."""
    add = parser.add_argument_group("what to value").add_argument
    add(
        "--by",
        type=names_list,
        default=("account",),
        metavar="A,B",
        help="account, instrument, currency, attributes; '' is the grand total (default: account)",
    )
    add(
        "--measures",
        type=names_list,
        default=MEASURES,
        metavar="A,B",
        help="out of sod, current, expected (default: all three)",
    )
    return add


def add_amounts(parser: Parser, local: str) -> None:
    """Add the options of amounts. local: what the currency "local" does, for the help."""
    add = parser.add_argument_group("amounts").add_argument
    add(
        "--currency",
        metavar="C",
        help=f"currency of the amounts, or local for {local} (default: the base)",
    )
    add("--base-currency", default="USD", metavar="C", help="what fx rates lead to (default: USD)")
    add(
        "--value-scale",
        type=int,
        default=8,
        metavar="N",
        help="decimals that amounts are rounded to, half even (default: 8)",
    )
    add_cash(add, "off")


def add_page(parser: Parser, conditions: str) -> None:
    """Add the options of a page of rows. conditions: examples, for the help."""
    add = parser.add_argument_group("which rows").add_argument
    add(
        "--where", type=condition, action="append", metavar="CONDITION",
        help=f"only rows that meet it, such as {conditions}. May be repeated",
    )  # fmt: skip
    add(
        "--sort", type=names_list, metavar="A,B",
        help="columns to sort the rows by. Write --sort=-current for descending, "
        "--sort='-abs(current)' for absolute values",
    )  # fmt: skip
    add("--limit", type=count, metavar="N", help="at most N rows")
    add("--offset", type=count, default=0, metavar="N", help="leave out the first N rows")


def add_output(parser: Parser) -> None:
    """Add the options of the output."""
    add = parser.add_argument_group("output").add_argument
    add(
        "--output",
        choices=("table", "csv", "parquet", "json"),
        help="format (default: by the ending of --out, else table); json has amounts as text, so "
        "that no digit is lost",
    )
    add("--out", metavar="FILE", help="file to write (default: standard output)")


def add_cash(add: Callable[..., object], default: str) -> None:
    """Add the options for cash from fills. default: the setting without the option, for the
    help."""
    add(
        "--cash", choices=("from_fills",),
        help="from_fills: the average price of fills moves the account's cash, which is its "
        f"position in the instrument of that currency with cash true (default: {default})",
    )  # fmt: skip
    add(
        "--cash-scale", type=int, metavar="N",
        help="decimals that the cost of fills is rounded to (default: by currency, ISO 4217)",
    )  # fmt: skip


def add_value(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add `mvcore value`: value a book from files."""
    text = "value the book in files and print the amounts by account or any other grouping"
    parser = commands.add_parser("value", help=text, description=f"{text}. {FILE_KINDS}")
    add = add_files(parser)
    add("--ticks", metavar="FILE", help="instrument, price, time: applied in the file's order")
    add = add_question(parser)
    add("--rollup", action="store_true", help="subtotals of every prefix of --by as well")
    add_amounts(parser, "one row a currency")
    add_page(
        parser,
        "'current>1000', 'abs(current)>=5' or 'desk!=d1'; 'desk=' selects rows without a label",
    )
    add_output(parser)


def add_positions(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add `mvcore positions`: list the positions of a book from files."""
    text = "list the positions of the book in files: quantities, price and amounts"
    parser = commands.add_parser("positions", help=text, description=f"{text}. {FILE_KINDS}")
    add = add_files(parser)
    add("--ticks", metavar="FILE", help="instrument, price, time: applied in the file's order")
    add_amounts(parser, "the instrument's")
    add_page(parser, "'current>1000', 'abs(sod_quantity)>=5' or 'account=A1'")
    add_output(parser)


def add_watch(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add `mvcore watch`: play a file of events and show the amounts live."""
    text = "play a file of ticks and facts under a live view of the amounts"
    more = (
        "At the end, or at Ctrl-C (exit status 130), the last amounts are printed; where standard "
        "output is no terminal, only they are."
    )
    parser = commands.add_parser("watch", help=text, description=f"{text}. {more} {FILE_KINDS}")
    add = add_files(parser)
    add(
        "--events",
        required=True,
        metavar="FILE",
        help="time, kind (tick, order or holding; all are ticks where the column is missing), and "
        "for a tick instrument, price; for an order order, account, instrument, order_quantity, "
        "filled_quantity (empty: 0), average_price (empty: unknown), status (empty: new); "
        "for a holding account, instrument, quantity. What is not of the kind is empty. An order "
        "is stated whole. An event earlier than one before it is played at once; prices and "
        "orders that are late change nothing",
    )
    add_question(parser)
    add_amounts(parser, "one row a currency")
    add = parser.add_argument_group("how to play and show it").add_argument
    add(
        "--book",
        metavar="FOLDER",
        help="the book lives in this folder: it is begun with the files where it is new, and "
        "goes on after the last event that it has of this file, however it was ended; a file is "
        "known by its name, its columns and its first event, and may have grown "
        "(default: in memory)",
    )
    add(
        "--speed",
        type=pace,
        default=1.0,
        metavar="N",
        help="1 is the pace of the times, 60 a minute a second, max as fast as it goes "
        "(default: 1)",
    )
    add(
        "--interval",
        type=interval,
        default=0.5,
        metavar="S",
        help="seconds between two pictures (default: 0.5)",
    )
    add(
        "--sort",
        metavar="COLUMN",
        help="numbers from the largest, names from the first (default: the book's order)",
    )
    add("--top", type=positive_int, metavar="N", help="only the first N rows (default: all)")
    add(
        "--output",
        choices=("table", "csv", "json"),
        default="table",
        help="format of the last amounts (default: table); json has them as text",
    )


def add_serve(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add `mvcore serve`: serve a book over HTTP."""
    text = "serve the book in files over HTTP and WebSocket"
    more = "It takes ticks and facts over HTTP (docs/serve.md); needs mvcore[serve]."
    parser = commands.add_parser("serve", help=text, description=f"{text}. {more} {FILE_KINDS}")
    add_files(parser, required=False)
    add = parser.add_argument_group("the book").add_argument
    add(
        "--demo", nargs="?", type=size, const=(), metavar="AxI",
        help="the book of mvcore demo, its prices moving, instead of files; AxI: so many accounts "
        "and instruments (default: as many as memory allows)",
    )  # fmt: skip
    add(
        "--book", metavar="FOLDER",
        help="the book lives in this folder, so that accepted facts survive; a new book begins "
        "with the files, an old one goes on without them (default: in memory)",
    )  # fmt: skip
    add("--base-currency", metavar="C", help="what fx rates lead to (default: the book's, or USD)")
    add(
        "--value-scale", type=int, metavar="N",
        help="decimals of amounts (default: the book's, or 8)",
    )  # fmt: skip
    add_cash(add, "the book's, or off")
    add = parser.add_argument_group("the service").add_argument
    add("--host", default="127.0.0.1", help="address (default: 127.0.0.1, this machine only)")
    add("--port", type=port, default=8000, help="port (default: 8000)")
    add(
        "--per-address", type=positive_int, default=500, metavar="N",
        help="connections from one address; all behind a proxy have its own (default: 500)",
    )  # fmt: skip
    add("--tokens", metavar="FILE", help="who may see what; without it, everybody everything")
    add(
        "--jwt-key", metavar="FILE",
        help="or what verifies JSON Web Tokens: a public key (PEM), a set of keys (JWK), a secret",
    )  # fmt: skip
    add("--jwt-audience", metavar="A", help="whom these tokens are for (their claim aud)")
    add("--jwt-issuer", metavar="I", help="who makes these tokens (their claim iss)")
    add(
        "--origin", action="append", default=[], metavar="URL",
        help="of pages that may open the WebSocket besides its own; may be repeated",
    )  # fmt: skip


def add_inspect(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add `mvcore inspect`: inspect the folder of a durable book."""
    text = "tell what checkpoints a book's folder has, and whether they and the journal are whole"
    more = (
        "Exit status 1 where something is damaged, missing or of another book, 2 where there is no "
        "book. The book may be open meanwhile."
    )
    parser = commands.add_parser("inspect", help=text, description=f"{text}. {more}")
    parser.add_argument("path", metavar="PATH", help="the folder of the book")


def add_export(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add `mvcore export`: export the tables of a durable book to files."""
    text = "write accounts, instruments, fx, prices, holdings and orders of a book in a folder"
    more = "All are of one epoch. The book may be open meanwhile."
    parser = commands.add_parser("export", help=text, description=f"{text}. {more}")
    add = parser.add_argument
    add("path", metavar="PATH", help="the folder of the book")
    add("--to", required=True, choices=("parquet", "csv"), help="format")
    add("--out", required=True, metavar="FOLDER", help="where to write <table>.parquet or .csv")


def add_demo(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add `mvcore demo`: the proof on real facts, then a brokerage's book live."""
    text = "prove the figures of a real account, then value a whole brokerage's book live"
    parser = commands.add_parser("demo", help=text, description=text + ".")
    add = parser.add_argument
    add("--accounts", type=positive_int, metavar="N", help="default: as many as memory allows")
    add("--instruments", type=positive_int, metavar="M", help="default: as many as memory allows")
    add(
        "--seconds",
        type=seconds,
        metavar="S",
        default=os.environ.get("MVCORE_DEMO_SECONDS", "10"),
        help="length of the paced run (default: 10, or $MVCORE_DEMO_SECONDS)",
    )
    add("--proof-only", action="store_true", help="only the proof")


def build_parser() -> Parser:
    """The parser of the whole command line. Commands are in the order of `--help`."""
    parser = Parser(prog="mvcore", description="The live market value of a whole brokerage, exact.")
    parser.add_argument("--version", action="version", version=f"mvcore {mvcore.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    add_value(commands)
    add_positions(commands)
    add_watch(commands)
    add_serve(commands)
    add_inspect(commands)
    add_export(commands)
    add_demo(commands)
    return parser
