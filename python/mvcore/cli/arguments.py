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
            f"{text!r} is not a condition; expected a column, one of {' '.join(OPERATORS)}, and a "
            "number or a label"
        )
    return match[1], match[2], match[3] or None


def whole_number(text: str, least: int, most: int | None = None) -> int:
    """Parse a whole number between two bounds, both included. most: None is no bound."""
    expected = f"{least} or more" if most is None else f"{least} to {most}"
    try:
        number = int(text)
    except ValueError:
        number = least - 1
    if number < least or (most is not None and number > most):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of {expected}")
    return number


def real_number(text: str, least: float, most: float) -> float:
    """Parse a number between two bounds, both included. Refuses `nan`."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not least <= number <= most:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of {least:g} to {most:g}")
    return number


def count(text: str) -> int:
    """Parse a number of rows, 0 or more."""
    return whole_number(text, 0)


def positive_int(text: str) -> int:
    """Parse a count of accounts or instruments, at least 1. A book without either has no values."""
    return whole_number(text, 1)


def size(text: str) -> tuple[int, int]:
    """Parse `200x100`: accounts and instruments."""
    accounts, separator, instruments = text.partition("x")
    if not separator:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a size; expected accounts x instruments, such as 200x100"
        )
    return positive_int(accounts), positive_int(instruments)


def port(text: str) -> int:
    """Parse a TCP port. 0 means any free port."""
    return whole_number(text, 0, 65_535)


def seconds(text: str) -> float:
    """Parse a duration of at most an hour."""
    return real_number(text, 0, 3600)


def pace(text: str) -> float:
    """Parse a multiple of the file's own speed. `max` is infinity: play without waiting."""
    try:
        number = math.inf if text == "max" else float(text)
    except ValueError:
        number = math.nan
    if not number > 0 or (math.isinf(number) and text != "max"):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a speed; expected a number above 0, or max"
        )
    return number


def interval(text: str) -> float:
    """Parse the seconds between two screen updates."""
    return real_number(text, 0.01, 3600)


FILE_KINDS = (
    "Files are CSV or other delimited text (also compressed: .gz, .bz2, .zst, .lz4), Parquet, or "
    "Arrow (Feather). mvcore detects the delimiter, the encoding and the header row of text, and "
    "reports them on stderr unless they are comma, UTF-8 and line 1. Times without an offset are "
    "UTC. Order ids are integers if all of them are plain integers (7, not 007), otherwise text."
)


def add_command(
    commands: argparse._SubParsersAction[Parser], name: str, text: str, more: str
) -> Parser:
    """Add a command. text: its line in the list of commands, which begins its description."""
    described = f"{text[0].upper()}{text[1:]}. {more}"
    return commands.add_parser(name, help=text, description=described)


def add_files(parser: Parser, required: bool = True) -> Any:
    """Add the tables of a book. Returns a function that adds more files."""
    add = parser.add_argument_group("files", FILE_KINDS).add_argument
    add(
        "--instruments", required=required, metavar="FILE",
        help="columns: instrument, currency; optional: multiplier and quote_factor (default: 1), "
        "cash (true or false; default: false); any other column is an attribute",
    )  # fmt: skip
    add(
        "--accounts", required=required, metavar="FILE",
        help="columns: account; any other column is an attribute",
    )  # fmt: skip
    add(
        "--holdings", required=required, metavar="FILE",
        help="columns: account, instrument, quantity (at the start of the day)",
    )  # fmt: skip
    add(
        "--prices", required=required, metavar="FILE",
        help="columns: instrument, price; optional: time",
    )  # fmt: skip
    add(
        "--fx", metavar="FILE",
        help="columns: currency, rate; optional: method, time. With method multiply (default) the "
        "rate is the price of one unit in the base currency; with divide it is the number of units "
        "for one unit of the base currency",
    )  # fmt: skip
    add(
        "--orders", metavar="FILE",
        help="columns: order, account, instrument, order_quantity; optional: filled_quantity "
        "(default: 0), average_price (default: unknown), rolled_quantity (fills that the holdings "
        "include; default: 0), status (default: new), time",
    )  # fmt: skip
    add_reading(parser)
    return add


