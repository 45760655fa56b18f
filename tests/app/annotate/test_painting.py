"""Every tool in every plane, by real mouse and key events, against masks worked out by hand."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt

from app.annotate.tool_controls import ToolName
from app.viewer.brushes import Brush
from segcore.geometry import Grid, reorder
from segcore.projects.case import CaseState
from segcore.projects.project import Project
from segcore.scans.volume import UNLABELLED, Volume
from tests.app.annotate.conftest import GRID, RIGHT, SHIFT, Hands, add_case

MakeHands = Callable[[Project], Hands]


def disc(plane: int, centre: tuple[int, int, int], radius_mm: float, grid: Grid = GRID) -> np.ndarray:
    """A disc in a plane, from the distances in millimetres."""
    place = np.indices(grid.shape)
    far = sum(((place[a] - centre[a]) * grid.spacing[a]) ** 2 for a in range(3))
    return ((far <= radius_mm**2) & (place[plane] == centre[plane])).astype(np.uint8)


@pytest.mark.parametrize("plane", [0, 1, 2])
def test_a_click_with_the_brush_paints_a_true_disc_and_is_on_disk(hands: Hands, plane: int) -> None:
    hands.do("annotate.brush")
    hands.panel.tools.show_brush(Brush(radius=3.0))
    centre = hands.panel.view.crosshair
    hands.click(plane, centre)
    expected = disc(plane, centre, 3.0)
    assert expected.sum() == (29 if plane == 0 else 9)  # 3 mm are one voxel across the slices
    assert np.array_equal(hands.labels, expected)
    assert np.array_equal(hands.project.mask("a").labels, expected)
    assert hands.project.case("a").state is CaseState.DRAFT
    assert hands.panel.top.saved.text() == "All strokes saved"


@pytest.mark.parametrize("plane", [0, 1, 2])
def test_a_scan_stored_in_another_order_is_painted_where_it_is_clicked(
    make_hands: MakeHands, tmp_path: Path, plane: int
) -> None:
    """File order (column, row, plane) with the patient's left first and 1 x 2 x 3 mm voxels."""
    affine = np.array([[-1.0, 0, 0, 20], [0, 2.0, 0, -7], [0, 0, 3.0, 5], [0, 0, 0, 1]])
    source = Grid((40, 30, 10), affine)
    stored = np.zeros((1, *source.shape), np.int16)
    stored[0, 7, 11, 4] = 500
    volume = Volume(voxels=stored, grid=source, channels=("T2",)).canonical()
    project = Project.create(tmp_path / "project")
    volume = Volume(voxels=np.ascontiguousarray(volume.voxels), grid=volume.grid, channels=volume.channels)
    add_case(project, "turned", volume, source)
    hands = make_hands(project)
    bright = tuple(int(v) for v in np.argwhere(volume.voxels[0] == 500)[0])
    hands.panel.view.set_crosshair(bright)  # type: ignore[arg-type]
    hands.do("annotate.brush")
    hands.panel.tools.show_brush(Brush(radius=0.5, in_mm=False))
    hands.click(plane, bright)  # type: ignore[arg-type]
    back = reorder(hands.labels, volume.grid, source)
    assert np.argwhere(back).tolist() == [[7, 11, 4]]


def test_a_fast_drag_has_no_gaps_and_is_one_undo_step(hands: Hands) -> None:
    hands.do("annotate.brush")
    hands.panel.tools.show_brush(Brush(radius=1.0))
    hands.drag(0, [(4, 10, 5), (4, 10, 45)])
    painted = hands.labels.copy()
    assert (painted[4, 10, 5:46] == 1).all()
    hands.do("edit.undo")
    assert not hands.labels.any()
    assert not hands.project.mask("a").labels.any()
    hands.do("edit.redo")
    assert np.array_equal(hands.labels, painted)
    assert np.array_equal(hands.project.mask("a").labels, painted)


def test_undoing_everything_is_the_start_and_redoing_everything_is_the_end(hands: Hands) -> None:
    hands.do("annotate.brush")
    rng = np.random.default_rng(3)
    for number in range(12):
        plane = number % 3
        voxel = tuple(int(rng.integers(0, n)) for n in GRID.shape)
        hands.panel.view.set_crosshair(voxel)  # type: ignore[arg-type]
        hands.panel.tools.show_brush(Brush(radius=float(rng.uniform(0.5, 6)), is_ball=number % 2 == 0))
        hands.click(plane, voxel, keys=SHIFT if number % 4 == 3 else Qt.KeyboardModifier.NoModifier)  # type: ignore[arg-type]
    end = hands.labels.copy()
    assert end.any()
    for _ in range(12):
        hands.do("edit.undo")
    assert not hands.labels.any()
    assert not hands.actions.action("edit.undo").isEnabled()
    for _ in range(12):
        hands.do("edit.redo")
    assert np.array_equal(hands.labels, end)
    assert np.array_equal(hands.project.mask("a").labels, end)


