"""Journal version 2 (present): rows with lookup tables for folders, modalities, versions and upload times."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from chorus_gui.core.journal.schema import Schema
from chorus_gui.core.model import Entry, Row

ROOT = "."
"""how the journal spells the folder of a file that lies in the modality's root itself"""
UNKNOWN_UPLOAD = "00000000000000"
"""the upload time of a row whose lookup is missing: it was uploaded, nobody knows when"""

HISTORY_SQL = (
    "CREATE TABLE command_history_v2 (COMMAND_ID INTEGER PRIMARY KEY AUTOINCREMENT, DATETIME TEXT NOT NULL, COMMON_PARAMS TEXT NOT NULL, "
    "COMMAND TEXT NOT NULL, PARAMS TEXT , SRC_PATHS TEXT , DEST_PATH TEXT , Duration REAL )"
)
JOURNAL_SQL = (
    "CREATE TABLE journal_v2 (FILE_ID INTEGER PRIMARY KEY AUTOINCREMENT, PERSON_ID INTEGER , SRC_PATH_ID INTEGER NOT NULL, "
    "FILENAME TEXT NOT NULL, MODALITY_ID INTEGER , SRC_MODTIME_us INTEGER NOT NULL, SIZE INTEGER NOT NULL, MD5 TEXT NOT NULL, "
    "TIME_VALID_us INTEGER NOT NULL, TIME_INVALID_us INTEGER , UPLOAD_DT_ID INTEGER , VERSION_ID INTEGER NOT NULL, "
    "FOREIGN KEY (SRC_PATH_ID) REFERENCES srcpaths(id) ON UPDATE RESTRICT ON DELETE RESTRICT, "
    "FOREIGN KEY (MODALITY_ID) REFERENCES modalities(id) ON UPDATE RESTRICT ON DELETE RESTRICT, "
    "FOREIGN KEY (UPLOAD_DT_ID) REFERENCES uploads(id) ON UPDATE RESTRICT ON DELETE RESTRICT, "
    "FOREIGN KEY (VERSION_ID) REFERENCES versions(id) ON UPDATE RESTRICT ON DELETE RESTRICT)"
)

