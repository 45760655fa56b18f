"""The one table of file formats: what each can read and write, and the functions everyone calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segcore.errors import BadGeometry, BadLabels, CannotSave, FileProblem, TooLarge, UnreadableFile, UnsupportedFormat
from segcore.scans.formats import itk, nifti, raster, tiff
from segcore.scans.volume import FOREGROUND, UNLABELLED, Labels, Mask, Volume, Watch
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
    read_labels
        As `read`, for masks, where these are read in another way (palettes).
    read_watched
        As `read`, telling how far it is, where the file is read piece by piece.
    """

    name: str
    suffixes: tuple[str, ...]
    read: Callable[[Path], Volume]
    write: Callable[[Path, Volume], None] | None
    is_raster: bool
    read_labels: Callable[[Path], Volume] | None = None
    read_watched: Callable[[Path, Watch], Volume] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """The values that a family of formats writes for the labels of a mask; background is 0."""

    foreground: int
    unlabelled: int

    @property
    def comment(self) -> str:
        """What the file says about itself."""
        return f"RareSeg mask: 0 background, {self.foreground} foreground, {self.unlabelled} unlabelled"


_VOLUME, _RASTER = Levels(foreground=1, unlabelled=255), Levels(foreground=255, unlabelled=128)
_BLOCK = 1 << 18
_CHOOSE = "say which one is the lesion (--foreground VALUE), or export a mask of 0 and 1"

