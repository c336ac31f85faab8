"""How far an upload is: the sum of a job's snapshots, and the tables that show it."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt
from PySide6.QtGui import QColor, QFont

from chorus_gui.core.job import Active, AtWork, Count, Snapshot
from chorus_gui.core.model import MODALITIES, Grade, Tally
from chorus_gui.core.waiting import Waiting
from chorus_gui.ui import theme, words
from chorus_gui.ui.models.rows import Column
from chorus_gui.ui.shown import shown_data

WINDOW = 10.0
"""Seconds over which a rate is measured."""
SHOWN = 8
"""How many of the files that are being uploaded are shown."""

FRACTION_ROLE = Qt.ItemDataRole.UserRole + 1
"""0.0 to 1.0 for a progress bar, None if nothing is known."""

Index = QModelIndex | QPersistentModelIndex


class Meter:
    """A rate over the last :data:`WINDOW` seconds."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def add(self, now: float, value: int) -> None:
        """The counter is now ``value``; ``now`` in seconds of any clock that only goes forward."""
        self._seen.append((now, value))
        while len(self._seen) > 2 and self._seen[1][0] <= now - WINDOW:
            self._seen.popleft()

    def clear(self) -> None:
        """Start again, after a pause."""
        self._seen.clear()

    @property
    def rate(self) -> float | None:
        """Per second; None during the first half second."""
        if not self._seen or (seconds := self._seen[-1][0] - self._seen[0][0]) < 0.5:
            return None
        return max(self._seen[-1][1] - self._seen[0][1], 0) / seconds


@dataclass(frozen=True, slots=True)
class ProgressLine:
    """One modality, or the total (name ""): counts, bytes a second, seconds left (None: not known)."""

    name: str
    count: Count
    rate: float | None = None
    left: float | None = None

    @property
    def fraction(self) -> float | None:
        """How much is done, by bytes; by files if there are none."""
        done, total = (self.count.bytes, self.count.total_bytes)
        if not total:
            done, total = self.count.files + self.count.failed, self.count.total_files
        return min(max(done / total, 0.0), 1.0) if total else None


class UploadRun:
    """One job's upload.  It can have several parts (an approved review, then what was pending before), which are added up."""

    def __init__(self, job: int) -> None:
        self.job = job
        self.phase = ""
        self.note = ""
        self.waiting: Waiting | None = None
        self.active: tuple[Active, ...] = ()
        self.workers: tuple[AtWork, ...] = ()
        self._earlier: dict[str, Count] = {}
        self._part: Mapping[str, Count] = {}
        self._meters: dict[str, Meter] = {}

    def feed(self, snapshot: Snapshot, now: float, *, paused: bool = False) -> None:
        """The next snapshot, at ``now`` (seconds)."""
        self.phase, self.note, self.waiting = snapshot.phase, snapshot.note, snapshot.waiting
        self.active, self.workers = snapshot.active, snapshot.workers
        if snapshot.phase != "upload":
            return
        if self._is_next_part(snapshot):
            self._earlier = {name: _whole(count) for name, count in self._counts().items()}
        self._part = snapshot.by_modality
        for name, count in [*self._counts().items(), ("", self.total.count)]:
            meter = self._meters.setdefault(name, Meter())
            if paused or snapshot.waiting is not None:
                meter.clear()
            else:
                meter.add(now, count.bytes)

    def end(self, failed: Mapping[str, Tally], *, complete: bool) -> None:
        """The job ended; this failed.  ``complete``: it was finished, so what did not fail was uploaded, whether a snapshot saw it or not."""
        self.active = ()
        self.waiting = None
        self._meters.clear()
        if complete:
            self._earlier = {name: _ended(count, failed.get(name, Tally())) for name, count in self._counts().items()}
            self._part = {}

    @property
    def total(self) -> ProgressLine:
        """The sum."""
        counts = Snapshot(by_modality=self._counts()).total
        return self._line("", counts)

    @property
    def lines(self) -> tuple[ProgressLine, ...]:
        """One for each modality, then the total."""
        total = self.total
        return (*(self._line(name, count, most=total.left) for name, count in self._counts().items()), total)

    def _line(self, name: str, count: Count, *, most: float | None = None) -> ProgressLine:
        """``most``: the seconds in which all of them end.  The rate of a modality whose turn has only begun says little."""
        meter = self._meters.get(name)
        rate = meter.rate if meter else None
        left = None
        if rate and count.total_bytes is not None:
            left = max(count.total_bytes - count.bytes, 0) / rate
            left = left if most is None else min(left, most)
        return ProgressLine(name, count, rate, left)

    def _counts(self) -> dict[str, Count]:
        names = sorted({*self._earlier, *self._part}, key=lambda name: (MODALITIES.index(name) if name in MODALITIES else 99, name))
        return {name: _sum(self._earlier.get(name), self._part.get(name)) for name in names}

    def _is_next_part(self, snapshot: Snapshot) -> bool:
        """Other totals, or counters that went down: only bytes can do so within one part."""
        if not self._part:
            return False
        for name, old in self._part.items():
            new = snapshot.by_modality.get(name)
            if new is None or (new.total_files, new.total_bytes) != (old.total_files, old.total_bytes) or new.files < old.files:
                return True
        return False


