"""What is shown in blue: predictions, versions and what strokes find, taken over by click, outline and key."""

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton

from app.annotate.tools import Tool
from segcore.annotation.seeded import Neighbourhood, SeedMethod
from segcore.projects.case import CaseState
from segcore.projects.project import Project
from segcore.review.predictions import PredictionFacts, Predictions
from segcore.scans.volume import Mask
from tests.app.annotate.scene import BLOCK, GRID, Scene, corners, look_through, predict, rectangle, voxel_on


def block() -> np.ndarray:
    expected = np.zeros(GRID.shape, np.uint8)
    expected[BLOCK] = 1
    return expected


@pytest.fixture
def predicted(project: Project) -> Project:
    predict(project, "a")
    return project


def choose(scene: Scene, words: str) -> None:
    """Choose a source by its words."""
    source = scene.panel.blue.source
    place = next(row for row in range(source.count()) if source.itemText(row).startswith(words))
    source.setCurrentIndex(place)
    source.activated.emit(place)


def test_a_case_that_waits_for_a_mask_shows_its_prediction_and_one_without_shows_nothing(
    predicted: Project, scene: Scene
) -> None:
    assert scene.panel.view.steps is not None
    assert scene.panel.blue.source.currentText() == "Prediction of run-1"
    scene.action("next").trigger()
    assert scene.panel.view.steps is None
    assert scene.panel.blue.source.count() == 1
    scene.action("previous").trigger()
    assert scene.panel.view.steps is not None
    scene.action("complete").trigger()
    scene.action("next").trigger()
    scene.action("previous").trigger()
    assert scene.project.case("a").state is CaseState.COMPLETE
    assert scene.panel.view.steps is None


def test_a_prediction_of_another_scan_is_not_offered(project: Project, scene: Scene) -> None:
    steps = predict(project, "b", "run-old")
    facts = PredictionFacts(model="run-old", case="b", step=0, seconds=1.0, scan_hash="another")
    Predictions(project.predictions_folder / "run-old").write(steps, facts)
    scene.action("next").trigger()
    assert scene.panel.blue.source.count() == 1


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_click_takes_a_finding_over_and_shift_takes_it_out(predicted: Project, scene: Scene, axis: int) -> None:
    look_through(scene, axis)
    scene.take(Tool.FINDING)
    index = (4, 14, 21)[axis]
    scene.click(axis, (4, 14, 21))
    flat = np.zeros_like(block())
    np.moveaxis(flat, axis, 0)[index] = np.moveaxis(block(), axis, 0)[index]
    assert np.array_equal(scene.labels, flat)
    scene.panel.tools.three_d.setChecked(True)
    scene.click(axis, (4, 14, 21))
    assert np.array_equal(scene.kept, block())
    scene.click(axis, (4, 14, 21), shift=True)
    assert not scene.labels.any()
    scene.click(axis, voxel_on(axis, index, 0, 0))  # nothing is there
    assert scene.panel.editor.history.undo_label == "Remove finding"


def test_the_threshold_decides_what_a_finding_is(predicted: Project, scene: Scene) -> None:
    scene.panel.tools.three_d.setChecked(True)
    scene.take(Tool.FINDING)
    scene.look_at((7, 35, 45))
    scene.panel.blue.slider.setValue(10)
    assert scene.panel.view.step == 10
    scene.click(0, (7, 35, 45))
    assert not scene.labels.any()
    scene.panel.blue.slider.setValue(5)
    scene.click(0, (7, 35, 45))
    assert np.argwhere(scene.labels).tolist() == [[7, 35, 45]]


@pytest.mark.parametrize("through", [False, True])
@pytest.mark.parametrize("tool", [Tool.LASSO, Tool.BOX, Tool.POLYGON])
def test_an_outline_lets_the_prediction_in_only_where_it_was_drawn(
    predicted: Project, scene: Scene, tool: Tool, through: bool
) -> None:
    look_through(scene, 0)
    scene.labels[4, 22, 22] = 1  # inside the outline, but not predicted
    scene.panel.tools.three_d.setChecked(through)
    scene.panel.tools.paint.setCurrentIndex(scene.panel.tools.paint.findData("proposal"))
    scene.take(tool)
    a, _, c, _ = corners(0)
    if tool is Tool.BOX:
        scene.drag(0, [a, c])
    else:
        for corner in corners(0):
            scene.click(0, corner)
        scene.key(Qt.Key.Key_Return)
    inside = np.broadcast_to(rectangle(0)[4], GRID.shape) if through else rectangle(0)
    assert np.array_equal(scene.labels, inside & block())


