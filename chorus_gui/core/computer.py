"""Faults of the computer that the program runs on: its disks, its memory, its limits.

None of them is a fault of the program.  A layer that knows what a file is for says so itself; what reaches the end of a job untranslated
becomes a sentence here, in one place, so that no such fault ends in a traceback.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import tempfile
from pathlib import Path

from chorus_gui.core.errors import ComputerError
from chorus_gui.core.refused import is_held, refusal

FILE_OF_OURS = "file_of_ours"
"""The attribute that names the file in an error of one of the program's own databases (see :mod:`~.own_database`)."""
TEMPORARY = "temporary files"
"""What :data:`FILE_OF_OURS` says of a database that SQLite keeps in the folder for temporary files."""
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""No more bytes fit: the disk, the user's quota, or the largest file that the system allows."""
_NAMED = {errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP}
"""Faults of a file that somebody named; without a name they are faults of the program."""
_FAILED = {errno.EIO, errno.ENODEV, errno.ENXIO, getattr(errno, "ESTALE", errno.EIO), getattr(errno, "EREMOTEIO", errno.EIO)}
_FULL_WINDOWS = (39, 112, 1295)  # ERROR_HANDLE_DISK_FULL, ERROR_DISK_FULL, ERROR_DISK_QUOTA_EXCEEDED
_OF_A_FILE = {
    sqlite3.SQLITE_CORRUPT: "it is damaged",
    sqlite3.SQLITE_NOTADB: "it is damaged",
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_IOERR: "the disk is full or failed",
    sqlite3.SQLITE_CANTOPEN: "it could not be opened",
    sqlite3.SQLITE_READONLY: "it is read-only",
    sqlite3.SQLITE_PERM: "it is read-only",
    sqlite3.SQLITE_BUSY: "another program has it open",
    sqlite3.SQLITE_LOCKED: "another program has it open",
}


def is_full(error: BaseException) -> bool:
    """Whether the disk, the quota or the largest size of a file is the reason."""
    if isinstance(error, sqlite3.Error):
        return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF == sqlite3.SQLITE_FULL
    return isinstance(error, OSError) and (error.errno in FULL or getattr(error, "winerror", None) in _FULL_WINDOWS)


def is_damaged(error: BaseException) -> bool:
    """Whether the content of a SQLite file is the reason."""
    code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
    return isinstance(error, sqlite3.Error) and code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def computer_fault(error: BaseException, file: str | os.PathLike[str] = "") -> ComputerError | None:
    """The fault of the computer in words for a person; None if ``error`` is something else.

    ``file`` is what was being used, if the error itself does not name it.
    """
    if isinstance(error, ComputerError):
        return error
    if isinstance(error, sqlite3.DatabaseError):
        return _of_sqlite(error, os.fspath(file) or getattr(error, FILE_OF_OURS, ""))
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return ComputerError(
            "This computer does not have enough free memory.",
            meaning="What was recorded before is kept.",
            remedy="Close other programs, or lower num_threads in the configuration, and run the same command again.",
        )
    if isinstance(error, RuntimeError) and "start new thread" in str(error):
        return no_threads()
    return _of_system(error, os.fspath(file)) if isinstance(error, OSError) else None


def no_threads() -> ComputerError:
    """The system does not start any thread."""
    return ComputerError(
        "This computer does not allow the program to start another thread.",
        meaning="Its limit of processes or of memory is reached. What was recorded before is kept.",
        remedy="Close other programs, or ask whoever manages the computer to raise the limit (“ulimit -u”, “ulimit -v”). Then run the same "
        "command again.",
    )


def temporary_folder(*, of_sqlite: bool = True) -> str:
    """The folder for temporary files: that of SQLite (https://www.sqlite.org/tempfiles.html, 5), or that of Python."""
    if os.name == "nt":  # the order of GetTempPath, which SQLite asks
        return next((folder for name in ("TMP", "TEMP", "USERPROFILE") if (folder := os.environ.get(name))), "")
    if not of_sqlite:
        return tempfile.gettempdir()
    named = (os.environ.get("SQLITE_TMPDIR"), os.environ.get("TMPDIR"), "/var/tmp", "/usr/tmp", "/tmp")  # noqa: S108 - where SQLite looks
    able = (folder for folder in named if folder and Path(folder).is_dir() and os.access(folder, os.W_OK | os.X_OK))
    return next(able, os.curdir)


def is_of_temporary_files(error: BaseException, *, reading: bool = False) -> bool:
    """Whether a fault of SQLite is one of its temporary files.

    ``reading``: the statement only read, and SQLite writes nothing then but what it sorts.
    """
    if not isinstance(error, sqlite3.Error):
        return False
    if getattr(error, FILE_OF_OURS, "") == TEMPORARY:
        return True
    code: int = getattr(error, "sqlite_errorcode", None) or 0
    return code == sqlite3.SQLITE_IOERR_GETTEMPPATH or (
        reading and (code & 0xFF == sqlite3.SQLITE_FULL or code in (sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_TRUNCATE))
    )


