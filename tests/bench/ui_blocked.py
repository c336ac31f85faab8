"""How long each action keeps the window from answering: the parts of :data:`PARTS` of ``python3 dev.py bench ui``.

Each action is done as a person does it, with keys and buttons of the real window, on a review, a journal or a store of a given size.  A timer
of 1 ms in the thread that paints feels every gap from the action until its result is on screen and nothing is being read any more.  The
longest gap is how long the thread was blocked.  Next to it is the longest time that the thread itself worked between two ticks: on a busy machine,
it also waits for a core, and for the interpreter's lock, whose holder waits for a core.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.bench_ui import Screen
    from PySide6.QtCore import QTimer

    from chorus_gui.ui.pages.review import ReviewPage

TICK_MS = 1
REST_S = 0.06
"""Seconds without anything to do before an action counts as finished: a paint, and what it asks for."""
AIM_MS = 50.0
VERSIONS = 500
"""Versions of the journal that the History page shows; a site submits once a month."""
COMMANDS = 2_000
HELD = 1_500
"""Files that are held back in each round; a list has space for about 7,000, released ones included."""
STORED = 20_000
"""Folders of the version that the store's view shows: a patient in each."""
FILLER = "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[1]); import bench_ui; bench_ui.fill(Path(sys.argv[2]), int(sys.argv[3]))"

Act = Callable[[], object]


@dataclass(frozen=True)
class Felt:
    """An action in milliseconds: of the longest gaps of its rounds the median and the worst, and the median of the most work in a gap."""

    page: str
    action: str
    longest: float
    worst: float
    work: float


class Probe:
    """Feels the gaps of the thread that paints while actions of one page are done.  ``done``: nothing is being read, and no job runs."""

    def __init__(self, screen: Screen, page: str, done: Callable[[], bool], rounds: int) -> None:
        self.screen, self.page, self.done, self.rounds = screen, page, done, rounds
        self.felt: list[Felt] = []
        self._gaps: list[tuple[float, float]] = []
        self._last = self._worked = 0.0
        self._timer = self._clock()

    def _clock(self) -> QTimer:
        from PySide6.QtCore import Qt, QTimer

        timer = QTimer()
        timer.setTimerType(Qt.TimerType.PreciseTimer)
        timer.setInterval(TICK_MS)
        timer.timeout.connect(self._tick)
        return timer

    def _tick(self) -> None:
        now, worked = time.perf_counter(), time.thread_time()
        self._gaps.append((now - self._last, worked - self._worked))
        self._last, self._worked = now, worked

    def feel(self, name: str, act: Act, before: Act | None = None) -> None:
        """Do an action in the event loop, some rounds, each after ``before``."""
        self.steps({name: act}, before)

    def steps(self, acts: dict[str, Act], before: Act | None = None) -> None:
        """Do actions that follow one another, some rounds, each after ``before``."""
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in acts}
        for _ in range(self.rounds):
            if before is not None:
                self._until(before)
            for name, act in acts.items():
                self._gaps = []
                self._last, self._worked = time.perf_counter(), time.thread_time()
                self._timer.start()
                self._until(act)
                self._timer.stop()
                found[name].append((max(gap for gap, _ in self._gaps) * 1000, max(work for _, work in self._gaps) * 1000))
        for name, rounds in found.items():
            gaps, work = zip(*rounds, strict=True)
            self.felt.append(Felt(self.page, name, statistics.median(gaps), max(gaps), statistics.median(work)))

    def _until(self, act: Act) -> None:
        """Do it, and let the window live until all has been done for a while."""
        from PySide6.QtCore import QTimer

        acted: list[None] = []
        since = 0.0

        def now() -> None:
            acted.append(None)
            act()

        def rested() -> bool:
            nonlocal since
            if not (acted and self.done()):
                since = 0.0
                return False
            since = since or time.perf_counter()
            return time.perf_counter() - since > REST_S

        QTimer.singleShot(0, now)
        self.screen.until(rested, 5)


