"""How a script calls the console program."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from chorus_gui.core.scripts.options import Target

NAME = "chorus-upload"


def console_program(target: Target) -> tuple[str, ...]:
    """The words that start the console program: the installed one, the virtual environment's, or the module.

    For another system than this one there is no path to know: the name alone, to be found on its search path.
    """
    if target is not Target.here():
        return (NAME,)
    return _program(Path(sys.executable), frozen=bool(getattr(sys, "frozen", False)))


def _program(python: Path, *, frozen: bool) -> tuple[str, ...]:
    """``python`` is the running executable: an interpreter, or ours if ``frozen`` (the windowed one lies beside the console's)."""
    script = python.parent / (NAME + (".exe" if os.name == "nt" else ""))
    if script.is_file():
        return (str(script),)
    return (str(python),) if frozen else (str(python), "-m", "chorus_gui.cli")
