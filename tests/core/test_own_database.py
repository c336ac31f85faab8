"""Databases of the program's own."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from chorus_gui.core.own_database import OwnDatabase, own_database


def test_one_that_cannot_be_begun_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows neither removes nor replaces a file that is open, so a damaged one would stay for ever."""
    closed: list[OwnDatabase] = []

    def close(db: OwnDatabase) -> None:
        closed.append(db)
        sqlite3.Connection.close(db)

    monkeypatch.setattr(OwnDatabase, "close", close, raising=False)
    file = tmp_path / "own.db"
    file.write_bytes(b"x" * 5000)
    with pytest.raises(sqlite3.DatabaseError):
        own_database(file, timeout=1, begin="CREATE TABLE a (b);")
    assert len(closed) == 1
    with pytest.raises(sqlite3.ProgrammingError):
        closed[0].execute("SELECT 1")
    file.unlink()
    assert own_database(file, timeout=1, begin="CREATE TABLE a (b);").execute("SELECT count(*) FROM a").fetchone() == (0,)
