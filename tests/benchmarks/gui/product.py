"""RareSeg measured in its own main window, under an X server.

``python -m tests.benchmarks.gui.product FOLDER make`` makes the project, ``... measure`` works on a copy of it.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from app.actions import Actions
from app.annotate.panel import AnnotatePanel
from app.annotate.tools import Tool
from app.application import import_ahead
from app.background import Background
from app.review.panel import ReviewPanel
from app.session import Session
from app.settings import Settings
from app.theme import apply_theme
from app.viewer.quick_look import QuickLook
from app.viewer.scan_view import ScanView
from app.window import MainWindow
from segcore.engine.client import EngineProcess
from segcore.geometry import Grid
from segcore.metrics.curves import quantise
from segcore.projects.case import CaseState
from segcore.projects.project import Project
from segcore.review.predictions import PredictionFacts, Predictions
from segcore.scans.volume import Mask, Volume
from segcore.training.recipe import Recipe
from segcore.training.record import RunWriter
from tests.benchmarks.gui import scene
from tests.benchmarks.gui.frames import SIZE, Figures, Frames, mapped_mb, memory_mb

EVENTS = 100
MODEL = "20260101-000000-model"
RADII = (5, 20, 60)


def make_project(folder: Path) -> None:
    """Make a project of one scan with a mask, a model and its prediction."""
    grid = Grid.from_spacing(scene.SHAPE, scene.SPACING)
    with Project.create(folder) as project:
        project.add_case(
            id="scan",
            group="scan",
            volume=Volume(voxels=scene.scan()[np.newaxis], grid=grid, channels=("CT",)),
            source_grid=grid,
            source_suffix=".nii.gz",
            sources=("scan.nii.gz",),
            mask=Mask(labels=scene.mask(), grid=grid),
            state=CaseState.COMPLETE,
        )
        run = project.runs_folder / MODEL
        RunWriter(run, Recipe(name="Model"))
        (run / "model").mkdir()
        (run / "model" / "model.json").write_text("{}")
        share = np.clip(scene.probability(), 1e-6, 1 - 1e-6)
        facts = PredictionFacts(model=MODEL, case="scan", step=0, seconds=1.0, scan_hash=project.scan_hashes()["scan"])
        Predictions(project.predictions_folder / MODEL).write(quantise(np.log(share / (1 - share))), facts)


class Window:
    """The main window with a project open."""

    def __init__(self, project: Path) -> None:
        self.app = QApplication([])
        settings = Settings(project.parent / "settings.ini", self.app)
        settings.store("notice-seen", True)
        apply_theme(self.app, "dark")
        self.background = Background(EngineProcess.start, self.app)
        self.session = Session(settings, self.app)
        self.window = MainWindow(
            self.session, Actions(self.app), self.background, settings, make_demo=lambda progress: Project.open(project)
        )
        self.window.setGeometry(0, 0, *SIZE)
        self.window.show()
        self.empty_mb = memory_mb()
        self.session.open(project)
        self.handle = self.window.windowHandle()
        self.handle.requestActivate()  # keys go to the active window, and there is no window manager to choose it

    def annotate(self) -> AnnotatePanel:
        """Show the Annotate workspace."""
        self.window.show_workspace("annotate")
        return cast(AnnotatePanel, self.window.panel("annotate"))

    def at(self, view: ScanView, axis: int, across: float = 0.5, down: float = 0.5) -> QPoint:
        """Return a place of a pane in the window."""
        pane = view.panes[axis]
        return pane.mapTo(self.window, QPoint(int(pane.width() * across), int(pane.height() * down)))

    def wheel(self, view: ScanView, axis: int, keys: Any = Qt.KeyboardModifier.NoModifier) -> None:
        """Turn the wheel by one step."""
        QTest.wheelEvent(self.handle, QPointF(self.at(view, axis)).toPoint(), QPoint(0, -120), QPoint(0, 0), keys)

    def press(self, place: QPoint, button: Qt.MouseButton = Qt.MouseButton.LeftButton) -> None:
        """Press a button."""
        QTest.mousePress(self.handle, button, Qt.KeyboardModifier.NoModifier, place)

    def release(self, place: QPoint, button: Qt.MouseButton = Qt.MouseButton.LeftButton) -> None:
        """Let a button go."""
        QTest.mouseRelease(self.handle, button, Qt.KeyboardModifier.NoModifier, place)

    def move(self, place: QPoint) -> None:
        """Move the mouse."""
        QTest.mouseMove(self.handle, place)

    def undo(self) -> None:
        """Press Ctrl+Z."""
        QTest.keyClick(self.handle, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)


def measure_viewing(window: Window, view: ScanView, axes: tuple[int, ...] = (0, 1, 2)) -> Figures:
    """Scroll each plane, drag window and level."""
    result: Figures = {}
    for axis in axes:
        frames = Frames(window.app, view.panes[axis])
        view.show_slice(axis, scene.SHAPE[axis] // 2 - EVENTS // 2)
        frames.settle()
        result[f"scroll {('axial', 'coronal', 'sagittal')[axis]}"] = frames.many(
            [partial(window.wheel, view, axis)] * EVENTS
        )
    view.set_crosshair((150, 256, 256))
    frames = Frames(window.app, view.panes[0])
    result["window and level"] = _drag(window, frames, view, Qt.MouseButton.RightButton)
    return result


def _drag(window: Window, frames: Frames, view: ScanView, button: Qt.MouseButton, step: int = 2) -> Figures:
    start = window.at(view, 0)
    window.move(start)
    frames.settle()
    window.press(start, button)
    found = frames.many([partial(window.move, start + QPoint(step * (n % 50), n % 7)) for n in range(1, EVENTS + 1)])
    window.release(start, button)
    frames.settle()
    return found


def measure_brush(window: Window, panel: AnnotatePanel, radius: int, *, ball: bool) -> Figures:
    """Draw one stroke and take it back."""
    view, labels = panel.view, cast(Any, panel.editor.labels)
    panel.tools.set_tool(Tool.BRUSH)
    panel.tools.unit.setCurrentText("voxels")
    panel.tools.radius.setValue(radius)
    panel.tools.three_d.setChecked(ball)
    frames = Frames(window.app, view.panes[0])
    start = window.at(view, 0, 0.40, 0.45)
    window.move(start)
    frames.settle()
    before, held = labels.copy(), panel.editor.history.bytes
    press = frames.one(partial(window.press, start))
    count = 20 if ball and radius > 20 else EVENTS
    moves = [partial(window.move, start + QPoint(2 * n, n % 7)) for n in range(1, count + 1)]
    result = frames.many(moves)
    release = frames.one(partial(window.release, start + QPoint(2 * count, 0)), 1.0)
    frames.settle()
    result |= {
        "press": round(press[0], 2) if press else None,
        "release": round(release[0], 2) if release else None,
        "changed_voxels": int(np.count_nonzero(labels != before)),
        "undo_mb": round((panel.editor.history.bytes - held) / 1e6, 3),
    }
    undo = frames.one(window.undo, 2.0)
    result["undo"] = round(undo[0], 2) if undo else None
    result["undo_cpu"] = round(undo[1], 2) if undo else None
    result["undo_is_exact"] = bool(np.array_equal(labels, before))
    return result


def measure_undo(window: Window, panel: AnnotatePanel) -> Figures:
    """Draw twenty strokes of a disc of 20 voxels, then take back one after another."""
    panel.tools.three_d.setChecked(False)
    panel.tools.radius.setValue(20)
    frames = Frames(window.app, panel.view.panes[0])
    for number in range(20):
        start = window.at(panel.view, 0, 0.1, 0.1 + 0.04 * number)
        window.move(start)
        window.press(start)
        for step in range(1, 20):
            window.move(start + QPoint(4 * step, 0))
        window.release(start + QPoint(80, 0))
    frames.settle()
    return frames.many([window.undo] * 20, 2.0)


def measure_threshold(window: Window) -> Figures:
    """Move the threshold over a predicted volume in Review."""
    window.window.show_workspace("review")
    panel = cast(ReviewPanel, window.window.panel("review"))
    panel.table.selectRow(0)
    frames = Frames(window.app, panel.view.panes[0])
    frames.settle(1.0)
    panel.view.set_crosshair((150, 230, 230))
    slider = panel.controls.slider
    slider.setFocus()
    frames.settle(1.0)
    key = partial(QTest.keyClick, window.handle, Qt.Key.Key_Right)
    return frames.many([key] * 50)


def measure_first_slice(window: Window, file: Path) -> Figures:
    """Drop a compressed scan on the window: when its first slice is on the screen, and when it is read to its end."""
    began, thread = time.perf_counter(), time.thread_time()
    window.window.take_paths([file])
    look = window.window.findChild(QuickLook)
    while look.view.volume is None:
        window.app.processEvents()
    frames = Frames(window.app, look.view.panes[look.view.single])
    frames.one(look.view.draw_anew)
    first, cpu = time.perf_counter() - began, time.thread_time() - thread
    while "voxels" not in look.words.text():
        window.app.processEvents()
        time.sleep(0.001)
    whole = time.perf_counter() - began
    look.window().close()
    window.handle.requestActivate()
    frames.settle()
    window.app.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    return {"p50": round(1e3 * first, 1), "cpu": round(1e3 * cpu, 1), "whole": round(1e3 * whole, 1)}


def _copy_project(folder: Path) -> None:
    """Put a fresh copy of the project in place; scans are never written to, so they are shared."""
    shutil.rmtree(folder / "project", ignore_errors=True)
    shutil.copytree(
        folder / "clean",
        folder / "project",
        copy_function=lambda a, b: os.link(a, b) if str(a).endswith(".npy") else shutil.copy2(a, b),
    )


def main() -> int:
    """Measure; prints one JSON object."""
    folder, what = Path(sys.argv[1]), sys.argv[2]
    if what == "make":
        make_project(folder / "clean")
        sys.stdout.write("{}\n")
        return 0
    _copy_project(folder)
    window = Window(folder / "project")
    import_ahead(window.background)
    while window.background.running_tasks:
        window.app.processEvents()
    first_slice = measure_first_slice(window, folder / "scan.nii.gz")
    began = time.perf_counter()
    panel = window.annotate()
    frames = Frames(window.app, panel.view.panes[0])
    while panel.view.labels is None or not frames.count:
        window.app.processEvents()
    opened = 1e3 * (time.perf_counter() - began)
    frames.settle(1.0)
    result: Figures = {
        "first slice": first_slice,
        "case shown": round(opened, 1),
        **measure_viewing(window, panel.view),
    }
    for radius in RADII:
        result[f"brush r{radius}"] = measure_brush(window, panel, radius, ball=False)
    for radius in RADII[1:]:
        result[f"ball r{radius}"] = measure_brush(window, panel, radius, ball=True)
    result["undo"] = measure_undo(window, panel)
    data = (np.prod(scene.SHAPE) * 3) / 1e6
    result["memory"] = {"empty": window.empty_mb, "loaded": memory_mb(), "mapped": mapped_mb(), "data": round(data, 1)}
    result["threshold"] = measure_threshold(window)
    result["panes"] = [[pane.width(), pane.height()] for pane in panel.view.panes]
    sys.stdout.write(json.dumps(result) + "\n")
    sys.stdout.flush()
    os._exit(0)  # how Qt is taken down is not what is measured


if __name__ == "__main__":
    sys.exit(main())
