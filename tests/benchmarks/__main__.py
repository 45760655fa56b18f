"""Runs every benchmark beside this file, one after another: ``./run.sh bench [NAME ...]``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main() -> int:
    """Run the benchmarks that were asked for, or all; returns the worst exit code."""
    wanted = sys.argv[1:]
    files = [f for f in sorted(HERE.glob("bench_*.py")) if not wanted or f.stem.removeprefix("bench_") in wanted]
    codes = [
        subprocess.run([sys.executable, "-m", f"tests.benchmarks.{f.stem}"], check=False).returncode for f in files
    ]
    return max(codes, default=0)


if __name__ == "__main__":
    sys.exit(main())
