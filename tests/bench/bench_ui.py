"""What the window costs: ``python3 dev.py bench ui``.

How long it takes to appear, how long it does not answer while a site is scanned and sent, and how fast a review of a million changes
opens, sorts, filters, searches and jumps; :mod:`bench.ui_blocked` has more parts.  Each part runs in a process of its own, so that none pays
for another's memory.  The window is a real one on Qt's offscreen platform (or on the one that QT_QPA_PLATFORM names).

A *gap* is the time between two ticks of a timer of 10 ms in the thread that paints: what a person feels as a stall.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench import ui_blocked

FILES_A_PATIENT = 50
TICK_MS = 10
REST = 3.0  # seconds
PAINTED = "painted"
CONFIG = """\
[configuration]
supported_modalities = "OMOP,Images,Waveforms"
[journal]
journaling_mode = "full"
[journal.local]
path = "journal.db"
[central_path]
path = "{base}/central"
[site_path.default]
path = "{base}/site"
"""


@dataclass(frozen=True)
class Line:
    """A number that is printed; ``aim`` is the most it should be."""

    name: str
    value: float
    unit: str
    aim: float | None = None
    note: str = ""

    def text(self) -> str:
        aim = "" if self.aim is None else f"  (aim: at most {self.aim:g} {self.unit}{'' if self.value <= self.aim else ': MISSED'})"
        return f"{self.name:<44}{self.value:>9.{2 if self.unit == 's' else 1}f} {self.unit}{aim}{f'  {self.note}' if self.note else ''}"


# --- what is measured on --------------------------------------------------------------------------------------------------


def make_site(base: Path, files: int, size: int) -> Path:
    """A site of small files, and its configuration."""
    (base / "central").mkdir()
    (base / "site").mkdir()
    for number in range(files):
        folder = base / "site" / str(1_000_000 + number // FILES_A_PATIENT) / "Waveforms"
        if number % FILES_A_PATIENT == 0:
            folder.mkdir(parents=True)
        (folder / f"record_{number % FILES_A_PATIENT:04}.dat").write_bytes(number.to_bytes(8, "big") * (size // 8))
    config = base / "config.toml"
    config.write_text(CONFIG.format(base=base.as_posix()), "utf-8")
    return config


def changes(rows: int) -> Iterator[tuple[object, ...]]:
    """Made-up changes of every kind, most of them added."""
    others = ("updated", "moved", "deleted", "restored", "unmatched", "problem")
    for number in range(rows):
        kind = "added" if number % 20 else others[number // 20 % len(others)]
        patient = str(1_000_000 + number // FILES_A_PATIENT)
        modality = "" if kind in ("unmatched", "problem") else ("Images", "Images", "Waveforms", "Waveforms", "OMOP")[number % 5]
        gone, old = kind in ("deleted", "unmatched", "problem"), kind in ("updated", "moved", "deleted", "restored")
        yield (
            kind,
            modality,
            f"{patient}/{modality or 'elsewhere'}/study_{number % 7}/series_{number % 5:03}/file_{number:07}.dcm",
            patient if modality and not gone else None,
            None if gone else number * 7919 % 5_000_000,
            None if gone else 1_700_000_000_000_000 + number * 104_729 % 31_536_000 * 1_000_000,
            number + 1 if old else None,
            patient if old else None,
            number * 31 % 5_000_000 if old else None,
            1_690_000_000_000_000 if old else None,
            "20250101000000" if old else None,
        )


def fill(path: Path, rows: int) -> None:
    """Put made-up changes into a finished review."""
    from chorus_gui.core.review.changes import prepare
    from chorus_gui.core.review.staging import Staging

    with Staging.open(path) as staging:
        staging.db.execute("BEGIN")
        staging.db.executemany(
            "INSERT INTO change (kind, modality, path, patient_id, size, mtime_us, old_id, old_patient_id, old_size, old_mtime_us, old_version) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            changes(rows),
        )
        staging.db.execute("DELETE FROM tally")
        staging.db.execute(
            "INSERT INTO tally SELECT modality, kind, count(*), coalesce(sum(coalesce(size, old_size)), 0) FROM change GROUP BY modality, kind"
        )
        staging.db.execute("COMMIT")
        prepare(staging)


# --- the window -----------------------------------------------------------------------------------------------------------


class Screen:
    """The program's window with a session, and a timer that feels every stall."""

    def __init__(self, base: Path) -> None:
        from PySide6.QtCore import Qt, QTimer

        from chorus_gui.ui import theme
        from chorus_gui.ui.answering import Answering
        from chorus_gui.ui.app import make_application
        from chorus_gui.ui.main_window import MainWindow
        from chorus_gui.ui.session import Session
        from chorus_gui.ui.settings import Settings

        self.application = make_application(())
        settings = Settings(base / "window.ini")
        theme.apply(self.application, theme.LIGHT)
        self.session = Session(settings, self.application)
        self.window = MainWindow(self.session)
        Answering(lambda: self.session.jobs.idle, self.application)
        self.window.resize(1400, 900)
        self.window.show()
        self.gaps, self.queued = list[float](), list[float]()
        self._last = self._queued = 0.0
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(TICK_MS)
        self._timer.timeout.connect(self._tick)

    def _tick(self) -> None:
        now, queued = time.perf_counter(), queued_seconds()
        self.gaps.append(now - self._last)
        self.queued.append(queued - self._queued)
        self._last, self._queued = now, queued

    def feel(self) -> None:
        """Begin to measure gaps."""
        self.gaps, self.queued, self._last, self._queued = [], [], time.perf_counter(), queued_seconds()
        self._timer.start()

    def until(self, done: Callable[[], bool], poll_ms: int = 2) -> float:
        """Let the window live until then; seconds."""
        from PySide6.QtCore import QEventLoop, Qt, QTimer

        began = time.perf_counter()
        loop, timer = QEventLoop(), QTimer()
        timer.setTimerType(Qt.TimerType.PreciseTimer)
        timer.timeout.connect(lambda: loop.quit() if done() else None)
        timer.start(poll_ms)
        if not done():
            loop.exec()
        timer.stop()
        return time.perf_counter() - began

    def settle(self) -> None:
        """Until nothing runs and everything about what is open was read."""
        session = self.session
        self.until(lambda: session.jobs.idle and not session.state.loading and session.state.custody.state is not None, 20)

    def scan(self) -> float:
        """Scan, and wait for the review; seconds of the scan alone."""
        from chorus_gui.ui.intents import Scan

        seconds = self.run(Scan())
        self.until(lambda: self.session.state.review is not None, 20)
        return seconds

    def run(self, intent: object) -> float:
        """Carry out an intent to the end of its job; seconds."""
        from chorus_gui.ui.intents import Intent

        assert isinstance(intent, Intent)
        ended: list[object] = []
        self.session.ended.connect(ended.append)
        self.session.do(intent)
        seconds = self.until(lambda: bool(ended), 20)
        self.session.ended.disconnect(ended.append)
        return seconds

    def close(self) -> None:
        stopped: list[None] = []  # every thread has ended
        self.session.stopped.connect(lambda: stopped.append(None))
        self.session.stop()
        self.until(lambda: bool(stopped), 20)

    def rest(self) -> Line:
        """Do nothing for a while: how long other programs keep this one from its turn."""
        self.feel()
        until = time.perf_counter() + REST
        self.until(lambda: time.perf_counter() > until, 20)
        return Line("  for comparison: longest stall at rest", max(self.gaps) * 1000, "ms", note="the machine's own")

    def felt(self, what: str) -> list[Line]:
        """The gaps until now; beside them what they would be if the thread had always got a core at once."""
        gaps, alone = sorted(self.gaps), sorted(max(gap - queued, 0.0) for gap, queued in zip(self.gaps, self.queued, strict=True))
        near = int(len(gaps) * 0.99)
        return [
            Line(f"longest stall while {what}", gaps[-1] * 1000, "ms", 200, f"{alone[-1] * 1000:.0f} ms without the wait for a core"),
            Line(
                f"99 % of frames within, while {what}",
                gaps[near] * 1000,
                "ms",
                50,
                f"{alone[near] * 1000:.0f} ms without the wait for a core; {len(gaps):,} frames",
            ),
        ]


