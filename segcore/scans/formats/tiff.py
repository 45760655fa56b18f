"""TIFF: single images, stacks of planes, several channels, and colour photographs.

tifffile reads; what its small decoders lack (LZW, JPEG) is decoded by Pillow. tifffile mends damaged files with zeros and
only logs that, so its log is listened to while it reads.
"""

from __future__ import annotations

import logging
import re
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from segcore.errors import CannotSave, UnreadableFile
from segcore.geometry import Grid
from segcore.scans.formats.limits import check_size, short
from segcore.scans.volume import Volume

_MM = {
    **{"mm": 1.0, "millimeter": 1.0, "cm": 10.0, "centimeter": 10.0, "m": 1000.0},
    **dict.fromkeys(("micron", "microns", "um", "µm", "μm", "\\u00B5m"), 1e-3),
    **{"nm": 1e-6, "inch": 25.4, "in": 25.4},
}
#: Pixel distances that a microscope, camera or scanner can have, mm; others are printing resolutions or mistakes.
_PLAUSIBLE_MM = (1e-5, 50.0)
_DAMAGED = re.compile(r"(?i)corrupt|missing|zeroed|expected|not match|invalid page|failed|invalid (off|val)")
_MIN_IS_WHITE, _PALETTE, _UNCOMPRESSED = 0, 3, 1


def read(path: Path) -> Volume:
    """Read a TIFF; its pages become planes, its colours and channels channels.

    Spacing is taken from the tags of ImageJ and OME where it is plausible; a printing resolution is not a spacing.

    Raises
    ------
    UnreadableFile, TooLarge
        In one sentence that names the file.
    """
    return _read(path, indices=False)


def read_labels(path: Path) -> Volume:
    """Read a mask: as `read`, but a palette of colours gives its indices."""
    return _read(path, indices=True)


def _read(path: Path, *, indices: bool) -> Volume:
    import tifffile  # noqa: PLC0415 - only where such a file is opened

    damage = (ValueError, IndexError, TypeError, KeyError, RuntimeError, AssertionError, struct.error, zlib.error)
    try:
        # A file may name further files that belong to it (OME); no name inside a file is followed.
        with _listening(path), tifffile.TiffFile(path, _multifile=False) as file:
            series = file.series[0]
            check_size(path, tuple(series.shape), max(1, np.dtype(series.dtype).itemsize))
            _check_strips(path, file, series)
            array, axes = _decoded(path, file, series, indices=indices)
            spacing, notes = _spacing(file), _notes(file)
            comment = str(file.pages[0].software or "")
    except (tifffile.TiffFileError, ArithmeticError, *damage) as error:
        raise UnreadableFile(path, "the file is not a readable TIFF image", remedy="export it again") from error
    return _volume(path, array, axes, spacing, notes, comment)


@contextmanager
def _listening(path: Path) -> Iterator[None]:
    """Keep tifffile's complaints out of the log and refuse the file for those that mean invented pixels."""
    log, me = logging.getLogger("tifffile"), threading.get_ident()
    heard: list[logging.LogRecord] = []

    def note(record: logging.LogRecord) -> bool:
        if record.thread == me:
            heard.append(record)
        return False

    log.addFilter(note)
    try:
        yield
    finally:
        log.removeFilter(note)
    if any(record.levelno >= logging.ERROR or _DAMAGED.search(record.getMessage()) for record in heard):
        raise UnreadableFile(path, "the file is damaged or cut off", remedy="copy or export it again")


def _check_strips(path: Path, file: Any, series: Any) -> None:
    """Refuse a file whose directory points behind its end or names too few strips, before memory is taken for it."""
    size = path.stat().st_size
    if len(file.pages) == 1 and len(series.pages) > 1:  # ImageJ: one directory, all planes behind one another
        start = file.pages[0].dataoffsets[0]
        if start + series.nbytes > size:
            raise short(path, series.nbytes, size - start)
        return
    for page in file.pages:
        page = page.aspage() if hasattr(page, "aspage") else page
        ends = [o + n for o, n in zip(page.dataoffsets, page.databytecounts, strict=False)]
        wanted = int(np.prod(page.chunked)) if page.chunked else 1
        if len(ends) < wanted or max(ends, default=0) > size or not all(page.databytecounts):
            raise UnreadableFile(path, "the file is cut off", remedy="copy or export it again")
        least = page.size * page.bitspersample // 8
        if page.compression == _UNCOMPRESSED and sum(page.databytecounts) < least:
            raise short(path, least, sum(page.databytecounts))


