"""A file is seen before it is imported: its first slice while the rest is still being read."""

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from app.background import Background
from app.data.import_dialog import ImportDialog
from app.session import Session
from app.viewer import quick_look
from app.viewer.quick_look import QuickLook, reading_order
from segcore.geometry import Grid
from segcore.projects.project import Project
from segcore.scans.formats.nifti import write
from segcore.scans.formats.table import watch_volume
from segcore.scans.volume import Volume, Watch

SHAPE = (10, 30, 40)
GRID = Grid.from_spacing(SHAPE, (2.0, 1.0, 1.0))


def scan() -> Volume:
    """Plane p has the value 100 p."""
    planes = np.arange(SHAPE[0], dtype=np.int16)[:, None, None] * 100
    return Volume(voxels=np.broadcast_to(planes, SHAPE)[None].copy(), grid=GRID, channels=("image",))


@pytest.fixture
def look(qtbot: QtBot, background: Background) -> Iterator[QuickLook]:
    made = QuickLook(background)
    qtbot.addWidget(made)
    made.resize(500, 500)
    made.show()
    qtbot.waitExposed(made)
    yield made
    made.stop()


class Gate:
    """Reads a scan of ten planes in pieces, the next one when it is told to."""

    def __init__(self) -> None:
        self.may_go_on = threading.Semaphore(0)
        self.stopped = False

    def read(self, file: Path, watch: Watch) -> Volume:
        whole = scan()
        so_far = Volume(voxels=np.zeros_like(whole.voxels), grid=GRID, channels=("image",))
        try:
            for planes in (1, 4, 10):
                self.may_go_on.acquire(timeout=10)
                so_far.voxels[:, :planes] = whole.voxels[:, :planes]
                watch(so_far, planes / 10)
        except BaseException:
            self.stopped = True
            raise
        return whole


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    made = Gate()
    monkeypatch.setattr(quick_look, "watch_volume", made.read)
    return made


def test_the_first_slice_is_shown_while_the_rest_is_being_read(look: QuickLook, gate: Gate, qtbot: QtBot) -> None:
    look.show_file(Path("scan.nii.gz"))
    assert look.words.text() == "scan.nii.gz: reading…"
    gate.may_go_on.release()
    qtbot.waitUntil(lambda: look.view.volume is not None)
    assert (look.view.single, look.view.crosshair[0]) == (0, 0)
    assert look.words.text() == "scan.nii.gz: 10 % read"
    gate.may_go_on.release()
    qtbot.waitUntil(lambda: look.view.crosshair[0] == 3)  # the last of the four that are there
    gate.may_go_on.release()
    qtbot.waitUntil(lambda: look.words.text() == "scan.nii.gz: 40 x 30 x 10 voxels of 1 x 1 x 2 mm")
    assert look.view.crosshair[0] == 5  # no further than the middle


def test_a_person_who_scrolls_is_not_taken_elsewhere(look: QuickLook, gate: Gate, qtbot: QtBot) -> None:
    look.show_file(Path("scan.nii.gz"))
    gate.may_go_on.release(2)
    qtbot.waitUntil(lambda: look.view.volume is not None and look.view.crosshair[0] == 3)
    pane = look.view.panes[0]
    middle = QPointF(pane.rect().center())
    wheel = QWheelEvent(
        middle,
        QPointF(pane.mapToGlobal(middle.toPoint())),
        QPoint(0, 0),
        QPoint(0, 120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(pane, wheel)
    assert look.view.crosshair[0] == 2
    gate.may_go_on.release()
    qtbot.waitUntil(lambda: "voxels" in look.words.text())
    assert look.view.crosshair[0] == 2


def test_a_window_dragged_by_hand_is_kept(look: QuickLook, gate: Gate, qtbot: QtBot) -> None:
    look.show_file(Path("scan.nii.gz"))
    gate.may_go_on.release(2)
    qtbot.waitUntil(lambda: look.view.volume is not None)
    pane = look.view.panes[0]
    QTest.mousePress(pane, Qt.MouseButton.RightButton, pos=QPoint(100, 100))
    QTest.mouseMove(pane, QPoint(140, 120))
    QTest.mouseRelease(pane, Qt.MouseButton.RightButton, pos=QPoint(140, 120))
    dragged = look.view.window_of(0)
    gate.may_go_on.release()
    qtbot.waitUntil(lambda: "voxels" in look.words.text())
    assert look.view.window_of(0) == dragged


def test_looking_elsewhere_stops_reading(look: QuickLook, gate: Gate, qtbot: QtBot) -> None:
    look.show_file(Path("scan.nii.gz"))
    gate.may_go_on.release()
    qtbot.waitUntil(lambda: look.view.volume is not None)
    look.show_file(None)
    assert (look.view.volume, look.words.text()) == (None, "")
    gate.may_go_on.release(3)
    qtbot.waitUntil(lambda: gate.stopped)


def test_a_damaged_file_is_said_in_place_of_the_picture(look: QuickLook, qtbot: QtBot, tmp_path: Path) -> None:
    file = tmp_path / "cut.nii.gz"
    write(file, scan())
    file.write_bytes(file.read_bytes()[:200])
    look.show_file(file)
    qtbot.waitUntil(lambda: "cut.nii.gz: " in look.words.text() and look.words.text().endswith("."))
    assert look.view.volume is None


def test_reading_tells_every_piece_and_ends_with_the_same_scan(tmp_path: Path) -> None:
    file = tmp_path / "scan.nii.gz"
    big = Volume(
        voxels=np.random.default_rng(0).integers(-9, 9, (1, 40, 256, 256)).astype(np.int16),
        grid=Grid.from_spacing((40, 256, 256), (1.0, 1.0, 1.0)),
        channels=("image",),
    )
    write(file, big)
    shares, complete = [], []

    def watch(volume: Volume, share: float) -> None:
        shares.append(share)
        planes = int(40 * share)
        complete.append(bool((volume.voxels[0, :planes] == big.voxels[0, :planes]).all()))

    read = watch_volume(file, watch)
    assert np.array_equal(read.voxels, big.voxels)
    assert len(shares) > 2
    assert shares == sorted(shares)
    assert shares[0] <= 0.11  # 512 KiB of 5 MiB
    assert shares[-1] == 1.0
    assert all(complete)


def test_a_file_stored_from_the_head_down_is_read_from_the_last_plane() -> None:
    affine = GRID.affine.copy()
    affine[:, 0] *= -1  # planes run to Inferior
    stored = Grid(SHAPE, affine)
    assert reading_order(GRID, GRID) == (0, 0, 1)
    assert reading_order(stored, stored.canonical()) == (0, 9, -1)


def test_a_dropped_file_is_seen_beside_the_plan(
    qtbot: QtBot, session: Session, background: Background, tmp_path: Path, kept: list[QWidget]
) -> None:
    session.adopt(Project.create(tmp_path / "project"))
    for name in ("a", "b"):
        write(tmp_path / f"{name}.nii.gz", scan())
    window = QWidget()
    kept.append(window)
    dialog = ImportDialog(window, session, background, [tmp_path / "b.nii.gz", tmp_path / "a.nii.gz"])
    dialog.open()
    assert dialog.look.words.text() == "b.nii.gz: reading…"  # before anything is known about it
    qtbot.waitUntil(lambda: dialog.look.words.text().startswith("a.nii.gz: 40 x 30"))
    dialog.plan_page.table.selectRow(1)
    qtbot.waitUntil(lambda: dialog.look.words.text().startswith("b.nii.gz: 40 x 30"))
    dialog.close_button.click()
