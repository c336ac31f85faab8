"""Somebody in front of the real window: finds things by the words on screen, selects, types, and takes a picture before each step."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from layoutfaults import layout_faults, settled
from PySide6.QtCore import QKeyCombination, QPoint, Qt
from PySide6.QtGui import QAccessible, QGuiApplication, QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QApplication,
    QComboBox,
    QDialog,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QWidget,
)

from chorus_gui.ui.main_window import MainWindow

PATIENCE = 60.0
"""seconds"""
W = TypeVar("W", bound=QWidget)


class LostError(Exception):
    """The words that the walk looks for are not on screen."""


def words_of(one: QWidget) -> str:
    """What is written on it, without the mark of its key; otherwise what a screen reader says."""
    if isinstance(one, (QLabel, QAbstractButton)) and one.text().strip():
        return one.text().replace("&", "").strip()
    told = QAccessible.queryAccessibleInterface(one)
    return told.text(QAccessible.Text.Name) if told is not None else ""


class Person:
    """Drives ``window``; pictures are ``NAME-NUMBER.png`` in ``out``."""

    def __init__(self, window: MainWindow, name: str, out: Path) -> None:
        self.window, self.name, self.out = window, name, out
        self.number = 0
        window.move(0, 0)
        screen = window.screen().size()
        window.resize(screen.width(), screen.height())
        self.rest()

    # --- seeing -----------------------------------------------------------------------------------------------------

    def wait(self, ready: Callable[[], bool], what: str) -> None:
        """Until something is so."""
        deadline = time.monotonic() + PATIENCE
        while not ready():
            if time.monotonic() > deadline:
                self._picture("lost")
                seen = sorted({words_of(one) for one in self._shown(QWidget) if words_of(one)})
                raise LostError(f"{self.name}, step {self.number}: waited for {what}. On screen: {seen}")
            QTest.qWait(20)

    def rest(self, milliseconds: int = 400) -> None:
        """Let the window draw what has changed."""
        QTest.qWait(milliseconds)

    def settle(self) -> None:
        """Until no job runs, and nothing is being read."""
        session = self.window.session
        self.rest()
        self.wait(lambda: session.jobs.idle and not session.state.loading, "the end of what runs")
        self.rest()

    def _front(self) -> QWidget:
        """The dialog in front, or the window."""
        dialogs = [one for one in QApplication.topLevelWidgets() if isinstance(one, QDialog) and one.isVisible()]
        return dialogs[-1] if dialogs else self.window

    def _shown(self, kind: type[W]) -> list[W]:
        return [one for one in self._front().findChildren(kind) if one.isVisible() and not one.visibleRegion().isEmpty()]

    def sees(self, text: str) -> bool:
        """These words are on screen."""
        return any(text in words_of(one) for one in self._shown(QWidget))

    def read(self, text: str) -> None:
        """Wait until these words are on screen."""
        self.wait(lambda: self.sees(text), f"“{text}”")
        self.rest(200)

    def find(self, name: str, kind: type[W]) -> W:
        """What has these words, or begins with them, and can be used."""

        def found() -> list[W]:
            usable = [one for one in self._shown(kind) if one.isEnabled()]
            exact = [one for one in usable if words_of(one) == name]
            return exact or [one for one in usable if words_of(one).startswith(name)]

        self.wait(lambda: bool(found()), f"“{name}”, to select it")
        return found()[0]

    # --- doing ------------------------------------------------------------------------------------------------------

    def step(self, did: str) -> None:
        """Take a picture of what is seen before this is done, and write it down."""
        self.number += 1
        file = self._picture(f"{self.number:02}")
        with (self.out / "steps.md").open("a", encoding="utf-8") as steps:
            steps.write(f"| {self.name} {self.number} | {did} | {file.name} |\n")
        print(f"{file.name}: {did}", flush=True)

    def look(self, at: str) -> None:
        """Read what is on screen, and do nothing."""
        self.step(f"read {at}")

    def click(self, name: str, *, remark: str = "") -> None:
        """Select a button, a box or a tile."""
        one = self.find(name, QAbstractButton)
        self.step(f"select **{name}**{remark}")
        self._click(one)

    def choose(self, name: str, text: str) -> None:
        """Choose a line of a list of choices."""
        box = self.find(name, QComboBox)
        self.step(f"choose **{text}** in **{name}**")
        box.setFocus()
        while box.currentText() != text:
            before = box.currentIndex()
            self.key("Down")
            if box.currentIndex() == before:
                raise LostError(f"“{name}” has no “{text}”")

    def fill(self, name: str, text: str, told: str = "") -> None:
        """Replace what is in a field; ``told``: what is written down in place of it."""
        one = self.find(name, QLineEdit) if not self._is_text(name) else self.find(name, QPlainTextEdit)
        self.step(f"enter {told or f'“{text}”'} in **{name}**")
        self._click(one)
        self.key("Ctrl+A")
        QGuiApplication.clipboard().setText(text)
        self.key("Ctrl+V")
        self.rest(200)

    def _is_text(self, name: str) -> bool:
        return any(words_of(one) == name for one in self._shown(QPlainTextEdit))

    def row(self, table: str, text: str) -> None:
        """Select the line of a table that has this text."""
        view = self.find(table, QAbstractItemView)
        model = view.model()

        def found() -> list[int]:
            columns = range(model.columnCount())
            return [n for n in range(model.rowCount()) if any(text in str(model.index(n, c).data() or "") for c in columns)]

        self.wait(lambda: bool(found()), f"“{text}” in “{table}”")
        index = model.index(found()[0], 1)
        view.scrollTo(index)
        self.step(f"select “{text}” in the table")
        place = view.viewport().mapTo(view.window(), view.visualRect(index).center())
        self._press(view, place)

    def key(self, keys: str) -> None:
        """A key with its modifiers, to the window that has the focus."""
        pressed: QKeyCombination = QKeySequence(keys)[0]  # type: ignore[index]  # the stubs do not know it
        target = QGuiApplication.focusWindow() or self._front().windowHandle()
        QTest.keyClick(target, pressed.key(), pressed.keyboardModifiers())
        self.rest(50)

    def _click(self, one: QWidget) -> None:
        inside = QPoint(min(12, one.width() // 2), one.height() // 2) if isinstance(one, QAbstractButton) else one.rect().center()
        self._press(one, one.mapTo(one.window(), inside))

    def _press(self, one: QWidget, place: QPoint) -> None:
        handle = one.window().windowHandle()
        assert handle is not None
        QTest.mouseClick(handle, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)
        self.rest()

    def _picture(self, number: str) -> Path:
        """What is on screen; faults of its layout are printed, too."""
        self.rest(150)
        front = self._front()
        for one in {self.window, front}:
            settled(one)
        for fault in layout_faults(front):
            print(f"  {fault}", flush=True)
        self.rest(100)
        file = self.out / f"{self.name}-{number}.png"
        self.window.screen().grabWindow(0).save(str(file))
        return file
