"""Site × journal → changes.

Set-based: both sides lie in the staging database and SQLite compares them, so that memory does not grow with the site.  Only
a file whose time changed at equal size is hashed.  Nothing is written into the journal.

What a change means is said in ``ChangeKind`` and ARCHITECTURE.md; the rule behind all of it: *nothing is deleted on a hunch*.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

from chorus_gui.core.config.model import Config
from chorus_gui.core.errors import PatternError, SourceError
from chorus_gui.core.job import JobContext
from chorus_gui.core.journal.known import Known
from chorus_gui.core.journal.store import Journal
from chorus_gui.core.model import DiffSummary, Mode, Row
from chorus_gui.core.review.changes import summary
from chorus_gui.core.review.staging import Staging

Digester = Callable[[Iterable[tuple[int, str, str, int, int]]], Iterator[tuple[int, "str | SourceError", float]]]
"""(key, modality, path, size, mtime_us) of files → (key, MD5 or why there is none, seconds), in no order."""

Presence = Callable[[Sequence[Row]], Collection[int]]
"""Rows that were uploaded once → the file ids of those whose content is proved to lie in the store."""

_OLD = "w.file_id, w.patient_id, w.size, w.mtime_us, w.md5, w.valid_us, w.invalid_us, w.uploaded, w.version"
_INTO = (
    "INSERT INTO change (kind, modality, path, patient_id, size, mtime_us, version, note, "
    "old_id, old_patient_id, old_size, old_mtime_us, old_md5, old_valid_us, old_invalid_us, old_uploaded, old_version) "
)
TAIL = "coalesce(tail, path)"
"""SQL: where a change's file lies below its version's folder."""
_MD5 = re.compile(r"[0-9a-f]{32}")


def diff(
    config: Config,
    journal: Journal,
    staging: Staging,
    ctx: JobContext,
    *,
    modalities: Sequence[str],
    mode: Mode,
    unread: Sequence[tuple[str, str]],
    digest: Digester,
    present: Presence,
    known: Known,
) -> DiffSummary:
    """Fill ``staging`` (which holds a finished scan of ``modalities``) with the changes, and say what they come to.

    ``known`` are the journal's active rows of these modalities.  ``unread``: (modality, folder) whose content the scan does not know; nothing below is ever DELETED.  Raises
    :class:`~chorus_gui.core.errors.JournalError`, ``Cancelled``.
    """
    db = staging.db
    ctx.progress.begin("compare")
    ctx.progress.note("reading the journal")
    known.wait(ctx)
    ctx.checkpoint()
    ctx.progress.note("comparing")
    db.execute("COMMIT")  # ATTACH stands outside of transactions
    db.execute("ATTACH ? AS k", (str(known.path),))
    for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-32768"):
        db.execute(f"PRAGMA k.{pragma}")
    db.execute("BEGIN")
    _one_row_a_path(staging, known)
    _compare(staging)
    ctx.checkpoint()
    _restored(journal, staging, present)
    ctx.checkpoint()
    if mode is Mode.FULL:
        _deleted(staging, unread)
        _patients_of_deleted(config, staging)
    _hash_touched(staging, digest, ctx)
    ctx.checkpoint()
    _tails(config, staging)
    _renamed(staging)  # what cannot be sent is the other half of nothing
    _problems_and_unmatched(staging)
    _tally(staging)
    db.execute("CREATE INDEX change_pair ON change (pair) WHERE pair IS NOT NULL")
    staging.put("modalities", list(modalities))
    staging.put("mode", mode.value)
    staging.put("config", scanned_as(config))
    staging.put("journal", str(journal.path))
    staging.put("fingerprint", known.fingerprint)
    staging.put("scanned_us", time.time_ns() // 1000)
    db.execute("DROP TABLE site")
    staging.put("ready", value=True)
    db.execute("COMMIT")
    db.execute("DETACH k")
    return summary(staging)


def scanned_as(config: Config) -> list[list[object]]:
    """What of a configuration a review depends on: where files lie, whose they are, where they go.  No credentials; JSON as it is."""
    sites = [config.sites[name] for name in config.modalities]
    return [
        [config.layout.value, config.central.text, str(config.central.folder or "")],
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

    Same size, other time: only its content tells.  It stands as MOVED until it is hashed.
    """
    db = staging.db
    db.execute(
        f"{_INTO} SELECT CASE WHEN w.file_id IS NULL THEN 'added' WHEN w.size = s.size THEN 'moved' ELSE 'updated' END, "
        "s.modality, s.path, s.patient_id, s.size, s.mtime_us, s.version, "
        f"CASE WHEN w.size != s.size AND w.mtime_us = s.mtime_us THEN 'Its size changed, but not its time.' ELSE '' END, {_OLD} "
        "FROM site s LEFT JOIN was w ON w.path = s.path AND w.modality = s.modality "
        "WHERE w.file_id IS NULL OR w.size != s.size OR w.mtime_us != s.mtime_us"
    )
    db.execute(
        "INSERT INTO tally SELECT s.modality, 'unchanged', s.files - coalesce(c.files, 0), s.bytes - coalesce(c.bytes, 0) "
        "FROM (SELECT modality, count(*) AS files, sum(size) AS bytes FROM site GROUP BY modality) s "
        "LEFT JOIN (SELECT modality, count(*) AS files, sum(size) AS bytes FROM change GROUP BY modality) c USING (modality) "
        "WHERE s.files > coalesce(c.files, 0)"
    )


