"""The gallery of augmentation: patches of the person's own scans, and what training would make of them."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.background import Background, EngineJob
from app.theme import SPACE_2, SPACE_3
from app.train.patch_picture import patch_picture, window_of
from app.widgets.wording import extents_of
from segcore.engine.messages import (
    Cancel,
    EngineDied,
    JobCancelled,
    JobFailed,
    JobProgress,
    Message,
    PatchesJob,
    PatchesMade,
)
from segcore.errors import RareSegError
from segcore.projects.project import Project
from segcore.training.patch_examples import PatchExample, read_examples, read_patch
from segcore.training.recipe import Recipe

_EXAMPLES, _VARIANTS, _ACROSS = 6, 3, 2
_SIDE = 132


class PatchGallery(QDialog):
    """Six patches, each as it is and three times as the network would see it; made by an engine."""

    def __init__(self, parent: QWidget, background: Background, project: Project, recipe: Recipe) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("What training makes of your patches")
        self.setObjectName("patch-gallery")
        self._background, self._project, self._recipe = background, project.folder, recipe
        self._job: EngineJob | None = None
        self._seed = 0
        self.message = QLabel()
        self.message.setProperty("role", "hint")
        self.message.setWordWrap(True)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName("Progress of the preview")
        self.rows = QGridLayout()
        self.rows.setHorizontalSpacing(SPACE_3)
        self.rows.setVerticalSpacing(SPACE_2)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_3, SPACE_3, SPACE_3, SPACE_2)
        layout.setSpacing(SPACE_2)
        layout.addWidget(self.message)
        layout.addWidget(self.bar)
        layout.addLayout(self.rows, 1)
        layout.addLayout(self._make_buttons())
        self.resize(_ACROSS * ((1 + _VARIANTS) * (_SIDE + 6) + SPACE_3) + 40, 3 * (_SIDE + 26) + 150)
        self._make()

    def _make_buttons(self) -> QHBoxLayout:
        self.another = QPushButton("Another set")
        self.another.setObjectName("patches-another")
        self.another.setToolTip("Other patches of the same scans, by another seed.")
        self.another.clicked.connect(self._make)
        self.cancel = QPushButton("Cancel")
        self.cancel.setObjectName("patches-cancel")
        self.cancel.setToolTip("Stops making these pictures.")
        self.cancel.clicked.connect(self._cancel)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        row = QHBoxLayout()
        row.addWidget(self.another)
        row.addWidget(self.cancel)
        row.addStretch(1)
        row.addWidget(buttons)
        return row

    def _make(self) -> None:
        self._show_busy(True)
        self.message.setText("The engine is starting …")
        self.bar.setRange(0, 0)
        self._job = self._background.start_engine(
            PatchesJob(
                project=str(self._project),
                recipe=self._recipe,
                examples=_EXAMPLES,
                variants=_VARIANTS,
                seed=self._seed,
            )
        )
        self._seed += 1
        self._job.messagesArrived.connect(self._take)
        self._job.finished.connect(self._over)

    def _cancel(self) -> None:
        if self._job is not None:
            self.message.setText("Cancelling …")
            self._job.send(Cancel())

    def done(self, result: int) -> None:
        """Close; what is being made is cancelled."""
        if self._job is not None:
            self._job.send(Cancel())
        super().done(result)

    def _take(self, messages: tuple[Message, ...]) -> None:
        for message in messages:
            if isinstance(message, JobProgress):
                self.message.setText(f"{message.sentence} …")
                self.bar.setRange(0, max(1, message.total))
                self.bar.setValue(message.done)
            elif isinstance(message, PatchesMade):
                self._show(Path(message.folder))
            elif isinstance(message, JobFailed | EngineDied):
                self.message.setText(message.sentence)
            elif isinstance(message, JobCancelled):
                self.message.setText("Cancelled. 'Another set' begins again.")

    def _over(self) -> None:
        self._job = None
        self._show_busy(False)

    def _show_busy(self, busy: bool) -> None:
        self.another.setEnabled(not busy)
        self.cancel.setVisible(busy)
        self.bar.setVisible(busy)

    def _show(self, folder: Path) -> None:
        while self.rows.count():
            item = self.rows.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.deleteLater()
        try:
            shown = read_examples(folder)
            for number, example in enumerate(shown.examples):
                self.rows.addWidget(_row(folder, example), number // _ACROSS, number % _ACROSS)
        except RareSegError as error:
            self.message.setText(str(error))
            return
        self.message.setText(
            f"Left a patch as it lies in the scan ({extents_of(shown.patch)} voxels), beside it what the network would "
            "be shown: three draws by the form's own settings. Lesions are outlined; where they can no longer be seen, "
            "neither can the network see them."
        )


def _row(folder: Path, example: PatchExample) -> QWidget:
    """Return the pictures of one patch with a line below."""
    images, labels = read_patch(folder, example)
    row = QHBoxLayout()
    row.setSpacing(4)
    window = window_of(images[0])
    for number, (values, mask) in enumerate(zip(images, labels, strict=True)):
        picture = QLabel()
        picture.setPixmap(patch_picture(values, mask, window=window, side=_SIDE))
        picture.setAccessibleName("As it is" if number == 0 else f"Draw {number}")
        row.addWidget(picture)
        if number == 0:
            row.addSpacing(4)
    row.addStretch(1)
    caption = QLabel(f"{example.case}{'' if example.foreground else ', no lesion'}")
    caption.setProperty("role", "small")
    whole = QWidget()
    column = QVBoxLayout(whole)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(2)
    column.addLayout(row)
    column.addWidget(caption)
    return whole
