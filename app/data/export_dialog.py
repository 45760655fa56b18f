"""Writing masks into a folder, in the geometry and format of their scans."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.background import Background, Progress, Task
from app.errors import report_error, report_notice
from app.session import Session
from app.settings import Settings
from app.theme import SPACE_2, SPACE_4, set_role
from app.widgets.progress_page import ProgressPage
from app.widgets.wording import count
from segcore.projects.exporting import export_masks, export_work

FORMATS = (
    ("Like each scan (PNG for JPEG)", ""),
    ("NIfTI, compressed (.nii.gz)", ".nii.gz"),
    ("NRRD (.nrrd)", ".nrrd"),
    ("TIFF (.tif)", ".tif"),
    ("PNG (.png), single images only", ".png"),
)


class ExportDialog(QDialog):
    """Which cases, which format, which folder; then progress."""

    def __init__(
        self, parent: QWidget, session: Session, background: Background, settings: Settings, selected: Sequence[str]
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Export masks")
        self.setMinimumWidth(560)
        self._session, self._background, self._settings = session, background, settings
        self._task: Task[tuple[Path, ...]] | None = None
        self.cases = QComboBox()
        self._choices = _choices(session, selected)
        for text, ids in self._choices:
            self.cases.addItem(f"{text} ({len(ids)})")
        self.formats = QComboBox()
        for text, suffix in FORMATS:
            self.formats.addItem(text, suffix)
        self.folder = QLineEdit(settings.text("export/folder", ""))
        self.folder.setPlaceholderText("Choose a folder")
        self.folder.textChanged.connect(self._check)
        self.browse = QPushButton("Choose…")
        self.browse.clicked.connect(self._choose)
        self.with_work = QCheckBox("With a table of annotation time and strokes (annotation.csv)")
        self.with_work.setObjectName("export-work")
        self.with_work.setToolTip("One line for each case: state, part, volume, lesions, seconds and strokes")
        self.progress = ProgressPage("Writing masks…", can_cancel=True)
        self.progress.cancelled.connect(lambda: self._task.cancel() if self._task else None)
        self.export_button = QPushButton("Export")
        self.export_button.setObjectName("export-start")
        self.export_button.setDefault(True)
        set_role(self.export_button, "primary")
        self.export_button.clicked.connect(self.start)
        self.close_button = QPushButton("Cancel")
        self.close_button.clicked.connect(self.reject)
        self._lay_out()
        self._check()

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.addWidget(self.folder, 1)
        row.addWidget(self.browse)
        form = QFormLayout()
        form.setSpacing(SPACE_2)
        form.addRow("Cases", self.cases)
        form.addRow("Format", self.formats)
        form.addRow("Folder", row)
        form.addRow("", self.with_work)
        words = QLabel(
            "Each mask is written with the voxel grid and orientation of its scan's own file: 0 background, 1 foreground "
            "(255 in PNG and TIFF images), unlabelled voxels as 255 (128 in images). Files of the same name are replaced."
        )
        words.setWordWrap(True)
        set_role(words, "muted")
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(form)
        column.addWidget(words)
        column.addStretch(1)
        self.pages = QStackedWidget()
        self.pages.addWidget(page)
        self.pages.addWidget(self.progress)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self.close_button)
        buttons.addWidget(self.export_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_4, SPACE_4, SPACE_4, SPACE_4)
        layout.setSpacing(SPACE_4)
        layout.addWidget(self.pages)
        layout.addLayout(buttons)

    @property
    def chosen(self) -> tuple[str, ...]:
        """Ids of the cases to be exported."""
        return self._choices[max(0, self.cases.currentIndex())][1]

    def start(self) -> None:
        """Write the masks."""
        project, ids = self._session.opened, self.chosen
        folder = Path(self.folder.text().strip()).expanduser()
        suffix = str(self.formats.currentData()) or None
        self._settings.store("export/folder", str(folder))
        self.pages.setCurrentWidget(self.progress)
        self.export_button.setVisible(False)
        self.close_button.setVisible(False)

        with_work = self.with_work.isChecked()

        def work(progress: Progress) -> tuple[Path, ...]:
            written = export_masks(project, ids, folder, suffix=suffix, report=progress.step)
            if with_work:
                export_work(project, ids, folder)
            return written

        self._task = self._background.run(
            work, done=self._exported, failed=self._failed, progress=self.progress.show_progress, owner=self
        )

    def _exported(self, files: tuple[Path, ...]) -> None:
        self._task = None
        report_notice(self.parentWidget(), f"{count(len(files), 'mask')} written to {self.folder.text().strip()}.")
        self.accept()

    def _failed(self, error: Exception) -> None:
        self._task = None
        report_error(self.parentWidget(), error)
        self.done(QDialog.DialogCode.Rejected)

    def reject(self) -> None:
        """Close; while masks are written, stop that first."""
        if self._task is not None:
            self._task.cancel()
            return
        super().reject()

    def _choose(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder for the masks", self.folder.text())
        if folder:
            self.folder.setText(folder)

    def _check(self) -> None:
        ready = bool(self.folder.text().strip()) and bool(self.chosen)
        self.export_button.setEnabled(ready)
        self.export_button.setToolTip("" if ready else "Not available now: choose a folder first")


def _choices(session: Session, selected: Sequence[str]) -> list[tuple[str, tuple[str, ...]]]:
    cases = session.cases()
    ready = tuple(case.id for case in cases if case.state.is_trainable)
    choices: list[tuple[str, tuple[str, ...]]] = []
    if selected:
        choices.append(("Selected cases", tuple(selected)))
    if ready:
        choices.append(("Complete and confirmed empty cases", ready))
    choices.append(("All cases", tuple(case.id for case in cases)))
    return choices
