import numpy as np
import pytest

from segcore.annotation.edits import MaskEdit
from segcore.annotation.islands import cut_lesions, split_lesion
from segcore.annotation.operations import Scope
from segcore.annotation.shapes import line
from segcore.scans.components import count_lesions
from segcore.scans.volume import UNLABELLED, Labels

SHAPE = (7, 24, 40)
WHOLE = Scope(axis=0, index=-1, spacing=(1.0, 1.0, 1.0))


def slice_of(axis: int, index: int) -> Scope:
    return Scope(axis=axis, index=index, spacing=(1.0, 1.0, 1.0))


def done(labels: Labels, edit: MaskEdit | None) -> Labels:
    assert edit is not None
    result = labels.copy()
    edit.apply(result)
    return result


def dumb_bell() -> Labels:
    """Two blocks of 7 rows, joined by a bridge of one voxel from column 12 to 19."""
    labels = np.zeros(SHAPE, np.uint8)
    labels[1:6, 5:12, 5:12] = 1
    labels[1:6, 5:12, 20:31] = 1
    labels[3, 8, 12:20] = 1
    return labels


@pytest.mark.parametrize("scope", [WHOLE, slice_of(0, 3)], ids=["3D", "slice"])
def test_a_lesion_with_a_waist_becomes_two(scope: Scope) -> None:
    labels = dumb_bell()
    labels[0, 0, 0] = 1  # another lesion, which stays
    after = done(labels, split_lesion(labels, scope, (3, 8, 8)))
    assert after[0, 0, 0] == 1
    part = after if not scope.is_slice else after[3:4]
    assert count_lesions(part == 1) == (3 if not scope.is_slice else 2)
    lost = np.argwhere(labels != after)
    assert 1 <= len(lost) <= 9
    assert ((lost[:, 2] >= 12) & (lost[:, 2] <= 20)).all()  # on the bridge or where it begins


def test_a_lesion_without_a_waist_and_a_place_without_a_lesion_stay() -> None:
    labels = np.zeros(SHAPE, np.uint8)
    labels[1:6, 5:12, 5:12] = 1
    assert split_lesion(labels, WHOLE, (3, 8, 8)) is None
    assert split_lesion(labels, WHOLE, (0, 0, 0)) is None
    assert split_lesion(labels, WHOLE, (99, 0, 0)) is None
    assert split_lesion(labels, slice_of(0, 0), (3, 8, 8)) is None


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_cut_takes_out_the_voxels_of_the_line_in_its_slice(axis: int) -> None:
    labels = np.zeros((20, 20, 20), np.uint8)
    labels[5:15, 5:15, 5:15] = 1
    labels[0, 0, 0] = 1
    after = done(labels, cut_lesions(labels, slice_of(axis, 10), np.array([[10.0, 0.0], [10.0, 19.0]])))
    expected = labels.copy()
    row = [slice(None)] * 3
    row[axis], row[0 if axis else 1] = 10, 10
    expected[tuple(row)] = 0
    assert np.array_equal(after, expected)


def test_a_slanted_cut_leaves_no_corner_to_slip_through() -> None:
    labels = np.zeros((3, 20, 20), np.uint8)
    labels[:, 3:17, 3:17] = 1
    cut = cut_lesions(labels, slice_of(0, 1), np.array([[0.0, 2.0], [19.0, 16.0]]), through_planes=True)
    after = done(labels, cut)
    assert count_lesions(after == 1) == 2


def test_a_cut_through_planes_spares_lesions_that_it_does_not_cross_here() -> None:
    labels = np.zeros((9, 20, 20), np.uint8)
    labels[1:4, 5:15, 5:15] = 1
    labels[6:8, 5:15, 5:15] = 1  # behind, another lesion
    after = done(
        labels, cut_lesions(labels, slice_of(0, 2), np.array([[10.0, 0.0], [10.0, 19.0]]), through_planes=True)
    )
    assert not after[1:4, 10].any()
    assert after[6:8, 10, 5:15].all()


def test_a_cut_beside_every_lesion_changes_nothing_and_sparse_masks_forget_what_is_cut() -> None:
    labels = np.zeros(SHAPE, np.uint8)
    labels[3, 5:12, 5:12] = 1
    points = np.array([[20.0, 0.0], [20.0, 39.0]])
    assert cut_lesions(labels, slice_of(0, 3), points) is None
    labels[labels == 0] = UNLABELLED
    sparse = Scope(axis=0, index=3, spacing=(1.0, 1.0, 1.0), ground=UNLABELLED)
    after = done(labels, cut_lesions(labels, sparse, np.array([[8.0, 0.0], [8.0, 39.0]])))
    assert (after[3, 8] == UNLABELLED).all()


def test_a_line_is_joined_by_edges_and_stays_in_the_picture() -> None:
    flags = line(np.array([[0.0, 0.0], [3.0, 3.0]]), (4, 4))
    assert flags.sum() == 7
    assert line(np.array([[-5.0, 1.0], [9.0, 1.0]]), (4, 4)).sum() == 4
    assert line(np.array([[2.0, 2.0]]), (4, 4)).sum() == 1
