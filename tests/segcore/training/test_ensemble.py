import math
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from segcore.errors import NotEnoughData, UnreadableFile
from segcore.inference.model import load_model, read_facts
from segcore.inference.predict import predict_volume, read_volume
from segcore.inference.project_prediction import predict_cases
from segcore.metrics.curves import quantise
from segcore.projects.case import Part
from segcore.projects.exporting import export_model
from segcore.projects.project import Project
from segcore.review.predictions import Predictions
from segcore.training.cohort import patient_folds
from segcore.training.events import EndReason, MemberStarted, RunEnded, RunEvent, StepsDone, Validated
from segcore.training.recipe import FOLDS, Budget, Ensemble, Machine, Optimiser, Recipe
from segcore.training.record import RunState, read_events, read_run
from segcore.training.recorded import train_in_folder
from segcore.training.stopping import PausingSignal, StopSignal
from tests.segcore.small_project import make_small_project

CPU = torch.device("cpu")


def recipe(members: int = 2, **ensemble: str) -> Recipe:
    return Recipe(
        name="Several",
        budget=Budget(steps=4, validations=2),
        machine=Machine(device="cpu", threads=1, seed=5),
        optimiser=Optimiser(patch=32, batch=4),
        ensemble=Ensemble(members=members, **ensemble),
    )


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_small_project(tmp_path / "project")


def run(
    project: Project,
    recipe: Recipe,
    *,
    name: str = "e1",
    stop: StopSignal | None = None,
    resume: bool = False,
    on: Callable[[RunEvent], None] | None = None,
) -> tuple[Path | None, list[RunEvent]]:
    events: list[RunEvent] = []

    def tell(event: RunEvent) -> None:
        events.append(event)
        if on is not None:
            on(event)

    folder = project.runs_folder / name
    return train_in_folder(project, recipe, folder, tell=tell, stop=stop or StopSignal(), resume=resume), events


def weights(folder: Path) -> list[dict[str, torch.Tensor]]:
    return [load_file(file) for file in sorted(folder.glob("weights*.safetensors"))]


def same(first: list[dict[str, torch.Tensor]], second: list[dict[str, torch.Tensor]]) -> bool:
    return len(first) == len(second) and all(
        torch.equal(value, b[name]) for a, b in zip(first, second, strict=True) for name, value in a.items()
    )


def test_members_are_trained_one_after_the_other_and_kept_as_one_model(project: Project) -> None:
    folder, events = run(project, recipe(3))

    assert folder is not None
    assert [(e.member, e.members, e.seed) for e in events if isinstance(e, MemberStarted)] == [
        (1, 3, 5),
        (2, 3, 6),
        (3, 3, 7),
    ]
    assert sorted(file.name for file in folder.iterdir()) == [
        "model.json",
        "weights-2.safetensors",
        "weights-3.safetensors",
        "weights.safetensors",
    ]
    facts = read_facts(folder)
    assert (facts.id, facts.name, facts.format, len(facts.members)) == ("e1", "Several", 2, 3)
    record = read_run(folder.parent)
    assert record is not None
    assert (record.state, record.has_model, record.can_resume, record.steps) == (RunState.FINISHED, True, False, 4)
    assert [e for e in events if isinstance(e, RunEnded)] == [events[-1]]
    assert read_events(folder.parent) == tuple(events)


def test_a_model_of_members_says_the_mean_of_what_they_say(project: Project) -> None:
    folder, _ = run(project, recipe(2))
    assert folder is not None
    scan = project.scan("case1")

    together = read_volume(load_model(folder, CPU), scan, device=CPU)
    alone = [
        predict_volume(load_model(folder.parent / "members" / n / "model", CPU), scan, device=CPU) for n in ("1", "2")
    ]

    mean = np.mean([1 / (1 + np.exp(-logits.astype(np.float64))) for logits in alone], axis=0)
    assert 1 / (1 + np.exp(-together.logits.astype(np.float64))) == pytest.approx(mean, abs=1e-6)
    assert together.disagreement is not None
    assert together.disagreement.shape == together.logits.shape
    assert 0 <= together.spread <= 1


