import math
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
import torch
from torch import nn

from segcore.errors import OutOfRange
from segcore.networks.light_unet import LightUNet
from segcore.projects.project import Project
from segcore.training.convergence import Watch
from segcore.training.courses import ratio_at
from segcore.training.events import (
    Adjusted,
    Alarm,
    AlarmKind,
    CheckpointSaved,
    Noticed,
    Rescued,
    RunEnded,
    RunEvent,
    StepsDone,
    Validated,
)
from segcore.training.loop import train
from segcore.training.recipe import Budget, Machine, Optimiser, Recipe, Sampling
from segcore.training.steering import Adjust, Rescue, adjusted, may_rescue, remedied
from segcore.training.stopping import PausingSignal, StopSignal
from segcore.training.validation import Result, Validator
from tests.segcore.small_project import make_small_project

T = TypeVar("T")
COLLAPSE = Alarm(step=1, kind=AlarmKind.COLLAPSED, measured=0.0, limit=0.02, sentence="Gone.", remedy="Do.")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_small_project(tmp_path / "project")


def recipe(steps: int = 8, *, validations: int = 4, patience: int = 0, **optimiser: object) -> Recipe:
    return Recipe(
        budget=Budget(steps=steps, validations=validations, patience=patience),
        machine=Machine(device="cpu", threads=1, seed=5),
        optimiser=Optimiser(**({"patch": 32, "batch": 4} | optimiser)),  # type: ignore[arg-type]
    )


class Events(list[RunEvent]):
    def of(self, kind: type[T]) -> list[T]:
        return [event for event in self if isinstance(event, kind)]


def run(project: Project, recipe: Recipe, stop: StopSignal, *, name: str = "r1", resume: bool = False) -> Events:
    events = Events()
    train(project, recipe, project.runs_folder / name, report=events.append, stop=stop, resume=resume)
    return events


def test_what_is_turned_is_in_force_and_told(project: Project) -> None:
    stop = StopSignal()
    stop.ask(Adjust(learning_rate=1e-5, ratio=1.0))
    stop.ask(Adjust(ratio=7.0))
    events = run(project, recipe(), stop)

    assert [e.sentence for e in events.of(Adjusted)] == [
        "Changed by hand: foreground share 0.5 to 1, learning rate 0.002 to 1e-05."
    ]
    assert [e.sentence for e in events.of(Noticed) if e.sentence.startswith("ratio is 7")]
    assert all(e.learning_rate <= 1e-5 for e in events.of(StepsDone))
    assert all(e.patches_with_foreground == 1.0 for e in events.of(StepsDone))


def test_a_change_is_on_disk_before_the_next_step_and_a_resumed_run_keeps_it(project: Project) -> None:
    stop = StopSignal()
    stop.ask(Adjust(learning_rate=1e-5))
    events = Events()

    def pausing(event: RunEvent) -> None:
        events.append(event)
        if isinstance(event, Adjusted):
            stop.pause()

    train(project, recipe(), project.runs_folder / "r1", report=pausing, stop=stop)
    assert isinstance(events[events.index(events.of(Adjusted)[0]) + 1], CheckpointSaved)
    rest = run(project, recipe(), StopSignal(), resume=True)
    assert rest.of(StepsDone)
    assert all(e.learning_rate <= 1e-5 for e in rest.of(StepsDone))


def test_a_person_rescues_a_run(project: Project) -> None:
    bad = replace(recipe(learning_rate=0.05), sampling=Sampling(method="uniform", ratio=0.1))
    stop = StopSignal()
    stop.ask(Rescue(kind=AlarmKind.COLLAPSED))
    events = run(project, bad, stop)

    assert "from new weights" in events.of(Rescued)[0].sentence  # nothing was learnt yet
    assert max(e.learning_rate for e in events.of(StepsDone)) < 0.05 / 3 + 1e-9
    assert events.of(RunEnded)[0].step == 8


def test_a_run_rescues_itself_at_most_twice_if_its_recipe_says_so(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Watch, "after_validation", lambda self, event, *, progress: (COLLAPSE,))
    assert not run(project, recipe(), StopSignal(), name="off").of(Rescued)
    events = run(project, recipe(20, validations=8, rescue=True), StopSignal())
    assert len(events.of(Rescued)) == 2
    assert len(events.of(Alarm)) > 2


