import os
import signal
import time
from pathlib import Path

import pytest

from segcore.engine.client import EngineProcess, describe_death
from segcore.engine.messages import (
    Cancel,
    EngineDied,
    EngineReady,
    JobCancelled,
    JobFailed,
    JobProgress,
    PaceJob,
    PaceMeasured,
    PatchesJob,
    PatchesMade,
    PredictionsEnded,
    PredictJob,
    ProbeJob,
    Stop,
    TrainJob,
)
from segcore.review.predictions import Predictions
from segcore.training.estimate import estimate, gather_facts
from segcore.training.events import CheckpointSaved, EndReason, RunEnded, RunStarted, StepsDone, Validated
from segcore.training.patch_examples import read_examples, read_patch
from segcore.training.recipe import Budget, Machine, Optimiser, Recipe
from segcore.training.record import RunState, list_runs, read_run
from tests.segcore.small_project import make_small_project

pytestmark = pytest.mark.engine
LONG = Recipe(budget=Budget(minutes=0.8), machine=Machine(threads=1))


def test_a_probe_answers_with_the_devices() -> None:
    (ready,) = EngineProcess.start(ProbeJob()).messages()
    assert isinstance(ready, EngineReady)
    assert ready.devices[-1][0] == "cpu"


def test_a_run_is_told_recorded_and_its_model_predicts(tmp_path: Path) -> None:
    with make_small_project(tmp_path / "p") as project:
        recipe = Recipe(budget=Budget(steps=30, validations=2), machine=Machine(threads=1))
        job = TrainJob(project=str(project.folder), run="r1", recipe=recipe)
        told = list(EngineProcess.start(job).messages())
        kinds = [type(message) for message in told]
        assert kinds[0] is EngineReady
        assert {RunStarted, StepsDone, Validated, CheckpointSaved} <= set(kinds)
        assert isinstance(told[-1], RunEnded)
        (record,) = list_runs(project.folder)
        assert (record.state, record.steps, record.recipe, record.has_model) == (RunState.FINISHED, 30, recipe, True)
        assert record.best is not None
        model = str(record.model_folder)
        more = list(
            EngineProcess.start(PredictJob(project=str(project.folder), model=model, cases=("case1", "x"))).messages()
        )
        assert more[-1] == PredictionsEnded(done=1, total=2)
        prediction = Predictions(project.predictions_folder / "r1").load("case1")
        assert prediction.steps.shape == project.case("case1").grid.shape


SHORT = Recipe(optimiser=Optimiser(batch=2, patch=32), machine=Machine(device="cpu", threads=1))


def test_patches_are_made_in_files_with_progress_and_none_where_they_are_cancelled(tmp_path: Path) -> None:
    with make_small_project(tmp_path / "p") as project:
        job = PatchesJob(project=str(project.folder), recipe=SHORT, examples=2, variants=2, seed=0)
        told = list(EngineProcess.start(job).messages())
        assert isinstance(told[1], JobProgress)
        assert told[1].sentence == "Preparing scan 1 of 6"
        made = told[-1]
        assert isinstance(made, PatchesMade)
        shown = read_examples(Path(made.folder))
        assert len(shown.examples) == 2
        assert read_patch(Path(made.folder), shown.examples[0])[0].shape == (3, 1, 32, 32)
        engine = EngineProcess.start(job)
        engine.send(Cancel())
        assert isinstance(list(engine.messages())[-1], JobCancelled | PatchesMade)


def test_the_pace_is_measured_and_kept(tmp_path: Path) -> None:
    with make_small_project(tmp_path / "p") as project:
        (_, measured) = EngineProcess.start(PaceJob(project=str(project.folder), recipe=SHORT)).messages()
        assert measured == PaceMeasured(device="CPU, 1 thread")
        facts = gather_facts(project)
        assert facts is not None
        assert estimate(SHORT, facts).steps is not None


