"""Every table of the program copies its lines with Ctrl+C and from its menu, whatever they hold and however many there are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QItemSelectionModel, QModelIndex, Qt
from PySide6.QtGui import QContextMenuEvent, QGuiApplication, QKeySequence, QStandardItem, QStandardItemModel
from PySide6.QtWidgets import QTableView, QTreeView, QTreeWidget, QTreeWidgetItem
from pytestqt.qtbot import QtBot
from uiworld import run_job

from chorus_gui.core.review.staging import Staging
from chorus_gui.core.review.values import Query
from chorus_gui.ui import intents
from chorus_gui.ui.dialogs.help import ShortcutsDialog
from chorus_gui.ui.jobs import Reader
from chorus_gui.ui.main_window import MainWindow
from chorus_gui.ui.models.changes import PAGE, ChangesModel
from chorus_gui.ui.models.columns import PATH
from chorus_gui.ui.pages.review_tree import TreeView
from chorus_gui.ui.pages.review_view import ChangesView, table_of
from chorus_gui.ui.session import Session
from chorus_gui.ui.shown import as_text, plain_text
from chorus_gui.ui.widgets import copying
from chorus_gui.ui.widgets.column_widths import widths_of
from chorus_gui.ui.widgets.tables import own_actions, set_widths, table

FLAG = QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows


def clipboard() -> list[list[str]]:
    return [line.split("\t") for line in QGuiApplication.clipboard().text().splitlines()]


def copy(qtbot: QtBot, view: QTableView | QTreeView, how: str = "plain") -> str:
    """Copy, and wait until that has ended: many lines are copied in pieces.  What is said then."""
    view.setProperty("copied", "")
    if how == "keys":
        qtbot.keyClick(view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    else:
        copier = copying.copier_of(view)
        (copier.headed if how == "headed" else copier.plain).trigger()
    qtbot.waitUntil(lambda: bool(view.property("copied")), timeout=20_000)
    return str(view.property("copied"))


@pytest.fixture
def view(qtbot: QtBot) -> QTableView:
    """Three lines of three columns, on screen."""
    QGuiApplication.clipboard().clear()
    model = QStandardItemModel()
    model.setHorizontalHeaderLabels(["Name", "Size", "Note"])
    for cells in (("a\tb\nc", "1", ""), ("=1+1", "2", plain_text("<b>&lt;x")), ("+x", "-3", "@y")):
        model.appendRow([QStandardItem(cell) for cell in cells])
    made = table(model, "Names", stretch=0)
    model.setParent(made)
    qtbot.addWidget(made)
    made.setSelectionMode(QTableView.SelectionMode.ExtendedSelection)
    made.show()
    return made


def test_a_narrow_window_copies_what_a_wide_one_does(qtbot: QtBot, view: QTableView) -> None:
    """Only what a person hides is not copied."""
    set_widths(view, {0: "a long name of a file", 1: "1,000,000,000", 2: "a note"}, gives=(1,))
    view.resize(160, 200)
    qtbot.waitUntil(lambda: view.isColumnHidden(1))
    view.selectRow(1)
    copy(qtbot, view)
    assert clipboard() == [["'=1+1", "2", "<b>&lt;x"]]


def test_the_selected_lines_are_copied_in_the_order_of_the_screen(qtbot: QtBot, view: QTableView) -> None:
    model = view.model()
    for row in (2, 0):
        view.selectionModel().select(model.index(row, 0), FLAG)
    view.horizontalHeader().moveSection(1, 0)
    widths_of(view).choose(2, shown=False)
    copy(qtbot, view, "keys")
    assert clipboard() == [["1", "a b c"], ["'-3", "'+x"]], "no cell breaks the table, and no cell is a formula, as in a CSV export"
    assert copy(qtbot, view, "headed") == "Copied 2 lines."
    assert clipboard()[0] == ["Size", "Name"]


@pytest.mark.parametrize(
    ("name", "copied"),
    [
        ('"=HYPERLINK(1)"', '"""=HYPERLINK(1)"""'),
        ('5" disc', '"5"" disc"'),
        ('="a"', '"\'=""a"""'),
        ("\t=1", "' =1"),
        (" \n+x", "'  +x"),
        ("a b", "a b"),
    ],
)
def test_a_spreadsheet_finds_no_formula_in_a_name_with_quotes_or_blanks(qtbot: QtBot, view: QTableView, name: str, copied: str) -> None:
    model = view.model()
    model.setData(model.index(0, 0), name)
    model.setData(model.index(0, 1), "1")
    copy(qtbot, view)
    assert clipboard()[0][:2] == [copied, "1"]


