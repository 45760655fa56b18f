"""The budget: how far a run is, the learning rate that belongs there, and when to validate."""

from __future__ import annotations

import math

from segcore.training.recipe import Recipe

#: Share of the budget for the linear warm-up.
WARM_UP = 0.03
#: Share of the time that validation may take in a run measured in minutes.
VALIDATION_SHARE = 0.15
#: The first validation comes this early, so that the plots live.
_FIRST = 0.06
_FIRST_SECONDS = 10.0


class Schedule:
    """Progress by steps or by minutes; the rest follows from it.

    With a budget of steps everything is decided by the step, so that a run can be repeated exactly.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.total_steps = recipe.budget.steps or None
        self.total_seconds = None if self.total_steps else recipe.budget.minutes * 60
        self._peak = recipe.optimiser.learning_rate
        self._validations = recipe.budget.validations

    def progress(self, step: int, seconds: float) -> float:
        """Return the share of the budget that is used, 0..1."""
        if self.total_steps:
            return min(1.0, step / self.total_steps)
        return min(1.0, seconds / (self.total_seconds or 1.0))

    def remaining(self, step: int, seconds: float) -> float:
        """Return the seconds left, estimated from the pace so far for a budget of steps."""
        if self.total_steps:
            return (self.total_steps - step) * seconds / max(step, 1)
        return max(0.0, (self.total_seconds or 0.0) - seconds)

    def learning_rate(self, progress: float) -> float:
        """Return the rate: linear warm-up, then half a cosine down to a hundredth."""
        if progress < WARM_UP:
            return self._peak * (0.1 + 0.9 * progress / WARM_UP)
        along = (progress - WARM_UP) / (1 - WARM_UP)
        return self._peak * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * along)))

    def wants_validation(self, step: int, seconds: float, done: int, last_took: float) -> bool:
        """Whether it is time; with a budget of minutes validations are thinned to their share of the time."""
        if self.total_steps:
            marks = [round(self.total_steps * (i + 1) / self._validations) for i in range(self._validations)]
            first = max(1, round(_FIRST * self.total_steps))
            marks = [first, *[mark for mark in marks if mark > 1.5 * first]]
            return step in marks
        total = self.total_seconds or 1.0
        gap = max(total / self._validations, last_took / VALIDATION_SHARE)
        return seconds >= min(_FIRST * total, _FIRST_SECONDS) + done * gap and seconds < 0.97 * total
