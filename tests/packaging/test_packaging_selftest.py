"""The self-test: it passes here, and it fails where something is wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from chorus_gui.app import selftest
from chorus_gui.cli.main import main
from chorus_gui.core import folders
from chorus_gui.core.errors import ChorusError
from chorus_gui.ui.app import end_of_session
from chorus_gui.ui.main_window import PAGES
from chorus_gui.ui.session import Session
from chorus_gui.ui.settings import Settings

ROOT = Path(__file__).resolve().parents[2]


def test_the_console_program_tries_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["self-test", str(tmp_path / "out")]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["ok"]
    assert {check["name"] for check in said["checks"]} == {
        "user folders",
        "resources",
        "tls",
        "credential store",
        "sqlite",
        "lock",
        "cloud libraries",
        "submission",
    }
    assert json.loads((tmp_path / "out" / "self-test.json").read_text("utf-8")) == said
    assert not (folders.data_folder() / "receipts").exists(), "it left nothing among the user's files"


def test_something_wrong_is_told_and_ends_with_status_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(selftest, "RESOURCES", ("config/config-template.toml.j2", "config/lost.toml"))
    assert main(["self-test"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert not said["ok"]
    (bad,) = [check for check in said["checks"] if not check["ok"]]
    assert bad["name"] == "resources"
    assert "config/lost.toml" in bad["told"]


def test_what_is_told_holds_no_secret() -> None:
    def check() -> str:
        raise ChorusError("The URL https://a.blob.core.windows.net/c?sig=abc%2Fdef was refused.")

    told = selftest.attempt("x", check)
    assert not told.ok
    assert "abc" not in told.told


def test_the_programs_own_folder_is_as_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CHORUS_UPLOAD_HOME")
    with selftest.own_home(tmp_path):
        assert folders.data_folder() == tmp_path / "data"
    assert "CHORUS_UPLOAD_HOME" not in os.environ


def test_every_resource_that_it_asks_for_is_there() -> None:
    assert [name for name in selftest.RESOURCES if not folders.resource(name).is_file()] == []


@pytest.mark.slow
def test_the_window_tries_itself(tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-m", "chorus_gui", "--self-test", str(out)]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, env={**os.environ, "QT_QPA_PLATFORM": "offscreen"}, check=False
    )
    verdict = json.loads((out / "self-test.json").read_text("utf-8"))
    assert [check for check in verdict["checks"] if not check["ok"]] == [], done.stderr
    assert done.returncode == 0
    pages = [page.name for page in PAGES if (ROOT / "chorus_gui" / "ui" / "pages" / f"{page.name}.py").is_file()]
    assert len(pages) > 5
    pictures = {f"{number}-{name}.png" for number, name in enumerate(pages, 1)}
    assert {file.name for file in out.iterdir()} == pictures | {"self-test.json"}, "and the made-up site is gone"


def test_a_logoff_stops_everything(qtbot: QtBot, tmp_path: Path) -> None:
    session = Session(Settings(tmp_path / "window.ini"))
    ended: list[None] = []
    session.stopped.connect(lambda: ended.append(None))
    end_of_session(session)
    assert ended == [None]
    assert session.jobs.idle
    session.deleteLater()
