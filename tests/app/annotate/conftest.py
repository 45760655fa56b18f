from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.actions import Actions
from app.annotate.panel import AnnotatePanel
from app.background import Background
from app.session import Session
from app.settings import Settings
from segcore.projects.project import Project
from tests.app.annotate.scene import Scene, open_project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Two cases, not yet shown; a test may change it before it asks for `scene`."""
    return open_project(tmp_path / "p")


@pytest.fixture
def scene(
    qtbot: QtBot, qapp: QApplication, project: Project, session: Session, settings: Settings, background: Background
) -> Iterator[Scene]:
    actions = Actions(session)
    panel = AnnotatePanel(session, actions, background, settings)
    qtbot.addWidget(panel)
    for _, action in actions.all():
        panel.addAction(action)
    actions.show_workspace("annotate")
    panel.resize(1280, 860)
    panel.show()
    qtbot.waitExposed(panel)
    session.adopt(project)
    panel.activate()
    qapp.processEvents()
    yield Scene(panel, session, actions, background, qtbot)
    panel.may_close()
