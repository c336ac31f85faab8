"""What the patterns make of some paths, as a table's model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from chorus_gui.app.sampling import Example
from chorus_gui.ui.shown import shown_data

Index = QModelIndex | QPersistentModelIndex
HEADERS = ("On the site", "Modality", "Patient", "In the central store")


class ExampleModel(QAbstractTableModel):
    """Rows are :class:`Example`; some dozens of them."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: tuple[Example, ...] = ()

    def show_rows(self, rows: Sequence[Example]) -> None:
        """Other rows."""
        if tuple(rows) != self._rows:
            self.beginResetModel()
            self._rows = tuple(rows)
            self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        """How many rows."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        """How many columns."""
        return 0 if parent.isValid() else len(HEADERS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """The titles."""
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole and 0 <= section < len(HEADERS):
            return HEADERS[section]
        return None

    @shown_data
    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """A cell; its tooltip is all of it."""
        if not index.isValid() or role not in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return None
        found = self._rows[index.row()]
        also = f" (also {', '.join(found.others)})" if found.others else ""
        place = found.store_path or f"not uploaded: {'“exclude” leaves it out' if found.left_out else 'it matches no pattern'}"
        return (found.path, (found.modality or "–") + also, found.patient_id or "–", place)[index.column()]
