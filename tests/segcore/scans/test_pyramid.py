"""Coarser copies: by hand, against brute force, and mended where a mask was painted."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segcore.geometry import Box
from segcore.scans import pyramid
from segcore.scans.pyramid import (
    build_levels,
    halve,
    halved_shape,
    highest,
    labels_together,
    levels_of,
    mean,
    mend_levels,
)


def test_two_by_two_values_become_their_mean_rounded_down() -> None:
    source = np.array([[[10, 20, 30], [30, 41, 50]]], np.uint8)
    level = np.empty(halved_shape(source.shape), np.uint8)
    halve(source, level, mean)
    # Rows first: (10+30)/2 = 20, (20+41)/2 = 30; then (20+30)/2 = 25. The odd last column stands alone: (30+50)/2 = 40.
    assert level.tolist() == [[[25, 40]]]


def test_means_never_leave_their_type() -> None:
    ends = np.array([[255, 255], [255, 255]], np.uint8)
    assert mean(ends[0], ends[1]).tolist() == [255, 255]
    low = np.array([-32768], np.int16)
    assert mean(low, low).tolist() == [-32768]
    assert mean(np.array([-3], np.int16), np.array([-2], np.int16)).tolist() == [-3]  # -2.5 rounded down
    assert mean(np.array([0.5], np.float32), np.array([1.0], np.float32)).tolist() == [0.75]


@pytest.mark.parametrize(
    ("a", "b", "shown"), [(0, 1, 1), (1, 255, 1), (255, 0, 255), (0, 0, 0), (255, 255, 255), (1, 1, 1)]
)
def test_foreground_wins_over_unlabelled_and_both_over_background(a: int, b: int, shown: int) -> None:
    assert labels_together(np.array([a], np.uint8), np.array([b], np.uint8)).tolist() == [shown]


def test_a_lesion_of_one_pixel_is_in_every_level() -> None:
    labels = np.zeros((1, 4099, 3001), np.uint8)
    labels[0, 4098, 1717] = 1
    levels = build_levels(labels, labels_together)
    assert [level.shape for level in levels] == [(1, 2050, 1501), (1, 1025, 751), (1, 513, 376)]
    assert [int(level.sum()) for level in levels] == [1, 1, 1]
    assert levels[-1][0, 4098 // 8, 1717 // 8] == 1


def test_small_planes_have_no_coarser_copies() -> None:
    assert levels_of((1, 300, 2048, 2048)) == 0
    assert levels_of((1, 1, 4096, 4096)) == 2
    assert levels_of((3, 1, 20_000, 20_000)) == 5
    assert build_levels(np.zeros((3, 512, 512), np.uint8), highest) == ()


def brute_force(labels: np.ndarray, factor: int) -> np.ndarray:
    planes, rows, columns = labels.shape
    result = np.zeros((planes, -(-rows // factor), -(-columns // factor)), np.uint8)
    for p, r, c in np.ndindex(result.shape):
        block = labels[p, r * factor : (r + 1) * factor, c * factor : (c + 1) * factor]
        result[p, r, c] = 1 if (block == 1).any() else 255 if (block == 255).any() else 0
    return result


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_mended_levels_are_those_of_building_everything_anew(data: st.DataObject) -> None:
    shape = (data.draw(st.integers(1, 3)), data.draw(st.integers(1, 37)), data.draw(st.integers(1, 37)))
    labels = np.random.default_rng(3).choice(np.array([0, 1, 255], np.uint8), shape, p=[0.9, 0.05, 0.05])
    levels = []
    for _ in range(3):
        finer = levels[-1] if levels else labels
        levels.append(np.empty(halved_shape(finer.shape), np.uint8))
        halve(finer, levels[-1], labels_together)
    for _ in range(3):
        low = [data.draw(st.integers(0, n - 1)) for n in shape]
        high = [data.draw(st.integers(a + 1, n)) for a, n in zip(low, shape, strict=True)]
        box = Box((low[0], low[1], low[2]), (high[0], high[1], high[2]))
        labels[box.slices] = data.draw(st.sampled_from([0, 1, 255]))
        mend_levels(labels, tuple(levels), box)
    for number, level in enumerate(levels, start=1):
        assert np.array_equal(level, brute_force(labels, 2**number))


def test_building_stops_when_told_to() -> None:
    class Stopped(Exception):
        pass

    def stop() -> None:
        raise Stopped

    with pytest.raises(Stopped):
        build_levels(np.zeros((1, 3000, 3000), np.uint8), highest, stop)
    assert pyramid.is_large((1, 3000, 3000))
