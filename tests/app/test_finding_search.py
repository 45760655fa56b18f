"""Findings are looked for beside the window, and only the newest question is answered."""

import numpy as np
from pytestqt.qtbot import QtBot

from app.background import Background
from app.review.finding_search import FindingSearch
from segcore.geometry import Grid

GRID = Grid.from_spacing((4, 20, 20), (1.0, 1.0, 1.0))


def prediction() -> np.ndarray:
    """Two lesions: one voxel of logit 5, four of logit 2."""
    steps = np.full(GRID.shape, -50, np.int8)
    steps[0, 3, 3] = 50
    steps[2, 10:12, 10:12] = 20
    return steps


def test_a_small_prediction_is_answered_at_once(background: Background) -> None:
    search, answers = FindingSearch(background), []
    search.found.connect(lambda findings, first: answers.append((len(findings), first)))
    search.ask(prediction(), 10, GRID, None, first=True)
    search.ask(prediction(), 30, GRID, None)
    assert answers == [(2, True), (1, False)]


def test_of_a_large_one_only_the_newest_threshold_is_answered(background: Background, qtbot: QtBot) -> None:
    search, answers = FindingSearch(background), []
    search.small = 0
    search.found.connect(lambda findings, first: answers.append((len(findings), first)))
    search.ask(prediction(), 10, GRID, None)
    search.ask(prediction(), 30, GRID, None)
    assert answers == []
    qtbot.waitUntil(lambda: background.running_tasks == 0)
    assert answers == [(1, False)]


def test_nothing_is_answered_after_another_case_is_shown(background: Background, qtbot: QtBot) -> None:
    search, answers = FindingSearch(background), []
    search.small = 0
    search.found.connect(lambda findings, first: answers.append(findings))
    search.ask(prediction(), 10, GRID, None)
    search.cancel()
    qtbot.waitUntil(lambda: background.running_tasks == 0)
    assert answers == []


def test_what_goes_wrong_is_told(background: Background, qtbot: QtBot) -> None:
    search, errors = FindingSearch(background), []
    search.small = 0
    search.failed.connect(errors.append)
    search.ask(prediction()[:2], 10, GRID, None)  # does not lie on the grid
    qtbot.waitUntil(lambda: len(errors) == 1)
    assert "does not lie on a scan" in str(errors[0])
