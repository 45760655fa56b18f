import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from segcore.inference.preparation import Preparation
from segcore.networks.unet import NetworkDescription
from segcore.projects.project import Project
from segcore.training.plan import Plan
from segcore.training.prepared import load_prepared
from segcore.training.validation import Result, Validator
from tests.segcore.small_project import make_small_project


class Brightness(nn.Module):
    """Says that what is bright is a lesion: the normalised intensity, scaled, is the logit."""

    def forward(self, x: Tensor) -> Tensor:
        return 2 * x - 4


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with make_small_project(tmp_path / "p", cases=4, empty=(3,)) as opened:
        yield opened


def validator(project: Project, *ids: str, shrink: int = 1, correction: float = 0.0) -> Validator:
    preparation = Preparation(channels=("image",), spacing=None, shrink=shrink)
    plan = Plan(
        network=NetworkDescription(dimensions=2, channels=1, size="small"),
        preparation=preparation,
        patch=(1, 32, 32),
        batch=2,
        flat=True,
        spacing=(1.0, 1.0, 1.0),
    )
    return Validator(
        project,
        [load_prepared(project, id, preparation) for id in ids],
        plan,
        device=torch.device("cpu"),
        correction=correction,
        check=lambda: None,
    )


def run(validating: Validator, most: int = 10, **options: float) -> Result:
    return validating.run(Brightness(), step=7, seconds=3.0, overlap=0.5, most=most, **options)


def test_whole_scans_are_measured_at_the_true_prevalence(project: Project) -> None:
    result = run(validator(project, "case0", "case2"))

    labels = [project.mask(id).labels for id in ("case0", "case2")]
    expected = sum(int(x.sum()) for x in labels) / sum(x.size for x in labels)
    assert result.validated.true_fraction == pytest.approx(expected)
    assert [score.case for score in result.validated.cases] == ["case0", "case2"]
    assert [score.true_voxels for score in result.validated.cases] == [int(x.sum()) for x in labels]
    assert (result.validated.step, result.cases) == (7, 2)


def test_numbers_are_those_of_the_fitted_threshold_on_the_original_grid(project: Project) -> None:
    result = run(validator(project, "case0", shrink=2))

    (score,) = result.validated.cases
    assert score.predicted_voxels + score.true_voxels > 0
    assert result.validated.threshold == pytest.approx(1 / (1 + math.exp(-result.threshold_step / 10)))
    assert result.validated.dice == score.dice
    assert result.validated.dice >= result.validated.dice_at_half


def test_a_correction_moves_the_threshold_and_nothing_else(project: Project) -> None:
    plain = run(validator(project, "case0"))
    shifted = run(validator(project, "case0", correction=-3.0))

    # With the logits, but for the pull towards 0.5, which costs at most 0.05 of Dice.
    assert plain.threshold_step - 30 <= shifted.threshold_step < plain.threshold_step
    assert shifted.validated.dice >= plain.validated.dice - 0.05
    assert shifted.validated.average_precision == pytest.approx(plain.validated.average_precision, abs=1e-3)


def test_an_empty_case_alone_is_undefined_and_scores_worst(project: Project) -> None:
    result = run(validator(project, "case3"))

    assert math.isnan(result.validated.average_precision)
    assert result.score == 0.0


def test_time_limits_the_cases_but_never_below_one(project: Project) -> None:
    assert run(validator(project, "case0", "case1", "case2"), within=0.0).cases == 1
    assert run(validator(project, "case0", "case1", "case2"), most=2).cases == 2


def test_a_network_that_knows_the_mask_gets_full_marks(project: Project) -> None:
    class Oracle(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            labels = torch.from_numpy(project.mask("case0").labels.astype(np.float32))
            return (2 * labels - 1)[None] * 5

    checked = validator(project, "case0")
    object.__setattr__(checked._plan, "patch", (1, 64, 64))
    result = checked.run(Oracle(), step=1, seconds=0.0, overlap=0.5, most=1)

    assert result.validated.average_precision == 1.0
    assert result.validated.dice == 1.0
    assert result.validated.lesion_f1 == 1.0
    assert result.score == 1.0
