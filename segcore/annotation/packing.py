"""Labels as compressed bytes, for the undo history and the store."""

from __future__ import annotations

import numpy as np
from isal import isal_zlib

from segcore.errors import SettingProblem
from segcore.geometry import Box
from segcore.scans.volume import Labels


def pack(labels: Labels) -> bytes:
    """Return an array of labels as compressed bytes, with a checksum (a 60-voxel ball takes a few kilobytes)."""
    compressed: bytes = isal_zlib.compress(np.ascontiguousarray(labels).data, 1)
    return compressed


def unpack(data: bytes, box: Box) -> Labels:
    """Return the labels of ``box.shape`` packed by `pack`, writable.

    Raises
    ------
    SettingProblem
        If the bytes are damaged or of another shape. Never takes more memory than the box.
    """
    size = box.shape[0] * box.shape[1] * box.shape[2]
    reader = isal_zlib.decompressobj()
    try:
        plain = reader.decompress(data, size + 1)
    except isal_zlib.error as error:  # type: ignore[misc] # typed as a plain object there
        raise SettingProblem("stored labels are damaged") from error
    if len(plain) != size or not reader.eof:
        raise SettingProblem("stored labels are damaged")
    return np.frombuffer(bytearray(plain), dtype=np.uint8).reshape(box.shape)
