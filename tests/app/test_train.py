"""The Train workspace: the form, a scripted run, buttons, replay; and once the real engine."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QPixmap
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QDoubleSpinBox, QLabel, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from app.actions import Actions
from app.background import Background
from app.session import Session
from app.settings import Settings
from app.train.panel import TrainPanel
from app.train.recipe_form import RecipeForm
from app.train.run_control import RunState
from segcore.engine.messages import Cancel, EngineDied, Stop, TrainJob
from segcore.projects.project import Project
from segcore.training.events import Alarm, AlarmKind, Rescued, RunEnded, StepsDone, Validated
from segcore.training.recipe import Budget, LossTerm, Machine, Recipe, Sampling
from segcore.training.record import RunWriter, list_runs
from segcore.training.steering import Adjust, Rescue
from tests.app.train_events import STARTED
from tests.app.train_events import STOPPED as ENDED


def steps(step: int) -> StepsDone:
    return StepsDone(
        step=step,
        seconds=float(step),
        loss=1.0,
        gradient_share=0.4,
        predicted_fraction=0.01,
        true_fraction=0.01,
        patches_with_foreground=0.5,
        learning_rate=1e-3,
        patches_per_second=9.0,
        remaining_seconds=75.0,
    )


def validated(step: int) -> Validated:
    return Validated(
        step=step,
        seconds=float(step),
        dice=0.42,
        precision=0.5,
        recall=0.4,
        pooled_dice=0.4,
        dice_at_half=0.3,
        average_precision=0.41,
        lesion_f1=0.5,
        threshold=0.3,
        predicted_fraction=0.001,
        true_fraction=0.001,
        soft_fraction=0.001,
        foreground_probability=0.5,
        skill=0.3,
        is_best=True,
        cases=(),
    )


@pytest.fixture
def panel(
    qtbot: QtBot,
    session: Session,
    actions: Actions,
    background: Background,
    settings: Settings,
    make_project: Callable[..., Project],
) -> TrainPanel:
    project = make_project(split=True)
    for case in project.cases():
        project.set_group(case.id, case.id)
    session.adopt(project)
    widget = TrainPanel(session, actions, background, settings)
    qtbot.addWidget(widget)
    widget.resize(1300, 800)
    widget.show()
    return widget


def text_of(panel: TrainPanel, name: str) -> str:
    label = panel.findChild(QLabel, name)
    assert label is not None
    return label.text()


def press(panel: TrainPanel, name: str) -> None:
    button = panel.findChild(QPushButton, name)
    assert button is not None
    assert button.isEnabled()
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def test_the_form_gives_back_every_recipe_that_it_shows(qtbot: QtBot) -> None:
    recipe = Recipe(
        name="Mine",
        loss=(
            LossTerm(name="tversky", weight=0.5, parameters=(("alpha", 0.2), ("beta", 0.8))),
            LossTerm(name="focal", weight=2.0, parameters=(("gamma", 1.5),)),
        ),
        sampling=Sampling(method="per_lesion", ratio=0.35),
        budget=Budget(steps=700),
        machine=Machine(seed=4),
    )
    form = RecipeForm(recipe)
    qtbot.addWidget(form)
    assert form.recipe() == recipe
    form.set_recipe(Recipe())
    assert form.recipe() == Recipe()


def test_every_setting_has_a_sentence_and_its_range(qtbot: QtBot) -> None:
    form = RecipeForm(Recipe())
    qtbot.addWidget(form)
    for editor in form._editors.values():
        words = " ".join(label.text() for label in editor.findChildren(QLabel))
        assert editor.setting.help in words
        assert len(editor.setting.help) > 20


def test_start_shows_the_run_live_and_stop_keeps_it(panel: TrainPanel, engines: object, qtbot: QtBot) -> None:
    engine = engines.expect((STARTED, steps(10), steps(20), validated(20), steps(50)), last=ENDED)  # type: ignore[attr-defined]
    press(panel, "run-start")
    qtbot.waitUntil(lambda: panel.control.curves.latest_steps == steps(50))
    (job,) = engines.jobs  # type: ignore[attr-defined]
    assert isinstance(job, TrainJob)
    assert job.recipe == Recipe()
    assert text_of(panel, "verdict-heading") == "Learning"
    assert "Dice 0.420" in text_of(panel, "verdict-sentence")
    assert not panel.start_button.isEnabled()
    press(panel, "run-stop")
    assert engine.controls == [Stop()]
    qtbot.waitUntil(lambda: panel.control.state is RunState.IDLE)
    assert text_of(panel, "verdict-heading") == "Run stopped"
    assert panel.start_button.isEnabled()


def test_cancel_asks_and_then_discards(
    panel: TrainPanel, engines: object, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = engines.expect((STARTED,), last=ENDED)  # type: ignore[attr-defined]
    press(panel, "run-start")
    qtbot.waitUntil(lambda: panel.control.curves.started is not None)
    monkeypatch.setattr("app.train.panel.ask", lambda *_, **__: "Go on training")
    press(panel, "run-cancel")
    assert engine.controls == []
    monkeypatch.setattr("app.train.panel.ask", lambda *_, **__: "Discard")
    press(panel, "run-cancel")
    assert engine.controls == [Cancel()]
    qtbot.waitUntil(lambda: panel.control.state is RunState.IDLE)


def test_an_alarm_is_shown_with_its_remedy_and_a_dead_engine_with_what_is_kept(
    panel: TrainPanel, engines: object, qtbot: QtBot
) -> None:
    alarm = Alarm(
        step=30, kind=AlarmKind.COLLAPSED, measured=0.0, limit=0.1, sentence="It collapsed.", remedy="Do this."
    )
    died = EngineDied(code=-9, sentence="The training engine was ended by SIGKILL.", detail="")
    engine = engines.expect((STARTED, validated(20), alarm), last=died)  # type: ignore[attr-defined]
    press(panel, "run-start")
    qtbot.waitUntil(lambda: bool(panel.control.curves.alarms))
    assert text_of(panel, "verdict-heading") == "Collapsed to background"
    assert panel.view.alarm.isVisible()
    assert text_of(panel, "alarm-heading") == "Collapsed to background (step 30)"
    assert text_of(panel, "alarm-sentence") == "It collapsed. Do this."
    assert text_of(panel, "alarm-numbers") == "measured 0 · limit 0.1"
    engine.kill()
    qtbot.waitUntil(lambda: panel.control.state is RunState.IDLE)
    assert text_of(panel, "verdict-heading") == "The run broke"
    assert "SIGKILL" in text_of(panel, "verdict-sentence")
    assert "kept" in text_of(panel, "verdict-sentence")


def test_the_remedy_of_an_alarm_goes_into_the_form_by_one_click(
    panel: TrainPanel, engines: object, qtbot: QtBot
) -> None:
    alarm = Alarm(step=30, kind=AlarmKind.COLLAPSED, measured=0.0, limit=0.1, sentence="It collapsed.", remedy="Do.")
    engine = engines.expect((STARTED, validated(20), alarm), last=ENDED)  # type: ignore[attr-defined]
    panel.form.set_recipe(Recipe(name="Bad", loss=(LossTerm(name="dice"),), sampling=Sampling(method="uniform")))
    press(panel, "run-start")
    qtbot.waitUntil(lambda: bool(panel.control.curves.alarms))

    press(panel, "alarm-remedy")

    changed = panel.form.recipe()
    assert changed.name == "Bad"
    assert changed.loss[0].name == "dice_ce"
    assert (changed.sampling.method, changed.sampling.ratio) == ("foreground", 0.5)
    assert changed.optimiser.learning_rate == pytest.approx(2e-3 / 3, rel=1e-4)
    engine.kill()
    qtbot.waitUntil(lambda: panel.control.state is RunState.IDLE)


def test_a_run_is_rescued_by_one_click_and_says_so(panel: TrainPanel, engines: object, qtbot: QtBot) -> None:
    alarm = Alarm(step=30, kind=AlarmKind.COLLAPSED, measured=0.0, limit=0.1, sentence="It collapsed.", remedy="Do.")
    engine = engines.expect((STARTED, validated(20), alarm), last=ENDED)  # type: ignore[attr-defined]
    press(panel, "run-start")
    qtbot.waitUntil(lambda: bool(panel.control.curves.alarms))

    press(panel, "alarm-rescue")

    assert engine.controls == [Rescue(kind=AlarmKind.COLLAPSED)]
    panel.control._take((Rescued(step=31, sentence="Rescued: Dice; the run goes on from new weights."),))
    assert not panel.view.alarm.isVisible()
    assert panel.view.log.item(panel.view.log.count() - 1).text().startswith("Rescued")
    engine.kill()
    qtbot.waitUntil(lambda: panel.control.state is RunState.IDLE)


def test_dials_turn_a_running_training_and_nothing_else(panel: TrainPanel, engines: object, qtbot: QtBot) -> None:
    apply, ratio = panel.findChild(QPushButton, "dial-apply"), panel.findChild(QDoubleSpinBox, "dial-ratio")
    assert apply is not None
    assert ratio is not None
    assert not apply.isEnabled()
    engine = engines.expect((STARTED,), last=ENDED)  # type: ignore[attr-defined]
    press(panel, "run-start")
    qtbot.waitUntil(lambda: panel.control.curves.started is not None)
    assert ratio.value() == 0.5

    apply.click()
    assert engine.controls == []  # nothing was turned
    ratio.setValue(0.3)
    apply.click()
    apply.click()
    assert engine.controls == [Adjust(ratio=0.3)]

    engine.kill()
    qtbot.waitUntil(lambda: panel.control.state is RunState.IDLE)
    assert not apply.isEnabled()


def test_five_thousand_events_cost_a_few_redraws(panel: TrainPanel, engines: object, qtbot: QtBot) -> None:
    engines.expect((STARTED, *(steps(n) for n in range(1, 5001))), last=None)  # type: ignore[attr-defined]
    before = panel.view.plots.redraws
    press(panel, "run-start")
    qtbot.waitUntil(lambda: panel.control.state is RunState.IDLE, timeout=20_000)
    qtbot.wait(400)
    assert panel.control.curves.latest_steps == steps(5000)
    assert panel.view.plots.redraws - before <= 40


def test_a_kept_run_is_replayed_into_the_plots_and_its_recipe_can_be_used(
    panel: TrainPanel, session: Session, qtbot: QtBot
) -> None:
    recipe = Recipe(name="Earlier", loss=(LossTerm(name="focal"),))
    writer = RunWriter(session.opened.runs_folder / "20260101-000000-earlier", recipe)
    for event in (STARTED, steps(10), validated(20), ENDED):
        writer.append(event)
    session.runsChanged.emit()
    panel.view.runs.table.selectRow(0)
    assert panel.view.plots._run.curves["dice"].y == [0.42]
    assert text_of(panel, "verdict-heading") == "Run stopped"
    press(panel, "run-reuse")
    assert panel.form.recipe() == recipe


def test_a_model_is_exported_as_a_folder_of_its_own(
    panel: TrainPanel, session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = session.opened.runs_folder / "20260101-000000-earlier"
    RunWriter(folder, Recipe(name="Earlier")).append(ENDED)
    (folder / "model").mkdir()
    for name in ("model.json", "weights.safetensors"):
        (folder / "model" / name).write_text(name)
    session.runsChanged.emit()
    panel.view.runs.table.selectRow(0)
    asked: list[tuple[Path, Path]] = []

    def export(model: Path, target: Path) -> Path:
        asked.append((model, target))
        return target / folder.name

    monkeypatch.setattr("app.train.runs_page.export_model", export)
    monkeypatch.setattr("app.train.runs_page.QFileDialog.getExistingDirectory", lambda *_: str(tmp_path / "out"))
    press(panel, "run-export")
    assert asked == [(folder / "model", tmp_path / "out")]


def test_curves_are_exported_as_a_table_and_a_picture(
    panel: TrainPanel, session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    button = panel.findChild(QPushButton, "run-curves")
    assert button is not None
    assert not button.isEnabled()
    writer = RunWriter(session.opened.runs_folder / "20260101-000000-earlier", Recipe(name="Earlier"))
    for event in (STARTED, steps(10), validated(20), ENDED):
        writer.append(event)
    session.runsChanged.emit()
    panel.view.runs.table.selectRow(0)
    monkeypatch.setattr("app.train.curves_file.QFileDialog.getSaveFileName", lambda *_: (str(tmp_path / "mine"), ""))
    press(panel, "run-curves")
    with (tmp_path / "mine.csv").open(newline="") as handle:
        rows = {row["step"]: row for row in csv.DictReader(handle)}
    assert list(rows) == ["10", "20"]
    assert (rows["10"]["loss"], rows["10"]["dice"]) == ("1", "")
    assert (rows["20"]["dice"], rows["20"]["loss"]) == ("0.42", "")
    assert QPixmap(str(tmp_path / "mine.png")).size() == panel.view.plots.widget().size()
    assert len(list(tmp_path.glob("mine-*.svg"))) == len(panel.view.plots.plots)


def test_a_project_without_a_split_offers_one(
    panel: TrainPanel, session: Session, engines: object, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.set_parts({case.id: None for case in session.cases()})
    monkeypatch.setattr("app.train.panel.ask", lambda *_, **__: "Not now")
    press(panel, "run-start")
    assert engines.jobs == []  # type: ignore[attr-defined]
    engines.expect((STARTED, ENDED))  # type: ignore[attr-defined]
    monkeypatch.setattr("app.train.panel.ask", lambda *_, **__: "Split and start")
    press(panel, "run-start")
    qtbot.waitUntil(lambda: panel.control.state is RunState.IDLE)
    assert len(engines.jobs) == 1  # type: ignore[attr-defined]
    assert all(case.part is not None for case in session.cases())


@pytest.mark.engine
def test_the_real_engine_trains_from_the_window(
    qtbot: QtBot,
    session: Session,
    actions: Actions,
    settings: Settings,
    real_background: Background,
    kept: list[QWidget],
    make_project: Callable[..., Project],
) -> None:
    project = make_project(split=True, planes=1, edge=32)
    for case in project.cases():
        project.set_group(case.id, case.id)
    session.adopt(project)
    panel = TrainPanel(session, actions, real_background, settings)
    kept.append(panel)
    panel.show()
    panel.form.set_recipe(Recipe(budget=Budget(steps=12, validations=2), machine=Machine(threads=1)))
    press(panel, "run-start")
    qtbot.waitUntil(lambda: panel.control.state is RunState.IDLE, timeout=60_000)
    assert isinstance(panel.control.curves.ended, RunEnded)
    (run,) = list_runs(session.opened.folder)
    assert run.has_model
    assert panel.view.runs.model.rowCount() == 1
