"""Site × journal → changes.

Set-based: both sides lie in the staging database and SQLite compares them, so that memory does not grow with the site.  Only
a file whose time changed at equal size is hashed.  Nothing is written into the journal.

What a change means is said in ``ChangeKind`` and ARCHITECTURE.md; the rule behind all of it: *nothing is deleted on a hunch*.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields

from chorus_gui.core.config.model import Config
from chorus_gui.core.errors import SourceError
from chorus_gui.core.job import JobContext
from chorus_gui.core.journal.known import Known
from chorus_gui.core.journal.store import Journal
from chorus_gui.core.model import Change, ChangeKind, DiffSummary, Mode, Row, SourceFile, Tally
from chorus_gui.core.review import pending
from chorus_gui.core.review.changes import stream, summary
from chorus_gui.core.review.parts import lost_patients, mark_parts, renamed_patients, unsure_patients
from chorus_gui.core.review.renames import find_renames
from chorus_gui.core.review.staging import Staging
from chorus_gui.core.review.tails import find_tails
from chorus_gui.core.review.unreadable import READABLE, set_apart
from chorus_gui.core.review.values import PATIENT, Query
from chorus_gui.core.storage.digests import is_md5

_KEPT = [field.name for field in fields(Row) if field.name not in ("file_id", "modality", "path")]
"""What a change keeps of its row, as old_…; the row's id is old_id, modality and path are the change's own."""
_OLD = {"old_id": "w.file_id", **{f"old_{name}": f"w.{name}" for name in _KEPT}}
LOST = (
    "It is recorded and not uploaded, and no longer on the site. Put it back and scan again, or mark it as deleted with "
    "“chorus-upload file mark_as_deleted --file PATH”."
)
"""The note of a pending file that is gone where a missing file does not count as deleted: it can never be uploaded."""
LEFT_OUT = (
    "It is in the journal, and “exclude” in the configuration leaves it out now. To keep submitting it, change “exclude”. Otherwise mark it as "
    "deleted with “chorus-upload file mark_as_deleted --file PATH”. To leave its entry, hold it back."
)
"""The note of an entry that a new pattern of the configuration matches."""


@dataclass(frozen=True, slots=True)
class Scanned:
    """What is compared: the ``staging`` database that a scan of ``modalities`` filled, and the journal's active rows of them.

    ``unread`` are (modality, folder) whose content the scan does not know: nothing below is ever DELETED.
    """

    staging: Staging
    known: Known
    modalities: tuple[str, ...]
    mode: Mode
    unread: tuple[tuple[str, str], ...]


class Comparison:
    """The comparison of a scan with the journal, step by step, because the caller hashes files and checks the store in between.

    Call :meth:`begin` with what tells the patient of a pending file, :meth:`closed` and :meth:`restore`, :meth:`find_deleted`, :meth:`also_hash`, :meth:`touched` and
    :meth:`hashed`, and :meth:`finish`, in this order.  Without :meth:`restore` nothing is RESTORED, without :meth:`also_hash` a file
    of equal size and time is unchanged.  Every method may raise
    :class:`~chorus_gui.core.errors.JournalError`; begin and finish ``Cancelled``.
    """

    def __init__(self, config: Config, journal: Journal, scanned: Scanned, ctx: JobContext) -> None:
        self._config = config
        self._journal = journal
        self._scanned = scanned
        self._staging = scanned.staging
        self._ctx = ctx

    def begin(self, patient_of: Callable[[str, str, object], str | None]) -> None:
        """Wait for the journal's rows, take the pending ones into the review, and compare each file of the site with its open row.

        ``patient_of``: see :func:`~chorus_gui.core.review.pending.note`.
        """
        db, known = self._staging.db, self._scanned.known
        self._ctx.progress.begin("compare")
        self._ctx.progress.note("reading the journal")
        known.wait(self._ctx)
        self._ctx.checkpoint()
        self._ctx.progress.note("comparing")
        db.execute("COMMIT")  # ATTACH works outside of transactions only
        db.execute("ATTACH ? AS k", (str(known.path),))
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-8192"):
            db.execute(f"PRAGMA k.{pragma}")
        db.execute("BEGIN")
        pending.note(self._staging, known, patient_of)
        _one_row_a_path(self._staging, known)
        _compare(self._staging)
        self._ctx.checkpoint()

    def closed(self) -> list[tuple[int, Row]]:
        """The closed, uploaded rows that an ADDED file equals in path, size and time, with the change's id, oldest first."""
        db = self._staging.db
        if not db.execute("SELECT EXISTS (SELECT 1 FROM change WHERE kind = 'added')").fetchone()[0]:
            return []
        db.execute("COMMIT")  # ATTACH works outside of transactions only
        db.execute("ATTACH ? AS j", (str(self._journal.path),))
        try:
            found = db.execute(
                f"SELECT c.id, r.* FROM (SELECT * FROM ({self._journal.rows_sql('j')}) WHERE invalid_us IS NOT NULL AND uploaded IS NOT NULL) r "
                "JOIN change c ON c.kind = 'added' AND c.path = r.path AND c.modality = r.modality AND c.size = r.size "
                "AND c.mtime_us = r.mtime_us ORDER BY r.file_id"
            ).fetchall()
        finally:
            db.execute("DETACH j")
        db.execute("BEGIN")
        return [(int(key), Row(*values)) for key, *values in found]

    def restore(self, rows: Iterable[tuple[int, Row]]) -> None:
        """ADDED becomes RESTORED: these rows of :meth:`closed` are of files whose blobs are still in the store."""
        newest = dict(rows)  # in the order of their ids: the newest of several stays
        self._staging.db.executemany(
            f"UPDATE change SET kind = 'restored', md5 = :md5, old_id = :file_id, {', '.join(f'old_{name} = :{name}' for name in _KEPT)}, "
            "note = 'It was marked as deleted; its copy is still in the central store.' WHERE id = :change",
            ({**row.by_name, "change": change} for change, row in newest.items()),
        )

    def find_deleted(self, still_there: Callable[[Iterable[tuple[str, str]]], Iterable[tuple[str, str]]] = lambda _: ()) -> None:
        """Current entries whose path is gone: DELETED if the mode marks missing files as deleted, otherwise only counted.

        ``still_there`` gets (modality, path) of those that would count as deleted, and gives those that do not.
        """
        staging = self._staging
        staging.db.execute("CREATE TEMP TABLE IF NOT EXISTS unsure (patient TEXT PRIMARY KEY) WITHOUT ROWID")
        if not _deleted(staging, self._scanned.unread):
            return
        unsure_patients(self._config, staging, self._scanned.unread)
        self._spare(still_there)
        _ask_about_excluded(self._config, staging)
        if self._scanned.mode is Mode.FULL:
            _patients_of_deleted(self._config, staging)
            return
        staging.db.execute("UPDATE change SET kind = 'problem', note = ? WHERE kind = 'deleted' AND old_uploaded IS NULL", (LOST,))
        _patients_of_deleted(self._config, staging)
        renamed_patients(staging, paired=False)
        staging.put("vanished", staging.db.execute("DELETE FROM change WHERE kind = 'deleted'").rowcount)
        staging.put("spared", 0)
        staging.put("outgrown", 0)

    def _spare(self, still_there: Callable[[Iterable[tuple[str, str]]], Iterable[tuple[str, str]]]) -> None:
        db = self._staging.db
        asked = "" if self._scanned.mode is Mode.FULL else " AND old_uploaded IS NULL"  # of the others only the number is of interest
        found = [(modality, path) for modality, path in db.execute(f"SELECT modality, path FROM change WHERE kind = 'deleted'{asked}")]
        spared = [(modality, path) for modality, path in still_there(found)]
        if spared:  # their patients have files, although the scan saw none
            db.executemany(
                f"INSERT OR IGNORE INTO elsewhere SELECT ltrim({PATIENT}, '0') FROM change WHERE kind = 'deleted' AND modality = ? AND path = ? "
                f"AND {PATIENT} IS NOT NULL",
                spared,
            )
            db.executemany("DELETE FROM change WHERE kind = 'deleted' AND modality = ? AND path = ?", spared)
            self._staging.put("listed_late", len(spared))

    def also_hash(self, share: float, named: Collection[tuple[str, str]] = ()) -> None:
        """Have :meth:`touched` name these files (modality, path) of equal size and time, too, and this share (0 to 1) of the others,
        chosen at random.

        At least one, if there is one and ``share`` is not 0.  Files without an MD5 in the journal cannot be compared.
        """
        db = self._staging.db
        values = {"kind": "'moved'", **{name: f"s.{name}" for name in SourceFile._fields}, **_OLD}
        same = f"w.path = s.path AND w.modality = s.modality AND w.size = s.size AND w.mtime_us = s.mtime_us AND length(w.md5) = 32 AND {READABLE}"
        db.execute("CREATE TEMP TABLE named (modality TEXT, path TEXT, PRIMARY KEY (modality, path)) WITHOUT ROWID")
        db.executemany("INSERT OR IGNORE INTO named VALUES (?, ?)", named)
        if named:
            _insert(
                self._staging,
                values,
                f"FROM site s JOIN named n ON n.path = s.path AND n.modality = s.modality CROSS JOIN was w WHERE {same}",
            )
        if share:
            others = f"FROM site s JOIN was w WHERE {same} AND NOT EXISTS (SELECT 1 FROM named n WHERE n.path = s.path AND n.modality = s.modality)"
            if share < 1:
                (total,) = db.execute(f"SELECT count(*) {others}").fetchone()
                others += f" ORDER BY random() LIMIT {math.ceil(total * share)}"
            _insert(self._staging, values, others)

    def touched(self) -> Iterator[Change]:
        """The files of equal size and another time, and those of :meth:`also_hash`: only their content shows whether they changed.

        They may be passed to :meth:`hashed` before the last one is read.
        """
        set_apart(self._staging)
        totals = self._staging.db.execute("SELECT modality, count(*), sum(size) FROM change WHERE kind = 'moved' GROUP BY modality")
        self._ctx.progress.begin("hash", {modality: Tally(files, size) for modality, files, size in totals})
        yield from stream(self._staging, Query(kinds=(ChangeKind.MOVED,), order="id"))

    def hashed(self, change: Change, result: str | SourceError, seconds: float) -> None:
        """MOVED if the content is the journal's, UPDATED if not, PROBLEM if it could not be read."""
        db = self._staging.db
        self._ctx.progress.add(change.modality, files=1, size=change.bytes)
        if change.old is not None and change.old.mtime_us == change.mtime_us:
            if result == change.old.md5:
                db.execute("DELETE FROM change WHERE id = ?", (change.id,))
                return
            db.execute(
                "UPDATE tally SET files = files - 1, bytes = bytes - ? WHERE modality = ? AND kind = 'unchanged'",
                (change.bytes, change.modality),
            )
        if isinstance(result, SourceError):
            db.execute("UPDATE change SET kind = 'problem', note = ? WHERE id = ?", (str(result), change.id))
            return
        old = change.old.md5 if change.old else None
        kind = ChangeKind.MOVED if result == old else ChangeKind.UPDATED
        note = "" if is_md5(old) else "The journal has no MD5, so the content could not be compared."
        if change.old is not None and change.old.mtime_us == change.mtime_us:
            note = "Its content changed, but neither its size nor its time."
        db.execute(
            "UPDATE change SET kind = ?, md5 = ?, md5_seconds = ?, note = ? WHERE id = ?", (kind.value, result, seconds, note, change.id)
        )

    def finish(self) -> DiffSummary:
        """The places in the store, the renames, the counts; then the review is ready for a person."""
        staging, scanned, db = self._staging, self._scanned, self._staging.db
        self._ctx.checkpoint()
        _drop_lost(staging, scanned.modalities)
        find_tails(self._config, staging)
        lost, unsure = lost_patients(staging)
        staging.put("lost_patients", lost)
        staging.put("unsure_patients", unsure)
        find_renames(staging)  # after find_tails: a file that cannot be sent must not be half of a rename
        mark_parts(staging, lost)
        _problems_and_unmatched(self._config, staging)
        recount(staging)
        db.execute("CREATE INDEX change_pair ON change (pair) WHERE pair IS NOT NULL")
        db.execute("CREATE INDEX change_folder ON change (folder) WHERE folder IS NOT NULL")
        staging.put("modalities", list(scanned.modalities))
        staging.put("mode", scanned.mode.value)
        staging.put("config", scanned_as(self._config))
        staging.put("journal", str(self._journal.path))
        staging.put("fingerprint", scanned.known.fingerprint)
        staging.put("scanned_us", time.time_ns() // 1000)
        db.execute("DROP TABLE site")
        staging.put("ready", value=True)
        db.execute("COMMIT")
        db.execute("DETACH k")
        return summary(staging)


def scanned_as(config: Config) -> list[list[object]]:
    """The part of a configuration that a review depends on: where files are, which modality they have, where they are uploaded.  No credentials; JSON as it is."""
    sites = [config.sites[name] for name in config.modalities]
    exclude: list[list[object]] = [["exclude", *config.exclude.patterns]] if config.exclude else []
    return [
        [config.layout.value, config.central.text, str(config.central.folder or "")],
        *exclude,
        *([s.modality, s.place.text, str(s.place.folder or ""), s.pattern.text, s.mapped, s.omop_per_patient] for s in sites),
    ]


def _one_row_a_path(staging: Staging, known: Known) -> None:
    """Two open rows of one path (other tools leave them): one counts, the others are to be closed with the submission.

    The newest counts; or, if the newest is pending and an older one of the same content was uploaded, that one.
    """
    db = staging.db
    strays: list[int] = []
    for path, modality in known.twice:
        rows = db.execute(
            "SELECT file_id, size, mtime_us, md5, uploaded FROM was WHERE path = ? AND modality = ? ORDER BY file_id DESC", (path, modality)
        ).fetchall()
        keep = next((row for row in rows if row[4] is not None and row[1:4] == rows[0][1:4]), rows[0])
        strays += [row[0] for row in rows if row[0] != keep[0]]
        db.executemany("DELETE FROM was WHERE path = ? AND modality = ? AND file_id != ?", [(path, modality, keep[0])])
    staging.put("strays", strays)


def _compare(staging: Staging) -> None:
    """Each file of the site against its open row: ADDED, UPDATED, or of equal size and another time; the rest is unchanged.

    Same size, other time: only its content shows whether it changed.  It is MOVED until it is hashed.
    """
    _insert(
        staging,
        {
            "kind": "CASE WHEN w.file_id IS NULL THEN 'added' WHEN w.size = s.size THEN 'moved' ELSE 'updated' END",
            "note": "CASE WHEN w.size != s.size AND w.mtime_us = s.mtime_us THEN 'Its size changed, but not its time.' ELSE '' END",
            **{name: f"s.{name}" for name in SourceFile._fields},
            **_OLD,
        },
        "FROM site s LEFT JOIN was w ON w.path = s.path AND w.modality = s.modality "
        "WHERE w.file_id IS NULL OR w.size != s.size OR w.mtime_us != s.mtime_us",
    )
    staging.db.execute(
        "INSERT INTO tally SELECT s.modality, 'unchanged', s.files - coalesce(c.files, 0), s.bytes - coalesce(c.bytes, 0) "
        "FROM (SELECT modality, count(*) AS files, sum(size) AS bytes FROM site GROUP BY modality) s "
        "LEFT JOIN (SELECT modality, count(*) AS files, sum(size) AS bytes FROM change GROUP BY modality) c USING (modality) "
        "WHERE s.files > coalesce(c.files, 0)"
    )


def _insert(staging: Staging, values: Mapping[str, str], source: str) -> None:
    """Enter a change for each row of ``source`` (FROM … WHERE …); ``values`` are column → SQL expression."""
    staging.db.execute(f"INSERT INTO change ({', '.join(values)}) SELECT {', '.join(values.values())} {source}")


def _deleted(staging: Staging, unread: Iterable[tuple[str, str]]) -> bool:
    """Open rows whose path is gone, but for what the scan could not see.  False: every row's path is there."""
    db = staging.db
    (matched,) = db.execute(
        "SELECT (SELECT count(*) FROM site) - (SELECT count(*) FROM change WHERE kind IN ('added', 'restored'))"
    ).fetchone()
    if (matched,) == db.execute("SELECT count(*) FROM was").fetchone():
        return False
    db.execute("CREATE INDEX site_path ON site (path, modality)")
    _insert(
        staging,
        {"kind": "'deleted'", "modality": "w.modality", "path": "w.path", "patient_id": "w.patient_id", **_OLD},
        "FROM was w WHERE NOT EXISTS (SELECT 1 FROM site s WHERE s.path = w.path AND s.modality = w.modality)",
    )
    spared = 0
    for modality, folder in unread:
        if folder:
            below = "modality = ? AND (path = ? OR substr(path, 1, ?) = ?)"
            spared += _not_seen(staging, below, (modality, folder, len(folder) + 1, folder + "/"))
        else:
            spared += _not_seen(staging, "modality = ?", (modality,))
    for names, path in db.execute("SELECT modalities, path FROM problem WHERE NOT covers").fetchall():
        for modality in json.loads(names):
            spared += _not_seen(staging, "modality = ? AND path = ?", (modality, path))
    staging.put("spared", spared)
    # Seen, but its pattern takes it no more: the pattern was changed, the file was not deleted.
    outgrown = db.execute("DELETE FROM change WHERE kind = 'deleted' AND path IN (SELECT path FROM unmatched)").rowcount
    staging.put("outgrown", outgrown)
    return True


def _not_seen(staging: Staging, where: str, values: tuple[object, ...]) -> int:
    """The scan could not see these: they are not DELETED, and whether their patients have files is not known; how many."""
    staging.db.execute(
        f"INSERT OR IGNORE INTO unsure SELECT ltrim({PATIENT}, '0') FROM change WHERE kind = 'deleted' AND {where} AND {PATIENT} IS NOT NULL",
        values,
    )
    return staging.db.execute(f"DELETE FROM change WHERE kind = 'deleted' AND {where}", values).rowcount


def _ask_about_excluded(config: Config, staging: Staging) -> None:
    """Entries whose files the configuration leaves out by now: a person decides, in every mode."""
    if config.exclude:
        found = staging.db.execute("SELECT id, path FROM change WHERE kind = 'deleted'")
        keys = [(LEFT_OUT, key) for key, path in found if config.exclude.covers(path)]
        staging.db.executemany("UPDATE change SET kind = 'problem', note = ? WHERE id = ?", keys)


def _drop_lost(staging: Staging, modalities: Iterable[str]) -> None:
    """A pending file that the scan did not find is not offered: sending it would fail, and the review says what became of it."""
    db = staging.db
    if db.execute("SELECT 1 FROM pragma_index_list('site') WHERE name = 'site_path'").fetchone() is None:
        return  # every entry of the journal was found
    db.execute(
        "DELETE FROM pending WHERE NOT own AND modality IN (SELECT value FROM json_each(?)) "
        "AND NOT EXISTS (SELECT 1 FROM site s WHERE s.path = pending.path AND s.modality = pending.modality)",
        (json.dumps(list(modalities)),),
    )


def _patients_of_deleted(config: Config, staging: Staging) -> None:
    """As the path says it, for the journal's column takes leading zeros away: “0012” is held back as “0012”."""
    updates: list[tuple[str, int]] = []
    for key, modality, path, old in staging.db.execute(
        "SELECT id, modality, path, old_patient_id FROM change WHERE kind IN ('deleted', 'problem')"
    ):
        match = config.sites[modality].pattern.match(path)
        if match is not None and match.patient_id is not None and match.patient_id != old:
            updates.append((match.patient_id, key))
    staging.db.executemany("UPDATE change SET patient_id = ? WHERE id = ?", updates)


def _patient(config: Config, modalities: Iterable[str], path: str) -> str | None:
    """The patient in whose folder a problem is, or whose folder has it."""
    found = (config.sites[name].pattern.patient_in(path) for name in modalities if name in config.sites)
    return next((patient for patient in found if patient), None)


def _problems_and_unmatched(config: Config, staging: Staging) -> None:
    """They are lines of the review too, so that nothing vanishes silently."""
    db = staging.db
    for names, path, cause, remedy in db.execute("SELECT modalities, path, cause, remedy FROM problem").fetchall():
        modalities: list[str] = json.loads(names)
        db.execute(
            "INSERT INTO change (kind, modality, path, patient_id, note) VALUES ('problem', ?, ?, ?, ?)",
            (modalities[0] if len(modalities) == 1 else "", path, _patient(config, modalities, path), f"{cause} {remedy}".strip()),
        )
    db.execute("INSERT INTO change (kind, modality, path, size, mtime_us) SELECT 'unmatched', '', path, size, mtime_us FROM unmatched")
    staging.put("outside", db.execute("SELECT max(mtime_us), coalesce(sum(size IS NULL), 0) FROM unmatched").fetchone())


def recount(staging: Staging) -> None:
    """The counts by modality and kind, again.  What is unchanged was counted before."""
    staging.db.execute("DELETE FROM tally WHERE kind != 'unchanged'")
    staging.db.execute(
        "INSERT INTO tally SELECT modality, kind, count(*), coalesce(sum(coalesce(size, old_size)), 0) FROM change GROUP BY modality, kind"
    )
