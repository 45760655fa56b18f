"""Choosing the loss: one or two entries of the catalogue, their weights and their parameters."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QLabel, QVBoxLayout, QWidget

from app.widgets.setting_editor import SettingEditor
from segcore.catalog.entry import Entry, find
from segcore.catalog.losses import LOSSES
from segcore.ranges import Range, Setting
from segcore.training.recipe import LossTerm

_WEIGHT = Setting(
    name="weight",
    label="Weight",
    help="Factor of this loss in the sum.",
    domain=Range(low=0.01, high=100.0, default=1.0, step=0.1),
)


class LossTermEditor(QWidget):
    """One term of the loss.

    Signals
    -------
    changed
        The person chose another loss, weight or parameter.
    """

    changed = Signal()

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
        self._weight = SettingEditor(_WEIGHT, term.weight)
        self._weight.changed.connect(self.changed)
        # Into the layout first: a widget without a parent would show as a window of its own.
        self._layout.addWidget(self._weight)
        self._weight.setVisible(with_weight)
        self._parameters: list[SettingEditor] = []
        self.set_term(term)
        self._names.currentIndexChanged.connect(self._loss_chosen)

    @property
    def entry(self) -> Entry:
        """The chosen entry of the catalogue."""
        return find("loss", str(self._names.currentData()), LOSSES)

    def show_weight(self, visible: bool) -> None:
        """Show the weight only where there is a sum."""
        self._weight.setVisible(visible)

    def term(self) -> LossTerm:
        """Return the term with those parameters that differ from the catalogue's defaults."""
        changed = tuple(
            (editor.setting.name, editor.value())
            for editor in self._parameters
            if editor.value() != editor.setting.domain.default
        )
        return LossTerm(name=self.entry.name, weight=float(self._weight.value()), parameters=changed)

    def set_term(self, term: LossTerm) -> None:
        """Show `term`; an unknown name is answered by `UnknownName`."""
        find("loss", term.name, LOSSES)
        self._names.blockSignals(True)
        self._names.setCurrentIndex(self._names.findData(term.name))
        self._names.blockSignals(False)
        self._weight.set_value(term.weight)
        self._show_entry()
        given = dict(term.parameters)
        for editor in self._parameters:
            if editor.setting.name in given:
                editor.set_value(given[editor.setting.name])

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


class LossEditor(QWidget):
    """One loss, or the weighted sum of two.

    Signals
    -------
    changed
        Anything about the loss changed.
    """

    changed = Signal()

    def __init__(self, terms: tuple[LossTerm, ...], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._first = LossTermEditor(terms[0], with_weight=len(terms) > 1)
        self._both = QCheckBox("Add a second loss")
        self._both.setObjectName("loss-second")
        self._both.setToolTip(
            "The weighted sum of the two is minimised; pixel and overlap losses complement each other."
        )
        self._second = LossTermEditor(terms[1] if len(terms) > 1 else LossTerm(name="bce"), with_weight=True)
        for widget in (self._first, self._both, self._second):
            layout.addWidget(widget)
        self._both.setChecked(len(terms) > 1)
        self._second.setVisible(len(terms) > 1)
        self._both.toggled.connect(self._second_toggled)
        self._first.changed.connect(self.changed)
        self._second.changed.connect(self.changed)

    def terms(self) -> tuple[LossTerm, ...]:
        """Return one or two terms."""
        if self._both.isChecked():
            return (self._first.term(), self._second.term())
        first = self._first.term()
        return (LossTerm(name=first.name, parameters=first.parameters),)

    def set_terms(self, terms: tuple[LossTerm, ...]) -> None:
        """Show one or two terms."""
        self._first.set_term(terms[0])
        if len(terms) > 1:
            self._second.set_term(terms[1])
        self._both.setChecked(len(terms) > 1)

    def _second_toggled(self, on: bool) -> None:
        self._second.setVisible(on)
        self._first.show_weight(on)
        self.changed.emit()
