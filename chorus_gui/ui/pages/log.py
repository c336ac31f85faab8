"""Log: what was done in this window, and the end of the program's log file.  No line holds a secret."""

from __future__ import annotations

import os
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QTimer
from PySide6.QtGui import QFontDatabase, QGuiApplication, QHideEvent, QShowEvent, QTextCursor
from PySide6.QtWidgets import QLineEdit, QPlainTextEdit, QTabWidget

from chorus_gui.core.job import JobContext, Outcome, OutcomeKind
from chorus_gui.core.model import Grade
from chorus_gui.core.redact import redact
from chorus_gui.ui import intents
from chorus_gui.ui.pages import Page, Services
from chorus_gui.ui.state import Message, SessionState
from chorus_gui.ui.theme import SPACE
from chorus_gui.ui.widgets.basics import button, column, label, row

TAIL = 256 * 1024
LOG_NAME = "window.log"
_MARKS = {Grade.INFO: " ", Grade.GOOD: "✓", Grade.WARNING: "!", Grade.BAD: "✗"}


def tail(file: Path, ctx: JobContext) -> str:
    """The last lines of a file, redacted; "" if it is not there."""
    del ctx
    try:
        with file.open("rb") as opened:
            size = opened.seek(0, os.SEEK_END)
            opened.seek(max(size - TAIL, 0))
            data = opened.read()
    except OSError:
        return ""
    text = data.decode("utf-8", "replace")
    return redact(text if size <= TAIL else text.partition("\n")[2])


def message_line(message: Message) -> str:
    """A message as a line of text."""
    return f"{message.at:%H:%M:%S} {_MARKS[message.grade]} {message.text}"


class LogView(QPlainTextEdit):
    """Lines of text that can be searched and copied; while the end is on screen, it stays there."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setReadOnly(True)
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.setAccessibleName(name)

    def show_text(self, text: str) -> None:
        """Another text; unchanged text is left alone."""
        if text == self.toPlainText():
            return
        bar = self.verticalScrollBar()
        at_end, place = bar.value() >= bar.maximum() - 2, bar.value()
        self.setPlainText(text)
        bar.setValue(bar.maximum() if at_end else place)


class LogPage(Page):
    """What happened."""

    def __init__(self, services: Services) -> None:
        super().__init__()
        self._reader = services.reader
        self._folder: Path | None = None
        self._messages: tuple[Message, ...] = ()
        self.messages = LogView("Log of this window")
        self.file = LogView("End of the log file")
        self.tabs = QTabWidget()
        self.tabs.addTab(self.messages, "This window")
        self.tabs.addTab(self.file, "Log file")
        self.tabs.currentChanged.connect(self._look)
        self.search = QLineEdit()
        self.search.setPlaceholderText("Find in the log")
        self.search.setClearButtonEnabled(True)
        self.search.setAccessibleName("Find in the log")
        self.search.setToolTip("Find a text with Enter; Enter again finds the next one")
        self.search.returnPressed.connect(self._find)
        self.found = label("", "muted")
        copy = button("Copy log", "Copy the log to the clipboard, without secrets", icon="copy")
        copy.clicked.connect(self._copy)
        folder = button("Open folder", "Open the folder with the log files", icon="folder")
        folder.clicked.connect(self._open_folder)
        head = row(label("Log", "title"), None, self.found, self.search, copy, folder)
        self.search.setMinimumWidth(220)
        self.set_content(column(head, self.tabs, space=2 * SPACE, margins=(24, 20, 24, 24)))
        self._timer = QTimer(self)
        self._timer.setInterval(2000)
        self._timer.timeout.connect(self._look)

    def render(self, state: SessionState) -> None:
        """Draw the state."""
        self._folder = state.preferences.log_folder
        if state.messages is not self._messages:
            self._messages = state.messages
            if self.isVisible():
                self._show_messages()

    def showEvent(self, event: QShowEvent) -> None:
        """Read the file while the page is on screen."""
        super().showEvent(event)
        self._show_messages()
        self._look()
        self._timer.start()

    def hideEvent(self, event: QHideEvent) -> None:
        """And no longer."""
        super().hideEvent(event)
        self._timer.stop()

    def _show_messages(self) -> None:
        days = {message.at.date() for message in self._messages}
        today = datetime.now().astimezone().date()
        dated = days - {today}
        lines = (f"{message.at:%Y-%m-%d} {message_line(message)}" if dated else message_line(message) for message in self._messages)
        self.messages.show_text("\n".join(lines))

    def _look(self) -> None:
        if self._folder is not None and self.tabs.currentWidget() is self.file:
            self._reader.ask(self, partial(tail, self._folder / LOG_NAME), self._show_file, channel="tail")

    def _show_file(self, outcome: Outcome[Any]) -> None:
        if outcome.kind is OutcomeKind.DONE:
            self.file.show_text(outcome.value or "No entries yet. Everything that the program does adds one.")

    def _view(self) -> LogView:
        return self.messages if self.tabs.currentWidget() is self.messages else self.file

    def _find(self) -> None:
        view, text = self._view(), self.search.text()
        if text and not view.find(text):
            view.moveCursor(QTextCursor.MoveOperation.Start)
            self.found.setText("" if view.find(text) else "Not found")
        else:
            self.found.setText("")

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(redact(self._view().toPlainText()))

    def _open_folder(self) -> None:
        if self._folder is not None:
            self.intent.emit(intents.OpenPath(self._folder))


def make(services: Services) -> Page:
    """The page."""
    return LogPage(services)
