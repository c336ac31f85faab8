"""Which deleted and added files are probably one renamed file, and which folders were renamed as a whole.

Both are found in SQL, from what the scan and the journal have: modality, size and time, never by reading a file.  What is found is not
proof: a submission compares the contents before it copies a file inside the store.
"""

from __future__ import annotations

from collections.abc import Iterator

from chorus_gui.core.review.staging import Staging
from chorus_gui.core.review.values import PATIENT, Part

PAGE = 4096
"""Pairs that are held in memory at a time: a site can have a million."""
_FOLDER = "rtrim({path}, replace({path}, '/', ''))"
"""SQL: a path up to its last “/”."""
_NAME = f"substr(path, length({_FOLDER.format(path='path')}) + 1)"
_BELOW = "{path} > {folder} || '/' AND {path} < {folder} || '0'"
"""SQL: a path is below a folder.  “0” is the character after “/”, so an index finds it."""


def find_renames(staging: Staging) -> None:
    """Pair deleted and added files, and find the renamed folders.

    A pair has equal modality, size and time, which must be unique on both sides: alone, or among the files of one patient and one name,
    or by its place in a folder that other pairs show to be renamed.  A folder counts as renamed if every file that the
    journal has below it is below the new folder, the site has none below the old one, and the journal had none below the new one.

    Needs the tables of the scan and of the journal's entries, which :meth:`~.diff.Comparison.finish` still has.
    """
    db = staging.db
    if not _unpaired(staging, "deleted") or not _unpaired(staging, "added"):
        return
    db.execute("CREATE TEMP TABLE half (deleted INTEGER PRIMARY KEY, added INTEGER UNIQUE, folder INTEGER)")
    try:
        _equal(staging, "0", "1")
        if _unpaired(staging, "deleted") and _unpaired(staging, "added"):
            _equal(staging, f"{PATIENT} || '/' || {_NAME}", f"{PATIENT} IS NOT NULL")
        if not db.execute("SELECT EXISTS (SELECT 1 FROM half)").fetchone()[0]:
            return
        _folders(staging)
        if _in_folders(staging):
            _folders(staging)
        _keep_whole_folders(staging)
    finally:
        db.execute("DROP TABLE half")


def _unpaired(staging: Staging, kind: str) -> bool:
    found = staging.db.execute("SELECT EXISTS (SELECT 1 FROM change WHERE kind = ? AND pair IS NULL)", (kind,))
    return bool(found.fetchone()[0])


def _equal(staging: Staging, name: str, where: str) -> None:
    """Pair what is equal and unique on both sides; ``name`` (SQL) must be equal, too.  ``where`` (SQL) says of which files."""

    def side(kind: str, size: str, mtime: str) -> str:
        return (
            f"SELECT modality, {size} AS size, {mtime} AS mtime_us, {name} AS name, min(id) AS id FROM change "
            f"WHERE kind = '{kind}' AND pair IS NULL AND {size} > 0 AND {where} GROUP BY 1, 2, 3, 4 HAVING count(*) = 1"
        )

    staging.db.execute(
        f"INSERT OR IGNORE INTO half (deleted, added) SELECT d.id, a.id FROM ({side('deleted', 'old_size', 'old_mtime_us')}) d "
        f"JOIN ({side('added', 'size', 'mtime_us')}) a USING (modality, size, mtime_us, name)"
    )
    _pair(staging)


def _pair(staging: Staging) -> None:
    """Each half names the other one."""
    for own, other in (("deleted", "added"), ("added", "deleted")):
        staging.db.execute(
            f"UPDATE change SET pair = (SELECT {other} FROM half WHERE {own} = change.id) "
            f"WHERE pair IS NULL AND id IN (SELECT {own} FROM half)"
        )


