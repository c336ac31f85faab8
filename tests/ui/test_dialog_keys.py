"""Every dialog and every question for somebody who has a keyboard and no mouse: the rules are in ``dialogkeys``."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from dialogkeys import esc_faults, key_faults, letter_of, opening_faults
from everydialog import EveryDialog
from layoutfaults import settled
from PySide6.QtCore import QSize, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QPushButton
from pytestqt.qtbot import QtBot
from shiboken6 import isValid
from uiwalk import SCREENS
from uiworld import a_session, a_window, demo_site, run_job, settle

from chorus_gui.ui import intents
from chorus_gui.ui.main_window import MainWindow
from chorus_gui.ui.widgets import dialogs
from chorus_gui.ui.widgets.basics import column
from chorus_gui.ui.widgets.dialogs import ConfirmDialog, Dialog, Question

OWN_ENTER = frozenset({"guide", "files in the central store", "find a command", "sites on this computer"})
"""In their fields and lists Enter finds, opens or runs something."""
TYPED_INTO = frozenset({"find a command"})
"""They have one field, and what is typed anywhere goes to it."""
SMALL = SCREENS["1920×1080 at 200 %"]
LARGE = QSize(1600, 1400)
"""All of every dialog can be seen."""


@pytest.fixture
def window(qtbot: QtBot, tmp_path: Path) -> Iterator[MainWindow]:
    with a_session(qtbot, tmp_path) as session, a_window(qtbot, session) as window:
        yield window


def active(qtbot: QtBot, dialog: QDialog) -> None:
    """Open it, and wait until it has the keyboard."""
    if not dialog.isVisible():
        dialog.show()

    def has_keyboard() -> bool:
        dialog.activateWindow()
        QApplication.processEvents()
        return dialog.isActiveWindow()

    qtbot.waitUntil(has_keyboard, timeout=10_000)
    settled(dialog)


def test_every_dialog_by_keyboard(qtbot: QtBot, window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = demo_site(tmp_path)
    session = window.session
    window.do(intents.OpenConfig(file))
    settle(qtbot, session)
    monkeypatch.setattr(dialogs, "space_of", lambda _: SMALL)
    made = EveryDialog(window, tmp_path / "riverside" / "site", partial(run_job, qtbot, session), partial(qtbot.waitUntil, timeout=20_000))
    faults: list[str] = []
    for name, dialog in made.all():
        active(qtbot, dialog)
        found = opening_faults(dialog, own_enter=name in OWN_ENTER)
        dialog.resize(LARGE)
        settled(dialog)
        found += key_faults(dialog, typed_into=name in TYPED_INTO)
        with monkeypatch.context() as patched:
            patched.setattr(session, "do", made.answers.append)
            found += esc_faults(dialog, made.answers, QApplication.processEvents)
            made.answers.clear()
        faults += [f"{name}: {fault}" for fault in found]
        if isValid(dialog):  # Esc has asked a question, or failed
            for question in dialog.findChildren(QDialog):
                question.done(0)
            dialog.done(0)
    assert not faults, "\n".join(faults)


def test_enter_confirms_only_what_was_typed(qtbot: QtBot, window: MainWindow) -> None:
    done: list[None] = []
    dialog = ConfirmDialog(window, Question("Unlock?", "Now.", "Unlock", typed="unlock", danger=True), lambda: done.append(None))
    active(qtbot, dialog)
    assert dialog.no.isDefault()
    QTest.keyClicks(dialog.field, "unloc")
    assert dialog.no.isDefault()
    QTest.keyClick(dialog.field, Qt.Key.Key_Return)
    assert dialog.isVisible(), "Enter in a field does not discard what was typed"
    assert dialog.field.text() == "unloc"
    QTest.keyClicks(dialog.field, "k")
    assert dialog.yes.isDefault()
    QTest.keyClick(dialog.field, Qt.Key.Key_Return)
    assert done


def test_letters_are_given_once(qtbot: QtBot, window: MainWindow) -> None:
    """Also if there are more parts than letters, if a part has a letter already, and if a text changes while the dialog is open."""
    dialog = Dialog(window, "Letters")
    names = ["Save", "Sand", "&Say", "A && B", "éé", "1", "Cancel", *(f"Part {n}" for n in range(40))]
    parts = [QPushButton(name) for name in names]
    dialog.setLayout(column(*parts))
    active(qtbot, dialog)
    qtbot.waitUntil(lambda: bool(letter_of(parts[0].text())))
    assert [part.text() for part in parts[:7]] == ["S&ave", "Sa&nd", "&Say", "A && &B", "éé", "&1", "Cancel"]
    letters = [letter for part in parts if (letter := letter_of(part.text()))]
    assert len(letters) == len(set(letters))
    parts[0].setText("Overwrite")
    qtbot.waitUntil(lambda: parts[0].text() == "&Overwrite")
    parts[1].setText("&Open")
    qtbot.waitUntil(lambda: letter_of(parts[0].text()) not in ("", "O"))
    assert parts[0].text() == "O&verwrite"
