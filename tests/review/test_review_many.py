"""Holding back, letting go and grouping many changes: set by set, not row by row."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from chorus_gui.core.model import ChangeKind, Tally
from chorus_gui.core.review import hold_list
from chorus_gui.core.review.changes import by_ids, patients, prepare, select_ids, stream, summary
from chorus_gui.core.review.holds import Holds, hold_back, hold_back_patient, release
from chorus_gui.core.review.staging import Staging
from chorus_gui.core.review.values import SORTS, Hold, Query

MANY = 20_000


@pytest.fixture
def many(tmp_path: Path) -> Staging:
    """``MANY`` added files of a hundred patients, and a table that belongs to none."""
    staging = Staging.create(tmp_path / "review.db")
    staging.db.executemany(
        "INSERT INTO change (kind, modality, path, patient_id, size, mtime_us) VALUES ('added', 'Images', ?, ?, ?, ?)",
        ((f"{n % 100:03}/Images/{n:05}.dcm", f"{n % 100:03}", n, -n) for n in range(MANY)),
    )
    staging.db.execute("INSERT INTO change (kind, modality, path, size, mtime_us) VALUES ('updated', 'OMOP', 'OMOP/person.csv', 7, 7)")
    staging.db.execute("COMMIT")
    prepare(staging)
    return staging


def test_patients_come_in_the_order_of_the_changes(many: Staging) -> None:
    with many:
        for query in (Query(), Query(search="7.dcm"), Query(kinds=(ChangeKind.ADDED,), order="size", descending=True)):
            ids = select_ids(many, replace(query, by_patient=True))
            start = 0
            for patient, lines, tally, *_ in patients(many, query):
                found = by_ids(many, ids[start : start + lines])
                assert {change.patient_id for change in found} == {patient}
                assert sum(change.size or 0 for change in found) == tally.bytes
                if query.order == "size":
                    assert [change.size for change in found] == sorted((change.size or 0 for change in found), reverse=True)
                start += lines
            assert start == len(ids) > 0
        assert patients(many, Query(kinds=(ChangeKind.UPDATED,))) == [(None, 1, Tally(1, 7), 1, 0)]


def test_every_order_and_filter_finds_the_same_with_and_without_indexes(many: Staging, tmp_path: Path) -> None:
    bare = Staging.create(tmp_path / "bare.db")
    with many, bare:
        many.db.execute("UPDATE change SET excluded = 1 WHERE id % 17 = 0")
        many.db.execute("UPDATE change SET pair = id + 1 WHERE id % 1000 = 0")
        bare.db.execute("COMMIT")
        bare.db.execute("ATTACH ? AS full", (str(many.path),))
        bare.db.execute("INSERT INTO change SELECT * FROM full.change")
        filters: list[dict[str, Any]] = [
            {},
            {"kinds": (ChangeKind.ADDED,), "search": "42"},
            {"kinds": (ChangeKind.UPDATED,), "renamed": True},
            {"renamed": True},
            {"excluded": True},
            {"excluded": False, "patient": "042"},
        ]
        for order in SORTS:
            for descending in (False, True):
                for by_patient in (False, True):
                    for chosen in filters:
                        query = Query(order=order, descending=descending, by_patient=by_patient, **chosen)
                        assert select_ids(many, query) == select_ids(bare, query), query
        assert len(select_ids(many, Query(kinds=(ChangeKind.UPDATED,), renamed=True))) == 1 + MANY // 1000


def test_many_holds_cost_little(many: Staging, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    thousands = 0
    parsed = Mock(wraps=hold_list.parse)
    monkeypatch.setattr(hold_list, "parse", parsed)
    monkeypatch.setattr(hold_list, "LARGEST", 1 << 30)  # more than can be shared: so many steps show what grows

    def count() -> int:
        nonlocal thousands
        thousands += 1
        return 0

    with many, Holds(tmp_path / "journal.db") as holds:
        many.db.set_progress_handler(count, 1000)
        hold_back(many, holds, select_ids(many, Query(order="id"))[: MANY // 2], "not signed off")
        assert summary(many).excluded == MANY // 2
        many.db.execute("UPDATE change SET excluded = 0, reason = ''")
        assert holds.apply(many) == MANY // 2
        release(many, holds, range(1, MANY // 4 + 1))
        assert summary(many).excluded == MANY // 4
        assert len(holds.all()) == MANY // 4
        many.db.set_progress_handler(None, 0)
    assert 0 < thousands * 1000 < 1000 * MANY, "a pass over all changes for each hold takes MANY times as many steps of SQLite"
    assert parsed.call_count <= 10, "the list is not read for each hold"


def test_a_file_keeps_its_own_reason_beside_its_patients(many: Staging, tmp_path: Path) -> None:
    with many, Holds(tmp_path / "journal.db") as holds:
        first = select_ids(many, Query(patient="042", order="id"))[0]
        hold_back(many, holds, [first], "blurred")
        hold_back_patient(many, holds, "042", "consent withdrawn")
        assert {c.reason for c in stream(many, Query(patient="042"))} == {"blurred", "consent withdrawn"}
        release(many, holds, [first])
        assert summary(many).excluded == 0, "letting a file go lets its patient go"
        assert holds.all() == []


def test_a_hold_names_a_path_in_one_modality(many: Staging, tmp_path: Path) -> None:
    with many, Holds(tmp_path / "journal.db") as holds:
        holds.add([Hold("Waveforms", "042/Images/00042.dcm", "", "another modality", "me", 0)])
        assert holds.apply(many) == 0
        holds.add([Hold("Images", "042/Images/00042.dcm", "", "this one", "me", 0)])
        assert holds.apply(many) == 1


def test_ids_come_in_the_order_of_the_query(many: Staging) -> None:
    with many:
        for order in SORTS:
            for descending in (False, True):
                query = Query(order=order, descending=descending)
                sql, values = query.sql("id")
                assert list(select_ids(many, query)) == [key for (key,) in many.db.execute(sql, values)], query
        assert len(select_ids(many, Query(order="id"))) == MANY + 1
        assert len(select_ids(many, Query(search="nowhere"))) == 0
        assert list(select_ids(many, Query(order="id", limit=3))) == [1, 2, 3]
