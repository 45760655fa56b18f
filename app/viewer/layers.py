"""Pictures laid over the slices of a viewer: a second channel, a map of the prediction, an earlier mask.

Only the part of the slice that a pane shows is looked at, at most one value per screen pixel, by whole numbers and one
table of colours; asking twice for the same costs nothing.
"""

from __future__ import annotations

import math
from enum import Enum

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QImage, QPainter

from app.viewer.colour_maps import REFERENCE_COLOUR, colours_of
from app.viewer.greys import grey_of
from app.viewer.plane_geometry import PlaneGeometry
from app.viewer.plane_view import PlaneView
from app.viewer.rendering import Overlay, Pixels, codes_of, edges_of, make_table
from app.viewer.scan_view import ScanView
from app.viewer.slice_image import Part
from segcore.scans.volume import FOREGROUND

#: Below this probability a map shows nothing; below the threshold it is this much fainter.
_LEAST_PROBABILITY = 0.02
_BELOW = 0.4


class Layer:
    """One picture over the slices; invisible until it is given something to show."""

    format = QImage.Format.Format_ARGB32_Premultiplied

    def __init__(self, view: ScanView) -> None:
        self._view = view
        self.opacity = 0.5
        self._edits = 0
        self._kept: dict[int, tuple[object, Pixels]] = {}
        for pane in view.panes:
            pane.drawings.append(self)
        view.masksChanged.connect(self._masks_changed)
        view.scanChanged.connect(self._kept.clear)

    @property
    def is_shown(self) -> bool:
        """Whether there is something to draw."""
        raise NotImplementedError

    def key(self) -> object:
        """What the colours depend on, besides the place."""
        raise NotImplementedError

    def colours(self, plane: PlaneGeometry, index: int, part: Part) -> Pixels:
        """Return the colours of a part of a slice, 0xAARRGGBB with colours multiplied by alpha."""
        raise NotImplementedError

    def set_opacity(self, opacity: float) -> None:
        """Draw it stronger or fainter, 0..1."""
        self.opacity = opacity
        self.draw()

    def draw(self) -> None:
        """Draw the panes again."""
        for pane in self._view.panes:
            pane.update()

    def paint(self, painter: QPainter, pane: PlaneView) -> None:
        """Lay the picture over what a pane shows."""
        plane = pane.geometry_of
        shown = shown_part(pane) if self.is_shown else None
        if plane is None or shown is None:
            return
        part, target = shown
        place = tuple((side.start, side.stop, side.step) for side in part)
        key = (pane.index, place, self.key())
        known = self._kept.get(pane.axis)
        if known is None or known[0] != key:
            known = (key, self.colours(plane, pane.index, part))
            self._kept[pane.axis] = known
        pixels = known[1]
        height, width = pixels.shape
        image = QImage(pixels.data, width, height, 4 * width, self.format)
        painter.setOpacity(self.opacity)
        painter.drawImage(target, image)
        painter.setOpacity(1.0)

    def _masks_changed(self) -> None:
        self._edits += 1
        if self.is_shown:
            self.draw()


