"""What the errors of a disk or a share mean, for a person."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from typing import TypeVar

from chorus_gui.core.errors import SourceError, SourceUnavailableError, SourceUnreadableError, SourceVanishedError
from chorus_gui.core.model import Problem
from chorus_gui.core.refused import HELD, is_held

T = TypeVar("T")

_WINDOWS = os.name == "nt"
_SHARING_VIOLATIONS = (32, 33)
_PAUSES_S = (0.05, 0.1)

_GONE = frozenset({errno.ENOENT, errno.ENOTDIR})
_DENIED = frozenset({errno.EACCES, errno.EPERM})
_NETWORK = frozenset(
    {
        errno.ETIMEDOUT,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.ENETUNREACH,
        errno.ENETDOWN,
        errno.ENOTCONN,
        errno.ECONNRESET,
        errno.ESTALE,
    }
)
_CLOUD_DRIVE = range(358, 405)
"""ERROR_CLOUD_FILE_…: https://learn.microsoft.com/windows/win32/debug/system-error-codes--0-499-.  Without a Windows code, the C
library reports EINVAL for each that it does not know."""
_IMPOSSIBLE = frozenset({123, 161})
"""ERROR_INVALID_NAME, ERROR_BAD_PATHNAME"""
_NETWORK_WINDOWS = frozenset({51, 53, 54, 55, 59, 64, 67, 121, 1222, 1225, 1231, 1232})


def patiently(call: Callable[[], T]) -> T:
    """Try again, twice, after a short pause, while another program has the file open (only Windows refuses then)."""
    for pause in _PAUSES_S:
        try:
            return call()
        except OSError as error:
            if not _held(error):
                raise
            time.sleep(pause)
    return call()


def _held(error: OSError) -> bool:
    """Another program has the file open, or may have: os.open gives no Windows code, and "denied" can mean both."""
    code = _windows_code(error)
    return code in _SHARING_VIOLATIONS or (_WINDOWS and code is None and error.errno == errno.EACCES)


def _held_now(error: OSError) -> bool:
    """Whether another program is the reason, asked of Windows where it did not say.  An open file that cannot be read is locked."""
    return _held(error) and (error.filename is None or is_held(str(error.filename), reading=True))


def _windows_code(error: OSError) -> int | None:
    return getattr(error, "winerror", None)


def gone(error: OSError) -> bool:
    """There is no such file.  A share that cannot be reached does not count, although Windows reports ENOENT for it, too.

    A name that Windows refuses, such as one with a line break that a journal has from another system, is of no file there.
    """
    code = _windows_code(error)
    return code in _IMPOSSIBLE or (error.errno in _GONE and code not in _NETWORK_WINDOWS)


def silent(error: OSError) -> bool:
    """The share does not answer now, which says nothing about the file."""
    return _windows_code(error) in _NETWORK_WINDOWS or error.errno in _NETWORK


def reason(error: OSError) -> tuple[str, str]:
    """Why the system refused, as the end of a sentence, and what a person can do, as a sentence."""
    code = _windows_code(error)
    if code in _SHARING_VIOLATIONS or _held_now(error):
        return HELD, "Close that program, and scan again."
    if code in _NETWORK_WINDOWS or error.errno in _NETWORK:
        return "the network share did not answer", "Check the connection to the share, and scan again."
    if gone(error):
        return "it is no longer there", "If it should be there, check that the share is connected. Then scan again."
    if error.errno in _DENIED:
        return "you are not allowed to read it", "Ask whoever manages the folder for permission to read it, and scan again."
    if error.errno == errno.ELOOP:
        return "its links lead in a circle", "Remove the link, or change it to lead to a file or folder."
    if error.errno == errno.ENAMETOOLONG:
        return "its path is too long for this system", "Shorten the names of the folders above it, and scan again."
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return "this computer has too many files open", "Close other programs, and scan again."
    if error.errno == errno.EIO:
        return "the disk or the share failed while it was being read", "Have the disk checked, and scan again."
    if code in _CLOUD_DRIVE or (_WINDOWS and code is None and error.errno == errno.EINVAL):
        return "Windows could not download it", (
            "If it is kept online only (for example in OneDrive), choose “Always keep on this device” for it. Then scan again."
        )
    return (error.strerror or type(error).__name__).rstrip("."), "Scan again. If it fails again, ask whoever manages the disk."


def source_error(path: str, error: OSError) -> SourceError:
    """The failure of one file, for a person."""
    if gone(error):
        return SourceVanishedError(
            f"“{path}” is no longer on the site.", remedy="Scan again. The review then shows what changed, and what to do."
        )
    clause, remedy = reason(error)
    kind = SourceUnavailableError if silent(error) else SourceUnreadableError
    return kind(f"Could not read “{path}”: {clause}.", remedy=remedy)


def entry_problem(path: str, entry: os.DirEntry[str], error: OSError) -> Problem:
    """An entry that could not be read: it may be gone, or a whole folder, or on a share that was just disconnected."""
    clause, remedy = reason(error)
    if entry.is_symlink():
        what = "The link leads nowhere" if gone(error) else f"Could not read what the link leads to: {clause}"
        return Problem((), path, f"{what}.", "Check that the folder or share it leads to is connected, or remove the link.", covers=True)
    if gone(error):
        return Problem((), path, "The file was removed while its folder was being read.", "Scan again.", covers=True)
    return Problem((), path, f"Could not read the file: {clause}.", remedy, covers=True)


def no_text(path: str) -> Problem:
    """A name that is not text."""
    shown = (path.encode("utf-8", "backslashreplace") if _WINDOWS else os.fsencode(path)).decode("utf-8", "backslashreplace")
    return Problem((), shown, "The name is not valid text, so the journal cannot hold it.", "Rename it, and scan again.", covers=True)


def odd_time(path: str) -> Problem:
    """A time that a journal cannot hold."""
    return Problem(
        (),
        path,
        "Its time of change is outside of what the journal can hold, so the file cannot be submitted.",
        "Give the file a valid time, for example with “touch FILE”, or in PowerShell with “(Get-Item FILE).LastWriteTime = Get-Date”. Then scan again.",
        covers=True,
    )


def special(path: str) -> Problem:
    """An entry that is neither a file nor a folder."""
    return Problem((), path, "This is a socket, a pipe or a device, not a file. It is never submitted.", "Remove it, or ignore it.")


def loop(path: str) -> Problem:
    """A link to a folder above itself."""
    return Problem((), path, "The link leads back to a folder above itself.", "Remove the link.", covers=True)
