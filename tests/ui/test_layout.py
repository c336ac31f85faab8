"""Nothing has no name, is cut off or covered: on every page, tab and dialog, in every state, on small and scaled screens."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from everydialog import TOKEN, EveryDialog, askers_of, dialogs_of
from layoutfaults import layout_faults, settled
from PySide6.QtCore import QSize
from PySide6.QtGui import QStandardItemModel
from PySide6.QtWidgets import (
    QApplication,
    QDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QStackedWidget,
    QTableView,
    QWidget,
)
from pytestqt.qtbot import QtBot
from uiwalk import SCREENS, Walk, open_dialogs
from uiworld import a_session, a_window, demo_site, run_job, settle

import chorus_gui.ui
from chorus_gui.app.demo import change_site
from chorus_gui.app.demo.faults import make_faults
from chorus_gui.core.job import OutcomeKind
from chorus_gui.core.model import Grade
from chorus_gui.core.passes import Pass
from chorus_gui.core.review.changes import select_ids
from chorus_gui.core.review.staging import Staging
from chorus_gui.core.review.values import Query
from chorus_gui.ui import intents, readiness_intents, theme
from chorus_gui.ui.hold_intents import UndoHold
from chorus_gui.ui.main_window import MainWindow
from chorus_gui.ui.pages.configuration import ConfigurationPage
from chorus_gui.ui.pages.review import ReviewPage
from chorus_gui.ui.pages.review_notices import FOLD
from chorus_gui.ui.state import JobEnd, JobKind
from chorus_gui.ui.widgets.basics import EmptyState, FormRow, column
from chorus_gui.ui.widgets.dialogs import CannotStartDialog
from chorus_gui.ui.widgets.fold import Fold
from chorus_gui.ui.widgets.scrolling import Stack, scrolled_if_low

ROWS_ON_SMALL_SCREENS = 8


@pytest.fixture
def window(qtbot: QtBot, tmp_path: Path) -> Iterator[MainWindow]:
    with a_session(qtbot, tmp_path) as session, a_window(qtbot, session) as window:
        yield window


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The demo site's configuration."""
    return demo_site(tmp_path)


def test_it_finds_what_is_wrong(qtbot: QtBot) -> None:
    """Every kind of fault, made on purpose."""
    window = QWidget()
    qtbot.addWidget(window)
    line = QHBoxLayout(window)
    nameless, cut = QLineEdit(), QLabel("A label that needs more space than this")
    cut.setFixedWidth(60)
    narrow = QPushButton("A button with a long text")
    narrow.setFixedWidth(40)
    for one in (nameless, cut, narrow):
        line.addWidget(one)
    over, under, outside = QLabel("Over", window), QLabel("Under", window), QLabel("Outside", window)
    over.setGeometry(10, 60, 60, 20)
    under.setGeometry(30, 65, 60, 20)
    outside.setGeometry(280, 90, 60, 20)
    window.resize(300, 120)
    window.show()
    found = layout_faults(window, QSize(200, 100))
    kinds = sorted(fault.partition(":")[0] + (" out" if "reaches" in fault else "") for fault in found)
    assert set(kinds) == {"cut off", "cut off out", "overlap", "too large", "unnamed"}, found
    assert kinds.count("cut off") == 2, found


def test_it_finds_a_table_that_moves_sideways(qtbot: QtBot) -> None:
    view = QTableView()
    qtbot.addWidget(view)
    model = QStandardItemModel(9, 3, view)
    view.setModel(model)
    view.setAccessibleName("Files")
    view.setHorizontalScrollMode(QTableView.ScrollMode.ScrollPerPixel)
    window = QWidget()
    qtbot.addWidget(window)
    window.setLayout(column(view))
    window.resize(500, 400)
    window.show()
    settled(window)
    assert not layout_faults(window)
    view.setColumnWidth(1, 480)
    settled(window)
    (fault,) = layout_faults(window)
    assert fault.startswith("cut off: QTableView “Files” moves sideways by "), fault


