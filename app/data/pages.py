"""The pages beside the table of cases, each made when it is first shown: plots and measuring must not hold up the start."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QWidget

from app.actions import Actions
from app.background import Background
from app.data.advice_page import AdvicePage
from app.data.facts import Facts
from app.data.imbalance_page import ImbalancePage
from app.data.resolution_page import ResolutionPage
from app.data.simulator_page import SimulatorPage
from app.data.suspects_page import SuspectsPage
from app.session import Session
from app.settings import Settings


class Pages:
    """Makes the pages; they share their measurements.

    Parameters
    ----------
    select_cases
        Selects cases by id in the table.
    """

    def __init__(
        self,
        session: Session,
        actions: Actions,
        background: Background,
        settings: Settings,
        select_cases: Callable[[tuple[str, ...]], None],
        parent: QObject,
    ) -> None:
        self._select_cases = select_cases
        self._session, self._actions, self._settings = session, actions, settings
        self.facts = Facts(session, background, parent)

    def make(self, name: str) -> QWidget:
        """Return a new page: ``"imbalance"``, ``"suspects"``, ``"resolution"``, ``"simulator"`` or ``"advice"``."""
        if name == "imbalance":
            page = ImbalancePage(self._session, self._settings, self.facts)
            page.casesChosen.connect(self._select_cases)
            return page
        if name == "suspects":
            return SuspectsPage(self._session, self._actions, self.facts)
        if name == "resolution":
            return ResolutionPage(self._session, self.facts)
        if name == "simulator":
            return SimulatorPage(self._session, self._actions, self._settings, self.facts)
        return AdvicePage(self._session, self._actions, self.facts)
