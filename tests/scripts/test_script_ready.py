"""What a running script asks before it sends."""

from __future__ import annotations

from pathlib import Path

import pytest
from scriptworld import ScriptWorld

from chorus_gui.cli.main import main
from chorus_gui.core.job import JobContext
from chorus_gui.core.journal.store import Journal
from chorus_gui.core.model import Action, Entry
from chorus_gui.core.scripts.ready import Ready, ready
from chorus_gui.core.storage.open import Sources, open_source
from chorus_gui.core.submission.run_result import RunResult
from chorus_gui.core.submission.work import Work

FILES = ("P1/Images/a", "P1/Images/b")


@pytest.fixture
def world(tmp_path: Path) -> ScriptWorld:
    made = ScriptWorld(tmp_path, files=FILES)
    made.record()
    return made


def ask(world: ScriptWorld, *paths: str, folders: tuple[str, ...] = ()) -> Ready:
    config = world.config
    with Journal.open(world.journal, readonly=True) as journal:
        work = Work(config, journal, JobContext(), Sources(config, open_source), RunResult())
        return ready(work, paths, [str(world.site / folder) for folder in folders])


def mark(world: ScriptWorld, *paths: str) -> None:
    ids = [row.file_id for row in world.rows() if row.path in paths]
    with Journal.open(world.journal) as journal:
        journal.commit([Entry(Action.UPLOADED, old_id=number, uploaded="20260102000000") for number in ids])


def test_recorded_files_may_go(world: ScriptWorld) -> None:
    assert ask(world, *FILES, folders=("P1/Images",)) == Ready(2)


def test_a_page_that_is_marked_is_done(world: ScriptWorld) -> None:
    mark(world, FILES[0])
    assert ask(world, *FILES) == Ready(1)
    mark(world, FILES[1])
    assert ask(world, *FILES) == Ready(0)


def test_a_changed_and_a_missing_file_are_told(world: ScriptWorld) -> None:
    world.put(FILES[0], b"longer than it was before")
    (world.site / FILES[1]).unlink()
    problems = ask(world, *FILES).problems
    assert len(problems) == 2
    assert problems[0] == "“P1/Images/a” was changed after it was recorded."


def test_a_file_that_is_no_longer_in_the_journal_is_told(world: ScriptWorld) -> None:
    assert ask(world, *FILES, "P1/Images/c").problems == ("“P1/Images/c” is no longer a current file of the journal.",)


def test_a_new_file_in_a_folder_that_is_sent_whole_is_told(world: ScriptWorld) -> None:
    world.put("P1/Images/new")
    assert ask(world, *FILES).problems == ()
    (problem,) = ask(world, *FILES, folders=("P1/Images",)).problems
    assert "new” is not one of the files of this script" in problem


def test_the_command_says_it_with_its_status(world: ScriptWorld, capsys: pytest.CaptureFixture[str]) -> None:
    listed = world.base / "list.txt"
    listed.write_text("\n".join(FILES), "utf-8")
    folders = world.base / "folders.txt"
    folders.write_text(f"{world.site / 'P1' / 'Images'}\n", "utf-8")
    command = ["-c", str(world.file), "script", "ready", "--file-list", str(listed), "--folders", str(folders)]
    assert main(command) == 0
    world.put("P1/Images/new")
    assert main(command) == 1
    assert "write a new script" in capsys.readouterr().err
    (world.site / "P1/Images/new").unlink()
    assert main(["-c", str(world.file), "script", "checkout"]) == 0
    mark(world, *FILES)
    assert main(command) == 10


def test_a_check_out_of_ours_is_gone_on_with(world: ScriptWorld, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["-c", str(world.file), "script"]
    assert main([*command, "checkout"]) == 0
    assert main([*command, "checkout"]) == 0
    assert "continues with it" in capsys.readouterr().out
    assert main([*command, "checkin"]) == 0
    assert not (world.base / "share" / "journal.db.locked").exists()


def test_a_check_out_of_somebody_else_stops(world: ScriptWorld, capsys: pytest.CaptureFixture[str]) -> None:
    (world.base / "share" / "journal.db.locked").write_bytes(b"theirs")
    assert main(["-c", str(world.file), "script", "checkout"]) == 2
    assert "checked out" in capsys.readouterr().err
