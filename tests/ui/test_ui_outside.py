"""What another program changes while the window is open is noticed at once, and never lost; what the window saves itself is not taken for it."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pytestqt.qtbot import QtBot
from uiworld import run_job, settle
from world import World

from chorus_gui.app import facts
from chorus_gui.ui import intents, outside, watching
from chorus_gui.ui.app import open_first
from chorus_gui.ui.session import Session
from chorus_gui.ui.state import JobKind
from chorus_gui.ui.widgets import files

IN_PLACE = (
    "import sys, pathlib; p = pathlib.Path(sys.argv[1]); p.write_text(p.read_text('utf-8').replace(sys.argv[2], sys.argv[3]), 'utf-8')"
)
REPLACED = (
    "import sys, os, pathlib; p = pathlib.Path(sys.argv[1]); q = p.with_name('.new');"
    "q.write_text(p.read_text('utf-8').replace(sys.argv[2], sys.argv[3]), 'utf-8'); os.replace(q, p)"
)
OTHER_JOURNAL = "import sys, os; os.replace(sys.argv[2], sys.argv[1])"
BURST = "import sys, pathlib; p = pathlib.Path(sys.argv[1]); [p.with_name(f'{n}-{p.name}').write_text('x') for n in range(60)]"


def elsewhere(code: str, *arguments: object) -> None:
    """Another process does it."""
    subprocess.run([sys.executable, "-I", "-c", code, *map(str, arguments)], check=True, timeout=60)


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outside, "LOOK_SECONDS", 0.0)


@pytest.fixture
def watched(qtbot: QtBot, opened: Session) -> Session:
    """The configuration is open, and its files are watched."""
    settle(qtbot, opened)
    inside = opened.outside.watch._inside
    qtbot.waitUntil(lambda: inside._watcher is not None and str(opened.state.config_file) in inside._watcher.files(), timeout=10_000)
    return opened


@pytest.fixture
def later_journal(world: World, tmp_path: Path) -> Path:
    """The journal as it is after somebody recorded something; the journal itself is not changed."""
    journal, kept = world.config.journal.local, tmp_path / "kept.db"
    if journal.exists():
        shutil.copy2(journal, kept)
    world.run("record")
    later = journal.with_name("later.db")
    shutil.copy2(journal, later)
    journal.unlink()
    if kept.exists():
        shutil.copy2(kept, journal)
    return later


@pytest.fixture
def held(watched: Session) -> Iterator[threading.Event]:
    """A job on the open journal that runs until the event is set; it changes nothing itself."""
    done = threading.Event()
    yield done
    done.set()


def threads(session: Session) -> int:
    config = session.state.config
    return config.threads if config else 0


@pytest.mark.parametrize("how", [IN_PLACE, REPLACED])
def test_a_configuration_is_read_again_without_a_click(qtbot: QtBot, watched: Session, world: World, how: str) -> None:
    for before, after in ((4, 2), (2, 3)):
        elsewhere(how, world.file, f"num_threads = {before}", f"num_threads = {after}")
        qtbot.waitUntil(lambda after=after: threads(watched) == after, timeout=15_000)
        settle(qtbot, watched)
    assert watched.state.last is not None
    assert "Another program changed config.toml" in watched.state.last.text


def test_a_journal_that_is_replaced_is_read_again(qtbot: QtBot, later_journal: Path, watched: Session, world: World) -> None:
    elsewhere(OTHER_JOURNAL, world.config.journal.local, later_journal)
    qtbot.waitUntil(lambda: watched.state.journal is not None and watched.state.journal.pending.files == 4, timeout=15_000)


def test_what_this_window_saves_is_not_taken_for_a_change_of_others(qtbot: QtBot, watched: Session, world: World) -> None:
    before = world.file.read_text("utf-8")
    run_job(qtbot, watched, intents.SaveConfig(world.file, before.replace("num_threads = 4", "num_threads = 2"), based_on=before))
    qtbot.wait(2 * watching.QUIET_MS)
    settle(qtbot, watched)
    assert threads(watched) == 2
    assert not [message for message in watched.state.messages if "Another program" in message.text]


def test_a_change_during_a_job_is_not_lost(
    qtbot: QtBot, later_journal: Path, watched: Session, world: World, held: threading.Event
) -> None:
    """Not of the configuration, not of the journal; and the job's own changes are not taken for those of others."""
    journal = world.config.journal.local
    watched.start(JobKind.EXPORT, "Export", lambda _: held.wait(60), lambda _: "Exported.")
    elsewhere(OTHER_JOURNAL, journal, later_journal)
    qtbot.wait(2 * watching.QUIET_MS)
    assert watched.state.journal is None or not watched.state.journal.pending.files
    held.set()
    qtbot.waitUntil(lambda: watched.state.journal is not None and watched.state.journal.pending.files == 4, timeout=15_000)
    settle(qtbot, watched)
    held.clear()
    watched.start(JobKind.EXPORT, "Export", lambda _: held.wait(60), lambda _: "Exported.")
    elsewhere(IN_PLACE, world.file, "num_threads = 4", "num_threads = 2")
    qtbot.waitUntil(lambda: watched.state.last is not None and "running job" in watched.state.last.text, timeout=15_000)
    assert threads(watched) == 4
    held.set()
    qtbot.waitUntil(lambda: threads(watched) == 2, timeout=15_000)