@pytest.mark.parametrize("how", ["shift", "right button", "eraser"])
def test_erasing_by_shift_by_the_right_button_and_by_the_eraser(hands: Hands, how: str) -> None:
    hands.do("annotate.brush")
    hands.click(0, (4, 20, 20))
    assert hands.labels.any()
    if how == "eraser":
        hands.do("annotate.eraser")
    keys = SHIFT if how == "shift" else Qt.KeyboardModifier.NoModifier
    button = RIGHT if how == "right button" else Qt.MouseButton.LeftButton
    hands.click(0, (4, 20, 20), button, keys)
    assert not hands.labels.any()
    assert hands.panel.editor.history.undo_label == "Eraser"


def test_unlabelled_can_be_painted_and_the_key_goes_through_the_labels(hands: Hands) -> None:
    hands.do("annotate.brush")
    hands.panel.tools.show_brush(Brush(radius=0.5))
    hands.do("annotate.label")
    hands.do("annotate.label")
    hands.click(0, (4, 20, 20))
    assert np.argwhere(hands.labels == UNLABELLED).tolist() == [[4, 20, 20]]
    hands.do("annotate.label")
    assert hands.panel.tools.value == 1


def test_a_ball_goes_through_slices_and_a_disc_does_not(hands: Hands) -> None:
    hands.do("annotate.brush")
    hands.panel.tools.show_brush(Brush(radius=6.0, is_ball=True))
    hands.click(0, (4, 20, 20))
    assert hands.labels.any(axis=(1, 2)).tolist() == [False, False, True, True, True, True, True, False]
    place = np.indices(GRID.shape)
    far = ((place[0] - 4) * 3.0) ** 2 + (place[1] - 20) ** 2 + (place[2] - 20) ** 2
    assert np.array_equal(hands.labels == 1, far <= 36)


@pytest.mark.parametrize(
    ("plane", "corners", "box"),
    [
        (0, [(4, 10, 10), (4, 10, 20), (4, 20, 20), (4, 20, 10)], np.s_[4:5, 10:21, 10:21]),
        (1, [(1, 20, 10), (1, 20, 20), (6, 20, 20), (6, 20, 10)], np.s_[1:7, 20:21, 10:21]),
        (2, [(1, 10, 25), (1, 20, 25), (6, 20, 25), (6, 10, 25)], np.s_[1:7, 10:21, 25:26]),
    ],
)
@pytest.mark.parametrize("close", ["enter", "double click"])
def test_clicked_corners_make_a_polygon_in_every_plane(
    hands: Hands, plane: int, corners: list[tuple[int, int, int]], box: tuple[slice, ...], close: str
) -> None:
    hands.do("annotate.lasso")
    hands.panel.view.set_crosshair((4, 20, 25))
    for corner in corners[:-1]:
        hands.click(plane, corner)
    if close == "enter":
        hands.click(plane, corners[-1])
        hands.key(plane, Qt.Key.Key_Return)
    else:
        hands.double_click(plane, corners[-1])
    expected = np.zeros(GRID.shape, np.uint8)
    expected[box] = 1
    assert np.array_equal(hands.labels, expected)
    assert hands.panel.editor.history.undo_label == "Polygon"


def test_a_drag_with_the_lasso_fills_what_it_goes_around(hands: Hands) -> None:
    hands.do("annotate.lasso")
    hands.drag(0, [(4, 10, 10), (4, 10, 20), (4, 20, 20), (4, 20, 10)])
    assert hands.labels[4, 10:21, 10:21].all()
    assert hands.labels.sum() == 121
    assert hands.panel.editor.history.undo_label == "Lasso"


def test_escape_drops_the_outline_and_so_do_another_tool_and_another_case(hands: Hands) -> None:
    for drop in (
        lambda: hands.key(0, Qt.Key.Key_Escape),
        lambda: hands.do("annotate.brush"),
        lambda: hands.show("b"),
    ):
        hands.do("annotate.lasso")
        for corner in ((4, 10, 10), (4, 10, 20), (4, 20, 20)):
            hands.click(0, corner)
        drop()
        hands.do("annotate.lasso")
        hands.key(0, Qt.Key.Key_Return)
        assert not hands.labels.any()


@pytest.mark.parametrize(("plane", "expected"), [(0, 100), (1, 80), (2, 80)])
def test_fill_takes_what_is_alike_in_the_slice_that_is_clicked_or_through_all(
    hands: Hands, plane: int, expected: int
) -> None:
    hands.do("annotate.fill")
    hands.panel.tools.tolerance.setValue(5.0)
    hands.panel.view.set_crosshair((4, 15, 15))
    hands.click(plane, (4, 15, 15))
    hands.settle()
    assert hands.labels.sum() == expected
    hands.panel.tools.through.setChecked(True)
    hands.click(plane, (4, 15, 15))
    hands.settle()
    assert hands.labels.sum() == 800
    assert (hands.labels[:, 10:20, 10:20] == 1).all()
    assert hands.project.mask("a").foreground_voxels == 800
    hands.click(plane, (4, 15, 15), RIGHT)
    hands.settle()
    assert not hands.labels.any()


