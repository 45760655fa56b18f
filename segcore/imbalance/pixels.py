"""Pixels with predicted probabilities, and what a loss says of them: small enough to look at, or a whole population.

A row of `Pixels` stands for `count` equal pixels, so that ten pixels and a million are the same arithmetic. Everything is
float64 and needs no torch: the window computes with it while a person drags a bar.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segcore.errors import SettingProblem

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pixels:
    """Groups of equal pixels.

    Parameters
    ----------
    probability
        (groups,) float64, predicted for the foreground, 0..1; both ends are allowed.
    target
        (groups,) float64, 0 or 1.
    count
        (groups,) float64, how many pixels the group holds, 0 or more; need not be whole.
    """

    probability: Numbers
    target: Numbers
    count: Numbers

    @property
    def total(self) -> float:
        """N, the number of pixels."""
        return float(self.count.sum())

    @property
    def foreground(self) -> float:
        """T, the number of foreground pixels."""
        return float((self.count * self.target).sum())

    @property
    def predicted(self) -> float:
        """S, the sum of the probabilities."""
        return float((self.count * self.probability).sum())

    @property
    def overlap(self) -> float:
        """I, the sum of the probabilities on the foreground."""
        return float((self.count * self.probability * self.target).sum())


def make_pixels(probability: Sequence[float], target: Sequence[float], count: Sequence[float] | None = None) -> Pixels:
    """Return checked pixels; one of each where `count` is left out.

    Raises
    ------
    SettingProblem
        For lengths that differ, probabilities outside 0..1, targets that are neither 0 nor 1, or negative counts.
    """
    p, y = np.asarray(probability, np.float64), np.asarray(target, np.float64)
    n = np.ones_like(p) if count is None else np.asarray(count, np.float64)
    if not p.shape == y.shape == n.shape or p.ndim != 1 or p.size == 0:
        raise SettingProblem(
            f"{p.size} predictions, {y.size} targets and {n.size} counts do not match",
            remedy="give as many of one as of the other",
        )
    # Written so that NaN fails as well.
    if not (((p >= 0) & (p <= 1)).all() and np.isin(y, (0.0, 1.0)).all() and (n >= 0).all() and n.sum() > 0):
        raise SettingProblem(
            "a prediction is no probability, or a target is neither 0 nor 1",
            remedy="give probabilities from 0 to 1, targets of 0 or 1, and counts of 0 or more",
        )
    return Pixels(probability=p, target=y, count=n)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judgement:
    """What a loss says of some pixels.

    Parameters
    ----------
    value
        The loss; NaN where it is not defined.
    gradient
        (groups,) float64, its derivative by the logit of ONE pixel of each group. Negative pulls the prediction up.
    foreground_pull, background_pull
        Σ|gradient| over all pixels of a class.
    """

    value: float
    gradient: Numbers
    foreground_pull: float
    background_pull: float

    @property
    def pull(self) -> float:
        """Σ|gradient| over all pixels."""
        return self.foreground_pull + self.background_pull

    @property
    def share(self) -> float:
        """The foreground's share of the pull, 0..1; NaN where nothing pulls."""
        return self.foreground_pull / self.pull if self.pull > 0 else float("nan")


def judgement(pixels: Pixels, value: float, gradient: Numbers) -> Judgement:
    """Return the judgement with its pulls added up."""
    pull = pixels.count * np.abs(gradient)
    front = float((pull * pixels.target).sum())
    return Judgement(
        value=value,
        gradient=gradient,
        foreground_pull=front,
        background_pull=float((pull * (1 - pixels.target)).sum()),
    )


#: Nine pixels of background and one of lesion: the example that the page on convergence works through.
TEN_TARGETS = (0.0,) * 9 + (1.0,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """Ten predictions with a name."""

    name: str
    label: str
    probability: tuple[float, ...]


EXAMPLES = (
    Example(name="base", label="Base", probability=(0.1, 0.2, 0.15, 0.05, 0.1, 0.25, 0.12, 0.08, 0.2, 0.6)),
    Example(name="improved", label="Improved", probability=(0.01, 0.02, 0.03, 0.04, 0.05, 0.01, 0.02, 0.04, 0.1, 0.8)),
    Example(
        name="missed", label="Lesion missed", probability=(0.01, 0.02, 0.03, 0.04, 0.05, 0.01, 0.02, 0.04, 0.1, 0.01)
    ),
    Example(name="zeros", label="True zeros", probability=(0.0,) * 10),
    Example(name="constant", label="Constant", probability=(0.1,) * 10),
)
