"""Files of the site whose content is not on this computer."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from chorus_gui.app import sampling
from chorus_gui.app.configuration import Checked
from chorus_gui.app.doctor.model import Case
from chorus_gui.app.doctor.places import SITE
from chorus_gui.app.words import agree, plural
from chorus_gui.app.words import files as files_of
from chorus_gui.core.config.model import Config
from chorus_gui.core.folders import disk_path
from chorus_gui.core.model import Finding, Grade

MAY_BE_ONLINE = os.name == "nt"
LOOKED_AT = 2000
_RECALLED = 0x1000 | 0x40000 | 0x400000
"""FILE_ATTRIBUTE_OFFLINE, _RECALL_ON_OPEN, _RECALL_ON_DATA_ACCESS: https://learn.microsoft.com/windows/win32/fileio/file-attribute-constants"""


def check_online_only(case: Case) -> Iterator[Finding]:
    """Files that a cloud drive keeps online are downloaded when they are read."""
    for named in case.config.places() if case.config else ():
        case.ctx.checkpoint()
        if named.role == SITE and named.place.folder is not None:
            yield from _online(named.subject, named.place.folder, case)


def check_folders(case: Case) -> Iterator[Finding]:
    """Files and folders of the site that cannot be read now, or could not be in the last scan: they are not part of a submission."""
    if case.config is None:
        return
    config = case.config
    checked = Checked(case.file, config, config.layout, config.modalities, config.sites, exclude=config.exclude)
    found = sampling.sample(checked, case.ctx, login=case.login)
    unread = sorted({*found.unread, *_unread_in_the_last_scan(case.config)})
    if unread:
        what = f"{plural(len(unread), 'file or folder', 'files or folders')} of the site could not be read."
        why = "What cannot be read is not uploaded. It is not marked as deleted for this reason."
        remedy = "Check the permissions of these files and folders, then scan again."
        yield Finding(Grade.WARNING, SITE, what, why, remedy, tuple(unread[:5]))


def _unread_in_the_last_scan(config: Config) -> list[str]:
    from chorus_gui.core.errors import ReviewError
    from chorus_gui.core.review.staging import Staging, staging_path

    try:
        with Staging.open(staging_path(config.journal.local)) as staging:
            return [path for (path,) in staging.db.execute("SELECT path FROM problem WHERE path != ''")]
    except ReviewError:
        return []


def _online(names: str, folder: Path, case: Case) -> Iterator[Finding]:
    """Files that a cloud drive keeps online: the first :data:`LOOKED_AT` of the folder are enough to know."""
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
            Grade.WARNING,
            names,
            f"{files_of(online)} in {folder} {agree(online, 'is', 'are')} stored online only ({files_of(seen)} checked).",
            "Each is downloaded when it is read. That is slow, takes up disk space, and fails without a connection.",
            "Before you upload, select “Always keep on this device” for the folder in File Explorer (OneDrive), or recall it from the archive.",
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
    """A placeholder: reading it recalls its content from elsewhere.  The directory entry says so, only on Windows."""
    attributes: int = getattr(entry.stat(follow_symlinks=False), "st_file_attributes", 0)
    return bool(attributes & _RECALLED)
