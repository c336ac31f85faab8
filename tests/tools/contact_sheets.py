"""Pictures of every view in every screen and theme, pair by pair, in contact sheets: ``python3 dev.py screenshots --sheets --out FOLDER``.

A view is a page or a dialog in one of the states of ``screenshots.py``, or one of ``tests/everydialog.py``.  Each view is taken once on every
screen of ``tests/uiwalk.py``, in three different themes, so that every pair of view and screen, view and theme, screen and theme is there.
A person looks at the sheets; each picture is also there in its own size, in ``pictures``.
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
    """Takes each view on every screen, and puts the pictures side by side; a dialog of ``everydialog.py`` on one screen after the other."""

    looks_at_dialogs = True

    def __init__(self, out: Path, only: Collection[str]) -> None:
        super().__init__(out, "", only, SIZE)
        self.shots: list[Shot] = []
        self.views = self.sheets = self.on_sheets = 0

    def take(self, name: str) -> None:
        """One view."""
        from uiwalk import SCREENS, open_dialogs

        from chorus_gui.ui import intents
        from chorus_gui.ui.widgets import dialogs

        real = dialogs.space_of
        single = self.out / "pictures"
        single.mkdir(exist_ok=True)
        shown = pairs(self.views, SCREENS)
        if name.startswith("dialog "):
            shown = [shown[self.views // len(shown) % len(shown)]]
        for screen, theme in shown:
            size = SCREENS[screen]
            dialogs.space_of = lambda _, size=size: size
            self.session.do(intents.SetTheme(theme))
            self.window.resize(size)
            for dialog in open_dialogs(self.window):
                dialog.hide()
                dialog.show()
            self.rest(0.25)
            picture = self._picture()
            picture.save(str(single / f"{name.replace(' ', '-')}-{screen.split('×')[0]}-{theme}.png"), None, 0)
            self.shots.append(Shot(f"{name} · {screen} · {theme}", picture.convertToFormat(QImage.Format.Format_RGB32)))
        dialogs.space_of = real
        self.views += 1
        print(f"{name}: {len(self.shots)} pictures", flush=True)
        self._sheets(whole=False)
        self.session.do(intents.SetTheme("light"))
        self.window.resize(*SIZE)
        self.rest(0.1)

    def _sheets(self, *, whole: bool) -> None:
        """Save every sheet that is full; with ``whole``, also one that is not."""
        on_one = COLUMNS * ROWS
        while len(self.shots) - self.on_sheets >= (1 if whole else on_one):
            self.sheets += 1
            sheet(self.shots[self.on_sheets : self.on_sheets + on_one]).save(str(self.out / f"sheet-{self.sheets:02}.png"))
            self.on_sheets = min(self.on_sheets + on_one, len(self.shots))

    def save(self) -> None:
        """The last sheet."""
        self._sheets(whole=True)
        print(f"{len(self.shots)} pictures of {self.views} views on {self.sheets} sheets in {self.out}")


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
