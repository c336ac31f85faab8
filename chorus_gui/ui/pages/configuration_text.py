"""The configuration as text: an editor with line numbers, faults marked at their lines, and secrets hidden until the person shows them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from PySide6.QtCore import QMimeData, QRect, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QFocusEvent, QFontDatabase, QHideEvent, QPainter, QPaintEvent, QResizeEvent, QTextCursor, QTextFormat
from PySide6.QtWidgets import QCheckBox, QPlainTextEdit, QTextEdit, QWidget

from chorus_gui.core.config.keys import KEYS, Kind
from chorus_gui.core.redact import MASK
from chorus_gui.ui import theme
from chorus_gui.ui.shown import plain_text
from chorus_gui.ui.theme import SPACE
from chorus_gui.ui.widgets.basics import column, label, row
from chorus_gui.ui.widgets.secret import SHOWN_MS

_NAMES = "|".join(
    sorted({name for key in KEYS.values() if key.kind is Kind.SECRET for name in (key.nested.rpartition(".")[2], *key.aliases)})
)
_VALUE = re.compile(
    rf"""(\b(?:{_NAMES})["']?[ \t]*=[ \t]*)"""
    r"(\"\"\".*?\"\"\"|'''.*?'''|\"(?:[^\"\\\n]|\\.)*\"?|'[^'\n]*'?|[^\s\"'#][^\n]*)",
    re.DOTALL,
)
_SIGNATURE = re.compile(r"(\bsig=)([^&\s\"'<>,;)]+)", re.IGNORECASE)
_HIDDEN = re.compile(re.escape(MASK) + r"(\d+)" + re.escape(MASK))


class Masked:
    """A text with every secret replaced by a numbered mark; whatever is edited around the marks, they turn back into the secrets."""

    def __init__(self, text: str) -> None:
        self._secrets: list[str] = []
        masked = _VALUE.sub(self._hide_value, text)
        self.text = _SIGNATURE.sub(lambda found: found[1] + self._mark(found[2]), masked)

    def open(self, text: str) -> str:
        """The text with its secrets; any other mark stays."""

        def secret(found: re.Match[str]) -> str:
            number = int(found[1])
            return self._secrets[number - 1] if 1 <= number <= len(self._secrets) else found[0]

        return _HIDDEN.sub(secret, text)

    def _hide_value(self, found: re.Match[str]) -> str:
        value = found[2]
        quotes = next((q for q in ('"""', "'''", '"', "'") if value.startswith(q)), "")
        closed = quotes if quotes and len(value) >= 2 * len(quotes) and value.endswith(quotes) else ""
        inner = value[len(quotes) : len(value) - len(closed)]
        return found[1] + quotes + (self._mark(inner) if inner else "") + closed

    def _mark(self, secret: str) -> str:
        if _HIDDEN.fullmatch(secret):
            return secret
        self._secrets.append(secret)
        return f"{MASK}{len(self._secrets)}{MASK}"


class _Numbers(QWidget):
    """The strip of line numbers; lines with a fault are red."""

    def __init__(self, editor: TextEdit) -> None:
        super().__init__(editor)
        self._editor = editor

    def sizeHint(self) -> QSize:
        return QSize(self._editor.gutter_width(), 0)

    def paintEvent(self, event: QPaintEvent) -> None:
        self._editor.paint_gutter(self, event)


class TextEdit(QPlainTextEdit):
    """``pasted`` comes after a paste, ``left`` when the focus goes."""

    pasted = Signal()
    left = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.setTabChangesFocus(True)
        self.setAccessibleName("Configuration as text")
        self.setToolTip("Edit the file itself, in TOML. Ctrl+Z undoes a change.")
        self._faults: Mapping[int, str] = {}
        self._numbers = _Numbers(self)
        self.blockCountChanged.connect(lambda _: self._fit())
        self.updateRequest.connect(self._scrolled)
        self._fit()

    def show_faults(self, faults: Mapping[int, str]) -> None:
        """Line → what is wrong there."""
        self._faults = faults
        ground = QColor(theme.current().bad_ground)
        marks: list[QTextEdit.ExtraSelection] = []
        for line in faults:
            block = self.document().findBlockByNumber(line - 1)
            if block.isValid():
                mark = QTextEdit.ExtraSelection()
                mark.format.setBackground(ground)  # type: ignore[attr-defined] - the stubs lack the fields
                mark.format.setProperty(QTextFormat.Property.FullWidthSelection, True)  # type: ignore[attr-defined]
                mark.cursor = QTextCursor(block)  # type: ignore[attr-defined]
                marks.append(mark)
        self.setExtraSelections(marks)
        self._numbers.update()

    def go_to(self, line: int) -> None:
        """Put the cursor there."""
        block = self.document().findBlockByNumber(max(line, 1) - 1)
        self.setTextCursor(QTextCursor(block))
        self.centerCursor()
        self.setFocus()

    def gutter_width(self) -> int:
        """Space for the largest number."""
        return self.fontMetrics().horizontalAdvance("9" * max(len(str(self.blockCount())), 3)) + 2 * SPACE

    def paint_gutter(self, strip: QWidget, event: QPaintEvent) -> None:
        """Draw the numbers of the lines that can be seen."""
        look = theme.current()
        painter = QPainter(strip)
        painter.fillRect(event.rect(), QColor(look.raised))
        painter.setFont(self.font())
        block = self.firstVisibleBlock()
        top = self.blockBoundingGeometry(block).translated(self.contentOffset()).top()
        height = self.fontMetrics().height()
        while block.isValid() and top <= event.rect().bottom():
            number = block.blockNumber() + 1
            if number in self._faults:
                painter.fillRect(0, int(top), strip.width(), height, QColor(look.bad_ground))
            painter.setPen(QColor(look.bad if number in self._faults else look.muted))
            painter.drawText(0, int(top), strip.width() - SPACE, height, Qt.AlignmentFlag.AlignRight, str(number))
            top += self.blockBoundingRect(block).height()
            block = block.next()

    def insertFromMimeData(self, source: QMimeData) -> None:
        """Pasting."""
        super().insertFromMimeData(source)
        self.pasted.emit()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Report it, so that secrets are hidden."""
        super().focusOutEvent(event)
        self.left.emit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The strip is as high as the editor."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        self.setViewportMargins(self.gutter_width(), 0, 0, 0)
        inside = self.contentsRect()
        self._numbers.setGeometry(QRect(inside.left(), inside.top(), self.gutter_width(), inside.height()))

    def _scrolled(self, area: QRect, dy: int) -> None:
        if dy:
            self._numbers.scroll(0, dy)
        else:
            self._numbers.update(0, area.y(), self._numbers.width(), area.height())


class TextTab(QWidget):
    """``edited`` has the whole text, secrets included, after a change that a person made."""

    edited = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._text = ""
        self._masked = Masked("")
        self._setting = False
        self.editor = TextEdit()
        self.editor.textChanged.connect(self._changed)
        self.editor.pasted.connect(self._mask_again)
        self.editor.left.connect(self._mask_again)
        self.reveal = QCheckBox("Show secrets")
        self.reveal.setToolTip(plain_text(f"Show the credentials in this text for {3 * SHOWN_MS // 1000} seconds"))
        self.reveal.toggled.connect(self._toggled)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(3 * SHOWN_MS)
        self._timer.timeout.connect(lambda: self.reveal.setChecked(False))
        hint = label(f"Comments and unknown keys are kept. Credentials are shown as {MASK}1{MASK}.", "muted", wrap=True)
        head = row(hint, self.reveal)
        head.setStretch(0, 1)
        self.setLayout(column(head, self.editor, margins=(0, SPACE, 0, 0)))

    def show_text(self, text: str) -> None:
        """Another text; the cursor stays where it was if it is the same one."""
        if text == self._text:
            return
        self._text = text
        self._put()

    def hideEvent(self, event: QHideEvent) -> None:
        """It is no longer on screen."""
        super().hideEvent(event)
        self.reveal.setChecked(False)

    def _put(self) -> None:
        self._masked = Masked(self._text)
        shown = self._text if self.reveal.isChecked() else self._masked.text
        if shown == self.editor.toPlainText():
            return
        cursor = self.editor.textCursor()
        line, at = cursor.blockNumber(), cursor.positionInBlock()
        bar = self.editor.verticalScrollBar()
        height = bar.value()
        self._setting = True
        self.editor.setPlainText(shown)  # forgets what can be undone, and with it the secrets that were pasted
        self._setting = False
        block = self.editor.document().findBlockByNumber(line)
        if block.isValid():
            cursor = QTextCursor(block)
            cursor.setPosition(block.position() + min(at, block.length() - 1))
            self.editor.setTextCursor(cursor)
        bar.setValue(height)

    def _changed(self) -> None:
        if self._setting:
            return
        text = self.editor.toPlainText()
        self._text = text if self.reveal.isChecked() else self._masked.open(text)
        self.edited.emit(self._text)

    def _mask_again(self) -> None:
        if not self.reveal.isChecked():
            self._put()

    def _toggled(self, shown: bool) -> None:
        self._put()
        self._timer.start() if shown else self._timer.stop()
