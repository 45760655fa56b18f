"""Large images in the main window: ``python -m tests.benchmarks.gui.large FOLDER EDGE`` under an X server.

One grey image of EDGE x EDGE pixels, mapped from the project, and its mask; panned, zoomed and painted by real events.
"""

from __future__ import annotations

import json
import os
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest

from segcore.geometry import Grid
from segcore.projects.case import CaseState
from segcore.projects.project import Project
from segcore.scans.volume import Mask, Volume
from tests.benchmarks.gui.frames import Figures, Frames, mapped_mb, memory_mb
from tests.benchmarks.gui.product import Window, measure_brush

_EVENTS = 60
_LONGEST_S = 120


def make_image(folder: Path, edge: int) -> None:
    """Make a project of one image with tissue-like texture and a few small lesions."""
    rng = np.random.default_rng(0)
    tile = rng.integers(90, 160, (512, 512)).astype(np.uint8)
    count = -(-edge // 512)
    voxels = np.tile(tile, (count, count))[:edge, :edge]
    grid = Grid.from_spacing((1, edge, edge), (1.0, 1.0, 1.0), calibrated=False)
    mask = Mask.empty(grid)
    for row, column in rng.integers(100, edge - 100, (20, 2)):
        mask.labels[0, row : row + 30, column : column + 30] = 1
    with Project.create(folder) as project:
        project.add_case(
            id="image",
            group="image",
            volume=Volume(voxels=voxels[None, None], grid=grid, channels=("image",)),
            source_grid=grid,
            source_suffix=".tif",
            sources=("image.tif",),
            mask=mask,
            state=CaseState.COMPLETE,
        )


def main() -> int:
    """Measure; prints one JSON object."""
    folder, edge = Path(sys.argv[1]), int(sys.argv[2])
    make_image(folder / f"image-{edge}", edge)
    window = Window(folder / f"image-{edge}")
    began = time.perf_counter()
    panel = window.annotate()
    frames = Frames(window.app, panel.view.panes[0])
    frames.one(lambda: None)
    result: Figures = {"edge": edge, "shown": round(1e3 * (time.perf_counter() - began), 1)}
    view, began = panel.view, time.perf_counter()
    while view.levels.deepest == 0 or view.labels is None or not view.levels.has("labels", view.labels):
        window.app.processEvents()
        time.sleep(0.005)
        if time.perf_counter() - began > _LONGEST_S:
            break
    result["coarser copies made"] = round(1e3 * (time.perf_counter() - began), 1)
    frames.settle(1.0)
    for name, steps in (("whole", 0), ("half way in", 6), ("every pixel", 7)):
        middle = window.at(view, 0)
        for _ in range(steps):
            _zoom(window, middle, 1)
        frames.settle()
        result[f"pan, {name}"] = _pan(window, frames, middle)
        result[f"zoom, {name}"] = frames.many([partial(_zoom, window, middle, (-1) ** n) for n in range(_EVENTS)])
        for radius in (20, 60):
            result[f"brush r{radius}, {name}"] = measure_brush(window, panel, radius, ball=False)
    result["memory"] = {"loaded": memory_mb(), "mapped": mapped_mb(), "data": round(2 * edge * edge / 1e6, 1)}
    sys.stdout.write(json.dumps(result) + "\n")
    sys.stdout.flush()
    os._exit(0)


def _zoom(window: Window, place: QPoint, further: int) -> None:
    control = Qt.KeyboardModifier.ControlModifier
    QTest.wheelEvent(window.handle, QPointF(place).toPoint(), QPoint(0, 120 * further), QPoint(0, 0), control)


def _pan(window: Window, frames: Frames, start: QPoint) -> Figures:
    window.move(start)
    window.press(start, Qt.MouseButton.MiddleButton)
    moves = [partial(window.move, start + QPoint(3 * (n % 20), 2 * (n % 11))) for n in range(1, _EVENTS + 1)]
    result = frames.many(moves)
    window.release(start, Qt.MouseButton.MiddleButton)
    frames.settle()
    return result


if __name__ == "__main__":
    sys.exit(main())
