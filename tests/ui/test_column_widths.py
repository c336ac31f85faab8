"""Which column gives way where there is not enough space, and what a person decides instead."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from layoutfaults import settled
from PySide6.QtCore import QByteArray, QPoint, QSize, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QLabel, QStackedWidget, QTableView
from pytestqt.qtbot import QtBot
from uiwalk import SCREENS
from uiworld import a_session, demo_site, run_job, settle

from chorus_gui.app.demo import change_site
from chorus_gui.ui import intents
from chorus_gui.ui.main_window import MainWindow
from chorus_gui.ui.models.columns import COLUMNS, DESTINATION, KIND, MODIFIED, PATH, SIZE
from chorus_gui.ui.models.rows import Column, RowsModel
from chorus_gui.ui.pages.review import ReviewPage
from chorus_gui.ui.settings import Settings
from chorus_gui.ui.widgets import column_widths
from chorus_gui.ui.widgets.column_widths import LEAST_GIVEN, LEAST_TEXT, ColumnWidths, widths_of
from chorus_gui.ui.widgets.remembering import remembered_of
from chorus_gui.ui.widgets.tables import set_widths, table

PATH_, TEXT, NUMBER, NOTE, OTHER = range(5)
TITLES = ("Path", "Text", "Number", "Note", "Other")
CELLS = ("1000001/Images/1.dcm", "a text of some length", "1,000,000,000", "a note that is rather long, too", "something else that is long")


@pytest.fixture
def view(qtbot: QtBot) -> QTableView:
    """A table that has more than enough space at first.  Notes give way first, then numbers."""
    columns: list[Column[str]] = [
        Column(title, lambda _, cell=cell: cell, right=title == "Number") for title, cell in zip(TITLES, CELLS, strict=True)
    ]
    model = RowsModel(columns)
    model.show_rows(["one"])
    made = table(model, "Files", stretch=PATH_)
    model.setParent(made)
    qtbot.addWidget(made)
    set_widths(made, {PATH_: CELLS[PATH_], **{n: f"{CELLS[n]} and more" for n in range(1, 5)}}, gives=(NOTE, NUMBER))
    made.resize(1600, 200)
    made.show()
    settled(made)
    return made


def shown(view: QTableView) -> dict[str, int]:
    """Title → width of the columns that are shown."""
    return {TITLES[n]: view.columnWidth(n) for n in range(view.model().columnCount()) if not view.isColumnHidden(n)}


def fitted(view: QTableView, width: int) -> dict[str, int]:
    """The columns at another width of the table, which they fill."""
    view.resize(width, 200)
    settled(view)
    widths = shown(view)
    assert sum(widths.values()) == view.viewport().width()
    assert view.horizontalScrollBar().maximum() == 0
    return widths


def test_columns_give_way_in_turn(view: QTableView) -> None:
    first = shown(view)
    assert list(first) == list(TITLES)
    needs = {title: view.sizeHintForColumn(n) for n, title in enumerate(TITLES)}
    widths = fitted(view, sum(first.values()) - first["Path"] + 100)
    assert all(widths[title] >= needs[title] for title in TITLES), "at first, only what nobody needs is given away"
    widths = fitted(view, sum(needs.values()) - 20)
    assert widths["Note"] < needs["Note"], "then a note is shortened"
    assert all(widths[title] >= needs[title] for title in TITLES if title != "Note")
    widths = fitted(view, sum(needs.values()) - needs["Note"] + 40)
    assert list(widths) == ["Path", "Text", "Number", "Other"], "then it is left out"
    widths = fitted(view, needs["Path"] + needs["Text"] + needs["Other"] + 30)
    assert list(widths) == ["Path", "Text", "Other"], "a number is left out, because a part of it is another number"
    widths = fitted(view, needs["Path"] + needs["Text"] + LEAST_TEXT + 30)
    assert LEAST_TEXT <= widths["Other"] < needs["Other"], "then the other texts are shortened, from the right"
    assert widths["Text"] >= needs["Text"]
    assert fitted(view, 1600) == first, "with enough space, everything is there again"


def test_a_long_path_is_shown_whole_before_a_note_is(qtbot: QtBot) -> None:
    """A path is read first.  The sample says what it has at least, the lines on screen what it needs."""
    path, note = "1000001/Images/CT/28615631/36045/0001.dcm", "held back by a colleague, and that is being checked"
    columns: list[Column[str]] = [Column("Path", lambda _: path), Column("Note", lambda _: note)]
    model = RowsModel(columns)
    model.show_rows(["one"])
    made = table(model, "Files", stretch=0)
    model.setParent(made)
    qtbot.addWidget(made)
    set_widths(made, {0: "1000001/Images", 1: note}, gives=(1,))
    made.show()
    settled(made)
    needs = [made.sizeHintForColumn(n) for n in range(2)]
    for width, whole in (
        (needs[0] + needs[1] + 60, (True, True)),
        (needs[0] + needs[1] - 40, (True, False)),
        (needs[0] + 60, (False, False)),
    ):
        made.resize(width, 200)
        settled(made)
        assert tuple(made.columnWidth(n) >= needs[n] for n in range(2)) == whole, width
        assert made.columnWidth(1) >= LEAST_GIVEN


def test_what_happened_while_a_table_was_hidden_moves_it_not_sideways(qtbot: QtBot, view: QTableView) -> None:
    """Other lines or another theme on a page that is not in front."""
    model = view.model()
    assert isinstance(model, RowsModel)
    model.show_rows([str(number) for number in range(50)])
    view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
    pages = QStackedWidget()
    qtbot.addWidget(pages)
    for page in (view, QLabel("Another page")):
        pages.addWidget(page)
    pages.resize(500, 200)
    pages.show()
    settled(pages)
    narrow = shown(view)
    assert view.horizontalScrollBar().maximum() == 0
    for _ in range(2):  # the first time, a scroll bar comes or goes, and the table has another height
        pages.setCurrentIndex(1)
        widths_of(view).fit()
        settled(pages)
        pages.setCurrentIndex(0)
    settled(pages)
    assert shown(view) == narrow
    assert view.horizontalScrollBar().maximum() == 0


def test_a_column_that_a_table_does_not_have_now_stays_away(view: QTableView) -> None:
    columns = widths_of(view)
    columns.offer(TEXT, offered=False)
    assert "Text" not in fitted(view, 1600)
    columns.menu.aboutToShow.emit()
    assert "Text" not in {action.text() for action in columns.menu.actions()}
    columns.reset()
    assert "Text" not in fitted(view, 1500)
    columns.offer(TEXT, offered=True)
    assert "Text" in fitted(view, 1600)


def test_one_place_decides_which_columns_are_shown() -> None:
    """Another one would be overruled with the next width of the window."""
    others = [
        path.name
        for path in (Path(column_widths.__file__).parents[1]).rglob("*.py")
        if path.name != "column_widths.py"
        and re.search(r"\.(setColumnHidden|setSectionHidden|hideColumn|hideSection)\(", path.read_text("utf-8"))
    ]
    assert others == []


def test_a_person_shows_and_hides_columns(qtbot: QtBot, view: QTableView) -> None:
    """With the menu of the headings, which is in the menu of the table, too."""
    columns, header = widths_of(view), view.horizontalHeader()
    assert columns.menu.menuAction() in view.actions()

    def entry(title: str) -> QAction:
        header.customContextMenuRequested.emit(QPoint(5, 5))
        found = {action.text(): action for action in columns.menu.actions()}
        columns.menu.close()
        return found[title]

    assert not entry("Path").isEnabled()
    with qtbot.waitSignal(columns.changed):
        entry("Text").trigger()
    assert list(shown(view)) == ["Path", "Number", "Note", "Other"]
    fitted(view, 300)
    assert not entry("Note").isChecked()
    assert entry("Note").toolTip().startswith("Left out because the window is narrow")
    entry("Note").trigger()
    assert "Note" in shown(view), "who asks for a column gets it"
    entry("&Reset columns").trigger()
    assert list(fitted(view, 1600)) == list(TITLES)


def test_what_a_person_has_drawn_stays(qtbot: QtBot, view: QTableView) -> None:
    columns, header = widths_of(view), view.horizontalHeader()
    with qtbot.waitSignal(columns.changed):
        header.resizeSection(OTHER, 333)
    header.resizeSection(PATH_, 222)
    assert fitted(view, 700)["Other"] == 333
    assert shown(view)["Path"] == 222
    columns.choose(TEXT, shown=False)
    kept = columns.state
    columns.reset()
    assert list(fitted(view, 1600)) == list(TITLES)
    columns.restore(dict(kept))
    assert (shown(view)["Other"], shown(view)["Path"], "Text" in shown(view)) == (333, 222, False)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nothing",
        "[]",
        "[" * 100_000,
        '{"widths": 1, "shown": [], "order": 3, "places": 4}',
        '{"widths": {"Path": -4, "Text": true}, "shown": {"Text": 0}, "order": ["Nothing", true], "places": [1, "Nowhere"]}',
        '{"order": ["Text"]}',
        '{"order": [1, 2]}',
    ],
)
def test_what_cannot_be_read_is_forgotten(tmp_path: Path, view: QTableView, text: str) -> None:
    first = shown(view)
    settings = Settings(tmp_path / "window.ini")
    settings.put("tables/Files", text)
    remembered_of(view).restore(settings)
    assert shown(view) == first


@pytest.fixture
def reviewing(qtbot: QtBot, tmp_path: Path, request: pytest.FixtureRequest) -> Callable[[], tuple[MainWindow, ReviewPage]]:
    """Opens a window with a review of a second submission: files with an old and a new size and time."""
    file, site = demo_site(tmp_path), tmp_path / "riverside" / "site"

    def make() -> tuple[MainWindow, ReviewPage]:
        world = a_session(qtbot, tmp_path)
        session = world.__enter__()
        window = MainWindow(session)
        window.show()
        qtbot.waitExposed(window)

        def end() -> None:
            session.jobs.cancel_all()
            window.stopped = True
            window.close()
            window.deleteLater()
            world.__exit__(None, None, None)

        request.addfinalizer(end)
        window.do(intents.OpenConfig(file))
        settle(qtbot, session)
        run_job(qtbot, session, intents.Scan())
        if session.state.journal is None or not session.state.journal.counts:
            assert session.state.review is not None
            run_job(qtbot, session, intents.Approve(session.state.review.revision, record_only=True))
            change_site(site)
            run_job(qtbot, session, intents.Scan())
        window.show_page("review")
        page = window.page("review")
        assert isinstance(page, ReviewPage)
        qtbot.waitUntil(lambda: page.area.model.rowCount() > 0, timeout=20_000)
        return window, page

    return make


def test_what_a_person_signs_is_readable_on_every_screen(qtbot: QtBot, reviewing: Callable[[], tuple[MainWindow, ReviewPage]]) -> None:
    window, page = reviewing()
    view = page.area.view
    page.area.search.setText("OMOP")
    qtbot.waitUntil(lambda: "→" in str(page.area.model.index(0, MODIFIED).data()), timeout=20_000)
    for screen, size in {**SCREENS, "1280×820": QSize(1280, 820)}.items():
        window.resize(size)
        settled(window)
        qtbot.waitUntil(lambda: view.columnWidth(MODIFIED) >= view.sizeHintForColumn(MODIFIED), timeout=5000)
        for n in (KIND, SIZE, MODIFIED):
            assert view.columnWidth(n) >= view.sizeHintForColumn(n), (screen, COLUMNS[n].title)
        assert view.columnWidth(PATH) >= view.fontMetrics().horizontalAdvance(COLUMNS[PATH].widest), screen
        assert view.horizontalScrollBar().maximum() == 0, screen


KEY = "tables/Changes"


def columns_of(page: ReviewPage) -> tuple[QTableView, ColumnWidths]:
    return page.area.view, widths_of(page.area.view)


def test_the_review_remembers_what_a_person_chose(reviewing: Callable[[], tuple[MainWindow, ReviewPage]]) -> None:
    window, page = reviewing()
    window.resize(2400, 900)
    settled(window)
    view, columns = columns_of(page)
    view.horizontalHeader().resizeSection(SIZE, 177)
    columns.choose(DESTINATION, shown=False)
    settings = window.session.settings
    known = json.loads(settings.text(KEY))
    assert known == {"widths": {"Size": 177}, "shown": {"In the central store": False}}
    window.resize(1024, 700)
    settled(window)
    assert view.columnWidth(SIZE) == 177
    assert json.loads(settings.text(KEY)) == known, "what the window does by itself is not remembered"


def test_a_moved_column_makes_no_width_a_drawn_one(reviewing: Callable[[], tuple[MainWindow, ReviewPage]]) -> None:
    """The order is in the state of the headings, which has the widths of the moment, too."""
    window, page = reviewing()
    window.resize(1366, 768)
    settled(window)
    header = page.area.view.horizontalHeader()
    header.moveSection(header.visualIndex(SIZE), header.visualIndex(KIND) + 1)
    _, again = reviewing()
    view, columns = columns_of(again)
    assert columns.state["widths"] == {}
    assert view.horizontalHeader().visualIndex(SIZE) == header.visualIndex(SIZE)


def test_the_review_remembers_the_order(qtbot: QtBot, reviewing: Callable[[], tuple[MainWindow, ReviewPage]]) -> None:
    window, page = reviewing()
    for _ in range(2):
        page.area.view.horizontalHeader().sectionClicked.emit(SIZE)
        settled(window)
    assert (page.area.model.query.order, page.area.model.query.descending) == ("size", True)
    _, again = reviewing()
    assert (again.area.model.query.order, again.area.model.query.descending) == ("size", True)
    header = again.area.view.horizontalHeader()
    assert (header.sortIndicatorSection(), header.sortIndicatorOrder()) == (SIZE, Qt.SortOrder.DescendingOrder)
    qtbot.waitUntil(lambda: again.area.model.rowCount() > 1 and again.area.model.is_here(1), timeout=20_000)
    again.area.by_patient.setChecked(True)
    again.area.by_patient.setChecked(False)
    assert again.area.model.query.order == "size"
    window.session.settings.put(KEY, '{"order": ["Nonsense", true]}')
    _, third = reviewing()
    assert (third.area.model.query.order, third.area.model.query.descending) == ("kind", False)


def test_widths_of_an_earlier_version_are_kept(qtbot: QtBot, tmp_path: Path, view: QTableView) -> None:
    """It remembered the state of the headings only."""
    old = QTableView()
    qtbot.addWidget(old)
    old.setModel(view.model())
    for n in range(5):
        old.setColumnWidth(n, view.columnWidth(n))
    old.setColumnWidth(PATH_, widths_of(view).minimum)
    old.setColumnWidth(TEXT, 345)
    old.horizontalHeader().moveSection(4, 1)
    settings = Settings(tmp_path / "window.ini")
    settings.put("review/header", old.horizontalHeader().saveState())
    blob: QByteArray = settings.blob("review/header")
    widths_of(view).restore_order(blob, keep_widths=True)
    assert widths_of(view).state == {"widths": {"Text": 345}, "shown": {}}
    assert view.horizontalHeader().logicalIndex(1) == 4
    settled(view)
    assert view.columnWidth(TEXT) == 345


def test_what_an_earlier_version_remembered_of_the_review_is_kept(
    qtbot: QtBot, tmp_path: Path, reviewing: Callable[[], tuple[MainWindow, ReviewPage]]
) -> None:
    settings = Settings(tmp_path / "window.ini")
    settings.put("review/columns", '{"widths": {"Size": 177}, "shown": {"Note": false}}')
    settings.put("review/order", "-size")
    settings.sync()
    for _ in range(2):
        _, page = reviewing()
        _, columns = columns_of(page)
        assert columns.state == {"widths": {"Size": 177}, "shown": {"Note": False}}
        assert (page.area.model.query.order, page.area.model.query.descending) == ("size", True)
