"""Why the system refuses a file, asked of the system itself.

Windows says “denied” for a file that is read-only, for one that another program has open, and for one that the user has no right to,
and each needs something else of a person.  Elsewhere the error itself says what it means, and the questions here are answered with no.
"""

from __future__ import annotations

import os
import stat
import sys
from contextlib import suppress

_SHARING = (32, 33)
"""ERROR_SHARING_VIOLATION, ERROR_LOCK_VIOLATION"""
_READ, _WRITE, _SHARE_ALL, _OPEN_EXISTING, _FOLDERS_TOO = 0x80000000, 0x40000000, 7, 3, 0x02000000

HELD = "another program has it open"
READ_ONLY = "it is read-only"


def is_read_only(file: str | os.PathLike[str]) -> bool:
    """The file has Windows' attribute “Read-only”: it can be read, and neither changed, replaced nor removed."""
    try:
        found = os.stat(file, follow_symlinks=False)  # noqa: PTH116 - a Path would take the prefix of long paths apart
    except (OSError, ValueError):
        return False
    return sys.platform == "win32" and stat.S_ISREG(found.st_mode) and bool(found.st_file_attributes & stat.FILE_ATTRIBUTE_READONLY)


def make_changeable(file: str | os.PathLike[str]) -> None:
    """Take the attribute “Read-only” from a file of the program's own, which nobody protects on purpose: a restored backup has it."""
    if is_read_only(file):
        with suppress(OSError):
            os.chmod(file, stat.S_IREAD | stat.S_IWRITE)  # noqa: PTH101 - as above


def is_held(file: str | os.PathLike[str], *, reading: bool = False, writing: bool = False) -> bool:
    """A program has the file open, perhaps this one, so that Windows does not let anybody replace or remove it.

    With ``reading``: so that nobody can read it.  With ``writing``: so that nobody can write to it; this program's own connections to a
    database never do that, so ``writing`` is the question for a database that is open here.
    """
    if sys.platform != "win32":
        return False
    import _winapi

    share = _SHARE_ALL if reading or writing else 0  # sharing nothing is refused if anybody has it open, however much they share
    access = _WRITE if writing else _READ
    try:
        _winapi.CloseHandle(_winapi.CreateFile(os.fspath(file), access, share, 0, _OPEN_EXISTING, _FOLDERS_TOO, 0))
    except OSError as error:
        return error.winerror in _SHARING
    return False


def refusal(error: BaseException, file: str | os.PathLike[str], otherwise: str, *, reading: bool = False) -> tuple[str, str]:
    """Why the system refused a file, as the end of a sentence, and what a person can do, as sentences.

    ``otherwise`` is what to do about any other cause, which the system names.
    """
    denied = isinstance(error, PermissionError) or not isinstance(error, OSError)  # a database says less
    if denied and not reading and is_read_only(file):
        name = os.fspath(file).removeprefix("\\\\?\\")
        return READ_ONLY, f'Clear “Read-only” in the properties of the file, or type: attrib -R "{name}". Then try again.'
    said = getattr(error, "strerror", None) or str(error)
    if said == HELD or getattr(error, "winerror", None) in _SHARING or (denied and is_held(file, reading=reading)):
        return HELD, "Close that program, and try again."
    return said, otherwise
