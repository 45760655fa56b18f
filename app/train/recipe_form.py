"""The recipe as a form, generated from the recipe's own settings and the catalogues."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import QEvent, QObject, QSignalBlocker, Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget

from app.train.course_plot import CoursePlot
from app.train.loss_editor import LossEditor
from app.widgets.setting_editor import SettingEditor
from segcore.catalog.entry import Entry, find
from segcore.catalog.networks import NETWORKS
from segcore.catalog.samplers import SAMPLERS
from segcore.catalog.synthesis import SYNTHESES
from segcore.ranges import settings_of
from segcore.training.courses import shares_over_run
from segcore.training.recipe import (
    Augmentation,
    Budget,
    Ensemble,
    Machine,
    Network,
    Optimiser,
    Recipe,
    Sampling,
    Synthesis,
)
from segcore.training.recipe_words import SECTION_TITLES

_TYPES: dict[str, type] = {
    "sampling": Sampling,
    "synthesis": Synthesis,
    "augmentation": Augmentation,
    "network": Network,
    "budget": Budget,
    "ensemble": Ensemble,
    "optimiser": Optimiser,
    "machine": Machine,
}
#: Sections of the form: field of the recipe, heading, type.
SECTIONS: tuple[tuple[str, str, type], ...] = tuple((name, title, _TYPES[name]) for name, title in SECTION_TITLES)
#: Choices that a catalogue explains, by section and setting.
_CATALOGUES: dict[tuple[str, str], tuple[Entry, ...]] = {
    ("sampling", "method"): SAMPLERS,
    ("synthesis", "method"): SYNTHESES,
    ("network", "size"): NETWORKS,
}
#: A link beside a heading: section, object name, tooltip.
_PREVIEWS = (
    ("synthesis", "synthesis-preview", "Shows copied lesions in your own training scans, with the settings below."),
    (
        "augmentation",
        "augmentation-preview",
        "Shows patches of your own training scans as they are and as training would change them.",
    ),
)


class RecipeForm(QWidget):
    """Every setting of a recipe with its explanation and range.

    Signals
    -------
    changed
        Anything changed.
    explorerAsked
        The person wants to see what losses do.
    galleryAsked
        The person wants to see what synthesis makes of the scans.
    patchesAsked
        The person wants to see what augmentation makes of the scans.
    devicesAsked
        The person looks at the devices.
    """

    changed = Signal()
    explorerAsked = Signal()
    galleryAsked = Signal()
    patchesAsked = Signal()
    devicesAsked = Signal()

    def __init__(self, recipe: Recipe, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 12, 12, 12)
        layout.setSpacing(12)
        self._name = QLineEdit(recipe.name)
        self._name.setAccessibleName("Name of the recipe")
        self._name.setObjectName("recipe-name")
        self._name.setMaxLength(60)
        caption = QLabel("Name")
        caption.setBuddy(self._name)
        layout.addWidget(caption)
        layout.addWidget(self._name)
        self._advanced = QCheckBox("Show all settings")
        self._advanced.setObjectName("recipe-advanced")
        layout.addLayout(self._make_loss_heading())
        self._loss = LossEditor(recipe.loss)
        self._loss.changed.connect(self.changed)
        layout.addWidget(self._loss)
        self.shares = CoursePlot("Shares of the patches over the run", highest=1.0)
        self._editors: dict[tuple[str, str], SettingEditor] = {}
        self._headings: dict[str, QLabel] = {}
        for section, title, kind in SECTIONS:
            self._add_section(layout, section, title, kind)
        layout.addWidget(self._advanced)
        layout.addStretch(1)
        self._advanced.toggled.connect(self._show_advanced)
        device = self._editors["machine", "device"].findChild(QComboBox)
        if device is not None:
            device.installEventFilter(self)
        self.set_recipe(recipe)
        self._show_advanced(False)

    def _make_loss_heading(self) -> QHBoxLayout:
        explore = QPushButton("Compare losses")
        explore.setObjectName("loss-explore")
        explore.setProperty("role", "link")
        explore.setToolTip("Opens the Loss explorer: what each loss rewards, on ten pixels and on a rare class.")
        explore.clicked.connect(self.explorerAsked)
        row = QHBoxLayout()
        row.addWidget(_heading("Loss"), 1)
        row.addWidget(explore)
        return row

    def _make_heading(self, section: str, title: str) -> QHBoxLayout:
        self._headings[section] = _heading(title)
        row = QHBoxLayout()
        row.addWidget(self._headings[section], 1)
        for known, name, tooltip in _PREVIEWS:
            if known == section:
                look = QPushButton("Preview")
                look.setObjectName(name)
                look.setProperty("role", "link")
                look.setAccessibleName(f"Preview of {title.lower()}")
                look.setToolTip(tooltip)
                look.clicked.connect(self.galleryAsked if section == "synthesis" else self.patchesAsked)
                row.addWidget(look)
        return row

    def _add_section(self, layout: QVBoxLayout, section: str, title: str, kind: type) -> None:
        layout.addLayout(self._make_heading(section, title))
        for item in settings_of(kind):
            catalogue = _CATALOGUES.get((section, item.name), ())
            editor = SettingEditor(item, notes={entry.name: entry.help for entry in catalogue})
            editor.changed.connect(self._setting_changed)
            self._editors[section, item.name] = editor
            layout.addWidget(editor)
        if section == "sampling":
            layout.addWidget(self.shares)

    def _setting_changed(self) -> None:
        self._show_relevant()
        self.changed.emit()

    def recipe(self) -> Recipe:
        """Return the recipe that the form shows, checked.

        Raises
        ------
        SettingProblem
            Naming the first setting outside its range.
        """
        parts: dict[str, Any] = {section: self._part(section) for section, _, _ in SECTIONS}
        recipe = Recipe(name=self._name.text().strip() or "Recipe", loss=self._loss.terms(), **parts)
        recipe.check()
        return recipe

    def set_recipe(self, recipe: Recipe) -> None:
        """Show `recipe`; `changed` is emitted once."""
        with QSignalBlocker(self):
            self._fill(recipe)
        self._show_relevant()
        self.changed.emit()

    def _fill(self, recipe: Recipe) -> None:
        self._name.setText(recipe.name)
        self._loss.set_terms(recipe.loss)
        for (section, name), editor in self._editors.items():
            with QSignalBlocker(editor):
                editor.set_value(getattr(getattr(recipe, section), name))

    def limit_devices(self, available: Mapping[str, str]) -> None:
        """Say which devices this machine has, name to words, and grey out the others."""
        self._editors["machine", "device"].describe_options({"auto": "", **available})

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() is QEvent.Type.FocusIn:
            self.devicesAsked.emit()
        return False

    def _show_advanced(self, on: bool) -> None:
        self._loss.show_advanced(on)
        self._show_relevant()

    def _show_relevant(self) -> None:
        """Show what the chosen methods use, and what is not for experts unless they ask for it."""
        for (section, name), editor in self._editors.items():
            wanted = self._advanced.isChecked() or not editor.setting.advanced
            editor.setVisible(wanted and self._is_used(section, name))
        for section, heading in self._headings.items():
            heading.setVisible(any(e.isVisibleTo(self) for (where, _), e in self._editors.items() if where == section))
        self.shares.show_courses(shares_over_run(self._part("sampling")))

    def _is_used(self, section: str, name: str) -> bool:
        """Whether the chosen method of sampling or synthesis has this setting."""
        if section not in ("sampling", "synthesis") or name == "method":
            return True
        method = str(self._editors[section, "method"].value())
        entry = find(section, method, _CATALOGUES[section, "method"])
        if name == "later_ratio" and not self._editors[section, "ratio_fades"].value():
            return False
        return any(item.name == name for item in entry.parameters)

    def _part(self, section: str) -> Any:
        values = {name: e.value() for (where, name), e in self._editors.items() if where == section}
        return _TYPES[section](**values)


def _heading(text: str) -> QLabel:
    label = QLabel(text)
    label.setProperty("role", "heading")
    return label
