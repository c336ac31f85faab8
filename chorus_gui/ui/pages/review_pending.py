"""The list of pending files on the Review page: it shows them, and changes nothing."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QAction, QGuiApplication, QKeySequence
from PySide6.QtWidgets import QAbstractItemView, QLineEdit, QSizePolicy, QWidget

from chorus_gui.ui import words
from chorus_gui.ui.models.pending import MODALITY, PATH, SIZE, VERSION, WHY, PendingModel
from chorus_gui.ui.pages import Services
from chorus_gui.ui.shown import plain_text
from chorus_gui.ui.theme import SPACE
from chorus_gui.ui.widgets.basics import EmptyState, button, column, label, row
from chorus_gui.ui.widgets.scrolling import Stack
from chorus_gui.ui.widgets.tables import set_widths, sortable, table

DEBOUNCE_MS = 250
COPIED = 1000
"""At most so many paths go to the clipboard."""


class PendingArea(QWidget):
    """Search and table.  ``back``: show the changes again."""

    back = Signal()

    def __init__(self, services: Services) -> None:
        super().__init__()
        self.model = PendingModel(services.reader, services.pager, self)
        self.view = table(self.model, "Pending files", stretch=PATH)
        self.view.setAccessibleDescription("Every pending file that an approval can upload, too.")
        self.view.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.view.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        sortable(self.view, PATH)
        samples = {
            PATH: "1000123/Images/study_0001/file_001",
            MODALITY: "Waveforms",
            VERSION: "20260101000000",
            SIZE: "888.8 MB",
            WHY: "Recorded 12/31/26 23:59, not uploaded yet",
        }
        set_widths(self.view, samples)
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search in paths")
        self.search.setClearButtonEnabled(True)
        self.search.setAccessibleName("Search in the paths of pending files")
        self.search.setToolTip("Show only pending files whose path contains this text")
        self.search.setMinimumWidth(120)
        self.search.setMaximumWidth(260)
        self.shown = label("", "muted")
        self.shown.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.changes = button("Sho&w changes", "Show the changes of the scan again")
        self.nothing = EmptyState(
            "search", "No pending file matches the filter", "Clear the search to see all pending files.", "Clear search"
        )
        self.stack = Stack()
        self.stack.addWidget(self.view)
        self.stack.addWidget(self.nothing)
        tools = row(self.search, self.shown, self.changes)
        tools.setStretch(0, 2)
        tools.setStretch(1, 3)
        layout = column(tools, self.stack, space=SPACE)
        layout.setStretch(1, 1)
        self.setLayout(layout)
        self._connect()

    def _connect(self) -> None:
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(DEBOUNCE_MS)
        self._soon.timeout.connect(lambda: self.model.search(self.search.text().strip()))
        self.search.textChanged.connect(lambda _: self._soon.start())
        self.model.answered.connect(self._answered)
        self.nothing.acted.connect(self.search.clear)
        self.changes.clicked.connect(self.back)
        copying = QAction("&Copy path", self.view)
        copying.setToolTip(plain_text("Copy the paths to the clipboard"))
        copying.setShortcut(QKeySequence("Ctrl+Shift+C"))
        copying.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        copying.triggered.connect(self.copy)
        self.view.addAction(copying)
        self.view.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)

    def copy(self) -> None:
        """The paths of the selected files that are at hand, to the clipboard."""
        rows = sorted(found.row() for found in self.view.selectionModel().selectedRows())[:COPIED]
        paths = [file.path for number in rows if (file := self.model.line(number)) is not None]
        if paths:
            QGuiApplication.clipboard().setText("\n".join(paths))

    def _answered(self, count: int) -> None:
        self.stack.setCurrentWidget(self.view if count or not self.search.text() else self.nothing)
        self.shown.setText(words.count_of(count, "pending file"))
        self.view.scrollToTop()
