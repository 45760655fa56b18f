import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from segcore.errors import CannotSave
from segcore.training.events import (
    EndReason,
    Noticed,
    RunEnded,
    RunEvent,
    RunFailed,
    RunStarted,
    StepsDone,
    Validated,
)
from segcore.training.recipe import Recipe, Sampling
from segcore.training.record import (
    RunState,
    RunWriter,
    list_runs,
    new_run_id,
    process_start,
    read_events,
    read_key_events,
    read_run,
)

STARTED = RunStarted(
    run="r1",
    time="2026-01-02T03:04:05Z",
    device="CPU",
    network="U-Net",
    total_steps=10,
    total_seconds=None,
    train_cases=3,
    validation_cases=1,
    prevalence=0.001,
    sampled_prevalence=0.01,
)


def steps(step: int) -> StepsDone:
    return StepsDone(
        step=step,
        seconds=step / 2,
        loss=1.0,
        gradient_share=0.5,
        predicted_fraction=0.1,
        true_fraction=0.1,
        patches_with_foreground=0.5,
        learning_rate=1e-3,
        patches_per_second=10.0,
        remaining_seconds=1.0,
    )


def validated(step: int, dice: float, *, is_best: bool) -> Validated:
    return Validated(
        step=step,
        seconds=step / 2,
        dice=dice,
        precision=float("nan"),
        recall=0.5,
        pooled_dice=dice,
        dice_at_half=dice,
        average_precision=0.4,
        lesion_f1=0.3,
        threshold=0.5,
        predicted_fraction=0.01,
        true_fraction=0.01,
        soft_fraction=0.02,
        foreground_probability=0.6,
        skill=0.2,
        is_best=is_best,
        cases=(),
    )


def ended(reason: EndReason) -> RunEnded:
    return RunEnded(step=9, seconds=5.0, reason=reason, best_step=5, sentence="It is over.")


FAILED = RunFailed(sentence="It broke.", remedy="", kept="There was no model yet.")


def record(folder: Path, *events: RunEvent) -> RunWriter:
    writer = RunWriter(folder, Recipe())
    for event in events:
        writer.append(event)
    return writer


def pretend_engine(folder: Path, *, pid: int, started: str) -> None:
    (folder / "engine.json").write_text(json.dumps({"pid": pid, "started": started}))


def state(folder: Path) -> RunState:
    found = read_run(folder)
    assert found is not None
    return found.state


def test_events_come_back_in_order_and_as_they_were(tmp_path: Path) -> None:
    events = (STARTED, steps(3), ended(EndReason.FINISHED))
    record(tmp_path / "r1", *events)
    assert read_events(tmp_path / "r1") == events


def test_a_torn_last_line_is_left_out_and_does_not_spoil_the_next_one(tmp_path: Path) -> None:
    folder = tmp_path / "r1"
    record(folder, STARTED, steps(3))
    log = folder / "events.jsonl"
    log.write_bytes(log.read_bytes()[:-20])
    assert read_events(folder) == (STARTED,)
    record(folder, steps(7))
    assert read_events(folder) == (STARTED, steps(7))


def test_damage_in_the_middle_costs_only_its_lines(tmp_path: Path) -> None:
    folder = tmp_path / "r1"
    record(folder, STARTED, steps(3))
    with (folder / "events.jsonl").open("ab") as log:
        log.write(b'\xff\xfe\x00garbage\n{"type": "FromTheFuture", "x": 1}\n[1, 2]\n')
    record(folder, steps(7))
    assert read_events(folder) == (STARTED, steps(3), steps(7))


def test_a_record_tells_the_kept_model_and_how_far_the_run_came(tmp_path: Path) -> None:
    folder = tmp_path / "r1"
    record(folder, STARTED, steps(3), validated(4, 0.5, is_best=True), steps(8), validated(9, 0.4, is_best=False))
    found = read_run(folder)
    assert found is not None
    assert (found.id, found.started, found.steps, found.seconds) == ("r1", STARTED.time, 9, 4.5)
    assert found.best is not None
    assert found.best.dice == 0.5
    assert (found.has_model, found.can_resume, found.recipe) == (False, False, Recipe())


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        (ended(EndReason.FINISHED), RunState.FINISHED),
        (ended(EndReason.STOPPED), RunState.STOPPED),
        (ended(EndReason.WINDOW_CLOSED), RunState.STOPPED),
        (ended(EndReason.CANCELLED), RunState.CANCELLED),
        (FAILED, RunState.FAILED),
        (steps(3), RunState.RUNNING),  # by this very process
    ],
)
def test_the_last_event_decides_the_state(tmp_path: Path, last: RunEvent, expected: RunState) -> None:
    record(tmp_path / "r1", STARTED, last)
    assert state(tmp_path / "r1") is expected


