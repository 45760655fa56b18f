"""The form of a new trial: which recipes, how many seeds, how many steps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QFormLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from app.errors import report_error
from app.theme import SPACE_2
from segcore.errors import RareSegError
from segcore.training.recipe import Recipe
from segcore.training.recipe_files import read_recipe
from segcore.training.record import RunRecord
from segcore.trials.plan import DEFAULT_STEPS, MOST_SEEDS, READY_PLANS, Arm

_OWN = "own"
_DEFAULT = "Default recipe"


class SetupForm(QWidget):
    """Choices; `arms`, `seeds` and `steps` say what was chosen."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._recipes: list[tuple[str, Recipe]] = [(_DEFAULT, Recipe())]
        self._files: list[tuple[str, Recipe]] = []
        self.plan = QComboBox()
        self.plan.setObjectName("trial-plan")
        self.plan.setAccessibleName("What is compared")
        for ready in READY_PLANS:
            self.plan.addItem(ready.label, ready.name)
        self.plan.addItem("My own recipes", _OWN)
        self.help = QLabel()
        self.help.setProperty("role", "small")
        self.help.setWordWrap(True)
        self.name = QLineEdit()
        self.name.setAccessibleName("Name of the trial")
        self.start_from = QComboBox()
        self.start_from.setAccessibleName("Recipe to start from")
        self.start_from.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.start_from.setMinimumContentsLength(10)
        self.start_from.setToolTip("Everything that the plan does not change is taken from this recipe")
        self.own = QListWidget()
        self.own.setObjectName("trial-own-recipes")
        self.own.setAccessibleName("Recipes to compare")
        self.own.setMaximumHeight(150)
        self.add_file = QPushButton("Add a recipe file…")
        self.seeds = _spin(1, MOST_SEEDS, 3, "Seeds")
        self.seeds.setObjectName("trial-seeds")
        self.seeds.setToolTip("Every recipe is trained so many times from other starting weights; 3 at least")
        self.steps = _spin(10, 1_000_000, DEFAULT_STEPS, "Steps of every run")
        self.steps.setSingleStep(50)
        self.steps.setObjectName("trial-steps")
        self.steps.setToolTip("Equal work for every recipe, whatever the computer does beside it")
        self.sum = QLabel()
        self.sum.setProperty("role", "small")
        self.sum.setWordWrap(True)
        self._lay_out()
        self.plan.currentIndexChanged.connect(self._plan_chosen)
        self.add_file.clicked.connect(self._choose_file)
        self.seeds.valueChanged.connect(self._show_sum)
        self.steps.valueChanged.connect(self._show_sum)
        self.own.itemChanged.connect(self._show_sum)
        self._fill()
        self._plan_chosen()

    def _lay_out(self) -> None:
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        form.addRow("Compare", self.plan)
        form.addRow(self.help)
        form.addRow("Start from", self.start_from)
        form.addRow(self.own)
        form.addRow(self.add_file)
        form.addRow("Seeds", self.seeds)
        form.addRow("Steps", self.steps)
        form.addRow("Name", self.name)
        form.addRow(self.sum)
        self._form = form
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACE_2)
        column.addLayout(form)

    # What was chosen

    def arms(self) -> tuple[Arm, ...]:
        """The recipes that are compared."""
        name = str(self.plan.currentData())
        if name != _OWN:
            ready = next(plan for plan in READY_PLANS if plan.name == name)
            return ready.arms(self._recipes[max(0, self.start_from.currentIndex())][1])
        chosen = [self._recipes[row] for row in range(self.own.count()) if _is_checked(self.own.item(row))]
        return tuple(Arm(name=name, recipe=recipe) for name, recipe in chosen)

    def chosen_seeds(self) -> tuple[int, ...]:
        """0, 1, … as many as asked for."""
        return tuple(range(self.seeds.value()))

    def trial_name(self) -> str:
        """What the person calls it, else the plan's label."""
        return self.name.text().strip() or self.plan.currentText()

    # What can be chosen

    def offer_runs(self, runs: Sequence[RunRecord]) -> None:
        """Offer the recipes of kept runs beside the default and files; choices are kept where they are still there."""
        known = {_DEFAULT, *(name for name, _ in self._files)}
        found: list[tuple[str, Recipe]] = [(_DEFAULT, Recipe())]
        for run in runs:
            words = f"{run.recipe.name} ({' + '.join(term.name for term in run.recipe.loss)})"
            name, number = words, 2
            while name in known:
                name, number = f"{words} {number}", number + 1
            known.add(name)
            found.append((name, run.recipe))
        if [name for name, _ in [*found, *self._files]] != [name for name, _ in self._recipes]:
            self._recipes = [*found, *self._files]
            self._fill()

    def _fill(self) -> None:
        checked = {self.own.item(row).text() for row in range(self.own.count()) if _is_checked(self.own.item(row))}
        before = self.start_from.currentText()
        self.start_from.clear()
        self.start_from.addItems([name for name, _ in self._recipes])
        self.start_from.setCurrentIndex(max(0, self.start_from.findText(before)))
        self.own.blockSignals(True)
        self.own.clear()
        for name, _ in self._recipes:
            item = QListWidgetItem(name)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(Qt.CheckState.Checked if name in checked else Qt.CheckState.Unchecked)
            self.own.addItem(item)
        self.own.blockSignals(False)
        self._show_sum()

    def _choose_file(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(self, "Add a recipe file", "", "Recipes (*.toml)")
        if chosen:
            self.take_file(Path(chosen))

    def take_file(self, file: Path) -> None:
        """Offer the recipe in a file, and choose it."""
        try:
            recipe = read_recipe(file)
        except RareSegError as error:
            report_error(self, error)
            return
        name, number = file.stem, 2
        while any(name == known for known, _ in self._recipes):
            name, number = f"{file.stem} {number}", number + 1
        self._files.append((name, recipe))
        self._recipes.append((name, recipe))
        self._fill()
        self.own.item(self.own.count() - 1).setCheckState(Qt.CheckState.Checked)

    def _plan_chosen(self) -> None:
        own = self.plan.currentData() == _OWN
        ready = next((plan for plan in READY_PLANS if plan.name == self.plan.currentData()), None)
        self.help.setText(ready.help if ready is not None else "Tick two or more recipes of kept runs, or add files.")
        self._form.setRowVisible(self.start_from, not own)
        self._form.setRowVisible(self.own, own)
        self._form.setRowVisible(self.add_file, own)
        self.name.setPlaceholderText(self.plan.currentText())
        self._show_sum()

    def _show_sum(self) -> None:
        number = len(self.arms())
        runs = number * self.seeds.value()
        few = " Fewer than 3 seeds cannot tell luck from skill." if self.seeds.value() < 3 else ""
        self.sum.setText(
            f"{number} recipes × {self.seeds.value()} seeds: {runs} runs of {self.steps.value()} steps.{few}"
        )


def _spin(low: int, high: int, value: int, name: str) -> QSpinBox:
    spin = QSpinBox()
    spin.setRange(low, high)
    spin.setValue(value)
    spin.setAccessibleName(name)
    return spin


def _is_checked(item: QListWidgetItem) -> bool:
    return item.checkState() is Qt.CheckState.Checked