def test_a_change_while_the_end_of_a_job_is_read_is_not_lost(
    qtbot: QtBot, later_journal: Path, watched: Session, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files are looked at before they are read, not afterwards."""
    real, journal = watched.look, world.config.journal.local

    def look(**arguments: Any) -> None:
        real(**arguments)
        monkeypatch.undo()
        done = threading.Event()
        watched._facts.ask(watched, lambda _: done.wait(30), lambda _: None)  # everything asked before is answered
        elsewhere(OTHER_JOURNAL, journal, later_journal)
        done.set()

    settle(qtbot, watched)
    monkeypatch.setattr(watched, "look", look)
    run_job(qtbot, watched, intents.Scan())
    qtbot.waitUntil(lambda: watched.state.journal is not None and watched.state.journal.pending.files == 4, timeout=15_000)


def test_many_changes_are_one_and_a_quiet_window_reads_nothing(
    qtbot: QtBot, watched: Session, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []
    real = watched.look
    monkeypatch.setattr(watched, "look", lambda **arguments: (looks.append(1), real(**arguments)))
    watched.look()
    settle(qtbot, watched)
    qtbot.wait(4 * watching.QUIET_MS)
    assert looks == [1], "what the window reads is not a change"
    folder = world.config.journal.local.parent
    with qtbot.waitSignal(watched.outside.watch.changed, timeout=15_000):
        elsewhere(BURST, folder / "other.txt")
    settle(qtbot, watched)
    assert looks == [1], "another file in the same folder"
    reported: list[int] = []
    watched.outside.watch.changed.connect(lambda: reported.append(1))
    elsewhere(BURST, folder / "others.txt")
    qtbot.waitUntil(lambda: bool(reported), timeout=15_000)
    qtbot.wait(2 * watching.QUIET_MS)
    assert len(reported) <= 2, "sixty changes"


def test_a_share_that_does_not_answer_holds_up_nobody(qtbot: QtBot, opened: Session, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither what the system is asked, nor the comparison of the files, is on the screen's thread: it would wait here for ever."""
    gate, here, where = threading.Event(), threading.get_ident(), set[int]()

    class Dead(watching.QFileSystemWatcher):
        def addPaths(self, paths: list[str]) -> list[str]:  # type: ignore[override]
            where.add(threading.get_ident())
            gate.wait(60)
            return super().addPaths(paths)

    def see(*arguments: Any) -> Any:
        where.add(threading.get_ident())
        gate.wait(60)
        return real(*arguments)

    real = outside.see
    monkeypatch.setattr(watching, "QFileSystemWatcher", Dead)
    monkeypatch.setattr(outside, "see", see)
    try:
        opened.outside.look()
        opened.outside.watch.watch((world.file,))
        qtbot.waitUntil(lambda: len(where) == 2, timeout=15_000)
        opened.do(intents.SetTheme("dark"))
        assert opened.state.preferences.theme == "dark"
        assert here not in where
    finally:
        gate.set()
    settle(qtbot, opened)


def test_the_held_back_list_of_a_colleague_is_noticed(
    qtbot: QtBot, watched: Session, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []
    monkeypatch.setattr(watched, "look", lambda **_: looks.append(1))
    listed = next(file for file in watched.outside._seen.files if file.name == "holds.json")  # type: ignore[union-attr]
    listed.parent.mkdir(exist_ok=True)
    qtbot.waitUntil(lambda: str(listed.parent) in watched.outside.watch._inside._watcher.directories(), timeout=10_000)  # type: ignore[union-attr]
    elsewhere("import sys, pathlib; pathlib.Path(sys.argv[1]).write_text('{}')", listed)
    qtbot.waitUntil(lambda: bool(looks), timeout=15_000)


def test_a_configuration_that_is_gone_is_not_called_read_again(qtbot: QtBot, watched: Session, world: World, held: threading.Event) -> None:
    text = world.file.read_text("utf-8")
    elsewhere("import sys, os; os.remove(sys.argv[1])", world.file)
    removed = "Another program removed config.toml, or its drive is not available."
    qtbot.waitUntil(lambda: watched.state.last is not None and watched.state.last.text == removed, timeout=15_000)
    assert watched.state.config is None
    world.file.write_text(text, "utf-8")
    qtbot.waitUntil(lambda: watched.state.config is not None, timeout=15_000)
    settle(qtbot, watched)
    watched.start(JobKind.EXPORT, "Export", lambda _: held.wait(60), lambda _: "Exported.")
    elsewhere("import sys, os; os.remove(sys.argv[1])", world.file)
    still = f"{removed} The running job still uses the earlier one."
    qtbot.waitUntil(lambda: watched.state.last is not None and watched.state.last.text == still, timeout=15_000)
    assert watched.state.config is not None


def test_a_command_that_works_next_to_the_window_does_not_make_it_ask_the_cloud_all_the_time(
    qtbot: QtBot, later_journal: Path, watched: Session, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It asks once the time is over, so that nothing stays out of date."""
    asked: list[int] = []
    monkeypatch.setattr(watched, "look_remote", lambda **_: asked.append(1))
    watched.outside._asked = time.monotonic()
    elsewhere(OTHER_JOURNAL, world.config.journal.local, later_journal)
    qtbot.waitUntil(lambda: watched.state.journal is not None and watched.state.journal.pending.files == 4, timeout=15_000)
    assert not asked
    timer = watched.outside._cloud
    assert 0 < timer.remainingTime() <= outside.CLOUD_SECONDS * 1000 + 1
    timer.start(0)
    qtbot.waitUntil(lambda: asked == [1], timeout=15_000)
    watched.outside._asked = 0.0
    watched.outside._look_again()
    assert asked == [1, 1], "nobody asked for a while"
    assert not timer.isActive()


def test_what_the_cloud_was_asked_before_is_still_answered(qtbot: QtBot, watched: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    gate, real = threading.Event(), facts.custody

    def slow(*arguments: Any, **named: Any) -> Any:
        gate.wait(60)
        return replace(real(*arguments, **named), text="the late answer")

    monkeypatch.setattr(facts, "custody", slow)
    watched.look_remote()
    watched.look(remote=False)
    gate.set()
    qtbot.waitUntil(lambda: watched.state.custody.text == "the late answer", timeout=15_000)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EINVAL])
def test_a_share_that_cannot_be_reached_stops_nothing(
    qtbot: QtBot, session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Not the report of a change, and not the opening: Windows answers for such shares what Python takes for an error of the program."""
    gone, there = tmp_path / "share" / "config.toml", tmp_path / "there.db"
    there.write_text("x", "utf-8")
    real = os.stat

    def stat(path: Any, *arguments: Any, **named: Any) -> os.stat_result:
        if not isinstance(path, int) and str(gone.parent) in os.fspath(path):
            raise OSError(number, "The share cannot be reached")
        return real(path, *arguments, **named)

    monkeypatch.setattr(os, "stat", stat)
    order: list[str] = []
    inside = watching._Inside()
    inside.watch((gone, there))
    assert inside._watcher is not None
    assert str(there) in inside._watcher.files()
    inside.changed.connect(lambda: order.append("said"))
    monkeypatch.setattr(inside, "_add", lambda: order.append("looked"))
    inside._changed("")
    assert order == ["said", "looked"], "a share that does not answer holds up no report"
    inside.end()
    session.open(gone)
    assert session.state.config_error
    session.settings.put("last", str(gone))
    open_first(session, None, demo=False)
    files.begin_at(gone)
    assert str(gone.parent) not in str(files.folder())
    files.begin_at(None)