def add_reading(parser: Parser) -> None:
    """Add the options of `mvcore.read`, which apply to all files of the command."""
    group = parser.add_argument_group("how files are read", "These options apply to all files.")
    add = group.add_argument
    add(
        "--delimiter", type=delimiter, metavar="C",
        help="delimiter of columns: one character, or tab (default: detected)",
    )  # fmt: skip
    add("--decimal", default=".", metavar="C", help="decimal mark: . or , (default: .)")
    add("--thousands", metavar="C", help="separator of groups of three digits (default: none)")
    add(
        "--encoding", metavar="E",
        help="text encoding, such as utf-8, utf-16 or windows-1252 (default: detected)",
    )  # fmt: skip
    add(
        "--header-row", type=int, metavar="N",
        help="line with the column names, from 1 (default: detected)",
    )  # fmt: skip
    add(
        "--rename", action=Rename, default={}, metavar="OLD=NEW",
        help="name of a column in a file, and mvcore's name for it; may be repeated",
    )  # fmt: skip
    add(
        "--extra", choices=("error", "ignore"), default="error",
        help="columns that a table does not have: refuse the file or ignore them (default: error)",
    )  # fmt: skip
    add(
        "--duplicates", choices=("error", "sum"), default="error",
        help="several holdings of one account and instrument, such as tax lots: refuse the file or "
        "add them up (default: error)",
    )  # fmt: skip
    add(
        "--blank-price", choices=("error", "skip"), default="error",
        help="rows of prices and ticks without a price: refuse the file or skip them "
        "(default: error)",
    )  # fmt: skip
    add("--accounting", action="store_true", help="read (100) and 100- as -100")
    add(
        "--currency-signs", default="", metavar="SIGNS",
        help="signs that may precede or follow a number, such as '$'; they convert nothing "
        "(default: none)",
    )  # fmt: skip
    add(
        "--unknown", choices=("error", "skip"), default="error",
        help="prices of instruments that are not in the book: refuse the file, or skip them and "
        "print their number on stderr (default: error)",
    )  # fmt: skip


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
            parser.error(f"argument --rename: {old!r} is renamed twice")
        setattr(namespace, self.dest, {**held, old: new})


def add_query(parser: Parser, more_measures: str = "") -> Any:
    """Add the options of groups and measures. Returns a function that adds more of them."""
    add = parser.add_argument_group("what to value").add_argument
    add(
        "--by", type=names_list, default=("account",), metavar="A,B",
        help="group by account, instrument, currency or attributes; '' is the grand total "
        "(default: account)",
    )  # fmt: skip
    add(
        "--measures", type=names_list, default=MEASURES, metavar="A,B",
        help="amounts to print: sod (start of day), current (with today's fills), expected (also "
        f"with open orders){more_measures} (default: sod,current,expected)",
    )  # fmt: skip
    return add


def add_amounts(parser: Parser, local: str) -> None:
    """Add the options of amounts. local: what the currency "local" does, for the help."""
    add = parser.add_argument_group("amounts").add_argument
    add(
        "--currency", metavar="C",
        help=f"currency of the amounts; local: {local}; account.ATTRIBUTE: the currency that the "
        "account has as this attribute (default: the base currency)",
    )  # fmt: skip
    add(
        "--base-currency", default="USD", metavar="C",
        help="currency that fx rates convert to (default: USD)",
    )  # fmt: skip
    add(
        "--value-scale", type=int, default=8, metavar="N",
        help="decimals of the amounts, rounded half to even (default: 8)",
    )  # fmt: skip
    add_cash(add, "off")


def add_page(parser: Parser, conditions: str) -> None:
    """Add the options of a page of rows. conditions: examples, for the help."""
    add = parser.add_argument_group("which rows").add_argument
    add(
        "--where", type=condition, action="append", metavar="CONDITION",
        help=f"print only rows that meet the condition, such as {conditions}. May be repeated: "
        "rows must meet all",
    )  # fmt: skip
    add(
        "--sort", type=names_list, metavar="A,B",
        help="sort rows by these columns; --sort=-current is descending, --sort='-abs(current)' "
        "compares absolute values (default: the book's order)",
    )  # fmt: skip
    add("--limit", type=count, metavar="N", help="print at most N rows (default: all)")
    add("--offset", type=count, default=0, metavar="N", help="skip the first N rows (default: 0)")


def add_output(parser: Parser) -> None:
    """Add the options of the output."""
    add = parser.add_argument_group("output").add_argument
    add(
        "--output", choices=("table", "csv", "parquet", "json"),
        help=f"format (default: by the ending of --out, otherwise table); {TEXT_AMOUNTS}",
    )  # fmt: skip
    add("--out", metavar="FILE", help="file to write (default: standard output)")


