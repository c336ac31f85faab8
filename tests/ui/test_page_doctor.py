"""The Doctor page: empty states, findings by severity, the report."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLabel, QPushButton
from pytestqt.qtbot import QtBot
from uiworld import run_job
from world import World

from chorus_gui.app.doctor.examine import HEADINGS
from chorus_gui.core.model import Finding, Grade
from chorus_gui.ui import intents
from chorus_gui.ui.pages.doctor import DoctorPage
from chorus_gui.ui.session import Session
from chorus_gui.ui.state import DoctorFacts, JobKind, JobView, SessionState

FOUND = DoctorFacts(
    (
        Finding(Grade.GOOD, "Site", "Images: /site can be read."),
        Finding(Grade.BAD, "Central store", "It says sig=topsecret no.", "Nothing can be uploaded.", "Ask for a new token."),
        Finding(Grade.INFO, "Site", "Images: the bucket is in Europe.", "The traffic costs."),
        Finding(Grade.WARNING, "Journal", "1 row has no MD5.", "This does not stop a submission.", "Wait.", ("Images: 1001/Images/a.dcm",)),
    ),
    1_770_000_000_000_000,
)


@pytest.fixture
def page(qtbot: QtBot) -> DoctorPage:
    page = DoctorPage()
    qtbot.addWidget(page)
    page.resize(1000, 700)
    page.show()
    return page


def texts(page: DoctorPage) -> list[str]:
    return [part.text() for part in page.findChildren(QLabel) if part.isVisibleTo(page) and part.text()]


def test_nothing_is_open(qtbot: QtBot, page: DoctorPage) -> None:
    page.render(SessionState())
    with qtbot.waitSignal(page.intent) as asked:
        page.empty.action.click()
    assert asked.args == [intents.ShowPage("configuration")]


def test_nothing_was_examined(qtbot: QtBot, page: DoctorPage, opened: Session) -> None:
    page.render(opened.state)
    assert not page.copy.isVisible()
    with qtbot.waitSignal(page.intent) as asked:
        page.empty.action.click()
    assert asked.args == [intents.Examine()]
    page.render(replace(opened.state, jobs=(JobView(1, JobKind.EXAMINE, "Doctor", "doctor", True),)))
    assert "Checking the setup…" in texts(page)
    assert not page.empty.action.isVisible()


def test_the_worst_first_with_its_remedy_and_without_secrets(qtbot: QtBot, page: DoctorPage, opened: Session) -> None:
    page.render(replace(opened.state, doctor=FOUND))
    qtbot.waitUntil(lambda: "OK" in texts(page))  # a layout shows what was added when the event loop turns
    told = texts(page)
    assert {finding.grade for finding in FOUND.findings} == {*Grade}
    headings = [text for text in told if text in HEADINGS.values()]
    assert headings == ["Problems", "Warnings", "Information", "OK"]
    assert "Ask for a new token." in told
    assert "Images: 1001/Images/a.dcm" in told
    assert not any("topsecret" in text for text in told)
    assert any(text.startswith("1 problem to fix") for text in told)
    page.copy.click()
    copied = QGuiApplication.clipboard().text()
    assert "Ask for a new token." in copied
    assert [line for line in copied.splitlines() if line in HEADINGS.values()] == headings
    assert "topsecret" not in copied
    with qtbot.waitSignal(page.intent) as asked:
        page.examine.click()
    assert asked.args == [intents.Examine()]


def test_examined_again_it_shows_what_is_now(page: DoctorPage, opened: Session) -> None:
    page.render(replace(opened.state, doctor=FOUND))
    page.render(replace(opened.state, doctor=DoctorFacts(FOUND.findings[:1], 1)))
    told = texts(page)
    assert "Problems" not in told
    assert any(text.startswith("No problems") for text in told)


def test_a_job_looks_and_the_state_has_what_it_found(qtbot: QtBot, opened: Session, world: World) -> None:
    os.rename(world.central, world.base / "elsewhere")
    run_job(qtbot, opened, intents.Examine())
    assert opened.state.doctor is not None
    assert [f.subject for f in opened.state.doctor.findings if f.grade is Grade.BAD] == ["Central store"]
    opened.do(intents.CloseConfig())
    assert opened.state.doctor is None


def test_faults_do_not_keep_the_doctor_away(qtbot: QtBot, session: Session, world: World) -> None:
    world.file.write_text("nothing = ", "utf-8")
    session.open(world.file)
    run_job(qtbot, session, intents.Examine())
    assert session.state.doctor is not None
    assert session.state.doctor.findings[0].grade is Grade.BAD


def test_every_control_has_a_name_and_a_tooltip(page: DoctorPage, opened: Session) -> None:
    page.render(replace(opened.state, doctor=FOUND))
    for control in page.findChildren(QPushButton):
        if control.isVisible():
            assert control.accessibleName()
            assert control.toolTip()
