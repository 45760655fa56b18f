"""The open project, and signals when it changes. Widgets change a project through this object or tell it afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app.settings import Settings
from segcore.errors import NotAProject
from segcore.projects.case import Case, CaseState, Part
from segcore.projects.project import Project
from segcore.training.recipe import Recipe

#: Above this many changed cases, listeners are told once to read all of them.
_MANY = 20


class Session(QObject):
    """The open project.

    Signals
    -------
    projectChanged()
        Another project is open, or none.
    casesChanged()
        Cases were added or removed, or many changed at once.
    caseChanged(str)
        State, group or note of one case.
    maskChanged(str)
        The mask of one case (its counts too).
    splitChanged()
        The parts of cases.
    runsChanged()
        A run was added, ended or removed.
    predictionsChanged(str)
        Predictions of one model.
    currentCaseChanged(str)
        The case that Annotate and Review show; empty for none.
    caseOpened(str)
        A person asked to see the case in Annotate.
    placeAsked(tuple)
        Where in the case that was just opened the person wants to look: (plane, row, column).
    recipeOffered(object)
        A person wants this recipe in the form of the workspace Train.
    activityChanged(str)
        What runs in the background, in a few words for the header; empty for nothing.
    reviewerChanged(str)
        Another person sits here.
    """

    projectChanged = Signal()
    casesChanged = Signal()
    caseChanged = Signal(str)
    maskChanged = Signal(str)
    splitChanged = Signal()
    runsChanged = Signal()
    predictionsChanged = Signal(str)
    currentCaseChanged = Signal(str)
    caseOpened = Signal(str)
    placeAsked = Signal(tuple)
    recipeOffered = Signal(object)
    activityChanged = Signal(str)
    reviewerChanged = Signal(str)

    def __init__(self, settings: Settings, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._settings = settings
        self._project: Project | None = None
        self._cases: tuple[Case, ...] | None = None
        self._by_id: dict[str, int] = {}
        self._current = ""

    # The project

    @property
    def project(self) -> Project | None:
        """The open project, or None."""
        return self._project

    @property
    def opened(self) -> Project:
        """The open project.

        Raises
        ------
        NotAProject
            If none is open.
        """
        if self._project is None:
            raise NotAProject("no project is open", remedy="open or create one in the File menu")
        return self._project

    @property
    def is_writable(self) -> bool:
        """Whether a project is open and may be changed."""
        return self._project is not None and not self._project.read_only

    def open(self, folder: Path, *, read_only: bool = False) -> None:
        """Open the project in `folder` in place of the present one, which stays open if this fails.

        Raises
        ------
        ProjectProblem
            As `Project.open`.
        """
        present = self._project
        if present is not None and present.folder.resolve() == folder.resolve():
            if present.read_only == read_only or read_only:
                return
            self.close()
        self.adopt(Project.open(folder, read_only=read_only))

    def create(self, folder: Path, name: str | None = None) -> None:
        """Create a project and open it; errors as `Project.create`."""
        self.adopt(Project.create(folder, name=name))

    def adopt(self, project: Project) -> None:
        """Take over a project that was opened elsewhere, such as the demo made in the background."""
        self._replace(project)
        self._settings.remember_project(project.folder)

    def close(self) -> None:
        """Close the project."""
        self._replace(None)

    def _replace(self, project: Project | None) -> None:
        if self._project is not None:
            self._project.close()
        self._project = project
        self._forget()
        self._current = ""
        self.projectChanged.emit()
        self.currentCaseChanged.emit("")

    # Cases

    def cases(self) -> tuple[Case, ...]:
        """The cases of the open project in their order, read once per change; empty without a project."""
        if self._cases is None:
            self._cases = self._project.cases() if self._project is not None else ()
            self._by_id = {case.id: row for row, case in enumerate(self._cases)}
        return self._cases

    def case(self, id: str) -> Case | None:
        """One case, or None if there is no such case (any more)."""
        cases = self.cases()
        row = self._by_id.get(id)
        return cases[row] if row is not None else None

    def row_of(self, id: str) -> int | None:
        """The index of a case in `cases`, or None."""
        self.cases()
        return self._by_id.get(id)

    @property
    def current_case(self) -> str:
        """Id of the case that Annotate and Review show; empty for none."""
        return self._current

    def set_current_case(self, id: str) -> None:
        """Show another case."""
        if id != self._current:
            self._current = id
            self.currentCaseChanged.emit(id)

    def open_case(self, id: str, place: tuple[int, int, int] | None = None) -> None:
        """Show a case in Annotate, at a voxel (plane, row, column) of it if one is given."""
        self.set_current_case(id)
        self.caseOpened.emit(id)
        if place is not None:
            self.placeAsked.emit(place)

    def offer_recipe(self, recipe: Recipe) -> None:
        """Put a recipe into the form of the workspace Train."""
        self.recipeOffered.emit(recipe)

    # Changes that the person makes

    def set_state(self, ids: Sequence[str], state: CaseState) -> None:
        """Set the state of all `ids`, or of none of them if one cannot have it; errors as `Project.set_state`."""
        self._each(ids, lambda id: self.opened.set_state(id, state, author=self.reviewer))

    def set_group(self, ids: Sequence[str], group: str) -> None:
        """Set the patient of cases."""
        self._each(ids, lambda id: self.opened.set_group(id, group, author=self.reviewer))

    def set_parts(self, parts: Mapping[str, Part | None]) -> None:
        """Store a split or a part of it."""
        self.opened.set_parts(parts, author=self.reviewer)
        self._forget()
        self.splitChanged.emit()

    def remove_cases(self, ids: Sequence[str]) -> None:
        """Take cases out of the project."""
        if self._current in ids:
            self.set_current_case("")
        try:
            for id in ids:
                self.opened.remove_case(id, author=self.reviewer)
        finally:
            self.refresh_cases()

    # News from elsewhere

    def refresh_cases(self) -> None:
        """Tell everyone that cases were added, removed or changed."""
        self._forget()
        self.casesChanged.emit()

    def notify_case(self, id: str) -> None:
        """Tell everyone that a case's state, group or note changed."""
        self._refresh(id)
        self.caseChanged.emit(id)

    def notify_mask(self, id: str) -> None:
        """Tell everyone that a case's mask changed."""
        self._refresh(id)
        self.maskChanged.emit(id)

    # The person

    @property
    def reviewer(self) -> str:
        """Name of the person at the window, for masks, decisions and the audit trail."""
        return self._settings.reviewer

    def set_reviewer(self, name: str) -> None:
        """Another person sits here."""
        self._settings.reviewer = name
        self.reviewerChanged.emit(self.reviewer)

    def _each(self, ids: Sequence[str], change: Callable[[str], None]) -> None:
        with self.opened.together():
            for id in ids:
                change(id)
        self._forget()
        if len(ids) > _MANY:
            self.casesChanged.emit()
        else:
            for id in ids:
                self.caseChanged.emit(id)

    def _refresh(self, id: str) -> None:
        """Read one case anew without reading the others."""
        if self._cases is None or self._project is None or id not in self._by_id:
            self._forget()
            return
        row = self._by_id[id]
        self._cases = (*self._cases[:row], self._project.case(id), *self._cases[row + 1 :])

    def _forget(self) -> None:
        self._cases = None
        self._by_id = {}
