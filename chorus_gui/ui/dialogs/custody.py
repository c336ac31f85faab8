"""Decisions about the cloud journal that a person must understand first: taking it over, setting the local one aside."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtWidgets import QGridLayout, QLayout, QLineEdit, QWidget

from chorus_gui.app.custody import Choice, Side, Sides, State
from chorus_gui.app.known import LessHistoryError
from chorus_gui.core.model import Grade
from chorus_gui.ui import intents, words
from chorus_gui.ui.shown import plain_text
from chorus_gui.ui.state import SessionState
from chorus_gui.ui.theme import SPACE
from chorus_gui.ui.widgets.basics import Card, ElidedLabel, button, column, label, row
from chorus_gui.ui.widgets.dialogs import ConfirmDialog, Dialog, Question
from chorus_gui.ui.widgets.points import named, point

TYPED = "take over"


class AdoptDialog(Dialog):
    """A local journal next to the cloud journal, and "Take over".  ``then`` is called after the confirmation.

    If something in the cloud would be replaced, or another person has the lock, the confirmation must be typed.
    """

    def __init__(self, parent: QWidget | None, file: Path, sides: Sides, then: Callable[[], None]) -> None:
        super().__init__(parent, "Take over the journal?")
        self.setMinimumWidth(760)
        usable = bool(sides.local.schema)
        self._typed = TYPED if usable and (sides.only_cloud != 0 or sides.seen.state is State.LOCKED) else ""
        self.yes = button("Take over journal", "Lock the cloud journal for yourself, and use this file as the local journal", danger=True)
        self.no = button("Cancel", "Close without a change (Esc)")
        self.no.clicked.connect(self.reject)
        self.yes.clicked.connect(self.accept)
        self.accepted.connect(then)
        self.field = QLineEdit()
        self.field.setAccessibleName(f"Type “{TYPED}” to confirm")
        self.field.setToolTip(plain_text(f"Type “{TYPED}” to confirm"))
        self.field.textChanged.connect(lambda: self._look(usable))
        both = row(_card("Your file", str(file), sides.local), _card("Cloud journal", "", sides.cloud), space=2 * SPACE)
        both.setStretch(0, 1)
        both.setStretch(1, 1)
        parts: list[QWidget | QLayout] = [point(text, grade, selectable=True) for text, grade in graded(sides)]
        rows: list[QWidget | QLayout] = [
            label("Take over the journal?", "heading"),
            label(sides.seen.describe(), wrap=True, selectable=True),
        ]
        if self._typed:
            parts += [named(f"Type “{TYPED}” to confirm:", self.field), self.field]
        self.compose(column(*rows, both, *parts, None, space=SPACE + 2), row(None, self.no, self.yes))
        (self.field if self._typed else self.no).setFocus()
        self._look(usable)

    def _look(self, usable: bool) -> None:
        typed = bool(self._typed) and self.field.text().strip().casefold() == self._typed
        self.yes.setEnabled(usable and (typed or not self._typed))
        (self.yes if usable and typed else self.no).setDefault(True)


def consequences(sides: Sides) -> tuple[str, ...]:
    """What taking over the local file means: sentences."""
    return tuple(text for text, _ in graded(sides))


def graded(sides: Sides) -> list[tuple[str, Grade | None]]:
    """The same, with how good or bad each is."""
    out: list[tuple[str, Grade | None]] = []
    if not sides.local.schema:
        why = "cannot be read as a journal" if sides.local.there else "does not exist"
        return [(f"Your file {why}. Choose another one.", Grade.BAD)]
    if sides.only_local is None or sides.only_cloud is None:
        out.append(("The cloud journal could not be read. Your file may lack some of its entries.", Grade.WARNING))
    elif sides.only_cloud:
        count, are = words.count_of(sides.only_cloud, "entry", "entries"), words.agree(sides.only_cloud, "is", "are")
        lost = f"{count} {are} only in the cloud journal. Your next check-in removes {words.agree(sides.only_cloud, 'it', 'them')} for everybody."
        out.append((f"{lost} A copy of the cloud journal is kept on this computer.", Grade.BAD))
    elif sides.cloud.there:
        out.append(("Your file has every entry of the cloud journal.", Grade.GOOD))
    if sides.only_local:
        count, are = words.count_of(sides.only_local, "entry", "entries"), words.agree(sides.only_local, "is", "are")
        added = words.agree(sides.only_local, "it", "them")
        out.append((f"{count} {are} only in your file. Your next check-in adds {added} to the cloud journal.", None))
    seen = sides.seen
    if seen.state is State.LOCKED:
        who = seen.who or "The person who checked it out"
        out.append((f"{who} can then no longer check in, and must take over the journal or set a local one aside. Ask first.", Grade.BAD))
    elif seen.state is State.FOREIGN:
        out.append(("If a colleague set the lock with another tool, that tool can still overwrite the journal. Ask first.", Grade.WARNING))
    out.append(("For now, only the lock changes: the cloud journal is locked by you.", None))
    return out


def _card(title: str, file: str, side: Side) -> QWidget:
    """One of the two, as a few facts."""
    grid = QGridLayout()
    grid.setHorizontalSpacing(2 * SPACE)
    grid.setVerticalSpacing(SPACE // 2)
    grid.setColumnStretch(1, 1)
    facts = [("Files", words.number(side.active)), ("Pending", words.number(side.pending))]
    facts += [("Versions", words.number(len(side.versions))), ("Last version", side.versions[-1] if side.versions else "–")]
    facts += [("Changed", words.at(side.changed)), ("Size", words.size(side.size))]
    if not side.schema:
        facts = [("", "It does not exist." if not side.there else "It cannot be read.")] + (facts[-2:] if side.there else [])
    for number, (name, value) in enumerate(facts):
        grid.addWidget(label(name, "muted"), number, 0)
        grid.addWidget(label(value, selectable=True), number, 1)
    where = ElidedLabel(file, "muted") if file else label(" ", "muted")
    made = Card(column(label(title, "strong"), where, grid, None, space=SPACE))
    made.setAccessibleName(f"{title}: {side.describe()}")
    return made


class LessHistoryDialog(Dialog):
    """Shows both journals, and asks which one to use."""

    def __init__(
        self, parent: QWidget | None, error: LessHistoryError, again: intents.Intent, do: Callable[[intents.Intent], None]
    ) -> None:
        which, accept = ("other", "Continue with the present journal") if error.lost else ("fuller", "Continue with less history")
        super().__init__(parent, f"Use the {which} journal?")
        self.setMinimumWidth(640)
        self.recover = button(
            f"Use the {which} journal", f"Continue with the {which} journal, and keep a copy of the present one", primary=True
        )
        self.accept_less = button(accept, "Use the present journal, although it has less history", danger=True)
        cancel = button("Cancel", "Close, and change nothing (Esc)")
        cancel.clicked.connect(self.reject)
        self.recover.setEnabled(error.known.can_be_taken)
        self.recover.clicked.connect(lambda: self._answer(do, intents.RecoverJournal(error.known)))
        self.accept_less.clicked.connect(lambda: self._answer(do, intents.AcceptLessHistory(again)))
        rows: list[QWidget | QLayout] = [
            label(f"Use the {which} journal?", "heading"),
            label(error.what, wrap=True),
            point(f"Present journal: {error.used.describe()}", selectable=True),
            point(f"{which.capitalize()} journal: {error.known.describe()}", selectable=True),
            *([label(error.lost, wrap=True)] if error.lost else []),
            label("Files that are missing from the journal count as added, and are uploaded again. Nothing was written.", wrap=True),
        ]
        self.compose(column(*rows, None, space=SPACE + 2), row(cancel, None, self.accept_less, self.recover))
        cancel.setDefault(True)
        cancel.setFocus()

    def _answer(self, do: Callable[[intents.Intent], None], intent: intents.Intent) -> None:
        self.accept()
        do(intent)


def set_aside(parent: QWidget, state: SessionState, do: Callable[[intents.Intent], None], again: tuple[str, ...] = ()) -> None:
    """Ask, then set the local journal aside.  ``again``: sentences about the files that are uploaded again."""
    checked_out = state.custody.can_check_in
    local = state.config.journal.local if state.config else "the local journal"
    ConfirmDialog(
        parent,
        Question(
            "Set the local journal aside?",
            f"{local} is kept under another name, and the cloud journal is used.",
            "Set aside",
            details=(
                *again,
                *(["The cloud journal is unlocked, and nothing is checked in."] if checked_out else []),
                "What was recorded since the last check-in is not in the cloud journal. The next scan finds those changes again.",
                "The next check-out downloads the cloud journal.",
            ),
            danger=True,
        ),
        lambda: do(intents.Recover(Choice.SET_ASIDE.value)),
    ).open()
