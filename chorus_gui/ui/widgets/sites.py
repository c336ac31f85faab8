"""The list of the sites that were open on this computer: open one, or remove it from the list."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QModelIndex, Qt, Signal
from PySide6.QtGui import QHideEvent, QKeyEvent, QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import QTableView, QWidget

from chorus_gui.app import site_list
from chorus_gui.app.site_list import Listed
from chorus_gui.app.sites import JOURNAL, PRESENCE, Ending, LastRun, Look, Presence, SiteFacts
from chorus_gui.core.job import Outcome
from chorus_gui.core.model import Grade
from chorus_gui.ui import intents, words
from chorus_gui.ui.jobs import Reader
from chorus_gui.ui.models.rows import Column, RowsModel
from chorus_gui.ui.shown import plain_text
from chorus_gui.ui.site_intents import ListSites
from chorus_gui.ui.state import SessionState
from chorus_gui.ui.theme import SPACE
from chorus_gui.ui.widgets.basics import button, column, label, row
from chorus_gui.ui.widgets.tables import dress, set_widths

TITLE = "Sites on this computer"
_ENDINGS = {Ending.FINISHED: Grade.GOOD, Ending.STOPPED: Grade.WARNING, Ending.FAILED: Grade.BAD, Ending.UNFINISHED: Grade.WARNING}
_PRESENCES = {Presence.FAULTY: Grade.BAD, Presence.MISSING: Grade.BAD, Presence.SILENT: Grade.WARNING}
_CANNOT_OPEN = (Presence.CHECKING, Presence.MISSING, Presence.SILENT)


def result(site: SiteFacts) -> str:
    """How its last run ended, or what is wrong with its configuration."""
    return site.last.result if site.last else PRESENCE[site.presence]


def where_journal(site: SiteFacts) -> str:
    """Where its journal is."""
    text = JOURNAL[site.keeping]
    return f"{text} since {words.day(int(site.since.timestamp() * 1e6))}" if site.since else text


def about(site: SiteFacts) -> str:
    """What the columns leave out, as sentences."""
    said = [f"Configuration: {site.file}."]
    said += [f"Files: {', '.join(site.folders)}."] if site.folders else []
    said += [site.trouble] if site.trouble else []
    if site.last is not None:
        said.append(f"{site.last.what}, {words.moment(site.last.at_us)}: {site.last.result}.")
        said += [f"By {site.last.by}."] if site.last.by else []
    said += [f"Opened {words.moment(site.listed.opened_us)}."] if site.listed.opened_us else []
    return " ".join(said)


def _grade(site: SiteFacts) -> Grade | None:
    return _ENDINGS.get(site.last.ending) if site.last else _PRESENCES.get(site.presence)


class SiteView(QTableView):
    """``opened``: Enter, or a double click; ``removed``: Delete."""

    opened = Signal()
    removed = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter and Delete."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.opened.emit()
        elif event.key() == Qt.Key.Key_Delete:
            self.removed.emit()
        else:
            super().keyPressEvent(event)


class SiteList(QWidget):
    """``intent``: what the person asks for.  ``last`` is put at the end of the line of buttons.

    What is known of each site is read while the list can be seen, and never on the screen's thread.
    """

    intent = Signal(object)

    def __init__(self, reader: Reader, last: QWidget | None = None) -> None:
        super().__init__()
        self._reader = reader
        self._state = SessionState()
        self._known: dict[Path, SiteFacts] = {}
        self._names: dict[Path, str] = {}
        self._look: Look | None = None
        self._removed: list[Listed] = []
        self.model: RowsModel[SiteFacts] = RowsModel(self._columns(), self)
        self.view = dress(SiteView(), self.model, TITLE, "Enter opens the selected site", stretch=0)
        set_widths(
            self.view,
            {
                0: "hospital-riverside (open)",
                1: "Verification of 88,888 files",
                2: "30/12/2026 23:59",
                3: PRESENCE[Presence.FAULTY],
                4: "Not checked out here",
            },
        )
        self.about = label("", "muted", wrap=True, selectable=True)
        self.about.setAccessibleName("About the selected site")
        self.said = label("", wrap=True)
        self.open = button("Open site", "Open the configuration of the selected site (Enter)", icon="folder")
        self.remove = button(
            "Remove from list", "Remove the selected site from this list; none of its files is deleted (Del)", icon="close"
        )
        self.undo = button("Undo", "Show the site that was removed last in the list again (Ctrl+Z)", icon="undo")
        for one in (self.open, self.remove, self.undo):
            one.setAutoDefault(False)
        buttons = row(self.open, self.remove, self.undo, None, *([last] if last is not None else []))
        whole = column(self.view, self.about, self.said, buttons, space=SPACE)
        whole.setStretch(0, 1)
        self.setLayout(whole)
        self.view.opened.connect(self._open)
        self.view.doubleClicked.connect(lambda _: self._open())
        self.view.removed.connect(self._remove)
        self.view.selectionModel().currentRowChanged.connect(self._enable)
        self.open.clicked.connect(self._open)
        self.remove.clicked.connect(self._remove)
        self.undo.clicked.connect(self._undo)
        again = QShortcut(QKeySequence(QKeySequence.StandardKey.Undo), self)
        again.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        again.activated.connect(self._undo)
        self._say("")
        self._enable()

    def _columns(self) -> list[Column[SiteFacts]]:
        return [
            Column("Site", self._name, tip=lambda site: str(site.file)),
            Column("Last run", lambda site: site.last.what if site.last else words.DASH, tip=about),
            Column(
                "Date",
                lambda site: words.moment(site.last.at_us) if site.last else words.DASH,
                lambda site: site.last.at_us if site.last else 0,
            ),
            Column("Result", result, tip=about, grade=_grade),
            Column("Journal", where_journal),
        ]

    def _name(self, site: SiteFacts) -> str:
        name = self._names.get(site.file, str(site.file))
        return f"{name} (open)" if site.file == self._state.config_file else name

    # --- what is shown ----------------------------------------------------------------------------------------------

    def render(self, state: SessionState) -> None:
        """Draw the state."""
        before, self._state = self._state, state
        if (state.sites, state.config_file) != (before.sites, before.config_file):
            self._names = state.site_names
        self._draw()
        if self.isVisible() and any(one.file not in self._known for one in state.sites):
            self.look()

    def look(self) -> None:
        """Read what is known of all sites again."""
        self._look = Look(self._state.sites)
        self._ask()

    def showEvent(self, event: QShowEvent) -> None:
        """A run can have ended since the list was shown."""
        super().showEvent(event)
        self.look()

    def hideEvent(self, event: QHideEvent) -> None:
        """What nobody sees is not read to the end."""
        super().hideEvent(event)
        self._reader.forget(self)
        self._look = None

    def selected(self) -> SiteFacts | None:
        """The selected site."""
        return self.model.value(self.view.currentIndex().row())

    def shown(self) -> list[SiteFacts]:
        """All sites, in the order of the screen."""
        found = (self.model.value(n) for n in range(self.model.rowCount()))
        return [site for site in found if site is not None]

    def _ask(self) -> None:
        if self._look is not None:
            self._reader.ask(self, self._look.more, self._answered, channel="sites")

    def _answered(self, outcome: Outcome[Any]) -> None:
        if outcome.value:
            self._known |= {site.file: site for site in outcome.value}
            self._draw()
            self._ask()

    def _draw(self) -> None:
        selected = self.selected()
        self.model.show_rows([self._shown(one) for one in self._state.sites])
        if self.model.rowCount() and (selected is None or self.selected() is None or self.selected() != selected):
            open_now = self._state.config_file
            found = (n for n, site in enumerate(self.shown()) if (site.file == selected.file if selected else site.file != open_now))
            self.view.setCurrentIndex(self.model.index(next(found, 0), 0))
        self._enable()

    def _shown(self, one: Listed) -> SiteFacts:
        """A job of the open site is newer than anything that is on the disk."""
        site = replace(self._known.get(one.file, SiteFacts(one)), listed=one)
        state, job = self._state, self._state.running
        if one.file == state.config_file and job is not None and state.busy:
            return replace(site, last=LastRun(Ending.UNFINISHED, job.title, "Running", site.last.at_us if site.last else 0))
        return site

    # --- what can be done -------------------------------------------------------------------------------------------

    def _enable(self, _now: QModelIndex | None = None, _before: QModelIndex | None = None) -> None:
        site = self.selected()
        here = site is not None and site.file == self._state.config_file
        self.about.setText(plain_text(about(site)) if site is not None else "")
        why = "This site is open" if here else site.trouble or PRESENCE[site.presence] if site and site.presence in _CANNOT_OPEN else ""
        self.open.setEnabled(site is not None and not why)
        self.open.setToolTip(plain_text(why or "Open the configuration of the selected site (Enter)"))
        self.remove.setEnabled(site is not None and not here)

    def _open(self) -> None:
        site = self.selected()
        if site is not None and self.open.isEnabled():
            self.intent.emit(intents.OpenConfig(site.file))

    def _remove(self) -> None:
        site = self.selected()
        if site is None or not self.remove.isEnabled():
            return
        name, at = self._names.get(site.file, str(site.file)), self.view.currentIndex().row()
        self._removed.append(site.listed)
        self.intent.emit(ListSites(site_list.without(self._state.sites, site.file)))
        if rows := self.model.rowCount():
            self.view.setCurrentIndex(self.model.index(min(at, rows - 1), 0))
        self._say(f"Removed “{name}” from the list. No file was deleted.")
        if not self.remove.isEnabled():
            self.undo.setFocus()  # a disabled button loses the focus, and the next one is not the right one

    def _undo(self) -> None:
        if self._removed:
            one = self._removed.pop()
            self.intent.emit(ListSites(site_list.again(self._state.sites, one)))
            self._say(f"“{self._names.get(one.file, str(one.file))}” is in the list again.")
            if self.undo.isHidden():
                self.view.setFocus()

    def _say(self, text: str) -> None:
        self.said.setText(plain_text(text))
        self.said.setVisible(bool(text))
        self.undo.setVisible(bool(self._removed))
