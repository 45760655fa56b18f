"""What training would do to patches of a project's own scans, as arrays in files: the stream of a run, looked at.

The first variant of the first batch is what the first step of a run with this recipe and these cases would see: patches,
pasted lesions and augmentation come from the same `PatchStream` with the same seed.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from segcore.inference.devices import choose_device
from segcore.projects.case import Case
from segcore.projects.project import Project
from segcore.records import to_line
from segcore.sampling.patches import Batch
from segcore.scans.volume import FOREGROUND, Labels
from segcore.storage import saving, write_text
from segcore.training.cohort import gather_cohort
from segcore.training.patch_examples import PatchExample, PatchExamples
from segcore.training.plan import Plan, plan_run
from segcore.training.prepared import load_prepared
from segcore.training.recipe import Recipe
from segcore.training.stream import PatchStream

#: Training cases that a preview prepares, at most.
_MOST_CASES = 6
#: Batches that are drawn to find patches with a lesion, at most.
_MOST_BATCHES = 12
FOLDER = "patch-preview"


def preview_patches(
    project: Project,
    recipe: Recipe,
    *,
    examples: int,
    variants: int,
    seed: int,
    report: Callable[[int, int, str], None],
    check: Callable[[], None],
) -> Path:
    """Write patches as they are and as training changes them into the project's cache; returns the folder.

    Parameters
    ----------
    examples
        Patches, those that hold a lesion first.
    variants
        Changed copies of each.
    seed
        Added to the recipe's, for other patches.
    report
        Called with (done, total, what is going on).
    check
        Called between cases and batches; raises to end.

    Raises
    ------
    NotEnoughData, CannotSave
        Each in one sentence.
    """
    recipe.check()
    cohort = gather_cohort(project, lambda _: None)
    on_gpu = choose_device(recipe.machine.device).type != "cpu"
    plan = plan_run(project, recipe, cohort.train, on_gpu=on_gpu, notice=lambda _: None)
    chosen = _chosen(cohort.train)
    cases = []
    for number, case in enumerate(chosen):
        check()
        report(number, len(chosen), f"Preparing scan {number + 1} of {len(chosen)}")
        cases.append(load_prepared(project, case.id, plan.preparation))
    stream = PatchStream(cases, plan, recipe, seed=recipe.machine.seed + seed)
    report(len(chosen), len(chosen), "Changing patches as training would")
    found: list[PatchExample] = []
    folder = _emptied(project.cache_folder / FOLDER)
    for _ in range(_MOST_BATCHES):
        check()
        batch = stream.next_batch()
        changed = [stream.augmented(batch, torch.device("cpu")) for _ in range(variants)]
        for place in _order(batch, plan, want_all=not found)[: examples - len(found)]:
            found.append(_written(folder, len(found), batch, place, changed, plan, ids=[case.id for case in chosen]))
        if len(found) == examples:
            break
    write_text(
        folder / "examples.json", to_line(PatchExamples(examples=tuple(found), patch=plan.patch, flat=plan.flat))
    )
    return folder


def _chosen(train: tuple[Case, ...]) -> list[Case]:
    """Return a few cases: with lesions and, where there is one, without."""
    full = [case for case in train if case.foreground_voxels]
    empty = [case for case in train if not case.foreground_voxels][:1]
    return [*full[: _MOST_CASES - len(empty)], *empty]


def _emptied(folder: Path) -> Path:
    with saving(folder):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def _order(batch: Batch, plan: Plan, *, want_all: bool) -> list[int]:
    """Return which patches of a batch to show: those with a lesion in what has labels; of the first also one without."""
    held = [bool((_middle(labels, plan) == FOREGROUND).any()) for labels in batch.labels]
    with_lesion = [place for place, holds in enumerate(held) if holds]
    return with_lesion + [place for place, holds in enumerate(held) if not holds][:want_all]


def _middle(labels: Labels, plan: Plan) -> Labels:
    return labels[labels.shape[0] // 2] if plan.flat else labels


def _shown_plane(labels: Labels, plan: Plan) -> int:
    """Return the plane of a patch with most foreground; the middle one in 2-D, the only one with labels."""
    if plan.flat:
        return int(labels.shape[0]) // 2
    counts = np.count_nonzero(labels == FOREGROUND, axis=(1, 2))
    return int(counts.argmax()) if counts.any() else int(labels.shape[0]) // 2


def _written(
    folder: Path,
    number: int,
    batch: Batch,
    place: int,
    changed: list[tuple[torch.Tensor, torch.Tensor]],
    plan: Plan,
    *,
    ids: list[str],
) -> PatchExample:
    """Write one patch and its variants: (1 + variants, channels, rows, columns) float32 and labels uint8 beside."""
    plane = _shown_plane(batch.labels[place], plan)
    images: list[NDArray[np.float32]] = [batch.images[place][:, plane]]
    labels: list[Labels] = [batch.labels[place][plane]]
    for new_images, new_labels in changed:
        seen = new_labels[place, 0].numpy().astype(np.uint8)
        at = plane if plan.flat else _shown_plane(seen, plan)
        images.append(new_images[place][:, at].numpy())
        labels.append(seen if plan.flat else seen[at])
    name = f"patch-{number}"
    with saving(folder):
        np.save(folder / f"{name}.images.npy", np.stack(images).astype(np.float32), allow_pickle=False)
        np.save(folder / f"{name}.labels.npy", np.stack(labels).astype(np.uint8), allow_pickle=False)
    return PatchExample(name=name, case=ids[batch.cases[place]], foreground=bool((labels[0] == FOREGROUND).any()))
