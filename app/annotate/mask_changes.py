"""The menu of changes to the whole mask or the slice in hand: growing, holes, islands, missing slices."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from PySide6.QtWidgets import QDoubleSpinBox, QHBoxLayout, QMenu, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from app.actions import Actions
from app.annotate.hand import Bench
from app.errors import report_notice
from segcore.annotation import operations as op
from segcore.annotation.combining import mirror
from segcore.annotation.edits import MaskEdit
from segcore.annotation.islands import split_lesion
from segcore.annotation.operations import Scope
from segcore.scans.volume import Labels

#: In the order of the menu; an empty name is a line.
ORDER = (
    "grow",
    "shrink",
    "smooth",
    "close-gaps",
    "remove-threads",
    "",
    "fill-holes",
    "split-lesion",
    "remove-lesion",
    "remove-small",
    "keep-largest",
    "",
    "copy-above",
    "copy-below",
    "fill-between",
    "mirror",
)
_READ_ONLY = "the project is open for reading only, no case is shown, or something is being worked out"


class MaskChanges(QWidget):
    """A menu button and the two numbers that its entries use.

    A change applies to the slice that was clicked or scrolled last; with "Through planes (3D)" to the whole mask.
    """

    def __init__(self, actions: Actions, bench: Bench, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._actions, self._bench = actions, bench
        self.distance = _spin(0.1, 100.0, 1.0, "Distance of a change")
        self.smallest = _spin(0.0, 1e6, 10.0, "Smallest lesion")
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        for name in ORDER:
            if name:
                action = actions.action(f"annotate.{name}")
                menu.addAction(action)
                action.triggered.connect(partial(self._change, name))
            else:
                menu.addSeparator()
        self.button = QPushButton()
        self.button.setObjectName("mask-changes")
        self.button.setText("Change the mask")
        self.button.setToolTip(
            "Changes the slice in hand; with 'Through planes (3D)' the whole mask. Undo takes it back."
        )
        self.button.setMenu(menu)
        self.distance.setToolTip("How far to grow, shrink, smooth, close and thin")
        self.smallest.setToolTip("'Remove small lesions' removes what is smaller")
        row = QHBoxLayout()
        row.addWidget(self.distance)
        row.addWidget(self.smallest)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.button)
        column.addLayout(row)
        bench.editor.held.connect(lambda _: self.scan_changed())
        self.scan_changed()

    def scan_changed(self) -> None:
        """Speak in the units of another scan; nothing may be changed where there is none."""
        grid, may = self._bench.grid, self._bench.editor.may_edit
        self.distance.setPrefix("by ")
        self.smallest.setPrefix("from ")
        self.distance.setSuffix(" mm" if grid is not None and grid.calibrated else " voxels")
        self.smallest.setSuffix(" mm³" if grid is not None and grid.calibrated else " voxels")
        self.setEnabled(may)
        for name in filter(None, ORDER):
            self._actions.enable(f"annotate.{name}", may, _READ_ONLY)

    @property
    def scope(self) -> Scope:
        """The slice in hand, or the whole mask."""
        return self._bench.scope()

    def _change(self, name: str) -> None:
        labels = self._bench.labels
        if labels is None:
            return
        change, scope = self._changes[name], self.scope
        text = self._actions.action(f"annotate.{name}").text()
        if scope.is_slice:
            self._keep(text, change(labels, scope))
        else:
            self._bench.long_edits.run(text, lambda _: change(labels, scope), partial(self._keep, text))

    def _keep(self, text: str, edit: MaskEdit | None) -> None:
        labels = self._bench.labels
        if labels is None:
            return
        if edit is None:
            report_notice(self, f"{text}: there is nothing to change here.")
            return
        edit.apply(labels)
        self._bench.editor.keep(edit)

    @property
    def _changes(self) -> Mapping[str, Callable[[Labels, Scope], MaskEdit | None]]:
        by, least = self.distance.value(), self.smallest.value()
        here = self._bench.view.crosshair
        # Copying is about slices, whatever the checkbox says.
        this = self._bench.scope(whole=False)
        return {
            "grow": lambda labels, scope: op.grow(labels, scope, by),
            "shrink": lambda labels, scope: op.shrink(labels, scope, by),
            "smooth": lambda labels, scope: op.smooth(labels, scope, by),
            "close-gaps": lambda labels, scope: op.close_gaps(labels, scope, by),
            "remove-threads": lambda labels, scope: op.remove_threads(labels, scope, by),
            "fill-holes": op.fill_holes,
            "split-lesion": lambda labels, scope: split_lesion(labels, scope, here),
            "remove-lesion": lambda labels, scope: op.remove_lesion(labels, scope, here),
            "remove-small": lambda labels, scope: op.remove_small(labels, scope, least),
            "keep-largest": op.keep_largest,
            "copy-above": lambda labels, _: op.copy_slice(labels, this, this.index + 1),
            "copy-below": lambda labels, _: op.copy_slice(labels, this, this.index - 1),
            "fill-between": op.fill_between,
            "mirror": lambda labels, scope: mirror(labels, scope, here[2]),
        }


def _spin(low: float, high: float, value: float, name: str) -> QDoubleSpinBox:
    spin = QDoubleSpinBox()
    spin.setRange(low, high)
    spin.setDecimals(1)
    spin.setValue(value)
    spin.setAccessibleName(name)
    spin.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
    return spin
