"""The gallery: pieces of the person's own scans before and after a lesion was copied into them."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.background import Background
from app.theme import SPACE_2, SPACE_3
from app.train.patch_picture import patch_picture, window_of
from segcore.errors import RareSegError
from segcore.projects.project import Project
from segcore.synthesis.preview import Example, preview
from segcore.training.recipe import Synthesis

_COUNT = 6
_SIDE = 190


class SynthesisGallery(QDialog):
    """Six examples at a time; reads scans in the background."""

    def __init__(self, parent: QWidget, background: Background, project: Project, settings: Synthesis) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("What synthesis makes of your scans")
        self.setObjectName("synthesis-gallery")
        self._background, self._folder, self._settings = background, project.folder, settings
        self._seed = 0
        self.message = QLabel()
        self.message.setProperty("role", "hint")
        self.message.setWordWrap(True)
        self.pairs = QGridLayout()
        self.pairs.setSpacing(SPACE_3)
        self.another = QPushButton("Another set")
        self.another.setObjectName("synthesis-another")
        self.another.clicked.connect(self._make)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        below = QHBoxLayout()
        below.addWidget(self.another)
        below.addStretch(1)
        below.addWidget(buttons)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_3, SPACE_3, SPACE_3, SPACE_2)
        layout.setSpacing(SPACE_2)
        layout.addWidget(self.message)
        layout.addLayout(self.pairs, 1)
        layout.addLayout(below)
        self.resize(2 * 2 * _SIDE + 100, 3 * (_SIDE + 30) + 120)
        self._make()

    def _make(self) -> None:
        self.another.setEnabled(False)
        self.message.setText("Reading training scans …")
        seed, folder, settings = self._seed, self._folder, self._settings
        self._seed += 1

        def work(_: object) -> tuple[Example, ...]:
            # A connection of its own: those of the window belong to its thread.
            with Project.open(folder, read_only=True) as project:
                return preview(project, settings, count=_COUNT, seed=seed)

        self._background.run(work, done=self.show_examples, failed=self._failed, owner=self)

    def show_examples(self, examples: tuple[Example, ...]) -> None:
        """Show other examples in place of those that are shown."""
        self._clear()
        self.another.setEnabled(True)
        self.message.setText(
            "Left as it is, right with a copied lesion (blue outline; orange: lesions that were there). If you can tell "
            "the copies by their edges, so can the network: widen the feather, or leave synthesis off."
            if examples
            else "No place was found that looks like the surroundings of a lesion. Press 'Another set' to try again."
        )
        for number, example in enumerate(examples):
            self.pairs.addWidget(_pair(example), number // 2, number % 2)

    def _failed(self, error: Exception) -> None:
        self._clear()
        self.another.setEnabled(True)
        known = isinstance(error, RareSegError)
        self.message.setText(str(error) if known else "The preview could not be made; the log has the details.")

    def _clear(self) -> None:
        while self.pairs.count():
            item = self.pairs.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.deleteLater()


def _pair(example: Example) -> QWidget:
    """Return both pictures with a line below."""
    pair = QWidget()
    column = QVBoxLayout(pair)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(4)
    row = QHBoxLayout()
    row.setSpacing(4)
    window, in_colour = window_of(example.before), len(example.before) == 3
    for values, pasted in ((example.before, None), (example.after, example.pasted)):
        picture = QLabel()
        picture.setPixmap(patch_picture(values, example.labels, pasted, window=window, side=_SIDE, in_colour=in_colour))
        row.addWidget(picture)
    row.addStretch(1)
    column.addLayout(row)
    caption = QLabel(f"lesion of {example.source} in {example.target}")
    caption.setProperty("role", "small")
    column.addWidget(caption)
    return pair
