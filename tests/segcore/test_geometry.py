import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segcore.errors import BadGeometry
from segcore.geometry import Box, Grid, reorder

AXIS_ORDERS = list(itertools.permutations(range(3)))
SIGNS = list(itertools.product((1, -1), repeat=3))


def grid_with(order: tuple[int, ...], signs: tuple[int, ...], angle: float = 0.0) -> Grid:
    """A grid of 3x4x5 voxels whose axes run along the world axes in `order` with `signs`, turned by `angle` about z."""
    linear = np.zeros((3, 3))
    for axis, world in enumerate(order):
        linear[world, axis] = signs[axis] * (1.0, 2.0, 3.5)[axis]
    c, s = np.cos(angle), np.sin(angle)
    turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])
    affine = np.eye(4)
    affine[:3, :3] = turn @ linear
    affine[:3, 3] = (10.0, -20.0, 30.0)
    return Grid((3, 4, 5), affine)


@pytest.mark.parametrize("order", AXIS_ORDERS)
@pytest.mark.parametrize("signs", SIGNS)
@pytest.mark.parametrize("angle", [0.0, 0.3])
def test_every_voxel_keeps_its_place_in_the_world_in_all_48_orientations(
    order: tuple[int, ...], signs: tuple[int, ...], angle: float
) -> None:
    source = grid_with(order, signs, angle)
    target = source.canonical()
    values = np.arange(60).reshape(source.shape)
    moved = reorder(values, source, target)
    for voxel in itertools.product(*(range(n) for n in target.shape)):
        number = int(moved[voxel])
        origin = np.unravel_index(number, source.shape)
        there = source.to_world((float(origin[0]), float(origin[1]), float(origin[2])))
        here = target.to_world((float(voxel[0]), float(voxel[1]), float(voxel[2])))
        assert here == pytest.approx(there)
    assert np.array_equal(reorder(moved, target, source), values)


@pytest.mark.parametrize("order", AXIS_ORDERS)
@pytest.mark.parametrize("signs", SIGNS)
def test_a_canonical_grid_runs_to_superior_posterior_left(order: tuple[int, ...], signs: tuple[int, ...]) -> None:
    assert grid_with(order, signs).canonical().axis_letters == (("I", "S"), ("A", "P"), ("R", "L"))


def test_reorder_keeps_leading_axes_and_copies_nothing() -> None:
    source = grid_with((0, 1, 2), (-1, 1, -1))
    voxels = np.zeros((2, *source.shape))
    view = reorder(voxels, source, source.canonical())
    view[1, 0, 0, 0] = 7.0
    assert voxels.sum() == 7.0


def test_spacing_and_volume_follow_from_the_affine() -> None:
    grid = Grid.from_spacing((10, 20, 30), (3.0, 0.5, 2.0))
    assert grid.spacing == (3.0, 0.5, 2.0)
    assert grid.voxel_volume_ml == pytest.approx(0.003)
    assert grid.voxels == 6000


def test_a_photograph_without_spacing_has_no_letters_and_stays_as_it_is() -> None:
    grid = Grid.from_spacing((1, 5, 6), calibrated=False)
    assert grid.canonical() is grid
    assert grid.axis_letters == (("", ""),) * 3


@pytest.mark.parametrize("bad", [np.zeros((4, 4)), np.full((4, 4), np.nan), np.diag([1.0, 0.0, 1.0, 1.0])])
def test_a_singular_or_unfinite_affine_is_refused(bad: np.ndarray) -> None:
    with pytest.raises(BadGeometry):
        Grid((2, 2, 2), bad)


def test_grids_match_by_the_place_of_their_corners() -> None:
    grid = Grid.from_spacing((4, 5, 6), (1.0, 1.0, 1.0))
    shifted = grid.affine.copy()
    shifted[0, 3] += 0.5
    assert grid.matches(Grid.from_spacing((4, 5, 6)))
    assert not grid.matches(Grid((4, 5, 6), shifted))
    assert not grid.matches(Grid.from_spacing((4, 5, 7)))
    assert grid.matches(Grid.from_spacing((4, 5, 6), (9.0, 9.0, 9.0), calibrated=False))


def test_grids_that_are_no_reorderings_of_each_other_are_refused() -> None:
    grid = Grid.from_spacing((3, 4, 5))
    with pytest.raises(BadGeometry):
        reorder(np.zeros(grid.shape), grid, grid_with((2, 1, 0), (1, 1, 1), angle=0.3))


@given(st.lists(st.tuples(*[st.integers(0, 6)] * 3), min_size=1, max_size=8))
def test_a_box_around_voxels_holds_them_all_and_touches_each_side(points: list[tuple[int, int, int]]) -> None:
    flags = np.zeros((7, 7, 7), dtype=bool)
    for point in points:
        flags[point] = True
    box = Box.around(flags)
    assert box is not None
    assert flags[box.slices].sum() == flags.sum()
    for axis in range(3):
        assert min(p[axis] for p in points) == box.start[axis]
        assert max(p[axis] for p in points) + 1 == box.stop[axis]


def test_a_box_around_nothing_is_none() -> None:
    assert Box.around(np.zeros((2, 2, 2), dtype=bool)) is None


def test_boxes_are_clipped_padded_and_united() -> None:
    box = Box((1, 1, 1), (3, 3, 3))
    assert box.padded((2, 0, 1)) == Box((-1, 1, 0), (5, 3, 4))
    assert box.padded((2, 0, 1)).clipped((4, 4, 4)) == Box((0, 1, 0), (4, 3, 4))
    assert box.union(Box((0, 2, 2), (2, 9, 3))) == Box((0, 1, 1), (3, 9, 3))
    assert Box((5, 0, 0), (4, 1, 1)).is_empty
