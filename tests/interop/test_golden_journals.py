"""Step by step, our journals are the ones that both older generations wrote of the same site."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from pathlib import Path

import pytest
from sitetree import write_snapshot

from chorus_gui.cli.main import main

JOURNALS = Path(__file__).parents[1] / "data" / "journals"
STEPS = (("update", 1), ("upload", 1), ("update", 2), ("upload", 2))
VERSIONS = {1: "20250101000000", 2: "20250102000000"}

NESTED = """\
[configuration]
supported_modalities = "OMOP,Images,Waveforms"
page_size = {page_size}
[journal]
journaling_mode = "full"
[journal.local]
path = "journal.db"
[central_path]
path = "{central}"
[site_path.default]
path = "{site}"
"""
FLAT = """\
[configuration]
supported_modalities = "OMOP,Images,Waveforms"
journaling_mode = "full"
page_size = {page_size}
[journal]
local_path = "journal.db"
[central_path]
path = "{central}"
[site_path.default]
path = "{site}"
"""
V2 = (
    "SELECT m.MODALITY, s.SRC_PATH, j.FILENAME, j.PERSON_ID, typeof(j.PERSON_ID), j.SRC_MODTIME_us, j.SIZE, j.MD5, j.TIME_INVALID_us IS NULL, "
    "j.UPLOAD_DT_ID IS NULL, v.VERSION FROM journal_v2 j JOIN modalities m ON m.id = j.MODALITY_ID JOIN srcpaths s ON s.id = j.SRC_PATH_ID "
    "JOIN versions v ON v.id = j.VERSION_ID"
)
V1 = (
    "SELECT MODALITY, FILEPATH, PERSON_ID, typeof(PERSON_ID), SRC_MODTIME_us, SIZE, MD5, TIME_INVALID_us IS NULL, UPLOAD_DTSTR IS NULL, VERSION, STATE, "
    "MD5_DURATION IS NULL, UPLOAD_DURATION IS NULL, VERIFY_DURATION IS NULL FROM journal"
)


def truth(journal: Path, schema: int) -> list[tuple[object, ...]]:
    """The rows, but for their order, their ids and the moments of the run."""
    db = sqlite3.connect(journal)
    try:
        return sorted(db.execute(V2 if schema == 2 else V1).fetchall(), key=repr)
    finally:
        db.close()


def commands(journal: Path, schema: int) -> list[tuple[object, ...]]:
    db = sqlite3.connect(journal)
    try:
        table = "command_history_v2" if schema == 2 else "command_history"
        return db.execute(
            f"SELECT COMMAND, PARAMS, DEST_PATH IS NULL, DEST_PATH = 'None', typeof(Duration) FROM {table} ORDER BY COMMAND_ID"
        ).fetchall()
    finally:
        db.close()


def tables(journal: Path) -> list[tuple[object, ...]]:
    db = sqlite3.connect(journal)
    try:
        return sorted(db.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall(), key=repr)
    finally:
        db.close()


class Site:
    """A site with both snapshots, a journal of one schema and a folder as central store."""

    def __init__(self, base: Path, schema: int, page_size: int = 1000) -> None:
        self.base, self.schema = base, schema
        self.central = base / "central"
        self.central.mkdir()
        self.journal = base / "journal.db"
        for number in (1, 2):
            write_snapshot(base / f"snapshot{number}", number)  # type: ignore[arg-type]
            text = (NESTED if schema == 2 else FLAT).format(
                central=self.central.as_posix(), site=(base / f"snapshot{number}").as_posix(), page_size=page_size
            )
            (base / f"v{schema}_{number}.toml").write_text(text)

    def run(self, step: str, number: int) -> int:
        command = ["journal", "update", "--version", VERSIONS[number]] if step == "update" else ["file", "upload"]
        return main(["--config", str(self.base / f"v{self.schema}_{number}.toml"), *command])

    def store_path(self, modality: str, path: str, version: str) -> Path:
        if self.schema == 2:
            path = path.replace("/waveforms/", "/Waveforms/")
        return self.central / version / path


@pytest.fixture(params=[1, 2], ids=["v1-flat", "v2-nested"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Site:
    out = Site(tmp_path, request.param)
    if request.param == 1:  # new journals are made in version 2; a site of 2024 brings its own
        db = sqlite3.connect(JOURNALS / "journal_v1_after_update_1.db")
        empty = sqlite3.connect(out.journal)
        for (sql,) in db.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name != 'sqlite_sequence'").fetchall():
            empty.execute(sql)
        empty.close()
        db.close()
    return out


def check_store(site: Site) -> None:
    """Every open, uploaded row's file lies at its place with the row's MD5."""
    sql = f"SELECT MODALITY, FILEPATH, MD5, VERSION FROM journal WHERE TIME_INVALID_us IS NULL AND UPLOAD_DTSTR IS NOT NULL"  # noqa: F541
    if site.schema == 2:
        sql = (
            "SELECT m.MODALITY, CASE s.SRC_PATH WHEN '.' THEN j.FILENAME ELSE s.SRC_PATH || '/' || j.FILENAME END, j.MD5, v.VERSION FROM journal_v2 j "
            "JOIN modalities m ON m.id = j.MODALITY_ID JOIN srcpaths s ON s.id = j.SRC_PATH_ID JOIN versions v ON v.id = j.VERSION_ID "
            "WHERE j.TIME_INVALID_us IS NULL AND j.UPLOAD_DT_ID IS NOT NULL"
        )
    db = sqlite3.connect(site.journal)
    rows = db.execute(sql).fetchall()
    db.close()
    assert rows
    for modality, path, md5, version in rows:
        assert hashlib.md5(site.store_path(modality, path, version).read_bytes()).hexdigest() == md5, path


def test_every_step_equals_the_sample(site: Site) -> None:
    for step, number in STEPS:
        assert site.run(step, number) == 0
        sample = JOURNALS / f"journal_v{site.schema}_after_{step}_{number}.db"
        assert truth(site.journal, site.schema) == truth(sample, site.schema), f"after {step} {number}"
        assert tables(site.journal) == tables(sample)
        assert commands(site.journal, site.schema) == commands(sample, site.schema)
        assert site.journal.read_bytes()[18:20] == b"\x01\x01"
        if step == "upload":
            check_store(site)
            assert (site.central / VERSIONS[number] / "journal.db").is_file()


@pytest.mark.parametrize("begun", ["update_1", "upload_1", "update_2"])
def test_a_journal_that_the_other_tool_began_is_continued(site: Site, begun: str) -> None:
    shutil.copy(JOURNALS / f"journal_v{site.schema}_after_{begun}.db", site.journal)
    at = [f"{step}_{number}" for step, number in STEPS].index(begun)
    for step, number in STEPS[at + 1 :]:
        # what the other tool recorded and uploaded of snapshot 1 is not there any more in this store; snapshot 2 is what counts
        assert site.run(step, number) == 0
        assert truth(site.journal, site.schema) == truth(JOURNALS / f"journal_v{site.schema}_after_{step}_{number}.db", site.schema)


def test_submitting_in_one_go_gives_the_same_rows(site: Site) -> None:
    for number in (1, 2):
        config = str(site.base / f"v{site.schema}_{number}.toml")
        assert main(["-c", config, "submit", "--yes", "--version", VERSIONS[number]]) == 0
        assert truth(site.journal, site.schema) == truth(JOURNALS / f"journal_v{site.schema}_after_upload_{number}.db", site.schema)
        check_store(site)
