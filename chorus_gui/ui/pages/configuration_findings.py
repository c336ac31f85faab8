"""What is wrong with the configuration, all of it at once, and what the test of the connection found."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QAbstractButton, QFrame, QVBoxLayout, QWidget

from chorus_gui.app.draft import Draft, Where
from chorus_gui.core.config.keys import DEFAULT
from chorus_gui.core.errors import Fault
from chorus_gui.core.model import Finding, Grade
from chorus_gui.ui.in_window import in_window
from chorus_gui.ui.pages.configuration_words import title
from chorus_gui.ui.shown import button_text
from chorus_gui.ui.theme import SPACE
from chorus_gui.ui.widgets.basics import Picture, button, column, label, row, scrolled, set_grade
from chorus_gui.ui.widgets.steady import Steady
from chorus_gui.ui.words import count_of, number

SHOWN = 40
SLOW_MS = 300
"""A file that is read within this time is not announced; milliseconds."""
_WARNING = re.compile(r"([\w.\-]+)(?: \(line (\d+)\))?: (.*)", re.DOTALL)
_SUGGESTION = re.compile(r" Did you mean “([^”]*)”\?")
_PLACES = {"central": "Central store", "journal": "Journal"}


def warning_as_fault(warning: str) -> Fault:
    """A warning's key, line and sentence, as :class:`~chorus_gui.core.config.reading.Findings` writes them into one text."""
    found = _WARNING.fullmatch(warning)
    if found is None:
        return Fault("", warning)
    meant = _SUGGESTION.search(found[3])
    return Fault(found[1], _SUGGESTION.sub("", found[3]), "", meant[1] if meant else "", int(found[2] or 0))


def named(draft: Draft, fault: Fault) -> str:
    """The key of a finding as the form calls it; as the file spells it, if the form has none."""
    where = draft.where_of(fault)
    return name_of(where) if where else fault.key


def name_of(where: Where) -> str:
    """ "Central store: SAS token", "Images: Pattern"."""
    meaning, modality = where
    if meaning == "site.path" and modality == DEFAULT:
        return "Site folder"
    place = modality if modality != DEFAULT else _PLACES.get(meaning.partition(".")[0], "")
    name = title(meaning)
    return name if not place or place == name else f"{place}: {name}"


