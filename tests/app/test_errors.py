import logging

import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMessageBox, QPushButton, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from app.errors import UNEXPECTED, BannerArea, ask, report_error, report_notice, stack_without_values
from segcore.errors import Cancelled, UnreadableFile


@pytest.fixture
def window(qtbot: QtBot) -> QWidget:
    made = QWidget()
    layout = QVBoxLayout(made)
    layout.addWidget(BannerArea())
    qtbot.addWidget(made)
    made.show()
    return made


def texts(window: QWidget) -> list[str]:
    area = window.findChild(BannerArea)
    assert area is not None
    return [banner.text for banner in area.banners()]


def test_an_expected_error_is_shown_as_its_sentence(window: QWidget) -> None:
    report_error(window, UnreadableFile("a.nii", "the file is cut off", remedy="copy it again"))
    assert texts(window) == ["a.nii: the file is cut off; copy it again."]


def test_a_cancellation_is_not_shown(window: QWidget) -> None:
    report_error(window, Cancelled())
    assert texts(window) == []


def test_an_unexpected_error_is_one_calm_sentence_and_a_log_without_values(
    window: QWidget, caplog: pytest.LogCaptureFixture
) -> None:
    def open_patient(name: str) -> None:
        raise FileNotFoundError(f"/scans/{name}.nii")

    with caplog.at_level(logging.ERROR, logger="rareseg.app"):
        try:
            open_patient("Müller_Hans")
        except FileNotFoundError as error:
            report_error(window, error)
    assert texts(window) == [UNEXPECTED]
    assert "FileNotFoundError" in caplog.text
    assert "open_patient" in caplog.text
    assert "Müller" not in caplog.text


def test_the_same_sentence_is_shown_once_and_at_most_three_stand(window: QWidget) -> None:
    for text in ("one", "one", "two", "three", "four"):
        report_notice(window, text)
    assert texts(window) == ["two", "three", "four"]


def test_a_banner_goes_when_it_is_dismissed(qtbot: QtBot, window: QWidget) -> None:
    report_notice(window, "done")
    button = window.findChild(QPushButton)
    assert button is not None
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: texts(window) == [], timeout=1000)


def press(text: str | None, key: Qt.Key | None = None) -> None:
    def do() -> None:
        box = QApplication.activeModalWidget()
        assert isinstance(box, QMessageBox)
        if key is not None:
            QTest.keyClick(box, key)
            return
        next(button for button in box.buttons() if button.text() == text).click()

    QTimer.singleShot(0, do)


def test_a_question_returns_the_chosen_answer(window: QWidget) -> None:
    press("Discard")
    assert ask(window, "Discard it?", ("Discard", "Keep"), danger="Discard") == "Discard"


def test_escape_chooses_the_safe_answer(window: QWidget) -> None:
    press(None, Qt.Key.Key_Escape)
    assert ask(window, "Discard it?", ("Discard", "Keep")) == "Keep"


def test_the_stack_names_functions_but_no_values() -> None:
    try:
        int("secret")
    except ValueError as error:
        text = stack_without_values(error)
    assert "secret" not in text
    assert "test_the_stack_names_functions_but_no_values" in text