def _decoded(path: Path, file: Any, series: Any, *, indices: bool) -> tuple[NDArray[Any], str]:
    """Return the pixels and the letters of their axes (Q, Z, T: planes; C: channels; Y; X; S: colours)."""
    page = file.pages[0]
    try:
        array, axes = series.asarray(), str(series.axes)
    except ValueError as error:
        if "imagecodecs" not in str(error):
            raise
        array, axes = _by_pillow(path, file)
    if page.photometric == _PALETTE and page.colormap is not None and "S" not in axes:
        array, axes = _coloured(array, axes, np.asarray(page.colormap), indices=indices)
    elif page.photometric == _MIN_IS_WHITE and array.dtype.kind in "bu":
        array = ~array
    return array, axes


def _by_pillow(path: Path, file: Any) -> tuple[NDArray[Any], str]:
    from PIL.TiffImagePlugin import TiffImageFile  # noqa: PLC0415 - only for compressions that tifffile lacks

    if any(page.shape != file.pages[0].shape for page in file.pages):
        raise UnreadableFile(path, "its pages have different sizes", remedy="export each page as a file")
    planes = []
    with path.open("rb") as handle, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tags that tifffile has judged already
        try:
            with TiffImageFile(handle) as image:
                for number in range(len(file.pages)):
                    image.seek(number)
                    planes.append(np.array(image))
        except (OSError, SyntaxError, EOFError) as error:
            raise UnreadableFile(path, "the file is damaged or cut off", remedy="copy or export it again") from error
    stack = np.stack(planes)
    if stack.shape[1:3] != (file.pages[0].imagelength, file.pages[0].imagewidth):
        raise UnreadableFile(path, "the file is damaged", remedy="copy or export it again")
    return stack, "QYXS" if stack.ndim == 4 else "QYX"


def _coloured(array: NDArray[Any], axes: str, palette: NDArray[Any], *, indices: bool) -> tuple[NDArray[Any], str]:
    table = (palette >> 8 if palette.max() > 255 else palette).astype(np.uint8)
    used = table[:, np.unique(array)]
    if (used[0] == used[1]).all() and (used[1] == used[2]).all():
        return table[0][array], axes
    return (array, axes) if indices else (np.moveaxis(table[:, array], 0, -1), axes + "S")


def _volume(
    path: Path,
    array: NDArray[Any],
    axes: str,
    spacing: tuple[float, float, float] | None,
    notes: tuple[str, ...],
    comment: str,
) -> Volume:
    if array.dtype.kind not in "iufb":
        raise UnreadableFile(path, "its pixels are complex numbers", remedy="export whole or decimal numbers")
    array = array.astype(np.uint8) * np.uint8(255) if array.dtype.kind == "b" else array
    if axes.count("C") + axes.count("S") > 1 and 1 not in (array.shape[axes.find("C")], array.shape[axes.find("S")]):
        raise UnreadableFile(path, "it has several channels of colours", remedy="export each channel as a file")
    colours = "S" in axes
    for letter in "SC":  # the first in the end is the channel axis: colours are in front of planes, channels too
        if letter in axes:
            array, axes = np.moveaxis(array, axes.index(letter), 0), letter + axes.replace(letter, "")
    depth = array.shape[0] * (array.shape[1] if axes[:2] == "CS" else 1) if axes[0] in "SC" else 1
    rows, columns = array.shape[-2:]
    if axes[-2:] != "YX":
        raise UnreadableFile(path, f"its axes ({axes}) are not those of planes", remedy="export planes or a stack")
    voxels = array.reshape(depth, -1, rows, columns)
    voxels, channels = _named(voxels, colours=colours)
    grid = Grid.from_spacing(
        (voxels.shape[1], rows, columns), spacing or (1.0, 1.0, 1.0), calibrated=spacing is not None
    )
    voxels = np.ascontiguousarray(voxels)
    return Volume(voxels=voxels, grid=grid, channels=channels, notes=notes, comment=comment)


