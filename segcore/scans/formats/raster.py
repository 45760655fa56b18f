"""PNG and JPEG, by Pillow. Photographs are turned upright as their EXIF says; transparency is dropped.

Pillow's readers of these two formats are called by name: ``Image.open`` would try every parser it knows on the bytes of
a stranger, and its limit against decompression bombs is one global number, while `check_size` knows this machine.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile, PngInfo

from segcore.errors import CannotSave, UnreadableFile
from segcore.geometry import Grid
from segcore.scans.formats.limits import check_size
from segcore.scans.volume import Volume

_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8"
_GREY = ("L", "I;16", "I;16B", "I;16L", "I;16N", "I", "F", "1")
_DAMAGE = (SyntaxError, ValueError, OSError, KeyError, IndexError, OverflowError, struct.error, zlib.error)


def read(path: Path) -> Volume:
    """Read an image of one plane: one channel for grey, three for colour.

    Raises
    ------
    UnreadableFile, TooLarge
        In one sentence that names the file. Size is judged from the header, before pixels are decoded.
    """
    return _read(path, indices=False)


def read_labels(path: Path) -> Volume:
    """Read a mask: as `read`, but a palette of colours gives its indices, which is how labelling programs write."""
    return _read(path, indices=True)


def _read(path: Path, *, indices: bool) -> Volume:
    try:
        with path.open("rb") as handle, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd tags of a camera do not matter
            kind = _kind(path, handle)
            notes = _check_png(path, handle) if kind is PngImageFile else ()
            handle.seek(0)
            with kind(handle) as image:
                check_size(path, (image.height, image.width), 4)
                pixels = _pixels(image, indices=indices)
                comment = str(image.info.get("Comment", "")) if kind is PngImageFile else ""
    except (FileNotFoundError, PermissionError):
        raise
    except _DAMAGE as error:
        raise UnreadableFile(
            path, "the file is damaged or not an image, whatever its name says", remedy="copy or export it again"
        ) from error
    rows, columns = pixels.shape[:2]
    grey = pixels.ndim == 2
    voxels = pixels[np.newaxis, np.newaxis] if grey else np.moveaxis(pixels, -1, 0)[:, np.newaxis]
    return Volume(
        voxels=np.ascontiguousarray(voxels),
        grid=Grid.from_spacing((1, rows, columns), calibrated=False),
        channels=("image",) if grey else ("red", "green", "blue"),
        notes=notes,
        comment=comment,
    )


def _kind(path: Path, handle: Any) -> Any:
    start = handle.read(8)
    if start == _PNG:
        return PngImageFile
    if start.startswith(_JPEG):
        return JpegImageFile
    raise UnreadableFile(path, "the file is not a PNG or JPEG image, whatever its name says", remedy="export it again")


def _check_png(path: Path, handle: Any) -> tuple[str, ...]:
    """Refuse a PNG with a missing end or a damaged block (Pillow checks no checksum of pixels); returns notes."""
    notes: tuple[str, ...] = ()
    while True:
        head = handle.read(8)
        if len(head) < 8:
            raise UnreadableFile(path, "the file is cut off", remedy="copy or export it again")
        length, name = struct.unpack(">I4s", head)
        checksum = zlib.crc32(name)
        body = b""
        while length > 0 and (body := handle.read(min(length, 1 << 20))):
            checksum = zlib.crc32(body, checksum)
            length -= len(body)
        stated = handle.read(4)
        if length or len(stated) < 4:
            raise UnreadableFile(path, "the file is cut off", remedy="copy or export it again")
        if stated != checksum.to_bytes(4, "big"):
            raise UnreadableFile(
                path, "the file is damaged (its checksum does not fit)", remedy="copy or export it again"
            )
        if name == b"IHDR" and len(body) == 13 and body[8] == 16 and body[9] in (2, 4, 6):
            notes = ("its 16 bits per colour were read as 8",)
        if name == b"IEND":
            return notes


def _pixels(image: Any, *, indices: bool) -> NDArray[Any]:
    """Return (rows, columns) for grey or (rows, columns, 3) for colour, upright."""
    image.load()
    ImageOps.exif_transpose(image, in_place=True)
    if image.mode in _GREY:
        pixels = np.asarray(image)
        return pixels.astype(np.uint8) * np.uint8(255) if pixels.dtype == bool else pixels
    colours = np.asarray(image if image.mode == "RGB" else image.convert("RGB"))
    if _is_grey(colours):
        return colours[..., 0]
    return np.asarray(image) if indices and image.mode == "P" else colours


def _is_grey(colours: NDArray[Any]) -> bool:
    return np.array_equal(colours[..., 0], colours[..., 1]) and np.array_equal(colours[..., 1], colours[..., 2])


def write(path: Path, volume: Volume) -> None:
    """Write one plane of whole numbers as PNG.

    Raises
    ------
    CannotSave
        If a PNG cannot hold it: several planes, negative or decimal numbers.
    """
    if not volume.grid.is_2d:
        raise CannotSave(path, "a PNG holds one plane", remedy="export volumes as NIfTI, NRRD or TIFF")
    voxels = np.asarray(volume.voxels)
    if voxels.dtype not in (np.uint8, np.uint16) or not (volume.is_photograph or len(voxels) == 1):
        raise CannotSave(path, "a PNG holds whole numbers from 0 to 65535", remedy="export it as TIFF or NIfTI")
    pixels = np.moveaxis(voxels[:, 0], 0, -1) if volume.is_photograph else voxels[0, 0]
    texts = PngInfo()
    if volume.comment:
        texts.add_text("Comment", volume.comment)
    encoded = io.BytesIO()  # Pillow's own writing to a full disk ends in an error that does not say so
    Image.fromarray(np.ascontiguousarray(pixels)).save(encoded, format="PNG", pnginfo=texts)
    path.write_bytes(encoded.getbuffer())