FORMATS = (
    Format(
        name="NIfTI",
        suffixes=(".nii.gz", ".nii"),
        read=nifti.read,
        read_watched=nifti.read,
        write=nifti.write,
        is_raster=False,
    ),
    Format(name="NRRD", suffixes=(".nrrd",), read=itk.read_nrrd, write=itk.write, is_raster=False),
    Format(name="NRRD in two files", suffixes=(".nhdr",), read=itk.read_nrrd, write=None, is_raster=False),
    Format(name="MetaImage", suffixes=(".mha",), read=itk.read_meta, write=itk.write, is_raster=False),
    Format(name="MetaImage in two files", suffixes=(".mhd",), read=itk.read_meta, write=None, is_raster=False),
    Format(
        name="TIFF",
        suffixes=(".tif", ".tiff"),
        read=tiff.read,
        read_labels=tiff.read_labels,
        write=tiff.write,
        is_raster=True,
    ),
    Format(
        name="PNG",
        suffixes=(".png",),
        read=raster.read,
        read_labels=raster.read_labels,
        write=raster.write,
        is_raster=True,
    ),
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
    return _reading(path, format_of(path).read)


def watch_volume(path: Path, watch: Watch) -> Volume:
    """Read a scan as `read_volume` does, telling `watch` of every piece; of formats without pieces, of the whole."""
    known = format_of(path)
    if known.read_watched is not None:
        read = known.read_watched
        return _reading(path, lambda file: read(file, watch))
    volume = _reading(path, known.read)
    watch(volume, 1.0)
    return volume


def _reading(path: Path, read: Callable[[Path], Volume]) -> Volume:
    """Call `read`, and turn what the system says into sentences."""
    try:
        if path.stat().st_size == 0:
            raise UnreadableFile(path, "the file is empty (0 bytes)", remedy="copy or export it again")
        return read(path)
    except FileNotFoundError as error:
        raise UnreadableFile(path, "the file does not exist", remedy="check the name") from error
    except PermissionError as error:
        raise UnreadableFile(path, "the file may not be read", remedy="check its permissions") from error
    except IsADirectoryError as error:
        raise UnreadableFile(path, "it is a folder, not a file", remedy="choose the files in it") from error
    except (OSError, EOFError) as error:
        raise UnreadableFile(path, "the file is damaged or cut off", remedy="copy or export it again") from error
    except MemoryError as error:
        raise TooLarge(path, "the scan does not fit into memory", remedy="close other programs, or crop it") from error


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
    try:
        write_atomically(path, lambda temporary: write(temporary, volume))
    except (BadGeometry, CannotSave) as error:  # may be said of the temporary file
        raise type(error)(path, error.what, remedy=error.remedy) from error


def mask_suffix_for(image_suffix: str) -> str:
    """Return the suffix a mask gets beside an image: the same family, in one file and without loss."""
    return {".mhd": ".mha", ".nhdr": ".nrrd", ".jpg": ".png", ".jpeg": ".png"}.get(image_suffix, image_suffix)


def write_mask(path: Path, mask: Mask) -> None:
    """Write a mask: 0/1 with 255 unlabelled in volume formats, 0/255 with 128 unlabelled in raster formats.

    The file says so in its comment too, because a mask with unlabelled voxels and no foreground holds two values only,
    and would be taken for one with foreground. Only masks that say so are overwritten: a scan, or a mask by somebody
    else, never is.

    Raises
    ------
    CannotSave
        If a file that RareSeg did not write has this name, or writing fails.
    UnsupportedFormat, BadGeometry
        If the format cannot hold the mask.
    """
    levels = _levels(path)
    if path.exists() and not _is_own_mask(path):
        raise CannotSave(
            path, "a file of this name that RareSeg did not write is in the folder", remedy="choose another folder"
        )
    table = np.zeros(256, dtype=np.uint8)
    table[FOREGROUND], table[UNLABELLED] = levels.foreground, levels.unlabelled
    volume = Volume(voxels=table[mask.labels][np.newaxis], grid=mask.grid, channels=("mask",), comment=levels.comment)
    write_volume(path, volume)


def _is_own_mask(path: Path) -> bool:
    try:
        return _reading(path, format_of(path).read).comment == _levels(path).comment
    except FileProblem:
        return False


def _levels(path: Path) -> Levels:
    return _RASTER if format_of(path).is_raster else _VOLUME


def read_mask(path: Path, *, foreground: int | None = None) -> Mask:
    """Read a mask in its file's axis order.

    Values may be {0, x} (x becomes foreground), {0, 1, 255} in volume formats or {0, 128, 255} in raster formats (255
    and 128 are unlabelled). Whole numbers stored as decimals are accepted, colours only where they are grey or a
    palette. JPEG masks are cut at half, because JPEG does not keep values.

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
    known = format_of(path)
    volume = _reading(path, known.read_labels or known.read)
    values = volume.voxels[0]
    if any(not np.array_equal(values, other) for other in volume.voxels[1:]):
        what = "the mask has colours" if volume.is_photograph else f"the mask has {len(volume.channels)} channels"
        raise BadLabels(path, what, remedy="export it with one value for the lesion and 0 elsewhere")
    if suffix_of(path) in (".jpg", ".jpeg"):
        values = np.where(values > 127, np.uint8(255), np.uint8(0))
    counts = _count_values(path, values)
    levels = _levels(path)
    if foreground is None and volume.comment == levels.comment:
        allowed: tuple[int, ...] = (0, levels.foreground, levels.unlabelled)
        if counts.keys() <= set(allowed):
            return Mask(labels=_coded(values, levels.foreground, levels.unlabelled), grid=volume.grid)
    chosen, unknown = _choose(path, counts, levels, foreground)
    return Mask(labels=_coded(values, chosen, unknown), grid=volume.grid)


def _count_values(path: Path, values: NDArray[Any]) -> dict[int, int]:
    """Return how often each value occurs, in order.

    Raises
    ------
    BadLabels
        If a value is not a whole number.
    """
    if values.dtype.itemsize <= 2 and values.dtype.kind in "iu":
        low = int(values.min())
        totals = np.zeros(int(values.max()) - low + 1, dtype=np.int64)
        flat = values.ravel()
        for start in range(0, flat.size, _BLOCK):  # counting takes eight bytes for each voxel
            block = flat[start : start + _BLOCK].astype(np.int64)
            totals += np.bincount(block - low, minlength=totals.size)
        return {int(value) + low: int(totals[value]) for value in np.flatnonzero(totals)}
    found, totals = np.unique(values, return_counts=True)
    whole = np.round(found.astype(np.float64))
    # A slope in the header turns 1 into 1.0000001.
    if not np.isfinite(whole).all() or np.abs(found.astype(np.float64) - whole).max() > 1e-3:
        raise BadLabels(
            path, "the mask holds fractions or NaN", remedy="export it with whole numbers, 0 for background"
        )
    counts: dict[int, int] = {}
    for value, total in zip(whole.tolist(), totals.tolist(), strict=True):
        counts[int(value)] = counts.get(int(value), 0) + int(total)
    return counts


def _choose(
    path: Path, counts: Mapping[int, int], levels: Levels, foreground: int | None
) -> tuple[int | None, int | None]:
    """Return the values that mean foreground and unlabelled; None where no voxel has that meaning."""
    others = [value for value in counts if value != 0]
    if foreground is not None:
        return foreground, None
    if len(others) <= 1:
        return (others[0] if others else None), None
    if set(others) == {levels.foreground, levels.unlabelled}:
        return levels.foreground, levels.unlabelled
    raise BadLabels(path, f"the mask holds {len(counts)} values: {_listed(counts)}", remedy=_CHOOSE)


def _listed(counts: Mapping[int, int]) -> str:
    words = [f"{value} ({total} voxels)" for value, total in list(counts.items())[:8]]
    return ", ".join([*words, "..."] if len(counts) > 8 else words)


def _coded(values: NDArray[Any], foreground: int | None, unlabelled: int | None) -> Labels:
    """Return labels: foreground and unlabelled where the values are these, background elsewhere."""
    decimal = values.dtype.kind == "f"
    labels = np.zeros(values.shape, dtype=np.uint8)
    for value, label in ((foreground, FOREGROUND), (unlabelled, UNLABELLED)):
        if value is not None:
            labels[np.abs(values - value) < 0.5 if decimal else values == value] = label
    return labels
