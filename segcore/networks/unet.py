"""What all U-Nets here share: how they are described, what goes in and comes out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch import Tensor, nn

from segcore.catalog import networks

#: See `segcore.catalog.networks`.
LEVELS = networks.LEVELS
#: Extents of a patch must be multiples of this along every convolved axis.
MULTIPLE: int = networks.MULTIPLE
#: The design of networks that were described before designs were told apart, and of those that are trained now.
FIRST_DESIGN, PRESENT_DESIGN = 1, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkDescription:
    """What is needed to build the same network again.

    Parameters
    ----------
    dimensions
        2 or 3.
    channels
        Input channels, context planes included.
    size
        A name in `segcore.catalog.networks.NETWORKS`.
    design
        `FIRST_DESIGN` or `PRESENT_DESIGN`.
    """

    dimensions: int
    channels: int
    size: str
    design: int = FIRST_DESIGN


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


def level_widths(first: int) -> list[int]:
    """Return the width of each level."""
    return [first * 2**level for level in range(LEVELS)]


def describe(network: UNet, description: NetworkDescription) -> str:
    """Return the network in words, e.g. ``"small 2D U-Net, 0.5 million weights"``."""
    return f"{description.size} {description.dimensions}D U-Net, {network.weights / 1e6:.2g} million weights"
