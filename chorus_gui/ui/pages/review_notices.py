"""The messages above the changes on the Review page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QLabel, QPushButton, QWidget

from chorus_gui.core.model import Grade
from chorus_gui.ui import intents, words
from chorus_gui.ui.theme import SPACE
from chorus_gui.ui.widgets.basics import button, column, label, row
from chorus_gui.ui.widgets.steady import Steady


@dataclass(frozen=True, slots=True)
class NoticeView:
    """A sentence above the table, and perhaps what to do about it.  ``action`` with ``intent`` None: undo a version."""

    grade: Grade
    text: str
    action: str = ""
    intent: intents.Intent | None = None
    tip: str = ""
    pinned: bool = False
    """it says what the page shows now, so it is never behind other messages"""


ORDER = (Grade.BAD, Grade.WARNING, Grade.INFO, Grade.GOOD)
FOLD = "fold_notices"


class Notices(QWidget):
    """One below the other; in a low window the most serious one, and the others on request.  ``acted`` with the view whose button was pressed."""

    acted = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._column = column(space=SPACE)
        self.setLayout(self._column)
        self._views: Sequence[NoticeView] = ()
        self._busy = self._compact = self._unfolded = False
        self._more: QPushButton | None = None
        self._acts: list[tuple[NoticeView, QPushButton]] = []
        self._steady = Steady(self)
        self.hide()

    def show_notices(self, views: Sequence[NoticeView], *, busy: bool) -> None:
        """Show these; while a job runs, their buttons are disabled."""
        same, self._views, self._busy = list(views) == list(self._views), views, busy
        self._steady.set_working(self._acts, views, busy=busy)
        if not same:
            self._steady.soon(self._draw)

    def forget(self) -> None:
        """Another site is shown: nothing of the one before may be seen or selected."""
        self._views = ()
        self._steady.now(self._draw)

    def set_compact(self, *, compact: bool) -> None:
        """Of several, show one, where there is little space."""
        if compact != self._compact:
            self._compact = compact
            self._steady.now(self._draw)

    def _draw(self) -> None:
        self._more, self._acts = None, []
        while (item := self._column.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        pinned, others = [view for view in self._views if view.pinned], [view for view in self._views if not view.pinned]
        fold = self._compact and len(others) > 1
        views = sorted(others, key=lambda view: ORDER.index(view.grade)) if fold else others
        for view in pinned:
            self._column.addWidget(self._notice(view))
        for number, view in enumerate(views[:1] if fold and not self._unfolded else views):
            self._column.addWidget(self._notice(view, more=len(others) - 1 if fold and number == 0 else 0))
        self._steady.set_working(self._acts, self._views, busy=self._busy)
        self.setVisible(bool(self._views))

    def _fold(self) -> None:
        self._unfolded = not self._unfolded
        self._steady.now(self._draw)
        if self._more is not None:
            self._more.setFocus()

    def _notice(self, view: NoticeView, *, more: int = 0) -> QFrame:
        made = QFrame()
        made.setProperty("notice", view.grade.value)
        text: QLabel = label(view.text, wrap=True)
        made.setAccessibleName(view.text)
        layout = row(text, margins=(2 * SPACE, SPACE, SPACE, SPACE), space=2 * SPACE)
        layout.setStretch(0, 1)
        if view.action:
            act = button(view.action, view.tip)
            self._acts.append((view, act))
            act.clicked.connect(lambda: self.acted.emit(view))
            layout.addWidget(act)
        if more:
            title = "Show fewer" if self._unfolded else f"Show {words.count_of(more, 'more message')}"
            self._more = unfold = button(title, "Show all messages, or only the first one", flat=True)
            unfold.setObjectName(FOLD)
            unfold.clicked.connect(self._fold)
            layout.addWidget(unfold)
        made.setLayout(layout)
        return made
