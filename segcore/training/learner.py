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
from segcore.training.numerics import PLAIN, Numerics, autocast, laid_out, lay_out, scaler_for
from segcore.training.recipe import Optimiser

#: Gradients are scaled down to this norm.
CLIP_NORM = 1.0
_WEIGHT_DECAY = 1e-2
#: So many steps in a row may overflow in float16 while its scale is looked for.
_MOST_OVERFLOWS = 30
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
    numerics
        In which numbers the network is computed.
    """

    def __init__(
        self, network: UNet, loss: Loss, settings: Optimiser, *, prior: float, numerics: Numerics = PLAIN
    ) -> None:
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
        self.numerics = numerics
        self._begin()

    def use(self, numerics: Numerics) -> None:
        """Compute in other numbers from now on; weights, their mean and the optimiser keep their values."""
        self.numerics = numerics
        self.scaler = scaler_for(numerics, self._device)
        self._overflows = 0
        for module in (self.network, self.averaged):
            lay_out(module, numerics)

    @property
    def _device(self) -> torch.device:
        return next(self.network.parameters()).device

    def _begin(self) -> None:
        self.averaged = copy.deepcopy(self.network).requires_grad_(False)
        # The rate is set before every step.
        self.optimiser = torch.optim.AdamW(self._trained(), weight_decay=_WEIGHT_DECAY, foreach=True)
        self.use(self.numerics)

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
        x = laid_out(x, self.numerics)
        with autocast(self.numerics, self._device):
            logits, features = self.network.levels(x) if self.deep else (self.network(x), ())
        logits, features = logits.float(), tuple(feature.float() for feature in features)
        logits.retain_grad()
        loss = self.deep(self.loss, logits, features, target, valid) if self.deep else self.loss(logits, target, valid)
        self.optimiser.zero_grad(set_to_none=True)
        (self.scaler.scale(loss) if self.scaler else loss).backward()
        if not self._move(loss):
            return None
        self.steps += 1
        self._average()
        return StepResult(
            loss=loss.item(), share=class_share(cast(Tensor, logits.grad), target), logits=logits.detach()
        )

    def _move(self, loss: Tensor) -> bool:
        """Move the weights by their gradients; False where these are no numbers.

        In float16 gradients may overflow until their scale fits: such a step moves nothing, and is none to worry about.
        """
        if self.scaler is not None:
            self.scaler.unscale_(self.optimiser)
        norm = torch.nn.utils.clip_grad_norm_(self._trained(), CLIP_NORM)
        good = math.isfinite(norm.item())
        self._overflows = 0 if good else self._overflows + 1
        if not math.isfinite(loss.item()) or not (good or (self.scaler and self._overflows <= _MOST_OVERFLOWS)):
            return False
        if self.scaler is None:
            self.optimiser.step()
        else:
            self.scaler.step(self.optimiser)
            self.scaler.update()
        return True

    def _average(self) -> None:
        """Move the running mean; it forgets the start of the run, so that it needs no correction for it."""
        memory = min(max(_MEMORY_SHARE * self.steps, 1.0), _MOST_MEMORY) if self._averages else 1.0
        with torch.no_grad():
            torch._foreach_lerp_(list(self.averaged.parameters()), list(self.network.parameters()), 1 / memory)