def test_the_brush_paints_what_is_predicted(predicted: Project, scene: Scene) -> None:
    scene.look_at((4, 10, 21))
    scene.panel.tools.paint.setCurrentIndex(scene.panel.tools.paint.findData("proposal"))
    scene.take(Tool.BRUSH)
    scene.panel.tools.radius.setValue(6.0)
    scene.click(0, (4, 10, 21))  # on the block's upper edge
    assert scene.labels.any()
    assert not (scene.labels & ~block()).any()
    assert scene.panel.editor.history.undo_label == "Prediction"


def test_without_anything_in_blue_it_cannot_be_painted_or_used(scene: Scene) -> None:
    place = scene.panel.tools.paint.findData("proposal")
    assert not scene.panel.tools.paint.model().item(place).isEnabled()  # type: ignore[attr-defined]
    for how in ("add", "subtract", "intersect", "replace"):
        assert not scene.action(f"combine-{how}").isEnabled()
    assert "nothing is shown in blue" in scene.action("combine-add").toolTip()


def test_taking_a_finding_where_nothing_is_shown_says_what_to_do(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr("app.annotate.point_tools.report_notice", lambda _, words: said.append(words))
    scene.take(Tool.FINDING)
    scene.click(0, (4, 14, 21))
    assert said == ["Nothing is shown in blue: choose a prediction or a version first."]
    assert not scene.labels.any()


@pytest.mark.parametrize(
    ("how", "sum_in_plane"), [("add", 150 + 96 - 96 + 0), ("subtract", 0), ("intersect", 96), ("replace", 150)]
)
def test_the_mask_is_joined_with_the_prediction_on_the_slice_in_hand(
    predicted: Project, scene: Scene, how: str, sum_in_plane: int
) -> None:
    """The mask is rows 12 to 19 and columns 18 to 29 of one plane, 96 voxels, all of them predicted."""
    look_through(scene, 0)
    scene.labels[...] = rectangle(0) & block()
    scene.labels[0, 0, 0] = 1
    button = scene.panel.findChild(QPushButton, "proposal-use")
    assert button is not None
    assert scene.action(f"combine-{how}") in button.menu().actions()
    scene.action(f"combine-{how}").trigger()
    assert scene.labels[4].sum() == sum_in_plane
    assert scene.labels[0, 0, 0] == 1
    assert scene.labels.sum() == sum_in_plane + 1


def test_the_whole_mask_is_replaced_through_planes_and_undone_in_one_step(predicted: Project, scene: Scene) -> None:
    scene.labels[0, 0, :5] = 1
    before = scene.labels.copy()
    scene.panel.tools.three_d.setChecked(True)
    scene.action("combine-replace").trigger()
    assert scene.labels.sum() == 601
    scene.action("edit.undo").trigger()
    assert np.array_equal(scene.labels, before)


def test_a_version_is_shown_in_blue_joined_and_restored(scene: Scene) -> None:
    first = np.zeros(GRID.shape, np.uint8)
    first[4, 10:12, 10:12] = 1
    scene.project.save_mask("a", Mask(labels=first, grid=GRID), author="Dr. B", origin="annotation")
    scene.session.notify_mask("a")
    assert np.array_equal(scene.labels, first)
    scene.labels[...] = 0
    scene.panel.assist.refresh()
    choose(scene, "Version 1 · Dr. B")
    assert scene.panel.view.steps is not None
    scene.panel.tools.three_d.setChecked(True)
    scene.action("combine-add").trigger()
    assert np.array_equal(scene.labels, first)


# Strokes


def stroke(scene: Scene, axis: int) -> None:
    """One stroke inside the block and one outside, on the slice of `look_through`."""
    index = (4, 14, 21)[axis]
    inside = {0: [(14, 18), (14, 26)], 1: [(3, 18), (3, 26)], 2: [(3, 13), (3, 17)]}[axis]
    outside = {0: [(4, 10), (4, 40)], 1: [(0, 10), (0, 40)], 2: [(0, 4), (0, 30)]}[axis]
    scene.drag(axis, [voxel_on(axis, index, *pair) for pair in inside])
    scene.drag(axis, [voxel_on(axis, index, *pair) for pair in outside], shift=True)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_two_strokes_find_the_block_on_a_slice_and_enter_accepts(scene: Scene, axis: int) -> None:
    look_through(scene, axis)
    scene.take(Tool.SEEDS)
    stroke(scene, axis)
    assert len(scene.panel.view.marks) == 2
    assert not scene.labels.any()
    scene.key(Qt.Key.Key_Return)
    scene.wait()
    assert scene.panel.assist.has_preview
    assert not scene.labels.any()
    scene.key(Qt.Key.Key_Return)
    index = (4, 14, 21)[axis]
    flat = np.zeros_like(block())
    np.moveaxis(flat, axis, 0)[index] = np.moveaxis(block(), axis, 0)[index]
    assert np.array_equal(scene.kept, flat)
    assert scene.panel.view.marks == ()
    assert scene.panel.view.steps is None
    scene.action("edit.undo").trigger()
    assert not scene.labels.any()


@pytest.mark.parametrize("method", ["random walker", "grow from seeds"])
def test_through_planes_strokes_find_the_whole_block(scene: Scene, method: str) -> None:
    look_through(scene, 0)
    scene.panel.tools.three_d.setChecked(True)
    scene.panel.blue.method.setCurrentIndex(scene.panel.blue.method.findData(method))
    scene.take(Tool.SEEDS)
    stroke(scene, 0)
    scene.action("preview").trigger()
    scene.wait()
    scene.action("accept").trigger()
    assert np.array_equal(scene.kept, block())


def test_the_window_lives_and_nothing_is_painted_while_strokes_are_worked_out_and_escape_gives_it_up(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(near: Neighbourhood, _: SeedMethod, check: object) -> np.ndarray:
        while True:
            check()  # type: ignore[operator]

    monkeypatch.setattr("app.annotate.assist.lesion_probability", slow)
    look_through(scene, 0)
    scene.take(Tool.SEEDS)
    stroke(scene, 0)
    scene.key(Qt.Key.Key_Return)
    assert scene.panel.long_edits.doing == "Preview from strokes"
    assert "Esc gives it up" in scene.panel.under.text()
    assert not scene.panel.editor.may_edit
    scene.panel.view.scroll_by(0, 1)
    assert scene.panel.view.crosshair[0] == 5
    scene.action("brush").trigger()
    scene.click(0, (5, 14, 21))
    assert not scene.labels.any()
    scene.key(Qt.Key.Key_Escape)
    assert scene.panel.long_edits.doing == ""
    assert scene.panel.editor.may_edit
    scene.click(0, (5, 14, 21))
    assert scene.labels.any()


def test_escape_drops_the_preview_then_the_strokes_and_backspace_the_last_stroke(scene: Scene) -> None:
    look_through(scene, 0)
    scene.take(Tool.SEEDS)
    stroke(scene, 0)
    scene.key(Qt.Key.Key_Backspace)
    assert len(scene.panel.view.marks) == 1
    scene.key(Qt.Key.Key_Return)  # the edge of the neighbourhood counts as outside
    scene.wait()
    assert scene.panel.assist.has_preview
    scene.key(Qt.Key.Key_Escape)
    assert not scene.panel.assist.has_preview
    assert len(scene.panel.view.marks) == 1
    scene.key(Qt.Key.Key_Escape)
    assert scene.panel.view.marks == ()
    assert not scene.labels.any()


def test_a_stroke_corrects_a_prediction_and_leaves_other_lesions_of_the_mask_alone(
    predicted: Project, scene: Scene
) -> None:
    """Inside the block all that is predicted comes; a lesion beside it that no stroke touches stays."""
    look_through(scene, 0)
    scene.labels[4, 21:23, 20:24] = 1
    scene.take(Tool.SEEDS)
    scene.drag(0, [(4, 14, 18), (4, 14, 26)])
    scene.key(Qt.Key.Key_Return)
    scene.wait()
    scene.key(Qt.Key.Key_Return)
    assert np.array_equal(scene.labels[4, 10:20, 15:30], block()[4, 10:20, 15:30])
    assert scene.labels[4].sum() == 150 + 8
    assert scene.panel.view.steps is not None  # the prediction is shown again


def test_strokes_on_other_slices_are_not_used_on_this_one(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr("app.annotate.assist.report_notice", lambda _, words: said.append(words))
    look_through(scene, 0)
    scene.take(Tool.SEEDS)
    stroke(scene, 0)
    scene.panel.view.scroll_by(0, 1)
    scene.key(Qt.Key.Key_Return)
    assert said
    assert "No stroke lies on this slice" in said[0]


def test_strokes_do_not_follow_to_another_case(scene: Scene) -> None:
    look_through(scene, 0)
    scene.take(Tool.SEEDS)
    stroke(scene, 0)
    scene.action("next").trigger()
    assert scene.panel.view.marks == ()
    assert not scene.action("preview").isEnabled()


def test_going_through_errors_knows_which_cases_will_show_a_prediction(predicted: Project, scene: Scene) -> None:
    shows = scene.panel.assist.shows_prediction_of
    assert [shows(case) for case in ("a", "b", "none")] == [True, False, False]
    choose(scene, "Prediction of run-1")
    predict(predicted, "b", "run-2")  # not by the model that was chosen
    assert (shows("a"), shows("b")) == (True, False)
    predict(predicted, "b")
    assert shows("b")
    choose(scene, "Nothing")
    assert not shows("a")
