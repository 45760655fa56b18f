"""The U-Net that is trained: made for steps per minute on a CPU, and for few cases.

The stem halves the resolution at once and the way up has one convolution per level. A light branch at full resolution
meets the upsampled features just before the head, so that lesions of one to three voxels survive. Every channel is
normalised on its own (instance norm), since batches are small and their statistics come from oversampled patches
(Isensee et al. 2021, doi:10.1038/s41592-020-01008-z). Against the first design it takes a third more steps per minute
and, on few cases, generalises better: docs/evidence/default-recipe.md.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional

from segcore.networks.unet import NetworkDescription, UNet, level_widths
from segcore.networks.widths import FULL_RESOLUTION_WIDTH, WIDTHS


class _Block(nn.Sequential):
    """Convolutions of width 3, each with its norm and a leaky ReLU; the first may halve the resolution."""

    def __init__(self, dimensions: int, inside: int, out: int, *, stride: int = 1, convolutions: int = 1) -> None:
        convolution = nn.Conv2d if dimensions == 2 else nn.Conv3d
        layers: list[nn.Module] = []
        for number in range(convolutions):
            first = number == 0
            layers += [
                convolution(inside if first else out, out, 3, stride=stride if first else 1, padding=1, bias=False),
                # One channel per group is instance norm, without the copies that make InstanceNorm slow on a CPU.
                nn.GroupNorm(out, out),
                nn.LeakyReLU(0.01, inplace=True),
            ]
        super().__init__(*layers)


class LightUNet(UNet):
    """Two convolutions a level on the way down, one on the way up, and a branch at full resolution that is added."""

    def __init__(self, description: NetworkDescription) -> None:
        super().__init__()
        d = description.dimensions
        fine = FULL_RESOLUTION_WIDTH[d]
        widths = level_widths(WIDTHS[description.size][d])
        self._level_widths = tuple(widths[-2::-1])
        up = nn.ConvTranspose2d if d == 2 else nn.ConvTranspose3d
        self.fine = _Block(d, description.channels, fine)
        self.stem = _Block(d, description.channels, widths[0], stride=2, convolutions=2)
        self.down = nn.ModuleList([_Block(d, a, b, stride=2, convolutions=2) for a, b in itertools.pairwise(widths)])
        self.up = nn.ModuleList([up(b, a, 2, stride=2) for a, b in itertools.pairwise(widths)][::-1])
        self.merge = nn.ModuleList([_Block(d, 2 * a, a) for a in widths[:-1]][::-1])
        self.last_up = up(widths[0], fine, 2, stride=2)
        self.bias = nn.Parameter(torch.zeros(1))
        self.head = (nn.Conv2d if d == 2 else nn.Conv3d)(fine, 1, 3, padding=1, bias=False)
        # Small, so that the bias alone decides what an untrained network says.
        nn.init.normal_(self.head.weight, std=0.01)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits."""
        return self.levels(x)[0]

    def levels(self, x: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """See `UNet.levels`."""
        kept = [self.stem(x)]
        for block in self.down:
            kept.append(block(kept[-1]))
        y = kept.pop()
        features: list[Tensor] = []
        for up, merge in zip(self.up, self.merge, strict=True):
            y = merge(torch.cat([up(y), kept.pop()], dim=1))
            features.append(y)
        y = functional.leaky_relu(self.last_up(y) + self.fine(x), 0.01)
        return self.head(y) + self.bias, tuple(features)

    @property
    def level_widths(self) -> tuple[int, ...]:
        """See `UNet.level_widths`."""
        return self._level_widths

    def set_prior(self, logit: float) -> None:
        """See `UNet.set_prior`."""
        with torch.no_grad():
            self.bias.fill_(logit)
