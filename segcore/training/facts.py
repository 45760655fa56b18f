"""What a model folder says about its model."""

from __future__ import annotations

import numpy as np
import torch

import segcore
from segcore.inference.devices import device_words
from segcore.inference.model import ModelFacts, Scores
from segcore.networks.unet import UNet, describe
from segcore.projects.audit import now
from segcore.records import to_line
from segcore.training.cohort import Cohort
from segcore.training.events import RunStarted, Validated
from segcore.training.plan import Plan
from segcore.training.recipe import Recipe
from segcore.training.schedule import Schedule
from segcore.training.validation import Result


def model_facts(
    *, run: str, recipe: Recipe, plan: Plan, cohort: Cohort, correction: float, result: Result
) -> ModelFacts:
    """Return the facts of the model that `result` measured."""
    return ModelFacts(
        id=run,
        name=recipe.name,
        created=now(),
        network=plan.network,
        preparation=plan.preparation,
        patch=plan.patch,
        step=result.threshold_step,
        correction=correction,
        prevalence=cohort.prevalence,
        scores=scores_of(result.validated),
        recipe=to_line(recipe),
        train_cases=tuple(case.id for case in cohort.train),
        versions=(("rareseg", segcore.__version__), ("torch", torch.__version__), ("numpy", np.__version__)),
    )


def run_started(
    *,
    run: str,
    network: UNet,
    plan: Plan,
    cohort: Cohort,
    schedule: Schedule,
    device: torch.device,
    sampled_prevalence: float,
) -> RunStarted:
    """Return the event with which a run begins."""
    return RunStarted(
        run=run,
        time=now(),
        device=device_words(device),
        network=describe(network, plan.network),
        total_steps=schedule.total_steps,
        total_seconds=schedule.total_seconds,
        train_cases=len(cohort.train),
        validation_cases=len(cohort.validation),
        prevalence=cohort.prevalence,
        sampled_prevalence=sampled_prevalence,
    )


def scores_of(measured: Validated) -> Scores:
    """Return what a model folder keeps of a validation."""
    return Scores(
        dice=measured.dice,
        average_precision=measured.average_precision,
        precision=measured.precision,
        recall=measured.recall,
        lesion_f1=measured.lesion_f1,
        cases=len(measured.cases),
    )
