"""Names of files, on a terminal, in JSON and lists, and in the window."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path
from typing import Any

from canary import InputClass, must, plain
from mutants import NAMES

from chorus_gui.cli.report import Report
from chorus_gui.core.errors import ChorusError
from chorus_gui.core.model import Failure, Item
from chorus_gui.core.submission.listed import read_list


def name(text: str, folder: Path) -> None:
    out = io.StringIO()
    Report(out=out, err=out).say(f"failed: {text}")
    must(out.getvalue().count("\n") == 1, "a name is a line of its own")
    Report(out=out, err=out).error(ChorusError(f"The file {text} failed."))
    plain(out.getvalue())
    raw = io.BytesIO()
    wrapped = io.TextIOWrapper(raw, "utf-8", newline="\n", errors="backslashreplace")
    Report(as_json=True, out=wrapped).json([{"path": text}])
    wrapped.flush()
    plain(raw.getvalue().decode())
    must(json.loads(raw.getvalue()) == [{"path": text}], "a name in JSON is not exact")
    if text and "\0" not in text:
        raw = io.BytesIO()
        wrapped = io.TextIOWrapper(raw, "utf-8", newline="\n", errors="backslashreplace")
        report = Report(out=wrapped)
        getattr(report, "name", report.say)(text)
        wrapped.flush()
        (folder / "list.txt").write_bytes(raw.getvalue())
        must(read_list(folder / "list.txt") == [text], "a list cannot be read again")


def qt(text: str, folder: Path) -> None:
    del folder
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtCore import Qt
    from PySide6.QtGui import Qt as Gui
    from PySide6.QtWidgets import QApplication  # the tests of the window, in the same process, need one with widgets

    from chorus_gui.ui.models.failures import FailuresModel

    global _application
    _application = _application or QApplication.instance() or QApplication(sys.argv[:1])
    model = FailuresModel()
    model.show_failures([Failure(Item(1, "OMOP", text, "v/" + text, 1, 1), "SourceError", f"about {text}", "look")])
    group = model.index(0, 0)
    for cell in (group, model.index(0, 0, group), model.index(0, 1, group)):
        for role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.DisplayRole):
            shown = model.data(cell, role)
            if isinstance(shown, str) and role == Qt.ItemDataRole.ToolTipRole:
                must(not Gui.mightBeRichText(shown), "Qt takes a name for HTML")
            plain(shown or "")


_application: Any = None


CLASSES = (
    InputClass("names on a terminal, in JSON and in lists", NAMES, name),
    InputClass("names in the window", NAMES, qt),
)
