"""example: rareseg evaluate --predictions masks-out/ --references masks/ --json"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any

import numpy as np

from segcore.cli.import_scans import check_exist
from segcore.cli.output import Output, plain
from segcore.errors import MaskMismatch, RareSegError, SettingProblem
from segcore.metrics.curves import quantise
from segcore.metrics.detection import CPM_RATES, Candidates, froc, recall_by_size
from segcore.metrics.empty import CONVENTIONS
from segcore.metrics.evaluation import CaseMetrics, evaluate_pair, mean_metrics, undefined_counts
from segcore.metrics.matching import Instances
from segcore.projects.pairing import natural_key
from segcore.scans.formats.table import is_scan_file, read_mask, read_volume, stem_of
from segcore.scans.volume import FOREGROUND, Mask

#: How the name of a probability map ends.
_MAP = "_probability"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--predictions", type=Path, required=True, help="folder of predicted masks")
    parser.add_argument("--references", type=Path, required=True, help="folder of reference masks")
    parser.add_argument("--foreground", type=int, help="reference value that is the lesion, where masks hold several")


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Pair by stem and measure."""
    check_exist([arguments.predictions, arguments.references])
    predicted, references = _masks(arguments.predictions), _masks(arguments.references)
    probabilities = _probabilities(arguments.predictions)
    common = sorted(set(predicted) & set(references), key=natural_key)
    if not common:
        raise SettingProblem("no predicted mask has the name of a reference mask", remedy="check both folders")
    cases: list[dict[str, Any]] = []
    measured: list[CaseMetrics] = []
    instances: list[Instances] = []
    candidates: list[Candidates] = []
    failed = []
    for stem in common:
        try:
            one, reference = _read_pair(predicted[stem], references[stem], arguments.foreground)
            if stem in probabilities:
                candidates.append(_candidates(probabilities[stem], reference))
        except RareSegError as error:
            failed.append({"file": predicted[stem].name, "error": str(error)})
            continue
        metrics = evaluate_pair(one, reference)
        measured.append(metrics)
        instances.append(Instances.of(one.labels == FOREGROUND, reference.labels))
        cases.append({"id": stem, **plain(metrics)})
    bins = recall_by_size(instances)
    unpaired = sorted(set(predicted) ^ set(references))
    result = {
        "cases": cases,
        "mean": mean_metrics(measured) if measured else {},
        "undefined": undefined_counts(measured) if measured else {},
        "recall_by_size": [{**plain(one), "recall": one.recall} for one in bins],
        "froc": _froc(candidates),
        "conventions": list(CONVENTIONS),
        "unpaired": unpaired,
        "failed": failed,
    }
    lines = [f"{c['id']}: Dice {_show(c['dice'])}, lesion F1 {_show(c['lesion_f1'])}" for c in cases]
    mean = mean_metrics(measured) if measured else {}
    lines.append(f"mean of {len(measured)}: Dice {_show(mean.get('dice'))}, lesion F1 {_show(mean.get('lesion_f1'))}")
    lines += [f"lesions of {b.low} to {b.high} voxels: {b.found} of {b.lesions} found" for b in bins]
    if candidates:
        lines.append(f"FROC over {len(candidates)} cases: mean recall {_show(froc(candidates).cpm)} (CPM)")
    lines += [f"not paired: {stem}" for stem in unpaired] + [str(item["error"]) for item in failed]
    output.answer(result, [*lines, *CONVENTIONS])
    return 0 if measured else 2


def _masks(folder: Path) -> dict[str, Path]:
    files = sorted(file for file in folder.iterdir() if is_scan_file(file))
    return {stem_of(file): file for file in files if not stem_of(file).endswith(_MAP)}


def _probabilities(folder: Path) -> dict[str, Path]:
    """Return the probability maps that ``rareseg predict --probabilities`` wrote, by case."""
    found = {stem_of(file): file for file in sorted(folder.iterdir()) if is_scan_file(file)}
    return {stem.removesuffix(_MAP): file for stem, file in found.items() if stem.endswith(_MAP)}


def _read_pair(predicted_file: Path, reference_file: Path, foreground: int | None) -> tuple[Mask, Mask]:
    predicted, reference = read_mask(predicted_file), read_mask(reference_file, foreground=foreground)
    if predicted.grid.shape != reference.grid.shape:
        raise MaskMismatch(predicted_file, "it has another shape than its reference", remedy="predict the same scan")
    if not predicted.grid.matches(reference.grid, tolerance_mm=0.1 * min(reference.grid.spacing)):
        raise MaskMismatch(predicted_file, "it lies elsewhere than its reference", remedy="predict the same scan")
    return Mask(labels=predicted.labels, grid=reference.grid), reference


def _candidates(file: Path, reference: Mask) -> Candidates:
    probability = read_volume(file).voxels[0]
    if probability.shape != reference.labels.shape:
        raise MaskMismatch(file, "it has another shape than its reference", remedy="predict the same scan")
    clipped = np.clip(probability.astype(np.float64), 1e-12, 1 - 1e-12)
    return Candidates.of(quantise(np.log(clipped / (1 - clipped))), reference.labels)


def _froc(candidates: list[Candidates]) -> dict[str, Any]:
    """Return the curve's figures; empty where no probability map was given."""
    if not candidates:
        return {}
    curve = froc(candidates)
    at = [{"false_alarms_per_case": rate, "recall": curve.recall_at(rate)} for rate in CPM_RATES]
    return {"cases": len(candidates), "cpm": curve.cpm, "at": at}


def _show(value: float | None) -> str:
    return "undefined" if value is None or math.isnan(value) else f"{value:.3f}"
