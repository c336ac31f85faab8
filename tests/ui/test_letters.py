"""Alt and a letter means one thing: no control of a page has the letter of a menu, and no two that are shown together have the same."""

from __future__ import annotations

import itertools

from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QAbstractButton, QLabel, QStackedWidget, QTabBar, QWidget
from pytestqt.qtbot import QtBot

from chorus_gui.ui import intents
from chorus_gui.ui.main_window import MainWindow
from chorus_gui.ui.pages import Page
from chorus_gui.ui.session import Session
from chorus_gui.ui.widgets.scrolling import Stack


def lettered(page: QWidget) -> list[tuple[str, str, QWidget]]:
    """The letters of a page: letter, what has it, the widget."""
    found = [(one.text(), one) for one in page.findChildren(QAbstractButton)]
    found += [(one.text(), one) for one in page.findChildren(QLabel) if one.buddy() is not None]
    found += [(bar.tabText(number), bar) for bar in page.findChildren(QTabBar) for number in range(bar.count())]
    return [(keys.toString(), text, one) for text, one in found if not (keys := QKeySequence.mnemonic(text)).isEmpty()]


def together(one: QWidget, other: QWidget) -> bool:
    """They can be on screen at one time: no stack of pages has them on different pages."""
    above = {id(part) for part in _above(one)}
    common = next(part for part in _above(other) if id(part) in above)
    return not isinstance(common, (QStackedWidget, Stack))


def _above(one: QWidget) -> list[QWidget]:
    out, part = list[QWidget](), one
    while part is not None:
        out.append(part)
        part = part.parentWidget()
    return out


def test_a_letter_means_one_thing_on_each_page(qtbot: QtBot, opened: Session) -> None:
    window = MainWindow(opened)
    qtbot.addWidget(window)
    window.show()
    for name in ("overview", "configuration", "readiness", "review", "upload", "verify", "history", "doctor", "log"):
        opened.do(intents.ShowPage(name))
    menus = {QKeySequence.mnemonic(action.text()).toString(): action.text() for action in window.menuBar().actions()}
    pages = window.findChildren(Page)
    assert len(pages) == 9
    clashes: list[str] = []
    for page in pages:
        shown = lettered(page)
        clashes += [f"{type(page).__name__}: {text} and the menu {menus[key]}" for key, text, _ in shown if key in menus]
        clashes += [
            f"{type(page).__name__}: {text} and {other}"
            for (key, text, one), (same, other, two) in itertools.combinations(shown, 2)
            if key == same and text != other and together(one, two)
        ]
    assert sum(len(lettered(page)) for page in pages) > 40
    assert not clashes, "\n".join(sorted(set(clashes)))
