"""``file list --output-file``: which kind of file is written, and what is said about it."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from platforms import posix_names
from scriptworld import NASTY, ScriptWorld

from chorus_gui.cli.main import main


@pytest.fixture
def world(tmp_path: Path) -> ScriptWorld:
    made = ScriptWorld(tmp_path)
    made.record()
    return made


def listing(world: ScriptWorld, *options: str) -> int:
    return main(["-c", str(world.file), "file", "list", *options])


def test_azcli_is_what_a_site_that_sends_so_gets(world: ScriptWorld) -> None:
    file = world.base / "send.sh"
    assert listing(world, "--output-file", str(file), "--target", "posix") == 0
    assert "az storage blob" in file.read_text("utf-8")
    world.file.write_text(world.file.read_text("utf-8").replace('upload_method = "azcli"', ""), "utf-8")
    assert listing(world, "--output-file", str(file)) == 0
    assert sorted(file.read_text("utf-8").splitlines()) == sorted(NASTY)


def test_only_what_is_asked_for_is_sent(world: ScriptWorld) -> None:
    file = world.base / "send.sh"
    assert listing(world, "--output-file", str(file), "--output-type", "azcopy", "--modalities", "OMOP") == 0
    assert sorted((world.base / "send.files" / "0001.txt").read_text("utf-8").splitlines()) == sorted(
        p for p in NASTY if p.startswith("OMOP")
    )
    assert listing(world, "--output-file", str(file), "--output-type", "azcopy", "--max-num-files", "1") == 0
    assert len((world.base / "send.files" / "0001.txt").read_text("utf-8").splitlines()) == 1


def test_a_secret_that_is_written_is_announced(world: ScriptWorld, capsys: pytest.CaptureFixture[str]) -> None:
    file = world.base / "send.sh"
    assert listing(world, "--output-file", str(file), "--target", "posix") == 0
    assert "contains your SAS token" not in capsys.readouterr().err
    assert "sig=ab" not in file.read_text("utf-8")
    assert listing(world, "--output-file", str(file), "--target", "posix", "--secret", "inline") == 0
    said = capsys.readouterr()
    assert "contains your SAS token" in said.err
    assert "sig=ab" not in said.err + said.out
    assert "sig=ab%2Fcd%3D" in file.read_text("utf-8")


def test_a_switched_off_check_is_announced(world: ScriptWorld, capsys: pytest.CaptureFixture[str]) -> None:
    assert listing(world, "--output-file", str(world.base / "send.sh"), "--output-type", "azcli", "--no-verify-tls") == 0
    assert "Others on the network could read the data" in capsys.readouterr().err


@posix_names
def test_what_is_left_out_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world = ScriptWorld(tmp_path, files=("OMOP/a.csv", "OMOP/b$c.csv"))
    world.record()
    with closing(sqlite3.connect(world.base / "share" / "journal.db")) as db, db:  # as another tool recorded it: a scan refuses the name
        changed = db.execute("UPDATE journal_v2 SET FILENAME = replace(FILENAME, '$', '\\')").rowcount
    assert changed
    file = world.base / "send.sh"
    assert listing(world, "--output-file", str(file), "--output-type", "azcopy", "--target", "posix", "--json") == 1
    said = capsys.readouterr()
    assert json.loads(said.out[said.out.index("{\n") :])["files"] == 1
    assert "b\\c.csv is not in the script" in said.err


def test_requests_that_make_no_sense_are_refused(world: ScriptWorld, capsys: pytest.CaptureFixture[str]) -> None:
    assert listing(world, "--output-type", "azcli") == 2
    assert "--output-file" in capsys.readouterr().err
    assert listing(world, "--output-type", "azcli", "--uploaded", "--output-file", str(world.base / "x.sh")) == 2
    assert not (world.base / "x.sh").exists()


def test_nothing_waiting_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world = ScriptWorld(tmp_path, files=("OMOP/a.csv",))
    world.record()
    assert listing(world, "--modalities", "Images", "--output-file", str(world.base / "x.sh")) == 0
    assert "No files are pending" in capsys.readouterr().out
    assert not (world.base / "x.sh").exists()


@pytest.mark.parametrize("hours", ["nan", "inf", "-1", "0", "1e300", "x"])
def test_a_token_is_signed_for_hours_that_there_are(tmp_path: Path, capsys: pytest.CaptureFixture[str], hours: str) -> None:
    """“nan” was an error in the program, and -1 hours a token that had expired."""
    world = ScriptWorld(tmp_path, 'auth_mode = "key"\nazure_account_name = "acct"\nazure_account_key = "a2V5a2V5"', files=("OMOP/a.csv",))
    assert main(["-c", str(world.file), "script", "sas", "--hours=" + hours]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "is not a number of hours" in err
