"""Review: scan, check every change, hold back some of them, approve the rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtGui import QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import QWidget

from chorus_gui.app.readiness_facts import places
from chorus_gui.app.review import Releasing, holdable, reasons, released_patients, releasing
from chorus_gui.app.values import ReviewFacts
from chorus_gui.core.config.model import Config
from chorus_gui.core.job import Outcome, OutcomeKind
from chorus_gui.core.model import Grade
from chorus_gui.core.review.values import Branch, Query, TreeNode
from chorus_gui.ui import hold_intents, intents, words
from chorus_gui.ui.dialogs.approve import ApprovalChoice, ApproveDialog
from chorus_gui.ui.models.tree import title
from chorus_gui.ui.pages import Page, Services
from chorus_gui.ui.pages.review_changed import ChangedBar
from chorus_gui.ui.pages.review_details import destination, site_file
from chorus_gui.ui.pages.review_head import ReviewHead
from chorus_gui.ui.pages.review_notices import Notices, NoticeView
from chorus_gui.ui.pages.review_parts import ScanBar, Tiles
from chorus_gui.ui.pages.review_pending import PendingArea
from chorus_gui.ui.pages.review_questions import (
    ask_again,
    ask_hold,
    ask_hold_node,
    ask_hold_patient,
    ask_mark_deleted,
    ask_release_patients,
    is_whole_patient,
    read_and_ask_undo,
    what_is_shown_of,
)
from chorus_gui.ui.pages.review_table import ChangesArea
from chorus_gui.ui.pages.review_words import empty_words, lead, notices, pending_versions, scripted, why_not_approve, why_not_scan
from chorus_gui.ui.shown import plain_text
from chorus_gui.ui.state import JobKind, JobProgress, SessionState
from chorus_gui.ui.theme import SPACE
from chorus_gui.ui.widgets.basics import EmptyState, column
from chorus_gui.ui.widgets.files import ask_open, ask_save
from chorus_gui.ui.widgets.footer import taken_by_footer
from chorus_gui.ui.widgets.scrolling import Stack

CSV = "Comma-separated values (*.csv)"
HOLDS = "Held-back lists (*.toml)"
COMPACT_BELOW = 640
LOW_BELOW = 440
"""A screen of 1366×768 at 125 % leaves less to the page: the list needs what is above it; pixels."""
LIST_LEAST = 352
"""Space for the filters, the headings and eight changes: with messages above them, a small screen scrolls; pixels."""
SHOW_ALL = "Show all changes"


class ReviewPage(Page):
    """The page.  What it shows comes from the state; rows come through the readers."""

    def __init__(self, services: Services) -> None:
        super().__init__()
        self._reader = services.reader
        self._state = SessionState()
        self._drawn: ReviewFacts | None = None
        self._config: Config | None = None
        self._theme = ""
        self._reasons: list[str] = []
        self._only, self._places = "", tuple[str, ...]()
        self._branch: Branch | None = None
        self.scan = ScanBar()
        self.head = ReviewHead(self.scan)
        self.lead, self.approve = self.head.lead, self.head.approve
        self.notices = Notices()
        self.changed = ChangedBar()
        self.tiles = Tiles()
        self.area = ChangesArea(services)
        self.pending = PendingArea(services)
        self.lists = Stack()
        self.lists.addWidget(self.area)
        self.lists.addWidget(self.pending)
        self.lists.setMinimumHeight(LIST_LEAST)
        self.empty = EmptyState("review", "", "")
        body = QWidget()
        self._inside = column(self.changed, self.tiles, self.lists, space=SPACE + 4)
        self._inside.setStretch(2, 1)
        body.setLayout(self._inside)
        self.stack = Stack()
        self.stack.addWidget(self.empty)
        self.stack.addWidget(body)
        whole = column(self.head, self.notices, self.stack, space=2 * SPACE, margins=(24, 20, 24, 24))
        whole.setStretch(2, 1)
        self._whole = whole
        self.set_content(whole)
        QShortcut(QKeySequence("Ctrl+Return"), self, self._approve)
        QShortcut(QKeySequence(QKeySequence.StandardKey.Undo), self, self._undo_hold)
        self._connect()

    def _connect(self) -> None:
        area = self.area
        self.approve.clicked.connect(self._approve)
        self.scan.scan.connect(lambda mode, modalities: self.intent.emit(intents.Scan(mode, modalities)))
        self.scan.choice.connect(lambda mode, modalities: self.intent.emit(intents.ChooseScan(mode, modalities)))
        self.scan.cancel.connect(lambda: self.intent.emit(intents.CancelJob(self._scan_job())))
        self.notices.acted.connect(self._notice)
        self.tiles.changed.connect(self._tile_changed)
        self.changed.changed.connect(lambda: self.tiles.press_only(()))
        self.empty.acted.connect(self._empty_acted)
        self.pending.back.connect(self._show_all)
        area.undo.undo.connect(self._undo_hold)
        area.filtered.connect(self._filter)
        area.show_all.connect(self._show_all)
        area.hold.connect(self._hold)
        area.hold_patient.connect(lambda patient: ask_hold_patient(self, self._config, patient, self._reasons))
        area.hold_node.connect(self._hold_node)
        area.release_node.connect(self._release_node)
        area.show_node.connect(self._show_node)
        area.folders.toggled.connect(self._leave_node)
        area.mark_deleted.connect(self._mark_deleted)
        area.release.connect(self._release)
        area.export.connect(self._export)
        area.export_holds.connect(lambda: self._save("Export the held-back list", "held-back.toml", HOLDS, intents.ExportHolds))
        area.import_holds.connect(self._import_holds)
        area.open_file.connect(self._open_file)
        self.addAction(area.find_action)  # Ctrl+F, wherever on the page the focus is

    # --- rendering --------------------------------------------------------------------------------------------------

    def render(self, state: SessionState) -> None:
        """Draw the state."""
        before, self._state = self._state, state
        if state.config_file != before.config_file:
            self.notices.forget()
            self._reasons = []
        if state.config is not None and state.config is not self._config:
            self._show_config(state.config)
        if state.preferences.theme != before.preferences.theme:
            self.tiles.dress()
        scanning = state.busy_with(JobKind.SCAN)
        self.scan.show_choice(state.scan)
        self.head.show_scan(configured=state.config is not None, reviewed=state.review is not None and not scanning)
        self.scan.show_running(running=scanning, cancelling=any(j.cancelling for j in state.jobs if j.kind is JobKind.SCAN))
        stale = state.review is not None and bool(state.review.stale)
        why_not = why_not_scan(state)
        self.scan.show_ready(ready=not why_not, why_not=why_not, primary=state.review is not None and stale)
        self.area.set_review(busy=state.busy, held=state.review is not None and state.review.summary.excluded > 0)
        self.area.show_undo(state.undo, busy=state.busy)
        self._show_approve(state)
        self.notices.show_notices(() if scanning else self._notices(), busy=state.busy)
        if state.review is not self._drawn:
            self._show_review(state.review)
        self._show_body(state, scanning=scanning)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """In a low window the table is more important than large tiles."""
        super().resizeEvent(event)
        room = self.height() + taken_by_footer(self)
        compact, low = room < COMPACT_BELOW, room < LOW_BELOW
        self.head.set_space(compact=compact, low=low)
        self.tiles.set_compact(compact=compact, low=low)
        self.notices.set_compact(compact=compact)
        self._whole.setSpacing(SPACE if compact else 2 * SPACE)
        self._inside.setSpacing(SPACE if low else SPACE + 4)

    def progress(self, progress: JobProgress) -> None:
        """Live counts of a scan."""
        if progress.job.kind is JobKind.SCAN and progress.job.key == self._state.key:
            self.scan.show_progress(progress)

    def show_topic(self, topic: str) -> None:
        """A tile's name: select only that one.  "rule:P1": only the files that the readiness check found by this rule; "path:…": only this file."""
        if topic in self.tiles.tiles or topic == "pending":
            self.tiles.press_only([topic])
        elif topic.startswith("path:"):
            self._show_only("the chosen image", (topic.removeprefix("path:"),))
        elif topic.startswith("rule:") and self._config is not None:
            rule = topic.removeprefix("rule:")
            asked = partial(places, self._config, rule)
            self._reader.ask(self, asked, partial(self._show_rule, rule), channel="rule")

    def _show_rule(self, rule: str, outcome: Outcome[Any]) -> None:
        if outcome.kind is OutcomeKind.DONE and outcome.value:
            self._show_only(f"the files of rule {rule}", tuple(outcome.value))

    def _show_only(self, what: str, paths: tuple[str, ...]) -> None:
        self._show_all()
        self.area.folders.setChecked(False)
        self._only, self._places = what, paths
        self._filter()
        self.notices.show_notices(self._notices(), busy=self._state.busy)

    def _notices(self) -> list[NoticeView]:
        text = f"The table shows only {self._only}, if a submission would change anything of it."
        shown = [NoticeView(Grade.INFO, text, SHOW_ALL, None, "Remove the filter", pinned=True)]
        return [*(shown if self._only else []), *notices(self._state)]

    def _show_config(self, config: Config) -> None:
        if self._config is None or self._config.file != config.file:
            self._show_all()  # the filters of another site would hide this one's changes
        self._config = config
        self.scan.show_config(config)
        self.area.details.show_config(config)
        self.area.model.destination = partial(destination, config)
        self.area.show_modalities(config.modalities)

    def _show_approve(self, state: SessionState) -> None:
        review, why_not = state.review, why_not_approve(state)
        text = "&Generate batch file…" if scripted(state) else "&Approve…"
        if self.approve.text() != text:
            self.approve.setText(text)
            self.approve.setAccessibleName(text.replace("&", ""))
        self.approve.setEnabled(not why_not)
        self.approve.setVisible(review is not None)
        found = f"Show a summary of {words.count_of(review.to_do_total.files, 'change')}, then approve (Ctrl+Enter)" if review else ""
        self.approve.setToolTip(plain_text(why_not or found))

    def _show_review(self, review: ReviewFacts | None) -> None:
        self._drawn = review
        pressed = self.changed.part
        self.changed.show_changed(review.changed if review else None)
        if self.changed.part is not pressed:
            self._filter()  # the last change of the part is gone
        self.tiles.show_summary(review.summary if review else None, review.scanned_us if review else 0)
        self.tiles.show_pending(review.pending if review else None)
        self.area.show_review((review.path, review.revision) if review else None)
        self._show_list()
        self.lead.set_full(lead(review) if review else "Find out what changed on the site since the last submission.")
        if review is None:
            self.area.details.clear()
            return
        if not self._state.busy_with(JobKind.SCAN):
            self.scan.say("")
        if self._config is not None:
            self._reader.ask(self, partial(reasons, self._config.journal.local), self._take_reasons, channel="reasons")

    def _show_list(self) -> None:
        """The pending files if their tile is selected, or if there is nothing else; otherwise the changes."""
        review, tiles = self._drawn, self.tiles
        waits = review is not None and bool(review.pending.parts)
        alone = waits and not any(tile.isEnabled() for tile in tiles.tiles.values())
        if (alone and not tiles.pressed("pending")) or (tiles.pressed("pending") and not waits):
            tiles.press_only(("pending",) if alone else ())
            return
        self.pending.changes.setVisible(not alone)
        wanted = tiles.pressed("pending")
        self.lists.setCurrentWidget(self.pending if wanted else self.area)
        self.pending.model.show_review((review.path, review.revision) if review is not None and wanted else None)

    def _show_body(self, state: SessionState, *, scanning: bool) -> None:
        review = state.review
        something = review is not None and (any(tile.isEnabled() for tile in self.tiles.tiles.values()) or bool(review.pending.parts))
        if something and not scanning:
            self.stack.setCurrentIndex(1)
            return
        self.stack.setCurrentIndex(0)
        title, text, action = empty_words(state, scanning=scanning)
        self.empty.say(title, text, action)
        self.empty.action.setEnabled(not action or state.config is None or not why_not_scan(state))

    # --- what a person does -----------------------------------------------------------------------------------------

    def _scan_job(self) -> int | None:
        return next((job.id for job in self._state.jobs if job.kind is JobKind.SCAN and job.key == self._state.key), None)

    def _empty_acted(self) -> None:
        if self._state.config is None:
            self.intent.emit(intents.ShowPage("configuration"))
        else:
            self.scan.ask()

    def _notice(self, view: NoticeView) -> None:
        if isinstance(view.intent, intents.Scan):
            self.scan.ask()
        elif view.intent is not None:
            self.intent.emit(view.intent)
        elif view.action == SHOW_ALL:
            self._show_all()
        else:
            self._undo()

    def _undo_hold(self) -> None:
        if self._state.config is not None and not self._state.busy:
            self.intent.emit(hold_intents.UndoHold())

    def _undo(self) -> None:
        if self._config is not None:
            read_and_ask_undo(self, self._reader, self._config.journal.local, *pending_versions(self._state)[0])

    def _tile_changed(self) -> None:
        """A tile and a part of the sentence do not filter together."""
        if self.tiles.any_pressed:
            self.changed.press(None)
        self._filter()

    def _filter(self) -> None:
        self._show_list()
        tiles = self.tiles
        excluded = True if tiles.pressed("held") else self._counted()
        query = Query(kinds=tiles.kinds, renamed=tiles.pressed("renamed"), litter=tiles.pressed("litter"), once=True, excluded=excluded)
        self.area.ask(replace(query, paths=self._places, part=self.changed.part, branch=self._branch))

    def _counted(self) -> bool | None:
        """A tile that is pressed shows what it counts: nothing that is held back."""
        shown = self.tiles.kinds or self.tiles.pressed("renamed") or self.tiles.pressed("litter") or self.changed.part
        return False if shown else None

    def _show_all(self) -> None:
        self._only, self._places, self._branch = "", (), None
        self.changed.press(None)
        self.area.clear_filters()
        self.tiles.press_only(())
        self.notices.show_notices(self._notices(), busy=self._state.busy)

    def _hold(self) -> None:
        ids, review = tuple(self.area.selected()), self._state.review
        if ids and review is not None:
            self._reader.ask(self, partial(holdable, review.path, ids), partial(self._ask_hold, review, ids), channel="hold")

    def _ask_hold(self, review: ReviewFacts, ids: tuple[int, ...], outcome: Outcome[Any]) -> None:
        if outcome.error is not None:
            ask_again(self, outcome.error, self._hold)
        elif outcome.kind is OutcomeKind.DONE and self._still(review):
            if outcome.value:
                ask_hold(self, self._config, ids, outcome.value, self._reasons)
            else:
                self.area.shown.setText("None of the selected lines can be held back now.")

    def _release(self) -> None:
        ids, review = tuple(self.area.selected()), self._state.review
        if ids and review is not None and self._config is not None:
            asked = partial(releasing, self._config.journal.local, review.path, ids)
            self._reader.ask(self, asked, partial(self._ask_release, review, ids, self.area.selected_patients()), channel="held")

    def _ask_release(self, review: ReviewFacts, ids: tuple[int, ...], named: set[str | None], outcome: Outcome[Any]) -> None:
        """A patient who is held back as a whole cannot be released in part: ask, unless the heading of the patient is selected."""
        found: Releasing | None = outcome.value
        if outcome.error is not None:
            ask_again(self, outcome.error, self._release)
        elif found is not None and self._still(review):
            release = partial(self.intent.emit, intents.Release(ids, found.changes))
            if not named.issuperset(found.patients):
                ask_release_patients(self, found.patients, "the selected lines", release)
            else:
                release()

    def _still(self, review: ReviewFacts) -> bool:
        """What was asked about ``review`` can be done: it is still the one that is shown, and no job changes it."""
        now = self._state.review
        same = now is not None and now.revision == review.revision and not self._state.busy
        if not same:
            self.area.shown.setText("The review has changed meanwhile. Select the lines again.")
        return same

    def _hold_node(self, node: TreeNode) -> None:
        review, query = self.area.tree_model.shown
        if review is not None and not self._state.busy:
            ask_hold_node(self, self._config, node, (review[1], query), self._reasons)

    def _release_node(self, node: TreeNode) -> None:
        """A patient who is held back as a whole cannot be released in part: ask, unless the box is the one of the whole patient."""
        review, shown = self.area.tree_model.shown
        if review is None or self._state.busy or self._config is None:
            return
        (path, revision), query = review, replace(shown, branch=node.branch)
        named = {node.branch.patient} if is_whole_patient(node, shown) else set[str | None]()

        def release() -> None:
            self.intent.emit(hold_intents.ReleaseFound(revision, query, node.held))

        def answered(outcome: Outcome[Any]) -> None:
            if outcome.kind is OutcomeKind.DONE and set(outcome.value or ()) <= named:
                release()
            elif outcome.kind is OutcomeKind.DONE:
                ask_release_patients(self, outcome.value or [], what_is_shown_of(node), release)
            elif outcome.error is not None:
                ask_again(self, outcome.error, partial(self._release_node, node))

        self._reader.ask(self, partial(released_patients, self._config.journal.local, path, query), answered, channel="held")

    def _show_node(self, node: TreeNode) -> None:
        """The same filters, and only what is below this node, as a list."""
        self.area.folders.setChecked(False)
        self._only, self._branch = (
            title(node) if node.branch == Branch(node.branch.patient) else node.branch.folder.rstrip("/") or title(node),
            node.branch,
        )
        self._filter()
        self.notices.show_notices(self._notices(), busy=self._state.busy)
        self.area.view.setFocus()

    def _leave_node(self, on: bool) -> None:
        """The tree shows what is around the node, too."""
        if on and self._branch is not None:
            self._only, self._branch = "", None
            self._filter()
            self.notices.show_notices(self._notices(), busy=self._state.busy)

    def _mark_deleted(self) -> None:
        if ids := tuple(self.area.selected()):
            ask_mark_deleted(self, ids)

    def _open_file(self) -> None:
        change = self.area.current()
        if change is not None and self._config is not None and (file := site_file(self._config, change)) is not None:
            self.intent.emit(intents.OpenPath(file, select=True))

    def _export(self) -> None:
        query = self.area.model.query
        self._save("Export the changes in the table", "changes.csv", CSV, lambda file: intents.ExportChanges(file, query))

    def _save(self, title: str, name: str, kinds: str, make: Callable[[Path], intents.Intent]) -> None:
        file, _ = ask_save(self, title, name, kinds)
        if file:
            self.intent.emit(make(file))

    def _import_holds(self) -> None:
        if file := ask_open(self, "Import a held-back list", HOLDS):
            self.intent.emit(intents.ImportHolds(file))

    def _approve(self) -> None:
        review = self._state.review
        if review is None or why_not_approve(self._state):
            return
        if review.to_do_total.files or not scripted(self._state):
            show = partial(self.intent.emit, intents.ShowPage("readiness", "leaks"))
            ApproveDialog(self, self._state, review, partial(self._approved, review.revision), show).open()
        else:
            self.intent.emit(intents.ShowScript())

    def _approved(self, revision: int, choice: ApprovalChoice) -> None:
        approve = intents.Approve(revision, choice.version, choice.amend, choice.record_only, choice.allow_deletions, choice.pending)
        if choice.script:
            self.intent.emit(intents.ShowScript(approve=approve))
            return
        self.intent.emit(approve)
        self.intent.emit(intents.ShowPage("upload"))

    def _take_reasons(self, outcome: Outcome[Any]) -> None:
        if outcome.kind is OutcomeKind.DONE:
            self._reasons = outcome.value or []


def make(services: Services) -> Page:
    """The page."""
    return ReviewPage(services)
