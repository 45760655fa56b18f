"""A mask joined with another one: a prediction, another version, its own mirror image, or nothing but what is painted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from segcore.annotation.edits import MaskEdit, edit_between
from segcore.annotation.operations import Scope, front_edit
from segcore.geometry import Box
from segcore.scans.components import label_lesions
from segcore.scans.volume import BACKGROUND, FOREGROUND, UNLABELLED, Labels

Flags = NDArray[np.bool_]


class Combination(StrEnum):
    """How the other mask joins."""

    ADD = "add"
    SUBTRACT = "subtract"
    INTERSECT = "intersect"
    REPLACE = "replace"


_JOINED: Mapping[Combination, Callable[[Flags, Flags], Flags]] = {
    Combination.ADD: lambda front, other: front | other,
    Combination.SUBTRACT: lambda front, other: front & ~other,
    Combination.INTERSECT: lambda front, other: front & other,
    Combination.REPLACE: lambda _, other: other,
}


def combine(labels: Labels, scope: Scope, other: Flags, how: Combination, name: str = "") -> MaskEdit | None:
    """Join the foreground with `other` (flags of the scope's box) inside the scope.

    Parameters
    ----------
    name
        What the edit is called; by how it was joined if empty.
    """
    box = scope.of(labels)
    front = labels[box.slices] == FOREGROUND
    joined = _JOINED[how](front, other)
    return front_edit(name or how.value.capitalize(), labels, box, joined, scope.ground)


def correct(labels: Labels, box: Box, found: Flags, touched: Flags, ground: int, name: str) -> MaskEdit | None:
    """Put what strokes found in place of the lesions that they touched; other lesions in the box stay.

    Parameters
    ----------
    found
        Flags of ``box.shape``: the lesion as the strokes say.
    touched
        Flags of ``box.shape``: where the strokes are.
    """
    front = labels[box.slices] == FOREGROUND
    components, _ = label_lesions(front)
    replaced = np.unique(components[touched & front])
    kept = front & ~np.isin(components, replaced)
    return front_edit(name, labels, box, kept | found, ground)


def mirror(labels: Labels, scope: Scope, column: int) -> MaskEdit | None:
    """Add the foreground's mirror image on the other side of a column: the patient's left becomes right.

    Parameters
    ----------
    column
        The sagittal slice that is the mirror. What would land outside the scan is left out.
    """
    box = scope.of(labels)
    if scope.is_slice and scope.axis == 2:
        return None
    front = labels[box.slices] == FOREGROUND
    image = np.zeros_like(front)
    columns = np.flatnonzero(front.any(axis=(0, 1)))
    for here in columns.tolist():
        there = 2 * column - here
        if 0 <= there < front.shape[2]:
            image[:, :, there] = front[:, :, here]
    return front_edit("Mirror", labels, box, front | image, scope.ground)


def keep_only_painted(labels: Labels) -> MaskEdit | None:
    """Make everything that is background unlabelled: only what was painted, and will be, counts."""
    return _turned("Only what is painted counts", labels, BACKGROUND, UNLABELLED)


def count_everything(labels: Labels) -> MaskEdit | None:
    """Make everything that is unlabelled background again."""
    return _turned("Everything counts", labels, UNLABELLED, BACKGROUND)


def _turned(name: str, labels: Labels, old: int, new: int) -> MaskEdit | None:
    box = Box((0, 0, 0), (labels.shape[0], labels.shape[1], labels.shape[2]))
    return edit_between(name, box, labels, np.where(labels == old, np.uint8(new), labels))
