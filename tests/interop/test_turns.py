"""Two computers of ours and an older tool take turns on one cloud journal: with a hold, a failed verification and a completion marker.

The older tool is played by its own steps: it takes the lock as it does, changes rows with SQL of its own, writes blobs without a
condition, and knows nothing of the small files next to the journal.
"""

from __future__ import annotations

import hashlib
import json
import math
import sqlite3
import time
from contextlib import closing
from pathlib import Path, PurePosixPath

import pytest
from custodyworld import BLOB
from hospital import ONE, TABLE, TWO, WAVE, WHY, Hospital

from chorus_gui.core.storage.base import Store

NEW = "1003/Images/c.dcm"
AT_US = 1_790_000_000_000_000
UPLOADED = time.strftime("%Y%m%d%H%M%S", time.gmtime(time.time() + 3600))
"""later than everything that the test does"""


class OlderTool:
    """What both generations do with the journal, the lock and the store."""

    tables: frozenset[str]

    def __init__(self, share: Store, central: Store, site: Path, folder: Path) -> None:
        self.share, self.central, self.site = share, central, site
        self.local = folder / "journal.db"
        folder.mkdir()

    def submit(self, version: str, *paths: str) -> None:
        """Check out, record and upload these files, check in; whatever anybody else holds back."""
        assert self.share.head(f"{BLOB}.locked") is None
        self.share.copy(BLOB, f"{BLOB}.locked")
        self.share.delete(BLOB)
        self.local.write_bytes(b"".join(self.share.read(f"{BLOB}.locked")))
        with closing(sqlite3.connect(self.local)) as db:
            for path in paths:
                data = (self.site / path).read_bytes()
                self.central.put(f"{version}/{path}", data)
                self.enter(db, version, path, data)
            db.commit()
        self.central.put(f"{version}/{BLOB}", self.local.read_bytes())
        self.share.put(BLOB, self.local.read_bytes())
        self.share.delete(f"{BLOB}.locked")

    def facts(self, path: str, data: bytes) -> tuple[str, str | None, int, int, str]:
        """modality, patient, time in microseconds, size, MD5."""
        parts = PurePosixPath(path).parts
        modality, patient = ("OMOP", None) if parts[0] == "OMOP" else (parts[1], parts[0])
        time_us = math.floor((self.site / path).stat().st_mtime * 1e6)
        return modality, patient, time_us, len(data), hashlib.md5(data).hexdigest()

    def enter(self, db: sqlite3.Connection, version: str, path: str, data: bytes) -> None:
        raise NotImplementedError


class Tool2024(OlderTool):
    tables = frozenset({"journal", "command_history"})

    def enter(self, db: sqlite3.Connection, version: str, path: str, data: bytes) -> None:
        modality, patient, time_us, size, md5 = self.facts(path, data)
        db.execute(
            "INSERT INTO journal (PERSON_ID, FILEPATH, MODALITY, SRC_MODTIME_us, SIZE, MD5, TIME_VALID_us, UPLOAD_DTSTR, VERSION, STATE) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'ADDED')",
            (patient, path, modality, time_us, size, md5, AT_US, UPLOADED, version),
        )


class CurrentTool(OlderTool):
    tables = frozenset({"journal_v2", "command_history_v2", "srcpaths", "modalities", "versions", "uploads"})

    def enter(self, db: sqlite3.Connection, version: str, path: str, data: bytes) -> None:
        modality, patient, time_us, size, md5 = self.facts(path, data)
        folder, _, name = path.rpartition("/")
        ids = []
        for table, column, value in (
            ("srcpaths", "SRC_PATH", folder or "."),
            ("modalities", "MODALITY", modality),
            ("uploads", "UPLOAD_DT", UPLOADED),
            ("versions", "VERSION", version),
        ):
            db.execute(f"INSERT OR IGNORE INTO {table} ({column}) VALUES (?)", (value,))
            ids += db.execute(f"SELECT id FROM {table} WHERE {column} = ?", (value,)).fetchone()
        db.execute(
            "INSERT INTO journal_v2 (PERSON_ID, SRC_PATH_ID, FILENAME, MODALITY_ID, SRC_MODTIME_us, SIZE, MD5, TIME_VALID_us, UPLOAD_DT_ID, "
            "VERSION_ID) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (patient, ids[0], name, ids[1], time_us, size, md5, AT_US, ids[2], ids[3]),
        )