def follow_until_checkpoint(engine: EngineProcess) -> list[object]:
    told: list[object] = []
    for message in engine.messages():
        told.append(message)
        if isinstance(message, CheckpointSaved):
            break
    return told


def test_a_killed_engine_is_said_and_its_record_checkpoint_and_model_stay(tmp_path: Path) -> None:
    with make_small_project(tmp_path / "p") as project:
        engine = EngineProcess.start(TrainJob(project=str(project.folder), run="r1", recipe=LONG))
        told = []
        for message in engine.messages():
            told.append(message)
            if isinstance(message, CheckpointSaved):
                os.kill(engine.pid, signal.SIGKILL)
        died = told[-1]
        assert isinstance(died, EngineDied)
        assert died.code == -signal.SIGKILL
        assert "SIGKILL" in died.sentence
        assert "best model so far is kept" in died.sentence
        record = read_run(project.runs_folder / "r1")
        assert record is not None
        assert (record.state, record.has_model, record.can_resume) == (RunState.INTERRUPTED, True, True)
        resumed = EngineProcess.start(TrainJob(project=str(project.folder), run="r1", recipe=LONG, resume=True))
        steps = [m.step for m in follow_until_checkpoint(resumed) if isinstance(m, StepsDone)]
        assert steps[0] > record.steps - 1 or steps[0] > 1
        resumed.send(Stop())
        assert isinstance(list(resumed.messages())[-1], RunEnded)
        again = read_run(project.runs_folder / "r1")
        assert again is not None
        assert again.state is RunState.STOPPED


@pytest.mark.parametrize(("control", "state"), [(Stop(), RunState.STOPPED), (Cancel(), RunState.CANCELLED)])
def test_stop_keeps_the_model_and_cancel_discards_it(tmp_path: Path, control: Stop | Cancel, state: RunState) -> None:
    with make_small_project(tmp_path / "p") as project:
        engine = EngineProcess.start(TrainJob(project=str(project.folder), run="r1", recipe=LONG))
        told = []
        for message in engine.messages():
            told.append(message)
            if isinstance(message, CheckpointSaved):
                engine.send(control)
        assert isinstance(told[-1], RunEnded)
        record = read_run(project.runs_folder / "r1")
        assert record is not None
        assert (record.state, record.has_model) == (state, state is RunState.STOPPED)


def test_an_engine_whose_window_is_gone_keeps_its_best_model_and_ends(tmp_path: Path) -> None:
    with make_small_project(tmp_path / "p") as project:
        engine = EngineProcess.start(TrainJob(project=str(project.folder), run="r1", recipe=LONG))
        told = []
        for message in engine.messages():
            told.append(message)
            if isinstance(message, CheckpointSaved) and engine._process.stdin is not None:
                engine._process.stdin.close()
        assert isinstance(told[-1], RunEnded)
        assert told[-1].reason is EndReason.WINDOW_CLOSED
        assert (project.runs_folder / "r1" / "model" / "model.json").exists()


def test_a_job_that_cannot_be_done_ends_in_a_sentence(tmp_path: Path) -> None:
    told = list(EngineProcess.start(TrainJob(project=str(tmp_path / "nowhere"), run="r", recipe=LONG)).messages())
    assert isinstance(told[-1], JobFailed)
    assert "holds no RareSeg project" in told[-1].sentence


def test_an_engine_that_cannot_import_torch_is_an_error_not_a_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text("raise ImportError('libtorch is broken')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr("segcore.engine.client._ROOT", tmp_path)
    monkeypatch.chdir(Path(__file__).parents[3])
    began = time.monotonic()
    (died,) = EngineProcess.start(ProbeJob()).messages()
    assert isinstance(died, EngineDied)
    assert "libtorch is broken" in died.detail
    assert time.monotonic() - began < 30


@pytest.mark.parametrize(
    ("code", "words"), [(-9, "SIGKILL"), (-11, "SIGSEGV"), (3, "error 3"), (0, "without a result")]
)
def test_a_death_is_described(code: int, words: str) -> None:
    assert words in describe_death(code)
