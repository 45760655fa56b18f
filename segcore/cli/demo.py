"""example: rareseg demo --minutes 2 --json"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any

import numpy as np

from segcore.cli.output import Output, plain
from segcore.cli.train import add_recipe_arguments, recipe_from, train_and_tell
from segcore.demo import open_or_make_demo
from segcore.inference.devices import choose_device
from segcore.inference.model import load_model
from segcore.inference.predict import predict_volume
from segcore.metrics.baseline import apply_intensity_rule, fit_intensity_rule
from segcore.metrics.curves import LogitHistogram, quantise
from segcore.metrics.empty import mean_of_defined
from segcore.metrics.evaluation import evaluate_pair, mean_metrics
from segcore.projects.case import Case, Part
from segcore.projects.project import Project
from segcore.scans.volume import Mask


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--project", type=Path, help="where to make (or find) the demo project; default: your data folder"
    )
    add_recipe_arguments(parser)


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Make the project, train, and measure the held-out test cases."""
    recipe = recipe_from(arguments)
    project = open_or_make_demo(
        arguments.project, report=lambda done, total, case: output.progress(f"making patient {done + 1} of {total}")
    )
    with project:
        folder = project.folder
    result = train_and_tell(folder, recipe, output)
    with Project.open(folder, read_only=True) as project:
        test = [case for case in project.cases() if case.part is Part.TEST]
        train = [case for case in project.cases() if case.part is Part.TRAIN]
        result["test"] = measure(project, Path(result["model"]), test, recipe.machine.device, output)
        result["threshold_baseline_dice"] = _baseline(project, train, test)
    result["settings"] = plain(recipe)
    measured = result["test"]
    lines = [
        f"{case['id']}: Dice {_show(case['dice'])}, lesion F1 {_show(case['lesion_f1'])}" for case in measured["cases"]
    ]
    lines.append(
        f"test mean of {len(measured['cases'])}: Dice {_show(measured['dice'])}, average precision {_show(measured['ap'])}, "
        f"lesion F1 {_show(measured['lesion_f1'])}; best intensity threshold {_show(result['threshold_baseline_dice'])}"
    )
    output.answer(result, lines)
    return 0


def measure(project: Project, model_folder: Path, cases: list[Case], device: str, output: Output) -> dict[str, Any]:
    """Return the model's metrics on whole cases, per case and in the mean."""
    chosen = choose_device(device)
    model = load_model(model_folder, chosen)
    rows, metrics, aps = [], [], []
    for case in cases:
        output.progress(f"measuring {case.id}")
        reference = project.mask(case.id)
        logits = predict_volume(model, project.scan(case.id), device=chosen)
        predicted = Mask(labels=(quantise(logits) >= model.facts.step).astype(np.uint8), grid=reference.grid)
        one = evaluate_pair(predicted, reference)
        histogram = LogitHistogram()
        histogram.add(logits, reference.labels)
        metrics.append(one)
        aps.append(histogram.average_precision())
        rows.append({"id": case.id, "ap": aps[-1], **plain(one)})
    means = mean_metrics(metrics)
    return {
        "dice": means["dice"],
        "ap": mean_of_defined(aps),
        "lesion_f1": means["lesion_f1"],
        "cases": rows,
    }


def _baseline(project: Project, train: list[Case], test: list[Case]) -> float:
    rule = fit_intensity_rule((project.scan(case.id), project.mask(case.id)) for case in train)
    return mean_of_defined(apply_intensity_rule(rule, project.scan(c.id), project.mask(c.id)).dice for c in test)


def _show(value: float | None) -> str:
    return "undefined" if value is None or math.isnan(value) else f"{value:.3f}"
