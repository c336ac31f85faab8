"""While somebody works in the window, unattended runs of the same configuration wait."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from faces import fill
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLineEdit
from pytestqt.qtbot import QtBot
from world import World

from chorus_gui.app.status import Status
from chorus_gui.app.unattended import working
from chorus_gui.app.unattended.run_report import saved
from chorus_gui.cli.main import main
from chorus_gui.core.errors import Cancelled
from chorus_gui.core.folders import data_folder
from chorus_gui.core.job import JobContext
from chorus_gui.ui.activity import Activity

HERE, THERE = Path("/site/config.toml"), Path("/other/config.toml")


def now_us() -> int:
    return time.time_ns() // 1000


def test_keys_and_clicks_are_work_on_the_open_configuration(qtbot: QtBot) -> None:
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    edit = QLineEdit()
    qtbot.addWidget(edit)
    edit.show()
    activity = Activity(edit)
    application.installEventFilter(activity)
    try:
        qtbot.keyClick(edit, Qt.Key.Key_A)
        assert working.working(HERE) is None, "no configuration is open"
        activity.follow(HERE)
        assert working.working(HERE) is None, "nobody did anything"
        qtbot.keyClick(edit, Qt.Key.Key_A)
        assert working.working(HERE) is not None
        assert working.working(THERE) is None
        activity.follow(THERE)
        qtbot.mouseClick(edit, Qt.MouseButton.LeftButton)
        assert working.working(HERE) is None
        assert working.working(THERE) is not None
        activity.follow(None)
        assert working.working(THERE) is None
    finally:
        application.removeEventFilter(activity)


def test_nobody_works_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    working.note(HERE, now_us())
    assert working.working(HERE) is not None
    monkeypatch.setattr(working, "IDLE_S", 0.0)
    assert working.working(HERE) is None


@pytest.mark.parametrize("content", ["", "x", "[]", '{"config": 1}', '{"config": "a", "since_us": 1, "last_us": 99999999999999999}'])
def test_a_note_that_cannot_be_read_is_no_work(content: str) -> None:
    (data_folder("instance") / working.NAME).write_text(content, "utf-8")
    assert working.working(Path("a")) is None


def test_a_run_waits_until_the_person_has_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = fill(World(tmp_path / "world"))
    policy = tmp_path / "p.toml"
    policy.write_text("", "utf-8")
    monkeypatch.setattr(working, "LOOK_S", 0.05)
    working.note(world.file, now_us())
    ends: list[int] = []
    run = threading.Thread(target=lambda: ends.append(main(["-c", str(world.file), "submit", "--policy", str(policy)])))
    run.start()
    time.sleep(1.5)
    assert not world.journal.exists(), "it waits, and holds no lock"
    assert ends == []
    working.end()
    run.join(200)
    assert ends == [Status.DONE]
    assert len(world.rows()) == 4


def test_a_run_that_waited_too_long_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    world = fill(World(tmp_path / "world"))
    policy = tmp_path / "p.toml"
    policy.write_text("", "utf-8")
    monkeypatch.setattr(working, "LOOK_S", 0.01)
    monkeypatch.setattr(working, "LONGEST_S", 0.05)
    working.note(world.file, now_us())
    assert main(["-c", str(world.file), "submit", "--policy", str(policy)]) == Status.STOPPED
    assert "Somebody has worked in the window of CHoRUS Upload since 20" in capsys.readouterr().err
    assert not world.journal.exists()
    assert saved()[0][1].status == Status.STOPPED


def test_waiting_can_be_stopped() -> None:
    working.note(HERE, now_us())
    ctx = JobContext()
    ctx.cancel()
    with pytest.raises(Cancelled):
        working.wait(HERE, ctx)
