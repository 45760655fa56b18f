"""Importing: first the plan with its problems, then progress, then the integrity report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.background import Background, Progress, Task
from app.data.plan_page import PlanPage
from app.data.report_view import ReportView, keep_report
from app.errors import report_error, report_notice
from app.session import Session
from app.theme import SPACE_2, SPACE_4, indent_numbers, set_role
from app.viewer.quick_look import QuickLook
from app.widgets.name_dialog import ask_name
from app.widgets.progress_page import ProgressPage
from segcore.errors import RareSegError
from segcore.projects.importing import ImportPlan, ImportReport, plan_import, run_import
from segcore.scans.formats.table import is_scan_file


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a person wants imported, before it is paired.

    Parameters
    ----------
    images, masks
        Files and folders.
    channels
        Further channels: (name, folder).
    groups
        A table of patients.
    """

    images: tuple[Path, ...]
    masks: tuple[Path, ...] = ()
    channels: tuple[tuple[str, Path], ...] = ()
    groups: Path | None = None


class ImportDialog(QDialog):
    """One dialog from the plan to the report."""

    def __init__(self, parent: QWidget, session: Session, background: Background, paths: Sequence[Path]) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Import")
        self.resize(1240, 640)
        self._session, self._background = session, background
        self._request = Request(images=tuple(paths))
        self._task: Task[ImportPlan] | Task[ImportReport] | None = None
        self._asked = 0
        self.looking = ProgressPage("Looking through the files…", can_cancel=False)
        self.plan_page = PlanPage()
        self.progress = ProgressPage("Reading the files…", can_cancel=True)
        self.report = ReportView()
        self.look = QuickLook(background)
        self.pages = QStackedWidget()
        for page in (self.looking, self.plan_page, self.progress, self.report):
            self.pages.addWidget(page)
        self._build_buttons()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE_4, SPACE_4, SPACE_4, SPACE_4)
        layout.setSpacing(SPACE_4)
        across = QHBoxLayout()
        across.setSpacing(SPACE_4)
        across.addWidget(self.pages, 3)
        across.addWidget(self.look, 2)
        layout.addLayout(across, 1)
        layout.addLayout(self._buttons)
        self.progress.cancelled.connect(self._stop)
        self.plan_page.masksAsked.connect(self._add_masks)
        self.plan_page.channelAsked.connect(self._add_channel)
        self.plan_page.groupsAsked.connect(self._add_groups)
        self.plan_page.caseChosen.connect(self.look.show_file)
        self.finished.connect(lambda _: self.look.show_file(None))
        indent_numbers(self)
        # A file is looked at before it is known what it will be.
        self.look.show_file(next((path for path in paths if is_scan_file(path) and path.is_file()), None))
        self._make_plan()

    def _build_buttons(self) -> None:
        self.hint = QLabel()
        self.hint.setProperty("role", "muted")
        self.close_button = QPushButton("Cancel")
        self.close_button.clicked.connect(self.reject)
        self.import_button = QPushButton("Import")
        self.import_button.setObjectName("import-start")
        self.import_button.setDefault(True)
        set_role(self.import_button, "primary")
        self.import_button.clicked.connect(self.start)
        self._buttons = QHBoxLayout()
        self._buttons.setSpacing(SPACE_2)
        self._buttons.addWidget(self.hint, 1)
        self._buttons.addWidget(self.close_button)
        self._buttons.addWidget(self.import_button)

    # The plan

    def _make_plan(self) -> None:
        self.pages.setCurrentWidget(self.looking)
        self.import_button.setEnabled(False)
        self._asked += 1
        asked, request = self._asked, self._request
        known = [case.id for case in self._session.cases()]
        self._task = self._background.run(
            lambda progress: plan_import(
                request.images,
                masks=request.masks,
                channels=dict(request.channels),
                groups=request.groups,
                known_ids=known,
            ),
            done=lambda plan: self._plan_made(plan) if asked == self._asked else None,
            failed=self._plan_failed,
            owner=self,
        )

    def _plan_made(self, plan: ImportPlan) -> None:
        self._task = None
        self.plan_page.show_plan(plan)
        self.pages.setCurrentWidget(self.plan_page)
        number = len(plan.cases)
        self.import_button.setEnabled(number > 0)
        self.import_button.setText(f"Import {number} case{'s' * (number != 1)}" if number else "Import")
        self.import_button.setToolTip("" if number else "Not available now: no scan was found among these files")
        self.hint.setText("Your own files are only read; the project keeps working copies.")
        self.import_button.setFocus()

    def _plan_failed(self, error: Exception) -> None:
        self._task = None
        if self._request.groups is not None:
            self._request = replace(self._request, groups=None)
            report_error(self, error)
            self._make_plan()
            return
        report_error(self.parentWidget(), error)
        self.reject()

    def _add_masks(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder that holds masks only")
        if folder:
            self.add_masks(Path(folder))

    def add_masks(self, folder: Path) -> None:
        """Take masks from `folder` too."""
        self._request = replace(self._request, masks=(*self._request.masks, folder))
        self._make_plan()

    def _add_channel(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder with another channel of the same scans")
        if folder:
            ask_name(
                self,
                title="Channel",
                question="What is this channel called (such as T1 or FLAIR)?",
                value=Path(folder).name,
                done=lambda name: self.add_channel(name, Path(folder)),
            )

    def add_channel(self, name: str, folder: Path) -> None:
        """Take a further channel from the files of the same names in `folder`."""
        self._request = replace(self._request, channels=(*self._request.channels, (name, folder)))
        self._make_plan()

    def _add_groups(self) -> None:
        file, _ = QFileDialog.getOpenFileName(self, "Table with the columns case and group", "", "CSV (*.csv)")
        if file:
            self.add_groups(Path(file))

    def add_groups(self, file: Path) -> None:
        """Take patients from a table."""
        self._request = replace(self._request, groups=file)
        self._make_plan()

    # The import

    def start(self) -> None:
        """Run the import of the plan as it is shown."""
        plan, foreground = self.plan_page.plan, self.plan_page.foreground
        project = self._session.opened
        self.pages.setCurrentWidget(self.progress)
        self.progress.restart()
        self.import_button.setVisible(False)
        self.close_button.setVisible(False)
        self.hint.setText("What was added stays if you cancel.")
        self.look.stop()

        def work(progress: Progress) -> ImportReport:
            report = run_import(project, plan, report=progress, stop=progress.stopped, foreground=foreground)
            keep_report(project.folder, report.problems)
            return report

        self._task = self._background.run(
            work, done=self._imported, failed=self._import_failed, progress=self.progress.show_progress, owner=self
        )

    def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _imported(self, report: ImportReport) -> None:
        self._task = None
        self._session.refresh_cases()
        self.report.show_report(report.sentence, report.problems)
        self.pages.setCurrentWidget(self.report)
        self.look.hide()
        self.hint.setText("This report stays available in the Data workspace.")
        self.close_button.setText("Close")
        self.close_button.setVisible(True)
        self.close_button.setDefault(True)
        self.close_button.setFocus()
        if not report.problems:
            report_notice(self.parentWidget(), report.sentence)
            self.accept()

    def _import_failed(self, error: Exception) -> None:
        self._task = None
        self._session.refresh_cases()
        report_error(self.parentWidget(), error)
        self.done(QDialog.DialogCode.Rejected)

    def reject(self) -> None:
        """Close, unless files are being read: then Cancel stops that first."""
        if self.pages.currentWidget() is self.progress and self._task is not None:
            self._stop()
            return
        super().reject()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Closing by the title bar is the same as Cancel."""
        if self.pages.currentWidget() is self.progress and self._task is not None:
            event.ignore()
            self._stop()
            return
        super().closeEvent(event)


def import_or_explain(
    parent: QWidget, session: Session, background: Background, paths: Sequence[Path]
) -> ImportDialog | None:
    """Open the import dialog for `paths`; without a project that can be changed, say so instead."""
    if not session.is_writable:
        try:
            session.opened  # noqa: B018 - raises the sentence for "no project"
            report_notice(parent, "The project is open for reading only, so nothing can be imported.", kind="warning")
        except RareSegError as error:
            report_error(parent, error)
        return None
    dialog = ImportDialog(parent, session, background, paths)
    dialog.open()
    return dialog