def _named(voxels: NDArray[Any], *, colours: bool) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Return channels with their names; transparency is dropped, and grey told three times is told once."""
    if colours and len(voxels) >= 3:
        voxels = voxels[:3]
        if np.array_equal(voxels[0], voxels[1]) and np.array_equal(voxels[1], voxels[2]):
            return voxels[:1], ("image",)
        return voxels, ("red", "green", "blue")
    if colours or len(voxels) == 1:
        return voxels[:1], ("image",)
    return voxels, tuple(f"channel {n + 1}" for n in range(len(voxels)))


def _notes(file: Any) -> tuple[str, ...]:
    more = len(file.pages) - len(file.series[0].pages)
    return (f"{more} of its {len(file.pages)} pages were left out, for they have another size",) if more > 0 else ()


def _spacing(file: Any) -> tuple[float, float, float] | None:
    """Return (plane, row, column) in mm, or None where nothing plausible is stated."""
    spacing = _of_ome(file.ome_metadata) if file.is_ome else _of_imagej(file)
    return spacing if spacing and all(_PLAUSIBLE_MM[0] < v < _PLAUSIBLE_MM[1] for v in spacing) else None


def _of_imagej(file: Any) -> tuple[float, float, float] | None:
    notes = file.imagej_metadata or {}
    factor = _MM.get(str(notes.get("unit")))
    tags = file.pages[0].tags
    if factor is None or "XResolution" not in tags or "YResolution" not in tags:
        return None
    across, down = tags["XResolution"].value, tags["YResolution"].value
    if not (across[0] and across[1] and down[0] and down[1]):
        return None
    row, column = down[1] / down[0] * factor, across[1] / across[0] * factor
    return (abs(float(notes.get("spacing", row / factor))) * factor, row, column)


def _of_ome(text: str) -> tuple[float, float, float] | None:
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError:
        return None
    pixels = next((node for node in root.iter() if node.tag.rpartition("}")[2] == "Pixels"), None)
    if pixels is None or "PhysicalSizeX" not in pixels.attrib or "PhysicalSizeY" not in pixels.attrib:
        return None
    row = _ome_length(pixels, "Y")
    return (_ome_length(pixels, "Z") or row, row, _ome_length(pixels, "X"))


def _ome_length(pixels: Any, axis: str) -> float:
    try:
        length = float(pixels.get(f"PhysicalSize{axis}", "0"))
    except ValueError:
        return 0.0
    return length * _MM.get(pixels.get(f"PhysicalSize{axis}Unit", "µm"), 0.0)


def write(path: Path, volume: Volume) -> None:
    """Write `volume` without loss, with its spacing as ImageJ tags where it is known."""
    import tifffile  # noqa: PLC0415 - see above

    voxels = np.asarray(volume.voxels)
    if len(volume.channels) > 1 and not volume.is_photograph:
        raise CannotSave(path, "a TIFF of several channels is not written", remedy="export as NIfTI")
    data = np.moveaxis(voxels, 0, -1) if volume.is_photograph else voxels[0]
    axes = "ZYXS" if volume.is_photograph else "ZYX"
    if data.shape[0] == 1:
        data, axes = data[0], axes[1:]
    options: dict[str, Any] = {
        "compression": "zlib",
        "photometric": "rgb" if volume.is_photograph else "minisblack",
        "metadata": {"axes": axes},
        "software": volume.comment or "RareSeg",
    }
    flat = 1 in voxels.shape[-2:]  # tifffile writes planes of one pixel's width as ImageJ that it cannot read
    if volume.grid.calibrated and data.dtype in (np.uint8, np.uint16, np.float32) and not flat:
        plane, row, column = volume.grid.spacing
        options |= {
            "imagej": True,
            "resolution": (1 / column, 1 / row),
            "metadata": {"unit": "mm", "spacing": plane, "axes": axes},
            "compression": None,
        }
    tifffile.imwrite(path, np.ascontiguousarray(data), **options)