def queued_seconds() -> float:
    """How long this thread was ready to run and had no core, since it began; 0 where the system does not tell."""
    try:
        return int(Path("/proc/thread-self/schedstat").read_text("ascii").split()[1]) / 1e9
    except OSError:
        return 0.0


def resident_mb() -> float:
    """Memory of this process; 0 where the system does not tell."""
    try:
        status = Path("/proc/self/status").read_text("ascii")
    except OSError:
        return 0.0
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1000


# --- the parts ------------------------------------------------------------------------------------------------------------

FIRST_PAINT = f"""
import os, sys
from PySide6.QtWidgets import QMainWindow
from chorus_gui.ui import app
def painted(self, event):
    QMainWindow.paintEvent(self, event)
    sys.stdout.write("{PAINTED}\\n")
    sys.stdout.flush()
    os._exit(0)
app.MainWindow.paintEvent = painted
app.main([])
"""


def window(args: argparse.Namespace, base: Path) -> list[Line]:
    """From the start of Python to the first paint."""
    del base
    times: list[float] = []
    work: list[float] = []
    for _ in range(args.rounds):
        began, before = time.perf_counter(), os.times()
        found = subprocess.run([sys.executable, "-c", FIRST_PAINT], stdout=subprocess.PIPE, text=True, check=False, timeout=120)
        times.append(time.perf_counter() - began)
        after = os.times()
        work.append(after.children_user + after.children_system - before.children_user - before.children_system)
        assert PAINTED in found.stdout, "the window did not appear"
    return [Line("window on screen", min(times), "s", 1.5, f"best of {args.rounds}; {min(work):.2f} s of it at work on a core")]


