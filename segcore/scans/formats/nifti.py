"""NIfTI-1 and NIfTI-2 (.nii, .nii.gz). The only module that knows RAS.

nibabel reads the header; the bytes go through our own check, because no library sees every kind of damage: a truncated
stream, a flipped bit (only the gzip checksum at the very end tells) and a stream that expands to more than the header
says. Axes (i, j, k) of the file become (column, row, plane).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from isal import igzip
from isal.igzip_lib import IsalError
from numpy.typing import NDArray

from segcore.errors import BadGeometry, UnreadableFile
from segcore.geometry import Grid
from segcore.scans.formats.limits import SLACK, check_size, check_stored, short
from segcore.scans.volume import Volume, Watch

#: World axes: RAS of the file to LPS inside, and back.
_RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
#: Millimetres per unit of the file (xyzt_units, lowest three bits); unknown is millimetres by custom.
_MM_PER_UNIT = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}
_GZIP = b"\x1f\x8b"
_BLOCK = 1 << 22
#: The first piece that somebody waits for: a plane of 512 x 512.
_FIRST_BLOCK = 1 << 19
_MOST_EXTENSION_BYTES = 64 * 1024 * 1024
#: The typed stub of isal declares its error as an instance, hence Any.
_ISAL_ERROR: Any = IsalError
_STREAM_DAMAGE = (EOFError, zlib.error, _ISAL_ERROR, igzip.BadGzipFile, ValueError, OverflowError, struct.error)


def read(path: Path, watch: Watch | None = None) -> Volume:
    """Read a NIfTI file in its own axis order; a fourth dimension becomes channels.

    Parameters
    ----------
    watch
        Called while the file is read, with the scan as far as it is there; see `Watch`.

    Raises
    ------
    UnreadableFile, TooLarge, BadGeometry
        In one sentence that names the file.
    """
    zipped = _is_zipped(path)
    with igzip.open(path, "rb") if zipped else path.open("rb") as stream:
        try:
            header = _read_header(path, stream)
            extents = _extents(path, header)
            dtype = header.get_data_dtype()
            wanted = check_size(path, extents, dtype.itemsize)
            offset = _skip_to_voxels(path, stream, header)
            size = path.stat().st_size
            check_stored(path, wanted, size if zipped else size - offset, deflated=zipped)
            data = np.zeros(wanted, dtype=np.uint8)  # zeroed by the system, page by page as it is written to
            names = ("image",) if extents[3] == 1 else tuple(f"volume {n + 1}" for n in range(extents[3]))
            stored = data.view(dtype).reshape(extents[::-1])
            affine, notes = _affine(path, header)
            grid = Grid((extents[2], extents[1], extents[0]), affine)
            so_far = Volume(voxels=stored, grid=grid, channels=names)
            _fill(path, stream, data, (lambda share: watch(so_far, share)) if watch is not None else None)
        except _STREAM_DAMAGE as error:
            raise UnreadableFile(
                path, "the file is damaged or cut off (its checksum does not fit)", remedy="copy or export it again"
            ) from error
    voxels = _scaled(header, stored.astype(dtype.newbyteorder("="), copy=False))
    comment = bytes(header["descrip"].tobytes()).split(b"\0")[0].decode("latin-1")
    return Volume(voxels=voxels, grid=grid, channels=names, notes=notes, comment=comment)


def _is_zipped(path: Path) -> bool:
    with path.open("rb") as handle:
        return handle.read(2) == _GZIP


def _read_header(path: Path, stream: Any) -> Any:
    """Return nibabel's header object; leaves the stream right behind the header."""
    import nibabel  # noqa: PLC0415 - half a second that the start of the window must not pay
    from nibabel.spatialimages import HeaderDataError  # noqa: PLC0415 - as above
    from nibabel.wrapstruct import WrapStructError  # noqa: PLC0415 - as above

    first = stream.read(4)
    for size, kind in ((348, nibabel.Nifti1Header), (540, nibabel.Nifti2Header)):
        if size not in (int.from_bytes(first, "little"), int.from_bytes(first, "big")):
            continue
        try:
            header = kind(first + stream.read(size - 4), check=False)
        except (HeaderDataError, WrapStructError) as error:
            raise UnreadableFile(path, "its NIfTI header is damaged", remedy="export it again") from error
        if bytes(header["magic"])[:2] == b"ni":
            raise UnreadableFile(
                path, "it is one half of an image in two files (.hdr and .img)", remedy="convert it to .nii.gz"
            )
        return header
    raise UnreadableFile(path, "the file is not a NIfTI image, whatever its name says", remedy="export it again")


def _extents(path: Path, header: Any) -> tuple[int, int, int, int]:
    """Return the extents along i, j, k and the number of volumes."""
    _check_type(path, header)
    dimensions = [int(v) for v in header["dim"]]
    rank = dimensions[0]
    if not 1 <= rank <= 7:
        raise UnreadableFile(path, f"its NIfTI header states {rank} dimensions", remedy="export it again")
    extents = [*dimensions[1 : rank + 1], 1, 1, 1, 1, 1, 1][:7]
    several = [n for n in extents[3:] if n != 1]
    if len(several) > 1:
        what = f"it has {3 + len(several)} dimensions ({' x '.join(map(str, extents))})"
        raise UnreadableFile(path, what, remedy="export each volume, or one series of volumes, on its own")
    return (extents[0], extents[1], extents[2], several[0] if several else 1)


