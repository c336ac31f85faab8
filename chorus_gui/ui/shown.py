"""Text from outside in the window: what Qt shows is the text itself, never HTML."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import wraps
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import Qt as Gui
from PySide6.QtWidgets import QLabel

from chorus_gui.core.shown import one_line
from chorus_gui.ui.in_window import in_cell, in_window

_GAP = "\u200b"
"""Has no width.  After the “<” of a tag it makes Qt take the tag for text."""
_JOINED = "\u2060"
"""Has no width.  No line ends there."""
_TEXT_ROLES = frozenset(
    int(role)
    for role in (
        Qt.ItemDataRole.DisplayRole,
        Qt.ItemDataRole.ToolTipRole,
        Qt.ItemDataRole.StatusTipRole,
        Qt.ItemDataRole.WhatsThisRole,
        Qt.ItemDataRole.AccessibleTextRole,
        Qt.ItemDataRole.AccessibleDescriptionRole,
    )
)
Data = Callable[..., Any]


def plain_text(text: str) -> str:
    """For tooltips, status tips, message boxes, notifications and labels.  Line breaks stay; a name's own are gone by then.

    What a person can do is said with the window's words (:func:`~chorus_gui.ui.in_window.in_window`).
    """
    return _plain(in_window(text))


def _plain(text: str) -> str:
    text = "\n".join(one_line(line) for line in text.split("\n"))
    if Gui.mightBeRichText(text):
        text = text.replace("<", "<" + _GAP).replace("&lt;", "&" + _GAP + "lt;")
    return text


def button_text(text: str) -> str:
    """For buttons, choices and menus: an “&” of a name is shown, where Qt would take the next letter for the one that Alt needs."""
    return text.replace("&", "&&")


def without_letter(text: str) -> str:
    """What a button, a choice or a menu shows, without the mark of the letter that Alt needs."""
    return text.replace("&&", "\0").replace("&", "").replace("\0", "&")


def unbroken(text: str) -> str:
    """A number and its unit on one line: Qt also breaks lines after the “/” of “kB/s”."""
    return re.sub(r"(?<=\d) ([kMGT]?B)(/(?=s\b))?", lambda found: f"\u00a0{found[1]}{'/' + _JOINED if found[2] else ''}", text)


def as_text(shown: str) -> str:
    """The text that :func:`plain_text` showed, for the clipboard."""
    return shown.replace("<" + _GAP, "<").replace("&" + _GAP + "lt;", "&lt;")


def shown_data(data: Data) -> Data:
    """For the ``data`` of a model: every text that a view shows."""

    @wraps(data)
    def cell(self: Any, index: Any, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        value = data(self, index, role)
        return _plain(in_cell(value)) if isinstance(value, str) and int(role) in _TEXT_ROLES else value

    return cell


class PlainLabel(QLabel):
    """A label that shows its text as text."""

    def __init__(self, text: str = "") -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setText(text)

    def setText(self, text: str) -> None:
        """Show a text."""
        super().setText(plain_text(text))
