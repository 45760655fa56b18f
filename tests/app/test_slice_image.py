"""What a pane shows is kept and mended in parts: always the same pixels as rendering everything anew."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QPoint
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.viewer.levels import Levels
from app.viewer.marks import Mark
from app.viewer.plane_geometry import PlaneGeometry
from app.viewer.rendering import Overlay, Window, make_table
from app.viewer.scan_view import ScanView
from app.viewer.slice_image import SliceImage
from segcore.geometry import Box, Grid
from segcore.scans.volume import Volume

SHAPE = (20, 40, 30)


def scan(kind: type[np.generic] = np.int16, shape: tuple[int, int, int] = SHAPE) -> Volume:
    voxels = np.random.default_rng(0).normal(0, 300, (1, *shape)).astype(kind)
    return Volume(voxels=voxels, grid=Grid.from_spacing(shape, (2.0, 1.0, 1.5)), channels=("CT",))


@pytest.fixture
def view(qtbot: QtBot) -> ScanView:
    made = ScanView()
    qtbot.addWidget(made)
    made.resize(900, 700)
    made.set_scan(scan())
    made.set_labels(np.zeros(SHAPE, np.uint8))
    made.show()
    qtbot.waitExposed(made)
    return made


def whole(plane: PlaneGeometry) -> tuple[slice, slice]:
    return slice(0, plane.rows, 1), slice(0, plane.columns, 1)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_mended_pixels_are_those_of_rendering_everything(data: st.DataObject) -> None:
    labels = (np.random.default_rng(1).random(SHAPE) < 0.1).astype(np.uint8)
    shown = Shown(labels)
    axis = data.draw(st.integers(0, 2))
    plane = PlaneGeometry.of(shown.volume.grid, axis)
    index = data.draw(st.integers(0, SHAPE[axis] - 1))
    rows = sorted(data.draw(st.lists(st.integers(0, plane.rows), min_size=2, max_size=2, unique=True)))
    part = (slice(rows[0], rows[1], 1), slice(0, plane.columns, 1)) if data.draw(st.booleans()) else whole(plane)
    image = SliceImage(shown)
    image.pixels(plane, index, part)
    before = image.rendered
    for _ in range(3):
        low = [data.draw(st.integers(0, n - 1)) for n in SHAPE]
        high = [data.draw(st.integers(a + 1, n)) for a, n in zip(low, SHAPE, strict=True)]
        box = Box((low[0], low[1], low[2]), (high[0], high[1], high[2]))
        labels[box.slices] = data.draw(st.sampled_from([0, 1, 255]))
        image.change(plane, box)
    mended = image.pixels(plane, index, part).copy()
    assert np.array_equal(mended, SliceImage(shown).pixels(plane, index, part))
    for name, value in (("level", -100.0), ("step", 3), ("level", 50.0)):
        setattr(shown, name, value)
        assert np.array_equal(image.pixels(plane, index, part), SliceImage(shown).pixels(plane, index, part))
    assert image.rendered > before or mended.size == 0 or rows[0] > 0


@dataclass
class Shown:
    """What a viewer shows, without its widgets."""

    labels: np.ndarray
    volume: Volume = field(default_factory=scan)
    steps: np.ndarray = field(default_factory=lambda: np.random.default_rng(5).normal(0, 5, SHAPE).astype(np.int8))
    step: int = 0
    doubt: None = None
    channel: int = 0
    overlay: Overlay = field(default_factory=Overlay)
    table: np.ndarray = field(default_factory=lambda: make_table(Overlay()))
    crosshair: tuple[int, int, int] = (0, 0, 0)
    brush_mm: float = 0.0
    shape: tuple[()] = ()
    shape_axis: int = -1
    marks: tuple[Mark, ...] = ()
    generation: int = 0
    levels: Levels = field(default_factory=Levels)
    level: float = 0.0

    def window_of(self, channel: int) -> Window:
        return Window.of(self.level, 600)


def _rendered(view: ScanView) -> list[int]:
    return [pane.image.rendered for pane in view.panes]


@pytest.mark.parametrize(
    ("change", "panes"),
    [
        (lambda view: view.show_slice(0, 3), [True, False, False]),
        (lambda view: view.show_slice(2, 3), [False, False, True]),
        (lambda view: view.set_window(Window(low=0, high=10)), [True, True, True]),
        (lambda view: view.set_overlay(replace(view.overlay, opacity=0.9)), [True, True, True]),
        (lambda view: view.set_step(4), [True, True, True]),
        (lambda view: view.set_brush(4.0), [False, False, False]),
    ],
)
def test_only_panes_that_show_something_else_are_rendered(
    view: ScanView, qtbot: QtBot, change: Callable[[ScanView], None], panes: list[bool]
) -> None:
    qtbot.wait(50)
    before = _rendered(view)
    change(view)
    qtbot.wait(50)
    assert [a > b for a, b in zip(_rendered(view), before, strict=True)] == panes


def test_a_stroke_renders_a_few_pixels_and_shows_the_same_as_a_fresh_view(view: ScanView, qtbot: QtBot) -> None:
    qtbot.wait(50)
    labels = view.labels
    assert labels is not None
    p, r, c = view.crosshair
    before = _rendered(view)
    labels[p, r : r + 3, c : c + 3] = 1
    view.refresh(Box((p, r, c), (p + 1, r + 3, c + 3)))
    qtbot.wait(50)
    rendered = [a - b for a, b in zip(_rendered(view), before, strict=True)]
    assert all(0 < n <= 49 for n in rendered)
    mended = [pane.grab().toImage() for pane in view.panes]
    view.refresh()
    qtbot.wait(50)
    assert all(pane.grab().toImage() == image for pane, image in zip(view.panes, mended, strict=True))


def test_the_circle_of_the_brush_leaves_no_trace(view: ScanView, qtbot: QtBot) -> None:
    pane = view.panes[0]
    clean = pane.grab().toImage()
    view.set_brush(5.0)
    for x in range(40, 140, 20):
        QTest.mouseMove(pane, QPoint(x, 60))
        qtbot.wait(5)
    view.set_brush(0.0)
    QTest.mouseMove(pane, QPoint(10, 200))
    qtbot.wait(30)
    assert pane.grab().toImage() == clean


def test_another_scan_is_shown_even_where_all_else_is_the_same(view: ScanView, qtbot: QtBot) -> None:
    first = view.panes[0].grab().toImage()
    view.set_scan(Volume(voxels=scan().voxels[..., ::-1].copy(), grid=scan().grid, channels=("CT",)))
    qtbot.wait(30)
    assert view.panes[0].grab().toImage() != first
