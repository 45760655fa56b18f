"""Predicting a whole brain MR: ours against MONAI's sliding window, with the same trained network; time, Dice, memory.

Two small networks, a 2-D and a 3-D one, are trained for 50 processor seconds each on FLAIR scans with lesions of multiple
sclerosis of one patient, and predict another's: 182 x 218 x 182 voxels, 0.11 % lesion. Contestants get the same
prepared scan and write logits; Dice is that of the scan's own grid at the model's threshold, which was fitted
on this scan: what is compared is how tiles are laid, not how well the network learnt. Ours: all tiles, and a closer
look only where the first tiles see something. MONAI: windows of the training patch, overlap 0.5, Gaussian weights.

Needs the folder with ms_flair_mni in RARESEG_DATA (docs/limits.md says where it comes from).
"""

from __future__ import annotations

import functools
import importlib
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from segcore.inference.devices import choose_device
from segcore.inference.model import MemberFacts, Model, load_model
from segcore.inference.predict import CLOSER_BELOW_THRESHOLD
from segcore.inference.preparation import Image, prepare_volume, restore_logits
from segcore.inference.sliding_window import predict_image
from segcore.metrics.confusion import confusion_of
from segcore.metrics.curves import STEPS_PER_LOGIT
from segcore.projects.case import Part
from segcore.projects.importing import plan_import, run_import
from segcore.projects.project import Project
from segcore.training.loop import train
from segcore.training.recipe import Budget, Machine, Network, Recipe
from segcore.training.stopping import StopSignal
from tests.benchmarks.measuring import answer, installed, peak_memory, table, timed

DATA = Path(os.environ.get("RARESEG_DATA", "/work/shared/data")) / "ms_flair_mni"
TRAINED_ON, TESTED_ON, MINUTES, ROUNDS = "patient19", "patient26", 50 / 60, 3
MONAI = "MONAI, overlap 0.5"
GOAL = "a third of MONAI's time, Dice within 0.002"
CPU = torch.device("cpu")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trained:
    """A model and the scan it is tried on."""

    model: Model
    member: MemberFacts
    image: Image
    dice: Callable[[Image], float]

    @property
    def flat(self) -> bool:
        """Whether the network looks at slices."""
        return self.member.network.dimensions == 2


def main() -> int:
    """Measure and print one JSON object."""
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    if not DATA.is_dir():
        sys.stderr.write(f"bench: {DATA} is not there: inference is not measured.\n")
        return 0
    result: dict[str, object] = {}
    rows: list[list[object]] = []
    for dimensions in ("2d", "3d"):
        with tempfile.TemporaryDirectory() as folder:
            measured = _measured(_trained(Path(folder), dimensions))
        result[dimensions] = measured
        rows += [[f"{dimensions}, {name}", *facts.values()] for name, facts in measured.items()]
    head = ["network, how", "seconds", "x first", "Dice", "extra memory, MiB"]
    return answer({"inference": result, "goal": GOAL}, name="inference", markdown=table(head, rows))


def _trained(folder: Path, dimensions: str) -> Trained:
    recipe = Recipe(
        network=replace(Network(), dimensions=dimensions, size="small"),
        budget=Budget(minutes=MINUTES),
        machine=Machine(threads=1, seed=0),
    )
    with Project.create(folder / "project") as project:
        run_import(project, plan_import([DATA / "images"], masks=[DATA / "masks"]))
        project.set_parts({TRAINED_ON: Part.TRAIN, TESTED_ON: Part.VALIDATION})
        run = folder / "run"
        run.mkdir()
        wall, time.monotonic = time.monotonic, time.process_time  # other work on the machine takes no minutes away
        try:
            train(project, recipe, run, report=lambda _: None, stop=StopSignal())
        finally:
            time.monotonic = wall
        model = load_model(run / "model", choose_device("cpu"))
        member = model.facts.all_members[0]
        image, placement = prepare_volume(project.scan(TESTED_ON), member.preparation)
        labels = project.mask(TESTED_ON).labels

    def dice(logits: Image) -> float:
        restored = restore_logits(logits, placement) + np.float32(member.correction)
        return confusion_of(restored >= model.facts.step / STEPS_PER_LOGIT, labels).dice

    return Trained(model=model, member=member, image=image, dice=dice)


def _measured(trained: Trained) -> dict[str, dict[str, object]]:
    network, member = trained.model.networks[0], trained.member
    ours = functools.partial(predict_image, network, trained.image, member.patch, flat=trained.flat, device=CPU)
    closer = trained.model.facts.step / STEPS_PER_LOGIT - member.correction - CLOSER_BELOW_THRESHOLD
    contestants: dict[str, Callable[[], Image]] = {
        "ours, all tiles": functools.partial(ours, overlap=0.5),
        "ours, closer look": functools.partial(ours, overlap=0.5, closer_above=closer),
        "ours, overlap 0.25": functools.partial(ours, overlap=0.25),
    }
    reference = "ours, all tiles"
    if installed("monai", for_what="sliding windows"):
        contestants = {MONAI: _monai(network, trained), **contestants}
        reference = MONAI
    dices = {name: trained.dice(run()) for name, run in contestants.items()}
    memory = {name: peak_memory(run, warm=lambda: None) for name, run in contestants.items()}
    timings = timed(contestants, reference=reference, rounds=ROUNDS, sample=0)
    return {
        name: {
            "seconds": round(timing.seconds, 2),
            "ratio": round(timing.ratio, 2),
            "dice": round(dices[name], 4),
            "extra_mib": None if (peak := memory[name]) is None else round(peak / 2**20),
        }
        for name, timing in timings.items()
    }


def _monai(network: torch.nn.Module, trained: Trained) -> Callable[[], Image]:
    window: Any = importlib.import_module("monai.inferers").sliding_window_inference
    patch, image = trained.member.patch, torch.from_numpy(np.asarray(trained.image, dtype=np.float32))

    def blocks() -> NDArray[np.float32]:
        with torch.inference_mode():
            return np.asarray(window(image[None], patch, 1, network, overlap=0.5, mode="gaussian")[0, 0])

    def slices() -> NDArray[np.float32]:
        reach = patch[0] // 2
        wide = torch.from_numpy(np.pad(trained.image, ((0, 0), (reach, reach), (0, 0), (0, 0)), mode="edge"))
        planes = wide.float().unfold(1, patch[0], 1).permute(1, 0, 4, 2, 3).flatten(1, 2)
        with torch.inference_mode():
            parts = [window(part, patch[1:], 1, network, overlap=0.5, mode="gaussian") for part in planes.split(8)]
        return np.asarray(torch.cat(parts)[:, 0])

    return slices if trained.flat else blocks


if __name__ == "__main__":
    sys.exit(main())
