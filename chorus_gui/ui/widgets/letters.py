"""Letters for Alt: each button, choice and field name of a dialog has one, and no two of them have the same."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QCheckBox, QLabel, QPushButton, QRadioButton, QWidget

ESC = frozenset({"Cancel", "Close"})
"""Buttons without a letter: Esc is their key."""
_GIVEN = "letter_given"
"""A property: the text with a letter that was given here.  Another text is the program's own."""
Lettered = QPushButton | QCheckBox | QRadioButton | QLabel


def give_letters(dialog: QWidget) -> None:
    """Give a letter to each that has none.  Those that the program wrote stay, and those that were given before, while nothing else has them.

    What is shown comes first: a dialog can have more parts than there are letters.
    """
    parts = sorted(_parts(dialog), key=lambda one: not one.isVisibleTo(dialog))
    own = [one for one in parts if one.property(_GIVEN) != one.text()]
    used = {letter for one in own if (letter := _letter(one.text()))}
    without = [one for one in own if not _letter(one.text())]
    for one in (one for one in parts if one not in own):
        letter = _letter(one.text())
        if letter in used:
            without.append(one)
            _show(one, one.text().replace(f"&{letter}", letter).replace(f"&{letter.lower()}", letter.lower()))
        used.add(letter)
    for one in without:
        text = one.text()
        place = next((place for place in _places(text) if text[place].upper() not in used), None)
        if place is not None:
            used.add(text[place].upper())
            _show(one, f"{text[:place]}&{text[place:]}")
            one.setProperty(_GIVEN, one.text())


def _show(one: Lettered, text: str) -> None:
    """Another text; the name that a screen reader says is the one before."""
    name = one.accessibleName()
    one.setText(text)
    if one.accessibleName() != name:
        one.setAccessibleName(name)


def _parts(dialog: QWidget) -> Iterator[Lettered]:
    for one in dialog.findChildren(QWidget):
        if one.window() is not dialog or not isinstance(one, (QPushButton, QCheckBox, QRadioButton, QLabel)):
            continue
        if isinstance(one, QLabel):
            if one.buddy() is not None and _focusable(one.buddy()):
                yield one
        elif one.text() and one.text() not in ESC:
            yield one


def _focusable(field: QWidget) -> bool:
    """A letter can lead to it: a field, not one of some choices, which have letters of their own."""
    return field.focusPolicy() is not Qt.FocusPolicy.NoFocus and not isinstance(field, QRadioButton)


def _letter(text: str) -> str:
    """“S” of “&Save”; "" if the text has none."""
    return QKeySequence.mnemonic(text).toString().rpartition("+")[2]


def _places(text: str) -> Iterator[int]:
    """Where a letter can be, the best first: the beginnings of words, then what is in them, then digits."""
    usable = [place for place, letter in enumerate(text) if letter.isascii() and letter.isalnum() and text[place - 1 : place] != "&"]
    first = [place for place in usable if place == 0 or not text[place - 1].isalnum()]
    others = [place for place in usable if place not in first]
    yield from sorted((*first, *others), key=lambda place: text[place].isdigit())
