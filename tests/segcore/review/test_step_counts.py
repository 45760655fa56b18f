"""How many voxels have each step: counted once per prediction, and again when there is a new one."""

import os
from pathlib import Path

import numpy as np
import pytest

from segcore.review import predictions as module
from segcore.review.predictions import PredictionFacts, Predictions, count_steps

FACTS = PredictionFacts(model="m", case="a", step=0, seconds=1.0, scan_hash="")


def test_steps_are_counted_by_hand() -> None:
    counts = count_steps(np.array([[[-128, -128, 0], [5, 127, 5]]], np.int8))
    assert {step - 128: int(n) for step, n in enumerate(counts) if n} == {-128: 2, 0: 1, 5: 2, 127: 1}


def test_pieces_are_summed(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = np.random.default_rng(0).integers(-128, 128, (3, 50, 70)).astype(np.int8)
    whole = count_steps(steps)
    monkeypatch.setattr(module, "_PIECE", 101)
    assert np.array_equal(count_steps(steps), whole)
    assert whole.sum() == steps.size


def test_a_prediction_is_counted_when_it_is_written_and_not_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictions = Predictions(tmp_path / "m")
    predictions.write(np.zeros((2, 3, 4), np.int8), FACTS)
    monkeypatch.setattr(module, "count_steps", lambda steps: pytest.fail("counted again"))
    assert predictions.counts(predictions.load("a"))[128] == 24


def test_voxels_that_were_replaced_are_counted_anew(tmp_path: Path) -> None:
    predictions = Predictions(tmp_path / "m")
    predictions.write(np.zeros((2, 3, 4), np.int8), FACTS)
    file = tmp_path / "m" / "a.npy"
    np.save(file, np.full((2, 3, 4), 9, np.int8))
    os.utime(file, ns=(1, 1))  # as by a program that keeps no counts
    assert predictions.counts(predictions.load("a"))[128 + 9] == 24


def test_damaged_counts_are_counted_anew(tmp_path: Path) -> None:
    predictions = Predictions(tmp_path / "m")
    predictions.write(np.zeros((2, 3, 4), np.int8), FACTS)
    (tmp_path / "m" / "counts" / "a.npy").write_bytes(b"no array")
    assert predictions.counts(predictions.load("a"))[128] == 24
