"""The Review workspace, driven by keys and the mouse on real predictions in a real project."""

from collections.abc import Callable

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.actions import Actions
from app.background import Background
from app.review.panel import ReviewPanel
from app.session import Session
from app.settings import Settings
from app.viewer.rendering import BOTH, ONLY_MASK, ONLY_PREDICTED
from segcore.engine.messages import CasePredicted, PredictionsEnded, PredictJob
from segcore.metrics.curves import quantise
from segcore.projects.case import CaseState
from segcore.projects.project import Project
from segcore.review.decisions import Verdict, decisions_about
from segcore.review.predictions import PredictionFacts, Predictions
from segcore.review.worklist import WorkOrder
from segcore.training.recipe import Recipe
from segcore.training.record import RunWriter

MODEL = "20260101-000000-model"


def add_model(project: Project) -> None:
    folder = project.runs_folder / MODEL
    RunWriter(folder, Recipe(name="Model"))
    (folder / "model").mkdir()
    (folder / "model" / "model.json").write_text("{}")


def predict_with_members(project: Project, case: str, spread: float) -> None:
    """Keep a prediction of three members that disagree about one of two lesions."""
    shape = project.case(case).grid.shape
    logits = np.full(shape, -5.0, np.float32)
    logits[0, 10:13, 10:13] = 2.0
    logits[1, 15, 15] = 2.0
    disagreement = np.zeros(shape, np.uint8)
    disagreement[1, 14:17, 14:17] = 204
    facts = PredictionFacts(
        model=MODEL,
        case=case,
        step=10,
        seconds=1.0,
        scan_hash=project.scan_hashes()[case],
        members=3,
        spread=spread,
    )
    Predictions(project.predictions_folder / MODEL).write(quantise(logits), facts, disagreement)


def predict(project: Project, case: str, *, at: tuple[int, int] = (10, 10), logit: float = 2.0) -> None:
    shape = project.case(case).grid.shape
    logits = np.full(shape, -5.0, np.float32)
    logits[0, at[0] : at[0] + 3, at[1] : at[1] + 3] = logit
    logits[1, 15, 15] = 0.5
    facts = PredictionFacts(model=MODEL, case=case, step=10, seconds=1.0, scan_hash=project.scan_hashes()[case])
    Predictions(project.predictions_folder / MODEL).write(quantise(logits), facts)


@pytest.fixture
def panel(
    qtbot: QtBot,
    session: Session,
    actions: Actions,
    background: Background,
    settings: Settings,
    make_project: Callable[..., Project],
) -> ReviewPanel:
    project = make_project(cases=3, states=(CaseState.UNLABELLED,))
    add_model(project)
    for case in project.cases():
        predict(project, case.id)
    session.adopt(project)
    widget = ReviewPanel(session, actions, background, settings)
    qtbot.addWidget(widget)
    for _, action in actions.all():
        widget.addAction(action)
    actions.show_workspace("review")
    widget.resize(1300, 800)
    widget.show()
    qtbot.waitExposed(widget)
    widget.activate()
    return widget


def test_the_worklist_shows_every_prediction_and_the_findings_of_the_first(panel: ReviewPanel) -> None:
    assert panel.worklist.rowCount() == 3
    assert panel.controls.findings.count() == 1
    assert panel.controls.step == 10
    assert panel.view.crosshair == (0, 11, 11)


def test_the_threshold_changes_outline_and_findings_at_once(panel: ReviewPanel, qtbot: QtBot) -> None:
    panel.controls.slider.setValue(0)
    assert panel.view.step == 0
    qtbot.waitUntil(lambda: panel.controls.findings.count() == 2)
    panel.controls.slider.setValue(30)
    qtbot.waitUntil(lambda: panel.controls.findings.count() == 0)
    assert "Nothing is predicted" in panel.controls.notice.text()
    QTest.mouseClick(panel.controls.reset, Qt.MouseButton.LeftButton)
    assert panel.controls.step == 10


