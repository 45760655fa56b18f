"""Metrics against MONAI's; run where it is installed, see docs/evidence/speed.md."""

import math
from typing import Any

import numpy as np
import pytest
import torch

from segcore.geometry import Grid
from segcore.metrics.confusion import confusion_of
from segcore.metrics.curves import quantise
from segcore.metrics.detection import Candidates, froc
from segcore.metrics.surface import assd_mm, hd95_mm, normalised_surface_dice

pytestmark = pytest.mark.filterwarnings("default")
SPACING = (3.0, 0.8, 1.2)


@pytest.fixture
def monai() -> Any:
    return pytest.importorskip("monai.metrics", reason="MONAI is not installed: its values are not compared")


def blobs(seed: int, shape: tuple[int, int, int] = (12, 30, 28)) -> tuple[np.ndarray, np.ndarray]:
    """Return two masks that overlap in part, away from the border."""
    rng = np.random.default_rng(seed)
    a, b = np.zeros(shape, bool), np.zeros(shape, bool)
    for _ in range(3):
        start = [int(rng.integers(2, extent - 9)) if extent > 12 else int(rng.integers(2, 5)) for extent in shape]
        size = rng.integers(2, 6, 3)
        moved = rng.integers(-1, 2, 3)
        a[tuple(slice(p, p + n) for p, n in zip(start, size, strict=True))] = True
        b[tuple(slice(p + m, p + m + n) for p, m, n in zip(start, moved, size, strict=True))] = True
    return a, b


def tensors(*masks: np.ndarray) -> list[torch.Tensor]:
    return [torch.from_numpy(mask)[None, None].float() for mask in masks]


@pytest.mark.parametrize("seed", range(10))
def test_dice_and_iou(monai: Any, seed: int) -> None:
    a, b = blobs(seed)
    counts = confusion_of(a, b.astype(np.uint8))
    ta, tb = tensors(a, b)
    assert counts.dice == pytest.approx(monai.compute_dice(ta, tb).item(), rel=1e-6)
    assert counts.iou == pytest.approx(monai.compute_iou(ta, tb).item(), rel=1e-6)


@pytest.mark.parametrize("seed", range(10))
def test_surface_distances(monai: Any, seed: int) -> None:
    a, b = blobs(seed)
    ta, tb = tensors(a, b)
    grid = Grid.from_spacing(a.shape, SPACING)
    hausdorff = monai.compute_hausdorff_distance(ta, tb, percentile=95, spacing=SPACING, include_background=True)
    assert hd95_mm(a, b, grid) == pytest.approx(hausdorff.item(), rel=1e-5)
    average = monai.compute_average_surface_distance(ta, tb, symmetric=True, spacing=SPACING, include_background=True)
    assert assd_mm(a, b, grid) == pytest.approx(average.item(), rel=1e-5)


@pytest.mark.parametrize("tolerance", [0.5, 1.0, 2.5])
@pytest.mark.parametrize("seed", range(5))
def test_surface_dice(monai: Any, seed: int, tolerance: float) -> None:
    a, b = blobs(seed)
    ta, tb = tensors(a, b)
    theirs = monai.compute_surface_dice(
        ta, tb, class_thresholds=[tolerance], spacing=SPACING, include_background=True, use_subvoxels=False
    )
    ours = normalised_surface_dice(a, b, Grid.from_spacing(a.shape, SPACING), tolerance)
    assert ours == pytest.approx(theirs.item(), rel=1e-5)


@pytest.mark.parametrize("seed", range(5))
def test_free_response_curve(monai: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    cases, scores_of_hits, scores_of_misses, lesions = [], [], [], 0
    for _ in range(6):
        labels = np.zeros((3, 30, 30), np.uint8)
        logits = np.full(labels.shape, -8.0, np.float32)
        for number in range(4):
            place = (slice(0, 2), slice(6 * number, 6 * number + 3), slice(5, 8))
            labels[place] = 1
            lesions += 1
            score = round(float(rng.uniform(-1.5, 6)), 1)
            if rng.random() < 0.7:
                logits[place] = score
                scores_of_hits.append(score)
            if rng.random() < 0.6:
                score = round(float(rng.uniform(-1.5, 6)), 1)
                logits[1:3, 6 * number : 6 * number + 3, 20:22] = score
                scores_of_misses.append(score)
        cases.append(Candidates.of(quantise(logits + np.float32(0.01)), labels))
    false_alarms, recall = monai.compute_froc_curve_data(
        np.array(scores_of_misses), np.array(scores_of_hits), lesions, len(cases)
    )
    # Their curve leaves out the lowest score, where every finding counts.
    false_alarms = np.append(false_alarms, len(scores_of_misses) / len(cases))
    recall = np.append(recall, len(scores_of_hits) / lesions)
    curve = froc(cases)
    rates = (1 / 8, 1 / 4, 1 / 2, 1, 2)
    for rate in rates:
        reached = recall[false_alarms <= rate + 1e-12]
        assert curve.recall_at(rate) == pytest.approx(max(reached, default=0.0))
    assert not math.isnan(curve.cpm)
