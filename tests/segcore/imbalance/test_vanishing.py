from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segcore.geometry import Box, Grid
from segcore.imbalance import vanishing as module
from segcore.imbalance.vanishing import (
    Resolution,
    coarse_foreground,
    find_vanishing,
    millimetres,
    vanishing_of,
)
from segcore.inference.preparation import Placement, Preparation, prepare_labels, resampled
from segcore.projects.case import CaseState
from segcore.projects.project import Project
from segcore.scans.volume import Mask, Volume
from tests.segcore.small_project import make_small_project


def whole(shape: tuple[int, int, int]) -> Box:
    return Box((0, 0, 0), shape)


def test_one_pixel_of_nine_is_lost_where_three_become_one_and_five_are_not() -> None:
    labels = np.zeros((1, 9, 9), np.uint8)
    labels[0, 4, 4] = 1
    labels[0, 0:2, 0:3] = 1  # six of nine
    found = vanishing_of("a", labels, whole((1, 9, 9)), (1, 3, 3))
    assert found.lesions == 2
    assert [(one.place, one.voxels) for one in found.lost] == [((0, 4, 4), 1)]
    assert (found.narrow, found.below_stride) == (2, 2)  # two thirds of a cell high, one wide


def test_what_keeps_half_of_a_cell_is_kept() -> None:
    labels = np.zeros((1, 4, 4), np.uint8)
    labels[0, 0, 0:2] = 1  # two of four
    assert vanishing_of("a", labels, whole((1, 4, 4)), (1, 2, 2)).lost == ()
    labels[0, 0, 1] = 0
    assert len(vanishing_of("a", labels, whole((1, 4, 4)), (1, 2, 2)).lost) == 1


def test_on_its_own_grid_nothing_is_lost_and_width_decides() -> None:
    labels = np.zeros((3, 60, 60), np.uint8)
    labels[1, 5, 5] = 1  # narrower than two
    labels[1, 20, 20:22] = 1  # two wide
    labels[0:3, 30:47, 30] = 1  # seventeen high: as wide as a coarsest cell
    found = vanishing_of("a", labels, whole((3, 60, 60)), (3, 60, 60))
    assert (found.lesions, len(found.lost), found.narrow, found.below_stride) == (3, 0, 1, 2)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10_000),
    st.tuples(st.integers(1, 6), st.integers(4, 20), st.integers(4, 20)),
    st.tuples(st.integers(1, 8), st.integers(2, 26), st.integers(2, 26)),
)
def test_as_many_are_lost_as_the_preparation_of_a_training_says(
    seed: int, shape: tuple[int, int, int], target: tuple[int, int, int]
) -> None:
    labels = (np.random.default_rng(seed).random(shape) < 0.08).astype(np.uint8)
    target = (min(target[0], shape[0]), min(target[1], shape[1]), min(target[2], shape[2]))
    placement = Placement(scan_shape=shape, box=whole(shape), shape=target)
    preparation = Preparation(channels=("c",), spacing=(1.0, 1.0, 1.0), shrink=1)
    _, lost = prepare_labels(labels, placement, preparation)
    assert len(vanishing_of("a", labels, whole(shape), target).lost) == lost


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10_000),
    st.tuples(st.integers(1, 6), st.integers(4, 20), st.integers(4, 20)),
    st.tuples(st.integers(1, 8), st.integers(2, 26), st.integers(2, 26)),
)
def test_the_coarse_grid_is_that_of_the_preparation_but_for_exact_halves(
    seed: int, shape: tuple[int, int, int], target: tuple[int, int, int]
) -> None:
    front = np.random.default_rng(seed).random(shape) < 0.3
    share = resampled(front.astype(np.float32), target)
    clear = np.abs(share - 0.5) > 1e-5
    np.testing.assert_array_equal(coarse_foreground(front, target)[clear], share[clear] >= 0.5)


@given(st.integers(0, 10_000), st.integers(2, 5))
def test_shrinking_loses_as_many_as_the_preparation_says(seed: int, shrink: int) -> None:
    labels = (np.random.default_rng(seed).random((1, 23, 31)) < 0.06).astype(np.uint8)
    target = (1, -(-23 // shrink), -(-31 // shrink))
    placement = Placement(scan_shape=(1, 23, 31), box=whole((1, 23, 31)), shape=target, shrink=shrink)
    _, lost = prepare_labels(labels, placement, Preparation(channels=("c",), spacing=None, shrink=shrink))
    assert len(vanishing_of("a", labels, whole((1, 23, 31)), target, shrink=shrink).lost) == lost


@pytest.fixture
def fine(tmp_path: Path) -> Path:
    """Two cases at 1 mm: one lesion of 8 mm and one of 1 mm in the first, nothing in the second."""
    with Project.create(tmp_path / "fine") as project:
        for id in ("full", "empty"):
            grid = Grid.from_spacing((6, 40, 40), (1.0, 1.0, 1.0))
            mask = Mask.empty(grid)
            voxels = np.random.default_rng(0).integers(50, 99, (1, *grid.shape)).astype(np.int16)
            if id == "full":
                mask.labels[1:5, 10:18, 10:18] = 1
                mask.labels[3, 30, 30] = 1
            project.add_case(
                id=id, group=id, volume=Volume(voxels=voxels, grid=grid, channels=("image",)), source_grid=grid,
                source_suffix=".nii.gz", sources=(), mask=mask,
                state=CaseState.COMPLETE if id == "full" else CaseState.CONFIRMED_EMPTY,
            )  # fmt: skip
    return tmp_path / "fine"


def test_each_case_with_lesions_is_listed_for_the_spacing_asked(fine: Path) -> None:
    with Project.open(fine) as project:
        as_it_is = find_vanishing(project, project.cases(), Resolution(spacing=None))
        coarse = find_vanishing(project, project.cases(), Resolution(spacing=(1.0, 2.0, 2.0)))
    assert [(case.case, case.lesions, len(case.lost)) for case in as_it_is.cases] == [("full", 2, 0)]
    assert [(case.case, one.place) for case in coarse.cases for one in case.lost] == [("full", (3, 30, 30))]
    assert (coarse.lesions, coarse.lost, coarse.narrow, coarse.stride) == (2, 1, 1, 16)
    assert coarse.below_stride == 2  # 8 mm are 4 voxels


def test_only_a_changed_case_is_measured_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measured = []
    real = module.vanishing_of
    monkeypatch.setattr(
        module, "vanishing_of", lambda case, *rest, **more: measured.append(case) or real(case, *rest, **more)
    )
    with make_small_project(tmp_path / "project", cases=3, empty=()) as project:
        for _ in range(2):
            find_vanishing(project, project.cases(), Resolution(spacing=(3.0, 2.0, 2.0)))
        find_vanishing(project, project.cases(), Resolution(spacing=(3.0, 3.0, 3.0)))
    assert measured == ["case0", "case1", "case2"] * 2


def test_a_spacing_reads_like_a_size() -> None:
    assert millimetres((3.0, 0.5, 0.25)) == "0.25 × 0.5 × 3 mm"
    assert millimetres(None) == "as they are"