def table(found: Sequence[dict[str, Any]]) -> str:
    """The results as a table of Markdown."""
    lines = ["| page | action | longest, ms | worst, ms | at work, ms |", "|---|---|--:|--:|--:|"]
    for one in (Felt(**fields) for fields in found):
        missed = " (missed)" if one.longest > AIM_MS else ""
        lines.append(f"| {one.page} | {one.action} | {one.longest:.0f}{missed} | {one.worst:.0f} | {one.work:.0f} |")
    return "\n".join(lines)


# --- the Review page ------------------------------------------------------------------------------------------------------


def _quiet(screen: Screen) -> bool:
    """Nothing is being read, and no job runs."""
    session = screen.session
    readers = session._readers  # pyright: ignore[reportPrivateUsage]
    return session.jobs.idle and not session.state.loading and not any(reader._waiting for reader in readers)  # pyright: ignore[reportPrivateUsage]


def _shown(args: argparse.Namespace, base: Path) -> tuple[Screen, ReviewPage]:
    """A window with a review of ``args.rows`` changes that it has not read yet; the Review page is in front."""
    from bench.bench_ui import FILES_A_PATIENT, Screen, make_site

    from chorus_gui.core.review.staging import staging_path
    from chorus_gui.ui.pages.review import ReviewPage

    config = make_site(base, FILES_A_PATIENT, 16)
    screen = Screen(base)
    screen.session.open(config)
    screen.settle()
    screen.scan()
    subprocess.run(
        [sys.executable, "-c", FILLER, str(Path(__file__).parent), str(staging_path(base / "journal.db")), str(args.rows)], check=True
    )
    screen.window.show_page("review")
    page = screen.window.page("review")
    assert isinstance(page, ReviewPage)
    return screen, page


def _still(screen: Screen, page: ReviewPage) -> bool:
    """Nothing is read, every row on screen is there, and nothing is being copied."""
    from chorus_gui.ui.widgets.copying import copier_of

    area = page.area
    waits = area.model._fetching or area.model._wanted or area._soon.isActive()  # pyright: ignore[reportPrivateUsage]
    return not waits and not copier_of(area.view).busy and not copier_of(area.tree).busy and _quiet(screen)


def _key(view: object, which: object, *keys: object) -> Act:
    from PySide6.QtCore import Qt
    from PySide6.QtTest import QTest
    from PySide6.QtWidgets import QWidget

    held = Qt.KeyboardModifier.NoModifier
    for one in keys:
        assert isinstance(one, Qt.KeyboardModifier)
        held |= one
    assert isinstance(view, QWidget)
    assert isinstance(which, Qt.Key)
    return lambda: QTest.keyClick(view, which, held)


