"""In which numbers a step is computed: precision, memory layout, and the scale that keeps small gradients."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from enum import StrEnum

import torch
from torch import Tensor, nn


class Precision(StrEnum):
    """Of convolutions; losses and weights are float32 always."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"


@dataclass(frozen=True, slots=True, kw_only=True)
class Numerics:
    """How a step is computed.

    Parameters
    ----------
    channels_last
        Channels lie beside each other in memory, which some devices' convolutions want.
    """

    precision: Precision = Precision.FLOAT32
    channels_last: bool = False

    @property
    def words(self) -> str:
        """In words, e.g. ``"bfloat16, channels last"``."""
        return f"{self.precision.value}{', channels last' if self.channels_last else ''}"


PLAIN = Numerics()
_TYPES = {Precision.BFLOAT16: torch.bfloat16, Precision.FLOAT16: torch.float16}


def autocast(numerics: Numerics, device: torch.device) -> AbstractContextManager[object]:
    """Return the context in which the network is asked."""
    if numerics.precision is Precision.FLOAT32:
        return nullcontext()
    return torch.autocast(device.type, dtype=_TYPES[numerics.precision])


def laid_out(x: Tensor, numerics: Numerics) -> Tensor:
    """Return a batch (N, channels, *spatial) in the layout that is wanted."""
    return x.contiguous(memory_format=_layout(x.ndim)) if numerics.channels_last else x


def lay_out(network: nn.Module, numerics: Numerics) -> None:
    """Put the weights of a network into the layout that is wanted; their values stay."""
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim in (4, 5):
                wanted = _layout(parameter.ndim) if numerics.channels_last else torch.contiguous_format
                parameter.data = parameter.data.contiguous(memory_format=wanted)


def _layout(dimensions: int) -> torch.memory_format:
    return torch.channels_last if dimensions == 4 else torch.channels_last_3d


def scaler_for(numerics: Numerics, device: torch.device) -> torch.amp.GradScaler | None:
    """Return what keeps small gradients above the smallest float16; None where nothing needs it."""
    return torch.amp.GradScaler(device.type) if numerics.precision is Precision.FLOAT16 else None
