"""How the window looks: tokens for light and dark, and for high contrast, the palette and the style sheet made from them.

Distances are device-independent pixels from one scale; sizes of text follow the system's font.  Text on its ground has a contrast
of at least 4.5 (a test holds every pair that is used to it).
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QFont, QGuiApplication, QImage, QPainter, QPalette, QPen
from PySide6.QtWidgets import QApplication, QWidget

from chorus_gui.app.folders import data_folder
from chorus_gui.app.portable import check_own_home
from chorus_gui.core.errors import ComputerError, PolicyError
from chorus_gui.core.model import ChangeKind, Grade

SPACE = 8
"""The unit of distances: use SPACE // 2, SPACE, 2 * SPACE, 3 * SPACE."""
RADIUS = 6
ROW = 28
"""The height of a table's rows."""


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours as "#rrggbb".  ``window`` is the ground, ``surface`` cards and tables, ``raised`` what is drawn on them."""

    name: str
    window: str
    rail: str
    surface: str
    raised: str
    border: str
    text: str
    muted: str
    accent: str
    on_accent: str
    accent_hover: str
    selection: str
    good: str
    good_ground: str
    warning: str
    warning_ground: str
    bad: str
    bad_ground: str
    info: str
    info_ground: str
    series: tuple[str, ...]
    """for charts: one for each modality"""
    outlined: bool = False
    """what has a ground of its own has a line around it, too"""

    def grade(self, grade: Grade) -> str:
        """The colour of words of that grade."""
        return {Grade.GOOD: self.good, Grade.WARNING: self.warning, Grade.BAD: self.bad, Grade.INFO: self.info}[grade]

    def ground(self, grade: Grade) -> str:
        """The ground behind them."""
        grounds = {
            Grade.GOOD: self.good_ground,
            Grade.WARNING: self.warning_ground,
            Grade.BAD: self.bad_ground,
            Grade.INFO: self.info_ground,
        }
        return grounds[grade]

    def kind(self, kind: ChangeKind) -> str:
        """The colour of a kind of change."""
        return {
            ChangeKind.ADDED: self.good,
            ChangeKind.UPDATED: self.accent,
            ChangeKind.RESTORED: self.accent,
            ChangeKind.MOVED: self.muted,
            ChangeKind.UNCHANGED: self.muted,
            ChangeKind.DELETED: self.bad,
            ChangeKind.UNMATCHED: self.warning,
            ChangeKind.PROBLEM: self.bad,
        }[kind]


LIGHT = Theme(
    name="light",
    window="#f4f6f8",
    rail="#e9edf1",
    surface="#ffffff",
    raised="#f0f3f6",
    border="#d3dae1",
    text="#1a2430",
    muted="#55636f",
    accent="#1b63a8",
    on_accent="#ffffff",
    accent_hover="#15528c",
    selection="#d5e6f6",
    good="#1d6b3a",
    good_ground="#e2f3e7",
    warning="#7d5200",
    warning_ground="#fdf0d2",
    bad="#ab1f2a",
    bad_ground="#fbe5e6",
    info="#1f5a94",
    info_ground="#e3eef9",
    series=("#1b63a8", "#2a8f7b", "#b8791a", "#7d58a8"),
)

DARK = Theme(
    name="dark",
    window="#161b21",
    rail="#11161b",
    surface="#1f262e",
    raised="#2a333d",
    border="#3a4652",
    text="#e7ecf1",
    muted="#a3b0bd",
    accent="#6cb2f2",
    on_accent="#0b1a29",
    accent_hover="#8cc4f7",
    selection="#233e59",
    good="#7cd699",
    good_ground="#1b3526",
    warning="#f0c469",
    warning_ground="#3b2f14",
    bad="#ff9aa0",
    bad_ground="#46232a",
    info="#8fc4f5",
    info_ground="#1d3348",
    series=("#6cb2f2", "#5ccbb4", "#e0a94e", "#b895e0"),
)


CONTRAST = Theme(
    name="contrast",
    window="#000000",
    rail="#000000",
    surface="#000000",
    raised="#1c1c1c",
    border="#ffffff",
    text="#ffffff",
    muted="#e4e4e4",
    accent="#ffe14d",
    on_accent="#000000",
    accent_hover="#fff0a0",
    selection="#00305a",
    good="#6dff9a",
    good_ground="#000000",
    warning="#ffcf40",
    warning_ground="#000000",
    bad="#ffb0b0",
    bad_ground="#000000",
    info="#8fd8ff",
    info_ground="#000000",
    series=("#8fd8ff", "#6dff9a", "#ffcf40", "#e0b0ff"),
    outlined=True,
)

CONTRAST_LIGHT = Theme(
    name="contrast-light",
    window="#ffffff",
    rail="#ffffff",
    surface="#ffffff",
    raised="#f0f0f0",
    border="#000000",
    text="#000000",
    muted="#262626",
    accent="#00358a",
    on_accent="#ffffff",
    accent_hover="#001f55",
    selection="#d6eaff",
    good="#00401a",
    good_ground="#ffffff",
    warning="#4a3000",
    warning_ground="#ffffff",
    bad="#7d0010",
    bad_ground="#ffffff",
    info="#00305f",
    info_ground="#ffffff",
    series=("#00358a", "#00401a", "#4a3000", "#4b0070"),
    outlined=True,
)

_THEMES = {theme.name: theme for theme in (LIGHT, DARK, CONTRAST, CONTRAST_LIGHT)}


def wanted(theme: str) -> Theme:
    """The theme of a setting: "light", "dark", "contrast", or "system" for the desktop's, whose high contrast is kept."""
    if theme in _THEMES:
        return _THEMES[theme]
    if system_contrast():
        return CONTRAST if _is_dark(_window_colour()) else CONTRAST_LIGHT
    return DARK if QGuiApplication.styleHints().colorScheme() is Qt.ColorScheme.Dark else LIGHT


