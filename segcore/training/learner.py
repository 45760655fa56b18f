"""One step of learning: forward, loss, backward, clip, move the weights, move their running mean."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from segcore.losses.gradients import GradientShare, class_share
from segcore.losses.terms import Loss
from segcore.networks.unet import UNet
from segcore.training.deep import DeepSupervision
from segcore.training.recipe import Optimiser

#: Gradients are scaled down to this norm.
CLIP_NORM = 1.0
_WEIGHT_DECAY = 1e-2
#: Memory of the running mean: this share of the steps so far, and at most so many steps.
_MEMORY_SHARE, _MOST_MEMORY = 0.1, 1000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StepResult:
    """What a step showed.

    Parameters
    ----------
    loss
        Its value.
    share
        Who pulled on the network.
    logits
        (N, 1, *spatial), detached.
    """

    loss: float
    share: GradientShare
    logits: Tensor


class Learner:
    """The network, the running mean of its weights, and the optimiser.

    Parameters
    ----------
    prior
        Foreground fraction in the sampled patches. Where the recipe says so, the network starts from predicting exactly
        that, shifted by what the loss favours the foreground by: otherwise the first hundred steps go into learning
        that lesions are rare, or the run collapses (Lin et al. 2017, section 4.1; IMBALANCE 3.1).
    """

    def __init__(self, network: UNet, loss: Loss, settings: Optimiser, *, prior: float) -> None:
        if settings.prior_bias:
            network.set_prior(math.log(prior / (1 - prior)) + loss.log_prior_shift)
        self.network, self.loss = network, loss
        self.steps = 0
        self._averages = settings.average
        self.deep: DeepSupervision | None = None
        if settings.deep_supervision:
            dimensions = 3 if any(isinstance(module, nn.Conv3d) for module in network.modules()) else 2
            logit = math.log(prior / (1 - prior)) + loss.log_prior_shift
            device = next(network.parameters()).device
            self.deep = DeepSupervision(network.level_widths, dimensions, prior_logit=logit).to(device)
        self._begin()

    def _begin(self) -> None:
        self.averaged = copy.deepcopy(self.network).requires_grad_(False)
        # The rate is set before every step.
        self.optimiser = torch.optim.AdamW(self._trained(), weight_decay=_WEIGHT_DECAY, foreach=True)

    def _trained(self) -> list[nn.Parameter]:
        heads = self.deep.parameters() if self.deep else ()
        return [*self.network.parameters(), *heads]

    def begin_again(self, network: UNet, loss: Loss, *, prior: float, keep_bias: bool) -> None:
        """Go on from other weights with another loss: the optimiser and the running mean know nothing of before.

        Parameters
        ----------
        keep_bias
            Whether the weights have learnt how rare lesions are; else the bias says `prior`.
        """
        if not keep_bias:
            network.set_prior(math.log(prior / (1 - prior)) + loss.log_prior_shift)
        self.network, self.loss = network, loss
        self._begin()

    def step(
        self, x: Tensor, target: Tensor, valid: Tensor, *, rate: float, progress: float = 1.0
    ) -> StepResult | None:
        """Learn from a batch; None, with the weights as they were, where loss or gradient is not a number.

        Parameters
        ----------
        x
            (N, channels, *spatial).
        target, valid
            (N, 1, *spatial) float, 0 or 1.
        rate
            Learning rate.
        progress
            How far the run is, 0..1, for weights of the loss that grow.
        """
        self.loss.progress = progress
        self.network.train()
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        logits, features = self.network.levels(x) if self.deep else (self.network(x), ())
        logits.retain_grad()
        loss = self.deep(self.loss, logits, features, target, valid) if self.deep else self.loss(logits, target, valid)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self._trained(), CLIP_NORM)
        if not math.isfinite(loss.item()) or not math.isfinite(norm.item()):
            return None
        self.optimiser.step()
        self.steps += 1
        self._average()
        return StepResult(
            loss=loss.item(), share=class_share(cast(Tensor, logits.grad), target), logits=logits.detach()
        )

    def _average(self) -> None:
        """Move the running mean; it forgets the start of the run, so that it needs no correction for it."""
        memory = min(max(_MEMORY_SHARE * self.steps, 1.0), _MOST_MEMORY) if self._averages else 1.0
        with torch.no_grad():
            torch._foreach_lerp_(list(self.averaged.parameters()), list(self.network.parameters()), 1 / memory)
