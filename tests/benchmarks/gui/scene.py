"""What is looked at: a CT-like scan of 512 x 512 x 300 with a mask, made on the fly; needs numpy alone, so that peers share it."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

#: Planes, rows, columns, and their millimetres.
SHAPE, SPACING = (300, 512, 512), (1.0, 0.7, 0.7)
#: Part of the scan that is one lesion: half axes and centre as shares of the scan, and its value.
_PARTS = (
    ((0.0, -0.05, -0.12), (0.40, 0.11, 0.16), 60),
    ((0.0, -0.02, 0.15), (0.30, 0.10, 0.12), -850),
    ((0.1, 0.06, -0.05), (0.10, 0.06, 0.06), 130),
)


def scan() -> NDArray[np.int16]:
    """Return Hounsfield units of a body with a few organs and noise."""
    z, y, x = _axes()
    body = (x / 0.42) ** 2 + (y / 0.33) ** 2 <= 1 + 0.1 * np.sin(6 * z)
    voxels = np.where(body, np.int16(40), np.int16(-1000))
    for centre, half, value in _PARTS:
        voxels[_distance(centre, half) <= 1] = value
    noise = np.random.default_rng(0).normal(0, 12, SHAPE[1:]).astype(np.int16)
    for plane, slice_ in enumerate(voxels):
        slice_ += np.roll(noise, (7 * plane, 13 * plane), (0, 1))
    return voxels


def mask() -> NDArray[np.uint8]:
    """Return the labels: one large lesion of 2.3 million voxels, one of 0.1 million."""
    labels = np.zeros(SHAPE, np.uint8)
    for centre, half, _ in (_PARTS[0], _PARTS[2]):
        labels[_distance(centre, half) <= 1] = 1
    return labels


def probability() -> NDArray[np.float32]:
    """Return a smooth probability with its middle at the large lesion."""
    return (1 / (1 + np.exp((np.minimum(_distance((0.0, -0.05, -0.05), (0.45, 0.18, 0.2)), 12) - 1) * 6))).astype(
        np.float32
    )


def _axes() -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    z, y, x = (np.arange(n, dtype=np.float32) / n - np.float32(0.5) for n in SHAPE)
    return z[:, None, None], y[None, :, None], x[None, None, :]


def _distance(centre: tuple[float, float, float], half: tuple[float, float, float]) -> NDArray[np.float32]:
    total = np.zeros(SHAPE, np.float32)
    for axis, middle, reach in zip(_axes(), centre, half, strict=True):
        total += ((axis - np.float32(middle)) / np.float32(reach)) ** 2
    return total


def write_nifti(file: Path, voxels: NDArray[np.generic]) -> None:
    """Write a compressed NIfTI-1 file by hand: peers must not depend on our writer."""
    codes = {"int16": (4, 16), "uint8": (2, 8), "float32": (16, 32)}
    code, bits = codes[voxels.dtype.name]
    planes, rows, columns = voxels.shape
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 3, columns, rows, planes, 1, 1, 1, 1)
    struct.pack_into("<2h", header, 70, code, bits)
    struct.pack_into("<8f", header, 76, 1, SPACING[2], SPACING[1], SPACING[0], 1, 1, 1, 1)
    struct.pack_into("<3f", header, 108, 352, 1, 0)
    struct.pack_into("<h", header, 254, 1)
    struct.pack_into("<12f", header, 280, -SPACING[2], 0, 0, 0, 0, -SPACING[1], 0, 0, 0, 0, SPACING[0], 0)
    header[123], header[344:348] = 2, b"n+1\0"
    with gzip.open(file, "wb", compresslevel=1) as stream:
        stream.write(bytes(header))
        stream.write(np.ascontiguousarray(voxels).data)
