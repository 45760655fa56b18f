"""Labels as compressed bytes, for the undo history and the store."""

from __future__ import annotations

import numpy as np
from isal import isal_zlib

from segcore.errors import SettingProblem
from segcore.geometry import Box
from segcore.scans.volume import Labels

#: Bytes that are unpacked at a time.
_PIECE = 1 << 18


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
    labels = np.zeros(size, dtype=np.uint8)  # the system gives memory only where something is written
    try:
        filled = _unpack_into(labels, data)
    except isal_zlib.error as error:  # type: ignore[misc] # typed as a plain object there
        raise SettingProblem("stored labels are damaged") from error
    if filled != size:
        raise SettingProblem("stored labels are damaged")
    return labels.reshape(box.shape)


def _unpack_into(labels: Labels, data: bytes) -> int:
    """Fill `labels` in pieces that stay in the cache; returns how many bytes there were, −1 where there is no end."""
    reader, filled = isal_zlib.decompressobj(), 0
    rest: bytes = data
    while not reader.eof and filled <= labels.size:
        piece = reader.decompress(rest, min(_PIECE, labels.size - filled + 1))
        if not piece and not reader.eof:
            return -1
        found = np.frombuffer(piece, dtype=np.uint8)[: labels.size - filled]
        if found.size and found.max():  # most of most masks is background
            labels[filled : filled + found.size] = found
        filled += len(piece)
        rest = reader.unconsumed_tail
    return filled if reader.eof else -1
