"""The form of the Configuration page is made in parts, between which the window answers; who needs a field earlier has it.

Until the file that the head names is read, nothing can be edited, and no value of another file is shown.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QWidget
from pytestqt.qtbot import QtBot
from uiworld import settle
from world import World

from chorus_gui.core.config.keys import DEFAULT
from chorus_gui.ui.pages import Services, configuration, configuration_form
from chorus_gui.ui.pages.configuration import ConfigurationPage
from chorus_gui.ui.pages.configuration_findings import FindingCard
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


EXCLUDE = ("exclude", DEFAULT)


class SlowDisk:
    """Reading a file in ``slow`` takes until ``answer`` is set."""

    def __init__(self) -> None:
        self.slow: set[Path] = set()
        self.answer = threading.Event()

    def read(self, file: Path) -> str:
        if file in self.slow:
            self.answer.wait()
        return _read_text(file)


_read_text = configuration.read_text


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch, page: ConfigurationPage) -> Iterator[SlowDisk]:
    """It answers at the end, whatever the test found: the reader's thread has to end.  (It needs ``page``: it ends before that.)"""
    made = SlowDisk()
    monkeypatch.setattr(configuration, "read_text", made.read)
    yield made
    made.answer.set()


def all_made(qtbot: QtBot, page: ConfigurationPage) -> None:
    """Every part of the form, and the two tabs next to it, which are made when they are shown."""
    qtbot.waitUntil(lambda: not page.form._unmade, timeout=20_000)
    page.tester.build()


def of_the_file(page: ConfigurationPage) -> list[QWidget]:
    """What has a value of the file, or takes one."""
    rows = [row.input.editor for row in page.form._rows.values()]
    places = [kinds for place in page.form._places.values() if (kinds := place.kinds) is not None]
    return [*rows, *places, *page.form._matches.values(), page.text.editor, page.text.reveal, page.tester.path, page.tester.table]


def assert_closed(page: ConfigurationPage) -> None:
    """On no tab is anything to see or to enter."""
    for at in range(page.tabs.count()):
        page.tabs.setCurrentIndex(at)
        all_of_it = of_the_file(page)
        assert len(all_of_it) > 30
        assert [widget for widget in all_of_it if widget.isVisible()] == []
        assert [widget for widget in all_of_it if widget.isEnabled()] == []
    page.tabs.setCurrentIndex(0)


def assert_open(page: ConfigurationPage) -> None:
    edit = page.form.rows[EXCLUDE].input.editor
    assert edit is not None
    assert edit.isVisible()
    assert edit.isEnabled()
    page.tabs.setCurrentWidget(page.text)
    assert page.text.editor.isVisible()
    assert page.text.editor.isEnabled()
    page.tabs.setCurrentIndex(0)


def test_nothing_can_be_typed_before_the_file_is_read(qtbot: QtBot, page: ConfigurationPage, world: World, disk: SlowDisk) -> None:
    disk.slow.add(world.file)
    page.show()
    all_made(qtbot, page)
    assert page.tabs.tabBar().isVisible(), "the page does not wait for the file"
    edit = page.form._rows[EXCLUDE].input.editor
    assert isinstance(edit, QLineEdit)
    QTest.keyClicks(edit, "*.tmp")
    QTest.keyClicks(page.text.editor, "x = 1")
    assert edit.text() == ""
    assert page.text.editor.toPlainText() == ""
    assert_closed(page)
    disk.answer.set()
    whole(qtbot, page)
    assert_open(page)
    assert not page.modified
    QTest.keyClicks(edit, "*.tmp")
    assert page.modified
    assert page._draft is not None
    assert page._draft.own(EXCLUDE) == "*.tmp"


def test_no_value_of_another_file_is_shown(
    qtbot: QtBot, page: ConfigurationPage, session: Session, world: World, tmp_path: Path, disk: SlowDisk
) -> None:
    """Site A is shown, with a fault, a match and a conflict, when B is opened, whose disk is slow."""
    world.file.write_text("page_size = 0\n" + world.file.read_text("utf-8"), "utf-8")
    page.show()
    whole(qtbot, page)
    all_made(qtbot, page)
    page.conflict.say("Another program changed “config.toml”.", overwrite=True)
    other = World(tmp_path / "other")
    disk.slow.add(other.file)
    session.open(other.file)
    page.render(session.state)
    assert page.file.full == str(other.file)
    assert_closed(page)
    shown = [text.text() for text in page.findChildren(QLabel) if text.isVisible()]
    assert not [text for text in shown if "page_size" in text or str(world.site) in text]
    assert [card for card in page.panel.findChildren(FindingCard) if not card.isHidden()] == []
    assert not page.conflict.isVisible()
    assert [page.tabs.tabText(at) for at in range(4)] == [tab.title for tab in page.form.tabs]
    disk.answer.set()
    whole(qtbot, page)
    assert_open(page)
    central = page.form.rows[("central.path", DEFAULT)].input.editor
    assert isinstance(central, QLineEdit)
    assert central.text() == str(other.central)
    assert str(other.central) in page.text.editor.toPlainText()


def test_what_was_found_for_another_file_is_dropped(
    qtbot: QtBot, page: ConfigurationPage, session: Session, world: World, tmp_path: Path, disk: SlowDisk
) -> None:
    """Matches of A's folder are not shown next to B's patterns, although B is not checked yet."""
    world.put("Images/1001/a.dcm", "1")
    page.show()
    whole(qtbot, page)
    qtbot.waitUntil(lambda: any(text.text() for text in page.form.matches.values()), timeout=20_000)
    other = World(tmp_path / "other")
    disk.slow.add(other.file)
    session.open(other.file)
    page.render(session.state)
    assert not any(text.text() for text in page.form.matches.values())
    assert page.tester._sample is None
    assert page.tester._checked is None


def test_a_choice_in_another_file_changes_nothing(
    qtbot: QtBot, page: ConfigurationPage, session: Session, tmp_path: Path, disk: SlowDisk
) -> None:
    """A field that answers late, such as one that asks a server, has a draft of A."""
    page.show()
    whole(qtbot, page)
    before = page._draft
    assert before is not None
    late = before.with_value(EXCLUDE, "*.late")
    other = World(tmp_path / "other")
    disk.slow.add(other.file)
    session.open(other.file)
    page.render(session.state)
    page.form.redrafted.emit(late)
    assert page._draft is None
    disk.answer.set()
    whole(qtbot, page)
    page.form.redrafted.emit(late)
    assert page._draft is not None
    assert page._draft.file == other.file
    assert not page.modified


def test_a_fast_read_says_nothing_and_a_slow_one_does(qtbot: QtBot, page: ConfigurationPage, world: World, disk: SlowDisk) -> None:
    disk.slow.add(world.file)
    page.show()
    assert page.panel.heading.text() == "", "nothing that flashes"
    qtbot.waitUntil(lambda: page.panel.heading.text() == "Reading the file…", timeout=20_000)
    disk.answer.set()
    whole(qtbot, page)
    assert page.panel.heading.text() != "Reading the file…"
