"""A walk through the window: every page and its tabs, and every dialog, at the sizes of small and scaled screens, looked at by ``layoutfaults``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from layoutfaults import layout_faults, settled
from PySide6.QtCore import QSize
from PySide6.QtWidgets import QApplication, QDialog, QTabWidget, QWidget

from chorus_gui.ui import intents
from chorus_gui.ui.main_window import PAGES, MainWindow
from chorus_gui.ui.widgets import dialogs

SCREENS: Mapping[str, QSize] = {
    "1024×700": QSize(1024, 700),
    "1366×768 at 125 %": QSize(1093, 534),
    "1920×1080 at 200 %": QSize(960, 460),
}
"""What a window can have of a screen: pixels after scaling, without the task bar and the title of the window (80 of Windows 11)."""


def open_dialogs(window: QWidget) -> list[QDialog]:
    """Those that are on screen: of the window, and those that have none, because the program could not start."""
    alone = [one for one in QApplication.topLevelWidgets() if isinstance(one, QDialog) and one.parent() is None]
    return [dialog for dialog in (*window.findChildren(QDialog), *alone) if dialog.isVisible()]


class Walk:
    """Collects in ``faults`` what is wrong: fault → the first state, size and theme in which it was seen."""

    def __init__(self, window: MainWindow, screens: Mapping[str, QSize] = SCREENS, themes: Iterable[str] = ("light",)) -> None:
        self.window, self.screens, self.themes = window, screens, tuple(themes)
        self.faults: dict[str, tuple[str, str]] = {}
        self.places = 0

    def pages(self, state: str, names: Iterable[str] = ()) -> None:
        """Every page in this state, or those with these names."""
        for theme in self.themes:
            self.window.do(intents.SetTheme(theme))
            for screen, size in self.screens.items():
                self.window.resize(size)
                for name in names or [entry.name for entry in PAGES]:
                    self.window.show_page(name)
                    page = self.window.page(name)
                    assert page is not None
                    for part in self._parts(page):
                        self._look(self.window, size, f"{state}, {name}{part}, {screen}, {theme}")

    def dialog(self, state: str, dialog: QDialog) -> None:
        """A dialog; afterwards it is closed."""
        self.open_dialog(state, dialog)
        dialog.done(0)  # without its questions

    def open_dialog(self, state: str, dialog: QWidget) -> None:
        """A dialog, which stays open."""
        real, size = dialogs.space_of, QSize()
        dialogs.space_of = lambda _: size
        try:
            for theme in self.themes:
                self.window.do(intents.SetTheme(theme))
                for screen, size in self.screens.items():
                    dialog.hide()
                    dialog.show()
                    self._look(dialog, size, f"{state}, {screen}, {theme}")
        finally:
            dialogs.space_of = real

    def _parts(self, page: QWidget) -> Iterable[str]:
        """Every tab of a page; what is folded is unfolded."""
        tabs = [one for one in page.findChildren(QTabWidget) if one.isVisible()]
        if not tabs:
            yield ""
        for one in tabs:
            before = one.currentIndex()
            for number in range(one.count()):
                one.setCurrentIndex(number)
                yield f" “{one.tabText(number)}”"
            one.setCurrentIndex(before)

    def _look(self, root: QWidget, size: QSize, place: str) -> None:
        self.places += 1
        settled(root)
        for fault in layout_faults(root, size):
            self.faults.setdefault(re.sub(r"[0-9]+", "#", fault), (fault, place))

    def report(self) -> str:
        """The faults, one per line, with the first place of each."""
        return "\n".join(f"{fault}\n    {place}" for fault, place in sorted(self.faults.values()))
