"""Files that cannot go into a version that has files already: found before anything is sent, as :mod:`.diff` finds them among new files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import accumulate

from chorus_gui.core.config.model import Config, PlaceKind
from chorus_gui.core.journal.store import Journal
from chorus_gui.core.model import Change
from chorus_gui.core.review.changes import by_ids
from chorus_gui.core.review.diff import recount
from chorus_gui.core.review.places import AFTERWARDS
from chorus_gui.core.review.staging import Staging
from chorus_gui.core.review.tails import TAIL
from chorus_gui.core.storage.exact_names import folder_ignores_case

SENDING = "kind IN ('added', 'updated') AND NOT excluded AND NOT done"
"""SQL: what is sent of a review."""


def refuse_taken(config: Config, journal: Journal, staging: Staging, version: str = "") -> list[Change]:
    """Make a problem of each file to send that cannot lie beside what its version has: another file has its place, or the central store
    is a folder, and one's name is the other's folder or differs from it in case alone.

    ``version`` is the submission's, "" if it is not known yet: then only the versions that paths name are looked at.  Gives the changes
    as they were, with the reason as their note.
    """
    db = staging.db
    sent = {found for (found,) in db.execute(f"SELECT DISTINCT coalesce(version, ?) FROM change WHERE {SENDING}", (version,))} - {""}
    amended = sorted(sent & set(journal.versions())) if sent else []
    reasons: dict[int, str] = {}
    for one in amended:
        db.execute("CREATE TEMP TABLE taken (place TEXT, modality TEXT, path TEXT, active INTEGER)")
        try:
            db.executemany("INSERT INTO taken VALUES (?, ?, ?, ?)", _taken(config, journal, one))
            reasons |= _impossible(config, staging, one == version, one)
            reasons |= _given_twice(staging, one == version, one)
        finally:
            db.execute("DROP TABLE taken")
    if not reasons:
        return []
    ids = sorted(reasons)
    refused = [change for start in range(0, len(ids), 1000) for change in by_ids(staging, ids[start : start + 1000])]
    db.executemany("UPDATE change SET pair = NULL, part = NULL, folder = NULL WHERE id = ? OR pair = ?", ((key, key) for key in ids))
    db.executemany("UPDATE change SET kind = 'problem', note = ? WHERE id = ?", ((why, key) for key, why in reasons.items()))
    recount(staging)
    return [replace(change, note=reasons[change.id]) for change in refused]


def _taken(config: Config, journal: Journal, version: str) -> Iterator[tuple[str, str, str, bool]]:
    """Where the version has files, also those that were replaced or deleted since: the store keeps them."""
    for row in journal.rows(version=version):
        if row.active or row.uploaded is not None:
            place = config.store_paths(row.modality, row.path, version)[0]
            yield place.removeprefix(f"{version}/"), row.modality, row.path, row.active


def _of_version(own: bool) -> str:
    """SQL: the changes that go into a version (a value to bind); ``own``: it is the submission's."""
    return f"{SENDING} AND {'coalesce(version, ?1)' if own else 'version'} = ?1"


def _given_twice(staging: Staging, own: bool, version: str) -> dict[int, str]:
    """Another file that the site has, or had when the journal was written, has the place.  A file that is gone can be replaced."""
    rows = staging.db.execute(
        f"SELECT c.id, t.path, t.place FROM (SELECT id, modality, path, {TAIL} AS place FROM change WHERE {_of_version(own)}) c JOIN taken t USING (place) "
        "WHERE t.active AND (t.modality, t.path) != (c.modality, c.path)",
        (version,),
    )
    return {
        key: f"“{path}” has the same place in version {version} of the central store, “{place}”. Rename one of them on the site and scan "
        "again. Or submit it as another version."
        for key, path, place in rows
    }


def _impossible(config: Config, staging: Staging, own: bool, version: str) -> dict[int, str]:
    """What a folder cannot hold side by side."""
    central, db = config.central, staging.db
    if central.kind is not PlaceKind.FOLDER or central.folder is None:
        return {}
    folded = folder_ignores_case(central.folder)

    def fold(path: str) -> str:
        return path.casefold() if folded else path

    files: set[str] = set()
    folders: set[str] = set()
    spelt: dict[str, str] = {}
    for (place,) in db.execute("SELECT place FROM taken"):
        files.add(fold(place))
        above = _above(place)
        folders.update(map(fold, above))
        if folded:
            spelt.update((fold(part), part) for part in (*above, place))
    found: dict[int, str] = {}
    for key, place in db.execute(f"SELECT id, {TAIL} FROM change WHERE {_of_version(own)}", (version,)):
        above = _above(place)
        other = next((there for part in (*above, place) if (there := spelt.get(fold(part), part)) != part), None)
        if other is not None:
            found[key] = f"In version {version}, the folder of the central store does not distinguish it from “{other}”. {AFTERWARDS}"
        elif fold(place) in folders:
            found[key] = (
                f"Version {version} has a folder of the same name, and the central store is a folder, which cannot have both. {AFTERWARDS}"
            )
        elif any(fold(part) in files for part in above):
            found[key] = (
                f"Version {version} has a file with the name of its folder, and the central store is a folder, which cannot have both. {AFTERWARDS}"
            )
    return found


def _above(path: str) -> list[str]:
    """The folders on the way to a path."""
    return list(accumulate(path.split("/")[:-1], "{}/{}".format))
