"""Colours can be read, icons can be drawn, words are the locale's."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
from PySide6.QtCore import QLocale, Qt, QTextBoundaryFinder
from PySide6.QtGui import QColor, QIcon, QImage
from PySide6.QtWidgets import QApplication, QComboBox, QDoubleSpinBox, QLabel, QLineEdit, QPlainTextEdit, QSpinBox, QWidget
from pytestqt.qtbot import QtBot

from chorus_gui.core.job import Count, Snapshot
from chorus_gui.core.model import ChangeKind, Grade, Tally
from chorus_gui.ui import theme, words
from chorus_gui.ui.assistant.steps import FolderEdit
from chorus_gui.ui.models.progress import ProgressLine
from chorus_gui.ui.models.rows import Column, RowsModel
from chorus_gui.ui.pages.configuration_fields import TextField
from chorus_gui.ui.widgets import icons
from chorus_gui.ui.widgets.basics import Chip, FormRow
from chorus_gui.ui.widgets.charts import Bar, BarChart, LineChart
from chorus_gui.ui.widgets.chrome import progress_text, share_of
from chorus_gui.ui.widgets.dialogs import ConfirmDialog, Question, ReasonDialog
from chorus_gui.ui.widgets.points import point
from chorus_gui.ui.widgets.secret import SecretEdit
from chorus_gui.ui.widgets.tables import sortable, table


def luminance(colour: str) -> float:
    parts = [QColor(colour).redF(), QColor(colour).greenF(), QColor(colour).blueF()]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("look", [theme.LIGHT, theme.DARK, theme.CONTRAST, theme.CONTRAST_LIGHT], ids=lambda look: look.name)
def test_words_can_be_read_on_their_ground(look: theme.Theme) -> None:
    grounds = (look.window, look.rail, look.surface, look.raised, look.selection)
    pairs = [*itertools.product((look.text, look.muted), grounds), (look.on_accent, look.accent), (look.on_accent, look.accent_hover)]
    pairs += [(look.grade(grade), look.ground(grade)) for grade in Grade]
    pairs += [(look.grade(grade), look.surface) for grade in Grade]
    pairs += list(itertools.product((look.kind(kind) for kind in ChangeKind), (look.surface, look.selection)))
    least = 7 if look.outlined else 4.5  # of WCAG 2: AAA, AA
    low = {pair: round(contrast(*pair), 2) for pair in pairs if contrast(*pair) < least}
    assert not low


@pytest.mark.parametrize(
    ("window", "wanted"),
    [
        pytest.param(0x000000, theme.CONTRAST, id="black"),
        pytest.param(0x3B2D2D, theme.CONTRAST, id="night sky"),
        pytest.param(0xFFFFFF, theme.CONTRAST_LIGHT, id="white"),
        pytest.param(0xEFFAFF, theme.CONTRAST_LIGHT, id="desert"),
    ],
)
def test_high_contrast_of_the_system_is_kept(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, window: int, wanted: theme.Theme) -> None:
    """Qt calls a contrast theme of Windows neither light nor dark; the colour of its windows says it."""

    class Hints:
        def colorScheme(self) -> Qt.ColorScheme:
            return Qt.ColorScheme.Unknown

    monkeypatch.setattr(theme.QGuiApplication, "styleHints", Hints)
    assert theme.wanted("system") in (theme.LIGHT, theme.DARK)
    monkeypatch.setattr(theme, "system_contrast", lambda: True)
    monkeypatch.setattr(theme, "_window_colour", lambda: window)
    assert theme.wanted("system") is wanted
    assert theme.wanted("light") is theme.LIGHT, "what a person chose in the program counts"


def test_every_icon_draws_something_of_its_own(qtbot: QtBot) -> None:
    drawn: dict[bytes, str] = {}
    for name in icons.names():
        image = icons.pixmap(name, 24, "#000000", 2).toImage().convertToFormat(QImage.Format.Format_ARGB32)
        data = bytes(image.constBits())
        assert any(data), name
        assert drawn.setdefault(data, name) == name
    assert not icons.icon("review").isNull()
    assert not icons.program_icon().isNull()


def test_words() -> None:
    before = QLocale()
    try:
        QLocale.setDefault(QLocale("de_DE"))  # the sentences are English, and so are the numbers in them
        assert words.files_and_size(Tally(1204, 3_200_000_000)) == "1,204 files (3.2 GB)"
        assert words.count_of(1, "entry", "entries") == "1 entry"
        assert words.count_of(2, "entry", "entries") == "2 entries"
    finally:
        QLocale.setDefault(before)
    assert [words.duration(s) for s in (0.4, 59, 61, 3661, None)] == ["0.4 s", "59 s", "1 min 1 s", "1 h 1 min", "–"]
    assert words.stamp("first") == "first"
    assert words.stamp(None) == words.moment(None) == words.rate(None) == "–"


@pytest.mark.parametrize("look", list(theme._THEMES.values()), ids=list(theme._THEMES))
def test_the_icon_of_a_disabled_button_shows(monkeypatch: pytest.MonkeyPatch, qapp: QApplication, look: theme.Theme) -> None:
    """Also where the button was primary: its words have the colour of any disabled button, too."""
    monkeypatch.setattr(theme, "current", lambda: look)
    primary, plain = (icons.icon("save", colour).pixmap(16, QIcon.Mode.Disabled).toImage() for colour in (look.on_accent, None))
    assert primary == plain


def test_a_number_and_its_unit_are_on_one_line(qtbot: QtBot) -> None:
    """At every width, in the points of a dialog."""

    def plain(shown: str) -> str:
        return shown.replace("\u00a0", " ").replace("\u2060", "")

    text = "The upload will take about 3 s, at the last measured speed of 181.3 kB/s. 12 files (1.1 MB) are 4 GB of 5 B."
    window = QWidget()
    qtbot.addWidget(window)
    window.setLayout(point(text))
    said = next(one for one in window.findChildren(QLabel) if one.text() != "•")
    assert plain(said.text()) == text
    breaks = QTextBoundaryFinder(QTextBoundaryFinder.BoundaryType.Line, said.text())
    lines, start = list[str](), 0
    while (end := breaks.toNextBoundary()) >= 0:
        lines.append(plain(said.text()[start:end]).strip())
        start = end
    assert {"181.3 kB/s.", "(1.1 MB)", "4 GB", "5 B."} <= set(lines), lines


def test_progress_in_words() -> None:
    snapshot = Snapshot("upload", {"OMOP": Count(2, 500, 1, 4, 1000)}, (), 5.0, "listing")
    told = progress_text(snapshot)
    for part in ("2 of 4 files", "500 B of 1.0 kB", "100 B/s", "5 s left", "1 failed", "listing"):
        assert part in told
    assert told == "listing · 2 of 4 files · 1 failed · 5 s left · 500 B of 1.0 kB · 100 B/s", "a narrow window cuts the end off"
    assert "–" not in progress_text(snapshot, ProgressLine("", snapshot.total, 0.0)), "an unknown speed is left out"
    assert share_of(snapshot.total) == 0.5
    assert share_of(Count(3, 0, 1, 8, 0)) == 0.5
    assert share_of(Count(3, 0)) is None


def test_charts_paint_what_they_are_given(qtbot: QtBot) -> None:
    bars, line = BarChart("Files"), LineChart("Rate", words.rate)
    for chart in (bars, line):
        qtbot.addWidget(chart)
        chart.resize(300, 160)
    empty = bars.grab().toImage(), line.grab().toImage()
    bars.show_bars(("OMOP", "Images"), [Bar("one", (3, 4)), Bar("two", (0, 9))])
    for n in range(300):
        line.add(float(n))
    assert bars.grab().toImage() != empty[0]
    assert line.grab().toImage() != empty[1]
    assert bars.accessibleDescription() == "one: 7, two: 9"


def test_a_typed_confirmation_wants_the_word(qtbot: QtBot) -> None:
    said: list[str] = []
    dialog = ConfirmDialog(None, Question("Delete?", "All of it.", "Delete", typed="delete", danger=True), lambda: said.append("yes"))
    qtbot.addWidget(dialog)
    dialog.open()
    assert not dialog.yes.isEnabled()
    qtbot.keyClicks(dialog.field, "DELETE")
    dialog.yes.click()
    assert said == ["yes"]


def test_a_reason_must_be_given(qtbot: QtBot) -> None:
    said: list[str] = []
    dialog = ReasonDialog(None, "Hold back?", "Why?", "Hold back", said.append, ["consent withdrawn"])
    qtbot.addWidget(dialog)
    dialog.open()
    assert not dialog.yes.isEnabled()
    dialog.field.setCurrentText("consent withdrawn")
    dialog.yes.click()
    assert said == ["consent withdrawn"]


FIELDS: dict[str, Callable[[], QWidget]] = {
    "a line": QLineEdit,
    "a choice": QComboBox,
    "a number": QSpinBox,
    "a rate": QDoubleSpinBox,
    "a text": QPlainTextEdit,
    "a folder of the assistant": lambda: FolderEdit("Choose"),
    "a secret": lambda: SecretEdit("SAS token"),
    "a line of the Configuration page": lambda: TextField(browse=lambda _: ""),
}


@pytest.mark.parametrize("look", [theme.LIGHT, theme.DARK, theme.CONTRAST, theme.CONTRAST_LIGHT], ids=lambda look: look.name)
@pytest.mark.parametrize("kind", FIELDS)
def test_a_field_with_a_fault_has_a_red_border(qtbot: QtBot, qapp: QApplication, kind: str, look: theme.Theme) -> None:
    before = theme.current()
    theme.apply(qapp, look)
    try:
        field = FIELDS[kind]()
        row = FormRow("Field", field)
        qtbot.addWidget(row)
        row.show()
        typed_into = field.focusProxy() or field

        def border() -> str:
            picture = typed_into.grab().toImage()
            return QColor(picture.pixel(0, picture.height() // 2)).name()

        clean = border()
        row.show_fault("This is wrong.")
        assert border() == look.bad != clean
        typed_into.setFocus()
        assert border() == look.bad
        row.show_fault("")
        assert border() != look.bad
    finally:
        theme.apply(qapp, before)


def test_a_legend_takes_another_line_rather_than_be_cut_off(qtbot: QtBot) -> None:
    chart = BarChart("Files by version")
    qtbot.addWidget(chart)
    names = ("OMOP", "Images", "Waveforms", "Metadata")
    chart.show_bars(names, [Bar("2026-11-28", (13, 32, 32, 4))])
    for width in (160, 220, 400):
        chart.resize(width, 200)
        drawn = chart.legend()
        assert [name for _, name in drawn] == list(names)
        assert all(place.x() + 15 + chart.fontMetrics().horizontalAdvance(name) <= width for place, name in drawn), width
    assert len({place.y() for place, _ in drawn}) == 1, "in a wide one, it is one line"


def test_a_chip_asks_for_the_space_of_its_whole_text_in_every_style(qtbot: QtBot) -> None:
    """The style is only known when it is shown; measured before that, the text was shortened although there was space."""
    chip = Chip("Status")
    qtbot.addWidget(chip)
    chip.show_fact("108 changes to review", Grade.WARNING)
    before = chip.sizeHint().width()
    chip.setStyleSheet("padding: 3px 30px; border: 1px solid black;")
    chip.resize(100, 24)
    chip.show()
    assert chip.text().endswith("…")
    assert chip.sizeHint().width() > before + 30
    chip.resize(chip.sizeHint())
    assert chip.text() == "108 changes to review"


@pytest.mark.parametrize("look", [theme.LIGHT, theme.DARK, theme.CONTRAST, theme.CONTRAST_LIGHT], ids=lambda look: look.name)
def test_the_arrow_of_the_order_points_up_where_lines_ascend(qtbot: QtBot, look: theme.Theme) -> None:
    """As in Windows and macOS.  Qt's own style draws it the other way round."""
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    before = theme.current()
    theme.apply(application, look)
    try:
        model: RowsModel[str] = RowsModel([Column("", str), Column("", str)])
        view = table(model, "Names", stretch=0)
        model.setParent(view)
        qtbot.addWidget(view)
        sortable(view)
        view.resize(300, 120)
        view.show()
        header = view.horizontalHeader()
        for order, upwards in ((Qt.SortOrder.AscendingOrder, True), (Qt.SortOrder.DescendingOrder, False)):
            view.sortByColumn(0, order)
            image = header.grab().toImage()
            right, ratio = header.sectionSize(0) - 3, image.devicePixelRatio()
            ground = image.pixelColor(4, int(header.height() / 2 * ratio))
            drawn = [
                [x for x in range(int((right - 24) * ratio), int(right * ratio)) if image.pixelColor(x, y) != ground]
                for y in range(4, int((header.height() - 4) * ratio))
            ]
            lines = [max(line) - min(line) for line in drawn if line]
            assert lines, "an arrow is drawn"
            assert (lines[0] < lines[-1]) is upwards, (order, lines)
    finally:
        theme.apply(application, before)
