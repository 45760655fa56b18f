"""NRRD (.nrrd) and MetaImage (.mha, .mhd), read and written by SimpleITK.

SimpleITK fills what a truncated file lacks with garbage and says nothing, so completeness is checked here first. No
header may point to a data file outside its own folder.
"""

from __future__ import annotations

import re
import zlib
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np

from segcore.errors import BadGeometry, UnreadableFile, UnsupportedFormat
from segcore.geometry import Grid
from segcore.scans.formats.limits import check_size, short
from segcore.scans.volume import Volume

_NRRD_BYTES = {
    **dict.fromkeys(("signed char", "int8", "int8_t", "uchar", "unsigned char", "uint8", "uint8_t"), 1),
    **dict.fromkeys(
        ("short", "short int", "signed short", "int16", "int16_t", "ushort", "unsigned short", "uint16"), 2
    ),
    **dict.fromkeys(("uint16_t", "unsigned short int", "signed short int"), 2),
    **dict.fromkeys(
        ("int", "signed int", "int32", "int32_t", "uint", "unsigned int", "uint32", "uint32_t", "float"), 4
    ),
    **dict.fromkeys(("longlong", "long long", "int64", "int64_t", "ulonglong", "uint64", "uint64_t", "double"), 8),
}
_META_BYTES = {"CHAR": 1, "UCHAR": 1, "SHORT": 2, "USHORT": 2, "INT": 4, "UINT": 4, "FLOAT": 4, "DOUBLE": 8}
_MOST_HEADER_BYTES = 1 << 16


def read_nrrd(path: Path) -> Volume:
    """Read a NRRD file in its own axis order."""
    head, _, body = path.read_bytes().partition(b"\n\n")
    if not head.startswith(b"NRRD"):
        raise UnreadableFile(path, "the file is not a NRRD image, whatever its name says", remedy="export it again")
    fields = _fields(head, ":")
    if "data file" in fields or "datafile" in fields:
        raise UnsupportedFormat(path, ["a NRRD with its data inside (.nrrd)"])
    sizes = _numbers(path, fields.get("sizes", ""))
    width = _NRRD_BYTES.get(fields.get("type", ""))
    if width is None:
        raise UnsupportedFormat(path, ["a NRRD of whole or decimal numbers"])
    wanted = check_size(path, tuple(sizes), width)
    encoding = fields.get("encoding", "raw").lower()
    if encoding == "raw":
        _check_length(path, wanted, len(body))
    elif encoding in ("gzip", "gz"):
        _check_length(path, wanted, _inflated(path, body, 31, wanted))
    return _read(path)


def read_meta(path: Path) -> Volume:
    """Read a MetaImage in its own axis order."""
    start = path.read_bytes()[:_MOST_HEADER_BYTES]
    found = re.search(rb"ElementDataFile\s*=\s*([^\r\n]+)\r?\n?", start)
    if found is None or b"DimSize" not in start[: found.end()]:
        raise UnreadableFile(path, "the file is not a MetaImage, whatever its name says", remedy="export it again")
    fields = _fields(start[: found.end()], "=")
    sizes = _numbers(path, fields.get("dimsize", ""))
    width = _META_BYTES.get(fields.get("elementtype", "").upper().removeprefix("MET_"))
    if width is None:
        raise UnsupportedFormat(path, ["a MetaImage of whole or decimal numbers"])
    wanted = check_size(path, (*sizes, int(fields.get("elementnumberofchannels", "1"))), width)
    data = _meta_data(path, found.group(1).decode("utf-8", "replace").strip(), found.end())
    if fields.get("compresseddata", "false").lower() == "true":
        _check_length(path, wanted, _inflated(path, data, 15, wanted))
    else:
        _check_length(path, wanted, len(data))
    return _read(path)