def test_it_finds_a_page_that_scrolls_for_something_hidden(qtbot: QtBot) -> None:
    hidden, stack, high = QWidget(), QStackedWidget(), QLabel("High")
    high.setMinimumHeight(700)
    hidden.setLayout(column(high))
    stack.addWidget(EmptyState("ready", "Not checked yet", "A pass names missing tables."))
    stack.addWidget(hidden)

    def shown(content: QWidget) -> QWidget:
        made = QWidget()
        qtbot.addWidget(made)
        made.setLayout(column(scrolled_if_low(column(content)), margins=(0, 0, 0, 0)))
        made.resize(600, 400)
        made.show()
        settled(made)
        return made

    window = shown(stack)
    assert [fault.partition(":")[0] for fault in layout_faults(window)] == ["scrolls"]
    better, first = Stack(), stack.widget(0)
    assert first is not None
    better.addWidget(first)
    better.addWidget(hidden)
    window = shown(better)
    assert not layout_faults(window)
    better.setCurrentIndex(1)
    settled(window)
    area = window.findChild(QScrollArea)
    assert area is not None
    assert area.verticalScrollBar().maximum() > 0, "what is shown needs the space"


def test_no_page_has_a_stack_that_needs_space_for_what_it_hides() -> None:
    """:class:`Stack` is the one for pages.  The window's own stack holds pages, which scroll themselves."""
    source = Path(chorus_gui.ui.__file__).parent
    users = {file.relative_to(source).as_posix() for file in source.rglob("*.py") if "QStackedWidget(" in file.read_text("utf-8")}
    assert users == {"main_window.py"}


@pytest.mark.parametrize("width", [900, 1024, 1093, 1280, 1600])
def test_the_top_bar_shows_whole_facts(qtbot: QtBot, window: MainWindow, file: Path, width: int) -> None:
    window.do(intents.OpenConfig(file))
    settle(qtbot, window.session)
    state = window.session.state
    locked = replace(
        state.custody, text="Checked out by a.colleague on workstation-17.hospital.example since 27 Nov 2026 15:01", grade=Grade.WARNING
    )
    credential = replace(state.credential, text="SAS token expires in 47 hours, on 29 Nov 2026", grade=Grade.WARNING)
    window.resize(width, 700)
    window.top.render_state(replace(state, custody=locked, credential=credential))
    settled(window)
    top = window.top
    shown = {chip.text() for chip in (top.status, top.journal, top.credential)}
    assert {locked.text, credential.text} < shown
    assert all(top.rect().contains(chip.geometry().translated(top._facts.pos())) for chip in (top.status, top.journal, top.credential))


def test_messages_leave_space_for_the_changes(qtbot: QtBot, window: MainWindow, file: Path, tmp_path: Path) -> None:
    """On a small screen, of several messages one is shown, and the others on request."""
    window.do(intents.OpenConfig(file))
    settle(qtbot, window.session)
    run_job(qtbot, window.session, intents.Scan())
    state = window.session.state
    assert state.review is not None
    summary = replace(state.review.summary, notes=["The other places could not be read, so nothing there counts as deleted."] * 3)
    review = replace(
        state.review, summary=summary, holds_warning="The held-back list could not be read. What is known here stays held back."
    )
    end = JobEnd(99, JobKind.VERIFY, "Verify", OutcomeKind.DONE, "Compared 31 files, by size and MD5. All match the journal.")
    window.resize(SCREENS["1024×700"])
    window.show_page("review")
    window.render_state(replace(state, review=review, last=end))
    page = window.page("review")
    assert isinstance(page, ReviewPage)
    qtbot.waitUntil(lambda: page.area.model.rowCount() > ROWS_ON_SMALL_SCREENS, timeout=10_000)
    settled(window)

    assert page.area.view.viewport().height() // page.area.view.rowHeight(0) >= ROWS_ON_SMALL_SCREENS
    more = page.notices.findChild(QPushButton, FOLD)
    assert more is not None
    assert more.text() == "Show 3 more messages"
    more.click()
    settled(window)
    assert [one.accessibleName() for one in page.notices.findChildren(QFrame) if one.property("notice")].count(summary.notes[0]) == 3
    window.resize(1400, 1000)
    settled(window)
    folds = page.notices.findChildren(QPushButton, FOLD)
    assert not [one for one in folds if one.isVisible()], "where there is space, all are shown"


