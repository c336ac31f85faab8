"""What comes next, in every state a submission can be in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot
from world import World

from chorus_gui.app.site_status import Action, Progress, Step
from chorus_gui.app.values import CustodyFacts, JournalFacts, ReceiptFacts, ReviewFacts
from chorus_gui.core.custody.state import State as Custody
from chorus_gui.core.model import ChangeKind, DiffSummary, Grade, Tally, VersionCount
from chorus_gui.ui import intents
from chorus_gui.ui.pages import Services
from chorus_gui.ui.pages.overview import OverviewPage, intent_of
from chorus_gui.ui.session import Session
from chorus_gui.ui.state import JobKind, JobView, SessionState
from chorus_gui.ui.status import status_of

HERE = CustodyFacts(Custody.NOT_IN_CLOUD, "Journal on this computer", "", Grade.GOOD, may_write=True)
MINE = CustodyFacts(Custody.MINE, "Checked out by you", "", Grade.GOOD, can_check_in=True, may_write=True)


@pytest.fixture
def fresh(world: World) -> SessionState:
    """A site that never submitted."""
    return SessionState(config_file=world.file, config=world.config, custody=HERE, journal=JournalFacts(world.journal))


def count(pending: int = 0) -> VersionCount:
    return VersionCount("one", "OMOP", 3, 30, pending, pending * 10, 0, None)


def journal(world_path: Path, pending: int = 0) -> JournalFacts:
    return JournalFacts(world_path, True, schema=2, versions=("one",), counts=(count(pending),))


def review(to_do: int, stale: str = "") -> ReviewFacts:
    kinds = {ChangeKind.ADDED: Tally(to_do, to_do * 10)} if to_do else {}
    return ReviewFacts(Path("review.db"), 1, 1_700_000_000_000_000, "full", ("OMOP",), DiffSummary(), kinds, stale=stale)


def receipt(kind: str, *, clean: bool = True) -> ReceiptFacts:
    return ReceiptFacts(Path("r.html"), Path("r.json"), kind, ("one",), 1, "Complete", clean, Tally(), 0)


def job(state: SessionState, kind: JobKind) -> JobView:
    return JobView(1, kind, kind.value, state.key, running=True)


Change = Callable[[SessionState], SessionState]
PATH = Path("journal.db")


@pytest.mark.parametrize(
    ("change", "asks"),
    [
        (lambda s: s, intents.Scan()),
        (lambda s: replace(s, custody=replace(HERE, state=Custody.FREE, may_write=False, can_check_out=True)), intents.CheckOut()),
        (lambda s: replace(s, custody=CustodyFacts(Custody.LOCKED, "by bob", "", Grade.WARNING)), intents.ShowPage("overview", "custody")),
        (lambda s: replace(s, custody=CustodyFacts(None, "?", "No connection.", Grade.BAD)), intents.Refresh()),
        (lambda s: replace(s, review=review(5)), intents.ShowPage("review")),
        (lambda s: replace(s, review=review(0), journal=journal(PATH, 3)), intents.UploadPending()),
        (lambda s: replace(s, journal=journal(PATH), receipts=(receipt("submission"),)), intents.Verify("one")),
        (lambda s: replace(s, journal=journal(PATH), receipts=(receipt("verify"), receipt("submission")), custody=MINE), intents.CheckIn()),
        (lambda s: replace(s, journal=journal(PATH), receipts=(receipt("verify", clean=False),)), intents.ShowPage("verify")),
        (lambda s: replace(s, journal=journal(PATH), receipts=(receipt("verify"), receipt("submission"))), intents.Scan()),
    ],
)
def test_the_button_does_what_the_status_says(
    qtbot: QtBot, page: OverviewPage, fresh: SessionState, change: Change, asks: intents.Intent
) -> None:
    """tests/app/test_site_status.py has every state; here each action reaches its intent, and the words the screen."""
    state = change(fresh)
    status = status_of(state)
    assert status is not None
    page.render(state)
    assert page.title.text() == status.headline
    assert page.lead.text().startswith(status.text)
    assert page.primary.text() == status.next.label
    assert [card.accessibleName().partition(":")[0] for card in page.cards] == [step.name for step in status.steps]
    with qtbot.waitSignal(page.intent) as asked:
        page.primary.click()
    assert asked.args == [asks]


def test_every_action_with_a_button_has_an_intent() -> None:
    for action in Action:
        if action is not Action.NOTHING:
            assert intent_of(Step("name", Progress.NOW, "text.", "label", action)) is not None


def test_while_a_job_runs_its_step_is_the_one(fresh: SessionState) -> None:
    status = status_of(replace(fresh, jobs=(job(fresh, JobKind.SCAN),)))
    assert status is not None
    assert status.headline == "Scanning the site…"
    assert intent_of(status.next) is None
    status = status_of(replace(fresh, review=review(0), jobs=(job(fresh, JobKind.SUBMIT),)))
    assert status is not None
    assert intent_of(status.next) == intents.ShowPage("upload")


@pytest.fixture
def page(qtbot: QtBot, session: Session) -> OverviewPage:
    page = OverviewPage(Services(session.reader, session.pager, session.settings))
    qtbot.addWidget(page)
    page.resize(1000, 700)
    page.show()
    return page


def visible(page: OverviewPage) -> dict[str, QPushButton]:
    """The buttons that can be seen, by their words."""
    return {button.text(): button for button in page.findChildren(QPushButton) if button.isVisible()}


def test_a_lost_check_out_is_put_before_the_person(qtbot: QtBot, page: OverviewPage, fresh: SessionState) -> None:
    lost = CustodyFacts(
        Custody.CHANGED,
        "Check-out lost",
        "Somebody removed your lock.",
        Grade.BAD,
        offers=(("take over", "Go on with yours."), ("set aside", "Go on with theirs.")),
    )
    page.render(replace(fresh, custody=lost))
    qtbot.waitUntil(lambda: "Set aside…" in visible(page))
    with qtbot.waitSignal(page.intent) as asked:
        visible(page)["Take over…"].click()
    assert asked.args == [intents.Recover("take over")]
    with qtbot.waitSignal(page.intent) as asked:
        visible(page)["Set aside…"].click()
    assert asked.args == [intents.AskSetAside()]
    page.render(replace(fresh, custody=HERE))
    assert "Set aside…" not in visible(page)


def test_missing_history_is_put_before_the_person(qtbot: QtBot, page: OverviewPage, fresh: SessionState) -> None:
    from chorus_gui.app.known import Known, LessHistoryError

    error = LessHistoryError(Known("The journal", blank=True), Known("A copy", 5, 5, ("v1",)))
    page.render(replace(fresh, custody=replace(HERE, detail="The journal is empty.", grade=Grade.BAD, less=error)))
    qtbot.waitUntil(lambda: "Show both journals" in visible(page))
    with qtbot.waitSignal(page.intent) as asked:
        page.primary.click()
    assert asked.args == [intents.DecideHistory()]


def test_a_faulty_configuration_leads_to_its_page(qtbot: QtBot, page: OverviewPage, fresh: SessionState) -> None:
    page.render(replace(fresh, config=None, config_error="It has a fault."))
    with qtbot.waitSignal(page.intent) as asked:
        page.primary.click()
    assert asked.args == [intents.ShowPage("configuration")]


def test_the_table_adds_up(page: OverviewPage, fresh: SessionState) -> None:
    from chorus_gui.core.journal.queries import ModalityCount

    counts = (ModalityCount("OMOP", 3, 3000, 1, 1000, None), ModalityCount("Images", 1200, 5_000_000, 0, 0, "20260102030405"))
    page.render(replace(fresh, journal=replace(journal(PATH, 1), modalities=counts)))
    last = page.table.rowCount() - 1
    cells = [page.table.item(last, place) for place in range(4)]
    assert [cell.text() for cell in cells if cell is not None] == ["Total", "1,203", "5.0 MB", "1 (1.0 kB)"]
    assert page.chart.accessibleDescription() == "one: 3"
