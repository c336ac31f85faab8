"""A site, a central store and a journal to try things on: what the tests of whole steps share."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeVar

from chorus_gui.app.options import SubmitOptions
from chorus_gui.app.review import Reviewing
from chorus_gui.app.run import Done
from chorus_gui.app.submit import submit, upload
from chorus_gui.app.workspace import Workspace
from chorus_gui.core.config.load import load
from chorus_gui.core.config.model import Config
from chorus_gui.core.errors import Cancelled
from chorus_gui.core.job import JobContext, OutcomeKind
from chorus_gui.core.journal.store import Journal
from chorus_gui.core.model import Change, Mode, Row
from chorus_gui.core.review.changes import stream
from chorus_gui.core.review.staging import Staging
from chorus_gui.core.review.values import Query, Reviewed
from chorus_gui.core.storage.base import Store
from chorus_gui.core.storage.local import LocalStore
from chorus_gui.core.storage.open import Sources, open_source
from chorus_gui.core.storage.outage import Outage
from chorus_gui.core.storage.retrying import RetryingStore
from chorus_gui.core.submission.review_site import review_site
from chorus_gui.core.submission.run_result import RunResult
from chorus_gui.core.submission.work import Selection, Work

T = TypeVar("T")

CONFIG = """\
[configuration]
supported_modalities = "OMOP,Images,Waveforms"
page_size = {page_size}
num_threads = 4
[journal]
journaling_mode = "{mode}"
[journal.local]
path = "journal.db"
[central_path]
path = "{central}"
[site_path.default]
path = "{site}"
{more}
"""


def ran(done: Done[T]) -> Done[T]:
    """A run that came to its end; what stopped another one is raised."""
    match done.outcome.kind:
        case OutcomeKind.DONE:
            return done
        case OutcomeKind.CANCELLED:
            raise Cancelled
        case OutcomeKind.FAILED:
            assert done.outcome.error is not None
            raise done.outcome.error
        case OutcomeKind.CRASHED:
            raise AssertionError(done.outcome.report)


class World:
    """``site`` and ``central`` are folders below ``base``; the journal is ``base/journal.db``."""

    def __init__(self, base: Path, *, mode: str = "full", page_size: int = 100, more: str = "") -> None:
        self.base = base
        self.site = base / "site"
        self.central = base / "central"
        for folder in (self.site, self.central):
            folder.mkdir(parents=True, exist_ok=True)
        self.file = base / "config.toml"
        self.file.write_text(
            CONFIG.format(page_size=page_size, mode=mode, central=self.central.as_posix(), site=self.site.as_posix(), more=more), "utf-8"
        )
        self.journal = base / "journal.db"
        self.store: Store = LocalStore(self.central)

    @property
    def config(self) -> Config:
        return load(self.file, environ={})

    def put(self, path: str, content: bytes | str = b"", *, mtime: float | None = None) -> Path:
        """Write a file of the site; without ``mtime`` its time follows from its content."""
        data = content.encode() if isinstance(content, str) else content
        file = self.site / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        moment = mtime if mtime is not None else 1_700_000_000 + int(hashlib.sha256(data).hexdigest()[:6], 16)
        os.utime(file, (moment, moment))
        return file

    @contextmanager
    def open(self) -> Iterator[Journal]:
        with Journal.open(self.journal, create=True) as journal:
            yield journal

    @contextmanager
    def working(self, *, ctx: JobContext | None = None, log: RunResult | None = None) -> Iterator[Work]:
        """The journal and the site, open, for the steps of a submission."""
        config = self.config
        with self.open() as journal, closing(Sources(config, open_source)) as sources:
            yield Work(config, journal, ctx or JobContext(), sources, log or RunResult())

    def review(self, *, mode: Mode | None = None, modalities: list[str] | None = None) -> Reviewed:
        with self.working() as work:
            return review_site(work, mode=mode, modalities=modalities or (), store=self.store)

    def changes(self, *, mode: Mode | None = None, modalities: list[str] | None = None) -> list[Change]:
        """What a scan finds now."""
        with Staging.open(self.review(mode=mode, modalities=modalities).path) as staging:
            return list(stream(staging, Query()))

    def kinds(self, *, mode: Mode | None = None) -> dict[str, str]:
        """path → kind of what a scan finds now."""
        return {change.path: change.kind.value for change in self.changes(mode=mode)}

    def run(
        self,
        what: str = "submit",
        *,
        version: str | None = None,
        mode: Mode | None = None,
        allow_deletions: bool = False,
        ctx: JobContext | None = None,
    ) -> RunResult:
        """Scan, approve, and "record" or "submit", as the program's own command does it."""
        options = SubmitOptions(version=version, mode=mode, allow_deletions=allow_deletions)
        done = submit(self.workspace(), ctx or JobContext(), options, Reviewing(), record_only=what == "record")
        return ran(done).log

    def workspace(self) -> Workspace:
        """A workspace on this configuration, with this world's store, which sends requests again as the program's own does."""
        world, outage = self, Outage()

        class OfWorld(Workspace):
            def store(self) -> Store:
                return RetryingStore(world.store, outage)

        return OfWorld(self.config)

    def upload(self, which: Selection = Selection()) -> RunResult:  # noqa: B008 - frozen
        """Upload what is pending, as the program's own command does it."""
        return ran(upload(self.workspace(), JobContext(), which)).log

    def rows(self, *, active: bool | None = None) -> list[Row]:
        with Journal.open(self.journal, readonly=True) as journal:
            return list(journal.rows(active=active))

    def active(self) -> dict[str, Row]:
        """path → its only open row."""
        rows = self.rows(active=True)
        out = {row.path: row for row in rows}
        assert len(out) == len(rows), "two open rows for one path"
        return out

    def check_truth(self) -> None:
        """Every open, uploaded row's file lies in the store with the row's MD5."""
        config = self.config
        for row in self.rows(active=True):
            if row.uploaded is not None:
                data = (self.central / config.store_path(row.modality, row.path, row.version)).read_bytes()
                assert (len(data), hashlib.md5(data).hexdigest()) == (row.size, row.md5), row.path
