"""The one table from catalogue names to losses, and building them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, cast

from torch import Tensor, nn

from segcore.catalog.entry import find
from segcore.catalog.losses import LOSSES
from segcore.errors import SettingProblem
from segcore.losses.lovasz import Lovasz
from segcore.losses.overlap import Dice, Jaccard, Tversky
from segcore.losses.pixel import BalancedCrossEntropy, CrossEntropy, Focal, TopK, WeightedCrossEntropy
from segcore.losses.terms import Loss

#: Assumed where nothing was measured; the training passes the prevalence of its sampled patches.
DEFAULT_PREVALENCE = 0.01


class Sum(Loss):
    """Σ λ_k L_k.

    A sum of cross-entropies is one whose class weights are summed. With any other term (overlap, focal, top-k) the shift
    of the best logits is not known, and none is claimed.
    """

    def __init__(self, terms: Sequence[tuple[float, Loss]]) -> None:
        super().__init__()
        self.weights = [weight for weight, _ in terms]
        self.losses = nn.ModuleList([loss for _, loss in terms])
        known = [(weight, loss.class_weights) for weight, loss in terms if loss.class_weights is not None]
        if len(known) == len(terms):
            self.class_weights = (sum(w * pair[0] for w, pair in known), sum(w * pair[1] for w, pair in known))

    def value(self, z: Tensor, y: Tensor, m: Tensor) -> Tensor:
        total = z.new_zeros(())
        for weight, loss in zip(self.weights, self.losses, strict=True):
            total = total + weight * cast(Loss, loss).value(z, y, m)
        return total


def _overlap(p: dict[str, Any]) -> Dice:
    return Dice(**{name: p[name] for name in ("smooth_numerator", "smooth_denominator", "batch")})


def _f_beta(*, beta: float, **overlap: Any) -> Tversky:
    """Return 1 − F_β, which is Tversky with false positives weighted 1 / (1 + β²) (Hashemi et al. 2018)."""
    return Tversky(alpha=1 / (1 + beta**2), beta=beta**2 / (1 + beta**2), **overlap)


_BUILDERS: dict[str, Callable[[dict[str, Any], float], Loss]] = {
    "bce": lambda p, pi: CrossEntropy(),
    "weighted_bce": lambda p, pi: WeightedCrossEntropy(**p, prevalence=pi),
    "balanced_ce": lambda p, pi: BalancedCrossEntropy(prevalence=pi),
    "focal": lambda p, pi: Focal(**p),
    "top_k": lambda p, pi: TopK(**p),
    "dice": lambda p, pi: Dice(**p),
    "jaccard": lambda p, pi: Jaccard(**p),
    "tversky": lambda p, pi: Tversky(**p),
    "focal_tversky": lambda p, pi: Tversky(**p),
    "f_beta": lambda p, pi: _f_beta(**p),
    "lovasz": lambda p, pi: Lovasz(),
    "dice_ce": lambda p, pi: Sum([(1.0, _overlap(p)), (1.0, CrossEntropy())]),
    "dice_focal": lambda p, pi: Sum([(1.0, _overlap(p)), (1.0, Focal(gamma=p["gamma"], alpha=p["alpha"]))]),
    "dice_top_k": lambda p, pi: Sum([(1.0, _overlap(p)), (1.0, TopK(share=p["share"]))]),
    "bce_lovasz": lambda p, pi: Sum([(1.0, CrossEntropy()), (1.0, Lovasz())]),
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
    values: dict[str, Any] = {item.name: item.domain.default for item in entry.parameters}
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
    def parameters(self) -> tuple[tuple[str, float | bool | str], ...]: ...


def build_terms(terms: Sequence[TermLike], *, prevalence: float = DEFAULT_PREVALENCE) -> Loss:
    """Return the weighted sum of a recipe's terms; errors as `build_loss`."""
    built = [(term.weight, build_loss(term.name, prevalence=prevalence, **dict(term.parameters))) for term in terms]
    return built[0][1] if len(built) == 1 and built[0][0] == 1.0 else Sum(built)
