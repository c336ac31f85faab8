"""Overview: the four steps of a submission, the next one, and what the journal holds."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QBoxLayout,
    QGridLayout,
    QSizePolicy,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from chorus_gui.app.custody import Choice
from chorus_gui.app.custody import State as Custody
from chorus_gui.app.receipts import TITLES
from chorus_gui.app.site_status import RECOVER, Action, Progress, SiteStatus, Step
from chorus_gui.app.values import CustodyFacts, ReceiptFacts
from chorus_gui.core.model import Grade, Tally
from chorus_gui.ui import intents, theme, words
from chorus_gui.ui.in_window import in_window
from chorus_gui.ui.pages import Page, Services
from chorus_gui.ui.pages.history_parts import bars, version_lines
from chorus_gui.ui.shown import plain_text
from chorus_gui.ui.state import SessionState
from chorus_gui.ui.status import status_of
from chorus_gui.ui.theme import SPACE
from chorus_gui.ui.widgets import icons
from chorus_gui.ui.widgets.basics import Card, ElidedLabel, EmptyState, Picture, button, column, label, row, scrolled, set_grade
from chorus_gui.ui.widgets.charts import BarChart
from chorus_gui.ui.widgets.scrolling import scrolled_if_low
from chorus_gui.ui.widgets.sites import TITLE as SITES
from chorus_gui.ui.widgets.sites import SiteList
from chorus_gui.ui.widgets.steady import Steady
from chorus_gui.ui.widgets.tab_order import first_control
from chorus_gui.ui.widgets.tables import dress_columns, set_widths

VERSIONS_SHOWN = 24
TABLE_LEAST = 476
"""The least width of the table, so that there is space for the names of modalities; pixels."""
RUNS_SHOWN = 4


OFFERS = {
    Choice.GO_ON: "Keep checked out",
    Choice.CHECK_IN: "Check in",
    Choice.TAKE_OVER: "Take over…",
    Choice.SET_ASIDE: "Set aside…",
}
"""What can be decided about the journal → its button."""
ICONS = {
    Progress.DONE: ("good", "good"),
    Progress.NOW: ("arrow", "accent"),
    Progress.LATER: ("history", "muted"),
    Progress.STOPPED: ("warning", "warning"),
}
"""How far a step is → its icon and the icon's colour."""
SPOKEN = {Progress.DONE: "done", Progress.NOW: "now", Progress.LATER: "later", Progress.STOPPED: "needs attention"}


def intent_of(step: Step) -> intents.Intent | None:
    """What a step's button asks for; None: it has no button."""
    if not step.label:
        return None
    return {
        Action.CORRECT_CONFIGURATION: intents.ShowPage("configuration"),
        Action.ENTER_TOKEN: intents.ShowPage("configuration", "credentials"),
        Action.TRY_AGAIN: intents.Refresh(),
        Action.CHECK_OUT: intents.CheckOut(),
        Action.RECOVER_JOURNAL: intents.DecideHistory(),
        Action.DECIDE_CUSTODY: intents.ShowPage("overview", "custody"),
        Action.SCAN: intents.Scan(),
        Action.REVIEW: intents.ShowPage("review"),
        Action.SUBMIT_FOUND: intents.Scan(),  # the command line keeps no review that the window can show
        Action.SHOW_PROGRESS: intents.ShowPage("upload"),
        Action.UPLOAD: intents.UploadPending(),
        Action.RESUME: intents.RetryFailed(),
        Action.MAKE_SCRIPT: intents.ShowPage("upload"),
        Action.VERIFY: intents.Verify(step.version),
        Action.REPAIR: intents.Repair(),
        Action.MARK_COMPLETE: intents.UploadPending(step.version),  # without pending files it writes the marker
        Action.SEE_VERIFICATION: intents.ShowPage("verify"),
        Action.CHECK_IN: intents.CheckIn(),
    }.get(step.action)


class Offer(NamedTuple):
    """What can be decided about the journal: a sentence, what the button beside it says, and what it asks for.  Without a button: only the sentence."""

    text: str
    action: str = ""
    intent: intents.Intent | None = None