def _is_dark(colour: int) -> bool:
    """A colour as Windows gives it: blue, green and red, from the highest byte."""
    blue, green, red = colour >> 16 & 0xFF, colour >> 8 & 0xFF, colour & 0xFF
    return 299 * red + 587 * green + 114 * blue < 128_000


def _window_colour() -> int:
    """The ground of windows in the contrast theme of Windows: Qt calls such a theme neither light nor dark."""
    if sys.platform != "win32":
        return 0xFFFFFF
    import ctypes

    return int(ctypes.windll.user32.GetSysColor(5))  # COLOR_WINDOW


def system_contrast() -> bool:
    """The person uses a contrast theme of Windows.  Qt does not say so before its version 6.10."""
    if sys.platform != "win32":
        return False
    import ctypes
    from ctypes import wintypes

    class HighContrast(ctypes.Structure):
        """HIGHCONTRASTW of the Windows API."""

        _fields_ = (("cbSize", wintypes.UINT), ("dwFlags", wintypes.DWORD), ("lpszDefaultScheme", wintypes.LPWSTR))

    found = HighContrast(cbSize=ctypes.sizeof(HighContrast))
    get, on = 0x0042, 0x0001  # SPI_GETHIGHCONTRAST, HCF_HIGHCONTRASTON
    return bool(ctypes.windll.user32.SystemParametersInfoW(get, found.cbSize, ctypes.byref(found), 0) and found.dwFlags & on)


def current() -> Theme:
    """The theme that is applied, for painters."""
    application = QApplication.instance()
    return _THEMES.get(application.property("chorus_theme"), LIGHT) if application is not None else LIGHT


def apply(application: QApplication, theme: Theme) -> None:
    """Dress the whole application."""
    application.setProperty("chorus_theme", theme.name)
    if application.style().objectName() != "fusion":
        application.setStyle("fusion")
    application.setStyleSheet("")  # with the old sheet, Qt would look for what each widget had of it: 3 s where all pages are made
    application.setPalette(palette(theme))
    application.setStyleSheet(style_sheet(theme, application.font()))


