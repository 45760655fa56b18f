"""Whatever is done to a mask, undoing all of it leads to where it began, and doing it again to where it ended."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segcore.annotation import operations as op
from segcore.annotation.combining import Combination, combine, correct, count_everything, keep_only_painted, mirror
from segcore.annotation.edits import MaskEdit, Stroke
from segcore.annotation.fill import flood_fill
from segcore.annotation.history import History
from segcore.annotation.islands import cut_lesions, split_lesion
from segcore.annotation.operations import Scope
from segcore.annotation.shapes import ball
from segcore.geometry import Box
from segcore.scans.volume import UNLABELLED, Labels

SHAPE = (5, 12, 14)
SPACING = (3.0, 1.0, 1.5)
Random = np.random.Generator


def voxel(rng: Random) -> tuple[int, int, int]:
    p, r, c = (int(rng.integers(n)) for n in SHAPE)
    return (p, r, c)


def scope(rng: Random, labels: Labels) -> Scope:
    axis = int(rng.integers(3))
    ground = UNLABELLED if 2 * np.count_nonzero(labels == UNLABELLED) > labels.size else 0
    index = -1 if rng.random() < 0.5 else int(rng.integers(SHAPE[axis]))
    return Scope(axis=axis, index=index, spacing=SPACING, ground=ground)


def brush(labels: Labels, rng: Random) -> MaskEdit | None:
    stroke, stamp = Stroke(labels, "Brush"), ball((1.0, 2.0, 2.0))
    for _ in range(3):
        p, r, c = voxel(rng)
        box = Box((p - 1, r - 2, c - 2), (p + 2, r + 3, c + 3))
        stroke.paint(box, stamp, int(rng.choice([0, 1, UNLABELLED])))
    return stroke.finish()


def fill(labels: Labels, rng: Random) -> MaskEdit | None:
    scan = rng.integers(0, 3, SHAPE).astype(np.int16)
    stroke = Stroke(labels, "Fill")
    stroke.paint(*flood_fill(scan, voxel(rng), 1.0), int(rng.choice([0, 1, UNLABELLED])))
    return stroke.finish()


def drawn(edit: MaskEdit | None, labels: Labels) -> MaskEdit | None:
    """Apply an edit that was only worked out."""
    if edit is not None:
        edit.apply(labels)
    return edit


def flags(rng: Random, box: Box) -> np.ndarray:
    return rng.random(box.shape) < 0.3


def cut(labels: Labels, rng: Random) -> MaskEdit | None:
    axis = int(rng.integers(3))
    flat = Scope(axis=axis, index=int(rng.integers(SHAPE[axis])), spacing=SPACING)
    ends = rng.random((2, 2)) * 12
    return cut_lesions(labels, flat, ends, through_planes=bool(rng.random() < 0.5))


def joined(labels: Labels, rng: Random) -> MaskEdit | None:
    where = scope(rng, labels)
    return combine(labels, where, flags(rng, where.of(labels)), Combination(rng.choice(list(Combination))))


def corrected(labels: Labels, rng: Random) -> MaskEdit | None:
    box = Box((1, 2, 3), (4, 10, 12))
    return correct(labels, box, flags(rng, box), flags(rng, box), scope(rng, labels).ground, "Strokes")


def copied(labels: Labels, rng: Random) -> MaskEdit | None:
    axis = int(rng.integers(3))
    index = int(rng.integers(SHAPE[axis]))
    return op.copy_slice(labels, Scope(axis=axis, index=index, spacing=SPACING), index + int(rng.choice([-1, 1])))


#: By name: paints or works out, and leaves the labels as they then are.
EVERYTHING: dict[str, Callable[[Labels, Random], MaskEdit | None]] = {
    "brush": brush,
    "fill": fill,
    "grow": lambda labels, rng: drawn(op.grow(labels, scope(rng, labels), 1.5), labels),
    "shrink": lambda labels, rng: drawn(op.shrink(labels, scope(rng, labels), 1.0), labels),
    "smooth": lambda labels, rng: drawn(op.smooth(labels, scope(rng, labels), 1.0), labels),
    "close gaps": lambda labels, rng: drawn(op.close_gaps(labels, scope(rng, labels), 1.5), labels),
    "remove threads": lambda labels, rng: drawn(op.remove_threads(labels, scope(rng, labels), 1.0), labels),
    "fill holes": lambda labels, rng: drawn(op.fill_holes(labels, scope(rng, labels)), labels),
    "remove small": lambda labels, rng: drawn(op.remove_small(labels, scope(rng, labels), 20.0), labels),
    "keep largest": lambda labels, rng: drawn(op.keep_largest(labels, scope(rng, labels)), labels),
    "remove lesion": lambda labels, rng: drawn(op.remove_lesion(labels, scope(rng, labels), voxel(rng)), labels),
    "copy slice": lambda labels, rng: drawn(copied(labels, rng), labels),
    "fill between": lambda labels, rng: drawn(op.fill_between(labels, scope(rng, labels)), labels),
    "mirror": lambda labels, rng: drawn(mirror(labels, scope(rng, labels), int(rng.integers(14))), labels),
    "split": lambda labels, rng: drawn(split_lesion(labels, scope(rng, labels), voxel(rng)), labels),
    "cut": lambda labels, rng: drawn(cut(labels, rng), labels),
    "combine": lambda labels, rng: drawn(joined(labels, rng), labels),
    "correct": lambda labels, rng: drawn(corrected(labels, rng), labels),
    "sparse": lambda labels, rng: drawn(keep_only_painted(labels), labels),
    "dense": lambda labels, rng: drawn(count_everything(labels), labels),
}


@settings(deadline=None, max_examples=60)
@given(
    st.integers(0, 10**6),
    st.lists(st.sampled_from([*EVERYTHING, "undo", "redo"]), min_size=1, max_size=14),
)
def test_undo_all_is_the_start_and_redo_all_is_the_end(number: int, names: list[str]) -> None:
    rng = np.random.default_rng(number)
    labels = rng.choice(np.array([0, 0, 1, UNLABELLED], np.uint8), SHAPE)
    start, history = labels.copy(), History()
    for name in names:
        if name in ("undo", "redo"):
            edit = history.undo() if name == "undo" else history.redo()
            if edit is not None:
                edit.apply(labels)
            continue
        before = labels.copy()
        edit = EVERYTHING[name](labels, rng)
        if edit is None:
            assert np.array_equal(labels, before), name
        else:
            assert edit.changed_voxels > 0
            history.record(edit)
    while (edit := history.redo()) is not None:
        edit.apply(labels)
    end = labels.copy()
    assert set(np.unique(end)) <= {0, 1, UNLABELLED}
    while (edit := history.undo()) is not None:
        edit.apply(labels)
    assert np.array_equal(labels, start)
    while (edit := history.redo()) is not None:
        edit.apply(labels)
    assert np.array_equal(labels, end)


@pytest.mark.parametrize("name", list(EVERYTHING))
def test_each_operation_can_change_something_and_is_taken_back_exactly(name: str) -> None:
    """Random noise gives each of them something to do, within a hundred tries."""
    for number in range(100):
        rng = np.random.default_rng(number)
        labels = rng.choice(np.array([0, 0, 1, UNLABELLED], np.uint8), SHAPE)
        if name in ("split", "fill between", "copy slice", "remove lesion"):
            labels = np.zeros(SHAPE, np.uint8)
            labels[1, 2:9, 1:5] = labels[1, 2:9, 8:13] = labels[1, 5, 5:8] = labels[3, 3:8, 2:12] = 1
        before = labels.copy()
        edit = EVERYTHING[name](labels, rng)
        if edit is not None:
            edit.reversed().apply(labels)
            assert np.array_equal(labels, before)
            return
    pytest.fail(f"{name} never changed anything")
