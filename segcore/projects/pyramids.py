"""Coarser copies of large scans, kept in the project's cache, where they may be deleted at any time."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segcore.scans.pyramid import halve, halved_shape, levels_of, mean
from segcore.storage import write_atomically


def kept_levels(
    folder: Path, voxels: NDArray[Any], *, keep: bool, check: Callable[[], None]
) -> tuple[NDArray[Any], ...]:
    """Return the coarser copies of a scan, memory-mapped from `folder`; made where they are missing or damaged.

    Parameters
    ----------
    folder
        Of this scan alone; its name must change with the voxels.
    voxels
        (channels, planes, rows, columns), may be memory-mapped.
    keep
        False for a project that may not be written to: the copies are then made in memory.
    check
        Called now and then; may raise to stop.

    Raises
    ------
    CannotSave
        If the cache cannot be written to.
    """
    levels: list[NDArray[Any]] = []
    for number in range(1, levels_of(voxels.shape) + 1):
        finer = levels[-1] if levels else voxels
        shape, file = halved_shape(finer.shape), folder / f"level-{number}.npy"
        level = _opened(file, shape, voxels.dtype)
        if level is None and keep:
            write_atomically(file, partial(_write, finer=finer, shape=shape, check=check))
            level = _opened(file, shape, voxels.dtype)
        if level is None:
            level = np.empty(shape, dtype=voxels.dtype)
            halve(finer, level, mean, check)
        levels.append(level)
    return tuple(levels)


def _opened(file: Path, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any] | None:
    try:
        # A plain array over the map: slices of numpy's memmap class cost several times as much.
        level: NDArray[Any] = np.load(file, mmap_mode="r", allow_pickle=False).view(np.ndarray)
    except (OSError, ValueError, EOFError):
        return None
    return level if level.shape == shape and level.dtype == dtype else None


def _write(file: Path, *, finer: NDArray[Any], shape: tuple[int, ...], check: Callable[[], None]) -> None:
    level = np.lib.format.open_memmap(file, mode="w+", dtype=finer.dtype, shape=shape)
    halve(finer, level, mean, check)
    level.flush()
