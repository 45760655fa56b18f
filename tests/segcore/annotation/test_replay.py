from dataclasses import replace

import numpy as np

from segcore.annotation.edits import MaskEdit, Stroke
from segcore.annotation.replay import REDONE, UNDONE, fits, replayed
from segcore.geometry import Box
from segcore.scans.volume import Labels


def paint(labels: Labels, column: int, name: str) -> MaskEdit:
    stroke = Stroke(labels, name)
    stroke.paint(Box((0, 0, column), (1, 1, column + 1)), np.ones((1, 1, 1), bool), 1)
    edit = stroke.finish()
    assert edit is not None
    return edit


def test_a_journal_with_undo_and_redo_in_it_leads_to_the_history_that_made_it() -> None:
    labels = np.zeros((1, 1, 9), np.uint8)
    a, b, c = (paint(labels, column, name) for column, name in ((0, "A"), (1, "B"), (2, "C")))
    back_c, back_b = (replace(e.reversed(), label=f"{UNDONE}{e.label}") for e in (c, b))
    again_b = replace(b, label=f"{REDONE}B")
    history = replayed([a, b, c, back_c, back_b, again_b])
    assert history.undo_label == "B"
    assert history.redo_label == "C"
    assert history.undo() is not None
    assert history.undo_label == "A"


def test_an_undo_of_something_that_the_journal_does_not_hold_any_more_is_a_stroke() -> None:
    labels = np.zeros((1, 1, 9), np.uint8)
    edit = replace(paint(labels, 0, "A").reversed(), label=f"{UNDONE}A")
    assert replayed([edit]).undo_label == "Undo: A"
    assert not replayed([]).can_undo


def test_an_edit_fits_where_the_mask_is_what_it_expects_and_other_voxels_do_not_matter() -> None:
    labels = np.zeros((1, 1, 9), np.uint8)
    edit = paint(labels, 3, "A")
    assert fits(edit.reversed(), labels)
    labels[0, 0, 5] = 1
    assert fits(edit.reversed(), labels)
    labels[0, 0, 3] = 255
    assert not fits(edit.reversed(), labels)
