"""The window's part of ``--self-test``: open it on the demo site, show every page, keep a picture of each, close it."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QEvent, QEventLoop, QTimer
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication

from chorus_gui.app import demo, selftest
from chorus_gui.core.errors import ChorusError
from chorus_gui.ui.intents import Scan
from chorus_gui.ui.main_window import PAGES, MainWindow
from chorus_gui.ui.session import Session
from chorus_gui.ui.settings import Settings

PATIENCE = 120.0
"""The longest wait for something in the window, in seconds; it usually takes one or two."""
COLOURS = 12
"""A page shows more colours than that, with its anti-aliased text; an empty one has two or three."""


def self_test(application: QApplication, folder: Path | None, on_fault: Callable[[Callable[[str], None]], object]) -> int:
    """Every check, the result as JSON in ``folder`` and on standard output; the exit status, 0 if every check passed.

    ``folder`` None: a temporary one that is removed, for the status and the output alone.  ``on_fault`` registers a function
    that is called with what nobody caught.
    """
    keep = folder is not None
    place = folder if folder is not None else Path(tempfile.mkdtemp(prefix="chorus-upload-self-test-"))
    place.mkdir(parents=True, exist_ok=True)
    checks = [selftest.attempt("user folders", selftest.user_folders)]
    work = Path(tempfile.mkdtemp(prefix="work-", dir=place))
    try:
        with selftest.own_home(work / "home"):
            checks += selftest.run_checks(work)
            demo.change_site(work / "site")  # so that there is something to see
            checks += _window(application, work / "config.toml", place, on_fault)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    text = selftest.verdict(checks)
    (place / selftest.VERDICT).write_text(text + "\n", "utf-8")
    if sys.stdout is not None:  # a windowed program on Windows has none
        print(text)  # noqa: T201 - asked for
    if not keep:
        shutil.rmtree(place, ignore_errors=True)
    return 0 if all(check.ok for check in checks) else 1


def _window(
    application: QApplication, config: Path, pictures: Path, on_fault: Callable[[Callable[[str], None]], object]
) -> list[selftest.Check]:
    faults: list[str] = []
    on_fault(faults.append)
    checks: list[selftest.Check] = []
    session = Session(Settings(config.with_name("window.ini")), application)
    session.crashed.connect(faults.append)
    window: MainWindow | None = None

    def opened() -> str:
        nonlocal window
        window = MainWindow(session)
        window.resize(1240, 820)
        window.show()
        session.open(config)
        _finish_events(session)
        session.do(Scan())
        _finish_events(session)
        if session.state.review is None:
            raise ChorusError("The demo site was not scanned.")
        return f"{QApplication.platformName()}, {window.screen().name() or 'a screen'} at {window.devicePixelRatioF():g}"

    def walked(name: str, number: int) -> str:
        assert window is not None
        window.show_page(name)
        _finish_events(session)
        if faults:
            raise ChorusError(faults.pop())
        picture = window.grab().toImage()
        if not picture.save(str(pictures / f"{number}-{name}.png")):
            raise ChorusError("The picture could not be written.")
        colours = _colours(picture)
        if colours <= COLOURS:
            raise ChorusError(f"The page is empty: {colours} colours.")
        return f"{picture.width()} × {picture.height()}, {colours} colours"

    checks.append(selftest.attempt("window", opened))
    if window is not None and checks[-1].ok:
        names = [entry.name for entry in PAGES if window.page(entry.name) is not None]
        checks += [selftest.attempt(f"page {name}", lambda name=name, n=n: walked(name, n)) for n, name in enumerate(names, 1)]
    checks.append(selftest.attempt("closing", lambda: _leave(session, window)))
    if faults:
        checks.append(selftest.Check("faults", False, "\n".join(faults), 0.0))
    return checks


def _leave(session: Session, window: MainWindow | None) -> str:
    """Every thread ends."""
    ended: list[None] = []
    session.stopped.connect(lambda: ended.append(None))
    if window is not None:
        window.close()
    else:
        session.stop()
    _wait(lambda: bool(ended), "The threads of the window did not end.")
    return "every thread has ended"


def _finish_events(session: Session) -> None:
    """Until no job runs, nothing is being read, and what was read is painted."""
    for _ in range(2):  # an answer may ask again
        _wait(lambda: session.jobs.idle and not session.state.loading, "A job in the window did not end.")
        answered: list[None] = []
        session.when_read(lambda: answered.append(None))  # noqa: B023 - called before the loop continues
        _wait(lambda: bool(answered), "The window's readers did not answer.")  # noqa: B023
    _pause(0.2)


def _wait(until: Callable[[], bool], complaint: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not until():
        if time.monotonic() > deadline:
            raise ChorusError(complaint)
        _pause(0.02)


def _pause(seconds: float) -> None:
    """Let the window live for a moment."""
    loop = QEventLoop()
    QTimer.singleShot(int(seconds * 1000), loop.quit)
    loop.exec()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def _colours(picture: QImage) -> int:
    """Different colours, of every fourth point in each direction."""
    return len({picture.pixel(x, y) for x in range(0, picture.width(), 4) for y in range(0, picture.height(), 4)})
