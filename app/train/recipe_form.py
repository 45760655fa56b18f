"""The recipe as a form, generated from the recipe's own settings and the catalogues."""

from __future__ import annotations

import dataclasses
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget

from app.train.loss_editor import LossEditor
from app.widgets.setting_editor import SettingEditor
from segcore.ranges import settings_of
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

#: Sections of the form: field of the recipe, heading, type.
SECTIONS: tuple[tuple[str, str, type], ...] = (
    ("sampling", "Sampling", Sampling),
    ("synthesis", "Synthesis", Synthesis),
    ("augmentation", "Augmentation", Augmentation),
    ("network", "Network", Network),
    ("budget", "Budget", Budget),
    ("ensemble", "Ensemble", Ensemble),
    ("optimiser", "Optimiser", Optimiser),
    ("machine", "Machine", Machine),
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
    """

    changed = Signal()
    explorerAsked = Signal()
    galleryAsked = Signal()

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
        self._editors: dict[tuple[str, str], SettingEditor] = {}
        self._headings: dict[str, QLabel] = {}
        for section, title, kind in SECTIONS:
            self._add_section(layout, section, title, kind)
        layout.addWidget(self._advanced)
        layout.addStretch(1)
        self._advanced.toggled.connect(self._show_advanced)
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

    def _make_synthesis_heading(self, heading: QLabel) -> QHBoxLayout:
        look = QPushButton("Preview")
        look.setObjectName("synthesis-preview")
        look.setProperty("role", "link")
        look.setToolTip("Shows copied lesions in your own training scans, with the settings below.")
        look.clicked.connect(self.galleryAsked)
        row = QHBoxLayout()
        row.addWidget(heading, 1)
        row.addWidget(look)
        return row

    def _add_section(self, layout: QVBoxLayout, section: str, title: str, kind: type) -> None:
        self._headings[section] = _heading(title)
        if section == "synthesis":
            layout.addLayout(self._make_synthesis_heading(self._headings[section]))
        else:
            layout.addWidget(self._headings[section])
        for item in settings_of(kind):
            editor = SettingEditor(item)
            editor.changed.connect(self.changed)
            self._editors[section, item.name] = editor
            layout.addWidget(editor)

    def recipe(self) -> Recipe:
        """Return the recipe that the form shows, checked.

        Raises
        ------
        SettingProblem
            Naming the first setting outside its range.
        """
        parts: dict[str, Any] = {
            section: kind(**{name: e.value() for (where, name), e in self._editors.items() if where == section})
            for section, _, kind in SECTIONS
        }
        recipe = Recipe(name=self._name.text().strip() or "Recipe", loss=self._loss.terms(), **parts)
        recipe.check()
        return recipe

    def set_recipe(self, recipe: Recipe) -> None:
        """Show `recipe`."""
        self._name.setText(recipe.name)
        self._loss.set_terms(recipe.loss)
        for (section, name), editor in self._editors.items():
            editor.set_value(getattr(getattr(recipe, section), name))

    def limit_devices(self, available: tuple[str, ...]) -> None:
        """Say in the device's tooltip which devices this machine has."""
        editor = self._editors["machine", "device"]
        editor.setToolTip(f"On this machine: {', '.join(available)}")

    def _show_advanced(self, on: bool) -> None:
        for editor in self._editors.values():
            editor.setVisible(on or not editor.setting.advanced)
        for section, heading in self._headings.items():
            heading.setVisible(any(e.isVisibleTo(self) for (where, _), e in self._editors.items() if where == section))


def _heading(text: str) -> QLabel:
    label = QLabel(text)
    label.setProperty("role", "heading")
    return label


def same_science(first: Recipe, second: Recipe) -> bool:
    """Whether two recipes differ in name only."""
    return dataclasses.replace(first, name="") == dataclasses.replace(second, name="")
