"""Workspace Annotate: the viewer with painting tools; strokes are on disk before the next one starts."""

from __future__ import annotations

import time
from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QScrollArea, QStackedLayout, QVBoxLayout, QWidget

from app.actions import Actions
from app.annotate.assist import Assist
from app.annotate.case_controls import CaseControls
from app.annotate.hand import Bench
from app.annotate.long_edits import LongEdits
from app.annotate.mask_changes import MaskChanges
from app.annotate.mask_editor import MaskEditor
from app.annotate.pointer import Pointer
from app.annotate.proposal_controls import ProposalControls
from app.annotate.seed_tool import Strokes
from app.annotate.tool_controls import ToolControls, heading
from app.annotate.tools import Tool
from app.annotate.versions_dialog import VersionsDialog
from app.background import Background
from app.errors import report_error
from app.session import Session
from app.settings import Settings
from app.theme import SPACE_2, set_role
from app.viewer.case_list import CaseList
from app.viewer.display_controls import DisplayControls
from app.viewer.scan_view import ScanView
from app.viewer.viewer_area import ViewerArea
from app.widgets.empty_state import EmptyState
from app.widgets.wording import count
from segcore.annotation.worktime import in_words
from segcore.errors import RareSegError
from segcore.geometry import Box
from segcore.scans.volume import fullest_plane


