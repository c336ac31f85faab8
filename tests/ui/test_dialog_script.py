"""Tools → batch file, script, list: choices, preview, Save."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QComboBox, QSpinBox
from pytestqt.qtbot import QtBot
from uiworld import run_job, settle
from world import World

from chorus_gui.core.scripts.options import SecretMode, Target
from chorus_gui.ui import intents
from chorus_gui.ui.dialogs.script import ScriptDialog
from chorus_gui.ui.main_window import MainWindow
from chorus_gui.ui.session import Session
from chorus_gui.ui.settings import Settings

SAS = "sv=2025&sp=rcwl&sig=ab%2Fcd%3D"


@pytest.fixture
def azure(world: World) -> World:
    """The world, recorded, and then sent to Azure with scripts."""
    world.run("record", version="20260101000000")
    store = f'path = "az://cont/site"\nupload_method = "azcli"\n[central_path.auth]\nazure_account_name = "acc"\nazure_sas_token = "{SAS}"'
    text = world.file.read_text("utf-8").replace(f'path = "{world.central.as_posix()}"', store)
    text = text.replace("[journal.local]", '[journal.source]\npath = "share/journal.db"\n[journal.local]')
    (world.base / "share").mkdir()
    world.file.write_text(text, "utf-8")
    return world


@pytest.fixture
def window(qtbot: QtBot, tmp_path: Path, azure: World) -> Iterator[MainWindow]:
    session = Session(Settings(tmp_path / "window.ini"))
    window = MainWindow(session)
    window.show()
    qtbot.waitExposed(window)
    session.open(azure.file)
    settle(qtbot, session)
    yield window
    with qtbot.waitSignal(window.closed, timeout=20_000):
        window._stop()
    window.deleteLater()
    session.deleteLater()


def shown(qtbot: QtBot, window: MainWindow, intent: intents.ShowScript) -> ScriptDialog:
    window.do(intent)
    dialog = window.findChildren(ScriptDialog)[-1]
    qtbot.waitExposed(dialog)
    return dialog


def ready(qtbot: QtBot, dialog: ScriptDialog) -> None:
    qtbot.waitUntil(dialog.save.isEnabled, timeout=10_000)


def test_the_preview_is_what_is_saved(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    dialog = shown(qtbot, window, intents.ShowScript("azcli"))
    ready(qtbot, dialog)
    assert dialog.said.text() == "The script uploads 4 files."
    assert "az storage blob" in dialog.text.toPlainText()
    assert dialog.left_out.isHidden()
    previewed, file = dialog.text.toPlainText(), tmp_path / f"upload{dialog.ending}"
    with qtbot.waitSignal(window.session.ended, timeout=10_000) as ended:
        dialog.save_to(tmp_path / "upload")
    assert file.read_text("utf-8") == previewed + "\n"
    assert SAS not in previewed
    assert "uploads 4 files" in ended.args[0].text  # type: ignore[index]
    assert (tmp_path / "upload.files").is_dir()


def test_every_choice_reaches_the_script(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    dialog = shown(qtbot, window, intents.ShowScript("azcli"))
    ready(qtbot, dialog)
    dialog.modalities["OMOP"].setChecked(False)
    dialog.version.setCurrentIndex(1)
    dialog.maximum.setValue(2)
    dialog.target.setCurrentIndex(dialog.target.findData(Target.WINDOWS))
    dialog.secret.setCurrentIndex(dialog.secret.findData(SecretMode.ENV))
    dialog.one_by_one.setChecked(True)
    dialog.no_tls.setChecked(True)
    assert dialog.wanted(tmp_path / "x.bat") == intents.GenerateScript(
        tmp_path / "x.bat", "azcli", "20260101000000", ("Images", "Waveforms", "Metadata"), 2, "windows", "env", True, False
    )
    ready(qtbot, dialog)
    assert dialog.said.text() == "The script uploads 2 files."
    text = dialog.text.toPlainText()
    assert "AZURE_CLI_DISABLE_CONNECTION_VERIFICATION" in text
    assert "@echo off" in text
    dialog.reject()


def test_the_certificate_is_checked_unless_a_person_says_no(qtbot: QtBot, window: MainWindow) -> None:
    dialog = shown(qtbot, window, intents.ShowScript("azcli"))
    ready(qtbot, dialog)
    assert not dialog.no_tls.isChecked()
    assert "DISABLE_CONNECTION_VERIFICATION=1" not in dialog.text.toPlainText()
    assert "Others could read" in dialog._tls_words.text()
    dialog.no_tls.setChecked(True)
    dialog.tool.setCurrentIndex(dialog.tool.findData("azcopy"))
    assert dialog.no_tls.isHidden()  # AzCopy always checks
    ready(qtbot, dialog)
    assert "azcopy copy" in dialog.text.toPlainText()
    dialog.reject()


def test_a_secret_is_never_on_screen_and_its_danger_is_told(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    dialog = shown(qtbot, window, intents.ShowScript("azcli"))
    dialog.secret.setCurrentIndex(dialog.secret.findData(SecretMode.INLINE))
    ready(qtbot, dialog)
    assert "sig=" not in dialog.text.toPlainText()
    assert "••••" in dialog.text.toPlainText()
    assert "can use your credential" in dialog._secret_words.text()
    assert "credential will be in the file" in dialog.said.text()
    file = tmp_path / f"send{dialog.ending}"
    with qtbot.waitSignal(window.session.ended, timeout=10_000) as ended:
        dialog.save_to(file)
    assert "sig=ab" in file.read_text("utf-8")
    assert "Delete the script after the upload" in ended.args[0].text  # type: ignore[index]


def test_what_is_left_out_is_told_with_its_reason(qtbot: QtBot, window: MainWindow, azure: World) -> None:
    with azure.open() as journal:
        from chorus_gui.core.model import Action, Entry

        odd = Entry(Action.ENTER, "Images", "1001/Images/50%x?.dcm", "1001", size=1, mtime_us=1, md5="0" * 32, version="20260101000000")
        journal.commit([odd], at_us=1)
    window.do(intents.Refresh())
    settle(qtbot, window.session)
    dialog = shown(qtbot, window, intents.ShowScript("azcli"))
    dialog.target.setCurrentIndex(dialog.target.findData(Target.WINDOWS))
    ready(qtbot, dialog)
    assert dialog.left_out.isVisible()
    item = dialog.left_out.topLevelItem(0)
    assert item is not None
    assert item.text(0) == "1001/Images/50%x?.dcm"
    assert item.text(1)
    assert "1 file is left out" in dialog.said.text()
    dialog.reject()


def test_a_list_of_files(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    dialog = shown(qtbot, window, intents.ShowScript("list"))
    ready(qtbot, dialog)
    assert dialog.text.toPlainText().splitlines()[0].endswith(".dcm") or dialog.text.toPlainText().startswith("OMOP")
    assert dialog.target.isHidden() or not dialog.target.isVisible()
    with qtbot.waitSignal(window.session.ended, timeout=10_000):
        dialog.save_to(tmp_path / "pending.csv")
    assert len((tmp_path / "pending.csv").read_text("utf-8").splitlines()) == 4


def test_nothing_was_uploaded_yet(qtbot: QtBot, window: MainWindow) -> None:
    dialog = shown(qtbot, window, intents.ShowScript("list"))
    ready(qtbot, dialog)
    dialog.uploaded.setChecked(True)
    qtbot.waitUntil(lambda: dialog.said.text() == "No file matches these choices.", timeout=10_000)
    assert not dialog.save.isEnabled()
    dialog.reject()


def test_no_modality(qtbot: QtBot, window: MainWindow) -> None:
    dialog = shown(qtbot, window, intents.ShowScript("azcli"))
    ready(qtbot, dialog)
    for box in dialog.modalities.values():
        box.setChecked(False)
    assert dialog.said.text() == "Select a modality."
    assert not dialog.save.isEnabled()
    dialog.reject()


def test_recording_first_then_the_preview(qtbot: QtBot, window: MainWindow, azure: World) -> None:
    azure.put("1003/Images/new.dcm", "new image")
    run_job(qtbot, window.session, intents.CheckOut())
    run_job(qtbot, window.session, intents.Scan())
    review = window.state.review
    assert review is not None
    dialog = shown(qtbot, window, intents.ShowScript("azcli", intents.Approve(review.revision, record_only=True)))
    assert "Recording the changes" in dialog.said.text()
    assert not dialog.save.isEnabled()
    ready(qtbot, dialog)
    assert dialog.said.text() == "The script uploads 5 files."
    dialog.reject()


def test_a_folder_as_store_needs_no_script(qtbot: QtBot, window: MainWindow, azure: World) -> None:
    azure.file.write_text(azure.file.read_text("utf-8").replace("az://cont/site", azure.central.as_posix()), "utf-8")
    window.do(intents.Refresh())
    settle(qtbot, window.session)
    dialog = shown(qtbot, window, intents.ShowScript("azcopy"))
    qtbot.waitUntil(lambda: "upload only to Azure" in dialog.said.text(), timeout=10_000)
    assert not dialog.save.isEnabled()
    dialog.reject()


def test_it_goes_when_another_configuration_is_opened(qtbot: QtBot, window: MainWindow) -> None:
    dialog = shown(qtbot, window, intents.ShowScript("azcli"))
    with qtbot.waitSignal(dialog.rejected):
        window.do(intents.CloseConfig())


def test_the_menu_and_the_keyboard(qtbot: QtBot, window: MainWindow) -> None:
    actions = {
        action.text().replace("&", ""): action for action in window.actions() or window.findChildren(type(window.menuBar().actions()[0]))
    }
    for text, tool in (("Generate azcli batch file…", "azcli"), ("Generate azcopy script…", "azcopy"), ("Export file list…", "list")):
        assert actions[text].isEnabled()
        actions[text].trigger()
        dialog = window.findChildren(ScriptDialog)[-1]
        assert dialog.tool.currentData() == tool
        ready(qtbot, dialog)
        qtbot.keyClick(dialog, Qt.Key.Key_Escape)
        assert not dialog.isVisible()


def test_every_control_has_a_name_and_a_tooltip(qtbot: QtBot, window: MainWindow) -> None:
    dialog = shown(qtbot, window, intents.ShowScript("azcli"))
    ready(qtbot, dialog)
    for kind in (QAbstractButton, QComboBox, QSpinBox):
        for control in dialog.findChildren(kind):
            if control.isVisible() and not control.objectName().startswith("qt_"):
                assert control.accessibleName() or getattr(control, "text", str)(), control
                assert control.toolTip(), control
    dialog.reject()
