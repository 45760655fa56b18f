"""Runs ours and the peers on the same scan and the same screen, one after another; prints one JSON object.

Peers that are not installed are left out: napari where ``RARESEG_NAPARI`` names a Python that has it, mrview where it is on
the path. Needs Linux and Xvfb.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.benchmarks.gui import scene
from tests.benchmarks.gui.frames import SIZE, screen
from tests.benchmarks.gui.start import measure_starts

#: Of every run; the medians of the runs' medians are quoted.
RUNS, STARTS = 3, 7
#: What both sides measure under one name.
COMPARED = (
    *(f"scroll {plane}" for plane in ("axial", "coronal", "sagittal")),
    "window and level",
    *(f"brush r{radius}" for radius in (5, 20, 60)),
    *(f"ball r{radius}" for radius in (20, 60)),
    "undo",
    "threshold",
    "first slice",
)
#: Keeps a core busy, as a training does, at a training's priority.
_BUSY = "import os\nos.nice(10)\nimport numpy as np\na = np.random.rand(400, 400)\nwhile True: a @ a"


def main() -> int:
    """Measure and print."""
    if shutil.which("Xvfb") is None:
        sys.stderr.write("The benchmark of the window needs Xvfb.\n")
        return 1
    runs = int(os.environ.get("RARESEG_BENCHMARK_RUNS", RUNS))
    with TemporaryDirectory(prefix="rareseg-bench-") as name, screen():
        folder = Path(name)
        _run("product", folder, "make")
        for file in ("scan", "mask", "probability"):
            scene.write_nifti(folder / f"{file}.nii.gz", getattr(scene, file)())
        result = _measure(folder, runs)
    sys.stdout.write(json.dumps(result, indent=1) + "\n")
    return 0


def _measure(folder: Path, runs: int) -> dict[str, Any]:
    napari, mrview = os.environ.get("RARESEG_NAPARI", ""), shutil.which("mrview")
    rounds: dict[str, list[dict[str, Any]]] = {}
    starts: dict[str, list[float]] = {}
    for _ in range(runs):
        # In turn, so that a busy machine is busy for all of them.
        rounds.setdefault("ours", []).append(_run("product", folder, "measure"))
        if napari:
            rounds.setdefault("napari", []).append(_run("napari_peer", folder, python=napari))
        if mrview:
            rounds.setdefault("mrview", []).append(_run("mrview_peer", folder))
        for kind, values in measure_starts(folder / "project", STARTS).items():
            starts.setdefault(kind, []).extend(values)
    with _training():
        rounds["ours while both cores train"] = [_run("product", folder, "measure")]
    large = {f"{edge} x {edge}": _run("large", folder, str(edge)) for edge in (4096, 20_000)}
    result: dict[str, Any] = {
        "scan": scene.SHAPE,
        "screen": SIZE,
        "load": os.getloadavg(),
        "starts": {kind: round(statistics.median(values), 1) for kind, values in starts.items()},
        "medians": {who: _medians(found) for who, found in rounds.items()},
        "large images": large,
        "runs": rounds,
    }
    result["ratios"] = {who: _ratios(rounds["ours"], rounds[who]) for who in ("napari", "mrview") if who in rounds}
    return result


def _training() -> ExitStack:
    """Keep both cores busy while inside."""
    stack = ExitStack()
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    for _ in range(2):
        stack.callback(subprocess.Popen([sys.executable, "-c", _BUSY], env=environment).kill)
    return stack


def _run(module: str, folder: Path, *arguments: str, python: str = sys.executable) -> dict[str, Any]:
    environment = {**os.environ, "RARESEG_BENCHMARK_BEGAN": repr(time.monotonic())}
    command = [python, "-m", f"tests.benchmarks.gui.{module}", str(folder), *arguments]
    answer = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True, timeout=900)
    found: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    return found


def _medians(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the median of every number over the runs."""
    first = runs[0]
    result: dict[str, Any] = {}
    for name, value in first.items():
        values = [run[name] for run in runs]
        if isinstance(value, dict):
            result[name] = _medians(values)
        elif isinstance(value, bool):
            result[name] = all(values)
        elif isinstance(value, int | float):
            result[name] = round(statistics.median(v for v in values if v is not None), 3)
        else:
            result[name] = value
    return result


def _ratios(ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Return how many times faster ours is, per operation: by wall time and by processor time, of the GUI thread and of all."""
    result: dict[str, dict[str, float]] = {}
    mine, other = _medians(ours), _medians(theirs)
    for name in COMPARED:
        both = mine.get(name, {}), other.get(name, {})
        found = {
            kind: round(both[1][kind] / both[0][kind], 1)
            for kind in ("p50", "cpu", "cpu_all")
            if both[0].get(kind) and both[1].get(kind)
        }
        if found:
            result[name] = found
    return result


if __name__ == "__main__":
    sys.exit(main())
