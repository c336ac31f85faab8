"""The folders of the site."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from chorus_gui.core.doctor.model import Case, Finding, Severity, site_places
from chorus_gui.core.places import disk_path

SUBJECT = "Site"


def check_folders(case: Case) -> Iterator[Finding]:
    """Each can be reached and read, and holds something."""
    if case.config is None:
        return
    for names, place in site_places(case.config).items():
        case.ctx.checkpoint()
        if place.folder is not None:
            yield _folder(names, place.folder)


def _folder(names: str, folder: Path) -> Finding:
    why = "Its files cannot be seen. No row of the journal is closed for that, but nothing new is found either."
    try:
        with os.scandir(disk_path(folder)) as entries:
            empty = next(entries, None) is None
    except FileNotFoundError:
        return Finding(
            Severity.BAD, SUBJECT, f"{names}: the folder {folder} is not there.", why, "Check the path, and that the drive is connected."
        )
    except OSError as error:
        what = f"{names}: the folder {folder} cannot be read: {error.strerror or error}."
        return Finding(Severity.BAD, SUBJECT, what, why, "Check the connection to the drive, and your rights there.")
    if empty:
        remedy = "If the site really has no files yet, this is right; else check the path and the drive."
        return Finding(
            Severity.WARNING, SUBJECT, f"{names}: the folder {folder} is empty.", "A drive that is not connected looks like that.", remedy
        )
    return Finding(Severity.GOOD, SUBJECT, f"{names}: {folder} can be read.")