_INSERT = (
    "INSERT INTO journal_v2 (FILE_ID, PERSON_ID, SRC_PATH_ID, FILENAME, MODALITY_ID, SRC_MODTIME_us, SIZE, MD5, TIME_VALID_us, TIME_INVALID_us, "
    "UPLOAD_DT_ID, VERSION_ID) VALUES (:file_id, :patient_id, :folder_id, :name, :modality_id, :mtime_us, :size, :md5, :valid_us, :invalid_us, "
    ":upload_id, :version_id)"
)
_LOOKED_UP = ("name", "folder_id", "modality_id", "upload_id", "version_id")
_INSERT_ENTRY = (
    "INSERT INTO journal_v2 (PERSON_ID, SRC_PATH_ID, FILENAME, MODALITY_ID, SRC_MODTIME_us, SIZE, MD5, TIME_VALID_us, UPLOAD_DT_ID, VERSION_ID) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
"""A new row: what it does not name is NULL, and the id is the next one."""


class V2(Schema):
    """The present tables.  Foreign keys are not enforced: a row of another tool whose lookup is missing can still be continued."""

    number = 2
    table = "journal_v2"
    history_table = "command_history_v2"
    upload_column = "UPLOAD_DT_ID"
    version_column = "VERSION_ID"
    modality_column = "MODALITY_ID"
    statements = (
        HISTORY_SQL,
        "CREATE TABLE srcpaths (id INTEGER PRIMARY KEY AUTOINCREMENT, SRC_PATH TEXT UNIQUE)",
        "CREATE TABLE modalities (id INTEGER PRIMARY KEY AUTOINCREMENT, MODALITY TEXT UNIQUE)",
        "CREATE TABLE versions (id INTEGER PRIMARY KEY AUTOINCREMENT, VERSION TEXT UNIQUE)",
        "CREATE TABLE uploads (id INTEGER PRIMARY KEY AUTOINCREMENT, UPLOAD_DT TEXT UNIQUE)",
        JOURNAL_SQL,
        "CREATE INDEX srcpaths_idx ON srcpaths (SRC_PATH)",
        "CREATE INDEX modalities_idx ON modalities (MODALITY)",
        "CREATE INDEX versions_idx ON versions (VERSION)",
        "CREATE INDEX uploads_idx ON uploads (UPLOAD_DT)",
    )
    required = {  # noqa: RUF012 - the base declares it ClassVar
        "journal_v2": frozenset(
            {
                "FILE_ID",
                "PERSON_ID",
                "SRC_PATH_ID",
                "FILENAME",
                "MODALITY_ID",
                "SRC_MODTIME_US",
                "SIZE",
                "MD5",
                "TIME_VALID_US",
                "TIME_INVALID_US",
                "UPLOAD_DT_ID",
                "VERSION_ID",
            }
        ),
        "srcpaths": frozenset({"ID", "SRC_PATH"}),
        "modalities": frozenset({"ID", "MODALITY"}),
        "versions": frozenset({"ID", "VERSION"}),
        "uploads": frozenset({"ID", "UPLOAD_DT"}),
    }

    def __init__(self, conn: sqlite3.Connection) -> None:
        super().__init__(conn)
        self._ids: dict[tuple[str, str], int] = {}
        self._last: tuple[str, str, str | None, str] | None = None
        self._last_ids: tuple[int, int, int | None, int] = (0, 0, None, 0)

    def rows_sql(self, alias: str = "main") -> str:
        """See :meth:`Schema.rows_sql`."""
        return (
            "SELECT j.FILE_ID AS file_id, CAST(COALESCE(m.MODALITY, '') AS TEXT) AS modality, CAST(COALESCE("
            f"CASE WHEN p.SRC_PATH IN ('{ROOT}', '') THEN j.FILENAME ELSE COALESCE(p.SRC_PATH, '?') || '/' || j.FILENAME END, '') AS TEXT) AS path, "
            "CAST(j.PERSON_ID AS TEXT) AS patient_id, COALESCE(CAST(j.SIZE AS INTEGER), -1) AS size, "
            "COALESCE(CAST(j.SRC_MODTIME_us AS INTEGER), 0) AS mtime_us, NULLIF(lower(j.MD5), '') AS md5, "
            "COALESCE(CAST(j.TIME_VALID_us AS INTEGER), 0) AS valid_us, CAST(j.TIME_INVALID_us AS INTEGER) AS invalid_us, "
            f"CASE WHEN j.UPLOAD_DT_ID IS NULL THEN NULL ELSE CAST(COALESCE(u.UPLOAD_DT, '{UNKNOWN_UPLOAD}') AS TEXT) END AS uploaded, "
            f"CAST(COALESCE(v.VERSION, '') AS TEXT) AS version FROM {alias}.journal_v2 j "
            f"LEFT JOIN {alias}.srcpaths p ON p.id = j.SRC_PATH_ID LEFT JOIN {alias}.modalities m ON m.id = j.MODALITY_ID "
            f"LEFT JOIN {alias}.uploads u ON u.id = j.UPLOAD_DT_ID LEFT JOIN {alias}.versions v ON v.id = j.VERSION_ID"
        )

    def counts_sql(self, where: str) -> str:
        """See :meth:`Schema.counts_sql`.  The rows are summed by their numbers, and each sum gets its names: ten times fewer texts are made."""
        active = "TIME_INVALID_us IS NULL"
        size = "MAX(COALESCE(CAST(SIZE AS INTEGER), -1), 0)"
        return (
            "SELECT CAST(COALESCE(v.VERSION, '') AS TEXT) AS version, CAST(COALESCE(m.MODALITY, '') AS TEXT) AS modality, SUM(files), SUM(bytes), "
            "SUM(CASE WHEN UPLOAD_DT_ID IS NULL THEN files ELSE 0 END), SUM(CASE WHEN UPLOAD_DT_ID IS NULL THEN bytes ELSE 0 END), SUM(closed), "
            f"MAX(CASE WHEN UPLOAD_DT_ID IS NULL THEN NULL ELSE CAST(COALESCE(u.UPLOAD_DT, '{UNKNOWN_UPLOAD}') AS TEXT) END) FROM ("
            f"SELECT VERSION_ID, MODALITY_ID, UPLOAD_DT_ID, SUM({active}) AS files, SUM(CASE WHEN {active} THEN {size} ELSE 0 END) AS bytes, "
            f"SUM(NOT {active}) AS closed FROM journal_v2 WHERE {where} GROUP BY VERSION_ID, MODALITY_ID, UPLOAD_DT_ID) "
            "LEFT JOIN versions v ON v.id = VERSION_ID LEFT JOIN modalities m ON m.id = MODALITY_ID LEFT JOIN uploads u ON u.id = UPLOAD_DT_ID "
            "GROUP BY 1, 2 ORDER BY 1, 2"
        )

    def insert(self, entries: Sequence[Entry], at_us: int) -> None:
        """See :meth:`Schema.insert`.  SQLite turns a patient id of digits into an integer, as it does for the other tool."""
        rows: list[tuple[Any, ...]] = []
        for entry in entries:
            name, folder_id, modality_id, upload_id, version_id = self._look_up(entry)
            rows.append(
                (entry.patient_id, folder_id, name, modality_id, entry.mtime_us, entry.size, entry.md5, at_us, upload_id, version_id)
            )
        self.conn.executemany(_INSERT_ENTRY, rows)

    def take_over(self, row: Row, *, patient_id: object, md5: object) -> None:
        """The row of another journal, with its id, closed or not, for :mod:`.upgrade`; person and MD5 as that journal's own columns
        have them."""
        looked_up = dict(zip(_LOOKED_UP, self._look_up(row), strict=True))
        self.conn.execute(_INSERT, {**row.by_name, **looked_up, "patient_id": patient_id, "md5": md5 or ""})

    def _look_up(self, of: Entry | Row) -> tuple[Any, ...]:
        """:data:`_LOOKED_UP`; what the journal has not had yet is entered."""
        folder, _, name = of.path.rpartition("/")
        key = (folder, of.modality, of.uploaded, of.version)
        if key != self._last:  # the files of a folder follow one another
            self._last_ids = (
                self._id("srcpaths", "SRC_PATH", folder or ROOT),
                self._id("modalities", "MODALITY", of.modality),
                None if of.uploaded is None else self._id("uploads", "UPLOAD_DT", of.uploaded),
                self._id("versions", "VERSION", of.version),
            )
            self._last = key
        return name, *self._last_ids

    def repeat(self, file_id: int, mtime_us: int, at_us: int, md5_seconds: float | None) -> None:  # noqa: ARG002 - version 1 keeps it
        """See :meth:`Schema.repeat`."""
        self.conn.execute(
            "INSERT INTO journal_v2 (PERSON_ID, SRC_PATH_ID, FILENAME, MODALITY_ID, SRC_MODTIME_us, SIZE, MD5, TIME_VALID_us, "
            "UPLOAD_DT_ID, VERSION_ID) SELECT PERSON_ID, SRC_PATH_ID, FILENAME, MODALITY_ID, ?, SIZE, MD5, ?, UPLOAD_DT_ID, VERSION_ID "
            "FROM journal_v2 WHERE FILE_ID = ?",
            (mtime_us, at_us, file_id),
        )

    def close_row(self, file_id: int, at_us: int, state: str) -> None:  # noqa: ARG002 - version 1 keeps it
        """See :meth:`Schema.close_row`."""
        self.conn.execute("UPDATE journal_v2 SET TIME_INVALID_us = ? WHERE FILE_ID = ?", (at_us, file_id))

    def reopen(self, file_ids: Iterable[int]) -> None:
        """See :meth:`Schema.reopen`."""
        self.conn.executemany("UPDATE journal_v2 SET TIME_INVALID_us = NULL WHERE FILE_ID = ?", ((i,) for i in file_ids))

    def mark_uploaded(self, file_id: int, uploaded: str, upload_seconds: float | None, verify_seconds: float | None) -> None:  # noqa: ARG002 - version 1 keeps them
        """See :meth:`Schema.mark_uploaded`."""
        self.conn.execute("UPDATE journal_v2 SET UPLOAD_DT_ID = ? WHERE FILE_ID = ?", (self._id("uploads", "UPLOAD_DT", uploaded), file_id))

    def forget(self) -> None:
        """See :meth:`Schema.forget`."""
        self._ids.clear()
        self._last = None

    def _id(self, table: str, column: str, value: str) -> int:
        """The lookup's id of ``value``, which is entered when it is new."""
        known = self._ids.get((table, value))
        if known is None:
            self.conn.execute(
                f"INSERT INTO {table} ({column}) SELECT ?1 WHERE NOT EXISTS (SELECT 1 FROM {table} WHERE {column} = ?1)", (value,)
            )
            known = int(self.conn.execute(f"SELECT id FROM {table} WHERE {column} = ?", (value,)).fetchone()[0])
            self._ids[table, value] = known
        return known
