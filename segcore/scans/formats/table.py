"""The one table of file formats: what each can read and write, and the functions everyone calls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segcore.errors import BadLabels, UnreadableFile, UnsupportedFormat
from segcore.scans.formats import itk, nifti, raster, tiff
from segcore.scans.volume import FOREGROUND, UNLABELLED, Mask, Volume
from segcore.storage import write_atomically


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One family of files.

    Parameters
    ----------
    name
        In words.
    suffixes
        Lower case, with the dot.
    read
        Path to `Volume` in the file's axis order.
    write
        Temporary path and volume; None where the format cannot hold a mask without loss.
    is_raster
        Masks are 0/255 (128 unlabelled) for viewers, not 0/1.
    """

    name: str
    suffixes: tuple[str, ...]
    read: Callable[[Path], Volume]
    write: Callable[[Path, Volume], None] | None
    is_raster: bool


FORMATS = (
    Format(name="NIfTI", suffixes=(".nii.gz", ".nii"), read=nifti.read, write=nifti.write, is_raster=False),
    Format(name="NRRD", suffixes=(".nrrd",), read=itk.read_nrrd, write=itk.write, is_raster=False),
    Format(name="MetaImage", suffixes=(".mha",), read=itk.read_meta, write=itk.write, is_raster=False),
    Format(name="MetaImage in two files", suffixes=(".mhd",), read=itk.read_meta, write=None, is_raster=False),
    Format(name="TIFF", suffixes=(".tif", ".tiff"), read=tiff.read, write=tiff.write, is_raster=True),
    Format(name="PNG", suffixes=(".png",), read=raster.read, write=raster.write, is_raster=True),
    Format(name="JPEG", suffixes=(".jpg", ".jpeg"), read=raster.read, write=None, is_raster=True),
)


def readable_suffixes() -> tuple[str, ...]:
    """Return all suffixes that can be read."""
    return tuple(suffix for known in FORMATS for suffix in known.suffixes)


def suffix_of(path: Path) -> str:
    """Return the suffix in lower case, ``".nii.gz"`` as one."""
    name = path.name.lower()
    return ".nii.gz" if name.endswith(".nii.gz") else path.suffix.lower()


def stem_of(path: Path) -> str:
    """Return the file's name without its suffix."""
    return path.name[: len(path.name) - len(suffix_of(path))]


def is_scan_file(path: Path) -> bool:
    """Whether the name is that of a file we can read; hidden files are not."""
    return suffix_of(path) in readable_suffixes() and not path.name.startswith(".")


def format_of(path: Path) -> Format:
    """Return the format of a file by its name, or raise `UnsupportedFormat`."""
    suffix = suffix_of(path)
    for known in FORMATS:
        if suffix in known.suffixes:
            return known
    raise UnsupportedFormat(path, readable_suffixes())


def read_volume(path: Path) -> Volume:
    """Read a scan in its file's axis order, with its exact affine and its own voxel type.

    Raises
    ------
    UnsupportedFormat, UnreadableFile, TooLarge, BadGeometry
        In one sentence that names the file.
    """
    known = format_of(path)
    try:
        if path.stat().st_size == 0:
            raise UnreadableFile(path, "the file is empty (0 bytes)", remedy="copy or export it again")
        return known.read(path)
    except FileNotFoundError as error:
        raise UnreadableFile(path, "the file does not exist", remedy="check the name") from error
    except PermissionError as error:
        raise UnreadableFile(path, "the file may not be read", remedy="check its permissions") from error
    except (OSError, EOFError) as error:
        raise UnreadableFile(path, "the file is damaged or cut off", remedy="copy or export it again") from error
    except MemoryError as error:
        raise UnreadableFile(path, "the file does not fit into memory", remedy="use a machine with more") from error


def write_volume(path: Path, volume: Volume) -> None:
    """Write a volume atomically in the format of the name, in the axis order of its grid.

    Raises
    ------
    UnsupportedFormat, CannotSave
        In one sentence that names the file.
    """
    known = format_of(path)
    if known.write is None:
        raise UnsupportedFormat(path, [s for f in FORMATS if f.write for s in f.suffixes])
    write = known.write
    write_atomically(path, lambda temporary: write(temporary, volume))


def mask_suffix_for(image_suffix: str) -> str:
    """Return the suffix a mask gets beside an image: the same family, in one file and without loss."""
    return {".mhd": ".mha", ".jpg": ".png", ".jpeg": ".png"}.get(image_suffix, image_suffix)


def write_mask(path: Path, mask: Mask) -> None:
    """Write a mask: 0/1 with 255 unlabelled in volume formats, 0/255 with 128 unlabelled in raster formats."""
    labels = mask.labels
    if format_of(path).is_raster:
        table = np.zeros(256, dtype=np.uint8)
        table[FOREGROUND], table[UNLABELLED] = 255, 128
        labels = table[labels]
    write_volume(path, Volume(voxels=labels[np.newaxis], grid=mask.grid, channels=("mask",)))


def read_mask(path: Path, *, foreground: int | None = None) -> Mask:
    """Read a mask in its file's axis order.

    Values may be {0, x} (x becomes foreground), {0, 1, 255} in volume formats or {0, 128, 255} in raster formats (the
    middle or highest value is unlabelled). JPEG masks are cut at half, because JPEG does not keep values.

    Parameters
    ----------
    foreground
        The one value that is foreground; all others become background.

    Raises
    ------
    BadLabels
        If the values cannot be told; the sentence lists them.
    UnreadableFile and others
        As `read_volume`.
    """
    volume = read_volume(path)
    values = volume.voxels[0]
    if any(not np.array_equal(values, other) for other in volume.voxels[1:3]):
        raise BadLabels(path, "the mask has colours", remedy="export it with one value for the lesion and 0 elsewhere")
    if suffix_of(path) in (".jpg", ".jpeg"):
        values = np.where(values > 127, 255, 0)
    labels = _labels_from(path, values, foreground)
    return Mask(labels=labels, grid=volume.grid)


def _labels_from(path: Path, values: NDArray[Any], foreground: int | None) -> NDArray[np.uint8]:
    found = np.unique(values)
    if not np.isfinite(found.astype(np.float64)).all() or not np.array_equal(found, np.round(found)):
        raise BadLabels(
            path, "the mask holds fractions or NaN", remedy="export it with whole numbers, 0 for background"
        )
    levels = [int(v) for v in found]
    if foreground is not None:
        return np.asarray(values == foreground, dtype=np.uint8)
    others = [v for v in levels if v != 0]
    unlabelled = {1: UNLABELLED, 255: 128}
    if len(others) <= 1:
        return np.asarray(values != 0, dtype=np.uint8)
    if len(others) == 2:
        for fore, unknown in unlabelled.items():
            if set(others) == {fore, unknown}:
                result = np.where(values == fore, FOREGROUND, np.where(values == unknown, UNLABELLED, 0))
                return result.astype(np.uint8)
    counts = ", ".join(f"{v} ({int(np.count_nonzero(values == v))} voxels)" for v in levels[:8])
    more = ", ..." if len(levels) > 8 else ""
    raise BadLabels(
        path,
        f"the mask holds {len(levels)} values: {counts}{more}",
        remedy="say which one is the lesion (--foreground VALUE), or export a mask of 0 and 1",
    )
