"""The first design of the U-Net, kept so that the models trained with it still open; new runs take `LightUNet`."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn

from segcore.networks.unet import NetworkDescription, UNet, level_widths

#: First width by size and number of dimensions.
_WIDTHS = {"small": {2: 16, 3: 12}, "medium": {2: 32, 3: 24}, "large": {2: 64, 3: 48}}
_FULL_RESOLUTION_WIDTH = 8


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


class FirstUNet(UNet):
    """Two convolutions a level on both ways, and a branch at full resolution that is concatenated."""

    def __init__(self, description: NetworkDescription) -> None:
        super().__init__()
        d = description.dimensions
        widths = level_widths(_WIDTHS[description.size][d])
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
        """See `UNet.set_prior`."""
        with torch.no_grad():
            if self.head.bias is not None:
                self.head.bias.fill_(logit)
