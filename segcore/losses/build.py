"""The one table from catalogue names to losses, and building them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from segcore.catalog.entry import find
from segcore.catalog.losses import LOSSES
from segcore.errors import SettingProblem
from segcore.losses import instances, mapped, overlap, pixel, ranked
from segcore.losses.mixture import Mixture, Sum
from segcore.losses.terms import Loss

#: Assumed where nothing was measured; the training passes the prevalence of its sampled patches.
DEFAULT_PREVALENCE = 0.01

Values = dict[str, Any]


def _picked(p: Values, *names: str) -> Values:
    return {name: p[name] for name in names}


def _of_overlap(p: Values) -> Values:
    return _picked(p, "smooth_numerator", "smooth_denominator", "batch")


def _dice(p: Values) -> Loss:
    settings = _of_overlap(p)
    return overlap.SquaredDice(**settings) if p["squared"] else overlap.Dice(**settings)


def _f_beta(p: Values) -> Loss:
    """Return 1 − F_β, which is Tversky with false positives weighted 1 / (1 + β²) (Hashemi et al. 2018)."""
    square = p["beta"] ** 2
    return overlap.Tversky(alpha=1 / (1 + square), beta=square / (1 + square), **_of_overlap(p))


def _with(other: Loss, p: Values) -> Loss:
    return Sum([(1.0, overlap.Dice(**_of_overlap(p))), (1.0, other)])


def _combo(p: Values) -> Loss:
    """Return α · balanced cross-entropy + (1 − α) · Dice (Taghanaki et al. 2019)."""
    entropy = pixel.CrossEntropy(front=p["class_weight"], back=1 - p["class_weight"])
    # Its minimum is no longer a weighted cross-entropy's, so that no shift of the logits is claimed.
    return Mixture([(p["alpha"], entropy), (1 - p["alpha"], overlap.Dice(**_of_overlap(p)))])


def _exponential_log(p: Values, prevalence: float) -> Loss:
    """Return 0.8 (−ln D)^γ + 0.2 · mean w (−ln p_t)^γ, with class weights (1/π)^½ up to 30 (Wong et al. 2018)."""
    front, back = (min(1 / math.sqrt(share), pixel.LARGEST_WEIGHT) for share in (prevalence, 1 - prevalence))
    entropy = pixel.ExponentialEntropy(gamma=p["gamma"], front=front, back=back)
    return Mixture([(0.8, overlap.LogDice(gamma=p["gamma"], **_of_overlap(p))), (0.2, entropy)])


def _unified_focal(p: Values, *, asymmetric: bool) -> Loss:
    """Return λ · focal + (1 − λ) · focal Tversky of both classes (Yeung et al. 2022)."""
    delta, gamma, share = p["delta"], p["gamma"], p["share"]
    region = overlap.FocalTverskyOfBoth(delta=delta, gamma=gamma, asymmetric=asymmetric, batch=p["batch"])
    if not asymmetric:
        return Mixture([(share, pixel.Focal(gamma=gamma, alpha=delta)), (1 - share, region)])
    return Mixture([(share, pixel.OneSidedFocal(gamma=gamma, delta=delta)), (1 - share, region)])


_BUILDERS: dict[str, Callable[[Values, float], Loss]] = {
    "bce": lambda p, pi: pixel.CrossEntropy(),
    "weighted_bce": lambda p, pi: pixel.WeightedCrossEntropy(**p, prevalence=pi),
    "balanced_ce": lambda p, pi: pixel.BalancedCrossEntropy(prevalence=pi),
    "logit_adjusted_ce": lambda p, pi: pixel.LogitAdjusted(**p, prevalence=pi),
    "focal": lambda p, pi: pixel.Focal(**p),
    "top_k": lambda p, pi: ranked.TopK(**p),
    "poly1": lambda p, pi: pixel.Poly1(**p),
    "ghm": lambda p, pi: ranked.GradientHarmonised(**p),
    "distance_weighted_ce": lambda p, pi: mapped.between_weighted(**p),
    "inverse_size_ce": lambda p, pi: mapped.size_weighted(**p),
    "dice": lambda p, pi: _dice(p),
    "generalized_dice": lambda p, pi: overlap.GeneralizedDice(batch=p["batch"]),
    "jaccard": lambda p, pi: overlap.Jaccard(**p),
    "tversky": lambda p, pi: overlap.Tversky(**p),
    "focal_tversky": lambda p, pi: overlap.Tversky(**p),
    "f_beta": lambda p, pi: _f_beta(p),
    "log_cosh_dice": lambda p, pi: overlap.LogCoshDice(**p),
    "exponential_log": _exponential_log,
    "lovasz": lambda p, pi: ranked.Lovasz(),
    "mcc": lambda p, pi: overlap.Matthews(batch=p["batch"]),
    "sensitivity_specificity": lambda p, pi: overlap.SensitivitySpecificity(**p),
    "dsc_plus_plus": lambda p, pi: overlap.DicePlusPlus(**p),
    "combo": lambda p, pi: _combo(p),
    "unified_focal": lambda p, pi: _unified_focal(p, asymmetric=False),
    "asymmetric_unified_focal": lambda p, pi: _unified_focal(p, asymmetric=True),
    "boundary": lambda p, pi: mapped.Boundary(**p),
    "hausdorff_dt": lambda p, pi: mapped.HausdorffDistance(**p),
    "blob": lambda p, pi: instances.Blob(**p),
    "cc_dice": lambda p, pi: instances.ComponentDice(**p),
    "cl_dice": lambda p, pi: instances.CenterlineDice(**p),
    "skeleton_recall": lambda p, pi: instances.SkeletonRecall(),
    "auc_pair": lambda p, pi: ranked.PairwiseRanking(**p),
    "dice_ce": lambda p, pi: _with(pixel.CrossEntropy(), p),
    "dice_focal": lambda p, pi: _with(pixel.Focal(gamma=p["gamma"], alpha=p["alpha"]), p),
    "dice_top_k": lambda p, pi: _with(ranked.TopK(share=p["share"]), p),
    "bce_lovasz": lambda p, pi: Sum([(1.0, pixel.CrossEntropy()), (1.0, ranked.Lovasz())]),
    "bce_mcc": lambda p, pi: Sum([(1.0, pixel.CrossEntropy()), (1.0, overlap.Matthews(batch=p["batch"]))]),
}


def builder_names() -> tuple[str, ...]:
    """Return the names that can be built; the catalogue has exactly these."""
    return tuple(_BUILDERS)


def build_loss(name: str, *, prevalence: float = DEFAULT_PREVALENCE, **parameters: float | bool | str) -> Loss:
    """Return the loss called `name`.

    Parameters
    ----------
    name
        A name in `segcore.catalog.losses.LOSSES`.
    prevalence
        Foreground fraction in the patches that the loss will see; sets automatic weights.
    **parameters
        Those of the catalogue's entry; the rest take their defaults.

    Raises
    ------
    UnknownName
        For a name or parameter that is not in the catalogue, with those that are.
    OutOfRange
        For a value outside its range.
    """
    entry = find("loss", name, LOSSES)
    values: Values = {item.name: item.domain.default for item in entry.parameters}
    for given, value in parameters.items():
        item = entry.parameter(given)
        values[given] = item.domain.check(given, value)  # type: ignore[arg-type]
    if not 0 < prevalence < 1:
        raise SettingProblem(f"a prevalence of {prevalence} has no weights", remedy="give a value between 0 and 1")
    return _BUILDERS[name](values, prevalence)


class TermLike(Protocol):
    """A term of a recipe's loss; see `segcore.training.recipe.LossTerm`."""

    @property
    def name(self) -> str: ...
    @property
    def weight(self) -> float: ...
    @property
    def ramp(self) -> float: ...
    @property
    def parameters(self) -> tuple[tuple[str, float | bool | str], ...]: ...


def build_terms(terms: Sequence[TermLike], *, prevalence: float = DEFAULT_PREVALENCE) -> Loss:
    """Return the weighted sum of a recipe's terms; errors as `build_loss`."""
    built = [(term.weight, build_loss(term.name, prevalence=prevalence, **dict(term.parameters))) for term in terms]
    if len(built) == 1 and built[0][0] == 1.0:
        return built[0][1]
    return Sum(built, ramps=[term.ramp for term in terms])
