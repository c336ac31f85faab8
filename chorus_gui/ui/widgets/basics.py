"""Labels, chips, cards, tiles, form rows, empty states."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QBoxLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLayout,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from chorus_gui.core.model import Grade, Tally
from chorus_gui.ui import theme, words
from chorus_gui.ui.shown import PlainLabel, plain_text, without_letter
from chorus_gui.ui.theme import SPACE
from chorus_gui.ui.widgets import icons

ICON_GAP = 4
"""between an icon and the words of its button, in addition to the gap of the style"""
CHIP_LEAST = 96
"""The least width of a chip; pixels."""


def label(text: str = "", role: str = "", *, wrap: bool = False, selectable: bool = False) -> QLabel:
    """A label; ``role`` is title, heading, number, strong, muted or "".  Its text is never read as HTML."""
    made = PlainLabel(text)
    made.setWordWrap(wrap)
    if role:
        made.setProperty("role", role)
    if selectable:
        made.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard)
    return made


def set_grade(target: QLabel, grade: Grade | None) -> None:
    """Colour a label's words."""
    value = grade.value if grade else ""
    if target.property("grade") != value:
        target.setProperty("grade", value)
        theme.restyle(target)


def button(text: str, tip: str = "", *, icon: str = "", primary: bool = False, danger: bool = False, flat: bool = False) -> QPushButton:
    """A push button.  ``tip`` is its tooltip, and what a screen reader says in addition to its text."""
    made = QPushButton(text)
    for name, on in (("primary", primary), ("danger", danger), ("flat", flat)):
        if on:
            made.setProperty(name, "true")
    if icon:
        set_icon(made, icon)
    made.setAccessibleName(without_letter(text) or tip)
    made.setToolTip(plain_text(tip or without_letter(text)))
    made.setAccessibleDescription(tip)
    return made


def set_icon(target: QAbstractButton, name: str) -> None:
    """Give a button an icon in the colour of its words; :func:`refresh_icons` draws it again in another theme."""
    now = theme.current()
    primary, danger = target.property("primary") == "true", target.property("danger") == "true"
    target.setProperty("icon_name", name)
    gap = ICON_GAP if isinstance(target, QPushButton) and target.text() else 0
    target.setIcon(icons.icon(name, now.on_accent if primary else now.bad if danger else None, gap))
    if gap:
        target.setIconSize(QSize(16 + gap, 16))


def refresh_icons(root: QWidget) -> None:
    """After the theme changed: every icon that :func:`set_icon` gave below ``root``."""
    for found in root.findChildren(QAbstractButton):
        if name := found.property("icon_name"):
            set_icon(found, name)


def row(*items: QWidget | QLayout | int | None, space: int = SPACE, margins: tuple[int, int, int, int] = (0, 0, 0, 0)) -> QHBoxLayout:
    """Side by side; None is a stretch, a number a distance."""
    made = QHBoxLayout()
    return _fill(made, items, space, margins)


def column(*items: QWidget | QLayout | int | None, space: int = SPACE, margins: tuple[int, int, int, int] = (0, 0, 0, 0)) -> QVBoxLayout:
    """One below the other; None is a stretch, a number a distance."""
    return _fill(QVBoxLayout(), items, space, margins)


def _fill(layout: Any, items: tuple[QWidget | QLayout | int | None, ...], space: int, margins: tuple[int, int, int, int]) -> Any:
    layout.setSpacing(space)
    layout.setContentsMargins(*margins)
    for item in items:
        if item is None:
            layout.addStretch(1)
        elif isinstance(item, int):
            layout.addSpacing(item)
        elif isinstance(item, QWidget):
            layout.addWidget(item)
        else:
            layout.addLayout(item)
    return layout


def line() -> QFrame:
    """A thin line across."""
    made = QFrame()
    made.setProperty("line", "true")
    return made


