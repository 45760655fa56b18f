"""A panel on a small project, and hands for it: every gesture is a real mouse, wheel or key event."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.actions import Actions
from app.annotate.panel import AnnotatePanel
from app.background import Background
from app.session import Session
from app.settings import Settings
from app.viewer.plane_geometry import Voxel
from segcore.geometry import Grid
from segcore.projects.case import CaseState
from segcore.projects.project import Project
from segcore.scans.volume import Volume

GRID = Grid.from_spacing((8, 40, 50), (3.0, 1.0, 1.0))
LEFT, RIGHT, MIDDLE = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton, Qt.MouseButton.MiddleButton
PLAIN, SHIFT, CTRL = (
    Qt.KeyboardModifier.NoModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.ControlModifier,
)


def add_case(project: Project, id: str, volume: Volume, source: Grid | None = None) -> None:
    project.add_case(
        id=id,
        group=id,
        volume=volume,
        source_grid=source or volume.grid,
        source_suffix=".nii.gz",
        sources=(f"{id}.nii.gz",),
        mask=None,
        state=CaseState.UNLABELLED,
    )


def two_cases(folder: Path) -> Project:
    """Cases a and b: two channels, a block of 100 in darkness in the first one."""
    project = Project.create(folder)
    for id in ("a", "b"):
        voxels = np.zeros((2, *GRID.shape), np.int16)
        voxels[0, :, 10:20, 10:20] = 100
        add_case(project, id, Volume(voxels=voxels, grid=GRID, channels=("FLAIR", "T1")))
    return project


@dataclass
class Hands:
    """What a person does with the panel."""

    qtbot: QtBot
    panel: AnnotatePanel
    session: Session
    actions: Actions
    background: Background

    @property
    def project(self) -> Project:
        return self.session.opened

    @property
    def labels(self) -> NDArray[np.uint8]:
        assert self.panel.editor.labels is not None
        return self.panel.editor.labels

    def settle(self) -> None:
        """Wait until nothing runs in the background and everybody has heard of it."""
        QApplication.processEvents()
        self.qtbot.waitUntil(lambda: self.background.running_tasks == 0, timeout=5000)
        QApplication.processEvents()

    def show(self, case: str) -> None:
        self.session.set_current_case(case)
        self.qtbot.waitUntil(lambda: self.panel.editor.case == case, timeout=5000)
        self.settle()

    def do(self, id: str) -> None:
        self.actions.action(id).trigger()

    def point(self, plane: int, voxel: tuple[float, float, float]) -> QPoint:
        return self.panel.view.panes[plane].point_of(voxel).toPoint()

    def click(
        self,
        plane: int,
        voxel: tuple[float, float, float],
        button: Qt.MouseButton = LEFT,
        keys: Qt.KeyboardModifier = PLAIN,
    ) -> None:
        QTest.mouseClick(self.panel.view.panes[plane], button, keys, self.point(plane, voxel))

    def drag(
        self,
        plane: int,
        way: list[Voxel],
        button: Qt.MouseButton = LEFT,
        keys: Qt.KeyboardModifier = PLAIN,
    ) -> None:
        pane = self.panel.view.panes[plane]
        points = [self.point(plane, voxel) for voxel in way]
        self.drag_points(plane, points, button, keys)
        assert pane.isVisible()

    def drag_points(
        self,
        plane: int,
        points: list[QPoint],
        button: Qt.MouseButton = LEFT,
        keys: Qt.KeyboardModifier = PLAIN,
    ) -> None:
        pane = self.panel.view.panes[plane]
        QTest.mousePress(pane, button, keys, points[0])
        for point in points[1:]:
            QTest.mouseMove(pane, point)
            QApplication.processEvents()
        QTest.mouseRelease(pane, button, keys, points[-1])

    def double_click(self, plane: int, voxel: tuple[float, float, float]) -> None:
        """As a mouse does it: press, release, double press, release."""
        self.click(plane, voxel)
        QTest.mouseDClick(self.panel.view.panes[plane], LEFT, PLAIN, self.point(plane, voxel))

    def wheel(self, plane: int, notches: int, keys: Qt.KeyboardModifier = PLAIN, at: QPointF | None = None) -> None:
        pane = self.panel.view.panes[plane]
        place = at if at is not None else QPointF(pane.width() / 2, pane.height() / 2)
        event = QWheelEvent(
            place,
            QPointF(pane.mapToGlobal(place.toPoint())),
            QPoint(),
            QPoint(0, 120 * notches),
            Qt.MouseButton.NoButton,
            keys,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.sendEvent(pane, event)

    def key(self, plane: int, key: Qt.Key) -> None:
        QTest.keyClick(self.panel.view.panes[plane], key)


@pytest.fixture
def make_hands(
    qtbot: QtBot, session: Session, actions: Actions, background: Background, settings: Settings
) -> Iterator[Callable[[Project], Hands]]:
    """Open a project in a panel: ``make_hands(project)``."""
    panels = []

    def make(project: Project) -> Hands:
        panel = AnnotatePanel(session, actions, background, settings)
        qtbot.addWidget(panel)
        panels.append(panel)
        for _, action in actions.all():
            panel.addAction(action)
        actions.show_workspace("annotate")
        panel.resize(1300, 800)
        session.adopt(project)
        panel.show()
        qtbot.waitExposed(panel)
        panel.activate()
        hands = Hands(qtbot, panel, session, actions, background)
        qtbot.waitUntil(lambda: panel.editor.case != "", timeout=5000)
        hands.settle()
        return hands

    yield make
    for panel in panels:
        panel.may_close()
        panel.hide()


@pytest.fixture
def hands(make_hands: Callable[[Project], Hands], tmp_path: Path) -> Hands:
    """A panel that shows case a of `two_cases`."""
    return make_hands(two_cases(tmp_path / "project"))
