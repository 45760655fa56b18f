"""The pixels of the shown part of a slice, kept until something in them changes, and then only that part anew."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from app.viewer.greys import grey_of
from app.viewer.levels import Levels
from app.viewer.marks import Mark
from app.viewer.plane_geometry import PlaneGeometry
from app.viewer.rendering import DOUBT_LEVELS, Codes, Overlay, Pixels, Window, codes_of, render_colour, render_grey
from segcore.geometry import Box
from segcore.scans.volume import Volume

#: Rows and columns of a slice, with the step at which they are sampled.
Part = tuple[slice, slice]
#: Top, left, bottom and right in a slice.
Place = tuple[int, int, int, int]
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
    levels: Levels

    def window_of(self, channel: int) -> Window:
        """The intensity window of a channel."""


class SliceImage:
    """Renders slices of a picture; asking twice for the same costs nothing.

    What is shown is copied out of the volumes once per slice, so that a drag of window, level or threshold reads small
    contiguous arrays and not a column of a memory map.
    """

    def __init__(self, picture: Picture) -> None:
        self._picture = picture
        # Greys and what is drawn over them are kept apart: a window moves one of them, a threshold the other.
        self._key: tuple[object, object] = ((), ())
        self._copies: dict[str, tuple[object, NDArray[Any]]] = {}
        self._values: NDArray[np.uint8] = np.zeros((1, 1), dtype=np.uint8)
        self._drawn: tuple[Part, Codes] | None = None
        self._mended = False
        self._pixels: Pixels = np.zeros((1, 1), dtype=np.uint32)
        self._changed: list[Place] = []
        self._level = 0
        self.rendered = 0

    def change(self, plane: PlaneGeometry, box: Box) -> Place:
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

    def pixels(self, plane: PlaneGeometry, index: int, part: Part, level: int = 0) -> Pixels:
        """Return the colours (rows, columns) of a part of slice `index`; valid until the next call.

        With a `level`, of the coarser copies (see `Levels`), in whose rows and columns the part then is.
        """
        picture, self._level = self._picture, level
        place = (level, plane.axis, index, *((side.start, side.stop, side.step) for side in part))
        scan = (*place, id(picture.volume), picture.channel, picture.window_of(picture.channel), picture.generation)
        drawn = (*place, picture.overlay, picture.step, picture.generation)
        sampled = part[0].step > 1 or part[1].step > 1
        if (scan, drawn) != self._key or (self._changed and sampled):
            if self._changed:
                self._copies.pop("labels", None)
            if self._mended or self._changed or drawn != self._key[1]:
                self._drawn, self._mended = self._codes_of(plane, index, part), False
            if scan != self._key[0]:
                self._values = self._values_of(plane, index, part)
            self._pixels = self._coloured(self._values, self._drawn)
            self._key = (scan, drawn)
            self.rendered += self._pixels.size
        else:
            for changed in self._changed:
                self._patch(plane, index, part, changed)
                self._mended = True
        self._changed.clear()
        return self._pixels

    def _patch(self, plane: PlaneGeometry, index: int, part: Part, place: Place) -> None:
        """Render a part of what is shown anew, in place; with a margin, by which edges are known."""
        rows, columns = part
        if self._level:
            place = _coarser(place, self._level)
        top, left = max(place[0], rows.start) - rows.start, max(place[1], columns.start) - columns.start
        bottom, right = min(place[2], rows.stop) - rows.start, min(place[3], columns.stop) - columns.start
        if top >= bottom or left >= right:
            return
        if (labels := self._picture.labels) is not None:
            shown = self._shown("labels", labels, plane, index, part)
            cut = slice(rows.start + top, rows.start + bottom), slice(columns.start + left, columns.start + right)
            shown[top:bottom, left:right] = plane.cut(self._source("labels", labels), index)[cut]
        height, width = self._values.shape[-2:]
        wide_top, wide_left = max(top - _REACH, 0), max(left - _REACH, 0)
        around = (slice(wide_top, min(bottom + _REACH, height)), slice(wide_left, min(right + _REACH, width)))
        wide = self._coloured(self._values[(..., *around)], self._codes_of(plane, index, part, around))
        inner = wide[top - wide_top : bottom - wide_top, left - wide_left : right - wide_left]
        self._pixels[top:bottom, left:right] = inner
        self.rendered += wide.size

    def _shown(
        self, name: str, source: NDArray[Any], plane: PlaneGeometry, index: int, part: Part, variant: int = 0
    ) -> NDArray[Any]:
        """Return a part of slice `index` of `source` as a contiguous array of our own, copied when first asked for."""
        sides = tuple((side.start, side.stop, side.step) for side in part)
        key = (self._level, plane.axis, index, sides, self._picture.generation, variant or id(source))
        kept = self._copies.get(name)
        if kept is None or kept[0] != key:
            copy = np.array(plane.cut(self._source(name, source), index)[(..., *part)], order="C")
            self._copies[name] = kept = (key, copy)
        return kept[1]

    def _source(self, name: str, source: NDArray[Any]) -> NDArray[Any]:
        return self._picture.levels.at(name, source, self._level)

    def _codes_of(
        self, plane: PlaneGeometry, index: int, part: Part, around: Part = (slice(None), slice(None))
    ) -> tuple[Part, Codes] | None:
        """Return what is drawn over a part of a slice (within `around`): where, and the codes there."""
        picture = self._picture
        labels = prediction = doubt = None
        if picture.labels is not None:
            labels = self._shown("labels", picture.labels, plane, index, part)[around]
        if picture.steps is not None:
            prediction = self._shown("steps", picture.steps, plane, index, part)[around] >= picture.step
        if picture.doubt is not None:
            doubt = self._shown("doubt", picture.doubt, plane, index, part)[around]
        where = _extent(labels, prediction, None if doubt is None else doubt >= DOUBT_LEVELS[0])
        if where is None or not picture.overlay.visible:
            return None
        codes = codes_of(
            None if labels is None else labels[where],
            None if prediction is None else prediction[where],
            picture.overlay,
            None if doubt is None else doubt[where],
        )
        return None if codes is None else (where, codes)

    def _values_of(self, plane: PlaneGeometry, index: int, part: Part) -> NDArray[np.uint8]:
        """Return a part of a slice as greys (rows, columns), or a photograph's colours (3, rows, columns)."""
        volume, channel = self._picture.volume, self._picture.channel
        if volume is None:
            return np.zeros((1, 1), dtype=np.uint8)
        if volume.is_photograph:
            return self._shown("scan", volume.voxels, plane, index, part)
        if self._level:  # coarser copies are made of all channels together
            values = self._shown("scan", volume.voxels, plane, index, part)[channel]
        else:
            values = self._shown("scan", volume.voxels[channel], plane, index, part, variant=channel + 1)
        return grey_of(values, self._picture.window_of(channel))

    def _coloured(self, values: NDArray[np.uint8], drawn: tuple[Part, Codes] | None) -> Pixels:
        """Return colours of greys; what is drawn over them is mixed in only where there is something."""
        where, codes = drawn if drawn is not None else ((slice(0, 0), slice(0, 0)), None)
        if values.ndim == 3:
            pixels = render_colour(values, None, self._picture.overlay)
            if codes is not None:
                pixels[where] = render_colour(values[(..., *where)], codes, self._picture.overlay)
            return pixels
        pixels = render_grey(values, None, self._picture.table)
        if codes is not None:
            pixels[where] = render_grey(values[where], codes, self._picture.table)
        return pixels


def _coarser(place: Place, level: int) -> Place:
    """Return a place in the rows and columns of a coarser copy, with the reach of its own outlines."""
    size = 1 << level
    top, left, bottom, right = place
    return (
        max(top // size - _REACH, 0),
        max(left // size - _REACH, 0),
        -(-bottom // size) + _REACH,
        -(-right // size) + _REACH,
    )


def _extent(*layers: NDArray[np.uint8] | NDArray[np.bool_] | None) -> Part | None:
    """Return the rectangle around everything that is not 0 in any of the layers; None where all is."""
    places = []
    for layer in layers:
        if layer is None or not layer.size:
            continue
        bytes_ = layer.view(np.uint8)  # the maximum of bytes is ten times as fast as `any`
        rows = np.flatnonzero(bytes_.max(axis=1))
        if rows.size:
            columns = np.flatnonzero(bytes_[rows[0] : rows[-1] + 1].max(axis=0))
            places.append((int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1))
    if not places:
        return None
    tops, lefts, bottoms, rights = zip(*places, strict=True)
    return slice(min(tops), max(bottoms)), slice(min(lefts), max(rights))
