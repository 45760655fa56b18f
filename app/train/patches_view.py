"""The batch inspector: the patches of a step as the network saw them, with masks, predictions and origins."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QImage, QPixmap, QResizeEvent, QShowEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.background import Background
from app.theme import SPACE_2
from app.viewer.rendering import Overlay
from segcore.training.events import BatchShown
from segcore.training.exhibits import BatchPicture, read_batch

#: Edge of a patch on screen, px.
TILE = 180
_PIXELS = Overlay()
_OPACITY = 0.45


class PatchesView(QWidget):
    """A grid of patches.

    Signals
    -------
    batchAsked()
        The person wants to see the latest step's patches.
    """

    batchAsked = Signal()

    def __init__(self, background: Background, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._background = background
        self._wanted: tuple[BatchShown, Path] | None = None
        self._loaded: tuple[BatchShown, Path] | None = None
        self._picture: BatchPicture | None = None
        self.words = QLabel("The patches of a step appear here at each validation.")
        self.words.setObjectName("patches-words")
        self.words.setProperty("role", "hint")
        self.masks, self.predictions = QCheckBox("Masks (orange)"), QCheckBox("Predictions (blue)")
        for box in (self.masks, self.predictions):
            box.setChecked(True)
            box.setToolTip("Whether they are drawn over the patches.")
            box.toggled.connect(self._draw)
        self.ask = QPushButton("Show the latest step")
        self.ask.setObjectName("patches-ask")
        self.ask.setToolTip("The running training lays out the patches of its latest step.")
        self.ask.clicked.connect(self.batchAsked)
        row = QHBoxLayout()
        row.addWidget(self.words, 1)
        for control in (self.masks, self.predictions, self.ask):
            row.addWidget(control)
        self._grid = QWidget()
        self._layout = QGridLayout(self._grid)
        self._layout.setSpacing(SPACE_2)
        self._layout.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        scroll = QScrollArea()
        scroll.setWidget(self._grid)
        scroll.setWidgetResizable(True)
        scroll.setAccessibleName("Patches of a step")
        column = QVBoxLayout(self)
        column.setContentsMargins(SPACE_2, SPACE_2, SPACE_2, 0)
        column.addLayout(row)
        column.addWidget(scroll, 1)
        self._tiles: list[QWidget] = []

    def show_batch(self, shown: BatchShown | None, project: Path | None, *, live: bool) -> None:
        """Show what the event tells of; None shows nothing. `live` is whether the latest step may be asked for."""
        self.ask.setEnabled(live)
        wanted = (shown, project / shown.file) if shown is not None and project is not None else None
        if wanted == self._wanted:
            return
        self._wanted = wanted
        if self.isVisible():
            self._load()

    def showEvent(self, event: QShowEvent) -> None:
        """Load what came while nobody looked."""
        super().showEvent(event)
        self._load()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Lay the tiles out anew."""
        super().resizeEvent(event)
        self._arrange()

    def _load(self) -> None:
        if self._wanted == self._loaded:
            return
        self._loaded = self._wanted
        if self._loaded is None:
            self._show(None, "The patches of a step appear here at each validation.")
            return
        shown, file = self._loaded
        self._background.run(
            lambda _: read_batch(file),
            done=partial(self._take, shown),
            failed=lambda error: self._show(None, str(error)),
            owner=self,
        )

    def _take(self, shown: BatchShown, picture: BatchPicture) -> None:
        if self._loaded is not None and self._loaded[0] is shown:
            self._show(picture, f"{len(picture)} patches of step {shown.step}, as the network saw them.")

    def _show(self, picture: BatchPicture | None, words: str) -> None:
        self._picture = picture
        self.words.setText(words)
        self._draw()

    def _draw(self) -> None:
        for tile in self._tiles:
            self._layout.removeWidget(tile)
            tile.deleteLater()
        self._tiles = []
        picture = self._picture
        for number in range(len(picture) if picture is not None else 0):
            self._tiles.append(self._tile(number))
        self._arrange()

    def _tile(self, number: int) -> QWidget:
        picture = self._picture
        if picture is None:
            return QLabel()
        pixels = composed(
            picture.images[number],
            picture.labels[number] if self.masks.isChecked() else None,
            picture.probabilities[number] if self.predictions.isChecked() else None,
        )
        image = QImage(
            pixels.tobytes(), pixels.shape[1], pixels.shape[0], 3 * pixels.shape[1], QImage.Format.Format_RGB888
        )
        face = QLabel()
        face.setPixmap(QPixmap.fromImage(image).scaled(QSize(TILE, TILE), Qt.AspectRatioMode.KeepAspectRatio))
        face.setFixedSize(TILE, TILE)
        words = QLabel(f"{picture.kinds[number]}\n{picture.cases[number]}")
        words.setProperty("role", "small")
        words.setFixedWidth(TILE)
        tile = QWidget()
        column = QVBoxLayout(tile)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(face)
        column.addWidget(words)
        holds = "holds foreground" if (picture.labels[number] == 1).any() else "holds no foreground"
        tile.setToolTip(f"Case {picture.cases[number]}, drawn {picture.kinds[number]}; {holds}.")
        tile.setAccessibleName(f"Patch {number + 1}: {picture.cases[number]}, {picture.kinds[number]}, {holds}")
        return tile

    def _arrange(self) -> None:
        columns = max(1, (self.width() - 2 * SPACE_2) // (TILE + SPACE_2))
        for place, tile in enumerate(self._tiles):
            self._layout.addWidget(tile, place // columns, place % columns)


def composed(
    image: NDArray[np.uint8], labels: NDArray[np.uint8] | None, probabilities: NDArray[np.uint8] | None
) -> NDArray[np.uint8]:
    """Return (rows, columns, 3) uint8: the image in grey, predictions above one half filled, the mask's edge over it.

    Parameters
    ----------
    image, labels, probabilities
        (rows, columns) uint8 as in `BatchPicture`; None is not drawn. What is unlabelled is darkened.
    """
    pixels = np.repeat(image[..., np.newaxis].astype(np.float32), 3, axis=2)
    if probabilities is not None:
        said = probabilities >= 128
        pixels[said] += _OPACITY * (np.array(_PIXELS.prediction_colour, np.float32) - pixels[said])
    if labels is not None:
        pixels[labels == 255] *= 0.5
        pixels[_edge(labels == 1)] = _PIXELS.mask_colour
    return pixels.astype(np.uint8)


def _edge(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the pixels inside that have a neighbour outside, above, below, left or right."""
    ringed = np.pad(inside, 1)
    kept = ringed[:-2, 1:-1] & ringed[2:, 1:-1] & ringed[1:-1, :-2] & ringed[1:-1, 2:]
    return np.asarray(inside & ~kept)
