import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from segcore.errors import SettingProblem
from segcore.geometry import Box, Grid
from segcore.metrics.curves import quantise
from segcore.review import extent
from segcore.review.extent import longest_extent_mm
from segcore.review.findings import findings_of

GRID = Grid.from_spacing((3, 8, 9), (3.0, 1.0, 0.5))


def sigmoid(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))


def test_findings_by_hand_come_with_the_most_certain_first() -> None:
    steps = np.full(GRID.shape, -80, np.int8)
    steps[0, 1, 1:4] = (10, 20, 10)
    steps[2, 6, 7] = 30
    first, second = findings_of(steps, 5, GRID)
    assert (first.number, first.voxels, first.centre) == (1, 1, (2, 6, 7))
    assert first.mean_probability == first.peak_probability == pytest.approx(sigmoid(3.05))
    assert second.box == Box((0, 1, 1), (1, 2, 4))
    assert (second.voxels, second.centre) == (3, (0, 1, 2))
    assert second.volume_ml == pytest.approx(3 * 1.5e-3)
    assert second.peak_probability == pytest.approx(sigmoid(2.05))
    assert second.mean_probability == pytest.approx((2 * sigmoid(1.05) + sigmoid(2.05)) / 3)
    assert second.longest_mm == pytest.approx(math.hypot(3.0, 1.0, 1.5))
    assert len(findings_of(steps, 15, GRID)) == 2
    assert len(findings_of(steps, 31, GRID)) == 0


def test_diagonal_neighbours_are_one_finding() -> None:
    steps = np.full(GRID.shape, -1, np.int8)
    steps[0, 0, 0] = steps[1, 1, 1] = 0
    assert [finding.voxels for finding in findings_of(steps, 0, GRID)] == [2]


def test_the_centre_lies_inside_a_ring() -> None:
    steps = np.full(GRID.shape, -1, np.int8)
    steps[1, 2:7, 2:7] = 5
    steps[1, 3:6, 3:6] = -1
    (ring,) = findings_of(steps, 0, GRID)
    assert steps[ring.centre] == 5


def test_small_findings_and_those_beyond_the_cap_are_counted_and_told() -> None:
    steps = np.full((1, 20, 20), -10, np.int8)
    steps[0, ::2, ::2] = 10
    steps[0, 0, 0:3] = 40
    grid = Grid.from_spacing((1, 20, 20))
    everything = findings_of(steps, 0, grid)
    assert (len(everything), everything.total, everything.notice) == (99, 99, "")
    large = findings_of(steps, 0, grid, min_voxels=2)
    assert (len(large), large.total, large.too_small) == (1, 1, 98)
    capped = findings_of(steps, 0, grid, most=5)
    assert (len(capped), capped.total) == (5, 99)
    assert capped[0].voxels == 3
    assert "99 findings" in capped.notice
    assert "the 5 with" in capped.notice


def test_a_prediction_of_another_shape_is_refused() -> None:
    with pytest.raises(SettingProblem, match="predict the case again"):
        findings_of(np.zeros((2, 2, 2), np.int8), 0, GRID)


@settings(max_examples=40, deadline=None)
@given(arrays(np.float32, GRID.shape, elements=st.floats(-15, 15, width=32)), st.integers(-20, 20))
def test_findings_share_out_exactly_the_thresholded_voxels(logits: np.ndarray, step: int) -> None:
    steps = quantise(logits)
    findings = findings_of(steps, step, GRID)
    assert sum(finding.voxels for finding in findings) == np.count_nonzero(steps >= step)
    means = [finding.mean_probability for finding in findings]
    assert means == sorted(means, reverse=True)
    for finding in findings:
        inside = steps[finding.box.slices]
        assert (inside >= step).any(axis=(1, 2)).all()
        assert steps[finding.centre] >= step
        assert finding.peak_probability >= finding.mean_probability - 1e-12


def farthest_corners(voxels: np.ndarray, grid: Grid) -> float:
    flat = 0.0 if grid.is_2d else 1.0
    outer = np.array([flat, 1.0, 1.0])
    apart = (np.abs(voxels[:, None] - voxels[None]) + outer) * np.array(grid.spacing)
    return float(np.linalg.norm(apart, axis=-1).max())


@settings(max_examples=60, deadline=None)
@given(arrays(np.bool_, (4, 7, 8)), st.sampled_from([(1.0, 1.0, 1.0), (4.0, 0.5, 0.7)]))
def test_the_longest_diameter_agrees_with_all_pairs(flags: np.ndarray, spacing: tuple[float, float, float]) -> None:
    voxels = np.argwhere(flags)
    if len(voxels):
        grid = Grid.from_spacing(flags.shape, spacing)
        assert longest_extent_mm(voxels, grid) == pytest.approx(farthest_corners(voxels, grid))


def test_a_single_voxel_of_a_photograph_is_as_long_as_its_diagonal() -> None:
    grid = Grid.from_spacing((1, 5, 5), (9.0, 1.0, 1.0))
    assert longest_extent_mm(np.array([[0, 2, 2]]), grid) == pytest.approx(math.sqrt(2))


def test_the_extent_of_a_large_lesion_is_within_half_a_percent(monkeypatch: pytest.MonkeyPatch) -> None:
    p, r, c = np.mgrid[-9:10, -20:21, -20:21]
    voxels = np.argwhere((p / 9) ** 2 + ((r + c) / 25) ** 2 + ((r - c) / 11) ** 2 <= 1)
    grid = Grid.from_spacing((19, 41, 41), (2.0, 0.7, 0.7))
    exact = longest_extent_mm(voxels, grid)
    monkeypatch.setattr(extent, "_EXACT", 10)  # so that only extremes along directions are compared
    assert 0.995 * exact <= longest_extent_mm(voxels, grid) <= exact + 1e-9


def test_the_disagreement_of_members_is_the_mean_over_a_finding() -> None:
    steps = np.full(GRID.shape, -80, np.int8)
    steps[0, 1, 1:4] = 20
    disagreement = np.zeros(GRID.shape, np.uint8)
    disagreement[0, 1, 1:3] = (255, 51)
    (finding,) = findings_of(steps, 5, GRID, disagreement=disagreement)
    assert finding.disagreement == pytest.approx((1 + 0.2 + 0) / 3)
    assert math.isnan(findings_of(steps, 5, GRID)[0].disagreement)
