"""Tools → Support bundle: what goes in, and whether it can name patients."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtWidgets import QCheckBox, QWidget

from chorus_gui.app.exports import check_writable
from chorus_gui.core.errors import UsageError
from chorus_gui.core.model import Grade
from chorus_gui.ui.theme import SPACE
from chorus_gui.ui.widgets.basics import button, column, label, row, set_grade
from chorus_gui.ui.widgets.dialogs import Dialog
from chorus_gui.ui.widgets.files import ask_save
from chorus_gui.ui.widgets.points import point

CONTENTS = (
    "the versions of the program and of the system",
    "the configuration, with dots in place of secrets",
    "counts from the journal, and the results of the doctor",
    "the log files",
)


class SupportDialog(Dialog):
    """``then`` is called with the file, and whether it has paths."""

    def __init__(self, parent: QWidget | None, then: Callable[[Path, bool], None]) -> None:
        super().__init__(parent, "Support bundle")
        self.setMinimumWidth(540)
        self._then = then
        self.paths = QCheckBox("Include &patient IDs and file paths")
        self.paths.setToolTip("Include them only for a person who is allowed to see them")
        self.paths.setAccessibleName("Include patient IDs and file paths")
        self.paths.toggled.connect(self._look)
        self.said = label("", wrap=True)
        self.failed = label("", wrap=True, selectable=True)
        set_grade(self.failed, Grade.BAD)
        self.failed.hide()
        save = button("&Save…", "Choose where to save the file", icon="save", primary=True)
        save.clicked.connect(self._save)
        cancel = button("Cancel", "Close without saving (Esc)")
        cancel.clicked.connect(self.reject)
        parts = (
            label("Support bundle", "heading"),
            label(
                "This saves a file for the person who helps you. Nothing is sent. Check the file before you pass it on. It contains:",
                wrap=True,
            ),
            *(point(text) for text in CONTENTS),
            SPACE,
            self.paths,
            self.said,
            self.failed,
            None,
        )
        self.compose(column(*parts, space=SPACE), row(None, cancel, save))
        save.setDefault(True)
        self._look()

    def _look(self) -> None:
        on = self.paths.isChecked()
        self.said.setText(
            "The file will name patients. Handle it like a list of your patients."
            if on
            else "The file will hold no secrets, patient IDs or file paths. Log messages that could contain them are shortened."
        )
        set_grade(self.said, Grade.BAD if on else None)

    def _save(self) -> None:
        file, _ = ask_save(self, "Save the support bundle", "chorus-upload-support.zip", "ZIP files (*.zip)")
        if file:
            self.save_to(file)

    def save_to(self, file: Path) -> None:
        """Ask for the file, and close.  If it cannot be written, say why and stay open."""
        file = file if file.suffix.lower() == ".zip" else file.with_name(file.name + ".zip")
        try:
            check_writable(file)
        except UsageError as error:
            self.failed.setText(str(error))
            self.failed.show()
            return
        self._then(file, self.paths.isChecked())
        self.accept()
