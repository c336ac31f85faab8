"""Starts the windowed program: ``python -m chorus_gui`` and ``chorus-gui``."""

from __future__ import annotations

from typing import NoReturn


def entry() -> NoReturn:
    """The windowed program."""
    from chorus_gui.app.process import prepare

    prepare()
    from chorus_gui.ui.app import main

    raise SystemExit(main())


if __name__ == "__main__":
    entry()