class FusionLayer(Layer):
    """A second channel in colour over the first; what is drawn of masks keeps its strength.

    The second channel is coloured with the masks over it, so that laying it over the first, which has them too, mixes
    the channels and leaves the masks as they are.
    """

    format = QImage.Format.Format_RGB32

    def __init__(self, view: ScanView) -> None:
        super().__init__(view)
        self.channel = -1
        self.map = "Inferno"
        self._table: tuple[tuple[Overlay, str], Pixels] | None = None

    def set_channel(self, channel: int, map: str) -> None:
        """Lay another channel over the scan, in the colours of a map; −1 lays none."""
        self.channel, self.map = channel, map
        self.draw()

    @property
    def is_shown(self) -> bool:
        volume = self._view.volume
        known = volume is not None and not volume.is_photograph and 0 <= self.channel < len(volume.channels)
        return known and self.channel != self._view.channel

    def key(self) -> object:
        view = self._view
        drawn = (view.overlay, view.step, view.generation, self._edits)
        return (self.channel, self.map, view.window_of(self.channel), drawn)

    def colours(self, plane: PlaneGeometry, index: int, part: Part) -> Pixels:
        view = self._view
        if view.volume is None:
            return np.zeros((1, 1), dtype=np.uint32)
        values = np.asarray(plane.cut(view.volume.voxels[self.channel], index)[part])
        grey = grey_of(values, view.window_of(self.channel))
        labels = plane.cut(view.labels, index)[part] if view.labels is not None else None
        prediction = np.asarray(plane.cut(view.steps, index)[part] >= view.step) if view.steps is not None else None
        doubt = plane.cut(view.doubt, index)[part] if view.doubt is not None else None
        codes = codes_of(labels, prediction, view.overlay, doubt)
        table = self._coloured_table(view.overlay)
        if codes is None:
            return np.ascontiguousarray(table[:256].take(grey))
        return np.ascontiguousarray(table.take((codes.astype(np.uint16) << 8) | grey))

    def _coloured_table(self, overlay: Overlay) -> Pixels:
        if self._table is None or self._table[0] != (overlay, self.map):
            self._table = ((overlay, self.map), tinted_table(make_table(overlay), self.map))
        return self._table[1]


class MapKind(Enum):
    """What a map colours; the value is its name on screen."""

    NOTHING = "None"
    PROBABILITY = "Probability"
    UNSURE = "How unsure the model is"


class PredictionMap(Layer):
    """The probability of each voxel as a colour, or how near it is to a half.

    Probabilities below the threshold are fainter, those below 2 % are not drawn. Unsure is 1 − |2p − 1|: 0 where the
    model is sure either way, 1 where the probability is a half.
    """

    def __init__(self, view: ScanView) -> None:
        super().__init__(view)
        self.kind = MapKind.NOTHING
        self.map = "Viridis"
        self._table: tuple[object, Pixels] = ((), np.zeros(256, dtype=np.uint32))

    def set_kind(self, kind: MapKind, map: str) -> None:
        """Colour something else, in the colours of a map."""
        self.kind, self.map = kind, map
        self.draw()

    @property
    def is_shown(self) -> bool:
        return self.kind is not MapKind.NOTHING and self._view.steps is not None

    def key(self) -> object:
        return (self.kind, self.map, self._view.step, id(self._view.steps))

    def colours(self, plane: PlaneGeometry, index: int, part: Part) -> Pixels:
        if self._view.steps is None:
            return np.zeros((1, 1), dtype=np.uint32)
        wanted = (self.kind, self.map, self._view.step)
        if self._table[0] != wanted:
            self._table = (wanted, map_table(*wanted))
        steps = np.ascontiguousarray(plane.cut(self._view.steps, index)[part])
        return np.ascontiguousarray(self._table[1].take(steps.view(np.uint8)))


class ReferenceLayer(Layer):
    """Another mask of the case, such as an earlier version: its outline, or filled."""

    def __init__(self, view: ScanView) -> None:
        super().__init__(view)
        self.opacity = 1.0
        self.labels: NDArray[np.uint8] | None = None
        self.filled = False

    def set_labels(self, labels: NDArray[np.uint8] | None, *, filled: bool = False) -> None:
        """Show another mask; None shows none."""
        self.labels, self.filled = labels, filled
        self.draw()

    @property
    def is_shown(self) -> bool:
        labels, volume = self.labels, self._view.volume
        return (
            self._view.overlay.visible
            and labels is not None
            and volume is not None
            and labels.shape == volume.grid.shape
        )

    def key(self) -> object:
        return (id(self.labels), self.filled)

    def colours(self, plane: PlaneGeometry, index: int, part: Part) -> Pixels:
        if self.labels is None:
            return np.zeros((1, 1), dtype=np.uint32)
        front = np.asarray(plane.cut(self.labels, index)[part] == FOREGROUND)
        pixels = edges_of(front).astype(np.uint32) * _packed(REFERENCE_COLOUR, 1.0)
        if self.filled:
            inside = front & (pixels == 0)
            pixels[inside] = _packed(REFERENCE_COLOUR, 0.35)
        return np.ascontiguousarray(pixels)


