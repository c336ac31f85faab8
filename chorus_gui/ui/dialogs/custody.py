"""Decisions about the cloud journal that want a person to see what they mean: taking it over, setting the local one aside."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtWidgets import QGridLayout, QLineEdit, QWidget

from chorus_gui.app.custody import Choice, Side, Sides, State
from chorus_gui.core.model import Grade
from chorus_gui.ui import intents, words
from chorus_gui.ui.state import SessionState
from chorus_gui.ui.theme import SPACE
from chorus_gui.ui.widgets.basics import Card, ElidedLabel, button, column, label, row, set_grade
from chorus_gui.ui.widgets.dialogs import ConfirmDialog, Dialog, Question

TYPED = "take over"


class AdoptDialog(Dialog):
    """A local journal beside the one in the cloud, and "go on with mine".  ``then`` is called after the yes.

    Where something in the cloud would be replaced, or another person has the lock, the yes has to be typed.
    """

    def __init__(self, parent: QWidget | None, file: Path, sides: Sides, then: Callable[[], None]) -> None:
        super().__init__(parent, "Go on with your journal?")
        self.setMinimumWidth(760)
        usable = bool(sides.local.schema)
        self._typed = TYPED if usable and (sides.only_cloud != 0 or sides.seen.state is State.LOCKED) else ""
        self.yes = button("Go on with mine", "The lock becomes yours, and this file the local journal", danger=True)
        no = button("Cancel", "Leave everything as it is (Esc)")
        no.clicked.connect(self.reject)
        self.yes.clicked.connect(self.accept)
        self.accepted.connect(then)
        self.field = QLineEdit()
        self.field.setAccessibleName(f"Type {TYPED}")
        self.field.setToolTip(f"Type {TYPED} to confirm")
        self.field.textChanged.connect(lambda: self._look(usable))
        both = row(_card("Your file", str(file), sides.local), _card("In the cloud", "", sides.cloud), space=2 * SPACE)
        both.setStretch(0, 1)
        both.setStretch(1, 1)
        parts = [label(f"•  {text}", wrap=True, selectable=True) for text in consequences(sides)]
        for part, (_, grade) in zip(parts, graded(sides), strict=True):
            set_grade(part, grade)
        rows: list[QWidget | int] = [label("Go on with your journal?", "heading"), label(sides.seen.describe(), wrap=True, selectable=True)]
        if self._typed:
            parts += [label(f"Type “{TYPED}” to confirm:", "muted")]
        edge = 3 * SPACE
        typed = [self.field] if self._typed else []
        self.setLayout(
            column(*rows, both, *parts, *typed, SPACE, row(None, no, self.yes), margins=(edge, edge, edge, 2 * SPACE), space=SPACE + 2)
        )
        (self.field if self._typed else no).setFocus()
        self._look(usable)

    def _look(self, usable: bool) -> None:
        self.yes.setEnabled(usable and (not self._typed or self.field.text().strip().casefold() == self._typed))


def consequences(sides: Sides) -> tuple[str, ...]:
    """What going on with the local file means: sentences."""
    return tuple(text for text, _ in graded(sides))


def graded(sides: Sides) -> list[tuple[str, Grade | None]]:
    """The same, with how each is to be taken."""
    out: list[tuple[str, Grade | None]] = []
    if not sides.local.schema:
        why = "is no journal that can be read" if sides.local.there else "is not there"
        return [(f"Your file {why}; choose another one.", Grade.BAD)]
    if sides.only_local is None or sides.only_cloud is None:
        out.append(("The journal in the cloud cannot be read; what yours lacks cannot be told.", Grade.WARNING))
    elif sides.only_cloud:
        stand = "entry stands" if sides.only_cloud == 1 else "entries stand"
        lost = f"{words.number(sides.only_cloud)} {stand} only in the cloud's. With your next check-in they are gone for everybody"
        out.append((f"{lost}; a copy of the cloud's journal is kept on this computer.", Grade.BAD))
    elif sides.cloud.there:
        out.append(("Everything in the cloud's journal stands in yours too.", Grade.GOOD))
    if sides.only_local:
        stand = "entry stands" if sides.only_local == 1 else "entries stand"
        out.append((f"{words.number(sides.only_local)} {stand} only in yours, and will be in the cloud after your next check-in.", None))
    seen = sides.seen
    if seen.state is State.LOCKED:
        who = seen.who or "Whoever checked it out"
        out.append((f"{who} cannot check in any more, and has to take the journal over or set the local one aside. Ask first.", Grade.BAD))
    elif seen.state is State.FOREIGN:
        out.append(
            ("If the lock is a colleague's and not yours, the other tool can still overwrite the journal without looking.", Grade.WARNING)
        )
    out.append(("Nothing in the cloud is changed now, but the lock: it becomes yours.", None))
    return out


def _card(title: str, file: str, side: Side) -> QWidget:
    """One of the two, as a few facts."""
    grid = QGridLayout()
    grid.setHorizontalSpacing(2 * SPACE)
    grid.setVerticalSpacing(SPACE // 2)
    grid.setColumnStretch(1, 1)
    facts = [("Files", words.number(side.active)), ("Not uploaded", words.number(side.pending))]
    facts += [("Versions", words.number(len(side.versions))), ("The last", side.versions[-1] if side.versions else "–")]
    facts += [("Changed", words.at(side.changed)), ("Size", words.size(side.size))]
    if not side.schema:
        facts = [("", "Nothing is there." if not side.there else "It cannot be read.")] + (facts[-2:] if side.there else [])
    for number, (name, value) in enumerate(facts):
        grid.addWidget(label(name, "muted"), number, 0)
        grid.addWidget(label(value, selectable=True), number, 1)
    where = ElidedLabel(file, "muted") if file else label(" ", "muted")
    made = Card(column(label(title, "strong"), where, grid, None, space=SPACE))
    made.setAccessibleName(f"{title}: {side.describe()}")
    return made


def set_aside(parent: QWidget, state: SessionState, do: Callable[[intents.Intent], None]) -> None:
    """Ask, then set the local journal aside."""
    mine = state.custody.can_check_in
    local = state.config.journal.local if state.config else "the local journal"
    ConfirmDialog(
        parent,
        Question(
            "Set the local journal aside?",
            f"{local} is kept among the copies, under another name.",
            "Set it aside",
            details=(
                *(["Your check-out ends, and nothing is checked in."] if mine else []),
                "What was recorded in it since the last check-in is not in the cloud, and the next scan finds it anew.",
                "The next check-out brings the journal from the cloud.",
            ),
            danger=True,
        ),
        lambda: do(intents.Recover(Choice.SET_ASIDE.value)),
    ).open()