def test_a_fill_that_takes_half_the_scan_is_pointed_out(hands: Hands, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr("app.annotate.panel.report_notice", lambda _, text, **__: said.append(text))
    hands.do("annotate.fill")
    hands.panel.tools.through.setChecked(True)
    hands.click(0, (4, 30, 40))
    hands.settle()
    assert hands.labels.sum() == 8 * 40 * 50 - 800
    assert said == ["The fill took 95.0 % of the scan. Ctrl+Z takes it back."]


def test_the_size_of_the_brush_follows_keys_and_shift_with_the_wheel(hands: Hands) -> None:
    hands.do("annotate.brush")
    hands.panel.tools.show_brush(Brush(radius=2.0))
    hands.do("annotate.larger")
    assert hands.panel.tools.radius.value() == 2.4
    hands.do("annotate.smaller")
    assert hands.panel.tools.radius.value() == 2.0
    hands.wheel(1, 1, SHIFT)
    assert hands.panel.tools.radius.value() == 2.4
    assert hands.panel.view.crosshair[1] == 20  # and no slice went by


def test_a_stroke_outside_the_scan_paints_nothing_and_one_over_its_edge_is_cut_off(hands: Hands) -> None:
    hands.do("annotate.brush")
    hands.panel.tools.show_brush(Brush(radius=2.0))
    hands.click(0, (4, -5, 20))
    assert not hands.panel.editor.history.can_undo
    hands.click(0, (4, 0, 0))
    assert np.argwhere(hands.labels).tolist() == [[4, 0, 0], [4, 0, 1], [4, 0, 2], [4, 1, 0], [4, 1, 1], [4, 2, 0]]


def test_a_second_quick_click_is_a_second_dab_and_not_a_larger_plane(hands: Hands) -> None:
    hands.do("annotate.brush")
    hands.panel.tools.show_brush(Brush(radius=0.5))
    hands.double_click(0, (4, 20, 20))
    assert hands.labels.sum() == 1
    assert hands.panel.view.alone is None


def test_what_is_painted_is_seen_at_once_in_all_planes(hands: Hands) -> None:
    view = hands.panel.view
    view.set_cross_visible(False)
    before = [pane.grab().toImage() for pane in view.panes]
    hands.do("annotate.brush")
    hands.panel.tools.show_brush(Brush(radius=6.0, is_ball=True))
    hands.click(0, view.crosshair)
    for pane, old in zip(view.panes, before, strict=True):
        point = pane.point_of(view.crosshair).toPoint()
        now = pane.grab().toImage()
        assert old.pixelColor(point).getRgb()[:3] == (0, 0, 0)
        assert now.pixelColor(point).getRgb()[:3] == (69, 48, 0)  # orange (230, 159, 0) at 0.3 over black


def test_a_photograph_is_painted_pixel_by_pixel_while_only_a_part_is_on_the_screen(
    make_hands: MakeHands, tmp_path: Path
) -> None:
    """Four megapixels: composed at a coarser level until it is zoomed in."""
    grid = Grid.from_spacing((1, 1600, 2500), calibrated=False)
    voxels = np.full((3, *grid.shape), 60, np.uint8)
    project = Project.create(tmp_path / "project")
    add_case(project, "eye", Volume(voxels=voxels, grid=grid, channels=("red", "green", "blue")))
    hands = make_hands(project)
    view = hands.panel.view
    assert [pane.isVisible() for pane in view.panes] == [True, False, False]
    hands.do("annotate.brush")
    hands.panel.tools.show_brush(Brush(radius=0.5, in_mm=False))
    pane = view.panes[0]
    before = pane.grab().toImage()
    pixel = (0, 700, 900)
    hands.click(0, (0.0, 700.0, 900.0))
    painted = [tuple(v) for v in np.argwhere(hands.labels).tolist()]
    assert len(painted) == 1
    assert max(abs(a - b) for a, b in zip(painted[0], pixel, strict=True)) <= 3  # a screen pixel is several
    now = pane.grab().toImage()
    spot = pane.point_of((painted[0][0], painted[0][1], painted[0][2])).toPoint()
    assert before.pixelColor(spot).getRgb()[:3] == (60, 60, 60)
    assert now.pixelColor(spot).getRgb()[:3] != (60, 60, 60)
    for _ in range(30):
        hands.wheel(0, 1, Qt.KeyboardModifier.ControlModifier, QPointF(pane.point_of(pixel)))
    hands.click(0, pixel)
    assert hands.labels[pixel] == 1


def test_tools_of_a_project_that_is_read_only_rest_and_say_why(
    make_hands: MakeHands, hands: Hands, tmp_path: Path
) -> None:
    hands.session.close()
    hands.session.open(tmp_path / "project", read_only=True)
    hands.panel.activate()
    hands.show("b")
    brush = hands.actions.action("annotate.brush")
    assert not brush.isEnabled()
    assert "read" in brush.toolTip()
    assert hands.panel.tools.tool is ToolName.NAVIGATE
    assert hands.panel.top.saved.text() == "Read-only"
