"""What is known of each site in the list of this computer, without the network: its last run, its journal, whether its file is there.

A configuration can be on a drive that does not answer.  So each is read in a thread of its own, and nobody waits for a silent one longer
than :data:`PATIENCE_S`.
"""

from __future__ import annotations

import logging
import os
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from chorus_gui.app.facts import UPLOADING
from chorus_gui.app.folders import receipts_folder
from chorus_gui.app.receipt_order import Kept, in_order, newest
from chorus_gui.app.site_list import Listed
from chorus_gui.app.this_store import of_this_store
from chorus_gui.app.words import files as file_count
from chorus_gui.app.words import plural
from chorus_gui.core.errors import ChorusError, ConfigError, JournalError, ReviewError
from chorus_gui.core.job import JobContext, OutcomeKind
from chorus_gui.core.model import Tally
from chorus_gui.core.untrusted import instant

if TYPE_CHECKING:
    from chorus_gui.app.unattended.run_report import RunReport
    from chorus_gui.core.config.model import Config
    from chorus_gui.core.receipt import Receipt

PATIENCE_S = 5.0
"""Seconds after which the list says of a configuration that it does not answer."""
_LOOK_S = 0.05
_log = logging.getLogger("chorus")


class Presence(Enum):
    """What is known of a configuration's file."""

    CHECKING = "checking"
    FOUND = "found"
    FAULTY = "faulty"
    """it is there, and cannot be used"""
    MISSING = "missing"
    SILENT = "no answer"
    """its drive does not answer"""


PRESENCE = {
    Presence.CHECKING: "Checking…",
    Presence.FOUND: "No runs yet",
    Presence.FAULTY: "Configuration has problems",
    Presence.MISSING: "Configuration not found",
    Presence.SILENT: "Drive does not answer",
}
"""What a list says of a site without a last run."""


class Ending(Enum):
    """How the last run of a site ended."""

    FINISHED = "finished"
    WAITING = "to review"
    """a scan found changes, and nobody has decided about them"""
    STOPPED = "stopped"
    """by a person, a policy or an outage"""
    FAILED = "failed"
    """an error stopped it, or some of its files failed or differ"""
    UNFINISHED = "not finished"
    """it was interrupted, or a program works on it now"""


@dataclass(frozen=True, slots=True)
class LastRun:
    """The last run of a site.  ``what``: “Submission of 1,204 files”; ``result`` how it ended, in a few words.

    ``at_us``: when it ended or, of one that is not finished, when it began (microseconds since 1970, UTC).  ``by``: “mara on icu-gateway”.
    """

    ending: Ending
    what: str
    result: str
    at_us: int
    by: str = ""


class Keeping(Enum):
    """Where the journal is, as this computer remembers it; nobody asks the cloud."""

    UNKNOWN = "unknown"
    LOCAL = "local"
    """it is only on this computer"""
    HERE = "checked out here"
    NOT_HERE = "not checked out here"
    BETWEEN = "between"
    """a check-out or a check-in began, and its end is not known"""


JOURNAL = {
    Keeping.UNKNOWN: "–",
    Keeping.LOCAL: "On this computer",
    Keeping.HERE: "Checked out here",
    Keeping.NOT_HERE: "Not checked out here",
    Keeping.BETWEEN: "Check-out or check-in not finished",
}
"""What a list says of a journal."""


@dataclass(frozen=True, slots=True)
class SiteFacts:
    """A site of the list.  ``folders`` are those of its files, ``trouble`` says why its configuration cannot be read or used, "" if it can.

    ``last`` None: this computer knows of no run, or cannot know.  ``since``: when the journal was checked out here, if it was.
    """

    listed: Listed
    presence: Presence = Presence.CHECKING
    trouble: str = ""
    folders: tuple[str, ...] = ()
    last: LastRun | None = None
    keeping: Keeping = Keeping.UNKNOWN
    since: datetime | None = None

    @property
    def file(self) -> Path:
        """Its configuration."""
        return self.listed.file