def temporary_words(error: Exception, folder: str = "") -> tuple[str, str, str]:
    """What happened, what it means, and what to do, if the folder for temporary files is full or fails: three sentences or more.

    It is the one of SQLite or of Python, as the error is, or ``folder``.
    """
    folder = folder or temporary_folder(of_sqlite=isinstance(error, sqlite3.Error))
    why = "its disk is full" if is_full(error) else "its disk is full or failed, or you do not have permission to write there"
    names = "TEMP and TMP" if os.name == "nt" else "SQLITE_TMPDIR and TMPDIR"
    return (
        f"Could not write temporary files to the folder “{folder}”: {why}.",
        "The journal is intact: what was recorded before is kept.",
        f"Free space on that disk, or set the environment variables {names} to a folder on another disk. Then run the same command again.",
    )


def folder_fault(error: OSError, folder: Path) -> ComputerError:
    """The fault of a folder that the program keeps its own files in."""
    clause, _ = _clause(error, os.fspath(folder))
    return ComputerError(
        f"Could not use the folder “{folder}”, where CHoRUS Upload keeps its own files: {clause or error.strerror or type(error).__name__}.",
        meaning="The journal and the central store are not affected.",
        remedy="Make the folder writable, or set the environment variable CHORUS_UPLOAD_HOME to a folder that you can write to. "
        "Then start again.",
    )


def no_home() -> ComputerError:
    """This user has no home folder."""
    return ComputerError(
        "This user has no home folder, so CHoRUS Upload has no place for its own files.",
        remedy="Set the environment variable CHORUS_UPLOAD_HOME to a folder that you can write to. Then start again.",
    )


def _of_system(error: OSError, file: str) -> ComputerError | None:
    file = file or _name(error.filename2 or error.filename)
    clause, remedy = _clause(error, file)
    if not clause or (error.errno in _NAMED and not file):
        return None
    what = f"Could not use “{file}”: {clause}." if file else f"{clause[0].upper()}{clause[1:]}."
    return ComputerError(what, meaning="What was recorded before is kept.", remedy=f"{remedy} Then run the same command again.")


def _clause(error: OSError, file: str) -> tuple[str, str]:
    """Why, as the end of a sentence, and what to do, as a sentence; ("", "") for an error that has other reasons."""
    why, remedy = refusal(error, file, "")
    if file and remedy:
        return why, remedy
    where = f"on the disk of “{os.path.dirname(file) or file}”" if file else "on the disks of this computer (temporary files, too)"
    if is_full(error):
        return (
            "the disk is full" if error.errno != errno.EFBIG else "it would become larger than the system allows"
        ), f"Free space {where}."
    if error.errno == errno.EROFS:
        return "the disk is read-only", "Use another folder, or ask whoever manages the disk."
    if error.errno in (errno.EACCES, errno.EPERM):
        return "you do not have permission", "Ask whoever manages the folder for permission to write there."
    if error.errno in (errno.ENOTDIR, errno.EISDIR):
        return "a file is in the place of a folder, or a folder in the place of a file", "Move it away."
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return "too many files are open on this computer", "Close other programs, or raise the limit (“ulimit -n”)."
    if error.errno in (errno.ENAMETOOLONG, errno.ELOOP):
        return "its path is too long, or its links lead in a circle", "Use a folder with a shorter path."
    if error.errno in _FAILED:
        return "the disk or the network share failed", "Check the disk, or the connection to the share."
    return "", ""


def _of_sqlite(error: sqlite3.DatabaseError, file: str) -> ComputerError | None:
    """An error in one of the program's own databases: the review, the held-back changes, the results of a verification."""
    code = getattr(error, "sqlite_errorcode", None)
    clause = _OF_A_FILE.get((code or 0) & 0xFF)
    if clause is None:
        return None
    if is_of_temporary_files(error):
        what, meaning, remedy = temporary_words(error)
        return ComputerError(what, meaning=meaning, remedy=remedy)
    failed = clause in ("the disk is full or failed", "it could not be opened", "it is read-only")
    if failed and file and is_held(file, writing=clause != "the disk is full or failed"):
        clause = "another program has it open"
    name = f"“{file}”, a file" if file else "A file"
    remedy = f"Free space on the disk of “{os.path.dirname(file)}”" if file else "Check that the disk is not full"
    if is_full(error) and file and _on_other_disk(file, temporary_folder()):  # SQLite does not say which of both
        remedy += f", and on that of “{temporary_folder()}” (temporary files)"
    if clause == "it is damaged":
        remedy = "Clear the local data (Tools menu, or delete the file)"
    elif clause == "another program has it open":
        remedy = "Close the other program"
    elif clause in ("it is read-only", "it could not be opened"):
        remedy = "Make sure that you are allowed to change the file and its folder"
    return ComputerError(
        f"Could not use {name[0].lower()}{name[1:]} in which CHoRUS Upload keeps reviews and results on this computer: {clause}.",
        meaning="The journal and the central store are not affected.",
        remedy=f"{remedy}. Then scan the site again.",
    )


def _on_other_disk(file: str, folder: str) -> bool:
    try:
        return os.stat(os.path.dirname(file) or os.curdir).st_dev != os.stat(folder).st_dev  # noqa: PTH116 - no Path is needed
    except OSError:
        return False


def _name(file: object) -> str:
    return os.fsdecode(file) if isinstance(file, (str, bytes, os.PathLike)) else ""  # pyright: ignore[reportUnknownArgumentType]
