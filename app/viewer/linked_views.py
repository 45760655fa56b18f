"""Two viewers that move together: place, zoom, part that is shown, and the plane in hand."""

from __future__ import annotations

from functools import partial

import numpy as np
from PySide6.QtCore import QObject, QPointF

from app.viewer.scan_view import ScanView
from segcore.geometry import Grid

Voxel = tuple[float, float, float]


class LinkedViews(QObject):
    """Keeps two viewers at the same place as long as it is on.

    On one grid the same voxel is shown; on two grids the same place in millimetres where both hold it, else the same
    share of the way through the scan, since different patients lie in different places.
    """

    def __init__(self, one: ScanView, other: ScanView, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.is_on = False
        self._moving = False
        self._views = (one, other)
        for source, target in ((one, other), (other, one)):
            source.cursorMoved.connect(partial(self._follow, source, target))
            source.arranged.connect(partial(self._arrange, source, target))
            for axis in range(3):
                source.panes[axis].framed.connect(partial(self._frame, source, target, axis))

    def start(self) -> None:
        """Bring the second viewer to where the first one is, and keep them together."""
        self.is_on = True
        one, other = self._views
        self._arrange(one, other)
        self._follow(one, other)
        for axis in range(3):
            self._frame(one, other, axis)

    def stop(self) -> None:
        """Let each go its own way."""
        self.is_on = False

    def _follow(self, source: ScanView, target: ScanView) -> None:
        if not self.is_on or self._moving or source.volume is None or target.volume is None:
            return
        self._moving = True
        p, r, c = matching_voxel(source.crosshair, source.volume.grid, target.volume.grid)
        target.axis_in_hand = source.axis_in_hand
        target.set_crosshair((round(p), round(r), round(c)))
        self._moving = False

    def _arrange(self, source: ScanView, target: ScanView) -> None:
        if self.is_on and not self._moving and source.single != target.single:
            self._moving = True
            target.show_single(source.single)
            self._moving = False

    def _frame(self, source: ScanView, target: ScanView, axis: int) -> None:
        if not self.is_on or self._moving or source.volume is None or target.volume is None:
            return
        self._moving = True
        pane, follower = source.panes[axis], target.panes[axis]
        if pane.is_fitted:
            follower.fit()
        else:
            middle = pane.voxel_at(QPointF(pane.width() / 2, pane.height() / 2))
            follower.frame(matching_voxel(middle, source.volume.grid, target.volume.grid), pane.zoom)
        self._moving = False


def matching_voxel(voxel: Voxel, source: Grid, target: Grid) -> Voxel:
    """Return where a place of one grid lies on another, in voxels (see `LinkedViews`)."""
    if source.shape == target.shape and (not source.calibrated or np.allclose(source.affine, target.affine)):
        return voxel
    if source.calibrated and target.calibrated:
        found = np.linalg.solve(target.affine, np.array([*source.to_world(voxel), 1.0]))[:3]
        if all(-0.5 <= at <= n - 0.5 for at, n in zip(found, target.shape, strict=True)):
            return (float(found[0]), float(found[1]), float(found[2]))
    p, r, c = ((at + 0.5) / n * m - 0.5 for at, n, m in zip(voxel, source.shape, target.shape, strict=True))
    return (p, r, c)
