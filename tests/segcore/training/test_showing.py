"""What a run lays out to be looked at: real runs of a few steps, and patches made by hand."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import segcore.training.showing as showing
from segcore.errors import CannotSave
from segcore.projects.case import Part
from segcore.projects.project import Project
from segcore.sampling.kinds import PatchKind
from segcore.sampling.patches import Batch
from segcore.training.events import BatchShown, CaseShown, Noticed, RunEnded, RunEvent, StepsDone, Validated
from segcore.training.exhibits import MOST_EDGE, read_batch, read_case
from segcore.training.loop import train
from segcore.training.recipe import Budget, Machine, Network, Optimiser, Recipe, Sampling, Synthesis
from segcore.training.showing import LastBatch
from segcore.training.steering import ShowBatch, WatchCase
from segcore.training.stopping import StopSignal
from tests.segcore.small_project import make_small_project


def recipe(steps: int = 6) -> Recipe:
    return Recipe(
        budget=Budget(steps=steps, validations=2),
        machine=Machine(device="cpu", threads=1, seed=5),
        optimiser=Optimiser(patch=32, batch=4),
    )


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with make_small_project(tmp_path / "project") as opened:
        yield opened


def run(project: Project, chosen: Recipe, stop: StopSignal | None = None) -> list[RunEvent]:
    events: list[RunEvent] = []
    train(project, chosen, project.runs_folder / "r1", report=events.append, stop=stop or StopSignal())
    return events


def test_each_validation_lays_out_the_watched_case_and_the_latest_patches(project: Project) -> None:
    events = run(project, recipe())

    cases = [event for event in events if isinstance(event, CaseShown)]
    batches = [event for event in events if isinstance(event, BatchShown)]
    assert [event.step for event in cases] == [1, 3, 6]
    assert [event.step for event in batches] == [1, 3, 6]
    assert {event.case for event in cases} == {"case0"}
    steps = read_case(project.folder / cases[-1].file, project.mask("case0").labels.shape)
    truth, said = project.mask("case0").labels == 1, steps >= cases[-1].threshold_step
    assert cases[-1].dice == pytest.approx(2 * (truth & said).sum() / (truth.sum() + said.sum()), nan_ok=True)
    batch = read_batch(project.folder / batches[-1].file)
    assert batch.images.shape == (4, 32, 32)
    assert set(batch.cases) <= {f"case{n}" for n in range(2, 8)}
    assert batch.kinds.count("on a lesion") >= 1
    holding = [int((labels == 1).any()) for labels, kind in zip(batch.labels, batch.kinds, strict=True) if "on" in kind]
    assert sum(holding) >= 1


def test_steps_tell_how_patches_were_drawn_and_where_the_time_went(project: Project) -> None:
    chosen = replace(recipe(12), sampling=Sampling(ratio=0.5), synthesis=Synthesis(method="copy_paste", rate=1.0))
    steps = [event for event in run(project, chosen) if isinstance(event, StepsDone)]

    for event in steps:
        assert event.asked_share == 0.5
        assert event.forced_share == 0.5  # two of four, exactly
        assert event.hard_share == 0.0
        assert 0 < event.pasted_share <= 1
        assert event.skill < 1
        assert event.batches_without_foreground == 0.0
        assert event.dead_batches == 0.0
        parts = (event.loading, event.augmenting, event.learning, event.validating)
        assert all(0 <= part <= 1 for part in parts)
        assert event.learning > 0
    assert steps[-1].loading + steps[-1].augmenting + steps[-1].learning + steps[-1].validating <= 1.01


def test_uniform_sampling_asks_for_nothing_and_tells_what_came(project: Project) -> None:
    steps = [
        e for e in run(project, replace(recipe(), sampling=Sampling(method="uniform"))) if isinstance(e, StepsDone)
    ]

    assert {event.asked_share for event in steps} == {0.0}
    assert {event.forced_share for event in steps} == {0.0}


def test_a_person_chooses_the_watched_case_and_asks_for_patches(tmp_path: Path) -> None:
    with make_small_project(tmp_path / "p", empty=(1,), split=False) as project:
        project.set_parts({f"case{n}": Part.VALIDATION if n < 3 else Part.TRAIN for n in range(8)})
        stop = StopSignal()
        stop.ask(WatchCase(case="case2"))
        stop.ask(WatchCase(case="no such case"))
        stop.ask(ShowBatch())  # before the first step there is nothing to show
        events = run(project, recipe(), stop)

    assert {event.case for event in events if isinstance(event, CaseShown)} == {"case2"}


def test_patches_in_three_dimensions_show_the_plane_with_most_foreground(tmp_path: Path) -> None:
    with make_small_project(tmp_path / "p", planes=6, edge=32) as project:
        chosen = replace(recipe(1), network=Network(dimensions="3d"))
        events = run(project, chosen)
        (batch, *_) = (read_batch(project.folder / event.file) for event in events if isinstance(event, BatchShown))

    assert batch.images.ndim == 3
    assert any((labels == 1).any() for labels in batch.labels)


def test_a_patch_is_shown_as_the_network_saw_it() -> None:
    images = torch.zeros(1, 1, 3, 4, 600)
    images[0, 0, 2, 1, 1:] = 2.0
    labels = torch.zeros(1, 1, 3, 4, 600)
    labels[0, 0, 2, 1, 3] = 1
    logits = torch.full((1, 1, 3, 4, 600), -20.0)
    logits[0, 0, 2, 1, 3] = 20.0
    batch = Batch(
        images=images.numpy(),
        labels=labels[:, 0].numpy().astype(np.uint8),
        cases=(1,),
        origins=((0, 0, 0),),
        flat=False,
        kinds=(PatchKind.HARD_NEGATIVE,),
        pasted=(True,),
    )

    shown = LastBatch(batch=batch, images=images, labels=labels, logits=logits).picture(("a", "b"))

    assert shown.kinds == ("hard negative, pasted",)
    assert shown.cases == ("b",)
    assert shown.images.shape == (1, 2, 200)  # every third voxel: no edge is longer than MOST_EDGE
    assert max(shown.images.shape) <= MOST_EDGE
    assert shown.labels[0, 0, 1] == 0
    assert shown.images.max() == 255 or shown.images.max() == 0


def test_a_full_disk_ends_the_pictures_and_not_the_run(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(file: Path, steps: object) -> None:
        raise CannotSave(file, "the disk is full, so it was not saved", remedy="free some space")

    monkeypatch.setattr(showing, "write_case", full)
    events = run(project, recipe())

    assert [e for e in events if isinstance(e, CaseShown | BatchShown)] == []
    told = [e.sentence for e in events if isinstance(e, Noticed) and "no longer shown" in e.sentence]
    assert len(told) == 1
    assert isinstance(events[-1], RunEnded)
    assert len([e for e in events if isinstance(e, Validated)]) >= 3
