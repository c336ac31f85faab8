"""Everything about the selected change: what the journal has, what the site has, and the file's history."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFontDatabase
from PySide6.QtWidgets import QLayout, QSizePolicy, QWidget

from chorus_gui.app.journal import file_rows
from chorus_gui.core.config.model import Config
from chorus_gui.core.errors import PatternError
from chorus_gui.core.job import Outcome, OutcomeKind
from chorus_gui.core.model import Change, ChangeKind, Grade, Row, Tally
from chorus_gui.ui import theme, words
from chorus_gui.ui.jobs import Reader
from chorus_gui.ui.models.columns import kind_text
from chorus_gui.ui.theme import SPACE
from chorus_gui.ui.widgets.basics import button, column, label, line, row, scrolled, set_grade
from chorus_gui.ui.widgets.flow import FlowLayout

HISTORY_SHOWN = 20
_MEANING = {
    ChangeKind.ADDED: "It is new on the site. It will be uploaded.",
    ChangeKind.UPDATED: "Its content has changed. It will be uploaded, and replaces its earlier entry in the journal.",
    ChangeKind.MOVED: "Only its time has changed, not its content. The journal records the new time; nothing is uploaded.",
    ChangeKind.RESTORED: "It was marked as deleted, and is on the site again. Its copy is still in the central store; nothing is uploaded.",
    ChangeKind.DELETED: "It is no longer on the site. The journal marks it as deleted. Its copy in the central store is kept.",
    ChangeKind.UNMATCHED: "It matches no pattern, so it is not uploaded. If it should be, change the pattern or move the file.",
    ChangeKind.PROBLEM: "It is not submitted, and its entries in the journal are not changed. The note says what to do.",
}


def destination(config: Config, change: Change) -> str:
    """The place of a change's file in the central store, now or after the upload; "" if it has none.

    The version's folder is "…" if the submission's version decides.
    """
    if change.kind in (ChangeKind.ADDED, ChangeKind.UPDATED):
        version = change.version or "…"
    elif change.old is not None and change.old.uploaded is not None and change.kind is not ChangeKind.PROBLEM:
        version = change.old.version
    else:
        return ""
    try:
        return config.store_path(change.modality, change.path, version)
    except PatternError:
        return ""


def site_file(config: Config, change: Change) -> Path | None:
    """The file on this computer; None if it does not exist, or is elsewhere."""
    if change.kind is ChangeKind.DELETED or change.gone:
        return None
    sites = [config.sites[change.modality]] if change.modality in config.sites else list(config.sites.values())
    folders = {site.place.folder for site in sites}
    folder = folders.pop() if len(folders) == 1 else None
    return None if folder is None else folder / change.path


class DetailsPane(QWidget):
    """The selected change."""

    open_file = Signal()
    copy_path = Signal()
    mark_deleted = Signal()

    def __init__(self, reader: Reader) -> None:
        super().__init__()
        self._reader = reader
        self._config: Config | None = None
        self._change: Change | None = None
        self.setAccessibleName("Details")
        self.kind = label("", "heading", wrap=True)
        self.path = label("", wrap=True)
        self.path.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self.show_file = button("Show in fol&der", "Show the file in its folder (Ctrl+E)", icon="folder")
        self.copy = button("Cop&y path", "Copy the path to the clipboard (Ctrl+Shift+C)", icon="copy")
        self.show_file.clicked.connect(self.open_file)
        self.copy.clicked.connect(self.copy_path)
        self.mark = button("Mar&k as deleted…", "Mark the file as deleted in the journal", icon="check")
        self.mark.clicked.connect(self.mark_deleted)
        self._facts = column(space=SPACE)
        self._history = column(space=SPACE)
        self._history_title = label("In the journal", "strong")
        self._lines = line(), line()
        actions = FlowLayout()  # beside the scroll bar of a narrow pane, they take two lines
        actions.addWidget(self.show_file)
        actions.addWidget(self.copy)
        content = QWidget()
        content.setLayout(
            column(
                self.kind,
                self.path,
                actions,
                row(self.mark, None),
                self._lines[0],
                self._facts,
                self._lines[1],
                self._history_title,
                self._history,
                None,
                space=SPACE + 4,
                margins=(2 * SPACE, 2 * SPACE, 2 * SPACE, 2 * SPACE),
            )
        )
        area = scrolled(content, "Details")
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setLayout(column(area))
        self.setMinimumWidth(290)
        self.clear()

    def show_config(self, config: Config | None) -> None:
        """Whose journal and folders."""
        self._config = config

    def clear(self, text: str = "Select a change to see its details here.") -> None:
        """Nothing is selected."""
        self._change = None
        self._reader.forget(self)
        self.kind.setText("Details")
        set_grade(self.kind, None)
        self.path.setText(text)
        self.path.setAccessibleName(text)
        self._draw([], [], shown=False)

    def show_patient(self, patient: str | None, tally: Tally) -> None:
        """A patient's heading is selected."""
        self.clear(
            f"{words.count_of(tally.files, 'change')}, {words.size(tally.bytes)}. Press → to show {words.agree(tally.files, 'it', 'them')}."
        )
        self.kind.setText("No patient" if patient is None else f"Patient {patient}")

    def show_node(self, name: str, text: str) -> None:
        """A patient or folder of the tree is selected; "": none."""
        self.clear(text)
        self.kind.setText(name or "Details")

    def show_change(self, change: Change) -> None:
        """A change is selected."""
        if change == self._change or self._config is None:
            return
        self._change = change
        now = theme.current()
        self.kind.setText(f"{kind_text(change).capitalize()}{f'  ·  {change.modality}' if change.modality else ''}")
        self.kind.setStyleSheet("")
        grade = {now.good: Grade.GOOD, now.bad: Grade.BAD, now.warning: Grade.WARNING}.get(now.kind(change.kind))
        set_grade(self.kind, grade)
        self.path.setText(breakable(change.path))
        self.path.setAccessibleName(change.path)
        self.show_file.setEnabled(site_file(self._config, change) is not None)
        self._draw(facts(self._config, change), [], shown=True)
        self._history_title.setText("In the journal")
        if change.kind is ChangeKind.UNMATCHED:
            self._history_title.hide()
            return
        step = partial(file_rows, self._config.journal.local, change.path, change.modality)
        self._reader.ask(self, step, self._show_history, channel="history")

    def _show_history(self, outcome: Outcome[Any]) -> None:
        if outcome.kind is not OutcomeKind.DONE or self._change is None:
            return
        rows: list[Row] = outcome.value or []
        self._fill(self._history, [_history_row(found) for found in rows[:HISTORY_SHOWN]])
        more = len(rows) - HISTORY_SHOWN
        self._history_title.setText(
            "Not in the journal yet"
            if not rows
            else "In the journal"
            if more <= 0
            else f"In the journal (the last {HISTORY_SHOWN} of {words.count_of(len(rows), 'entry', 'entries')})"
        )

    def _draw(self, found: list[tuple[str, str]], rows: list[QWidget], *, shown: bool) -> None:
        self._fill(self._facts, [_fact(name, text) for name, text in found])
        self._fill(self._history, rows)
        for part in (self.show_file, self.copy, self._history_title, *self._lines):
            part.setVisible(shown)
        self.mark.setVisible(shown and self._change is not None and self._change.gone)

    def _fill(self, layout: QLayout, widgets: list[QWidget]) -> None:
        while (item := layout.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        for widget in widgets:
            layout.addWidget(widget)


def facts(config: Config, change: Change) -> list[tuple[str, str]]:
    """What is known, as (name, text); texts can have several lines."""
    old = change.old
    out = [("", "Nobody submits it until somebody releases it." if change.excluded else _MEANING.get(change.kind, ""))]
    if change.note:
        out.append(("Note", change.note))
    if change.excluded:
        since = f" since {words.moment(change.held_us)}" if change.held_us else ""
        out.append(("Held back", f"{change.reason}\nby {change.held_by or 'an unknown user'}{since}"))
    if change.pair is not None:
        out.append(
            (
                "Renamed",
                "A file with the same size and time was deleted or added elsewhere, so this file was probably renamed. If the content is the same, it is copied inside the central store, not uploaded.",
            )
        )
    patient = change.patient_id or (old.patient_id if old else None)
    if patient:
        out.append(("Patient", patient))
    out.append(("Size", _both(_bytes(old.size) if old else None, _bytes(change.size) if change.size is not None else None)))
    now = words.moment(change.mtime_us, seconds=True) if change.mtime_us is not None else None
    out.append(("Modified", _both(words.moment(old.mtime_us, seconds=True) if old else None, now)))
    out.append(("MD5", _both(old.md5 if old else None, change.md5)))
    where = destination(config, change)
    if where:
        sends = change.kind in (ChangeKind.ADDED, ChangeKind.UPDATED)
        out.append(("Will be uploaded to" if sends else "In the central store", breakable(where)))
    version = old.version if old else None
    if version or change.version:
        out.append(("Version", _both(version, change.version or ("next version" if change.kind is ChangeKind.UPDATED else None))))
    return [(name, text) for name, text in out if text]


def _bytes(size: int) -> str:
    return f"{words.size(size)} ({words.count_of(size, 'byte')})" if size >= 1000 else words.count_of(size, "byte")


def _both(old: str | None, new: str | None) -> str:
    """Old above new, if both exist and differ."""
    if old is None or old == new:
        return new or ""
    if new is None:
        return old
    return f"{old}\n→ {new}"


def breakable(path: str) -> str:
    """A path that a label can break after "/", "_", "-" and ".": by spaces of no width."""
    return "".join(f"{char}\u200b" if char in "/_-." else char for char in path)


def _fact(name: str, text: str) -> QWidget:
    made = QWidget()
    value = label(text, wrap=True, selectable="\u200b" not in text)
    value.setAccessibleName(f"{name} {text.replace(chr(0x200B), '')}".strip())
    value.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
    if name == "MD5":
        value.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
    parts = [label(name, "muted"), value] if name else [value]
    made.setLayout(column(*parts, space=1))
    return made


def _history_row(found: Row) -> QWidget:
    made = QWidget()
    until = "" if found.active else f", replaced or deleted {words.moment(found.invalid_us)}"
    sent = f"uploaded {words.stamp(found.uploaded)}" if found.uploaded else "not uploaded"
    message = label(f"{words.size(found.size)}, {sent}; recorded {words.moment(found.valid_us)}{until}.", "muted", wrap=True)
    message.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
    made.setLayout(column(label(f"Version {found.version}"), message, space=1))
    return made
