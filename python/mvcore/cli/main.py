"""The entry point: parses arguments, and turns errors into one line and an exit status."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence

import mvcore
from mvcore.cli.arguments import build_parser
from mvcore.cli.files import CommandError
from mvcore.formats import printable

EXIT_USER_ERROR = 2
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141


def run(arguments: argparse.Namespace) -> int:
    """Run the command. Imports only its module."""
    if arguments.command in ("value", "positions"):
        from mvcore.cli import value

        return value.run(arguments)
    if arguments.command == "watch":
        from mvcore.cli import watch

        return watch.run(arguments)
    if arguments.command == "serve":
        from mvcore.cli import serve

        return serve.run(arguments)
    if arguments.command == "inspect":
        from mvcore.cli import inspect

        return inspect.run(arguments)
    if arguments.command == "export":
        from mvcore.cli import export

        return export.run(arguments)
    from mvcore import demo

    return demo.run(
        accounts=arguments.accounts,
        instruments=arguments.instruments,
        seconds=arguments.seconds,
        proof_only=arguments.proof_only,
    )


class Warnings(logging.Handler):
    """Prints log records of the package on stderr, in the form of errors."""

    def emit(self, record: logging.LogRecord) -> None:
        first, *more = record.getMessage().splitlines() or [""]
        lines = [f"mvcore: {record.levelname.lower()}: {first}", *more]
        print("\n".join(map(printable, lines)), file=sys.stderr)


def complain(error: BaseException) -> int:
    """Print an error as one line. Messages of other libraries may have several."""
    message = " ".join(str(error).split()) or type(error).__name__
    print(f"mvcore: error: {printable(message)}", file=sys.stderr)
    return EXIT_USER_ERROR


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line. The exit status is 2 for any error that the user can fix."""
    handler = Warnings(logging.WARNING)
    log = logging.getLogger("mvcore")
    log.addHandler(handler)
    try:
        status = run(build_parser().parse_args(argv))
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        # The reader closed the pipe. Redirect stdout to the null device, so that the interpreter's
        # flush at exit does not fail.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_BROKEN_PIPE
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except (CommandError, mvcore.Error, OSError) as error:
        return complain(error)
    except MemoryError:
        return complain(MemoryError("out of memory"))
    finally:
        log.removeHandler(handler)
