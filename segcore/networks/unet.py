"""What all U-Nets here share: how they are described, what goes in and comes out."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn

from segcore.networks.description import FIRST_DESIGN as FIRST_DESIGN
from segcore.networks.description import LEVELS as LEVELS
from segcore.networks.description import MULTIPLE as MULTIPLE
from segcore.networks.description import PRESENT_DESIGN as PRESENT_DESIGN
from segcore.networks.description import NetworkDescription as NetworkDescription
from segcore.networks.description import level_widths as level_widths


class UNet(nn.Module, ABC):
    """(N, channels, *spatial) to logits (N, 1, *spatial); spatial extents are multiples of `MULTIPLE`."""

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """Return the logits."""

    @abstractmethod
    def set_prior(self, logit: float) -> None:
        """Start from a constant prediction: the head's bias becomes `logit` (Lin et al. 2017, section 4.1)."""

    def levels(self, x: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Return the logits, and the features of the decoder's levels below them, coarsest first.

        A design that is not trained any more gives none.
        """
        return self(x), ()

    @property
    def level_widths(self) -> tuple[int, ...]:
        """Channels of each of these levels."""
        return ()

    @property
    def weights(self) -> int:
        """Number of trainable numbers."""
        return sum(parameter.numel() for parameter in self.parameters())


def describe(network: UNet, description: NetworkDescription) -> str:
    """Return the network in words, e.g. ``"small 2D U-Net, 0.5 million weights"``."""
    return f"{description.size} {description.dimensions}D U-Net, {network.weights / 1e6:.2g} million weights"
