"""Tools → Support bundle: what goes in, and whether patients may be named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtWidgets import QCheckBox, QFileDialog, QWidget

from chorus_gui.core.model import Grade
from chorus_gui.ui.theme import SPACE
from chorus_gui.ui.widgets.basics import button, column, label, row, set_grade
from chorus_gui.ui.widgets.dialogs import Dialog

CONTENTS = (
    "the versions of the program and of the system",
    "the configuration, with dots in place of secrets",
    "counts of the journal, and what the doctor finds",
    "the log files",
)


class SupportDialog(Dialog):
    """``then`` is called with the file and whether paths may be in it."""

    def __init__(self, parent: QWidget | None, then: Callable[[Path, bool], None]) -> None:
        super().__init__(parent, "Support bundle")
        self.setMinimumWidth(540)
        self._then = then
        self.paths = QCheckBox("Include &patient ids and the paths of files")
        self.paths.setToolTip("Only for somebody who may see them")
        self.paths.setAccessibleName("Include patient ids and the paths of files")
        self.paths.toggled.connect(self._look)
        self.said = label("", wrap=True)
        save = button("&Save…", "Choose where to write it", icon="save", primary=True)
        save.clicked.connect(self._save)
        cancel = button("Cancel", "Write nothing (Esc)")
        cancel.clicked.connect(self.reject)
        edge = 3 * SPACE
        parts = (
            label("A file for whoever helps you", "heading"),
            label("It is written to this computer; nothing is sent. Look into it before you pass it on. It holds:", wrap=True),
            *(label(f"•  {text}") for text in CONTENTS),
            SPACE,
            self.paths,
            self.said,
            SPACE,
            row(None, cancel, save),
        )
        self.setLayout(column(*parts, margins=(edge, edge, edge, 2 * SPACE), space=SPACE))
        save.setDefault(True)
        self._look()

    def _look(self) -> None:
        on = self.paths.isChecked()
        self.said.setText(
            "It will name patients. Pass it on only as you would a list of your patients."
            if on
            else "It will hold no secret, no patient id and no path of a file; messages of the logs are cut where one could stand."
        )
        set_grade(self.said, Grade.BAD if on else None)

    def _save(self) -> None:
        file, _ = QFileDialog.getSaveFileName(self, "Support bundle", "chorus-upload-support.zip", "ZIP files (*.zip)")
        if file:
            self.save_to(Path(file))

    def save_to(self, file: Path) -> None:
        """Have it written, and go."""
        self._then(file if file.suffix.lower() == ".zip" else file.with_name(file.name + ".zip"), self.paths.isChecked())
        self.accept()
