"""Tools → Files in the central store: its versions, folders and files, to look at; one file to this computer, or its address."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QModelIndex, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QCloseEvent, QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QAbstractItemView, QLineEdit, QMenu, QTableView, QWidget

from chorus_gui.app.browse import address
from chorus_gui.app.workspace import Workspace
from chorus_gui.core.model import Grade
from chorus_gui.ui import intents, words
from chorus_gui.ui.jobs import Reader
from chorus_gui.ui.models.store import NAME, Entry, StoreModel
from chorus_gui.ui.saving_intents import DownloadFile
from chorus_gui.ui.shown import plain_text
from chorus_gui.ui.state import JobEnd, JobKind, JobProgress, SessionState
from chorus_gui.ui.theme import SPACE
from chorus_gui.ui.widgets.basics import button, column, label, row, set_grade
from chorus_gui.ui.widgets.chrome import measured, share_of
from chorus_gui.ui.widgets.column_widths import widths_of
from chorus_gui.ui.widgets.copying import copier_of
from chorus_gui.ui.widgets.dialogs import Dialog
from chorus_gui.ui.widgets.files import ask_save
from chorus_gui.ui.widgets.tables import dress, set_widths

LOOK_MS = 200
LEAD = "Nothing in the central store can be changed here."


class StoreView(QTableView):
    """Enter opens a folder, Backspace goes to the folder above.  ``opened``: Enter, or a double click; ``up``: Backspace."""

    opened = Signal(QModelIndex)
    up = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter and Backspace."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self.opened.emit(self.currentIndex())
        elif event.key() == Qt.Key.Key_Backspace:
            self.up.emit()
        else:
            super().keyPressEvent(event)


class StoreDialog(Dialog):
    """``intent``: a download, or its cancellation.  :meth:`render`, :meth:`progress` and :meth:`ended` are called by the window."""

    intent = Signal(object)

    def __init__(self, parent: QWidget | None, reader: Reader, workspace: Workspace, state: SessionState, folder: str = "") -> None:
        super().__init__(parent, "Files in the central store")
        self._config, self._job = workspace.config, 0
        self.model = StoreModel(reader, self)
        self.model.use(workspace, frozenset(state.journal.versions if state.journal else ()))
        self.setMinimumSize(640, 380)
        self.resize(980, 600)
        self.folder = QLineEdit()
        self.folder.setAccessibleName("Folder")
        self.folder.setToolTip("The folder that is shown; write another one, and press Enter (Ctrl+L)")
        self.folder.setPlaceholderText("All versions")
        self.above = button("&Up", "Show the folder above (Backspace)", icon="undo")
        self.search = QLineEdit()
        self.search.setAccessibleName("Search below this folder")
        self.search.setPlaceholderText("Search below this folder")
        self.search.setToolTip("Parts of the path, separated by spaces; press Enter to search (Ctrl+F)")
        self.search_button = button("&Search", "Find files below this folder whose path has these words", icon="search")
        self.stop = button("S&top", "End the search or the download", icon="cancel")
        self.view = dress(StoreView(), self.model, "Files in the central store", stretch=NAME)
        self.view.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.view.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        set_widths(self.view, {0: "20260101000000", 1: "File, archived", 2: "888.8 MB", 3: "30/12/2026 23:59:59", 4: "0" * 32})
        self.said = label("", "muted", wrap=True)
        self.said.setAccessibleName("What is shown")
        self.download = button("&Download…", "Copy the selected file to this computer; its MD5 is compared", icon="download")
        self.copy = button("&Copy address", "Copy the address of the selected line, without any credential", icon="copy")
        self.close_button = button("Close", "Close this window (Esc)")
        for one in (self.above, self.search_button, self.stop, self.download, self.copy, self.close_button):
            one.setAutoDefault(False)
        self._lay_out(workspace)
        self._actions()
        self._connect()
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_MS)
        self._timer.timeout.connect(self.model.look)
        self.show_folder(folder)
        self.render(state)
        self.view.setFocus()

    def _lay_out(self, workspace: Workspace) -> None:
        place = workspace.config.central
        where = row(self.above, self.folder, self.search, self.search_button, self.stop, space=SPACE)
        where.setStretch(1, 3)
        where.setStretch(2, 2)
        text = f"{address(workspace.config, '').rstrip('/') or place.text}. {LEAD}"
        whole = column(
            label(text, "muted", wrap=True, selectable=True),
            where,
            self.view,
            self.said,
            row(self.download, self.copy, None, self.close_button),
            space=2 * SPACE,
            margins=(3 * SPACE, 2 * SPACE, 3 * SPACE, 2 * SPACE),
        )
        whole.setStretch(2, 1)
        self.setLayout(whole)

    def _actions(self) -> None:
        self.menu = QMenu(self)
        self.menu.setToolTipsVisible(True)
        for text, act, tip, keys in (
            ("&Open", self._open, "Show what is in the folder", None),
            ("&Download…", self._download, "Copy the file to this computer", QKeySequence("Ctrl+S")),
            ("&Copy address", self._copy, "Copy the address, without any credential", QKeySequence(QKeySequence.StandardKey.Copy)),
            (
                "&Write a folder",
                lambda: (self.folder.setFocus(), self.folder.selectAll()),
                "Write the folder to show",
                QKeySequence("Ctrl+L"),
            ),
            ("&Search", self.search.setFocus, "Search below this folder", QKeySequence(QKeySequence.StandardKey.Find)),
            ("&Refresh", self._again, "Read the folder again", QKeySequence(QKeySequence.StandardKey.Refresh)),
        ):
            action = QAction(text, self)
            action.setToolTip(plain_text(tip))
            if keys is not None:
                action.setShortcut(keys)
            action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            action.triggered.connect(lambda _=False, act=act: act())
            self.menu.addAction(action)
            self.addAction(action)
        self.menu.addActions([copier_of(self.view).cell, widths_of(self.view).menu.menuAction()])

    def _connect(self) -> None:
        self.view.opened.connect(lambda _: self._open())
        self.view.doubleClicked.connect(lambda _: self._open())
        self.view.up.connect(self._up)
        self.view.customContextMenuRequested.connect(lambda at: self.menu.popup(self.view.viewport().mapToGlobal(at)))
        self.view.selectionModel().currentRowChanged.connect(lambda *_: self._enable())
        self.folder.returnPressed.connect(lambda: self.show_folder(self.folder.text().strip()))
        self.search.returnPressed.connect(self._search)
        self.search_button.clicked.connect(self._search)
        self.above.clicked.connect(self._up)
        self.stop.clicked.connect(self._stop)
        self.download.clicked.connect(self._download)
        self.copy.clicked.connect(self._copy)
        self.close_button.clicked.connect(self.accept)
        self.model.said.connect(self._say)
        self.model.failed.connect(lambda text: self._say(text, Grade.BAD))
        self.model.ready.connect(self._ready)

    # --- what is shown ----------------------------------------------------------------------------------------------

    def show_folder(self, folder: str) -> None:
        """Show a folder of the store."""
        folder = f"{folder.strip('/')}/" if folder.strip("/") else ""
        self.folder.setText(folder)
        self.search.clear()
        self.model.show_folder(folder)
        self._enable()

    def render(self, state: SessionState) -> None:
        """Another configuration is another store: close."""
        if state.config is not self._config:
            self.reject()
            return
        job = next((job for job in state.jobs if job.kind is JobKind.DOWNLOAD), None)
        self._job = job.id if job is not None else 0
        self._enable()

    def progress(self, progress: JobProgress) -> None:
        """How far the download is."""
        if progress.job.id == self._job:
            share = share_of(measured(progress).count)
            self._say("Downloading…" if share is None else f"Downloading: {share:.0%}")

    def ended(self, end: JobEnd) -> None:
        """How the download ended."""
        if end.kind is JobKind.DOWNLOAD:
            self._job = 0
            self._say(" ".join(part for part in (end.text, end.remedy) if part), end.grade)
            self._enable()

    def entry(self) -> Entry | None:
        """The current line."""
        return self.model.entry(self.view.currentIndex().row())

    def _ready(self) -> None:
        if not self.view.currentIndex().isValid() and self.model.rowCount():
            self.view.setCurrentIndex(self.model.index(0, NAME))
        self._enable()

    def _say(self, text: str, grade: Grade | None = None) -> None:
        self.said.setText(text)
        set_grade(self.said, grade if grade in (Grade.BAD, Grade.GOOD) else None)

    def _enable(self) -> None:
        entry = self.entry()
        self.above.setEnabled(bool(self.model.folder) or self.model.search is not None)
        self.download.setEnabled(entry is not None and not entry.folder and not self._job)
        self.copy.setEnabled(entry is not None)
        self.stop.setEnabled(self.model.busy or bool(self._job))
        if self.model.busy != self._timer.isActive():
            (self._timer.start if self.model.busy else self._timer.stop)()

    # --- what a person does -----------------------------------------------------------------------------------------

    def _open(self) -> None:
        entry = self.entry()
        if entry is not None and entry.folder:
            self.show_folder(entry.path)
        elif entry is not None:
            self._download()

    def _up(self) -> None:
        folder = self.model.folder
        self.show_folder(folder if self.model.search is not None else folder.rstrip("/").rpartition("/")[0])

    def _again(self) -> None:
        self.show_folder(self.model.folder)

    def _search(self) -> None:
        if text := self.search.text().strip():
            self.model.show_search(self.model.folder, text)
            self._enable()

    def _stop(self) -> None:
        if self._job:
            self.intent.emit(intents.CancelJob(self._job))
        self.model.stop()
        self._enable()

    def _copy(self) -> None:
        if (entry := self.entry()) is not None:
            QGuiApplication.clipboard().setText(address(self._config, entry.path))
            self._say("The address is copied. It has no credential: who opens it needs access of their own.")

    def _download(self) -> None:
        entry = self.entry()
        if entry is None or entry.blob is None or self._job:
            return
        name = entry.path.rpartition("/")[2]
        title = f"Download {name} ({words.size(entry.blob.size)})"
        file: Path | None = ask_save(self, title, name, "All files (*)")[0]
        if file is not None:
            self.intent.emit(DownloadFile(entry.path, file))

    def closeEvent(self, event: QCloseEvent) -> None:
        """Nobody waits for an answer any longer."""
        self.model.stop()
        super().closeEvent(event)

    def done(self, result: int) -> None:
        """As :meth:`closeEvent`, for Esc and Close."""
        self._timer.stop()
        self.model.stop()
        super().done(result)
