import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from segcore.annotation.combining import Combination, combine, correct, count_everything, keep_only_painted, mirror
from segcore.annotation.edits import MaskEdit
from segcore.annotation.operations import Scope, grow
from segcore.geometry import Box
from segcore.scans.volume import UNLABELLED, Labels

SHAPE = (3, 4, 6)
WHOLE = Scope(axis=0, index=-1, spacing=(1.0, 1.0, 1.0))
SPARSE = Scope(axis=0, index=-1, spacing=(1.0, 1.0, 1.0), ground=UNLABELLED)


def done(labels: Labels, edit: MaskEdit | None) -> Labels:
    assert edit is not None
    result = labels.copy()
    edit.apply(result)
    return result


@pytest.mark.parametrize(
    ("how", "row"),
    [
        (Combination.ADD, [1, 1, 1, 0, 255, 0]),
        (Combination.SUBTRACT, [1, 0, 0, 0, 255, 0]),
        (Combination.INTERSECT, [0, 1, 0, 0, 255, 0]),
        (Combination.REPLACE, [0, 1, 1, 0, 255, 0]),
    ],
)
def test_logical_operations_by_hand(how: Combination, row: list[int]) -> None:
    labels = np.zeros(SHAPE, np.uint8)
    labels[1, 2] = [1, 1, 0, 0, 255, 0]
    other = np.zeros(SHAPE, bool)
    other[1, 2] = [False, True, True, False, True, False]
    assert done(labels, combine(labels, WHOLE, other, how))[1, 2].tolist() == row


def test_in_a_slice_the_other_slices_stay() -> None:
    labels = np.ones(SHAPE, np.uint8)
    scope = Scope(axis=2, index=3, spacing=(1.0, 1.0, 1.0))
    after = done(labels, combine(labels, scope, np.zeros((3, 4, 1), bool), Combination.REPLACE, "Prediction"))
    assert not after[:, :, 3].any()
    assert np.delete(after, 3, axis=2).all()


def test_where_only_what_is_painted_counts_what_is_removed_becomes_unlabelled_and_all_may_be_painted() -> None:
    labels = np.full(SHAPE, UNLABELLED, np.uint8)
    labels[1, 2, 2] = 1
    labels[0, 0, 0] = 0
    other = np.zeros(SHAPE, bool)
    other[2] = True
    after = done(labels, combine(labels, SPARSE, other, Combination.REPLACE))
    assert (after[2] == 1).all()
    assert after[1, 2, 2] == UNLABELLED
    assert after[0, 0, 0] == 0
    assert (done(labels, grow(labels, SPARSE, 1.0)) == 1).sum() == 7


def test_the_mirror_image_is_added_on_the_other_side() -> None:
    labels = np.zeros((2, 3, 9), np.uint8)
    labels[0, 1, 1:3] = 1
    assert np.flatnonzero(done(labels, mirror(labels, WHOLE, 4))[0, 1]).tolist() == [1, 2, 6, 7]
    assert mirror(labels, WHOLE, 8) is None  # all of it would land outside
    assert mirror(labels, Scope(axis=2, index=1, spacing=(1.0, 1.0, 1.0)), 4) is None
    one = done(labels, mirror(labels, Scope(axis=0, index=0, spacing=(1.0, 1.0, 1.0)), 4))
    assert not one[1].any()


@given(arrays(np.uint8, SHAPE, elements=st.sampled_from([0, 1])))
def test_a_mirror_of_a_mirror_adds_nothing(labels: Labels) -> None:
    edit = mirror(labels, WHOLE, 2)
    after = labels.copy() if edit is None else done(labels, edit)
    assert mirror(after, WHOLE, 2) is None


def test_strokes_replace_the_lesion_that_they_touch_and_spare_the_others() -> None:
    labels = np.zeros((1, 5, 12), np.uint8)
    labels[0, 1:4, 1:4] = 1
    labels[0, 1:4, 8:11] = 1
    found = np.zeros((1, 5, 12), bool)
    found[0, 2, 1:6] = True
    touched = np.zeros_like(found)
    touched[0, 2, 2] = True
    after = done(labels, correct(labels, Box((0, 0, 0), (1, 5, 12)), found, touched, 0, "Seeds"))
    expected = np.zeros_like(labels)
    expected[0, 2, 1:6] = 1
    expected[0, 1:4, 8:11] = 1
    assert np.array_equal(after, expected)


@given(arrays(np.uint8, SHAPE, elements=st.sampled_from([0, 1])))
def test_sparse_and_back_is_where_one_began(labels: Labels) -> None:
    edit = keep_only_painted(labels)
    sparse = labels.copy() if edit is None else done(labels, edit)
    assert not (sparse == 0).any()
    assert np.array_equal(sparse == 1, labels == 1)
    back = count_everything(sparse)
    assert np.array_equal(sparse.copy() if back is None else done(sparse, back), labels)
