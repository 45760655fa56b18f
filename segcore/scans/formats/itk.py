"""NRRD (.nrrd, .nhdr) and MetaImage (.mha, .mhd), read and written by SimpleITK.

SimpleITK fills what a truncated file lacks with garbage and says nothing, so completeness is checked here first: the
length of raw voxels, and the whole of a compressed stream up to its checksum. No header may point to a data file
outside its own folder.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import zlib
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np

from segcore.errors import BadGeometry, UnreadableFile
from segcore.geometry import Grid
from segcore.scans.formats.limits import SLACK, check_size, check_stored, short
from segcore.scans.volume import Volume

_NRRD_TYPES = {
    1: "signed char,int8,int8_t,uchar,unsigned char,uint8,uint8_t",
    2: "short,short int,signed short,signed short int,int16,int16_t,ushort,unsigned short,unsigned short int,uint16,uint16_t",
    4: "int,signed int,int32,int32_t,uint,unsigned int,uint32,uint32_t,float",
    8: "longlong,long long,long long int,signed long long,signed long long int,int64,int64_t,ulonglong,"
    "unsigned long long,unsigned long long int,uint64,uint64_t,double",
}
_NRRD_BYTES = {name: width for width, names in _NRRD_TYPES.items() for name in names.split(",")}
_META_BYTES = {
    **dict.fromkeys(("CHAR", "UCHAR"), 1),
    **dict.fromkeys(("SHORT", "USHORT"), 2),
    **dict.fromkeys(("INT", "UINT", "LONG", "ULONG", "FLOAT"), 4),
    **dict.fromkeys(("LONG_LONG", "ULONG_LONG", "DOUBLE"), 8),
}
_MOST_HEADER_BYTES = 1 << 18
_BLOCK = 1 << 22
#: Key of our comment; MetaImage drops one that is called Comment.
_COMMENT = "Content"
#: zlib's window argument for each kind of stream.
_GZIP, _ZLIB = 31, 15


def read_nrrd(path: Path) -> Volume:
    """Read a NRRD file, with its data inside or in one file beside it, in its own axis order.

    Raises
    ------
    UnreadableFile, TooLarge, BadGeometry
        In one sentence that names the file.
    """
    return _read(path, calibrated=_check_nrrd(path))


def _check_nrrd(path: Path) -> bool:
    """Refuse a file that is not whole; returns whether it states a spacing."""
    start = _start_of(path)
    end = re.search(rb"\r?\n\r?\n", start)
    head = start[: end.start()] if end else start
    if not head.startswith(b"NRRD"):
        raise UnreadableFile(path, "the file is not a NRRD image, whatever its name says", remedy="export it again")
    fields = _fields(head, ":")
    width = _NRRD_BYTES.get(fields.get("type", ""))
    if width is None:
        raise _unsupported(path, f"its voxels are of the type {fields.get('type', '(none)')}")
    wanted = check_size(path, tuple(_numbers(path, fields.get("sizes", ""))), width)
    if any(fields.get(key, "0") not in ("0", "-1") for key in ("line skip", "lineskip", "byte skip", "byteskip")):
        raise _unsupported(path, "its header skips a part of the data")
    name = fields.get("data file", fields.get("datafile"))
    if name is None and end is None:
        raise short(path, wanted, 0)
    data, offset = (path, end.end() if end else 0) if name is None else (_beside(path, name), 0)
    encoding = fields.get("encoding", "raw").lower()
    if encoding not in ("raw", "gzip", "gz"):
        raise _unsupported(path, f"its data are stored as {encoding}")
    _check_data(path, data, offset, wanted, _GZIP if encoding != "raw" else None)
    return not fields.keys().isdisjoint({"space directions", "spacings"})


def read_meta(path: Path) -> Volume:
    """Read a MetaImage in its own axis order; errors as `read_nrrd`."""
    _check_meta(path)
    return _read(path)


def _check_meta(path: Path) -> None:
    """Refuse a file that is not whole."""
    start = _start_of(path)
    found = re.search(rb"(?:^|\n)\s*ElementDataFile\s*=[ \t]*([^\r\n]+)\r?\n?", start)
    if found is None or b"DimSize" not in start[: found.end()]:
        raise UnreadableFile(path, "the file is not a MetaImage, whatever its name says", remedy="export it again")
    fields = _fields(start[: found.end()], "=")
    width = _META_BYTES.get(fields.get("elementtype", "").upper().removeprefix("MET_"))
    if width is None or fields.get("binarydata", "true").lower() != "true":
        raise _unsupported(path, "its voxels are not binary numbers of a known type")
    components = _numbers(path, fields.get("elementnumberofchannels", "1"), fewest=1)
    wanted = check_size(path, (*_numbers(path, fields.get("dimsize", "")), *components), width)
    name = found.group(1).decode("utf-8", "replace").strip()
    skipped = fields.get("headersize", "0")
    if skipped not in ("0", "-1"):
        raise _unsupported(path, "its header skips a part of the data")
    data, offset = (path, found.end()) if name.upper() == "LOCAL" else (_beside(path, name), 0)
    packed = fields.get("compresseddata", "false").lower() == "true"
    if packed and data == path and not fields.get("compresseddatasize", "0").strip("0"):
        raise _unsupported(path, "its header does not state the size of its compressed data")  # garbage for SimpleITK
    if skipped == "-1" and not packed:
        offset = max(offset, data.stat().st_size - wanted)
    _check_data(path, data, offset, wanted, _ZLIB if packed else None)


def _start_of(path: Path) -> bytes:
    with path.open("rb") as handle:
        return handle.read(_MOST_HEADER_BYTES)


def _fields(head: bytes, separator: str) -> dict[str, str]:
    lines = (line.partition(separator) for line in head.decode("utf-8", "replace").splitlines())
    return {key.strip().lower(): value.strip() for key, found, value in lines if found}


def _numbers(path: Path, text: str, *, fewest: int = 2) -> list[int]:
    try:
        numbers = [int(v) for v in text.split()]
    except ValueError:
        numbers = []
    if not fewest <= len(numbers) <= 4:
        raise UnreadableFile(path, "its header states no usable size", remedy="export it again")
    return numbers


def _unsupported(path: Path, what: str) -> UnreadableFile:
    return UnreadableFile(path, what, remedy="export it as .nii.gz, or as .nrrd or .mha with binary data inside")


def _beside(path: Path, name: str) -> Path:
    """Return the data file that a header names, which must be one plain file in the header's own folder."""
    plain = PureWindowsPath(name).name == name == PurePosixPath(name).name
    if not plain or name in (".", "..") or "%" in name or name.upper().split()[0] == "LIST":
        raise UnreadableFile(
            path, "its header points to a data file outside its folder", remedy="put both files into one folder"
        )
    data = path.parent / name
    if not data.is_file():
        raise UnreadableFile(path, f"its data file {name} is missing", remedy="copy both files")
    return data