def test_pages_in_every_state(qtbot: QtBot, window: MainWindow, file: Path, tmp_path: Path) -> None:
    walk, session, site = Walk(window), window.session, tmp_path / "riverside" / "site"
    walk.pages("before a configuration is open")
    window.do(intents.OpenConfig(file))
    settle(qtbot, session)
    walk.pages("before the first scan", ("overview", "configuration", "review", "history"))
    run_job(qtbot, session, intents.Scan())
    walk.pages("after a scan", ("overview", "readiness", "review"))
    review_page = window.page("review")
    assert isinstance(review_page, ReviewPage)
    run_job(qtbot, session, intents.HoldBackPatient("1001", "to undo"))
    review_page.area.folders.click()
    qtbot.waitUntil(lambda: review_page.area.tree_model.rowCount() > 0, timeout=20_000)
    walk.pages("patients and folders, with something to undo", ("review",))
    review_page.area.folders.click()
    run_job(qtbot, session, UndoHold())
    assert session.state.review is not None
    window.do(intents.SetLimit("10 kB/s"))
    window.do(intents.Approve(session.state.review.revision))
    qtbot.waitUntil(lambda: session.state.running is not None and session.state.running.kind is not JobKind.SCAN, timeout=20_000)
    progress = session.jobs._jobs[0].ctx.progress
    progress.waiting(TOKEN)
    window._show_waiting(
        replace(TOKEN, credential=""), "The SAS token of the central store expires in 3 hours. The upload needs about 4 hours."
    )
    walk.pages("during an upload that waits", ("overview", "review", "upload", "verify"))
    progress.waiting(None)
    window.do(intents.SetLimit("off"))
    settle(qtbot, session)
    walk.pages("after an upload", ("upload", "history", "log"))
    blobs = sorted((tmp_path / "central-store").rglob("*.dcm"))
    blobs[0].unlink()
    blobs[1].write_bytes(b"short")
    run_job(qtbot, session, intents.Verify(reread=True))
    walk.pages("after a verification that found differences", ("overview", "verify", "history"))
    change_site(site)
    run_job(qtbot, session, intents.Scan())
    with Staging.open(session.state.review.path) as staging:
        ids = select_ids(staging, Query(search=".dat"))
    run_job(qtbot, session, intents.HoldBack((ids[0],), "The recording is still being checked", 1))
    end = JobEnd(99, JobKind.UPLOAD, "Upload", OutcomeKind.FAILED, "12 of 31 files could not be uploaded, because the store refused them.")
    session.update(last=replace(end, remedy="Get a new SAS token, then select Try again.", receipt=tmp_path / "receipt.html"))
    walk.pages("with a message above the page")
    window.do(intents.DismissNotice())
    run_job(qtbot, session, intents.Examine())
    walk.pages("after the doctor", ("doctor", "log"))
    patient = max(path for path in site.iterdir() if path.name.isdigit())
    scan = min((patient / "Images").rglob("*.dcm"))
    for number in (11, 12, 13):
        shutil.copy(scan, scan.with_name(f"{number}.dcm"))
    run_job(qtbot, session, intents.Scan())
    run_job(qtbot, session, intents.Approve(session.state.review.revision, record_only=True, allow_deletions=True))
    run_job(qtbot, session, intents.Scan())
    review = window.page("review")
    assert isinstance(review, ReviewPage)
    review.show_topic("pending")
    walk.pages("with pending files", ("overview", "review", "upload"))
    review._show_all()
    make_faults(site)
    run_job(qtbot, session, intents.Scan())
    run_job(qtbot, session, readiness_intents.CheckSite(Pass.QUICK))
    walk.pages("with findings", ("readiness", "review"))
    assert not walk.faults, walk.report()
    window.show_page("overview")


