"""NIfTI-1 and NIfTI-2 (.nii, .nii.gz). The only module that knows RAS.

nibabel reads the header; the bytes go through our own check, because no library sees every kind of damage: a truncated
stream, a flipped bit (only the gzip checksum at the very end tells) and a stream that expands to more than the header
says. Axes (i, j, k) of the file become (column, row, plane).
"""

from __future__ import annotations

import io
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from isal import igzip
from numpy.typing import NDArray

from segcore.errors import BadGeometry, UnreadableFile, UnsupportedFormat
from segcore.geometry import Grid
from segcore.scans.formats.limits import check_size, short
from segcore.scans.volume import Volume

#: World axes: RAS of the file to LPS inside, and back.
_RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
_HEADER_BYTES = 544
_MOST_EXTENSION_BYTES = 64 * 1024 * 1024


def read(path: Path) -> Volume:
    """Read a NIfTI file in its own axis order; a fourth dimension becomes channels.

    Raises
    ------
    UnreadableFile, TooLarge, BadGeometry
        In one sentence that names the file.
    """
    with _open(path) as stream:
        try:
            start = stream.read(_HEADER_BYTES)
            header = _parse_header(path, start)
            dtype = header.get_data_dtype()
            extents = _extents(path, header)
            wanted = check_size(path, extents, dtype.itemsize)
            offset = int(header["vox_offset"])
            data = _read_voxels(path, stream, start, offset, wanted)
        except (EOFError, zlib.error, igzip.BadGzipFile, ValueError) as error:
            if isinstance(error, UnreadableFile):
                raise
            raise UnreadableFile(
                path, "the file is damaged or cut off (its checksum does not fit)", remedy="copy or export it again"
            ) from error
    voxels = np.frombuffer(data, dtype=dtype).reshape(extents[::-1])
    voxels = _scaled(header, voxels.astype(dtype.newbyteorder("="), copy=False))
    names = ("image",) if extents[3] == 1 else tuple(f"volume {n + 1}" for n in range(extents[3]))
    p, r, c = voxels.shape[1:]
    return Volume(voxels=voxels, grid=Grid((p, r, c), _affine(path, header)), channels=names)


def _open(path: Path) -> Any:
    with path.open("rb") as handle:
        magic = handle.read(2)
    return igzip.open(path, "rb") if magic == b"\x1f\x8b" else path.open("rb")


def _parse_header(path: Path, start: bytes) -> Any:
    import nibabel  # noqa: PLC0415 - half a second that the start of the window must not pay
    from nibabel.spatialimages import HeaderDataError  # noqa: PLC0415 - as above
    from nibabel.wrapstruct import WrapStructError  # noqa: PLC0415 - as above

    kinds = ((348, nibabel.Nifti1Header), (540, nibabel.Nifti2Header))
    for size, kind in kinds:
        if (len(start) >= size and int.from_bytes(start[:4], "little") == size) or start[:4] == size.to_bytes(4, "big"):
            try:
                return kind.from_fileobj(io.BytesIO(start[: size if size == 540 else 348] + b"\0" * 4), check=False)
            except (HeaderDataError, WrapStructError, ValueError) as error:
                raise UnreadableFile(path, "its NIfTI header is damaged", remedy="export it again") from error
    raise UnreadableFile(path, "the file is not a NIfTI image, whatever its name says", remedy="export it again")


def _extents(path: Path, header: Any) -> tuple[int, int, int, int]:
    dimensions = [int(v) for v in header["dim"]]
    rank = dimensions[0]
    if not 1 <= rank <= 7 or header.get_data_dtype().fields is not None or header.get_data_dtype().kind not in "iuf":
        raise UnsupportedFormat(path, ["a NIfTI of whole or decimal numbers (no colours, no complex numbers)"])
    extents = [*dimensions[1 : rank + 1], 1, 1, 1, 1][:7]
    if any(n > 1 for n in extents[4:]) and not all(n == 1 for n in extents[3:4]):
        raise UnsupportedFormat(path, ["a NIfTI of three or four dimensions"])
    channels = int(np.prod(extents[3:]))
    return (extents[0], extents[1], extents[2], channels)


def _read_voxels(path: Path, stream: Any, start: bytes, offset: int, wanted: int) -> bytearray:
    """Return exactly the voxels' bytes; reads the stream to its end, so that a checksum is verified."""
    if not 0 <= offset <= _MOST_EXTENSION_BYTES:
        raise UnreadableFile(path, "its NIfTI header is damaged", remedy="export it again")
    begin = start[offset:] if offset < len(start) else b""
    if offset > len(start):
        stream.read(offset - len(start))
    data = bytearray(begin[:wanted])
    while len(data) < wanted:
        block = stream.read(min(1 << 22, wanted - len(data)))
        if not block:
            raise short(path, wanted, len(data))
        data += block
    extra = len(begin) - min(len(begin), wanted)
    while block := stream.read(1 << 20):
        extra += len(block)
        if extra > max(wanted, 1 << 20):
            raise short(path, wanted, wanted + extra)
    return data


def _scaled(header: Any, voxels: NDArray[Any]) -> NDArray[Any]:
    slope, inter = float(header["scl_slope"]), float(header["scl_inter"])
    if not np.isfinite(slope) or slope == 0.0:
        return voxels
    inter = inter if np.isfinite(inter) else 0.0
    if slope == 1.0 and inter == 0.0:
        return voxels
    if slope == 1.0 and inter == round(inter) and voxels.dtype.kind in "iu" and voxels.dtype.itemsize <= 2:
        return voxels.astype(np.int32) + np.int32(inter)
    return voxels.astype(np.float32) * np.float32(slope) + np.float32(inter)


def _affine(path: Path, header: Any) -> NDArray[np.float64]:
    """Return the LPS affine over (plane, row, column): sform where it is set, else qform, else spacing alone."""
    if int(header["sform_code"]) > 0:
        ras = header.get_sform()
    elif int(header["qform_code"]) > 0:
        try:
            ras = header.get_qform()
        except ValueError as error:
            raise BadGeometry(path, "its orientation (qform) is damaged", remedy="export it again") from error
    else:
        ras = header.get_base_affine()
    affine = (_RAS_TO_LPS @ np.asarray(ras, dtype=np.float64))[:, [2, 1, 0, 3]]
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-12:
        raise BadGeometry(path, "its geometry is singular or not finite", remedy="export it again with a valid spacing")
    return affine


def write(path: Path, volume: Volume) -> None:
    """Write `volume` with sform and qform (code 1), millimetres, in the axis order of its grid."""
    import nibabel  # noqa: PLC0415 - see above

    ras = _RAS_TO_LPS @ volume.grid.affine[:, [2, 1, 0, 3]]
    voxels = np.asarray(volume.voxels)
    data = voxels[0].T if len(volume.channels) == 1 else np.moveaxis(voxels.T, -1, 3)
    image = nibabel.Nifti1Image(data, None, dtype=data.dtype)
    image.set_sform(ras, code=1)
    image.set_qform(ras, code=1)
    image.header.set_xyzt_units("mm")
    image.header.set_slope_inter(1, 0)
    raw = image.to_bytes()
    path.write_bytes(igzip.compress(raw, 3, mtime=0) if path.name.lower().endswith(".gz") else raw)
