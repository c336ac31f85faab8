"""The steps that ``bench_scale`` measures, each in a process of its own.  A step may prepare something first; that is not measured."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.bench_scan import Nowhere
from bench.scale_data import UPDATED, config_for, mark_uploaded, site_of_journal

from chorus_gui.app.verdict_book import Book, book_file
from chorus_gui.core.custody.checkin import checkin
from chorus_gui.core.custody.checkout import checkout
from chorus_gui.core.custody.cloud_journal import CloudJournal
from chorus_gui.core.errors import Cancelled
from chorus_gui.core.job import JobContext
from chorus_gui.core.journal import backups
from chorus_gui.core.journal.known import Known
from chorus_gui.core.journal.store import Journal
from chorus_gui.core.model import MODALITIES, ChangeKind, Mode, SourceFile
from chorus_gui.core.review.approval import approve
from chorus_gui.core.review.changes import by_ids, prepare, select_ids, summary, to_do
from chorus_gui.core.review.diff import Comparison, Scanned
from chorus_gui.core.review.staging import Staging, staging_path
from chorus_gui.core.review.values import Query
from chorus_gui.core.scan.digest import digest_many
from chorus_gui.core.scan.scan import scan
from chorus_gui.core.storage.base import BlobInfo
from chorus_gui.core.storage.folder import FolderSource
from chorus_gui.core.storage.local import LocalStore
from chorus_gui.core.storage.open import Sources, open_source
from chorus_gui.core.submission.held import patients
from chorus_gui.core.submission.review_site import review_site
from chorus_gui.core.submission.run_result import RunResult
from chorus_gui.core.submission.submit import Approved, record, submit
from chorus_gui.core.submission.upload import upload_pending
from chorus_gui.core.submission.verification import verify_versions
from chorus_gui.core.submission.work import Selection, Work

DELAY = 0.005
"""Seconds that the folder reads of a distant share take longer."""


@dataclass
class Bench:
    """What a step works on.  A step begins its own measurement with :meth:`begin`; ``facts`` are printed beside the numbers."""

    folder: Path
    count: int
    schema: int
    begin: Callable[[], None]
    facts: dict[str, Any]

    @property
    def journal(self) -> Path:
        """The journal of the site."""
        return self.folder / "journal.db"

    def work(self, journal: Journal, ctx: JobContext | None = None) -> Work:
        """What the steps of a submission work on."""
        config = config_for(self.folder)
        return Work(config, journal, ctx or JobContext(), Sources(config, open_source), RunResult())

    def home(self) -> CloudJournal:
        """The cloud journal, in a folder."""
        cloud = self.folder / "cloud"
        cloud.mkdir(exist_ok=True)
        return CloudJournal(
            LocalStore(cloud),
            "journal.db",
            self.folder / "mine" / "journal.db",
            "cloud/journal.db",
            self.folder / "memory.toml",
            True,
            "me",
            "pc",
        )


def walk(bench: Bench) -> None:
    """The scan alone."""
    config, sink = config_for(bench.folder), Nowhere()
    bench.begin()
    scan(config, MODALITIES, sink, JobContext(), Sources(config, open_source))
    assert sink.count == bench.count


def slow_walk(bench: Bench) -> None:
    """The walk with 5 ms added to each folder read, as a multiple of its speed with one folder after the other."""
    listing = os.scandir

    def distant(path: str) -> Any:
        time.sleep(DELAY)
        return listing(path)

    config = config_for(bench.folder)
    os.scandir = distant
    try:
        alone = _few_folders(config.sites["Waveforms"].place.folder or bench.folder)
        sink = Nowhere()
        bench.begin()
        began = time.perf_counter()
        scan(config, MODALITIES, sink, JobContext(), Sources(config, open_source))
        seconds = time.perf_counter() - began
    finally:
        os.scandir = listing
    folders = 2 * -(-bench.count // 50) + 1
    bench.facts |= {"folders": folders, "times": round(alone * folders / seconds, 1)}


def _few_folders(root: Path) -> float:
    """Seconds for each folder if they are listed one by one: measured on some hundred."""
    from chorus_gui.core.storage.base import FolderChoice

    seen = 0
    began = time.perf_counter()
    for _ in FolderSource(root, threads=1).folders(lambda _: FolderChoice(True, True), lambda: None):
        seen += 1
        if seen == 400:
            break
    return (time.perf_counter() - began) / seen


def hashing(bench: Bench) -> None:
    """Read and hash every file."""
    config = config_for(bench.folder)

    class Keep(Nowhere):
        def files(self, files: Any) -> None:
            kept.extend(files)

    kept: list[SourceFile] = []
    with closing(Sources(config, open_source)) as sources:
        scan(config, MODALITIES, Keep(), JobContext(), sources)
        bench.begin()
        with Journal.open(bench.folder / "none.db", create=True) as journal:
            executor = bench.work(journal).executor
        assert sum(isinstance(md5, str) for _, md5, _ in digest_many(kept, sources, JobContext(), executor)) == bench.count


def recording(bench: Bench) -> None:
    """A first submission that is recorded: scan, compare, approve, hash, enter."""
    bench.begin()
    with Journal.open(bench.journal, create=True) as journal:
        work = bench.work(journal)
        with Staging.open(review_site(work).path) as staging:
            record(work, Approved(staging, approve(staging, journal, "20250101000000")))
    assert sum(tally.files for kinds in work.log.entered.values() for tally in kinds.values()) == bench.count
    bench.facts["bytes a row"] = round(bench.journal.stat().st_size / bench.count)


class Wire:
    """A store that takes nothing: the moment at which the first file reaches it is all that counts."""

    def __init__(self, folder: Path, bench: Bench) -> None:
        folder.mkdir(exist_ok=True)
        self._inner = LocalStore(folder)
        self._bench = bench
        self._turn = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        if name in ("put", "write", "stage_block", "lane"):
            with self._turn:
                self._bench.facts.setdefault("first byte", time.perf_counter())
            raise Cancelled
        return getattr(self._inner, name)


def resuming(bench: Bench) -> None:
    """Recorded, and not uploaded: until the first byte of the upload is sent, as after a kill."""
    store: Any = Wire(bench.folder / "store", bench)
    bench.begin()
    began = time.perf_counter()
    with Journal.open(bench.journal) as journal, suppress(Cancelled):
        upload_pending(bench.work(journal), store, Selection())
    bench.facts["first byte"] = round(bench.facts["first byte"] - began, 1)


def unchanged(bench: Bench) -> None:
    """The scan of a site that the journal knows."""
    mark_uploaded(bench.journal)
    bench.begin()
    with Journal.open(bench.journal) as journal:
        found = review_site(bench.work(journal)).summary
    assert found.total(ChangeKind.UNCHANGED).files == bench.count


def listing(bench: Bench) -> None:
    """Every current entry, as a file list and a verification read them."""
    bench.begin()
    with Journal.open(bench.journal, readonly=True) as journal:
        assert sum(1 for _ in journal.rows(active=True)) == bench.count


class Canned:
    """A store that lists what the journal says, and is asked for nothing else."""

    url = "canned://store"

    def __init__(self, journal: Path) -> None:
        self._journal = journal

    def list(self, prefix: str) -> Iterator[BlobInfo]:
        with Journal.open(self._journal, readonly=True) as journal, closing(sqlite3.connect(self._journal)) as db:
            for path, size, md5 in db.execute(f"SELECT path, size, md5 FROM ({journal.rows_sql()})"):
                yield BlobInfo(f"{prefix}{path}", size, md5, '"1"', 0)


def verifying(bench: Bench) -> None:
    """Compare every entry with a listing of the store, and keep the verdicts."""
    store: Any = Canned(bench.journal)
    bench.begin()
    with Journal.open(bench.journal, readonly=True) as journal:
        work = bench.work(journal)
        with Book(book_file(bench.journal), journal=bench.journal, version=None, modalities=MODALITIES, reread=False) as book:
            count = 0
            for verdict in verify_versions(work, store, Selection()):
                assert verdict.level is not None, verdict.detail
                book.add(verdict)
                count += 1
    assert count == bench.count


def reviewing(bench: Bench) -> None:
    """Open the review of a first submission, as the Review page does: counts, the order of the table, its first page."""
    other = bench.folder / "first.db"
    with Journal.open(other, create=True) as journal:
        work = bench.work(journal)
        path = review_site(work, path=staging_path(bench.journal)).path
    with Staging.open(path) as staging:
        prepare(staging)
    bench.begin()
    with Staging.open(path) as staging:
        assert summary(staging).total(ChangeKind.ADDED).files == bench.count
        assert to_do(staging)
        ids = select_ids(staging, Query())
        assert len(by_ids(staging, ids[:200])) == min(200, bench.count)


def submitting(bench: Bench) -> None:
    """A reviewed first submission: from the approval to the first byte."""
    other = bench.folder / "first.db"
    store: Any = Wire(bench.folder / "store", bench)
    with Journal.open(other, create=True) as journal:
        work = bench.work(journal)
        path = review_site(work).path
        bench.begin()
        began = time.perf_counter()
        with Staging.open(path) as staging, suppress(Cancelled):
            submit(work, Approved(staging, approve(staging, journal, "20250101000000")), store)
    bench.facts["first byte"] = round(bench.facts["first byte"] - began, 1)


# --- a journal without a site ---------------------------------------------------------------------------------------------


def opening(bench: Bench) -> None:
    """Open a journal for writing, which begins no change."""
    bench.begin()
    with Journal.open(bench.journal) as journal:
        assert journal.schema == bench.schema


def counting(bench: Bench) -> None:
    """Count the files of each version."""
    bench.begin()
    with Journal.open(bench.journal, readonly=True) as journal:
        assert sum(count.active for count in journal.counts()) == bench.count


def last(bench: Bench) -> None:
    """Find the version that was begun last."""
    bench.begin()
    with Journal.open(bench.journal, readonly=True) as journal:
        assert journal.last_version() is not None


def diff(bench: Bench) -> None:
    """Compare a site with the journal: what a scan does after its walk."""
    path = staging_path(bench.journal)
    bench.begin()
    config, ctx = config_for(bench.folder), JobContext()
    with (
        Journal.open(bench.journal, readonly=True) as journal,
        Known(bench.journal, MODALITIES, path.with_suffix(".known")) as known,
        Staging.create(path) as staging,
    ):
        for batch in site_of_journal(bench.count):
            staging.files(batch)
        comparison = Comparison(config, journal, Scanned(staging, known, MODALITIES, Mode.FULL, ()), ctx)
        comparison.begin(patients(config))
        comparison.find_deleted()
        assert not list(comparison.touched())
        found = comparison.finish()
    assert found.total(ChangeKind.ADDED).files == bench.count // UPDATED
    assert found.total(ChangeKind.DELETED).files == sum(1 for number in range(1, bench.count, UPDATED))
    bench.facts["staging MB"] = round(path.stat().st_size / 1e6)


def keeping(bench: Bench) -> None:
    """Keep a copy of the journal, as before a command's first change."""
    bench.begin()
    kept = backups.keep(bench.journal, rows_only=True)
    assert kept is not None
    bench.facts["of the journal"] = f"{kept.stat().st_size / bench.journal.stat().st_size:.2f}"


