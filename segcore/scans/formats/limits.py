"""What a header may ask for: checked before anything is allocated."""

from __future__ import annotations

import math
import os
from pathlib import Path

from segcore.errors import TooLarge, UnreadableFile

#: Largest share of the machine's memory that one scan may take.
_SHARE = 0.6
#: No deflate stream expands more than this (a block of zeros takes two bits per 258 bytes).
_MOST_DEFLATE = 1032
#: Bytes that some writers leave behind the voxels; more means that the header does not describe the file.
SLACK = 4096


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


def check_stored(path: Path, wanted: int, stored: int, *, deflated: bool) -> None:
    """Refuse a file too small for what its header promises, before memory is taken for the promise.

    Parameters
    ----------
    wanted, stored
        Bytes of the voxels, and bytes that the file has for them.
    deflated
        Whether these are compressed by gzip or zlib.

    Raises
    ------
    UnreadableFile
        If the voxels cannot be in there, however well they were compressed.
    """
    most = stored * _MOST_DEFLATE if deflated else stored
    if most < wanted:
        raise short(path, wanted, most)


def short(path: Path, expected: int, found: int) -> UnreadableFile:
    """Return the sentence for a file that holds fewer or more bytes than its header says."""
    if found < expected:
        what = f"the file is cut off ({found:,} of {expected:,} bytes)"
    else:
        what = f"the file holds more than the {expected:,} bytes that its header states"
    return UnreadableFile(path, what.replace(",", " "), remedy="copy or export it again")
