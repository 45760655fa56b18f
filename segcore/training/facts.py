"""What a model folder says about its model."""

from __future__ import annotations

import numpy as np
import torch

import segcore
from segcore.inference.model import ModelFacts, Scores
from segcore.projects.audit import now
from segcore.records import to_line
from segcore.training.cohort import Cohort
from segcore.training.events import Validated
from segcore.training.plan import Plan
from segcore.training.recipe import Recipe
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
