"""How many entries each version has: never older than the journal, of one moment, and in one pass."""

import os
import random
import re
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from chorus_gui.core.journal import backups, counting
from chorus_gui.core.journal.store import Journal
from chorus_gui.core.model import VersionCount

TABLE = {1: "journal", 2: "journal_v2"}
COLUMNS = {1: ("VERSION", "MODALITY", "UPLOAD_DTSTR"), 2: ("VERSION_ID", "MODALITY_ID", "UPLOAD_DT_ID")}


@pytest.fixture(params=[1, 2])
def schema(request: pytest.FixtureRequest) -> int:
    return request.param


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "BLOCK", 4)
    monkeypatch.setattr(counting, "LARGEST", 16)
    monkeypatch.setattr(counting, "SKIPPED", 2)


def by_hand(journal: Journal) -> list[VersionCount]:
    """What the rows say."""
    sums: dict[tuple[str, str], list[Any]] = {}
    for row in journal.rows():
        found = sums.setdefault((row.version, row.modality), [0, 0, 0, 0, 0, None])
        size = max(row.size, 0)
        for at, value in enumerate((row.active, row.active * size, row.pending, row.pending * size, not row.active)):
            found[at] += value
        found[5] = max(filter(None, (found[5], row.uploaded)), default=None)
    return [VersionCount(*key, *sums[key]) for key in sorted(sums)]


def fill(path: Path, schema: int, rows: list[tuple[Any, ...]]) -> None:
    """Enter rows of (id, size, closed, version, modality, upload) as another program could."""
    with closing(sqlite3.connect(path)) as db, db:
        if schema == 2:
            db.execute("INSERT INTO srcpaths VALUES (1, 'a')")
            for table in ("modalities", "versions", "uploads"):  # 3 and 4 have no name, 2 and 5 have the same one
                db.executemany(f"INSERT OR IGNORE INTO {table} VALUES (?, ?)", ((1, "1"), (2, "2"), (6, "Images")))
        else:
            rows = [(*row[:3], *(None if value in (None, 4) else str(value) for value in row[3:])) for row in rows]
        path_column, folder = ("FILEPATH", "") if schema == 1 else ("FILENAME", ", SRC_PATH_ID")
        db.executemany(
            f"INSERT INTO {TABLE[schema]} (FILE_ID, SIZE, TIME_INVALID_us, {', '.join(COLUMNS[schema])}, {path_column}{folder}, MD5, "
            f"SRC_MODTIME_us, TIME_VALID_us) VALUES (?, ?, ?, ?, ?, ?, 'x'{', 1' if folder else ''}, '', 1, 1)",
            rows,
        )


def rows_of(seed: int, schema: int) -> list[tuple[Any, ...]]:
    """Runs of equal entries with gaps between their numbers, and odd ones among them."""
    some = random.Random(seed)
    number, rows = some.choice([-(2**63), -5, 1, 2**62]), list[tuple[Any, ...]]()
    nothing = 4 if schema == 2 else None  # a version must be there in format 2; its name can be missing
    for _ in range(some.randrange(1, 9)):
        kind = some.choice([1, 2, nothing]), some.choice([1, 2, None]), some.choice([None, 1, 2, 3])
        for _ in range(some.choice([1, 3, 40])):
            size = some.choice([5] * 30 + [0, -7, "many", 2.5, b"12"] + ([None] if schema == 1 else []))
            one = some.choice([kind] * 12 + [(1, 2, None)])
            rows.append((number, size, some.choice([None] * 9 + [7]), *one))
            number += some.choice([1] * 9 + [30])
        number += some.choice([0, 3, 1000, 2**40])
    if some.random() < 0.3:
        rows.append((2**63 - 1, 5, None, 1, 1, 1))
    return rows


