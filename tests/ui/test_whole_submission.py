"""A coordinator's whole way through the real window, on a real blob service; and the program itself on a real screen."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from azure_places import sas_place, service
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton, QWidget
from pytestqt.qtbot import QtBot
from uikeys import Keyboard, MouseWatch
from uiworld import settle

from chorus_gui.app.demo.azurite import Azurite
from chorus_gui.core.custody.state import State as Custody
from chorus_gui.core.job import OutcomeKind
from chorus_gui.core.journal.store import Journal
from chorus_gui.ui.assistant import Assistant
from chorus_gui.ui.dialogs.approve import ApproveDialog
from chorus_gui.ui.main_window import MainWindow
from chorus_gui.ui.models.columns import PATH
from chorus_gui.ui.pages.review import ReviewPage
from chorus_gui.ui.pages.upload import UploadPage
from chorus_gui.ui.pages.verify import VerifyPage
from chorus_gui.ui.session import Session
from chorus_gui.ui.settings import Settings
from chorus_gui.ui.widgets.dialogs import ReasonDialog

W = TypeVar("W", bound=QWidget)
CLICK = Qt.MouseButton.LeftButton
FILES = {
    "OMOP/person.csv": b"person_id\n1001\n1002\n",
    "1001/Images/a.dcm": b"image " * 40_000,
    "1001/Waveforms/a.dat": b"wave",
    "1002/Images/b.dcm": b"another image",
}
HELD = "1002/Images/b.dcm"


@pytest.fixture
def window(qtbot: QtBot, tmp_path: Path) -> Iterator[MainWindow]:
    session = Session(Settings(tmp_path / "window.ini"))
    window = MainWindow(session)
    window.resize(1300, 850)
    window.show()
    qtbot.waitExposed(window)
    yield window
    if not window.stopped:
        session.jobs.cancel_all()
        with qtbot.waitSignal(window.closed, timeout=20_000):
            window._stop()
    window.deleteLater()
    session.deleteLater()


@pytest.fixture
def site(tmp_path: Path) -> Path:
    for name, content in FILES.items():
        file = tmp_path / "site" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return tmp_path / "site"


@pytest.fixture
def container(azurite: Azurite) -> Iterator[Any]:
    """The SDK's client for a new container, for the test's own hands."""
    with service(azurite) as client, client.create_container(f"site-{uuid.uuid4().hex[:8]}") as made:
        yield made


class Coordinator:
    """Somebody in front of the window."""

    def __init__(self, qtbot: QtBot, window: MainWindow) -> None:
        self.qtbot, self.window = qtbot, window

    def click(self, button: QPushButton) -> None:
        self.qtbot.waitUntil(lambda: button.isVisible() and button.isEnabled(), timeout=20_000)
        self.qtbot.mouseClick(button, CLICK)

    def opened(self, kind: type[W]) -> W:
        """The dialog that is there now."""
        self.qtbot.waitUntil(lambda: any(dialog.isVisible() for dialog in self.window.findChildren(kind)), timeout=10_000)
        return next(dialog for dialog in self.window.findChildren(kind) if dialog.isVisible())

    def page(self, name: str, kind: type[W]) -> W:
        """The page that was brought to the front."""
        page = self.window.page(name)
        assert isinstance(page, kind)
        assert self.window.stack.currentWidget() is page
        return page

    def next_step(self, text: str) -> None:
        """The one big button of the Overview, which says this; then what it leads to, to the end."""
        self.window.show_page("overview")
        button = self.window.findChild(QPushButton, "what_next")
        assert isinstance(button, QPushButton)
        self.qtbot.waitUntil(lambda: button.text().startswith(text), timeout=20_000)
        self.click(button)
        self.settle()

    def settle(self) -> None:
        settle(self.qtbot, self.window.session)
        last = self.window.state.last
        assert last is None or last.outcome is OutcomeKind.DONE, last


def set_up(person: Coordinator, site: Path, azurite: Azurite, container: str, file: Path) -> None:
    """Through the assistant, as on the first start."""
    window, qtbot = person.window, person.qtbot
    person.click(next(button for button in window.findChildren(QPushButton) if button.text() == "Set up this site"))
    assistant = person.opened(Assistant)
    given = sas_place(azurite, container, hours=720).credentials.sas
    assert given is not None
    secret = given.token.reveal()

    def go_on(to: QWidget) -> None:
        qtbot.keyClick(assistant, Qt.Key.Key_Return)
        qtbot.waitUntil(lambda: assistant.step is to, timeout=20_000)

    assistant.site.folder.edit.setText(str(site))
    go_on(assistant.store)
    qtbot.keyClicks(assistant.store.container, container)
    assistant.store.account.setText(azurite.account)
    assistant.store.url.setText(azurite.url)
    go_on(assistant.credential)
    assistant.credential.secret.edit.setFocus()
    assistant.credential.secret.edit.insert(secret)
    go_on(assistant.connection)
    qtbot.waitUntil(lambda: assistant.next.isEnabled(), timeout=20_000)
    assert not assistant.connection.bad
    go_on(assistant.preview)
    qtbot.waitUntil(lambda: assistant.preview.model.rowCount() == len(FILES), timeout=20_000)
    go_on(assistant.ending)
    assistant.ending.edit.setText(str(file))
    qtbot.keyClick(assistant, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: window.state.config is not None, timeout=20_000)
    person.settle()
    assert window.state.config_file == file
    assert secret not in "".join(message.text for message in window.state.messages)


def hold_back(person: Coordinator, review: ReviewPage, path: str, reason: str) -> None:
    model = review.area.model

    def place() -> int | None:
        texts = [model.index(row, PATH).data() for row in range(model.rowCount())]
        return texts.index(path) if path in texts else None

    person.qtbot.waitUntil(lambda: place() is not None, timeout=10_000)
    row = place()
    assert row is not None
    review.area.view.selectRow(row)
    person.click(review.area.hold_button)
    dialog = person.opened(ReasonDialog)
    dialog.field.setEditText(reason)
    person.click(dialog.yes)
    person.settle()


def test_a_whole_submission(qtbot: QtBot, window: MainWindow, site: Path, azurite: Azurite, container: Any, tmp_path: Path) -> None:
    person = Coordinator(qtbot, window)
    file = tmp_path / "own" / "config.toml"
    set_up(person, site, azurite, container.container_name, file)

    person.next_step("Start the journal")
    assert window.state.custody.state is Custody.MINE
    person.next_step("Scan the site")
    person.next_step("Review the changes")
    review = person.page("review", ReviewPage)
    hold_back(person, review, HELD, "consent is being asked for")
    assert window.state.review is not None
    assert window.state.review.to_send.files == len(FILES) - 1
    person.click(review.approve)
    person.click(person.opened(ApproveDialog).yes)
    upload = person.page("upload", UploadPage)
    person.settle()
    assert upload.summary.heading.text() == "The upload is complete"

    person.click(upload.summary.verify)
    verify = person.page("verify", VerifyPage)
    verify.choice.again.setChecked(True)
    person.click(verify.choice.begin)
    person.settle()
    qtbot.waitUntil(lambda: verify.status.text().startswith("Compared 3 files, by their content. All match the journal."), timeout=10_000)

    person.next_step("Check in the journal")
    assert window.state.custody.state is Custody.FREE

    sent = {path: content for path, content in FILES.items() if path != HELD}
    blobs = {blob.name: container.download_blob(blob.name).readall() for blob in container.list_blobs()}
    state = window.state
    assert state.journal is not None
    check_store_and_journal(blobs, sent, tmp_path / "fetched.db")
    assert {facts.kind for facts in state.receipts} == {"submission", "verify"}
    assert all(facts.clean for facts in state.receipts)


def check_store_and_journal(blobs: dict[str, bytes], sent: dict[str, bytes], fetched: Path) -> None:
    """The store holds what was approved, and nothing of what was held back; the journal in the cloud says so, and is free."""
    assert "journal.db" in blobs
    assert not [name for name in blobs if name.endswith(".locked")]
    fetched.write_bytes(blobs.pop("journal.db"))
    with Journal.open(fetched, readonly=True) as journal:
        rows = list(journal.rows())
        commands = [command.command for command in journal.history()]
        version = journal.last_version()
    assert {row.path: (row.size, row.md5) for row in rows} == {p: (len(c), hashlib.md5(c).hexdigest()) for p, c in sent.items()}
    assert all(row.uploaded and row.version == version for row in rows)
    assert "submit" in commands
    assert f"{version}/submission.json" in blobs, "the version is marked as complete"
    assert [name for name in blobs if name.startswith("journal.db.chorus/receipts/")]
    ours = ("/journal.db", "/submission.json")
    contents = {name: content for name, content in blobs.items() if not name.endswith(ours) and not name.startswith("journal.db.chorus/")}
    assert sorted(contents.values()) == sorted(sent.values())
    assert all(name.startswith(f"{version}/") for name in contents)


def test_a_whole_submission_by_keyboard(
    qtbot: QtBot, window: MainWindow, site: Path, azurite: Azurite, container: Any, tmp_path: Path
) -> None:
    """The same with real keys, and no mouse: Tab leads to everything that a submission needs."""
    watch, application = MouseWatch(), QApplication.instance()
    assert application is not None
    application.installEventFilter(watch)
    keys, person, file = Keyboard(qtbot, window), Coordinator(qtbot, window), tmp_path / "own" / "config.toml"
    state = lambda: window.state  # noqa: E731
    keys.tab_to("Set up this site")
    keys.press("Space")
    assistant = person.opened(Assistant)
    given = sas_place(azurite, container.container_name, hours=720).credentials.sas
    assert given is not None

    keys.type(str(site))
    keys.press("Return")
    keys.wait(lambda: assistant.step is assistant.store)
    keys.type(container.container_name)
    keys.tab_to("Another storage account")
    keys.press("Space")
    for name, text in (("Storage account", azurite.account), ("Account address", azurite.url)):
        keys.tab_to(name)
        keys.press("Ctrl+A")
        keys.type(text)
    keys.press("Return")
    keys.wait(lambda: assistant.step is assistant.credential)
    keys.type(given.token.reveal())
    keys.press("Return")
    keys.wait(lambda: assistant.step is assistant.connection and assistant.next.isEnabled())
    keys.press("Return")
    keys.wait(lambda: assistant.step is assistant.preview and assistant.preview.model.rowCount() == len(FILES))
    keys.press("Return")
    keys.wait(lambda: assistant.step is assistant.ending)
    keys.press("Ctrl+A")
    keys.type(str(file))
    keys.press("Return")
    keys.wait(lambda: state().config is not None)
    person.settle()

    keys.tab_to("Start the journal")
    keys.press("Space")
    person.settle()
    keys.press("Ctrl+R")
    person.settle()
    keys.press("Ctrl+4")
    review = person.page("review", ReviewPage)
    keys.press("Ctrl+F")
    keys.type(HELD)
    keys.wait(lambda: review.area.model.rowCount() == 1)
    keys.tab_to(review.area.view.accessibleName())
    keys.press("Ctrl+A")
    keys.press("Ctrl+H")
    person.opened(ReasonDialog)
    keys.type("consent is being asked for")
    keys.press("Return")
    person.settle()
    keys.press("Ctrl+Return")
    person.opened(ApproveDialog)
    assert keys.here == "Cancel", "the readiness check has found something: Enter sends nothing"
    keys.tab_to("Record and upload")
    keys.press("Space")
    person.settle()
    upload = person.page("upload", UploadPage)
    assert upload.summary.heading.text() == "The upload is complete"

    keys.tab_to("Verify…")
    keys.press("Space")
    verify = person.page("verify", VerifyPage)
    keys.tab_to("By size and MD5 (fast)")
    keys.press("Right")
    keys.tab_to("Verify")
    keys.press("Space")
    person.settle()
    keys.wait(lambda: verify.status.text().startswith("Compared 3 files, by their content. All match the journal."))
    keys.press("Ctrl+1")
    keys.tab_to("Check in the journal")
    keys.press("Space")
    person.settle()
    assert state().custody.state is Custody.FREE
    application.removeEventFilter(watch)
    assert watch.used == 0
    sent = {path: content for path, content in FILES.items() if path != HELD}
    blobs = {blob.name: container.download_blob(blob.name).readall() for blob in container.list_blobs()}
    check_store_and_journal(blobs, sent, tmp_path / "fetched.db")


# --- on a real screen ---------------------------------------------------------------------------------------------------

xvfb = pytest.mark.skipif(
    not sys.platform.startswith("linux") or not (shutil.which("Xvfb") and shutil.which("xauth")),
    reason="needs Linux with Xvfb and xauth: python3 dev.py setup",
)


@pytest.fixture
def display(tmp_path: Path) -> Iterator[str]:
    """A virtual screen of its own; it chooses its number itself."""
    read, write = os.pipe()
    with (tmp_path / "xvfb.log").open("wb") as log:
        line = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1400x900x24", "-nolisten", "tcp", "-noreset"]
        server = subprocess.Popen(line, pass_fds=(write,), stdout=log, stderr=log)
    os.close(write)
    with os.fdopen(read) as answer:
        number = answer.readline().strip()
    assert number, (tmp_path / "xvfb.log").read_text()
    yield f":{number}"
    server.terminate()
    server.wait(10)


def wait_for(ready: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < deadline, f"waited too long for {what}"
        time.sleep(0.1)


_LOOK = """
import sys
from PySide6.QtGui import QGuiApplication
application = QGuiApplication([])
application.primaryScreen().grabWindow(0).save(sys.argv[1])
"""


@xvfb
def test_the_program_on_a_real_screen(display: str, tmp_path: Path, qtbot: QtBot) -> None:
    """It starts on a made-up site, shows a window with something in it, and leaves cleanly when its window is closed."""
    home = tmp_path / "home"
    env = {**os.environ, "DISPLAY": display, "QT_QPA_PLATFORM": "xcb", "CHORUS_UPLOAD_HOME": str(home), "TMPDIR": str(tmp_path)}
    env.pop("WAYLAND_DISPLAY", None)
    with (tmp_path / "out.txt").open("wb") as out:
        program = subprocess.Popen([sys.executable, "-m", "chorus_gui", "--demo"], env=env, stdout=out, stderr=subprocess.STDOUT)
    try:
        picture = tmp_path / "screen.png"

        def colours() -> int:
            assert program.poll() is None, (tmp_path / "out.txt").read_text()
            subprocess.run([sys.executable, "-c", _LOOK, str(picture)], env=env, check=True, timeout=60)
            image = QImage(str(picture))
            return len({image.pixel(x, y) for x in range(0, image.width(), 3) for y in range(0, image.height(), 3)})

        wait_for(lambda: colours() > 50, "a window with something in it")
        wait_for(lambda: any(tmp_path.glob("chorus-upload-demo-*/config.toml")), "the made-up site")
        QTest.qWait(500)
        program.send_signal(signal.SIGTERM)
        assert program.wait(30) == 0, (tmp_path / "out.txt").read_text()
    finally:
        if program.poll() is None:
            program.kill()
            program.wait(10)
    assert "Traceback" not in (tmp_path / "out.txt").read_text()
    assert not list((home / "data" / "instance").glob("*.json"))
