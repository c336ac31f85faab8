"""The steps of the two walks of docs/acceptance.md."""

from __future__ import annotations

import getpass
import json
import os
import signal
import socket
import sys
import traceback
from contextlib import suppress
from pathlib import Path

from acceptance import sas
from acceptance_person import Person
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from chorus_gui.core.errors import JournalError
from chorus_gui.core.journal.store import Journal
from chorus_gui.ui import app, intents
from chorus_gui.ui.main_window import MainWindow
from chorus_gui.ui.session import Session

SLOW = "150 kB/s"
"""the line of a hospital, so that an upload can be seen, and interrupted"""


def sit(name: str, out: Path) -> int:
    """Start the program as its icon does, and walk; the exit status."""
    socket.gethostname = lambda: "workstation"
    getpass.getuser = lambda: "coordinator"
    real = app._after_show
    status = [1]

    def go(session: Session) -> None:
        window = next(one for one in QApplication.topLevelWidgets() if isinstance(one, MainWindow))
        try:
            {"first": first, "month": month, "after": after}[name](Person(window, name, out), session)
            status[0] = 0
        except Exception:
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)

    def shown(session: Session, config: Path | None, *, demo: bool) -> None:
        real(session, config, demo=demo)
        QTimer.singleShot(800, lambda: go(session))

    app._after_show = shown
    return app.main([]) or status[0]


def first(person: Person, session: Session) -> None:
    """From an empty computer to a first submission."""
    world = json.loads(os.environ["WALK"])
    home = Path(world["home"])
    person.read("Site")
    person.look("the first screen")
    person.fill("Site folder", str(home / "riverside"))
    person.click("Next")
    person.read("Central store")
    person.fill("Container", "site-riverside")
    person.click("Another storage account", remark=" (only here: the blob service is on this computer)")
    person.fill("Storage account", world["account"])
    person.fill("Account address", world["url"])
    person.click("Next")
    person.read("SAS token")
    person.fill("SAS token", sas(world, hours=24 * 30), told="the token from the central team's mail")
    person.click("Next")
    person.read("Test")
    person.settle()
    person.click("Next")
    person.read("Preview")
    person.wait(lambda: not person.sees("Reading the site's folder…"), "the files")
    person.click("Next")
    person.read("Save")
    person.look("the last step of the assistant")
    person.click("Save and open")
    person.settle()
    person.click("Start the journal")
    person.settle()
    person.click("Scan the site")
    person.settle()
    person.click("Review the changes")
    person.settle()
    person.look("what changed")
    person.click("Approve")
    person.read("Approve")
    session.do(intents.SetLimit("1.5 MB/s"))
    person.click("Record and upload")
    person.wait(lambda: "upload" in {job.kind.value for job in session.state.jobs} or bool(session.state.jobs), "the upload")
    person.rest(2500)
    person.look("the upload")
    session.do(intents.SetLimit("off"))
    person.settle()
    person.read("The upload is complete")
    _verify_and_check_in(person)


def month(person: Person, session: Session) -> None:
    """A month later, until the computer stops in the middle of the upload."""
    world = json.loads(os.environ["WALK"])
    person.settle()
    person.look("the first screen")
    person.click("Enter new token")
    person.settle()
    person.fill("SAS token", sas(world, hours=24 * 30), told="the new token")
    person.click("Save")
    person.click("Use for both")
    person.settle()
    person.look("what was saved")
    person.click("Overview")
    person.settle()
    person.click("Scan the site again")
    person.settle()
    person.look("what the window says")
    person.click("Check out the journal")
    person.settle()
    person.click("Review the changes")
    person.settle()
    person.look("what changed since the last submission")
    person.click("1 patient gone")
    person.settle()
    person.look("the files of the patient who is gone")
    person.click("1 patient gone", remark=" again, to see everything")
    person.settle()
    person.click("Held back")
    person.settle()
    person.row("Changes", Path(world["hold"]).name)
    person.look("who holds it back, and why")
    person.click("Held back", remark=" again")
    person.settle()
    person.click("Approve")
    person.rest()
    person.look("the question before the upload")
    session.do(intents.SetLimit(SLOW))
    person.click("Record and upload")
    person.wait(lambda: _recorded(session), "the first files that arrived")
    person.rest(500)
    person.look("the upload, when the computer stops")
    os.kill(os.getpid(), signal.SIGKILL)


def _recorded(session: Session) -> bool:
    """Files of the second version are in the journal."""
    config = session.state.config
    assert config is not None
    with suppress(JournalError), Journal.open(config.journal.local, readonly=True) as journal:
        return len(journal.versions()) > 1
    return False


def after(person: Person, session: Session) -> None:
    """The start after that."""
    session.do(intents.SetLimit("off"))
    person.settle()
    person.look("the first screen after the interruption")
    person.click("Scan the site again")
    person.settle()
    person.click("Review the changes")
    person.settle()
    person.look("what is left")
    person.click("Approve")
    person.rest()
    person.click("Record and upload")
    person.settle()
    person.read("The upload is complete")
    _verify_and_check_in(person, versions=2)


def _verify_and_check_in(person: Person, versions: int = 1) -> None:
    person.look("the end of the upload")
    person.click("Overview")
    person.settle()
    for _ in range(versions):
        person.read("has not been verified yet")
        person.click("Verify 2")
        person.read("match")  # “It matches.” or “All match.”
        person.settle()
        person.rest(2000)
    person.read("Everything is submitted and verified")
    person.click("Check in the journal")
    person.settle()
    person.look("the end of the submission")
    person.click("History")
    person.settle()
    person.look("what is kept of it")
    person.window.close()
