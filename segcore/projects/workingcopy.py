"""The voxels of a case inside the project: one memory-mapped file per scan, in canonical order and native type."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segcore.errors import ProjectDamaged
from segcore.projects.case import Case
from segcore.scans.volume import Volume
from segcore.storage import write_atomically

#: (channels, planes, rows, columns). One file, so that several channels are mapped too, and replaced together.
SCAN_NAME = "scan.npy"


def write_scan(folder: Path, volume: Volume) -> str:
    """Write the voxels to ``folder/scan.npy`` and return their hash (shape, type and values, not the geometry).

    Raises
    ------
    CannotSave
        See `segcore.storage.write_atomically`.
    """
    native = volume.voxels.dtype.newbyteorder("=")
    digest = hashlib.blake2b(repr((volume.voxels.shape, native.str)).encode("ascii"), digest_size=20)

    def write(file: Path) -> None:
        with file.open("wb") as handle:
            header: dict[str, Any] = {"descr": native.str, "fortran_order": False, "shape": volume.voxels.shape}
            np.lib.format.write_array_header_1_0(handle, header)
            for channel in volume.voxels:  # one at a time: a reordered view is copied here
                block = np.ascontiguousarray(channel, dtype=native)
                digest.update(block.data)
                handle.write(block.data)

    write_atomically(folder / SCAN_NAME, write)
    return digest.hexdigest()


def read_scan(folder: Path, case: Case) -> Volume:
    """Return the scan of `case`, memory-mapped and read-only.

    Raises
    ------
    ProjectDamaged
        If the file is missing, cut off, or not the scan's.
    """
    file = folder / SCAN_NAME
    try:
        # A plain array over the map: slices of numpy's memmap class cost several times as much.
        voxels: NDArray[Any] = np.load(file, mmap_mode="r", allow_pickle=False).view(np.ndarray)
    except (OSError, ValueError, EOFError) as error:
        raise _lost(case, "missing or cut off") from error
    if voxels.shape != (len(case.channels), *case.grid.shape) or voxels.dtype.kind not in "biuf":
        raise _lost(case, "not what was imported")
    return Volume(voxels=voxels, grid=case.grid, channels=case.channels)


def _lost(case: Case, what: str) -> ProjectDamaged:
    return ProjectDamaged(
        f"the working copy of {case.id} is {what}",
        remedy="restore its folder from a backup, or remove the case and import it again",
    )
