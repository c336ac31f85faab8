"""Journals to work on: copies of the samples that both generations of the other tool wrote, and new ones of either schema."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from journal_samples import MD5, SAMPLES

from chorus_gui.core.journal.v1 import V1
from chorus_gui.core.journal.v2 import V2
from chorus_gui.core.model import Action, Entry


@pytest.fixture
def sample(tmp_path: Path) -> Callable[[int, str], Path]:
    """A copy of ``journal_v{schema}_after_{step}.db``."""

    def copy(schema: int, step: str) -> Path:
        path = tmp_path / "journal.db"
        shutil.copy(SAMPLES / f"journal_v{schema}_after_{step}.db", path)
        return path

    return copy


@pytest.fixture
def new(tmp_path: Path) -> Callable[[int], Path]:
    """An empty journal of a schema, its tables made by plain SQL."""

    def make(schema: int) -> Path:
        path = tmp_path / f"empty{schema}.db"
        with closing(sqlite3.connect(path)) as conn:
            for statement in (V1 if schema == 1 else V2).statements:
                conn.execute(statement)
        return path

    return make


@pytest.fixture
def enter() -> Callable[..., Entry]:
    """An entry of a new file, with something in every field."""

    def make(path: str, **fields: object) -> Entry:
        values: dict[str, object] = {"modality": "Images", "patient_id": "7", "size": 5, "mtime_us": 11, "md5": MD5, "version": "v1"}
        return Entry(Action.ENTER, path=path, **(values | fields))  # type: ignore[arg-type]

    return make


@pytest.fixture
def dump() -> Callable[[Path], dict[str, list[tuple[object, ...]]]]:
    """Every table of a file, read without the program."""

    def read(path: Path) -> dict[str, list[tuple[object, ...]]]:
        with closing(sqlite3.connect(path)) as conn:
            tables = [name for (name,) in conn.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            return {name: conn.execute(f"SELECT * FROM {name}").fetchall() for name in tables}

    return read
