"""Wherever the window shows the same thing twice, it shows the same number."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot
from world import World

from chorus_gui.app.values import CustodyFacts, JournalFacts
from chorus_gui.core.custody.state import State as Custody
from chorus_gui.core.job import Count, Snapshot
from chorus_gui.core.model import VersionCount
from chorus_gui.ui import words
from chorus_gui.ui.jobs import Reader
from chorus_gui.ui.models.progress import UploadRun
from chorus_gui.ui.pages import Services, history, overview, upload
from chorus_gui.ui.pages.history_parts import bar_names
from chorus_gui.ui.settings import Settings
from chorus_gui.ui.state import JobKind, JobProgress, JobView, SessionState
from chorus_gui.ui.widgets.charts import BarChart
from chorus_gui.ui.widgets.chrome import JobBar


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    readers = Reader("reader"), Reader("pager")
    yield Services(*readers, Settings(tmp_path / "window.ini"))
    for reader in readers:
        reader.stop()
        assert reader.wait(5000)


@pytest.fixture
def state(tmp_path: Path) -> SessionState:
    """A later version replaced 140 of 3,031 files."""
    world = World(tmp_path / "world")
    counts = (
        VersionCount("20261126144424", "Images", 2891, 200, 0, 0, 140, "20261126144524"),
        VersionCount("20261126150000", "Images", 160, 3000, 0, 0, 0, "20261126150100"),
    )
    journal = JournalFacts(world.journal, True, "", 2, ("20261126144424", "20261126150000"), counts)
    custody = CustodyFacts(Custody.MINE, "Checked out by you", may_write=True, can_check_in=True)
    return SessionState(config_file=world.file, config=world.config, journal=journal, custody=custody)


def test_a_version_has_one_number_in_both_charts_and_the_table(qtbot: QtBot, services: Services, state: SessionState) -> None:
    charts: list[str] = []
    for module in (overview, history):
        page = module.make(services)
        qtbot.addWidget(page)
        page.render(state)
        chart = page.chart  # type: ignore[attr-defined]
        assert isinstance(chart, BarChart)
        charts.append(chart.accessibleDescription())
    assert charts[0] == charts[1]
    assert charts[0] == "11-26 14:44: 2,891, 11-26 15:00: 160"


@pytest.mark.parametrize(
    ("versions", "names"),
    [
        (["20261126144424", "20261127144424"], ["2026-11-26", "2026-11-27"]),
        (["20261126144424", "20261126150000"], ["11-26 14:44", "11-26 15:00"]),
        (["20261126144424", "20261126144430"], ["20261126144424", "20261126144430"]),
        (["first", "20261126144424"], ["first", "2026-11-26"]),
        ([], []),
    ],
)
def test_bars_have_different_names(versions: list[str], names: list[str]) -> None:
    assert bar_names(versions) == names


def test_card_and_bar_show_one_rate_one_total_and_one_state(qtbot: QtBot, services: Services, state: SessionState) -> None:
    page, bar = upload.make(services), JobBar()
    for widget in (page, bar):
        qtbot.addWidget(widget)
    job = JobView(7, JobKind.SUBMIT, "Submit", state.key, True)
    run = UploadRun(7)

    def show(now: float, done: int, *, paused: bool = False) -> str:
        view = JobView(7, JobKind.SUBMIT, "Submit", state.key, True, paused)
        snapshot = Snapshot("upload", {"Images": Count(done, done * 1000, 0, 30, 30_000)}, (), 1000.0)
        run.feed(snapshot, now, paused=paused)
        progress = JobProgress(view, snapshot, run)
        shown = SessionState(config_file=state.config_file, config=state.config, jobs=(view,))
        page.render(shown)
        bar.render_state(shown)
        page._last_table = page._last_flight = -1e9  # type: ignore[attr-defined]
        page.progress(progress)
        bar.show_progress(progress)
        return bar._detail.full

    del job
    first = Snapshot("upload", {"OMOP": Count(1, 500, 0, 1, 500)}, (), 1.0)
    run.feed(first, 0.0)
    for now in range(1, 6):
        told = show(float(now), now)
    figures = page.view.figures  # type: ignore[attr-defined]
    assert figures["Speed"].text in told
    assert figures["Time left"].text in told
    assert figures["Files"].text == "6 of 31"
    assert told.startswith("18 % · 6 of 31 files"), "by bytes, as its bar and the title of the window"
    assert words.size(30_500) in told
    told = show(6.0, 6, paused=True)
    assert figures["Speed"].text == figures["Time left"].text == "–"
    assert "/s" not in told
    assert "left" not in told