def scanning(args: argparse.Namespace, base: Path) -> list[Line]:
    """Frames while many files are scanned."""
    config = make_site(base, args.files, 16)
    screen = Screen(base)
    screen.session.open(config)
    screen.settle()
    screen.window.show_page("review")
    rest = screen.rest()
    screen.feel()
    seconds = screen.scan()
    out = [Line(f"scan of {args.files:,} files in the window", seconds, "s"), *screen.felt("scanning"), rest]
    review = screen.session.state.review
    assert review is not None
    assert review.to_do_total.files == args.files
    screen.close()
    return out


def uploading(args: argparse.Namespace, base: Path) -> list[Line]:
    """Frames while many files are sent to a folder."""
    from chorus_gui.ui import intents

    config = make_site(base, args.upload, 4096)
    screen = Screen(base)
    screen.session.open(config)
    screen.settle()
    screen.scan()
    assert screen.session.state.review is not None
    screen.window.show_page("upload")
    rest = screen.rest()
    screen.feel()
    seconds = screen.run(intents.Approve(screen.session.state.review.revision))
    out = [Line(f"upload of {args.upload:,} files in the window", seconds, "s"), *screen.felt("uploading"), rest]
    screen.until(lambda: screen.session.state.journal is not None and screen.session.state.journal.active.files == args.upload, 20)
    screen.close()
    return out