class Look:
    """One look at all sites of a list.  Each call of :meth:`more` brings those that have answered meanwhile."""

    def __init__(
        self, listed: Sequence[Listed], *, patience_s: float = PATIENCE_S, read: Callable[[Listed, Runs], SiteFacts] | None = None
    ):
        self._left = {one.file: one for one in listed}
        self._answers: queue.SimpleQueue[Future[SiteFacts]] = queue.SimpleQueue()
        self._until = time.monotonic() + patience_s
        runs = Runs()
        for one in self._left.values():
            _answer_of(one, runs, read or look_at, patience_s).add_done_callback(self._answers.put)

    def more(self, ctx: JobContext) -> tuple[SiteFacts, ...]:
        """The next ones, in any order; () after all of them.  Raises ``Cancelled``."""
        while self._left:
            ctx.checkpoint()
            found: list[SiteFacts] = []
            with suppress(queue.Empty):
                found.append(self._answers.get(timeout=_LOOK_S).result())
                while True:
                    found.append(self._answers.get_nowait().result())
            if not found and time.monotonic() >= self._until:
                found = [SiteFacts(one, Presence.SILENT, _SILENT) for one in self._left.values()]
            here = tuple(replace(one, listed=self._left.pop(one.file)) for one in found if one.file in self._left)
            if here:
                return here
        return ()

    def all(self, ctx: JobContext) -> dict[Path, SiteFacts]:
        """All of them.  Raises ``Cancelled``."""
        out: dict[Path, SiteFacts] = {}
        while some := self.more(ctx):
            out.update((one.file, one) for one in some)
        return out


_SILENT = "The drive of the configuration does not answer. Connect it, then open the list again."
_waiting: dict[Path, tuple[float, Future[SiteFacts]]] = {}
"""The looks that have not ended, and when they began: a drive that never answers gets one thread, not one for each look."""
_guard = threading.Lock()


def _answer_of(one: Listed, runs: Runs, read: Callable[[Listed, Runs], SiteFacts], patience_s: float) -> Future[SiteFacts]:
    now = time.monotonic()
    with _guard:
        before = _waiting.get(one.file)
        if before is not None and now - before[0] >= patience_s:
            return before[1]
        answer: Future[SiteFacts] = Future()
        _waiting[one.file] = now, answer

    def work() -> None:
        try:
            found = read(one, runs)
        except Exception:  # noqa: BLE001 - of one site: the others are shown
            _log.exception("a site of the list could not be read")
            found = SiteFacts(one, Presence.FAULTY, "Could not find out more because of an error of the program. The log has the details.")
        try:
            answer.set_result(found)
        finally:
            with _guard:
                if _waiting.get(one.file, (0.0, None))[1] is answer:
                    del _waiting[one.file]

    threading.Thread(target=work, name="site", daemon=True).start()
    return answer


def look_at(one: Listed, runs: Runs) -> SiteFacts:
    """Everything about one site.  What is wrong with it is part of the answer."""
    from chorus_gui.core.config.load import load_without_credentials

    try:
        if not one.file.is_file():
            return SiteFacts(one, Presence.MISSING, "The configuration was not found. If it was moved, open it at its new place.")
        config = load_without_credentials(one.file)
    except ConfigError as error:
        return SiteFacts(one, Presence.FAULTY, f"{error.what} Open it to see what to fix.")
    except (OSError, ValueError, ChorusError) as error:
        return SiteFacts(one, Presence.FAULTY, f"The configuration could not be read: {error}")
    folders = tuple(dict.fromkeys(config.sites[name].place.text for name in config.modalities))
    return SiteFacts(one, Presence.FOUND, "", folders, last_run(config, runs), *_journal(config))


# --- the journal --------------------------------------------------------------------------------------------------------


def _journal(config: Config) -> tuple[Keeping, datetime | None]:
    from chorus_gui.core.custody.cloud_journal import memory_file
    from chorus_gui.core.custody.local_state import Phase, load

    place = config.journal.cloud
    if place is None:
        return Keeping.LOCAL, None
    try:
        memory = load(memory_file(place))
    except ChorusError:
        return Keeping.UNKNOWN, None
    if memory.phase is Phase.FREE:
        return Keeping.NOT_HERE, None
    return (Keeping.HERE if memory.phase is Phase.HELD else Keeping.BETWEEN), instant(memory.since, UTC)


# --- runs ---------------------------------------------------------------------------------------------------------------


