"""Starting: what is imported, one instance, the hook, the log, what is opened."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot
from uiworld import settle
from world import World

from chorus_gui.core.folders import data_folder, log_folder
from chorus_gui.ui.app import CrashHook, FirstPaint, SingleInstance, log_to_file, open_first, parser
from chorus_gui.ui.session import Session

WINDOW = """
import sys, time
began = time.perf_counter()
from PySide6.QtCore import QTimer
from chorus_gui.ui import app
from chorus_gui.ui.main_window import MainWindow
from chorus_gui.ui.session import Session
from chorus_gui.ui.settings import Settings
application = app.make_application(())
window = MainWindow(Session(Settings(), application))
window.closed.connect(application.quit)
window.show()
application.processEvents()
heavy = {"azure", "rich", "keyring", "requests", "cryptography", "tomlkit", "jinja2", "msal", "pydicom"}
print(sorted(heavy & {name.partition(".")[0] for name in sys.modules}), "PySide6.QtNetwork" in sys.modules)
QTimer.singleShot(0, window.close)
application.exec()
"""


def test_nothing_heavy_is_imported_before_the_window_is_there() -> None:
    done = subprocess.run([sys.executable, "-c", WINDOW], capture_output=True, text=True, timeout=60, env=dict(os.environ), check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[] False"
    assert "QThread: Destroyed" not in done.stderr


FIRST_START = """
import sys
from PySide6.QtWidgets import QMainWindow
from chorus_gui.ui import app
steps = []
def painted(self, event):
    QMainWindow.paintEvent(self, event)
    steps.append("painted")
def after(session, config, *, demo):
    print(steps[0], len(steps) > 0, flush=True)
    window.close()
real = app.MainWindow.__init__
def made(self, session):
    global window
    window = self
    real(self, session)
app.MainWindow.__init__ = made
app.MainWindow.paintEvent = painted
app._after_show = after
app.LONGEST_PAINT = 100_000
sys.exit(app.main([]))
"""


def test_the_window_is_drawn_before_anything_that_takes_long() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FIRST_START], capture_output=True, text=True, timeout=120, env=dict(os.environ), check=False
    )
    assert done.stdout.split() == ["painted", "True"], done.stderr
    assert done.returncode == 0


@pytest.mark.parametrize("closes", [False, True])
def test_a_window_that_is_never_drawn_is_not_waited_for(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, closes: bool) -> None:
    monkeypatch.setattr("chorus_gui.ui.app.LONGEST_PAINT", 1)
    window = QWidget()
    qtbot.addWidget(window)
    first = FirstPaint(window)
    ended: list[bool] = []
    first.done.connect(lambda: ended.append(True))
    if closes:
        first.forget()
        qtbot.wait(50)
        assert not ended
    else:
        qtbot.waitUntil(lambda: bool(ended), timeout=20_000)
        assert ended == [True]


def test_a_second_start_calls_the_first_and_hands_it_its_file(qtbot: QtBot, tmp_path: Path) -> None:
    first, second = SingleInstance(), SingleInstance()
    assert first.first()
    assert not second.first()
    with qtbot.waitSignal(first.called, timeout=5000) as called:
        second.call(tmp_path / "config.toml")
    assert called.args == [tmp_path / "config.toml"]
    with qtbot.waitSignal(first.called, timeout=5000) as called:
        second.call(None)
    assert called.args == [None]
    first.release()
    assert second.first()
    second.release()


def test_the_second_process_leaves_at_once(qtbot: QtBot, world: World) -> None:
    first = SingleInstance()
    assert first.first()
    with qtbot.waitSignal(first.called, timeout=20_000) as called:
        done = subprocess.run([sys.executable, "-m", "chorus_gui", str(world.file)], timeout=30, env=dict(os.environ), check=False)
    assert done.returncode == 0
    assert called.args == [world.file]
    first.release()


def test_a_note_of_rubbish_is_left_alone(qtbot: QtBot) -> None:
    first = SingleInstance()
    assert first.first()
    with qtbot.assertNotEmitted(first.called, wait=300):
        (data_folder() / "instance" / "raise.json").write_text("rubbish", "utf-8")
    first.release()


def test_what_nobody_caught_is_told_without_secrets(qtbot: QtBot) -> None:
    hook = CrashHook()
    before = sys.excepthook, threading.excepthook
    hook.install()
    try:
        with qtbot.waitSignal(hook.caught, timeout=5000) as told:
            thread = threading.Thread(target=lambda: [][0] or None)
            thread.start()
            thread.join()
        assert "IndexError" in str(told.args)
        with qtbot.waitSignal(hook.caught) as told:
            try:
                raise RuntimeError("https://x.blob.core.windows.net/c?sig=abcdef")
            except RuntimeError:
                sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]
        assert "RuntimeError" in str(told.args)
        assert "abcdef" not in str(told.args)
    finally:
        hook.remove()
        sys.excepthook, threading.excepthook = before


BROKEN = """
import sys
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
from chorus_gui.ui import app
from chorus_gui.ui.widgets.dialogs import ReportDialog

