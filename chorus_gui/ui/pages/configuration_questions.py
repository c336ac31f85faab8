"""The questions of the Configuration page: save a file with problems, discard changes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtWidgets import QWidget

from chorus_gui.ui.widgets.dialogs import ConfirmDialog, Question
from chorus_gui.ui.words import agree, count_of


def ask_save_faulty(page: QWidget, faults: int, then: Callable[[], None]) -> None:
    """Save all the same?"""
    ConfirmDialog(
        page,
        Question(
            f"Save the configuration with {count_of(faults, 'problem')}?",
            f"Nothing can be submitted until {agree(faults, 'the problem is', 'the problems are')} fixed.",
            "Save anyway",
            danger=True,
        ),
        then,
    ).open()


def ask_revert(page: QWidget, file: Path, then: Callable[[], None]) -> None:
    """Discard the changes?"""
    ConfirmDialog(
        page,
        Question("Discard your changes?", f"Your unsaved changes in “{file.name}” are lost.", "Discard changes", danger=True),
        then,
    ).open()
