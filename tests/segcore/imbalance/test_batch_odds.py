import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segcore.errors import OutOfRange
from segcore.geometry import Box
from segcore.imbalance.batch_odds import (
    BatchOdds,
    Draws,
    Setting,
    batch_odds,
    case_numbers,
    fair_sample,
    measure_draws,
)
from segcore.imbalance.vanishing import Resolution
from segcore.inference.preparation import Preparation
from segcore.sampling.index import LesionIndex
from segcore.sampling.patches import PatchSampler
from segcore.training.planned import planned_resolution, planned_sizes, training_cases
from segcore.training.prepared import load_prepared
from segcore.training.recipe import Recipe, Sampling
from tests.segcore.small_project import make_small_project


@dataclass
class Scan:
    """A prepared case, as the sampler wants it."""

    image: np.ndarray[Any, Any]
    labels: np.ndarray[Any, Any]
    body: Box
    index: LesionIndex


def scan(labels: np.ndarray[Any, Any]) -> Scan:
    shape = (labels.shape[0], labels.shape[1], labels.shape[2])
    return Scan(np.zeros((1, *shape), np.float32), labels, Box((0, 0, 0), shape), LesionIndex.build(labels))


def lesions(seed: int, shape: tuple[int, int, int], blobs: int) -> np.ndarray[Any, Any]:
    """Blobs of different sizes, some of them at the border."""
    rng = np.random.default_rng(seed)
    labels = np.zeros(shape, np.uint8)
    for _ in range(blobs):
        at = [int(rng.integers(n)) for n in shape]
        size = int(rng.integers(1, 6))
        labels[at[0] : at[0] + 1 + size // 3, at[1] : at[1] + size, at[2] : at[2] + size] = 1
    return labels


MASKS = {
    "deep": [lesions(0, (9, 30, 26), 4), lesions(1, (12, 24, 40), 9), np.zeros((8, 30, 30), np.uint8)],
    "flat": [lesions(2, (6, 40, 44), 5), lesions(3, (1, 40, 30), 2), np.zeros((1, 30, 30), np.uint8)],
}
PATCHES = {"deep": (6, 10, 12), "flat": (3, 16, 12)}


def drawn(
    masks: list[np.ndarray[Any, Any]],
    patch: tuple[int, int, int],
    sampling: Sampling,
    batch: int,
    *,
    flat: bool,
    times: int,
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Whether each of many batches of the real sampler held a lesion, and how many foreground voxels."""
    sampler = PatchSampler([scan(mask) for mask in masks], patch, sampling, flat=flat, seed=(7, 11))
    held, voxels = [], []
    for _ in range(times):
        labels = sampler.draw(batch).labels
        counted = labels[:, labels.shape[1] // 2] if flat else labels
        front = int(np.count_nonzero(counted == 1))
        voxels.append(front)
        held.append(front > 0)
    return np.array(held), np.array(voxels)


@pytest.mark.parametrize("kind", ["deep", "flat"])
@pytest.mark.parametrize(
    ("sampling", "batch"),
    [
        (Sampling(method="uniform"), 1),
        (Sampling(method="uniform"), 4),
        (Sampling(method="foreground", ratio=0.33), 1),
        (Sampling(method="foreground", ratio=0.4), 5),
        (Sampling(method="foreground", ratio=0.1, jitter=0.0), 3),
        (Sampling(method="foreground", ratio=0.0), 3),
        (Sampling(method="per_lesion", ratio=0.7, size_exponent=0.25, jitter=0.5), 4),
        (Sampling(method="case_weighted", ratio=0.5), 4),
        (Sampling(method="undersampled", empties_per_foreground=3.0), 4),
        (Sampling(method="hard_negative", ratio=0.5), 4),
    ],
    ids=lambda value: value.method if isinstance(value, Sampling) else str(value),
)
def test_the_closed_form_is_what_the_real_sampler_draws(kind: str, sampling: Sampling, batch: int) -> None:
    masks, patch, flat = MASKS[kind], PATCHES[kind], kind == "flat"
    exponent = sampling.size_exponent if sampling.method == "per_lesion" else 1.0
    draws = Draws(patches=(patch,), flat=flat, jitter=sampling.jitter, size_exponent=exponent)
    numbers = [case_numbers(str(n), mask == 1, draws) for n, mask in enumerate(masks)]
    setting = Setting(
        method=sampling.method, ratio=sampling.ratio, batch=batch,
        empties_per_foreground=sampling.empties_per_foreground,
    )  # fmt: skip
    odds = batch_odds(numbers, 0, setting)

    times = 2500
    held, voxels = drawn(masks, patch, sampling, batch, flat=flat, times=times)
    # Four and a half standard errors: one false alarm in 7,000 tests.
    assert abs(held.mean() - odds.has_lesion) <= 4.5 * max(0.5 / times**0.5 * 0.2, held.std() / times**0.5)
    assert abs(voxels.mean() - odds.foreground_voxels) <= 4.5 * voxels.std() / times**0.5 + 1e-9
    counted = [
        math.prod(min(a, b) for a, b in zip((1, *patch[1:]) if flat else patch, m.shape, strict=True)) for m in masks
    ]
    if len(set(counted)) == 1:  # else the voxels that count differ from patch to patch
        assert odds.foreground_share == pytest.approx(odds.foreground_voxels / (batch * counted[0]))


def test_by_hand_one_voxel_in_a_line_of_ten() -> None:
    front = np.zeros((1, 1, 10), bool)
    front[0, 0, 4] = True
    draws = Draws(patches=((1, 1, 4),), flat=True, jitter=0.0, size_exponent=1.0)
    (numbers,) = case_numbers("a", front, draws).patches
    # A patch of four begins two before its middle, from 0 to 6: at 0 for the middles 0 to 2, at 6 for 8 and 9. It holds
    # voxel 4 where it begins at 1, 2, 3 or 4, that is for the middles 3, 4, 5 and 6.
    assert numbers.hit_rate == pytest.approx(0.4)
    assert (numbers.anywhere, numbers.forced) == (pytest.approx(0.4), 1.0)
    odds = batch_odds([case_numbers("a", front, draws)], 0, Setting(method="uniform", ratio=0.5, batch=2))
    assert odds.has_lesion == pytest.approx(1 - 0.6**2)
    assert odds.patches_with_lesion == pytest.approx(0.8)
    assert odds.foreground_share == pytest.approx(0.1)


def test_what_sticks_out_of_the_scan_is_no_part_of_the_share() -> None:
    front = np.zeros((2, 3, 4), bool)
    front[0, 0, :3] = True
    draws = Draws(patches=((8, 8, 8),), flat=False, jitter=0.4, size_exponent=1.0)
    odds = batch_odds([case_numbers("a", front, draws)], 0, Setting(method="foreground", ratio=0.5, batch=2))
    assert odds.foreground_share == pytest.approx(3 / 24)
    assert odds.foreground_voxels == pytest.approx(6)


def test_a_batch_of_two_or_more_always_holds_a_forced_patch() -> None:
    front = np.zeros((1, 20, 20), bool)
    front[0, 3, 3] = True
    draws = Draws(patches=((1, 4, 4),), flat=True, jitter=0.4, size_exponent=1.0)
    numbers = [case_numbers("a", front, draws)]
    odds = batch_odds(numbers, 0, Setting(method="foreground", ratio=0.05, batch=2))
    assert odds.has_lesion == 1.0
    single = batch_odds(numbers, 0, Setting(method="foreground", ratio=0.05, batch=1))
    assert single.has_lesion == pytest.approx(1 - 0.95 * (1 - numbers[0].patches[0].hit_rate))


def test_without_any_foreground_no_batch_holds_any() -> None:
    draws = Draws(patches=((1, 4, 4),), flat=True, jitter=0.4, size_exponent=1.0)
    numbers = [case_numbers("a", np.zeros((1, 9, 9), bool), draws)]
    assert batch_odds(numbers, 0, Setting(method="foreground", ratio=0.5, batch=4)) == BatchOdds(
        has_lesion=0.0, patches_with_lesion=0.0, foreground_voxels=0.0, foreground_share=0.0, hit_rate=0.0
    )
    with pytest.raises(OutOfRange):
        batch_odds(numbers, 0, Setting(method="foreground", ratio=1.5, batch=4))


def test_a_projects_batches_are_those_of_its_training(tmp_path: Path) -> None:
    """The masks as the training prepares them, at a resolution that loses lesions, against the sampler on them."""
    with make_small_project(tmp_path / "project", planes=3) as project:
        cases = training_cases(project)
        sizes = planned_sizes(project, Recipe())
        resolution = Resolution(spacing=(3.0, 3.0, 3.0))
        assert planned_resolution(project, Recipe()) != resolution
        patch = (sizes.patch[0], 16, 16)
        draws = Draws(patches=(patch,), flat=sizes.flat, jitter=0.4, size_exponent=1.0)
        numbers = measure_draws(project, cases, resolution, draws)
        preparation = Preparation(channels=("image",), spacing=resolution.spacing, shrink=1)
        masks = [np.asarray(load_prepared(project, case.id, preparation).labels) for case in cases]
    assert [one.foreground_voxels for one in numbers] == [int((mask == 1).sum()) for mask in masks]
    odds = batch_odds(numbers, 0, Setting(method="foreground", ratio=0.5, batch=3))
    _, voxels = drawn(masks, patch, Sampling(), 3, flat=sizes.flat, times=1500)
    assert abs(voxels.mean() - odds.foreground_voxels) <= 4.5 * voxels.std() / 1500**0.5


def test_of_many_cases_a_fair_sample_is_taken(tmp_path: Path) -> None:
    with make_small_project(tmp_path / "project", cases=9, edge=32, empty=(0, 1, 2)) as project:
        sample = fair_sample(project.cases(), 3)
        all_ids = [case.id for case in project.cases()]
        assert [case.id for case in fair_sample(project.cases(), 9)] == all_ids
    loads = [case.foreground_voxels for case in sample]
    assert loads == sorted(loads)
    assert loads[0] == 0
    assert loads[-1] > 0
