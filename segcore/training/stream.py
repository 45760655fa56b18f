"""The stream of augmented batches that a run trains on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from segcore.augmentation.transforms import Augmenter
from segcore.projects.case import Case
from segcore.projects.project import Project
from segcore.sampling.patches import Batch, PatchSampler
from segcore.scans.volume import FOREGROUND, UNLABELLED
from segcore.synthesis.paste import LesionPaster
from segcore.training.cohort import Cohort
from segcore.training.courses import ratio_at
from segcore.training.events import Noticed, Preparing, RunEvent
from segcore.training.plan import Plan
from segcore.training.prepared import PreparedCase, load_prepared
from segcore.training.recipe import Recipe

#: Patches drawn to measure the foreground fraction that the network will see.
_MEASURED_PATCHES = 64
_PREVALENCE_LIMITS = (1e-5, 0.5)


def prepare_cases(
    project: Project,
    cohort: Cohort,
    plan: Plan,
    *,
    report: Callable[[RunEvent], None],
    check: Callable[[], None],
) -> tuple[list[PreparedCase], list[PreparedCase]]:
    """Return the prepared training and validation cases, making those that are not in the cache."""
    wanted: list[Case] = [*cohort.train, *cohort.validation]
    ready: dict[str, PreparedCase] = {}
    for number, case in enumerate(wanted):
        check()
        report(Preparing(done=number, total=len(wanted), case=case.id))
        if case.id not in ready:
            ready[case.id] = load_prepared(project, case.id, plan.preparation)
    report(Preparing(done=len(wanted), total=len(wanted), case=""))
    vanished = sum(case.vanished for case in ready.values())
    if vanished:
        report(
            Noticed(sentence=f"{vanished} lesions are smaller than a voxel of the training grid; each is kept as one.")
        )
    return [ready[case.id] for case in cohort.train], [ready[case.id] for case in cohort.validation]


class PatchStream:
    """Draws batches, pastes lesions into them if the recipe says so, augments; all by the recipe's seed.

    Attributes
    ----------
    batches
        How many were drawn; set it, with the states of `sampler` and `generator`, to go on exactly as before.
    pasted
        Lesions that were pasted so far.
    """

    def __init__(self, cases: Sequence[PreparedCase], plan: Plan, recipe: Recipe, *, seed: int) -> None:
        self._plan = plan
        self._cases, self._sampling, self._synthesis = cases, recipe.sampling, recipe.synthesis
        self._seed = seed
        self.sampler = PatchSampler(cases, plan.patch, recipe.sampling, flat=plan.flat, seed=[seed, 1])
        self.generator = torch.Generator().manual_seed(seed)
        self.paster = (
            LesionPaster(cases, plan.patch, recipe.synthesis, flat=plan.flat) if recipe.synthesis.is_on else None
        )
        self.batches, self.pasted = 0, 0
        self._augmenter = Augmenter(recipe.augmentation, spacing=plan.spacing, generator=self.generator)

    def go_on_from(self, other: PatchStream) -> None:
        """Take over the states of another stream of the same cases, so that random numbers go on where they were."""
        self.sampler.state, self.sampler.hard = other.sampler.state, other.sampler.hard
        self.generator.set_state(other.generator.get_state())
        self.batches, self.pasted = other.batches, other.pasted

    def next_batch(self, progress: float = 0.0) -> Batch:
        """Return the next batch: patches as they lie in the scans, some with a lesion more.

        Parameters
        ----------
        progress
            How far the run is, 0..1, for a foreground share that changes in its course.
        """
        self.sampler.ratio = ratio_at(self._sampling, progress)
        batch = self.sampler.draw(self._plan.batch)
        # A generator for each batch, so that a run goes on alike without keeping one more state.
        pasted = self._paste(batch, np.random.default_rng([self._seed, 3, self.batches]))
        self.pasted += sum(pasted)
        self.batches += 1
        return replace(batch, pasted=tuple(pasted))

    def asked_share(self) -> float:
        """Return the share of patches on lesions that is asked for at present."""
        return self.sampler.asked_share(self._plan.batch)

    def _paste(self, batch: Batch, rng: np.random.Generator) -> list[bool]:
        """Paste lesions into some patches of a batch; returns into which."""
        if self.paster is None:
            return [False] * len(batch.images)
        done = []
        for image, labels, case in zip(batch.images, batch.labels, batch.cases, strict=True):
            wanted = rng.random() < self._synthesis.rate
            done.append(wanted and self.paster.paste_into(image, labels, case, rng) is not None)
        return done

    def augmented(self, batch: Batch, device: torch.device) -> tuple[Tensor, Tensor]:
        """Return images (N, channels, planes, rows, columns) and labels (N, 1, *spatial), augmented.

        In 2-D the context planes are turned and flipped together with their middle plane, never across each other, and
        only the middle plane has labels: (N, 1, rows, columns).
        """
        images = torch.from_numpy(batch.images).to(device)
        labels = torch.from_numpy(batch.labels).to(device).float()[:, None]
        if not self._plan.flat:
            return self._augmenter(images, labels)
        n, channels, planes = images.shape[:3]
        flat_images, flat_labels = self._augmenter(images.flatten(1, 2), labels[:, :, planes // 2])
        return flat_images.reshape(n, channels, planes, *flat_images.shape[2:]), flat_labels

    def report_bank(self, notice: Callable[[str], None]) -> None:
        """Say which lesions are copied, for the record: how many, and of which cases."""
        if self.paster is None:
            return
        bank = self.paster.bank
        givers = [self._cases[number].id for number in bank.cases]
        words = f"{len(bank)} lesions of {len(givers)} training cases are copied into patches: {', '.join(givers)}."
        notice(words if len(bank) else "No lesion is small enough to be copied into a patch: none is synthesised.")

    def report_pasted(self, notice: Callable[[str], None]) -> None:
        """Say how many lesions were pasted, for the record."""
        if self.paster is not None:
            notice(f"{self.pasted} of {self.batches * self._plan.batch} patches received a pasted lesion.")

    def measure_prevalence(self) -> float:
        """Return the foreground fraction of sampled patches, within 1e-5 and 0.5; draws from a generator of its own."""
        sampler = PatchSampler(
            self._cases, self._plan.patch, self._sampling, flat=self._plan.flat, seed=[self._seed, 2]
        )
        front = known = 0
        for number in range(max(1, _MEASURED_PATCHES // self._plan.batch)):
            batch = sampler.draw(self._plan.batch)
            self._paste(batch, np.random.default_rng([self._seed, 4, number]))
            labels = batch.labels
            if self._plan.flat:
                labels = labels[:, labels.shape[1] // 2]
            front += int(np.count_nonzero(labels == FOREGROUND))
            known += int(np.count_nonzero(labels != UNLABELLED))
        return min(max(front / max(known, 1), _PREVALENCE_LIMITS[0]), _PREVALENCE_LIMITS[1])
