"""What is wrong with a dialog for somebody who has a keyboard and no mouse.

The functions look at a dialog that is open and active, press Tab until it is back, Alt with each letter of a field, and Esc.  Each fault is a
sentence that starts with its kind: "focus", "tab", "order", "enter", "letter" or "esc".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from layoutfaults import named
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QAction, QKeySequence, QShortcut
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QApplication,
    QCheckBox,
    QComboBox,
    QDialog,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QRadioButton,
    QScrollArea,
    QTextBrowser,
    QWidget,
)

from chorus_gui.core.model import Grade

WITHOUT_LETTER = frozenset({"Cancel", "Close"})
"""Esc is their key, on every platform."""
SENDS = frozenset({"Record and upload", "Record and generate batch file…", "Record only"})
"""What writes to the journal or the central store: Enter does it only if nothing on the dialog warns."""
MOST_LINKS = 500
FIELDS = (QLineEdit, QComboBox, QAbstractSpinBox, QPlainTextEdit)


def opening_faults(dialog: QDialog, *, own_enter: bool = False) -> list[str]:
    """Where the focus is, and what Enter does, in a dialog that was just opened.  ``own_enter``: Enter has a meaning in its fields, so no button may have it."""
    return [*_opening(dialog), *_enter(dialog, own_enter=own_enter), *([] if own_enter else _enter_in_fields(dialog))]


def key_faults(dialog: QDialog, *, typed_into: bool = False) -> list[str]:
    """Tab, and the letters, in a dialog that is so large that all of it can be seen.  ``typed_into``: what is typed anywhere goes to its one field."""
    for _ in range(20):  # what a thread reads can enable a button meanwhile
        usable, first = stops(dialog), dialog.focusWidget()
        found = list(_tabs(dialog))
        if stops(dialog) == usable:
            break
        if first is not None:
            first.setFocus()
    return [*found, *_letters(dialog, typed_into=typed_into)]


def esc_faults(dialog: QDialog, acts: Sequence[object], let_live: Callable[[], object]) -> Iterator[str]:
    """Esc closes it, and nothing else.  ``acts`` collects what is asked of the program."""
    accepted: list[None] = []
    dialog.accepted.connect(lambda: accepted.append(None))
    QTest.keyClick(dialog.focusWidget() or dialog, Qt.Key.Key_Escape)
    questions = [one for one in dialog.findChildren(QDialog) if one.isVisible()]
    if dialog.isVisible() and not questions:
        yield "esc: does not close it"
    let_live()
    if accepted or acts:
        yield f"esc: does {[type(one).__name__ for one in acts] or 'accept'}"


# --- where the focus is ---------------------------------------------------------------------------------------------------


def _opening(dialog: QDialog) -> Iterator[str]:
    focus = dialog.focusWidget()
    if focus is None or not focus.isVisible() or not focus.isEnabled():
        yield f"focus: on {'nothing' if focus is None else named(focus)}, which cannot be used"
    elif dangerous(focus):
        yield f"focus: on {named(focus)}"
    elif not dialog.rect().contains(QRect(focus.mapTo(dialog, QPoint()), focus.size())) or not _in_view(focus):
        yield f"focus: on {named(focus)}, which is not in view"


def _in_view(one: QWidget) -> bool:
    around = one.parentWidget()
    while around is not None:
        if isinstance(around, QScrollArea):
            place = QRect(one.mapTo(around.viewport(), QPoint()), one.size())
            if not around.viewport().rect().adjusted(-2, -2, 2, 2).contains(place):
                return False
        around = around.parentWidget()
    return True


def dangerous(one: QWidget) -> bool:
    """A button that deletes, discards or replaces something."""
    return one.property("danger") == "true"


# --- Tab ------------------------------------------------------------------------------------------------------------------


def stops(dialog: QDialog) -> list[QWidget]:
    """What Tab must reach.  Of choices that exclude each other it is the chosen one: the arrows lead to the others."""
    return [
        one
        for one in dialog.findChildren(QWidget)
        if one.window() is dialog
        and one.isVisible()
        and one.isEnabled()
        and one.focusProxy() is None
        and (one.isChecked() if isinstance(one, QRadioButton) else one.focusPolicy() & Qt.FocusPolicy.TabFocus)
    ]


def _tabs(dialog: QDialog) -> Iterator[str]:
    wanted = stops(dialog)
    first = dialog.focusWidget()
    if first not in wanted:
        if wanted:
            yield f"tab: begins at {'nothing' if first is None else named(first)}, which Tab does not reach"
        return
    way = [first]
    while len(way) <= 2 * len(wanted) + 4:
        here = _next(dialog, way[-1])
        if here is None or here is first:
            break
        way.append(here)
    else:
        yield f"tab: does not come back to {named(first)}"
    for one, times in Counter(way).items():
        if times > 1:
            yield f"tab: {named(one)} {times} times"
        if one not in wanted:
            yield f"tab: goes to {named(one)}"
    for one in wanted:
        if one not in way:
            yield f"tab: does not reach {named(one)}"
    once = list(dict.fromkeys(way))
    read = [one for one in in_reading_order(wanted, dialog) if one in once]
    if read and set(read) == set(once):
        start = once.index(read[0])
        turned = once[start:] + once[:start]
        for was, right in zip(turned, read, strict=True):
            if was is not right:
                yield f"order: {named(was)} comes before {named(right)}"
                break


def _next(dialog: QDialog, here: QWidget) -> QWidget | None:
    """Press Tab.  In a text with links, it leads from link to link first."""
    for _ in range(MOST_LINKS if isinstance(here, QTextBrowser) else 1):
        QTest.keyClick(here, Qt.Key.Key_Tab)
        QApplication.processEvents()
        if dialog.focusWidget() is not here:
            break
    return dialog.focusWidget()


def in_reading_order(found: Iterable[QWidget], dialog: QDialog) -> list[QWidget]:
    """Line by line, and in a line from left to right; what is side by side, one after the other.  What contains others comes before them."""
    inside: dict[QWidget | None, list[QWidget]] = {}
    found = list(found)
    for one in found:
        around = one.parentWidget()
        while around is not None and around not in found:
            around = around.parentWidget()
        inside.setdefault(around, []).append(one)

    def read(of: QWidget | None) -> Iterator[QWidget]:
        for one in _cut([(one, QRect(one.mapTo(dialog, QPoint()), one.size())) for one in inside.get(of, [])]):
            yield one
            yield from read(one)

    return list(read(None))


Placed = list[tuple[QWidget, QRect]]


def _cut(parts: Placed) -> list[QWidget]:
    """Divide it at gaps across the whole width; where there is none, at gaps from top to bottom."""
    if len(parts) < 2:
        return [one for one, _ in parts]
    for group in (_groups(parts, lambda rect: (rect.top(), rect.bottom())), _groups(parts, lambda rect: (rect.left(), rect.right()))):
        if len(group) > 1:
            return [one for part in group for one in _cut(part)]
    return [one for one, rect in sorted(parts, key=lambda part: (part[1].top(), part[1].left()))]


def _groups(parts: Placed, span: Callable[[QRect], tuple[int, int]]) -> list[Placed]:
    groups: list[Placed] = []
    end = -1
    for one, rect in sorted(parts, key=lambda part: span(part[1])):
        begin, last = span(rect)
        if groups and begin <= end:
            groups[-1].append((one, rect))
        else:
            groups.append([(one, rect)])
        end = max(end, last)
    return groups


# --- Enter ----------------------------------------------------------------------------------------------------------------


def _enter(dialog: QDialog, *, own_enter: bool) -> Iterator[str]:
    found = [one for one in dialog.findChildren(QPushButton) if one.window() is dialog and one.isVisible() and one.isDefault()]
    if own_enter:
        if found:
            yield f"enter: {named(found[0])} is the default, and Enter belongs to the fields"
        return
    if len(found) != 1:
        yield f"enter: {[one.text() for one in found]} are the default"
    for one in found:
        if dangerous(one):
            yield f"enter: {named(one)} is the default"
        if one.text().replace("&", "") in SENDS and (warned := warnings(dialog)):
            yield f"enter: {named(one)} is the default, although the dialog says “{warned[0]}”"


def _enter_in_fields(dialog: QDialog) -> Iterator[str]:
    """Where Enter confirms nothing, it does nothing: it does not close the dialog on what was typed."""
    if any(
        one.isDefault() and one.isEnabled() and (dangerous(one) or one.property("primary") == "true")
        for one in dialog.findChildren(QPushButton)
    ):
        return
    focus, kept = dialog.focusWidget(), dialog.testAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
    for one in stops(dialog):
        if isinstance(one, (QLineEdit, QAbstractSpinBox)) or (isinstance(one, QComboBox) and one.isEditable()):
            one.setFocus()
            QTest.keyClick(one, Qt.Key.Key_Return)
            if not dialog.isVisible():
                yield f"enter: in {named(one)} it closes the dialog"
                dialog.show()
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, kept)
    if focus is not None:
        focus.setFocus()


def warnings(dialog: QDialog) -> list[str]:
    """What a person should read before going on."""
    bad = (Grade.WARNING.value, Grade.BAD.value)
    shown = [one for one in dialog.findChildren(QLabel) if one.isVisible() and one.window() is dialog]
    return [one.text() for one in shown if one.property("grade") in bad or _in_a_notice(one)]


def _in_a_notice(one: QWidget) -> bool:
    around = one.parentWidget()
    return around is not None and around.property("notice") in (Grade.WARNING.value, Grade.BAD.value)


# --- letters --------------------------------------------------------------------------------------------------------------


def letter_of(text: str) -> str:
    """The letter that Alt needs; "" for none."""
    found = QKeySequence.mnemonic(text)
    return found.toString().rpartition("+")[2].upper()


def _letters(dialog: QDialog, *, typed_into: bool) -> Iterator[str]:
    shown = [one for one in dialog.findChildren(QWidget) if one.window() is dialog and one.isVisible()]
    used: dict[str, QWidget] = {}
    for one in shown:
        letter = ""
        if isinstance(one, (QPushButton, QCheckBox, QRadioButton)):
            letter = letter_of(one.text())
            if not letter and one.text() and one.text().replace("&", "") not in WITHOUT_LETTER:
                yield f"letter: none in {named(one)}"
        elif isinstance(one, QLabel) and (field := one.buddy()) is not None and not isinstance(field, QRadioButton):
            letter = letter_of(one.text())
            if not letter:
                yield f"letter: none in {named(one)}"
            elif field.isEnabled() and not _leads(dialog, letter, field):
                yield f"letter: {letter} of {named(one)} leads to {named(dialog.focusWidget() or dialog)}"
        if letter and letter in used:
            yield f"letter: {letter} is in {named(one)} and in {named(used[letter])}"
        used.setdefault(letter, one)
    for one in [] if typed_into else stops(dialog):
        if isinstance(one, FIELDS) and not (isinstance(one, QPlainTextEdit) and one.isReadOnly()) and not _reached(one, shown):
            yield f"letter: no label, shortcut or choice leads to {named(one)}"


def _leads(dialog: QDialog, letter: str, field: QWidget) -> bool:
    """Alt and the letter move the focus to it."""
    QTest.keyClick(dialog.focusWidget() or dialog, Qt.Key(ord(letter)), Qt.KeyboardModifier.AltModifier)
    focus = dialog.focusWidget()
    return focus is field or (focus is not None and field.isAncestorOf(focus))


def _reached(field: QWidget, shown: list[QWidget]) -> bool:
    """By its label, by a shortcut that its tooltip names, or by the choice before it in its line."""
    for one in shown:
        if isinstance(one, QLabel) and (buddy := one.buddy()) is not None and (buddy.focusProxy() or buddy) is field:
            return True
    keys = {one.shortcut().toString() for one in field.window().findChildren(QAction)}
    keys |= {one.key().toString() for one in field.window().findChildren(QShortcut)}
    if any(f"({key})" in field.toolTip() for key in keys if key):
        return True
    middle = field.mapTo(field.window(), field.rect().center()).y()
    before = [
        one
        for one in shown
        if isinstance(one, (QRadioButton, QCheckBox)) and abs(one.mapTo(field.window(), one.rect().center()).y() - middle) < field.height()
    ]
    return bool(before)