def _restored(journal: Journal, staging: Staging, present: Presence) -> None:
    """ADDED becomes RESTORED where a closed, uploaded row has the same path, size and time and its blob is still there."""
    db = staging.db
    if not db.execute("SELECT EXISTS (SELECT 1 FROM change WHERE kind = 'added')").fetchone()[0]:
        return
    closed = _closed(journal, staging)
    if not closed:
        return
    there = present([row for _, row in closed])
    rows = {change_id: row for change_id, row in closed if row.file_id in there}  # in the order of their ids: the newest stays
    db.executemany(
        "UPDATE change SET kind = 'restored', md5 = ?, old_id = ?, old_patient_id = ?, old_size = ?, old_mtime_us = ?, old_md5 = ?, "
        "old_valid_us = ?, old_invalid_us = ?, old_uploaded = ?, old_version = ?, "
        "note = 'The journal had closed it; its copy lies in the central store.' WHERE id = ?",
        (
            (r.md5, r.file_id, r.patient_id, r.size, r.mtime_us, r.md5, r.valid_us, r.invalid_us, r.uploaded, r.version, change_id)
            for change_id, r in rows.items()
        ),
    )


def _closed(journal: Journal, staging: Staging) -> list[tuple[int, Row]]:
    """The closed, uploaded rows that an ADDED file equals, with the change's id, oldest first."""
    db = staging.db
    db.execute("COMMIT")  # ATTACH stands outside of transactions
    db.execute("ATTACH ? AS j", (str(journal.path),))
    try:
        found = db.execute(
            f"SELECT c.id, r.* FROM (SELECT * FROM ({journal.rows_sql('j')}) WHERE invalid_us IS NOT NULL AND uploaded IS NOT NULL) r "
            "JOIN change c ON c.kind = 'added' AND c.path = r.path AND c.modality = r.modality AND c.size = r.size "
            "AND c.mtime_us = r.mtime_us ORDER BY r.file_id"
        ).fetchall()
    finally:
        db.execute("DETACH j")
    db.execute("BEGIN")
    return [(int(key), Row(*values)) for key, *values in found]


