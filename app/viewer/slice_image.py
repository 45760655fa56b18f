"""The pixels of the shown part of a slice, kept until something in them changes, and then only that part anew."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from app.viewer.marks import Mark
from app.viewer.plane_geometry import PlaneGeometry
from app.viewer.rendering import Codes, Overlay, Pixels, Window, codes_of, render_colour, render_grey, window_to_grey
from segcore.geometry import Box
from segcore.scans.volume import Volume

#: Rows and columns of a slice, with the step at which they are sampled.
Part = tuple[slice, slice]
#: An outline changes this far beyond the voxels that changed; as far again is looked at to know where edges are.
_REACH = 1


class Picture(Protocol):
    """What a pane shows; owned by `ScanView`."""

    volume: Volume | None
    labels: NDArray[np.uint8] | None
    steps: NDArray[np.int8] | None
    step: int
    doubt: NDArray[np.uint8] | None
    channel: int
    overlay: Overlay
    table: Pixels
    crosshair: tuple[int, int, int]
    brush_mm: float
    shape: list[tuple[float, float]]
    shape_axis: int
    marks: tuple[Mark, ...]
    generation: int

    def window_of(self, channel: int) -> Window:
        """The intensity window of a channel."""


class SliceImage:
    """Renders slices of a picture; asking twice for the same costs nothing."""

    def __init__(self, picture: Picture) -> None:
        self._picture = picture
        # Greys and what is drawn over them are kept apart: a window moves one of them, a threshold the other.
        self._key: tuple[object, object] = ((), ())
        self._values: NDArray[np.uint8] = np.zeros((1, 1), dtype=np.uint8)
        self._codes: Codes | None = None
        self._mended = False
        self._pixels: Pixels = np.zeros((1, 1), dtype=np.uint32)
        self._changed: list[tuple[int, int, int, int]] = []
        self.rendered = 0

    def change(self, plane: PlaneGeometry, box: Box) -> tuple[int, int, int, int]:
        """Note that voxels in `box` changed; returns the (top, left, bottom, right) of it on the slice."""
        a, b = box.start[plane.down], box.stop[plane.down]
        top, bottom = (plane.rows - b, plane.rows - a) if plane.is_turned else (a, b)
        place = (
            max(top - _REACH, 0),
            max(box.start[plane.across] - _REACH, 0),
            min(bottom + _REACH, plane.rows),
            min(box.stop[plane.across] + _REACH, plane.columns),
        )
        self._changed.append(place)
        return place

    def pixels(self, plane: PlaneGeometry, index: int, part: Part) -> Pixels:
        """Return the colours (rows, columns) of a part of slice `index`; valid until the next call."""
        picture = self._picture
        place = (plane.axis, index, *((side.start, side.stop, side.step) for side in part))
        scan = (*place, id(picture.volume), picture.channel, picture.window_of(picture.channel), picture.generation)
        drawn = (*place, picture.overlay, picture.step, picture.generation)
        sampled = part[0].step > 1 or part[1].step > 1
        if (scan, drawn) != self._key or (self._changed and sampled):
            if self._mended or self._changed or drawn != self._key[1]:
                self._codes, self._mended = self._codes_of(plane, index, part), False
            if scan != self._key[0]:
                self._values = self._values_of(plane, index, part)
            self._pixels = self._coloured(self._values, self._codes)
            self._key = (scan, drawn)
            self.rendered += self._pixels.size
        else:
            for changed in self._changed:
                self._patch(plane, index, part, changed)
                self._mended = True
        self._changed.clear()
        return self._pixels

    def _patch(self, plane: PlaneGeometry, index: int, part: Part, place: tuple[int, int, int, int]) -> None:
        """Render a part of what is shown anew, in place; with a margin, by which edges are known."""
        rows, columns = part
        top, left = max(place[0], rows.start), max(place[1], columns.start)
        bottom, right = min(place[2], rows.stop), min(place[3], columns.stop)
        if top >= bottom or left >= right:
            return
        wide_top, wide_left = max(top - _REACH, rows.start), max(left - _REACH, columns.start)
        wide_bottom, wide_right = min(bottom + _REACH, rows.stop), min(right + _REACH, columns.stop)
        around = (slice(wide_top, wide_bottom, 1), slice(wide_left, wide_right, 1))
        wide = self._coloured(self._values_of(plane, index, around), self._codes_of(plane, index, around))
        inner = wide[top - wide_top : bottom - wide_top, left - wide_left : right - wide_left]
        self._pixels[top - rows.start : bottom - rows.start, left - columns.start : right - columns.start] = inner
        self.rendered += wide.size

    def _codes_of(self, plane: PlaneGeometry, index: int, part: Part) -> Codes | None:
        """Return what is drawn over a part of a slice."""
        picture = self._picture
        labels = plane.cut(picture.labels, index)[part] if picture.labels is not None else None
        prediction = None
        if picture.steps is not None:
            prediction = np.asarray(plane.cut(picture.steps, index)[part] >= picture.step)
        doubt = plane.cut(picture.doubt, index)[part] if picture.doubt is not None else None
        return codes_of(labels, prediction, picture.overlay, doubt)

    def _values_of(self, plane: PlaneGeometry, index: int, part: Part) -> NDArray[np.uint8]:
        """Return a part of a slice as greys (rows, columns), or a photograph's colours (3, rows, columns)."""
        picture = self._picture
        if picture.volume is None:
            return np.zeros((1, 1), dtype=np.uint8)
        if picture.volume.is_photograph:
            return np.asarray(plane.cut(picture.volume.voxels, index)[(slice(None), *part)])
        values = np.asarray(plane.cut(picture.volume.voxels[picture.channel], index)[part])
        return grey_of(values, picture.window_of(picture.channel))

    def _coloured(self, values: NDArray[np.uint8], codes: Codes | None) -> Pixels:
        if values.ndim == 3:
            return render_colour(values, codes, self._picture.overlay)
        return render_grey(values, codes, self._picture.table)


def grey_of(values: NDArray[Any], window: Window) -> NDArray[np.uint8]:
    """Return the grey of values under a window; whole numbers of 16 bits by a table, twice as fast."""
    if values.dtype in (np.int16, np.uint16):
        return np.asarray(_grey_table(values.dtype.char, window).take(values.view(np.uint16)))
    return window_to_grey(values, window.low, window.high)


@lru_cache(maxsize=8)
def _grey_table(kind: str, window: Window) -> NDArray[np.uint8]:
    """Return the grey of every 16-bit number, in the order of their bits."""
    return window_to_grey(np.arange(65_536, dtype=np.uint16).view(kind), window.low, window.high)
