"""A long job that ends while nobody looks is told; a short one, or one that is watched, is not."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QSystemTrayIcon, QWidget
from pytestqt.qtbot import QtBot

from chorus_gui.core.job import OutcomeKind
from chorus_gui.ui.notify import LONG_JOB, Notifier, system_tray
from chorus_gui.ui.state import JobEnd, JobKind


class Tray(QObject):
    """Remembers what it was asked to show."""

    messageClicked = Signal()  # noqa: N815 - Qt's name

    def __init__(self) -> None:
        super().__init__()
        self.visible = False
        self.tip = ""
        self.shown: list[tuple[str, str, QSystemTrayIcon.MessageIcon]] = []

    def show(self) -> None:
        self.visible = True

    def hide(self) -> None:
        self.visible = False

    def setToolTip(self, tip: str) -> None:
        self.tip = tip

    def showMessage(self, title: str, msg: str, icon: QSystemTrayIcon.MessageIcon, msecs: int) -> None:
        assert self.visible, "Qt shows no message of a hidden icon"
        assert msecs > 0
        self.shown.append((title, msg, icon))


class Window(QWidget):
    in_front = False

    def isActiveWindow(self) -> bool:
        return self.in_front


def end(seconds: float, outcome: OutcomeKind = OutcomeKind.DONE) -> JobEnd:
    return JobEnd(1, JobKind.UPLOAD, "Upload", outcome, "5 files uploaded and proved.", seconds=seconds)


@pytest.fixture
def tray() -> Tray:
    return Tray()


@pytest.fixture
def window(qtbot: QtBot) -> Window:
    window = Window()
    qtbot.addWidget(window)
    return window


def test_a_long_job_in_the_background(window: Window, tray: Tray) -> None:
    alerts: list[QWidget] = []
    notifier = Notifier(window, lambda _: tray, alerts.append)
    notifier.ended(end(LONG_JOB + 1))
    assert alerts == [window]
    assert tray.shown == [("Upload", "5 files uploaded and proved.", QSystemTrayIcon.MessageIcon.Information)]
    notifier.seen()
    assert not tray.visible


def test_a_failure_looks_like_one(window: Window, tray: Tray) -> None:
    Notifier(window, lambda _: tray, lambda _: None).ended(end(LONG_JOB, OutcomeKind.FAILED))
    assert tray.shown[0][2] is QSystemTrayIcon.MessageIcon.Critical


@pytest.mark.parametrize(("seconds", "in_front"), [(LONG_JOB - 1, False), (LONG_JOB * 10, True)])
def test_nobody_is_disturbed(window: Window, tray: Tray, seconds: float, in_front: bool) -> None:
    alerts: list[QWidget] = []
    window.in_front = in_front
    Notifier(window, lambda _: tray, alerts.append).ended(end(seconds))
    assert alerts == []
    assert tray.shown == []


def test_a_click_asks_for_the_window(qtbot: QtBot, window: Window, tray: Tray) -> None:
    notifier = Notifier(window, lambda _: tray, lambda _: None)
    notifier.ended(end(LONG_JOB))
    notifier.ended(end(LONG_JOB))
    assert len(tray.shown) == 2
    with qtbot.waitSignal(notifier.wanted):
        tray.messageClicked.emit()
    assert not tray.visible


def test_a_desktop_without_a_tray(window: Window) -> None:
    alerts: list[QWidget] = []
    notifier = Notifier(window, lambda _: None, alerts.append)
    notifier.ended(end(LONG_JOB))
    notifier.seen()
    assert alerts == [window]


def test_the_desktops_own(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, window: Window) -> None:
    monkeypatch.setattr(QSystemTrayIcon, "isSystemTrayAvailable", staticmethod(lambda: False))
    assert system_tray(window) is None
    monkeypatch.setattr(QSystemTrayIcon, "isSystemTrayAvailable", staticmethod(lambda: True))
    monkeypatch.setattr(QSystemTrayIcon, "supportsMessages", staticmethod(lambda: True))
    assert isinstance(system_tray(window), QSystemTrayIcon)
