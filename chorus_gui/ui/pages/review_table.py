"""The table of the Review page, what filters it, and what can be done with what is selected."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QItemSelectionModel, QSignalBlocker, Qt, QTimer, Signal, SignalInstance
from PySide6.QtGui import QAction, QGuiApplication, QKeySequence, QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QComboBox, QLineEdit, QMenu, QSizePolicy, QSplitter, QWidget

from chorus_gui.core.model import Change
from chorus_gui.core.review.values import Query
from chorus_gui.ui import words
from chorus_gui.ui.models.changes import ChangesModel
from chorus_gui.ui.models.columns import COLUMNS
from chorus_gui.ui.models.tree import TreeModel, title
from chorus_gui.ui.pages import Services
from chorus_gui.ui.pages.review_details import DetailsPane
from chorus_gui.ui.pages.review_parts import UndoLine
from chorus_gui.ui.pages.review_tree import TreeView, about
from chorus_gui.ui.pages.review_view import action_of, remember, selected_rows, table_of
from chorus_gui.ui.shown import button_text
from chorus_gui.ui.state import UndoList
from chorus_gui.ui.theme import SPACE
from chorus_gui.ui.widgets.basics import EmptyState, button, column, label, row
from chorus_gui.ui.widgets.scrolling import Stack
from chorus_gui.ui.widgets.tables import own_actions

DEBOUNCE_MS = 250
LONGEST_COUNT = "1,000,000 changes"
DETAILS_FROM = 1000
"""From this width on, the details fit next to the change, path, size and time of a file, and next to the tree."""
UNDO_WIDTH = 260
"""The text next to Undo has at least this much space, also before there is one: the table must not move; pixels."""


class ChangesArea(QWidget):
    """Search, table, details.  It asks for nothing itself: ``hold``, ``release`` … say what the person does with the selection."""

    hold = Signal()
    hold_node = Signal(object)
    """all of this :class:`~chorus_gui.core.review.values.TreeNode`"""
    release_node = Signal(object)
    show_node = Signal(object)
    """the files below this node, as a list"""
    mark_deleted = Signal()
    hold_patient = Signal(str)
    release = Signal()
    export = Signal()
    export_holds = Signal()
    import_holds = Signal()
    open_file = Signal()
    show_all = Signal()
    filtered = Signal()

    def __init__(self, services: Services) -> None:
        super().__init__()
        self._settings = services.settings
        self._busy = self._held = False
        self.model = ChangesModel(services.reader, services.pager, self)
        self.details = DetailsPane(services.reader)
        self.view = table_of(self.model)
        self.tree_model = TreeModel(services.reader, self)
        self.tree = TreeView(self.tree_model)
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search in paths")
        self.search.setClearButtonEnabled(True)
        self.search.setAccessibleName("Search in paths")
        self.search.setToolTip("Show only changes whose path contains this text (Ctrl+F)")
        self.search.setMinimumWidth(120)
        self.search.setMaximumWidth(260)
        self.modality = QComboBox()
        self.modality.setAccessibleName("Modality")
        self.modality.setToolTip("Show only the changes of one modality")
        self.by_patient = button("By &patient", "Group the changes by patient", icon="people")
        self.by_patient.setCheckable(True)
        self.folders = button(
            "Fo&lders", "Show patients and folders with their sums, to hold them back or release them as a whole", icon="folder"
        )
        self.folders.setCheckable(True)
        self.shown = label("", "muted")
        self.shown.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)  # it keeps no window wide
        self.hold_button = button("Hold &back…", "Leave the selected changes out of this and later submissions (Ctrl+H)", icon="hold")
        self.release_button = button("&Release", "No longer hold back the selected changes (Ctrl+Shift+H)", icon="undo")
        self.more = button("M&ore", "Export the changes; export or import the held-back list")
        self.undo = UndoLine()
        self._actions()
        self.nothing = EmptyState(
            "search",
            "No change matches the filter",
            "Clear the filters to see all changes of the scan.",
            "Clear filters",
        )
        self.stack = Stack()
        self.stack.addWidget(self.view)
        self.stack.addWidget(self.nothing)
        self.stack.addWidget(self.tree)
        self.splitter = QSplitter(Qt.Orientation.Horizontal)
        self.splitter.addWidget(self.stack)
        self.splitter.addWidget(self.details)
        self.splitter.setStretchFactor(0, 1)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.setHandleWidth(1)
        self.splitter.setMinimumWidth(200)  # the details give way before the window does
        self.splitter.setSizes([800, 260])
        self._filters = row(self.search, self.modality, self.by_patient, self.folders, self.shown)
        self._filters.setStretch(0, 2)
        self._filters.setStretch(4, 3)
        self._buttons = row(self.undo, None, self.hold_button, self.release_button, self.more)
        self._buttons.setStretch(0, 20)
        self._tools = row(self._filters, self._buttons)
        self._tools.setStretch(0, 1)
        layout = column(self._tools, self.splitter, space=SPACE)
        layout.setStretch(1, 1)
        self.setLayout(layout)
        self.setMinimumWidth(300)  # the buttons take another line rather than keep the window wide, also while this is hidden
        self._restore()
        self._connect()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """In a narrow window the table has all the space, and the buttons have a line of their own."""
        super().resizeEvent(event)
        self._arrange()

    def _arrange(self) -> None:
        self.details.setVisible(self.width() >= DETAILS_FROM)
        needed = self._filters.minimumSize().width() + self._buttons.minimumSize().width() + 2 * SPACE
        needed += self.fontMetrics().horizontalAdvance(LONGEST_COUNT) + UNDO_WIDTH
        direction = QBoxLayout.Direction.TopToBottom if self.width() < needed else QBoxLayout.Direction.LeftToRight
        if self._tools.direction() is not direction:
            self._tools.setDirection(direction)

    def show_undo(self, undo: UndoList, *, busy: bool) -> None:
        """What can be undone."""
        self.undo.show_undo(undo, busy=busy)

    def _connect(self) -> None:
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(DEBOUNCE_MS)
        self._soon.timeout.connect(self.filtered)
        self.search.textChanged.connect(lambda _: self._soon.start())
        self.search.returnPressed.connect(self._search_now)
        self.modality.currentIndexChanged.connect(lambda _: self.filtered.emit())
        self.by_patient.toggled.connect(self._group)
        self.folders.toggled.connect(self._as_tree)
        self.tree.box.connect(lambda node: (self.hold_node if node.holdable else self.release_node).emit(node))
        self.tree.show_files.connect(self.show_node)
        self.tree.chosen.connect(self._seen)
        self.tree.customContextMenuRequested.connect(lambda place: self.tree_menu.popup(self.tree.viewport().mapToGlobal(place)))
        self.tree_model.asked.connect(lambda: self.shown.setText("Loading…"))
        self.tree_model.answered.connect(self._tree_answered)
        self.view.horizontalHeader().sectionClicked.connect(self._sort)
        self.view.selectionModel().selectionChanged.connect(lambda *_: self._select())
        self.view.selectionModel().currentRowChanged.connect(lambda *_: self._show_details())
        self.view.customContextMenuRequested.connect(self._menu)
        self.view.opened.connect(self.open_file)
        self.model.dataChanged.connect(lambda *_: self._seen())
        self.model.asked.connect(lambda: self.shown.setText("Loading…"))
        self.model.modelAboutToBeReset.connect(self._remember)
        self.model.answered.connect(self._answered)
        self.nothing.acted.connect(self.show_all)
        self.hold_button.clicked.connect(self._hold)
        self.release_button.clicked.connect(self._release)
        self.details.open_file.connect(self.open_file)
        self.details.copy_path.connect(self.copy)
        self.details.mark_deleted.connect(self.mark_deleted)

    def _actions(self) -> None:
        self.menu = QMenu(self)
        self.menu.setToolTipsVisible(True)
        self.hold_action = self._action("&Hold back…", self._hold, "Leave the selected changes out of this and later submissions", "Ctrl+H")
        self.patient_action = self._action(
            "Hold back the &patient…", self._hold_patient, "Leave out all files of this patient, now and later"
        )
        self.mark_action = self._action(
            "&Mark as deleted…", self.mark_deleted.emit, "Mark files as deleted in the journal that are no longer on the site"
        )
        self.release_action = self._action("&Release", self._release, "No longer hold back the selected changes", "Ctrl+Shift+H")
        self.menu.addSeparator()
        self.open_action = self._action("Show in &folder", self.open_file.emit, "Show the file in its folder", "Ctrl+E")
        self.copy_action = self._action("&Copy path", self.copy, "Copy the paths to the clipboard", "Ctrl+Shift+C")
        self.menu.addActions(own_actions(self.view))
        self.menu.addSeparator()
        self._action("Select &all", self.view.selectAll, "Select every change in the table", QKeySequence.StandardKey.SelectAll)
        self.open_all = self._action("&Open all patients", lambda: self.model.open_all(opened=True), "Show the changes of every patient")
        self.close_all = self._action("Cl&ose all patients", lambda: self.model.open_all(opened=False), "Hide the changes of every patient")
        self.tree_menu = QMenu(self)
        self.tree_menu.setToolTipsVisible(True)
        self.tree_menu.addActions([self.hold_action, self.release_action, *own_actions(self.tree)])
        self.tree.addActions([self.hold_action, self.release_action])
        files = self.tree_menu.addAction("Show the &files")
        files.setToolTip("Show the changed files below this patient or folder as a list (Enter)")
        files.triggered.connect(lambda: self.show_node.emit(node) if (node := self.tree.current()) is not None else None)
        more = QMenu(self)
        more.setToolTipsVisible(True)
        self._action("Export as &CSV…", self.export.emit, "Save the changes in the table for a spreadsheet", "Ctrl+Shift+S", more)
        more.addSeparator()
        self._action(
            "&Export the held-back list…", self.export_holds.emit, "Save the list of what is held back, for a colleague", menu=more
        )
        self._action("&Import a held-back list…", self.import_holds.emit, "Hold back what is in a colleague's list, too", menu=more)
        self.more.setMenu(more)
        self.find_action = QAction(self)
        self.find_action.setShortcut(QKeySequence(QKeySequence.StandardKey.Find))
        self.find_action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        self.find_action.triggered.connect(lambda: (self.search.setFocus(), self.search.selectAll()))
        self.addAction(self.find_action)

    def _action(
        self,
        text: str,
        act: Callable[[], object],
        tip: str,
        keys: str | QKeySequence.StandardKey | None = None,
        menu: QMenu | None = None,
    ) -> QAction:
        made = action_of(self, text, act, tip, keys)
        (menu or self.menu).addAction(made)
        (self if menu else self.view).addAction(made)
        return made

    # --- what is shown ----------------------------------------------------------------------------------------------

    def show_modalities(self, names: tuple[str, ...]) -> None:
        """The modalities to choose from."""
        wanted = ("All modalities", *names)
        if tuple(self.modality.itemText(n) for n in range(self.modality.count())) != wanted:
            with QSignalBlocker(self.modality):
                self.modality.clear()
                self.modality.addItems(wanted)

    def show_review(self, review: tuple[Path, int] | None) -> None:
        """Show the review at this path and revision; None: none."""
        self.tree_model.show_review(review)
        self.model.show_review(review)

    def ask(self, query: Query) -> None:
        """Show what a query finds, with the filters of this area."""
        found = self.filter(query)
        self.tree_model.ask(found)
        self.model.ask(found)

    def filter(self, query: Query) -> Query:
        """The same query, with the filters of this area."""
        chosen = (self.modality.currentText(),) if self.modality.currentIndex() > 0 else ()
        before = self.model.query
        return replace(
            query,
            search=self.search.text().strip(),
            modalities=chosen,
            order=before.order,
            descending=before.descending,
            by_patient=self.by_patient.isChecked(),
        )

    def clear_filters(self) -> None:
        """Everything, of every modality."""
        with QSignalBlocker(self.search), QSignalBlocker(self.modality):
            self.search.clear()
            self.modality.setCurrentIndex(0)

    def _search_now(self) -> None:
        self._soon.stop()
        self.filtered.emit()

    def _group(self, on: bool) -> None:
        self._settings.put("review/by_patient", "1" if on else "")
        swapped = {"kind": "id"} if on else {"id": "kind"}
        order = swapped.get(self.model.query.order, self.model.query.order)
        self._show_order(order, self.model.query.descending)
        self.model.ask(replace(self.model.query, by_patient=on, order=order))

    @property
    def as_tree(self) -> bool:
        """The tree is shown, not the list."""
        return self.folders.isChecked()

    def _as_tree(self, on: bool) -> None:
        self._settings.put("review/folders", "1" if on else "")
        self._arrange()
        self.by_patient.setEnabled(not on)
        self.stack.setCurrentWidget(self.tree if on else self.view if self.model.count else self.nothing)
        self.tree_model.wake(awake=on)
        if on:
            self.tree.setFocus()
        self._seen()

    def _tree_answered(self, count: int) -> None:
        if self.as_tree:
            self.stack.setCurrentWidget(self.tree if count else self.nothing)
        self._seen()

    def _hold(self) -> None:
        self._act(self.hold, self.hold_node)

    def _release(self) -> None:
        self._act(self.release, self.release_node)

    def _act(self, of_list: SignalInstance, of_node: SignalInstance) -> None:
        if not self.as_tree:
            of_list.emit()
        elif (node := self.tree.current()) is not None:
            of_node.emit(node)

    def _sort(self, column_number: int) -> None:
        query = self.model.query
        if order := COLUMNS[column_number].order:
            descending = not query.descending if order == query.order else False
            self._sort_by(column_number, descending)
        else:
            self._show_order(query.order, query.descending)

    def _sort_by(self, column_number: int, descending: bool) -> None:
        if order := COLUMNS[column_number].order:
            self._show_order(order, descending)
            self.model.ask(replace(self.model.query, order=order, descending=descending))

    def _show_order(self, order: str, descending: bool) -> None:
        place = next((number for number, column in enumerate(COLUMNS) if column.order == order), -1)
        side = Qt.SortOrder.DescendingOrder if descending else Qt.SortOrder.AscendingOrder
        self.view.horizontalHeader().setSortIndicator(place, side)

    def _remember(self) -> None:
        """Before the rows change: the place in the table."""
        self._place = (self.model.query, self.view.verticalScrollBar().value(), self.view.currentIndex().row())

    def _answered(self, count: int) -> None:
        if not self.as_tree:
            self.stack.setCurrentWidget(self.view if count else self.nothing)
        self.shown.setText(words.count_of(self.model.changes, "change"))
        query, scrolled_to, current = self._place
        if query == self._last_query and 0 <= current < self.model.rowCount():  # the same query again: stay there
            self.view.selectionModel().setCurrentIndex(self.model.index(current, 0), QItemSelectionModel.SelectionFlag.NoUpdate)
            self.view.verticalScrollBar().setValue(scrolled_to)
        elif count:
            self.view.scrollToTop()
        self._last_query = self.model.query
        self._show_details()
        self._select()

    _place: tuple[Query | None, int, int] = (None, 0, -1)
    _last_query: Query | None = None

    # --- the selection ----------------------------------------------------------------------------------------------

    def selected(self) -> array[int]:
        """The ids of the selected changes; a patient's heading means all of its changes."""
        return self.model.ids(selected_rows(self.view))

    def selected_patients(self) -> set[str | None]:
        """The patients whose headings are selected, if the list leaves out nothing of them that is held back."""
        return self.model.headings(selected_rows(self.view)) if self.model.query.shows_all_held else set()

    def current(self) -> Change | None:
        """The change that the details show."""
        index = self.view.currentIndex()
        return self.model.change(index.row()) if index.isValid() else None

    def current_patient(self) -> str | None:
        """The patient of the current row, be it a heading or a change."""
        heading = self.model.patient(self.view.currentIndex().row())
        change = self.current()
        return heading[0] if heading else (change.patient_id or (change.old.patient_id if change.old else None)) if change else None

    def copy(self) -> None:
        """The paths of the selected changes that are at hand, or the current one's, to the clipboard."""
        rows = [n for top, bottom in selected_rows(self.view) for n in range(top, min(bottom, top + 999) + 1)]
        if paths := [change.path for n in rows[:1000] if (change := self.model.change(n)) is not None]:
            QGuiApplication.clipboard().setText("\n".join(paths))

    def set_review(self, *, busy: bool, held: bool) -> None:
        """While a job works on the review, nothing is held back or released; if nothing is ``held``, nothing can be released."""
        if (busy, held) != (self._busy, self._held):
            self._busy, self._held = busy, held
            self._select()

    def _select(self) -> None:
        if self.as_tree:
            self._select_node()
            return
        count = len(self.selected())
        lines = words.count_of(self.model.count, "line")
        self.shown.setText(f"{words.number(count)} of {lines} selected" if count > 1 else words.count_of(self.model.changes, "change"))
        found = self.view.selectionModel().selection().toList()
        hold, release = (False, False) if self._busy else self.model.can_hold_and_release((part.top(), part.bottom()) for part in found)
        for part in (self.hold_action, self.hold_button):
            part.setEnabled(count > 0 and not self._busy and hold)
        for part in (self.release_action, self.release_button):
            part.setEnabled(count > 0 and self._held and not self._busy and release)
        self._enable()

    def _select_node(self) -> None:
        node = self.tree.current()
        self.shown.setText(words.count_of(self.model.changes, "change"))
        for part in (self.hold_action, self.hold_button):
            part.setEnabled(node is not None and node.holdable > 0 and not self._busy)
        for part in (self.release_action, self.release_button):
            part.setEnabled(node is not None and node.held > 0 and not self._busy)

    def _seen(self) -> None:
        """Rows that were being fetched are here."""
        self._show_details()
        self._select()

    def _enable(self) -> None:
        change, patient = self.current(), self.current_patient()
        self.patient_action.setText(f"Hold back &patient {button_text(patient)}…" if patient else "Hold back the &patient…")
        self.patient_action.setEnabled(patient is not None and not self._busy)
        self.mark_action.setEnabled(change is not None and change.gone and not self._busy)
        self.details.mark.setEnabled(not self._busy)
        self.open_action.setEnabled(change is not None and self.details.show_file.isEnabled())
        self.copy_action.setEnabled(self.view.selectionModel().hasSelection())
        for action in (self.open_all, self.close_all):
            action.setVisible(self.model.query.by_patient)

    def _show_details(self) -> None:
        if self.as_tree:
            node = self.tree.current()
            self.details.show_node(title(node) if node else "", about(node) if node else "Select a patient or folder to see its sums here.")
            return
        heading, change = self.model.patient(self.view.currentIndex().row()), self.current()
        if heading is not None:
            self.details.show_patient(*heading)
        elif change is not None:
            self.details.show_change(change)
        elif not self.view.currentIndex().isValid():
            self.details.clear()
        self._enable()

    def _hold_patient(self) -> None:
        if patient := self.current_patient():
            self.hold_patient.emit(patient)

    def _menu(self, position: object) -> None:
        self._enable()
        self.menu.popup(self.view.viewport().mapToGlobal(position))  # type: ignore[call-overload]

    # --- remembered -------------------------------------------------------------------------------------------------

    def _restore(self) -> None:
        settings = self._settings
        remember(self.view, self.splitter, settings, self._sort_by)
        if settings.text("review/by_patient"):
            self.by_patient.setChecked(True)
        self.folders.setChecked(bool(settings.text("review/folders")))
