"""The 3D view of the case that a viewer shows; surfaces are made in the background."""

from __future__ import annotations

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from app.background import Background, Progress, Task
from app.errors import report_error
from app.theme import SPACE_1, SPACE_2
from app.viewer.scan_view import ScanView
from app.viewer.surface_rendering import Scene
from app.viewer.surface_view import SurfaceView
from app.viewer.surfaces import Surface, body_surface, flags_of, lesion_surface
from segcore.errors import Cancelled
from segcore.scans.volume import Volume

#: After the last stroke, before surfaces are made again, ms.
_REST_MS = 700


class SurfacePane(QWidget):
    """Lesions of mask and prediction, and the outline of the body around them.

    Signals
    -------
    lesionClicked(int)
        Number of a lesion of the mask, by falling volume.
    """

    lesionClicked = Signal(int)

    def __init__(self, view: ScanView, background: Background, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view, self._background = view, background
        self._body: tuple[Volume, Surface] | None = None
        self._task: Task[tuple[Surface, Surface, Surface | None]] | None = None
        self.picture = SurfaceView()
        self.picture.lesionClicked.connect(self.lesionClicked)
        self.body = QCheckBox("Body")
        self.body.setChecked(True)
        self.body.setToolTip("The outline of what is brighter than its surroundings, as if of glass")
        self.front = QPushButton("From the front")
        self.front.setToolTip("Show everything, seen from the patient's front (Home)")
        row = QHBoxLayout()
        row.addWidget(self.body)
        row.addStretch(1)
        row.addWidget(self.front)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_2, 0, 0, 0)
        layout.setSpacing(SPACE_1)
        layout.addWidget(self.picture, 1)
        layout.addLayout(row)
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_REST_MS)
        self._rest.timeout.connect(self.make)
        self.body.toggled.connect(lambda _: self.make())
        self.front.clicked.connect(self.picture.look_from_the_front)
        view.masksChanged.connect(self._masks_changed)
        view.scanChanged.connect(self._scan_changed)

    def _masks_changed(self) -> None:
        if self.isVisible():
            self._rest.start()

    def _scan_changed(self) -> None:
        self._body = None
        self.picture.show_scene(Scene())
        if self.isVisible():
            self._rest.start()

    def make(self) -> None:
        """Make the surfaces of what the viewer shows."""
        if self._task is not None:
            self._task.cancel()
        volume, labels, steps, step = self._view.volume, self._view.labels, self._view.steps, self._view.step
        if volume is None or volume.grid.is_2d:
            self.picture.show_scene(Scene())
            flat = volume is not None
            self.picture.show_notice("A single plane has no third dimension" if flat else "No scan is shown")
            return
        channel = 1 if volume.is_photograph else self._view.channel
        known = self._body[1] if self._body is not None and self._body[0] is volume else None
        wanted = self.body.isChecked()

        def work(progress: Progress) -> tuple[Surface, Surface, Surface | None]:
            mask = lesion_surface(flags_of(labels), volume.grid) if labels is not None else Surface.empty()
            progress.check()
            predicted = lesion_surface(steps >= step, volume.grid) if steps is not None else Surface.empty()
            progress.check()
            return mask, predicted, (known or body_surface(volume, channel)) if wanted else known

        self.picture.show_notice("Making surfaces…")
        self._task = self._background.run(
            work, done=lambda made: self._show(volume, *made), failed=self._failed, owner=self
        )

    def _show(self, volume: Volume, mask: Surface, predicted: Surface, body: Surface | None) -> None:
        if volume is not self._view.volume:
            return
        if body is not None:
            self._body = (volume, body)
        overlay = self._view.overlay
        scene = Scene(
            lesions=((mask, overlay.mask_colour), (predicted, overlay.prediction_colour)),
            body=body if self.body.isChecked() else None,
            marked=self.picture.scene.marked,
        )
        self.picture.show_scene(scene, letters=volume.grid.calibrated)
        if not any(len(surface.points) for surface in (mask, predicted)):
            self.picture.show_notice("No lesion in this mask")

    def _failed(self, error: Exception) -> None:
        if not isinstance(error, Cancelled):
            self.picture.show_notice("The surfaces could not be made")
            report_error(self, error)