def restyle(widget: QWidget) -> None:
    """After a dynamic property was changed: let the style sheet read the widget again."""
    widget.style().unpolish(widget)
    widget.style().polish(widget)


def palette(theme: Theme) -> QPalette:
    """The palette of a theme."""
    out = QPalette()
    role = QPalette.ColorRole
    colours = {
        role.Window: theme.window,
        role.WindowText: theme.text,
        role.Base: theme.surface,
        role.AlternateBase: theme.raised,
        role.ToolTipBase: theme.raised,
        role.ToolTipText: theme.text,
        role.Text: theme.text,
        role.PlaceholderText: theme.muted,
        role.Button: theme.raised,
        role.ButtonText: theme.text,
        role.BrightText: theme.bad,
        role.Highlight: theme.selection,
        role.HighlightedText: theme.text,
        role.Link: theme.accent,
        role.LinkVisited: theme.accent,
        role.Mid: theme.border,
        role.Dark: theme.border,
        role.Light: theme.surface,
        role.Accent: theme.accent,
    }
    for name, colour in colours.items():
        out.setColor(name, QColor(colour))
    for name in (role.Text, role.WindowText, role.ButtonText, role.HighlightedText):
        out.setColor(QPalette.ColorGroup.Disabled, name, mix(theme.muted, theme.window, 0.35))
    return out


def mix(one: str, other: str, share: float) -> QColor:
    """``one`` with ``share`` of ``other`` in it."""
    a, b = QColor(one), QColor(other)
    return QColor(*(round(x + (y - x) * share) for x, y in ((a.red(), b.red()), (a.green(), b.green()), (a.blue(), b.blue()))))


_MARKS = {
    "down": ((5, 9), (12, 15), (19, 9)),
    "up": ((5, 15), (12, 9), (19, 15)),
    "check": ((5, 12.5), (10, 17.5), (19, 7)),
    "dash": ((6, 12), (18, 12)),
    "dot": ((11.9, 12), (12.1, 12)),
}
"""The marks of check boxes, as lines on a grid of 24."""


def _draw_marks(theme: Theme) -> str:
    """Write the marks as files, because a style sheet reads nothing else; the folder's path.  Without it the marks are not drawn."""
    try:
        check_own_home()
        folder = data_folder("theme")
    except (ComputerError, PolicyError):
        return ""
    for name, points in _MARKS.items():
        colour, width = {"check": (theme.on_accent, 3.4), "dash": (theme.accent, 3.4), "dot": (theme.on_accent, 9.0)}.get(
            name, (theme.muted, 2.6)
        )
        for ratio, mark in ((1, ""), (2, "@2x")):
            image = QImage(12 * ratio, 12 * ratio, QImage.Format.Format_ARGB32_Premultiplied)
            image.fill(Qt.GlobalColor.transparent)
            painter = QPainter(image)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.scale(ratio / 2, ratio / 2)
            painter.setPen(QPen(QColor(colour), width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin))
            painter.drawPolyline([QPointF(x, y) for x, y in points])
            painter.end()
            image.save(str(folder / f"{name}-{theme.name}{mark}.png"))
    return folder.as_posix()


