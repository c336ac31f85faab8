"""What failed, grouped by its cause: a tree of two levels, any number of files in a group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QObject, QPersistentModelIndex, QSize, Qt
from PySide6.QtGui import QColor, QFont

from chorus_gui.core.model import Failure
from chorus_gui.ui import theme, words
from chorus_gui.ui.shown import shown_data

FILE, SIZE, WHY = range(3)
HEADERS = ("Cause", "Files", "Details")

TITLES = {
    "SourceVanishedError": "The file is no longer on the site",
    "SourceChangedError": "The file has changed since the scan",
    "ContentChangedError": "The content has changed, but neither its size nor its time",
    "SourceUnreadableError": "The file could not be read",
    "ChecksumError": "The file was damaged on the way",
    "BlobNameError": "The store does not allow this name",
    "BlobNotFoundError": "The file is not in the store",
    "ConditionError": "Another program wrote the same file",
    "StoreUnavailableError": "The store was busy or could not be reached",
    "AccessError": "The store refused access",
    "StoreFullError": "The store is full",
    "PatternError": "The path in the store could not be determined",
}
"""The name of a failure's kind → the cause in words; another kind is called what its first failure says."""

FAILURE_ROLE = Qt.ItemDataRole.UserRole + 1
"""The :class:`Failure` of a row, None for a group."""

Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Failures of one cause."""

    title: str
    remedy: str
    failures: tuple[Failure, ...]


def grouped(failures: Sequence[Failure]) -> list[FailureGroup]:
    """By kind and remedy, the largest group first."""
    groups: dict[tuple[str, str], list[Failure]] = {}
    for failure in failures:
        groups.setdefault((failure.kind, failure.remedy), []).append(failure)
    made = [FailureGroup(TITLES.get(kind, found[0].cause), remedy, tuple(found)) for (kind, remedy), found in groups.items()]
    return sorted(made, key=lambda group: -len(group.failures))


class FailuresModel(QAbstractItemModel):
    """Groups, and the files in them."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.groups: list[FailureGroup] = []
        self._bold = QFont()
        self._bold.setBold(True)

    def show_failures(self, failures: Sequence[Failure]) -> None:
        """Show these."""
        self.beginResetModel()
        self.groups = grouped(failures)
        self.endResetModel()

    def index(self, row: int, column: int, parent: Index = QModelIndex()) -> QModelIndex:  # noqa: B008 - Qt's own default
        """The id of a group's row is 0, that of a file its group's number, from 1."""
        if not self.hasIndex(row, column, parent):
            return QModelIndex()
        return self.createIndex(row, column, parent.row() + 1 if parent.isValid() else 0)

    def parent(self, index: Index = QModelIndex()) -> QModelIndex:  # type: ignore[override]  # noqa: B008 - QObject.parent() has no argument
        """The group of a file."""
        if not index.isValid() or index.internalId() == 0:
            return QModelIndex()
        return self.createIndex(index.internalId() - 1, 0, 0)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        """Groups, or the files of a group."""
        if not parent.isValid():
            return len(self.groups)
        return len(self.groups[parent.row()].failures) if parent.internalId() == 0 and parent.column() == 0 else 0

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        """The columns of :data:`HEADERS`, on both levels."""
        return 0 if parent.column() > 0 else len(HEADERS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """The columns' names."""
        if role == Qt.ItemDataRole.DisplayRole and orientation is Qt.Orientation.Horizontal:
            return HEADERS[section]
        return None

    def details(self, index: Index) -> str:
        """All of a line, as sentences: a cause with its remedy, or a file with its own."""
        if not index.isValid():
            return ""
        if index.internalId() == 0:
            group = self.groups[index.row()]
            return "\n".join(part for part in (group.title, group.remedy) if part)
        failure = self.groups[index.internalId() - 1].failures[index.row()]
        attempts = f"Tried {words.count_of(failure.attempts, 'time')}." if failure.attempts > 1 else ""
        return "\n".join(part for part in (failure.item.path, failure.cause, failure.remedy, attempts) if part)

    @shown_data
    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """A cell."""
        if not index.isValid():
            return None
        column = index.column()
        if role == Qt.ItemDataRole.SizeHintRole:
            return QSize(0, theme.ROW)
        if index.internalId() == 0:
            group = self.groups[index.row()]
            match role:
                case Qt.ItemDataRole.DisplayRole:
                    return (group.title, words.count_of(len(group.failures), "file"), group.remedy)[column]
                case Qt.ItemDataRole.ToolTipRole:
                    return group.remedy or group.title
                case Qt.ItemDataRole.FontRole if column != WHY:
                    return self._bold
                case Qt.ItemDataRole.ForegroundRole if column == FILE:
                    return QColor(theme.current().bad)
            return None
        failure = self.groups[index.internalId() - 1].failures[index.row()]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return (failure.item.path, words.size(failure.item.size), failure.cause)[column]
            case Qt.ItemDataRole.ToolTipRole:
                return self.details(index)
            case _ if role == FAILURE_ROLE:
                return failure
        return None
