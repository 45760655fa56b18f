"""What one pane shows: the slice of one plane as one opaque image, and what lies over it.

Nothing is computed when something changes that can wait for the next repaint: changes are noted in `_stale` and Qt merges
the repaints. A stroke recomposes and repaints only the box that it changed.
"""

from __future__ import annotations

from enum import Flag, auto

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QLine, QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QImage, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QWidget

from app.viewer import pane_drawing as drawing
from app.viewer.overlay_table import MASK, PREDICTED, REFERENCE, Colour
from app.viewer.plane_geometry import Plane, PlaneGeometry, Voxel
from app.viewer.scan_pictures import Shown
from app.viewer.slice_picture import SlicePicture
from app.viewer.tools import Spot, Tool
from app.viewer.view_transform import ViewTransform
from segcore.geometry import Box


class _Stale(Flag):
    """What must be done before the next repaint."""

    NOTHING = 0
    SLICE = auto()
    OVERLAYS = auto()
    GREY = auto()
    COLOURS = auto()


class PlaneCanvas(QWidget):
    """A pane that shows; `PlaneView` adds pointer and keys."""

    def __init__(self, plane: Plane, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.plane = plane
        self.view: ViewTransform | None = None
        self.tool = Tool()
        self.shows_cross = True
        self._shown: Shown | None = None
        self._picture: SlicePicture | None = None
        self._image = QImage()
        self._borders: dict[int, list[QLine]] = {}
        self._stale = _Stale.NOTHING
        self._pointer: QPointF | None = None
        self._stamp: NDArray[np.bool_] | None = None
        self._stamp_lines: list[QLine] = []
        self._stamp_rect = QRect()
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setMinimumSize(120, 100)
        self.setAccessibleName(f"{plane.text} plane")

    # What is shown

    def show_scan(self, shown: Shown | None) -> None:
        """Show another scan, or nothing."""
        self._shown = shown
        self._picture = SlicePicture(shown, PlaneGeometry(plane=self.plane, grid=shown.grid)) if shown else None
        self._borders = {}
        self._stale = _Stale.SLICE
        self.fit()

    @property
    def geometry_shown(self) -> PlaneGeometry | None:
        """How the slices lie, or None without a scan."""
        return self._picture.geometry if self._picture is not None else None

    def fit(self) -> None:
        """Show the whole slice."""
        geometry = self.geometry_shown
        if geometry is not None:
            self.view = ViewTransform.fitted(self._size(), geometry.shape, geometry.pixel_mm)
        self.update()

    def look_at(self, box: Box) -> None:
        """Bring a box to the middle, and make it large enough to be judged."""
        geometry = self.geometry_shown
        if geometry is None or self.view is None or box.is_empty:
            return
        p, r, c = ((a + b) / 2 for a, b in zip(box.start, box.stop, strict=True))
        row, column = geometry.pixel_of((p, r, c))
        extent = max(
            box.shape[geometry.row_axis] * geometry.pixel_mm[0], box.shape[geometry.column_axis] * geometry.pixel_mm[1]
        )
        fitted = ViewTransform.fitted(self._size(), geometry.shape, geometry.pixel_mm)
        wanted = 0.25 * min(self._size()) / max(extent, 1e-6)
        self.view = self.view.centred(row, column, zoom=max(fitted.zoom, min(wanted, 8 * fitted.zoom)))
        self.update()

    def slice_changed(self) -> None:
        """Another slice, channel or scan content is to be shown."""
        self._note(_Stale.SLICE)

    def overlays_changed(self) -> None:
        """Mask, reference or prediction were exchanged."""
        self._note(_Stale.OVERLAYS)

    def window_changed(self) -> None:
        """Window, level or inversion changed."""
        self._note(_Stale.GREY)

    def colours_changed(self) -> None:
        """Threshold, colours, opacity or visibility changed."""
        self._note(_Stale.COLOURS)

    def cross_moved(self, before: Voxel) -> None:
        """The crosshair moved within the slice: repaint its old and new strips."""
        if self._shown is not None:
            for voxel in (before, self._shown.cursor):
                point = self.point_of(voxel).toPoint()
                self.update(QRect(point.x() - 2, 0, 5, self.height()))
                self.update(QRect(0, point.y() - 2, self.width(), 5))

    def refresh(self, box: Box) -> None:
        """The mask changed inside a box: recompose and repaint that much."""
        if self._picture is None or self.view is None or self._stale & (_Stale.SLICE | _Stale.OVERLAYS):
            return
        rect = self._picture.refresh(box)
        if rect is None:
            return
        self._borders.pop(MASK, None)
        x0, y0 = self.view.to_screen(rect[0].start - 1, rect[1].start - 1)
        x1, y1 = self.view.to_screen(rect[0].stop + 1, rect[1].stop + 1)
        # Coarser levels of a large picture spread a change over their own, larger pixels.
        spread = 2 + int(max(self.view.scale) * (1 << self._picture.part.level))
        self.update(QRectF(x0, y0, x1 - x0, y1 - y0).toAlignedRect().adjusted(-spread, -spread, spread, spread))

    def tool_changed(self) -> None:
        """Another tool, brush or sketch."""
        self._move_stamp()
        self.update()

    def _note(self, stale: _Stale) -> None:
        self._stale |= stale
        self.update()

    # Places

    def point_of(self, voxel: tuple[float, float, float]) -> QPointF:
        """Return the screen point of the middle of a voxel."""
        geometry = self.geometry_shown
        if geometry is None or self.view is None:
            return QPointF()
        row, column = geometry.pixel_of((voxel[0] + 0.5, voxel[1] + 0.5, voxel[2] + 0.5))
        return QPointF(*self.view.to_screen(row, column))

    def spot_at(self, point: QPointF, *, erases: bool = False) -> Spot | None:
        """Return what lies at a screen point, or None without a scan."""
        geometry = self.geometry_shown
        if geometry is None or self.view is None or self._shown is None:
            return None
        row, column = self.view.to_picture(point.x(), point.y())
        index = self._shown.cursor[self.plane]
        return Spot(geometry=geometry, index=index, row=row, column=column, scale=self.view.scale, erases=erases)

    def _size(self) -> tuple[int, int]:
        return self.width(), self.height()

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        """Repaint what is dirty: ground, image, borders, lines, letters."""
        painter = QPainter(self)
        picture, view, shown = self._picture, self.view, self._shown
        if picture is None or view is None or shown is None:
            painter.fillRect(event.rect(), drawing.GROUND)
            painter.end()
            return
        self._bring_up_to_date(picture, view)
        target = self._target(picture, view)
        for rect in drawing.around(event.rect(), target.toAlignedRect().adjusted(1, 1, -1, -1)):
            painter.fillRect(rect, drawing.GROUND)
        if not self._image.isNull():
            smooth = shown.is_smooth or min(view.scale) * (1 << picture.part.level) < 1.0
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, smooth)
            painter.drawImage(target, self._image, QRectF(self._image.rect()))
        self._draw_borders(painter, picture, view, shown)
        self._draw_lines(painter, view, shown)
        painter.end()

    def _bring_up_to_date(self, picture: SlicePicture, view: ViewTransform) -> None:
        stale, self._stale = self._stale, _Stale.NOTHING
        if stale is not _Stale.NOTHING:
            self._borders = {}
        if stale & _Stale.SLICE:
            picture.load()
        elif stale & _Stale.OVERLAYS:
            picture.load_overlays()
        if stale & _Stale.GREY and not stale & _Stale.SLICE:
            picture.recompose_grey()
        elif stale & (_Stale.OVERLAYS | _Stale.COLOURS) and not stale & _Stale.SLICE:
            picture.recolour()
        if picture.compose_for(view):
            self._borders = {}
            rows, columns = picture.rgb.shape
            self._image = (
                QImage(picture.rgb.data, columns, rows, 4 * columns, QImage.Format.Format_RGB32)
                if picture.rgb.size
                else QImage()
            )

    @staticmethod
    def _target(picture: SlicePicture, view: ViewTransform) -> QRectF:
        part, step = picture.part, 1 << picture.part.level
        x0, y0 = view.to_screen(part.rows.start * step, part.columns.start * step)
        x1, y1 = view.to_screen(part.rows.stop * step, part.columns.stop * step)
        return QRectF(x0, y0, x1 - x0, y1 - y0)

    def _draw_borders(self, painter: QPainter, picture: SlicePicture, view: ViewTransform, shown: Shown) -> None:
        style = shown.style
        if not style.outlines:
            return
        layers: tuple[tuple[int, Colour, bool], ...] = (
            (REFERENCE, style.reference, style.shows_reference),
            (MASK, style.mask, style.shows_mask),
            (PREDICTED, style.prediction, style.shows_prediction),
        )
        part = picture.part
        for layer, colour, is_shown in layers:
            if not is_shown:
                continue
            if layer not in self._borders:
                self._borders[layer] = drawing.lines_of(picture.border(layer))
            origin = (part.rows.start, part.columns.start)
            drawing.draw_lines(painter, view, self._borders[layer], colour, 1 << part.level, origin)

    def _draw_lines(self, painter: QPainter, view: ViewTransform, shown: Shown) -> None:
        geometry = self.geometry_shown
        if geometry is None:
            return
        flat = shown.grid.is_2d
        pane = self.rect()
        if self.shows_cross:
            cross = self.point_of(shown.cursor)
            drawing.draw_cross(painter, pane, cross.x(), cross.y(), small=flat)
        drawing.draw_sides(painter, pane, geometry)
        drawing.draw_scale_bar(painter, pane, view, "mm" if shown.grid.calibrated else "px")
        if not flat:
            words = f"{self.plane.text}  {shown.cursor[self.plane] + 1} / {geometry.slices}"
            place = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop
            drawing.draw_text(painter, pane.adjusted(8, 6, -8, -8), place, words)
        sketch = self.tool.sketch
        if sketch is not None and sketch.geometry.plane is self.plane:
            drawing.draw_sketch(painter, view, sketch.points, self._pointer)
        spot = self.spot_at(self._pointer) if self._pointer is not None else None
        if spot is not None:
            row, column = int(spot.row // 1), int(spot.column // 1)
            drawing.draw_stamp(painter, view, self._lines_of_stamp(spot), row, column)

    def _lines_of_stamp(self, spot: Spot) -> list[QLine]:
        stamp = self.tool.stamp(spot)
        if stamp is None:
            return []
        if self._stamp is not stamp:
            self._stamp, self._stamp_lines = stamp, drawing.stamp_lines(spot.geometry, stamp)
        return self._stamp_lines

    def _move_stamp(self) -> None:
        """Repaint where the brush's outline was and where it is now."""
        spot = self.spot_at(self._pointer) if self._pointer is not None else None
        stamp = self.tool.stamp(spot) if spot is not None else None
        rect = QRect()
        if spot is not None and stamp is not None and self._pointer is not None:
            across, down = spot.geometry.column_axis, spot.geometry.row_axis
            wide = int((stamp.shape[across] / 2 + 1) * spot.scale[1]) + 4
            high = int((stamp.shape[down] / 2 + 1) * spot.scale[0]) + 4
            point = self._pointer.toPoint()
            rect = QRect(point.x() - wide, point.y() - high, 2 * wide, 2 * high)
        for dirty in (self._stamp_rect, rect):
            if not dirty.isEmpty():
                self.update(dirty)
        self._stamp_rect = rect

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep what was seen in the middle; what was fitted stays fitted."""
        super().resizeEvent(event)
        if self.view is not None:
            self.view = self.view.resized(self._size())
