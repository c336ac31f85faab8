"""Questions of the command line and the window."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from chorus_gui.core.journal import counting
from chorus_gui.core.journal.queries import ModalityCount, active_by_paths, by_modality, current_rows, file_history, unknown_patients
from chorus_gui.core.journal.store import Journal
from chorus_gui.core.model import Action, Entry


@pytest.mark.parametrize("schema", [1, 2])
def test_counts_of_the_samples(sample, schema):
    with Journal.open(sample(schema, "update_2"), readonly=True) as journal:
        counts = {count.modality: count for count in by_modality(journal)}
        pending = {name: (count.pending, count.pending_bytes) for name, count in counts.items() if count.pending}
        assert pending == {"Images": (1, 5000), "OMOP": (1, 950), "Waveforms": (2, 4187)}
        images = counts["Images"]
        assert images == ModalityCount("Images", 3, 7381, 1, 5000, "20261122115548" if schema == 1 else "20261122115541")
        counts = {(c.version, c.modality): (c.active, c.pending, c.closed) for c in journal.counts()}
        assert counts["20250101000000", "Images"] == (2, 0, 1)
        assert counts["20250102000000", "Waveforms"] == (2, 2, 0)


@pytest.mark.parametrize("schema", [1, 2])
def test_the_history_of_a_file(sample, schema):
    with Journal.open(sample(schema, "upload_2"), readonly=True) as journal:
        rows = file_history(journal, "OMOP/person.csv")
        assert [(r.size, r.active) for r in rows] == [(900, False), (950, True)]
        assert file_history(journal, "OMOP/person.csv", "OMOP") == rows
        assert file_history(journal, "OMOP/person.csv", "Images") == []


@pytest.mark.parametrize("schema", [1, 2])
def test_unknown_patients_are_told_from_ids_and_folders(new, enter, schema):
    with Journal.open(new(schema)) as journal:
        journal.commit([enter("7/Images/a.dcm", uploaded="1"), enter("study/0012A/b.dcm"), enter("OMOP/person.csv", modality="OMOP")])
        journal.commit([Entry(Action.CLOSE, old_id=1)])
        sent: list[str] = []
        with journal.reading() as schema_of:
            schema_of.conn.set_trace_callback(sent.append)
        asked = ["8", "0012A", "0", "study", "12A", "9", "", "7"]
        assert unknown_patients(journal, asked) == ["8", "0", "12A", "9", ""]
        assert len([sql for sql in sent if "path" in sql]) == 2, "once for the IDs, once for the folders"
        assert unknown_patients(journal, []) == []


@pytest.mark.parametrize("schema", [1, 2])
@pytest.mark.parametrize("known", [True, False])
def test_many_patients_need_no_more_than_one_where_the_journal_is_searched(new, enter, schema, known):
    """No row is compared with each patient.  Counted in steps of SQLite, not in seconds."""
    with Journal.open(new(schema)) as journal:
        journal.commit([enter(f"{n % 100 + 1}/Images/{n}.dcm", patient_id=str(n % 100 + 1), uploaded="1") for n in range(2000)])
        steps: list[int] = []
        with journal.reading() as schema_of:
            schema_of.conn.set_progress_handler(lambda: steps.append(1) or 0, 100)
        counts: list[int] = []
        for patients in ([str(100 + 1000 * (not known))], [str(n + 1 + 1000 * (not known)) for n in range(100)]):
            steps.clear()
            assert unknown_patients(journal, patients) == ([] if known else patients)
            counts.append(len(steps))
        assert counts[1] < 2 * counts[0], counts


@pytest.mark.parametrize("schema", [1, 2])
def test_active_rows_of_many_paths(new, enter, schema):
    odd = ["O'Brien's/x'y.dcm", 'a"b', "%_*", "é/日本", "c:\\d", "a,b;c"]
    with Journal.open(new(schema)) as journal:
        journal.commit([enter(p, uploaded="1") for p in odd] + [enter(odd[0], modality="OMOP")] + [enter(f"f/{i}") for i in range(3000)])
        journal.commit([Entry(Action.CLOSE, old_id=2)])
        found = active_by_paths(journal, odd, ["Images"])
        assert sorted(r.path for r in found) == sorted(set(odd) - {'a"b'})
        assert [r.modality for r in active_by_paths(journal, iter([odd[0]]))] == ["Images", "OMOP"]
        assert len(active_by_paths(journal, (f"f/{i}" for i in range(2000)))) == 2000
        assert active_by_paths(journal, []) == []
        assert active_by_paths(journal, odd, []) == []


@pytest.mark.parametrize("schema", [1, 2])
def test_the_current_rows_of_a_version(new, enter, schema):
    """More than a page of them, with others between; one that is closed while a page is read is left out of the next page."""
    with Journal.open(new(schema)) as journal:
        journal.commit(enter(f"f/{i}", uploaded="1", version=f"v{i % 2}") for i in range(9000))
        journal.commit([Entry(Action.CLOSE, old_id=id_) for id_ in (2, 4, 9000)])
        assert [row.file_id for row in current_rows(journal, "v1")] == sorted(
            row.file_id for row in journal.rows(version="v1", active=True)
        )
        assert list(current_rows(journal, "v9")) == []
        reading = current_rows(journal, "v0")
        assert next(reading).file_id == 1
        journal.commit([Entry(Action.CLOSE, old_id=8999)])
        assert 8999 not in {row.file_id for row in reading}


def test_the_last_version_is_the_one_begun_last_whatever_its_name(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "journal.db", create=True) as journal:
        assert journal.last_version() is None
        for moment, (name, version) in enumerate((("a", "test"), ("b", "20250101000000"), ("c", "20240101000000")), 1):
            entry = Entry(Action.ENTER, "OMOP", f"OMOP/{name}.csv", None, 1, 1, "0" * 32, version, "20250101000000")
            journal.commit([entry], at_us=moment)
        first = next(row for row in journal.rows() if row.version == "test")
        journal.commit([Entry(Action.REPEAT, old_id=first.file_id, mtime_us=2, state="MOVED")], at_us=9)
        assert journal.last_version() == "20240101000000"


def test_versions_are_counted_as_their_rows_are(sample):
    """Format 2 sums by number, format 1 by name: both say what the rows say, also where other tools left odd ones."""
    for schema in (1, 2):
        path = sample(schema, "update_2")
        with closing(sqlite3.connect(path)) as conn, conn:
            if schema == 2:
                conn.execute("UPDATE journal_v2 SET VERSION_ID = 99 WHERE FILE_ID = 1")
                conn.execute("UPDATE journal_v2 SET VERSION_ID = 98, UPLOAD_DT_ID = 77 WHERE FILE_ID = 2")
                conn.execute("UPDATE journal_v2 SET MODALITY_ID = NULL, SIZE = -5 WHERE FILE_ID = 3")
            else:
                conn.execute("UPDATE journal SET VERSION = NULL WHERE FILE_ID < 3")
                conn.execute("UPDATE journal SET MODALITY = NULL, SIZE = NULL WHERE FILE_ID = 3")
        with Journal.open(path, readonly=True) as journal:
            expected: dict[tuple[str, str], list[Any]] = {}
            for row in journal.rows():
                sums = expected.setdefault((row.version, row.modality), [0, 0, 0, 0, 0, None])
                size = max(row.size, 0)
                for at, value in enumerate((row.active, row.active * size, row.pending, row.pending * size, not row.active)):
                    sums[at] += value
                sums[5] = max(filter(None, (sums[5], row.uploaded)), default=None)
            found = journal.counts()
        assert [(count.version, count.modality) for count in found] == sorted(expected)
        assert {
            (c.version, c.modality): [c.active, c.active_bytes, c.pending, c.pending_bytes, c.closed, c.last_upload] for c in found
        } == expected


@pytest.mark.parametrize("schema", [1, 2])
def test_versions_are_counted_once_until_somebody_writes(sample, schema, enter, monkeypatch):
    path = sample(schema, "update_2")
    with Journal.open(path) as journal:
        asked: list[str] = []
        counts = counting.counts
        monkeypatch.setattr(counting, "counts", lambda schema: asked.append("") or counts(schema))
        before = journal.counts()
        before.clear()  # it is the caller's own
        assert journal.counts()
        assert len(asked) == 1
        journal.commit([enter("x", version="v9")])
        assert [count.active for count in journal.counts() if count.version == "v9"] == [1]
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            table = "journal" if schema == 1 else "journal_v2"
            other.execute(f"DELETE FROM {table} WHERE FILE_ID = (SELECT max(FILE_ID) FROM {table})")
        assert [count.active for count in journal.counts() if count.version == "v9"] == []
