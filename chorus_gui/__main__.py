"""Starts the windowed program: ``python -m chorus_gui`` and ``chorus-gui``."""

from __future__ import annotations

import sys
from typing import NoReturn


def entry() -> NoReturn:
    """The windowed program."""
    from chorus_gui.app.process import prepare

    prepare()
    try:
        from chorus_gui.ui.app import main
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "PySide6":
            raise
        sys.stderr.write("The window is not installed here, only the command line. Use “chorus-upload”, or install the whole program.\n")
        raise SystemExit(2) from None

    raise SystemExit(main())


if __name__ == "__main__":
    entry()
