"""The charts of the History page: one at a time, with its values in a table, to be saved as CSV or as a picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from operator import is_
from typing import Any

from PySide6.QtCore import QModelIndex, Signal
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QComboBox, QWidget

from chorus_gui.app.charts import TITLES, Chart, Line, charts
from chorus_gui.core.config.model import Config
from chorus_gui.core.job import Outcome, OutcomeKind
from chorus_gui.ui import words
from chorus_gui.ui.intents import Intent
from chorus_gui.ui.jobs import Reader
from chorus_gui.ui.models.rows import Column, RowsModel
from chorus_gui.ui.pages.history_parts import version_name
from chorus_gui.ui.saving_intents import ExportChart, SavePicture
from chorus_gui.ui.state import SessionState
from chorus_gui.ui.theme import SPACE
from chorus_gui.ui.widgets.basics import EmptyState, button, column, label, row
from chorus_gui.ui.widgets.chart_painting import Drawing, Place
from chorus_gui.ui.widgets.files import ask_save
from chorus_gui.ui.widgets.remembering import remembered_of
from chorus_gui.ui.widgets.scrolling import Stack, scrolled_if_low
from chorus_gui.ui.widgets.tables import set_widths, sortable, table
from chorus_gui.ui.widgets.value_chart import ValueChart

CSV = "Comma-separated values (*.csv)"
PNG = "Pictures (*.png)"
MEANING = {
    "files": "The current files of each version, by modality.",
    "bytes": "The size of the current files of each version, by modality.",
    "growth": "The current files of the whole journal after each version.",
    "growth-bytes": "The size of the current files of the whole journal after each version.",
    "patients": "The patients of whom each version has current files.",
    "speed": "What each run uploaded, divided by its whole duration. A run also scans and hashes files.",
}
ONE = "There is one version so far. The line grows with the next one."
READING = ("The journal is being read", "A large journal takes some seconds.")
NO_SITE = ("No site is open", "Open or create a configuration that can be used.")
NO_VERSIONS = ("No versions yet", "Every submission adds a version. Scan the site to start one.")
NO_UPLOADS = ("No finished uploads yet", "Every run that uploads files adds its speed here.")
UNREADABLE = "The journal cannot be read"
_LINES = frozenset({"growth", "growth-bytes"})


def writer(chart: Chart) -> Callable[[int], str]:
    """How a value of the chart is written."""
    match chart.unit:
        case "bytes":
            return words.size
        case "bytes per second":
            return lambda value: words.rate(value) if value else "0 B/s"
        case _:
            return words.number


class ChartsTab(QWidget):
    """``intent``: what a button asks for."""

    intent = Signal(object)

    def __init__(self, reader: Reader) -> None:
        super().__init__()
        self._reader = reader
        self._state: SessionState | None = None
        self._asked: tuple[object, ...] = ()
        """what the charts on screen, or those that are being read, are of"""
        self._waiting = False
        self._charts: Mapping[str, Chart] = {}
        self._empty: tuple[str, str] | None = READING
        self._of: Config | None = None
        self.choice = QComboBox()
        self.choice.setAccessibleName("Chart")
        self.choice.setToolTip("Choose what is drawn")
        for name, title in TITLES.items():
            self.choice.addItem(title, name)
        self.meaning = label("", "muted", wrap=True)
        self.chart = ValueChart("Chart")
        self.model: RowsModel[Line] = RowsModel((), self)
        self.view = table(self.model, "Values of the chart", stretch=0)
        sortable(self.view)
        self.csv = button("E&xport as CSV…", "Save the values of the chart as CSV, for a spreadsheet", icon="save")
        self.png = button("Export as PN&G…", "Save the chart as a PNG file, for a document", icon="image")
        self.empty = EmptyState("history", *READING)
        self._stack = Stack()
        shown = QWidget()
        inside = column(self.chart, self.view, row(self.csv, self.png, None), space=SPACE)
        inside.setStretch(0, 3)
        inside.setStretch(1, 2)
        shown.setLayout(inside)
        self._stack.addWidget(shown)
        self._stack.addWidget(self.empty)
        head = row(self.choice, self.meaning, space=2 * SPACE)
        head.setStretch(1, 1)
        whole = column(head, self._stack, space=SPACE, margins=(0, 2 * SPACE, 0, 0))
        whole.setStretch(1, 1)
        self.setLayout(column(scrolled_if_low(whole), space=0))
        self.choice.currentIndexChanged.connect(lambda _: self._show())
        self.chart.chosen.connect(self._select)
        self.view.selectionModel().currentRowChanged.connect(self._selected)
        self.csv.clicked.connect(self._save_values)
        self.png.clicked.connect(self._save_picture)
        self._show()

    def render(self, state: SessionState) -> None:
        """Draw the state."""
        self._state = state
        if self.isVisible():
            self._ask()

    def showEvent(self, event: QShowEvent) -> None:
        """They take passes over the whole journal: they are read when they are shown, and only after a change."""
        super().showEvent(event)
        self._ask()

    def hideEvent(self, event: QHideEvent) -> None:
        """What nobody sees is not read to the end."""
        super().hideEvent(event)
        if self._waiting:
            self._reader.forget(self)
            self._waiting, self._asked = False, ()

    def _ask(self) -> None:
        state = self._state
        if state is None:
            return
        sources = (state.config, state.journal, state.receipts)
        if len(self._asked) == len(sources) and all(map(is_, sources, self._asked)):
            return
        if state.config is not self._of:  # what is shown is another site's
            self._of, self._charts, self._empty = state.config, {}, READING
            self._show()
        self._asked = sources
        if state.config is None:
            self._reader.forget(self)
            self._waiting = False
            self._charts, self._empty = {}, NO_SITE
            self._show()
        else:
            self._waiting = True
            self._reader.ask(self, partial(charts, state.config, state.receipts), self._answered, channel="charts")

    def _answered(self, outcome: Outcome[Any]) -> None:
        self._waiting = False
        if outcome.value is not None:
            self.show_charts(outcome.value)
        elif outcome.error is not None:
            self.show_error(f"{outcome.error.summary} {outcome.error.remedy}".strip())
        elif outcome.kind is OutcomeKind.CRASHED:
            self.show_error("The program made an error. The Log page has a report.")

    def show_charts(self, made: Mapping[str, Chart]) -> None:
        """Show these.  Nothing is shown without a usable configuration."""
        if made != self._charts or self._empty is not None:
            self._charts, self._empty = made, None
            self._show()

    def show_error(self, text: str) -> None:
        """The journal could not be read."""
        self._charts, self._empty = {}, (UNREADABLE, text)
        self._show()

    @property
    def name(self) -> str:
        """The chosen chart."""
        return str(self.choice.currentData())

    def _show(self) -> None:
        chart = self._charts.get(self.name)
        lines = chart.lines if chart is not None else ()
        few = len(lines) == 1 and self.name in _LINES
        self.meaning.setText(f"{MEANING[self.name]} {ONE}" if few else MEANING[self.name])
        self._stack.setCurrentIndex(0 if lines else 1)
        if chart is None or not lines:
            self.empty.say(*(self._empty or (NO_UPLOADS if self.name == "speed" else NO_VERSIONS)))
            self.chart.show_drawing(Drawing())
            self.model.show_rows(())
            return
        write = writer(chart)
        self.chart.setAccessibleName(TITLES[self.name])
        self.view.setAccessibleName(f"Values: {TITLES[self.name]}")
        self.chart.show_drawing(Drawing(chart.series, _places(chart), write, chart.name in _LINES))
        self.model.show_rows(())
        self.model.show_columns(())  # columns of the same names can write their values in another way
        self.model.show_columns(_columns(chart, write))
        self.model.show_rows(lines)
        remembered_of(self.view).sort_again()
        values = {number + 2: "10,000,000" for number in range(len(chart.series) + (len(chart.series) > 1))}
        set_widths(self.view, {0: "20260101000000", 1: "30/12/2026 23:59", **values})

    def _select(self, number: int) -> None:
        """A place of the chart was selected: its line in the table, too."""
        chart = self._charts[self.name]
        for place in range(self.model.rowCount()):
            if self.model.value(place) is chart.lines[number]:
                self.view.selectRow(place)

    def _selected(self, index: QModelIndex, _before: QModelIndex) -> None:
        chart, line = self._charts.get(self.name), self.model.value(index.row())
        numbers = [number for number, one in enumerate(chart.lines) if one is line] if chart is not None and line is not None else []
        self.chart.choose(numbers[0] if numbers else -1)

    def _save_values(self) -> None:
        file, _ = ask_save(self, "Save the values of the chart", f"{self.name}.csv", CSV)
        if file is not None:
            self._emit(ExportChart(self._charts[self.name], file))

    def _save_picture(self) -> None:
        file, _ = ask_save(self, "Save the chart as a picture", f"{self.name}.png", PNG)
        if file is not None:
            self._emit(SavePicture(self.chart.picture(TITLES[self.name]), file))

    def _emit(self, intent: Intent) -> None:
        self.intent.emit(intent)


def _places(chart: Chart) -> tuple[Place, ...]:
    """A short name for each place: its day; the day and the time if two have the same day, and the version if even that is the same."""
    ways: tuple[Callable[[Line], str], ...] = (
        lambda line: words.day(line.at_us) if line.at_us else version_name(line.name),
        lambda line: words.moment(line.at_us) if line.at_us else line.name,
        lambda line: line.name or words.moment(line.at_us),
    )
    for way in ways:
        days = list(map(way, chart.lines))
        if len(set(days)) == len(days):
            break
    fulls = [", ".join(part for part in (line.name, words.moment(line.at_us) if line.at_us else "") if part) for line in chart.lines]
    return tuple(Place(day, full, line.values) for day, full, line in zip(days, fulls, chart.lines, strict=True))


def _columns(chart: Chart, write: Callable[[int], str]) -> list[Column[Line]]:
    def of(number: int) -> Column[Line]:
        return Column(chart.series[number], lambda line: write(line.values[number]), lambda line: line.values[number], right=True)

    columns: list[Column[Line]] = [
        Column("Version", lambda line: line.name or "–", tip=lambda line: version_name(line.name)),
        Column("Time", lambda line: words.moment(line.at_us) if line.at_us else "–", lambda line: line.at_us),
        *(of(number) for number in range(len(chart.series))),
    ]
    if len(chart.series) > 1:
        columns.append(Column("All", lambda line: write(sum(line.values)), lambda line: sum(line.values), right=True))
    return columns
