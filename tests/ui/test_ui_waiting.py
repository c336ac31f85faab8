"""The window shows what a job waits for, above every page, and no estimate meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot
from uiworld import a_session

from chorus_gui.core.config.credentials import Sas
from chorus_gui.core.config.model import Config, JournalPlaces, Place, PlaceKind
from chorus_gui.core.errors import Why
from chorus_gui.core.job import Count, JobContext, Snapshot
from chorus_gui.core.waiting import Waiting
from chorus_gui.ui import intents
from chorus_gui.ui.dialogs.renew import RenewDialog
from chorus_gui.ui.main_window import MainWindow
from chorus_gui.ui.models.progress import UploadRun
from chorus_gui.ui.state import JobKind
from chorus_gui.ui.widgets.chrome import progress_text
from chorus_gui.ui.widgets.waiting import WaitBar

SINCE = datetime(2026, 11, 27, 15, 1, 7).astimezone()
UNTIL = SINCE + timedelta(minutes=15)
TOKEN = "sv=2022-11-02&sp=racwdl&sr=c&se=2099-01-01T00:00:00Z&sig=MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY%3D"


@pytest.fixture
def window(qtbot: QtBot, tmp_path: Path) -> Iterator[MainWindow]:
    with a_session(qtbot, tmp_path) as session:
        made = MainWindow(session)
        qtbot.addWidget(made)
        made.show()
        yield made


@pytest.mark.parametrize("why", list(Why))
def test_every_reason_has_a_sentence_with_since_and_until(qtbot: QtBot, why: Why) -> None:
    bar = WaitBar()
    qtbot.addWidget(bar)
    bar.show_waiting(Waiting("The central store", why, SINCE, UNTIL))
    text = bar.text.text()
    assert "15:01:07" in text
    assert "15:16:07" in text
    assert bar.text.accessibleName() == text
    assert not bar.isHidden()
    bar.show_waiting(None)
    assert bar.isHidden()


def test_a_running_job_that_waits_is_shown_above_every_page(qtbot: QtBot, window: MainWindow) -> None:
    go, seen = threading.Event(), []

    def step(ctx: JobContext) -> None:
        seen.append(ctx)
        ctx.progress.begin("verify")
        ctx.progress.waiting(Waiting("The central store", Why.NAME, SINCE, UNTIL))
        go.wait(20)

    window.session.start(JobKind.VERIFY, "Verify", step)
    qtbot.waitUntil(lambda: window.waiting.isVisible(), timeout=10_000)
    assert "does not know its name" in window.waiting.text.text()
    for page in ("overview", "review", "doctor"):
        window.show_page(page)
        assert window.waiting.isVisible()
    seen[0].progress.waiting(None)
    qtbot.waitUntil(lambda: window.waiting.isHidden(), timeout=10_000)
    seen[0].progress.waiting(Waiting("The central store", Why.NAME, SINCE, UNTIL))
    qtbot.waitUntil(lambda: window.waiting.isVisible(), timeout=10_000)
    go.set()
    qtbot.waitUntil(lambda: window.session.jobs.idle, timeout=10_000)
    assert window.waiting.isHidden(), "nothing is said of a job that has ended"


def test_no_rate_and_no_time_left_while_something_is_waited_for() -> None:
    run = UploadRun(1)
    counts = {"Images": Count(3, 3_000_000, 0, 10, 10_000_000)}
    for second in range(5):
        run.feed(Snapshot("upload", {"Images": Count(second, second * 1_000_000, 0, 10, 10_000_000)}, elapsed=second), float(second))
    assert run.total.left is not None
    waiting = Snapshot("upload", counts, elapsed=5.0, waiting=Waiting("The central store", Why.REFUSED, SINCE, UNTIL))
    run.feed(waiting, 5.0)
    assert (run.total.rate, run.total.left) == (None, None)
    assert progress_text(waiting).startswith("Waiting · 3 of 10 files")
    assert "left" not in progress_text(waiting)


def test_the_dialog_for_a_token_takes_only_a_token_and_asks_for_it_once(qtbot: QtBot, window: MainWindow) -> None:
    place = Place(PlaceKind.AZURE, "az://box", container="box", credentials=Sas(TOKEN))
    config = object.__new__(Config)
    for name, value in {"central": place, "sites": {}, "journal": JournalPlaces(Path("j.db"))}.items():
        object.__setattr__(config, name, value)
    done: list[intents.Intent] = []
    waiting = Waiting("The central store", Why.CREDENTIAL, SINCE, UNTIL, remedy="Get a new one.", credential="central")
    dialog = RenewDialog(window, config, waiting, done.append)
    qtbot.addWidget(dialog)
    dialog.show()
    assert "New SAS token for the central store" in dialog.windowTitle()
    for text, usable in (("", False), ("hello", False), ("c2VjcmV0" * 8, False), (TOKEN, True), (f"https://a.b/box?{TOKEN}", True)):
        dialog.secret.edit.setText(text)
        dialog.secret.edited.emit(text)
        assert dialog.use.isEnabled() is usable, text
    dialog.use.click()
    assert done == [intents.RenewCredential("central", TOKEN)]
    assert TOKEN not in repr(done[0])


def test_the_dialog_closes_when_nothing_waits_for_it_any_longer(qtbot: QtBot, window: MainWindow) -> None:
    place = Place(PlaceKind.AZURE, "az://box", container="box", credentials=Sas(TOKEN))
    config = object.__new__(Config)
    for name, value in {"central": place, "sites": {}, "journal": JournalPlaces(Path("j.db"))}.items():
        object.__setattr__(config, name, value)
    waiting = Waiting("The central store", Why.CREDENTIAL, SINCE, UNTIL, credential="central")
    dialog = RenewDialog(window, config, waiting, lambda _: None)
    closed: list[int] = []
    dialog.finished.connect(closed.append)
    dialog.show()
    dialog.show_waiting(None)
    assert closed
