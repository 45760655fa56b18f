"""Lengths, angles and intensities, worked out by hand and drawn by the mouse, in every plane and orientation."""

import math

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget

from app.viewer.measure_tool import MeasureTool
from app.viewer.measuring import Kind, Measurement, angle_of, area_of, flags_of, intensities_of, length_of, words_of
from app.viewer.scan_view import ScanView
from segcore.geometry import Grid
from segcore.scans.volume import Volume

from .conftest import GRIDS, SPACING, Bench, at, drag, ramp

#: mm down and across the screen, by the axis that is fixed.
IN_PLANE = ((SPACING[1], SPACING[2]), (SPACING[0], SPACING[2]), (SPACING[0], SPACING[1]))


def measured(kind: Kind, axis: int, *points: tuple[float, float], index: int = 4) -> Measurement:
    return Measurement(kind=kind, axis=axis, index=index, points=points)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)
def test_a_length_is_that_of_the_spacing_whatever_the_orientation(grid: Grid, axis: int) -> None:
    down, across = IN_PLANE[axis]
    ruler = measured(Kind.RULER, axis, (1.0, 2.0), (5.0, 7.0))
    assert length_of(ruler, grid.canonical()) == pytest.approx(math.hypot(4 * down, 5 * across))


def test_an_angle_is_measured_in_millimetres_not_in_voxels() -> None:
    grid = GRIDS["upright"]
    # Axial, rows 1 mm and columns 2 mm: two rows down and one column across is half a right angle.
    assert angle_of(measured(Kind.ANGLE, 0, (4.0, 4.0), (2.0, 4.0), (4.0, 5.0)), grid) == pytest.approx(45.0)
    assert angle_of(measured(Kind.ANGLE, 0, (0.0, 4.0), (2.0, 4.0), (4.0, 4.0)), grid) == pytest.approx(180.0)
    assert math.isnan(angle_of(measured(Kind.ANGLE, 0, (2.0, 4.0), (2.0, 4.0), (4.0, 4.0)), grid))


def test_an_ellipse_takes_the_voxels_whose_centres_lie_inside() -> None:
    volume = ramp(GRIDS["upright"])
    circle = measured(Kind.ELLIPSE, 0, (3.0, 4.0), (5.0, 6.0))
    # Half axes of one voxel: the middle and its four neighbours, which lie on the edge.
    part, inside = flags_of(circle, volume.grid)
    assert (part, inside.sum()) == ((slice(3, 6), slice(4, 7)), 5)
    middle = 100 * 4 + 4 + 30 * 5
    found = intensities_of(circle, volume, 0)
    assert (found.voxels, found.mean, found.low, found.high) == (5, middle, middle - 30, middle + 30)
    # Deviations 0, ±1 (rows) and ±30 (columns): variance (1 + 1 + 900 + 900) / 5.
    assert found.sd == pytest.approx(math.sqrt(1802 / 5))
    # Half axes of 1 mm and 2 mm.
    assert area_of(circle, volume.grid) == pytest.approx(math.pi * 1 * 2)
    assert words_of(circle, volume, 0) == (
        f"mean {middle:.1f}, SD 19.0",
        f"{middle - 30} to {middle + 30}",
        "6.3 mm², 5 voxels",
    )


def test_an_ellipse_beside_the_scan_holds_nothing_and_one_at_the_edge_what_is_there() -> None:
    volume = ramp(GRIDS["upright"])
    outside = intensities_of(measured(Kind.ELLIPSE, 0, (-9.0, -9.0), (-5.0, -5.0)), volume, 0)
    assert (outside.voxels, math.isnan(outside.mean)) == (0, True)
    corner = intensities_of(measured(Kind.ELLIPSE, 0, (-1.0, -1.0), (1.0, 1.0)), volume, 0)
    assert (corner.voxels, corner.low) == (3, 400)