class Runs:
    """What this computer keeps of runs, read once for all sites of a look: receipts and reports of unattended runs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._receipts: dict[str, list[Kept]] | None = None
        self._reports: dict[str, RunReport] | None = None

    def receipts(self, journal: str) -> Sequence[Kept]:
        """The receipts of this computer about a local journal."""
        with self._lock:
            if self._receipts is None:
                self._receipts = {}
                for one in newest(receipts_folder()):
                    self._receipts.setdefault(os.path.normcase(one.says.journal), []).append(one)
            return self._receipts.get(os.path.normcase(journal), ())

    def report(self, config: Path) -> RunReport | None:
        """The newest report of an unattended run of a configuration."""
        from chorus_gui.app.unattended.run_report import saved

        with self._lock:
            if self._reports is None:
                self._reports = {}
                for _, report in saved():
                    self._reports.setdefault(os.path.normcase(report.config), report)
            return self._reports.get(os.path.normcase(config))


_LATEST = 20
"""Receipts of other computers that are read for each site: one of them is the last run."""


def last_run(config: Config, runs: Runs) -> LastRun | None:
    """The latest of what receipts, reports of unattended runs, the journal and the review say; None: nothing is known."""
    from chorus_gui.app.shared import shared_folder

    others = shared_folder(config)
    kept = in_order((*runs.receipts(str(config.journal.local)), *newest(others, most=_LATEST)), others)
    found = [(one.at_us, _of_receipt(one.says)) for one in kept if of_this_store(config, one.says.store, one.says.host)][:1]
    found += [(run.at_us, run) for run in (_of_report(runs.report(config.file)), _begun(config), _scanned(config)) if run is not None]
    return max(found, key=lambda one: one[0], default=(0, None))[1]


def _of_receipt(receipt: Receipt) -> LastRun:
    from chorus_gui.app.receipts import TITLES, headline

    count = receipt.verification.checked.files if receipt.verification else sum(receipt.uploaded.values(), Tally()).files
    what = f"{TITLES.get(receipt.kind, receipt.kind)}{f' of {file_count(count)}' if count else ''}"
    ending = Ending.FINISHED if receipt.clean else Ending.STOPPED if receipt.outcome is OutcomeKind.CANCELLED else Ending.FAILED
    by = f"{receipt.user} on {receipt.host}" if receipt.host else receipt.user
    return LastRun(ending, what, headline(receipt), receipt.ended_us, by)


def _of_report(report: RunReport | None) -> LastRun | None:
    from chorus_gui.app.unattended.run_report import Result

    if report is None:
        return None
    by = f"{report.user} on {report.host}"
    if report.result is Result.RUNNING:
        return LastRun(Ending.UNFINISHED, "Unattended run", "Not finished", report.started_us, by)
    endings: Mapping[Result, Ending] = {Result.DONE: Ending.FINISHED, Result.STOPPED: Ending.STOPPED}
    return LastRun(endings.get(report.result, Ending.FAILED), "Unattended run", report.headline, report.ended_us, by)


def _begun(config: Config) -> LastRun | None:
    """The last command in the local journal that uploads, if it has not ended."""
    from chorus_gui.core.journal.store import Journal

    try:
        with Journal.open(config.journal.local, readonly=True) as journal:
            last = next((line for line in reversed(journal.history()) if line.command in UPLOADING), None)
    except (JournalError, OSError):
        return None
    if last is None or last.seconds is not None:
        return None
    began = instant(last.at.removesuffix(" UTC"), UTC)
    return LastRun(Ending.UNFINISHED, "Upload", "Not finished", _us(began)) if began else None


def _scanned(config: Config) -> LastRun | None:
    """The last scan of exactly this configuration in the window; a command keeps nothing of a scan that only shows."""
    from chorus_gui.core.review.changes import renamed_to_do, summed, to_do_by_modality
    from chorus_gui.core.review.diff import scanned_as
    from chorus_gui.core.review.staging import Staging, staging_path

    try:
        with Staging.open(staging_path(config.journal.local), wait=0.5) as staging:  # a scan that runs now is not a last run
            if staging.get("config") != scanned_as(config) or staging.get("approval"):
                return None
            todo = sum(summed(to_do_by_modality(staging)).values(), Tally()) - sum(renamed_to_do(staging).values(), Tally())
            at_us = int(staging.get("scanned_us", 0))
    except (ReviewError, OSError, ValueError, TypeError, sqlite3.Error):
        return None
    if todo.files:
        return LastRun(Ending.WAITING, "Scan", f"{plural(todo.files, 'change')} to review", at_us)
    return LastRun(Ending.FINISHED, "Scan", "No changes", at_us)


def _us(at: datetime) -> int:
    return int(at.timestamp() * 1e6)
