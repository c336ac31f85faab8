"""Journal version 1 (2024): one flat table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from chorus_gui.core.journal.schema import EntryStatement, Schema
from chorus_gui.core.model import Entry

HISTORY_SQL = (
    "CREATE TABLE command_history (COMMAND_ID INTEGER PRIMARY KEY AUTOINCREMENT, DATETIME TEXT , COMMON_PARAMS TEXT , COMMAND TEXT , "
    "PARAMS TEXT , SRC_PATHS TEXT , DEST_PATH TEXT , Duration TEXT )"
)
JOURNAL_SQL = (
    "CREATE TABLE journal (FILE_ID INTEGER PRIMARY KEY AUTOINCREMENT, PERSON_ID INTEGER , FILEPATH TEXT , MODALITY TEXT , "
    "SRC_MODTIME_us INTEGER , SIZE INTEGER , MD5 TEXT , TIME_VALID_us INTEGER , TIME_INVALID_us INTEGER , UPLOAD_DTSTR TEXT , "
    "VERSION TEXT , STATE TEXT , MD5_DURATION REAL , UPLOAD_DURATION REAL , VERIFY_DURATION REAL )"
)

_INSERT = EntryStatement(
    "INSERT INTO journal (PERSON_ID, FILEPATH, MODALITY, SRC_MODTIME_us, SIZE, MD5, TIME_VALID_us, UPLOAD_DTSTR, VERSION, STATE, MD5_DURATION, "
    "UPLOAD_DURATION, VERIFY_DURATION) VALUES (:patient_id, :path, :modality, :mtime_us, :size, :md5, :at_us, :uploaded, :version, :state, "
    ":md5_seconds, :upload_seconds, :verify_seconds)",
    "at_us",
)


class V1(Schema):
    """The flat table of 2024, with a STATE word and durations."""

    number = 1
    table = "journal"
    history_table = "command_history"
    upload_column = "UPLOAD_DTSTR"
    version_column = "VERSION"
    modality_column = "MODALITY"
    statements = (HISTORY_SQL, JOURNAL_SQL)
    required = {  # noqa: RUF012 - the base declares it ClassVar
        "journal": frozenset(
            {
                "FILE_ID",
                "PERSON_ID",
                "FILEPATH",
                "MODALITY",
                "SRC_MODTIME_US",
                "SIZE",
                "MD5",
                "TIME_VALID_US",
                "TIME_INVALID_US",
                "UPLOAD_DTSTR",
                "VERSION",
                "STATE",
                "MD5_DURATION",
                "UPLOAD_DURATION",
                "VERIFY_DURATION",
            }
        )
    }

    def rows_sql(self, alias: str = "main") -> str:
        """See :meth:`Schema.rows_sql`."""
        return (
            "SELECT FILE_ID AS file_id, CAST(COALESCE(MODALITY, '') AS TEXT) AS modality, CAST(COALESCE(FILEPATH, '') AS TEXT) AS path, "
            "CAST(PERSON_ID AS TEXT) AS patient_id, COALESCE(CAST(SIZE AS INTEGER), -1) AS size, "
            "COALESCE(CAST(SRC_MODTIME_us AS INTEGER), 0) AS mtime_us, NULLIF(lower(MD5), '') AS md5, "
            "COALESCE(CAST(TIME_VALID_us AS INTEGER), 0) AS valid_us, CAST(TIME_INVALID_us AS INTEGER) AS invalid_us, "
            f"CAST(UPLOAD_DTSTR AS TEXT) AS uploaded, CAST(COALESCE(VERSION, '') AS TEXT) AS version FROM {alias}.journal"
        )

    def insert(self, entries: Sequence[Entry], at_us: int) -> None:
        """See :meth:`Schema.insert`."""
        _INSERT.execute(self.conn, (_INSERT.bound(entry, at_us) for entry in entries))

    def repeat(self, file_id: int, mtime_us: int, at_us: int, md5_seconds: float | None) -> None:
        """See :meth:`Schema.repeat`."""
        self.conn.execute(
            "INSERT INTO journal (PERSON_ID, FILEPATH, MODALITY, SRC_MODTIME_us, SIZE, MD5, TIME_VALID_us, UPLOAD_DTSTR, VERSION, STATE, "
            "MD5_DURATION) SELECT PERSON_ID, FILEPATH, MODALITY, ?, SIZE, MD5, ?, UPLOAD_DTSTR, VERSION, 'MOVED', ? FROM journal "
            "WHERE FILE_ID = ?",
            (mtime_us, at_us, md5_seconds, file_id),
        )

    def close_row(self, file_id: int, at_us: int, state: str) -> None:
        """See :meth:`Schema.close_row`."""
        self.conn.execute("UPDATE journal SET TIME_INVALID_us = ?, STATE = ? WHERE FILE_ID = ?", (at_us, state, file_id))

    def reopen(self, file_ids: Iterable[int]) -> None:
        """See :meth:`Schema.reopen`.  The word that the row had is told from the rows of that path before it."""
        self.conn.execute("CREATE TEMP TABLE IF NOT EXISTS reopened (FILE_ID INTEGER PRIMARY KEY)")
        self.conn.execute("DELETE FROM reopened")
        self.conn.executemany("INSERT INTO reopened VALUES (?)", ((i,) for i in file_ids))
        rows = self.conn.execute(
            "SELECT r.FILE_ID, COUNT(e.FILE_ID), COALESCE(SUM(e.MD5 = j.MD5 AND e.VERSION = j.VERSION), 0) "
            "FROM reopened r JOIN journal j ON j.FILE_ID = r.FILE_ID "
            "LEFT JOIN journal e ON e.FILEPATH = j.FILEPATH AND e.MODALITY = j.MODALITY AND e.FILE_ID < j.FILE_ID GROUP BY r.FILE_ID"
        ).fetchall()
        self.conn.executemany(
            "UPDATE journal SET TIME_INVALID_us = NULL, STATE = ? WHERE FILE_ID = ?",
            (("MOVED" if same else "UPDATED" if earlier else "ADDED", file_id) for file_id, earlier, same in rows),
        )

    def mark_uploaded(self, file_id: int, uploaded: str, upload_seconds: float | None, verify_seconds: float | None) -> None:
        """See :meth:`Schema.mark_uploaded`."""
        self.conn.execute(
            "UPDATE journal SET UPLOAD_DTSTR = ?, UPLOAD_DURATION = ?, VERIFY_DURATION = ? WHERE FILE_ID = ?",
            (uploaded, upload_seconds, verify_seconds, file_id),
        )

    def forget(self) -> None:
        """Nothing is remembered here."""
