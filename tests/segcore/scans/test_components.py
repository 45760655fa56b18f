"""Where labels lie, without copying the mask."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segcore.geometry import Box
from segcore.scans import components
from segcore.scans.components import box_of
from segcore.scans.volume import fullest_plane


@given(st.integers(0, 2**32 - 1), st.tuples(*[st.integers(1, 9)] * 3), st.sampled_from([1, 255]))
def test_the_box_of_a_label_is_that_of_its_flags(seed: int, shape: tuple[int, int, int], value: int) -> None:
    labels = np.random.default_rng(seed).choice(np.array([0, 1, 255], np.uint8), shape, p=[0.94, 0.03, 0.03])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(components, "_PIECE", 12)  # several pieces in a plane
        assert box_of(labels, value) == Box.around(labels == value)


def test_the_fullest_plane_is_the_first_with_most_foreground() -> None:
    labels = np.zeros((4, 3, 3), np.uint8)
    assert fullest_plane(labels) is None
    labels[1, 0, :2] = 1
    labels[2, 0, :2] = 1
    labels[3] = 255  # unlabelled is no foreground
    assert fullest_plane(labels) == 1
