"""Weighted sums of losses, with weights that may grow in the course of a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from segcore.catalog.loss_settings import weight_at
from segcore.losses.closed_form import ClosedForm, closed_form_value
from segcore.losses.terms import Loss, working_type


class Mixture(Loss):
    """Σ λ_k L_k; no class weights are claimed for it.

    Parameters
    ----------
    terms
        Weights and losses.
    ramps
        For each term the share of the run over which its weight grows from 0, linearly; 0 (or None for all) is the
        whole weight at once.
    """

    def __init__(self, terms: Sequence[tuple[float, Loss]], *, ramps: Sequence[float] | None = None) -> None:
        super().__init__()
        self._weights = [weight for weight, _ in terms]
        self._ramps = list(ramps) if ramps is not None else [0.0] * len(terms)
        self.losses = nn.ModuleList([loss for _, loss in terms])

    def weighted(self) -> list[tuple[float, Loss]]:
        """Return the losses with their present weights, sums within sums taken apart."""
        result: list[tuple[float, Loss]] = []
        for weight, ramp, module in zip(self._weights, self._ramps, self.losses, strict=True):
            now = weight_at(weight, ramp, self.progress)
            loss = cast(Loss, module)
            if isinstance(loss, Mixture):
                result += [(now * inner, part) for inner, part in loss.weighted()]
            else:
                result.append((now, loss))
        return result

    def forward(self, logits: Tensor, target: Tensor, valid: Tensor | None = None) -> Tensor:
        """Return the sum; terms with a closed form share their walks over the voxels."""
        terms = self.weighted()
        closed = [(weight, loss) for weight, loss in terms if isinstance(loss, ClosedForm)]
        total = torch.zeros((), dtype=working_type(logits), device=logits.device)
        if closed:
            total = closed_form_value(closed, logits, target, valid)
        for weight, loss in terms:
            if not isinstance(loss, ClosedForm):
                total = total + weight * cast(Tensor, loss(logits, target, valid))
        return total

    def value(self, z: Tensor, y: Tensor, m: Tensor) -> Tensor:
        return self.forward(z, y, m)


class Sum(Mixture):
    """A mixture that knows how far its best logits are shifted.

    A sum of cross-entropies is one whose class weights are summed. With any other term (overlap, focal, top-k) the shift
    of the best logits is not known, and none is claimed.
    """

    def __init__(self, terms: Sequence[tuple[float, Loss]], *, ramps: Sequence[float] | None = None) -> None:
        super().__init__(terms, ramps=ramps)
        known = [(weight, loss.class_weights) for weight, loss in terms if loss.class_weights is not None]
        if len(known) == len(terms):
            self.class_weights = (sum(w * pair[0] for w, pair in known), sum(w * pair[1] for w, pair in known))
