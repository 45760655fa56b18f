"""The budget: how far a run is, the learning rate that belongs there, and when to validate."""

from __future__ import annotations

import math

from segcore.training.recipe import Recipe

#: Share of the budget for the linear warm-up.
WARM_UP = 0.03
#: Share of a run measured in minutes that validations may take while it goes on, and that the last one may.
SHARE_IN_RUN, SHARE_AT_END = 0.10, 0.08
#: The first validation comes this early, so that the plots live.
_FIRST = 0.06
_FIRST_SECONDS = 12.0


class Schedule:
    """Progress by steps or by minutes; the rest follows from it.

    With a budget of steps everything is decided by the step, so that a run can be repeated exactly.

    Attributes
    ----------
    reserve
        Seconds of a budget of minutes that are kept for the last validation.
    peak
        Highest learning rate.
    begun
        Share of the budget at which the learning rate began its course: 0, or later after a rescue.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.total_steps = recipe.budget.steps or None
        self.total_seconds = None if self.total_steps else recipe.budget.minutes * 60
        self.reserve = 0.0
        self.peak = recipe.optimiser.learning_rate
        self.begun = 0.0
        self._validations = recipe.budget.validations

    @property
    def _seconds(self) -> float:
        return max((self.total_seconds or 0.0) - self.reserve, 1e-3)

    def progress(self, step: int, seconds: float) -> float:
        """Return the share of the budget that is used, 0..1."""
        if self.total_steps:
            return min(1.0, step / self.total_steps)
        return min(1.0, seconds / self._seconds)

    def remaining(self, step: int, seconds: float) -> float:
        """Return the seconds left, estimated from the pace so far for a budget of steps."""
        if self.total_steps:
            return (self.total_steps - step) * seconds / max(step, 1)
        return max(0.0, (self.total_seconds or 0.0) - seconds)

    def learning_rate(self, progress: float) -> float:
        """Return the rate: linear warm-up, then half a cosine down to a hundredth."""
        done = self.along(progress)
        if done < WARM_UP:
            return self.peak * (0.1 + 0.9 * done / WARM_UP)
        along = (done - WARM_UP) / (1 - WARM_UP)
        return self.peak * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * along)))

    def along(self, progress: float) -> float:
        """Return how far the run is since its learning rate began its course, 0..1."""
        return max(0.0, progress - self.begun) / max(1 - self.begun, 1e-6)

    def wants_validation(self, step: int, seconds: float, *, done: int, took: float, last: float) -> bool:
        """Whether it is time.

        Parameters
        ----------
        done
            Validations so far.
        took
            Seconds that the last one took: with a budget of minutes they are thinned to their share of the time.
        last
            When the last one ended, seconds.
        """
        if self.total_steps:
            return step in self._marks(self.total_steps)
        if done == 0:
            return seconds >= min(_FIRST * self._seconds, _FIRST_SECONDS)
        gap = max(self._seconds / self._validations, took / SHARE_IN_RUN)
        # One more follows when training ends: none just before it.
        return seconds >= last + gap and seconds < self._seconds - 0.3 * gap

    def _marks(self, total: int) -> set[int]:
        first = max(1, round(_FIRST * total))
        evenly = {round(total * (i + 1) / self._validations) for i in range(self._validations)}
        return {first} | {mark for mark in evenly if mark > 1.5 * first}
