"""Remove what this program keeps of a user on this computer, when the user leaves it."""

from __future__ import annotations

import logging
import math
import sys
from contextlib import suppress
from pathlib import Path

from chorus_gui.app.folders import FOLDERS, data_folder, log_folder, settings_folder
from chorus_gui.core import temporary
from chorus_gui.core.config.keychain import SERVICE
from chorus_gui.core.errors import UsageError
from chorus_gui.core.folders import remove_file, remove_folder
from chorus_gui.core.refused import refusal

FILES = ("window.ini", "window.ini.lock", "trusted-hosts.toml", "sites.toml")
"""In the user's settings folder"""
DATA_FILES = ("rates.json",)
"""In the data folder itself"""


def purge() -> tuple[int, int]:
    """Remove settings, reviews, verifications, receipts, the state of check-outs, logs and stored tokens; how many files, and tokens.

    Only what this program makes is removed, wherever its folders are.  Configurations and journals are the site's, and stay.
    Raises :class:`UsageError` if the window is open, or something is left.
    """
    import filelock

    lock = data_folder() / "instance" / "window.lock"
    if lock.parent.is_dir():
        try:
            with filelock.FileLock(lock, timeout=0):
                pass
        except filelock.Timeout as error:
            raise UsageError("CHoRUS Upload is open. Nothing was removed.", remedy="Close its window, then try again.") from error
    _close_logs()
    count = 0
    try:
        for folder in [data_folder() / name for name in FOLDERS]:
            if folder.is_symlink():
                folder.unlink()
            elif folder.is_dir():
                count += sum(1 for file in folder.rglob("*") if file.is_file())
                remove_folder(folder)
        files = [*(settings_folder() / name for name in FILES), *(data_folder() / name for name in DATA_FILES)]
        files += sorted(log_folder().glob("*.log*"))
        for file in files:
            count += file.is_file()
            remove_file(file)
    except OSError as error:
        why, remedy = refusal(error, error.filename or "", "Close every window and command of CHoRUS Upload, then try again.")
        raise UsageError(f"Could not remove everything: {error.filename} ({why}).", remedy=remedy) from error
    temporary.sweep(new_s=-math.inf)  # copies of journals, however new; those that a process uses stay
    tokens = _forget_tokens()
    for folder in (log_folder(), settings_folder(), data_folder()):
        with suppress(OSError):  # other things are in it
            folder.rmdir()
    return count, tokens


def _close_logs() -> None:
    logger = logging.getLogger()
    for handler in list(logger.handlers):
        if isinstance(handler, logging.FileHandler) and Path(handler.baseFilename).parent == log_folder().absolute():
            logger.removeHandler(handler)
            handler.close()


def _forget_tokens() -> int:
    """On Windows, whose store can be searched."""
    if sys.platform != "win32":
        return 0
    from win32ctypes.pywin32 import pywintypes, win32cred  # pyright: ignore[reportMissingImports]

    try:
        entries = win32cred.CredEnumerate(None, 0)  # all of them: Windows can search by the start of a name only
    except pywintypes.error:  # there are none, or the store is not allowed
        return 0
    names = [entry["TargetName"] for entry in entries if entry["Type"] == win32cred.CRED_TYPE_GENERIC]
    mine = [name for name in names if name == SERVICE or name.endswith(f"@{SERVICE}")]
    for name in mine:
        try:
            win32cred.CredDelete(name, win32cred.CRED_TYPE_GENERIC)
        except pywintypes.error as error:
            raise UsageError(f"Could not remove the token “{name}”.", remedy="Remove it in Windows Credential Manager.") from error
    return len(mine)
