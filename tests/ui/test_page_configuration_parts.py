"""The form of the Configuration page is made in parts, between which the window answers; who needs a field earlier has it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QWidget
from pytestqt.qtbot import QtBot
from uiworld import settle
from world import World

from chorus_gui.core.config.keys import DEFAULT
from chorus_gui.ui.pages import Services, configuration_form
from chorus_gui.ui.pages.configuration import ConfigurationPage
from chorus_gui.ui.session import Session
from chorus_gui.ui.widgets.basics import Card
from chorus_gui.ui.widgets.tab_order import _stops


@pytest.fixture(autouse=True)
def one_part_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """However fast the computer is."""
    monkeypatch.setattr(configuration_form, "SLICE_S", 0.0)


@pytest.fixture
def page(qtbot: QtBot, session: Session, world: World) -> Iterator[ConfigurationPage]:
    session.open(world.file)
    settle(qtbot, session)
    page = ConfigurationPage(Services(session.reader, session.pager, session.settings))
    qtbot.addWidget(page)
    page.resize(1200, 800)
    page.render(session.state)
    yield page
    page.hide()
    settle(qtbot, session)


def whole(qtbot: QtBot, page: ConfigurationPage) -> None:
    qtbot.waitUntil(lambda: not page.form._unmade and page._checked is not None, timeout=20_000)


def held(qtbot: QtBot, page: ConfigurationPage) -> None:
    """Shown, and its text is read; no part of the form is made until the test makes it."""
    page.show()
    page.form._timer.stop()
    qtbot.waitUntil(lambda: page._checked is not None, timeout=20_000)
    assert page.form._rows == {}


def test_the_window_answers_between_the_parts(qtbot: QtBot, page: ConfigurationPage) -> None:
    turns: list[int] = []
    timer = QTimer(page, interval=0)
    timer.timeout.connect(lambda: turns.append(len(page.form._rows)))
    page.show()
    assert page.form._rows == {}
    timer.start()
    whole(qtbot, page)
    grown = [after - before for before, after in itertools.pairwise(turns)]
    assert len(set(turns)) > 10
    assert max(grown) <= 5, "rows that were made without the window answering in between"
    assert page.form._rows == page.form.rows


def test_no_half_of_a_card_is_seen(qtbot: QtBot, page: ConfigurationPage) -> None:
    page.show()
    sizes: dict[Card, set[int]] = {}
    while page.form._unmade or page._checked is None:
        QApplication.processEvents()
        for tab in page.form.tabs:
            for card in tab.area.widget().findChildren(Card):
                if not card.isHidden():
                    layout = card.layout()
                    assert layout is not None
                    sizes.setdefault(card, set()).add(layout.count())
    assert len(sizes) > 5
    assert all(len(found) == 1 for found in sizes.values())


def test_what_is_typed_meanwhile_is_kept(qtbot: QtBot, page: ConfigurationPage) -> None:
    held(qtbot, page)
    where = ("exclude", DEFAULT)
    while where not in page.form._rows:
        page.form._make_some()
    edit = page.form._rows[where].input.editor
    assert isinstance(edit, QLineEdit)
    QTest.keyClicks(edit, "*.tmp")
    page.form.begin()
    whole(qtbot, page)
    assert edit.text() == "*.tmp"
    assert page.modified
    assert page._draft is not None
    assert page._draft.own(where) == "*.tmp"


def test_a_field_that_is_asked_for_is_made_at_once(qtbot: QtBot, page: ConfigurationPage) -> None:
    held(qtbot, page)
    where = ("page_size", DEFAULT)
    page.show_topic("configuration.page_size")
    assert where in page.form._rows
    assert page.tabs.currentWidget() is page.form.tabs[3].area
    assert ("central.path", DEFAULT) not in page.form._rows, "the other tabs wait"
    assert page.form.rows[("central.path", DEFAULT)].input.editor is not None


def test_the_tab_that_is_shown_is_made_first(qtbot: QtBot, page: ConfigurationPage) -> None:
    held(qtbot, page)
    page.tabs.setCurrentIndex(1)
    while ("central.path", DEFAULT) not in page.form._rows:
        page.form._make_some()
    assert ("site.path", "Images") not in page.form._rows


def test_tab_reaches_the_fields_in_their_order(qtbot: QtBot, page: ConfigurationPage) -> None:
    page.show()
    whole(qtbot, page)
    chain: list[QWidget] = [page.tabs]
    while (after := chain[-1].nextInFocusChain()) is not page.tabs:
        assert after is not None
        chain.append(after)
    at = {widget: number for number, widget in enumerate(chain)}
    for tab in page.form.tabs:
        stops = [at[widget] for widget in _stops(tab.area.widget())]
        assert stops == sorted(stops)
        assert at[tab.area] < stops[0]
        assert stops[-1] < at[page.panel]


def test_the_pattern_tester_is_made_when_it_is_shown(qtbot: QtBot, page: ConfigurationPage) -> None:
    page.show()
    whole(qtbot, page)
    assert page.tester.layout() is None
    page.tabs.setCurrentWidget(page.tester)
    qtbot.waitUntil(lambda: "Reading" not in page.tester.status.text() and page.tester.tiles["Images"].isEnabled(), timeout=20_000)
    assert page.tester.model.rowCount() > 0