def shown_part(pane: PlaneView) -> tuple[Part, QRectF] | None:
    """Return which voxels of the slice a pane shows, sampled at most once per pixel, and where; None for nothing."""
    plane = pane.geometry_of
    if plane is None:
        return None
    top, left = plane.to_screen(pane.voxel_at(QPointF(0, 0)))
    bottom, right = plane.to_screen(pane.voxel_at(QPointF(pane.width(), pane.height())))
    r0, r1 = max(0, math.floor(top + 0.5)), min(plane.rows, math.ceil(bottom + 0.5))
    c0, c1 = max(0, math.floor(left + 0.5)), min(plane.columns, math.ceil(right + 0.5))
    if r0 >= r1 or c0 >= c1:
        return None
    down = max(1, int(1 / (pane.zoom * plane.row_mm)))
    across = max(1, int(1 / (pane.zoom * plane.column_mm)))
    height, width = -(-(r1 - r0) // down) * down, -(-(c1 - c0) // across) * across
    middle = pane.place_of(plane.to_voxel(pane.index, r0 - 0.5, c0 - 0.5))
    size = (width * plane.column_mm * pane.zoom, height * plane.row_mm * pane.zoom)
    return (slice(r0, r1, down), slice(c0, c1, across)), QRectF(middle.x(), middle.y(), *size)


def tinted_table(table: Pixels, map: str) -> Pixels:
    """Return the table of `make_table` with the colours of a map in place of greys.

    What is drawn over a grey g is a + b·g in each channel; a and b are read off the table's ends.
    """
    ramp = colours_of(map).astype(np.int32)
    rows = table.reshape(256, 256)
    tinted = np.full((256, 256), 0xFF000000, dtype=np.uint32)
    for channel, shift in enumerate((16, 8, 0)):
        first = ((rows[:, 0] >> shift) & 255).astype(np.int32)[:, None]
        last = ((rows[:, 255] >> shift) & 255).astype(np.int32)[:, None]
        mixed = first + ((last - first) * ramp[None, :, channel] + 127) // 255
        tinted |= mixed.astype(np.uint32) << shift
    return tinted.reshape(-1)


def map_table(kind: MapKind, map: str, step: int) -> Pixels:
    """Return the colour of every int8 logit step, looked up by its byte, premultiplied; `step` is the threshold."""
    steps = np.arange(256, dtype=np.uint8).view(np.int8).astype(np.float64)
    probability = 1.0 / (1.0 + np.exp(-(steps + 0.5) / 10.0))
    if kind is MapKind.UNSURE:
        shown = 1.0 - np.abs(2.0 * probability - 1.0)
        alpha = np.where(shown < 2 * _LEAST_PROBABILITY, 0.0, 1.0)
    else:
        shown = probability
        alpha = np.where(probability < _LEAST_PROBABILITY, 0.0, np.where(steps >= step, 1.0, _BELOW))
    colours = colours_of(map)[(shown * 255).round().astype(np.uint8)].astype(np.float64) * alpha[:, None]
    parts = np.concatenate([(alpha * 255)[:, None], colours], axis=1).round().astype(np.uint32)
    packed = (parts[:, 0] << 24) | (parts[:, 1] << 16) | (parts[:, 2] << 8) | parts[:, 3]
    return np.asarray(packed, dtype=np.uint32)


def _packed(colour: tuple[int, int, int], alpha: float) -> np.uint32:
    red, green, blue = (round(part * alpha) for part in colour)
    return np.uint32((round(255 * alpha) << 24) | (red << 16) | (green << 8) | blue)
