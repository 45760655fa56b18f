"""PNG and JPEG, by Pillow. Photographs are turned upright as their EXIF says; transparency is dropped."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from segcore.errors import UnreadableFile
from segcore.geometry import Grid
from segcore.scans.formats.limits import check_size
from segcore.scans.volume import Volume

_GREY = ("L", "I;16", "I;16B", "I", "1")


def read(path: Path) -> Volume:
    """Read an image of one plane: one channel for grey, three for colour.

    Raises
    ------
    UnreadableFile, TooLarge
        In one sentence that names the file. Size is judged from the header, before pixels are decoded.
    """
    with warnings.catch_warnings():
        # Pillow's bomb limit is a guess by size alone; check_size below judges against this machine's memory.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            with _open_unlimited(path) as image:
                check_size(path, (image.height, image.width), 4)
                upright = ImageOps.exif_transpose(image)
                grey = upright.mode in _GREY
                pixels = np.asarray(upright if grey else upright.convert("RGB"))
        except (SyntaxError, ValueError, OSError, Image.DecompressionBombError) as error:
            if isinstance(error, FileNotFoundError | PermissionError):
                raise
            raise UnreadableFile(
                path, "the file is damaged or not an image, whatever its name says", remedy="copy or export it again"
            ) from error
    if pixels.dtype == bool:
        pixels = pixels.astype(np.uint8) * 255
    voxels = pixels[np.newaxis, np.newaxis] if grey else np.moveaxis(pixels, -1, 0)[:, np.newaxis]
    rows, columns = pixels.shape[:2]
    same = (
        not grey and np.array_equal(pixels[..., 0], pixels[..., 1]) and np.array_equal(pixels[..., 1], pixels[..., 2])
    )
    channels = ("image",) if grey or same else ("red", "green", "blue")
    return Volume(
        voxels=np.ascontiguousarray(voxels[: len(channels)]),
        grid=Grid.from_spacing((1, rows, columns), calibrated=False),
        channels=channels,
    )


def _open_unlimited(path: Path) -> Image.Image:
    limit = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = None
    try:
        return Image.open(path)
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def write(path: Path, volume: Volume) -> None:
    """Write one plane as PNG; a volume of several planes does not fit."""
    if volume.grid.shape[0] != 1:
        raise UnreadableFile(path, "a PNG holds one plane", remedy="export volumes as NIfTI, NRRD or TIFF")
    voxels = np.asarray(volume.voxels)
    pixels = np.moveaxis(voxels[:, 0], 0, -1) if volume.is_photograph else voxels[0, 0]
    Image.fromarray(np.ascontiguousarray(pixels)).save(path, format="PNG")
