"""Choosing the loss: one to four entries of the catalogue, their weights and their parameters."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QLabel, QPushButton, QVBoxLayout, QWidget

from app.theme import indent_numbers
from app.train.course_plot import CoursePlot
from app.widgets.setting_editor import SettingEditor
from segcore.catalog.entry import Entry, find
from segcore.catalog.loss_settings import RAMP, WEIGHT
from segcore.catalog.losses import LOSSES
from segcore.training.courses import weights_over_run
from segcore.training.recipe import MOST_TERMS, LossTerm


class LossTermEditor(QWidget):
    """One term of the loss.

    Signals
    -------
    changed
        The person chose another loss, weight or parameter.
    removed
        The person does not want this loss any more.
    """

    changed = Signal()
    removed = Signal()

    def __init__(self, term: LossTerm, *, with_weight: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._names = QComboBox()
        self._names.setAccessibleName("Loss")
        self._names.setObjectName("loss-name")
        for entry in LOSSES:
            self._names.addItem(entry.label, entry.name)
        self._layout.addWidget(self._names)
        self._help = QLabel()
        self._help.setWordWrap(True)
        self._help.setProperty("role", "hint")
        self._layout.addWidget(self._help)
        self._weight, self._ramp = SettingEditor(WEIGHT, term.weight), SettingEditor(RAMP, term.ramp)
        self._remove = QPushButton("Remove this loss")
        self._remove.setObjectName("loss-remove")
        self._remove.clicked.connect(self.removed)
        # Into the layout first: a widget without a parent would show as a window of its own.
        for widget in (self._weight, self._ramp, self._remove):
            self._layout.addWidget(widget)
        self._weight.changed.connect(self.changed)
        self._ramp.changed.connect(self.changed)
        self.show_as_part(with_weight)
        self._parameters: list[SettingEditor] = []
        self._advanced = False
        self.set_term(term)
        self._names.currentIndexChanged.connect(self._loss_chosen)

    @property
    def entry(self) -> Entry:
        """The chosen entry of the catalogue."""
        return find("loss", str(self._names.currentData()), LOSSES)

    def show_as_part(self, part: bool) -> None:
        """Show weight, growth and removal only where there is a sum."""
        for widget in (self._weight, self._ramp, self._remove):
            widget.setVisible(part)

    def show_advanced(self, on: bool) -> None:
        """Show the settings that are hidden until a person asks for all; those that were changed are always shown."""
        self._advanced = on
        for editor in self._parameters:
            changed = editor.value() != editor.setting.domain.default
            editor.setVisible(on or changed or not editor.setting.advanced)

    def term(self) -> LossTerm:
        """Return the term with those parameters that differ from the catalogue's defaults."""
        changed = tuple(
            (editor.setting.name, editor.value())
            for editor in self._parameters
            if editor.value() != editor.setting.domain.default
        )
        return LossTerm(
            name=self.entry.name,
            weight=float(self._weight.value()),
            ramp=float(self._ramp.value()),
            parameters=changed,
        )

    def set_term(self, term: LossTerm) -> None:
        """Show `term`; an unknown name is answered by `UnknownName`."""
        find("loss", term.name, LOSSES)
        self._names.blockSignals(True)
        self._names.setCurrentIndex(self._names.findData(term.name))
        self._names.blockSignals(False)
        self._weight.set_value(term.weight)
        self._ramp.set_value(term.ramp)
        self._show_entry()
        given = dict(term.parameters)
        for editor in self._parameters:
            if editor.setting.name in given:
                editor.set_value(given[editor.setting.name])
        self.show_advanced(self._advanced)

    def _loss_chosen(self) -> None:
        self._show_entry()
        self.changed.emit()

    def _show_entry(self) -> None:
        entry = self.entry
        warning = (
            " <b>Give it a companion:</b> alone it learns nothing from empty patches." if entry.needs_companion else ""
        )
        empty = f" On a patch without lesion: {entry.empty_patch}" if entry.empty_patch else ""
        self._help.setText(f"{entry.help}{empty}{warning}")
        self._names.setToolTip(f"{entry.help}\n{entry.paper}")
        for editor in self._parameters:
            self._layout.removeWidget(editor)
            editor.deleteLater()
        self._parameters = [SettingEditor(item) for item in entry.parameters]
        for editor in self._parameters:
            editor.changed.connect(self.changed)
            self._layout.addWidget(editor)
        indent_numbers(self)
        self.show_advanced(self._advanced)


class LossEditor(QWidget):
    """One loss, or the weighted sum of up to four.

    Signals
    -------
    changed
        Anything about the loss changed.
    """

    changed = Signal()

    def __init__(self, terms: tuple[LossTerm, ...], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._editors: list[LossTermEditor] = []
        self._more = QPushButton("Add another loss")
        self._more.setObjectName("loss-more")
        self._more.setToolTip(
            "The weighted sum is minimised; pixel and overlap losses complement each other, and losses of borders and "
            "lines need one of these beside them."
        )
        self._layout.addWidget(self._more)
        self._more.clicked.connect(self._add_wanted)
        self.plot = CoursePlot("Weight of each loss over the run")
        self._layout.addWidget(self.plot)
        self._advanced = False
        self.changed.connect(self._draw)
        self.set_terms(terms)

    def show_advanced(self, on: bool) -> None:
        """Show all settings of every loss, or those only that a person needs first."""
        self._advanced = on
        for editor in self._editors:
            editor.show_advanced(on)

    def terms(self) -> tuple[LossTerm, ...]:
        """Return one to four terms."""
        if len(self._editors) > 1:
            return tuple(editor.term() for editor in self._editors)
        only = self._editors[0].term()
        return (LossTerm(name=only.name, parameters=only.parameters),)

    def set_terms(self, terms: tuple[LossTerm, ...]) -> None:
        """Show one to four terms."""
        while len(self._editors) > len(terms):
            self._drop(self._editors[-1])
        for editor, term in zip(self._editors, terms, strict=False):
            editor.set_term(term)
        for term in terms[len(self._editors) :]:
            self._append(term)
        self._show_parts()
        self._draw()

    def _draw(self) -> None:
        self.plot.show_courses(weights_over_run(self.terms()) if len(self._editors) > 1 else ())

    def _append(self, term: LossTerm) -> None:
        editor = LossTermEditor(term, with_weight=True)
        editor.show_advanced(self._advanced)
        self._layout.insertWidget(len(self._editors), editor)
        self._editors.append(editor)
        editor.changed.connect(self.changed)
        editor.removed.connect(self._removal_wanted)

    def _drop(self, editor: LossTermEditor) -> None:
        self._editors.remove(editor)
        self._layout.removeWidget(editor)
        editor.hide()
        editor.deleteLater()

    def _show_parts(self) -> None:
        for editor in self._editors:
            editor.show_as_part(len(self._editors) > 1)
        self._more.setVisible(len(self._editors) < MOST_TERMS)

    def _add_wanted(self) -> None:
        used = {editor.entry.name for editor in self._editors}
        self._append(LossTerm(name=next(name for name in ("bce", "dice", "top_k", "boundary") if name not in used)))
        self._show_parts()
        self.changed.emit()

    def _removal_wanted(self) -> None:
        editor = self.sender()
        if isinstance(editor, LossTermEditor):
            self._drop(editor)
            self._show_parts()
            self.changed.emit()
