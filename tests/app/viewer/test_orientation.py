"""Sides and spacing on the screen, for upright, flipped and oblique scans: the radiological convention."""

import numpy as np
import pytest
from PySide6.QtCore import QPointF

from app.viewer.plane_geometry import PlaneGeometry
from app.viewer.rendering import Window
from app.viewer.scan_view import ScanView
from segcore.geometry import Grid
from segcore.scans.volume import Volume

from .conftest import GRIDS, SHAPE, SPACING, ramp


def transposed_grid() -> Grid:
    """A sagittal acquisition: planes run to the right, rows to the feet, columns to the back."""
    affine = np.zeros((4, 4))
    affine[0, 0], affine[2, 1], affine[1, 2], affine[3, 3] = -3.0, -1.0, 2.0, 1.0
    return Grid(SHAPE, affine)


ALL = {**GRIDS, "sagittal": transposed_grid()}


@pytest.mark.parametrize("name", ALL)
def test_letters_are_those_of_a_radiologists_screen(name: str) -> None:
    grid = ALL[name].canonical()
    edges = [PlaneGeometry.of(grid, axis).edge_letters for axis in range(3)]
    # Left, right, top, bottom: axial seen from the feet, coronal and sagittal with the head on top.
    assert edges == [("R", "L", "A", "P"), ("R", "L", "S", "I"), ("A", "P", "S", "I")]


@pytest.mark.parametrize("name", ALL)
def test_what_lies_left_in_the_patient_is_shown_on_the_right(view: ScanView, name: str) -> None:
    grid = ALL[name]
    p, r, c = np.indices(grid.shape)
    world = np.stack([p, r, c], axis=-1) @ grid.affine[:3, :3].T + grid.affine[:3, 3]
    for world_axis, (axis, across) in {0: (0, True), 1: (0, False), 2: (1, False)}.items():
        side = world[..., world_axis]
        values = (1000 * (side > (side.min() + side.max()) / 2)).astype(np.int16)
        view.set_scan(Volume(voxels=values[None], grid=grid, channels=("side",)).canonical())
        view.set_window(Window(low=0, high=1000))
        view.show_single(axis)
        image = view.panes[axis].grab().toImage()
        plane = view.panes[axis].geometry_of
        assert plane is not None
        # Two voxels from the edges: oblique slices are not bright up to the middle.
        first = view.panes[axis].place_of(plane.to_voxel(view.panes[axis].index, 1, 1)).toPoint()
        last = (
            view.panes[axis]
            .place_of(plane.to_voxel(view.panes[axis].index, plane.rows - 2, plane.columns - 2))
            .toPoint()
        )
        brightness = (image.pixelColor(first).red(), image.pixelColor(last).red())
        # Left and posterior lie at the end, superior at the top, so at the beginning.
        assert brightness == ((0, 255) if world_axis < 2 else (255, 0)), (name, world_axis, across)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("name", GRIDS)
def test_a_millimetre_is_as_long_down_as_across(view: ScanView, name: str, axis: int) -> None:
    view.set_scan(ramp(GRIDS[name]))
    pane = view.panes[axis]
    plane = pane.geometry_of
    assert plane is not None
    origin, down, across = (
        pane.place_of(plane.to_voxel(pane.index, row, column)) for row, column in ((0, 0), (1, 0), (0, 1))
    )
    sides = [SPACING[k] for k in range(3) if k != axis]
    assert (down - origin).y() == pytest.approx(pane.zoom * sides[0])
    assert (across - origin).x() == pytest.approx(pane.zoom * sides[1])
    assert pane.voxel_at(QPointF(origin)) == pytest.approx(plane.to_voxel(pane.index, 0, 0))


def test_an_uncalibrated_picture_has_no_sides() -> None:
    grid = Grid.from_spacing((1, 30, 20), calibrated=False)
    assert PlaneGeometry.of(grid, 0).edge_letters == ("", "", "", "")
