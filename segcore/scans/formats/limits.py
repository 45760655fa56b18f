"""What a header may ask for: checked before anything is allocated."""

from __future__ import annotations

import math
import os
from pathlib import Path

from segcore.errors import TooLarge, UnreadableFile

#: Largest share of the machine's memory that one scan may take.
_SHARE = 0.6


def memory_bytes() -> int:
    """Return the machine's memory, bytes; a careful guess where the system does not say."""
    try:
        return int(os.sysconf("SC_PAGE_SIZE")) * int(os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, ValueError, OSError):
        return 8 * 1024**3


def check_size(path: Path, shape: tuple[int, ...], bytes_per_voxel: int) -> int:
    """Return how many bytes the voxels take.

    Raises
    ------
    UnreadableFile
        If an extent is not positive.
    TooLarge
        If the voxels would take more than 60 % of the machine's memory.
    """
    if any(extent < 1 for extent in shape):
        raise UnreadableFile(path, f"its header asks for {shape} voxels", remedy="export it again")
    wanted = math.prod(shape) * bytes_per_voxel
    if wanted > _SHARE * memory_bytes():
        raise TooLarge(
            path,
            f"its header asks for {' x '.join(map(str, shape))} voxels, {wanted / 1024**3:.1f} GB",
            remedy="crop or shrink it, or use a machine with more memory",
        )
    return wanted


def short(path: Path, expected: int, found: int) -> UnreadableFile:
    """Return the sentence for a file that holds fewer or more bytes than its header says."""
    word = "cut off" if found < expected else "longer than its header says"
    return UnreadableFile(
        path,
        f"the file is {word} ({found:,} of {expected:,} bytes)".replace(",", " "),
        remedy="copy or export it again",
    )
