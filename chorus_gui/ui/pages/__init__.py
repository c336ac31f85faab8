"""The pages.

How a page is written
---------------------
A page is a :class:`Page` in a module of its own, ``chorus_gui/ui/pages/NAME.py``, with a function ``make(services) -> Page``.
The main window's table (``main_window.PAGES``) names the module, the title, the icon; a page whose module is not there does not
appear in the rail.

- ``render(state)`` draws a :class:`~chorus_gui.ui.state.SessionState`.  It is called for every new state, the first one soon after
  the page was made, and must be cheap: compare with what was drawn before (``state.review is self._drawn``) and leave alone what
  has not changed.  It never emits an intent, and sets widgets without setting off their signals (``QSignalBlocker``).
- ``progress(progress)`` gets a :class:`~chorus_gui.ui.state.JobProgress` ten times a second while a job runs (all pages, hidden or
  not: return at once when it is not for you).
- ``intent`` is how a page asks for something: ``self.intent.emit(Scan())`` with a value of :mod:`chorus_gui.ui.intents`.  A slot is
  two lines: read the widget, emit the intent.  What needs a confirmation is asked before, with :mod:`~chorus_gui.ui.widgets.dialogs`.
- What is read on demand (rows of a table) comes through ``services.reader``: ``reader.ask(self, step, then, channel="rows")``, where
  ``step(ctx)`` opens a read-only connection of its own on the reader's thread.  ``services.pager`` is a second reader that slow
  questions do not hold up: for pages of a table only.
- ``take_focus()`` gives the focus to the page's main action, its button with ``primary``, when the page comes to the front.
- Nothing that a person is about to select moves by itself.  A row above other content that comes or goes without an act of the person, such
  as a warning, is shown with :class:`~chorus_gui.ui.widgets.steady.Steady`: when the mouse rests, at once for the keyboard.
- ``show_topic(topic)`` says why the page was brought to the front, if there is a reason (``ShowPage(name, topic)``).
- A page reads no other page, keeps nothing that must outlive the program (``services.settings`` does: column widths, a splitter),
  makes no thread, calls no step of core that touches a file or the network, and never calls ``processEvents``.
- Colours come from :mod:`~chorus_gui.ui.theme` (object properties in the style sheet, ``theme.current()`` for painters), distances
  from ``theme.SPACE``; icons from :func:`~chorus_gui.ui.widgets.icons.icon`.  Every control has an accessible name and a tooltip.
"""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QApplication, QLayout, QPushButton, QWidget

from chorus_gui.app.signin import Login
from chorus_gui.ui.jobs import Reader
from chorus_gui.ui.settings import Settings
from chorus_gui.ui.state import JobProgress, SessionState
from chorus_gui.ui.widgets.basics import column
from chorus_gui.ui.widgets.scrolling import scrolled_if_low
from chorus_gui.ui.widgets.tab_order import first_control, is_on, main_action


@dataclass(frozen=True, slots=True)
class Services:
    """What a page may use in addition to the state."""

    reader: Reader
    pager: Reader
    settings: Settings
    login: Login | None = None
    """the process's one sign-in, for what a page asks of a place in the cloud"""
    checker: Reader | None = None
    """a reader for what is asked of a place in a cloud while a person fills in a form; None: ``reader`` does it"""


class Page(QWidget):
    """A page: renders a state, emits intents."""

    intent = Signal(object)
    unsaved = Signal(bool)
    """the page has unsaved changes: the window marks it, and asks before it closes"""

    def set_content(self, layout: QLayout) -> None:
        """What the page shows.  In a window that is too low for it, the page scrolls."""
        self.setLayout(column(scrolled_if_low(layout), space=0))

    def render(self, state: SessionState) -> None:
        """Draw the state."""
        raise NotImplementedError

    def progress(self, progress: JobProgress) -> None:
        """Draw the progress of a running job."""

    def show_topic(self, topic: str) -> None:
        """The page was brought to the front for this."""

    def take_focus(self) -> None:
        """Take the focus: to the main action, otherwise to the first field or button.  With neither, a screen reader says the page's name."""
        (main_action(self) or first_control(self) or self).setFocus(Qt.FocusReason.OtherFocusReason)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter does what Space does: Qt knows that only in dialogs.

        A key that is held down does it once: the focus goes from one main action to the next, and would start them all.
        """
        at = QApplication.focusWidget()
        if event.key() not in (Qt.Key.Key_Return, Qt.Key.Key_Enter) or not isinstance(at, QPushButton) or not is_on(self, at):
            super().keyPressEvent(event)
        elif not event.isAutoRepeat():
            at.click()
