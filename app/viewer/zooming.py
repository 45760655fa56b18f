"""Showing a place large, one to one, or as far as the keys ask."""

from __future__ import annotations

from PySide6.QtCore import QPointF

from app.viewer.plane_view import PlaneView
from app.viewer.scan_view import ScanView
from segcore.geometry import Box

#: A lesion fills this share of a pane, but never less than this many of its finest voxels are shown across.
_SHARE = 0.4
_LEAST_VOXELS = 64
_STEP = 1.25


def zoom_to(view: ScanView, box: Box) -> None:
    """Show a block of voxels large in every pane, in its middle."""
    middle = tuple((a + b - 1) / 2 for a, b in zip(box.start, box.stop, strict=True))
    for pane in view.panes:
        plane = pane.geometry_of
        if plane is None:
            continue
        finest = min(plane.row_mm, plane.column_mm)
        down = max((box.stop[plane.down] - box.start[plane.down]) * plane.row_mm / _SHARE, _LEAST_VOXELS * finest)
        across = (box.stop[plane.across] - box.start[plane.across]) * plane.column_mm / _SHARE
        across = max(across, _LEAST_VOXELS * finest)
        pane.frame((middle[0], middle[1], middle[2]), min(pane.height() / down, pane.width() / across))


def show_one_to_one(view: ScanView) -> None:
    """Show one voxel, along its finer side, as one pixel of the screen, the crosshair in the middle."""
    p, r, c = view.crosshair
    for pane in view.panes:
        plane = pane.geometry_of
        if plane is not None:
            ratio = pane.devicePixelRatioF()
            pane.frame((float(p), float(r), float(c)), 1.0 / min(plane.row_mm, plane.column_mm) / ratio)


def zoom_by_keys(view: ScanView, steps: int) -> None:
    """Zoom every pane about its crosshair, so that the crosshair stays where it is on the screen."""
    p, r, c = view.crosshair
    for pane in view.panes:
        pane.zoom_by(_STEP**steps, _anchor(pane, (float(p), float(r), float(c))))


def _anchor(pane: PlaneView, voxel: tuple[float, float, float]) -> QPointF | None:
    place = pane.place_of(voxel)
    return place if pane.rect().contains(place.toPoint()) else None