def test_a_rescued_run_goes_on_from_its_best_weights(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    raised = iter([(), (), (COLLAPSE,)])
    monkeypatch.setattr(Watch, "after_validation", lambda self, event, *, progress: next(raised, ()))
    events = run(project, recipe(90, validations=4, rescue=True), StopSignal())
    rescued = events.of(Rescued)[0]
    before = [e for e in events.of(Validated) if e.step <= rescued.step]
    assert before[-1].average_precision > 0.1
    best = max((e for e in before if e.is_best), key=lambda e: e.step)
    assert f"from the best weights, of step {best.step}" in rescued.sentence
    after = next(e for e in events.of(Validated) if e.step > rescued.step)
    assert after.average_precision > 0.5 * best.average_precision  # not learnt anew


def test_a_loss_that_is_no_number_is_survived_where_asked_for(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls, forward = 0, LightUNet.forward

    def poisoned(self: LightUNet, x: torch.Tensor) -> torch.Tensor:
        nonlocal calls
        calls += self.training
        return forward(self, x) * (math.nan if self.training and calls == 3 else 1.0)

    monkeypatch.setattr(LightUNet, "forward", poisoned)
    events = run(project, recipe(rescue=True), StopSignal())
    assert len(events.of(Rescued)) == 1
    assert events.of(RunEnded)[0].step == 8


def test_a_rescue_survives_a_pause(project: Project) -> None:
    stop = StopSignal()
    stop.ask(Rescue(kind=AlarmKind.NOT_A_NUMBER))

    def pausing(event: RunEvent) -> None:
        if isinstance(event, StepsDone):
            stop.pause()

    train(project, recipe(), project.runs_folder / "r1", report=pausing, stop=stop)
    rest = run(project, recipe(), StopSignal(), resume=True)
    assert all(e.learning_rate <= 2e-4 for e in rest.of(StepsDone))


def test_patience_ends_a_run_that_gets_no_better(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    measure = Validator.run

    def worse_and_worse(self: Validator, network: nn.Module, **options: Any) -> Result:
        return replace(measure(self, network, **options), score=1 / (1 + options["step"]))

    monkeypatch.setattr(Validator, "run", worse_and_worse)
    events = run(project, recipe(40, validations=10, patience=2), StopSignal())
    end = events.of(RunEnded)[0]
    assert end.step < 40
    assert end.sentence.startswith("2 validations in a row were no better;")


def test_a_trial_is_never_steered() -> None:
    stop = PausingSignal()
    stop.ask(Adjust(ratio=0.1))
    assert stop.asked() is None


def test_rescues_are_rare_early_and_wanted() -> None:
    wanted = recipe(rescue=True)
    assert may_rescue(wanted, AlarmKind.COLLAPSED, rescues=0, progress=0.5)
    assert not may_rescue(wanted, AlarmKind.COLLAPSED, rescues=2, progress=0.5)
    assert not may_rescue(wanted, AlarmKind.COLLAPSED, rescues=0, progress=0.9)
    assert not may_rescue(wanted, AlarmKind.THRESHOLD, rescues=0, progress=0.5)
    assert not may_rescue(recipe(), AlarmKind.COLLAPSED, rescues=0, progress=0.5)


def test_changes_are_checked_and_told_in_words() -> None:
    changed, words = adjusted(recipe(), Adjust(patience=3))
    assert changed.budget.patience == 3
    assert words == "Changed by hand: patience 0 to 3."
    with pytest.raises(OutOfRange):
        adjusted(recipe(), Adjust(learning_rate=5.0))
    assert remedied(recipe(), AlarmKind.THRESHOLD) == (recipe(), "the recipe as it was")


def test_the_foreground_share_moves_in_the_course_of_a_run() -> None:
    fading = Sampling(ratio=0.7, ratio_fades=True, later_ratio=0.1)
    assert [ratio_at(fading, p) for p in (0.0, 0.15, 0.3, 1.0)] == pytest.approx([0.7, 0.4, 0.1, 0.1])
    assert ratio_at(Sampling(ratio=0.7), 0.5) == 0.7


def test_a_fading_share_is_what_the_patches_show(project: Project) -> None:
    fading = replace(recipe(30), sampling=Sampling(ratio=1.0, ratio_fades=True, later_ratio=0.0))
    shares = {e.step: e.patches_with_foreground for e in run(project, fading, StopSignal()).of(StepsDone)}
    assert shares[min(shares)] == 1.0
    assert shares[max(shares)] < 1.0
