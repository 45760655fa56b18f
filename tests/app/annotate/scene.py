"""The Annotate workspace on a small scan, driven by real mouse and key events."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QAction
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from app.actions import Actions
from app.annotate.panel import AnnotatePanel
from app.annotate.tools import Tool
from app.background import Background
from app.session import Session
from app.viewer.plane_view import PlaneView
from segcore.geometry import Grid
from segcore.projects.case import CaseState
from segcore.projects.project import Project
from segcore.review.predictions import PredictionFacts, Predictions
from segcore.scans.volume import Labels, Volume

#: Anisotropic in every pair of axes.
GRID = Grid.from_spacing((8, 40, 50), (3.0, 1.0, 1.5))
#: A block of 100 in a scan of 0: planes 3 to 6, rows 10 to 19, columns 15 to 29.
BLOCK = (slice(3, 7), slice(10, 20), slice(15, 30))
Voxel = tuple[float, float, float]
SHIFT = Qt.KeyboardModifier.ShiftModifier


def add_case(project: Project, id: str, *, state: CaseState = CaseState.UNLABELLED) -> None:
    voxels = np.zeros((1, *GRID.shape), np.int16)
    voxels[0][BLOCK] = 100
    project.add_case(
        id=id,
        group=id,
        volume=Volume(voxels=voxels, grid=GRID, channels=("CT",)),
        source_grid=GRID,
        source_suffix=".nii.gz",
        sources=(f"{id}.nii.gz",),
        mask=None,
        state=state,
    )


def predict(project: Project, case: str, model: str = "run-1") -> np.ndarray:
    """Keep a prediction: the block at logit 2, and one voxel far away at logit 0.5."""
    steps = np.full(GRID.shape, -50, np.int8)
    steps[BLOCK] = 20
    steps[7, 35, 45] = 5
    facts = PredictionFacts(model=model, case=case, step=0, seconds=1.0, scan_hash=project.scan_hashes()[case])
    Predictions(project.predictions_folder / model).write(steps, facts)
    return steps


class Scene:
    """A panel with its parts, and hands to use it."""

    def __init__(
        self, panel: AnnotatePanel, session: Session, actions: Actions, background: Background, qtbot: QtBot
    ) -> None:
        self.panel, self.session, self.actions, self.background, self.qtbot = (
            panel,
            session,
            actions,
            background,
            qtbot,
        )

    @property
    def labels(self) -> Labels:
        assert self.panel.editor.labels is not None
        return self.panel.editor.labels

    @property
    def project(self) -> Project:
        return self.session.opened

    @property
    def kept(self) -> Labels:
        """The mask as it is on disk."""
        return self.project.mask(self.panel.editor.case).labels

    def action(self, name: str) -> QAction:
        return self.actions.action(name if "." in name else f"annotate.{name}")

    def take(self, tool: Tool) -> None:
        """Take a tool by its button."""
        button = self.panel.findChild(QWidget, f"tool-{tool.value}")
        assert button is not None
        button.click()  # type: ignore[attr-defined]
        assert self.panel.tools.tool is tool

    def look_at(self, voxel: tuple[int, int, int]) -> None:
        self.panel.view.set_crosshair(voxel)

    def pane(self, axis: int) -> PlaneView:
        return self.panel.view.panes[axis]

    def at(self, axis: int, voxel: Voxel) -> QPoint:
        return self.pane(axis).place_of(voxel).toPoint()

    def click(self, axis: int, voxel: Voxel, *, shift: bool = False) -> None:
        modifier = SHIFT if shift else Qt.KeyboardModifier.NoModifier
        QTest.mouseClick(self.pane(axis), Qt.MouseButton.LeftButton, modifier, self.at(axis, voxel))

    def double_click(self, axis: int, voxel: Voxel) -> None:
        pane, place = self.pane(axis), self.at(axis, voxel)
        QTest.mouseClick(pane, Qt.MouseButton.LeftButton, pos=place)
        QTest.mouseDClick(pane, Qt.MouseButton.LeftButton, pos=place)

    def drag(self, axis: int, voxels: Sequence[Voxel], *, shift: bool = False) -> None:
        pane, modifier = self.pane(axis), SHIFT if shift else Qt.KeyboardModifier.NoModifier
        QTest.mousePress(pane, Qt.MouseButton.LeftButton, modifier, self.at(axis, voxels[0]))
        for voxel in voxels[1:]:
            QTest.mouseMove(pane, self.at(axis, voxel))
        QTest.mouseRelease(pane, Qt.MouseButton.LeftButton, modifier, self.at(axis, voxels[-1]))

    def hover(self, axis: int, voxel: Voxel) -> None:
        QTest.mouseMove(self.pane(axis), self.at(axis, voxel))

    def key(self, key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        QTest.keyClick(self.pane(self.panel.view.axis_in_hand), key, modifier)

    def wait(self) -> None:
        """Until nothing is being worked out."""
        self.qtbot.waitUntil(lambda: not self.panel.long_edits.doing, timeout=20_000)


def on_slice(axis: int, index: int, low: tuple[int, int], high: tuple[int, int]) -> Labels:
    """A mask with a rectangle of ones on one slice: from `low` to `high`, both included, in voxel order."""
    expected = np.zeros(GRID.shape, np.uint8)
    np.moveaxis(expected, axis, 0)[index, low[0] : high[0] + 1, low[1] : high[1] + 1] = 1
    return expected


def voxel_on(axis: int, index: int, first: float, second: float) -> Voxel:
    """The voxel of a slice at the two other axes."""
    place = [first, second]
    place.insert(axis, float(index))
    return (place[0], place[1], place[2])


#: On each axis a slice through the block, and a rectangle on it: its two corners in voxels of the two other axes.
#: None of them is its own mirror image, so that a plane that is turned over shows.
RECTANGLES = {0: (4, (12, 18), (24, 33)), 1: (14, (1, 20), (4, 30)), 2: (21, (0, 8), (5, 25))}


def corners(axis: int) -> list[Voxel]:
    index, (a, b), (c, d) = RECTANGLES[axis]
    return [voxel_on(axis, index, *pair) for pair in ((a, b), (a, d), (c, d), (c, b))]


def rectangle(axis: int) -> Labels:
    index, low, high = RECTANGLES[axis]
    return on_slice(axis, index, low, high)


def look_through(scene: Scene, axis: int) -> None:
    """Put the crosshair on the slice of `RECTANGLES`."""
    place = [4, 14, 21]
    place[axis] = RECTANGLES[axis][0]
    scene.look_at((place[0], place[1], place[2]))


def open_project(folder: Path) -> Project:
    project = Project.create(folder)
    for id in ("a", "b"):
        add_case(project, id)
    return project
