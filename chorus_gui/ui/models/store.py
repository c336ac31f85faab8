"""What is in a folder of the central store, or what a search found there: read a part at a time, while a person scrolls."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QIcon

from chorus_gui.app import browse
from chorus_gui.app.browse import BlobInfo, LevelPage, Search
from chorus_gui.app.workspace import Workspace
from chorus_gui.core.job import JobContext, Outcome, OutcomeKind
from chorus_gui.ui import theme, words
from chorus_gui.ui.jobs import Reader
from chorus_gui.ui.shown import shown_data
from chorus_gui.ui.widgets import icons

COLUMNS = ("Name", "Kind", "Size", "Modified", "MD5")
NAME, KIND, SIZE, MODIFIED, MD5 = range(len(COLUMNS))
MOST_ROWS = 50_000
"""Names of one folder that are shown; a search finds the others."""
_STAMP = re.compile("[0-9]{14}")
Index = QModelIndex | QPersistentModelIndex
Ask = Callable[[Callable[[JobContext], Any], Callable[[Outcome[Any]], None]], None]


@dataclass(frozen=True, slots=True)
class Entry:
    """A line: a folder (``blob`` None, "/" at the end of its ``path``) or a file.  ``name`` is what is shown."""

    path: str
    name: str
    blob: BlobInfo | None = None

    @property
    def folder(self) -> bool:
        """It can be opened."""
        return self.blob is None


class StoreModel(QAbstractTableModel):
    """The lines of one folder, or of a search.

    ``said``: how far it is, as a sentence.  ``failed``: the error of a question, as a sentence with its remedy.  ``ready``: a part is here.
    """

    said = Signal(str)
    failed = Signal(str)
    ready = Signal()

    def __init__(self, reader: Reader, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._reader = reader
        self._workspace: Workspace | None = None
        self._versions: Collection[str] = ()
        self._rows: list[Entry] = []
        self._folder = ""
        self._marker: str | None = None
        self._asking = False
        self.search: Search | None = None

    @property
    def folder(self) -> str:
        """The folder that is shown, or that is searched: "" or with "/" at its end."""
        return self._folder

    @property
    def busy(self) -> bool:
        """A question was asked, and not answered yet."""
        return self._asking

    def use(self, workspace: Workspace, versions: Collection[str]) -> None:
        """Of this store.  ``versions``: the journal's."""
        self._workspace, self._versions = workspace, versions

    def show_folder(self, folder: str) -> None:
        """Show what is directly in a folder."""
        self.search = None
        self._begin(folder)
        self._ask_part("")

    def show_search(self, folder: str, text: str) -> None:
        """Show which files below a folder have these words in their path."""
        self._begin(folder)
        if self._workspace is None:
            return
        self.search = search = Search(folder, text)
        self._asking = True
        self._reader.ask(self, partial(search.run, self._workspace), partial(self._searched, search), channel="store")
        self.said.emit("Searching…")

    def stop(self) -> None:
        """End the question.  What a search found until then is shown."""
        self._reader.forget(self)
        if self._asking:
            self._asking = False
            if self.search is not None:
                self._show_found(self.search, "Stopped after")
            else:
                self.said.emit("Stopped. To read the folder again, open it again.")
            self.ready.emit()

    def look(self) -> None:
        """While a search runs: show how far it is."""
        if self.search is not None and self._asking:
            self.said.emit(f"Searching: {words.count_of(self.search.looked, 'file')} read, {words.number(len(self.search.found))} found…")

    def entry(self, row: int) -> Entry | None:
        """The line of a row."""
        return self._rows[row] if 0 <= row < len(self._rows) else None

    # --- asking -----------------------------------------------------------------------------------------------------

    def _begin(self, folder: str) -> None:
        self._reader.forget(self)
        self.beginResetModel()
        self._folder, self._rows, self._marker, self._asking, self.search = folder, [], None, False, None
        self.endResetModel()

    def _ask_part(self, marker: str) -> None:
        if self._workspace is None:
            return
        self._asking = True
        step = partial(_level, self._workspace, self._folder, marker)
        self._reader.ask(self, step, self._answered, channel="store")
        self.said.emit(f"{self._counted()} shown, reading more…" if self._rows else "Reading the folder…")

    def _answered(self, outcome: Outcome[Any]) -> None:
        self._asking = False
        found: LevelPage | None = outcome.value
        if outcome.kind is not OutcomeKind.DONE or found is None:
            self._show_outcome(outcome)
            return
        new = [Entry(f"{self._folder}{name}/", name) for name in found.folders]
        new += [Entry(blob.path, blob.path.rpartition("/")[2], blob) for blob in found.blobs]
        self._marker = found.marker or None
        self._append(new)
        if len(self._rows) >= MOST_ROWS:
            self.said.emit(f"The first {self._counted()}. Search to find others.")
        else:
            more = ". Scroll down to read more." if self._marker else ""
            self.said.emit(f"{self._counted()}{more}" if self._rows else "Nothing is here.")
        self.ready.emit()

    def _counted(self) -> str:
        """“2 folders, 14 files”"""
        files = sum(not row.folder for row in self._rows)
        counts = ((len(self._rows) - files, "folder"), (files, "file"))
        return ", ".join(words.count_of(count, what) for count, what in counts if count)

    def _searched(self, search: Search, outcome: Outcome[Any]) -> None:
        self._asking = False
        if outcome.kind is OutcomeKind.DONE:
            self._show_found(search, "Found")
            self.ready.emit()
        else:
            self._show_outcome(outcome)

    def _show_found(self, search: Search, how: str) -> None:
        cut = len(search.folder)
        self._append([Entry(blob.path, blob.path[cut:], blob) for blob in search.found])
        count = words.count_of(len(search.found), "file")
        read = f"{words.count_of(search.looked, 'file')} read"
        text = f"{read}: {count} found." if how == "Found" else f"{how} {words.count_of(search.looked, 'file')}: {count} found."
        self.said.emit(f"{text} There are more: write more of the path." if search.more else text)

    def _append(self, new: list[Entry]) -> None:
        if new:
            self.beginInsertRows(QModelIndex(), len(self._rows), len(self._rows) + len(new) - 1)
            self._rows += new
            self.endInsertRows()

    def _show_outcome(self, outcome: Outcome[Any]) -> None:
        if outcome.kind is OutcomeKind.FAILED and outcome.error is not None:
            self.failed.emit(" ".join(part for part in (outcome.error.summary, outcome.error.remedy) if part))
        elif outcome.kind is OutcomeKind.CRASHED:
            self.failed.emit("The central store could not be read, because of an error in the program. The log has the details.")
        self.ready.emit()

    # --- the model --------------------------------------------------------------------------------------------------

    def canFetchMore(self, parent: Index) -> bool:
        """There is another part of the folder."""
        return not parent.isValid() and self._marker is not None and not self._asking and len(self._rows) < MOST_ROWS

    def fetchMore(self, parent: Index) -> None:
        """Read it."""
        if self.canFetchMore(parent) and self._marker is not None:
            self._ask_part(self._marker)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        """The number of lines that are here."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        """The columns of :data:`COLUMNS`."""
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """The columns' titles."""
        if orientation is not Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section]
        return _side(section) if role == Qt.ItemDataRole.TextAlignmentRole else None

    @shown_data
    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """A cell."""
        entry = self.entry(index.row()) if index.isValid() else None
        if entry is None:
            return None
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return self._text(entry, index.column())
            case Qt.ItemDataRole.ToolTipRole:
                return entry.path
            case Qt.ItemDataRole.TextAlignmentRole:
                return _side(index.column())
            case Qt.ItemDataRole.DecorationRole if index.column() == NAME:
                return self._icon(entry)
            case _:
                return None

    def _text(self, entry: Entry, column: int) -> str:
        blob = entry.blob
        if column == NAME:
            return entry.name
        if column == KIND:
            return self._kind(entry)
        if blob is None:
            return ""
        if column == SIZE:
            return words.size(blob.size)
        return words.moment(blob.modified_us, seconds=True) if column == MODIFIED else blob.md5 or "–"

    def _kind(self, entry: Entry) -> str:
        if entry.blob is None:
            top = entry.path.count("/") == 1
            return "Version" if top and (entry.name in self._versions or _STAMP.fullmatch(entry.name)) else "Folder"
        return "File, archived" if entry.blob.archived else "File"

    def _icon(self, entry: Entry) -> QIcon:
        return icons.icon("folder" if entry.folder else "file", theme.current().muted)


def _level(workspace: Workspace, folder: str, marker: str, ctx: JobContext) -> LevelPage:
    return browse.level(workspace, ctx, folder, marker)


def _side(column: int) -> int:
    side = Qt.AlignmentFlag.AlignRight if column == SIZE else Qt.AlignmentFlag.AlignLeft
    return int(side | Qt.AlignmentFlag.AlignVCenter)
