import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from segcore.imbalance.patch_odds import PatchOdds, patch_odds

LABELS = arrays(np.uint8, (3, 5, 6), elements=st.sampled_from([0, 0, 0, 0, 1, 255]))


@settings(max_examples=60, deadline=None)
@given(LABELS, st.tuples(st.integers(1, 4), st.integers(1, 6), st.integers(1, 7)))
def test_the_odds_agree_with_putting_the_patch_everywhere(labels: np.ndarray, patch: tuple[int, int, int]) -> None:
    edges = [min(edge, extent) for edge, extent in zip(patch, labels.shape, strict=True)]
    counts = []
    for p, r, c in itertools.product(*(range(n - e + 1) for n, e in zip(labels.shape, edges, strict=True))):
        cut = labels[p : p + edges[0], r : r + edges[1], c : c + edges[2]]
        counts.append(int(np.count_nonzero(cut == 1)))
    hits = [count for count in counts if count]
    odds = patch_odds(labels, patch)
    assert odds.hit_rate == pytest.approx(len(hits) / len(counts))
    assert odds.foreground_if_hit == pytest.approx(sum(hits) / len(hits) if hits else 0.0)


def test_one_voxel_is_hit_by_as_many_positions_as_the_patch_has_voxels() -> None:
    labels = np.zeros((9, 9, 9), np.uint8)
    labels[4, 4, 4] = 1
    assert patch_odds(labels, (3, 3, 3)) == PatchOdds(hit_rate=27 / 343, foreground_if_hit=1.0)
