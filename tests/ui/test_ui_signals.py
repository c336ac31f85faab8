"""Ctrl+C and kill end the window's program in order."""

from __future__ import annotations

import os
import signal

import pytest
from pytestqt.qtbot import QtBot

from chorus_gui.ui.signals import Signals


@pytest.mark.skipif(os.name != "posix", reason="POSIX signals")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP"])
def test_a_signal_is_told_to_the_screen(qtbot: QtBot, name: str) -> None:
    number = getattr(signal, name)
    inherited = signal.signal(number, signal.default_int_handler)  # nohup and a shell's background jobs ignore some of them
    before = signal.getsignal(number)
    told: list[None] = []
    signals = Signals(lambda: told.append(None))
    try:
        signal.raise_signal(number)
        qtbot.waitUntil(lambda: told == [None], timeout=5000)
    finally:
        signals.remove()
        signals.remove()
        after = signal.signal(number, inherited)
    assert after is before
    signals.deleteLater()


@pytest.mark.skipif(os.name != "posix", reason="POSIX signals")
def test_what_is_ignored_stays_ignored(qtbot: QtBot) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signals = Signals(lambda: None)
    try:
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signals.remove()
        signal.signal(signal.SIGHUP, before)
    signals.deleteLater()
