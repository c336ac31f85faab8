"""What a screen reader says at once, wherever the focus is."""

from __future__ import annotations

from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent
from PySide6.QtWidgets import QWidget


def announce(widget: QWidget, text: str, *, urgent: bool = False) -> None:
    """Say a text of this widget.  ``urgent``: before anything else that the screen reader is about to say.

    ``QAccessible.Event.Alert`` is not enough: on Windows it plays a sound for everybody, and says nothing.
    """
    if text:
        event = QAccessibleAnnouncementEvent(widget, text)
        if urgent:
            event.setPoliteness(QAccessible.AnnouncementPoliteness.Assertive)
        QAccessible.updateAccessibility(event)
