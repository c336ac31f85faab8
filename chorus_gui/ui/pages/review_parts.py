"""Parts of the Review page: the bar that scans, the tiles that filter."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QCheckBox, QComboBox, QGridLayout, QProgressBar, QSizePolicy, QWidget

from chorus_gui.core.config.model import Config
from chorus_gui.core.model import ChangeKind, DiffSummary, Mode, Tally
from chorus_gui.core.review.values import Pending
from chorus_gui.ui import theme, words
from chorus_gui.ui.shown import plain_text
from chorus_gui.ui.state import JobProgress, ScanChoice, UndoList
from chorus_gui.ui.theme import SPACE
from chorus_gui.ui.widgets.basics import Card, ElidedLabel, Tile, button, label, row

MODES: tuple[tuple[str, Mode | None, str], ...] = (
    ("configured", None, "Use the mode of the configuration"),
    ("full", Mode.FULL, "Mark files that are no longer on the site as deleted"),
    ("append", Mode.APPEND, "Ignore files that are no longer on the site"),
)
_PHASES = {"scan": "Reading the site", "compare": "Comparing with the journal", "hash": "Reading files with another time"}


class ScanBar(Card):
    """Mode and modalities of every scan, Scan; while it runs: live counts, Cancel."""

    scan = Signal(object, object)
    """a :class:`Mode` or None, a tuple of modalities (empty: all)"""
    choice = Signal(object, object)
    """the same, when the person has chosen others"""
    cancel = Signal()

    def __init__(self) -> None:
        self.mode = QComboBox()
        self.mode.setAccessibleName("Mode of the scan")
        self.mode.setToolTip("Choose what happens to files that are no longer on the site, wherever you start a scan")
        self.go = button("&Scan the site", "Find out what changed since the last submission (Ctrl+R)", icon="refresh")
        self.stop = button("&Cancel", "Stop the scan; the journal is not changed", icon="cancel")
        self.said = label("", "muted")
        self.said.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.busy = QProgressBar()
        self.busy.setRange(0, 0)
        self.busy.setTextVisible(False)
        self.busy.setAccessibleName("Scanning")
        self.busy.setFixedWidth(140)
        self._boxes: dict[str, QCheckBox] = {}
        self._config: Config | None = None
        self._choices = row()
        mode = label("&Mode", "muted")
        mode.setBuddy(self.mode)
        self._setup = QWidget()
        self._setup.setLayout(row(mode, self.mode, SPACE, self._choices))
        self._line = self._button_in = row(
            self._setup, self.busy, self.said, self.go, self.stop, margins=(2 * SPACE, SPACE + 2, SPACE + 2, SPACE + 2)
        )
        self._line.setStretch(2, 1)
        super().__init__(self._line)
        for text, mode_value, tip in MODES:
            self.mode.addItem(text, mode_value)
            self.mode.setItemData(self.mode.count() - 1, tip, 3)
        self.mode.currentIndexChanged.connect(self._choose)
        self.go.clicked.connect(self.ask)
        self.stop.clicked.connect(self.cancel)
        self.show_running(running=False, cancelling=False)

    def show_config(self, config: Config) -> None:
        """The modalities that can be chosen."""
        if config is self._config:
            return
        self._config = config
        self.mode.setItemText(0, f"{config.mode.value} (configured)")
        if tuple(self._boxes) == config.modalities:
            return
        for box in self._boxes.values():
            box.deleteLater()
        self._boxes = {}
        for name in config.modalities:
            box = QCheckBox(name)
            box.setChecked(True)
            box.setAccessibleName(f"Scan {name}")
            box.setToolTip(plain_text(f"Scan {name}; the entries of other modalities are not changed"))
            box.toggled.connect(self._look)
            box.toggled.connect(self._choose)
            self._boxes[name] = box
            box.setMinimumWidth(box.sizeHint().width())
            self._choices.addWidget(box)
        self._look()

    @property
    def chosen(self) -> tuple[str, ...]:
        """The modalities of this scan; empty where it is all of them."""
        names = tuple(name for name, box in self._boxes.items() if box.isChecked())
        return () if len(names) == len(self._boxes) else names

    @property
    def as_configured(self) -> bool:
        """A scan is made as the configuration says."""
        return self.mode.currentData() == ScanChoice().mode and all(box.isChecked() for box in self._boxes.values())

    def lend_button(self, line: QBoxLayout | None) -> None:
        """Put the button that scans into this line, before its last widget, or (None) back."""
        target = line or self._line
        if target is not self._button_in:
            self._button_in.removeWidget(self.go)
            hidden, self._button_in = self.go.isHidden(), target
            target.insertWidget(target.count() - 1, self.go)
            self.go.setHidden(hidden)

    def show_choice(self, choice: ScanChoice) -> None:
        """How every scan is made now."""
        if choice == ScanChoice(self.mode.currentData(), self.chosen):
            return
        with QSignalBlocker(self.mode):
            self.mode.setCurrentIndex(self.mode.findData(choice.mode))
        for name, box in self._boxes.items():
            with QSignalBlocker(box):
                box.setChecked(not choice.modalities or name in choice.modalities)
        self._look()

    def _choose(self) -> None:
        if any(box.isChecked() for box in self._boxes.values()):
            self.choice.emit(self.mode.currentData(), self.chosen)

    def ask(self) -> None:
        """Ask for a scan, as it is set."""
        self.scan.emit(self.mode.currentData(), self.chosen)

    def show_ready(self, *, ready: bool, why_not: str, primary: bool) -> None:
        """Whether a scan can begin; ``primary``: it is what to do next."""
        self._ready, self._why_not = ready, why_not
        if (self.go.property("primary") == "true") is not primary:
            self.go.setProperty("primary", "true" if primary else "")
            theme.restyle(self.go)
            self.refresh()
        self._look()

    def refresh(self) -> None:
        """Icons in the colour of their words."""
        from chorus_gui.ui.widgets.basics import set_icon

        set_icon(self.go, "refresh")

    def show_running(self, *, running: bool, cancelling: bool) -> None:
        """A scan runs, or not."""
        for part in (self._setup, self.go):
            part.setVisible(not running)
        for part in (self.busy, self.stop):
            part.setVisible(running)
        self.stop.setEnabled(not cancelling)
        if cancelling:
            self.said.setText("Stopping…")

    def say(self, text: str) -> None:
        """What the last scan was."""
        self.said.setText(text)
        self.said.setToolTip(plain_text(text))

    def show_progress(self, progress: JobProgress) -> None:
        """Live counts."""
        if not progress.job.cancelling:
            self.say(scan_text(progress))

    _ready = False
    _why_not = ""

    def _look(self) -> None:
        some = any(box.isChecked() for box in self._boxes.values())
        self.go.setEnabled(self._ready and some)
        self.go.setToolTip(
            plain_text(
                self._why_not
                if not self._ready
                else "Select a modality first"
                if not some
                else "Find out what changed since the last submission (Ctrl+R)"
            )
        )


def scan_text(progress: JobProgress) -> str:
    """How far a scan is: "Reading the site: Images 1,204, Waveforms 17 (3.2 GB)"."""
    snapshot = progress.snapshot
    doing = _PHASES.get(snapshot.phase, "Starting")
    total = snapshot.total
    counted = ", ".join(
        f"{name or 'other files'} {words.number(count.files)}" for name, count in snapshot.by_modality.items() if count.files
    )
    if snapshot.waiting is not None:
        return f"{doing}: waiting"
    if snapshot.phase == "compare" or not counted:
        return f"{doing}…" + (f" {snapshot.note}" if snapshot.note and snapshot.phase != "compare" else "")
    of = f" of {words.number(total.total_files)}" if total.total_files else ""
    return f"{doing}: {counted}{of} ({words.size(total.bytes)})"


@dataclass(frozen=True, slots=True)
class TileSpec:
    """A tile: what it counts."""

    key: str
    title: str
    tip: str


TILES = (
    TileSpec("added", "Added", "New on the site."),
    TileSpec("updated", "Updated", "Their content has changed since the last submission."),
    TileSpec("moved", "Time changed", "Only their time has changed, not their content. Nothing is uploaded."),
    TileSpec("renamed", "Renamed", "Probably the same file: deleted in one place, added in another. They are counted only here."),
    TileSpec("restored", "Restored", "They were marked as deleted, and are on the site again. Nothing is uploaded."),
    TileSpec("deleted", "Deleted", "No longer on the site. The journal marks them as deleted. The central store keeps its copies."),
    TileSpec("unmatched", "Unmatched", "They match no pattern, so they are not uploaded."),
    TileSpec(
        "problem", "Problems", "They are not submitted, and their entries in the journal are not changed. The note of each says what to do."
    ),
    TileSpec(
        "litter", "Not data?", "To be uploaded, but possibly left by a system or a program: hidden, temporary or lock files, and snapshots."
    ),
    TileSpec("held", "Held back", "Nobody submits them until somebody releases them. The other tiles do not count them."),
)


def _tile_tip(spec: TileSpec) -> str:
    return f"{spec.tip} Select to show only these; you can select several."


PENDING = "Recorded earlier, not uploaded yet. When you approve, you decide if they are uploaded, too. Select to show only these."


class Tiles(QWidget):
    """A count for each kind; the pressed ones filter.  ``changed`` when a person pressed one."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.tiles = {spec.key: Tile(spec.title, _tile_tip(spec)) for spec in TILES}
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(SPACE)
        self._low = False
        self._scanned_us, self._counted = 0, {self.tiles["held"]}
        self.setMinimumWidth(300)  # they make another line rather than keep the window wide
        for tile in self.tiles.values():
            tile.toggled.connect(self._changes)
        self.pending = Tile("Pending", PENDING)
        self.pending.toggled.connect(self._only_pending)
        self._all = (*self.tiles.values(), self.pending)
        self._arranged: tuple[object, ...] = ()
        self.dress()
        self._arrange(self._all, len(self._all))

    def _changes(self, on: bool) -> None:
        """Pending files are not changes, so they are a list of their own."""
        if on:
            with QSignalBlocker(self):
                self.pending.setChecked(False)
        self.changed.emit()

    def _only_pending(self, on: bool) -> None:
        if on:
            with QSignalBlocker(self):
                for tile in self.tiles.values():
                    tile.setChecked(False)
        self.changed.emit()

    def show_summary(self, summary: DiffSummary | None, scanned_us: int = 0) -> None:
        """Counts and bytes of a scan, and when that was."""
        if scanned_us != self._scanned_us:
            self._scanned_us, self._counted = scanned_us, {self.tiles["held"]}
        for key, tile in self.tiles.items():
            tile.show_count(
                _tally(summary, key) if summary else None,
                with_bytes=key in ("added", "updated", "restored", "deleted", "unmatched", "held"),
            )
        tip = _tile_tip(next(spec for spec in TILES if spec.key == "unmatched"))
        newest = words.newest(summary.newest_unmatched_us) if summary else ""
        self.tiles["unmatched"].setToolTip(plain_text(f"{tip} {newest}".strip()))
        self._place()

    def show_pending(self, pending: Pending | None) -> None:
        """Count the pending files, by version."""
        self.pending.show_count(pending.total if pending else None)
        parts = pending.by_version if pending else {}
        lines = [
            f"Version {version}: {', '.join(f'{modality} {words.files_and_size(tally)}' for modality, tally in found.items())}."
            for version, found in parts.items()
        ]
        self.pending.setToolTip(plain_text(" ".join([PENDING, *lines])))
        self._place()

    def dress(self) -> None:
        """The colours of the theme."""
        now = theme.current()
        self.pending.set_colour(now.muted)
        for key, tile in self.tiles.items():
            tile.set_colour(
                now.accent
                if key == "renamed"
                else now.warning
                if key == "litter"
                else now.muted
                if key == "held"
                else now.kind(ChangeKind(key))
            )

    @property
    def kinds(self) -> tuple[ChangeKind, ...]:
        """The kinds that are pressed."""
        return tuple(kind for kind in ChangeKind if kind.value in self.tiles and self.tiles[kind.value].isChecked())

    def pressed(self, key: str) -> bool:
        """Whether this one is."""
        return (self.pending if key == "pending" else self.tiles[key]).isChecked()

    @property
    def any_pressed(self) -> bool:
        """One of them is."""
        return any(tile.isChecked() for tile in self._all)

    def press_only(self, keys: Iterable[str]) -> None:
        """Select these, and no others."""
        wanted = set(keys)
        with QSignalBlocker(self):
            for key, tile in self.tiles.items():
                tile.setChecked(key in wanted)
            self.pending.setChecked("pending" in wanted)
        self.changed.emit()

    def set_compact(self, *, compact: bool, low: bool) -> None:
        """Low tiles, for a low window; for a very low one, only those that count something, or did since the scan."""
        if low != self._low:
            self._low = low
            self._place()
        if compact != self._compact:
            self._compact = compact
            for tile in self._all:
                tile.set_compact(compact=compact)

    _compact = False

    def resizeEvent(self, event: QResizeEvent) -> None:
        """In one line if all fit."""
        super().resizeEvent(event)
        self._place()

    def _place(self) -> None:
        self._counted |= {tile for tile in self._all if tile.isEnabled()}
        shown = [tile for tile in self._all if not self._low or tile in self._counted]
        widths = [tile.minimumSizeHint().width() + SPACE for tile in shown]
        widest = max(widths)
        fit = max(self.width() + SPACE, widest) // widest
        columns = max(-(-len(shown) // 2), 1) if fit >= 5 else max(fit, 3)
        self._arrange(shown, len(shown) if sum(widths) <= self.width() + SPACE else columns)

    def _arrange(self, shown: Sequence[Tile], columns: int) -> None:
        if (columns, *shown) == self._arranged:
            return
        self._arranged = (columns, *shown)
        for tile in self._all:
            self._grid.removeWidget(tile)
        for number, tile in enumerate(shown):
            self._grid.addWidget(tile, number // columns, number % columns)
        for tile in self._all:
            tile.setHidden(tile not in shown)


def _tally(summary: DiffSummary, key: str) -> Tally:
    if key == "renamed":
        return Tally(summary.renamed)
    if key == "litter":
        return summary.litter
    if key == "held":
        return Tally(summary.excluded, summary.excluded_bytes)
    return summary.once(ChangeKind(key))


class UndoLine(QWidget):
    """What was done last, and a button that undoes it.  ``undo``: a person selected it."""

    undo = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.said = ElidedLabel(role="muted", mode=Qt.TextElideMode.ElideRight)
        self.button = button("Undo", "Undo what was done last (Ctrl+Z)", icon="undo")
        self.button.clicked.connect(self.undo)
        layout = row(self.button, self.said)
        layout.setStretch(1, 1)
        self.setLayout(layout)
        self.hide()

    def show_undo(self, undo: UndoList, *, busy: bool) -> bool:
        """Show what can be undone, and what was; whether there is something to show."""
        last = undo.steps[-1].text if undo.steps else ""
        self.said.set_full(f"{undo.said} Before that: {last}" if undo.said and last else undo.said or last)
        self.button.setVisible(bool(last))
        self.button.setEnabled(not busy)
        self.button.setToolTip(plain_text(f"Undo what was done last: {last} (Ctrl+Z)" if last else "Nothing can be undone now"))
        self.button.setAccessibleName(f"Undo: {last}" if last else "Undo")
        self.setVisible(bool(last or undo.said))
        return bool(last or undo.said)
