"""Telling that memory ran out or a device was lost, whichever way the libraries say so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from segcore.errors import DeviceLost, NotEnoughMemory

#: How a driver says that its GPU does not answer any more.
_LOST = ("CUDA error", "CUDNN_STATUS", "HIP error", "device-side assert", "Internal Error (MPS", "command buffer")
#: What torch says in a plain RuntimeError when the processor's memory is used up.
_SIGNS = ("can't allocate memory", "not enough memory", "out of memory", "DefaultCPUAllocator")


@contextmanager
def enough_memory(what: str, *, remedy: str) -> Iterator[None]:
    """Turn a failed allocation inside the block into `NotEnoughMemory` saying `what` needed the memory."""
    try:
        yield
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise NotEnoughMemory(f"there was not enough memory {what}", remedy=remedy) from error
    except RuntimeError as error:
        if not any(sign in str(error) for sign in _SIGNS):
            raise
        raise NotEnoughMemory(f"there was not enough memory {what}", remedy=remedy) from error


@contextmanager
def answering_device(*, remedy: str) -> Iterator[None]:
    """Turn a driver's error inside the block, other than about memory, into `DeviceLost`."""
    try:
        yield
    except RuntimeError as error:
        text = str(error)
        if isinstance(error, torch.OutOfMemoryError) or any(sign in text for sign in _SIGNS):
            raise
        if not any(sign in text for sign in _LOST):
            raise
        raise DeviceLost("the GPU stopped answering", remedy=remedy) from error
