"""This computer: room on its disks, long paths, the year."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from chorus_gui.app.doctor.model import Case
from chorus_gui.core.config.model import UploadMethod
from chorus_gui.core.folders import data_folder
from chorus_gui.core.model import Finding, Grade

SUBJECT = "This computer"
FEW = 2_000_000_000
TOO_FEW = 200_000_000
TIMES = 3
"""A journal is written beside itself, and copies of it are kept."""
FIRST_YEAR = 2025


def check_space(case: Case, free: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free) -> Iterator[Finding]:
    """Where the journal lies, and where reviews are kept."""
    folders = {"reviews and receipts": (data_folder(), 0)}
    if case.config is not None:
        local = case.config.journal.local
        folders["the journal"] = (_existing(local.parent), local.stat().st_size if local.is_file() else 0)
    for name, (folder, size) in folders.items():
        left = free(folder)
        what = f"There are {left / 1e9:,.1f} GB left for {name} ({folder})."
        severity = Grade.BAD if left < max(TOO_FEW, TIMES * size) else Grade.WARNING if left < FEW else Grade.GOOD
        if severity is Grade.GOOD:
            yield Finding(severity, SUBJECT, what)
        else:
            yield Finding(severity, SUBJECT, what, "On a full disk nothing can be recorded.", "Make room on that disk.")


def _existing(folder: Path) -> Path:
    return next(found for found in (folder, *folder.parents) if found.is_dir())


def check_year(case: Case) -> Iterator[Finding]:
    """A clock that was never set shows in the year."""
    if case.now.year < FIRST_YEAR:
        why = "Versions are named by the time, and the store refuses requests of another time."
        yield Finding(Grade.BAD, "Clock", f"This computer's clock says {case.now:%Y-%m-%d}.", why, "Set the clock right.")


def check_long_paths(case: Case, allowed: Callable[[], bool | None] | None = None) -> Iterator[Finding]:
    """This program needs no setting for them; az and AzCopy, which generated scripts call, do on Windows."""
    if case.config is None or case.config.upload_method is not UploadMethod.AZCLI:
        return
    if (allowed or _long_paths_allowed)() is False:
        what = "Windows does not allow paths of more than 260 characters for other programs."
        why = "Generated scripts cannot send files whose path is longer."
        yield Finding(Grade.WARNING, SUBJECT, what, why, "Have your IT department set LongPathsEnabled, or send with this program itself.")


def _long_paths_allowed() -> bool | None:
    """None: there is no such setting on this system."""
    if sys.platform != "win32":
        return None
    import winreg

    try:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, r"SYSTEM\CurrentControlSet\Control\FileSystem") as key:
            return bool(winreg.QueryValueEx(key, "LongPathsEnabled")[0])
    except OSError:
        return False
