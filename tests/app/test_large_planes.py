"""Images larger than a screen: drawn from coarser copies that are made beside the window, and mended as they are painted."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.background import Background
from app.session import Session
from app.viewer.coarse_copies import CoarseCopies
from app.viewer.levels import Levels
from app.viewer.plane_geometry import PlaneGeometry
from app.viewer.scan_view import ScanView
from app.viewer.slice_image import SliceImage
from segcore.geometry import Box, Grid
from segcore.projects.case import CaseState
from segcore.projects.project import Project
from segcore.scans.pyramid import build_levels, labels_together, mean
from segcore.scans.volume import Mask, Volume
from tests.app.test_slice_image import Shown

EDGE = 2300
GRID = Grid.from_spacing((1, EDGE, EDGE), (1.0, 1.0, 1.0), calibrated=False)


def large_scan() -> Volume:
    rows = np.arange(EDGE, dtype=np.uint8)
    return Volume(voxels=np.add.outer(rows, rows)[None, None], grid=GRID, channels=("image",))


@pytest.fixture
def view(qtbot: QtBot, session: Session, background: Background, tmp_path: object) -> Iterator[ScanView]:
    project = Project.create(tmp_path / "p")  # type: ignore[operator]
    mask = Mask.empty(GRID)
    mask.labels[0, 2000, 300] = 1
    project.add_case(
        id="slide",
        group="slide",
        volume=large_scan(),
        source_grid=GRID,
        source_suffix=".png",
        sources=("slide.png",),
        mask=mask,
        state=CaseState.COMPLETE,
    )
    session.adopt(project)
    made = ScanView()
    qtbot.addWidget(made)
    made.resize(700, 700)
    made.copies = CoarseCopies(made, session, background, made)  # type: ignore[attr-defined]
    made.show()
    qtbot.waitExposed(made)
    made.set_scan(project.scan("slide"))
    made.set_labels(project.mask("slide").labels)
    made.copies.show_case("slide")  # type: ignore[attr-defined]
    qtbot.waitUntil(lambda: made.levels.deepest == 2 and made.levels.has("labels", made.labels), timeout=10_000)
    yield made
    made.set_scan(None)


def test_copies_are_made_beside_the_window_and_kept_in_the_project(view: ScanView, session: Session) -> None:
    folder = session.opened.pyramid_folder("slide")
    assert sorted(file.name for file in folder.iterdir()) == ["level-1.npy", "level-2.npy"]
    level = view.levels.at("scan", view.volume.voxels, 2)  # type: ignore[union-attr]
    assert np.array_equal(level, build_levels(large_scan().voxels, mean)[1])


def test_a_lesion_of_one_pixel_is_seen_where_the_whole_image_is_shown(view: ScanView, qtbot: QtBot) -> None:
    qtbot.wait(30)
    pane = view.panes[0]
    assert 1 / pane.zoom > 3  # more than three pixels of the image on one of the screen
    picture = pane.grab().toImage()
    place = pane.place_of((0.0, 2000.0, 300.0)).toPoint()
    around = [picture.pixelColor(place + QPoint(x, y)) for x in (-2, -1, 0, 1, 2) for y in (-2, -1, 0, 1, 2)]
    assert any(colour.red() == 255 and colour.blue() == 40 for colour in around)  # the mask's orange


def test_what_is_painted_in_the_whole_image_is_seen_at_once(view: ScanView, qtbot: QtBot) -> None:
    qtbot.wait(30)
    pane, labels = view.panes[0], view.labels
    assert labels is not None
    rendered = pane.image.rendered
    labels[0, 1000:1040, 1000:1040] = 1
    view.refresh(Box((0, 1000, 1000), (1, 1040, 1040)))
    qtbot.wait(30)
    assert 0 < pane.image.rendered - rendered < 40 * 40
    mended = pane.grab().toImage()
    view.draw_anew()
    qtbot.wait(30)
    assert pane.grab().toImage() == mended


def test_dragging_shows_the_next_coarser_copy_until_the_button_is_released(view: ScanView, qtbot: QtBot) -> None:
    pane = view.panes[0]
    pane.zoom_by(2.0)
    qtbot.wait(30)
    sharp = pane.grab().toImage()
    QTest.mousePress(pane, Qt.MouseButton.MiddleButton, pos=QPoint(300, 300))
    QTest.mouseMove(pane, QPoint(310, 300))
    QTest.mouseMove(pane, QPoint(300, 300))
    assert pane.grab().toImage() != sharp
    QTest.mouseRelease(pane, Qt.MouseButton.MiddleButton, pos=QPoint(300, 300))
    assert pane.grab().toImage() == sharp


def test_another_scan_gives_up_the_copies_of_the_one_before(view: ScanView, qtbot: QtBot) -> None:
    view.set_scan(large_scan())
    assert view.levels.deepest == 0
    qtbot.wait(300)
    assert view.levels.deepest == 0  # nobody said which case it is


def test_strokes_while_copies_are_being_made_are_in_them() -> None:
    labels = np.zeros((1, EDGE, EDGE), np.uint8)
    levels = Levels()
    levels.expect(labels)
    copies = build_levels(labels, labels_together)
    labels[0, 7, 9] = 1
    levels.change(labels, Box((0, 7, 9), (1, 8, 10)))
    levels.take("labels", labels, copies)
    assert levels.at("labels", labels, 1)[0, 3, 4] == 1
    assert levels.at("labels", labels, 2)[0, 1, 2] == 1


def test_the_pixels_of_the_level_are_no_smaller_than_those_of_the_screen() -> None:
    levels, voxels = Levels(), np.zeros((1, 1, EDGE, EDGE), np.uint8)
    assert levels.level_for(8.0) == 0
    levels.take("scan", voxels, build_levels(voxels, mean))
    assert [levels.level_for(step) for step in (0.2, 1.0, 1.1, 2.0, 2.1, 4.0, 9.0)] == [0, 0, 1, 1, 2, 2, 2]


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_mended_coarse_pixels_are_those_of_rendering_everything(data: st.DataObject) -> None:
    labels = (np.random.default_rng(1).random((20, 40, 30)) < 0.05).astype(np.uint8)
    shown = Shown(labels)
    shown.levels.take("scan", shown.volume.voxels, _halved(shown.volume.voxels, mean))
    if data.draw(st.booleans()):
        shown.levels.take("labels", labels, _halved(labels, labels_together))
    plane = PlaneGeometry.of(shown.volume.grid, 0)
    index, level = data.draw(st.integers(0, 19)), data.draw(st.integers(1, 2))
    rows, columns = -(-40 // 2**level), -(-30 // 2**level)
    first, left = data.draw(st.integers(0, rows - 1)), data.draw(st.integers(0, columns - 1))
    part = (slice(first, rows, 1), slice(left, columns, 1))
    image = SliceImage(shown)
    image.pixels(plane, index, part, level)
    for _ in range(3):
        low = [data.draw(st.integers(0, n - 1)) for n in labels.shape]
        high = [data.draw(st.integers(a + 1, n)) for a, n in zip(low, labels.shape, strict=True)]
        box = Box((low[0], low[1], low[2]), (high[0], high[1], high[2]))
        labels[box.slices] = data.draw(st.sampled_from([0, 1, 255]))
        shown.levels.change(labels, box)
        image.change(plane, box)
    mended = image.pixels(plane, index, part, level).copy()
    assert np.array_equal(mended, SliceImage(shown).pixels(plane, index, part, level))


def _halved(source: np.ndarray, together: object) -> tuple[np.ndarray, ...]:
    """Two levels, whatever the size."""
    from segcore.scans.pyramid import halve, halved_shape  # noqa: PLC0415 - beside its only use

    levels: list[np.ndarray] = []
    for _ in range(2):
        finer = levels[-1] if levels else source
        levels.append(np.empty(halved_shape(finer.shape), finer.dtype))
        halve(finer, levels[-1], together)  # type: ignore[arg-type]
    return tuple(levels)
