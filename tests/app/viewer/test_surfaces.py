"""Surfaces in millimetres, drawn and turned: geometry by hand, the picture by mouse."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from app.viewer.surface_pane import SurfacePane
from app.viewer.surface_rendering import FRONT, Camera, Scene, pick, render
from app.viewer.surface_view import SurfaceView
from app.viewer.surfaces import Surface, body_surface, lesion_surface
from segcore.geometry import Grid
from segcore.review.mask_lesions import lesions_of
from segcore.scans.volume import Volume

from .conftest import GRIDS, SHAPE, Bench

Wait = Callable[[Callable[[], bool]], None]


def block() -> np.ndarray:
    flags = np.zeros(SHAPE, np.bool_)
    flags[2:6, 10:18, 4:10] = True
    return flags


@pytest.mark.parametrize("name", GRIDS)
def test_a_block_has_its_size_in_millimetres_and_faces_outwards(name: str) -> None:
    grid = GRIDS[name].canonical()
    surface = lesion_surface(block(), grid)
    # In the grid's own axes: from the outer faces, half a voxel beyond the outer centres.
    voxels = (surface.points - grid.affine[:3, 3]) @ np.linalg.inv(grid.affine[:3, :3]).T
    assert voxels.min(axis=0) == pytest.approx([1.5, 9.5, 3.5], abs=1e-3)
    assert voxels.max(axis=0) == pytest.approx([5.5, 17.5, 9.5], abs=1e-3)
    middle = surface.points.mean(axis=0)
    outwards = ((surface.points - middle) * surface.normals).sum(axis=1)
    assert (outwards > 0).all()
    assert np.linalg.norm(surface.normals, axis=1) == pytest.approx(1.0, abs=1e-4)


def test_points_know_their_lesion_by_falling_size() -> None:
    flags = block()
    flags[8, 25, 15] = True
    surface = lesion_surface(flags, GRIDS["upright"])
    small = surface.points[surface.owners == 2]
    # One voxel at (8, 25, 15): LPS 30, 25 and 24 mm, six corners at half a voxel.
    assert len(small) == 6
    assert small.mean(axis=0) == pytest.approx([30.0, 25.0, 24.0], abs=1e-4)
    assert set(surface.owners.tolist()) == {1, 2}


def test_lesions_of_one_size_are_numbered_as_in_the_table() -> None:
    labels = np.zeros(SHAPE, np.uint8)
    for at in ((3, 2, 2), (1, 20, 15), (1, 9, 2), (7, 5, 5)):
        labels[at] = 1
    surface = lesion_surface(labels == 1, GRIDS["upright"])
    for lesion in lesions_of(labels, GRIDS["upright"], labels):
        middle = surface.points[surface.owners == lesion.number].mean(axis=0)
        assert middle == pytest.approx(GRIDS["upright"].to_world(lesion.centre), abs=1e-3)


def test_nothing_has_no_surface() -> None:
    assert len(lesion_surface(np.zeros(SHAPE, np.bool_), GRIDS["upright"]).points) == 0
    flat = Volume(voxels=np.ones((1, *SHAPE), np.int16), grid=GRIDS["upright"], channels=("a",))
    assert len(body_surface(flat, 0).points) == 0


def test_the_body_is_the_largest_bright_thing_with_its_holes_filled() -> None:
    voxels = np.full((1, 30, 40, 40), -1000, np.int16)
    voxels[0, 5:25, 10:30, 8:32] = 40
    voxels[0, 10:15, 15:20, 15:20] = -900  # air inside
    voxels[0, 2, 2, 2] = 100  # a speck outside
    grid = Grid.from_spacing((30, 40, 40), (3.0, 1.0, 2.0))
    surface = body_surface(Volume(voxels=voxels, grid=grid, channels=("CT",)), 0)
    low, high = surface.points.min(axis=0), surface.points.max(axis=0)
    assert low == pytest.approx([7.5 * 2, 9.5, 4.5 * 3], abs=0.3)
    assert high == pytest.approx([31.5 * 2, 29.5, 24.5 * 3], abs=0.3)
    inner = np.abs(surface.points - np.array([17 * 2, 17, 12 * 3])) < np.array([8, 4, 9])
    assert not inner.all(axis=1).any()


def square(x: float, y: float, z: float, normal: tuple[float, float, float]) -> Surface:
    """Points of a square of 10 mm in the plane of x and z, half a millimetre apart."""
    a, b = (part.ravel() for part in np.meshgrid(np.arange(-5, 5.1, 0.5), np.arange(-5, 5.1, 0.5)))
    points = np.stack([x + a, np.full(a.shape, y), z + b], axis=1).astype(np.float32)
    normals = np.tile(np.array(normal, np.float32), (len(points), 1))
    return Surface(points=points, normals=normals, apart=0.5, owners=np.ones(len(points), np.int32))


RED, BLUE = (250, 0, 0), (0, 0, 250)
FORWARD = (0.0, -1.0, 0.0)  # towards a person who looks from the front


def test_the_nearer_surface_covers_the_farther_one_whatever_the_order() -> None:
    near, far = square(0, -20, 0, FORWARD), square(0, 20, 0, FORWARD)
    camera = Camera(zoom=4.0)
    for pair in (((near, RED), (far, BLUE)), ((far, BLUE), (near, RED))):
        colours = [render(Scene(lesions=(one,)), camera, 80, 80)[40, 40] for one in pair]
        assert len(set(colours)) == 2
    both = Surface(
        points=np.concatenate([near.points, far.points]),
        normals=np.concatenate([near.normals, far.normals]),
        apart=0.5,
        owners=np.concatenate([near.owners, far.owners * 2]),
    )
    assert pick(Scene(lesions=((both, RED),)), camera, (80, 80), (40, 40)) == 1
    assert pick(Scene(lesions=((both, RED),)), camera, (80, 80), (2, 2)) == 0
    picture = render(Scene(lesions=((both, RED),), marked=1, marked_colour=BLUE), camera, 80, 80)
    colour = QColor(int(picture[40, 40]))
    assert (colour.red(), colour.blue() > 100) == (0, True)


def test_light_falls_on_what_faces_the_person() -> None:
    camera = Camera(zoom=4.0)
    facing = render(Scene(lesions=((square(0, 0, 0, FORWARD), RED),)), camera, 80, 80)[40, 40]
    averted = render(Scene(lesions=((square(0, 0, 0, (0.0, 1.0, 0.0)), RED),)), camera, 80, 80)[40, 40]
    # The light's share towards the person is 0.77 / |(0.4, 0.5, 0.77)|.
    expected = 250 * (0.3 + 0.7 * 0.77 / math.sqrt(0.4**2 + 0.5**2 + 0.77**2))
    assert QColor(int(facing)).red() == pytest.approx(expected, abs=1)
    assert QColor(int(averted)).red() == pytest.approx(250 * 0.3, abs=1)


def test_the_front_view_has_the_patients_left_on_the_right_and_the_head_on_top() -> None:
    camera = Camera(zoom=2.0)
    left, head = camera.project(np.array([[10, 0, 0], [0, 0, 10]], np.float32), 100, 100)
    assert left[:2].tolist() == [70.0, 50.0]
    assert head[:2].tolist() == [50.0, 30.0]


def test_a_quarter_turn_shows_the_side() -> None:
    camera = Camera(zoom=2.0).turned(math.pi / 2, 0.0)
    # What was nearest, the front, goes to the right; the patient's right comes to the front.
    front, right = camera.project(np.array([[0, -10, 0], [-10, 0, 0]], np.float32), 100, 100)
    assert front[:2] == pytest.approx([70.0, 50.0], abs=1e-4)
    assert right[2] == pytest.approx(10.0, abs=1e-4)
    down = Camera(zoom=2.0).turned(0.0, math.pi / 2).project(np.array([[0, -10, 0]], np.float32), 100, 100)
    assert down[0, :2] == pytest.approx([50.0, 70.0], abs=1e-4)


def test_many_small_turns_stay_a_rotation() -> None:
    camera = Camera()
    for _ in range(2000):
        camera = camera.turned(0.013, -0.007)
    assert camera.turn @ camera.turn.T == pytest.approx(np.eye(3), abs=1e-9)


def test_the_body_is_seen_through() -> None:
    lesion, body = square(0, 0, 0, FORWARD), square(0, -20, 0, FORWARD)
    camera = Camera(zoom=4.0)
    alone = QColor(int(render(Scene(lesions=((lesion, RED),)), camera, 80, 80)[40, 40]))
    inside = QColor(int(render(Scene(lesions=((lesion, RED),), body=body), camera, 80, 80)[40, 40]))
    assert alone.red() > inside.red() > 0.7 * alone.red()
    assert inside.blue() > alone.blue()


# By mouse


@pytest.fixture
def picture(kept: list[QWidget], qtbot: QtBot) -> SurfaceView:
    made = SurfaceView()
    kept.append(made)
    made.resize(400, 400)
    made.show()
    qtbot.waitExposed(made)
    flags = block()
    flags[8, 25, 15] = True
    made.show_scene(Scene(lesions=((lesion_surface(flags, GRIDS["upright"]), RED),)))
    return made


def test_dragging_turns_the_wheel_zooms_and_home_goes_back(picture: SurfaceView, qtbot: QtBot) -> None:
    zoom = picture.camera.zoom
    before = picture.grab().toImage()
    QTest.mousePress(picture, Qt.MouseButton.LeftButton, pos=QPoint(100, 100))
    QTest.mouseMove(picture, QPoint(257, 100))
    QTest.mouseRelease(picture, Qt.MouseButton.LeftButton, pos=QPoint(257, 100))
    # 157 pixels of 0.01 radians: a quarter turn.
    assert picture.camera.turn[0] == pytest.approx([0, -1, 0], abs=0.01)
    assert picture.grab().toImage() != before
    QTest.keyClick(picture, Qt.Key.Key_Up)
    QTest.keyClick(picture, Qt.Key.Key_Home)
    assert np.array_equal(picture.camera.turn, FRONT)
    assert picture.camera.zoom == pytest.approx(zoom)
    qtbot.waitUntil(lambda: not picture._rest.isActive())
    assert picture.grab().toImage() == before


def test_the_right_button_moves_the_picture(picture: SurfaceView) -> None:
    middle = picture.camera.middle.copy()
    QTest.mousePress(picture, Qt.MouseButton.RightButton, pos=QPoint(100, 100))
    QTest.mouseMove(picture, QPoint(110, 120))
    QTest.mouseRelease(picture, Qt.MouseButton.RightButton, pos=QPoint(110, 120))
    moved = (picture.camera.middle - middle) * picture.camera.zoom
    assert moved == pytest.approx([-10, 0, 20], abs=1e-6)  # left and up in LPS


def test_a_click_on_a_lesion_tells_which_it_is(picture: SurfaceView) -> None:
    heard: list[int] = []
    picture.lesionClicked.connect(heard.append)
    place = picture.camera.project(np.array([[30.0, 25.0, 24.0]], np.float32), 400, 400)[0]
    QTest.mouseClick(picture, Qt.MouseButton.LeftButton, pos=QPointF(place[0], place[1]).toPoint())
    assert heard == [2]
    assert picture.scene.marked == 2


def test_the_key_shows_the_case_in_three_dimensions_and_a_click_goes_to_the_lesion(bench: Bench, wait: Wait) -> None:
    bench.key(Qt.Key.Key_F9)
    bench.key(Qt.Key.Key_F8)
    pane = bench.area.surface
    assert isinstance(pane, SurfacePane)
    wait(lambda: bool(pane.picture.scene.lesions))
    wait(lambda: bench.area.table.sorted.rowCount() == 3)
    picture = pane.picture
    size = (picture.width(), picture.height())
    place = picture.camera.project(np.array([[15 * 2.0, 25.0, 8 * 3.0]], np.float32), *size)[0]
    QTest.mouseClick(picture, Qt.MouseButton.LeftButton, pos=QPointF(place[0], place[1]).toPoint())
    assert bench.view.crosshair == (8, 25, 15)
    assert bench.view.labels is not None
    bench.view.labels[...] = 0
    bench.view.set_labels(bench.view.labels)
    wait(lambda: picture.notice == "No lesion in this mask")
    bench.key(Qt.Key.Key_F8)
    assert not pane.isVisible()


def test_a_single_plane_says_that_it_has_no_third_dimension(bench: Bench) -> None:
    bench.key(Qt.Key.Key_F8)
    assert bench.area.surface is not None
    flat = Volume(voxels=np.zeros((1, 1, 9, 9), np.uint8), grid=Grid.from_spacing((1, 9, 9)), channels=("a",))
    bench.view.set_scan(flat)
    bench.area.surface.make()
    assert bench.area.surface.picture.notice == "A single plane has no third dimension"
