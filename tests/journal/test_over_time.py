"""How a journal grew, by hand and as it is read: in blocks, while others write, and with the memory of one block."""

import random
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from chorus_gui.core.errors import Cancelled
from chorus_gui.core.journal import over_time as module
from chorus_gui.core.journal.over_time import VersionPoint, over_time
from chorus_gui.core.journal.store import Journal
from chorus_gui.core.model import Tally

TABLE = {1: "journal", 2: "journal_v2"}


@pytest.fixture(params=[1, 2])
def schema(request: pytest.FixtureRequest) -> int:
    return request.param


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK", 3)


def fill(path: Path, schema: int, rows: list[tuple[Any, ...]]) -> None:
    """Enter rows of (number, patient, size, version, valid, invalid) as another program could."""
    with closing(sqlite3.connect(path)) as db, db:
        if schema == 2:
            db.execute("INSERT INTO srcpaths VALUES (1, 'a')")
            db.execute("INSERT INTO modalities VALUES (1, 'Images')")
            names = sorted({row[3] for row in rows})
            db.executemany("INSERT INTO versions VALUES (?, ?)", enumerate(names, 1))
            rows = [(*row[:3], names.index(row[3]) + 1, *row[4:]) for row in rows]
        version, more, values = ("VERSION", "FILEPATH, MODALITY", "'x', 'Images'")
        if schema == 2:
            version, more, values = ("VERSION_ID", "FILENAME, MODALITY_ID, SRC_PATH_ID", "'x', 1, 1")
        db.executemany(
            f"INSERT INTO {TABLE[schema]} (FILE_ID, PERSON_ID, SIZE, {version}, TIME_VALID_us, TIME_INVALID_us, {more}, MD5, SRC_MODTIME_us) "
            f"VALUES (?, ?, ?, ?, ?, ?, {values}, '', 1)",
            rows,
        )


def by_hand(journal: Journal) -> list[VersionPoint]:
    rows = list(journal.rows())
    begun: dict[str, int] = {}
    for row in rows:
        if row.version:
            begun[row.version] = min(row.valid_us, begun.get(row.version, row.valid_us))
    order = sorted(begun, key=lambda version: (begun[version], version))
    points = list[VersionPoint]()
    for version, following in zip(order, [*order[1:], None], strict=True):
        patients = {row.patient_id for row in rows if row.version == version and row.active and row.patient_id}
        if following is None:
            current = [row for row in rows if row.active]
        else:
            end = max((row.valid_us for row in rows if row.valid_us < begun[following]), default=-1)
            current = [row for row in rows if row.valid_us <= end and (row.invalid_us is None or row.invalid_us > end)]
        points.append(VersionPoint(version, begun[version], len(patients), Tally(len(current), sum(max(row.size, 0) for row in current))))
    return points


def rows_of(seed: int) -> list[tuple[Any, ...]]:
    """Versions that overlap, numbers with gaps, entries that end before they begin, sizes that nobody knows."""
    some = random.Random(seed)
    number, rows, now = some.choice([-(2**63), -5, 1]), list[tuple[Any, ...]](), 100
    for _ in range(some.randrange(1, 40)):
        now += some.choice([0, 0, 0, 1, 50])
        version = some.choice(["", "v1", "v2", "v3", "a"]) if some.random() < 0.3 else f"v{now // 100}"
        ended = some.choice([None, None, None, now, now + 1, now + 70, now - 5])
        rows.append((number, some.choice([None, "", "7", "8", 9]), some.choice([0, 5, -1, 1000]), version, now, ended))
        number += some.choice([1, 1, 1, 9, 2**40])
    return rows


@pytest.mark.parametrize("seed", range(40))
def test_the_points_are_those_of_the_rows(seed, schema, new, small_blocks):
    path = new(schema)
    fill(path, schema, rows_of(seed))
    with Journal.open(path, readonly=True) as journal:
        assert over_time(journal, lambda: None) == by_hand(journal)
        assert over_time(journal, lambda: None) == by_hand(journal)  # the same connection again


def test_the_last_point_is_what_every_list_counts(schema, new):
    path = new(schema)
    fill(path, schema, rows_of(3))
    with Journal.open(path, readonly=True) as journal:
        *_, last = over_time(journal, lambda: None)
        counts = journal.counts()
        assert last.current == Tally(sum(c.active for c in counts), sum(c.active_bytes for c in counts))


def test_an_empty_journal_has_no_point(schema, new):
    with Journal.open(new(schema), readonly=True) as journal:
        assert over_time(journal, lambda: None) == []


def test_it_reads_in_blocks_and_others_write_between_them(schema, new, small_blocks):
    """No lock is held between two blocks, and a cancelled question ends there."""
    path = new(schema)
    fill(path, schema, [(number, str(number), 5, "v1", 1, None) for number in range(10)])
    looks = list[int]()
    with Journal.open(path, readonly=True) as journal, closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as other:

        def meanwhile() -> None:
            looks.append(other.execute(f"UPDATE {TABLE[schema]} SET SIZE = SIZE + 0").rowcount)

        assert over_time(journal, meanwhile)[0].current.files == 10
        assert looks == [10] * 10  # before the versions, four blocks twice, and the patients

        def cancelled() -> None:
            if len(looks) == 12:
                raise Cancelled
            looks.append(0)

        with pytest.raises(Cancelled):
            over_time(journal, cancelled)


def test_no_more_than_a_block_is_in_memory(schema, new, monkeypatch):
    """SQLite gives no more groups at once than a block has entries, and a block of equal entries is one sum."""
    path = new(schema)
    fill(path, schema, [(number, str(number), 5, "v1", number, None) for number in range(1, 200)])
    monkeypatch.setattr(module, "BLOCK", 20)
    places = list[int]()
    change = module._Growth._change

    def counted(self: Any, place: int, files: int, size: int) -> None:
        places.append(files)
        change(self, place, files, size)

    monkeypatch.setattr(module._Growth, "_change", counted)
    with Journal.open(path, readonly=True) as journal:
        (point,) = over_time(journal, lambda: None)
    assert point.patients == 199
    assert places == [20] * 9 + [19]
