"""example: rareseg evaluate --predictions masks-out/ --references masks/ --json"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any

from segcore.cli.import_scans import check_exist
from segcore.cli.output import Output, plain
from segcore.errors import MaskMismatch, RareSegError, SettingProblem
from segcore.metrics.empty import CONVENTIONS
from segcore.metrics.evaluation import CaseMetrics, evaluate_pair, mean_metrics, undefined_counts
from segcore.projects.pairing import natural_key
from segcore.scans.formats.table import is_scan_file, read_mask, stem_of
from segcore.scans.volume import Mask


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--predictions", type=Path, required=True, help="folder of predicted masks")
    parser.add_argument("--references", type=Path, required=True, help="folder of reference masks")
    parser.add_argument("--foreground", type=int, help="reference value that is the lesion, where masks hold several")


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Pair by stem and measure."""
    check_exist([arguments.predictions, arguments.references])
    predicted, references = _masks(arguments.predictions), _masks(arguments.references)
    common = sorted(set(predicted) & set(references), key=natural_key)
    if not common:
        raise SettingProblem("no predicted mask has the name of a reference mask", remedy="check both folders")
    cases: list[dict[str, Any]] = []
    measured: list[CaseMetrics] = []
    failed = []
    for stem in common:
        try:
            metrics = _measure(predicted[stem], references[stem], arguments.foreground)
        except RareSegError as error:
            failed.append({"file": predicted[stem].name, "error": str(error)})
            continue
        measured.append(metrics)
        cases.append({"id": stem, **plain(metrics)})
    unpaired = sorted(set(predicted) ^ set(references))
    result = {
        "cases": cases,
        "mean": mean_metrics(measured) if measured else {},
        "undefined": undefined_counts(measured) if measured else {},
        "conventions": list(CONVENTIONS),
        "unpaired": unpaired,
        "failed": failed,
    }
    lines = [f"{c['id']}: Dice {_show(c['dice'])}, lesion F1 {_show(c['lesion_f1'])}" for c in cases]
    mean = mean_metrics(measured) if measured else {}
    lines.append(f"mean of {len(measured)}: Dice {_show(mean.get('dice'))}, lesion F1 {_show(mean.get('lesion_f1'))}")
    lines += [f"not paired: {stem}" for stem in unpaired] + [str(item["error"]) for item in failed]
    output.answer(result, [*lines, *CONVENTIONS])
    return 0 if measured else 2


def _masks(folder: Path) -> dict[str, Path]:
    files = sorted(file for file in folder.iterdir() if is_scan_file(file))
    return {stem_of(file): file for file in files if not stem_of(file).endswith("_probability")}


def _measure(predicted_file: Path, reference_file: Path, foreground: int | None) -> CaseMetrics:
    predicted, reference = read_mask(predicted_file), read_mask(reference_file, foreground=foreground)
    if predicted.grid.shape != reference.grid.shape:
        raise MaskMismatch(predicted_file, "it has another shape than its reference", remedy="predict the same scan")
    if not predicted.grid.matches(reference.grid, tolerance_mm=0.1 * min(reference.grid.spacing)):
        raise MaskMismatch(predicted_file, "it lies elsewhere than its reference", remedy="predict the same scan")
    return evaluate_pair(Mask(labels=predicted.labels, grid=reference.grid), reference)


def _show(value: float | None) -> str:
    return "undefined" if value is None or math.isnan(value) else f"{value:.3f}"
