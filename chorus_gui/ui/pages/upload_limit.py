"""The field of the Upload page for the bandwidth limit."""

from __future__ import annotations

from datetime import UTC, datetime

from PySide6.QtCore import QSignalBlocker, Qt, QTimer, Signal
from PySide6.QtWidgets import QComboBox, QLineEdit, QWidget

from chorus_gui.core.errors import UsageError
from chorus_gui.core.model import Grade
from chorus_gui.core.timetable import EXAMPLE, FREE, Timetable, parse_limit
from chorus_gui.ui.shown import plain_text
from chorus_gui.ui.theme import SPACE
from chorus_gui.ui.widgets.basics import label, row, set_grade

NO_LIMIT = "No limit"
USUAL = (NO_LIMIT, "1 MB/s", "4 MB/s", "10 MB/s", EXAMPLE)
REFRESH_MS = 5_000


class LimitBar(QWidget):
    """The bandwidth limit; it applies to running jobs, too.

    ``hint``, for the page to put below: what a timetable says now, or what is wrong with the text.
    """

    changed = Signal(str)
    """what the person wrote or chose; it can be parsed"""

    def __init__(self) -> None:
        super().__init__()
        self._shown = FREE
        self._configured = FREE
        self.field = QComboBox()
        self.field.setEditable(True)
        self.field.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.field.setMinimumContentsLength(len(EXAMPLE) - 4)
        self.field.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.field.setAccessibleName("Bandwidth limit")
        self.field.setToolTip(
            plain_text(
                f"Limits the speed of all uploads together. A change applies at once. You can choose, or write a timetable: {EXAMPLE}."
            )
        )
        self.field.setCompleter(None)  # type: ignore[arg-type]  # it would complete one unit to another
        self.field.addItems(USUAL)
        name = label("&Limit")
        name.setBuddy(self.field)
        self.hint = label("", "muted", wrap=True)
        self.hint.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.hint.hide()
        self.setLayout(row(name, self.field, space=SPACE))
        self.field.activated.connect(lambda _: self._ask())
        self.edit.editingFinished.connect(self._ask)
        self._timer = QTimer(self)
        self._timer.setInterval(REFRESH_MS)
        self._timer.timeout.connect(self._say)
        self._timer.start()

    @property
    def edit(self) -> QLineEdit:
        """Where the text is written."""
        found = self.field.lineEdit()
        assert found is not None
        return found

    def show_limit(self, limit: Timetable, configured: Timetable) -> None:
        """Show the limit that applies, and offer the configuration's.  A text that is being written is not disturbed."""
        if configured != self._configured:
            self._configured = configured
            texts = dict.fromkeys((*([_text(configured)] if configured != FREE else []), *USUAL))
            with QSignalBlocker(self.field):
                self.field.clear()
                self.field.addItems(list(texts))
                self._shown = Timetable((), "")
        if limit != self._shown:
            self._shown = limit
            with QSignalBlocker(self.field):
                self.edit.setText(_text(limit))
                self.edit.setCursorPosition(0)
            self._say()

    def _ask(self) -> None:
        try:
            limit = parse_limit(self.edit.text())
        except UsageError as error:
            self._say(str(error))
            return
        self.edit.setModified(False)
        self._say()
        if limit != self._shown:
            self._shown = limit
            self.changed.emit(limit.text)

    def _say(self, wrong: str = "") -> None:
        """Below the field: what is ``wrong`` with the text; otherwise what the timetable says."""
        if not wrong and self.edit.isModified():  # being written, or wrong
            return
        text = wrong or (self._shown.now_and_next(datetime.now(UTC)) if self._shown.changes else "")
        if text:
            text = text if wrong else f"{text[0].upper()}{text[1:]}."
        set_grade(self.hint, Grade.BAD if wrong else None)
        self.hint.setText(text)
        self.hint.setVisible(bool(text))


def _text(limit: Timetable) -> str:
    return NO_LIMIT if limit == FREE else limit.text
