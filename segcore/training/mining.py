"""Looking for hard negatives in the course of a run, and in what reviewers turned down before it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from segcore.errors import UnreadableFile
from segcore.inference.preparation import prepare_labels
from segcore.inference.sliding_window import predict_image
from segcore.projects.project import Project
from segcore.review.decisions import Verdict, decisions
from segcore.review.predictions import Predictions
from segcore.sampling.mining import FalseAlarm, HardNegatives, false_alarms
from segcore.scans.volume import FOREGROUND
from segcore.training.courses import MINING_FROM
from segcore.training.plan import Plan
from segcore.training.prepared import PreparedCase

#: Training cases looked at after each validation, one after the other in turn.
CASES_AT_ONCE = 2
_OVERLAP = 0.25


class Miner:
    """Keeps the hard negatives of a run's training cases up to date.

    Parameters
    ----------
    correction
        Added to logits; see `segcore.inference.model.ModelFacts`.
    check
        Called before every tile; raises to end.
    """

    def __init__(
        self,
        cases: Sequence[PreparedCase],
        pool: HardNegatives,
        plan: Plan,
        *,
        device: torch.device,
        correction: float,
        check: Callable[[], None],
    ) -> None:
        self._cases, self._plan, self._device = cases, plan, device
        self.correction, self._check = correction, check
        self.pool = pool
        self.looked = 0

    def begin_with_rejected(self, project: Project, notice: Callable[[str], None]) -> None:
        """Take in what reviewers turned down in training cases, and say so."""
        numbers = {case.id: number for number, case in enumerate(self._cases)}
        for (id, model), decision in decisions(project).items():
            number = numbers.get(id)
            if number is None or decision.verdict is not Verdict.REJECTED:
                continue
            with suppress(UnreadableFile):  # a prediction that was deleted since teaches nothing
                prediction = Predictions(project.predictions_folder / model).load(id)
                self._take(number, prediction.steps >= prediction.facts.step)
        if len(self.pool):
            notice(f"{len(self.pool)} places where reviewers rejected a prediction are drawn from at once.")

    def _take(self, number: int, said: NDArray[np.bool_]) -> None:
        case = self._cases[number]
        if said.shape == case.placement.scan_shape:
            on_grid, _ = prepare_labels(said.astype(np.uint8) * FOREGROUND, case.placement, self._plan.preparation)
            logits = np.where(on_grid == FOREGROUND, np.float32(10.0), np.float32(-10.0))
            self.pool.update(number, false_alarms(logits, case.labels))

    def look(self, network: nn.Module, *, progress: float) -> list[tuple[int, tuple[FalseAlarm, ...]]]:
        """Predict the next training cases and return their false alarms, to be given to `take`; none early in a run."""
        if progress < MINING_FROM:
            return []
        numbers = [(self.looked + n) % len(self._cases) for n in range(min(CASES_AT_ONCE, len(self._cases)))]
        return [(number, self._alarms_in(network, self._cases[number])) for number in numbers]

    def take(self, found: Sequence[tuple[int, tuple[FalseAlarm, ...]]]) -> None:
        """Take in what was found; apart from looking, so that a look that is interrupted leaves no trace."""
        for number, alarms in found:
            self.pool.update(number, alarms)
        self.looked += len(found)

    def _alarms_in(self, network: nn.Module, case: PreparedCase) -> tuple[FalseAlarm, ...]:
        logits = predict_image(
            network,
            case.image,
            self._plan.patch,
            flat=self._plan.flat,
            device=self._device,
            overlap=_OVERLAP,
            stop=self._check,
        )
        return false_alarms(logits + np.float32(self.correction), case.labels)
