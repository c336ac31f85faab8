"""Ask if a new credential of the central store is for the journal, too."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QWidget

from chorus_gui.ui.widgets.dialogs import ConfirmDialog, Question


def ask_for_both(parent: QWidget, both: Callable[[], None], central: Callable[[], None]) -> None:
    """Both had the same one: call ``both`` or ``central``, as the person says; neither, if the question is cancelled."""
    box = ConfirmDialog(
        parent,
        Question(
            "Use this token for the journal, too?",
            "The central store and the journal had the same token. You replaced only that of the central store. "
            "If the journal keeps the old token, it cannot be checked out or in after that token expires.",
            "Use for both",
            other="Central store only",
        ),
        both,
        central,
    )
    box.setObjectName("same_credential")
    box.open()
