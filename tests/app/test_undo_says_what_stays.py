"""What undoing a version changes and what it does not: the question before, the result, the JSON and the receipt give the numbers."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from world import World

from chorus_gui.app.journal import closed_with, staying
from chorus_gui.cli.main import main
from chorus_gui.core.job import JobContext
from chorus_gui.core.journal.queries import closed_with as of_journal

FOLDER = "1001/Images"
STAY = (
    "2 deletions stay recorded (a renamed file counts under its earlier name). If these files are back on the site, the next scan shows them "
    "as restored or added."
)


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Uploaded as v1; then, of every kind, one change recorded as v2."""
    world = World(tmp_path)
    for name in "abcdef":
        world.put(f"{FOLDER}/{name}.dcm", name * 50)
    world.run(version="v1")
    (world.site / FOLDER / "f.dcm").unlink()
    assert main(["-c", str(world.file), "file", "mark_as_deleted", "--file", f"{FOLDER}/f.dcm"]) == 0
    (world.site / FOLDER / "a.dcm").unlink()
    (world.site / FOLDER / "b.dcm").rename(world.site / FOLDER / "renamed.dcm")
    world.put(f"{FOLDER}/c.dcm", "changed")
    os.utime(world.site / FOLDER / "d.dcm", (10, 10))
    world.put(f"{FOLDER}/new.dcm", "new")
    world.run("record", version="v2")
    return world


def test_what_is_undone_and_what_stays(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    with world.open() as journal:
        start = min(row.invalid_us for row in journal.rows() if row.invalid_us is not None)
        journal._conn.execute(  # the deletion by hand and the recording are in one second here, and seconds are what a history has
            "UPDATE journal_v2 SET TIME_INVALID_us = ? WHERE TIME_INVALID_us = ?", (start - 10_000_000, start)
        )
    assert closed_with(world.journal, "v2", JobContext()) == 2
    capsys.readouterr()
    assert main(["-c", str(world.file), "journal", "undo", "--version", "v2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"version": "v2", "removed": 3, "deletions_kept": 2}
    current = {path.removeprefix(f"{FOLDER}/"): row.version for path, row in world.active().items()}
    assert current == {"c.dcm": "v1", "d.dcm": "v1", "e.dcm": "v1"}
    assert world.active()[f"{FOLDER}/d.dcm"].mtime_us == 10_000_000, "the changed time stays recorded"
    world.put(f"{FOLDER}/a.dcm", "a" * 50)
    found = {path.removeprefix(f"{FOLDER}/"): kind for path, kind in world.kinds().items()}
    assert found == {"a.dcm": "restored", "c.dcm": "updated", "new.dcm": "added", "renamed.dcm": "added"}


def test_the_command_line_and_the_receipt_say_it(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-c", str(world.file), "journal", "undo", "--version", "v2"]) == 0
    said = capsys.readouterr().out
    assert "Removed 3 pending files of version v2 from the journal. The next scan finds them again. " in said
    assert "deletions stay recorded" in said


def test_a_version_without_deletions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world = World(tmp_path)
    world.put(f"{FOLDER}/a.dcm", "a")
    world.run("record", version="v1")
    assert main(["-c", str(world.file), "journal", "undo", "--version", "v1"]) == 0
    said = capsys.readouterr().out
    assert "Removed 1 pending file of version v1 from the journal. The next scan finds it again.\n" in said
    assert "stay" not in said


def test_a_deletion_of_another_command_does_not_count(tmp_path: Path) -> None:
    """Before the recording, and between two recordings of one version.  A history says no more than seconds, so the moments are set here."""
    world = World(tmp_path)
    for name in "abc":
        world.put(f"{FOLDER}/{name}.dcm", name * 50)
    world.run(version="v1")
    (world.site / FOLDER / "a.dcm").unlink()
    world.put(f"{FOLDER}/new.dcm", "new")
    world.run("record", version="v2")
    second = 1_000_000
    with world.open() as journal:
        conn = journal._conn
        conn.execute("UPDATE command_history_v2 SET DATETIME = '2026-01-02 10:00:00 UTC' WHERE COMMAND = 'journal update'")
        (recorded,) = conn.execute("SELECT CAST(strftime('%s', '2026-01-02 10:00:05') AS INTEGER)").fetchone()
        conn.execute("UPDATE journal_v2 SET TIME_VALID_us = ? WHERE UPLOAD_DT_ID IS NULL", (recorded * second,))
        for moment, counts in ((recorded, 1), (recorded - 5, 1), (recorded - 6, 0), (recorded + 1, 0)):
            conn.execute("UPDATE journal_v2 SET TIME_INVALID_us = ? WHERE TIME_INVALID_us IS NOT NULL", (moment * second,))
            assert of_journal(journal, "v2") == counts, moment


def test_the_words() -> None:
    assert staying(0) == ""
    assert staying(1).startswith("1 deletion stays recorded")
    assert staying(1).endswith("If this file is back on the site, the next scan shows it as restored or added.")
    assert staying(2) == STAY
