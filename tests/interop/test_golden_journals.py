"""Step by step, our journals are the ones that both older generations wrote of the same site."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
import uuid
from pathlib import Path

import pytest
from azure_places import service
from platforms import cases_differ
from sitetree import CASE_ONLY, write_snapshot

from chorus_gui.app.demo.azurite import Azurite
from chorus_gui.cli.main import main

JOURNALS = Path(__file__).parents[1] / "data" / "journals"
STEPS = (("update", 1), ("upload", 1), ("update", 2), ("upload", 2))
VERSIONS = {1: "20250101000000", 2: "20250102000000"}

NESTED = """\
[configuration]
supported_modalities = "OMOP,Images,Waveforms"
[journal]
journaling_mode = "full"
[journal.local]
path = "journal.db"
{journal_source}
[central_path]
path = "{central}"
{central_auth}
[site_path.default]
path = "{site}"
"""
FLAT = """\
[configuration]
supported_modalities = "OMOP,Images,Waveforms"
journaling_mode = "full"
[journal]
local_path = "journal.db"
{journal_source}
[central_path]
path = "{central}"
{central_auth}
[site_path.default]
path = "{site}"
"""
AUTH = """\
azure_account_name = "{account}"
azure_account_key = "{key}"
azure_account_url = "{url}"
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
FORGET_V1 = f"DELETE FROM journal WHERE FILEPATH = '{CASE_ONLY}'"
FORGET_V2 = f"DELETE FROM journal_v2 WHERE FILENAME = '{CASE_ONLY.rpartition('/')[2]}'"


def truth(journal: Path, schema: int) -> list[tuple[object, ...]]:
    """The rows, but for their order, their ids and the moments of the run; and for the file that not every disk can hold."""
    db = sqlite3.connect(journal)
    try:
        rows = db.execute(V2 if schema == 2 else V1).fetchall()
        return sorted((row for row in rows if cases_differ() or "lower.dat" not in "/".join(map(str, row))), key=repr)
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
    """A site with both snapshots, a journal of one schema, and a central store: a folder, or a container with the journal in it."""

    def __init__(self, base: Path, schema: int, azurite: Azurite | None) -> None:
        self.base, self.schema, self.azurite = base, schema, azurite
        self.journal = base / "journal.db"
        self.central = base / "central"
        self.central.mkdir()
        self.container = f"golden-{uuid.uuid4().hex[:12]}"
        text, central, auth, source = NESTED if schema == 2 else FLAT, self.central.as_posix(), "", ""
        if azurite is not None:
            service(azurite).create_container(self.container)
            keys = AUTH.format(account=azurite.account, key=azurite.key, url=azurite.url)
            central, cloud = f"az://{self.container}/golden", f'path = "az://{self.container}/journal.db"'
            if schema == 2:
                auth, source = f"[central_path.auth]\n{keys}", f"[journal.source]\n{cloud}\n[journal.source.auth]\n{keys}"
            else:
                auth, source = keys, f"{cloud}\n{keys}"
        for number in (1, 2):
            write_snapshot(base / f"snapshot{number}", number)  # type: ignore[arg-type]
            site = (base / f"snapshot{number}").as_posix()
            (base / f"v{schema}_{number}.toml").write_text(
                text.format(central=central, central_auth=auth, journal_source=source, site=site), "utf-8"
            )

    def run(self, *command: str, number: int) -> int:
        return main(["--config", str(self.base / f"v{self.schema}_{number}.toml"), *command])

    def step(self, step: str, number: int) -> int:
        return self.run(*(("journal", "update", "--version", VERSIONS[number]) if step == "update" else ("file", "upload")), number=number)

    def begin(self, journal: Path) -> None:
        """The site has this journal already, where its journal lives."""
        copy = Path(shutil.copy(journal, self.base / "begun.db"))
        if not cases_differ():
            db = sqlite3.connect(copy)
            db.execute(FORGET_V2 if self.schema == 2 else FORGET_V1)
            db.commit()
            db.close()
        if self.azurite is None:
            shutil.copy(copy, self.journal)
        else:
            service(self.azurite).get_blob_client(self.container, "journal.db").upload_blob(copy.read_bytes(), overwrite=True)

    def now(self) -> Path:
        """The journal as it is: in the cloud, if it lives there, unlocked."""
        if self.azurite is None:
            return self.journal
        container = service(self.azurite).get_container_client(self.container)
        assert not container.get_blob_client("journal.db.locked").exists()
        copy = self.base / "from-the-cloud.db"
        copy.write_bytes(container.download_blob("journal.db").readall())
        assert truth(copy, self.schema) == truth(self.journal, self.schema)
        return copy

    def read(self, path: str) -> bytes:
        """A blob of the central store."""
        if self.azurite is None:
            return (self.central / path).read_bytes()
        return service(self.azurite).get_blob_client(self.container, f"golden/{path}").download_blob().readall()

    def lay(self, number: int) -> None:
        """What the other tool uploaded of a snapshot."""
        snapshot, version = self.base / f"snapshot{number}", VERSIONS[number]
        for file in snapshot.rglob("*"):
            if file.is_file():
                path = self.store_path(file.relative_to(snapshot).as_posix(), version)
                if self.azurite is None:
                    (self.central / path).parent.mkdir(parents=True, exist_ok=True)
                    (self.central / path).write_bytes(file.read_bytes())
                else:
                    service(self.azurite).get_blob_client(self.container, f"golden/{path}").upload_blob(file.read_bytes())

    def store_path(self, path: str, version: str) -> str:
        """The facts of the central layout, by hand: the nested one spells the modality's folder its own way."""
        return f"{version}/{path.replace('/waveforms/', '/Waveforms/') if self.schema == 2 else path}"


