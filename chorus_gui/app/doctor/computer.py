"""This computer: space on its disks, long paths, the year."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from chorus_gui.app.doctor.model import Case
from chorus_gui.app.doctor.proxy import registry
from chorus_gui.app.words import plural
from chorus_gui.app.words import size as bytes_of
from chorus_gui.core import private
from chorus_gui.core.config.model import UploadMethod
from chorus_gui.core.config.policy import Rule, read_policy
from chorus_gui.core.folders import data_folder
from chorus_gui.core.journal import backups
from chorus_gui.core.model import Finding, Grade

SUBJECT = "This computer"
FEW = 2_000_000_000
TOO_FEW = 200_000_000
TIMES = 3
"""A journal is written next to itself, and copies of it are kept."""
FIRST_YEAR = 2025


def check_space(case: Case, free: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free) -> Iterator[Finding]:
    """On the disks of the journal and of reviews."""
    folders = {"reviews and receipts": (data_folder(), 0)}
    if case.config is not None:
        local = case.config.journal.local
        folders["the journal"] = (_existing(local.parent), local.stat().st_size if local.is_file() else 0)
    for name, (folder, size) in folders.items():
        left = free(folder)
        what = f"{bytes_of(left)} is free for {name} ({folder})."
        severity = Grade.BAD if left < max(TOO_FEW, TIMES * size) else Grade.WARNING if left < FEW else Grade.GOOD
        if severity is Grade.GOOD:
            yield Finding(severity, SUBJECT, what)
        else:
            yield Finding(severity, SUBJECT, what, "On a full disk nothing can be recorded.", "Free some space on that disk.")


def _existing(folder: Path) -> Path:
    return next(found for found in (folder, *folder.parents) if found.is_dir())


def check_year(case: Case) -> Iterator[Finding]:
    """A clock that was never set shows a wrong year."""
    if case.now.year < FIRST_YEAR:
        why = "Versions are named by date and time, and the store refuses requests with a wrong time."
        yield Finding(Grade.BAD, "Clock", f"This computer's clock says {case.now:%Y-%m-%d}.", why, "Set the clock.")


def check_long_paths(case: Case, allowed: Callable[[], bool | None] | None = None) -> Iterator[Finding]:
    """This program needs no setting for them; az and AzCopy, which generated scripts run, need one on Windows."""
    if case.config is None or case.config.upload_method is not UploadMethod.AZCLI:
        return
    if (allowed or _long_paths_allowed)() is False:
        what = "Windows limits the paths of other programs to 260 characters."
        why = "Generated scripts cannot upload files with longer paths."
        yield Finding(
            Grade.WARNING, SUBJECT, what, why, "Ask your IT department to set LongPathsEnabled, or set upload_method to “builtin”."
        )


def _long_paths_allowed() -> bool | None:
    """The setting of Windows; None elsewhere."""
    if sys.platform != "win32":
        return None
    return bool(registry("HKEY_LOCAL_MACHINE", r"SYSTEM\CurrentControlSet\Control\FileSystem", "LongPathsEnabled"))


def check_policy(_: Case) -> Iterator[Finding]:
    """What the IT department pinned on this computer."""
    policy = read_policy()
    names = [rule.value for rule in Rule if rule in policy.forbidden or policy.allowed(rule) is not None]
    if names:
        yield Finding(Grade.GOOD, SUBJECT, f"The machine policy in {policy.place} applies: {', '.join(names)}.")


def check_private_files(case: Case) -> Iterator[Finding]:
    """Files that name patients, or hold a secret, and that other users of this computer may read."""
    from chorus_gui.core.config.save import ConfigDocument  # tomlkit takes long to import

    files = [case.file] if case.file.is_file() and ConfigDocument.open(case.file).holds_secrets else []
    if case.config is not None:
        local = case.config.journal.local
        copies = backups.folder(local)
        files += [local, copies, *(sorted(copies.iterdir()) if copies.is_dir() else ())]
    found = [file for file in files if file.exists() and private.too_open(file)]
    if found:
        what = f"Other users of this computer may read {plural(len(found), 'file')} of this submission."
        why = "The journal and its copies name patients. A configuration may hold a secret."
        names = " ".join(shlex.quote(str(file)) for file in found)
        remedy = f"Unless you share them on purpose, run: chmod -R go-rwx {names}"
        yield Finding(Grade.WARNING, "Files", what, why, remedy, tuple(str(file) for file in found[:5]))
