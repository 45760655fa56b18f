from pathlib import Path

import numpy as np
import pytest

from segcore.geometry import Grid
from segcore.imbalance import traits as module
from segcore.imbalance.traits import case_traits, measure_traits
from segcore.scans.volume import Mask, Volume
from tests.segcore.small_project import make_small_project

GRID = Grid.from_spacing((5, 40, 40), (2.0, 1.0, 1.0))


def blank(grid: Grid = GRID) -> tuple[Volume, Mask]:
    """A square body of 100 in air."""
    voxels = np.zeros((1, *grid.shape), np.int16)
    voxels[:, :, 5:-5, 5:-5] = 100
    return Volume(voxels=voxels, grid=grid, channels=("image",)), Mask.empty(grid)


def test_specks_are_listed_with_their_size_and_place() -> None:
    volume, mask = blank()
    mask.labels[1:4, 10:20, 10:20] = 1
    mask.labels[2, 30, 30:32] = 1
    found = measure_traits("a", volume, mask)
    assert sorted(found.sizes) == [2, 300]
    assert [(spot.voxels, spot.place[:2]) for spot in found.specks] == [(2, (2, 30))]


def test_only_what_is_closed_on_all_sides_is_a_hole() -> None:
    volume, mask = blank()
    mask.labels[1:4, 10:20, 10:20] = 1
    mask.labels[2, 12, 12] = 0
    mask.labels[:, 15, 15] = 0  # a channel through all planes
    found = measure_traits("a", volume, mask)
    assert [(spot.place, spot.voxels) for spot in found.holes] == [((2, 12, 12), 1)]
    assert found.holes[0].measured == pytest.approx(1 / 297)


def test_in_an_image_of_one_plane_a_ring_is_a_hole() -> None:
    volume, mask = blank(Grid.from_spacing((1, 40, 40)))
    mask.labels[0, 10:20, 10:20] = 1
    mask.labels[0, 14:16, 14] = 0
    found = measure_traits("a", volume, mask)
    assert [(spot.voxels, spot.measured) for spot in found.holes] == [(2, 0.02)]


def test_a_lesion_in_one_inner_plane_says_how_many_planes_it_is_wide() -> None:
    volume, mask = blank()
    mask.labels[2, 10:20, 10:20] = 1
    mask.labels[0, 25:35, 25:35] = 1  # the next plane may lie outside the scan
    found = measure_traits("a", volume, mask)
    # 100 mm² are a disc of 11.28 mm; planes lie 2 mm apart.
    assert [spot.measured for spot in found.thin] == [pytest.approx(5.64, abs=0.01)]


def test_a_lesion_at_the_border_counts_the_voxels_there() -> None:
    volume, mask = blank()
    mask.labels[2, 0:3, 10:14] = 1
    (spot,) = measure_traits("a", volume, mask).borders
    assert (spot.measured, spot.place[:2]) == (4.0, (2, 0))


def test_a_lesion_in_air_is_outside_and_a_dark_one_in_the_body_is_not() -> None:
    volume, mask = blank()
    volume.voxels[0, 2, 18:23, 18:23] = 0
    mask.labels[2, 18:23, 18:23] = 1
    mask.labels[2, 0:4, 30:34] = 1
    (spot,) = measure_traits("a", volume, mask).outside
    assert (spot.measured, spot.place[:2]) == (1.0, (2, 0))


def test_an_empty_mask_has_no_trait_but_its_print() -> None:
    found = measure_traits("a", *blank())
    assert (found.sizes, found.specks, found.outside, found.alignment) == ((), (), (), None)
    assert found.fingerprint.size == 8 * 24 * 24


def test_unchanged_cases_are_not_measured_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measured = []
    real = measure_traits
    monkeypatch.setattr(module, "measure_traits", lambda case, *rest: measured.append(case) or real(case, *rest))
    with make_small_project(tmp_path / "project", cases=3, empty=()) as project:
        first = [case_traits(project, case) for case in project.cases()]
        mask = project.mask("case1")
        mask.labels[0, 0, 0] = 1
        project.save_mask("case1", mask, author="a", origin="annotation")
        second = [case_traits(project, case) for case in project.cases()]
    assert measured == ["case0", "case1", "case2", "case1"]
    assert (first[0], first[2]) == (second[0], second[2])
    assert len(second[1].borders) == len(first[1].borders) + 1