def _meta_data(path: Path, name: str, header_end: int) -> bytes:
    if name == "LOCAL":
        return path.read_bytes()[header_end:]
    if PureWindowsPath(name).name != name or PurePosixPath(name).name != name or "%" in name or name.startswith("LIST"):
        raise UnreadableFile(
            path, "its header points to a data file outside its folder", remedy="put both files into one folder"
        )
    try:
        return (path.parent / name).read_bytes()
    except OSError as error:
        raise UnreadableFile(path, f"its data file {name} is missing", remedy="copy both files") from error


def _fields(head: bytes, separator: str) -> dict[str, str]:
    lines = (line.partition(separator) for line in head.decode("utf-8", "replace").splitlines())
    return {key.strip().lower(): value.strip() for key, found, value in lines if found}


def _numbers(path: Path, text: str) -> list[int]:
    try:
        numbers = [int(v) for v in text.split()]
    except ValueError:
        numbers = []
    if not 2 <= len(numbers) <= 4:
        raise UnreadableFile(path, "its header states no usable size", remedy="export it again")
    return numbers


def _inflated(path: Path, data: bytes, window: int, limit: int) -> int:
    """Return how many bytes a compressed stream expands to; stops soon after `limit`."""
    engine = zlib.decompressobj(window)
    total = 0
    try:
        pending = data
        while pending and not engine.eof and total <= limit:
            total += len(engine.decompress(pending, 1 << 22))
            pending = engine.unconsumed_tail
    except zlib.error as error:
        raise UnreadableFile(path, "its compressed data are damaged", remedy="copy or export it again") from error
    if not engine.eof and total <= limit:
        raise short(path, limit, min(total, limit - 1))
    return total


def _check_length(path: Path, wanted: int, found: int) -> None:
    if found < wanted:
        raise short(path, wanted, found)


def _read(path: Path) -> Volume:
    import SimpleITK  # noqa: PLC0415 - only where such a file is opened

    try:
        image = SimpleITK.ReadImage(str(path))
    except RuntimeError as error:
        raise UnreadableFile(path, "the file cannot be read", remedy="export it again") from error
    array = SimpleITK.GetArrayFromImage(image)
    channels = image.GetNumberOfComponentsPerPixel()
    voxels = np.moveaxis(array, -1, 0) if channels > 1 else array[np.newaxis]
    if voxels.ndim == 3:
        voxels = voxels[:, np.newaxis]
    if voxels.ndim != 4:
        raise UnsupportedFormat(path, ["an image of two or three dimensions"])
    p, r, c = voxels.shape[1:]
    names = ("image",) if channels == 1 else tuple(f"channel {n + 1}" for n in range(channels))
    return Volume(voxels=np.ascontiguousarray(voxels), grid=Grid((p, r, c), _affine(path, image)), channels=names)


def _affine(path: Path, image: Any) -> Any:
    dimensions = image.GetDimension()
    direction, spacing, origin = np.eye(3), np.ones(3), np.zeros(3)
    direction[:dimensions, :dimensions] = np.reshape(image.GetDirection(), (dimensions, dimensions))
    spacing[:dimensions] = image.GetSpacing()
    origin[:dimensions] = image.GetOrigin()
    affine = np.eye(4)
    affine[:3, :3] = (direction * spacing)[:, ::-1]
    affine[:3, 3] = origin
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-12:
        raise BadGeometry(path, "its geometry is singular or not finite", remedy="export it again with a valid spacing")
    return affine


def write(path: Path, volume: Volume) -> None:
    """Write `volume` compressed, in the axis order of its grid."""
    import SimpleITK  # noqa: PLC0415 - see above

    voxels = np.ascontiguousarray(volume.voxels)
    several = len(volume.channels) > 1
    image = SimpleITK.GetImageFromArray(np.moveaxis(voxels, 0, -1) if several else voxels[0], isVector=several)
    linear = volume.grid.affine[:3, :3][:, ::-1]
    spacing = np.linalg.norm(linear, axis=0)
    image.SetSpacing([float(v) for v in spacing])
    image.SetOrigin([float(v) for v in volume.grid.affine[:3, 3]])
    image.SetDirection([float(v) for v in (linear / spacing).ravel()])
    SimpleITK.WriteImage(image, str(path), useCompression=True)
