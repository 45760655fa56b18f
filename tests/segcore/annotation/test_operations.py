from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from segcore.annotation import operations as op
from segcore.annotation.edits import MaskEdit
from segcore.annotation.operations import Scope
from segcore.scans.volume import Labels

SHAPE = (7, 24, 26)
SPACING = (3.0, 1.0, 1.0)
WHOLE = Scope(axis=0, index=-1, spacing=SPACING)


def slice_of(axis: int, index: int) -> Scope:
    return Scope(axis=axis, index=index, spacing=SPACING)


def block(
    *, planes: tuple[int, int] = (2, 5), rows: tuple[int, int] = (8, 16), columns: tuple[int, int] = (8, 18)
) -> Labels:
    labels = np.zeros(SHAPE, np.uint8)
    labels[slice(*planes), slice(*rows), slice(*columns)] = 1
    return labels


def done(labels: Labels, edit: MaskEdit | None) -> Labels:
    assert edit is not None
    result = labels.copy()
    edit.apply(result)
    return result


def test_growing_is_in_millimetres_and_stays_in_its_slice() -> None:
    labels = block()
    grown = done(labels, op.grow(labels, WHOLE, 2.0))
    assert grown.any(axis=(1, 2)).tolist() == [False, False, True, True, True, False, False]  # 3 mm is too far
    assert np.flatnonzero(grown[3].any(axis=1)).tolist() == list(range(6, 18))
    assert done(labels, op.grow(labels, WHOLE, 3.0)).any(axis=(1, 2)).sum() == 5
    flat = done(labels, op.grow(labels, slice_of(0, 3), 5.0))
    assert np.array_equal(flat[[2, 4]], labels[[2, 4]])
    assert flat[3].sum() > labels[3].sum()
    sideways = done(labels, op.grow(labels, slice_of(1, 10), 3.0))
    assert sideways[:, 10].any(axis=1).sum() == 5
    assert np.array_equal(np.delete(sideways, 10, axis=1), np.delete(labels, 10, axis=1))


def test_shrinking_takes_away_as_much_and_the_edge_of_the_scan_is_no_background() -> None:
    labels = block()
    shrunk = done(labels, op.shrink(labels, slice_of(0, 3), 1.0))
    assert shrunk[3].sum() == 6 * 8
    whole = block(planes=(0, 7), rows=(0, 10), columns=(0, 26))
    assert done(whole, op.shrink(whole, WHOLE, 1.0)).sum() == 7 * 9 * 26


def test_gaps_are_closed_and_threads_removed() -> None:
    labels = block()
    labels[3, 8:16, 12] = 0
    assert done(labels, op.close_gaps(labels, slice_of(0, 3), 1.0))[3].sum() == 78  # but for its two open ends
    thread = block()
    thread[3, 11, 18:25] = 1
    opened = done(thread, op.remove_threads(thread, slice_of(0, 3), 1.0))[3]
    assert not opened[:, 19:].any()
    assert opened[9:15, 9:17].all()


def test_holes_are_filled_in_a_slice_or_in_three_dimensions() -> None:
    labels = block()
    labels[3, 10:12, 10:12] = 0
    assert done(labels, op.fill_holes(labels, slice_of(0, 3)))[3].sum() == 80
    assert done(labels, op.fill_holes(labels, WHOLE)).sum() == 240
    tunnel = block()
    tunnel[:, 10, 10] = 0
    assert op.fill_holes(tunnel, WHOLE) is None  # open above and below
    assert done(tunnel, op.fill_holes(tunnel, slice_of(0, 3)))[3].sum() == 80


def test_islands_by_size_and_by_a_click() -> None:
    labels = block()
    labels[1, 2, 2] = labels[1, 2, 3] = labels[6, 20, 20] = 1
    assert done(labels, op.remove_small(labels, WHOLE, 6.0)).sum() == 242  # two voxels are 6 mm³ and stay
    assert done(labels, op.keep_largest(labels, WHOLE)).sum() == 240
    assert done(labels, op.remove_lesion(labels, WHOLE, (3, 9, 9))).sum() == 3
    part = done(labels, op.remove_lesion(labels, slice_of(0, 3), (3, 9, 9)))
    assert part.sum() == 3 + 160
    assert op.remove_lesion(labels, WHOLE, (0, 0, 0)) is None
    assert op.remove_lesion(labels, slice_of(0, 3), (4, 9, 9)) is None


def test_smoothing_rounds_corners_and_loses_no_lesion() -> None:
    labels = block()
    labels[3, 2, 2] = 1
    smooth = done(labels, op.smooth(labels, slice_of(0, 3), 1.5))
    assert smooth[3, 2, 2] == 1
    assert smooth[3, 8, 8] == 0
    assert smooth[3, 12, 12] == 1


def test_a_slice_is_copied_and_only_added() -> None:
    labels = block()
    labels[5, 1, 1] = 1
    copied = done(labels, op.copy_slice(labels, slice_of(0, 5), 4))
    assert copied[5].sum() == 81
    assert op.copy_slice(labels, slice_of(0, 0), -1) is None
    assert op.copy_slice(labels, WHOLE, 3) is None


def test_missing_slices_are_drawn_between_lesions_that_lie_over_each_other() -> None:
    labels = np.zeros(SHAPE, np.uint8)
    labels[1, 4:8, 4:8] = 1
    labels[5, 4:12, 4:12] = 1
    labels[5, 18:22, 18:22] = 1  # nothing lies under it
    filled = done(labels, op.fill_between(labels, slice_of(0, 0)))
    areas = filled.sum(axis=(1, 2)).tolist()
    assert areas[1] == 16
    assert areas[5] == 80
    assert areas[1] < areas[2] < areas[3] < areas[4] < 64
    assert not filled[2:5, 17:, 17:].any()
    assert op.fill_between(block(), slice_of(0, 0)) is None
    assert op.fill_between(np.zeros(SHAPE, np.uint8), slice_of(0, 0)) is None


EVERY: tuple[Callable[[Labels, Scope], MaskEdit | None], ...] = (
    lambda labels, scope: op.grow(labels, scope, 1.5),
    lambda labels, scope: op.shrink(labels, scope, 1.0),
    lambda labels, scope: op.close_gaps(labels, scope, 1.5),
    lambda labels, scope: op.remove_threads(labels, scope, 1.0),
    lambda labels, scope: op.smooth(labels, scope, 1.0),
    op.fill_holes,
    lambda labels, scope: op.remove_small(labels, scope, 9.0),
    op.keep_largest,
    lambda labels, scope: op.copy_slice(labels, scope, 2),
    op.fill_between,
)


@pytest.mark.parametrize("change", EVERY)
@settings(max_examples=15, deadline=None)
@given(
    labels=arrays(np.uint8, (4, 6, 7), elements=st.sampled_from([0, 0, 1, 255])),
    axis=st.integers(0, 2),
    index=st.integers(-1, 3),
)
def test_nothing_unlabelled_is_touched_nothing_beyond_the_scope_and_all_can_be_taken_back(
    change: Callable[[Labels, Scope], MaskEdit | None], labels: Labels, axis: int, index: int
) -> None:
    scope = slice_of(axis, index)
    before = labels.copy()
    edit = change(labels, scope)
    assert np.array_equal(labels, before)  # the edit is a value
    if edit is None:
        return
    after = done(labels, edit)
    assert np.array_equal(after == 255, before == 255)
    if scope.is_slice and change is not op.fill_between:
        others = np.delete(np.arange(labels.shape[axis]), index)
        assert np.array_equal(after.take(others, axis), before.take(others, axis))
    edit.reversed().apply(after)
    assert np.array_equal(after, before)