def test_one_key_accepts_and_goes_on_and_the_mask_is_the_prediction(
    panel: ReviewPanel, session: Session, actions: Actions
) -> None:
    case = panel._case
    QTest.keyClick(panel, Qt.Key.Key_A)
    found = session.opened.case(case)
    assert (found.state, found.foreground_voxels) == (CaseState.COMPLETE, 9)
    decision = decisions_about(session.opened, MODEL)[case]
    assert (decision.verdict, decision.reviewer, decision.voxels) == (Verdict.ACCEPTED, "Dr. Test", 9)
    assert panel._case != case
    assert session.opened.mask_versions(case)[-1].origin == "accepted prediction"


def test_one_key_rejects_and_leaves_the_mask_alone(panel: ReviewPanel, session: Session) -> None:
    case = panel._case
    panel.controls.comment.setText("flow artefact")
    QTest.keyClick(panel, Qt.Key.Key_R)
    found = session.opened.case(case)
    assert (found.state, found.foreground_voxels) == (CaseState.UNLABELLED, 0)
    decision = decisions_about(session.opened, MODEL)[case]
    assert (decision.verdict, decision.comment) == (Verdict.REJECTED, "flow artefact")


def test_edit_takes_the_prediction_at_this_threshold_to_annotate(
    panel: ReviewPanel, session: Session, qtbot: QtBot
) -> None:
    case = panel._case
    panel.controls.slider.setValue(0)
    with qtbot.waitSignal(session.caseOpened) as opened:
        QTest.keyClick(panel, Qt.Key.Key_E)
    assert opened.args == [case]
    found = session.opened.case(case)
    assert (found.state, found.foreground_voxels) == (CaseState.DRAFT, 10)
    assert decisions_about(session.opened, MODEL)[case].verdict is Verdict.EDITED


def test_decisions_survive_a_restart_in_an_unbroken_trail(panel: ReviewPanel, session: Session) -> None:
    for key in (Qt.Key.Key_A, Qt.Key.Key_R, Qt.Key.Key_A):
        QTest.keyClick(panel, key)
    assert {item.decision.verdict for item in panel.worklist.items if item.decision} == {
        Verdict.ACCEPTED,
        Verdict.REJECTED,
    }
    folder = session.opened.folder
    session.close()
    with Project.open(folder) as project:
        assert len(decisions_about(project, MODEL)) == 3
        assert project.verify_audit().ok


def test_predict_sends_the_wanted_cases_to_the_engine_and_shows_the_progress(
    panel: ReviewPanel, session: Session, engines: object, qtbot: QtBot
) -> None:
    told = CasePredicted(case="case-0", seconds=1.0, foreground_fraction=0.1, done=1, total=3)
    engine = engines.expect((told,), last=PredictionsEnded(done=1, total=3))  # type: ignore[attr-defined]
    QTest.mouseClick(panel.predict_button, Qt.MouseButton.LeftButton)
    (job,) = engines.jobs  # type: ignore[attr-defined]
    assert isinstance(job, PredictJob)
    assert job.cases == ("case-0", "case-1", "case-2")
    qtbot.waitUntil(lambda: panel.progress.value() == 1)
    assert panel.predict_button.text() == "Stop predicting"
    QTest.mouseClick(panel.predict_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: panel.predict_button.text() == "Predict")
    assert engine.controls


def test_without_a_model_the_workspace_says_what_to_do(
    qtbot: QtBot,
    session: Session,
    actions: Actions,
    background: Background,
    settings: Settings,
    make_project: Callable[..., Project],
) -> None:
    session.adopt(make_project(cases=1))
    panel = ReviewPanel(session, actions, background, settings)
    qtbot.addWidget(panel)
    assert panel._stack.currentWidget() is panel._none


def test_a_single_network_offers_no_disagreement(panel: ReviewPanel) -> None:
    assert not panel.controls.doubt.isEnabled()
    assert panel.view.doubt is None
    assert "disagree" not in panel.legend.text()
    panel.order.setCurrentIndex(panel.order.findData(WorkOrder.MEMBERS.value))
    assert "no members that could disagree" in panel.reason.text()


def test_the_worklist_puts_the_case_first_on_which_members_disagree_most(panel: ReviewPanel, session: Session) -> None:
    cases = [case.id for case in session.cases()]
    for case, spread in zip(cases, (0.2, 0.7, 0.4), strict=True):
        predict_with_members(session.opened, case, spread)
    panel.order.setCurrentIndex(panel.order.findData(WorkOrder.MEMBERS.value))
    assert [item.case.id for item in panel.worklist.items] == [cases[1], cases[2], cases[0]]
    panel.table.selectRow(0)
    assert panel.reason.text() == "Dice between the 3 members' masks: 0.30 on average."


