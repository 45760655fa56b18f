"""What a run works with, made from its project and recipe: cases, plan, stream, learner, validator, miner."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from segcore.inference.devices import choose_device
from segcore.inference.sliding_window import to_network
from segcore.losses import build_terms
from segcore.networks.build import build_network
from segcore.projects.project import Project
from segcore.scans.volume import FOREGROUND, UNLABELLED
from segcore.training.cohort import gather_cohort
from segcore.training.events import Noticed, RunEvent
from segcore.training.learner import Learner, StepResult
from segcore.training.meter import Meter, Work
from segcore.training.mining import Miner
from segcore.training.plan import plan_run
from segcore.training.probe import numerics_for
from segcore.training.recipe import Recipe
from segcore.training.showing import LastBatch
from segcore.training.stream import PatchStream, prepare_cases
from segcore.training.validation import Validator


class Setup:
    """Everything that is made once at the start of a run, and made over where its recipe changes.

    Parameters
    ----------
    folder
        Of the run; the checkpoint of a run that goes on lies there.
    report
        Takes what there is to say about the data.
    check
        Called between cases and tiles; raises to end.
    held_out
        Patients that are validated on, whatever the split says.

    Attributes
    ----------
    recipe
        The one in force.
    last
        The batch of the latest step; None before the first.
    sampled_prevalence
        Foreground fraction in sampled patches.
    correction
        Added to logits; see `segcore.inference.model.ModelFacts`.
    """

    def __init__(
        self,
        project: Project,
        recipe: Recipe,
        folder: Path,
        *,
        report: Callable[[RunEvent], None],
        check: Callable[[], None],
        held_out: Sequence[str],
    ) -> None:
        self.recipe = recipe
        self.device = choose_device(recipe.machine.device)
        if recipe.machine.threads:
            torch.set_num_threads(recipe.machine.threads)
        torch.manual_seed(recipe.machine.seed)

        def notice(sentence: str) -> None:
            report(Noticed(sentence=sentence))

        self.cohort = gather_cohort(project, notice, held_out=held_out)
        on_gpu = self.device.type != "cpu"
        self.plan = plan_run(project, recipe, self.cohort.train, on_gpu=on_gpu, notice=notice)
        self._train_cases, validation_cases = prepare_cases(project, self.cohort, self.plan, report=report, check=check)
        self.stream = PatchStream(self._train_cases, self.plan, recipe, seed=recipe.machine.seed)
        self.sampled_prevalence = self.stream.measure_prevalence()
        loss = build_terms(recipe.loss, prevalence=self.sampled_prevalence)
        self.correction = -loss.log_prior_shift
        network = build_network(self.plan.network).to(self.device)
        numerics = numerics_for(project, folder, network, self.plan, self.device, notice, check)
        self.learner = Learner(network, loss, recipe.optimiser, prior=self.sampled_prevalence, numerics=numerics)
        self.validator = Validator(
            project, validation_cases, self.plan, device=self.device, correction=self.correction, check=check
        )
        self.last: LastBatch | None = None
        self.miner: Miner | None = None
        self._project, self._check, self._notice = project, check, notice
        self._mine_if_wanted()

    def _mine_if_wanted(self) -> None:
        """Look for hard negatives from now on, where the recipe draws from them."""
        if self.miner is None and self.recipe.sampling.method == "hard_negative":
            self.miner = Miner(
                self._train_cases,
                self.stream.sampler.hard,
                self.plan,
                device=self.device,
                correction=self.correction,
                check=self._check,
            )
            self.miner.begin_with_rejected(self._project, self._notice)

    @property
    def train_names(self) -> tuple[str, ...]:
        """Ids of the training cases, in the order in which batches count them."""
        return tuple(case.id for case in self._train_cases)

    def adopt(self, recipe: Recipe) -> None:
        """Put another recipe into force: its batch, loss, sampling, synthesis, augmentation."""
        self.plan = replace(self.plan, batch=recipe.optimiser.batch or self.plan.batch)
        stream = PatchStream(self._train_cases, self.plan, recipe, seed=recipe.machine.seed)
        stream.go_on_from(self.stream)
        self.recipe, self.stream = recipe, stream
        self.sampled_prevalence = stream.measure_prevalence()
        self.learner.loss = build_terms(recipe.loss, prevalence=self.sampled_prevalence)
        self.correction = self.validator.correction = -self.learner.loss.log_prior_shift
        if self.miner:
            self.miner.correction = self.correction
        self._mine_if_wanted()

    def halve_batch(self) -> int:
        """Take half as many patches per step from now on; returns how many."""
        batch = max(1, self.plan.batch // 2)
        self.last = None
        self.adopt(replace(self.recipe, optimiser=replace(self.recipe.optimiser, batch=batch)))
        return batch

    def take_step(self, meter: Meter, *, rate: float, progress: float) -> bool:
        """Learn from the next batch; False where that gives no numbers any more."""
        with meter.timing(Work.LOADING):
            batch = self.stream.next_batch(progress)
        with meter.timing(Work.AUGMENTING):
            images, labels = self.stream.augmented(batch, self.device)
        with meter.timing(Work.LEARNING):
            target, valid = (labels == FOREGROUND).float(), (labels != UNLABELLED).float()
            x = to_network(images, flat=self.plan.flat)
            result: StepResult | None = self.learner.step(x, target, valid, rate=rate, progress=progress)
        if result is None:
            return False
        asked = self.stream.asked_share()
        meter.add(batch, result, target, valid, rate=rate, asked=asked, correction=self.correction)
        self.last = LastBatch(batch=batch, images=images, labels=labels, logits=result.logits)
        return True