def review(args: argparse.Namespace, base: Path) -> list[Felt]:
    """Everything that a person does with the list of a review of ``args.rows`` changes."""
    from PySide6.QtCore import Qt

    from chorus_gui.ui.dialogs.approve import ApproveDialog
    from chorus_gui.ui.intents import Refresh
    from chorus_gui.ui.models.columns import COLUMNS
    from chorus_gui.ui.widgets.copying import copier_of

    screen, page = _shown(args, base)
    area, key, rows = page.area, Qt.Key, args.rows
    model, view, session = area.model, area.view, screen.session
    control, shift = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
    press = partial(_key, view)
    probe = Probe(screen, "Review", lambda: _still(screen, page), args.rounds)
    feel, press_only = probe.feel, page.tiles.press_only
    end, home = press(key.Key_End, control), press(key.Key_Home, control)
    feel("open the review", lambda: session.do(Refresh()))
    assert model.count >= rows, (model.count, rows)
    feel("show the page", lambda: screen.window.show_page("review"), lambda: screen.window.show_page("overview"))
    feel("End", end, home)
    feel("Home", home, end)
    feel("Page Down", press(key.Key_PageDown))
    bar = view.verticalScrollBar()
    feel("drag the scroll bar to the middle", lambda: bar.setValue(bar.maximum() // 2), lambda: bar.setValue(0))
    feel("select all", press(key.Key_A, control), view.clearSelection)
    feel("select to the end", press(key.Key_End, control, shift), home)
    feel("scroll while all is selected", press(key.Key_PageDown, control), view.selectAll)
    feel("copy the lines of all (10,000 are copied)", copier_of(view).plain.trigger, view.selectAll)
    feel("copy the paths of all", area.copy_action.trigger, view.selectAll)
    feel("clear the selection", view.clearSelection, view.selectAll)
    for number, column in enumerate(COLUMNS):
        if column.order:
            feel(f"sort by {column.title or column.order}", partial(view.horizontalHeader().sectionClicked.emit, number))
    for name, tile in page.tiles.tiles.items():
        if tile.isEnabled() and name != "pending":
            feel(f"filter: {name}", tile.click, lambda: press_only(()))
    press_only(())
    feel("filter: a modality", lambda: area.modality.setCurrentIndex(1), lambda: area.modality.setCurrentIndex(0))
    feel("filter: all modalities", lambda: area.modality.setCurrentIndex(0), lambda: area.modality.setCurrentIndex(1))
    feel("search: a part of a path", lambda: area.search.setText("series_001"), area.search.clear)
    feel("search: one file", lambda: area.search.setText(f"file_{rows // 2:07}"), area.search.clear)
    feel("clear the search", area.search.clear, lambda: area.search.setText("series_001"))
    feel("group by patient", lambda: area.by_patient.setChecked(True), lambda: area.by_patient.setChecked(False))
    feel("open every patient", area.open_all.trigger, area.close_all.trigger)
    feel("End, by patient", end, home)
    feel("select all, by patient", press(key.Key_A, control), view.clearSelection)
    feel("close one patient", press(key.Key_Left), lambda: view.setCurrentIndex(model.index(1, 0)))
    feel("close every patient", area.close_all.trigger, area.open_all.trigger)
    feel("select all, every patient closed", press(key.Key_A, control), lambda: (area.close_all.trigger(), view.clearSelection()))
    feel("do not group", lambda: area.by_patient.setChecked(False), lambda: area.by_patient.setChecked(True))
    feel("open the approval", page.approve.click, lambda: [one.reject() for one in page.findChildren(ApproveDialog)])
    for one in page.findChildren(ApproveDialog):
        one.reject()
    screen.close()
    return probe.felt


def holds(args: argparse.Namespace, base: Path) -> list[Felt]:
    """Hold back all of a review of ``args.rows`` changes, but at most :data:`HELD`, release all, and undo both."""
    from chorus_gui.ui.intents import Refresh

    args.rows = min(args.rows, HELD)
    screen, page = _shown(args, base)
    area, view = page.area, page.area.view
    probe = Probe(screen, "Review", lambda: _still(screen, page), args.rounds)
    probe._until(lambda: screen.session.do(Refresh()))  # pyright: ignore[reportPrivateUsage]
    undo, answer, question = area.undo.undo.emit, partial(_answer, page), area.hold_button.click
    probe.steps({"hold all: the question": question, "hold all": answer, "undo the hold of all": undo}, view.selectAll)
    view.selectAll()
    probe._until(question)  # pyright: ignore[reportPrivateUsage]
    probe._until(answer)  # pyright: ignore[reportPrivateUsage]
    acts: dict[str, Act] = {"release all": lambda: (view.selectAll(), area.release_button.click()), "undo the release of all": undo}
    probe.steps(acts)
    screen.close()
    return probe.felt


def _answer(page: ReviewPage) -> None:
    from chorus_gui.ui.widgets.dialogs import ReasonDialog

    dialog = page.findChildren(ReasonDialog)[-1]
    dialog.field.setCurrentText("to be checked")
    dialog.yes.click()


def tree(args: argparse.Namespace, base: Path) -> list[Felt]:
    """The same changes as a tree of patients and folders, and its boxes."""
    from PySide6.QtCore import Qt

    from chorus_gui.ui.intents import Refresh
    from chorus_gui.ui.models.tree import TREE
    from chorus_gui.ui.widgets.copying import copier_of

    screen, page = _shown(args, base)
    area, key, control = page.area, Qt.Key, Qt.KeyboardModifier.ControlModifier
    view, model, press = area.tree, area.tree_model, partial(_key, area.tree)
    probe = Probe(screen, "Review, folders", lambda: _still(screen, page), args.rounds)
    feel, header = probe.feel, view.horizontalHeader()
    end, home = press(key.Key_End, control), press(key.Key_Home, control)
    probe._until(lambda: screen.session.do(Refresh()))  # pyright: ignore[reportPrivateUsage]
    feel("show the tree", lambda: area.folders.setChecked(True), lambda: area.folders.setChecked(False))
    feel("End", end, home)
    feel("Home", home, end)
    feel("open a patient", press(key.Key_Right), lambda: (view.setCurrentIndex(model.index(1, 0)), model.close(1)))
    feel("close a patient", press(key.Key_Left), lambda: model.open(1))
    model.close(1)
    for number, column in enumerate(TREE):
        if column.order:
            feel(f"sort by {column.title}", partial(header.sectionClicked.emit, number))
    feel("search: a part of a path", lambda: area.search.setText("series_001"), area.search.clear)
    feel("clear the search", area.search.clear, lambda: area.search.setText("series_001"))
    feel("copy every line (10,000 are copied)", copier_of(view).plain.trigger, view.clearSelection)
    first = lambda: view.setCurrentIndex(model.index(3, 0))  # noqa: E731 - a patient with changes that can be held back
    space, undo = press(key.Key_Space), page.area.undo.undo.emit
    acts = {"box of a patient: the question": space, "hold back a patient": partial(_answer, page), "box of a patient: release": space}
    probe.steps({**acts, "undo the release of a patient": undo, "undo the hold of a patient": lambda: (undo(), undo())}, first)
    feel("show the files of a patient", press(key.Key_Return), lambda: (area.folders.setChecked(True), first()))
    screen.close()
    return probe.felt


# --- other pages ----------------------------------------------------------------------------------------------------------


def history(args: argparse.Namespace, base: Path) -> list[Felt]:
    """The History page with a journal of ``args.rows`` entries, hundreds of versions and thousands of commands."""
    from bench.bench_ui import FILES_A_PATIENT, Screen, make_site
    from bench.scale_data import make_journal
    from PySide6.QtCore import Qt

    from chorus_gui.ui.intents import Refresh
    from chorus_gui.ui.pages.history import HistoryPage

    config = make_site(base, FILES_A_PATIENT, 16)
    make_journal(base / "journal.db", args.rows, 2)
    _many_versions(base / "journal.db", args.rows)
    screen = Screen(base)
    screen.session.open(config)
    screen.settle()
    page = screen.window.page("history")
    assert isinstance(page, HistoryPage)
    probe = Probe(screen, "History", partial(_quiet, screen), args.rounds)
    feel, show = probe.feel, screen.window.show_page
    feel("open the journal", lambda: screen.session.do(Refresh()), lambda: show("history"))
    assert screen.session.state.journal is not None
    assert screen.session.state.journal.active.files == args.rows
    feel("show the page", lambda: show("history"), lambda: show("log"))
    for place in range(page.tabs.count()):
        title = page.tabs.tabText(place).replace("&", "")
        feel(f"tab {title}", partial(page.tabs.setCurrentIndex, place), partial(page.tabs.setCurrentIndex, 0 if place else 1))
    for tab in (page.versions, page.commands):
        page.tabs.setCurrentWidget(tab)
        view, title = tab.view, page.tabs.tabText(page.tabs.indexOf(tab)).replace("&", "")
        model = view.model()
        for number in range(model.columnCount()):
            name = model.headerData(number, Qt.Orientation.Horizontal)
            feel(f"{title}: sort by {name}", partial(view.sortByColumn, number, Qt.SortOrder.AscendingOrder))
        home, end = (_key(view, which, Qt.KeyboardModifier.ControlModifier) for which in (Qt.Key.Key_Home, Qt.Key.Key_End))
        feel(f"{title}: End", end, home)
        feel(f"{title}: Home", home, end)
    for name in ("overview", "upload", "verify", "readiness", "configuration"):
        feel(f"show the page {name.capitalize()}", partial(show, name), partial(show, "history"))
    screen.close()
    return probe.felt


def _many_versions(file: Path, rows: int) -> None:
    """Spread the entries over :data:`VERSIONS` versions, and write a long history of commands."""
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(file, isolation_level=None)) as db:
        db.execute("BEGIN")
        db.execute("DELETE FROM versions")
        db.execute("DELETE FROM uploads")
        for number in range(VERSIONS):
            stamp = 19850101000000 + (number // 12) * 10_000_000_000 + (number % 12) * 100_000_000
            db.execute("INSERT INTO versions VALUES (?, ?)", (number + 1, str(stamp)))
            db.execute("INSERT INTO uploads VALUES (?, ?)", (number + 1, str(stamp + 1)))
        db.execute(
            f"UPDATE journal_v2 SET VERSION_ID = (FILE_ID - 1) * {VERSIONS} / {rows} + 1, UPLOAD_DT_ID = (FILE_ID - 1) * {VERSIONS} / {rows} + 1"
        )
        db.executemany(
            "INSERT INTO command_history_v2 (DATETIME, COMMON_PARAMS, COMMAND, PARAMS, SRC_PATHS, DEST_PATH, Duration) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                (
                    f"2026-{1 + number % 12:02}-{1 + number % 28:02} 10:00:00 UTC",
                    "--config config.toml",
                    "submit",
                    f"--version {number}",
                    "{}",
                    "store",
                    1.5,
                )
                for number in range(COMMANDS)
            ),
        )
        db.execute("COMMIT")


