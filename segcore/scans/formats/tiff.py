"""TIFF: single images, stacks of planes, and colour photographs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segcore.errors import UnreadableFile, UnsupportedFormat
from segcore.geometry import Grid
from segcore.scans.formats.limits import check_size
from segcore.scans.volume import Volume


def read(path: Path) -> Volume:
    """Read a TIFF; its pages become planes, its colours channels. Spacing is taken from ImageJ's tags where present."""
    import tifffile  # noqa: PLC0415 - only where such a file is opened

    try:
        with tifffile.TiffFile(path) as file:
            series = file.series[0]
            check_size(path, tuple(series.shape), max(1, np.dtype(series.dtype).itemsize))
            _check_strips(path, file)
            spacing = _spacing(file)
            return _volume(path, series.asarray(), series.axes, spacing)
    except (tifffile.TiffFileError, ValueError, IndexError, TypeError, KeyError, RuntimeError) as error:
        raise UnreadableFile(path, "the file is not a readable TIFF image", remedy="export it again") from error


def _check_strips(path: Path, file: Any) -> None:
    """Refuse a file whose directory points behind its end, before anything is allocated for it."""
    size = path.stat().st_size
    for page in file.pages:
        ends = [o + n for o, n in zip(page.dataoffsets, page.databytecounts, strict=False)]
        if not ends or max(ends) > size:
            raise UnreadableFile(path, "the file is cut off", remedy="copy or export it again")


def _volume(path: Path, array: NDArray[Any], axes: str, spacing: tuple[float, float, float] | None) -> Volume:
    if array.dtype.kind not in "iufb":
        raise UnsupportedFormat(path, ["a TIFF of whole or decimal numbers"])
    array = array.astype(np.uint8) if array.dtype.kind == "b" else array
    colours = "S" in axes
    if colours:
        array = np.moveaxis(array, axes.index("S"), 0)[:3]
        axes = axes.replace("S", "")
    lead = array.shape[1:] if colours else array.shape
    planes = int(np.prod(lead[:-2])) if len(lead) > 2 else 1
    rows, columns = lead[-2:]
    voxels = array.reshape((array.shape[0] if colours else 1), planes, rows, columns)
    channels = ("red", "green", "blue") if colours and voxels.shape[0] == 3 else ("image",)
    if colours and voxels.shape[0] != 3:
        voxels = voxels[:1]
    grid = Grid.from_spacing((planes, rows, columns), spacing or (1.0, 1.0, 1.0), calibrated=spacing is not None)
    return Volume(voxels=np.ascontiguousarray(voxels), grid=grid, channels=channels)


def _spacing(file: Any) -> tuple[float, float, float] | None:
    notes = file.imagej_metadata or {}
    factor = {"mm": 1.0, "micron": 1e-3, "um": 1e-3, "\\u00B5m": 1e-3, "µm": 1e-3, "cm": 10.0}.get(
        str(notes.get("unit"))
    )
    tags = file.pages[0].tags
    if factor is None or "XResolution" not in tags or "YResolution" not in tags:
        return None
    across, down = tags["XResolution"].value, tags["YResolution"].value
    if not (across[0] and across[1] and down[0] and down[1]):
        return None
    plane = float(notes.get("spacing", 1.0)) * factor
    spacing = (plane, down[1] / down[0] * factor, across[1] / across[0] * factor)
    return spacing if all(1e-6 < v < 1e3 for v in spacing) else None


def write(path: Path, volume: Volume) -> None:
    """Write `volume` losslessly compressed, with its spacing as ImageJ tags where it is known."""
    import tifffile  # noqa: PLC0415 - see above

    voxels = np.asarray(volume.voxels)
    data = np.moveaxis(voxels, 0, -1) if volume.is_photograph else voxels[0]
    data = data[0] if data.shape[0] == 1 else data
    options: dict[str, Any] = {"compression": "zlib", "photometric": "rgb" if volume.is_photograph else "minisblack"}
    if volume.grid.calibrated and data.dtype in (np.uint8, np.uint16, np.float32):
        plane, row, column = volume.grid.spacing
        options |= {
            "imagej": True,
            "resolution": (1 / column, 1 / row),
            "metadata": {"unit": "mm", "spacing": plane},
            "compression": None,
        }
    tifffile.imwrite(path, np.ascontiguousarray(data), **options)