def add_cash(add: Callable[..., object], default: str) -> None:
    """Add the options for cash from fills. default: the setting without the option, for the
    help."""
    add(
        "--cash", choices=("from_fills",),
        help="from_fills: each order with an average price moves the account's cash, in the "
        f"currency of its instrument (default: {default})",
    )  # fmt: skip
    add(
        "--cash-scale", type=int, metavar="N",
        help="decimals of cash from fills (default: the minor units of the currency, ISO 4217)",
    )  # fmt: skip


ONE_ROW_EACH = "one row for each currency"
TEXT_AMOUNTS = "json has amounts as text, to keep every digit"


def add_value(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add `mvcore value`: value a book from files."""
    parser = add_command(
        commands, "value", "value a book from files and print the amounts",
        "Each row has the amounts of one account, or of one group of any other grouping.",
    )  # fmt: skip
    add = add_files(parser)
    add(
        "--ticks", metavar="FILE",
        help="columns: instrument, price; optional: time. Applied in the order of the file",
    )  # fmt: skip
    add = add_query(
        parser,
        "; if --by names instrument, also sod_quantity, current_quantity, expected_quantity, price",
    )
    add("--rollup", action="store_true", help="add subtotals for every prefix of --by")
    add_amounts(parser, ONE_ROW_EACH)
    add_page(
        parser,
        "'current>1000', 'abs(current)>=5' or 'desk!=d1'; 'desk=' selects rows without a desk",
    )
    add_output(parser)


def add_positions(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add `mvcore positions`: list the positions of a book from files."""
    parser = add_command(
        commands, "positions", "list the positions of a book from files",
        "Each row has the quantities, the price and the amounts of one account in one instrument.",
    )  # fmt: skip
    add = add_files(parser)
    add(
        "--ticks", metavar="FILE",
        help="columns: instrument, price; optional: time. Applied in the order of the file",
    )  # fmt: skip
    add_amounts(parser, "the currency of the instrument")
    add_page(parser, "'current>1000', 'abs(sod_quantity)>=5' or 'account=A1'")
    add_output(parser)


def add_watch(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add `mvcore watch`: play a file of events and show the amounts live."""
    parser = add_command(
        commands, "watch", "play a file of events into a book and show the amounts live",
        "In a terminal, a table shows the amounts while the events are played. At the end, or at "
        "Ctrl-C (exit status 130), watch prints the last amounts to standard output.",
    )  # fmt: skip
    add = add_files(parser)
    add(
        "--events", required=True, metavar="FILE",
        help="columns: time; optional: kind (tick, order or holding; without this column all rows "
        "are ticks). A tick needs instrument, price. An order needs order, account, instrument, "
        "order_quantity; optional: filled_quantity (default: 0), average_price (default: unknown), "
        "status (default: new). A holding needs account, instrument, quantity. All other cells "
        "must be empty. Each row of an order states the whole order. An event that is earlier than "
        "a previous one is played at once; a late price or order has no effect",
    )  # fmt: skip
    add_query(parser)
    add_amounts(parser, ONE_ROW_EACH)
    add = parser.add_argument_group("how to play and show the events").add_argument
    add(
        "--book", metavar="FOLDER",
        help="keep the book in this folder. A new book starts from the files; an existing book "
        "resumes after the last event of this file that it has. Name, columns and first event "
        "identify a file, which may have grown (default: in memory)",
    )  # fmt: skip
    add(
        "--speed", type=pace, default=1.0, metavar="N",
        help="multiple of real time; max plays without waiting (default: 1)",
    )  # fmt: skip
    add(
        "--interval", type=interval, default=0.5, metavar="S",
        help="seconds between two updates of the screen, 0.01 to 3600 (default: 0.5)",
    )  # fmt: skip
    add(
        "--sort", metavar="COLUMN",
        help="sort rows by this column: numbers in descending order, names in ascending order "
        "(default: the book's order)",
    )  # fmt: skip
    add("--top", type=positive_int, metavar="N", help="show only the first N rows (default: all)")
    add(
        "--output", choices=("table", "csv", "json"), default="table",
        help=f"format of the last amounts (default: table); {TEXT_AMOUNTS}",
    )  # fmt: skip


def add_serve(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add `mvcore serve`: serve a book over HTTP."""
    parser = add_command(
        commands, "serve", "serve a book over HTTP and WebSocket",
        "It has a page for browsers, and accepts ticks and facts (docs/serve.md). It needs "
        "pip install 'mvcore[serve]'.",
    )  # fmt: skip
    add_files(parser, required=False)
    add = parser.add_argument_group("the book").add_argument
    add(
        "--demo", nargs="?", type=size, const=(), metavar="AxI",
        help="serve the book of mvcore demo, with moving prices, instead of files. AxI: accounts x "
        "instruments, such as 200x100 (default: as many as memory allows)",
    )  # fmt: skip
    add(
        "--book", metavar="FOLDER",
        help="keep the book in this folder, so that accepted facts survive a restart. A new book "
        "starts from the files; an existing book continues without them (default: in memory)",
    )  # fmt: skip
    add(
        "--base-currency", metavar="C",
        help="currency that fx rates convert to (default: the book's, or USD)",
    )  # fmt: skip
    add(
        "--value-scale", type=int, metavar="N",
        help="decimals of the amounts, rounded half to even (default: the book's, or 8)",
    )  # fmt: skip
    add_cash(add, "the book's, or off")
    add = parser.add_argument_group("the service").add_argument
    add(
        "--host", default="127.0.0.1",
        help="address to listen on; an address that other machines can reach needs --tokens or "
        "--jwt-key (default: 127.0.0.1)",
    )  # fmt: skip
    add("--port", type=port, default=8000, help="TCP port; 0: any free port (default: 8000)")
    add(
        "--per-address", type=positive_int, default=500, metavar="N",
        help="connections from one address; those through a proxy all have the proxy's address "
        "(default: 500)",
    )  # fmt: skip
    add(
        "--tokens", metavar="FILE",
        help="JSON file of tokens and what each may see and write (default: everybody may see and "
        "write everything)",
    )  # fmt: skip
    add(
        "--jwt-key", metavar="FILE",
        help="accept JSON Web Tokens instead of --tokens, verified by this public key (PEM), set "
        "of keys (JWK) or secret",
    )  # fmt: skip
    add("--jwt-audience", metavar="A", help="required audience of JSON Web Tokens (claim aud)")
    add("--jwt-issuer", metavar="I", help="required issuer of JSON Web Tokens (claim iss)")
    add(
        "--origin", action="append", default=[], metavar="URL",
        help="origin of other web pages that may open the WebSocket; may be repeated (default: "
        "only the service's own page)",
    )  # fmt: skip


def add_inspect(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add `mvcore inspect`: inspect the folder of a durable book."""
    parser = add_command(
        commands, "inspect", "check the checkpoints and the journal of a book in a folder",
        "The book may be open at the same time. Exit status 1: a file is damaged, missing or of "
        "another book; 2: the folder has no book.",
    )  # fmt: skip
    parser.add_argument("path", metavar="FOLDER", help="folder of the book")


def add_export(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add `mvcore export`: export the tables of a durable book to files."""
    parser = add_command(
        commands, "export", "write the tables of a book in a folder to files",
        "The tables are accounts, instruments, fx, prices, holdings and orders, all at one epoch. "
        "The book may be open at the same time.",
    )  # fmt: skip
    add = parser.add_argument
    add("path", metavar="FOLDER", help="folder of the book")
    add("--to", required=True, choices=("parquet", "csv"), help="format of the files")
    add(
        "--out", required=True, metavar="OUT",
        help="folder for the files, one for each table, such as OUT/holdings.csv",
    )  # fmt: skip


def add_demo(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add `mvcore demo`: the proof on real facts, then a brokerage's book live."""
    parser = add_command(
        commands, "demo", "compare amounts with published ones, then run a whole brokerage's book",
        "The proof replays the fills of a real account and compares its amounts with published "
        "amounts on 1,506 days. The run then measures a book with prices, orders and checkpoints, "
        "and checks every answer. Exit status 1: an amount is wrong.",
    )  # fmt: skip
    add = parser.add_argument
    book = "of the book (default: as many as memory allows)"
    add("--accounts", type=positive_int, metavar="N", help=f"accounts {book}")
    add("--instruments", type=positive_int, metavar="N", help=f"instruments {book}")
    add(
        "--seconds", type=seconds, metavar="S",
        default=os.environ.get("MVCORE_DEMO_SECONDS", "10"),
        help="seconds of prices and orders at a market's pace, 0 to 3600 (default: "
        "$MVCORE_DEMO_SECONDS, or 10)",
    )  # fmt: skip
    add("--proof-only", action="store_true", help="run only the proof")


def build_parser() -> Parser:
    """The parser of the whole command line. Commands are in the order of `--help`."""
    parser = Parser(
        prog="mvcore",
        description="The live market value of a whole brokerage, exact to the last digit.",
        epilog="`mvcore COMMAND --help` lists the options of a command. Exit status 2: the input "
        "or an argument is wrong; a line on stderr says what and why.",
    )
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
