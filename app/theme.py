"""Colours, spacing and icons: two palettes of tokens, one stylesheet made from them, icons tinted to match.

Widgets ask for a look by the dynamic property ``role`` (``"primary"``, ``"danger"``, ``"link"`` on push buttons;
``"title"``, ``"heading"``, ``"muted"``, ``"hint"``, ``"small"``, ``"figure"``, ``"chip"`` on labels; ``"card"``, ``"panel"``,
``"line"`` on frames), never by a stylesheet of their own. Painted widgets take colours from `current_tokens`.
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from functools import cache

from PySide6.QtCore import QByteArray, QRectF, QSize, Qt
from PySide6.QtGui import QAction, QColor, QFont, QIcon, QPainter, QPalette, QPixmap, QPixmapCache
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel, QLineEdit, QPushButton, QWidget

from segcore.errors import UnknownName
from segcore.resources import resource_path

#: The spacing scale, px. Margins and gaps use nothing else.
SPACE_1, SPACE_2, SPACE_3, SPACE_4 = 4, 8, 12, 16
#: Icon edge in toolbars and buttons, px.
ICON_SIZE = 18

_THEME_PROPERTY = "rareseg-theme"
_ICON_PROPERTY = "icon-name"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """The colours of one theme as ``#rrggbb``.

    Text on `window`, `surface`, `raised` and `field` has a contrast of at least 4.5:1 (WCAG AA); a test computes it.
    """

    name: str
    window: str
    surface: str
    raised: str
    field: str
    row: str
    border: str
    border_strong: str
    text: str
    muted: str
    disabled: str
    accent: str
    accent_strong: str
    accent_hover: str
    accent_text: str
    accent_soft: str
    selection: str
    hover: str
    pressed: str
    focus: str
    success: str
    success_soft: str
    warning: str
    warning_soft: str
    danger: str
    danger_soft: str
    info: str
    info_soft: str
    neutral_soft: str


DARK = Tokens(
    name="dark",
    window="#12161b",
    surface="#181d24",
    raised="#222932",
    field="#0f1317",
    row="#1b2129",
    border="#2b343f",
    border_strong="#46525f",
    text="#e7ecf1",
    muted="#a8b5c2",
    disabled="#66727f",
    accent="#5cc3d3",
    accent_strong="#1c7385",
    accent_hover="#238599",
    accent_text="#ffffff",
    accent_soft="#16323a",
    selection="#1b404a",
    hover="#2a323c",
    pressed="#343e4a",
    focus="#8be0ee",
    success="#6fd08c",
    success_soft="#17331f",
    warning="#f0b65a",
    warning_soft="#3a2c12",
    danger="#ff8d85",
    danger_soft="#401d1c",
    info="#86b6f5",
    info_soft="#1b2c47",
    neutral_soft="#2a323c",
)

LIGHT = Tokens(
    name="light",
    window="#f2f5f7",
    surface="#ffffff",
    raised="#e9eef2",
    field="#ffffff",
    row="#f7f9fa",
    border="#d5dde4",
    border_strong="#aab6c1",
    text="#17202a",
    muted="#4c5966",
    disabled="#8b97a3",
    accent="#0b6b7d",
    accent_strong="#0b6b7d",
    accent_hover="#0e7f94",
    accent_text="#ffffff",
    accent_soft="#dceff3",
    selection="#c6e4ea",
    hover="#e3eaef",
    pressed="#d3dde4",
    focus="#0a5a9c",
    success="#1c6b36",
    success_soft="#dcf2e3",
    warning="#7d4f00",
    warning_soft="#fdf0d5",
    danger="#a8261d",
    danger_soft="#fde5e3",
    info="#1c549c",
    info_soft="#e0ebfa",
    neutral_soft="#e3e8ec",
)

THEMES = {"dark": DARK, "light": LIGHT}
_FONTS = {"font_body": "10pt", "font_small": "9pt", "font_heading": "11pt", "font_title": "14pt", "font_figure": "13pt"}


def current_tokens() -> Tokens:
    """Return the colours of the theme in force (dark before any was applied)."""
    app = QApplication.instance()
    name = str(app.property(_THEME_PROPERTY)) if app is not None else ""
    return THEMES.get(name, DARK)


def apply_theme(app: QApplication, name: str) -> None:
    """Dress `app` in the theme ``"dark"`` or ``"light"`` and retint every icon given by `set_icon`.

    Raises
    ------
    UnknownName
        If there is no such theme.
    """
    if name not in THEMES:
        raise UnknownName("theme", name, THEMES)
    first = app.property(_THEME_PROPERTY) is None
    app.setProperty(_THEME_PROPERTY, name)
    if first:
        app.setStyle("Fusion")
        font = QFont(app.font())
        font.setPointSizeF(10.0)
        app.setFont(font)
    app.setPalette(_palette(THEMES[name]))
    app.setStyleSheet(stylesheet(THEMES[name]))
    _retint(app)


def stylesheet(theme: Tokens) -> str:
    """Return the application's stylesheet in the colours of `theme`."""
    values = {**dataclasses.asdict(theme), **_FONTS}
    for picture in ("down", "up", "check", "partial"):
        values[picture] = resource_path("theme", f"{picture}-{theme.name}.svg").as_posix()
    template = resource_path("theme", "rareseg.qss").read_text("utf-8")
    return re.sub(r"@([a-z_]+)", lambda match: values[match.group(1)], template)