def scrolled(content: QWidget, name: str) -> QScrollArea:
    """A page that may be higher than the window.  A screen reader says ``name`` when the area has the focus."""
    content.setObjectName("page")
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setWidget(content)
    area.setAccessibleName(name)
    return area


class Card(QFrame):
    """A framed area.  ``now`` draws attention to it."""

    def __init__(self, layout: QLayout | None = None) -> None:
        super().__init__()
        self.setProperty("card", "true")
        if layout is not None:
            if layout.contentsMargins().isNull():
                layout.setContentsMargins(2 * SPACE, 2 * SPACE, 2 * SPACE, 2 * SPACE)
            self.setLayout(layout)

    def set_now(self, *, now: bool) -> None:
        """This is where to continue."""
        value = "now" if now else "true"
        if self.property("card") != value:
            self.setProperty("card", value)
            theme.restyle(self)


class Picture(PlainLabel):
    """An icon next to words, in a colour of the theme: a grade's, or "accent", "muted", "good" or "warning".  It follows the theme."""

    def __init__(self, size: int, name: str = "", colour: Grade | str = "muted") -> None:
        super().__init__()
        self._size, self._name, self._colour = size, name, colour
        self._draw()

    def show_icon(self, name: str, colour: Grade | str) -> None:
        """Show another icon; "" shows none."""
        if (name, colour) != (self._name, self._colour):
            self._name, self._colour = name, colour
            self._draw()

    def show_grade(self, grade: Grade) -> None:
        """Show the icon of a grade, in its colour."""
        self.show_icon(grade.value, grade)

    def changeEvent(self, event: QEvent) -> None:
        """In another theme the icon has another colour."""
        super().changeEvent(event)
        if event.type() is QEvent.Type.PaletteChange:
            self._draw()

    def _draw(self) -> None:
        if not self._name:
            self.clear()
            return
        look = theme.current()
        colour = look.grade(self._colour) if isinstance(self._colour, Grade) else str(getattr(look, self._colour))
        self.setPixmap(icons.pixmap(self._name, self._size, colour, self.devicePixelRatioF()))


