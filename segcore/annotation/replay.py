"""The undo history of before a restart, out of the journal: what was undone then was journalled as a stroke, marked."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from segcore.annotation.edits import MaskEdit
from segcore.annotation.history import History
from segcore.scans.volume import Labels

#: Begin the label of a journalled stroke that took another one back, or did it again.
UNDONE, REDONE = "Undo: ", "Redo: "


def replayed(strokes: Iterable[MaskEdit]) -> History:
    """Return the history that led to the end of a journal."""
    history = History()
    for stroke in strokes:
        if stroke.label.startswith(UNDONE) and history.can_undo:
            history.undo()
        elif stroke.label.startswith(REDONE) and history.can_redo:
            history.redo()
        else:
            history.record(stroke)
    return history


def fits(edit: MaskEdit, labels: Labels) -> bool:
    """Whether a mask is what an edit expects it to be, wherever the edit would change it."""
    changes = edit.before != edit.after
    return bool(np.array_equal(labels[edit.box.slices][changes], edit.before[changes]))
