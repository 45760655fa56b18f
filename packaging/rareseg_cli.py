"""The bundle's program `rareseg`: the command line, or an engine where the first word is ``--engine``."""

import importlib
import multiprocessing
import sys


def main() -> int:
    """Start what the arguments ask for; returns the exit code."""
    multiprocessing.freeze_support()
    started = "segcore.engine.worker" if sys.argv[1:2] == ["--engine"] else "segcore.cli.main"
    return int(importlib.import_module(started).main())


if __name__ == "__main__":
    sys.exit(main())
