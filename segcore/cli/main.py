"""``rareseg COMMAND``: finds the command's module, runs it, and turns failures into one sentence and an exit code.

Command modules are imported by name, so that commands which need no torch start without it; this table is the only
place that does so.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import sys
import traceback
from collections.abc import Sequence
from contextlib import closing, suppress
from logging.handlers import RotatingFileHandler
from typing import Any, NoReturn, Protocol

from platformdirs import user_log_path

from segcore import __version__
from segcore.cli.output import Output
from segcore.errors import Cancelled, RareSegError

OK, OUR_FAULT, BAD_INPUT = 0, 1, 2

#: Command, module in this package, one line of help.
COMMANDS: tuple[tuple[str, str, str], ...] = (
    ("new", "new", "make an empty project"),
    ("import", "import_scans", "bring scans and masks into a project"),
    ("split", "split", "split the cases into train, validation and test"),
    ("analyse", "analyse", "measure how rare the foreground is and advise a recipe"),
    ("train", "train", "train a model"),
    ("trial", "trial", "compare recipes over seeds on your own data, with statistics"),
    ("predict", "predict", "predict scans with a model"),
    ("evaluate", "evaluate", "compare predicted masks with reference masks"),
    ("export", "export", "write masks in formats that others accept"),
    ("demo", "demo", "do the whole main job on the demo project"),
    ("losses", "catalogues", "list the losses"),
    ("samplers", "catalogues", "list the samplers"),
    ("networks", "catalogues", "list the networks"),
    ("audit", "audit", "check a project's audit trail"),
    ("doctor", "doctor", "list devices, versions and problems of this installation"),
)
_log = logging.getLogger("rareseg")


class Command(Protocol):
    """What a command's module offers."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the command's arguments."""

    def run(self, arguments: argparse.Namespace, output: Output) -> int:
        """Do it; returns the exit code."""


class _Parser(argparse.ArgumentParser):
    """Ends with one sentence and exit code 2 instead of a usage block."""

    def error(self, message: str) -> NoReturn:
        raise RareSegError(message, remedy=f"see {self.prog} --help")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line; returns the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    output = Output(as_json="--json" in words)
    if not words or words[0] in ("-h", "--help"):
        sys.stdout.write(_overview())
        return OK
    if words[0] == "--version":
        sys.stdout.write(f"rareseg {__version__}\n")
        return OK
    try:
        return _run(words, output)
    except Cancelled:
        output.failure("cancelled")
        return OUR_FAULT
    except RareSegError as error:
        output.failure(str(error), str(error.file.name) if error.file else "")
        return BAD_INPUT
    except KeyboardInterrupt:
        output.failure("interrupted")
        return 130
    except BrokenPipeError:
        return OK
    except Exception as error:
        _log_failure(words[0], error)
        output.failure(
            f"something went wrong inside RareSeg; the details are in {user_log_path('RareSeg') / 'rareseg.log'}"
        )
        return OUR_FAULT


def _run(words: list[str], output: Output) -> int:
    found = next(((module, line) for name, module, line in COMMANDS if name == words[0]), None)
    if found is None:
        known = ", ".join(name for name, _, _ in COMMANDS)
        raise RareSegError(f"there is no command {words[0]!r}", remedy=f"use one of {known}")
    command: Command | Any = importlib.import_module(f"segcore.cli.{found[0]}")
    parser = _Parser(
        prog=f"rareseg {words[0]}",
        description=found[1][0].upper() + found[1][1:] + ".",
        epilog=command.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--json", action="store_true", help="answer with one JSON object; progress goes to standard error"
    )
    parser.set_defaults(command=words[0])
    command.add_arguments(parser)
    return int(command.run(parser.parse_args(words[1:]), output))


def _overview() -> str:
    lines = [f"  {name:<10} {line}" for name, _, line in COMMANDS]
    return "\n".join(
        (
            "usage: rareseg COMMAND [...] [--json]",
            "",
            "Find the rare thing in scans. For research use only; not a medical device.",
            "",
            *lines,
            "",
            "rareseg COMMAND --help explains a command. Exit codes: 0 fine, 2 bad input, 1 our fault.",
            "",
        )
    )


def _log_failure(command: str, error: Exception) -> None:
    """Write where it broke into the log file.

    The error's own message is left out: it may hold the name of a patient or of a folder.
    """
    stack = "".join(traceback.format_tb(error.__traceback__))
    with suppress(OSError):  # a home that is read-only or full must not turn the one sentence into a traceback
        folder = user_log_path("RareSeg")
        folder.mkdir(parents=True, exist_ok=True)
        with closing(
            RotatingFileHandler(folder / "rareseg.log", maxBytes=1_000_000, backupCount=2, encoding="utf-8")
        ) as file:
            file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
            _log.addHandler(file)
            _log.error("command %s failed: %s\n%s", command, type(error).__name__, stack)
            _log.removeHandler(file)


if __name__ == "__main__":
    sys.exit(main())
