"""Every loss against the plain formula of its paper, written once more without any of our helpers; values and gradients."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor

from segcore.losses import LOSSES, build_loss, build_terms
from segcore.training.recipe import LossTerm

Formula = Callable[[Tensor, Tensor], Tensor]
#: Prevalence that automatic weights are made from.
PI = 0.05


def example(seed: int, shape: tuple[int, ...] = (3, 1, 14, 15)) -> tuple[Tensor, Tensor]:
    """Logits, and a target with some lesions in all samples but the last, which is empty."""
    generator = torch.Generator().manual_seed(seed)
    z = 2 * torch.randn(shape, generator=generator, dtype=torch.float64) - 1
    y = (torch.rand(shape, generator=generator) < 0.06).double()
    y[-1] = 0
    return z, y


def ell(z: Tensor, y: Tensor) -> Tensor:
    p = torch.sigmoid(z)
    return -(y * p.log() + (1 - y) * (1 - p).log())


def parts(z: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    p = torch.sigmoid(z)
    return (p * y).sum(), (p * (1 - y)).sum(), ((1 - p) * y).sum(), ((1 - p) * (1 - y)).sum()


def dice(z: Tensor, y: Tensor) -> Tensor:
    hit, alarm, missed, _ = parts(z, y)
    return 1 - 2 * hit / (2 * hit + alarm + missed + 1e-5)


def squared_dice(z: Tensor, y: Tensor) -> Tensor:
    p = torch.sigmoid(z)
    return 1 - 2 * (p * y).sum() / ((p**2).sum() + y.sum() + 1e-5)


def generalized(z: Tensor, y: Tensor) -> Tensor:
    hit, alarm, missed, rejected = parts(z, y)
    front, back = y.sum(), (1 - y).sum()
    a, b = 1 / front**2, 1 / back**2
    return 1 - 2 * (a * hit + b * rejected) / (a * (2 * hit + alarm + missed) + b * (2 * rejected + alarm + missed))


def matthews(z: Tensor, y: Tensor) -> Tensor:
    tp, fp, fn, tn = parts(z, y)
    return 1 - (tp * tn - fp * fn) / ((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)).sqrt()


def sensitivity_specificity(z: Tensor, y: Tensor) -> Tensor:
    square = (torch.sigmoid(z) - y) ** 2
    return 0.1 * (square * y).sum() / y.sum() + 0.9 * (square * (1 - y)).sum() / (1 - y).sum()


def dsc_plus_plus(z: Tensor, y: Tensor) -> Tensor:
    p = torch.sigmoid(z)
    hit = (p * y).sum()
    wrong = (((1 - p) * y) ** 2).sum() + ((p * (1 - y)) ** 2).sum()
    return 1 - 2 * hit / (2 * hit + wrong + 1e-5)


def focal(z: Tensor, y: Tensor, gamma: float = 2.0, alpha: float = 0.75) -> Tensor:
    p = torch.sigmoid(z)
    right = torch.where(y > 0, p, 1 - p)
    return (torch.where(y > 0, alpha, 1 - alpha) * (1 - right) ** gamma * ell(z, y)).mean()


def modified_tversky(hit: Tensor, missed: Tensor, alarm: Tensor) -> Tensor:
    return hit / (hit + 0.6 * missed + 0.4 * alarm)


def unified(z: Tensor, y: Tensor) -> Tensor:
    hit, alarm, missed, rejected = parts(z, y)
    front = (1 - modified_tversky(hit, missed, alarm)) ** 0.5
    back = (1 - modified_tversky(rejected, alarm, missed)) ** 0.5
    return 0.5 * focal(z, y, 0.5, 0.6) + 0.5 * (front + back) / 2


def asymmetric_unified(z: Tensor, y: Tensor) -> Tensor:
    hit, alarm, missed, rejected = parts(z, y)
    p = torch.sigmoid(z)
    pixels = (0.6 * y * -p.log() + 0.4 * (1 - y) * p**0.5 * -(1 - p).log()).mean()
    front = (1 - modified_tversky(hit, missed, alarm)) ** 0.5
    return 0.5 * pixels + 0.5 * (front + 1 - modified_tversky(rejected, alarm, missed)) / 2


def exponential_log(z: Tensor, y: Tensor) -> Tensor:
    weights = torch.where(y > 0, PI**-0.5, (1 - PI) ** -0.5)
    raised = (ell(z, y) + 1e-4) ** 0.3 - 1e-4**0.3
    return 0.8 * (-(1 - dice(z, y)).log()) ** 0.3 + 0.2 * (weights * raised).mean()


def harmonised(z: Tensor, y: Tensor) -> Tensor:
    wrong = (torch.sigmoid(z) - y).abs().detach()
    bins = (wrong * 10).long().clamp_max(9)
    counts = torch.bincount(bins.flatten(), minlength=10)
    weights = z.numel() / (counts[bins] * (counts > 0).sum()).double()
    return (weights * ell(z, y)).mean()


def top_k(z: Tensor, y: Tensor) -> Tensor:
    values = ell(z, y).flatten()
    return values.topk(max(int(np.ceil(0.1 * len(values))), 10 * int(y.sum())))[0].mean()


def numbered(sample: Tensor) -> tuple[np.ndarray, int]:
    return ndimage.label(sample.numpy() > 0, np.ones((3,) * sample.ndim))


def narrow_gaps(z: Tensor, y: Tensor) -> Tensor:
    weights = torch.ones_like(y)
    for sample, here in zip(y[:, 0], weights[:, 0], strict=True):
        labels, count = numbered(sample)
        if count > 1:
            far = np.sort([ndimage.distance_transform_edt(labels != n) for n in range(1, count + 1)], axis=0)
            gap = 10 * np.exp(-((far[0] + far[1]) ** 2) / (2 * 5.0**2))
            here += torch.from_numpy(np.where(labels > 0, 0, gap))
    return (weights * ell(z, y)).mean()


def by_size(z: Tensor, y: Tensor) -> Tensor:
    weights = torch.ones_like(y)
    for sample, here in zip(y[:, 0], weights[:, 0], strict=True):
        labels, _ = numbered(sample)
        raw = 1 / np.bincount(labels.ravel())[labels]
        raw = np.minimum(raw, 50 * raw.min())
        here[:] = torch.from_numpy(raw / raw.mean())
    return (weights * ell(z, y)).mean()


def boundary(z: Tensor, y: Tensor) -> Tensor:
    field = torch.zeros_like(y)
    for sample, here in zip(y[:, 0].numpy() > 0, field[:, 0], strict=True):
        if sample.any():
            out, inside = ndimage.distance_transform_edt(~sample), ndimage.distance_transform_edt(sample)
            here[:] = torch.from_numpy(np.clip(np.where(sample, 1 - inside, out) / 20, -1, 1))
    return (torch.sigmoid(z) * field).mean()


def hausdorff(z: Tensor, y: Tensor) -> Tensor:
    field = torch.zeros_like(y)
    for mask in (y, (z.detach() > 0).double()):
        for sample, here in zip(mask[:, 0].numpy() > 0, field[:, 0], strict=True):
            if sample.any():
                both = ndimage.distance_transform_edt(~sample) + ndimage.distance_transform_edt(sample)
                here += torch.from_numpy((both / 15) ** 2)
    return ((torch.sigmoid(z) - y) ** 2 * field).mean()


def whole(z: Tensor, y: Tensor) -> Tensor:
    return dice(z, y) + ell(z, y).mean()


def blob(z: Tensor, y: Tensor) -> Tensor:
    labels = [numbered(sample) for sample in y[:, 0]]
    each = []
    for number, (_, count) in enumerate(labels):
        for lesion in range(1, count + 1):
            others = torch.ones_like(y, dtype=torch.bool)
            for other, (there, _) in enumerate(labels):
                others[other, 0] = torch.from_numpy((there == 0) | ((there == lesion) & (other == number)))
            each.append(whole(z[others], y[others]))
    return 2 * whole(z, y) + torch.stack(each).mean()


def by_cell(z: Tensor, y: Tensor) -> Tensor:
    each = []
    for sample_z, sample_y in zip(z[:, 0], y[:, 0], strict=True):
        labels, count = numbered(sample_y)
        if count:
            far = np.stack([ndimage.distance_transform_edt(labels != n) for n in range(1, count + 1)])
            # Ties between lesions are for whoever draws the cells: here as the transform's own indices have it.
            where = ndimage.distance_transform_edt(labels == 0, return_distances=False, return_indices=True)
            cells = labels[tuple(where)]
            assert (np.take_along_axis(far, cells[None] - 1, axis=0)[0] == far.min(axis=0)).all()
            each += [whole(sample_z[cells == n], sample_y[cells == n]) for n in range(1, count + 1)]
    return whole(z, y) + torch.stack(each).mean()


def pairs(z: Tensor, y: Tensor) -> Tensor:
    front, back = z[y > 0], z[y == 0]
    return ((1 - front[:, None] + back[None]).clamp_min(0) ** 2).mean()


REFERENCES: dict[str, Formula] = {
    "bce": lambda z, y: ell(z, y).mean(),
    "weighted_bce": lambda z, y: (ell(z, y) * (1 + (((1 - PI) / PI) ** 0.5 - 1) * y)).mean(),
    "balanced_ce": lambda z, y: (ell(z, y) * torch.where(y > 0, 1 - PI, PI)).mean(),
    "logit_adjusted_ce": lambda z, y: ell(z + float(np.log(PI / (1 - PI))), y).mean(),
    "focal": focal,
    "poly1": lambda z, y: (ell(z, y) + (torch.sigmoid(z) - y).abs()).mean(),
    "ghm": harmonised,
    "top_k": top_k,
    "distance_weighted_ce": narrow_gaps,
    "inverse_size_ce": by_size,
    "dice": dice,
    "generalized_dice": generalized,
    "log_cosh_dice": lambda z, y: torch.cosh(dice(z, y)).log(),
    "exponential_log": exponential_log,
    "mcc": matthews,
    "sensitivity_specificity": sensitivity_specificity,
    "dsc_plus_plus": dsc_plus_plus,
    "combo": lambda z, y: 0.25 * ell(z, y).mean() + 0.5 * dice(z, y),
    "unified_focal": unified,
    "asymmetric_unified_focal": asymmetric_unified,
    "boundary": boundary,
    "hausdorff_dt": hausdorff,
    "blob": blob,
    "cc_dice": by_cell,
    "auc_pair": pairs,
    "dice_ce": whole,
    "dice_focal": lambda z, y: dice(z, y) + focal(z, y),
    "dice_top_k": lambda z, y: dice(z, y) + top_k(z, y),
    "bce_mcc": lambda z, y: matthews(z, y) + ell(z, y).mean(),
}
#: Held to hand-made cases or identities in test_losses, and to MONAI in test_peers.
ELSEWHERE = {"jaccard", "tversky", "focal_tversky", "f_beta", "lovasz", "bce_lovasz", "cl_dice", "skeleton_recall"}


def test_no_loss_of_the_catalogue_goes_without_a_reference() -> None:
    assert {entry.name for entry in LOSSES} == set(REFERENCES) | ELSEWHERE


@pytest.mark.parametrize("name", REFERENCES)
@pytest.mark.parametrize("seed", range(3))
def test_value_and_gradient_are_those_of_the_formula(name: str, seed: int) -> None:
    z, y = example(seed)
    ours, theirs = z.clone().requires_grad_(), z.clone().requires_grad_()
    value = build_loss(name, prevalence=PI)(ours, y)
    expected = REFERENCES[name](theirs, y)
    assert value.item() == pytest.approx(expected.item(), rel=1e-6)
    value.backward()
    expected.backward()
    assert ours.grad is not None
    assert theirs.grad is not None
    assert float(theirs.grad.abs().max()) > 1e-6
    # Maps of weights are kept in float32.
    precise = 1e-12 if name not in ("distance_weighted_ce", "inverse_size_ce", "boundary", "hausdorff_dt") else 1e-8
    assert torch.allclose(ours.grad, theirs.grad, rtol=1e-6, atol=precise)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", REFERENCES)
def test_single_and_half_precision_stay_near_double(name: str, dtype: torch.dtype) -> None:
    z, y = example(5)
    z = z.to(dtype)
    value = build_loss(name, prevalence=PI)(z, y)
    assert value.dtype == torch.float32
    # What bfloat16 lost lies in the logits; from there on nothing more is.
    assert value.item() == pytest.approx(build_loss(name, prevalence=PI)(z.double(), y).item(), rel=2e-5)


def test_squared_sizes_are_those_of_the_first_paper() -> None:
    z, y = example(1)
    ours, theirs = z.clone().requires_grad_(), z.clone().requires_grad_()
    build_loss("dice", squared=True)(ours, y).backward()
    squared_dice(theirs, y).backward()
    assert torch.allclose(ours.grad, theirs.grad, rtol=1e-9, atol=1e-14)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["dice", "mcc", "dsc_plus_plus", "sensitivity_specificity", "unified_focal"])
def test_by_sample_is_the_mean_over_samples_that_are_defined(name: str) -> None:
    z, y = example(2)
    loss = build_loss(name, batch=False)
    alone = [loss(z[n : n + 1], y[n : n + 1]).item() for n in range(3 if name in ("sensitivity_specificity",) else 2)]
    if name == "unified_focal":
        pytest.skip("its pixel half is a mean over all voxels; the region half is covered by the others")
    assert loss(z, y).item() == pytest.approx(np.mean(alone), rel=1e-12)


def test_terms_by_sample_and_by_batch_share_a_walk_without_meeting() -> None:
    z, y = example(3)
    terms = (LossTerm(name="dice", parameters=(("batch", False),)), LossTerm(name="mcc", weight=0.5))
    ours = z.clone().requires_grad_()
    build_terms(terms)(ours, y).backward()
    apart = z.clone().requires_grad_()
    (build_loss("dice", batch=False)(apart, y) + 0.5 * build_loss("mcc")(apart, y)).backward()
    assert torch.allclose(ours.grad, apart.grad, rtol=1e-12, atol=1e-16)  # type: ignore[arg-type]


def test_pieces_are_put_together_right() -> None:
    # More voxels than a piece holds, an odd number, and some of them ignored.
    generator = torch.Generator().manual_seed(1)
    z = torch.randn(2, 1, 401, 397, generator=generator, dtype=torch.float64)
    y = (torch.rand(z.shape, generator=generator) < 0.01).double()
    m = (torch.rand(z.shape, generator=generator) < 0.9).double()
    keep = m > 0
    for name in ("dice_ce", "focal", "top_k", "dsc_plus_plus", "ghm", "weighted_bce"):
        ours, theirs = z.clone().requires_grad_(), z[keep].clone().requires_grad_()
        value = build_loss(name, prevalence=PI)(ours, y, m)
        expected = REFERENCES[name](theirs, y[keep])
        assert value.item() == pytest.approx(expected.item(), rel=1e-9), name
        value.backward()
        expected.backward()
        assert torch.allclose(ours.grad[keep], theirs.grad, rtol=1e-6, atol=1e-14), name  # type: ignore[index,arg-type]
        assert (ours.grad[~keep] == 0).all()  # type: ignore[index]


def test_a_second_walk_back_gives_the_same() -> None:
    z, y = example(0)
    z.requires_grad_()
    value = build_loss("dice_ce")(z, y)
    (first,) = torch.autograd.grad(value, z, retain_graph=True)
    (second,) = torch.autograd.grad(3 * value, z)
    assert torch.allclose(3 * first, second, rtol=1e-14)


def test_weights_grow_over_their_share_of_the_run() -> None:
    z, y = example(0)
    loss = build_terms((LossTerm(name="bce"), LossTerm(name="boundary", weight=2.0, ramp=0.5)))
    bce, border = build_loss("bce")(z, y).item(), build_loss("boundary")(z, y).item()
    for progress, share in ((0.25, 0.5), (0.5, 1.0), (1.0, 1.0)):
        loss.progress = progress
        assert loss(z, y).item() == pytest.approx(bce + 2 * share * border)
    loss.progress = 0.0
    assert loss(z, y).item() == pytest.approx(bce, rel=1e-2)
