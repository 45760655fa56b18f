import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from segcore.inference.averaging import MemberAverage

#: Any logits that float32 holds, far beyond what networks say.
LOGITS = arrays(np.float32, (1, 2, 3), elements=st.floats(-60, 60, width=32))


def volume(*values: float) -> NDArray[np.float32]:
    return np.array(values, dtype=np.float32).reshape(1, 1, -1)


def average_of(*members: NDArray[np.float32]) -> MemberAverage:
    average = MemberAverage()
    for member in members:
        average.add(member)
    return average


def logit(p: float) -> float:
    return math.log(p / (1 - p))


def test_probabilities_are_averaged_and_not_logits() -> None:
    average = average_of(volume(logit(0.9), logit(0.2)), volume(logit(0.1), logit(0.4)))

    assert average.logits().ravel() == pytest.approx([logit(0.5), logit(0.3)], abs=1e-6)
    assert average.logits().dtype == np.float32


@pytest.mark.parametrize("far", [-60.0, -16.0, 16.0, 60.0])
def test_sure_members_stay_sure_at_both_ends(far: float) -> None:
    assert average_of(volume(far), volume(far)).logits().item() == pytest.approx(far, abs=1e-3)


def test_one_sure_and_one_unsure_member_give_the_exact_mean_far_from_one_half() -> None:
    average = average_of(volume(14.0), volume(18.0))

    exact = -math.log((math.exp(-14) / (1 + math.exp(-14)) + math.exp(-18) / (1 + math.exp(-18))) / 2)
    assert average.logits().item() == pytest.approx(exact, abs=1e-4)


def test_disagreement_is_the_mutual_information_over_ln_2() -> None:
    average = average_of(volume(logit(0.9), logit(0.5), 60.0), volume(logit(0.1), logit(0.5), -60.0))

    entropy = -0.9 * math.log(0.9) - 0.1 * math.log(0.1)
    between = round(255 * (math.log(2) - entropy) / math.log(2))
    # Members that are alike in doubt do not disagree; members that are sure of opposites disagree fully.
    assert average.disagreement().ravel().tolist() == [between, 0, 255]


@given(st.lists(LOGITS, min_size=2, max_size=4))
def test_the_mean_lies_between_the_members_whatever_they_say(members: list[NDArray[np.float32]]) -> None:
    average = average_of(*members)

    assert np.isfinite(average.logits()).all()
    assert (average.logits() <= np.max(members, axis=0) + 1e-3).all()
    assert (average.logits() >= np.min(members, axis=0) - 1e-3).all()


@given(LOGITS)
def test_equal_members_never_disagree(member: NDArray[np.float32]) -> None:
    average = average_of(member, member, member)

    assert average.disagreement().max() == 0
    assert average.spread(0) == 0.0


def test_spread_is_one_minus_the_mean_dice_of_all_pairs() -> None:
    # Masks at step 0: {0, 1}, {1, 2}, {} -> Dice 1/2, 0, 0.
    average = average_of(volume(1, 1, -1), volume(-1, 1, 1), volume(-1, -1, -1))

    assert average.spread(0) == pytest.approx(1 - (0.5 + 0 + 0) / 3)


def test_empty_masks_agree_and_one_member_has_nobody_to_disagree_with() -> None:
    assert average_of(volume(-3.0), volume(-4.0)).spread(0) == 0.0
    assert math.isnan(average_of(volume(1.0)).spread(0))


def test_an_average_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no member"):
        MemberAverage().logits()
    with pytest.raises(ValueError, match="no member"):
        MemberAverage().disagreement()
