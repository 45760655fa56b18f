"""Where the program starts: as the window, or (in an installed bundle) as the engine process.

Imports nothing but the standard library, so that the engine starts without Qt and the window without torch.
"""

from __future__ import annotations

import importlib
import multiprocessing
import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Start what the arguments ask for; returns the exit code."""
    multiprocessing.freeze_support()
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["--engine"]:
        return int(importlib.import_module("segcore.engine.worker").main())
    return int(importlib.import_module("app.application").run(given))


if __name__ == "__main__":
    sys.exit(main())
