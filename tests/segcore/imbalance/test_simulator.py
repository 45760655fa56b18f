import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from segcore.errors import OutOfRange
from segcore.imbalance.simulator import (
    PatchOdds,
    expected_foreground_share,
    expected_foreground_voxels,
    patch_odds,
    probability_batch_has_foreground,
    steps_until_seen,
)

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


@given(st.integers(1, 4), st.floats(0, 1), st.floats(0, 1))
def test_the_batch_formula_agrees_with_adding_up_all_outcomes(batch: int, ratio: float, hit_rate: float) -> None:
    total = 0.0
    for outcome in itertools.product(("forced", "hit", "miss"), repeat=batch):
        chance = {"forced": ratio, "hit": (1 - ratio) * hit_rate, "miss": (1 - ratio) * (1 - hit_rate)}
        if set(outcome) != {"miss"}:
            total += math.prod(chance[one] for one in outcome)
    assert probability_batch_has_foreground(batch, ratio, hit_rate) == pytest.approx(total, abs=1e-12)


def test_expected_voxels_agree_with_drawing_many_batches() -> None:
    rng = np.random.default_rng(0)
    labels = (rng.random((4, 20, 20)) < 0.01).astype(np.uint8)
    patch, ratio, batch = (2, 4, 4), 0.3, 6
    odds = patch_odds(labels, patch)
    positions = [np.array(origin) for origin in itertools.product(range(3), range(17), range(17))]
    counts = np.array([labels[tuple(slice(a, a + e) for a, e in zip(o, patch, strict=True))].sum() for o in positions])
    hits = counts[counts > 0]
    forced = rng.random((20_000, batch)) < ratio
    drawn = np.where(forced, rng.choice(hits, forced.shape), rng.choice(counts, forced.shape)).sum(axis=1)
    standard_error = drawn.std() / math.sqrt(len(drawn))
    assert abs(drawn.mean() - expected_foreground_voxels(batch, ratio, odds)) < 4 * standard_error
    assert expected_foreground_share(ratio, odds, patch) * batch * 32 == pytest.approx(
        expected_foreground_voxels(batch, ratio, odds)
    )


def test_rare_foreground_takes_long_to_turn_up_and_never_does_where_there_is_none() -> None:
    assert steps_until_seen(1, 0.0, 0.0) == math.inf
    assert steps_until_seen(4, 1.0, 0.0) == 1.0
    assert steps_until_seen(1, 0.0, 0.01) == pytest.approx(math.log(0.05) / math.log(0.99))


@pytest.mark.parametrize(("batch", "ratio", "hit_rate"), [(0, 0.5, 0.5), (2, 1.5, 0.5), (2, 0.5, -0.1)])
def test_impossible_settings_are_refused(batch: int, ratio: float, hit_rate: float) -> None:
    with pytest.raises(OutOfRange):
        probability_batch_has_foreground(batch, ratio, hit_rate)
