import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from scipy import ndimage

from segcore.errors import EngineProblem, NotEnoughData, UnreadableFile
from segcore.inference.model import load_model, read_facts
from segcore.inference.predict import predict_volume
from segcore.metrics.confusion import confusion_of
from segcore.metrics.curves import quantise
from segcore.networks.light_unet import LightUNet
from segcore.projects.case import CaseState, Part
from segcore.projects.project import Project
from segcore.review.decisions import Verdict, record_decision
from segcore.review.predictions import PredictionFacts, Predictions
from segcore.scans.volume import Mask
from segcore.training.events import (
    Alarm,
    AlarmKind,
    CheckpointSaved,
    EndReason,
    Noticed,
    Preparing,
    RunEnded,
    RunEvent,
    RunStarted,
    StepsDone,
    Validated,
)
from segcore.training.loop import train
from segcore.training.recipe import Budget, LossTerm, Machine, Network, Optimiser, Recipe, Sampling
from segcore.training.stopping import StopSignal
from segcore.training.validation import Validator
from tests.segcore.small_project import make_small_project

CPU = torch.device("cpu")
T = TypeVar("T")


def recipe(steps: int = 6, **optimiser: float) -> Recipe:
    return Recipe(
        budget=Budget(steps=steps, validations=2),
        machine=Machine(device="cpu", threads=1, seed=5),
        optimiser=Optimiser(**({"patch": 32, "batch": 4} | optimiser)),  # type: ignore[arg-type]
    )


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_small_project(tmp_path / "project")


class Watcher:
    """Keeps events, and does something when one of a kind arrives."""

    def __init__(self, kind: type[RunEvent] | None = None, action: Callable[[], None] | None = None) -> None:
        self.events: list[RunEvent] = []
        self._kind, self._action = kind, action

    def __call__(self, event: RunEvent) -> None:
        self.events.append(event)
        if self._kind is not None and isinstance(event, self._kind) and self._action is not None:
            self._action()

    def of(self, kind: type[T]) -> list[T]:
        return [event for event in self.events if isinstance(event, kind)]


def run(
    project: Project, recipe: Recipe, *, watcher: Watcher | None = None, stop: StopSignal | None = None, **options: bool
) -> tuple[Path | None, Watcher]:
    watcher = watcher or Watcher()
    model = train(project, recipe, project.runs_folder / "r1", report=watcher, stop=stop or StopSignal(), **options)
    return model, watcher


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "weights.safetensors")


def test_blobs_are_learnt_and_found_in_a_test_scan(project: Project) -> None:
    model_folder, watcher = run(project, replace(recipe(100), budget=Budget(steps=100, validations=2)))

    assert model_folder is not None
    best = watcher.of(Validated)[-1]
    assert best.dice > 0.7
    assert best.average_precision > 0.8
    model = load_model(model_folder, CPU)
    predicted = quantise(predict_volume(model, project.scan("case1"), device=CPU)) >= model.facts.step
    assert confusion_of(predicted, project.mask("case1").labels).dice > 0.6
    collapsed = [alarm for alarm in watcher.of(Alarm) if alarm.kind is AlarmKind.COLLAPSED]
    assert collapsed == []


