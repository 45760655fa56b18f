"""Telling that memory ran out, or that the graphics card is gone, whichever way the libraries say so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from segcore.errors import EngineProblem

#: What torch says in a plain RuntimeError when the processor's memory is used up.
_SIGNS = ("can't allocate memory", "not enough memory", "out of memory", "DefaultCPUAllocator")
#: What it says when a device no longer answers: pulled out, reset, asleep, or broken by an error before.
_LOST = ("CUDA error", "CUDNN_STATUS", "CUBLAS_STATUS", "cuDNN error", "MPS backend", "HIP error", "device is lost")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in _SIGNS)


def is_device_lost(error: BaseException) -> bool:
    """Whether an error says that the graphics card no longer answers."""
    lost = isinstance(error, RuntimeError) and any(sign in str(error) for sign in _LOST)
    return lost and not is_out_of_memory(error)


@contextmanager
def enough_memory(what: str, *, remedy: str) -> Iterator[None]:
    """Turn a failed allocation inside the block into an `EngineProblem` saying `what` needed the memory."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise EngineProblem(f"there was not enough memory {what}", remedy=remedy) from error
