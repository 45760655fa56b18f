import pytest
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QApplication, QLabel, QPushButton
from pytestqt.qtbot import QtBot

from app.action_table import ACTIONS
from app.theme import THEMES, Tokens, apply_theme, current_tokens, icon, set_icon, stylesheet
from segcore.errors import UnknownName
from segcore.resources import resource_path


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", THEMES.values(), ids=lambda theme: theme.name)
def test_every_text_colour_can_be_read_on_every_surface(theme: Tokens) -> None:
    surfaces = (theme.window, theme.surface, theme.raised, theme.field, theme.row)
    too_faint = [
        (text, ground)
        for text in (theme.text, theme.muted)
        for ground in (*surfaces, theme.selection, theme.hover)
        if contrast(text, ground) < 4.5
    ]
    pairs = (
        (theme.accent_text, theme.accent_strong),
        (theme.accent, theme.surface),
        (theme.accent, theme.accent_soft),
        (theme.success, theme.success_soft),
        (theme.warning, theme.warning_soft),
        (theme.danger, theme.danger_soft),
        (theme.info, theme.info_soft),
        (theme.muted, theme.neutral_soft),
        (theme.danger, theme.surface),
    )
    assert too_faint + [pair for pair in pairs if contrast(*pair) < 4.5] == []


@pytest.mark.parametrize("theme", THEMES.values(), ids=lambda theme: theme.name)
def test_the_focus_ring_stands_out(theme: Tokens) -> None:
    assert min(contrast(theme.focus, ground) for ground in (theme.window, theme.surface, theme.raised)) >= 3.0


def test_the_stylesheet_leaves_no_token_open() -> None:
    assert "@" not in stylesheet(THEMES["dark"])


def test_an_unknown_theme_is_answered_with_the_known_ones(qapp: QApplication) -> None:
    with pytest.raises(UnknownName, match="dark, light"):
        apply_theme(qapp, "sepia")


def test_icons_follow_the_theme(qtbot: QtBot, qapp: QApplication) -> None:
    button = QPushButton()
    qtbot.addWidget(button)
    action = QAction(button)
    set_icon(button, "brush")
    set_icon(action, "eraser")
    dark = [thing.icon().pixmap(18, 18).toImage() for thing in (button, action)]
    try:
        apply_theme(qapp, "light")
        assert current_tokens().name == "light"
        light = [thing.icon().pixmap(18, 18).toImage() for thing in (button, action)]
    finally:
        apply_theme(qapp, "dark")
    assert [a == b for a, b in zip(dark, light, strict=True)] == [False, False]


def test_every_icon_draws_something(qapp: QApplication) -> None:
    blank = []
    for file in sorted(resource_path("icons").glob("*.svg")):
        image = icon(file.stem).pixmap(18, 18).toImage()
        if not any(image.pixelColor(x, y).alpha() > 40 for x in range(image.width()) for y in range(image.height())):
            blank.append(file.stem)
    assert blank == []


def test_every_icon_named_in_the_action_table_exists() -> None:
    assert [row.id for row in ACTIONS if row.icon and not resource_path("icons", f"{row.icon}.svg").is_file()] == []


def test_an_unknown_icon_is_answered_with_the_known_ones(qtbot: QtBot) -> None:
    label = QLabel()
    qtbot.addWidget(label)
    with pytest.raises(UnknownName, match="did you mean 'brush'"):
        set_icon(label, "brusch")