def offers_of(custody: CustodyFacts) -> tuple[Offer, ...]:
    """All that can be decided; nothing, if nothing has to be."""
    decide = {Choice.SET_ASIDE: intents.AskSetAside()}
    made = [Offer(text, OFFERS[Choice(one)], decide.get(Choice(one), intents.Recover(one))) for one, text in custody.offers]
    if custody.less is not None:
        made.append(Offer(custody.detail, RECOVER, intents.DecideHistory()))
    if custody.state in (Custody.LOCKED, Custody.FOREIGN, Custody.CHANGED) and not custody.offers:
        made.append(Offer(custody.detail, "Check again", intents.Refresh()))
        if custody.can_unlock:
            made.append(Offer("If nobody works on it, unlock it with Journal → Unlock. You see first what can go wrong."))
    return tuple(made)


class StepCard(Card):
    """One step."""

    def __init__(self, number: int) -> None:
        self._icon = Picture(20)
        self._name = label("", "heading", wrap=True)
        self._text = label("", "muted", wrap=True)
        self._text.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._number = label(f"{number}", "muted")
        head = row(self._icon, self._name, self._number)
        head.setStretch(1, 1)
        super().__init__(column(head, self._text, space=SPACE))
        self.setMinimumHeight(118)

    def show_step(self, step: Step, *, now: bool) -> None:
        """Draw it."""
        self._icon.show_icon(*ICONS[step.progress])
        self._name.setText(step.name)
        self._text.setText(step.text)
        self.set_now(now=now)
        self.setAccessibleName(f"{step.name}: {SPOKEN[step.progress]}. {in_window(step.text)}")