def _folders(staging: Staging) -> None:
    """Which folder became which, as each pair shows it, and how many pairs show it."""
    db = staging.db
    db.execute("DELETE FROM renamed_folder")
    for page in _pairs(staging):
        tops = [(key, found) for key, old, new in page if (found := renamed_folder(old, new)) is not None]
        db.executemany(
            "INSERT INTO renamed_folder (old, new, files) VALUES (?, ?, 1) ON CONFLICT (old, new) DO UPDATE SET files = files + 1",
            [found for _, found in tops],
        )
        db.executemany(
            "UPDATE half SET folder = (SELECT id FROM renamed_folder WHERE old = ? AND new = ?) WHERE deleted = ?",
            [(*found, key) for key, found in tops],
        )


def _pairs(staging: Staging) -> Iterator[list[tuple[int, str, str]]]:
    """The pairs: id of the deleted half, the old path and the new one; a page at a time, so that the caller may write in between."""
    last = -1
    sql = (
        "SELECT half.deleted, d.path, a.path FROM half JOIN change d ON d.id = half.deleted JOIN change a ON a.id = half.added "
        f"WHERE half.deleted > ? ORDER BY half.deleted LIMIT {PAGE}"
    )
    while page := staging.db.execute(sql, (last,)).fetchall():
        yield page
        last = page[-1][0]


def renamed_folder(old: str, new: str) -> tuple[str, str] | None:
    """The folders whose names differ, if the paths are equal below them: “1/a/x” and “2/a/x” → “1” and “2”; None for another file name."""
    before, after = old.split("/"), new.split("/")
    same = 0
    while same < min(len(before), len(after)) and before[-1 - same] == after[-1 - same]:
        same += 1
    if not same or same in (len(before), len(after)):
        return None  # another name, or a folder that was put around the file or taken away
    return "/".join(before[:-same]), "/".join(after[:-same])


def _in_folders(staging: Staging) -> bool:
    """Pair files that are equal but not unique, by their place in a renamed folder; True if there are any."""
    db = staging.db
    if not _unpaired(staging, "deleted") or not db.execute("SELECT EXISTS (SELECT 1 FROM renamed_folder)").fetchone()[0]:
        return False
    db.execute("CREATE INDEX change_path ON change (path, kind)")
    below = _BELOW.format(path="d.path", folder="f.old")
    found = db.execute(
        "INSERT OR IGNORE INTO half (deleted, added) SELECT deleted, added FROM (SELECT d.id AS deleted, min(a.id) AS added, count(*) AS ways "
        f"FROM renamed_folder f CROSS JOIN change d ON {below} AND d.kind = 'deleted' AND d.pair IS NULL "
        "CROSS JOIN change a ON a.path = f.new || substr(d.path, length(f.old) + 1) AND a.kind = 'added' AND a.pair IS NULL "
        "AND a.modality = d.modality AND a.size = d.old_size AND a.mtime_us = d.old_mtime_us GROUP BY d.id) WHERE ways = 1"
    ).rowcount
    db.execute("DROP INDEX change_path")
    _pair(staging)
    return found > 0


def _keep_whole_folders(staging: Staging) -> None:
    """Forget the folders of which only a part has another place, and mark the changes of the others."""
    db = staging.db
    site, was, old = (_BELOW.format(path="path", folder=f"renamed_folder.{name}") for name in ("old", "new", "old"))
    db.execute(
        "DELETE FROM renamed_folder WHERE old IN (SELECT old FROM renamed_folder GROUP BY old HAVING count(*) > 1) "
        "OR new IN (SELECT new FROM renamed_folder GROUP BY new HAVING count(*) > 1)"
    )
    db.execute(
        f"DELETE FROM renamed_folder WHERE EXISTS (SELECT 1 FROM site WHERE {site}) OR EXISTS (SELECT 1 FROM was WHERE {was}) "
        f"OR files != (SELECT count(*) FROM was WHERE {old})"
    )
    for half in ("deleted", "added"):
        db.execute(
            f"UPDATE change SET part = ?, folder = (SELECT folder FROM half WHERE {half} = change.id) "
            f"WHERE id IN (SELECT {half} FROM half WHERE folder IN (SELECT id FROM renamed_folder))",
            (Part.RENAMED_FOLDERS.value,),
        )
