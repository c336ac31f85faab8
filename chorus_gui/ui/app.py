"""The composition root: one instance, the log, the hook for what nobody expected, the theme, the session, the window."""

from __future__ import annotations

import argparse
import ctypes
import json
import logging
import os
import sys
import threading
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType

from PySide6.QtCore import QCoreApplication, QEvent, QEventLoop, QFileSystemWatcher, QObject, Qt, QTimer, Signal
from PySide6.QtWidgets import QApplication, QWidget

from chorus_gui import __version__
from chorus_gui.app.folders import data_folder, is_file, log_folder, remove_leftovers, replace_file
from chorus_gui.app.portable import check_own_home
from chorus_gui.app.status import Status
from chorus_gui.core.computer import computer_fault, folder_fault
from chorus_gui.core.errors import ChorusError, ComputerError
from chorus_gui.core.model import Grade
from chorus_gui.core.redact import RedactingFilter, redact
from chorus_gui.core.untrusted import json_value, record
from chorus_gui.ui import theme
from chorus_gui.ui.activity import Activity
from chorus_gui.ui.answering import Answering
from chorus_gui.ui.intents import OpenDemo, ShowPage
from chorus_gui.ui.main_window import MainWindow
from chorus_gui.ui.pages.log import LOG_NAME
from chorus_gui.ui.session import Session
from chorus_gui.ui.settings import Settings
from chorus_gui.ui.signals import Signals
from chorus_gui.ui.widgets.dialogs import CannotStartDialog, ReportDialog

RAISE_FILE = "raise.json"
LOGOFF_PATIENCE = 4000
"""Milliseconds: Windows ends a program that has not answered after five seconds."""
LONGEST_PAINT = 1000
"""Milliseconds"""
BUG = 70
"""the exit status when the window could not be opened"""
_LOG = logging.getLogger("chorus.ui")


class FirstPaint(QObject):
    """Says when a window shows something for the first time: what takes long can begin, and nobody looks at an empty frame meanwhile."""

    done = Signal()
    """emitted once, and at the latest after :data:`LONGEST_PAINT`: a minimized window shows nothing"""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._waits = True
        window.installEventFilter(self)
        QTimer.singleShot(LONGEST_PAINT, self._end)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Qt's own."""
        if event.type() is QEvent.Type.Paint:
            watched.removeEventFilter(self)
            QTimer.singleShot(0, self._end)
        return False

    def forget(self) -> None:
        """The window closes: nothing begins any more."""
        self._waits = False

    def _end(self) -> None:
        if self._waits:
            self._waits = False
            self.done.emit()


@dataclass(frozen=True)
class _Call:
    """What a second start leaves for the first: the file to open, None for none."""

    file: str | None


class SingleInstance(QObject):
    """One window for each user: the first start holds a lock, a second one leaves it a note and ends.

    No socket is opened for it (hospitals ask what listens); the note is a file in the user's own folder, which the first one watches.
    """

    called = Signal(object)
    """a second start: the file that it was given, or None"""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        import filelock

        self._folder = data_folder("instance")
        self._note = self._folder / RAISE_FILE
        self._lock = filelock.FileLock(self._folder / "window.lock", timeout=0, thread_local=False)
        self._watcher: QFileSystemWatcher | None = None
        self._timeout = filelock.Timeout

    def first(self) -> bool:
        """Whether this is the first one; from then on it listens."""
        try:
            self._lock.acquire()
        except self._timeout:
            return False
        self._note.unlink(missing_ok=True)
        self._watcher = QFileSystemWatcher([str(self._folder)], self)
        self._watcher.directoryChanged.connect(self._look)
        return True

    def call(self, file: Path | None) -> None:
        """Leave a note for the first one, which Windows lets come to the front only if this one allows it."""
        if sys.platform == "win32":
            ctypes.windll.user32.AllowSetForegroundWindow(-1)
        part = self._note.with_suffix(".part")
        part.write_text(json.dumps({"file": str(file) if file else None}), "utf-8")
        replace_file(part, self._note)

    def release(self) -> None:
        """Let another one be the first."""
        if self._watcher is not None:
            self._watcher.deleteLater()
            self._watcher = None
        self._lock.release()

    def _look(self) -> None:
        try:
            file = record(_Call, json_value(self._note.read_text("utf-8"))).file
            self._note.unlink()
        except (OSError, ValueError):
            return
        self.called.emit(Path(file) if file else None)


