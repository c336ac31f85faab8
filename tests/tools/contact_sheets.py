"""Pictures of every view in every screen and theme, pair by pair, in contact sheets: ``python3 dev.py screenshots --sheets FOLDER``.

A view is a page or a dialog in one of the states of ``screenshots.py``.  Each view is taken once on every screen of ``tests/uiwalk.py``, in three
different themes, so that every pair of view and screen, view and theme, screen and theme is there.  A person looks at the sheets.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QPoint, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter
from screenshots import SIZE, THEMES, Camera

COLUMNS, ROWS = 2, 3
WIDTH, CAPTION = 900, 26
"""Of one picture on a sheet, and the line above it; pixels"""


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture, and what it shows."""

    caption: str
    picture: QImage


def pairs(number: int, screens: Collection[str], themes: Collection[str] = THEMES) -> list[tuple[str, str]]:
    """The screens and themes of one view: each screen once, and each theme."""
    shown = list(themes)
    return [(screen, shown[(number + place) % len(shown)]) for place, screen in enumerate(screens)]


class SheetCamera(Camera):
    """Takes each view on every screen, and puts the pictures side by side."""

    def __init__(self, out: Path, only: Collection[str]) -> None:
        super().__init__(out, "", only, SIZE)
        self.shots: list[Shot] = []
        self.views = 0

    def take(self, name: str) -> None:
        """One view."""
        from PySide6.QtWidgets import QDialog
        from uiwalk import SCREENS

        from chorus_gui.ui import intents
        from chorus_gui.ui.widgets import dialogs

        real = dialogs.space_of
        for screen, theme in pairs(self.views, SCREENS):
            size = SCREENS[screen]
            dialogs.space_of = lambda _, size=size: size
            self.session.do(intents.SetTheme(theme))
            self.window.resize(size)
            for dialog in [one for one in self.window.findChildren(QDialog) if one.isVisible()]:
                dialog.hide()
                dialog.show()
            self.rest(0.25)
            self.shots.append(Shot(f"{name} · {screen} · {theme}", self._picture().convertToFormat(QImage.Format.Format_RGB32)))
        dialogs.space_of = real
        self.views += 1
        self.session.do(intents.SetTheme("light"))
        self.window.resize(*SIZE)
        self.rest(0.1)

    def save(self) -> None:
        """The sheets."""
        on_one = COLUMNS * ROWS
        for number in range(0, len(self.shots), on_one):
            file = self.out / f"sheet-{number // on_one + 1:02}.png"
            sheet(self.shots[number : number + on_one]).save(str(file))
        print(f"{len(self.shots)} pictures of {self.views} views on {-(-len(self.shots) // on_one)} sheets in {self.out}")


def sheet(shots: list[Shot]) -> QImage:
    """Some pictures with their captions."""
    scaled = [(shot.caption, shot.picture.scaledToWidth(WIDTH, Qt.TransformationMode.SmoothTransformation)) for shot in shots]
    high = max(picture.height() for _, picture in scaled) + CAPTION
    rows = -(-len(scaled) // COLUMNS)
    made = QImage(QSize(COLUMNS * (WIDTH + 8), rows * (high + 8)), QImage.Format.Format_RGB32)
    made.fill(QColor("#b0b6bc"))
    painter = QPainter(made)
    for place, (caption, picture) in enumerate(scaled):
        corner = QPoint(place % COLUMNS * (WIDTH + 8), place // COLUMNS * (high + 8))
        painter.setPen(QColor("black"))
        painter.drawText(corner + QPoint(6, CAPTION - 8), caption)
        painter.drawImage(corner + QPoint(0, CAPTION), picture)
    painter.end()
    return made