class FindingCard(QFrame):
    """One finding: where, what, what to do, and its buttons."""

    def __init__(self, grade: Grade, heading: str, text: str, remedy: str, actions: Sequence[QAbstractButton] = ()) -> None:
        super().__init__()
        self.setProperty("notice", grade.value)
        picture = Picture(16, grade.value, grade)
        parts: list[QWidget] = [label(heading, "strong", wrap=True)] if heading else []
        parts += [label(part, wrap=True, selectable=True) for part in (text, remedy) if part]
        message = column(*parts, space=2)
        wide = sum(len(action.text()) for action in actions) > 18
        for line in [[action] for action in actions] if wide else [actions]:
            message.addLayout(row(*line, None, space=SPACE // 2))
        top = column(picture, None)
        whole = row(top, message, space=SPACE, margins=(SPACE + 2, SPACE, SPACE + 2, SPACE))
        whole.setStretch(1, 1)
        self.setLayout(whole)
        self.setAccessibleName(f"{grade.value}: {heading} {in_window(text)}")


class FindingsPanel(QWidget):
    """``shown``: show a fault's field; ``fix_wanted``: to use its suggestion."""

    shown = Signal(object)
    fix_wanted = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.setMinimumWidth(190)
        self.heading = label("", "heading", wrap=True)
        self._faults = column(space=SPACE)
        self._tests = column(space=SPACE)
        self.test_heading = label("Connection", "heading")
        content = QWidget()
        content.setLayout(
            column(self.heading, self._faults, SPACE, self.test_heading, self._tests, None, margins=(2 * SPACE, SPACE // 2, SPACE, SPACE))
        )
        self.setLayout(column(scrolled(content, "Problems and warnings")))
        self._drawn: object = None
        self._slow = QTimer(self, singleShot=True, interval=SLOW_MS)
        self._slow.timeout.connect(lambda: self.heading.setText("Reading the file…"))
        self._drawn_tests: object = None
        self.show_tests((), testing=False)

    def show_reading(self) -> None:
        """Nothing is known yet.  It says so only if that takes a while: a file that is read at once makes nothing flash."""
        self._drawn = None
        self.heading.setText("")
        set_grade(self.heading, None)
        clear(self._faults)
        self._slow.start()

    def show_findings(self, draft: Draft, faults: Sequence[Fault], warnings: Sequence[Fault]) -> None:
        """All of them, the faults first."""
        self._slow.stop()
        drawing = (tuple(faults), tuple(warnings))
        if drawing == self._drawn:
            return
        self._drawn = drawing
        if faults:
            self.heading.setText(f"{count_of(len(faults), 'problem')} to fix")
        else:
            self.heading.setText(f"No problems, {count_of(len(warnings), 'warning')}" if warnings else "No problems")
        set_grade(self.heading, Grade.BAD if faults else Grade.WARNING if warnings else Grade.GOOD)
        clear(self._faults)
        graded = [*((Grade.BAD, fault) for fault in faults), *((Grade.WARNING, warning) for warning in warnings)]
        for grade, fault in graded[:SHOWN]:
            self._faults.addWidget(self._finding(draft, grade, fault))
        if len(graded) > SHOWN:
            self._faults.addWidget(label(f"… and {number(len(graded) - SHOWN)} more", "muted"))
        if not graded:
            self._faults.addWidget(label("This configuration can be used.", "muted", wrap=True))

    def show_tests(self, found: Sequence[Finding], *, testing: bool) -> None:
        """What the test of the connection found."""
        drawing = (tuple(found), testing)
        if drawing == self._drawn_tests:
            return
        self._drawn_tests = drawing
        clear(self._tests)
        self.test_heading.setVisible(testing or bool(found))
        if testing:
            self._tests.addWidget(label("Testing every place…", "muted", wrap=True))
        for one in found:
            self._tests.addWidget(FindingCard(one.grade, one.subject, one.what, one.remedy))

    def _finding(self, draft: Draft, grade: Grade, fault: Fault) -> FindingCard:
        actions: list[QAbstractButton] = []
        if does := draft.fix_of(fault):
            brief = does.partition(" to [")[0]  # the panel is narrow
            short = brief if len(brief) <= 22 else f"{brief[:14]}…{brief[-7:]}"
            use = button(button_text(short), does)
            use.clicked.connect(lambda: self.fix_wanted.emit(fault))
            actions.append(use)
        if draft.where_of(fault) is not None or fault.line:
            show = button("Show", f"Show {named(draft, fault)} in the form", flat=True)
            show.clicked.connect(lambda: self.shown.emit(fault))
            actions.append(show)
        heading = named(draft, fault) + (f"  (line {fault.line})" if fault.line else "")
        return FindingCard(grade, heading, fault.problem, fault.remedy, actions)


class ConflictBar(QFrame):
    """A save that failed: why, and what can be done."""

    overwrite_wanted = Signal()
    reload_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("notice", Grade.WARNING.value)
        self.text = label("", wrap=True, selectable=True)
        self.over = button("Overwrite file", "Save your text; the other file is kept as .bak", danger=True)
        self.reread = button("Discard my changes", "Read the file again; your changes here are lost")
        close = button("Keep editing", "Close this message; nothing is saved", flat=True)
        self.over.clicked.connect(self.overwrite_wanted)
        self.reread.clicked.connect(self.reload_wanted)
        close.clicked.connect(self.forget)
        line = row(self.text, self.over, self.reread, close, margins=(2 * SPACE, SPACE, SPACE, SPACE))
        line.setStretch(0, 1)
        self.setLayout(line)
        self._steady = Steady(self)
        self.hide()

    def say(self, text: str, *, overwrite: bool) -> None:
        """Show it.  ``overwrite``: saving over the other file is possible."""
        self._steady.soon(partial(self._say, text, overwrite))

    def _say(self, text: str, overwrite: bool) -> None:
        self.text.setText(text)
        self.over.setVisible(overwrite)
        self.reread.setVisible(overwrite)
        self.show()

    def forget(self) -> None:
        """Nothing is to be said any longer."""
        self._steady.now(self.hide)


def clear(layout: QVBoxLayout) -> None:
    """Take everything out of it."""
    while (item := layout.takeAt(0)) is not None:
        if (widget := item.widget()) is not None:
            widget.hide()
            widget.deleteLater()
