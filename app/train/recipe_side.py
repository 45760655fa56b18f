"""The left side of Train: the recipe as a form, its files, its dangers, what it would take, and the button that starts it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import suppress

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QScrollArea, QVBoxLayout, QWidget

from app.actions import Actions
from app.background import Background, EngineJob
from app.errors import report_error, report_notice
from app.session import Session
from app.theme import SPACE_2, SPACE_3
from app.train.caution_bar import CautionBar
from app.train.estimate_line import EstimateLine
from app.train.recipe_comparison import RecipeComparison
from app.train.recipe_exchange import ask_and_save, ask_for_recipe, dropped_recipe
from app.train.recipe_form import RecipeForm
from segcore.engine.messages import (
    Cancel,
    EngineDied,
    EngineReady,
    JobFailed,
    Message,
    PaceJob,
    PaceMeasured,
    ProbeJob,
)
from segcore.errors import RareSegError
from segcore.imbalance.statistics import ProjectStatistics, kept_statistics
from segcore.inference.machine_memory import total_memory
from segcore.projects.project import Project
from segcore.training.cautions import cautions
from segcore.training.estimate import Facts, estimate, gather_facts, shortage
from segcore.training.recipe import Recipe
from segcore.training.recipe_files import read_recipe
from segcore.training.situation import Caution, Situation, situation_of_cases, situation_of_statistics

#: What follows from the form is worked out this long after the last change of it.
_CALM_MS = 120


class RecipeSide(QWidget):
    """See the module.

    Signals
    -------
    startAsked
        The person wants to train.
    settled(object)
        The form holds this valid `Recipe`, and has for a moment; None where it is not valid.
    """

    startAsked = Signal()
    settled = Signal(object)

    def __init__(
        self, session: Session, background: Background, actions: Actions, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._session, self._background = session, background
        self._situation = Situation()
        self._facts: Facts | None = None
        self._devices: tuple[tuple[str, str], ...] = ()
        self._asking: EngineJob | None = None
        self.form = RecipeForm(Recipe())
        self.cautions = CautionBar()
        self.start_button = QPushButton("Start training")
        self.start_button.setObjectName("run-start")
        self.start_button.setProperty("role", "primary")
        self.start_button.setToolTip("Trains in the background; annotation goes on meanwhile.")
        self._lay_out()
        self.setAcceptDrops(True)
        self._calm = QTimer(self)
        self._calm.setSingleShot(True)
        self._calm.setInterval(_CALM_MS)
        self._calm.timeout.connect(self._judge)
        self.form.changed.connect(self._calm.start)
        self.start_button.clicked.connect(self.startAsked)
        self.cautions.mendAsked.connect(self._mend)
        self.estimate.measureAsked.connect(self._measure)
        self.estimate.cancelAsked.connect(self._cancel)
        self.form.devicesAsked.connect(self.find_devices)
        for signal in (
            session.projectChanged,
            session.casesChanged,
            session.caseChanged,
            session.maskChanged,
            session.splitChanged,
        ):
            signal.connect(self._data_changed)
        self._connect_commands(actions)
        session.runsChanged.connect(self.refresh)
        self._data_changed()

    def _lay_out(self) -> None:
        self.footer = QVBoxLayout()
        self.footer.setContentsMargins(SPACE_3, 0, SPACE_3, SPACE_2)
        self.footer.setSpacing(SPACE_2)
        self.estimate = EstimateLine()
        for widget in (self.cautions, self.start_button, self.estimate):
            self.footer.addWidget(widget)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACE_2)
        column.addLayout(self._make_files())
        column.addWidget(self._make_scroll(), 1)
        column.addLayout(self.footer)

    def _connect_commands(self, actions: Actions) -> None:
        for id, do in (
            ("recipe-open", self.open_file),
            ("recipe-save", self.save_file),
            ("recipe-compare", self.compare),
            ("measure-pace", self._measure),
            ("find-devices", self.find_devices),
        ):
            actions.action(f"train.{id}").triggered.connect(lambda _=False, do=do: do())

    def _make_files(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setContentsMargins(SPACE_3, SPACE_2, SPACE_3, 0)
        row.setSpacing(SPACE_2)
        for name, words, tooltip, do in (
            ("recipe-open", "Open…", "Puts a recipe from a file into the form; or drop the file here.", self.open_file),
            ("recipe-save", "Save…", "Writes the form as a file that others can open.", self.save_file),
            ("recipe-compare", "Compare…", "Shows what differs between the form and a recipe in a file.", self.compare),
        ):
            button = QPushButton(words)
            button.setObjectName(name)
            button.setProperty("role", "link")
            button.setAccessibleName(f"{words.removesuffix('…')} recipe")
            button.setToolTip(tooltip)
            button.clicked.connect(do)
            row.addWidget(button)
        row.addStretch(1)
        return row

    def _make_scroll(self) -> QScrollArea:
        scroll = QScrollArea()
        scroll.setWidget(self.form)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setMinimumWidth(320)
        return scroll

    # Files

    def open_file(self) -> None:
        """Put a recipe from a file into the form."""
        self._try(lambda: self._take(ask_for_recipe(self, "Open which recipe?")))

    def save_file(self) -> None:
        """Write the form's recipe to a file."""

        def save() -> None:
            path = ask_and_save(self, self.form.recipe())
            if path is not None:
                report_notice(self, f"The recipe is saved as {path.name}.")

        self._try(save)

    def compare(self) -> None:
        """Show what differs from a recipe in a file."""
        self._try(lambda: self.compare_with(ask_for_recipe(self, "Compare with which recipe?")))

    def compare_with(self, other: Recipe | None) -> None:
        """Show what differs from another recipe, and take it over where the person wants it."""
        if other is None:
            return
        dialog = RecipeComparison(self, self.form.recipe(), other)
        dialog.accepted.connect(lambda: self._take(other))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if dropped_recipe(event.mimeData()) is not None:
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        path = dropped_recipe(event.mimeData())
        if path is not None:
            event.acceptProposedAction()
            self._try(lambda: self._take(read_recipe(path)))

    def _take(self, recipe: Recipe | None) -> None:
        if recipe is not None:
            self.form.set_recipe(recipe)
            report_notice(self, f"The form now holds the recipe {recipe.name!r}.")

    def _try(self, do: Callable[[], None]) -> None:
        try:
            do()
        except RareSegError as error:
            report_error(self, error)

    # Dangers

    def refresh(self) -> None:
        """Take up what is known of the project by now: statistics, pace, cases; read in the background."""
        project = self._session.project
        if project is None:
            return
        folder = project.folder

        def known(_: object) -> tuple[ProjectStatistics | None, Facts | None]:
            # A connection of its own: those of the window belong to its thread.
            with Project.open(folder, read_only=True) as opened:
                return kept_statistics(opened), gather_facts(opened)

        def take(found: tuple[ProjectStatistics | None, Facts | None]) -> None:
            if self._session.project is project:
                self._known(*found)

        self._background.run(known, done=take, failed=lambda _: None, owner=self)

    def _known(self, statistics: ProjectStatistics | None, facts: Facts | None) -> None:
        self._facts = facts
        if statistics is not None:
            self._situation = situation_of_statistics(statistics)
        self._calm.start()

    def _data_changed(self) -> None:
        self._situation = situation_of_cases(self._session.cases())
        self._facts = None
        self._calm.start()
        if self.isVisible():
            self.refresh()

    def _judge(self) -> None:
        try:
            recipe = self.form.recipe()
        except RareSegError:
            self.cautions.show_cautions(())
            self.estimate.show_estimate(None, "")
            self.settled.emit(None)
            return
        self.cautions.show_cautions(cautions(recipe, self._situation))
        self._estimate(recipe)
        self.settled.emit(recipe)

    def _mend(self, caution: Caution) -> None:
        self.form.set_recipe(caution.mended)
        self._judge()

    # What it would take

    def _estimate(self, recipe: Recipe) -> None:
        project = self._session.project
        if self._facts is None or project is None:
            self.estimate.show_estimate(None, "")
            return
        best = self._devices[0][0] if self._devices else "cpu"
        found = estimate(recipe, self._facts, gpu_is_there=best != "cpu")
        free = None
        with suppress(OSError):
            free = shutil.disk_usage(project.folder).free
        self.estimate.show_estimate(found, shortage(found, memory=total_memory(), free=free))

    def _measure(self) -> None:
        project = self._session.project
        if project is None or self._asking is not None:
            return
        if self._background.running_jobs:
            report_notice(self, "Something is being computed: measured now, this machine would seem slow.")
            return
        self._try(lambda: self._ask(PaceJob(project=str(project.folder), recipe=self.form.recipe())))
        self.estimate.show_measuring(self._asking is not None)

    def find_devices(self) -> None:
        """Ask an engine which devices there are; once is enough."""
        if not self._devices and self._asking is None:
            self._ask(ProbeJob())

    def know_devices(self, devices: tuple[tuple[str, str], ...]) -> None:
        """Take up which devices an engine found, best first."""
        if devices and devices != self._devices:
            self._devices = devices
            self.form.limit_devices(dict(devices))
            self._calm.start()

    def _ask(self, job: PaceJob | ProbeJob) -> None:
        self._asking = self._background.start_engine(job)
        self._asking.messagesArrived.connect(self._take_answer)
        self._asking.finished.connect(self._answered)

    def _cancel(self) -> None:
        if self._asking is not None:
            self._asking.send(Cancel())

    def _take_answer(self, messages: tuple[Message, ...]) -> None:
        for message in messages:
            if isinstance(message, EngineReady):
                self.know_devices(message.devices)
            elif isinstance(message, PaceMeasured):
                self.refresh()
            elif isinstance(message, JobFailed | EngineDied):
                report_notice(self, message.sentence, kind="warning")

    def _answered(self) -> None:
        self._asking = None
        self.estimate.show_measuring(False)
        self._calm.start()