class CrashHook(QObject):
    """Everything that nobody caught, from slots and from any thread, ends in a report on screen and in the log."""

    caught = Signal(str)
    failed = Signal(str)
    """a fault of the computer, as a sentence: not a bug"""

    def install(self) -> None:
        """From now on."""
        sys.excepthook = self._hook
        threading.excepthook = lambda args: self._hook(args.exc_type, args.exc_value, args.exc_traceback)

    def remove(self) -> None:
        """Restore the usual hooks."""
        sys.excepthook = sys.__excepthook__
        threading.excepthook = threading.__excepthook__

    def _hook(self, kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            QCoreApplication.quit()
            return
        report = redact("".join(traceback.format_exception(kind, error, trace)))
        _LOG.error("unexpected error\n%s", report)
        fault = computer_fault(error) if error is not None else None
        if fault is not None:
            self.failed.emit(str(fault))
            return
        self.caught.emit(report)


def log_to_file() -> logging.Handler | None:
    """The window's own rotating log, without secrets; the command line has another.  If it cannot be written, nothing stops."""
    for noisy in ("azure", "urllib3", "msal"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    try:
        handler = RotatingFileHandler(log_folder() / LOG_NAME, maxBytes=2_000_000, backupCount=5, encoding="utf-8", delay=True)
    except (OSError, ComputerError):
        return None
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    handler.addFilter(RedactingFilter())
    logging.getLogger().addHandler(handler)
    logging.getLogger("chorus").setLevel(logging.INFO)
    return handler


def parser() -> argparse.ArgumentParser:
    """The command line's few options."""
    made = argparse.ArgumentParser(prog="chorus-gui", description="CHoRUS Upload in a window.")
    made.add_argument("config", nargs="?", type=Path, metavar="CONFIG", help="open this configuration (default: the last one)")
    made.add_argument("--demo", action="store_true", help="open the demo site; nothing leaves this computer")
    made.add_argument(
        "--self-test",
        nargs="?",
        const="",
        default=None,
        metavar="DIR",
        help="test the program on this computer and end; write the result and a picture of each page to DIR",
    )
    made.add_argument("--version", action="version", version=f"CHoRUS Upload {__version__}")
    return made


def make_application(arguments: Sequence[str]) -> QApplication:
    """The QApplication, named and dressed."""
    QApplication.setHighDpiScaleFactorRoundingPolicy(Qt.HighDpiScaleFactorRoundingPolicy.PassThrough)
    application = QApplication([sys.argv[0], *arguments])
    application.setApplicationName("CHoRUS Upload")
    application.setApplicationVersion(__version__)
    application.setOrganizationName("CHoRUS")
    application.setDesktopFileName("chorus-upload")
    application.setQuitOnLastWindowClosed(False)
    return application


def open_first(session: Session, config: Path | None, *, demo: bool) -> None:
    """What the window opens on: the demo, the named file, the last one, nothing, or on the very first start the assistant."""
    last = session.settings.text("last")
    if demo:
        session.do(OpenDemo())
    elif config is not None:
        session.open(config)
    elif last and is_file(last):
        session.open(Path(last))
    elif not last and not session.settings.sites:
        session.do(ShowPage("configuration", "assistant"))


def main(argv: Sequence[str] | None = None) -> int:
    """The windowed program; the exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    options = parser().parse_args(arguments)
    config: Path | None = options.config.absolute() if options.config else None
    application = make_application(())
    if options.self_test is not None:
        return _self_test(application, options.self_test)
    try:
        check_own_home()
        instance = SingleInstance(application)
        first = instance.first()
    except (ChorusError, OSError) as error:
        return _cannot_start(application, error if isinstance(error, ChorusError) else folder_fault(error, Path(str(error.filename))))
    if not first:
        instance.call(config)
        return 0
    handler = log_to_file()
    remove_leftovers()
    hook = CrashHook(application)
    hook.install()
    settings = Settings()
    theme.apply(application, theme.wanted(settings.theme))
    session = Session(settings, application)
    application.commitDataRequest.connect(lambda _: end_of_session(session), Qt.ConnectionType.DirectConnection)
    try:
        window = MainWindow(session)
    except Exception:  # noqa: BLE001 - whatever it is, the person sees it, and the threads end
        shown = _show_and_stop(application, session, redact(traceback.format_exc()))
    else:
        shown = window
        Answering(lambda: session.jobs.idle, application)
        hook.caught.connect(window.show_report)
        hook.failed.connect(lambda text: session.show_message(text, Grade.BAD))
        instance.called.connect(window.come_forward)
        window.closing.connect(instance.release)
        window.closed.connect(application.quit)
        activity = Activity(application)
        session.changed.connect(lambda state: activity.follow(state.config.file if state.config else None))
        window.closed.connect(lambda: activity.follow(None))
        application.installEventFilter(activity)
        painted = FirstPaint(window)
        painted.done.connect(lambda: _after_show(session, config, demo=options.demo))
        window.closing.connect(painted.forget)
        window.show()
    signals = Signals(session.stop, application)
    status = application.exec()
    signals.remove()
    hook.remove()
    instance.release()
    if handler is not None:
        logging.getLogger().removeHandler(handler)
        handler.close()
    return status if isinstance(shown, MainWindow) else BUG


def _cannot_start(application: QApplication, error: ChorusError) -> int:
    """Say why, and end: the program's own folder cannot or must not be used, so that nothing could be kept."""
    theme.apply(application, theme.LIGHT)
    dialog = CannotStartDialog(str(error))
    dialog.finished.connect(application.quit)
    dialog.open()
    application.exec()
    return Status.NOT_STARTED


def end_of_session(session: Session) -> None:
    """The person logs off or the computer shuts down: stop at once, within the few seconds there are.

    What does not stop in time is cut off, as by a power failure: the journal stays correct, and the next start continues.
    """
    _LOG.info("the session ends")
    loop = QEventLoop()
    session.stopped.connect(loop.quit)
    QTimer.singleShot(LOGOFF_PATIENCE, loop.quit)
    QTimer.singleShot(0, session.stop)
    loop.exec(QEventLoop.ProcessEventsFlag.ExcludeUserInputEvents)


def _self_test(application: QApplication, folder: str) -> int:
    """``--self-test``, on settings and folders of its own."""
    from chorus_gui.ui.self_test import self_test

    theme.apply(application, theme.LIGHT)
    hook = CrashHook(application)
    hook.install()
    try:
        return self_test(application, Path(folder).absolute() if folder else None, hook.caught.connect)
    finally:
        hook.remove()


def _show_and_stop(application: QApplication, session: Session, report: str) -> ReportDialog:
    """There is no window: show the report alone (as long as the returned dialog is kept), then end."""
    _LOG.error("the window could not be opened\n%s", report)
    dialog = ReportDialog(None, report)
    dialog.finished.connect(session.stop)
    session.stopped.connect(application.quit)
    dialog.open()
    return dialog


def _after_show(session: Session, config: Path | None, *, demo: bool) -> None:
    """What can be done after the window is shown: the trust store, the configuration."""
    from chorus_gui.app.configuration import use_system_certificates

    use_system_certificates(None)
    _LOG.info("CHoRUS Upload %s, Python %s, %s, process %s", __version__, sys.version.split()[0], sys.platform, os.getpid())
    open_first(session, config, demo=demo)
