"""A piece of a slice with its outlines as a picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QImage, QPixmap

from app.viewer.rendering import Overlay, codes_of, make_table, render_colour, render_grey, window_to_grey
from segcore.scans.volume import Labels

#: The mask as it was in its colour, what was copied in the prediction's; outlines only, the voxels are what matters.
_OVERLAY = Overlay(fill=False)


def window_of(values: NDArray[np.float32]) -> tuple[float, float]:
    """Return the values to be shown as black and as white."""
    low, high = (float(value) for value in np.percentile(values, (0.5, 99.5)))
    return low, high


def patch_picture(
    values: NDArray[np.float32],
    labels: Labels,
    copied: NDArray[np.bool_] | None = None,
    *,
    window: tuple[float, float],
    side: int,
    in_colour: bool = False,
) -> QPixmap:
    """Return the picture of (channels, rows, columns), at most `side` px along its longer edge.

    Parameters
    ----------
    copied
        (rows, columns), outlined in another colour.
    in_colour
        The three channels are red, green and blue, 0..255.
    """
    codes = codes_of(labels, np.zeros(labels.shape, np.bool_) if copied is None else copied, _OVERLAY)
    if in_colour:
        pixels = render_colour(np.clip(values, 0, 255).astype(np.uint8), codes, _OVERLAY)
    else:
        pixels = render_grey(window_to_grey(values[0], *window), codes, make_table(_OVERLAY))
    height, width = pixels.shape
    image = QImage(pixels.data, width, height, 4 * width, QImage.Format.Format_RGB32).copy()
    return QPixmap.fromImage(image).scaled(
        QSize(side, side), Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
    )
