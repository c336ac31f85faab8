"""The button that chooses what happens when all jobs have ended."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Signal
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QMenu, QPushButton, QWidget

from chorus_gui.ui.intents import Intent
from chorus_gui.ui.job_intents import ChooseAfterwards
from chorus_gui.ui.shown import plain_text
from chorus_gui.ui.state import AFTERWARDS, Afterwards, SessionState

TIPS = {
    Afterwards.NOTHING: "Keep the program open",
    Afterwards.CLOSE: "If all jobs succeed, close the program; if the journal is checked out, it is checked in first",
    Afterwards.SLEEP: "Put the computer to sleep, also if files failed; the window shows the result when it wakes",
}
Add = Callable[[str, str, Callable[[], None], Callable[[SessionState], bool]], QAction]
"""Adds an entry to a menu: text, tooltip, what it does, when it is possible."""
_SHORT = {Afterwards.NOTHING: "Then: nothing", Afterwards.CLOSE: "Then: close", Afterwards.SLEEP: "Then: sleep"}
_TIP = "What happens when all jobs have ended. It applies once, and can be cancelled for a minute."


def choices(menu: QMenu, add: Add, do: Callable[[Intent], None]) -> dict[Afterwards, QAction]:
    """Put what can be chosen into a menu, by ``add``."""
    group, made = QActionGroup(menu), dict[Afterwards, QAction]()
    for what, text in AFTERWARDS.items():
        can = lambda state, what=what: state.has_long_job and (what is not Afterwards.SLEEP or state.after.can_sleep)  # noqa: E731
        made[what] = add(text, TIPS[what], lambda what=what: do(ChooseAfterwards(what)), can)
        made[what].setCheckable(True)
        group.addAction(made[what])
    return made


def show_choice(made: dict[Afterwards, QAction], state: SessionState) -> None:
    """What is chosen, and what this computer can do."""
    made[state.after.chosen].setChecked(True)
    made[Afterwards.SLEEP].setVisible(state.after.can_sleep)


class AfterButton(QPushButton):
    """Shown while a long job runs.  ``intent``: the choice."""

    intent = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._menu = QMenu(self)
        self._menu.setToolTipsVisible(True)
        self.choices = choices(self._menu, self._add, self.intent.emit)
        self.setMenu(self._menu)
        self.setToolTip(plain_text(_TIP))
        self.setAccessibleDescription(_TIP)
        self.render_state(SessionState())

    def render_state(self, state: SessionState) -> None:
        """Draw what is chosen."""
        chosen = state.after.chosen
        self.setText(_SHORT[chosen])
        self.setAccessibleName(f"When all jobs have ended: {AFTERWARDS[chosen].lower()}")
        show_choice(self.choices, state)
        self.setVisible(state.has_long_job)

    def _add(self, text: str, tip: str, act: Callable[[], object], _: Callable[[SessionState], bool]) -> QAction:
        action = self._menu.addAction(text)
        action.setToolTip(plain_text(tip))
        action.triggered.connect(lambda _=False: act())
        return action