def _check_type(path: Path, header: Any) -> None:
    """Raise where voxels are not whole or decimal numbers."""
    from nibabel.spatialimages import HeaderDataError  # noqa: PLC0415 - see above

    try:
        dtype = header.get_data_dtype()
        kind = "colour" if dtype.fields is not None else dtype.kind
    except (HeaderDataError, KeyError) as error:
        code = int(header["datatype"])
        what = f"its header names an unknown kind of number (code {code})"
        raise UnreadableFile(path, what, remedy="export it again") from error
    words = {"colour": "colours (RGB)", "c": "complex numbers", "V": "bits or nothing"}
    if kind not in "iuf":
        what = f"its voxels are {words.get(kind, 'not numbers')}"
        raise UnreadableFile(path, what, remedy="export each colour or part as a grey scan of its own")


def _skip_to_voxels(path: Path, stream: Any, header: Any) -> int:
    """Move the stream behind header extensions; returns where the voxels begin."""
    size = int(header["sizeof_hdr"])
    offset = int(header["vox_offset"])
    if not size <= offset <= _MOST_EXTENSION_BYTES:
        raise UnreadableFile(path, "its NIfTI header is damaged", remedy="export it again")
    stream.read(offset - size)
    return offset


def _fill(path: Path, stream: Any, data: NDArray[np.uint8], tell: Callable[[float], None] | None) -> None:
    """Read exactly the voxels' bytes; reads the stream to its end, so that a checksum is verified."""
    view, wanted = data.data, data.size
    filled, block = 0, _BLOCK if tell is None else _FIRST_BLOCK
    while filled < wanted:
        count = stream.readinto(view[filled : filled + block])
        if not count:
            raise short(path, wanted, filled)
        filled += count
        block = min(2 * block, _BLOCK)
        if tell is not None:
            tell(filled / wanted)
    extra = 0
    while block := stream.read(_BLOCK):
        extra += len(block)
        if extra > SLACK:
            raise short(path, wanted, wanted + extra)


def _scaled(header: Any, voxels: NDArray[Any]) -> NDArray[Any]:
    """Return ``voxels * slope + inter``: in whole numbers where nothing is lost, else float32."""
    slope, inter = float(header["scl_slope"]), float(header["scl_inter"])
    if not np.isfinite(slope) or slope == 0.0:
        return voxels
    inter = inter if np.isfinite(inter) else 0.0
    if slope == 1.0 and inter == 0.0:
        return voxels
    if voxels.dtype.kind in "iu" and slope.is_integer() and inter.is_integer():
        ends = [int(end) * int(slope) + int(inter) for end in (voxels.min(), voxels.max())]
        for kind in (np.int16, np.int32):
            limits = np.iinfo(kind)
            if limits.min <= min(ends) and max(ends) <= limits.max:
                return np.asarray(voxels.astype(np.int64) * int(slope) + int(inter)).astype(kind)
    scaled = voxels.astype(np.float32)
    scaled *= np.float32(slope)
    scaled += np.float32(inter)
    return scaled


def _affine(path: Path, header: Any) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Return the LPS affine over (plane, row, column) in mm, and notes.

    The sform where it is set, else the qform, else spacing alone. The notes say what was chosen where the two differ.
    """
    sform = header.get_sform() if int(header["sform_code"]) > 0 else None
    qform = _qform(header) if int(header["qform_code"]) > 0 else None
    notes: list[str] = []
    chosen = sform if sform is not None else qform
    if chosen is None and int(header["qform_code"]) > 0:
        raise BadGeometry(path, "its orientation (qform) is damaged", remedy="export it again")
    if chosen is None:
        chosen = header.get_base_affine()
        notes.append("the file states no orientation, so left and right may be swapped")
    affine = (_RAS_TO_LPS @ np.asarray(chosen, dtype=np.float64))[:, [2, 1, 0, 3]]
    unit = _MM_PER_UNIT.get(int(header["xyzt_units"]) & 7, 1.0)
    affine[:3] *= unit
    if unit != 1.0:
        notes.append(f"its lengths are in {'metres' if unit > 1 else 'micrometres'} and were converted to mm")
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-12:
        raise BadGeometry(path, "its geometry is singular or not finite", remedy="export it again with a valid spacing")
    if sform is not None and qform is not None:
        gap = unit * _largest_gap(sform, qform, header)
        if gap > 0.5 * unit * float(np.abs(header["pixdim"][1:4]).min()):
            notes.append(f"its two orientations (sform, qform) differ by up to {gap:.3g} mm; the sform was used")
    return affine, tuple(notes)


def _qform(header: Any) -> NDArray[np.float64] | None:
    from nibabel.spatialimages import HeaderDataError  # noqa: PLC0415 - see above

    if abs(float(header["pixdim"][0])) != 1.0:
        header["pixdim"][0] = 1.0  # as the standard says of 0, which many writers leave there
    try:
        found = np.asarray(header.get_qform(), dtype=np.float64)
    except (ValueError, HeaderDataError):  # a quaternion longer than 1, a spacing below 0
        return None
    return found if np.isfinite(found).all() else None


def _largest_gap(one: Any, other: Any, header: Any) -> float:
    """Return how far apart two affines put a corner voxel, in the file's unit."""
    ends = np.maximum(header["dim"][1:4].astype(np.float64) - 1.0, 0.0)
    corners = np.array([[i, j, k, 1.0] for i in (0, ends[0]) for j in (0, ends[1]) for k in (0, ends[2])])
    with np.errstate(invalid="ignore"):
        gaps = np.linalg.norm((corners @ (np.asarray(one) - np.asarray(other)).T)[:, :3], axis=1)
    return float(gaps.max())


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
    image.header["descrip"] = volume.comment.encode("latin-1", "replace")[:79]
    raw = image.to_bytes()
    path.write_bytes(igzip.compress(raw, 3, mtime=0) if path.name.lower().endswith(".gz") else raw)
