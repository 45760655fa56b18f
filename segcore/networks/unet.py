"""Small U-Nets for 2-D (with neighbouring planes as channels) and 3-D patches.

The stem halves the resolution at once, because steps per minute decide what is learnt on a CPU; a light branch at full
resolution keeps lesions of one to three voxels. Instance norm, since batches are small and their statistics come from
oversampled patches (Isensee et al. 2021, doi:10.1038/s41592-020-01008-z).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from segcore.catalog.entry import find
from segcore.catalog.networks import NETWORKS

#: First width by size and number of dimensions.
_WIDTHS = {"small": {2: 16, 3: 12}, "medium": {2: 32, 3: 24}, "large": {2: 64, 3: 48}}
_LEVELS = 4
_FULL_RESOLUTION_WIDTH = 8
#: Extents of a patch must be multiples of this along every convolved axis.
MULTIPLE: int = 1 << _LEVELS


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
    """

    dimensions: int
    channels: int
    size: str


class _Block(nn.Module):
    def __init__(self, dimensions: int, inside: int, out: int, *, stride: int = 1, convolutions: int = 2) -> None:
        super().__init__()
        convolution = nn.Conv2d if dimensions == 2 else nn.Conv3d
        norm = nn.InstanceNorm2d if dimensions == 2 else nn.InstanceNorm3d
        layers: list[nn.Module] = []
        for number in range(convolutions):
            step = stride if number == 0 else 1
            layers.append(convolution(inside if number == 0 else out, out, 3, stride=step, padding=1, bias=False))
            layers.append(norm(out, affine=True))
            layers.append(nn.LeakyReLU(0.01, inplace=True))
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.layers(x)
        return result


class UNet(nn.Module):
    """(N, channels, *spatial) to logits (N, 1, *spatial); spatial extents are multiples of `MULTIPLE`."""

    def __init__(self, description: NetworkDescription) -> None:
        super().__init__()
        find("network", description.size, NETWORKS)
        d = description.dimensions
        widths = [_WIDTHS[description.size][d] * 2**level for level in range(_LEVELS)]
        up = nn.ConvTranspose2d if d == 2 else nn.ConvTranspose3d
        self.full = _Block(d, description.channels, _FULL_RESOLUTION_WIDTH, convolutions=1)
        self.stem = _Block(d, description.channels, widths[0], stride=2)
        self.down = nn.ModuleList([_Block(d, a, b, stride=2) for a, b in itertools.pairwise(widths)])
        self.up = nn.ModuleList([up(b, a, 2, stride=2) for a, b in itertools.pairwise(widths)][::-1])
        self.merge = nn.ModuleList([_Block(d, 2 * a, a) for a in widths[:-1]][::-1])
        self.last_up = up(widths[0], _FULL_RESOLUTION_WIDTH, 2, stride=2)
        self.last = _Block(d, 2 * _FULL_RESOLUTION_WIDTH, _FULL_RESOLUTION_WIDTH, convolutions=1)
        self.head = (nn.Conv2d if d == 2 else nn.Conv3d)(_FULL_RESOLUTION_WIDTH, 1, 1)
        nn.init.normal_(self.head.weight, std=0.01)
        nn.init.zeros_(self.head.bias if self.head.bias is not None else torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits."""
        full = self.full(x)
        kept = [self.stem(x)]
        for block in self.down:
            kept.append(block(kept[-1]))
        y = kept.pop()
        for up, merge in zip(self.up, self.merge, strict=True):
            y = merge(torch.cat([up(y), kept.pop()], dim=1))
        y = self.last(torch.cat([self.last_up(y), full], dim=1))
        logits: Tensor = self.head(y)
        return logits

    def set_prior(self, logit: float) -> None:
        """Start from a constant prediction: the head's bias becomes `logit` (Lin et al. 2017, section 4.1)."""
        with torch.no_grad():
            if self.head.bias is not None:
                self.head.bias.fill_(logit)

    @property
    def weights(self) -> int:
        """Number of trainable numbers."""
        return sum(parameter.numel() for parameter in self.parameters())


def describe(network: UNet, description: NetworkDescription) -> str:
    """Return the network in words, e.g. ``"small 2D U-Net, 0.5 million weights"``."""
    return f"{description.size} {description.dimensions}D U-Net, {network.weights / 1e6:.2g} million weights"
