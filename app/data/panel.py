"""Workspace Data: the cases of the project, import, integrity report, split, export."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Protocol

from PySide6.QtCore import QPoint, Qt, QTimer
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLabel, QMenu, QStackedLayout, QTabWidget, QVBoxLayout, QWidget

from app.actions import Actions
from app.background import Background
from app.data.case_commands import CaseCommands
from app.data.case_view import CaseView
from app.data.export_dialog import ExportDialog
from app.data.filter_bar import FilterBar
from app.data.import_dialog import ImportDialog, import_or_explain
from app.data.overview import overview_of
from app.data.report_view import ReportDialog, kept_report
from app.data.split_dialog import SplitDialog, can_split
from app.data.summary_strip import SummaryStrip
from app.errors import report_error
from app.session import Session
from app.settings import Settings
from app.theme import SPACE_2, SPACE_3, SPACE_4
from app.widgets.action_button import ActionButton
from app.widgets.empty_state import EmptyState
from app.widgets.wording import PART_WORDS, count
from segcore.errors import RareSegError
from segcore.projects.case import Part
from segcore.projects.splitting import leaks
from segcore.scans.formats.table import readable_suffixes

_SELECTION = (
    "data.annotate",
    "data.complete",
    "data.confirm-empty",
    "data.draft",
    "data.flag",
    "data.group",
    "data.remove",
)


class PageMaker(Protocol):
    """See `app.data.pages.Pages`."""

    def make(self, name: str) -> QWidget:
        """Return a new page."""


#: Pages beside the table of cases: name, and what its tab says.
PAGES = (
    ("imbalance", "Imbalance"),
    ("suspects", "Suspects"),
    ("resolution", "Resolution"),
    ("simulator", "Simulator"),
    ("advice", "Advice"),
)


class DataPanel(QWidget):
    """Figures on top; below, the table of cases with what can be done with them, and pages about the imbalance."""

    def __init__(self, session: Session, actions: Actions, background: Background, settings: Settings) -> None:
        super().__init__()
        self._session, self._actions = session, actions
        self._background, self._settings = background, settings
        self._maker: PageMaker | None = None
        self._made: dict[str, QWidget] = {}
        self._holders: dict[str, QVBoxLayout] = {}
        self.cases = CaseView(session, background, lambda error: report_error(self, error))
        self.commands = CaseCommands(self, session, actions, self.cases.selected_ids)
        self.summary = SummaryStrip()
        self.filter_bar = FilterBar(self.cases.filter)
        self.selection_label = QLabel()
        self.selection_label.setProperty("role", "muted")
        self._refresh = QTimer(self)
        self._refresh.setSingleShot(True)
        self._refresh.setInterval(0)
        self._refresh.timeout.connect(self._show)
        self._lay_out()
        self._connect()
        self._show()

    def _lay_out(self) -> None:
        act = self._actions.action
        self.no_project = EmptyState(
            "folder",
            "No project is open",
            "A project is a folder that holds your scans, masks and trained models. Make one, open one, or look at the "
            "demo project first.",
            [act("file.demo"), act("file.new"), act("file.open")],
        )
        self.no_cases = EmptyState(
            "import",
            "This project has no scans yet",
            "Import files or a folder, or drop them anywhere on this window. Masks are paired with their scans by name, "
            "and you see the plan before anything is read. NIfTI, NRRD, MetaImage, TIFF, PNG and JPEG can be read.",
            [act("data.import-folder"), act("data.import-files")],
        )
        self._pages = QStackedLayout(self)
        self.table_page = self._table_page()
        for page in (self.no_project, self.no_cases, self.table_page):
            self._pages.addWidget(page)

    def _table_page(self) -> QWidget:
        page = QWidget()
        top = QHBoxLayout()
        top.setSpacing(SPACE_2)
        for id in ("data.import-files", "data.import-folder", "data.split", "data.export", "data.report"):
            top.addWidget(ActionButton(self._actions.action(id)))
        top.addStretch(1)
        top.addWidget(self.filter_bar)
        below = QHBoxLayout()
        below.setSpacing(SPACE_2)
        below.addWidget(self.selection_label, 1)
        for id in _SELECTION:
            below.addWidget(ActionButton(self._actions.action(id), main=id == "data.annotate"))
        cases = QWidget()
        inner = QVBoxLayout(cases)
        inner.setContentsMargins(0, SPACE_3, 0, 0)
        inner.setSpacing(SPACE_3)
        inner.addLayout(top)
        inner.addWidget(self.cases, 1)
        inner.addLayout(below)
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.tabs.tabBar().setDrawBase(False)
        self.tabs.setObjectName("data-tabs")
        self.tabs.addTab(cases, "Cases")
        for name, text in PAGES:
            holder = QWidget()
            self._holders[name] = QVBoxLayout(holder)
            self._holders[name].setContentsMargins(0, 0, 0, 0)
            self.tabs.addTab(holder, text)
            self.tabs.setTabToolTip(self.tabs.count() - 1, self._actions.row(f"data.page-{name}").tooltip)
        layout = QVBoxLayout(page)
        layout.setContentsMargins(SPACE_4, SPACE_3, SPACE_4, SPACE_3)
        layout.setSpacing(SPACE_2)
        layout.addWidget(self.summary)
        layout.addWidget(self.tabs, 1)
        return page

    def _connect(self) -> None:
        for signal in (self._session.projectChanged, self._session.casesChanged, self._session.splitChanged):
            signal.connect(self._refresh.start)
        for signal in (self._session.caseChanged, self._session.maskChanged):
            signal.connect(lambda _: self._refresh.start())
        self.cases.selectionModel().selectionChanged.connect(lambda *_: self._show_selection())
        self.cases.filter.layoutChanged.connect(self._show_selection)
        self.cases.filter.rowsRemoved.connect(self._show_selection)
        self.cases.filter.rowsInserted.connect(self._show_selection)
        self.cases.opened.connect(self._session.open_case)
        self.cases.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.cases.customContextMenuRequested.connect(self._show_menu)
        doings = {
            "data.import-files": self._choose_files,
            "data.import-folder": self._choose_folder,
            "data.split": self._open_split,
            "data.export": self._open_export,
            "data.report": self._open_report,
            "data.filter": self.filter_bar.focus_text,
        }
        for id, do in doings.items():
            self._actions.action(id).triggered.connect(lambda _=False, do=do: do())
        for name, _ in PAGES:
            self._actions.action(f"data.page-{name}").triggered.connect(lambda _=False, name=name: self.show_page(name))
        self.tabs.currentChanged.connect(self._page_shown)

    # Pages

    def show_page(self, name: str) -> None:
        """Show a page beside the table of cases, or ``"cases"``."""
        names = ["cases", *(page for page, _ in PAGES)]
        self.tabs.setCurrentIndex(names.index(name))

    def page(self, name: str) -> QWidget:
        """Return a page, making it the first time."""
        made = self._made.get(name)
        if made is None:
            # Plots and measuring take half a second to import: not before somebody wants to see them.
            if self._maker is None:
                maker = import_module("app.data.pages").Pages
                self._maker = maker(
                    self._session, self._actions, self._background, self._settings, self._select_cases, self
                )
            made = self._made[name] = self._maker.make(name)
            self._holders[name].addWidget(made)
        return made

    def _page_shown(self, index: int) -> None:
        if index > 0:
            self.page(PAGES[index - 1][0])
        self._show_selection()

    def _select_cases(self, ids: tuple[str, ...]) -> None:
        self.show_page("cases")
        self.filter_bar.clear()
        self.cases.select_cases(ids)

    # What the window calls

    def activate(self) -> None:
        """Called each time the workspace is shown."""
        self._show()
        if self._pages.currentWidget() is self.table_page:
            self.cases.setFocus()

    def may_close(self) -> bool:
        """Nothing here is unsaved."""
        return True

    def import_paths(self, paths: list[Path]) -> ImportDialog | None:
        """Show the import plan for files and folders."""
        return import_or_explain(self, self._session, self._background, paths)

    # Showing

    def _show(self) -> None:
        cases = self._session.cases()
        project = self._session.project
        page = self.no_project if project is None else (self.table_page if cases else self.no_cases)
        self._pages.setCurrentWidget(page)
        self._enable_project_actions()
        self._show_selection()
        if project is None or not cases:
            return
        try:
            found = leaks(cases, hashes=project.scan_hashes())
        except RareSegError as error:
            report_error(self, error)
            found = ()
        self.summary.show_overview(overview_of(cases), found)

    def _enable_project_actions(self) -> None:
        project = self._session.project
        if project is None:
            locked = "no project is open"
        else:
            locked = "" if self._session.is_writable else "the project is open for reading only"
        for id in ("data.import-files", "data.import-folder"):
            self._actions.enable(id, not locked, locked)
        why_not = locked or can_split(self._session)
        self._actions.enable("data.split", not why_not, why_not)
        empty = "no project is open" if project is None else "the project has no cases yet"
        self._actions.enable("data.export", bool(self._session.cases()), empty)
        kept = kept_report(project.folder) if project is not None else None
        self._actions.enable("data.report", kept is not None, "nothing was imported into this project by this program")

    def _show_selection(self) -> None:
        ids = self.cases.selected_ids()
        shown, total = self.cases.filter.rowCount(), len(self._session.cases())
        words = count(total, "case") if shown == total else f"{shown:,} of {count(total, 'case')} shown"
        self.selection_label.setText(f"{words} · {len(ids):,} selected" if ids else words)
        # What cannot be seen must not be changed by a key.
        self.commands.enable(ids if self.tabs.currentIndex() == 0 else ())

    def _show_menu(self, position: QPoint) -> None:
        ids = self.cases.selected_ids()
        if not ids:
            return
        menu = self.make_menu(ids)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(self.cases.viewport().mapToGlobal(position))

    def make_menu(self, ids: tuple[str, ...]) -> QMenu:
        """Return the context menu for the selected cases."""
        menu = QMenu(self)
        for id in _SELECTION[:-1]:
            menu.addAction(self._actions.action(id))
        parts = QMenu("Part", menu)
        menu.addMenu(parts)
        parts.setEnabled(self._session.is_writable)
        for part in (*Part, None):
            entry = parts.addAction("No part" if part is None else PART_WORDS[part])
            entry.triggered.connect(lambda _=False, part=part: self.commands.set_part(ids, part))
        menu.addSeparator()
        menu.addAction(self._actions.action("data.remove"))
        return menu

    # Dialogs

    def _choose_files(self) -> None:
        patterns = " ".join(f"*{suffix}" for suffix in readable_suffixes())
        files, _ = QFileDialog.getOpenFileNames(
            self, "Scans and masks", self._settings.text("import/folder", ""), f"Scans ({patterns});;All files (*)"
        )
        if files:
            self._settings.store("import/folder", str(Path(files[0]).parent))
            self.import_paths([Path(file) for file in files])

    def _choose_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(
            self, "Folder with scans and masks", self._settings.text("import/folder", "")
        )
        if folder:
            self._settings.store("import/folder", folder)
            self.import_paths([Path(folder)])

    def _open_split(self) -> None:
        SplitDialog(self, self._session).open()

    def _open_export(self) -> None:
        ExportDialog(self, self._session, self._background, self._settings, self.cases.selected_ids()).open()

    def _open_report(self) -> None:
        project = self._session.project
        kept = kept_report(project.folder) if project is not None else None
        if kept is not None:
            ReportDialog(self, kept).open()
