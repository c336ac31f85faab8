"""What ``bench_scale`` measures on: sites of sparse files, and journals in both formats, as large as one likes."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from chorus_gui.core.config.model import Config, JournalPlaces, Layout, Place, PlaceKind, Site, UploadMethod
from chorus_gui.core.journal.opening import complete, of_number
from chorus_gui.core.model import MODALITIES, Mode, SourceFile
from chorus_gui.core.pattern import DEFAULTS, Pattern

FILES_A_FOLDER = 50
SIZE = 512
BEGAN_US = 1_700_000_000_000_000
VERSIONS = 20
"""The versions of a synthetic journal."""
UPDATED = 1_000
"""One row of so many belongs to a file that is different on the synthetic site, and one to a file that the site no longer has."""

_MD5 = "printf('%08x%08x%08x%08x', i * 2654435761 % 4294967296, i * 40503 % 4294967291, i * 2246822519 % 4294967295, i)"
_NUMBERS = "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {rows})"


def config_for(folder: Path, site: Path | None = None) -> Config:
    """A configuration whose journals, store and site are below ``folder``."""
    root = site or folder / "site"
    place = Place(PlaceKind.FOLDER, str(root), root)
    store = folder / "store"
    cloud = folder / "cloud" / "journal.db"
    return Config(
        folder / "config.toml",
        Layout.NESTED,
        MODALITIES,
        Mode.FULL,
        1000,
        os.cpu_count() or 1,
        UploadMethod.BUILTIN,
        JournalPlaces(folder / "journal.db", Place(PlaceKind.FOLDER, str(cloud), cloud)),
        Place(PlaceKind.FOLDER, str(store), store),
        {name: Site(name, place, Pattern.parse(DEFAULTS[name])) for name in MODALITIES},
    )


def path_of(number: int) -> str:
    """The path of a file by its number."""
    return f"{1_000_000 + number // FILES_A_FOLDER}/Waveforms/record_{number % FILES_A_FOLDER:04}.dat"


def make_site(root: Path, files: int) -> None:
    """Sparse files of :data:`SIZE` bytes: they need no room for their content."""
    for number in range(files):
        path = root / path_of(number)
        if number % FILES_A_FOLDER == 0:
            path.parent.mkdir(parents=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        os.ftruncate(handle, SIZE)
        os.close(handle)


def make_journal(path: Path, rows: int, schema: int) -> None:
    """An uploaded row for each of so many files of one synthetic site, in :data:`VERSIONS` versions; no index that the other tools do not make."""
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-65536;")
        complete(db, of_number(schema)(db))
        folder = f"(1000000 + i / {FILES_A_FOLDER}) || '/Waveforms'"
        name = f"printf('record_%04d.dat', i % {FILES_A_FOLDER})"
        version = f"(20250101000000 + i * {VERSIONS} / {rows} * 1000000)"
        common = f"{_MD5}, {BEGAN_US} + i, {SIZE}"
        numbers = _NUMBERS.format(rows=rows)
        db.execute("BEGIN")
        if schema == 1:
            db.execute(
                "INSERT INTO journal (PERSON_ID, FILEPATH, MODALITY, MD5, SRC_MODTIME_us, SIZE, TIME_VALID_us, UPLOAD_DTSTR, VERSION, STATE) "
                f"{numbers} SELECT 1000000 + i / {FILES_A_FOLDER}, {folder} || '/' || {name}, 'Waveforms', {common}, "
                f"{BEGAN_US} + i, CAST({version} + 1 AS TEXT), CAST({version} AS TEXT), 'ADDED' FROM n"
            )
        else:
            db.execute("INSERT INTO modalities (MODALITY) VALUES ('Waveforms')")
            folders = -(-rows // FILES_A_FOLDER)
            db.execute(
                f"INSERT INTO srcpaths (id, SRC_PATH) {_NUMBERS.format(rows=folders)} SELECT i + 1, (1000000 + i) || '/Waveforms' FROM n"
            )
            for number in range(VERSIONS):
                moment = 20250101000000 + number * 1000000
                db.execute("INSERT INTO versions VALUES (?, ?)", (number + 1, str(moment)))
                db.execute("INSERT INTO uploads VALUES (?, ?)", (number + 1, str(moment + 1)))
            db.execute(
                "INSERT INTO journal_v2 (PERSON_ID, SRC_PATH_ID, FILENAME, MODALITY_ID, MD5, SRC_MODTIME_us, SIZE, TIME_VALID_us, UPLOAD_DT_ID, "
                f"VERSION_ID) {numbers} SELECT 1000000 + i / {FILES_A_FOLDER}, i / {FILES_A_FOLDER} + 1, {name}, 1, {common}, {BEGAN_US} + i, "
                f"i * {VERSIONS} / {rows} + 1, i * {VERSIONS} / {rows} + 1 FROM n"
            )
        db.execute("COMMIT")


def mark_uploaded(path: Path) -> None:
    """Every row of a journal in format 2 is uploaded, as if the store had confirmed it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("INSERT OR IGNORE INTO uploads (id, UPLOAD_DT) VALUES (1, '20250101000001')")
        db.execute("UPDATE journal_v2 SET UPLOAD_DT_ID = 1")


def site_of_journal(rows: int) -> Iterator[list[SourceFile]]:
    """The files of the site that such a journal knows, in batches: some different, some gone, some new."""
    batch: list[SourceFile] = []
    for number in range(rows + rows // UPDATED):
        kind = number % UPDATED
        if kind == 1 and number < rows:
            continue
        size = SIZE + (kind == 0)
        batch.append(SourceFile("Waveforms", path_of(number), str(1_000_000 + number // FILES_A_FOLDER), None, size, BEGAN_US + number))
        if len(batch) == 4096:
            yield batch
            batch = []
    yield batch