def test_where_members_disagree_is_drawn_told_per_finding_and_hidden_by_one_key(
    panel: ReviewPanel, session: Session
) -> None:
    case = session.cases()[1].id
    predict_with_members(session.opened, case, 0.5)
    panel._refresh_worklist()
    panel.table.selectRow(panel.worklist.row_of(case))

    assert panel.controls.doubt.isEnabled()
    assert panel.view.doubt is not None
    assert panel.view.doubt[1, 15, 15] == 204
    assert "members disagree" in panel.legend.text()
    words = [panel.controls.findings.item(row).text() for row in range(2)]
    assert sorted(text.rsplit(" · ", 1)[1] for text in words) == ["disagree 0 %", "disagree 80 %"]
    panel.view.set_crosshair((1, 15, 15))
    assert magenta_pixels(panel) > 0

    QTest.keyClick(panel, Qt.Key.Key_D)

    assert panel.view.doubt is None
    assert magenta_pixels(panel) == 0
    QTest.keyClick(panel, Qt.Key.Key_D)
    assert magenta_pixels(panel) > 0


def magenta_pixels(panel: ReviewPanel) -> int:
    """Return how many pixels of the axial pane have much red and blue and little green."""
    image = panel.view.panes[0].grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    pixels = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine() // 4, 4)
    blue, green, red = (pixels[..., k].astype(int) for k in range(3))
    return int(np.count_nonzero((red > green + 60) & (blue > green + 60)))


def test_one_key_colours_right_and_wrong_and_again_shows_what_was_shown(panel: ReviewPanel, qtbot: QtBot) -> None:
    panel.display.style_box.setCurrentText("Outline")
    labels = np.zeros_like(panel.view.steps, dtype=np.uint8)
    labels[0, 10:13, 9:11] = 1
    panel.view.set_labels(labels)
    QTest.keyClick(panel, Qt.Key.Key_C)
    qtbot.wait(30)

    assert panel.view.overlay.compare
    assert panel.display.legend.isVisible()
    plane = panel.view.panes[0].geometry_of
    assert plane is not None
    pixels = panel.view.panes[0].image.pixels(plane, 0, (slice(0, plane.rows, 1), slice(0, plane.columns, 1)))
    predicted = panel.view.steps[0] >= panel.view.step
    tints = {"both": BOTH, "predicted": ONLY_PREDICTED, "mask": ONLY_MASK}
    places = {"both": predicted & (labels[0] == 1), "predicted": predicted & (labels[0] == 0)}
    places["mask"] = ~predicted & (labels[0] == 1)
    grey = pixels[~predicted & (labels[0] == 0)]
    assert all(len({(int(p) >> 16) & 255, (int(p) >> 8) & 255, int(p) & 255}) == 1 for p in grey[:50])
    for name, where in places.items():
        if where.any():
            seen = [int(p) for p in pixels[where]]
            mixed = np.mean([[(p >> 16) & 255, (p >> 8) & 255, p & 255] for p in seen], axis=0)
            assert int(np.argmax(mixed)) == int(np.argmax(tints[name])), name

    QTest.keyClick(panel, Qt.Key.Key_C)
    assert not panel.view.overlay.compare
    assert panel.display.style_box.currentText() == "Outline"


def test_the_key_goes_through_errors_of_the_whole_worklist(panel: ReviewPanel, qtbot: QtBot) -> None:
    words = panel.area.words
    panel.view.set_crosshair((3, 0, 0))
    QTest.keyClick(panel.view.panes[0], Qt.Key.Key_K)
    qtbot.waitUntil(lambda: words.text() == "Error 1 of 1: false finding, 9 voxels")
    first = panel._case
    QTest.keyClick(panel.view.panes[0], Qt.Key.Key_K)
    qtbot.waitUntil(lambda: panel._case != first and words.text().startswith("Error 1 of 1"))
    QTest.keyClick(panel.view.panes[0], Qt.Key.Key_K, Qt.KeyboardModifier.ShiftModifier)
    qtbot.waitUntil(lambda: panel._case == first)