def icon(name: str, colour: str = "", *, edge: int = ICON_SIZE, gap: int = 0) -> QIcon:
    """Return the icon `name` of ``resources/icons`` in the text colour of the theme, or in `colour` (``#rrggbb``).

    An icon made this way keeps its colour when the theme changes; `set_icon` does not. Made sharp for screens of device
    pixel ratio 1 and 2 at `edge` px; `gap` px stay empty on the right.
    """
    theme = current_tokens()
    result = QIcon()
    for scale in (1, 2):
        size, room = scale * edge, scale * gap
        result.addPixmap(_render(name, size, colour or theme.text, room), QIcon.Mode.Normal, QIcon.State.Off)
        result.addPixmap(_render(name, size, theme.disabled, room), QIcon.Mode.Disabled, QIcon.State.Off)
        result.addPixmap(_render(name, size, colour or theme.accent, room), QIcon.Mode.Normal, QIcon.State.On)
    return result


def pixmap(name: str, edge: int, colour: str = "", ratio: float = 1.0) -> QPixmap:
    """Return the icon `name` as a picture of `edge` px for a screen of device pixel ratio `ratio`."""
    picture = _render(name, round(edge * ratio), colour or current_tokens().text)
    picture.setDevicePixelRatio(ratio)
    return picture


def set_icon(target: QAction | QAbstractButton | QLabel, name: str, *, edge: int = ICON_SIZE, colour: str = "") -> None:
    """Give `target` the icon `name` and keep it in the theme's colours.

    Parameters
    ----------
    colour
        Name of a token, such as ``"warning"``; the text colour if empty.
    edge
        Edge of the picture in px (labels and buttons).
    """
    target.setProperty(_ICON_PROPERTY, f"{name}|{edge}|{colour}")
    _tint(target)


def icon_name(target: QAction | QAbstractButton | QLabel) -> str:
    """Return the name given by `set_icon`, or an empty text."""
    return str(target.property(_ICON_PROPERTY) or "").partition("|")[0]


def set_role(widget: QWidget, role: str) -> None:
    """Give `widget` a look of the stylesheet, now and when it changes later."""
    widget.setProperty("role", role)
    widget.style().unpolish(widget)
    widget.style().polish(widget)


def indent_numbers(widget: QWidget) -> None:
    """Keep the text of the spin boxes in `widget` off their border, which Qt's stylesheets cannot do."""
    for field in widget.findChildren(QLineEdit, "qt_spinbox_lineedit"):
        field.setTextMargins(SPACE_2 - 2, 0, 0, 0)


