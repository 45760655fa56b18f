import numpy as np
import pytest

from segcore.imbalance.patch_axis import PatchAxis, hit_rate, mean_anywhere, mean_forced


def axis(extent: int, first: int, last: int, edge: int, jitter: float = 0.0) -> PatchAxis:
    return PatchAxis(extent=extent, first=first, last=last, edge=edge, jitter=jitter)


def test_beginnings_pile_up_at_the_borders() -> None:
    # Middles 0 to 9, a patch of four begins two before: 0 for 0, 1, 2; then 1 to 5; 6 for 8, 9.
    np.testing.assert_allclose(axis(10, 0, 10, 4).start_chances(), [0.3, 0.1, 0.1, 0.1, 0.1, 0.1, 0.2])


def test_a_patch_longer_than_the_scan_begins_in_one_place_and_holds_everything() -> None:
    line = axis(5, 1, 4, 9)
    assert line.starts == 1
    np.testing.assert_allclose(line.sums(np.array([1, 0, 1])), [2.0])


def test_the_offsets_of_a_jitter_have_their_lengths_as_chances() -> None:
    # A patch of ten, 0.35 to 0.65 of it: from 3.5 to 6.5.
    places, chances = axis(50, 0, 50, 10, 0.15).offsets()
    assert places.tolist() == [3, 4, 5, 6]
    np.testing.assert_allclose(chances, [0.5 / 3, 1 / 3, 1 / 3, 0.5 / 3])


def test_no_jitter_is_one_offset_and_the_whole_patch_all_of_them() -> None:
    places, chances = axis(50, 0, 50, 5).offsets()
    assert (places.tolist(), chances.tolist()) == ([2], [1.0])
    places, chances = axis(50, 0, 50, 5, 0.5).offsets()
    assert places.tolist() == [0, 1, 2, 3, 4]
    np.testing.assert_allclose(chances, 0.2)


def test_three_axes_multiply() -> None:
    inside = np.ones((1, 1, 1), bool)
    axes = [axis(10, 4, 5, 4), axis(10, 4, 5, 4), axis(1, 0, 1, 1)]
    # Along each of two axes the patch holds voxel 4 for 4 of 10 middles.
    assert hit_rate(inside, axes) == pytest.approx(0.16)
    assert mean_anywhere(inside, axes) == pytest.approx(0.16)
    assert mean_forced(inside, np.ones(1), axes) == pytest.approx(1.0)