def test_an_uncalibrated_image_is_measured_in_pixels_and_says_so() -> None:
    grid = Grid.from_spacing((1, 30, 20), calibrated=False)
    volume = Volume(voxels=np.full((3, *grid.shape), 7, np.uint8), grid=grid, channels=("red", "green", "blue"))
    ruler = measured(Kind.RULER, 0, (0.0, 0.0), (3.0, 4.0), index=0)
    assert words_of(ruler, volume, 0) == ("5.0 px", "not calibrated")
    ellipse = measured(Kind.ELLIPSE, 0, (3.0, 4.0), (5.0, 6.0), index=0)
    assert words_of(ellipse, volume, 0) == (
        "red mean 7.0, SD 0.0",
        "green mean 7.0, SD 0.0",
        "blue mean 7.0, SD 0.0",
        "3.1 px², 5 voxels",
        "not calibrated",
    )


# With the mouse


@pytest.fixture
def tool(view: ScanView) -> MeasureTool:
    made = MeasureTool(view, view)
    made.show_scan("a")
    return made


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("name", GRIDS)
def test_a_drag_measures_what_lies_between_two_voxels(view: ScanView, tool: MeasureTool, name: str, axis: int) -> None:
    view.set_scan(ramp(GRIDS[name]))
    view.show_single(axis)
    QWidget.repaint(view)
    heard: list[object] = []
    view.pressed.connect(lambda *given: heard.append(given))
    tool.choose(Kind.RULER)
    down, across = IN_PLANE[axis]
    pane = view.panes[axis]
    pane.frame(tuple(float(v) for v in view.crosshair), 8.0)  # type: ignore[arg-type]
    row, column = (float(v) for v in pane.geometry_of.to_screen(view.crosshair))  # type: ignore[union-attr]
    drag(pane, (row, column), (row + 3, column + 4))
    (only,) = tool.measurements
    assert (only.kind, only.axis, only.index) == (Kind.RULER, axis, view.crosshair[axis])
    # A pixel of the screen is an eighth of a millimetre.
    assert length_of(only, GRIDS["upright"]) == pytest.approx(math.hypot(3 * down, 4 * across), abs=0.2)
    assert heard == []


def test_three_clicks_make_an_angle_and_the_value_is_painted(view: ScanView, tool: MeasureTool) -> None:
    view.set_scan(ramp(GRIDS["upright"]))
    before = view.panes[0].grab().toImage()
    tool.choose(Kind.ANGLE)
    pane = view.panes[0]
    for row, column in ((14.0, 10.0), (10.0, 10.0), (14.0, 12.0)):
        place = at(pane, row, column).toPoint()
        QTest.mouseMove(pane, place)
        QTest.mouseClick(pane, Qt.MouseButton.LeftButton, pos=place)
    (only,) = tool.measurements
    assert angle_of(only, view.volume.grid) == pytest.approx(45.0, abs=1.0)  # type: ignore[union-attr]
    assert pane.grab().toImage() != before


def test_an_ellipse_by_mouse_has_the_statistics_of_its_voxels(view: ScanView, tool: MeasureTool) -> None:
    view.set_scan(ramp(GRIDS["upright"]))
    tool.choose(Kind.ELLIPSE)
    pane = view.panes[0]
    drag(pane, (7.4, 7.4), (12.6, 12.6))  # half axes of 2.6 voxels about (10, 10), no centre near the edge
    (only,) = tool.measurements
    inside = [(r, c) for r in range(20) for c in range(20) if (r - 10) ** 2 + (c - 10) ** 2 <= 2.6**2]
    values = np.array([100 * pane.index + r + 30 * c for r, c in inside], float)
    found = intensities_of(only, ramp(GRIDS["upright"]), 0)
    assert (found.voxels, found.mean, found.sd) == (len(inside), values.mean(), pytest.approx(values.std()))


def test_measurements_belong_to_their_slice_and_their_scan(view: ScanView, tool: MeasureTool) -> None:
    view.set_scan(ramp(GRIDS["upright"]))
    pane = view.panes[0]
    plain = pane.grab().toImage()
    tool.choose(Kind.RULER)
    drag(pane, (3.0, 3.0), (20.0, 15.0))
    assert pane.grab().toImage() != plain
    view.scroll_by(0, 1)
    other = pane.grab().toImage()
    view.scroll_by(0, -1)
    view.scroll_by(0, 1)
    tool.erase_all()
    assert pane.grab().toImage() == other
    tool.show_scan("b")
    drag(pane, (3.0, 3.0), (20.0, 15.0))
    tool.show_scan("a")
    assert tool.measurements == []
    tool.show_scan("b")
    assert len(tool.measurements) == 1