@pytest.mark.parametrize("seed", range(60))
def test_the_counts_are_those_of_the_rows(seed, schema, new, small_blocks):
    path = new(schema)
    fill(path, schema, rows_of(seed, schema))
    with Journal.open(path, readonly=True) as journal:
        assert journal.counts() == by_hand(journal)
        assert journal.versions() == sorted({row.version for row in journal.rows()} - {""})


def by_another_program(path: Path, schema: int, statement: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute(statement.format(table=TABLE[schema], upload=COLUMNS[schema][2], version=COLUMNS[schema][0]))


STATEMENTS = [
    "DELETE FROM {table} WHERE FILE_ID = 2",
    "UPDATE {table} SET SIZE = 50 WHERE FILE_ID = 3",
    "UPDATE {table} SET TIME_INVALID_us = 5 WHERE FILE_ID = 4",
    "UPDATE {table} SET {upload} = 2 WHERE FILE_ID = 5",
    "UPDATE {table} SET {version} = 2 WHERE FILE_ID = 6",
]


@pytest.mark.parametrize("statement", STATEMENTS)
def test_no_count_is_older_than_what_another_program_wrote(statement, schema, new, small_blocks):
    """Also if neither the size nor the time of the file says that it changed."""
    path = new(schema)
    fill(path, schema, [(number, 5, None, 1, 1, None) for number in range(1, 30)])
    with Journal.open(path, readonly=True) as opened, Journal.open(path) as writer:
        before = opened.counts()
        assert writer.counts() == before
        stat = path.stat()
        by_another_program(path, schema, statement)
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        assert path.stat().st_size == stat.st_size
        with Journal.open(path, readonly=True) as again:
            now = by_hand(again)
            assert now != before
            assert opened.counts() == writer.counts() == again.counts() == now


def test_no_count_is_older_than_a_restored_journal(schema, new, small_blocks):
    path = new(schema)
    fill(path, schema, [(number, 5, None, 1, 1, None) for number in range(1, 30)])
    kept = backups.keep(path)
    assert kept is not None
    with Journal.open(path, readonly=True) as journal:
        before = journal.counts()
    by_another_program(path, schema, STATEMENTS[0])
    with Journal.open(path, readonly=True) as journal:
        assert journal.counts() != before
    backups.restore(path, kept)
    with Journal.open(path, readonly=True) as journal:
        assert journal.counts() == by_hand(journal) == before


def test_no_count_is_older_than_a_journal_that_took_its_place(schema, new, small_blocks, tmp_path):
    """As after a check-out; the size, the time and SQLite's own count of changes are the same."""
    path = new(schema)
    fill(path, schema, [(number, 5, None, 1, 1, None) for number in range(1, 30)])
    other = tmp_path / "other.db"
    shutil.copy2(path, other)
    by_another_program(path, schema, STATEMENTS[1])
    by_another_program(other, schema, STATEMENTS[2])
    with Journal.open(path, readonly=True) as journal:
        before = journal.counts()
    stat = path.stat()
    other.replace(path)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    with Journal.open(path, readonly=True) as journal:
        assert journal.counts() == by_hand(journal) != before


def test_a_count_is_of_one_moment(schema, new, small_blocks):
    """Between two blocks nobody can write."""
    path = new(schema)
    fill(path, schema, [(number, 5, None, 1, 1, None) for number in range(1, 200)])
    said: list[str] = []
    with Journal.open(path, readonly=True) as journal, closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as other:
        before = by_hand(journal)
        other.execute("PRAGMA cache_spill = OFF")

        def meanwhile(statement: str) -> None:
            if statement.startswith("SELECT COUNT"):
                with pytest.raises(sqlite3.OperationalError) as refused:
                    other.execute(f"DELETE FROM {TABLE[schema]}")
                said.append(str(refused.value))
                other.rollback()

        journal._conn.set_trace_callback(meanwhile)
        assert journal.counts() == before
        assert len(said) > 5
        assert set(said) == {"database is locked"}
        journal._conn.set_trace_callback(None)
        other.execute(f"DELETE FROM {TABLE[schema]}")  # nothing is kept locked afterwards
        assert journal.counts() == []


def steps(do: Callable[[], object], conn: sqlite3.Connection) -> int:
    """How many steps SQLite's machine took, in tens."""
    taken = [0]

    def tick() -> int:
        taken[0] += 10
        return 0

    conn.set_progress_handler(tick, 10)
    do()
    conn.set_progress_handler(None, 0)
    return taken[0]


def test_entries_that_follow_one_another_are_summed_and_not_grouped(schema, new):
    path = new(schema)
    rows = [(number, 5, 7 if number % 1000 == 0 else None, 1 + number // 20_000, 1, 1) for number in range(40_000)]
    fill(path, schema, rows)
    grouped = list[int]()

    def notice(statement: str) -> None:
        if "GROUP BY" in statement and "IS NOT TRUE" not in statement:
            found = re.search(r"BETWEEN (\d+) AND (\d+)", statement)
            grouped.append(int(found[2]) - int(found[1]) + 1 if found else len(rows))

    with Journal.open(path, readonly=True) as journal:
        journal._conn.set_trace_callback(notice)
        found = journal.counts()
        journal._conn.set_trace_callback(None)
        assert found == by_hand(journal)
    assert sum(grouped) < len(rows) / 10


def test_entries_of_two_versions_in_turns_cost_little_more_than_grouping_them(schema, new):
    path = new(schema)
    rows = [(number, 5, None, 1 + number % 2, 1, None) for number in range(40_000)]
    fill(path, schema, rows)
    with Journal.open(path, readonly=True) as journal:
        grouped = journal._schema.counts_sql("1")
        once = steps(lambda: journal._conn.execute(grouped).fetchall(), journal._conn)
        assert steps(journal.counts, journal._conn) < 1.5 * once
        assert journal.counts() == by_hand(journal)


def last_by_hand(journal: Journal) -> str | None:
    """The version whose first row was written last, as the rows say."""
    first: dict[str, int] = {}
    for row in journal.rows():
        first[row.version] = min(row.file_id, first.get(row.version, row.file_id))
    first.pop("", None)
    return max(first, key=lambda version: first[version], default=None)


@pytest.mark.parametrize("seed", range(60))
def test_the_version_begun_last_is_that_of_the_rows(seed, schema, new, small_blocks):
    path, some = new(schema), random.Random(seed)
    rows = rows_of(seed, schema)
    fill(path, schema, rows)
    values = [7, 7, 8, 9, -3, "soon", 2.5, b"12", 2**62, *([None] if schema == 1 else [])]
    with closing(sqlite3.connect(path)) as db, db:
        moments = [(some.choice(values), row[0]) for row in rows if some.random() < 0.5]
        db.executemany(f"UPDATE {TABLE[schema]} SET TIME_VALID_us = ? WHERE FILE_ID = ?", moments)
    with Journal.open(path, readonly=True) as journal:
        assert journal.last_version() == last_by_hand(journal)


def test_the_version_begun_last_is_found_without_sorting_and_once(schema, new):
    path = new(schema)
    fill(path, schema, [(number, 5, None, 1 + number // 20_000, 1, 1) for number in range(40_000)])
    said: list[str] = []
    with Journal.open(path) as journal:
        journal._conn.set_trace_callback(said.append)
        assert journal.last_version() == "2"
        assert [statement for statement in said if "GROUP BY" in statement and "BETWEEN" not in statement] == []
        assert sum("GROUP BY" in statement for statement in said) == 1, "only the block with both versions"
        said.clear()
        assert journal.last_version() == "2"
        assert [statement for statement in said if "data_version" not in statement] == [], "nobody wrote since"
        journal._conn.set_trace_callback(None)
        assert journal.last_version() == last_by_hand(journal) == "2"
        by_another_program(path, schema, "UPDATE {table} SET TIME_VALID_us = 2 WHERE {version} = 1")
        assert journal.last_version() == last_by_hand(journal) == "2", "a wrong clock does not decide"
