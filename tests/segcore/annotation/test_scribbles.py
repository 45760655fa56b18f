import numpy as np

from segcore.annotation.scribbles import Scribble, seeds_of
from segcore.annotation.seeded import INSIDE, OUTSIDE
from segcore.geometry import Box


def test_strokes_become_seeds_without_gaps_and_the_later_one_counts() -> None:
    first = Scribble(axis=0, places=((2.0, 3.0, 1.0), (2.0, 3.0, 6.4)), inside=True)
    second = Scribble(axis=2, places=((1.0, 3.0, 4.0), (3.2, 3.0, 4.0)), inside=False)
    found = seeds_of((first, second), (5, 8, 9))
    assert found is not None
    box, seeds = found
    assert box == Box((1, 3, 1), (4, 4, 7))
    assert seeds[1, 0].tolist() == [INSIDE, INSIDE, INSIDE, OUTSIDE, INSIDE, INSIDE]
    assert seeds[:, 0, 3].tolist() == [OUTSIDE] * 3
    assert np.count_nonzero(seeds) == 8


def test_what_lies_outside_the_scan_is_left_out() -> None:
    partly = Scribble(axis=0, places=((0.0, -3.0, 2.0), (0.0, 2.0, 2.0)), inside=True)
    found = seeds_of((partly,), (1, 8, 9))
    assert found is not None
    assert found[0] == Box((0, 0, 2), (1, 3, 3))
    assert seeds_of((Scribble(axis=0, places=((9.0, 1.0, 1.0),), inside=True),), (1, 8, 9)) is None
    assert seeds_of((), (1, 8, 9)) is None
