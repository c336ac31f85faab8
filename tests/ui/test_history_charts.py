"""The charts of the History page: values with the mouse and in a table, why a chart is empty, CSV and a picture."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QBuffer, QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QHelpEvent, QImage
from PySide6.QtWidgets import QApplication, QToolTip
from pytestqt.qtbot import QtBot
from uiworld import run_job, settle
from world import World

from chorus_gui.app.charts import TITLES, Chart, Line
from chorus_gui.core.errors import JournalError
from chorus_gui.core.job import Outcome, OutcomeKind
from chorus_gui.ui import saving_intents, theme
from chorus_gui.ui.jobs import Reader
from chorus_gui.ui.pages import Services
from chorus_gui.ui.pages import history_charts as module
from chorus_gui.ui.pages.history import TOPICS, HistoryPage, make
from chorus_gui.ui.pages.history_charts import MEANING, NO_UPLOADS, NO_VERSIONS, ONE, READING, UNREADABLE, ChartsTab
from chorus_gui.ui.session import Session
from chorus_gui.ui.widgets.chart_painting import Drawing, Place, scale
from chorus_gui.ui.widgets.value_chart import ValueChart

FIRST, SECOND = 1_767_261_600_000_000, 1_769_940_000_000_000
LINES = (Line("20260101000000", FIRST, (1, 1200)), Line("20260201000000", SECOND, (0, 31)))
FILES = Chart("files", ("OMOP", "Images"), LINES, "files")
GROWTH = Chart("growth", ("Files",), tuple(line._replace(values=(sum(line.values),)) for line in LINES), "files")


@pytest.fixture
def tab(qtbot: QtBot) -> ChartsTab:
    reader = Reader("test")
    made = ChartsTab(reader)
    qtbot.addWidget(made, before_close_func=lambda _: stop(reader))
    made.resize(800, 500)
    made.show()
    made.show_charts({"files": FILES, "growth": GROWTH})
    return made


def stop(reader: Reader) -> None:
    reader.stop()
    reader.wait()


def choose(tab: ChartsTab, name: str) -> None:
    tab.choice.setCurrentIndex(tab.choice.findData(name))


def cells(tab: ChartsTab) -> list[list[str]]:
    return [[str(tab.model.index(row, column).data()) for column in range(tab.model.columnCount())] for row in range(tab.model.rowCount())]


def middle(chart: ValueChart, number: int) -> QPoint:
    return chart.plot().slot(number).center().toPoint()


def test_a_value_is_read_with_the_mouse(qtbot: QtBot, tab: ChartsTab) -> None:
    at = middle(tab.chart, 0)
    QApplication.sendEvent(tab.chart, QHelpEvent(QEvent.Type.ToolTip, at, tab.chart.mapToGlobal(at)))
    assert QToolTip.text().replace("&nbsp;", " ").splitlines()[1:] == ["OMOP: 1", "Images: 1,200", "All: 1,201"]
    qtbot.mouseClick(tab.chart, Qt.MouseButton.LeftButton, pos=middle(tab.chart, 1))
    assert tab.view.currentIndex().row() == 1
    assert tab.chart._at == 1


def test_the_table_has_the_same_values_and_a_screen_reader_says_where(qtbot: QtBot, tab: ChartsTab) -> None:
    assert [[row[0], *row[2:]] for row in cells(tab)] == [["20260101000000", "1", "1,200", "1,201"], ["20260201000000", "0", "31", "31"]]
    assert tab.view.accessibleName() == "Values: Files by version"
    assert tab.chart.accessibleName() == TITLES["files"]
    assert tab.chart.accessibleDescription().endswith("Images: 31, All: 31. The table has all values.")
    tab.view.setFocus()
    for row in (0, 1):
        qtbot.keyClick(
            tab.view, Qt.Key.Key_Down if row else Qt.Key.Key_Home, Qt.KeyboardModifier(0 if row else Qt.KeyboardModifier.ControlModifier)
        )
        assert tab.chart._at == row
    tab.model.sort(3)  # by images: the chart keeps its order
    tab.view.selectRow(0)
    assert tab.chart._at == 1


def test_files_and_sizes_are_written_in_their_own_way(tab: ChartsTab) -> None:
    """Their columns have the same names."""
    tab.show_charts({"files": FILES, "bytes": FILES._replace(name="bytes", unit="bytes")})
    assert cells(tab)[0][2:] == ["1", "1,200", "1,201"]
    choose(tab, "bytes")
    assert cells(tab)[0][2:] == ["1 B", "1.2 kB", "1.2 kB"]


def test_one_version_is_drawn_and_the_line_says_that_it_grows(tab: ChartsTab) -> None:
    tab.show_charts({"growth": GROWTH._replace(lines=GROWTH.lines[:1]), "files": FILES._replace(lines=LINES[:1])})
    choose(tab, "growth")
    assert tab.meaning.text() == f"{MEANING['growth']} {ONE}"
    choose(tab, "files")
    assert tab.meaning.text() == MEANING["files"]
    assert tab.chart.isVisible()
    tab.chart.grab()


def test_an_empty_chart_says_why(qtbot: QtBot, tab: ChartsTab) -> None:
    tab.show_charts({})
    assert (tab.empty.title.text(), tab.empty.text.text()) == NO_VERSIONS
    choose(tab, "speed")
    assert (tab.empty.title.text(), tab.empty.text.text()) == NO_UPLOADS
    assert not tab.csv.isVisible()
    assert not tab.png.isVisible()
    tab._answered(Outcome(OutcomeKind.FAILED, error=JournalError("The journal is damaged.", remedy="Restore a copy.")))
    assert (tab.empty.title.text(), tab.empty.text.text()) == (UNREADABLE, "The journal is damaged. Restore a copy.")
    fresh = ChartsTab(tab._reader)
    qtbot.addWidget(fresh)
    assert (fresh.empty.title.text(), fresh.empty.text.text()) == READING


def test_a_speed_of_a_run_without_a_version_is_shown(tab: ChartsTab) -> None:
    tab.show_charts({"speed": Chart("speed", ("Bytes per second",), (Line("", FIRST, (2_000_000,)),), "bytes per second")})
    choose(tab, "speed")
    assert [cells(tab)[0][0], cells(tab)[0][2]] == ["–", "2.0 MB/s"]
    assert tab.chart.text_of(0).endswith("\nBytes per second: 2.0 MB/s")


def test_two_versions_of_a_day_have_different_names(tab: ChartsTab) -> None:
    same = FILES._replace(lines=(LINES[0], LINES[1]._replace(at_us=FIRST + 3_600_000_000)))
    tab.show_charts({"files": same})
    assert len({place.name for place in tab.chart.places}) == 2


@pytest.mark.parametrize(
    ("highest", "lines"),
    [
        (0, (0, 1)),
        (1, (0, 1)),
        (3, (0, 1, 2, 3)),
        (4, (0, 1, 2, 3, 4)),
        (5, (0, 2, 4, 6)),
        (9, (0, 5, 10)),
        (41, (0, 20, 40, 60)),
        (1_204, (0, 500, 1_000, 1_500)),
        (7_000_000, (0, 2_000_000, 4_000_000, 6_000_000, 8_000_000)),
    ],
)
def test_the_scale_has_round_values(highest: int, lines: tuple[int, ...]) -> None:
    assert scale(highest) == lines


def test_series_differ_by_more_than_their_colour(qtbot: QtBot) -> None:
    """In grey the parts of a bar still look different."""
    chart = ValueChart("Test")
    qtbot.addWidget(chart)
    chart.resize(400, 300)
    chart.show_drawing(Drawing(("a", "b", "c", "d"), (Place("x", "x", (1, 1, 1, 1)),)))
    image = chart.grab().toImage().convertToFormat(QImage.Format.Format_Grayscale8)
    plot = chart.plot()
    looks = set[bytes]()
    for series in range(4):
        y = round(plot.box.bottom() - plot.height(series + 0.5))
        x = round(plot.box.center().x())
        looks.add(bytes(image.pixelColor(x + across, y + down).lightness() // 8 for down in range(-12, 12) for across in range(-12, 12)))
    assert len(looks) == 4


@pytest.mark.parametrize("name", ["light", "dark", "contrast"])
def test_it_is_painted_in_the_colours_of_the_theme(tab: ChartsTab, name: str) -> None:
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    before = theme.current()
    try:
        theme.apply(application, theme.wanted(name))
        image = tab.chart.grab().toImage()
        plot = tab.chart.plot()
        images = QPointF(plot.slot(0).center().x(), plot.box.bottom() - plot.height(600))
        colours = {image.pixelColor(round(images.x()) + n, round(images.y())).name() for n in range(-8, 8)}
        assert theme.wanted(name).series[1] in colours
    finally:
        theme.apply(application, before)


def test_values_and_picture_are_saved(qtbot: QtBot, tab: ChartsTab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ask_save", lambda *_: (tmp_path / "chart", ""))
    with qtbot.waitSignal(tab.intent) as caught:
        tab.csv.click()
    assert caught.args == [saving_intents.ExportChart(FILES, tmp_path / "chart")]
    with qtbot.waitSignal(tab.intent) as caught:
        tab.png.click()
    assert caught.args is not None
    saved = caught.args[0]
    assert saved.file == tmp_path / "chart", "exactly the file of which the dialog asked if it is to be replaced"
    buffer = QBuffer()
    buffer.setData(saved.picture)
    image = QImage.fromData(saved.picture)
    assert (image.width(), image.height()) == (2000, 960)
    assert image.pixelColor(4, 4) == QColor(theme.LIGHT.surface)
    monkeypatch.setattr(module, "ask_save", lambda *_: (None, ""))
    with qtbot.assertNotEmitted(tab.intent):
        tab.csv.click()
        tab.png.click()


def test_the_page_shows_the_charts_of_the_journal(qtbot: QtBot, session: Session, world: World, tmp_path: Path) -> None:
    world.run("submit", version="20260101000000")
    page = make(Services(session.reader, session.pager, session.settings, checker=session.checker))
    assert isinstance(page, HistoryPage)
    qtbot.addWidget(page)
    session.changed.connect(page.render)
    page.intent.connect(session.do)
    page.render(session.state)
    page.show()
    session.open(world.file)
    settle(qtbot, session)
    assert not page.charts._charts  # nobody has looked at them
    page.show_topic("charts")
    assert page.tabs.currentIndex() == TOPICS["charts"]
    qtbot.waitUntil(lambda: bool(page.charts._charts), timeout=20_000)
    files = page.charts._charts["files"]
    assert [line.name for line in files.lines] == ["20260101000000"]
    for place in range(page.charts.choice.count()):
        page.charts.choice.setCurrentIndex(place)
        page.charts.chart.grab()
    run_job(qtbot, session, saving_intents.ExportChart(files, tmp_path / "files.csv"))
    assert "20260101000000" in (tmp_path / "files.csv").read_text("utf-8-sig")
    run_job(qtbot, session, saving_intents.SavePicture(page.charts.chart.picture("Files"), tmp_path / "files.png"))
    assert not QImage(str(tmp_path / "files.png")).isNull()


def test_charts_that_nobody_sees_are_not_read(qtbot: QtBot, tab: ChartsTab, session: Session, world: World) -> None:
    session.open(world.file)
    settle(qtbot, session)
    asked = list[object]()
    tab._reader.ask = lambda owner, step, then, channel="": asked.append(channel)  # type: ignore[method-assign,assignment]
    tab.hide()
    tab.render(session.state)
    assert asked == []
    tab.show()
    tab.render(session.state)
    assert asked == ["charts"]  # the same state again asks nothing
    tab.hide()
    tab.show()
    assert asked == ["charts"] * 2  # it was not answered before
    tab._answered(Outcome(OutcomeKind.DONE, value={}))
    tab.hide()
    tab.show()
    assert asked == ["charts"] * 2


def test_charts_of_another_site_are_not_shown_while_this_one_is_read(
    qtbot: QtBot, tab: ChartsTab, session: Session, world: World, tmp_path: Path
) -> None:
    """Nor saved as this site's."""
    session.open(world.file)
    settle(qtbot, session)
    tab._reader.ask = lambda *_, **__: None  # type: ignore[method-assign]
    tab.render(session.state)
    tab._answered(Outcome(OutcomeKind.DONE, value={"files": FILES}))
    assert cells(tab)
    other = tmp_path / "other.toml"
    other.write_bytes(world.file.read_bytes())
    session.open(other)
    tab.render(session.state)
    assert cells(tab) == []
    assert tab.empty.isVisibleTo(tab)
