"""Choosing files.  Every dialog starts where the last one ended, and at first where the configuration is, never in the program's folder."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QStandardPaths
from PySide6.QtWidgets import QFileDialog, QWidget

from chorus_gui.app.folders import is_folder


class _Place:
    """Where the next dialog starts."""

    configuration: Path | None = None
    last: Path | None = None


def begin_at(configuration: Path | None) -> None:
    """Another configuration is open now, or none: dialogs start in its folder."""
    if configuration != _Place.configuration:
        _Place.configuration, _Place.last = configuration, None


def folder() -> Path:
    """Where a dialog starts: a folder of the person's."""
    for place in (_Place.last, _Place.configuration.parent if _Place.configuration else None):
        if place is not None and is_folder(place):
            return place
    return Path(QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DocumentsLocation))


def ask_save(parent: QWidget, title: str, name: str | Path, kinds: str, *, confirm: bool = True) -> tuple[Path | None, str]:
    """Ask where to save, and as which of the ``kinds``; None if cancelled.  ``name``: the suggestion, in :func:`folder` unless absolute.

    ``confirm``: ask before an existing file is replaced.
    """
    options = QFileDialog.Option(0) if confirm else QFileDialog.Option.DontConfirmOverwrite
    chosen, kind = QFileDialog.getSaveFileName(parent, title, str(folder() / name), kinds, options=options)
    return _remembered(chosen), kind


def ask_open(parent: QWidget, title: str, kinds: str, start: Path | None = None) -> Path | None:
    """Ask which file to open; None if cancelled.  ``start``: a file or a folder, default :func:`folder`."""
    chosen, _ = QFileDialog.getOpenFileName(parent, title, str(start or folder()), kinds)
    return _remembered(chosen)


def _remembered(chosen: str) -> Path | None:
    if not chosen:
        return None
    _Place.last = Path(chosen).parent
    return Path(chosen)
