"""Names that cannot be side by side in a central store that is a folder, although the site has them: found before anything is sent."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate

from chorus_gui.core.config.model import Config, PlaceKind
from chorus_gui.core.review.staging import Staging
from chorus_gui.core.storage.exact_names import folder_ignores_case

AFTERWARDS = "Rename one of them on the site and scan again. Or submit it afterwards: it is then uploaded in another version."
_SENT = "kind IN ('added', 'updated')"


def find_clashes(config: Config, staging: Staging, place: str, *, own_paths: bool) -> None:
    """Make a problem of each file to send whose name another file of the same version takes: a file where a folder is needed, and on
    a disk that ignores case a second spelling.  The other file is sent.

    ``place`` is SQL for a file's path below its version's folder.  ``own_paths``: that is the path on the site, in one root.
    """
    central = config.central
    if central.kind is not PlaceKind.FOLDER or central.folder is None:
        return
    folded = folder_ignores_case(central.folder)
    if own_paths and not folded and all(site.place.kind is PlaceKind.FOLDER for site in config.sites.values()):
        return  # a folder has no such names
    found: list[tuple[str, int]] = []
    folders: set[tuple[str | None, str]] = set()
    spelt: dict[tuple[str | None, str], str] = {}
    last = ""
    for key, version, path in _sent(staging, place):
        folder = path.rpartition("/")[0]
        parts = [path] if folder == last else [*accumulate(folder.split("/"), "{}/{}".format), path] if folder else [path]
        last = folder
        if folded:
            others = (spelt.setdefault((version, part.casefold()), part) for part in parts)
            other = next((there for there, part in zip(others, parts, strict=True) if there != part), "")
            if other:
                found.append((f"The folder of the central store does not distinguish it from “{other}”. {AFTERWARDS}", key))
                last = ""
                continue
        folders.update((version, _fold(part, folded)) for part in parts if part != path)
    clashing = f"A folder has the same name, and the central store is a folder, which cannot have both. {AFTERWARDS}"
    known = {key for _, key in found}
    found += [
        (clashing, key) for key, version, path in _sent(staging, place) if key not in known and (version, _fold(path, folded)) in folders
    ]
    staging.db.executemany("UPDATE change SET kind = 'problem', note = ? WHERE id = ?", found)


def _sent(staging: Staging, place: str) -> Iterator[tuple[int, str | None, str]]:
    yield from staging.db.execute(f"SELECT id, version, {place} FROM change WHERE {_SENT} ORDER BY id")


def _fold(path: str, folded: bool) -> str:
    return path.casefold() if folded else path