class AnnotatePanel(QWidget):
    """Look at a scan and paint its mask."""

    def __init__(self, session: Session, actions: Actions, background: Background, settings: Settings) -> None:
        super().__init__()
        self._session, self._actions = session, actions
        self.editor = MaskEditor(session, self)
        self.view = ScanView()
        self.cases = CaseList(session, background)
        self.display = DisplayControls(self.view)
        self.area = ViewerArea(
            self.view,
            self.display,
            session,
            actions,
            background,
            settings,
            cases=self.cases.shown,
            go_to=session.set_current_case,
            is_predicted=lambda case: self.assist.shows_prediction_of(case),
        )
        self.tools = ToolControls(actions)
        self.long_edits = LongEdits(self.editor, background, self)
        self.strokes = Strokes(self)
        self.blue = ProposalControls(actions)
        self.assist = Assist(session, actions, self.strokes, self.blue)
        self.bench = Bench(self.view, self.editor, self.tools, self.long_edits, lambda: self.assist.shown)
        self.pointer = Pointer(self.bench, actions, self.strokes, self)
        self.changes = MaskChanges(actions, self.bench)
        self.case = CaseControls(session, actions, self.bench)
        self.note = self.case.note
        self._shown = ""
        self.saved = QLabel()
        self.facts = QLabel()
        self.under = QLabel()
        self._build()
        self._connect()
        self.assist.work_with(self.bench, self)
        self._project_changed()

    def _build(self) -> None:
        for label in (self.saved, self.facts, self.under):
            label.setProperty("role", "small")
        self.saved.setObjectName("saved-state")
        self.facts.setObjectName("case-facts")
        status = QHBoxLayout()
        status.addWidget(self.under, 1)
        status.addWidget(self.facts)
        status.addWidget(self.saved)
        centre = QVBoxLayout()
        centre.setContentsMargins(0, SPACE_2, 0, SPACE_2)
        centre.addWidget(self.area, 1)
        centre.addLayout(status)
        right = self._make_side()
        work = QWidget()
        row = QHBoxLayout(work)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.cases)
        row.addLayout(centre, 1)
        row.addWidget(right)
        self._work = work
        self._none = EmptyState(
            "annotate",
            "No case to annotate",
            "Import scans in the Data workspace, or open the demo project; then choose a case here.",
            [self._actions.action(id) for id in ("view.data", "file.open", "file.demo")],
        )
        self._stack = QStackedLayout(self)
        self._stack.addWidget(self._none)
        self._stack.addWidget(work)

    def _make_side(self) -> QWidget:
        """Return the column of tools; it scrolls where the window is low."""
        inner = QWidget()
        inner.setFixedWidth(270)
        side = QVBoxLayout(inner)
        side.setContentsMargins(SPACE_2, SPACE_2, SPACE_2, SPACE_2)
        side.addWidget(self.tools)
        side.addWidget(self.changes)
        side.addWidget(heading("Shown in blue"))
        side.addWidget(self.blue)
        side.addWidget(self.case)
        side.addWidget(heading("Display"))
        side.addWidget(self.display)
        side.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidget(inner)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFixedWidth(286)
        return scroll

    def _connect(self) -> None:
        session = self._session
        session.projectChanged.connect(self._project_changed)
        session.casesChanged.connect(self._cases_changed)
        session.currentCaseChanged.connect(self._case_chosen)
        session.maskChanged.connect(self._mask_changed_elsewhere)
        session.placeAsked.connect(self.view.set_crosshair)
        self.editor.edited.connect(self._edited)
        self.editor.savedChanged.connect(self._show_saved)
        self.editor.failed.connect(partial(report_error, self))
        self.editor.held.connect(lambda _: self._show_saved())
        self.long_edits.changed.connect(self._show_doing)
        self.case.stateSet.connect(self._show_saved)
        self.view.hovered.connect(self._say_under)
        self.area.hovered.connect(self._say_under)
        self.view.radiusScrolled.connect(self.tools.change_radius)
        self.view.cursorMoved.connect(self._show_brush)
        self.tools.changed.connect(self._tool_changed)
        self.pointer.alive.connect(lambda: self.editor.time.touch(time.monotonic()))
        for id, doing in (
            ("edit.undo", self._undo),
            ("edit.redo", self._redo),
            ("annotate.next", partial(self.cases.step, 1)),
            ("annotate.previous", partial(self.cases.step, -1)),
            ("annotate.fit", self.view.fit),
            ("annotate.compare", self.display.toggle_compare),
            ("annotate.cancel", self._cancel),
            ("annotate.close-outline", self._close),
            ("annotate.versions", self._show_versions),
            *((f"annotate.channel{n}", partial(self.display.step_channel, n)) for n in range(1, 5)),
        ):
            self._actions.action(id).triggered.connect(lambda _=False, do=doing: do())

    # What the window calls

    def activate(self) -> None:
        """Show the current case, or the first."""
        cases = self._session.cases()
        if cases and not self._session.current_case:
            self._session.set_current_case(cases[0].id)
        elif self._shown != self._session.current_case:
            self._case_chosen(self._session.current_case)
        self.cases.load_thumbnails()
        # Keys belong to the tools; the filter would swallow them.
        self.view.panes[0].setFocus()

    def may_close(self) -> bool:
        """Keep the note, and the mask as a version; strokes are on disk already."""
        self.long_edits.cancel()
        self.pointer.cancel()
        self.case.keep_note()
        self.editor.close()
        return True

    # Cases

    def _project_changed(self) -> None:
        self._shown = ""
        self.long_edits.cancel()
        self.pointer.cancel()
        self.editor.forget()
        self.view.set_scan(None)
        self.assist.case_changed()
        self._cases_changed()

    def _cases_changed(self) -> None:
        self._stack.setCurrentWidget(self._work if self._session.cases() else self._none)

    def _case_chosen(self, case: str) -> None:
        if not self.isVisible() and case != "":
            return
        self.long_edits.cancel()
        self.pointer.cancel()
        self.case.keep_note()
        try:
            self.editor.open(case)
            self._shown = case
            self.view.set_scan(self._session.opened.scan(case) if case else None)
        except RareSegError as error:
            report_error(self, error)
            self.view.set_scan(None)
            return
        self.view.set_labels(self.editor.labels)
        self._go_to_lesion()
        self.display.scan_changed()
        self.tools.scan_changed(self.view.volume, writable=self.editor.may_edit)
        self.changes.scan_changed()
        self.case.case_changed()
        self.assist.case_changed()
        self.area.show_case(case)
        if self.cases.filter.hasFocus() and not self.cases.filter.text():
            self.view.panes[0].setFocus()
        self._tool_changed()
        self._show_saved()

    def _go_to_lesion(self) -> None:
        labels = self.editor.labels
        if labels is None:
            return
        plane = fullest_plane(labels)
        if plane is not None:
            inside = Box.around(labels[plane : plane + 1] == 1)
            if inside is not None:
                self.view.set_crosshair(
                    (plane, (inside.start[1] + inside.stop[1]) // 2, (inside.start[2] + inside.stop[2]) // 2)
                )

    def _mask_changed_elsewhere(self, case: str) -> None:
        if case == self.editor.case and self._session.project is not None and not self.editor.unsaved:
            self.long_edits.cancel()
            self.editor.reload()
            self.view.refresh()

    # Tools

    def _tool_changed(self) -> None:
        shape = Qt.CursorShape.CrossCursor if self.tools.tool is not Tool.NAVIGATE else Qt.CursorShape.ArrowCursor
        for pane in self.view.panes:
            pane.setCursor(shape)
        self._show_brush()

    def _show_brush(self) -> None:
        volume = self.view.volume
        radius = 0.0
        if volume is not None and self.tools.tool in (Tool.BRUSH, Tool.ADAPTIVE) and self.editor.may_edit:
            radius = self.tools.brush.radius_mm(volume.grid, 0)
        if radius != self.view.brush_mm:
            self.view.set_brush(radius)

    def _close(self) -> None:
        """Enter: close the outline; with strokes, take over what they found, or work it out first."""
        if self.assist.has_preview:
            self.assist.accept()
        elif self.tools.tool is Tool.SEEDS:
            self.assist.preview()
        else:
            self.pointer.hand.close()

    def _cancel(self) -> None:
        """Esc: give up what is being worked out, or the outline, or the preview, or the strokes."""
        if not self.long_edits.cancel() and not self.pointer.cancel():
            self.assist.discard()

    def _undo(self) -> None:
        if self.isVisible():
            self.editor.undo()

    def _redo(self) -> None:
        if self.isVisible():
            self.editor.redo()

    # Versions

    def _show_versions(self) -> None:
        case = self._session.case(self.editor.case) if self.editor.case else None
        if case is None:
            return
        project = self._session.opened
        dialog = VersionsDialog(
            self,
            case,
            project.mask_versions(case.id),
            strokes=project.unsaved_strokes(case.id),
            writable=self.editor.may_edit,
        )
        dialog.compared.connect(self.assist.show_version)
        dialog.restored.connect(self._restore)
        dialog.open()

    def _restore(self, number: int) -> None:
        """Make an old version the mask again, as one stroke."""
        project, case = self._session.opened, self.editor.case
        try:
            old = project.mask_version(case, number).labels
            self.editor.replace(old, f"Restore version {number}")
            project.log("version restored", author=self._session.reviewer, case=case, detail=f"version {number}")
        except RareSegError as error:
            report_error(self, error)

    # Words

    def _edited(self, box: Box) -> None:
        self.view.refresh(box)

    def _say_under(self, words: str) -> None:
        if not self.long_edits.doing:
            self.under.setText(words)

    def _show_doing(self) -> None:
        doing = self.long_edits.doing
        self.under.setText(f"{doing} is being worked out; you can look around. Esc gives it up." if doing else "")

    def _show_saved(self) -> None:
        editor, actions = self.editor, self._actions
        may = editor.may_edit
        actions.enable("edit.undo", may and editor.can_undo, "there is no stroke to take back")
        actions.enable("edit.redo", may and editor.history.can_redo, "there is nothing to repeat")
        self.case.refresh()
        case = self._session.case(editor.case) if editor.case else None
        actions.enable("annotate.versions", case is not None, "no case is shown")
        if case is None:
            self.saved.setText("")
            self.facts.setText("")
            return
        self.saved.setText(f"{count(editor.unsaved, 'stroke')} not saved" if editor.unsaved else "All strokes saved")
        set_role(self.saved, "danger" if editor.unsaved else "small")
        places = 2 if case.volume_ml >= 1 else 4  # a lesion of a few voxels is more than 0.00 ml
        volume = f"{case.volume_ml:.{places}f} ml" if case.grid.calibrated else count(case.foreground_voxels, "voxel")
        spent = self._session.opened.work_on(case.id)
        cost = f" · {in_words(spent.seconds)} · {count(spent.strokes, 'stroke')}" if spent.strokes else ""
        self.facts.setText(f"{case.state.value} · {volume} · {100 * case.prevalence:.3f} %{cost}   ")