def broken(self, session):
    raise RuntimeError("no window today")

def close():
    dialogs = [widget for widget in QApplication.topLevelWidgets() if isinstance(widget, ReportDialog)]
    print(len(dialogs), "no window today" in dialogs[0].text.toPlainText())
    dialogs[0].close()

app.MainWindow.__init__ = broken
make = app.make_application

def made(arguments):
    application = make(arguments)
    QTimer.singleShot(300, close)
    return application

app.make_application = made
sys.exit(app.main([]))
"""


def test_a_window_that_cannot_be_made_is_told_too() -> None:
    done = subprocess.run([sys.executable, "-c", BROKEN], capture_output=True, text=True, timeout=60, env=dict(os.environ), check=False)
    assert done.stdout.strip() == "1 True", done.stderr
    assert done.returncode == 70
    assert "no window today" in (log_folder() / "window.log").read_text("utf-8")


def test_the_log_holds_no_secret() -> None:
    handler = log_to_file()
    assert handler is not None
    try:
        logging.getLogger("chorus.ui").warning("token %s", "sv=1&sig=abcdef")
        handler.flush()
        text = (log_folder() / "window.log").read_text("utf-8")
        assert "token" in text
        assert "abcdef" not in text
    finally:
        logging.getLogger().removeHandler(handler)
        handler.close()


def test_what_is_opened_first(qtbot: QtBot, session: Session, world: World, tmp_path: Path) -> None:
    open_first(session, None, demo=False)
    assert session.state.config_file is None
    open_first(session, world.file, demo=False)
    assert session.state.config_file == world.file
    settle(qtbot, session)
    other = Session(session.settings)
    open_first(other, None, demo=False)
    assert other.state.config_file == world.file
    settle(qtbot, other)
    with qtbot.waitSignal(other.stopped, timeout=10_000):
        other.stop()
    assert parser().parse_args(["--demo"]).demo


CANNOT_START = """
import sys
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QLabel
from chorus_gui.ui import app
from chorus_gui.ui.widgets.dialogs import CannotStartDialog
make = app.make_application
def look():
    (dialog,) = [widget for widget in QApplication.topLevelWidgets() if isinstance(widget, CannotStartDialog)]
    print(" ".join(part.text() for part in dialog.findChildren(QLabel)))
    dialog.reject()
def make_application(arguments):
    made = make(arguments)
    QTimer.singleShot(300, look)
    return made
app.make_application = make_application
sys.exit(app.main([]))
"""


@pytest.mark.parametrize("place", ["a file", "below a file"])
def test_a_window_whose_folder_cannot_be_used_says_so(tmp_path: Path, place: str) -> None:
    """In a process of its own: the application's event loop ends."""
    home = tmp_path / "home"
    home.write_text("")
    env = {**os.environ, "CHORUS_UPLOAD_HOME": str(home if place == "a file" else home / "below"), "QT_QPA_PLATFORM": "offscreen"}
    done = subprocess.run([sys.executable, "-c", CANNOT_START], env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2, done.stderr
    assert str(home) in done.stdout
    assert "CHORUS_UPLOAD_HOME" in done.stdout


def test_a_fault_of_the_computer_is_not_shown_as_a_bug(qtbot: QtBot) -> None:
    hook = CrashHook()
    bugs: list[str] = []
    faults: list[str] = []
    hook.caught.connect(bugs.append)
    hook.failed.connect(faults.append)
    error = OSError(28, "No space left on device", "/data/holds.db")
    hook._hook(type(error), error, None)
    assert bugs == []
    assert "the disk is full" in faults[0]
