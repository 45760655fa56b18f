"""Commands with other keys: chosen in the dialog by mouse and keyboard, kept, refused where they are taken."""

from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from app.action_table import ACTIONS
from app.actions import Actions, shortcut_text
from app.settings import Settings
from app.widgets.command_palette import CommandPalette
from app.widgets.help_dialog import keys_page
from app.widgets.shortcuts_dialog import ShortcutsDialog, apply_own_keys

Shown = Callable[[], ShortcutsDialog]


@pytest.fixture
def shown(qtbot: QtBot, kept: list[QWidget], actions: Actions, settings: Settings) -> Shown:
    return lambda: show(qtbot, kept, actions, settings)


def show(qtbot: QtBot, kept: list[QWidget], actions: Actions, settings: Settings) -> ShortcutsDialog:
    parent = QWidget()
    kept.append(parent)
    for _, action in actions.all():
        parent.addAction(action)
    parent.show()
    dialog = ShortcutsDialog(parent, actions, settings)
    dialog.show()
    qtbot.waitExposed(dialog)
    return dialog


def press(dialog: ShortcutsDialog, key: Qt.Key, modifier: Qt.KeyboardModifier) -> None:
    dialog.keys.setFocus()
    QTest.keyClick(dialog.keys, key, modifier)
    QTest.mouseClick(dialog.give, Qt.MouseButton.LeftButton)


ALT = Qt.KeyboardModifier.AltModifier
NONE = Qt.KeyboardModifier.NoModifier


def test_pressed_keys_work_are_shown_everywhere_and_survive_a_restart(
    shown: Shown, qtbot: QtBot, actions: Actions, settings: Settings
) -> None:
    dialog = shown()
    dialog.choose("viewer.ruler")
    press(dialog, Qt.Key.Key_7, ALT)
    assert dialog.answer.text() == "'Ruler' has Alt+7 now."
    assert shortcut_text(actions.row("viewer.ruler")) == "Alt+7"
    assert "(Alt+7)" in actions.action("viewer.ruler").toolTip()
    assert "<b>Alt+7</b></td><td>Ruler</td>" in keys_page(actions)
    done = []
    actions.action("viewer.ruler").triggered.connect(lambda _=False: done.append(1))
    actions.show_workspace("review")
    parent = dialog.parentWidget()
    dialog.close()
    parent.activateWindow()
    qtbot.waitUntil(parent.isActiveWindow)
    QTest.keyClick(parent, Qt.Key.Key_7, ALT)
    assert len(done) == 1
    settings.save()
    later = Actions(actions.parent())
    apply_own_keys(later, Settings(settings.file))
    assert later.row("viewer.ruler").shortcut == "Alt+7"


def test_a_key_that_is_taken_where_the_command_lives_is_refused_with_a_sentence(
    shown: Shown, actions: Actions, settings: Settings
) -> None:
    dialog = shown()
    dialog.choose("viewer.ruler")
    press(dialog, Qt.Key.Key_J, NONE)
    assert dialog.answer.text().startswith("J belongs to 'Next lesion' already")
    press(dialog, Qt.Key.Key_B, NONE)  # the brush lives in Annotate, where the ruler lives too
    assert dialog.answer.text().startswith("B belongs to 'Brush' already")
    assert actions.row("viewer.ruler").shortcut == "Shift+R"
    dialog.choose("review.accept")
    press(dialog, Qt.Key.Key_B, NONE)  # the brush does not live in Review
    assert actions.row("review.accept").shortcut == "B"
    dialog.close()


def test_keys_can_be_taken_away_and_given_back(shown: Shown, actions: Actions, settings: Settings) -> None:
    dialog = shown()
    dialog.choose("edit.redo")
    QTest.mouseClick(dialog.take, Qt.MouseButton.LeftButton)
    assert actions.action("edit.redo").shortcuts() == []
    later = Actions(actions.parent())
    apply_own_keys(later, settings)
    assert later.row("edit.redo").shortcut == ""
    QTest.mouseClick(dialog.reset, Qt.MouseButton.LeftButton)
    assert [keys.toString() for keys in actions.action("edit.redo").shortcuts()] == ["Ctrl+Shift+Z", "Ctrl+Y"]
    assert settings.text("keys/edit.redo", "") == ""
    dialog.choose("edit.undo")
    press(dialog, Qt.Key.Key_9, ALT)
    QTest.mouseClick(dialog.reset_all, Qt.MouseButton.LeftButton)
    assert actions.row("edit.undo").shortcut == "Ctrl+Z"
    dialog.close()


def test_a_chosen_key_wins_over_a_later_default(actions: Actions, settings: Settings) -> None:
    settings.store("keys/viewer.ruler", "J")
    apply_own_keys(actions, settings)
    assert actions.row("viewer.ruler").shortcut == "J"
    assert actions.row("viewer.next-lesion").shortcut == ""


def test_a_disabled_command_keeps_its_reason_when_its_keys_change(actions: Actions) -> None:
    actions.enable("edit.undo", False, "there is no stroke to take back")
    actions.set_keys("edit.undo", "Alt+8")
    tooltip = actions.action("edit.undo").toolTip()
    assert "(Alt+8)" in tooltip
    assert tooltip.endswith("Not available now: there is no stroke to take back")


def test_typing_narrows_the_list_and_the_palette_shows_own_keys(
    shown: Shown, actions: Actions, settings: Settings
) -> None:
    dialog = shown()
    QTest.keyClicks(dialog.filter, "ruler")
    rows = [row for row in range(dialog.table.rowCount()) if not dialog.table.isRowHidden(row)]
    assert [ACTIONS[row].id for row in rows] == ["viewer.ruler"]
    actions.set_keys("viewer.ruler", "Alt+7")
    actions.show_workspace("annotate")
    palette = CommandPalette(dialog, actions)
    palette._filter("ruler")
    assert palette.list.item(0).text().endswith("Alt+7")
    palette.close()
    dialog.close()
