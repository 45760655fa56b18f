"""The viewer's speed through real Qt events in the Annotate workspace, software rendering.

A scan of 300 x 512 x 512 int16 with its mask and a prediction in three planes, and a photograph of 4096 x 4096; prints one
JSON object with the median and the 95th percentile in ms, from before the event until every pane it concerns is painted.
Strokes include their commit to the project on disk, when the button goes up.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
from PySide6.QtCore import QEvent, QObject, QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from app.actions import Actions
from app.annotate.panel import AnnotatePanel
from app.annotate.tool_controls import ToolName
from app.background import Background
from app.session import Session
from app.settings import Settings
from app.theme import apply_theme
from app.viewer.brushes import Brush
from segcore.geometry import Grid
from segcore.projects.case import CaseState
from segcore.projects.project import Project
from segcore.scans.volume import Volume

SHAPE, PHOTOGRAPH, EVENTS, WARM = (300, 512, 512), (1, 4096, 4096), 80, 8
Timing = dict[str, float]


class Paints(QObject):
    """Counts the repaints of the panes."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        self.count += event.type() == QEvent.Type.Paint
        return False


class Bench:
    """A panel with hands and a stop watch."""

    def __init__(self, folder: Path) -> None:
        self.app = QApplication([])
        apply_theme(self.app, "dark")
        settings = Settings(folder / "settings.ini")
        self.session = Session(settings)
        self.background = Background(lambda job: None)  # type: ignore[arg-type,return-value]
        self.panel = AnnotatePanel(self.session, Actions(self.session), self.background, settings)
        self.panel.resize(1920, 1000)
        self.session.adopt(make_project(folder / "project"))
        self.panel.show()
        self.paints = Paints()
        for pane in self.panel.view.panes:
            pane.installEventFilter(self.paints)

    def open(self, case: str) -> float:
        began = time.perf_counter()
        self.session.set_current_case(case)
        while self.panel.editor.case != case:
            self.app.processEvents()
        self.panel.view.grab()
        elapsed = time.perf_counter() - began
        self.settle()
        return round(1000 * elapsed, 1)

    def settle(self) -> None:
        limit = time.monotonic() + 60
        while time.monotonic() < limit and self.background.running_tasks:
            self.app.processEvents()
            time.sleep(0.005)
        self.app.processEvents()

    def measure(self, event: Callable[[int], None], count: int = EVENTS) -> Timing:
        times = []
        for number in range(count + WARM):
            painted = self.paints.count
            began = time.perf_counter()
            event(number)
            while self.paints.count == painted and time.perf_counter() - began < 1.0:
                self.app.processEvents()
            times.append(1000 * (time.perf_counter() - began))
        kept = sorted(times[WARM:])
        return {"p50": round(statistics.median(kept), 2), "p95": round(kept[int(0.95 * len(kept))], 2)}

    def wheel(self, plane: int, notches: int, keys: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        pane = self.panel.view.panes[plane]
        place = QPointF(pane.width() / 2, pane.height() / 2)
        buttons, phase = Qt.MouseButton.NoButton, Qt.ScrollPhase.NoScrollPhase
        event = QWheelEvent(place, place, QPoint(), QPoint(0, 120 * notches), buttons, keys, phase, False)
        QApplication.sendEvent(pane, event)

    def drag(self, button: Qt.MouseButton, count: int = EVENTS) -> tuple[Timing, float]:
        """Drag in the axial pane; timing of the moves, and the time of the release, ms."""
        pane = self.panel.view.panes[0]
        middle = pane.rect().center()
        QTest.mousePress(pane, button, pos=middle)

        def move(number: int) -> None:
            angle = number / 9
            QTest.mouseMove(pane, middle + QPoint(round(220 * np.sin(angle)), round(150 * np.sin(1.7 * angle))))

        timing = self.measure(move, count)
        began = time.perf_counter()
        QTest.mouseRelease(pane, button, pos=pane.mapFromGlobal(pane.cursor().pos()))
        return timing, round(1000 * (time.perf_counter() - began), 2)


def make_project(folder: Path) -> Project:
    """A volume of noise with a lesion, and a photograph."""
    rng = np.random.default_rng(0)
    project = Project.create(folder)
    plane = rng.normal(0, 200, SHAPE[1:]).astype(np.int16)
    voxels = np.stack([np.roll(plane, n, axis=0) for n in range(SHAPE[0])])[np.newaxis]
    colours = np.repeat(rng.integers(0, 255, (3, 1, 1, PHOTOGRAPH[2]), dtype=np.uint8), PHOTOGRAPH[1], axis=2)
    for id, volume in (
        ("volume", Volume(voxels=voxels, grid=Grid.from_spacing(SHAPE, (1.0, 0.8, 0.8)), channels=("CT",))),
        (
            "photograph",
            Volume(
                voxels=colours,
                grid=Grid.from_spacing(PHOTOGRAPH, calibrated=False),
                channels=("red", "green", "blue"),
            ),
        ),
    ):
        project.add_case(
            id=id,
            group=id,
            volume=volume,
            source_grid=volume.grid,
            source_suffix=".nii.gz",
            sources=(id,),
            mask=None,
            state=CaseState.UNLABELLED,
        )
    return project


def measure_volume(bench: Bench) -> dict[str, object]:
    """Every row of the table."""
    panel, view = bench.panel, bench.panel.view
    results: dict[str, object] = {"open": bench.open("volume")}
    rng = np.random.default_rng(1)
    view.set_prediction(rng.normal(-60, 20, SHAPE).astype(np.int8), 0)
    panel.editor.labels[140:160, 200:260, 200:260] = 1  # type: ignore[index]
    view.refresh()
    for plane, name in enumerate(("axial", "coronal", "sagittal")):
        results[f"scroll {name}"] = bench.measure(lambda n, p=plane: bench.wheel(p, 1 if n % 100 < 50 else -1))  # type: ignore[misc]
    results["window and level"], _ = bench.drag(Qt.MouseButton.RightButton)
    results["threshold"] = bench.measure(lambda n: view.set_step(30 + n % 30))
    results["zoom"] = bench.measure(
        lambda n: bench.wheel(0, 1 if n % 20 < 10 else -1, Qt.KeyboardModifier.ControlModifier)
    )
    view.set_prediction(None)
    released = {}
    for name, brush in (
        ("brush r5", Brush(radius=5, in_mm=False)),
        ("brush r20", Brush(radius=20, in_mm=False)),
        ("brush r60", Brush(radius=60, in_mm=False)),
        ("ball r20", Brush(radius=20, in_mm=False, is_ball=True)),
        ("ball r60", Brush(radius=60, in_mm=False, is_ball=True)),
    ):
        panel.tools.set_tool(ToolName.BRUSH)
        panel.tools.show_brush(brush)
        bench.app.processEvents()
        results[name], released[name] = bench.drag(Qt.MouseButton.LeftButton)
    results["release, with the commit to disk"] = released
    results["bytes of undo per stroke"] = panel.editor.history.bytes // len(released)
    panel.tools.show_brush(Brush(radius=20, in_mm=False))
    undo, redo = panel.editor.undo, panel.editor.redo
    results["undo or redo, with the commit to disk"] = bench.measure(lambda n: redo() if n % 2 else undo(), 20)
    panel.tools.set_tool(ToolName.NAVIGATE)
    return results


def measure_photograph(bench: Bench) -> dict[str, object]:
    """The rows that matter for 16 megapixels."""
    panel = bench.panel
    results: dict[str, object] = {"open": bench.open("photograph")}
    results["pan, fitted"], _ = bench.drag(Qt.MouseButton.MiddleButton)
    for _ in range(8):
        bench.wheel(0, 1, Qt.KeyboardModifier.ControlModifier)
    results["pan, zoomed"], _ = bench.drag(Qt.MouseButton.MiddleButton)
    results["zoom"] = bench.measure(
        lambda n: bench.wheel(0, 1 if n % 20 < 10 else -1, Qt.KeyboardModifier.ControlModifier)
    )
    panel.view.fit()
    panel.tools.set_tool(ToolName.BRUSH)
    for radius in (5, 60):
        panel.tools.show_brush(Brush(radius=radius, in_mm=False))
        bench.app.processEvents()
        results[f"brush r{radius}, fitted"], _ = bench.drag(Qt.MouseButton.LeftButton)
    panel.tools.set_tool(ToolName.NAVIGATE)
    return results


def main() -> int:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        results = {"shape": SHAPE, "ms": measure_volume(bench), "photograph": measure_photograph(bench)}
        bench.settle()
        bench.panel.may_close()
        bench.background.shutdown()
        bench.session.close()
    sys.stdout.write(json.dumps(results, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
