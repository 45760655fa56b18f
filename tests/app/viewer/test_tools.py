"""Tools painting on an easel of their own, in every plane."""

import numpy as np
import pytest
from numpy.typing import NDArray

from app.viewer.brushes import Brush, box_around, dabs_between
from app.viewer.plane_geometry import Plane, PlaneGeometry
from app.viewer.tools import BrushTool, FillRequest, FillTool, PolygonTool, Spot
from segcore.annotation.edits import MaskEdit, Stroke
from segcore.geometry import Box, Grid

GRID = Grid.from_spacing((6, 12, 24), (4.0, 2.0, 1.0))


class PlainEasel:
    def __init__(self) -> None:
        self.labels = np.zeros(GRID.shape, dtype=np.uint8)
        self.edits: list[MaskEdit | None] = []
        self.stroke: Stroke | None = None
        self.may_paint = True

    def begin(self, label: str) -> None:
        self.stroke = Stroke(self.labels, label)

    def paint(self, box: Box, where: NDArray[np.bool_], value: int) -> None:
        assert self.stroke is not None
        self.stroke.paint(box, where, value)

    def finish(self) -> None:
        assert self.stroke is not None
        self.edits.append(self.stroke.finish())


def spot(plane: Plane, voxel: tuple[float, float, float], *, erases: bool = False) -> Spot:
    lies = PlaneGeometry(plane=plane, grid=GRID)
    row, column = lies.pixel_of((voxel[0] + 0.5, voxel[1] + 0.5, voxel[2] + 0.5))
    return Spot(geometry=lies, index=int(voxel[plane]), row=row, column=column, scale=(10.0, 10.0), erases=erases)


@pytest.mark.parametrize("plane", Plane)
def test_a_disc_is_round_in_millimetres_in_the_plane_that_is_painted(plane: Plane) -> None:
    easel = PlainEasel()
    tool = BrushTool(easel, lambda: Brush(radius=4.0), lambda: 1)
    tool.press(spot(plane, (3, 6, 12)))
    tool.release(spot(plane, (3, 6, 12)))
    p, r, c = np.indices(GRID.shape)
    millimetres = ((p - 3) * 4.0) ** 2 + ((r - 6) * 2.0) ** 2 + ((c - 12) * 1.0) ** 2
    expected = (millimetres <= 16.0) & ((p, r, c)[plane] == (3, 6, 12)[plane])
    assert np.array_equal(easel.labels == 1, expected)
    assert [edit.label for edit in easel.edits if edit is not None] == ["Brush"]


def test_a_ball_is_round_in_space() -> None:
    easel = PlainEasel()
    tool = BrushTool(easel, lambda: Brush(radius=4.0, is_ball=True), lambda: 1)
    tool.press(spot(Plane.CORONAL, (3, 6, 12)))
    tool.release(spot(Plane.CORONAL, (3, 6, 12)))
    assert np.count_nonzero(easel.labels, axis=(1, 2)).tolist() == [
        0,
        0,
        1,
        25,
        1,
        0,
    ]  # 9 + 2 * 7 + 2 * 1 in the middle


def test_a_radius_in_voxels_counts_the_smaller_side_of_the_pixels() -> None:
    assert Brush(radius=2.0, in_mm=False).semi_axes(GRID, Plane.AXIAL) == (0.0, 1.0, 2.0)
    assert Brush(radius=2.0, in_mm=False, is_ball=True).semi_axes(GRID, Plane.AXIAL) == (0.5, 1.0, 2.0)
    assert Brush(radius=0.5, in_mm=False).stamp(GRID, Plane.AXIAL).shape == (1, 1, 1)


def test_the_way_between_two_positions_has_no_gap() -> None:
    dabs = [(0, 0, 0), *dabs_between((0, 0, 0), (3, 40, 100), (0.0, 1.0, 1.0))]
    steps = np.abs(np.diff(np.array(dabs), axis=0)).max(axis=1)
    assert steps.max() == 1
    assert dabs[-1] == (3, 40, 100)
    assert dabs_between((1, 2, 3), (1, 2, 3), (0.0, 9.0, 9.0)) == []


def test_a_fast_straight_stroke_of_a_large_brush_has_a_straight_edge() -> None:
    grid = Grid.from_spacing((1, 200, 600))
    labels = np.zeros(grid.shape, dtype=np.uint8)
    brush = Brush(radius=40.0)
    stamp, stroke = brush.stamp(grid, Plane.AXIAL), Stroke(labels, "Brush")
    for dab in [(0, 100, 60), *dabs_between((0, 100, 60), (0, 100, 540), brush.semi_axes(grid, Plane.AXIAL))]:
        stroke.paint(box_around(dab, stamp), stamp, 1)
    heights = np.count_nonzero(labels[0, :, 60:541], axis=0)
    assert heights.max() - heights.min() <= 2  # 81 rows, a notch of at most one voxel on either side


def test_brushes_grow_and_shrink_by_steps_within_limits() -> None:
    assert Brush(radius=2.0).stepped(1).radius == 2.4
    assert Brush(radius=2.4).stepped(-1).radius == 2.0
    assert Brush(radius=0.5).stepped(-5).radius == 0.5
    assert Brush(radius=190.0).stepped(9).radius == 200.0