def store(args: argparse.Namespace, base: Path) -> list[Felt]:
    """The view of a central store whose version has a folder for each of :data:`STORED` patients."""
    from bench.bench_ui import FILES_A_PATIENT, Screen, make_site
    from PySide6.QtCore import Qt

    from chorus_gui.ui.dialogs.store import StoreDialog

    config = make_site(base, FILES_A_PATIENT, 16)
    for number in range(min(STORED, args.rows)):
        folder = base / "central" / "20260101000000" / str(1_000_000 + number)
        folder.mkdir(parents=True)
        (folder / "record.dat").write_bytes(b"1")
    screen = Screen(base)
    screen.session.open(config)
    screen.settle()
    dialogs: list[StoreDialog] = []
    probe = Probe(screen, "Central store", lambda: _quiet(screen) and not any(one.model.busy for one in dialogs), args.rounds)

    def opened() -> None:
        dialogs[:] = [StoreDialog(screen.window, screen.session.reader, screen.session.workspace(), screen.session.state)]
        dialogs[0].open()

    probe.feel("open the view", opened, lambda: [one.reject() for one in dialogs])
    (dialog,) = dialogs
    press = partial(_key, dialog.view)
    up = lambda: dialog.show_folder("")  # noqa: E731 - said once
    probe.feel("open a version", press(Qt.Key.Key_Return), up)
    probe.feel("scroll to the end of what is here", press(Qt.Key.Key_End, Qt.KeyboardModifier.ControlModifier))
    probe.feel("search", lambda: (dialog.search.setText("record"), dialog.search_button.click()), up)
    dialog.reject()
    screen.close()
    return probe.felt


PARTS: dict[str, Callable[[argparse.Namespace, Path], list[Felt]]] = {
    "review": review,
    "holds": holds,
    "tree": tree,
    "history": history,
    "store": store,
}
