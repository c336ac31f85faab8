"""Where things lie: the user's folders, the program's resources, and paths as this system wants them."""

from __future__ import annotations

import errno
import getpass
import os
import shutil
import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TypeVar

from chorus_gui.core.errors import ChorusError
from chorus_gui.core.refused import HELD, is_read_only, make_changeable

APP = "CHoRUS Upload"
PORTABLE = "portable-data"
"""The folder beside the programs in which they keep their own files, if somebody made it."""
PATIENCE_S = 4.0
"""So long a file that another program holds is waited for."""
T = TypeVar("T")
_WINDOWS = os.name == "nt"


def program_folder() -> Path | None:
    """The folder of the programs that a build made; None in a checkout and an installed wheel."""
    return Path(sys.executable).parent if getattr(sys, "frozen", False) else None


def own_home(variable: str, program: Path | None) -> Path | None:
    """The folder of all the program's own files; None: each kind is where this system keeps such files of a user.

    ``variable`` is the value of CHORUS_UPLOAD_HOME, which comes before :data:`PORTABLE` in the folder ``program``.
    """
    if variable:
        return Path(variable)
    beside = program / PORTABLE if program else None
    return beside if beside and os.path.lexists(beside) else None


@cache
def _decided(variable: str, program: Path | None) -> Path | None:
    return own_home(variable, program)


def home_of_this_run() -> Path | None:
    """:func:`own_home` as it was when this process first asked: a folder that somebody makes meanwhile counts from the next start."""
    return _decided(os.environ.get("CHORUS_UPLOAD_HOME", ""), program_folder())


def _user_folder(kind: str) -> Path:
    home = home_of_this_run()
    if home:
        return home / kind
    import platformdirs

    dirs = platformdirs.PlatformDirs(APP, appauthor=False, roaming=False)
    try:
        return Path(
            {"data": dirs.user_data_dir, "log": dirs.user_log_dir, "config": dirs.user_config_dir, "cache": dirs.user_cache_dir}[kind]
        )
    except RuntimeError as error:
        from chorus_gui.core.computer import no_home

        raise no_home() from error


def _private(folder: Path) -> Path:
    """Create the folder, readable by this user alone: its files name patients.  Raises :class:`ComputerError`."""
    from chorus_gui.core.computer import folder_fault

    try:
        folder.mkdir(parents=True, exist_ok=True)
        if os.name == "posix" and folder.stat().st_mode & 0o777 != 0o700:
            folder.chmod(0o700)
    except OSError as error:
        raise folder_fault(error, folder) from error
    return folder


def user_name() -> str:
    """The name of the user who runs this program."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # a user who is not in the system's list, as in some containers
        return "unknown user"


def user_at_host() -> str:
    """The user and the computer, as lists that colleagues share name a person."""
    import socket

    return f"{user_name()}@{socket.gethostname()}"


def data_folder(name: str = "") -> Path:
    """Staging databases, receipts, what a resumed upload remembers, or the folder ``name`` in it.

    LOCALAPPDATA on Windows: it may be big and never roams.  It exists when this returns.  Raises :class:`ComputerError`, as the others.
    """
    folder = _private(_user_folder("data"))
    return _private(folder / name) if name else folder


def log_folder() -> Path:
    """Log files."""
    return _private(_user_folder("log"))


def settings_folder() -> Path:
    """The program's own settings."""
    return _private(_user_folder("config"))


@cache
def resources() -> Path:
    """The ``resources/`` folder: in a frozen program, an installed wheel or a checkout."""
    package = Path(__file__).resolve().parent.parent
    candidates = [Path(getattr(sys, "_MEIPASS", package)) / "resources", package / "_resources", package.parent / "resources"]
    for folder in candidates:
        if folder.is_dir():
            return folder
    raise ChorusError("Files of CHoRUS Upload are missing.", remedy="Install CHoRUS Upload again.")


def resource(name: str) -> Path:
    """A file in ``resources/``, by its posix path there."""
    return resources().joinpath(*name.split("/"))


def guide(name: str = "user-guide.md") -> Path:
    """A page of the documentation: with the resources of an installed program, in ``docs/`` of a checkout."""
    installed = resources() / "docs" / name
    return installed if installed.is_file() else resources().parent / "docs" / name


def disk_path(root: str | os.PathLike[str], path: str = "") -> str:
    r"""The file ``path`` (posix, relative) below ``root`` as the operating system wants it.

    On Windows the answer is absolute and has the ``\\?\`` prefix (``\\?\UNC\`` for a share), so that it may be longer than
    260 characters, end in a dot and bear a reserved name.
    """
    if os.name != "nt":
        return os.path.join(root, path) if path else os.fspath(root)
    return extended(os.path.abspath(os.fspath(root)), path)


def is_there(path: str | os.PathLike[str]) -> bool:
    """A file or folder exists, and its drive answers.  ``Path.exists`` raises what a share says that cannot be reached, or that refuses."""
    return os.path.exists(path)  # noqa: PTH110


def is_folder(path: str | os.PathLike[str]) -> bool:
    """As :func:`is_there`, for a folder."""
    return os.path.isdir(path)  # noqa: PTH112


def is_file(path: str | os.PathLike[str]) -> bool:
    """As :func:`is_there`, for a file."""
    return os.path.isfile(path)  # noqa: PTH113


def patiently(call: Callable[[], T]) -> T:
    """Call again, for some seconds, while another program holds the file: a virus scanner, a backup, a reader of our own.

    Windows alone keeps a file that is open from being replaced or removed, and says "denied" or "sharing violation", which are both
    :class:`PermissionError`.  A file that is read-only is not waited for.
    """
    until, pause = time.monotonic() + PATIENCE_S, 0.01
    while True:
        try:
            return call()
        except PermissionError as error:
            if not _WINDOWS or time.monotonic() > until or _stays_refused(error):
                raise
        time.sleep(pause)
        pause = min(2 * pause, 0.2)


def _stays_refused(error: OSError) -> bool:
    return any(isinstance(name, str) and is_read_only(name) for name in (error.filename, error.filename2))


def replace_file(part: Path, target: Path) -> None:
    """Give a finished file its name, in the place of what bore it; on Windows :func:`patiently`.  Raises OSError."""
    patiently(lambda: part.replace(target))


def remove_file(file: Path) -> None:
    """Remove a file of the program's own, which may be gone; on Windows :func:`patiently`, and if it is read-only.  Raises OSError."""
    make_changeable(file)
    patiently(lambda: file.unlink(missing_ok=True))


def remove_folder(folder: Path) -> None:
    """Remove a folder of the program's own and everything in it; on Windows :func:`patiently`, and what is read-only.

    Raises OSError, which names the file that is left.
    """
    for above, _, names in os.walk(folder):
        for name in names:
            make_changeable(os.path.join(above, name))
    left = ""

    def once() -> None:
        nonlocal left
        try:
            shutil.rmtree(folder)
        except OSError as error:
            if _WINDOWS and error.errno == errno.ENOTEMPTY:  # it keeps the name of a removed file until the last program has closed it
                left = next((os.path.join(above, name) for above, _, names in os.walk(folder) for name in names), "")
            if not left:
                raise
            raise PermissionError(errno.EACCES, HELD, left) from error

    patiently(once)


def extended(full: str, path: str) -> str:
    r"""An absolute Windows path with the prefix that takes it as it is, and ``path`` below it."""
    if not full.startswith("\\\\?\\"):
        full = "\\\\?\\UNC\\" + full[2:] if full.startswith("\\\\") else "\\\\?\\" + full
    return full.rstrip("\\") + "\\" + path.replace("/", "\\") if path else full
