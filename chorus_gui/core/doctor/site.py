"""The folders of the site."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from chorus_gui.core.doctor.model import Case, Finding, Severity, site_places
from chorus_gui.core.places import disk_path

SUBJECT = "Site"
MAY_BE_ONLINE = os.name == "nt"
LOOKED_AT = 2000
_RECALLED = 0x1000 | 0x40000 | 0x400000
"""FILE_ATTRIBUTE_OFFLINE, _RECALL_ON_OPEN, _RECALL_ON_DATA_ACCESS: https://learn.microsoft.com/windows/win32/fileio/file-attribute-constants"""


def check_folders(case: Case) -> Iterator[Finding]:
    """Each can be reached and read, and holds something."""
    if case.config is None:
        return
    for names, place in site_places(case.config).items():
        case.ctx.checkpoint()
        if place.folder is not None:
            yield _folder(names, place.folder)
            yield from _online(names, place.folder, case)


def _online(names: str, folder: Path, case: Case) -> Iterator[Finding]:
    """Files that a cloud drive keeps online: a look at the first :data:`LOOKED_AT` of the folder is enough to know."""
    if not MAY_BE_ONLINE:
        return
    seen = online = 0
    for files, recalled in _looked_into(folder):
        case.ctx.checkpoint()
        seen += files
        online += recalled
        if seen >= LOOKED_AT:
            break
    if online:
        yield Finding(
            Severity.WARNING,
            SUBJECT,
            f"{names}: of the first {seen:,} files in {folder}, {online:,} are kept online only.",
            "Each is downloaded when it is read; that is slow, wants room on this disk, and fails without a connection.",
            "In the Explorer, choose “Always keep on this device” for the folder (OneDrive), or recall it from the archive, before you upload.",
        )


def _looked_into(folder: Path) -> Iterator[tuple[int, int]]:
    """(files, how many of them are online only) of a folder and each below it, in no order; what cannot be read is left out."""
    pending = [disk_path(folder)]
    while pending:
        files = recalled = 0
        with suppress(OSError), os.scandir(pending.pop()) as found:
            for entry in found:
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)
                elif entry.is_file(follow_symlinks=False):
                    files += 1
                    recalled += is_online_only(entry)
        yield files, recalled


def is_online_only(entry: os.DirEntry[str]) -> bool:
    """A placeholder: reading it recalls its content from elsewhere.  Told by the directory entry, on Windows alone."""
    attributes: int = getattr(entry.stat(follow_symlinks=False), "st_file_attributes", 0)
    return bool(attributes & _RECALLED)


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
