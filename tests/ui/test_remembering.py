"""Every table and tree of the window remembers what a person chose: widths, hidden columns, the order of columns and lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from everydialog import EveryDialog
from layoutfaults import settled
from PySide6.QtCore import QCoreApplication, QEvent, QSize, Qt
from PySide6.QtWidgets import QTableView, QTabWidget, QTreeView, QWidget
from pytestqt.qtbot import QtBot
from uiworld import a_session, demo_site, run_job, settle

from chorus_gui.app.demo import make_site, write_config
from chorus_gui.ui import intents
from chorus_gui.ui.main_window import PAGES, MainWindow
from chorus_gui.ui.models.rows import Column, RowsModel
from chorus_gui.ui.pages.history_charts import ChartsTab
from chorus_gui.ui.settings import Settings
from chorus_gui.ui.widgets.column_widths import header_of, widths_of
from chorus_gui.ui.widgets.remembering import Memory, Remembered, remembered_of
from chorus_gui.ui.widgets.tables import set_widths, sortable, table

View = QTableView | QTreeView
LARGE, SMALL = QSize(1800, 1000), QSize(1024, 700)


def views_below(root: QWidget) -> list[View]:
    """The tables and trees that are made by now."""
    return [view for kind in (QTableView, QTreeView) for view in root.findChildren(kind)]


def shown_once(view: View) -> None:
    """What every view gets when its page, tab or state is shown for the first time."""
    if not view.isVisible():
        QCoreApplication.sendEvent(view, QEvent(QEvent.Type.Show))


def free_columns(view: View) -> list[int]:
    """The columns that a person can draw and hide."""
    columns = widths_of(view)
    return [n for n in range(header_of(view).count()) if n != columns.column and columns.title(n)]


def choose(qtbot: QtBot, view: View) -> None:
    """What a person does in a table: draw one width, hide one column, select a heading twice."""
    columns, header, free = widths_of(view), header_of(view), free_columns(view)
    if not free:
        return
    header.showSection(free[0])
    header.resizeSection(free[0], 91)
    if len(free) > 1:
        columns.choose(free[-1], shown=False)
    if view.isSortingEnabled():
        for side in (Qt.SortOrder.AscendingOrder, Qt.SortOrder.DescendingOrder):
            header.setSortIndicator(columns.column, side)
        header.sectionClicked.emit(columns.column)
        qtbot.waitUntil(lambda: remembered_of(view)._chosen is not None)


def chosen_of(view: View) -> dict[str, object]:
    """What is on screen of it."""
    columns, header, free = widths_of(view), header_of(view), free_columns(view)
    found: dict[str, object] = dict(columns.state)
    if free:
        found["shown width"] = header.sectionSize(free[0]) if not header.isSectionHidden(free[0]) else 0
        found["hidden"] = header.isSectionHidden(free[-1])
    if view.isSortingEnabled():
        found["order"] = (header.sortIndicatorSection(), header.sortIndicatorOrder())
    return found


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return demo_site(tmp_path, 6)


@contextmanager
def a_window(qtbot: QtBot, folder: Path, file: Path) -> Iterator[MainWindow]:
    with a_session(qtbot, folder) as session:
        window = MainWindow(session)
        window.resize(LARGE)
        window.show()
        qtbot.waitExposed(window)
        window.do(intents.OpenConfig(file))
        settle(qtbot, session)
        yield window
        session.jobs.cancel_all()
        window.stopped = True
        window.close()
        window.deleteLater()


def through_pages(qtbot: QtBot, window: MainWindow) -> list[View]:
    """Show every page and tab once; all views of the window."""
    for entry in PAGES:
        window.show_page(entry.name)
        page = window.page(entry.name)
        assert page is not None
        for tabs in page.findChildren(QTabWidget):
            for number in range(tabs.count()):
                tabs.setCurrentIndex(number)
                settled(window)
                if entry.name == "history" and tabs.tabText(number) == "Charts":  # read when the tab is shown
                    charts = tabs.widget(number)
                    assert isinstance(charts, ChartsTab)
                    qtbot.waitUntil(lambda charts=charts: charts.model.columnCount() > 0, timeout=20_000)
    found = views_below(window)
    for view in found:
        shown_once(view)
    settled(window)
    return found


def test_every_table_of_the_pages_remembers(qtbot: QtBot, tmp_path: Path, file: Path) -> None:
    with a_window(qtbot, tmp_path, file) as window:
        run_job(qtbot, window.session, intents.Scan())
        assert window.state.review is not None
        run_job(qtbot, window.session, intents.Approve(window.state.review.revision, record_only=True))
        before: dict[str, dict[str, object]] = {}
        views = through_pages(qtbot, window)
        assert len(views) >= 15
        for view in views:
            choose(qtbot, view)
        settled(window)
        before = {remembered_of(view)._key: chosen_of(view) for view in views}
        assert len(before) >= len(views) - 1, "two tables of one name remember as one"
        assert sum("order" in one for one in before.values()) >= 7
    with a_window(qtbot, tmp_path, file) as window:
        after = {remembered_of(view)._key: (view, chosen_of(view)) for view in through_pages(qtbot, window)}
        assert {key: found for key, (_, found) in after.items()} == before
        window.resize(SMALL)
        for view, _ in after.values():
            widths_of(view).menu.aboutToShow.emit()
            again = next(action for action in widths_of(view).menu.actions() if action.text() == "&Reset columns")
            again.trigger()
            assert widths_of(view).state == {"widths": {}, "shown": {}}, view.accessibleName()
            assert remembered_of(view)._chosen is None, view.accessibleName()
        for entry in PAGES:
            window.show_page(entry.name)
            settled(window)
            for view, _ in after.values():
                assert not view.isVisible() or view.horizontalScrollBar().maximum() == 0, view.accessibleName()


def test_every_table_of_the_dialogs_remembers(qtbot: QtBot, tmp_path: Path) -> None:
    """In a new dialog, after a new start of the program, and not only because the same dialog still has it."""
    before: dict[str, dict[str, object]] = {}
    for start in ("first", "second"):
        site = tmp_path / start / "site"
        make_site(site, patients=6)
        file = write_config(tmp_path / start, tmp_path / f"central of the {start}", site)
        with a_window(qtbot, tmp_path, file) as window:
            every = EveryDialog(window, site, partial(run_job, qtbot, window.session), lambda until: qtbot.waitUntil(until, timeout=20_000))
            after: dict[str, dict[str, object]] = {}
            for name, dialog in every.all():
                dialog.resize(LARGE)
                dialog.show()
                settled(dialog)
                for view in views_below(dialog):
                    shown_once(view)
                    remembered = view.findChild(Remembered)
                    assert remembered is not None, (name, view.accessibleName())
                    if start == "first" and remembered._key not in before:
                        choose(qtbot, view)
                        settled(dialog)
                        assert window.session.settings.text(remembered._key) or not free_columns(view), (name, view.accessibleName())
                        before[remembered._key] = chosen_of(view)
                    after.setdefault(remembered._key, chosen_of(view))
                dialog.done(0)
            assert after == before, start
    assert len(before) >= 5, before


@pytest.fixture
def made(qtbot: QtBot, tmp_path: Path) -> Callable[[], tuple[QTableView, Settings]]:
    """Makes a window with a table of three columns, whose order can be changed."""

    windows: list[QWidget] = []

    def make() -> tuple[QTableView, Settings]:
        window = QWidget()
        windows.append(window)
        qtbot.addWidget(window)
        settings = Settings(tmp_path / "window.ini")
        Memory(window, settings)
        model: RowsModel[str] = RowsModel(
            [Column("Name", str), Column("Length", lambda one: str(len(one)), len), Column("End", lambda one: one[-1])]
        )
        model.show_rows(["bb", "a", "ccc"])
        view = table(model, "Names", stretch=0)
        model.setParent(view)
        set_widths(view, {1: "100", 2: "abc"})
        sortable(view)
        view.horizontalHeader().setSectionsMovable(True)
        view.setParent(window)
        window.resize(700, 300)
        window.show()
        settled(window)
        return view, settings

    return make


def names(view: QTableView) -> list[str]:
    return [str(view.model().index(row, 0).data()) for row in range(view.model().rowCount())]


def test_the_order_of_lines_and_columns_comes_back(qtbot: QtBot, made: Callable[[], tuple[QTableView, Settings]]) -> None:
    view, settings = made()
    header = view.horizontalHeader()
    assert names(view) == ["bb", "a", "ccc"]
    header.moveSection(2, 0)
    header.setSortIndicator(1, Qt.SortOrder.DescendingOrder)
    header.sectionClicked.emit(1)
    qtbot.waitUntil(lambda: '"order": ["Length", true]' in settings.text("tables/Names"))
    again, _ = made()
    assert names(again) == ["ccc", "bb", "a"]
    assert [again.horizontalHeader().logicalIndex(n) for n in range(3)] == [2, 0, 1]
    widths_of(again).reset()
    assert names(again) == ["bb", "a", "ccc"]
    assert [again.horizontalHeader().logicalIndex(n) for n in range(3)] == [0, 1, 2]
    third, _ = made()
    assert names(third) == ["bb", "a", "ccc"]


def test_other_columns_keep_the_chosen_order(qtbot: QtBot, made: Callable[[], tuple[QTableView, Settings]]) -> None:
    view, _ = made()
    remembered_of(view).choose(1, descending=True)
    model = view.model()
    assert isinstance(model, RowsModel)
    model.show_columns([Column("Length", lambda one: str(len(one)), len), Column("Name", str)])
    remembered_of(view).sort_again()
    assert [str(model.index(row, 1).data()) for row in range(3)] == ["ccc", "bb", "a"]
    assert view.horizontalHeader().sortIndicatorSection() == 0
    model.show_columns([Column("Other", str), Column("Name", str)])
    remembered_of(view).sort_again()
    assert view.horizontalHeader().sortIndicatorSection() == -1


def test_a_table_without_a_window_that_remembers_works(qtbot: QtBot) -> None:
    model: RowsModel[str] = RowsModel([Column("Name", str), Column("Length", lambda one: str(len(one)))])
    view = table(model, "Names", stretch=0)
    model.setParent(view)
    qtbot.addWidget(view)
    view.show()
    widths_of(view).choose(1, shown=False)
    assert view.isColumnHidden(1)
