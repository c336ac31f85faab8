"""Ask if a new credential of the central store is for the journal, too."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox, QWidget


def ask_for_both(parent: QWidget, both: Callable[[], None], central: Callable[[], None]) -> None:
    """Both had the same one: call ``both`` or ``central``, as the person says; neither, if the question is cancelled."""
    box = QMessageBox(parent)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.setObjectName("same_credential")
    box.setIcon(QMessageBox.Icon.Question)
    box.setWindowTitle("Use this token for the journal, too?")
    box.setText("The central store and the journal had the same token. You replaced only that of the central store.")
    box.setInformativeText("If the journal keeps the old token, it cannot be checked out or in after that token expires.")
    yes = box.addButton("Use for both", QMessageBox.ButtonRole.AcceptRole)
    no = box.addButton("Central store only", QMessageBox.ButtonRole.DestructiveRole)
    cancel = box.addButton("Cancel", QMessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(yes)
    box.setEscapeButton(cancel)
    yes.clicked.connect(both)
    no.clicked.connect(central)
    box.open()