def _deleted(staging: Staging, unread: Sequence[tuple[str, str]]) -> None:
    """Open rows whose path is gone, but for what the scan could not see."""
    db = staging.db
    (matched,) = db.execute(
        "SELECT (SELECT count(*) FROM site) - (SELECT count(*) FROM change WHERE kind IN ('added', 'restored'))"
    ).fetchone()
    if (matched,) == db.execute("SELECT count(*) FROM was").fetchone():
        return
    db.execute("CREATE INDEX site_path ON site (path, modality)")
    db.execute(
        f"{_INTO} SELECT 'deleted', w.modality, w.path, w.patient_id, NULL, NULL, NULL, '', {_OLD} "
        "FROM was w WHERE NOT EXISTS (SELECT 1 FROM site s WHERE s.path = w.path AND s.modality = w.modality)"
    )
    spared = 0
    for modality, folder in unread:
        if folder:
            spared += db.execute(
                "DELETE FROM change WHERE kind = 'deleted' AND modality = ? AND (path = ? OR substr(path, 1, ?) = ?)",
                (modality, folder, len(folder) + 1, folder + "/"),
            ).rowcount
        else:
            spared += db.execute("DELETE FROM change WHERE kind = 'deleted' AND modality = ?", (modality,)).rowcount
    for names, path in db.execute("SELECT modalities, path FROM problem WHERE NOT covers").fetchall():
        for modality in json.loads(names):
            spared += db.execute("DELETE FROM change WHERE kind = 'deleted' AND modality = ? AND path = ?", (modality, path)).rowcount
    staging.put("spared", spared)
    # Seen, but its pattern takes it no more: the pattern was changed, the file was not deleted.
    outgrown = db.execute("DELETE FROM change WHERE kind = 'deleted' AND path IN (SELECT path FROM unmatched)").rowcount
    staging.put("outgrown", outgrown)


def _patients_of_deleted(config: Config, staging: Staging) -> None:
    """As the path says it, for the journal's column takes leading zeros away: “0012” is held back as “0012”."""
    updates: list[tuple[str, int]] = []
    for key, modality, path, old in staging.db.execute("SELECT id, modality, path, old_patient_id FROM change WHERE kind = 'deleted'"):
        match = config.sites[modality].pattern.match(path)
        if match is not None and match.patient_id is not None and match.patient_id != old:
            updates.append((match.patient_id, key))
    staging.db.executemany("UPDATE change SET patient_id = ? WHERE id = ?", updates)


def _hash_touched(staging: Staging, digest: Digester, ctx: JobContext) -> None:
    """MOVED if the content is the journal's, UPDATED if not, PROBLEM if it could not be read."""
    db = staging.db
    touched = db.execute("SELECT id, modality, path, size, mtime_us, old_md5 FROM change WHERE kind = 'moved' ORDER BY id").fetchall()
    totals: dict[str, tuple[int | None, int | None]] = {}
    for _, modality, _, size, _, _ in touched:
        files, total = totals.get(modality, (0, 0))
        totals[modality] = ((files or 0) + 1, (total or 0) + size)
    ctx.progress.begin("hash", totals)
    known: dict[int, tuple[str, int, str | None]] = {key: (modality, size, md5) for key, modality, _, size, _, md5 in touched}
    for key, result, seconds in digest((key, modality, path, size, mtime_us) for key, modality, path, size, mtime_us, _ in touched):
        modality, size, old_md5 = known[key]
        ctx.progress.add(modality, files=1, size=size)
        if isinstance(result, SourceError):
            db.execute("UPDATE change SET kind = 'problem', note = ? WHERE id = ?", (str(result), key))
            continue
        kind, note = "moved", ""
        if result != (old_md5 or "").lower():
            kind = "updated"
            if not _MD5.fullmatch((old_md5 or "").lower()):
                note = "The journal has no MD5 to compare it with."
        db.execute("UPDATE change SET kind = ?, md5 = ?, md5_seconds = ?, note = ? WHERE id = ?", (kind, result, seconds, note, key))