def _check_data(path: Path, data: Path, offset: int, wanted: int, window: int | None) -> None:
    """Refuse data that are cut off, damaged, or more than the header says; compressed ones are expanded to the end."""
    stored = max(0, data.stat().st_size - offset)
    check_stored(path, wanted, stored, deflated=window is not None)
    found = stored if window is None else _inflated(path, data, offset, window, wanted + SLACK)
    if found < wanted or found > wanted + SLACK:
        raise short(path, wanted, found)


def _inflated(path: Path, data: Path, offset: int, window: int, limit: int) -> int:
    """Return how many bytes a compressed stream expands to; stops soon after `limit`. Nothing of it is kept."""
    engine = zlib.decompressobj(window)
    total = 0
    try:
        with data.open("rb") as handle:
            handle.seek(offset)
            pending = handle.read(_BLOCK)
            while pending and not engine.eof and total <= limit:
                total += len(engine.decompress(pending, _BLOCK))
                pending = engine.unconsumed_tail or handle.read(_BLOCK)
            total += len(engine.flush()) if not engine.eof else 0
    except zlib.error as error:
        raise UnreadableFile(path, "its compressed data are damaged", remedy="copy or export it again") from error
    if not engine.eof and total <= limit:
        raise UnreadableFile(path, "the file is cut off", remedy="copy or export it again")
    return total