class OverviewPage(Page):
    """Where a coordinator starts."""

    def __init__(self, services: Services) -> None:
        super().__init__()
        self._intent: intents.Intent | None = None
        self._drawn: SessionState | None = None
        self._painted = theme.current()
        self.title = label("", "title")
        self.lead = label("", "muted", wrap=True)
        self.primary = button("", primary=True)
        self.primary.setObjectName("what_next")
        self.primary.clicked.connect(self._go)
        self.cards = [StepCard(number + 1) for number in range(4)]
        self._offers = Card(column(label("The journal needs a decision", "heading")))
        self._offer_rows = column(space=SPACE)
        self._offers.layout().addLayout(self._offer_rows)  # type: ignore[union-attr]
        self._steady = Steady(self._offers)
        self._offered: tuple[Offer, ...] = ()
        self._busy = False
        self._choices: list[tuple[Offer, QWidget]] = []
        self.table = _table()
        self.chart = BarChart("Files by version")
        self._runs = QWidget()
        self._run_rows = column(space=SPACE // 2)
        self._runs.setLayout(self._run_rows)
        self._body = QWidget()
        self._empty = EmptyState(
            "folder",
            "No configuration is open",
            "A configuration says where your site's files are, and where they are uploaded to. Set up your site, open a configuration, or try the demo site.",
            "Set up this site",
        )
        self._empty.acted.connect(lambda: self.intent.emit(intents.ShowPage("configuration", "assistant")))
        self._demo = button("Try the demo site", "Make a small demo site in a temporary folder; nothing leaves this computer")
        self._demo.clicked.connect(lambda: self.intent.emit(intents.OpenDemo()))
        self.sites = SiteList(services.checker or services.reader)
        self.sites.intent.connect(self.intent)
        self._sites_card = Card(column(label(SITES, "heading"), self.sites, space=SPACE))
        self._first = QWidget()
        first = column(None, self._empty, row(None, self._demo, None), None, self._sites_card, space=SPACE, margins=(24, 20, 24, 24))
        self._first.setLayout(column(scrolled_if_low(first), space=0))
        self._layout()

    def _layout(self) -> None:
        grid = QGridLayout()
        grid.setSpacing(2 * SPACE)
        for number, card in enumerate(self.cards):
            grid.addWidget(card, 0, number)
            grid.setColumnStretch(number, 1)
        modalities = Card(column(label("In the journal", "heading"), self.table, None, space=SPACE))
        versions = Card(column(label("Files by version", "heading"), self.chart, space=SPACE))
        runs = Card(column(label("Last runs", "heading"), self._runs, space=SPACE))
        below = row(modalities, versions, space=2 * SPACE)
        below.setStretch(0, 3)
        below.setStretch(1, 2)
        head = row(column(self.title, self.lead, space=SPACE // 2), 2 * SPACE, self.primary)
        head.setStretch(0, 1)
        self._body.setLayout(column(head, grid, self._offers, below, runs, None, space=2 * SPACE, margins=(24, 20, 24, 24)))
        self._body_area = scrolled(self._body, "Overview")
        self.setLayout(column(self._body_area, self._first))

    def render(self, state: SessionState) -> None:
        """Draw the state."""
        drawn, self._drawn = self._drawn, state
        painted, self._painted = self._painted, theme.current()
        has_config = state.config is not None
        self._body_area.setVisible(state.config_file is not None)
        self._first.setVisible(state.config_file is None)
        self._sites_card.setVisible(bool(state.sites))
        self.sites.render(state)
        status = status_of(state)
        if status is None:
            return
        self._render_status(status, busy=state.busy)
        if not has_config:
            self._render_faulty()
            return
        for card, view in zip(self.cards, status.steps, strict=True):
            card.show()
            card.show_step(view, now=view.progress in (Progress.NOW, Progress.STOPPED))
        fresh = drawn is None or drawn.config is None or drawn.config_file != state.config_file
        self._render_offers(offers_of(state.custody), busy=state.busy, fresh=fresh)
        if drawn is None or drawn.journal is not state.journal or drawn.config is not state.config or painted != self._painted:
            self._render_journal(state)
        if drawn is None or fresh or drawn.receipts is not state.receipts:
            self._render_runs(state)

    def show_topic(self, topic: str) -> None:
        """ "custody": show what can be decided about the journal."""
        if topic == "custody":
            self._body_area.ensureWidgetVisible(self._offers)
            if (offer := first_control(self._offers)) is not None:
                offer.setFocus(Qt.FocusReason.OtherFocusReason)

    def _render_status(self, status: SiteStatus, *, busy: bool) -> None:
        self._intent = intent_of(status.next)
        self.title.setText(status.headline)
        self.lead.setText(" ".join((status.text, *status.warnings)))
        set_grade(self.lead, status.grade if status.grade in (Grade.BAD, Grade.WARNING, Grade.GOOD) else None)
        self._say(status.next.label, enabled=self._intent is not None and (not busy or isinstance(self._intent, intents.ShowPage)))

    def _render_faulty(self) -> None:
        for card in self.cards:
            card.hide()
        self._render_offers((), busy=False, fresh=True)
        self.table.setRowCount(0)
        self.chart.show_bars((), ())

    def _say(self, action: str, *, enabled: bool) -> None:
        self.primary.setVisible(bool(action))
        self.primary.setText(action)
        self.primary.setAccessibleName(action)
        self.primary.setToolTip(plain_text(action if enabled else "A job is running. Wait until it has finished."))
        self.primary.setEnabled(enabled)

    def _go(self) -> None:
        if self._intent is not None:
            self.intent.emit(self._intent)

    def _render_offers(self, offers: tuple[Offer, ...], *, busy: bool, fresh: bool) -> None:
        """``fresh``: of another site, so those that are shown must not be seen any longer."""
        same, self._offered, self._busy = offers == self._offered, offers, busy
        if fresh:
            self._steady.now(partial(self._show_offers, offers))
        elif not same:
            self._steady.soon(partial(self._show_offers, offers))
        self._steady.set_working(self._choices, offers, busy=busy)

    def _show_offers(self, offers: Sequence[Offer]) -> None:
        _clear(self._offer_rows)
        self._choices = []
        for offer in offers:
            self._offer_rows.addWidget(self._offer(offer) if offer.action else label(offer.text, "muted", wrap=True))
        self._steady.set_working(self._choices, self._offered, busy=self._busy)
        self._offers.setVisible(bool(offers))

    def _offer(self, offer: Offer) -> QWidget:
        made = QWidget()
        choose = button(offer.action, offer.text)
        choose.clicked.connect(lambda: self.intent.emit(offer.intent))
        self._choices.append((offer, choose))
        line = row(label(offer.text, wrap=True), choose, space=2 * SPACE)
        line.setStretch(0, 1)
        made.setLayout(line)
        return made

    def _render_journal(self, state: SessionState) -> None:
        config, journal = state.config, state.journal
        assert config is not None
        found = {count.modality: count for count in journal.modalities} if journal else {}
        names = [*config.modalities, *(name for name in found if name not in config.modalities)]
        total, pending = Tally(), Tally()
        rows: list[tuple[str, ...]] = []
        for name in names:
            count = found.get(name)
            if count is None:
                rows.append((name, "–", "–", "–", "–"))
                continue
            total += Tally(count.active, count.active_bytes)
            pending += Tally(count.pending, count.pending_bytes)
            waiting = f"{words.number(count.pending)} ({words.size(count.pending_bytes)})" if count.pending else "–"
            rows.append((name, words.number(count.active), words.size(count.active_bytes), waiting, words.stamp(count.last_upload)))
        if total.files:
            waiting = f"{words.number(pending.files)} ({words.size(pending.bytes)})" if pending.files else "–"
            rows.append(("Total", words.number(total.files), words.size(total.bytes), waiting, ""))
        _fill(self.table, rows)
        self._render_chart(names, state)

    def _render_runs(self, state: SessionState) -> None:
        _clear(self._run_rows)
        for receipt in state.receipts[:RUNS_SHOWN]:
            self._run_rows.addWidget(self._run(receipt))
        if not state.receipts:
            self._run_rows.addWidget(label("No receipts yet. Every submission adds one.", "muted"))

    def _run(self, receipt: ReceiptFacts) -> QWidget:
        grade = Grade.GOOD if receipt.clean else Grade.WARNING
        mark = Picture(16, grade.value, grade)
        lines = [TITLES.get(receipt.kind, receipt.kind), words.moment(receipt.ended_us)]
        lines += [f"version {', '.join(receipt.versions)}"] if receipt.versions else []
        lines += [f"{words.files_and_size(receipt.uploaded)} uploaded"] if receipt.uploaded.files else []
        show = button("Open receipt", f"Open the receipt of {words.moment(receipt.ended_us)}", flat=True)
        show.clicked.connect(lambda: self.intent.emit(intents.OpenPath(receipt.page)))
        made = QWidget()
        what = ElidedLabel(" · ".join(lines), mode=Qt.TextElideMode.ElideRight)
        what.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Preferred)
        made.setLayout(row(mark, what, label(receipt.headline, "muted"), None, show))
        return made

    def _render_chart(self, names: list[str], state: SessionState) -> None:
        self.chart.show_bars(names, bars(version_lines(state.journal)[:VERSIONS_SHOWN], names))


def _clear(rows: QBoxLayout) -> None:
    while rows.count():
        item = rows.takeAt(0)
        if item is not None and (widget := item.widget()) is not None:
            widget.hide()
            widget.deleteLater()


def _table() -> QTableWidget:
    made = QTableWidget(0, 5)
    for place, name in enumerate(("Modality", "Files", "Size", "Pending", "Last upload")):
        item = QTableWidgetItem(name)
        side = Qt.AlignmentFlag.AlignRight if 1 <= place <= 3 else Qt.AlignmentFlag.AlignLeft
        item.setTextAlignment(side | Qt.AlignmentFlag.AlignVCenter)
        made.setHorizontalHeaderItem(place, item)
    made.setAccessibleName("Files in the journal by modality")
    made.verticalHeader().hide()
    made.verticalHeader().setDefaultSectionSize(theme.ROW)
    made.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    made.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
    made.setTabKeyNavigation(False)
    made.setMinimumWidth(TABLE_LEAST)
    made.setShowGrid(False)
    made.setWordWrap(False)
    made.horizontalHeader().setMinimumSectionSize(48)
    made.horizontalHeader().setHighlightSections(False)
    made.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
    made.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    dress_columns(made, "Files in the journal by modality", stretch=0)
    set_widths(made, {0: "Waveforms" + 5 * " ", 1: "1,000,000", 2: "888.8 GB", 3: "100,000", 4: "30/12/2026 23:59"})
    return made


def _fill(table: QTableWidget, rows: list[tuple[str, ...]]) -> None:
    table.setRowCount(len(rows))
    for number, cells in enumerate(rows):
        for place, text in enumerate(cells):
            item = QTableWidgetItem(text)
            if 1 <= place <= 3:
                item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            if cells[0] == "Total":
                font = item.font()
                font.setBold(True)
                item.setFont(font)
            elif place == 0 and text in icons.MODALITY_ICONS:
                item.setIcon(icons.icon(icons.MODALITY_ICONS[text], theme.current().muted))
            table.setItem(number, place, item)
    table.setFixedHeight(table.horizontalHeader().sizeHint().height() + len(rows) * theme.ROW + 2 * table.frameWidth() + 2)


def make(services: Services) -> Page:
    """The page."""
    return OverviewPage(services)