def test_a_run_whose_engine_is_gone_is_interrupted_and_can_go_on(tmp_path: Path) -> None:
    folder = tmp_path / "r1"
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    record(folder, STARTED, steps(3))
    pretend_engine(folder, pid=gone.pid, started="")
    assert state(folder) is RunState.INTERRUPTED
    (folder / "checkpoint").mkdir()
    found = read_run(folder)
    assert found is not None
    assert found.can_resume


@pytest.mark.skipif(not process_start(os.getpid()), reason="this system does not tell when a process started")
def test_another_program_with_the_same_process_id_is_not_taken_for_the_engine(tmp_path: Path) -> None:
    folder = tmp_path / "r1"
    record(folder, STARTED)
    pretend_engine(folder, pid=os.getpid(), started="an-earlier-boot 17")
    assert state(folder) is RunState.INTERRUPTED


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"pid": "x"}', "\x00"])
def test_an_unreadable_note_of_the_engine_means_interrupted(tmp_path: Path, text: str) -> None:
    record(tmp_path / "r1", STARTED)
    (tmp_path / "r1" / "engine.json").write_text(text)
    assert state(tmp_path / "r1") is RunState.INTERRUPTED


def test_a_resumed_run_is_running_from_its_first_word_on(tmp_path: Path) -> None:
    folder = tmp_path / "r1"
    record(folder, STARTED, ended(EndReason.STOPPED))
    assert state(folder) is RunState.STOPPED
    record(folder, Noticed(sentence="The images are shrunk."))
    assert state(folder) is RunState.RUNNING


def test_runs_are_listed_newest_first_and_strange_folders_are_left_out(tmp_path: Path) -> None:
    assert list_runs(tmp_path) == ()
    ids = [new_run_id(Recipe(), at=datetime(2026, 1, day, tzinfo=UTC)) for day in (1, 3, 2)]
    for run in ids:
        record(tmp_path / "runs" / run, STARTED)
    (tmp_path / "runs" / "notes").mkdir()
    (tmp_path / "runs" / "zzz.txt").write_text("a file")
    assert [run.id for run in list_runs(tmp_path)] == [ids[1], ids[2], ids[0]]


def test_an_id_is_a_safe_folder_name(tmp_path: Path) -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
    named = Recipe(name='Müller/../"x"  second try', sampling=Sampling())
    assert new_run_id(named, at=moment) == "20260102-030405-678-m-ller-x-second-try"
    assert new_run_id(Recipe(name="…"), at=moment) == "20260102-030405-678"


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_read_only_folder_is_a_sentence(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(CannotSave, match="read-only"):
        RunWriter(tmp_path / "r1", Recipe())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_a_sentence_and_what_was_written_stays(tmp_path: Path) -> None:
    folder = tmp_path / "r1"
    writer = record(folder, STARTED)
    log = folder / "events.jsonl"
    kept = log.read_bytes()
    log.unlink()
    log.symlink_to("/dev/full")
    with pytest.raises(CannotSave, match="disk is full"):
        writer.append(steps(3))
    log.unlink()
    log.write_bytes(kept)
    assert read_events(folder) == (STARTED,)


def test_a_list_of_runs_reads_no_reports_of_steps_but_the_last_and_sees_every_change(tmp_path: Path) -> None:
    folder = tmp_path / "r1"
    writer = RunWriter(folder, Recipe())
    for step in range(1, 6):
        writer.append(steps(step))
    assert [event.step for event in read_key_events(folder) if isinstance(event, StepsDone)] == [5]
    assert read_run(folder).steps == 5  # type: ignore[union-attr]
    writer.append(steps(6))
    assert read_run(folder).steps == 6  # type: ignore[union-attr]
    assert len(read_events(folder)) == 6
