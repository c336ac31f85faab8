"""The folders and files of this program on this computer: receipts, logs, reviews, resources."""

from __future__ import annotations

from pathlib import Path

from chorus_gui.core import private, temporary
from chorus_gui.core.errors import ComputerError, UsageError
from chorus_gui.core.folders import (
    PORTABLE,
    data_folder,
    guide,
    home_of_this_run,
    is_file,
    is_folder,
    is_there,
    log_folder,
    program_folder,
    remove_file,
    remove_folder,
    replace_file,
    resource,
    settings_folder,
)  # fmt: skip
from chorus_gui.core.refused import refusal

__all__ = [
    "FOLDERS", "FORGOTTEN", "clear_local_data", "data_folder", "guide", "is_file", "is_folder", "is_there", "log_folder", "receipts_folder", "remove_leftovers", "replace_file",
    "resource", "settings_folder", "shared_receipts_folder", "suggested_configuration",
]  # fmt: skip

FOLDERS = ("staging", "verify", "readiness", "receipts", "shared-receipts", "custody", "theme", "instance")
"""What the program makes below the user's data folder.  A test looks for others."""


FORGOTTEN = (
    "If checks found leaks of patient data, only their number is kept for each rule. Nothing more is submitted until the same pass of the readiness check has "
    "checked the whole site again."
)
"""What a person has to know who removes the reviews: the list of leaks names files, so it goes with them."""


def receipts_folder() -> Path:
    """The folder of the receipts, of this user alone."""
    return data_folder() / "receipts"


def shared_receipts_folder() -> Path:
    """The folder of copies of receipts of other computers, by journal."""
    return data_folder() / "shared-receipts"


def suggested_configuration() -> Path:
    """Where a new configuration could be: in the user's home folder, or with the other files of a program that keeps them beside itself."""
    program = program_folder()
    home = home_of_this_run()
    base = home if home and program and home == program / PORTABLE else Path.home()
    return base / "CHoRUS" / "config.toml"


def remove_leftovers() -> None:
    """Remove what killed programs left in the program's own folders and among the temporary files.  Raises nothing.

    Only what nobody can be using: files that nobody has written for a week, and folders that no process has locked.
    """
    try:
        data = data_folder()
        swept = (data, settings_folder(), *(data / name for name in FOLDERS))
    except ComputerError:  # whoever needs them says so
        return
    for folder in swept:
        private.sweep(folder)
    temporary.sweep(data / "staging")
    temporary.sweep()


def clear_local_data(*, staging: bool, logs: bool, receipts: bool) -> int:
    """Remove data that names patients from this computer; the number of files.

    ``staging``: reviews, held-back changes, and the verdicts of verifications.  Raises :class:`UsageError` if something is left.
    """
    try:
        return _clear(staging=staging, logs=logs, receipts=receipts)
    except OSError as error:
        why, remedy = refusal(error, error.filename or "", "Close all other windows of CHoRUS Upload, then try again.")
        raise UsageError(f"Could not remove everything: {error.filename} ({why}).", remedy=remedy) from error


def _clear(*, staging: bool, logs: bool, receipts: bool) -> int:
    count = 0
    folders = (
        [data_folder() / "staging"] * staging
        + [data_folder() / "verify"] * staging
        + [receipts_folder(), shared_receipts_folder()] * receipts
    )
    for folder in folders:
        if folder.is_dir():
            count += sum(1 for file in folder.rglob("*") if file.is_file())
            remove_folder(folder)
    if staging:
        count += _forget_checks(data_folder() / "readiness")
    if logs:
        for file in log_folder().glob("*.log*"):
            count += 1
            if file.suffix == ".log":
                file.write_bytes(b"")  # it may be open, here or in another program
            else:
                remove_file(file)
    return count


def _forget_checks(folder: Path) -> int:
    """Remove what checks remember; of the books of leaks stays what names no file."""
    from chorus_gui.core.readiness.leaks import BOOKS, forget

    if not folder.is_dir():
        return 0
    books = {book for book in folder.glob(BOOKS) if forget(book)}
    left = [file for file in folder.rglob("*") if file.is_file() and file not in books]
    for file in left:
        remove_file(file)
    if not books:
        remove_folder(folder)
    return len(left) + len(books)
