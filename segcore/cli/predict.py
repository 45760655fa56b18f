"""examples:
rareseg predict my-project/runs/RUN/model --images new-scans/ --out masks/
rareseg predict model/ --images flair/ --channel T1=t1/ --out masks/ --probabilities
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np

from segcore.cli.import_scans import channels_of, check_exist
from segcore.cli.output import Output
from segcore.errors import RareSegError, SettingProblem
from segcore.geometry import reorder
from segcore.inference.devices import choose_device
from segcore.inference.model import Model, load_model
from segcore.inference.predict import predict_volume
from segcore.metrics.curves import quantise
from segcore.projects.importing import ImportPlan, PlannedCase, plan_import, read_planned
from segcore.scans.formats.table import mask_suffix_for, suffix_of, write_mask, write_volume
from segcore.scans.volume import Mask, Volume


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("model", type=Path, help="a model folder")
    parser.add_argument("--images", type=Path, nargs="+", required=True, help="folders or files of scans")
    parser.add_argument(
        "--channel", action="append", default=[], metavar="NAME=DIR", help="a further registered channel"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for the masks")
    parser.add_argument("--probabilities", action="store_true", help="also write probability maps (float32)")
    parser.add_argument("--tta", action="store_true", help="average over mirrored copies; slower, a little better")
    parser.add_argument("--device", default="auto")


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Predict every scan; one that fails is listed and the others go on."""
    check_exist(arguments.images)
    device = choose_device(arguments.device)
    model = load_model(arguments.model, device)
    plan: ImportPlan = plan_import(arguments.images, channels=channels_of(arguments.channel), masks_too=True)
    if not plan.cases and not plan.problems:
        raise SettingProblem("there is no scan in what was given", remedy="check --images")
    predictions: list[dict[str, Any]] = []
    failed = [{"file": p.file, "error": f"{p.what}; {p.remedy}"} for p in plan.problems if p.blocking]
    for number, planned in enumerate(plan.cases):
        output.progress(f"{number + 1} of {len(plan.cases)}: {planned.id}")
        try:
            predictions.append(_predict_one(model, planned, arguments))
        except RareSegError as error:
            failed.append({"file": planned.images[0][1].name, "error": str(error)})
            output.progress(str(error))
    lines = [f"{p['image']}: foreground {100 * p['foreground_fraction']:.3f} %" for p in predictions]
    output.answer(
        {"predictions": predictions, "failed": failed}, [*lines, f"{len(predictions)} predicted, {len(failed)} failed"]
    )
    return 0 if predictions or not failed else 2


def _predict_one(model: Model, planned: PlannedCase, arguments: argparse.Namespace) -> dict[str, Any]:
    began = time.monotonic()
    volume = read_planned(planned)
    canonical = volume.canonical()
    logits = predict_volume(model, canonical, device=model.device, flips=arguments.tta)
    labels = (quantise(logits) >= model.facts.step).astype(np.uint8)
    mask = Mask(labels=labels, grid=canonical.grid).on(volume.grid)
    file = planned.images[0][1]
    target = arguments.out / f"{planned.id}{mask_suffix_for(suffix_of(file))}"
    write_mask(target, mask)
    if arguments.probabilities:
        probability = (1 / (1 + np.exp(-logits))).astype(np.float32)
        back = np.ascontiguousarray(reorder(probability, canonical.grid, volume.grid))
        suffix = ".tif" if not volume.grid.calibrated else ".nii.gz"
        path = arguments.out / f"{planned.id}_probability{suffix}"
        write_volume(path, Volume(voxels=back[np.newaxis], grid=volume.grid, channels=("probability",)))
    return {
        "image": file.name,
        "mask": target,
        "seconds": time.monotonic() - began,
        "foreground_fraction": float(labels.mean()),
    }
