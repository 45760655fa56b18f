"""Predicting cases of a project and keeping the results in it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from segcore.errors import Cancelled, RareSegError
from segcore.inference.devices import choose_device
from segcore.inference.model import load_model
from segcore.inference.predict import read_volume
from segcore.metrics.curves import quantise
from segcore.projects.project import Project
from segcore.review.predictions import PredictionFacts, Predictions


def predict_cases(
    project: Project,
    model_folder: Path,
    cases: Sequence[str],
    *,
    device: str,
    flips: bool,
    stop: Callable[[], None],
    predicted: Callable[[str, float, float, int, int], None],
    failed: Callable[[str, RareSegError], None],
) -> int:
    """Predict cases one by one; a case that fails is told and the others go on. Returns how many succeeded.

    Parameters
    ----------
    stop
        Called before every tile; raises `Cancelled` to end. Finished cases stay.
    predicted
        Called with (case, seconds, foreground fraction, done, total).
    failed
        Called with (case, error).

    Raises
    ------
    UnreadableFile, EngineProblem
        If the model cannot be loaded or the device is not there.
    """
    chosen = choose_device(device)
    model = load_model(model_folder, chosen)
    kept = Predictions(project.predictions_folder / model.facts.id)
    hashes = project.scan_hashes()
    done = 0
    for case in cases:
        began = time.monotonic()
        try:
            reading = read_volume(model, project.scan(case), device=chosen, flips=flips, stop=stop)
            steps = quantise(reading.logits)
            seconds = time.monotonic() - began
            facts = PredictionFacts(
                model=model.facts.id,
                case=case,
                step=model.facts.step,
                seconds=seconds,
                scan_hash=hashes.get(case, ""),
                members=len(model.networks),
                spread=reading.spread,
            )
            kept.write(steps, facts, reading.disagreement)
        except Cancelled:
            return done
        except RareSegError as error:
            failed(case, error)
            continue
        done += 1
        predicted(case, seconds, float((steps >= model.facts.step).mean()), done, len(cases))
    return done
