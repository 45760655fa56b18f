"""Telling that memory ran out, whichever way the libraries say so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from segcore.errors import EngineProblem

#: What torch says in a plain RuntimeError when the processor's memory is used up.
_SIGNS = ("can't allocate memory", "not enough memory", "out of memory", "DefaultCPUAllocator")


@contextmanager
def enough_memory(what: str, *, remedy: str) -> Iterator[None]:
    """Turn a failed allocation inside the block into an `EngineProblem` saying `what` needed the memory."""
    try:
        yield
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise EngineProblem(f"there was not enough memory {what}", remedy=remedy) from error
    except RuntimeError as error:
        if not any(sign in str(error) for sign in _SIGNS):
            raise
        raise EngineProblem(f"there was not enough memory {what}", remedy=remedy) from error
