"""Questions and reports.  All of them are opened, never executed: the window stays alive behind them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, QSize, Qt, QTimer
from PySide6.QtGui import QFontDatabase, QGuiApplication, QKeyEvent, QShowEvent
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QLayout,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QScrollArea,
    QWidget,
)

from chorus_gui import __version__
from chorus_gui.core.model import Grade
from chorus_gui.ui.theme import SPACE
from chorus_gui.ui.widgets.basics import button, column, label, row, set_grade
from chorus_gui.ui.widgets.letters import ESC, give_letters
from chorus_gui.ui.widgets.points import named, point
from chorus_gui.ui.widgets.scrolling import LowArea
from chorus_gui.ui.widgets.tab_order import tab_to_what_is_chosen

FRAME = 48
"""What the title bar of a dialog and the edges of the screen need; pixels."""


def space_of(dialog: QWidget) -> QSize:
    """The largest size that a dialog can have on its screen; pixels."""
    space = dialog.screen().availableGeometry().size()
    return QSize(space.width(), space.height() - FRAME)


class Dialog(QDialog):
    """A window-modal dialog that is deleted when it is closed.  It is never larger than the screen."""

    def __init__(self, parent: QWidget | None, title: str) -> None:
        super().__init__(parent)
        self._area: LowArea | None = None
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self._laid_out)
        self.setWindowTitle(title)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowModality(Qt.WindowModality.WindowModal)
        self.setMinimumWidth(440)

    def compose(self, content: QLayout, buttons: QLayout, *, edge: int = 3 * SPACE) -> None:
        """What the dialog shows, and its buttons.  On a screen that is too low, the content scrolls, and the buttons stay below it."""
        self._area = LowArea(content)
        self.setLayout(column(self._area, buttons, space=2 * SPACE, margins=(edge, edge, edge, 2 * SPACE)))

    def showEvent(self, event: QShowEvent) -> None:
        """As high as the lines of its texts: how many there are is only known when it has its width and the style.  And ready for the keyboard."""
        super().showEvent(event)
        space, layout = space_of(self), self.layout()
        if layout is not None:
            self.setMinimumWidth(max(self.minimumWidth(), min(layout.totalMinimumSize().width(), space.width())))
        self.resize(self.size().boundedTo(space))
        give_letters(self)
        tab_to_what_is_chosen(self)
        self._fit_to_text(lower=True)
        for area in self.findChildren(QScrollArea):
            area.widget().installEventFilter(self)
        self.installEventFilter(self)
        self._begin_in_view()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter in a field confirms or does nothing: what was typed is never lost with it."""
        enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if enter and _typed_into(self.focusWidget()) and not any(map(_confirms, self.findChildren(QPushButton))):
            return
        super().keyPressEvent(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """There is more to show, or less."""
        if event.type() is QEvent.Type.LayoutRequest:
            self._soon.start()
        return super().eventFilter(watched, event)

    def _laid_out(self) -> None:
        if self._area is not None:
            self._fit_to_text()
        give_letters(self)
        tab_to_what_is_chosen(self)

    def _fit_to_text(self, *, lower: bool = False) -> None:
        """``lower``: also less high, if there is only empty space at the end of its content."""
        layout = self.layout()
        if self._area is not None:
            missing = self._area.missing()
            needed = self.height() + (missing if missing or not lower else -self._area.empty())
        elif layout is not None and layout.hasHeightForWidth():
            needed, lower = layout.totalHeightForWidth(self.width()), False
        else:
            return
        self.resize(self.width(), min(max(needed, 0 if lower else self.height()), max(self.height(), space_of(self).height())))

    def _begin_in_view(self) -> None:
        """Where the field to begin with is further down, begin at the button that changes nothing: nobody sees a focus that is out of view."""
        focus, area = self.focusWidget(), self._area
        if focus is None or area is None or not area.isAncestorOf(focus):
            return
        if not area.viewport().rect().contains(QRect(focus.mapTo(area.viewport(), QPoint()), focus.size())):
            safe = next((one for one in self.findChildren(QPushButton) if one.text() in ESC), None)
            if safe is not None:
                safe.setFocus()


def _typed_into(focus: QWidget | None) -> bool:
    return isinstance(focus, (QLineEdit, QAbstractSpinBox)) or (isinstance(focus, QComboBox) and focus.isEditable())


def _confirms(one: QPushButton) -> bool:
    """Enter selects it, and it is the button that does what the dialog is about."""
    return one.isDefault() and one.isEnabled() and "true" in (one.property("primary"), one.property("danger"))


@dataclass(frozen=True, slots=True)
class Question:
    """A question with a clear answer.  ``yes`` is its button; ``details`` are lines below the text.

    ``typed``: the person must type this word, for what cannot be undone easily.  ``danger``: the button is red, and Enter does not select it.
    ``no`` changes nothing.  ``other`` is a third answer, which is worse than ``yes``.
    """

    title: str
    text: str
    yes: str
    details: Sequence[str] = ()
    typed: str = ""
    danger: bool = False
    no: str = "Cancel"
    other: str = ""


class ConfirmDialog(Dialog):
    """Asks a question, and calls ``then`` if it is confirmed, or ``other`` if the person selects the third answer."""

    def __init__(
        self, parent: QWidget | None, question: Question, then: Callable[[], None], other: Callable[[], None] | None = None
    ) -> None:
        super().__init__(parent, question.title)
        self._typed = question.typed
        self.yes = button(question.yes, primary=not question.danger, danger=question.danger)
        self.no, self.other = QPushButton(question.no), button(question.other, danger=True)
        self.no.clicked.connect(self.reject)
        self.yes.clicked.connect(self.accept)
        self.accepted.connect(then)
        if other is not None:
            self.other.clicked.connect(lambda: (self.done(0), other()))
        self.field = QLineEdit()
        self.field.setAccessibleName(f"Type “{question.typed}” to confirm")
        self.field.textChanged.connect(self._look)
        rows: list[QWidget | QLayout] = [label(question.title, "heading", wrap=True), label(question.text, wrap=True, selectable=True)]
        rows += [point(detail, selectable=True) for detail in question.details]
        if question.typed:
            rows += [named(f"Type “{question.typed}” to confirm:", self.field), self.field]
        self.compose(column(*rows, None, space=SPACE + 2), row(None, self.no, *([self.other] if question.other else []), self.yes))
        (self.field if question.typed else self.no if question.danger else self.yes).setFocus()
        self._safe = question.danger
        self._look()

    def _look(self) -> None:
        """Who has typed the word has confirmed it: then Enter does it."""
        typed = bool(self._typed) and self.field.text().strip().casefold() == self._typed.casefold()
        self.yes.setEnabled(typed or not self._typed)
        (self.yes if typed or not (self._typed or self._safe) else self.no).setDefault(True)


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
        parts = (label(title, "heading", wrap=True), label(text, "muted", wrap=True), named("Reason:", self.field), self.field, None)
        self.compose(column(*parts, space=SPACE + 2), row(None, no, self.yes))
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
        self.compose(column(heading, label(text, wrap=True), None, space=SPACE), row(buttons))


class ReportDialog(Dialog):
    """An error in the program: what happened, and a report to copy.  The report holds no secret."""

    def __init__(self, parent: QWidget | None, report: str) -> None:
        super().__init__(parent, "Error in CHoRUS Upload")
        self.setMinimumSize(640, 320)
        self.resize(640, 420)
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
