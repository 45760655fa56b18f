"""The viewer's speed through real Qt events: 512 x 512 x 300 int16 and a mask, three planes, software rendering.

Prints one JSON object: median and 95th percentile in ms from before the event to the painted panes. A move of the brush paints what changed only.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
from PySide6.QtWidgets import QApplication

from app.annotate.tools import BrushShape, BrushStroke
from app.viewer.rendering import Window
from app.viewer.scan_view import ScanView
from segcore.annotation.history import History
from segcore.geometry import Grid
from segcore.scans.volume import Volume

SHAPE, EVENTS = (300, 512, 512), 60


def main() -> int:
    """Measure and print."""
    app = QApplication([])
    rng = np.random.default_rng(0)
    plane = rng.normal(0, 200, SHAPE[1:]).astype(np.int16)
    voxels = np.stack([np.roll(plane, n, axis=0) for n in range(SHAPE[0])])[np.newaxis]
    grid = Grid.from_spacing(SHAPE, (1.0, 0.8, 0.8))
    labels = np.zeros(SHAPE, np.uint8)
    labels[140:160, 200:260, 200:260] = 1
    view = ScanView()
    view.resize(1600, 950)
    view.show()
    view.set_scan(Volume(voxels=voxels, grid=grid, channels=("CT",)))
    view.set_labels(labels)
    view.set_prediction((rng.normal(-60, 20, SHAPE)).astype(np.int8), 0)
    app.processEvents()

    def measure(event: Callable[[int], None]) -> dict[str, float]:
        times = []
        for number in range(EVENTS + 5):
            began = time.perf_counter()
            event(number)
            app.processEvents()
            times.append(1000 * (time.perf_counter() - began))
        kept = sorted(times[5:])
        return {"p50": round(statistics.median(kept), 2), "p95": round(kept[int(0.95 * len(kept))], 2)}

    results: dict[str, object] = {}
    for axis, name in enumerate(("axial", "coronal", "sagittal")):
        results[f"scroll {name}"] = measure(lambda n, a=axis: view.show_slice(a, 100 + n))  # type: ignore[misc]
    results["window and level"] = measure(lambda n: view.set_window(Window.of(40 + n, 400)))
    results["threshold"] = measure(lambda n: view.set_step(n - 30))
    view.set_crosshair((150, 180, 200))  # where the brush will pass
    app.processEvents()
    for radius in (5, 20, 60):
        results[f"brush r{radius}"] = measure(_brush(view, labels, grid, radius, three_d=False))
    results["ball r20"] = measure(_brush(view, labels, grid, 20, three_d=True))
    results["undo"] = measure(_undo(view, labels, grid))
    sys.stdout.write(json.dumps({"shape": SHAPE, "ms": results}, indent=1) + "\n")
    return 0


def _brush(view: ScanView, labels: np.ndarray, grid: Grid, radius: float, *, three_d: bool) -> Callable[[int], None]:
    stroke = BrushStroke(labels, BrushShape(radius=radius, in_millimetres=False, three_d=three_d), grid, 0, 1)

    def move(number: int) -> None:
        box = stroke.to((150.0, 150.0 + number, 150.0 + 2 * number))
        if box is not None:
            view.refresh(box)

    return move


def _undo(view: ScanView, labels: np.ndarray, grid: Grid) -> Callable[[int], None]:
    history = History()
    for number in range(EVENTS + 5):
        stroke = BrushStroke(labels, BrushShape(radius=20, in_millimetres=False, three_d=False), grid, 0, number % 2)
        stroke.to((150.0, 300.0, 300.0))
        edit = stroke.finish()
        if edit is not None:
            history.record(edit)

    def undo(_: int) -> None:
        edit = history.undo()
        if edit is not None:
            edit.apply(labels)
            view.refresh(edit.box)

    return undo


if __name__ == "__main__":
    sys.exit(main())