def diff(args: argparse.Namespace, base: Path) -> list[Line]:
    """A review of many changes: opened, sorted, filtered, searched, jumped about in."""
    from PySide6.QtCore import Qt

    from chorus_gui.core.model import ChangeKind
    from chorus_gui.core.review.staging import staging_path
    from chorus_gui.core.review.values import SORTS, Query
    from chorus_gui.ui.models.columns import COLUMNS, PATH
    from chorus_gui.ui.pages.review import ReviewPage

    config = make_site(base, FILES_A_PATIENT, 16)
    screen = Screen(base)
    screen.session.open(config)
    screen.settle()
    screen.scan()
    screen.window.show_page("review")
    page = screen.window.page("review")
    assert isinstance(page, ReviewPage)
    model, view = page.area.model, page.area.view
    answers: list[int] = []
    model.answered.connect(answers.append)
    review = staging_path(base / "journal.db")
    subprocess.run([sys.executable, "-c", ui_blocked.FILLER, str(Path(__file__).parent), str(review), str(args.rows)], check=True)

    def asked(act: Callable[[], object]) -> float:
        answers.clear()
        began = time.perf_counter()
        act()
        screen.until(lambda: bool(answers))
        return time.perf_counter() - began

    def best(make: Callable[[int], object]) -> float:
        return min(asked(lambda number=number: make(number)) for number in range(args.rounds))

    out: list[Line] = []
    screen.feel()
    revisions = iter(range(1_000_000, 2_000_000))
    out.append(Line("open", best(lambda _: model.show_review((review, next(revisions)))), "s", 1.5))
    assert model.rowCount() >= args.rows
    sides = (Qt.SortOrder.DescendingOrder, Qt.SortOrder.AscendingOrder)
    orders = {number: column.order for number, column in enumerate(COLUMNS) if column.order}
    for column, order in orders.items():
        model.ask(Query(order=order))
        out.append(Line(f"sort by {order}", best(lambda number, column=column: model.sort(column, sides[number % 2])), "s", 1.5))
    assert set(orders.values()) == set(SORTS) - {"id"}
    asked(lambda: model.ask(Query(order="id")))
    asked(lambda: model.ask(Query()))
    filters = {
        "filter: added": Query(kinds=(ChangeKind.ADDED,)),
        "filter: deleted and updated": Query(kinds=(ChangeKind.DELETED, ChangeKind.UPDATED)),
        "filter: held back": Query(excluded=True),
        "search: a part of a path": Query(search="series_001"),
        "search: one file": Query(search=f"file_{args.rows // 2:07}"),
    }
    for name, query in filters.items():
        out.append(Line(name, min(asked(lambda query=query: model.ask(query)) for _ in _again(args.rounds, model, asked)), "s", 0.5))
    asked(lambda: model.ask(Query(order="path")))
    jumps: list[float] = []
    random.seed(1)
    for _ in range(20):
        row = random.randrange(model.rowCount())
        view.scrollTo(model.index(row, 0))
        jumps.append(screen.until(lambda row=row: model.index(row, PATH).data() is not None, 1))
    out.append(Line("jump: the rows are there after", statistics.median(jumps) * 1000, "ms", 50, f"worst {max(jumps) * 1000:.0f} ms"))
    grouped = min(asked(lambda: model.ask(Query(by_patient=True, order="id"))) for _ in _again(args.rounds, model, asked))
    out.append(Line("by patient", grouped, "s", 1.5))
    began = time.perf_counter()
    model.open_all(opened=True)
    out.append(Line("by patient: open every patient", (time.perf_counter() - began) * 1000, "ms", 200))
    began = time.perf_counter()
    view.selectAll()
    out.append(Line("select all", (time.perf_counter() - began) * 1000, "ms", 200))
    out += screen.felt("a person does all that")
    out.append(Line("memory with the review open", resident_mb(), "MB", 400))
    screen.close()
    return out


def _again(rounds: int, model: object, asked: Callable[[Callable[[], object]], float]) -> Iterator[int]:
    """So many rounds, each from the unfiltered review."""
    from chorus_gui.core.review.values import Query
    from chorus_gui.ui.models.changes import ChangesModel

    assert isinstance(model, ChangesModel)
    for number in range(rounds):
        asked(lambda: model.ask(Query(order="id")))
        yield number


PARTS: dict[str, Callable[[argparse.Namespace, Path], Sequence[Line | ui_blocked.Felt]]] = {
    "window": window,
    "scan": scanning,
    "upload": uploading,
    "diff": diff,
    **ui_blocked.PARTS,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Each part in a process of its own; then the table."""
    parser = argparse.ArgumentParser(description="what the window costs")
    parser.add_argument("--files", type=int, default=200_000, help="files that are scanned")
    parser.add_argument("--upload", type=int, default=5_000, help="files that are sent")
    parser.add_argument("--rows", type=int, default=1_000_000, help="changes in the review")
    parser.add_argument("--rounds", type=int, default=3, help="of which the best counts, or the median")
    parser.add_argument("--only", choices=PARTS, help="one part alone")
    parser.add_argument("--folder", type=Path, help="where the sites are made for the time of the run")
    parser.add_argument("--inside", choices=PARTS, help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.inside:
        print(json.dumps([vars(line) for line in PARTS[args.inside](args, args.folder)]))
        return 0
    for name in [args.only] if args.only else PARTS:
        with tempfile.TemporaryDirectory(prefix="chorus-bench-", dir=args.folder) as folder:
            base = Path(folder).resolve()
            options = [f"--{key}={getattr(args, key)}" for key in ("files", "upload", "rows", "rounds")]
            environment = {**os.environ, "CHORUS_UPLOAD_HOME": str(base / "home")}
            environment.setdefault("QT_QPA_PLATFORM", "offscreen")
            (base / "work").mkdir()
            done = subprocess.run(
                [sys.executable, __file__, f"--inside={name}", *options, f"--folder={base / 'work'}"],
                stdout=subprocess.PIPE,
                text=True,
                check=True,
                env=environment,
            )
        found = json.loads(done.stdout.splitlines()[-1])
        print(ui_blocked.table(found) if name in ui_blocked.PARTS else "\n".join(Line(**line).text() for line in found), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