class Chip(QPushButton):
    """A short fact with a grade; selecting it shows more."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name
        self._grade = Grade.INFO
        self.setProperty("chip", Grade.INFO.value)
        self._full = ""
        self._hint = QSize()
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)

    @property
    def fact(self) -> str:
        """The whole text, also where only its beginning fits."""
        return self._full

    def sizeHint(self) -> QSize:
        """Space for the whole text, as it was measured while all of it was shown."""
        if self.text() == self._full:
            self._hint = super().sizeHint()
        return self._hint

    def minimumSizeHint(self) -> QSize:
        """Space for the icon and some letters."""
        hint = self.sizeHint()
        return QSize(min(CHIP_LEAST, hint.width()), hint.height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """As much of the text as fits."""
        super().resizeEvent(event)
        self._elide()

    def _elide(self) -> None:
        """In a narrow window, the end of the text is left out; the tooltip and the accessible name have all of it."""
        if not self.minimumSizeHint().width() <= self.width() < self.sizeHint().width():  # all of it fits, or it has no place yet
            self.setText(self._full)
            return
        space = self.fontMetrics().horizontalAdvance(self._full) - max(self.sizeHint().width() - self.width(), 0)
        self.setText(self.fontMetrics().elidedText(self._full, Qt.TextElideMode.ElideRight, space))

    def show_fact(self, text: str, grade: Grade, detail: str = "") -> None:
        """Show it; an empty text hides the chip."""
        self.setVisible(bool(text))
        self._full = text
        self.setText(self._full)
        self.setToolTip(plain_text(detail or text))
        self.setAccessibleName(f"{self._name}: {text}")
        self.setAccessibleDescription(detail)
        if self.property("chip") != grade.value:
            self.setProperty("chip", grade.value)
            theme.restyle(self)
        self._grade = grade
        self._draw()
        self._elide()
        self.updateGeometry()

    def changeEvent(self, event: QEvent) -> None:
        """In another theme the icon has another colour."""
        super().changeEvent(event)
        if event.type() is QEvent.Type.PaletteChange and self.text():
            self._draw()
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange) and self.text() != self._full:
            self.setText(self._full)
            self._elide()

    def _draw(self) -> None:
        self.setIcon(icons.icon(self._grade.value, theme.current().grade(self._grade), ICON_GAP))
        self.setIconSize(QSize(16 + ICON_GAP, 16))


class ElidedLabel(PlainLabel):
    """A label that shortens a long text in its middle (paths) and shows all of it in its tooltip."""

    def __init__(self, text: str = "", role: str = "", mode: Qt.TextElideMode = Qt.TextElideMode.ElideMiddle) -> None:
        super().__init__()
        self._full = ""
        self._mode = mode
        self.setMinimumWidth(40)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        if role:
            self.setProperty("role", role)
        self.set_full(text)

    @property
    def full(self) -> str:
        """The whole text."""
        return self._full

    def set_full(self, text: str, details: str = "") -> None:
        """Show a text, as much of it as fits.  ``details``: what its tooltip says in the place of the text."""
        self._full = plain_text(text)
        self.setToolTip(plain_text(details or text))
        self.setAccessibleName(self._full)
        self.setAccessibleDescription(plain_text(details))
        self._elide()

    def sizeHint(self) -> QSize:
        """Space for all of it."""
        return QSize(QFontMetrics(self.font()).horizontalAdvance(self._full) + 4, super().sizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """As much as fits now."""
        super().resizeEvent(event)
        self._elide()

    def _elide(self) -> None:
        self.setText(QFontMetrics(self.font()).elidedText(self._full, self._mode, max(self.width() - 2, 20)))


class Tile(QPushButton):
    """A count with its bytes, which filters when it is pressed down."""

    def __init__(self, title: str, tip: str, colour: str = "") -> None:
        super().__init__()
        self.setProperty("tile", "true")
        self.setCheckable(True)
        self.setToolTip(plain_text(tip))
        self.setAccessibleDescription(tip)
        self._title = title
        self._colour = colour
        self._number = label("–", "number")
        self._name = label(title, "strong")
        self._size = label("", "muted")
        for part in (self._number, self._name, self._size):
            part.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._content = column(self._name, self._number, self._size, space=0, margins=(SPACE + 6, SPACE, SPACE + 6, SPACE))
        self.setLayout(self._content)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.show_count(None)

    def show_count(self, tally: Tally | None, *, with_bytes: bool = True) -> None:
        """Show files and bytes; None: not known."""
        self._number.setText("–" if tally is None else words.number(tally.files))
        self._size.setText(words.size(tally.bytes) if tally and tally.bytes and with_bytes else " ")
        self.setAccessibleName(f"{self._title}: {self._number.text()} {self._size.text()}".strip())
        self.setEnabled(tally is not None and (tally.files > 0 or self.isChecked()))

    def set_compact(self, *, compact: bool) -> None:
        """In one line, without the bytes, where there is little space."""
        self._content.setDirection(QBoxLayout.Direction.LeftToRight if compact else QBoxLayout.Direction.TopToBottom)
        self._content.setSpacing(SPACE if compact else 0)
        self._size.setVisible(not compact)
        self._number.setProperty("role", "strong" if compact else "number")
        theme.restyle(self._number)
        self._fit()

    def event(self, event: QEvent) -> bool:
        """The style sheet gives every button the least height of a line of text; a tile needs more."""
        done = super().event(event)
        if event.type() in (QEvent.Type.Polish, QEvent.Type.StyleChange, QEvent.Type.FontChange):
            self._fit()
        return done

    def _fit(self) -> None:
        for part in (self._number, self._name, self._size):
            part.ensurePolished()
        self._content.invalidate()
        self.setMinimumHeight(self._content.minimumSize().height())
        self.updateGeometry()

    def sizeHint(self) -> QSize:
        """What the labels need, not the (empty) button text."""
        return self._content.sizeHint()

    def minimumSizeHint(self) -> QSize:
        """The same."""
        return self._content.minimumSize()

    def paintEvent(self, event: QPaintEvent) -> None:
        """The button, and a strip in the tile's colour at its left."""
        super().paintEvent(event)
        if self._colour:
            from PySide6.QtGui import QColor, QPainter

            painter = QPainter(self)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            colour = QColor(self._colour)
            colour.setAlphaF(1.0 if self.isEnabled() else 0.35)
            painter.setBrush(colour)
            painter.drawRoundedRect(5, 8, 4, self.height() - 16, 2, 2)

    def set_colour(self, colour: str) -> None:
        """In another theme."""
        self._colour = colour
        self.update()


