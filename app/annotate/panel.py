"""Workspace Annotate: the viewer with painting tools; strokes are on disk before the next one starts."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QScrollArea, QStackedLayout, QVBoxLayout, QWidget

from app.actions import Actions
from app.annotate.mask_changes import MaskChanges
from app.annotate.mask_editor import MaskEditor
from app.annotate.tool_controls import ToolControls, heading
from app.annotate.tools import BrushStroke, Tool, fill_edit, lasso_edit
from app.background import Background
from app.errors import report_error
from app.session import Session
from app.settings import Settings
from app.theme import SPACE_2
from app.viewer.case_list import CaseList
from app.viewer.display_controls import DisplayControls
from app.viewer.scan_view import ScanView
from app.widgets.action_button import ActionButton
from app.widgets.empty_state import EmptyState
from segcore.errors import RareSegError
from segcore.geometry import Box
from segcore.projects.case import CaseState
from segcore.scans.volume import Volume

Place = tuple[float, float, float]


class AnnotatePanel(QWidget):
    """Look at a scan and paint its mask."""

    def __init__(self, session: Session, actions: Actions, background: Background, settings: Settings) -> None:
        super().__init__()
        self._session, self._actions = session, actions
        self.editor = MaskEditor(session, self)
        self.view = ScanView()
        self.cases = CaseList(session)
        self.display = DisplayControls(self.view)
        self.tools = ToolControls(actions)
        self.changes = MaskChanges(actions, self.editor, self.view, self.tools)
        self._stroke: BrushStroke | None = None
        self._points: list[tuple[float, float]] = []
        self._lasso_axis = -1
        self._shown = ""
        self.saved = QLabel()
        self.facts = QLabel()
        self.under = QLabel()
        self.note = QLineEdit()
        self.note.setPlaceholderText("Note on this case (no names of patients)")
        self.note.setAccessibleName("Note on this case")
        self.note.setMaxLength(500)
        self._build()
        self._connect()
        self._project_changed()

    def _build(self) -> None:
        for label in (self.saved, self.facts, self.under):
            label.setProperty("role", "small")
        self.saved.setObjectName("saved-state")
        status = QHBoxLayout()
        status.addWidget(self.under, 1)
        status.addWidget(self.facts)
        status.addWidget(self.saved)
        centre = QVBoxLayout()
        centre.setContentsMargins(0, SPACE_2, 0, SPACE_2)
        centre.addWidget(self.view, 1)
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
        complete, empty, flag = (
            ActionButton(self._actions.action(f"annotate.{id}")) for id in ("complete", "empty", "flag")
        )
        row = QHBoxLayout()
        row.addWidget(empty, 1)
        row.addWidget(flag)
        side.addWidget(self.tools)
        side.addWidget(self.changes)
        side.addWidget(heading("Case"))
        side.addWidget(complete)
        side.addLayout(row)
        side.addWidget(self.note)
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
        self.note.editingFinished.connect(self._keep_note)
        self.editor.edited.connect(self._edited)
        self.editor.savedChanged.connect(self._show_saved)
        self.editor.failed.connect(partial(report_error, self))
        self.view.pressed.connect(self._pressed)
        self.view.moved.connect(self._moved)
        self.view.released.connect(self._released)
        self.view.doubleClicked.connect(self._double_clicked)
        self.view.hovered.connect(self.under.setText)
        self.view.radiusScrolled.connect(self.tools.change_radius)
        self.view.cursorMoved.connect(self._show_brush)
        self.tools.changed.connect(self._tool_changed)
        for id, doing in (
            ("edit.undo", self._undo),
            ("edit.redo", self._redo),
            ("annotate.next", partial(self.cases.step, 1)),
            ("annotate.previous", partial(self.cases.step, -1)),
            ("annotate.complete", partial(self._set_state, CaseState.COMPLETE)),
            ("annotate.empty", partial(self._set_state, CaseState.CONFIRMED_EMPTY)),
            ("annotate.flag", partial(self._set_state, CaseState.FLAGGED)),
            ("annotate.fit", self.view.fit),
            ("annotate.cancel", self._cancel_lasso),
            ("annotate.close-outline", self._close_lasso),
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
        self._keep_note()
        self.editor.close()
        return True

    # Cases

    def _project_changed(self) -> None:
        self._shown = ""
        self.editor.mask, self.editor.case = None, ""
        self.view.set_scan(None)
        self._cases_changed()

    def _cases_changed(self) -> None:
        self._stack.setCurrentWidget(self._work if self._session.cases() else self._none)

    def _case_chosen(self, case: str) -> None:
        if not self.isVisible() and case != "":
            return
        self._keep_note()
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
        found = self._session.case(case) if case else None
        self.note.setText(found.note if found is not None else "")
        self.note.setEnabled(self.editor.may_edit)
        if self.cases.filter.hasFocus() and not self.cases.filter.text():
            self.view.panes[0].setFocus()
        self._tool_changed()
        self._show_saved()

    def _go_to_lesion(self) -> None:
        labels = self.editor.labels
        if labels is None:
            return
        per_plane = (labels == 1).sum(axis=(1, 2))
        if per_plane.any():
            plane = int(per_plane.argmax())
            inside = Box.around(labels[plane : plane + 1] == 1)
            if inside is not None:
                self.view.set_crosshair(
                    (plane, (inside.start[1] + inside.stop[1]) // 2, (inside.start[2] + inside.stop[2]) // 2)
                )

    def _mask_changed_elsewhere(self, case: str) -> None:
        if case == self.editor.case and self._session.project is not None and not self.editor.unsaved:
            fresh = self._session.project.mask(case)
            if self.editor.mask is not None:
                self.editor.mask.labels[...] = fresh.labels
                self.view.refresh()

    def _set_state(self, state: CaseState) -> None:
        if not self.editor.case:
            return
        try:
            self._session.set_state([self.editor.case], state)
        except RareSegError as error:
            report_error(self, error)
        self._show_saved()

    def _keep_note(self) -> None:
        found = self._session.case(self.editor.case) if self.editor.case else None
        if found is None or found.note == self.note.text() or not self._session.is_writable:
            return
        try:
            self._session.opened.set_note(found.id, self.note.text())
        except RareSegError as error:
            report_error(self, error)
            return
        self._session.notify_case(found.id)

    # Tools

    def _tool_changed(self) -> None:
        self._cancel_lasso()
        shape = Qt.CursorShape.CrossCursor if self.tools.tool is not Tool.NAVIGATE else Qt.CursorShape.ArrowCursor
        for pane in self.view.panes:
            pane.setCursor(shape)
        self._show_brush()

    def _show_brush(self) -> None:
        volume = self.view.volume
        radius = 0.0
        if volume is not None and self.tools.tool is Tool.BRUSH and self.editor.may_edit:
            radius = self.tools.brush.radius_mm(volume.grid, 0)
        if radius != self.view.brush_mm:
            self.view.set_brush(radius)

    def _value(self, event: QMouseEvent) -> int:
        erases = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        return 0 if erases else self.tools.paint_value

    def _pressed(self, axis: int, place: Place, event: QMouseEvent) -> None:
        volume, labels = self.view.volume, self.editor.labels
        if volume is None:
            return
        tool = self.tools.tool
        if tool is Tool.NAVIGATE or labels is None or not self.editor.may_edit:
            self.view.set_crosshair((round(place[0]), round(place[1]), round(place[2])))
        elif tool is Tool.BRUSH:
            limits = self.tools.limits(self._channel(volume))
            self._stroke = BrushStroke(labels, self.tools.brush, volume.grid, axis, self._value(event), limits)
            self._paint_to(place)
        elif tool is Tool.LASSO:
            if axis != self._lasso_axis:
                self._cancel_lasso()
            self._lasso_axis = axis
            self._add_point(axis, place)
        elif tool is Tool.FILL:
            channel = self._channel(volume)
            within = None if self.tools.brush.three_d else axis
            self.editor.keep(fill_edit(labels, channel, place, self.tools.tolerance, self._value(event), within))

    def _channel(self, volume: Volume) -> NDArray[np.generic]:
        """Return the voxels by which tools judge: the shown channel; of a photograph green, where contrast is best."""
        return np.asarray(volume.voxels[self.view.channel if not volume.is_photograph else 1])

    def _moved(self, axis: int, place: Place, event: QMouseEvent) -> None:
        if self._stroke is not None:
            self._paint_to(place)
        elif self.tools.tool is Tool.NAVIGATE:
            self.view.set_crosshair((round(place[0]), round(place[1]), round(place[2])))
        elif self.tools.tool is Tool.LASSO and axis == self._lasso_axis:
            self._add_point(axis, place)

    def _released(self, axis: int, place: Place, event: QMouseEvent) -> None:
        if self._stroke is not None:
            stroke, self._stroke = self._stroke, None
            self.editor.keep(stroke.finish())
        elif self.tools.tool is Tool.LASSO and axis == self._lasso_axis and len(self._points) > 8:
            self._close_lasso()

    def _double_clicked(self, axis: int, place: Place, event: QMouseEvent) -> None:
        if self.tools.tool is Tool.LASSO and len(self._points) > 2:
            self._close_lasso()
        elif self.tools.tool is Tool.NAVIGATE and self.view.volume is not None and not self.view.volume.grid.is_2d:
            self.view.toggle_single(axis)

    def _paint_to(self, place: Place) -> None:
        if self._stroke is not None:
            box = self._stroke.to(place)
            if box is not None:
                self.view.refresh(box)

    def _add_point(self, axis: int, place: Place) -> None:
        plane = self.view.panes[axis].geometry_of
        if plane is not None:
            self._points.append(plane.to_screen(place))
            self.view.set_shape(axis, [*self._points])

    def _close_lasso(self) -> None:
        labels, axis, points = self.editor.labels, self._lasso_axis, self._points
        self._cancel_lasso()
        if labels is None or axis < 0:
            return
        plane = self.view.panes[axis].geometry_of
        if plane is not None:
            index = self.view.crosshair[axis]
            self.editor.keep(lasso_edit(labels, plane, index, points, self.tools.paint_value))

    def _cancel_lasso(self) -> None:
        self._points = []
        if self._lasso_axis >= 0:
            self.view.set_shape(self._lasso_axis, [])
        self._lasso_axis = -1

    def _undo(self) -> None:
        if self.isVisible():
            self.editor.undo()

    def _redo(self) -> None:
        if self.isVisible():
            self.editor.redo()

    # Words

    def _edited(self, box: Box) -> None:
        self.view.refresh(box)

    def _show_saved(self) -> None:
        editor, actions = self.editor, self._actions
        actions.enable("edit.undo", bool(editor.history.undo_label), "there is no stroke to take back")
        actions.enable("edit.redo", bool(editor.history.redo_label), "there is nothing to repeat")
        case = self._session.case(editor.case) if editor.case else None
        if case is None:
            self.saved.setText("")
            self.facts.setText("")
            return
        self.saved.setText(f"{editor.unsaved} strokes not saved" if editor.unsaved else "All strokes saved")
        self.saved.setProperty("role", "danger" if editor.unsaved else "small")
        volume = f"{case.volume_ml:.2f} ml" if case.grid.calibrated else f"{case.foreground_voxels} voxels"
        self.facts.setText(f"{case.state.value} · {volume} · {100 * case.prevalence:.3f} %   ")
