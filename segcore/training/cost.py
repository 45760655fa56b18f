"""What one step of training costs, by counting through the network's layers; needs no torch.

Tests hold the counts to the networks themselves: weights and multiply-adds exactly.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from segcore.errors import UnknownName
from segcore.networks.description import LEVELS, PRESENT_DESIGN, NetworkDescription, level_widths
from segcore.networks.widths import FULL_RESOLUTION_WIDTH, WIDTHS
from segcore.training.plan import Plan

#: Forward, gradient by the input, gradient by the weights.
_PASSES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layer:
    """A convolution: `level` halvings below full resolution, `taps` of the kernel that reach one output voxel."""

    inside: int
    out: int
    level: int
    taps: int
    kernel: int
    normed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCost:
    """Of one step with one batch.

    Parameters
    ----------
    weights
        Trainable numbers of the network.
    multiply_adds
        Forward and backward, over the batch.
    activations
        Numbers that are kept from the forward pass for the backward pass, over the batch.
    """

    weights: int
    multiply_adds: int
    activations: int


def step_cost(plan: Plan) -> StepCost:
    """Return the cost of one step; see `StepCost`.

    Raises
    ------
    UnknownName
        For a design of networks that is not trained any more.
    """
    network = plan.network
    if network.design != PRESENT_DESIGN:
        raise UnknownName("design of networks", str(network.design), [str(PRESENT_DESIGN)])
    spatial = plan.patch[1:] if plan.flat else plan.patch
    voxels = math.prod(spatial)
    layers = tuple(_layers(network))
    at = [voxels // 2 ** (network.dimensions * level) for level in range(LEVELS + 1)]
    multiply_adds = sum(at[layer.level] * layer.inside * layer.out * layer.taps for layer in layers)
    # A norm keeps its input, the activation after it its output; before a merge both halves are copied together.
    kept = sum(at[layer.level] * 2 * layer.out for layer in layers if layer.normed)
    widths = level_widths(WIDTHS[network.size][network.dimensions])
    kept += sum(at[level + 1] * 2 * width for level, width in enumerate(widths[:-1]))
    fine = FULL_RESOLUTION_WIDTH[network.dimensions]
    kept += at[0] * (network.channels + 2 * fine)
    return StepCost(
        weights=sum(_weights(layer) for layer in layers) + 1,
        multiply_adds=_PASSES * plan.batch * multiply_adds,
        activations=plan.batch * kept,
    )


def _layers(network: NetworkDescription) -> Iterator[_Layer]:
    """Yield the convolutions of `segcore.networks.light_unet.LightUNet`."""
    d = network.dimensions
    fine = FULL_RESOLUTION_WIDTH[d]
    widths = level_widths(WIDTHS[network.size][d])
    kernel, halving = 3**d, 2**d

    def block(inside: int, out: int, level: int) -> _Layer:
        return _Layer(inside=inside, out=out, level=level, taps=kernel, kernel=kernel, normed=True)

    yield block(network.channels, fine, 0)
    inside = network.channels
    for level, width in enumerate(widths, start=1):
        yield block(inside, width, level)
        yield block(width, width, level)
        inside = width
    for level in range(len(widths) - 1, 0, -1):
        below, here = widths[level], widths[level - 1]
        yield _Layer(inside=below, out=here, level=level, taps=1, kernel=halving, normed=False)
        yield block(2 * here, here, level)
    yield _Layer(inside=widths[0], out=fine, level=0, taps=1, kernel=halving, normed=False)
    yield _Layer(inside=fine, out=1, level=0, taps=kernel, kernel=kernel, normed=False)


def _weights(layer: _Layer) -> int:
    """Return the trainable numbers of a convolution with its norm, or, where it enlarges, with its bias."""
    convolution = layer.inside * layer.out * layer.kernel
    if layer.normed:
        return convolution + 2 * layer.out
    return convolution + (layer.out if layer.taps == 1 else 0)