def tables(journal: bytes, folder: Path) -> set[str]:
    file = folder / "looked at.db"
    file.write_bytes(journal)
    with closing(sqlite3.connect(file)) as db:
        return {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")}


@pytest.mark.parametrize("kind", [Tool2024, CurrentTool])
def test_two_computers_and_an_older_tool_take_turns(hospital: Hospital, kind: type[OlderTool], tmp_path: Path) -> None:
    anna, bernd = hospital.anna, hospital.bernd
    if kind is Tool2024:
        anna.flat()
        bernd.flat()
    older = kind(hospital.share, hospital.central, hospital.site, tmp_path / "older tool")

    def marker(version: str) -> dict[str, object] | None:
        info = hospital.central.head(f"{version}/submission.json")
        return json.loads(b"".join(hospital.central.read(info.path))) if info else None

    def complete() -> dict[str, str]:
        return {line["version"]: line["complete"] for line in anna.json("journal list")["versions"]}

    # Anna holds a file back and submits the rest: the version is complete, and says that something is held back.
    anna.run(f"hold add --file {ONE} --reason '{WHY}'")
    anna.run("submit --yes --version 20260101000000")
    assert hospital.in_store() == {TABLE, WAVE, TWO}
    first = marker("20260101000000")
    assert first is not None
    assert (first["files"], first["held_back"]) == (3, 1)

    # The hold binds Bernd.
    bernd.run("submit --yes")
    assert hospital.in_store() == {TABLE, WAVE, TWO}

    # The older tool knows neither holds nor markers. It uploads the held file, and a new one.
    (hospital.site / NEW).parent.mkdir(parents=True)
    (hospital.site / NEW).write_text("a third image")
    side_files = {blob.path: b"".join(hospital.share.read(blob.path)) for blob in hospital.share.list(f"{BLOB}.chorus/")}
    assert f"{BLOB}.chorus/holds.json" in side_files
    older.submit("20260102000000", ONE, NEW)
    assert tables(older.local.read_bytes(), tmp_path) == older.tables, "the journal has the older tool's tables, and no other"
    assert {path: b"".join(hospital.share.read(path)) for path in side_files} == side_files

    # Both of our computers use its rows: nothing is uploaded twice, and the held file is named.
    said = bernd.run("submit --yes")
    assert ONE in said.out + said.said
    assert hospital.in_store() == {TABLE, WAVE, TWO, ONE, NEW}
    assert marker("20260101000000") == first
    assert bernd.held() == {ONE}
    assert complete()["20260101000000"] == "yes"
    second = marker("20260102000000")
    assert second is not None, "every entry of the newest version was compared with the store"
    assert second["files"] == 2

    # A file is damaged in the store. Bernd finds it; the version is not complete any more; Anna sees it on her computer.
    hospital.central.put(f"20260101000000/{TWO}", b"something else")
    said = bernd.run("file verify --all", status=1)
    assert "differ" in said.out + said.said
    assert marker("20260101000000") is None
    seen = anna.run("status")
    assert "The central store differs from the journal. 1 file was missing or different" in seen.out + seen.said
    assert "bernd" in seen.out + seen.said

    # Another turn of the older tool changes nothing of that.
    (hospital.site / "OMOP/visit.csv").write_text("id\n7\n")
    older.submit("20260103000000", "OMOP/visit.csv")
    assert "missing or different" in anna.run("status").out

    # Anna repairs exactly that file, where its row says it is; both computers agree, every byte.
    anna.run("file repair --all")
    assert b"".join(hospital.central.read(f"20260101000000/{TWO}")) == (hospital.site / TWO).read_bytes()
    after = marker("20260101000000")
    assert after is not None
    assert after["root_sha256"] == first["root_sha256"]
    for computer in (anna, bernd):
        computer.run("file verify --all --reread")
        computer.run("submit --yes")
    assert tables(b"".join(hospital.share.read(BLOB)), tmp_path) == older.tables
    assert {blob.path for blob in hospital.share.list()} & {f"{BLOB}.locked"} == set()
    names = {blob.path for blob in hospital.share.list(f"{BLOB}.chorus/")}
    assert {name.split("/")[1] for name in names} >= {"holds.json", "verified", "receipts"}
