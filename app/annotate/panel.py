"""Workspace Annotate: look at a scan and paint its mask; every stroke is on disk before the next one starts."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt
from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QScrollArea, QStackedLayout, QVBoxLayout, QWidget

from app.actions import Actions
from app.annotate.case_controls import CaseControls
from app.annotate.case_desk import CaseDesk
from app.annotate.case_list import CaseList
from app.annotate.mask_editor import MaskEditor
from app.annotate.opened_case import Figures, OpenedCase
from app.annotate.tool_controls import ToolControls, ToolName
from app.annotate.top_bar import TopBar
from app.background import Background
from app.errors import ask, report_error, report_notice
from app.session import Session
from app.settings import Settings
from app.theme import SPACE_1, SPACE_2, SPACE_3
from app.viewer.display_controls import DisplayControls
from app.viewer.plane_geometry import Plane
from app.viewer.scan_pictures import COLOUR
from app.viewer.scan_view import ScanView
from app.viewer.tools import BrushTool, FillRequest, FillTool, PolygonTool, Tool
from app.widgets.empty_state import EmptyState
from app.widgets.wording import count, percent
from segcore.annotation.fill import flood_fill
from segcore.errors import RareSegError
from segcore.geometry import Box
from segcore.projects.case import CaseState
from segcore.scans.volume import BACKGROUND

_SIDE = 304
_FILLING = "filling"
#: A fill that takes more of the scan than this was hardly meant.
_LARGE_FILL = 0.1
_GREEN = 1


class AnnotatePanel(QWidget):
    """Cases on the left, the scan in the middle, tools and display on the right."""

    def __init__(self, session: Session, actions: Actions, background: Background, settings: Settings) -> None:
        super().__init__()
        self._session, self._actions, self._background = session, actions, background
        self.editor = MaskEditor(session, self)
        self.desk = CaseDesk(session, background, self.editor, self._may_lose, self)
        self.view = ScanView()
        self.cases = CaseList(session, background)
        self.tools = ToolControls(actions)
        self.display = DisplayControls(self.view)
        self.case = CaseControls(actions)
        self.top = TopBar(actions)
        self.under = QLabel()
        self._tools = self._make_tools()
        self._lay_out()
        self._connect()
        self._connect_actions()
        self._show_page()

    def _make_tools(self) -> dict[ToolName, Tool | None]:
        controls = self.tools
        brush = BrushTool(self.editor, lambda: controls.brush, lambda: controls.value)
        return {
            ToolName.NAVIGATE: None,
            ToolName.BRUSH: brush,
            ToolName.ERASER: brush,
            ToolName.LASSO: PolygonTool(self.editor, lambda: controls.value, self.view.tool_changed),
            ToolName.FILL: FillTool(self.editor, controls.through.isChecked, self._fill),
        }

    def _lay_out(self) -> None:
        act = self._actions.action
        self._no_cases = EmptyState(
            "annotate",
            "No case to annotate",
            "Import scans in the Data workspace, or open the demo project; then choose a case here.",
            [act("view.data"), act("file.open"), act("file.demo")],
        )
        self.under.setProperty("role", "small")
        self.under.setMinimumHeight(18)
        centre = QVBoxLayout()
        centre.setContentsMargins(0, SPACE_2, 0, SPACE_1)
        centre.setSpacing(SPACE_1)
        centre.addWidget(self.top)
        centre.addWidget(self.view, 1)
        centre.addWidget(self.under)
        work = QWidget()
        row = QHBoxLayout(work)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(SPACE_2)
        row.addWidget(self.cases)
        row.addLayout(centre, 1)
        row.addWidget(self._make_side())
        self._work = work
        self._pages = QStackedLayout(self)
        self._pages.addWidget(self._no_cases)
        self._pages.addWidget(work)

    def _make_side(self) -> QWidget:
        page = QWidget()
        page.setProperty("role", "page")
        column = QVBoxLayout(page)
        column.setContentsMargins(SPACE_1, SPACE_2, SPACE_3, SPACE_2)
        column.setSpacing(SPACE_2)
        for title, widget in (("Tools", self.tools), ("Case", self.case), ("Display", self.display)):
            heading = QLabel(title)
            heading.setProperty("role", "heading")
            line = QFrame()
            line.setProperty("role", "line")
            if title != "Tools":
                column.addWidget(line)
            column.addWidget(heading)
            column.addWidget(widget)
        column.addStretch(1)
        side = QScrollArea()
        side.setFrameShape(QFrame.Shape.NoFrame)
        side.setWidgetResizable(True)
        side.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        side.setWidget(page)
        side.setFixedWidth(_SIDE)
        return side

    def _connect(self) -> None:
        session = self._session
        session.projectClosing.connect(self._project_closing)
        session.projectChanged.connect(self._project_changed)
        session.casesChanged.connect(self._show_page)
        session.currentCaseChanged.connect(self._case_chosen)
        session.caseChanged.connect(self._case_changed)
        session.maskChanged.connect(self._case_changed)
        self.desk.opened.connect(self._opened)
        self.desk.counted.connect(self._counted)
        self.desk.failed.connect(partial(report_error, self))
        self.editor.edited.connect(self.view.refresh)
        self.editor.changed.connect(self._show_saved)
        self.editor.failed.connect(partial(report_error, self))
        self.view.hovered.connect(self.under.setText)
        self.view.radiusScrolled.connect(self.tools.step_radius)
        self.view.layoutChanged.connect(self._show_layout)
        self.tools.toolChosen.connect(lambda: self.view.set_tool(self._tools[self.tools.tool]))
        self.tools.changed.connect(self.view.tool_changed)
        self.case.noteWritten.connect(self._keep_note)
        self.display.visible.toggled.connect(self._actions.action("annotate.masks").setChecked)
        self._actions.action("annotate.masks").setChecked(True)

    def _connect_actions(self) -> None:
        for id, doing in (
            ("edit.undo", self._undo),
            ("edit.redo", self._redo),
            ("annotate.next", partial(self.cases.step, 1)),
            ("annotate.previous", partial(self.cases.step, -1)),
            ("annotate.complete", partial(self._set_state, CaseState.COMPLETE)),
            ("annotate.empty", partial(self._set_state, CaseState.CONFIRMED_EMPTY)),
            ("annotate.draft", partial(self._set_state, CaseState.DRAFT)),
            ("annotate.flag", partial(self._set_state, CaseState.FLAGGED)),
            ("annotate.layout", self._toggle_layout),
            ("annotate.fit", self.view.fit),
            ("annotate.masks", self.display.visible.toggle),
            *((f"annotate.channel{n}", partial(self.display.choose_channel, n)) for n in range(1, 10)),
        ):
            self._actions.action(id).triggered.connect(lambda _=False, do=doing: do())
        self.top.saveAsked.connect(self.editor.save_again)

    # What the window calls

    def activate(self) -> None:
        """Show the current case, or the first one."""
        self._show_page()
        cases = self._session.cases()
        if cases and not self._session.current_case:
            self._session.set_current_case(cases[0].id)
        self._case_chosen(self._session.current_case)
        self._show_saved()
        # Keys belong to the tools; the filter would swallow them.
        self.view.panes[0].setFocus()

    def may_close(self) -> bool:
        """Finish what is going on; ask if strokes would be lost."""
        self.case.flush_note()
        self._put_tool_down()
        if self.editor.unsaved and not self.editor.save_again() and not self._may_lose(self.editor.unsaved):
            return False
        self.desk.keep_version_now()
        return True

    def hideEvent(self, event: QHideEvent) -> None:
        """Another workspace comes: what was painted becomes a version, so that it can be trained on and reviewed."""
        super().hideEvent(event)
        self._put_tool_down()
        self.desk.keep_version()
        for id in ("edit.undo", "edit.redo"):
            self._actions.enable(id, False, "strokes are taken back in Annotate")

    # Cases

    def _show_page(self) -> None:
        self._pages.setCurrentWidget(self._work if self._session.cases() else self._no_cases)

    def _project_closing(self) -> None:
        self.case.flush_note()
        self._put_tool_down()
        self.desk.keep_version_now()

    def _project_changed(self) -> None:
        self.desk.forget()
        self._show_page()

    def _case_chosen(self, case: str) -> None:
        if self._session.project is None or (case and not self.isVisible()):
            return
        self.case.flush_note()
        self._put_tool_down()
        if not self.desk.show(case):
            self._session.set_current_case(self.desk.wanted)

    def _opened(self, found: OpenedCase | None) -> None:
        self._put_tool_down()
        self.view.set_scan(found.scan if found is not None else None)
        if found is not None:
            self.view.set_labels(found.mask.labels)
            self.view.set_crosshair(found.look)
        self.display.scan_changed()
        locked = "the project is open for reading only" if not self._session.is_writable else ""
        self.tools.scan_changed(self.view.shown, locked if found is not None else "choose a case first")
        case = self._session.case(found.id) if found is not None else None
        self.case.show_case(case)
        self.top.show_case(case)
        for id in ("annotate.complete", "annotate.empty", "annotate.draft", "annotate.flag"):
            self._actions.enable(id, case is not None and not locked, locked or "choose a case first")
        if self.cases.filter.hasFocus() and not self.cases.filter.text():
            self.view.panes[0].setFocus()
        self._show_saved()

    def _case_changed(self, case: str) -> None:
        if case == self.editor.case:
            self.case.show_state(self._session.case(case))

    def _counted(self, figures: Figures) -> None:
        case = self._session.case(self.editor.case)
        if case is not None:
            self.case.show_figures(case, figures)

    def _set_state(self, state: CaseState) -> None:
        if not self.editor.case:
            return
        self._put_tool_down()
        try:
            self._session.set_state([self.editor.case], state)
        except RareSegError as error:
            report_error(self, error)

    def _keep_note(self, note: str) -> None:
        project, case = self._session.project, self.editor.case
        if project is None or not case or project.read_only:
            return
        try:
            project.set_note(case, note)
        except RareSegError as error:
            report_error(self, error)
        else:
            self._session.notify_case(case)

    def _may_lose(self, strokes: int) -> bool:
        lose = f"Lose {count(strokes, 'stroke')}"
        question = f"{count(strokes, 'stroke')} on {self.editor.case} could not be saved. What now?"
        detail = "Free some space, or make the project's folder writable; then stay, and they are saved by themselves."
        return ask(self, question, (lose, "Stay"), detail=detail, danger=lose) == lose

    # Painting

    def _put_tool_down(self) -> None:
        """End a stroke, drop an outline."""
        tool = self._tools[self.tools.tool]
        if tool is not None:
            tool.cancel()

    def _undo(self) -> None:
        if self.isVisible():
            self._put_tool_down()
            self.editor.undo()

    def _redo(self) -> None:
        if self.isVisible():
            self._put_tool_down()
            self.editor.redo()

    def _fill(self, request: FillRequest) -> None:
        """Flood in the background: through a large scan it takes seconds."""
        shown, mask = self.view.shown, self.editor.mask
        if shown is None or mask is None:
            return
        # In colour photographs lesions stand out best in green: blood absorbs it, and red is often saturated.
        channel = _GREEN if shown.channel == COLOUR else shown.channel
        voxels = shown.scan.volume.voxels[channel]
        tolerance, value = self.tools.tolerance.value(), BACKGROUND if request.erases else self.tools.value
        self.editor.lock(_FILLING)
        self.under.setText("Filling…")

        def done(found: tuple[Box, NDArray[np.bool_]]) -> None:
            self.under.setText("")
            if self.editor.mask is mask:
                self.editor.unlock(_FILLING)
                self._paint_fill(*found, value)

        def failed(error: Exception) -> None:
            if self.editor.mask is mask:
                self.editor.unlock(_FILLING)
            report_error(self, error)

        self._background.run(
            lambda _: flood_fill(voxels, request.seed, tolerance, three_d=request.plane is None, axis=request.plane),
            done=done,
            failed=failed,
            owner=self,
        )

    def _paint_fill(self, box: Box, where: NDArray[np.bool_], value: int) -> None:
        self.editor.begin("Fill")
        self.editor.paint(box, where, value)
        self.editor.finish()
        share = np.count_nonzero(where) / self.editor.labels.size if self.editor.labels is not None else 0.0
        if share > _LARGE_FILL:
            report_notice(self, f"The fill took {percent(share)} of the scan. Ctrl+Z takes it back.", kind="warning")

    # Words and looks

    def _toggle_layout(self) -> None:
        under_pointer = next((pane.plane for pane in self.view.panes if pane.underMouse()), Plane.AXIAL)
        self.view.toggle_alone(under_pointer)

    def _show_layout(self) -> None:
        flat = self.view.shown is not None and self.view.shown.grid.is_2d
        self._actions.action("annotate.layout").setChecked(self.view.alone is not None)
        self._actions.enable("annotate.layout", not flat, "this scan has one plane only")

    def _show_saved(self) -> None:
        if not self.isVisible():
            return
        history = self.editor.history
        self._actions.enable("edit.undo", history.can_undo, "there is no stroke to take back")
        self._actions.enable("edit.redo", history.can_redo, "there is nothing to do again")
        self.top.show_saved(self.editor.unsaved, is_open=bool(self.editor.case), writable=self._session.is_writable)
