"""What surrounds the pages: no window but the main one is shown, one theme is ticked, icons follow the theme."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from everydialog import EveryDialog
from PySide6.QtCore import QEvent, QObject
from PySide6.QtGui import QAction, QImage
from PySide6.QtWidgets import QApplication, QDialog, QLabel, QMenu, QWidget
from pytestqt.qtbot import QtBot
from uiworld import a_session, demo_site, run_job, settle
from world import World

from chorus_gui.core.job import OutcomeKind
from chorus_gui.core.model import Grade
from chorus_gui.ui import intents, theme
from chorus_gui.ui.assistant import Assistant
from chorus_gui.ui.main_window import PAGES, MainWindow
from chorus_gui.ui.models.rows import Column, RowsModel
from chorus_gui.ui.pages.configuration_findings import FindingCard
from chorus_gui.ui.session import Session
from chorus_gui.ui.settings import THEMES, Settings
from chorus_gui.ui.state import JobEnd, JobKind
from chorus_gui.ui.widgets import icons
from chorus_gui.ui.widgets.basics import ICON_GAP, Chip, EmptyState, FormRow, Picture
from chorus_gui.ui.widgets.tables import set_widths, table


class Shown(QObject):
    """Watches which windows are shown: the class names of those that are neither the main window, nor a dialog, nor a menu."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() is not QEvent.Type.Show or not isinstance(watched, QWidget) or not watched.isWindow():
            return False
        if not isinstance(watched, (MainWindow, QDialog, QMenu)):
            self.seen.append(f"{type(watched).__name__} {watched.accessibleName() or getattr(watched, 'text', str)()}")
        return False


@pytest.fixture
def shown(qapp: QApplication) -> Iterator[Shown]:
    watch = Shown()
    qapp.installEventFilter(watch)
    yield watch
    qapp.removeEventFilter(watch)


def closed(qtbot: QtBot, window: MainWindow) -> None:
    with qtbot.waitSignal(window.closed, timeout=20_000):
        window._stop()
    window.deleteLater()
    window.session.deleteLater()


@pytest.fixture
def window(qtbot: QtBot, tmp_path: Path) -> Iterator[MainWindow]:
    made = MainWindow(Session(Settings(tmp_path / "window.ini")))
    made.show()
    yield made
    closed(qtbot, made)


def test_no_other_window_is_shown_at_start_on_any_page_or_in_the_assistant(
    qtbot: QtBot, shown: Shown, tmp_path: Path, world: World
) -> None:
    window = MainWindow(Session(Settings(tmp_path / "window.ini")))
    window.show()
    for entry in PAGES:
        window.show_page(entry.name)
        QApplication.processEvents()
    window.do(intents.OpenConfig(world.file))
    settle(qtbot, window.session)
    window.do(intents.Scan())
    settle(qtbot, window.session)
    window.do(intents.Examine())
    settle(qtbot, window.session)
    for entry in PAGES:
        window.show_page(entry.name)
        QApplication.processEvents()
    window.do(intents.ShowPage("configuration", "assistant"))
    assistant = window.findChild(Assistant)
    assert assistant is not None
    for number in range(assistant.stack.count()):
        assistant.stack.setCurrentIndex(number)
        QApplication.processEvents()
    assistant.close()
    closed(qtbot, window)
    assert shown.seen == []


def test_no_part_of_a_dialog_is_a_window_for_a_moment(qtbot: QtBot, shown: Shown, tmp_path: Path) -> None:
    with a_session(qtbot, tmp_path) as session:
        window = MainWindow(session)
        window.show()
        window.do(intents.OpenConfig(demo_site(tmp_path)))
        settle(qtbot, session)
        run, wait = partial(run_job, qtbot, session), partial(qtbot.waitUntil, timeout=20_000)
        for _, dialog in EveryDialog(window, tmp_path / "riverside" / "site", run, wait).all():
            dialog.show()
            QApplication.processEvents()
            dialog.done(0)
        session.jobs.cancel_all()
        window.stopped = True
        window.close()
        window.deleteLater()
    assert [one for one in shown.seen if not one.startswith("QTipLabel")] == []


@pytest.mark.parametrize("make", [
    lambda: FormRow("Name", QLabel(), "What it is"),
    lambda: EmptyState("folder", "Nothing", "Nothing here", "Act"),
])  # fmt: skip
def test_a_widget_is_not_shown_while_it_is_made(qtbot: QtBot, shown: Shown, make) -> None:
    made = make()
    qtbot.addWidget(made)
    assert shown.seen == []


def test_one_theme_is_ticked(window: MainWindow) -> None:
    texts = {"system": "&System colours", "light": "&Light colours", "dark": "&Dark colours", "contrast": "&High contrast"}
    for name in (*THEMES, *reversed(THEMES)):
        window.do(intents.SetTheme(name))
        ticked = [action.text() for action in window.findChildren(QAction) if action.text() in texts.values() and action.isChecked()]
        assert ticked == [texts[name]]


def drawn(grade: Grade, look: theme.Theme, size: int, gap: int = 0) -> QImage:
    """The icon of a grade in a theme."""
    return icons.pixmap(grade.value, size, look.grade(grade), 1.0, gap).toImage()