def _read(path: Path, *, calibrated: bool = True) -> Volume:
    import SimpleITK  # noqa: PLC0415 - only where such a file is opened

    loud = SimpleITK.ProcessObject.GetGlobalWarningDisplay()
    SimpleITK.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        image = SimpleITK.ReadImage(str(path))
    except RuntimeError as error:
        if "direction" in str(error).lower() or "determinant" in str(error).lower():
            raise _bad_geometry(path) from error
        raise UnreadableFile(path, "the file cannot be read", remedy="export it again") from error
    finally:
        SimpleITK.ProcessObject.SetGlobalWarningDisplay(loud)
    array = SimpleITK.GetArrayFromImage(image)
    channels = image.GetNumberOfComponentsPerPixel()
    voxels = np.moveaxis(array, -1, 0) if channels > 1 else array[np.newaxis]
    if voxels.ndim == 3:
        voxels = voxels[:, np.newaxis]
    if voxels.ndim != 4 or voxels.dtype.kind not in "iuf":
        raise _unsupported(path, "it is not an image of two or three dimensions")
    p, r, c = voxels.shape[1:]
    names = ("image",) if channels == 1 else tuple(f"channel {n + 1}" for n in range(channels))
    return Volume(
        voxels=np.ascontiguousarray(voxels),
        grid=Grid((p, r, c), _affine(path, image), calibrated),
        channels=names,
        notes=() if calibrated else ("the file states no spacing",),
        comment=_comment(image),
    )


def _comment(image: Any) -> str:
    return str(image.GetMetaData(_COMMENT)) if image.HasMetaDataKey(_COMMENT) else ""


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
        raise _bad_geometry(path)
    return affine


def _bad_geometry(path: Path) -> BadGeometry:
    return BadGeometry(
        path, "its geometry is singular or not finite", remedy="export it again with a valid spacing and orientation"
    )


def write(path: Path, volume: Volume) -> None:
    """Write `volume` compressed, in the axis order of its grid.

    Raises
    ------
    BadGeometry
        If the axes are not at right angles: these formats cannot say so.
    """
    import SimpleITK  # noqa: PLC0415 - see above

    voxels = np.ascontiguousarray(volume.voxels)
    several = len(volume.channels) > 1
    image = SimpleITK.GetImageFromArray(np.moveaxis(voxels, 0, -1) if several else voxels[0], isVector=several)
    linear = volume.grid.affine[:3, :3][:, ::-1]
    spacing = np.linalg.norm(linear, axis=0)
    direction = linear / spacing
    if not np.allclose(direction.T @ direction, np.eye(3), atol=1e-4):
        raise BadGeometry(
            path, "the scan's axes are not at right angles, which this format cannot hold", remedy="export as NIfTI"
        )
    image.SetSpacing([float(v) for v in spacing])
    image.SetOrigin([float(v) for v in volume.grid.affine[:3, 3]])
    image.SetDirection([float(v) for v in direction.ravel()])
    if volume.comment:
        image.SetMetaData(_COMMENT, volume.comment)
    try:
        SimpleITK.WriteImage(image, str(path), useCompression=True)
        _check_nrrd(path) if path.suffix.lower() == ".nrrd" else _check_meta(path)
    except (RuntimeError, UnreadableFile) as error:  # neither tells why, and a short last block raises nothing
        full = shutil.disk_usage(path.parent).free < voxels.nbytes
        raise OSError(errno.ENOSPC if full else errno.EIO, os.strerror(errno.EIO)) from error