def application_icon() -> QIcon:
    """Return the window icon."""
    return QIcon(str(resource_path("icons", "rareseg.svg")))


def _tint(target: QAction | QAbstractButton | QLabel) -> None:
    name, edge, colour = str(target.property(_ICON_PROPERTY)).split("|")
    hexadecimal = str(getattr(current_tokens(), colour)) if colour else ""
    if isinstance(target, QLabel):
        target.setPixmap(pixmap(name, int(edge), hexadecimal, target.devicePixelRatioF()))
        return
    # Fusion leaves two pixels between a push button's icon and its text; the picture brings the rest itself.
    gap = SPACE_1 if isinstance(target, QPushButton) else 0
    target.setIcon(icon(name, hexadecimal, edge=int(edge), gap=gap))
    if isinstance(target, QAbstractButton):
        target.setIconSize(QSize(int(edge) + gap, int(edge)))


def _retint(app: QApplication) -> None:
    for top in app.topLevelWidgets():
        for action in top.findChildren(QAction):
            if action.property(_ICON_PROPERTY):
                _tint(action)
    for widget in app.allWidgets():
        if isinstance(widget, QAbstractButton | QLabel) and widget.property(_ICON_PROPERTY):
            _tint(widget)


def _render(name: str, edge: int, colour: str, gap: int = 0) -> QPixmap:
    key = f"rareseg-icon-{name}-{edge}-{gap}-{colour}"
    picture = QPixmap()
    if QPixmapCache.find(key, picture):
        return picture
    # Large pictures get thinner lines, or they would look like road signs.
    width = "1.25" if edge > 48 else "1.75"
    drawing = _drawing(name).replace("currentColor", colour).replace('stroke-width="1.75"', f'stroke-width="{width}"')
    picture = QPixmap(edge + gap, edge)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    QSvgRenderer(QByteArray(drawing.encode())).render(painter, QRectF(0, 0, edge, edge))
    painter.end()
    QPixmapCache.insert(key, picture)
    return picture


@cache
def _drawing(name: str) -> str:
    file = resource_path("icons", f"{name}.svg")
    if not file.is_file():
        raise UnknownName("icon", name, [path.stem for path in resource_path("icons").glob("*.svg")])
    return file.read_text("utf-8")


def _palette(theme: Tokens) -> QPalette:
    palette = QPalette()
    roles = {
        QPalette.ColorRole.Window: theme.window,
        QPalette.ColorRole.WindowText: theme.text,
        QPalette.ColorRole.Base: theme.field,
        QPalette.ColorRole.AlternateBase: theme.row,
        QPalette.ColorRole.Text: theme.text,
        QPalette.ColorRole.PlaceholderText: theme.muted,
        QPalette.ColorRole.Button: theme.raised,
        QPalette.ColorRole.ButtonText: theme.text,
        QPalette.ColorRole.BrightText: theme.danger,
        QPalette.ColorRole.Highlight: theme.accent_strong,
        QPalette.ColorRole.HighlightedText: theme.accent_text,
        QPalette.ColorRole.Link: theme.accent,
        QPalette.ColorRole.LinkVisited: theme.accent,
        QPalette.ColorRole.ToolTipBase: theme.raised,
        QPalette.ColorRole.ToolTipText: theme.text,
        QPalette.ColorRole.Light: theme.border_strong,
        QPalette.ColorRole.Midlight: theme.border,
        QPalette.ColorRole.Mid: theme.border,
        QPalette.ColorRole.Dark: theme.border,
        QPalette.ColorRole.Shadow: theme.border,
    }
    for role, colour in roles.items():
        palette.setColor(role, QColor(colour))
    for role in (QPalette.ColorRole.WindowText, QPalette.ColorRole.Text, QPalette.ColorRole.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, role, QColor(theme.disabled))
    return palette
