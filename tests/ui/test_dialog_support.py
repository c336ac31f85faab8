"""Tools → Support bundle."""

from __future__ import annotations

import zipfile
from pathlib import Path

from pytestqt.qtbot import QtBot
from uiworld import run_job
from world import World

from chorus_gui.ui import intents
from chorus_gui.ui.dialogs.support import SupportDialog
from chorus_gui.ui.session import Session


def test_patients_are_named_only_if_the_person_says_so(qtbot: QtBot, tmp_path: Path) -> None:
    asked: list[tuple[Path, bool]] = []
    for tick in (False, True):
        dialog = SupportDialog(None, lambda file, paths: asked.append((file, paths)))
        assert not dialog.paths.isChecked()
        assert "hold no secrets, patient IDs or file paths" in dialog.said.text()
        dialog.paths.setChecked(tick)
        assert ("name patients" in dialog.said.text()) == tick
        dialog.show()
        dialog.save_to(tmp_path / "help")
    assert asked == [(tmp_path / "help.zip", False), (tmp_path / "help.zip", True)]


def test_it_is_written_as_a_job(qtbot: QtBot, opened: Session, world: World) -> None:
    file = world.base / "help.zip"
    run_job(qtbot, opened, intents.SupportBundle(file))
    with zipfile.ZipFile(file) as bundle:
        assert "doctor.txt" in bundle.namelist()
    assert opened.state.last is not None
    assert str(file) in opened.state.last.text