def keeping_again(bench: Bench) -> None:
    """The same when nothing has changed."""
    bench.begin()
    assert backups.keep(bench.journal, rows_only=True) is None


def checking_out(bench: Bench) -> None:
    """Get the cloud journal."""
    home = bench.home()
    home.local.parent.mkdir(exist_ok=True)
    cloud = bench.folder / "cloud" / "journal.db"
    cloud.unlink(missing_ok=True)
    os.link(bench.journal, cloud)
    bench.begin()
    checkout(home, JobContext())


def checking_in(bench: Bench) -> None:
    """Return it, after one entry was changed."""
    home = bench.home()
    with closing(sqlite3.connect(home.local, isolation_level=None)) as db:
        table = "journal" if bench.schema == 1 else "journal_v2"
        db.execute(f"UPDATE {table} SET SIZE = SIZE + 1 WHERE FILE_ID = 1")
    bench.begin()
    checkin(home, JobContext())


OF_SITE: dict[str, Callable[[Bench], None]] = {
    "walk": walk,
    "walk, 5 ms a folder": slow_walk,
    "hash": hashing,
    "record": recording,
    "resume, first byte": resuming,
    "unchanged": unchanged,
    "list": listing,
    "verify": verifying,
    "open the review": reviewing,
    "submit, first byte": submitting,
}
"""The steps on a site, in their order: some need what an earlier one left."""

OF_JOURNAL: dict[str, Callable[[Bench], None]] = {
    "open": opening,
    "count versions": counting,
    "find the last version": last,
    "diff": diff,
    "list": listing,
    "keep a copy": keeping,
    "keep it again": keeping_again,
    "check out": checking_out,
    "check in": checking_in,
}
"""The steps on a journal alone, in their order."""