def test_the_configuration_with_every_field(qtbot: QtBot, window: MainWindow, file: Path) -> None:
    walk = Walk(window)
    window.do(intents.OpenConfig(file))
    settle(qtbot, window.session)
    page = window.page("configuration")
    assert isinstance(page, ConfigurationPage)
    window.show_page("configuration")
    for place in page.form.places.values():
        for number in range(place.kinds.count()):
            place.kinds.setCurrentIndex(number)
            place.kinds.activated.emit(number)
    for fold in page.findChildren(Fold):
        fold.open()
    walk.pages("with every field", ("configuration",))
    text = file.read_text("utf-8").replace('"full"', '"ful"').replace("num_threads = 4", "num_threads = -4")
    page.text.edited.emit(text)
    page._check()
    settle(qtbot, window.session)
    walk.pages("with problems", ("configuration",))
    page.reload()
    settle(qtbot, window.session)
    assert not walk.faults, walk.report()


def test_a_screen_reader_says_the_name_that_is_on_screen(qtbot: QtBot, window: MainWindow, file: Path) -> None:
    """Also of a field whose name depends on another field."""
    window.do(intents.OpenConfig(file))
    settle(qtbot, window.session)
    page = window.page("configuration")
    assert isinstance(page, ConfigurationPage)
    window.show_page("configuration")
    for place in page.form.places.values():
        for number in range(place.kinds.count()):
            place.kinds.setCurrentIndex(number)
            place.kinds.activated.emit(number)
            for shown in page.findChildren(FormRow):
                name = shown._title.text().removesuffix(" *")
                typed_into = shown.field.focusProxy() or shown.field
                told = {shown.field.accessibleName(), typed_into.accessibleName()} if shown.isVisibleTo(page) else {name}
                assert all(one.rpartition(": ")[2] == name for one in told), (name, told)
    page.reload()
    settle(qtbot, window.session)
    row_of = FormRow("Bucket", QLineEdit(), "Its name.", whose="Images")
    qtbot.addWidget(row_of)
    row_of.show_words("Container", "Its name.")
    assert row_of.field.accessibleName() == "Images: Container"


def test_every_dialog(qtbot: QtBot, window: MainWindow, file: Path, tmp_path: Path) -> None:
    """And every question: each dialog and each function that asks is in ``everydialog``."""
    walk, session = Walk(window), window.session
    window.do(intents.OpenConfig(file))
    settle(qtbot, session)
    made = EveryDialog(window, tmp_path / "riverside" / "site", partial(run_job, qtbot, session), partial(qtbot.waitUntil, timeout=20_000))
    seen: set[type[QDialog]] = set()
    for name, dialog in made.all():
        seen.add(type(dialog))
        dialog.show()
        assert dialog in open_dialogs(window), f"no picture shows “{name}”"
        walk.dialog(name, dialog)
    assert not walk.faults, walk.report()
    missing = {kind.__name__ for kind in dialogs_of() - seen}
    assert not missing, f"everydialog.py has no state for {missing}"
    unasked = {name for place, name in askers_of().items() if place not in made.askers}
    assert not unasked, f"everydialog.py does not ask {sorted(unasked)}"


def test_a_picture_also_shows_a_dialog_without_a_window(qtbot: QtBot, window: MainWindow) -> None:
    dialog = CannotStartDialog("The folder cannot be written.")
    qtbot.addWidget(dialog)
    assert open_dialogs(window) == []
    dialog.show()
    assert open_dialogs(window) == [dialog]


def test_themes_differ_in_colours_only(qapp: QApplication) -> None:
    """So what is cut off in one theme is cut off in all of them, and the walks above look at one."""
    sheets = {re.sub(r"#[0-9a-fA-F]{6}|-[a-z-]+\.png", "", theme.style_sheet(one, qapp.font())) for one in theme._THEMES.values()}
    assert len(sheets) == 1, "other sizes: look at every view in this theme, too"


def test_no_fault_depends_on_colours(qtbot: QtBot, window: MainWindow, file: Path) -> None:
    """In dark colours and in high contrast, on a scaled screen."""
    walk = Walk(window, {"1366×768 at 125 %": SCREENS["1366×768 at 125 %"]}, ("dark", "contrast"))
    window.do(intents.OpenConfig(file))
    settle(qtbot, window.session)
    run_job(qtbot, window.session, intents.Scan())
    walk.pages("after a scan")
    window.do(intents.SetTheme("light"))
    assert not walk.faults, walk.report()
