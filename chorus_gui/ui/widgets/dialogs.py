"""Questions and reports.  All of them are opened, never executed: the window stays alive behind them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtGui import QFontDatabase, QGuiApplication, QShowEvent
from PySide6.QtWidgets import QComboBox, QDialog, QDialogButtonBox, QLineEdit, QPlainTextEdit, QPushButton, QWidget

from chorus_gui import __version__
from chorus_gui.core.model import Grade
from chorus_gui.ui.theme import SPACE
from chorus_gui.ui.widgets.basics import button, column, label, row, set_grade

FRAME = 48
"""What the title bar of a dialog and the edges of the screen need; pixels."""


class Dialog(QDialog):
    """A window-modal dialog that is deleted when it is closed."""

    def __init__(self, parent: QWidget | None, title: str) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowModality(Qt.WindowModality.WindowModal)
        self.setMinimumWidth(440)

    def showEvent(self, event: QShowEvent) -> None:
        """High enough for all lines of its texts: how many there are is only known when it has its width and the style."""
        super().showEvent(event)
        layout = self.layout()
        if layout is not None and layout.hasHeightForWidth():
            needed = layout.totalHeightForWidth(self.width())
            self.resize(self.width(), max(self.height(), min(needed, self.screen().availableGeometry().height() - FRAME)))


@dataclass(frozen=True, slots=True)
class Question:
    """A question with a clear answer.  ``yes`` is its button; ``details`` are lines below the text.

    ``typed``: the person must type this word, for what cannot be undone easily.  ``danger``: the button is red.
    """

    title: str
    text: str
    yes: str
    details: Sequence[str] = ()
    typed: str = ""
    danger: bool = False


class ConfirmDialog(Dialog):
    """Asks a question, and calls ``then`` if it is confirmed."""

    def __init__(self, parent: QWidget | None, question: Question, then: Callable[[], None]) -> None:
        super().__init__(parent, question.title)
        self._typed = question.typed
        self.yes = button(question.yes, primary=not question.danger, danger=question.danger)
        no = QPushButton("Cancel")
        no.clicked.connect(self.reject)
        self.yes.clicked.connect(self.accept)
        self.accepted.connect(then)
        self.field = QLineEdit()
        self.field.setAccessibleName(f"Type “{question.typed}” to confirm")
        self.field.textChanged.connect(self._look)
        rows = [label(question.title, "heading", wrap=True), label(question.text, wrap=True, selectable=True)]
        rows += [label(f"•  {detail}", wrap=True, selectable=True) for detail in question.details]
        if question.typed:
            rows += [label(f"Type “{question.typed}” to confirm:", "muted"), self.field]
        layout = column(*rows, SPACE, row(None, no, self.yes), margins=(3 * SPACE, 2 * SPACE, 3 * SPACE, 2 * SPACE), space=SPACE + 2)
        self.setLayout(layout)
        (self.field if question.typed else no if question.danger else self.yes).setFocus()
        self.yes.setDefault(not question.danger and not question.typed)
        self._look()

    def _look(self) -> None:
        self.yes.setEnabled(not self._typed or self.field.text().strip().casefold() == self._typed.casefold())


class ReasonDialog(Dialog):
    """Ask for a reason; earlier ones are offered."""

    def __init__(
        self, parent: QWidget | None, title: str, text: str, yes: str, then: Callable[[str], None], earlier: Sequence[str] = ()
    ) -> None:
        super().__init__(parent, title)
        self.field = QComboBox()
        self.field.setEditable(True)
        self.field.addItems(list(dict.fromkeys(earlier)))
        self.field.setCurrentText("")
        self.field.setAccessibleName("Reason")
        self.field.editTextChanged.connect(self._look)
        self.yes = button(yes, primary=True)
        no = QPushButton("Cancel")
        no.clicked.connect(self.reject)
        self.yes.clicked.connect(self.accept)
        self.accepted.connect(lambda: then(self.field.currentText().strip()))
        self.setLayout(
            column(
                label(title, "heading", wrap=True),
                label(text, "muted", wrap=True),
                self.field,
                SPACE,
                row(None, no, self.yes),
                margins=(3 * SPACE, 2 * SPACE, 3 * SPACE, 2 * SPACE),
                space=SPACE + 2,
            )
        )
        self.yes.setDefault(True)
        self.field.setFocus()
        self._look()

    def _look(self) -> None:
        self.yes.setEnabled(bool(self.field.currentText().strip()))


class CannotStartDialog(Dialog):
    """The program cannot start, for a reason outside it."""

    def __init__(self, text: str) -> None:
        super().__init__(None, "CHoRUS Upload")
        self.setMinimumWidth(560)
        heading = label("CHoRUS Upload could not start.", "heading")
        set_grade(heading, Grade.BAD)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        self.setLayout(
            column(heading, label(text, wrap=True), SPACE, buttons, margins=(3 * SPACE, 2 * SPACE, 3 * SPACE, 2 * SPACE), space=SPACE)
        )


class ReportDialog(Dialog):
    """An error in the program: what happened, and a report to copy.  The report holds no secret."""

    def __init__(self, parent: QWidget | None, report: str) -> None:
        super().__init__(parent, "Error in CHoRUS Upload")
        self.setMinimumSize(640, 420)
        self.text = QPlainTextEdit(f"CHoRUS Upload {__version__}\n\n{report}")
        self.text.setReadOnly(True)
        self.text.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.text.setAccessibleName("Report")
        copy = button("Copy report", "Copy the report to the clipboard", icon="copy", primary=True)
        copy.clicked.connect(self._copy)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        buttons.addButton(copy, QDialogButtonBox.ButtonRole.ActionRole)
        heading = label("This is an error in the program. You did nothing wrong.", "heading")
        set_grade(heading, Grade.BAD)
        self.setLayout(
            column(
                heading,
                label(
                    "What was finished is kept. Please copy this report and send it to the person who helps you. It holds no secret.",
                    wrap=True,
                ),
                self.text,
                buttons,
                margins=(2 * SPACE, 2 * SPACE, 2 * SPACE, 2 * SPACE),
            )
        )
        copy.setFocus()

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.text.toPlainText())
