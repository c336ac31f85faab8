"""Whether the program may and can keep its own files beside itself, where a person asked for that: on a stick, on a share, in a test.

A folder of the name :data:`~chorus_gui.core.folders.PORTABLE` beside the programs asks for it (``core/folders.py`` finds it).  Each face
calls :func:`check_own_home` before it writes anything.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING

from chorus_gui.core.folders import PORTABLE, home_of_this_run, program_folder

if TYPE_CHECKING:
    from chorus_gui.core.config.policy import Policy
    from chorus_gui.core.errors import ChorusError


def check_own_home() -> None:
    """Raise :class:`PolicyError` or :class:`ComputerError` if the program's own files would go beside it, and must not or cannot.

    Without such a folder nothing is read: this is a part of every start.
    """
    program = program_folder()
    home = home_of_this_run()
    if program is None or home is None or not is_inside(home, program):
        return
    from chorus_gui.core.config.policy import Rule, read_policy

    policy = read_policy()
    fault = None if Rule.NO_PORTABLE_DATA in policy.forbidden else _fault(home)
    if problem := decide(home, program, policy, fault):
        raise problem from fault


def decide(home: Path | None, program: Path | None, policy: Policy, fault: OSError | None) -> ChorusError | None:
    """The reason not to start, None if there is none.

    ``home`` is the folder of the program's own files, ``program`` that of the programs, each None if there is none; ``fault`` what
    the system said when a file was made in ``home``.
    """
    if home is None or program is None or not is_inside(home, program):
        return None
    from chorus_gui.core.computer import folder_fault
    from chorus_gui.core.config.policy import Rule
    from chorus_gui.core.errors import ComputerError, PolicyError

    use = f"Rename the folder “{home}”, then start again: CHoRUS Upload then uses the folders of your user account."
    if home != program / PORTABLE:
        use = "Set the environment variable CHORUS_UPLOAD_HOME to a folder outside the program, then start again."
    try:
        policy.require(Rule.NO_PORTABLE_DATA)
    except PolicyError as error:
        error.meaning = error.meaning.replace("Nothing was sent.", "Nothing was written.")
        error.remedy = f"{use} Or ask your IT department."
        return error
    if fault is not None:
        said = folder_fault(fault, home)
        return ComputerError(
            said.what, meaning=said.meaning, remedy=f"Copy the program to a folder that you can write to. Or: {use[0].lower()}{use[1:]}"
        )
    return None


def is_inside(home: Path, program: Path) -> bool:
    """Whether a folder is in that of the programs, by its name or by the place that a link leads to."""
    inner, outer = (Path(os.path.normcase(os.path.realpath(folder))) for folder in (home, program))
    return home == program / PORTABLE or inner.is_relative_to(outer)


def _fault(home: Path) -> OSError | None:
    """What the system says when a file is made in a folder, which is made if it is missing; None if that works."""
    from chorus_gui.core import private

    made = False
    try:
        if not home.is_dir():
            if os.path.lexists(home):
                return NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(home))
            home.mkdir(parents=True)
        with private.tried(private.beside(home / "write-test")):
            made = True
    except OSError as error:  # for a moment, a scanner can keep it from being removed
        return None if made else error
    return None
