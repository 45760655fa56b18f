from pathlib import Path

import pytest

from segcore.errors import UnreadableFile
from segcore.training.queue import RunQueue
from segcore.training.recipe import Budget, LossTerm, Recipe


def names(queue: RunQueue) -> list[str]:
    return [run.recipe.name for run in queue.runs]


@pytest.fixture
def queue(tmp_path: Path) -> RunQueue:
    made = RunQueue(tmp_path)
    for name in ("a", "b", "c"):
        made.add(Recipe(name=name))
    return made


def test_runs_start_in_the_order_in_which_they_were_added(queue: RunQueue) -> None:
    assert names(queue) == ["a", "b", "c"]
    first = queue.take_next()
    assert first is not None
    assert first.recipe.name == "a"
    assert names(queue) == ["b", "c"]


def test_the_queue_survives_a_restart_with_everything_in_it(queue: RunQueue, tmp_path: Path) -> None:
    recipe = Recipe(name="d", loss=(LossTerm(name="focal", weight=2.0),), budget=Budget(steps=7))
    queue.add(recipe, resume="20260101-run")

    again = RunQueue(tmp_path).runs

    assert (again[-1].recipe, again[-1].resume) == (recipe, "20260101-run")
    assert len({run.id for run in again}) == 4


def test_runs_are_moved_as_far_as_there_is_room_and_removed(queue: RunQueue) -> None:
    a, b, c = queue.runs
    queue.move(c.id, -1)
    assert names(queue) == ["a", "c", "b"]
    queue.move(a.id, -5)
    assert names(queue) == ["a", "c", "b"]
    queue.move(a.id, 9)
    assert names(queue) == ["c", "b", "a"]
    queue.remove(b.id)
    queue.remove(b.id)
    queue.move(b.id, 1)
    assert names(queue) == ["c", "a"]


def test_an_empty_queue_gives_nothing(tmp_path: Path) -> None:
    assert RunQueue(tmp_path).runs == ()
    assert RunQueue(tmp_path).take_next() is None


def test_a_damaged_queue_is_told_in_a_sentence_and_not_overwritten(queue: RunQueue, tmp_path: Path) -> None:
    file = tmp_path / "runs" / "queue.json"
    file.write_text("{ torn", "utf-8")

    with pytest.raises(UnreadableFile, match="the queue cannot be read"):
        queue.add(Recipe())
    assert file.read_text("utf-8") == "{ torn"