def test_without_a_selection_everything_is_copied_as_it_is(qtbot: QtBot, view: QTableView) -> None:
    copy(qtbot, view)
    assert clipboard()[1] == ["'=1+1", "2", "<b>&lt;x"], "what keeps Qt from showing HTML is not part of a name"
    assert len(clipboard()) == 3


def test_very_many_lines_are_cut_and_that_is_said(qtbot: QtBot, view: QTableView, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "COPIED_AT_MOST", 2)
    view.selectAll()
    said = copy(qtbot, view)
    assert len(clipboard()) == 2
    assert said == "Copied 2 lines. 1 line more is too many for the clipboard: use Export."


def test_an_empty_table_leaves_the_clipboard(qtbot: QtBot, view: QTableView) -> None:
    QGuiApplication.clipboard().setText("kept")
    view.model().removeRows(0, 3)
    assert (copy(qtbot, view), QGuiApplication.clipboard().text()) == ("There is nothing to copy.", "kept")


def test_a_tree_is_copied_as_it_is_open(qtbot: QtBot) -> None:
    tree = QTreeWidget()
    qtbot.addWidget(tree)
    tree.setHeaderLabels(["Cause", "Files"])
    for cause in ("a", "b"):
        item = QTreeWidgetItem([cause, "2"])
        item.addChildren([QTreeWidgetItem([f"{cause}1"]), QTreeWidgetItem([f"{cause}2"])])
        tree.addTopLevelItem(item)
    tree.setSelectionMode(QTreeView.SelectionMode.ExtendedSelection)
    tree.expandItem(tree.topLevelItem(1))
    copying.copying(tree)
    copy(qtbot, tree, "headed")
    assert [line[0] for line in clipboard()] == ["Cause", "a", "b", "b1", "b2"]
    tree.expandAll()
    for item in (tree.topLevelItem(1), tree.topLevelItem(0)):
        item.child(1).setSelected(True)
    tree.topLevelItem(1).setSelected(True)
    copy(qtbot, tree)
    assert [line[0] for line in clipboard()] == ["a2", "b", "b2"]


def menu_at(view: QTableView | QTreeView, index: QModelIndex, reason: QContextMenuEvent.Reason = QContextMenuEvent.Reason.Mouse) -> None:
    """The menu of a cell is opened with the right button, or with a key; it is closed at once."""
    viewport = view.viewport()
    at = view.visualRect(index).center()
    policy = view.contextMenuPolicy()
    view.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)  # a menu waits for its end
    QCoreApplication.sendEvent(viewport, QContextMenuEvent(reason, at, viewport.mapToGlobal(at)))
    view.setContextMenuPolicy(policy)


def test_a_cell_is_copied_whole_and_as_it_is(qtbot: QtBot, view: QTableView) -> None:
    """It is one text for one place, so no sign is put before it for a spreadsheet."""
    model, copier = view.model(), copying.copier_of(view)
    long = "1000001/Images/" + "a" * 500
    model.setData(model.index(2, 0), long)
    view.resize(160, 200)
    view.selectRow(0)
    for index, text in (
        (model.index(2, 0), long),
        (model.index(1, 0), "=1+1"),
        (model.index(0, 0), "a\tb\nc"),
        (model.index(1, 2), "<b>&lt;x"),
    ):
        view.scrollTo(index)
        menu_at(view, index)
        assert copier.cell.isEnabled()
        copier.cell.trigger()
        assert QGuiApplication.clipboard().text() == text
    menu_at(view, model.index(0, 2))
    assert not copier.cell.isEnabled(), "an empty cell"
    view.setCurrentIndex(model.index(0, 1))
    menu_at(view, model.index(1, 0), QContextMenuEvent.Reason.Keyboard)
    copier.cell.trigger()
    assert QGuiApplication.clipboard().text() == "1"
    model.removeRows(0, 3)
    copier.cell.trigger()
    assert view.property("copied") == "There is nothing to copy."


