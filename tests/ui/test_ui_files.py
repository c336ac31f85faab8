"""Dialogs for files: where they start, and what happens if a file cannot be written.  Keys that Windows has, too."""

from __future__ import annotations

import ast
import os
import re
from pathlib import Path

import pytest
from PySide6.QtCore import QStandardPaths
from PySide6.QtWidgets import QFileDialog, QWidget
from pytestqt.qtbot import QtBot

from chorus_gui.app.exports import check_writable
from chorus_gui.core import private
from chorus_gui.core.errors import UsageError
from chorus_gui.ui.dialogs.support import SupportDialog
from chorus_gui.ui.widgets import files

ROOT = Path(__file__).resolve().parents[2]
WITH_KEYS_ON_WINDOWS = {"Open", "New", "Refresh", "Find", "Copy", "SelectAll", "Save", "HelpContents", "Undo"}


@pytest.fixture(autouse=True)
def nothing_open() -> None:
    files.begin_at(Path("somewhere"))
    files.begin_at(None)


def test_a_dialog_starts_at_the_configuration_and_then_where_the_last_one_ended(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, other = tmp_path / "site", tmp_path / "other"
    site.mkdir()
    other.mkdir()
    parent = QWidget()
    qtbot.addWidget(parent)
    started: list[str] = []

    def dialog(_parent: object, _title: str, start: str, *_: object, **__: object) -> tuple[str, str]:
        started.append(start)
        return str(other / "chosen.csv"), ""

    monkeypatch.setattr(QFileDialog, "getSaveFileName", dialog)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", dialog)
    monkeypatch.chdir(tmp_path)
    files.ask_save(parent, "x", "a.csv", "")
    files.begin_at(site / "config.toml")
    files.ask_save(parent, "x", "a.csv", "")
    files.ask_open(parent, "x", "")
    files.begin_at(site / "config.toml")  # every state says so; the last folder stays
    files.ask_save(parent, "x", "b.csv", "")
    files.begin_at(other / "config.toml")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: ("", ""))
    assert files.ask_save(parent, "x", "b.csv", "") == (None, "")
    documents = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DocumentsLocation)
    assert [Path(start) for start in started] == [Path(documents) / "a.csv", site / "a.csv", other, other / "b.csv"]


def test_no_dialog_for_a_file_is_opened_anywhere_else() -> None:
    for file in (ROOT / "chorus_gui" / "ui").rglob("*.py"):
        if file.name != "files.py":
            assert not re.search(r"QFileDialog\.get\w*File", file.read_text("utf-8")), file.name


def test_every_key_exists_on_windows() -> None:
    """Qt has standard keys that Windows has no key for, such as Quit and SaveAs."""
    used: set[str] = set()
    for file in (ROOT / "chorus_gui" / "ui").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value).endswith("StandardKey"):
                used.add(node.attr)
    assert used <= WITH_KEYS_ON_WINDOWS
    assert "Find" in used


def test_what_cannot_be_written_is_found_before_and_nothing_is_left(tmp_path: Path) -> None:
    check_writable(tmp_path / "new.csv")
    assert list(tmp_path.iterdir()) == []
    old = tmp_path / "old.csv"
    old.write_text("as it was")
    check_writable(old)
    assert old.read_text() == "as it was"
    for wrong in (tmp_path / "none" / "x.csv", tmp_path):
        with pytest.raises(UsageError, match="Could not write"):
            check_writable(wrong)


def test_a_dialog_stays_open_if_the_file_cannot_be_written(qtbot: QtBot, tmp_path: Path) -> None:
    saved: list[Path] = []
    dialog = SupportDialog(None, lambda file, _: saved.append(file))
    qtbot.addWidget(dialog)
    dialog.open()
    dialog.paths.setChecked(True)
    dialog.save_to(tmp_path / "none" / "bundle")
    assert dialog.isVisible()
    assert "Could not write" in dialog.failed.text()
    assert dialog.paths.isChecked()
    dialog.save_to(tmp_path / "bundle")
    assert saved == [tmp_path / "bundle.zip"]
    assert not dialog.isVisible()


def test_a_file_is_writable_only_if_its_folder_takes_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The new file is written beside the old one, and takes its place."""
    file = tmp_path / "old.csv"
    file.write_text("old")

    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(private, "create", refuse)
    with pytest.raises(UsageError, match=r"Could not write"):
        check_writable(file)
    assert file.read_text() == "old"
    assert os.listdir(tmp_path) == ["old.csv"]


@pytest.mark.skipif(os.name != "posix", reason="links")
def test_a_link_is_left_by_the_look(tmp_path: Path) -> None:
    link, target = tmp_path / "link.csv", tmp_path / "later.csv"
    link.symlink_to(target)
    check_writable(link)
    assert link.is_symlink()
    assert not target.exists()
    target.write_text("there")
    check_writable(link)
    assert target.read_text() == "there"
