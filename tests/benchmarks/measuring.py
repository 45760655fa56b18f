"""What the benchmarks share: contestants in turn, medians, ratios of a round, peak memory, JSON and a Markdown table.

Times are processor time of one thread: on a machine that others use too, wall time says nothing, and with one thread
both are the same on an idle one. A ratio is the median over rounds of the ratios within a round, never the ratio of two
separate runs.
"""

from __future__ import annotations

import ctypes
import gc
import importlib.util
import json
import os
import platform
import random
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

#: Packages whose versions are told with the results.
PEERS = ("torch", "monai", "segmentation-models-pytorch", "nnunetv2", "batchgeneratorsv2", "torchio", "numpy", "scipy")
#: Where results are written, when `RARESEG_BENCH_OUT` says so.
OUT = "RARESEG_BENCH_OUT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Median seconds of a call, and the median of its ratios to the reference of the same round."""

    seconds: float
    ratio: float


def timed(
    contestants: Mapping[str, Callable[[], object]], *, reference: str, rounds: int, sample: float = 0.1
) -> dict[str, Timing]:
    """Return the timing of each contestant: they run in a new order every round, each for about `sample` seconds.

    Two calls of each come first and are not counted. The garbage collector rests meanwhile.
    """
    order, calls = random.Random(0), {name: _calls(run, sample) for name, run in contestants.items()}
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        gc.collect()
        gc.disable()
        for name in order.sample(sorted(contestants), len(contestants)):
            began = time.process_time()
            for _ in range(calls[name]):
                contestants[name]()
            seconds[name].append((time.process_time() - began) / calls[name])
        gc.enable()
    return {
        name: Timing(
            seconds=statistics.median(values),
            ratio=statistics.median(a / b for a, b in zip(values, seconds[reference], strict=True)),
        )
        for name, values in seconds.items()
    }


def _calls(run: Callable[[], object], sample: float) -> int:
    run()
    began = time.process_time()
    run()
    return max(1, int(sample / max(time.process_time() - began, 1e-6)))


def peak_memory(run: Callable[[], object], *, warm: Callable[[], object]) -> int | None:
    """Return how many bytes of resident memory `run` needs at its peak above what is there before; None if unknown.

    In a forked child, in which freed memory goes back to the system at once. `warm` does the same to next to nothing
    first, so that code which is loaded on first use does not count. Call it before anything runs in parallel.
    """
    if not sys.platform.startswith("linux"):
        return None
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        found = -1
        try:
            libc = ctypes.CDLL(None)
            libc.mallopt(-3, 65536)  # M_MMAP_THRESHOLD
            libc.mallopt(-1, 0)  # M_TRIM_THRESHOLD
            warm()
            gc.collect()
            libc.malloc_trim(0)  # what the parent freed must not hide what is asked for
            Path("/proc/self/clear_refs").write_text("5")
            before = _status("VmRSS")
            run()
            found = max(0, _status("VmHWM") - before)
        finally:
            os.write(writing, str(found).encode())
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer_of_child = pipe.read()
    os.waitpid(child, 0)
    return int(answer_of_child) if answer_of_child not in (b"", b"-1") else None


def _status(field: str) -> int:
    lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))


def installed(module: str, *, for_what: str) -> bool:
    """Return whether a peer is installed; says that it is skipped where it is not."""
    there = importlib.util.find_spec(module) is not None
    if not there:
        sys.stderr.write(f"bench: {module} is not installed: {for_what} are not compared with it.\n")
    return there


def environment() -> dict[str, object]:
    """Return what places the numbers: processor, load, versions."""
    model = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), model)
    versions = {}
    for package in PEERS:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    load = round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None
    return {"processor": model, "cores": os.cpu_count(), "threads": 1, "load": load, "versions": versions}


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a Markdown table."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join("" if cell is None else str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def answer(result: Mapping[str, object], *, name: str = "", markdown: str = "") -> int:
    """Write one JSON object to standard output and, where `RARESEG_BENCH_OUT` names a folder, files there.

    Returns the exit code.
    """
    text = json.dumps({**result, "environment": environment()}, indent=1) + "\n"
    sys.stdout.write(text)
    if markdown:
        sys.stderr.write("\n" + markdown + "\n")
    folder = os.environ.get(OUT)
    if folder and name:
        Path(folder).mkdir(parents=True, exist_ok=True)
        (Path(folder) / f"{name}.json").write_text(text, "utf-8")
        (Path(folder) / f"{name}.md").write_text(markdown, "utf-8")
    return 0