@pytest.fixture
def readers() -> Iterator[tuple[Reader, Reader]]:
    made = Reader("reader"), Reader("pager")
    yield made
    for reader in made:
        reader.stop()
        assert reader.wait(5000)


def test_lines_that_are_not_here_yet_are_read_first(qtbot: QtBot, tmp_path: Path, readers: tuple[Reader, Reader]) -> None:
    path, count = tmp_path / "review.db", 3 * PAGE + 7
    with Staging.create(path) as staging:
        staging.db.executemany(
            "INSERT INTO change (kind, modality, path, size) VALUES ('added', 'Images', ?, 10)", ((f"{n:05}.dcm",) for n in range(count))
        )
        staging.put("ready", value=True)
        staging.db.execute("COMMIT")
    QGuiApplication.clipboard().clear()
    model = ChangesModel(*readers)
    view = table_of(model)
    qtbot.addWidget(view)
    model.ask(Query(order="path"))
    with qtbot.waitSignal(model.answered):
        model.show_review((path, 1))
    view.selectAll()
    assert copy(qtbot, view) == f"Copied {count} lines."
    place = copying.copier_of(view)._columns.index(PATH)
    assert [line[place] for line in clipboard()] == [f"{n:05}.dcm" for n in range(count)]
    assert not model.is_here(count)


def test_other_lines_end_the_copying(view: QTableView, monkeypatch: pytest.MonkeyPatch) -> None:
    QGuiApplication.clipboard().setText("kept")
    monkeypatch.setattr(copying, "SLICE", -1.0)  # each line is a piece of its own
    copier = copying.copier_of(view)
    copier.plain.trigger()
    assert copier.busy
    view.model().removeRows(1, 1)
    assert not copier.busy
    assert QGuiApplication.clipboard().text() == "kept"


def test_every_table_of_the_window_can_be_copied(qtbot: QtBot, opened: Session) -> None:
    window = MainWindow(opened)
    qtbot.addWidget(window)
    run_job(qtbot, opened, intents.Scan())
    for name in window._pages:
        window.show_page(name)
    dialog = ShortcutsDialog(window, ())
    views = [view for root in (window, dialog) for kind in (QTableView, QTreeView) for view in root.findChildren(kind)]
    assert len(views) >= 10
    for view in views:
        found = [action for action in view.actions() if action.shortcut() == QKeySequence(QKeySequence.StandardKey.Copy)]
        assert len(found) == 1, f"{view.accessibleName()}: {len(found)} actions for Ctrl+C"
        offered = [action.text() for action in view.actions()]
        assert "Copy with &headings" in offered, view.accessibleName()
        assert "Copy c&ell" in offered, view.accessibleName()
        if isinstance(view, (ChangesView, TreeView)):  # they have menus of their own
            offered = [action.text() for action in own_actions(view)]
            assert "Copy c&ell" in offered
        for column in range(view.model().columnCount()) if view.model().rowCount() else ():
            index = view.model().index(0, column)
            text = str(index.data() or "")
            view.setCurrentIndex(index)
            menu_at(view, index, QContextMenuEvent.Reason.Keyboard)
            copying.copier_of(view).cell.trigger()
            assert not text or QGuiApplication.clipboard().text() == as_text(text), view.accessibleName()
        assert view.contextMenuPolicy() in (Qt.ContextMenuPolicy.ActionsContextMenu, Qt.ContextMenuPolicy.CustomContextMenu)
    dialog.deleteLater()
