"""The place of each file to send below its version's folder, and the files that cannot be sent there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from chorus_gui.core.config.model import Config
from chorus_gui.core.errors import PatternError
from chorus_gui.core.review.litter import DIGITS, note
from chorus_gui.core.review.places import find_clashes
from chorus_gui.core.review.staging import Staging
from chorus_gui.core.storage.accepts import refusal
from chorus_gui.core.storage.names import is_plain

TAIL = "coalesce(tail, path)"
"""SQL: the path of a change's file below its version's folder."""
PAGE = 4096
"""Changes that are held in memory at a time: a site can have a million."""
_VERSION = "YYYYMMDDHHMMSS"
_RENAME = "Rename it on the site and scan again, or leave it out with [configuration] exclude."


def find_tails(config: Config, staging: Staging) -> None:
    """The place of each file to upload below its version's folder, if that is not its own path.

    Two files for one place (another spelling of a modality's folder, a number with leading zeros): neither can be sent.
    """
    db = staging.db
    mapped = False
    refused = refusal(config.central)
    for page in _pages(staging):
        updates: list[tuple[str, int]] = []
        faults: list[tuple[str, int]] = []
        litter: list[tuple[str, int]] = []
        for (modality, folder), run in groupby(page, _folder):  # a folder's files follow one another
            files = list(run)
            prefix: str | None = None
            for key, _, path in files:
                name = path[len(folder) + 1 :] if folder else path
                if prefix is None:
                    try:
                        tail = config.store_path(modality, path, "v").removeprefix("v/")
                    except PatternError as error:
                        faults.append((str(error), key))
                        continue
                    if config.sites[modality].pattern.whole_folders:
                        prefix = tail.removesuffix(name)
                        if prefix + name == path and all_usual(files, folder, len(config.central.prefix)):
                            break
                else:
                    tail = prefix + name
                if tail != path:
                    updates.append((tail, key))
                if flagged := note(path):
                    litter.append((flagged, key))
                if why := refused(f"{_VERSION}/{tail}"):
                    faults.append((f"The central store cannot hold a file of this name. {why} {_RENAME}", key))
        db.executemany("UPDATE change SET tail = ? WHERE id = ?", updates)
        db.executemany("UPDATE change SET note = trim(? || ' ' || note) WHERE id = ?", litter)
        db.executemany("UPDATE change SET kind = 'problem', note = ? WHERE id = ?", faults)
        mapped |= bool(updates)
    own_paths = not mapped and len({site.place.text for site in config.sites.values()}) == 1
    if not own_paths:  # otherwise no two files have the same
        _same_places(staging)
    find_clashes(config, staging, TAIL, own_paths=own_paths)


def _folder(file: tuple[int, str, str]) -> tuple[str, str]:
    """The modality and the folder of a file (id, modality, path)."""
    return file[1], file[2][: max(file[2].rfind("/"), 0)]


def all_usual(files: Sequence[tuple[int, str, str]], folder: str, more: int) -> bool:
    """Every store takes the names of these files (id, modality, path) of one folder at their own paths, and none of them looks like litter.

    They are looked at together: names that differ in digits only are alike in both.  False: look at each.  ``more`` characters come
    before each path, in addition to the version.
    """
    cut = len(folder) + 1 if folder else 0
    names = "\0".join([path[cut:] for _, _, path in files])
    above = folder + "/" if folder else ""
    more += len(_VERSION) + 1
    return all(is_plain(f"{above}{shape}", more) and not note(f"{above}{shape}") for shape in set(names.translate(DIGITS).split("\0")))


def _pages(staging: Staging) -> Iterator[list[tuple[int, str, str]]]:
    """The files to send (id, modality, path), a page at a time, so that the caller may write in between."""
    last = 0
    sql = f"SELECT id, modality, path FROM change WHERE id > ? AND kind IN ('added', 'updated') ORDER BY id LIMIT {PAGE}"
    while page := staging.db.execute(sql, (last,)).fetchall():
        yield page
        last = page[-1][0]


def _same_places(staging: Staging) -> None:
    db = staging.db
    sending = f"{TAIL} = ? AND version IS ? AND kind IN ('added', 'updated')"
    db.execute(f"CREATE INDEX change_tail ON change ({TAIL}, version)")
    same = db.execute(f"SELECT {TAIL}, version FROM change WHERE kind IN ('added', 'updated') GROUP BY 1, 2 HAVING count(*) > 1").fetchall()
    for tail, version in same:
        paths = [path for (path,) in db.execute(f"SELECT path FROM change WHERE {sending} ORDER BY path", (tail, version))]
        db.execute(
            f"UPDATE change SET kind = 'problem', note = ? WHERE {sending}",
            (
                f"Several files would have the same place in the central store, “{tail}”: {', '.join(paths[:5])}. Rename all but one on the site.",
                tail,
                version,
            ),
        )
