"""Is an ensemble better than its mean member? Held-out test cases of the demo project, several ensembles, intervals.

    python -m tests.benchmarks.ensemble_of_three --project FOLDER [--repeats 3] [--members 3] [--steps 300] [--folds]

Every ensemble and every member predicts each test case at its own threshold, fitted on validation cases. Per case, the
ensemble's metric minus the mean of its members' is averaged over the ensembles; the interval is over cases. Goes on
where it was left: ensembles that are trained already are not trained again.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segcore.demo import open_or_make_demo
from segcore.inference.devices import choose_device
from segcore.inference.model import load_model
from segcore.inference.predict import read_volume
from segcore.metrics.curves import LogitHistogram, quantise
from segcore.metrics.evaluation import evaluate_pair
from segcore.metrics.inference import compare_paired
from segcore.projects.case import Case, Part
from segcore.projects.project import Project
from segcore.scans.volume import Mask
from segcore.training.events import RunEvent
from segcore.training.recipe import FOLDS, SEEDS, Budget, Ensemble, Machine, Recipe
from segcore.training.record import RunState, read_run
from segcore.training.recorded import train_in_folder
from segcore.training.stopping import StopSignal

METRICS = ("dice", "average_precision", "lesion_f1")


def main() -> int:
    """Train, measure, and answer with JSON."""
    asked = _parse()
    with open_or_make_demo(asked.project) as project:
        folders = [_trained(project, asked, number) for number in range(asked.repeats)]
        test = [case for case in project.cases() if case.part is Part.TEST]
        together = np.stack([_measured(project, folder / "model", test) for folder in folders])
        alone = np.stack([_members(project, folder, test) for folder in folders])
    spreads = [_spread(folder, asked.project, test) for folder in folders]
    result = {
        "ensembles": asked.repeats,
        "members": asked.members,
        "differ_in": FOLDS if asked.folds else SEEDS,
        "steps": asked.steps,
        "cases": len(test),
        **{name: _compared(together[..., k], alone[..., k]) for k, name in enumerate(METRICS)},
        "disagreement_against_error": spreads,
    }
    sys.stdout.write(json.dumps(result, indent=1) + "\n")
    return 0


def _trained(project: Project, asked: argparse.Namespace, number: int) -> Path:
    recipe = Recipe(
        name=f"Ensemble {number + 1}",
        budget=Budget(steps=asked.steps),
        ensemble=Ensemble(members=asked.members, differ_in=FOLDS if asked.folds else SEEDS),
        machine=Machine(seed=100 * number, threads=asked.threads),
    )
    folder = project.runs_folder / f"{'folds' if asked.folds else 'seeds'}-{asked.steps}-{number + 1}"
    record = read_run(folder)
    if record is None or record.state is not RunState.FINISHED:
        resume = record is not None and record.can_resume
        train_in_folder(project, recipe, folder, tell=_tell, stop=StopSignal(), resume=resume)
    return folder


def _tell(event: RunEvent) -> None:
    if type(event).__name__ in ("MemberStarted", "Noticed", "RunEnded"):
        sys.stderr.write(f"{event}\n")


def _measured(project: Project, model_folder: Path, cases: Sequence[Case]) -> NDArray[np.float64]:
    """Return (cases, metrics) of a model at its own threshold."""
    device = choose_device("auto")
    model = load_model(model_folder, device)
    rows = []
    for case in cases:
        reference = project.mask(case.id)
        logits = read_volume(model, project.scan(case.id), device=device).logits
        predicted = Mask(labels=(quantise(logits) >= model.facts.step).astype(np.uint8), grid=reference.grid)
        one = evaluate_pair(predicted, reference)
        histogram = LogitHistogram()
        histogram.add(logits, reference.labels)
        rows.append((one.dice, histogram.average_precision(), one.lesion_f1))
    return np.array(rows)


def _members(project: Project, folder: Path, cases: Sequence[Case]) -> NDArray[np.float64]:
    """Return (cases, metrics): means over the members."""
    models = sorted((folder / "members").glob("*/model"))
    return np.asarray(np.mean([_measured(project, model, cases) for model in models], axis=0))


def _compared(together: NDArray[np.float64], alone: NDArray[np.float64]) -> dict[str, object]:
    """Return the comparison per case, both averaged over the ensembles first."""
    a, b = together.mean(axis=0), alone.mean(axis=0)
    found = compare_paired(a.tolist(), b.tolist())
    return {
        "ensemble": float(np.nanmean(a)),
        "mean_member": float(np.nanmean(b)),
        "difference": found.difference,
        "interval": [found.low, found.high],
        "p": found.p,
        "verdict": found.verdict,
        "each_ensemble": np.nanmean(together, axis=1).tolist(),
        "each_mean_member": np.nanmean(alone, axis=1).tolist(),
    }


def _spread(folder: Path, project_folder: Path, cases: Sequence[Case]) -> float:
    """Return the rank correlation between the members' disagreement about a case and the ensemble's error in it."""
    device = choose_device("auto")
    model = load_model(folder / "model", device)
    spreads, errors = [], []
    with Project.open(project_folder, read_only=True) as project:
        for case in cases:
            reading = read_volume(model, project.scan(case.id), device=device)
            reference = project.mask(case.id)
            labels = (quantise(reading.logits) >= model.facts.step).astype(np.uint8)
            spreads.append(reading.spread)
            errors.append(1 - evaluate_pair(Mask(labels=labels, grid=reference.grid), reference).dice)
    ranks = [np.argsort(np.argsort(values)).astype(float) for values in (spreads, errors)]
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--project", type=Path, required=True, help="where the demo project is, or is made")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--members", type=int, default=3)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--folds", action="store_true", help="members leave out other patients")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
