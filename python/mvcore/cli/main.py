"""Arguments in, exit status out: the one place where errors become a line and a status."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import mvcore
from mvcore.cli.files import CommandError
from mvcore.cli.render import printable

EXIT_USER_ERROR = 2
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141


class Parser(argparse.ArgumentParser):
    """argparse whose errors are one line: its usage text, six lines here, hides the reason.

    Options are written out: `--out` and `--output` are too close for guesses.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and where to look it up, then leave with status 2."""
        raise CommandError(f"{message} (see {self.prog} --help)")


def names_list(text: str) -> tuple[str, ...]:
    """`a,b` as a tuple; empty text is the empty tuple, which means the grand total to `--by`."""
    return tuple(text.split(",")) if text else ()


def positive_int(text: str) -> int:
    """A count of accounts or instruments: a book without either shows nothing."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return number


def seconds(text: str) -> float:
    """A duration of at most an hour: `inf` would never end, `nan` never start."""
    number = float(text)
    if not 0 <= number <= 3600:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 3600")
    return number


def add_value(commands: argparse._SubParsersAction[Parser]) -> None:
    """`mvcore value`: value a book held in files."""
    text = "value the holdings in files and print the amounts by account or any other grouping"
    parser = commands.add_parser(
        "value",
        help=text,
        description=text + ". Files are CSV (also "
        "compressed), Parquet, or Arrow/Feather, known by their ending.",
    )
    files = parser.add_argument_group("files")
    add = files.add_argument
    add(
        "--instruments",
        required=True,
        metavar="FILE",
        help="instrument, currency, multiplier, quote_factor, attributes",
    )
    add("--accounts", required=True, metavar="FILE", help="account, attributes")
    add("--holdings", required=True, metavar="FILE", help="account, instrument, quantity")
    add("--prices", required=True, metavar="FILE", help="instrument, price, time")
    add("--fx", metavar="FILE", help="currency, rate, method (multiply or divide)")
    add("--ticks", metavar="FILE", help="instrument, price, time: applied in the file's order")
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
        default=("sod", "current", "expected"),
        metavar="A,B",
        help="out of sod, current, expected (default: all three)",
    )
    add(
        "--currency",
        metavar="C",
        help="currency of the amounts, or local for one row a currency (default: the base)",
    )
    add("--base-currency", default="USD", metavar="C", help="what fx rates lead to (default: USD)")
    add(
        "--value-scale",
        type=int,
        default=8,
        metavar="N",
        help="decimals that amounts are rounded to, half even (default: 8)",
    )
    add("--rollup", action="store_true", help="subtotals of every prefix of --by as well")
    add = parser.add_argument_group("output").add_argument
    add(
        "--output",
        choices=("table", "csv", "parquet", "json"),
        default="table",
        help="format (default: table); json has amounts as text, so that no digit is lost",
    )
    add("--out", metavar="FILE", help="file to write (default: standard output)")


def add_demo(commands: argparse._SubParsersAction[Parser]) -> None:
    """`mvcore demo`: the proof on real facts, then a brokerage's book live."""
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
    """The whole command line, in the order in which `--help` shows it."""
    parser = Parser(prog="mvcore", description="The live market value of a whole brokerage, exact.")
    parser.add_argument("--version", action="version", version=f"mvcore {mvcore.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    add_value(commands)
    add_demo(commands)
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Import only the command that was asked for, and run it."""
    if arguments.command == "value":
        from mvcore.cli import value

        return value.run(arguments)
    from mvcore import demo

    return demo.run(
        accounts=arguments.accounts,
        instruments=arguments.instruments,
        seconds=arguments.seconds,
        proof_only=arguments.proof_only,
    )


def complain(error: BaseException) -> int:
    """One line whatever the message holds: libraries below like to explain themselves in many."""
    message = " ".join(str(error).split()) or type(error).__name__
    print(f"mvcore: error: {printable(message)}", file=sys.stderr)
    return EXIT_USER_ERROR


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status is 2 for anything that the user can mend."""
    try:
        status = run(build_parser().parse_args(argv))
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        # Whoever read our output has seen enough. What is still buffered goes nowhere, so that
        # the interpreter's own flush at exit has nothing to complain about.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_BROKEN_PIPE
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except (CommandError, mvcore.Error, OSError) as error:
        return complain(error)
    except MemoryError:
        return complain(MemoryError("out of memory"))
