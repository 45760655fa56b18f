import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from segcore.annotation.edits import MaskEdit, Stroke, edit_between
from segcore.annotation.history import History
from segcore.annotation.shapes import ball
from segcore.geometry import Box

SHAPE = (12, 90, 100)
DABS = st.lists(
    st.tuples(
        st.integers(-3, 14), st.integers(-5, 95), st.integers(-5, 105), st.integers(0, 4), st.sampled_from([0, 1, 255])
    ),
    min_size=1,
    max_size=6,
)


def paint(stroke: Stroke, dab: tuple[int, int, int, int, int]) -> None:
    p, r, c, radius, value = dab
    flags = np.array(ball((float(min(radius, 2)), float(radius), float(radius))))
    half = tuple(n // 2 for n in flags.shape)
    start = (p - half[0], r - half[1], c - half[2])
    stop = (start[0] + flags.shape[0], start[1] + flags.shape[1], start[2] + flags.shape[2])
    stroke.paint(Box(start, stop), flags, value)


@settings(deadline=None, max_examples=40)
@given(st.lists(DABS, min_size=1, max_size=5))
def test_undoing_everything_gives_the_start_and_redoing_everything_the_end(
    strokes: list[list[tuple[int, ...]]],
) -> None:
    labels = np.zeros(SHAPE, dtype=np.uint8)
    labels[5:7, 20:60, 20:60] = 1
    start = labels.copy()
    history = History()
    for dabs in strokes:
        stroke = Stroke(labels, "Brush")
        for dab in dabs:
            paint(stroke, dab)  # type: ignore[arg-type]
        edit = stroke.finish()
        if edit is not None:
            history.record(edit)
    end = labels.copy()
    while (back := history.undo()) is not None:
        back.apply(labels)
    assert np.array_equal(labels, start)
    while (again := history.redo()) is not None:
        again.apply(labels)
    assert np.array_equal(labels, end)


def test_a_stroke_is_one_edit_with_the_smallest_box() -> None:
    labels = np.zeros(SHAPE, dtype=np.uint8)
    stroke = Stroke(labels, "Brush")
    for column in range(10, 20):
        stroke.paint(Box((3, 5, column), (4, 6, column + 1)), np.ones((1, 1, 1), bool), 1)
    edit = stroke.finish()
    assert edit is not None
    assert edit.box == Box((3, 5, 10), (4, 6, 20))
    assert edit.changed_voxels == 10
    assert Stroke(labels, "Nothing").finish() is None


def test_painting_what_is_there_already_is_no_edit() -> None:
    labels = np.ones(SHAPE, dtype=np.uint8)
    stroke = Stroke(labels, "Brush")
    stroke.paint(Box((0, 0, 0), (2, 2, 2)), np.ones((2, 2, 2), bool), 1)
    assert stroke.finish() is None


def test_a_stroke_outside_the_mask_changes_nothing() -> None:
    labels = np.zeros((2, 3, 4), dtype=np.uint8)
    stroke = Stroke(labels, "Brush")
    assert stroke.paint(Box((5, 0, 0), (6, 1, 1)), np.ones((1, 1, 1), bool), 1).is_empty
    assert stroke.finish() is None


def test_an_edit_touches_only_the_voxels_it_changed() -> None:
    before = np.zeros((1, 2, 2), np.uint8)
    after = np.array([[[1, 0], [0, 0]]], np.uint8)
    labels = np.array([[[0, 9], [9, 9]]], np.uint8)
    MaskEdit(label="x", box=Box((0, 0, 0), (1, 2, 2)), before=before, after=after).apply(labels)
    assert labels.tolist() == [[[1, 9], [9, 9]]]


def test_history_forgets_the_oldest_beyond_its_bytes_and_what_was_undone_after_a_new_stroke() -> None:
    rng = np.random.default_rng(0)
    history = History(limit_bytes=3000)
    zero = np.zeros((1, 40, 40), np.uint8)
    for _ in range(10):
        edit = edit_between(
            "Brush", Box((0, 0, 0), (1, 40, 40)), zero, rng.integers(0, 2, (1, 40, 40)).astype(np.uint8)
        )
        assert edit is not None
        history.record(edit)
    assert history.bytes <= 3000
    undone = 0
    while history.undo() is not None:
        undone += 1
    assert 1 <= undone < 10
    assert history.redo_label == "Brush"
    history.record(edit)
    assert history.redo() is None


def test_a_large_stroke_costs_little_memory() -> None:
    labels = np.zeros((130, 256, 256), dtype=np.uint8)
    stroke = Stroke(labels, "Ball")
    flags = np.array(ball((60.0, 60.0, 60.0)))
    for step in range(20):
        stroke.paint(Box((2, 2 + step, 2 + step), (123, 123 + step, 123 + step)), flags, 1)
    history = History()
    edit = stroke.finish()
    assert edit is not None
    history.record(edit)
    assert history.bytes < 300_000


@settings(deadline=None, max_examples=40)
@given(DABS)
def test_a_finished_stroke_tells_exactly_what_it_changed(dabs: list[tuple[int, int, int, int, int]]) -> None:
    labels = np.zeros(SHAPE, dtype=np.uint8)
    labels[5:7, 20:60, 20:60] = 1
    start = labels.copy()
    stroke = Stroke(labels, "Brush")
    for dab in dabs:
        paint(stroke, dab)
    edit = stroke.finish()
    expected = edit_between("Brush", Box((0, 0, 0), SHAPE), start, labels)
    if expected is None:
        assert edit is None
        return
    assert edit is not None
    assert (edit.box, edit.changed_voxels) == (expected.box, expected.changed_voxels)
    assert np.array_equal(edit.before, expected.before)
    assert np.array_equal(edit.after, expected.after)
    edit.reversed().apply(labels)
    assert np.array_equal(labels, start)


def test_a_dab_far_away_copies_only_the_tiles_it_touches() -> None:
    labels = np.zeros((300, 512, 512), dtype=np.uint8)
    stroke = Stroke(labels, "Ball")
    stroke.paint(Box((130, 236, 236), (171, 277, 277)), ball((20.0, 20.0, 20.0)), 1)
    assert sum(tile.size for tile in stroke._tiles.values()) < 1_000_000


def test_what_can_be_undone_and_redone_is_known() -> None:
    history = History()
    assert (history.can_undo, history.can_redo, history.undo_label, history.bytes) == (False, False, "", 0)
    labels = np.zeros((1, 4, 4), np.uint8)
    stroke = Stroke(labels, "Fill")
    stroke.paint(Box((0, 0, 0), (1, 2, 2)), np.ones((1, 2, 2), bool), 1)
    edit = stroke.finish()
    assert edit is not None
    history.record(edit)
    assert (history.can_undo, history.can_redo, history.undo_label, history.redo_label) == (True, False, "Fill", "")
    assert history.undo() is not None
    assert (history.can_undo, history.can_redo, history.undo_label, history.redo_label) == (False, True, "", "Fill")
    assert history.undo() is None