@pytest.fixture(params=["v1-folder", "v2-folder", "v1-azurite", "v2-azurite"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Site:
    generation, store = request.param.split("-")
    out = Site(tmp_path, int(generation[1]), request.getfixturevalue("azurite") if store == "azurite" else None)
    if out.schema == 1:  # new journals are made in version 2; a site of 2024 brings its own
        db = sqlite3.connect(JOURNALS / "journal_v1_after_update_1.db")
        empty = sqlite3.connect(tmp_path / "empty.db")
        for (sql,) in db.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name != 'sqlite_sequence'").fetchall():
            empty.execute(sql)
        empty.close()
        db.close()
        out.begin(tmp_path / "empty.db")
    return out


def check_store(site: Site, journal: Path) -> None:
    """Every open, uploaded row's file lies at its place with the row's MD5."""
    sql = "SELECT FILEPATH, MD5, VERSION FROM journal WHERE TIME_INVALID_us IS NULL AND UPLOAD_DTSTR IS NOT NULL"
    if site.schema == 2:
        sql = (
            "SELECT CASE s.SRC_PATH WHEN '.' THEN j.FILENAME ELSE s.SRC_PATH || '/' || j.FILENAME END, j.MD5, v.VERSION FROM journal_v2 j "
            "JOIN srcpaths s ON s.id = j.SRC_PATH_ID JOIN versions v ON v.id = j.VERSION_ID "
            "WHERE j.TIME_INVALID_us IS NULL AND j.UPLOAD_DT_ID IS NOT NULL"
        )
    db = sqlite3.connect(journal)
    rows = db.execute(sql).fetchall()
    db.close()
    assert rows
    for path, md5, version in rows:
        assert hashlib.md5(site.read(site.store_path(path, version))).hexdigest() == md5, path


def check_copy(site: Site, journal: Path, version: str) -> None:
    """The copy in the version's folder is the journal."""
    copy = site.base / "copy.db"
    copy.write_bytes(site.read(f"{version}/journal.db"))
    assert truth(copy, site.schema) == truth(journal, site.schema)


def test_every_step_equals_the_sample(site: Site) -> None:
    for step, number in STEPS:
        assert site.step(step, number) == 0
        sample, journal = JOURNALS / f"journal_v{site.schema}_after_{step}_{number}.db", site.now()
        assert truth(journal, site.schema) == truth(sample, site.schema), f"after {step} {number}"
        assert tables(journal) == tables(sample)
        assert commands(journal, site.schema) == commands(sample, site.schema)
        assert journal.read_bytes()[18:20] == b"\x01\x01"
        if step == "upload":
            check_store(site, journal)
            check_copy(site, journal, VERSIONS[number])


@pytest.mark.parametrize("begun", ["update_1", "upload_1", "update_2"])
def test_a_journal_that_the_other_tool_began_is_continued(site: Site, begun: str) -> None:
    site.begin(JOURNALS / f"journal_v{site.schema}_after_{begun}.db")
    at = [f"{step}_{number}" for step, number in STEPS].index(begun)
    if begun != "update_1":
        site.lay(1)
    for step, number in STEPS[at + 1 :]:
        assert site.step(step, number) == 0
        assert truth(site.now(), site.schema) == truth(JOURNALS / f"journal_v{site.schema}_after_{step}_{number}.db", site.schema)


def test_submitting_in_one_go_gives_the_same_rows(site: Site) -> None:
    for number in (1, 2):
        assert site.run("submit", "--yes", "--version", VERSIONS[number], number=number) == 0
        journal = site.now()
        assert truth(journal, site.schema) == truth(JOURNALS / f"journal_v{site.schema}_after_upload_{number}.db", site.schema)
        check_store(site, journal)
        check_copy(site, journal, VERSIONS[number])


def test_the_user_holds_the_check_out_over_several_commands(site: Site) -> None:
    if site.azurite is None:
        assert site.run("journal", "checkout", number=1) == 2  # there is nothing to check out
        return
    assert site.run("journal", "checkout", number=1) == 0
    lock = service(site.azurite).get_blob_client(site.container, "journal.db.locked")
    assert lock.get_blob_properties().size == 0
    assert site.step("update", 1) == 0
    assert site.step("upload", 1) == 0
    assert lock.exists(), "it stays checked out until the user checks it in"
    assert site.run("journal", "checkin", number=1) == 0
    assert not lock.exists()
    assert truth(site.now(), site.schema) == truth(JOURNALS / f"journal_v{site.schema}_after_upload_1.db", site.schema)
    assert site.run("file", "verify", "--all", "--reread", number=1) == 0
