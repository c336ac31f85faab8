"""The main window: puts the pages together, and owns the close protocol.

It knows which pages there are, and nothing about what they show.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, Qt, QUrl, Signal
from PySide6.QtGui import QCloseEvent, QDesktopServices, QDragEnterEvent, QDropEvent, QGuiApplication, QResizeEvent
from PySide6.QtWidgets import QApplication, QDialog, QMainWindow, QStackedWidget, QWidget

from chorus_gui.app.folders import is_there
from chorus_gui.core.job import OutcomeKind
from chorus_gui.core.waiting import Waiting
from chorus_gui.ui import theme
from chorus_gui.ui.asking import Asking
from chorus_gui.ui.dropped import dropped_paths
from chorus_gui.ui.intents import CheckIn, Intent, OpenConfig, OpenDropped
from chorus_gui.ui.menus import Menus
from chorus_gui.ui.notify import Notifier
from chorus_gui.ui.pages import Page, Services
from chorus_gui.ui.session import Session
from chorus_gui.ui.state import JobEnd, JobKind, JobProgress, SessionState
from chorus_gui.ui.status import spoken, status_of
from chorus_gui.ui.unstyled import unstyled
from chorus_gui.ui.widgets import files
from chorus_gui.ui.widgets.basics import column, refresh_icons, row
from chorus_gui.ui.widgets.chrome import JobBar, NoticeBar, Rail, TopBar, measured, percent_of, site_name
from chorus_gui.ui.widgets.dialogs import ConfirmDialog, Question, ReportDialog
from chorus_gui.ui.widgets.footer import Footer
from chorus_gui.ui.widgets.icons import program_icon
from chorus_gui.ui.widgets.remembering import Memory
from chorus_gui.ui.widgets.tab_order import is_on, main_action
from chorus_gui.ui.widgets.waiting import WaitBar

if TYPE_CHECKING:
    from chorus_gui.ui.dialogs.renew import RenewDialog


@dataclass(frozen=True, slots=True)
class PageEntry:
    """A page of the rail: the module ``chorus_gui.ui.pages.NAME`` makes it."""

    name: str
    title: str
    icon: str


PAGES = (
    PageEntry("overview", "Overview", "overview"),
    PageEntry("configuration", "Configuration", "configuration"),
    PageEntry("readiness", "Readiness", "ready"),
    PageEntry("review", "Review", "review"),
    PageEntry("upload", "Upload", "upload"),
    PageEntry("verify", "Verify", "verify"),
    PageEntry("history", "History", "history"),
    PageEntry("doctor", "Doctor", "doctor"),
    PageEntry("log", "Log", "log"),
)


NO_PERCENT = (-1, 0)
"""The ID of no job, and how much of it is done."""


ELSEWHERE = "Open “{file}” to enter a new credential."
"""What to do if a job waits for a credential of a site that is not open."""


class MainWindow(QMainWindow):
    """The window.  ``closed`` is emitted when the window and every thread have ended."""

    closed = Signal()
    closing = Signal()
    """it is about to close: another start must no longer call it"""

    @unstyled()
    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.notifier = Notifier(self)
        self._stopping = self._leaving = self._begun = False
        self.stopped = False
        """Nothing of the session runs, so the window closes without a question."""
        self._report: ReportDialog | None = None
        self._renewing: RenewDialog | None = None
        self._pages: dict[str, Page] = {}
        self._unsaved: set[str] = set()
        self._percent = NO_PERCENT
        self._site = session.state.site
        self.setWindowTitle("CHoRUS Upload")
        self.setWindowIcon(program_icon())
        self.setAcceptDrops(True)
        self.setMinimumSize(900, 440)  # a screen of 1920×1080 at 200 %, without its task bar and the title
        self.rail, self.top, self.notice, self.waiting, self.job = Rail(), TopBar(), NoticeBar(), WaitBar(), JobBar()
        self.footer = Footer(self.notice, self.waiting, self.job)
        self.stack = QStackedWidget()
        self.asking = Asking(self)
        self.menus = Menus(self)
        self._put_together()
        application = QApplication.instance()
        if isinstance(application, QApplication):
            application.focusChanged.connect(self._focus_moved)
        session.changed.connect(self.render_state)
        session.progressed.connect(self._progress)
        session.crashed.connect(self.show_report)
        session.page_wanted.connect(self.show_page)
        session.path_wanted.connect(open_path)
        self.notifier.wanted.connect(lambda: self.come_forward(None))
        session.ended.connect(self.notifier.ended)
        session.ended.connect(self._left)
        session.stopped.connect(self._on_stopped)
        QGuiApplication.styleHints().colorSchemeChanged.connect(lambda _: self._dress())
        self._theme = ""
        Memory(self, session.settings)
        self._restore()
        self.render_state(session.state)
        self.show_page("overview")

    @property
    def state(self) -> SessionState:
        """What is shown."""
        return self.session.state

    def do(self, intent: Intent) -> None:
        """Ask the session."""
        self.session.do(intent)

    def page(self, name: str) -> Page | None:
        """A page by its name; None if this program has none of that name."""
        return self._pages.get(name)

    def named_pages(self) -> Iterator[tuple[str, str, Page]]:
        """Name, title and page, in the order of the rail."""
        return ((entry.name, entry.title, self._pages[entry.name]) for entry in PAGES if entry.name in self._pages)

    # --- putting together -------------------------------------------------------------------------------------------

    def _put_together(self) -> None:
        session = self.session
        services = Services(session.reader, session.pager, session.settings, session.login, session.checker)
        number = 0
        for entry in PAGES:
            module = f"chorus_gui.ui.pages.{entry.name}"
            if importlib.util.find_spec(module) is None:
                continue
            page: Page = importlib.import_module(module).make(services)
            page.setAccessibleName(entry.title)
            page.intent.connect(session.do)
            page.unsaved.connect(lambda unsaved, entry=entry: self._mark_unsaved(entry, unsaved=unsaved))
            self._pages[entry.name] = page
            self.stack.addWidget(page)
            number += 1
            self.rail.add(entry.name, entry.title, entry.icon, f"Ctrl+{number}")
            self.menus.add_page(entry.title, f"Ctrl+{number}", lambda name=entry.name: self.show_page(name))
        self.rail.chosen.connect(self.show_page)
        self.waiting.renew.connect(self._ask_credential)
        for part in (self.top, self.notice, self.job):
            part.intent.connect(session.do)
        self._page_place = column(self.stack, space=0)
        right = column(self.top, self._page_place, self.footer, space=0)
        right.setStretch(1, 1)
        body = row(self.rail, right, space=0)
        body.setStretch(1, 1)
        middle = QWidget()
        middle.setLayout(body)
        self.setCentralWidget(middle)
        self.footer.float_over(self)
        self.footer.outgrown.connect(self._uncover)

    def _restore(self) -> None:
        settings = self.session.settings
        if not self.restoreGeometry(settings.blob("geometry")):
            screen = self.screen().availableSize()
            self.resize(min(1240, screen.width() - 40), min(820, screen.height() - 60))

    # --- rendering --------------------------------------------------------------------------------------------------

    def render_state(self, state: SessionState) -> None:
        """Draw the state: the frame, then every page."""
        files.begin_at(state.config_file)
        if self._theme != state.preferences.theme:
            self._theme = state.preferences.theme
            self._dress()
        self._entitle()
        self.top.render_state(state)
        self.notice.render_state(state)
        if state.running is None:
            self._show_waiting(None)
        self.job.render_state(state)
        self.menus.render(state)
        before = QApplication.focusWidget()
        if self._site != state.site:
            self._site = state.site
            self._forget_site()
        for page in self._pages.values():
            page.render(state)
        self._keep_focus(before)

    def _forget_site(self) -> None:
        """Another site is open: no page gets an answer about the one before, and no credential of that one is asked for."""
        for reader in (self.session.reader, self.session.pager, self.session.checker):
            for page in self._pages.values():
                reader.forget(page)
        if self._renewing is not None:
            self._renewing.close()

    def _keep_focus(self, before: QWidget | None) -> None:
        """The action that was just chosen cannot be chosen twice.  Qt moves the focus to whatever comes next: wait for the next main action."""
        page = self.stack.currentWidget()
        if before is None or not isinstance(page, Page):
            return
        if is_on(page, before) and before.property("primary") and not (before.isEnabled() and before.isVisible()):
            page.setFocus(Qt.FocusReason.OtherFocusReason)
        if QApplication.focusWidget() is page and (action := main_action(page)) is not None:
            action.setFocus(Qt.FocusReason.OtherFocusReason)

    def _entitle(self) -> None:
        status, running = status_of(self.state), self.state.running
        title = f"{site_name(self.state)}: {status.headline} – CHoRUS Upload" if status else "CHoRUS Upload"
        self.notifier.show_status(f"{site_name(self.state)}: {spoken(status)}" if status else "")
        done = f"{self._percent[1]} % · " if running is not None and self._percent[0] == running.id else ""
        self.setWindowTitle(f"• {done}{title}" if self._unsaved else f"{done}{title}")

    def _mark_unsaved(self, entry: PageEntry, *, unsaved: bool) -> None:
        (self._unsaved.add if unsaved else self._unsaved.discard)(entry.title)
        self.rail.mark_unsaved(entry.name, entry.title, unsaved=unsaved)
        self._entitle()

    def show_page(self, name: str, topic: str = "") -> None:
        """Bring a page to the front.  "store": show the files of the central store over it, the topic is a folder."""
        page = self._pages.get(name)
        if name == "store":
            self.asking.show_store(topic)
        if page is None:
            return
        self.stack.setCurrentWidget(page)
        self._uncover()
        self.rail.show_chosen(name)
        page.setFocus(Qt.FocusReason.OtherFocusReason)
        if topic:
            page.show_topic(topic)
        if not topic or QApplication.focusWidget() is page:  # the topic has no field of its own
            page.take_focus()

    def _uncover(self) -> None:
        """Make the page as high as what the footer leaves: only when nobody is about to select something that this moves."""
        self.footer.give_room(self._page_place, self.stack)

    def _focus_moved(self, _: QWidget | None, now: QWidget | None) -> None:
        if now is not None and self.stack.isAncestorOf(now) and self.footer.covers(now):
            self._uncover()

    def _show_waiting(self, waiting: Waiting | None, warning: str = "") -> None:
        running = self.state.running
        file = running.file if running is not None else None
        if waiting is not None and waiting.credential and waiting.ends and file not in (None, self.state.config_file):
            waiting = replace(waiting, credential="", remedy=ELSEWHERE.format(file=file))  # a new one is saved in the open configuration
        before = self.waiting.shown
        self.waiting.show_waiting(waiting, warning)
        if waiting == before:
            return
        if self._renewing is not None:
            self._renewing.show_waiting(waiting)
        elif waiting is not None and waiting.credential and (before is None or before.credential != waiting.credential):
            self._ask_credential(waiting)

    def _ask_credential(self, waiting: Waiting | None) -> None:
        from chorus_gui.ui.dialogs.renew import RenewDialog

        if self._renewing is None and waiting is not None and waiting.ends and self.state.config is not None:
            self._renewing = RenewDialog(self, self.state.config, waiting, self.do)
            self._renewing.finished.connect(self._asked_credential)
            self._renewing.show()

    def _asked_credential(self) -> None:
        self._renewing = None

    def _progress(self, progress: JobProgress) -> None:
        self.job.show_progress(progress)
        if self.state.running is not None and progress.job.id == self.state.running.id:
            done = percent_of(measured(progress).count)
            percent = (progress.job.id, done) if done is not None else NO_PERCENT
            if percent != self._percent:  # the task bar shows it, too
                self._percent = percent
                self._entitle()
            self._show_waiting(progress.snapshot.waiting, progress.snapshot.warning)
        for page in self._pages.values():
            page.progress(progress)

    def _dress(self) -> None:
        application = QApplication.instance()
        wanted = theme.wanted(self._theme)
        if isinstance(application, QApplication) and application.property("chorus_theme") != wanted.name:
            theme.apply(application, wanted)
            refresh_icons(self)

    def show_report(self, report: str) -> None:
        """An error in the program.  One dialog at a time; further reports are in the log."""
        if self._report is None:
            self._report = ReportDialog(self, report)
            self._report.finished.connect(self._report_closed)
            self._report.open()

    def _report_closed(self) -> None:
        self._report = None

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Everything moves now, so the end of the page can be shown."""
        super().resizeEvent(event)
        self.footer.arrange()
        self._uncover()

    def changeEvent(self, event: QEvent) -> None:
        """While the window is in front, no message in the tray is needed; others may have changed something meanwhile."""
        super().changeEvent(event)
        if event.type() is QEvent.Type.ActivationChange and self.isActiveWindow():
            self.notifier.seen()
            self.session.outside.look()
            page, begun, self._begun = self.stack.currentWidget(), self._begun, True
            if page is not None and not begun:  # Qt would begin at the rail
                (main_action(page) or page).setFocus(Qt.FocusReason.OtherFocusReason)  # :meth:`_keep_focus` continues from the page

    # --- other ways in ----------------------------------------------------------------------------------------------

    def come_forward(self, file: Path | None) -> None:
        """Another start of the program: raise this window, and open the file it was given."""
        self.setWindowState(self.windowState() & ~Qt.WindowState.WindowMinimized)
        self.show()
        self.raise_()
        self.activateWindow()
        dialog = QApplication.activeModalWidget()
        if isinstance(dialog, QDialog):  # what it asks comes first
            dialog.raise_()
            dialog.activateWindow()
            if file is not None:
                dialog.finished.connect(lambda _: self.do(OpenConfig(file)))
        elif file is not None:
            self.do(OpenConfig(file))

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """A configuration, or a folder, may be dropped on the window."""
        if dropped_paths(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """It is opened."""
        if paths := dropped_paths(event.mimeData()):
            event.acceptProposedAction()
            self.do(OpenDropped(paths))

    # --- the close protocol -----------------------------------------------------------------------------------------

    def closeEvent(self, event: QCloseEvent) -> None:
        """Ask if a job runs or something is not saved, cancel, wait without blocking, then close."""
        if self.stopped:
            event.accept()
            return
        event.ignore()
        if self._stopping:
            return
        if self.session.jobs.idle and not self._unsaved:
            self._leave()
            return
        lost = (
            f"Your changes on the {' and '.join(sorted(self._unsaved))} page are not saved. If you quit now, they are lost."
            if self._unsaved
            else ""
        )
        if not self.session.jobs.idle:
            titles = ", ".join(job.title for job in self.state.jobs)
            stops = "It stops at once. Files that were already uploaded are kept. You can resume next time."
            lost = f"A job is running: {titles}. {stops} {lost}".strip()
        yes, then = ("Quit without saving", self._leave) if self.session.jobs.idle else ("Stop and quit", self._stop)
        box = ConfirmDialog(self, Question("Quit CHoRUS Upload?", lost, yes, danger=True, no="Keep open"), then)
        box.setObjectName("close_question")
        box.open()

    def _leave(self) -> None:
        """Nothing runs.  While the journal is checked out, colleagues cannot submit: ask."""
        if not self.state.custody.can_check_in:
            self._stop()
            return
        question = Question(
            "Check in before you leave?",
            "You have the journal checked out. Colleagues cannot submit until you check it in.",
            "Check in and leave",
            other="Leave",
        )
        box = ConfirmDialog(self, question, self._check_in_and_leave, self._stop)
        box.setObjectName("check_in_question")
        box.open()

    def close_afterwards(self) -> None:
        """The person chose to close the program when all jobs have ended: as the question would be answered by its default button."""
        if self._unsaved or not self.state.custody.can_check_in or not self.session.jobs.idle:
            self.close()
        else:
            self._check_in_and_leave()

    def _check_in_and_leave(self) -> None:
        self._leaving = True
        self.do(CheckIn())

    def _left(self, end: JobEnd) -> None:
        """The check-in before leaving has ended; if it failed, the window stays and says why."""
        if self._leaving and end.kind is JobKind.CHECK_IN:
            self._leaving = False
            if end.outcome is OutcomeKind.DONE:
                self._stop()

    def _stop(self) -> None:
        if self._stopping:
            return
        self._stopping = True
        self.closing.emit()
        self.session.settings.put("geometry", self.saveGeometry())
        if self.session.jobs.idle:
            self.hide()
        self.session.stop()

    def _on_stopped(self) -> None:
        self.stopped = True
        self.close()
        self.closed.emit()


def open_path(path: Path, select: bool) -> None:
    """Open a file or folder with the system's program; ``select``: show it in its folder."""
    import subprocess
    import sys

    if select and sys.platform == "win32" and is_there(path):
        explorer = Path(os.environ.get("SYSTEMROOT", r"C:\Windows")) / "explorer.exe"
        # One text: Explorer reads it itself, and divides it at commas outside of quotes, which no name on Windows has.
        subprocess.Popen(f'"{explorer}" /select,"{path}"')  # noqa: S603 - the system's own, without a shell
        return
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(path.parent if select else path)))
