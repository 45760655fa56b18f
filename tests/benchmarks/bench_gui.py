"""The window's speed beside other programs; see `tests.benchmarks.gui`."""

from __future__ import annotations

import sys

from tests.benchmarks.gui.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
