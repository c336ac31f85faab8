"""A version that lost its completion marker or its copy of the journal by hand: the command says so, and the one that it names works."""

from __future__ import annotations

from pathlib import Path

import pytest
from world import World

from chorus_gui.cli.main import main

REMEDY = "chorus-upload file upload --version v1"


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    world.put("1/Images/a.dcm", "a")
    world.run(version="v1")
    return world


def said(world: World, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["-c", str(world.file), *words]) == 0
    shown = capsys.readouterr()
    return " ".join((shown.out + shown.err).split())


@pytest.mark.parametrize("name", ["submission.json", "journal.db"])
def test_a_deleted_marker_or_copy_of_the_journal_is_named_and_written_again(
    world: World, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    capsys.readouterr()
    text = said(world, capsys, "remote", "delete", "--yes", f"v1/{name}")
    assert "Version v1 is no longer marked as complete." in text
    assert ("The copy of the journal in its folder is gone." in text) is (name == "journal.db")
    assert REMEDY in text
    text = said(world, capsys, *REMEDY.split()[1:])
    assert "Nothing to do" not in text
    assert "Version v1 is complete. Wrote its completion marker." in text
    assert "Wrote the copy of the journal in the folder of version v1." in text or name != "journal.db"
    assert (world.central / "v1" / name).exists()
    assert "Nothing to do." in said(world, capsys, *REMEDY.split()[1:])


def test_an_upload_by_hand_into_a_complete_version_is_named(world: World, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "note.txt"
    file.write_text("note", "utf-8")
    text = said(world, capsys, "remote", "upload", str(file), "v1/note.txt")
    assert "Version v1 is no longer marked as complete." in text
    assert not (world.central / "v1" / "submission.json").exists()


def test_another_folder_is_no_version(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    other = world.central / "notes"
    other.mkdir()
    (other / "submission.json").write_text("{}", "utf-8")
    assert "complete" not in said(world, capsys, "remote", "delete", "--yes", "notes/submission.json")