def test_events_come_in_order_and_tell_the_run(project: Project) -> None:
    model, watcher = run(project, recipe())

    assert model == project.runs_folder / "r1" / "model"
    kinds = [type(event) for event in watcher.events]
    assert kinds[0] is Preparing
    assert kinds[-1] is RunEnded
    started = watcher.of(RunStarted)[0]
    assert (started.train_cases, started.validation_cases, started.total_steps) == (6, 1, 6)
    assert 0 < started.prevalence < started.sampled_prevalence < 0.5
    assert [event.step for event in watcher.of(Validated)] == [1, 3, 6, watcher.of(RunEnded)[0].best_step]
    assert all(0 <= event.gradient_share <= 1 for event in watcher.of(StepsDone))
    assert watcher.of(RunEnded)[0].reason is EndReason.FINISHED
    facts = read_facts(project.runs_folder / "r1" / "model")
    assert facts.id == "r1"
    assert facts.train_cases == ("case2", "case3", "case4", "case5", "case6", "case7")
    assert facts.scores.dice == pytest.approx(watcher.of(Validated)[-1].dice, nan_ok=True)


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(project: Project) -> None:
    results = []
    for number, seed in enumerate((5, 5, 6)):
        folder = project.runs_folder / f"run{number}"
        chosen = replace(recipe(), machine=Machine(device="cpu", threads=1, seed=seed))
        model = train(project, chosen, folder, report=lambda event: None, stop=StopSignal())
        assert model is not None
        results.append(weights(model))

    first, same, other = results
    assert all(torch.equal(first[name], same[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


@pytest.mark.parametrize("at", [0, 1, 2, 4])
def test_a_run_that_was_paused_ends_as_one_that_never_was(project: Project, at: int) -> None:
    """Paused while the data are prepared, at the first validation, between validations, in the middle of one."""
    whole_watcher = Watcher()
    whole = train(project, recipe(), project.runs_folder / "whole", report=whole_watcher, stop=StopSignal())
    folder, stop, calls = project.runs_folder / "paused", StopSignal(), 0

    def pausing(event: RunEvent) -> None:
        nonlocal calls
        calls += isinstance(event, StepsDone | Validated)
        if calls >= at:
            stop.pause()

    assert train(project, recipe(), folder, report=pausing, stop=stop) is None
    watcher = Watcher()
    resumed = train(
        project, recipe(), folder, report=watcher, stop=StopSignal(), resume=(folder / "checkpoint").is_dir()
    )

    assert whole is not None
    assert resumed is not None
    expected, actual = weights(whole), weights(resumed)
    assert all(torch.equal(expected[name], actual[name]) for name in expected)
    last, same = whole_watcher.of(Validated)[-1], watcher.of(Validated)[-1]
    assert (same.step, same.dice, same.threshold) == (last.step, pytest.approx(last.dice, nan_ok=True), last.threshold)


def test_a_pause_in_the_middle_of_a_validation_does_not_lose_it(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole_watcher = Watcher()
    train(project, recipe(), project.runs_folder / "whole", report=whole_watcher, stop=StopSignal())
    stop, folder, watcher = StopSignal(), project.runs_folder / "paused", Watcher()
    validate = Validator.run

    def pausing(self: Validator, *arguments: Any, step: int, **options: Any) -> Any:
        if step == 3:
            stop.pause()
        return validate(self, *arguments, step=step, **options)

    with monkeypatch.context() as patched:
        patched.setattr(Validator, "run", pausing)
        assert train(project, recipe(), folder, report=watcher, stop=stop) is None
    assert [event.step for event in watcher.of(Validated)] == [1]
    train(project, recipe(), folder, report=watcher, stop=StopSignal(), resume=True)

    assert [e.step for e in watcher.of(Validated)] == [e.step for e in whole_watcher.of(Validated)]


@pytest.mark.parametrize("method", ["foreground", "hard_negative"])
def test_a_resumed_run_ends_with_the_weights_of_one_that_was_never_broken(project: Project, method: str) -> None:
    chosen = replace(recipe(), sampling=Sampling(method=method))
    whole = train(project, chosen, project.runs_folder / "whole", report=lambda event: None, stop=StopSignal())
    folder = project.runs_folder / "broken"

    class Crash(Exception):
        pass

    def crash_at_the_second_checkpoint(event: RunEvent) -> None:
        if isinstance(event, CheckpointSaved) and event.step == 3:
            raise Crash

    with pytest.raises(Crash):
        train(project, chosen, folder, report=crash_at_the_second_checkpoint, stop=StopSignal())
    watcher = Watcher()
    resumed = train(project, chosen, folder, report=watcher, stop=StopSignal(), resume=True)

    assert whole is not None
    assert resumed is not None
    assert min(event.step for event in watcher.of(CheckpointSaved)) > 3
    expected, actual = weights(whole), weights(resumed)
    assert all(torch.equal(expected[name], actual[name]) for name in expected)


def test_places_where_a_reviewer_rejected_a_prediction_are_drawn_from_at_once(project: Project) -> None:
    labels = project.mask("case2").labels
    far = ndimage.distance_transform_edt(labels != 1) > 12
    row, column = np.argwhere(far[0])[0]
    steps = np.full(labels.shape, -100, dtype=np.int8)
    steps[0, row : row + 4, column : column + 4] = 50
    facts = PredictionFacts(
        model="earlier", case="case2", step=0, seconds=1.0, scan_hash=project.scan_hashes()["case2"], members=1
    )
    Predictions(project.predictions_folder / "earlier").write(steps, facts)
    prediction = Predictions(project.predictions_folder / "earlier").load("case2")
    record_decision(project, prediction, Verdict.REJECTED, reviewer="R")

    _, watcher = run(project, replace(recipe(2), sampling=Sampling(method="hard_negative")))

    sentences = [event.sentence for event in watcher.of(Noticed)]
    assert "1 places where reviewers rejected a prediction are drawn from at once." in sentences


def test_a_run_without_a_checkpoint_cannot_go_on(project: Project) -> None:
    with pytest.raises(UnreadableFile, match="the checkpoint is missing or damaged"):
        run(project, recipe(), resume=True)


def test_stop_keeps_the_best_model_at_once(project: Project) -> None:
    stop = StopSignal()
    model, watcher = run(project, recipe(10_000), watcher=Watcher(StepsDone, stop.stop), stop=stop)

    assert model is not None
    assert load_model(model, CPU).facts.id == "r1"
    ended = watcher.of(RunEnded)[0]
    assert ended.reason is EndReason.STOPPED
    assert ended.step < 100
    assert ended.sentence.startswith("The run was stopped; the model of step")


def test_closing_the_window_keeps_the_model_and_a_checkpoint_to_go_on_from(project: Project) -> None:
    stop = StopSignal()
    model, watcher = run(project, recipe(), watcher=Watcher(CheckpointSaved, stop.close_window), stop=stop)

    assert model is not None
    assert watcher.of(RunEnded)[0].reason is EndReason.WINDOW_CLOSED
    assert (model.parent / "checkpoint" / "state.json").exists()


def test_cancel_leaves_neither_model_nor_checkpoint(project: Project) -> None:
    stop = StopSignal()
    model, watcher = run(project, recipe(), watcher=Watcher(CheckpointSaved, stop.cancel), stop=stop)

    assert model is None
    ended = watcher.of(RunEnded)[0]
    assert (ended.reason, ended.best_step) == (EndReason.CANCELLED, 0)
    assert ended.step >= 1
    assert list((project.runs_folder / "r1").iterdir()) == []


def test_a_stop_before_the_first_step_leaves_no_model_and_says_so(project: Project) -> None:
    stop = StopSignal()
    model, watcher = run(project, recipe(), watcher=Watcher(Preparing, stop.stop), stop=stop)

    assert model is None
    assert watcher.of(RunEnded)[0].sentence == "The run was stopped before its first step; there is no model."


def test_a_budget_of_minutes_is_kept(project: Project) -> None:
    chosen = replace(recipe(), budget=Budget(minutes=0.1, validations=3))

    _, watcher = run(project, chosen)

    ended = watcher.of(RunEnded)[0]
    assert 4 < ended.seconds < 9
    assert len(watcher.of(Validated)) >= 3
    assert ended.step > 5


def test_a_loss_that_is_not_a_number_ends_the_run_at_good_weights(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = {"n": 0}
    forward = LightUNet.forward

    def poisoned(self: LightUNet, x: torch.Tensor) -> torch.Tensor:
        calls["n"] += self.training
        return forward(self, x) * (math.nan if self.training and calls["n"] > 3 else 1.0)

    monkeypatch.setattr(LightUNet, "forward", poisoned)
    model, watcher = run(project, recipe(50))

    assert [alarm.kind for alarm in watcher.of(Alarm)] == [AlarmKind.NOT_A_NUMBER]
    assert watcher.of(RunEnded)[0].step == 3
    assert "no longer a number" in watcher.of(RunEnded)[0].sentence
    assert model is not None
    assert all(bool(torch.isfinite(value).all()) for value in weights(model).values())


def test_memory_that_runs_out_is_answered_with_advice(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LightUNet, "forward", lambda self, x: torch.empty(1 << 60))

    with pytest.raises(EngineProblem, match="not enough memory to train; choose a smaller patch"):
        run(project, recipe())


def test_a_project_without_complete_cases_is_refused(project: Project) -> None:
    for case in project.cases():
        project.set_state(case.id, CaseState.DRAFT, author="test")

    with pytest.raises(NotEnoughData, match="no case is complete"):
        run(project, recipe())


def test_a_project_of_empty_masks_only_is_refused(tmp_path: Path) -> None:
    project = make_small_project(tmp_path / "empty", cases=4, empty=(0, 1, 2, 3))

    with pytest.raises(NotEnoughData, match="no training case has a lesion"):
        run(project, recipe())


def test_one_case_trains_with_a_loud_sentence(tmp_path: Path) -> None:
    project = make_small_project(tmp_path / "one", cases=1, empty=(), split=False)

    model, watcher = run(project, recipe(2))

    assert model is not None
    assert any("how well it was memorised" in notice.sentence for notice in watcher.of(Noticed))


def test_without_a_validation_part_patients_are_held_out(tmp_path: Path) -> None:
    project = make_small_project(tmp_path / "unsplit", cases=6, empty=(), split=False)

    _, watcher = run(project, recipe(2))

    started = watcher.of(RunStarted)[0]
    assert (started.train_cases, started.validation_cases) == (5, 1)
    assert any("held out of training" in notice.sentence for notice in watcher.of(Noticed))


def test_test_cases_are_never_looked_at(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    scan = Project.scan
    monkeypatch.setattr(Project, "scan", lambda self, id: seen.append(id) or scan(self, id))

    run(project, recipe(2))

    assert "case1" not in seen
    assert project.case("case1").part is Part.TEST


def test_annotating_while_training_does_not_change_what_the_run_is_measured_on(project: Project) -> None:
    def annotate() -> None:
        mask = project.mask("case0")
        project.save_mask("case0", Mask(labels=np.ones_like(mask.labels), grid=mask.grid), author="x", origin="test")

    _, watcher = run(project, recipe(), watcher=Watcher(RunStarted, annotate))

    true = {event.true_fraction for event in watcher.of(Validated)}
    assert len(true) == 1
    assert max(true) < 0.1


@pytest.mark.parametrize("term", ["focal_tversky", "bce_lovasz"])
def test_other_losses_run_to_a_model(project: Project, term: str) -> None:
    model, watcher = run(project, replace(recipe(3), loss=(LossTerm(name=term),)))

    assert model is not None
    assert all(math.isfinite(event.loss) for event in watcher.of(StepsDone))


def test_a_weighted_loss_leaves_its_correction_in_the_model(project: Project) -> None:
    chosen = replace(recipe(2), loss=(LossTerm(name="weighted_bce", parameters=(("positive_weight", 20.0),)),))

    model, _ = run(project, chosen)

    assert model is not None
    assert read_facts(model).correction == pytest.approx(-math.log(20.0))


def test_small_volumes_train_in_three_dimensions(tmp_path: Path) -> None:
    project = make_small_project(tmp_path / "volumes", planes=6, edge=32)
    chosen = replace(recipe(2, batch=2), network=Network(dimensions="3d"))

    model, watcher = run(project, chosen)

    assert model is not None
    assert read_facts(model).network.dimensions == 3
    assert "3D" in watcher.of(RunStarted)[0].network


def test_memory_that_runs_out_once_halves_the_batch_and_the_run_goes_on(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    forward = LightUNet.forward

    def hungry(self: LightUNet, x: torch.Tensor) -> torch.Tensor:
        if self.training:
            seen.append(len(x))
            if len(x) > 2:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return forward(self, x)

    monkeypatch.setattr(LightUNet, "forward", hungry)
    model, watcher = run(project, recipe(4))

    assert model is not None
    assert seen == [4, 2, 2, 2, 2]
    sentences = [event.sentence for event in watcher.of(Noticed)]
    assert "There was not enough memory for 4 patches per step; the run goes on with 2." in sentences


def test_a_run_with_a_halved_batch_goes_on_with_it_after_a_pause(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    forward = LightUNet.forward

    def hungry(self: LightUNet, x: torch.Tensor) -> torch.Tensor:
        if self.training:
            seen.append(len(x))
            if len(x) > 2:
                raise MemoryError
        return forward(self, x)

    monkeypatch.setattr(LightUNet, "forward", hungry)
    stop = StopSignal()
    run(project, recipe(4), watcher=Watcher(StepsDone, stop.pause), stop=stop)
    seen.clear()
    model, _ = run(project, recipe(4), resume=True)

    assert model is not None
    assert set(seen) == {2}


def test_a_graphics_card_that_is_gone_pauses_the_run_and_it_can_be_resumed(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward, calls = LightUNet.forward, {"n": 0}

    def pulled(self: LightUNet, x: torch.Tensor) -> torch.Tensor:
        calls["n"] += self.training
        if self.training and calls["n"] == 5:
            raise RuntimeError("CUDA error: unspecified launch failure")
        return forward(self, x)

    monkeypatch.setattr(LightUNet, "forward", pulled)
    model, watcher = run(project, recipe(6))

    assert model is None
    ended = watcher.of(RunEnded)[0]
    assert ended.reason is EndReason.PAUSED
    assert "graphics card no longer answers, so the run is paused at its last checkpoint, step 3" in ended.sentence
    resumed, again = run(project, recipe(6), resume=True)
    assert resumed is not None
    assert min(event.step for event in again.of(CheckpointSaved)) > 3


def test_a_finished_run_goes_on_with_a_larger_budget_and_a_new_course_of_the_learning_rate(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("segcore.training.meter.PER_SECOND", 1e9)
    _, first = run(project, recipe(6))
    model, second = run(project, recipe(20), resume=True)

    assert model is not None
    assert first.of(RunEnded)[0].step == 6
    assert second.of(RunEnded)[0].step == 20
    rates = [event.learning_rate for event in second.of(StepsDone)]
    assert max(rates) > 10 * first.of(StepsDone)[-1].learning_rate
    assert read_facts(model).scores.cases == 1