def test_an_end_is_moved_by_dragging_it_and_a_line_is_marked_by_a_click(view: ScanView, tool: MeasureTool) -> None:
    view.set_scan(ramp(GRIDS["upright"]))
    pane = view.panes[0]
    tool.choose(Kind.RULER)
    drag(pane, (5.0, 5.0), (5.0, 10.0))
    drag(pane, (20.0, 5.0), (20.0, 10.0))
    assert tool.marked == 1
    QTest.mouseClick(pane, Qt.MouseButton.LeftButton, pos=at(pane, 5.0, 7.5).toPoint())
    assert (tool.marked, len(tool.measurements)) == (0, 2)
    drag(pane, (5.0, 10.0), (5.0, 15.0))
    assert length_of(tool.measurements[0], view.volume.grid) == pytest.approx(20.0, abs=0.3)  # type: ignore[union-attr]
    tool.erase()
    assert [round(m.points[0][0]) for m in tool.measurements] == [20]


def test_escape_drops_the_draft_and_then_the_tool(view: ScanView, tool: MeasureTool) -> None:
    view.set_scan(ramp(GRIDS["upright"]))
    pane = view.panes[0]
    pane.setFocus()
    tool.choose(Kind.RULER)
    QTest.mouseClick(pane, Qt.MouseButton.LeftButton, pos=at(pane, 5.0, 5.0).toPoint())
    QTest.keyClick(pane, Qt.Key.Key_Escape)
    assert tool.kind is Kind.RULER
    QTest.mouseMove(pane, at(pane, 15.0, 5.0).toPoint())
    QTest.mouseRelease(pane, Qt.MouseButton.LeftButton, pos=at(pane, 15.0, 5.0).toPoint())
    assert tool.measurements == []
    QTest.keyClick(pane, Qt.Key.Key_Escape)
    assert tool.kind is None
    heard: list[object] = []
    view.pressed.connect(lambda *given: heard.append(given))
    QTest.mouseClick(pane, Qt.MouseButton.LeftButton, pos=at(pane, 5.0, 5.0).toPoint())
    assert len(heard) == 1


def test_keys_choose_what_is_measured_and_a_painting_tool_ends_it(bench: Bench) -> None:
    shift = Qt.KeyboardModifier.ShiftModifier
    bench.key(Qt.Key.Key_R, shift)
    assert bench.area.measure.kind is Kind.RULER
    assert bench.actions.action("viewer.ruler").isChecked()
    bench.key(Qt.Key.Key_O, shift)
    assert bench.area.measure.kind is Kind.ELLIPSE
    assert not bench.actions.action("viewer.ruler").isChecked()
    drag(bench.view.panes[0], (5.0, 5.0), (12.0, 12.0))
    drag(bench.view.panes[0], (15.0, 5.0), (22.0, 12.0))
    bench.key(Qt.Key.Key_Delete)
    assert len(bench.area.measure.measurements) == 1
    bench.key(Qt.Key.Key_Delete, shift)
    assert bench.area.measure.measurements == []
    bench.key(Qt.Key.Key_B)
    assert bench.area.measure.kind is None


def test_a_measurement_is_not_changed_by_another_channel_but_its_words_are(view: ScanView, tool: MeasureTool) -> None:
    volume = ramp(GRIDS["upright"])
    circle = measured(Kind.ELLIPSE, 0, (3.0, 4.0), (5.0, 6.0))
    first, second = (words_of(circle, volume, channel)[0] for channel in (0, 1))
    assert (first, second) == ("mean 554.0, SD 19.0", "mean 446.0, SD 19.0")


def test_escape_ends_measuring_also_where_another_command_has_that_key(bench: Bench) -> None:
    done: list[int] = []
    bench.actions.action("annotate.cancel").triggered.connect(lambda _=False: done.append(1))
    bench.key(Qt.Key.Key_R, Qt.KeyboardModifier.ShiftModifier)
    bench.key(Qt.Key.Key_Escape)
    assert (bench.area.measure.kind, done) == (None, [])
    bench.key(Qt.Key.Key_Escape)
    assert done == [1]