def _renamed(staging: Staging) -> None:
    """A DELETED and an ADDED of equal modality, size and time, unique on both sides, are shown as one."""
    db = staging.db
    if not db.execute("SELECT EXISTS (SELECT 1 FROM change WHERE kind = 'deleted')").fetchone()[0]:
        return
    halves = "SELECT modality, {size} AS size, {mtime} AS mtime_us, min(id) AS id FROM change WHERE kind = '{kind}' AND {size} > 0 GROUP BY 1, 2, 3 HAVING count(*) = 1"
    pairs = db.execute(
        f"SELECT d.id, a.id FROM ({halves.format(kind='deleted', size='old_size', mtime='old_mtime_us')}) d "
        f"JOIN ({halves.format(kind='added', size='size', mtime='mtime_us')}) a USING (modality, size, mtime_us)"
    ).fetchall()
    db.executemany("UPDATE change SET pair = ? WHERE id = ?", (pair for d, a in pairs for pair in ((a, d), (d, a))))


def _problems_and_unmatched(staging: Staging) -> None:
    """They are lines of the review too, so that nothing vanishes silently."""
    db = staging.db
    for names, path, cause, remedy in db.execute("SELECT modalities, path, cause, remedy FROM problem").fetchall():
        modalities: list[str] = json.loads(names)
        db.execute(
            "INSERT INTO change (kind, modality, path, note) VALUES ('problem', ?, ?, ?)",
            (modalities[0] if len(modalities) == 1 else "", path, f"{cause} {remedy}".strip()),
        )
    db.execute("INSERT INTO change (kind, modality, path) SELECT 'unmatched', '', path FROM unmatched")


def _tails(config: Config, staging: Staging) -> None:
    """Where each file to send will lie below its version's folder, where that is not its own path.

    Two files for one place (another spelling of a modality's folder, a number with leading zeros): neither can be sent.
    """
    db = staging.db
    updates: list[tuple[str, int]] = []
    faults: list[tuple[str, int]] = []
    here, prefix = ("", ""), ""  # the folder that was mapped last, and what becomes of it: a folder's files follow one another
    for key, modality, path in db.execute("SELECT id, modality, path FROM change WHERE kind IN ('added', 'updated') ORDER BY id"):
        folder, _, name = path.rpartition("/")
        if here != (modality, folder):
            try:
                tail = config.store_path(modality, path, "v").removeprefix("v/")
            except PatternError as error:
                faults.append((str(error), key))
                continue
            if config.sites[modality].pattern.whole_folders:
                here, prefix = (modality, folder), tail.removesuffix(name)
        else:
            tail = prefix + name
        if tail != path:
            updates.append((tail, key))
    db.executemany("UPDATE change SET tail = ? WHERE id = ?", updates)
    db.executemany("UPDATE change SET kind = 'problem', note = ? WHERE id = ?", faults)
    if not updates and len({site.place.text for site in config.sites.values()}) == 1:
        return  # every file keeps its path, and no two files have the same
    sending = f"{TAIL} = ? AND version IS ? AND kind IN ('added', 'updated')"
    db.execute(f"CREATE INDEX change_tail ON change ({TAIL}, version)")
    same = db.execute(f"SELECT {TAIL}, version FROM change WHERE kind IN ('added', 'updated') GROUP BY 1, 2 HAVING count(*) > 1").fetchall()
    for tail, version in same:
        paths = [path for (path,) in db.execute(f"SELECT path FROM change WHERE {sending} ORDER BY path", (tail, version))]
        db.execute(
            f"UPDATE change SET kind = 'problem', note = ? WHERE {sending}",
            (
                f"These files would lie at one place in the central store ({tail}): {', '.join(paths[:5])}. Rename all but one on the site.",
                tail,
                version,
            ),
        )


def _tally(staging: Staging) -> None:
    staging.db.execute(
        "INSERT INTO tally SELECT modality, kind, count(*), coalesce(sum(coalesce(size, old_size)), 0) FROM change GROUP BY modality, kind"
    )