def test_the_eraser_paints_background_and_says_so() -> None:
    easel = PlainEasel()
    easel.labels[:] = 1
    tool = BrushTool(easel, lambda: Brush(radius=0.5), lambda: 1)
    tool.press(spot(Plane.AXIAL, (3, 6, 12), erases=True))
    tool.drag(spot(Plane.AXIAL, (3, 6, 15)))
    tool.release(spot(Plane.AXIAL, (3, 6, 15)))
    assert np.argwhere(easel.labels == 0).tolist() == [[3, 6, c] for c in range(12, 16)]
    assert easel.edits[0] is not None
    assert easel.edits[0].label == "Eraser"


def test_nothing_is_painted_while_the_easel_refuses() -> None:
    easel = PlainEasel()
    easel.may_paint = False
    brush = BrushTool(easel, Brush, lambda: 1)
    outline = PolygonTool(easel, lambda: 1, lambda: None)
    for tool in (brush, outline):
        tool.press(spot(Plane.AXIAL, (3, 6, 12)))
        tool.drag(spot(Plane.AXIAL, (3, 6, 15)))
        tool.release(spot(Plane.AXIAL, (3, 6, 15)))
    assert not easel.labels.any()
    assert easel.edits == []


@pytest.mark.parametrize(
    ("plane", "corners", "box"),
    [
        (Plane.AXIAL, ((2, 3, 4), (2, 3, 9), (2, 7, 9), (2, 7, 4)), np.s_[2:3, 3:8, 4:10]),
        (Plane.CORONAL, ((1, 5, 4), (1, 5, 9), (4, 5, 9), (4, 5, 4)), np.s_[1:5, 5:6, 4:10]),
        (Plane.SAGITTAL, ((1, 3, 8), (1, 7, 8), (4, 7, 8), (4, 3, 8)), np.s_[1:5, 3:8, 8:9]),
    ],
)
def test_corners_clicked_on_voxels_fill_the_voxels_between_in_every_plane(
    plane: Plane, corners: tuple[tuple[int, int, int], ...], box: tuple[slice, slice, slice]
) -> None:
    easel = PlainEasel()
    tool = PolygonTool(easel, lambda: 255, lambda: None)
    for corner in corners:
        tool.press(spot(plane, corner))
        tool.release(spot(plane, corner))
    assert not easel.labels.any()
    assert tool.accept()
    expected = np.zeros(GRID.shape, dtype=np.uint8)
    expected[box] = 255
    assert np.array_equal(easel.labels, expected)
    assert tool.sketch is None


def test_a_drag_is_a_lasso_that_closes_when_the_button_goes_up() -> None:
    easel = PlainEasel()
    tool = PolygonTool(easel, lambda: 1, lambda: None)
    way = [(2, 3, 4), (2, 3, 9), (2, 7, 9), (2, 7, 4)]
    tool.press(spot(Plane.AXIAL, way[0]))
    for place in way[1:]:
        tool.drag(spot(Plane.AXIAL, place))
    tool.release(spot(Plane.AXIAL, way[-1]))
    assert np.argwhere(easel.labels).min(axis=0).tolist() == [2, 3, 4]
    assert np.count_nonzero(easel.labels) == 30
    assert [edit.label for edit in easel.edits if edit is not None] == ["Lasso"]


def test_an_outline_outside_the_scan_is_cut_off_at_its_edge() -> None:
    easel = PlainEasel()
    tool = PolygonTool(easel, lambda: 1, lambda: None)
    for corner in ((2, -50, -50), (2, -50, 3), (2, 2, 3), (2, 2, -50)):
        tool.press(spot(Plane.AXIAL, corner))
    tool.accept()
    assert np.argwhere(easel.labels).tolist() == [[2, r, c] for r in range(3) for c in range(4)]


def test_escape_drops_an_outline_backspace_its_last_corner_and_two_corners_fill_nothing() -> None:
    easel = PlainEasel()
    tool = PolygonTool(easel, lambda: 1, lambda: None)
    assert not tool.cancel()
    for corner in ((2, 3, 4), (2, 3, 9), (2, 7, 9)):
        tool.press(spot(Plane.AXIAL, corner))
    assert tool.step_back()
    assert tool.sketch is not None
    assert len(tool.sketch.points) == 2
    assert tool.accept()
    tool.press(spot(Plane.AXIAL, (2, 3, 4)))
    assert tool.step_back()
    assert tool.sketch is None
    assert not tool.step_back()
    assert easel.edits == []


def test_an_outline_is_dropped_when_it_goes_on_in_another_slice() -> None:
    easel = PlainEasel()
    tool = PolygonTool(easel, lambda: 1, lambda: None)
    for corner in ((2, 3, 4), (2, 3, 9), (3, 7, 9)):
        tool.press(spot(Plane.AXIAL, corner))
    assert tool.sketch is not None
    assert len(tool.sketch.points) == 1


def test_a_fill_is_asked_for_in_the_slice_or_through_all() -> None:
    asked: list[FillRequest] = []
    through = False
    tool = FillTool(PlainEasel(), lambda: through, asked.append)
    tool.press(spot(Plane.SAGITTAL, (3, 6, 12)))
    through = True
    tool.press(spot(Plane.SAGITTAL, (3, 6, 12), erases=True))
    tool.press(spot(Plane.SAGITTAL, (30, 6, 12)))
    assert asked == [
        FillRequest(seed=(3, 6, 12), plane=2, erases=False),
        FillRequest(seed=(3, 6, 12), plane=None, erases=True),
    ]