class EmptyState(QWidget):
    """Nothing is here: why, and what to do next."""

    acted = Signal()

    def __init__(self, icon: str, title: str, text: str, action: str = "") -> None:
        super().__init__()
        self._picture = Picture(48, icon)
        self._picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.title = label(title, "heading")
        self.text = label(text, "muted", wrap=True)
        self.text.setFixedWidth(440)
        self.action = button(action, primary=True)
        if not action:
            self.action.hide()
        self.action.clicked.connect(self.acted)
        for part in (self.title, self.text):
            part.setAlignment(Qt.AlignmentFlag.AlignCenter)
        middle = column(self._picture, self.title, self.text, SPACE, row(None, self.action, None), space=SPACE)
        self.setLayout(column(None, row(None, middle, None), None))

    def say(self, title: str, text: str, action: str = "") -> None:
        """Show other words."""
        self.title.setText(title)
        self.text.setText(text)
        self.action.setText(action)
        self.action.setAccessibleName(action)
        self.action.setToolTip(plain_text(action))
        self.action.setVisible(bool(action))


class FormRow(QWidget):
    """A field with its name, an explanation, and space for what is wrong with it.  ``whose``: what a screen reader says before the name."""

    def __init__(self, name: str, field: QWidget, explanation: str = "", *, required: bool = False, whose: str = "") -> None:
        super().__init__()
        self.field = field
        self._required, self._whose = required, whose
        self._title = label(f"{name} *" if required else name, "strong")
        self._title.setBuddy(field.focusProxy() or field)
        self._explanation = label(explanation, "muted", wrap=True)
        if not explanation:
            self._explanation.hide()  # nothing is shown while it has no parent: it would be a window of its own
        self._fault = label("", wrap=True, selectable=True)
        set_grade(self._fault, Grade.BAD)
        self._fault.hide()
        field.setAccessibleName(self.spoken(name))
        field.setAccessibleDescription(explanation)
        if explanation and not field.toolTip():
            field.setToolTip(plain_text(explanation))
        self.setLayout(column(self._title, field, self._fault, self._explanation, space=SPACE // 2))

    def show_words(self, name: str, explanation: str) -> None:
        """Another name and explanation: what the field means depends on another field."""
        self._title.setText(f"{name} *" if self._required else name)
        self._explanation.setText(explanation)
        self._explanation.setVisible(bool(explanation))
        for one in (self.field, self.field.focusProxy()):  # a field of several parts, and the one that is typed into
            if one is not None:
                one.setAccessibleName(self.spoken(name))
        self.field.setAccessibleDescription(explanation)
        self.field.setToolTip(plain_text(explanation))

    def spoken(self, name: str) -> str:
        """What a screen reader calls a field of this name."""
        return f"{self._whose}: {name}" if self._whose else name

    def show_fault(self, text: str) -> None:
        """Say what is wrong; "" for nothing."""
        self._fault.setText(text)
        self._fault.setVisible(bool(text))
        typed_into = self.field.focusProxy() or self.field  # a field of several parts has no border itself
        typed_into.setProperty("fault", "true" if text else "")
        theme.restyle(typed_into)

    @property
    def fault(self) -> str:
        """What is wrong with it."""
        return self._fault.text() if not self._fault.isHidden() else ""
