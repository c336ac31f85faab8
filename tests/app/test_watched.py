"""The files of a site that others may change: looking at them harms nothing."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from world import World

from chorus_gui.app import watched

TAKE = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0, isolation_level=None).execute('BEGIN IMMEDIATE')"


def other_process(file: Path) -> str:
    """What another process is told if it begins to write."""
    done = subprocess.run([sys.executable, "-c", TAKE, str(file)], capture_output=True, text=True, check=False)
    return done.stderr.strip().rpartition("\n")[2]


def test_looking_at_a_database_drops_no_lock_of_this_process(tmp_path: Path) -> None:
    """Outside Windows, to close any handle of a file drops them all: another process would undo what a job of the window has begun."""
    world = World(tmp_path)
    file = world.config.journal.local
    with closing(sqlite3.connect(file, isolation_level=None)) as writer:
        writer.execute("CREATE TABLE t (x)")
        seen = watched.see(world.file, world.config)
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("INSERT INTO t VALUES (1)")
        assert watched.see(world.file, world.config) == seen
        assert "locked" in other_process(file)
        writer.execute("COMMIT")
        assert watched.see(world.file, world.config) != seen
    assert other_process(file) == ""


def test_a_database_that_was_replaced_is_another_one(tmp_path: Path) -> None:
    world = World(tmp_path)
    file, other = world.config.journal.local, tmp_path / "other.db"
    for one, rows in ((file, 1), (other, 5)):
        with closing(sqlite3.connect(one, isolation_level=None)) as writer:
            writer.execute("CREATE TABLE t (x)")
            for _ in range(rows):
                writer.execute("INSERT INTO t VALUES (1)")
    seen = watched.see(world.file, world.config)
    os.replace(other, file)
    assert (now := watched.see(world.file, world.config)) != seen
    assert watched.see(world.file, world.config) == now
    file.unlink()
    gone = watched.see(world.file, world.config)
    assert dict(gone.others)[file] is None
