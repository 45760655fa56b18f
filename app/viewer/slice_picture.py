"""The picture of one slice as RGB32 pixels: window, overlay codes and colours fused, only where they are seen.

Small slices are composed whole; of large ones only the part on the screen, at the level of the pyramid that comes nearest to
screen pixels. A change of the mask recomposes only the box that changed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.viewer.outline import outline
from app.viewer.overlay_table import (
    MASK,
    PREDICTED,
    REFERENCE,
    Codes,
    blend,
    codes_of,
    fuse,
)
from app.viewer.plane_geometry import PlaneGeometry, Rect
from app.viewer.pyramid import Pooling, Pyramid, level_for
from app.viewer.scan_pictures import COLOUR, Shown
from app.viewer.view_transform import ViewTransform
from app.viewer.windowing import to_grey
from segcore.geometry import Box

Flags = NDArray[np.bool_]
#: Slices with more pixels than this are composed only where they are seen.
WHOLE = 1_500_000


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the picture at one level of the pyramid; rows and columns count that level's pixels."""

    level: int
    rows: slice
    columns: slice

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.rows.stop - self.rows.start, self.columns.stop - self.columns.start

    @property
    def rect(self) -> Rect:
        """Where it lies in its level."""
        return self.rows, self.columns

    def holds(self, other: Part) -> bool:
        """Whether `other` lies inside."""
        return (
            self.level == other.level
            and self.rows.start <= other.rows.start
            and self.columns.start <= other.columns.start
            and self.rows.stop >= other.rows.stop
            and self.columns.stop >= other.columns.stop
        )

    def covering(self, rect: Rect) -> Part:
        """Return the part of this one that a rectangle of the full picture falls on; may be empty."""
        step = 1 << self.level
        return Part(
            self.level,
            _clipped(rect[0].start // step, -(-rect[0].stop // step), self.rows),
            _clipped(rect[1].start // step, -(-rect[1].stop // step), self.columns),
        )


def _clipped(low: int, high: int, bounds: slice) -> slice:
    first = min(max(low, bounds.start), bounds.stop)
    return slice(first, min(max(high, first), bounds.stop))


class SlicePicture:
    """The picture that one pane shows.

    Attributes
    ----------
    part
        What `rgb` covers.
    rgb
        (rows, columns) uint32 as 0xffRRGGBB, contiguous.
    """

    def __init__(self, shown: Shown, geometry: PlaneGeometry) -> None:
        self._shown = shown
        self.geometry = geometry
        self.part = Part(0, slice(0, 0), slice(0, 0))
        self.rgb: NDArray[np.uint32] = np.zeros((0, 0), dtype=np.uint32)
        self._pixels: tuple[Pyramid, ...] = ()
        self._grey: tuple[NDArray[np.uint8], ...] = ()
        self._mask: Pyramid | None = None
        self._reference: Pyramid | None = None
        self._prediction: Pyramid | None = None
        self._lines: dict[int, NDArray[np.int32]] = {}
        self.load()

    @property
    def index(self) -> int:
        """Number of the slice."""
        return self._shown.cursor[self.geometry.plane]

    @property
    def is_large(self) -> bool:
        """Whether only what is seen is composed."""
        rows, columns = self.geometry.shape
        return rows * columns > WHOLE

    # What is shown

    def load(self) -> None:
        """Take copies of the slice under the cursor, scan and overlays."""
        channels = range(3) if self._shown.channel == COLOUR else (self._shown.channel,)
        self._pixels = tuple(self._shown.pixels(self.geometry, channel, self.index) for channel in channels)
        self.load_overlays()
        self._forget()

    def load_overlays(self) -> None:
        """Take copies of the overlays' slices only."""
        shown, index = self._shown, self.index
        picture = self.geometry.picture
        self._mask = self._reference = self._prediction = None
        if shown.labels is not None:
            self._mask = Pyramid(codes_of(np.ascontiguousarray(picture(shown.labels, index))), Pooling.UNION)
        if shown.reference is not None:
            self._reference = Pyramid(
                codes_of(np.ascontiguousarray(picture(shown.reference, index))) & MASK, Pooling.UNION
            )
        if shown.prediction is not None:
            steps = np.array(picture(shown.prediction, index), order="C")
            self._prediction = Pyramid(steps, Pooling.GREATEST)
        self._lines.clear()

    def _forget(self) -> None:
        self._grey = ()
        self.part = Part(0, slice(0, 0), slice(0, 0))

    # Composing

    def needed(self, view: ViewTransform) -> Part:
        """Return the part that a view of the picture needs."""
        rows, columns = self.geometry.shape
        if not self.is_large:
            return Part(0, slice(0, rows), slice(0, columns))
        level = level_for(min(view.scale))
        seen = view.visible(1 << level)
        return Part(level, *seen)

    def compose_for(self, view: ViewTransform) -> bool:
        """Compose what a view needs unless it is there already; return whether `rgb` is another array now."""
        part = self.needed(view)
        if self._grey and self.part.holds(part):
            return False
        self.part = part
        self._lines.clear()
        self.rgb = np.empty(part.shape, dtype=np.uint32)
        self.recompose_grey()
        return True

    def recompose_grey(self) -> None:
        """Window the part anew, and colour it."""
        if self.part.shape == (0, 0):
            return
        shown = self._shown
        first = max(0, shown.channel)
        self._grey = tuple(
            to_grey(_fast(pixels.level(self.part.level)[self.part.rect]), window, inverted=shown.is_inverted)
            for pixels, window in zip(self._pixels, shown.windows[first:], strict=False)
        )
        self.recolour()

    def recolour(self) -> None:
        """Colour the part anew: for changes of the threshold, of colours, opacity and visibility."""
        if self._grey:
            self._lines.clear()
            self._colour(self.part)

    def refresh(self, box: Box) -> Rect | None:
        """Take over a box of the mask that changed; return what of the picture changed, or None."""
        rect = self.geometry.rect_of(box, self.index)
        if rect is None or self._mask is None or self._shown.labels is None:
            return None
        source = self.geometry.picture(self._shown.labels, self.index)[rect]
        self._mask.level(0)[rect] = codes_of(np.ascontiguousarray(source))
        self._mask.refresh(rect)
        self._lines.pop(MASK, None)
        if self._grey:
            self._colour(self.part.covering(rect))
        return rect

    def _colour(self, part: Part) -> None:
        if 0 in part.shape:
            return
        inside = (
            slice(part.rows.start - self.part.rows.start, part.rows.stop - self.part.rows.start),
            slice(part.columns.start - self.part.columns.start, part.columns.stop - self.part.columns.start),
        )
        codes = self._codes(part)
        if len(self._grey) == 3:
            red, green, blue = (grey[inside] for grey in self._grey)
            blend((red, green, blue), codes, self._shown.style, self.rgb[inside])
        else:
            fuse(self._grey[0][inside], codes, self._shown.table, self.rgb[inside])

    def _codes(self, part: Part) -> Codes:
        codes = np.zeros(part.shape, dtype=np.uint8)
        if self._mask is not None:
            codes |= self._mask.level(part.level)[part.rect]
        if self._reference is not None:
            codes |= self._reference.level(part.level)[part.rect] * np.uint8(REFERENCE)
        if self._prediction is not None:
            found = self._prediction.level(part.level)[part.rect] >= self._shown.step
            codes |= found.view(np.uint8) * np.uint8(PREDICTED)
        return codes

    # Borders

    def border(self, layer: int) -> NDArray[np.int32]:
        """Return the border lines (see `outline`) of `MASK`, `REFERENCE` or `PREDICTED`, in pixels of the part."""
        if layer not in self._lines:
            self._lines[layer] = outline(self._flags(layer))
        return self._lines[layer]

    def _flags(self, layer: int) -> Flags:
        level, rect = self.part.level, self.part.rect
        if layer == PREDICTED:
            found: Flags = (
                self._prediction.level(level)[rect] >= self._shown.step
                if self._prediction is not None
                else np.zeros(self.part.shape, dtype=bool)
            )
            return found
        pyramid = self._mask if layer == MASK else self._reference
        if pyramid is None:
            return np.zeros(self.part.shape, dtype=bool)
        return (pyramid.level(level)[rect] & np.uint8(MASK)).astype(bool)


def _fast(pixels: NDArray[np.generic]) -> NDArray[np.generic]:
    """Widen the bytes of a photograph to what `to_grey` is fast for."""
    return pixels.astype(np.int16) if pixels.dtype == np.uint8 else pixels