@pytest.mark.parametrize("grade", Grade)
def test_icons_follow_the_theme(qtbot: QtBot, window: MainWindow, grade: Grade) -> None:
    window.do(intents.SetTheme("light"))
    card, chip = FindingCard(grade, "Heading", "Text.", ""), Chip("Fact")
    chip.show_fact("Fact", grade)
    window.notice.show_end(None)
    layout = window.centralWidget().layout()
    assert layout is not None
    layout.addWidget(card)
    layout.addWidget(chip)
    window.session.update(last=JobEnd(1, JobKind.SCAN, "Scan", OutcomeKind.FAILED, "It failed."))
    for look in (theme.LIGHT, theme.DARK, theme.LIGHT):
        window.do(intents.SetTheme(look.name))
        QApplication.processEvents()
        (in_card,), (in_notice,) = card.findChildren(Picture), window.notice.findChildren(Picture)
        assert in_card.pixmap().toImage() == drawn(grade, look, 16)
        assert in_notice.pixmap().toImage() == drawn(Grade.BAD, look, 20)
        assert chip.icon().pixmap(20, 16).toImage() == drawn(grade, look, 16, ICON_GAP)


def test_after_a_verification_the_message_names_the_button_beside_it(qtbot: QtBot, window: MainWindow, world: World) -> None:
    world.run(version="v1")
    next(world.central.rglob("a.dcm")).unlink()
    window.session.open(world.file)
    settle(qtbot, window.session)
    run_job(qtbot, window.session, intents.Verify("v1"))
    settle(qtbot, window.session)
    end, notice = window.session.state.last, window.notice
    assert end is not None
    assert "1 file differs from the journal. To upload it again, select “Upload again”." in end.text
    assert "chorus-upload" not in end.text
    assert "--" not in end.text
    assert notice.repair.text() == "Upload again"
    assert notice.repair.isVisibleTo(window)
    assert notice.repair.isEnabled()
    notice.repair.click()
    qtbot.waitUntil(lambda: not notice.repair.isVisibleTo(window), timeout=10_000)
    settle(qtbot, window.session)
    assert window.session.state.wrong is None


def test_a_chip_shortens_its_text_instead_of_cutting_it(qtbot: QtBot) -> None:
    chip = Chip("Journal")
    qtbot.addWidget(chip)
    chip.show_fact("Checked out by you since 08:24", Grade.GOOD)
    chip.show()
    whole = chip.sizeHint().width()
    chip.resize(whole, chip.height())
    assert chip.text() == "Checked out by you since 08:24"
    chip.resize(whole - 60, chip.height())
    assert chip.text().endswith("…")
    assert chip.sizeHint().width() == whole, "it takes its space again"
    chip.show_fact("Checked out by you since 08:25", Grade.GOOD)
    assert chip.text().endswith("…"), "also a new text at the same width"
    assert chip.accessibleName() == "Journal: Checked out by you since 08:25"
    chip.resize(whole, chip.height())
    assert chip.text() == "Checked out by you since 08:25"


def test_in_a_narrow_table_columns_give_away_what_they_do_not_need(qtbot: QtBot) -> None:
    """MD5 without a value takes no space for one; when one comes, it has the space that there is."""
    model = RowsModel([Column("Path", str), Column("Size", str), Column("MD5", str)])
    model.show_rows(["–"])
    view = table(model, "Files", stretch=0)
    qtbot.addWidget(view)
    set_widths(view, {0: "a/b", 1: "888.8 MB of 888.8 MB", 2: "0" * 32})
    wanted = view.fontMetrics().horizontalAdvance("0" * 32)
    header = view.horizontalHeader()
    view.resize(1000, 200)
    view.show()
    qtbot.waitUntil(lambda: header.length() == view.viewport().width(), timeout=5000)
    assert header.sectionSize(2) >= wanted
    view.resize(330, 200)
    qtbot.waitUntil(lambda: header.length() == view.viewport().width(), timeout=5000)
    assert header.sectionSize(2) < wanted
    view.resize(560, 200)
    qtbot.waitUntil(lambda: header.length() == view.viewport().width(), timeout=5000)
    model.show_rows(["0" * 32])
    qtbot.waitUntil(lambda: header.sectionSize(2) >= wanted, timeout=5000)
    header.resizeSection(2, 90)
    view.resize(1000, 200)
    qtbot.waitUntil(lambda: header.length() == view.viewport().width(), timeout=5000)
    assert header.sectionSize(2) == 90, "what a person has drawn keeps its width"


def test_a_column_that_stretches_keeps_its_least_width(qtbot: QtBot) -> None:
    model = RowsModel([Column("Path", str), Column("Version", str)])
    model.show_rows(["a/b/c"])
    view = table(model, "Files", stretch=0)
    qtbot.addWidget(view)
    set_widths(view, {0: "1000123/Images/file_0001", 1: "20260101000000"})
    least = view.fontMetrics().horizontalAdvance("1000123/Images/file_0001")
    view.resize(900, 200)
    view.show()
    header = view.horizontalHeader()
    qtbot.waitUntil(lambda: header.length() == view.viewport().width(), timeout=2000)
    assert header.sectionSize(0) > least
    view.resize(150, 200)
    qtbot.waitUntil(lambda: header.length() > view.viewport().width(), timeout=2000)
    assert header.sectionSize(0) >= least