def test_the_threshold_is_the_one_that_suits_the_mean_on_the_validation_cases(project: Project) -> None:
    folder, events = run(project, recipe(2))
    assert folder is not None
    last = [event for event in events if isinstance(event, Validated)][-1]

    model = load_model(folder, CPU)
    logits = predict_volume(model, project.scan("case0"), device=CPU)
    labels = project.mask("case0").labels
    dice = [
        2 * np.sum((quantise(logits) >= step) & (labels == 1)) / (np.sum(quantise(logits) >= step) + labels.sum())
        for step in range(-127, 128)
    ]
    assert last.dice == pytest.approx(max(dice))
    assert dice[model.facts.step + 127] == pytest.approx(max(dice))
    assert model.facts.scores.dice == last.dice


def test_times_count_over_all_members_and_what_remains_includes_those_that_wait(project: Project) -> None:
    _, events = run(project, replace(recipe(2), budget=Budget(steps=40, validations=2)))

    seconds = [event.seconds for event in events if isinstance(event, StepsDone | Validated)]
    assert seconds == sorted(seconds)
    first = next(event for event in events if isinstance(event, StepsDone))
    assert first.remaining_seconds > first.seconds  # a second member waits


def test_a_single_network_is_trained_as_ever(project: Project) -> None:
    folder, events = run(project, recipe(1))

    assert folder is not None
    assert sorted(path.name for path in folder.iterdir()) == ["model.json", "weights.safetensors"]
    assert not any(isinstance(event, MemberStarted) for event in events)
    assert not (folder.parent / "members").exists()
    assert read_facts(folder).format == 1


def test_an_ensemble_paused_within_a_member_ends_with_the_same_weights(project: Project) -> None:
    expected, _ = run(project, recipe(2), name="unbroken")
    stop = PausingSignal()

    def pause(event: RunEvent) -> None:
        if isinstance(event, Validated) and second:
            stop.stop()

    second: list[RunEvent] = []

    def watch(event: RunEvent) -> None:
        if isinstance(event, MemberStarted) and event.member == 2:
            second.append(event)
        pause(event)

    broken, events = run(project, recipe(2), stop=stop, on=watch)
    assert broken is None
    assert isinstance(events[-1], RunEnded)
    assert events[-1].reason is EndReason.PAUSED
    record = read_run(project.runs_folder / "e1")
    assert record is not None
    assert record.can_resume

    resumed, events = run(project, recipe(2), resume=True)

    assert [(e.member, e.resumed) for e in events if isinstance(e, MemberStarted)] == [(2, True)]
    assert resumed is not None
    assert expected is not None
    assert same(weights(resumed), weights(expected))
    assert read_facts(resumed).step == read_facts(expected).step


@pytest.mark.slow
def test_an_ensemble_killed_within_its_second_member_ends_with_the_same_weights(
    project: Project, tmp_path: Path
) -> None:
    expected, _ = run(project, recipe(2), name="unbroken")
    project.close()
    script = textwrap.dedent(f"""
        import os, signal
        from pathlib import Path
        from segcore.projects.project import Project
        from segcore.training.events import MemberStarted, CheckpointSaved, Validated
        from segcore.training.recorded import train_in_folder
        from segcore.training.stopping import StopSignal
        from tests.segcore.training.test_ensemble import recipe
        seen = []
        def tell(event):
            if isinstance(event, MemberStarted): seen.append(event.member)
            if isinstance(event, Validated) and seen == [1, 2]: os.kill(os.getpid(), signal.SIGKILL)
        with Project.open(Path({str(project.folder)!r}), read_only=True) as project:
            train_in_folder(project, recipe(2), project.runs_folder / "e1", tell=tell, stop=StopSignal())
    """)
    killed = subprocess.run([sys.executable, "-c", script], cwd=Path(__file__).parents[3], check=False, env=os.environ)
    assert killed.returncode == -signal.SIGKILL

    with Project.open(project.folder, read_only=True) as again:
        resumed, events = run(again, recipe(2), resume=True)

    assert [e.member for e in events if isinstance(e, MemberStarted)] == [2]
    assert resumed is not None
    assert expected is not None
    assert same(weights(resumed), weights(expected))


def test_stopping_keeps_the_members_that_were_trained(project: Project) -> None:
    stop = StopSignal()

    def watch(event: RunEvent) -> None:
        if isinstance(event, MemberStarted) and event.member == 3:
            stop.stop()

    folder, events = run(project, recipe(3), stop=stop, on=watch)

    assert folder is not None
    assert len(read_facts(folder).members) == 2
    ended = events[-1]
    assert isinstance(ended, RunEnded)
    assert ended.reason is EndReason.STOPPED
    assert "an ensemble of 2 (of 3 that were planned) was kept" in ended.sentence


