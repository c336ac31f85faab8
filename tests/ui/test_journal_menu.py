"""The Journal menu in each situation: which entries are enabled, and why the others are not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtGui import QAction
from pytestqt.qtbot import QtBot

from chorus_gui.app.custody import State as Custody
from chorus_gui.app.known import Known, LessHistoryError
from chorus_gui.app.values import CustodyFacts, JournalFacts
from chorus_gui.core.model import Grade
from chorus_gui.ui.main_window import MainWindow
from chorus_gui.ui.session import Session
from chorus_gui.ui.state import JobKind, JobView, SessionState

OUT, IN, KEEP, UNLOCK = "Check out", "Check in", "Check in and keep", "Unlock…"
TAKE, ASIDE, RECOVER, UPGRADE = "Take over a journal…", "Set the local journal aside…", "Recover the journal…", "Upgrade the journal…"
ALL = (OUT, IN, KEEP, UNLOCK, TAKE, ASIDE, RECOVER, UPGRADE)
LOCAL = "only on this computer"
SOMEBODY = {
    "another computer": CustodyFacts(Custody.LOCKED, "Checked out by coordinator on PC-2", "It is yours on PC-2.", Grade.WARNING),
    "a colleague": CustodyFacts(Custody.LOCKED, "Checked out by a.colleague on PC-9", "Ask a.colleague.", Grade.WARNING),
    "stale": CustodyFacts(
        Custody.LOCKED, "Checked out by a.colleague on PC-9 since 2026-01-01", "Nothing changed for 332 days.", Grade.WARNING
    ),
    "foreign": CustodyFacts(Custody.FOREIGN, "Locked by another tool", "The current tool does not say who.", Grade.WARNING),
    "lost": CustodyFacts(Custody.CHANGED, "Check-out lost", "The lock is gone.", Grade.BAD),
}
NEW, FREE = (CustodyFacts(state, text, can_check_out=True) for state, text in ((Custody.NEW, "No journal yet"), (Custody.FREE, "Nobody")))
MINE = CustodyFacts(Custody.MINE, "Checked out by you since 12:00", "You can submit.", can_check_in=True, can_unlock=True, may_write=True)
HERE = CustodyFacts(Custody.NOT_IN_CLOUD, "Journal on this computer", may_write=True)
UNREACHABLE = CustodyFacts(None, "Cloud journal not reachable", "Could not reach riverside.blob.core.windows.net.", Grade.BAD)
SITUATIONS: dict[str, tuple[CustodyFacts, set[str], dict[str, str]]] = {
    "no journal": (NEW, {OUT, ASIDE}, {IN: "Check it out first", UNLOCK: "Nobody", TAKE: "Nobody"}),
    "nobody": (FREE, {OUT, ASIDE}, {IN: "Check it out first", KEEP: "Check it out first", UNLOCK: "Nobody", TAKE: "Nobody"}),
    "us": (MINE, {IN, KEEP, UNLOCK, ASIDE}, {OUT: "Checked out by you", TAKE: "Checked out by you"}),
    "only here": (HERE, set(), dict.fromkeys((OUT, IN, KEEP, UNLOCK, TAKE, ASIDE), LOCAL)),
    "unreachable": (UNREACHABLE, set(), dict.fromkeys((OUT, IN, KEEP, UNLOCK, TAKE, ASIDE), "Could not reach riverside")),
    "not read yet": (CustodyFacts(), set(), dict.fromkeys((OUT, IN, KEEP, UNLOCK, TAKE, ASIDE), "finding out who")),
    **{
        name: (replace(facts, can_unlock=True, can_take_over=True), {UNLOCK, TAKE, ASIDE}, dict.fromkeys((OUT, IN, KEEP), facts.detail))
        for name, facts in SOMEBODY.items()
    },
}


@pytest.fixture
def window(qtbot: QtBot, opened: Session) -> MainWindow:
    window = MainWindow(opened)
    qtbot.addWidget(window)
    window.stopped = True
    return window


def entries(window: MainWindow) -> dict[str, QAction]:
    found = {action.text().replace("&", ""): action for action in window.findChildren(QAction)}
    return {name: found[name] for name in ALL}


def assert_reasons(window: MainWindow, enabled: set[str], reasons: dict[str, str]) -> None:
    shown = entries(window)
    assert {name for name, action in shown.items() if action.isEnabled()} == enabled
    for name, action in shown.items():
        assert action.toolTip() == action.statusTip()
        if name in enabled:
            assert not action.toolTip().endswith("."), "an enabled entry says what it does"
        else:
            assert reasons.get(name, "") in action.toolTip(), name
            assert action.toolTip().endswith("."), "a disabled one says in a sentence why not"


def with_journal(state: SessionState, **fields: object) -> JournalFacts:
    assert state.journal is not None
    return replace(state.journal, exists=True, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", SITUATIONS)
def test_every_situation(window: MainWindow, name: str) -> None:
    custody, enabled, reasons = SITUATIONS[name]
    window.session.update(custody=custody, journal=with_journal(window.state, schema=2))
    assert_reasons(window, enabled, reasons | {RECOVER: "all the history", UPGRADE: "format 2"})
    window.session.update(journal=with_journal(window.state, schema=1))
    assert_reasons(window, enabled | ({UPGRADE} if custody.may_write else set()), reasons)


def test_a_lost_history_can_be_recovered(window: MainWindow) -> None:
    less = LessHistoryError(Known("The journal", 245, 245, ("20261101093000",)), Known("A copy", 2310, 2310, ("20261101093000",)))
    window.session.update(custody=replace(FREE, less=less), journal=with_journal(window.state, schema=2))
    assert entries(window)[RECOVER].isEnabled()


def test_without_a_local_journal(window: MainWindow) -> None:
    window.session.update(custody=FREE, journal=None)
    assert_reasons(window, {OUT}, {ASIDE: "no local journal", UPGRADE: "no local journal"})


def test_while_a_job_runs_and_without_a_configuration(window: MainWindow) -> None:
    session = window.session
    session.update(custody=MINE, jobs=(JobView(1, JobKind.SCAN, "Scan", session.state.key, running=True),))
    assert_reasons(window, set(), dict.fromkeys(ALL, "A job is running"))
    session.update(jobs=(), config=None)
    assert_reasons(window, set(), dict.fromkeys(ALL, "No usable configuration is open"))