def _whole(count: Count) -> Count:
    """A part before the next one was finished: what did not fail was uploaded, even if the last snapshot missed some of it."""
    if count.total_files is None or count.total_bytes is None:
        return count
    return replace(count, files=max(count.total_files - count.failed, 0), bytes=count.bytes if count.failed else count.total_bytes)


def _ended(count: Count, failed: Tally) -> Count:
    whole = _whole(replace(count, failed=max(count.failed, failed.files)))
    return replace(whole, bytes=whole.total_bytes - failed.bytes) if failed.files and whole.total_bytes is not None else whole


def _sum(one: Count | None, other: Count | None) -> Count:
    if one is None or other is None:
        return one or other or Count()
    return Count(
        one.files + other.files,
        one.bytes + other.bytes,
        one.failed + other.failed,
        _plus(one.total_files, other.total_files),
        _plus(one.total_bytes, other.total_bytes),
    )


def _plus(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other


def of(done: str, total: int | None, write: Any) -> str:
    """ "812 of 1,204"."""
    return done if total is None else f"{done} of {write(total)}"


class _Table(QAbstractTableModel):
    """A few rows that are all replaced at once."""

    headers: tuple[str, ...] = ()
    right: frozenset[int] = frozenset()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._items: Sequence[Any] = ()

    def show_items(self, items: Sequence[Any]) -> None:
        """Show these; a table that keeps its size keeps its selection."""
        if len(items) == len(self._items):
            if items:
                self._items = items
                self.dataChanged.emit(self.index(0, 0), self.index(len(items) - 1, len(self.headers) - 1))
            return
        self.beginResetModel()
        self._items = items
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        """The number of items."""
        return 0 if parent.isValid() else len(self._items)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        """The headers' columns."""
        return 0 if parent.isValid() else len(self.headers)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """The columns' names."""
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return self.headers[section]
        return self._alignment(section) if role == Qt.ItemDataRole.TextAlignmentRole else None

    def _alignment(self, column: int) -> int:
        return int((Qt.AlignmentFlag.AlignRight if column in self.right else Qt.AlignmentFlag.AlignLeft) | Qt.AlignmentFlag.AlignVCenter)


MODALITY, PROGRESS, FILES, SIZE, RATE, LEFT, FAILED = range(7)


class ProgressModel(_Table):
    """A row for each modality, and the total."""

    headers = ("Modality", "Progress", "Files", "Size", "Speed", "Time left", "Failed")
    right = frozenset({FILES, SIZE, RATE, LEFT, FAILED})

    @shown_data
    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """A cell."""
        if not index.isValid():
            return None
        line: ProgressLine = self._items[index.row()]
        column = index.column()
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return _progress_text(line, column)
            case Qt.ItemDataRole.TextAlignmentRole:
                return self._alignment(column)
            case Qt.ItemDataRole.FontRole if not line.name:
                font = QFont()
                font.setBold(True)
                return font
            case Qt.ItemDataRole.ForegroundRole if column == FAILED and line.count.failed:
                return QColor(theme.current().bad)
            case _ if role == FRACTION_ROLE and column == PROGRESS:
                return line.fraction
        return None


def _progress_text(line: ProgressLine, column: int) -> str:
    count = line.count
    match column:
        case 0:
            return line.name or "Total"
        case 1:
            return "" if line.fraction is None else f"{int(line.fraction * 100)} %"
        case 2:
            return of(words.number(count.files), count.total_files, words.number)
        case 3:
            return of(words.size(count.bytes), count.total_bytes, words.size)
        case 4:
            return words.rate(line.rate)
        case 5:
            return words.duration(line.left)
        case _:
            return words.number(count.failed)


class ActiveModel(_Table):
    """The files that are being uploaded: the largest of them, in the order in which they began."""

    headers = ("File", "Progress", "Size")
    right = frozenset({2})

    def show_active(self, active: Sequence[Active]) -> None:
        """Show these files."""
        largest = sorted(range(len(active)), key=lambda n: -active[n].size)[:SHOWN]
        self.show_items([active[n] for n in sorted(largest)])

    @shown_data
    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """A cell."""
        if not index.isValid():
            return None
        item: Active = self._items[index.row()]
        fraction = item.done / item.size if item.size else 1.0
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return (item.path, f"{int(fraction * 100)} %", words.size(item.size))[index.column()]
            case Qt.ItemDataRole.ToolTipRole:
                return f"{item.path}\n{item.modality}, {words.size(item.done)} of {words.size(item.size)}"
            case Qt.ItemDataRole.TextAlignmentRole:
                return self._alignment(index.column())
            case _ if role == FRACTION_ROLE and index.column() == 1:
                return fraction
        return None


WORKER_COLUMNS: tuple[Column[AtWork], ...] = (
    Column("Worker", lambda worker: worker.name),
    Column("Threads", lambda worker: words.number(worker.threads), lambda worker: worker.threads, right=True),
    Column("Files", lambda worker: words.number(worker.files), lambda worker: worker.files, right=True),
    Column(
        "State",
        lambda worker: f"Left out. {worker.why}" if worker.why else "At work",
        tip=lambda worker: worker.why,
        grade=lambda worker: Grade.WARNING if worker.why else None,
    ),
)
"""The columns of the workers of a cluster."""