def test_a_lone_member_is_kept_as_a_plain_model(project: Project) -> None:
    stop = StopSignal()

    def watch(event: RunEvent) -> None:
        if isinstance(event, MemberStarted) and event.member == 2:
            stop.stop()

    folder, _ = run(project, recipe(3), stop=stop, on=watch)

    assert folder is not None
    assert (read_facts(folder).format, read_facts(folder).members) == (1, ())
    assert len(load_model(folder, CPU).networks) == 1


def test_cancelling_leaves_no_member_behind(project: Project) -> None:
    stop = StopSignal()

    def watch(event: RunEvent) -> None:
        if isinstance(event, MemberStarted) and event.member == 2:
            stop.cancel()

    folder, events = run(project, recipe(2), stop=stop, on=watch)

    assert folder is None
    assert not (project.runs_folder / "e1" / "members").exists()
    assert not (project.runs_folder / "e1" / "model").exists()
    assert isinstance(events[-1], RunEnded)
    assert events[-1].reason is EndReason.CANCELLED


def test_members_that_leave_out_patients_are_never_judged_on_what_they_learnt(project: Project) -> None:
    folder, events = run(project, recipe(3, differ_in=FOLDS))

    assert folder is not None
    held_out = [set(event.held_out) for event in events if isinstance(event, MemberStarted)]
    known = {case.group for case in project.cases() if case.part is not Part.TEST}
    assert set.union(*held_out) == known
    assert sum(len(patients) for patients in held_out) == len(known)
    for number, patients in enumerate(held_out, start=1):
        learnt = read_facts(folder.parent / "members" / str(number) / "model").train_cases
        assert not patients & {project.case(case).group for case in learnt}
    last = [event for event in events if isinstance(event, Validated)][-1]
    assert sorted(score.case for score in last.cases) == sorted(
        case.id for case in project.cases() if case.part is not Part.TEST
    )


def test_folds_deal_out_lesion_loads_and_never_the_test_part(project: Project) -> None:
    folds = patient_folds(project, 3)

    assert sorted(len(fold) for fold in folds) == [2, 2, 3]
    assert "patient1" not in {group for fold in folds for group in fold}  # the test case
    assert folds == patient_folds(project, 3)


def test_more_folds_than_patients_with_lesions_are_refused_with_a_sentence(project: Project) -> None:
    with pytest.raises(NotEnoughData, match="need 9 patients with lesions, there are 6"):
        run(project, recipe(9, differ_in=FOLDS))


def test_predictions_of_an_ensemble_keep_where_its_members_disagree(project: Project) -> None:
    folder, _ = run(project, recipe(2))
    assert folder is not None

    predict_cases(
        project,
        folder,
        ["case0", "case1"],
        device="cpu",
        flips=False,
        stop=lambda: None,
        predicted=lambda *_: None,
        failed=lambda case, error: pytest.fail(str(error)),
    )

    kept = Predictions(project.predictions_folder / "e1")
    assert kept.cases() == ("case0", "case1")
    assert kept.facts("case1").members == 2
    assert 0 <= kept.facts("case1").spread <= 1
    disagreement = kept.disagreement("case1")
    assert disagreement is not None
    assert disagreement.shape == project.case("case1").grid.shape


def test_a_single_network_keeps_no_disagreement(project: Project) -> None:
    folder, _ = run(project, recipe(1))
    assert folder is not None
    predict_cases(
        project,
        folder,
        ["case1"],
        device="cpu",
        flips=False,
        stop=lambda: None,
        predicted=lambda *_: None,
        failed=lambda case, error: pytest.fail(str(error)),
    )

    kept = Predictions(project.predictions_folder / "e1")
    assert kept.disagreement("case1") is None
    assert math.isnan(kept.facts("case1").spread)


def test_an_ensemble_is_exported_whole_and_works_where_it_lands(project: Project, tmp_path: Path) -> None:
    folder, _ = run(project, recipe(2))
    assert folder is not None

    target = export_model(folder, tmp_path / "elsewhere")

    expected = predict_volume(load_model(folder, CPU), project.scan("case1"), device=CPU)
    assert np.array_equal(expected, predict_volume(load_model(target, CPU), project.scan("case1"), device=CPU))


def test_a_missing_member_is_named_and_nothing_is_predicted_without_it(project: Project) -> None:
    folder, _ = run(project, recipe(2))
    assert folder is not None
    (folder / "weights-2.safetensors").unlink()

    with pytest.raises(UnreadableFile, match=r"weights-2\.safetensors: the weights are missing or cut off"):
        load_model(folder, CPU)
