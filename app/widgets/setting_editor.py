"""One editor widget per kind of setting, made from its domain: the form never repeats a range or an explanation."""

from __future__ import annotations

import math
from collections.abc import Mapping

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QStandardItemModel, QWheelEvent
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QLabel,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from segcore.ranges import Choice, Range, Setting, Switch

#: What a setting's editor holds.
Value = float | int | bool | str


class _NoWheel(QObject):
    """Keeps the wheel scrolling the form instead of silently changing a number under the pointer."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QWheelEvent) and isinstance(watched, QWidget) and not watched.hasFocus():
            event.ignore()
            return True
        return False


class _PlainSpinBox(QDoubleSpinBox):
    """A spin box for numbers over many decades: shows ``0.002`` or ``3e-05`` and steps by factors."""

    def __init__(self, limits: Range, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._logarithmic = limits.logarithmic
        self.setDecimals(8 if limits.logarithmic else _decimals(limits))
        self.setRange(limits.low, limits.high)
        self.setSingleStep(limits.step or (limits.high - limits.low) / 100)
        if limits.unit:
            self.setSuffix(f" {limits.unit}")

    def textFromValue(self, value: float) -> str:
        return f"{value:.6g}"

    def stepBy(self, steps: int) -> None:
        if self._logarithmic and self.value() > 0:
            self.setValue(self.value() * math.pow(10.0, steps / 4))
        else:
            super().stepBy(steps)


def _decimals(limits: Range) -> int:
    step = limits.step or (limits.high - limits.low) / 100
    return max(0, min(6, math.ceil(-math.log10(step)) if step < 1 else 0)) + (1 if step < 1 else 0)


class SettingEditor(QWidget):
    """An editor for one `Setting`, with its explanation and range below it.

    Parameters
    ----------
    notes
        For a choice: what each of its names means, shown for the chosen one.

    Signals
    -------
    changed
        The person changed the value.
    """

    changed = Signal()

    def __init__(
        self,
        item: Setting,
        value: Value | None = None,
        parent: QWidget | None = None,
        *,
        notes: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(parent)
        self.setting = item
        self._notes = notes or {}
        self._wheel = _NoWheel(self)
        self._editor = self._make_editor()
        self._editor.setAccessibleName(item.label)
        self._editor.setObjectName(f"setting-{item.name}")
        self._editor.setToolTip(f"{item.help}\n{item.domain.describe()}")
        self._editor.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._editor.installEventFilter(self._wheel)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        caption = QLabel(item.label)
        caption.setBuddy(self._editor)
        if not isinstance(self._editor, QCheckBox):
            layout.addWidget(caption)
        layout.addWidget(self._editor)
        self.explanation = QLabel()
        self.explanation.setProperty("role", "hint")
        self.explanation.setWordWrap(True)
        layout.addWidget(self.explanation)
        if isinstance(self._editor, QComboBox):
            for row in range(self._editor.count()):
                note = self._notes.get(str(self._editor.itemData(row)), "")
                self._editor.setItemData(row, note, Qt.ItemDataRole.ToolTipRole)
            self._editor.currentIndexChanged.connect(self._explain)
        self._explain()
        if value is not None:
            self.set_value(value)

    def _explain(self) -> None:
        item = self.setting
        limits = f" ({item.domain.describe()})" if isinstance(item.domain, Range) else ""
        note = self._notes.get(str(self.value()), "")
        self.explanation.setText(" ".join(filter(None, (note, f"{item.help}{limits}"))))

    def describe_options(self, words: Mapping[str, str]) -> None:
        """Say more of a choice's options, and grey out those that `words` does not name."""
        combo = self._editor
        if not isinstance(combo, QComboBox) or not isinstance(self.setting.domain, Choice):
            return
        model = combo.model()
        for row, (name, label) in enumerate(self.setting.domain.options):
            known = words.get(name)
            combo.setItemText(row, f"{label}: {known.removeprefix(f'{label}, ')}" if known else label)
            if isinstance(model, QStandardItemModel):
                model.item(row).setEnabled(known is not None)

    def _make_editor(self) -> QCheckBox | QComboBox | QSpinBox | _PlainSpinBox:
        domain = self.setting.domain
        if isinstance(domain, Switch):
            box = QCheckBox(self.setting.label)
            box.setChecked(domain.default)
            box.toggled.connect(self.changed)
            return box
        if isinstance(domain, Choice):
            combo = QComboBox()
            for name, label in domain.options:
                combo.addItem(label, name)
            combo.setCurrentIndex(domain.names.index(domain.default))
            combo.currentIndexChanged.connect(self.changed)
            return combo
        return self._make_number(domain)

    def _make_number(self, limits: Range) -> QSpinBox | _PlainSpinBox:
        if limits.whole:
            whole = QSpinBox()
            whole.setRange(int(limits.low), int(min(limits.high, 2_147_483_647)))
            whole.setSingleStep(max(1, int(limits.step)))
            whole.setValue(int(limits.default))
            if limits.unit:
                whole.setSuffix(f" {limits.unit}")
            whole.valueChanged.connect(self.changed)
            return whole
        number = _PlainSpinBox(limits)
        number.setButtonSymbols(QAbstractSpinBox.ButtonSymbols.UpDownArrows)
        number.setValue(limits.default)
        number.valueChanged.connect(self.changed)
        return number

    def value(self) -> Value:
        """Return what the editor holds, in the type that the setting's domain checks."""
        if isinstance(self._editor, QCheckBox):
            return self._editor.isChecked()
        if isinstance(self._editor, QComboBox):
            return str(self._editor.currentData())
        return self._editor.value()

    def set_value(self, value: Value) -> None:
        """Show `value`; values outside the domain are clamped by the widget."""
        if isinstance(self._editor, QCheckBox):
            self._editor.setChecked(bool(value))
        elif isinstance(self._editor, QComboBox):
            self._editor.setCurrentIndex(max(0, self._editor.findData(value)))
        elif isinstance(self._editor, QSpinBox):
            self._editor.setValue(int(value))
        else:
            self._editor.setValue(float(value))