def style_sheet(theme: Theme, font: QFont) -> str:
    """What a palette cannot express.  ``font`` has the size that the others follow."""
    t, base = theme, font.pointSizeF() if font.pointSizeF() > 0 else 10.0
    marks = _draw_marks(theme)
    faint = mix(t.muted, t.window, 0.35).name()
    grades = "".join(
        f"""
        QLabel[grade="{g.value}"] {{ color: {t.grade(g)}; }}
        QFrame[notice="{g.value}"] {{ background: {t.ground(g)}; border: 1px solid {t.grade(g)}; border-radius: {RADIUS}px; }}
        QFrame[notice="{g.value}"] QLabel {{ color: {t.grade(g)}; }}
        QPushButton[chip="{g.value}"] {{ background: {t.ground(g)}; color: {t.grade(g)}; border: 1px solid {t.grade(g) if t.outlined else t.ground(g)};
            border-radius: 12px; padding: 3px 11px; min-height: 18px; }}
        QPushButton[chip="{g.value}"]:hover, QPushButton[chip="{g.value}"]:focus {{ border-color: {t.grade(g)}; }}
        """
        for g in Grade
    )
    return f"""
        QToolTip {{ background: {t.raised}; color: {t.text}; border: 1px solid {t.border}; padding: 4px 6px; }}
        QLabel[role="title"] {{ font-size: {base * 1.55:.1f}pt; font-weight: 600; }}
        QLabel[role="heading"] {{ font-size: {base * 1.12:.1f}pt; font-weight: 600; }}
        QLabel[role="number"] {{ font-size: {base * 1.5:.1f}pt; font-weight: 600; }}
        QLabel[role="muted"] {{ color: {t.muted}; }}
        QLabel[role="strong"] {{ font-weight: 600; }}
        {grades}
        QFrame[card="true"] {{ background: {t.surface}; border: 1px solid {t.border}; border-radius: {RADIUS + 2}px; }}
        QFrame[card="now"] {{ background: {t.surface}; border: 2px solid {t.accent}; border-radius: {RADIUS + 2}px; }}
        QFrame#rail {{ background: {t.rail}; border-right: 1px solid {t.border}; }}
        QFrame#topbar {{ background: {t.surface}; border-bottom: 1px solid {t.border}; }}
        QFrame#jobbar {{ background: {t.surface}; border-top: 1px solid {t.border}; }}
        QFrame[line="true"] {{ background: {t.border}; border: none; max-height: 1px; min-height: 1px; }}
        QFrame#rail QToolButton {{ border: 1px solid transparent; border-radius: {RADIUS}px; padding: 8px 10px; text-align: left; color: {t.text}; }}
        QFrame#rail QToolButton[low="true"] {{ padding: 4px 10px; }}
        QFrame#rail QToolButton:hover {{ background: {t.raised}; }}
        QFrame#rail QToolButton:checked {{ background: {t.selection}; font-weight: 600; }}
        QFrame#rail QToolButton:focus {{ border-color: {t.accent}; }}
        QLabel[badge="test"] {{ background: {t.warning_ground}; color: {t.warning}; border: 1px solid {t.warning}; border-radius: 4px;
            padding: 2px 8px; font-weight: 600; }}
        QLabel[badge="central"] {{ background: {t.accent}; color: {t.on_accent}; border: 1px solid {t.accent}; border-radius: 4px;
            padding: 2px 8px; font-weight: 600; }}
        QPushButton {{ background: {t.raised}; color: {t.text}; border: 1px solid {t.border}; border-radius: {RADIUS}px;
            padding: 5px 14px; min-height: 20px; }}
        QPushButton:hover {{ border-color: {t.accent}; }}
        QPushButton:focus {{ border-color: {t.accent}; }}
        QPushButton:pressed {{ background: {t.selection}; }}
        QPushButton:disabled {{ color: {faint}; border-color: {t.border}; }}
        QPushButton:checked {{ background: {t.selection}; border-color: {t.accent}; }}
        QPushButton[primary="true"] {{ background: {t.accent}; color: {t.on_accent}; border-color: {t.accent}; font-weight: 600; }}
        QPushButton[primary="true"]:hover, QPushButton[primary="true"]:pressed {{ background: {t.accent_hover}; }}
        QPushButton[primary="true"]:focus {{ border: 2px solid {t.text}; padding: 4px 13px; }}
        QPushButton[primary="true"]:disabled {{ background: {t.raised}; color: {faint}; border-color: {t.border}; }}
        QPushButton[danger="true"] {{ color: {t.bad}; border-color: {t.bad}; }}
        QPushButton[danger="true"]:disabled {{ color: {faint}; border-color: {t.border}; }}
        QPushButton[flat="true"] {{ background: transparent; border-color: transparent; padding: 4px 8px; }}
        QPushButton[flat="true"]:hover, QPushButton[flat="true"]:focus {{ border-color: {t.border}; }}
        QPushButton[part="true"] {{ background: {t.surface}; padding: 3px 10px; }}
        QPushButton[part="true"]:checked {{ background: {t.selection}; border: 2px solid {t.accent}; padding: 2px 9px; }}
        QPushButton[tile="true"] {{ background: {t.surface}; border: 1px solid {t.border}; border-radius: {RADIUS + 2}px; text-align: left; padding: 0; }}
        QPushButton[tile="true"]:hover, QPushButton[tile="true"]:focus {{ border-color: {t.accent}; }}
        QPushButton[tile="true"]:checked {{ background: {t.selection}; border: 2px solid {t.accent}; }}
        QPushButton[tile="true"] QLabel {{ background: transparent; }}
        QLineEdit, QPlainTextEdit, QTextEdit, QSpinBox, QDoubleSpinBox, QComboBox {{ background: {t.surface}; color: {t.text};
            border: 1px solid {t.border}; border-radius: {RADIUS - 2}px; padding: 4px 6px; selection-background-color: {t.selection};
            selection-color: {t.text}; }}
        QLineEdit:focus, QPlainTextEdit:focus, QTextEdit:focus, QSpinBox:focus, QDoubleSpinBox:focus, QComboBox:focus {{ border-color: {t.accent}; }}
        QLineEdit:disabled, QSpinBox:disabled, QDoubleSpinBox:disabled, QComboBox:disabled, QLineEdit:read-only {{ background: {t.raised}; }}
        QLineEdit[fault="true"], QComboBox[fault="true"], QSpinBox[fault="true"], QDoubleSpinBox[fault="true"],
        QPlainTextEdit[fault="true"] {{ border-color: {t.bad}; }}
        QComboBox:disabled, QSpinBox:disabled, QDoubleSpinBox:disabled {{ color: {faint}; }}
        QComboBox::drop-down {{ border: none; width: 20px; subcontrol-origin: padding; subcontrol-position: center right; }}
        QComboBox::down-arrow {{ image: url("{marks}/down-{t.name}.png"); width: 12px; height: 12px; }}
        QSpinBox, QDoubleSpinBox {{ padding-right: 20px; }}
        QSpinBox::up-button, QDoubleSpinBox::up-button {{ subcontrol-origin: border; subcontrol-position: top right; width: 18px; border: none; }}
        QSpinBox::down-button, QDoubleSpinBox::down-button {{ subcontrol-origin: border; subcontrol-position: bottom right; width: 18px;
            border: none; }}
        QSpinBox::up-arrow, QDoubleSpinBox::up-arrow {{ image: url("{marks}/up-{t.name}.png"); width: 10px; height: 10px; }}
        QSpinBox::down-arrow, QDoubleSpinBox::down-arrow {{ image: url("{marks}/down-{t.name}.png"); width: 10px; height: 10px; }}
        QCheckBox::indicator, QRadioButton::indicator {{ width: 14px; height: 14px; border: 1px solid {t.muted}; background: {t.surface}; }}
        QCheckBox::indicator {{ border-radius: 3px; }}
        QRadioButton::indicator {{ border-radius: 8px; }}
        QCheckBox::indicator:hover, QRadioButton::indicator:hover {{ border-color: {t.accent}; }}
        QCheckBox::indicator:checked {{ background: {t.accent}; border-color: {t.accent}; image: url("{marks}/check-{t.name}.png"); }}
        QRadioButton::indicator:checked {{ background: {t.accent}; border-color: {t.accent}; image: url("{marks}/dot-{t.name}.png"); }}
        QTableView::indicator {{ width: 14px; height: 14px; border: 1px solid {t.muted}; border-radius: 3px; background: {t.surface}; }}
        QTableView::indicator:checked {{ background: {t.accent}; border-color: {t.accent}; image: url("{marks}/check-{t.name}.png"); }}
        QTableView::indicator:indeterminate {{ border-color: {t.accent}; image: url("{marks}/dash-{t.name}.png"); }}
        QCheckBox::indicator:disabled, QRadioButton::indicator:disabled {{ background: {t.raised}; border-color: {t.border}; }}
        QCheckBox::indicator:checked:disabled, QRadioButton::indicator:checked:disabled {{ background: {faint}; border-color: {faint}; }}
        QComboBox QAbstractItemView {{ background: {t.surface}; border: 1px solid {t.border}; selection-background-color: {t.selection};
            selection-color: {t.text}; }}
        QTableView, QTreeView, QListView, QTableWidget {{ background: {t.surface}; alternate-background-color: {t.window};
            border: 1px solid {t.border}; border-radius: {RADIUS}px; gridline-color: {t.raised}; selection-background-color: {t.selection};
            selection-color: {t.text}; }}
        QTableView::item, QTreeView::item {{ padding: 0px 6px; border: 0px; }}
        QTableView:focus, QTreeView:focus, QListView:focus {{ border-color: {t.accent}; }}
        QHeaderView {{ background: {t.raised}; border: none; }}
        QHeaderView::up-arrow, QHeaderView::down-arrow {{ width: 10px; height: 10px; subcontrol-origin: padding;
            subcontrol-position: center right; right: 8px; }}
        QHeaderView::up-arrow {{ image: url("{marks}/up-{t.name}.png"); }} /* ascending, as in Explorer; Fusion has it the other way round */
        QHeaderView::down-arrow {{ image: url("{marks}/down-{t.name}.png"); }}
        QHeaderView::section {{ background: {t.raised}; color: {t.muted}; border: none; border-bottom: 1px solid {t.border};
            border-right: 1px solid {t.border}; padding: 5px 8px; font-weight: 600; }}
        QTableCornerButton::section {{ background: {t.raised}; border: none; }}
        QProgressBar {{ background: {t.raised}; border: none; border-radius: 4px; max-height: 8px; min-height: 8px; }}
        QProgressBar::chunk {{ background: {t.accent}; border-radius: 4px; }}
        QTabWidget::pane {{ border: 1px solid {t.border}; border-radius: {RADIUS}px; top: -1px; }}
        QTabBar::tab {{ background: transparent; color: {t.muted}; padding: 6px 10px; border: none; border-bottom: 2px solid transparent; }}
        QTabBar::tab:selected {{ color: {t.text}; border-bottom-color: {t.accent}; }}
        QTabBar::tab:focus {{ color: {t.accent}; }}
        QMenuBar {{ background: {t.surface}; color: {t.text}; border-bottom: 1px solid {t.border}; padding: 1px; }}
        QMenuBar::item {{ padding: 4px 9px; border-radius: 4px; background: transparent; }}
        QMenuBar::item:selected {{ background: {t.selection}; }}
        QMenu {{ background: {t.surface}; color: {t.text}; border: 1px solid {t.border}; padding: 4px; }}
        QMenu::item {{ padding: 5px 24px 5px 14px; border-radius: 4px; }}
        QMenu::item:selected {{ background: {t.selection}; }}
        QMenu::item:disabled {{ color: {faint}; }}
        QMenu::separator {{ height: 1px; background: {t.border}; margin: 4px 8px; }}
        QScrollArea {{ border: none; background: transparent; }}
        QScrollArea > QWidget > QWidget#page {{ background: transparent; }}
        QSplitter::handle {{ background: {t.border}; }}
        QGroupBox {{ font-weight: 600; border: 1px solid {t.border}; border-radius: {RADIUS}px; margin-top: 10px; padding-top: 10px; }}
        QGroupBox::title {{ subcontrol-origin: margin; left: 10px; padding: 0 4px; }}
    """
