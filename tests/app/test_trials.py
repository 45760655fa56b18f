"""The Trials workspace: the form, a scripted trial, pausing, results, cases; and once the real engine."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from app.actions import Actions
from app.background import Background
from app.session import Session
from app.settings import Settings
from app.trials.panel import TrialsPanel
from app.trials.setup_form import SetupForm
from segcore.engine.messages import EngineDied, Stop, TrialJob
from segcore.metrics.evaluation import CaseMetrics
from segcore.projects.project import Project
from segcore.review.predictions import PredictionFacts
from segcore.training.events import EndReason, RunEnded, StepsDone, Validated
from segcore.training.recipe import Machine, Recipe
from segcore.training.recipe_files import write_recipe
from segcore.training.record import RunWriter
from segcore.trials.events import TrialEnded, TrialRunStarted, TrialRunTold, TrialStarted
from segcore.trials.folder import TestedCase, TestedRun, TrialFolder, TrialState
from segcore.trials.plan import Arm, make_plan, ready_plan
from tests.app.conftest import EngineBench
from tests.app.test_train import STARTED, steps, validated

ENDED = RunEnded(step=60, seconds=60.0, reason=EndReason.FINISHED, best_step=50, sentence="The budget is used up.")


@pytest.fixture
def panel(
    qtbot: QtBot,
    session: Session,
    actions: Actions,
    background: Background,
    settings: Settings,
    make_project: Callable[..., Project],
) -> Iterator[TrialsPanel]:
    session.adopt(make_project(cases=10, split=True))
    made = TrialsPanel(session, actions, background, settings)
    qtbot.addWidget(made)
    made.resize(1200, 700)
    made.show()
    qtbot.waitExposed(made)
    yield made
    made.close()


def click(panel: TrialsPanel, name: str) -> None:
    button = panel.findChild(QPushButton, name)
    assert button is not None
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def write_results(project: Project, seeds: int = 2) -> TrialFolder:
    """A finished trial as the engine would have left it: first arm Dice 0.8, second 0.5, third 0.2."""
    plan = make_plan(project, name="Done", arms=ready_plan("classics").arms(Recipe()), seeds=range(seeds), steps=100)
    trial = TrialFolder.create(project.folder, plan)
    for run in plan.runs:
        folder = trial.run_folder(run)
        writer = RunWriter(folder, plan.recipe_of(run))
        for event in (STARTED, steps(10), validated(50), ENDED):
            writer.append(event)
        (folder / "model").mkdir()
        (folder / "model" / "model.json").write_text("{}", "utf-8")
        cases = []
        for number, one in enumerate(plan.test):
            shape = project.mask(one.case).labels.shape
            trial.predictions(run).write(
                np.full(shape, -20, np.int8),
                PredictionFacts(model=run.id, case=one.case, step=0, seconds=1.0, scan_hash=""),
            )
            dice = (0.8, 0.5, 0.2)[run.arm] + 0.01 * number
            cases.append(TestedCase(case=one.case, group=one.group, average_precision=0.5, metrics=metrics(dice)))
        trial.write_tested(TestedRun(run=run.id, step=0, time="", cases=tuple(cases)))
    return trial


def metrics(dice: float) -> CaseMetrics:
    return CaseMetrics(
        dice=dice,
        iou=0.1,
        precision=0.2,
        recall=0.3,
        lesion_f1=0.4,
        lesion_recall=0.5,
        lesion_precision=0.6,
        false_positives=1,
        hd95_mm=2.0,
        nsd=0.5,
        predicted_ml=1.0,
        true_ml=1.0,
    )


# The form


def test_the_form_says_how_much_work_a_choice_means(qtbot: QtBot) -> None:
    form = SetupForm()
    qtbot.addWidget(form)

    assert [arm.name for arm in form.arms()] == ["Cross-entropy", "Weighted cross-entropy", "Dice"]
    assert form.sum.text() == "3 recipes × 3 seeds: 9 runs of 400 steps."
    form.seeds.setValue(2)
    assert "Fewer than 3 seeds cannot tell luck from skill." in form.sum.text()


def test_own_recipes_are_ticked_from_kept_runs_and_files(qtbot: QtBot, tmp_path: Path) -> None:
    form = SetupForm()
    qtbot.addWidget(form)
    form.plan.setCurrentIndex(form.plan.findData("own"))
    write_recipe(tmp_path / "mine.toml", Recipe(name="Mine", machine=Machine(threads=1)))
    assert form.arms() == ()

    form.take_file(tmp_path / "mine.toml")
    form.own.item(0).setCheckState(Qt.CheckState.Checked)
    form.offer_runs(())

    assert [arm.name for arm in form.arms()] == ["Default recipe", "mine"]
    assert form.arms()[1].recipe.machine.threads == 1


def test_a_recipe_file_that_cannot_be_read_is_one_sentence(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = SetupForm()
    qtbot.addWidget(form)
    said: list[str] = []
    monkeypatch.setattr("app.trials.setup_form.report_error", lambda parent, error: said.append(str(error)))
    (tmp_path / "bad.toml").write_text("= 3", "utf-8")

    form.take_file(tmp_path / "bad.toml")

    assert len(said) == 1
    assert "not valid TOML" in said[0]


# A trial


def test_start_writes_the_plan_and_follows_the_engine(panel: TrialsPanel, engines: EngineBench, qtbot: QtBot) -> None:
    engines.expect((), TrialEnded(trial="", finished=False, sentence="The trial is paused."))
    panel.form.seeds.setValue(1)
    panel.form.steps.setValue(100)

    click(panel, "trial-start")

    job = engines.jobs[0]
    assert isinstance(job, TrialJob)
    trial = panel.control.progress.trial if panel.control.progress else None
    assert trial is not None
    assert (trial.plan.id, trial.plan.steps, trial.plan.seeds) == (job.trial, 100, (0,))
    assert not panel.start_button.isEnabled()
    assert panel.pause_button.isVisible()
    click(panel, "trial-pause")
    assert panel.state.text() == "Pausing…"
    qtbot.waitUntil(lambda: not panel.control.is_running)
    assert engines.engines[0].controls == [Stop()]
    assert panel.resume_button.isVisible()
    assert panel.state.text().startswith("Unfinished: 0 of 3 runs are trained.")


def test_what_the_engine_tells_is_seen_in_table_curve_and_words(
    panel: TrialsPanel, engines: EngineBench, qtbot: QtBot, session: Session
) -> None:
    project = session.opened
    plan = make_plan(project, name="T", arms=ready_plan("classics").arms(Recipe()), seeds=(0,), steps=100)
    trial = TrialFolder.create(project.folder, plan)
    run = plan.runs[0].id
    events: tuple[StepsDone | Validated, ...] = (steps(50), validated(50))
    engines.expect(
        (
            TrialStarted(trial=plan.id, finished=0, total=3),
            TrialRunStarted(run=run, resumed=False),
            *(TrialRunTold(run=run, event=event) for event in events),
        ),
        TrialEnded(trial=plan.id, finished=False, sentence="The trial is paused."),
    )

    panel.control.start(trial)
    panel.activate()
    qtbot.waitUntil(lambda: "step 50 of 100" in panel.state.text())

    assert panel.runs.index(0, 1).data() == "training 50 % · Dice 0.420"
    assert panel.runs.index(1, 1).data() == "waiting"
    progress = panel.control.progress
    assert progress is not None
    assert progress.bands()[0].mean == (0.41,)
    assert panel.bar.value() == round(1000 * 0.5 / 3)
    panel.control.pause()
    qtbot.waitUntil(lambda: not panel.control.is_running)


def test_an_engine_that_dies_leaves_a_trial_that_can_be_resumed(
    panel: TrialsPanel, engines: EngineBench, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr("app.trials.panel.report_error", lambda parent, error: said.append(str(error)))
    engines.expect((EngineDied(code=-9, sentence="The training engine was ended by SIGKILL.", detail=""),))
    engines.expect((), TrialEnded(trial="", finished=False, sentence="The trial is paused."))

    click(panel, "trial-start")
    qtbot.waitUntil(lambda: not panel.control.is_running)
    assert len(said) == 1
    assert "SIGKILL" in said[0]

    click(panel, "trial-resume")
    assert [job.trial for job in engines.jobs if isinstance(job, TrialJob)] == [panel.control.trial] * 2
    panel.control.pause()
    qtbot.waitUntil(lambda: not panel.control.is_running)


def test_a_project_that_is_not_split_is_told_what_to_do(
    panel: TrialsPanel, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr("app.trials.panel.report_error", lambda parent, error: said.append(str(error)))
    session.set_parts({case.id: None for case in session.cases()})

    click(panel, "trial-start")

    assert "split the cases by patient" in said[0]
    assert not panel.control.is_running


# Results


def test_a_finished_trial_says_what_may_be_said_and_shows_its_cases(
    panel: TrialsPanel, session: Session, qtbot: QtBot
) -> None:
    trial = write_results(session.opened)
    panel.activate()
    qtbot.waitUntil(lambda: panel.results.comparison is not None)

    assert panel.state.text() == "Finished."
    assert panel.results.words.text().count("\n") == 2
    assert "Dice differs by +0.300" in panel.results.words.text()
    assert "test patient" in panel.results.cautions.text()
    assert panel.results.pairs.index(0, 1).data() == "+0.300"
    assert panel.results.arms.index(2, 1).data().startswith("0.20")
    panel.tabs.setCurrentIndex(2)
    assert panel.cases.cases.rowCount() == len(trial.plan.test)
    panel.cases.table.selectRow(1)
    assert panel.cases.view.headings[0].text() == "Dice 0.810 · Cross-entropy"
    assert panel.cases.view.headings[1].text() == "Dice 0.510 · Weighted cross-entropy"
    views = panel.cases.view.views
    assert views[0].volume is not None
    views[0].set_crosshair((2, 3, 4))
    assert views[1].crosshair == (2, 3, 4)
    panel.cases.right.setCurrentIndex(2)
    assert panel.cases.view.headings[1].text() == "Dice 0.210 · Dice"


def test_another_metric_describes_and_says_that_it_does_not_decide(
    panel: TrialsPanel, session: Session, qtbot: QtBot
) -> None:
    write_results(session.opened)
    panel.activate()
    qtbot.waitUntil(lambda: panel.results.comparison is not None)

    panel.results.metric_box.setCurrentIndex(1)

    assert panel.results.arms.index(0, 1).data() == "0.400"
    assert panel.results.cautions.text().startswith("Dice decides; Lesion F1 describes.")
    assert panel.cases.cases.index(0, 2).data() == "0.400"


def test_the_report_is_exported_into_a_folder(
    panel: TrialsPanel, session: Session, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr("app.trials.panel.report_notice", lambda parent, text: said.append(text))
    trial = write_results(session.opened)
    panel.activate()
    qtbot.waitUntil(lambda: panel.results.comparison is not None)

    panel.export(tmp_path)
    qtbot.waitUntil(lambda: bool(said))

    assert sorted(file.name for file in tmp_path.glob(f"{trial.plan.id}*")) == [
        f"{trial.plan.id}-cases.csv",
        f"{trial.plan.id}-comparisons.csv",
        f"{trial.plan.id}.html",
    ]


def test_a_trial_is_deleted_only_after_asking(
    panel: TrialsPanel, session: Session, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    trial = write_results(session.opened, seeds=1)
    panel.activate()
    qtbot.waitUntil(lambda: panel.results.comparison is not None)
    answers = iter(("Keep", "Delete"))
    monkeypatch.setattr("app.trials.panel.ask", lambda *arguments, **options: next(answers))

    click(panel, "trial-delete")
    assert trial.folder.is_dir()
    click(panel, "trial-delete")
    assert not trial.folder.exists()
    assert panel.list.count() == 0


def test_another_project_has_other_trials(
    panel: TrialsPanel, session: Session, make_project: Callable[..., Project], tmp_path: Path
) -> None:
    write_results(session.opened, seeds=1)
    panel.activate()
    assert panel.list.count() == 1

    session.adopt(make_project(tmp_path / "other", cases=4, split=True))

    assert panel.list.count() == 0
    assert panel.title.text() == "No trial yet"


def test_the_theme_changes_the_plot_and_the_drawing(panel: TrialsPanel, session: Session, qtbot: QtBot) -> None:
    write_results(session.opened, seeds=1)
    panel.activate()
    qtbot.waitUntil(lambda: panel.results.comparison is not None)

    panel._theme_changed()
    panel.plot.redraw_if_needed()
    QApplication.processEvents()

    assert panel.results.drawing.renderer().isValid()


@pytest.mark.engine
def test_a_small_trial_in_the_real_engine_ends_with_results(
    qtbot: QtBot,
    session: Session,
    actions: Actions,
    settings: Settings,
    real_background: Background,
    kept: list[QWidget],
    make_project: Callable[..., Project],
) -> None:
    session.adopt(make_project(cases=10, planes=1, edge=32, split=True))
    panel = TrialsPanel(session, actions, real_background, settings)
    kept.append(panel)
    panel.show()
    start = Recipe(machine=Machine(device="cpu", threads=1))
    arms = tuple(Arm(name=arm.name, recipe=arm.recipe) for arm in ready_plan("classics").arms(start)[:2])
    plan = make_plan(session.opened, name="Real", arms=arms, seeds=(0,), steps=3)
    trial = TrialFolder.create(session.opened.folder, plan)

    panel.control.start(trial)
    qtbot.waitUntil(lambda: not panel.control.is_running, timeout=120_000)

    assert trial.state is TrialState.FINISHED
    qtbot.waitUntil(lambda: panel.results.comparison is not None)
    assert panel.tabs.currentIndex() == 1
    assert "Cross-entropy and Weighted cross-entropy" in panel.results.words.text()
