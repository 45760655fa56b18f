"""A viewer on scans whose values, spacing and orientation are known, with everything around it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from app.actions import Actions
from app.background import Background
from app.session import Session
from app.settings import Settings
from app.viewer.display_controls import DisplayControls
from app.viewer.plane_view import PlaneView
from app.viewer.scan_view import ScanView
from app.viewer.viewer_area import ViewerArea
from segcore.geometry import Grid
from segcore.projects.case import CaseState
from segcore.projects.project import Project
from segcore.scans.volume import Mask, Volume

#: 3 mm between planes, 1 mm between rows, 2 mm between columns.
SHAPE, SPACING = (10, 30, 20), (3.0, 1.0, 2.0)


def flipped_grid() -> Grid:
    """Planes run to the feet, rows to the front, columns to the right: the reverse of the canonical order."""
    affine = np.diag([0.0, 0.0, 0.0, 1.0])
    affine[2, 0], affine[1, 1], affine[0, 2] = -3.0, -1.0, -2.0
    affine[:3, 3] = (19 * 2.0, 29 * 1.0, 9 * 3.0)
    return Grid(SHAPE, affine)


def oblique_grid() -> Grid:
    """Turned by 20 degrees about the axis from left to right."""
    turn = np.deg2rad(20)
    affine = np.eye(4)
    affine[:3, 0] = np.array([0, -np.sin(turn), np.cos(turn)]) * SPACING[0]
    affine[:3, 1] = np.array([0, np.cos(turn), np.sin(turn)]) * SPACING[1]
    affine[:3, 2] = np.array([1, 0, 0]) * SPACING[2]
    return Grid(SHAPE, affine)


GRIDS = {
    "upright": Grid.from_spacing(SHAPE, SPACING),
    "flipped": flipped_grid(),
    "oblique": oblique_grid(),
}


def ramp(grid: Grid) -> Volume:
    """Two channels whose values tell the place: 100 · plane + row + 30 · column of the file, and 1000 minus that."""
    p, r, c = np.indices(grid.shape)
    values = (100 * p + r + 30 * c).astype(np.int16)
    return Volume(voxels=np.stack([values, 1000 - values]), grid=grid, channels=("FLAIR", "T1")).canonical()


@pytest.fixture
def view(kept: list[QWidget], qtbot: QtBot) -> ScanView:
    """An empty viewer of 900 x 700."""
    made = ScanView()
    kept.append(made)
    made.resize(900, 700)
    made.show()
    qtbot.waitExposed(made)
    return made


class Bench:
    """A viewer area on a project of three cases of one scan each, with its parts in reach."""

    def __init__(self, session: Session, actions: Actions, background: Background, settings: Settings) -> None:
        self.session, self.actions, self.background, self.settings = session, actions, background, settings
        self.view = ScanView()
        self.predictions: dict[str, np.ndarray] = {}
        self.display = DisplayControls(self.view)
        self.area = ViewerArea(
            self.view,
            self.display,
            session,
            actions,
            background,
            settings,
            cases=lambda: tuple(case.id for case in session.cases()),
            go_to=self.show,
            is_predicted=lambda case: case in self.predictions,
        )
        self.window = QWidget()
        self.display.setParent(self.window)
        self.display.hide()
        self.area.setParent(self.window)
        for _, action in actions.all():
            self.window.addAction(action)

    def show(self, case: str) -> None:
        """Show a case, as a panel does."""
        project = self.session.opened
        self.view.set_scan(project.scan(case))
        self.view.set_labels(project.mask(case).labels)
        if case in self.predictions:
            self.view.set_prediction(self.predictions[case], 10)
        self.display.scan_changed()
        self.area.show_case(case)

    def key(self, key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        QTest.keyClick(self.view.panes[0], key, modifier)


def lesions_by_hand() -> np.ndarray:
    """Lesions of 8, 2 and 1 voxels."""
    labels = np.zeros(SHAPE, np.uint8)
    labels[2:4, 4:6, 4:6] = 1
    labels[5, 20, 10:12] = 1
    labels[8, 25, 15] = 1
    return labels


@pytest.fixture
def bench(
    qtbot: QtBot,
    kept: list[QWidget],
    tmp_path: Path,
    session: Session,
    actions: Actions,
    background: Background,
    settings: Settings,
) -> Iterator[Bench]:
    project = Project.create(tmp_path / "p")
    grid = GRIDS["upright"]
    for number, labels in enumerate((lesions_by_hand(), np.zeros(SHAPE, np.uint8), lesions_by_hand())):
        project.add_case(
            id=f"case-{number}",
            group=f"P{number}",
            volume=ramp(grid),
            source_grid=grid,
            source_suffix=".nii.gz",
            sources=(f"{number}.nii.gz",),
            mask=Mask(labels=labels, grid=grid),
            state=CaseState.COMPLETE if labels.any() else CaseState.CONFIRMED_EMPTY,
        )
    session.adopt(project)
    actions.show_workspace("annotate")
    made = Bench(session, actions, background, settings)
    kept.append(made.window)
    made.window.resize(1200, 900)
    made.area.resize(1200, 900)
    made.window.show()
    qtbot.waitExposed(made.window)
    made.window.activateWindow()
    made.show("case-0")
    yield made
    made.area.cine.stop()


@pytest.fixture
def wait(qtbot: QtBot) -> Callable[[Callable[[], bool]], None]:
    """Wait until something is so."""
    return lambda so: qtbot.waitUntil(so, timeout=5000)


def at(pane: PlaneView, row: float, column: float) -> QPointF:
    """Return the place in a pane of a voxel of the slice it shows, given in screen voxels."""
    plane = pane.geometry_of
    assert plane is not None
    return pane.place_of(plane.to_voxel(pane.index, row, column))


def drag(pane: PlaneView, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Drag with the left button from one (row, column) of the slice to another."""
    a, b = at(pane, *start).toPoint(), at(pane, *end).toPoint()
    QTest.mousePress(pane, Qt.MouseButton.LeftButton, pos=a)
    QTest.mouseMove(pane, (a + b) / 2)
    QTest.mouseMove(pane, b)
    QTest.mouseRelease(pane, Qt.MouseButton.LeftButton, pos=b)
