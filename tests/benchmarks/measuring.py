"""What the benchmarks share: contestants in turn, medians, one JSON object."""

from __future__ import annotations

import json
import random
import statistics
import sys
import time
from collections.abc import Callable, Mapping


def medians(contestants: Mapping[str, Callable[[], object]], *, rounds: int) -> dict[str, float]:
    """Return the median processor seconds of each contestant; they run in a new order every round, the first not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(rounds + 1):
        for name in random.sample(sorted(contestants), len(contestants)):
            began = time.process_time()
            contestants[name]()
            if number:
                seconds[name].append(time.process_time() - began)
    return {name: statistics.median(values) for name, values in seconds.items()}


def answer(result: Mapping[str, object]) -> int:
    """Write one JSON object; returns the exit code."""
    sys.stdout.write(json.dumps(result, indent=1) + "\n")
    return 0
