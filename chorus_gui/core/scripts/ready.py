"""The check of a running script before it uploads a page: is there something to do, and are these still the recorded files?"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from chorus_gui.core.config.model import PlaceKind
from chorus_gui.core.errors import SourceError
from chorus_gui.core.journal.queries import active_by_paths
from chorus_gui.core.storage.names import outside
from chorus_gui.core.submission.leak_gate import judge, of_row
from chorus_gui.core.submission.work import Work


@dataclass(frozen=True, slots=True)
class Ready:
    """``pending`` files are to be uploaded; 0: the page is done.  ``problems`` are sentences; with one, nothing of the page may be sent."""

    pending: int
    problems: tuple[str, ...] = ()


def ready(work: Work, paths: Sequence[str], folders: Sequence[str] = ()) -> Ready:
    """Check the files of a page (the journal's paths) and at the folders that are sent whole (absolute paths).

    A file is the recorded one if it has the recorded size and time; files in the cloud are not checked again.  A folder must
    not have files that are not in the page.
    """
    rows = active_by_paths(work.journal, paths)
    missing = set(paths) - {row.path for row in rows}
    problems = [f"“{path}” is no longer a current file of the journal." for path in sorted(missing)]
    if not any(row.pending for row in rows):
        return Ready(0, tuple(problems))
    leaks = judge(work.config, (of_row(row) for row in rows if row.pending)).rules
    problems += [f"“{one.examples[0].path}” has a leak of patient data that nobody has accepted (rule {one.rule.id})." for one in leaks]
    expected: set[str] = set()
    for row in rows:
        work.ctx.checkpoint()
        if row.pending and work.is_held(row.modality, row.path, row.patient_id):
            hold = work.log.held[row.modality, row.path]
            problems.append(f"“{row.path}” is held back by {hold.held_by or 'somebody'}: {hold.reason}.")
        if row.pending and work.config.exclude.covers(row.path):
            problems.append(f"“{row.path}” is left out by “exclude” in the configuration.")
        place = work.config.sites[row.modality].place
        if why := outside(row.path, windows=os.name == "nt" and place.kind is PlaceKind.FOLDER):
            problems.append(f"“{row.path}” is not a path of this site. {why}")
            continue
        if place.kind is not PlaceKind.FOLDER or place.folder is None:
            continue
        expected.add(_key(os.path.join(place.folder, *row.path.split("/"))))
        try:
            now = work.sources[row.modality].stat(row.path)
        except SourceError as error:
            problems.append(str(error))
            continue
        if (now.size, now.mtime_us) != (row.size, row.mtime_us):
            problems.append(f"“{row.path}” was changed after it was recorded.")
    for folder in folders:
        for parent, _, names in os.walk(folder):
            work.ctx.checkpoint()
            problems += [
                f"“{os.path.join(parent, name)}” is not one of the files of this script."
                for name in names
                if _key(os.path.join(parent, name)) not in expected
            ]
    return Ready(sum(row.pending for row in rows), tuple(problems))


def _key(path: str) -> str:
    path = "\\\\" + path[8:] if path.startswith("\\\\?\\UNC\\") else path.removeprefix("\\\\?\\")
    return os.path.normcase(os.path.normpath(path))
