"""The report of an unattended run: one page and the same as JSON, for every run, also for one that left no receipt.

Reports are in the folder ``runs`` of the receipts' folder, readable by this user alone; the newest :data:`KEPT` are kept.  A report is
begun when its run begins, and names what happened when it ends, so that a run that was killed is not forgotten.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple

import filelock

from chorus_gui import __version__
from chorus_gui.app.folders import receipts_folder
from chorus_gui.app.receipts import page_template
from chorus_gui.app.status import Status
from chorus_gui.app.words import agree, duration, files, files_and_size, moment, plural, size
from chorus_gui.core import private
from chorus_gui.core.errors import ChorusError, NotAllowedError
from chorus_gui.core.folders import remove_file, user_name
from chorus_gui.core.model import MODALITIES, Tally
from chorus_gui.core.receipt import ApprovingPolicy
from chorus_gui.core.redact import redact
from chorus_gui.core.shown import one_line
from chorus_gui.core.untrusted import MalformedError, json_value, record

SCHEMA = "chorus-upload-run/1"
KEPT = 400
"""Reports that are kept: more than a year of nights."""
COLUMNS = ("added", "updated", "moved", "restored", "deleted")
HEADINGS = ("added", "updated", "time changed", "restored", "deleted")
_log = logging.getLogger("chorus")


class Result(Enum):
    """How a run ended, for the people who get its messages."""

    RUNNING = "running"
    DONE = "done"
    """everything was done, or there was nothing to do"""
    STOPPED = "stopped"
    """a rule of the policy, an outage, a colleague or somebody's request stopped it; nothing is lost, and it can be run again"""
    FAILED = "failed"
    """it could not start, some files failed or differ, or the program has an error"""


RESULTS = {
    Status.DONE: Result.DONE,
    Status.FAULTY: Result.FAILED,
    Status.NOT_STARTED: Result.FAILED,
    Status.STOPPED: Result.STOPPED,
    Status.DECISION: Result.STOPPED,
    Status.CRASHED: Result.FAILED,
    Status.INTERRUPTED: Result.STOPPED,
}
HEADLINES = {
    Status.DONE: "Done",
    Status.FAULTY: "Done, but some files have problems",
    Status.NOT_STARTED: "Could not start",
    Status.STOPPED: "Stopped on the way",
    Status.DECISION: "Stopped: a person must decide",
    Status.CRASHED: "Stopped by a program error",
    Status.INTERRUPTED: "Interrupted",
}


class Rule(NamedTuple):
    """A rule of the policy that was not met.  ``found`` and ``allowed`` are in the rule's own unit; ``examples`` are paths."""

    rule: str
    text: str
    found: float
    allowed: float
    examples: tuple[str, ...]


class Step(NamedTuple):
    """A command of the run: its exit status, what it said, and the file name of its receipt ("" for none)."""

    name: str
    status: int
    said: tuple[str, ...]
    receipt: str


class Problem(NamedTuple):
    """Why a run was not completed: sentences."""

    what: str
    meaning: str
    remedy: str


@dataclass(frozen=True, slots=True)
class RunReport:
    """What one unattended run did.  Times are microseconds since 1970, UTC; ``ended_us`` 0 while it runs.

    ``status`` is the exit status, None while it runs.  ``changes`` counts recorded files by modality and kind, ``uploaded`` by modality.
    ``differing`` is what the verification found wrong, ``repaired`` how many of them are right now.  No field holds a secret.
    """

    result: Result = Result.RUNNING
    status: int | None = None
    headline: str = "Running"
    config: str = ""
    site: str = ""
    central_url: str = ""
    journal: str = ""
    policy: ApprovingPolicy | None = None
    policy_file: str = ""
    started_us: int = 0
    ended_us: int = 0
    user: str = ""
    host: str = ""
    app_version: str = __version__
    versions: tuple[str, ...] = ()
    changes: Mapping[str, Mapping[str, int]] = field(default_factory=dict[str, Mapping[str, int]])
    uploaded: Mapping[str, Tally] = field(default_factory=dict[str, Tally])
    failed: int = 0
    verified: int | None = None
    differing: int = 0
    repaired: int = 0
    rules: tuple[Rule, ...] = ()
    steps: tuple[Step, ...] = ()
    error: Problem | None = None
    warnings: tuple[str, ...] = ()
    """what did not work after the run: telling people"""

    def ended(self, status: Status) -> RunReport:
        """The same with its end: now."""
        sent = sum(self.uploaded.values(), Tally())
        head = HEADLINES[status]
        if status is Status.DONE:
            parts = [f"{files_and_size(sent)} uploaded"] if sent.files else []
            counts = recorded(self)
            if deleted := counts.pop("deleted", 0):
                parts.append(f"{files(deleted)} marked as deleted")
            if counts and not sent.files:
                parts.insert(0, f"{plural(sum(counts.values()), 'change')} recorded without an upload")
            head = f"Done: {', '.join(parts) or 'nothing to upload'}"
        elif self.rules:
            head = f"Stopped by the policy: {plural(len(self.rules), 'rule')} {agree(len(self.rules), 'is', 'are')} not met"
        return replace(self, result=RESULTS[status], status=int(status), headline=head, ended_us=time.time_ns() // 1000)


def recorded(report: RunReport) -> dict[str, int]:
    """How many changes of each kind were recorded, over all modalities; kinds without any are left out."""
    counts = {kind: sum(kinds.get(kind, 0) for kinds in report.changes.values()) for kind in COLUMNS}
    return {kind: count for kind, count in counts.items() if count}


def begun(config: Path, policy_file: Path) -> RunReport:
    """The report of a run that begins now."""
    return RunReport(
        config=os.path.normpath(config.absolute()),
        policy_file=os.path.normpath(policy_file.absolute()),
        started_us=time.time_ns() // 1000,
        user=user_name(),
        host=socket.gethostname(),
    )


def problem(error: ChorusError) -> Problem:
    """An error as a report has it."""
    what = "\n".join([error.what, *map(str, getattr(error, "faults", ()))]) if not isinstance(error, NotAllowedError) else error.what
    return Problem(clean(what), clean(error.meaning), clean(error.remedy))


def clean(text: str) -> str:
    """A sentence for a report: without secrets, on one line."""
    return " ".join(one_line(redact(line)) for line in text.splitlines())


# --- as texts --------------------------------------------------------------------------------------------------------------


def values(report: RunReport) -> dict[str, Any]:
    """The report as JSON values; the first key, ``schema``, changes when a key's meaning does."""
    return {
        "schema": SCHEMA,
        **asdict(report),
        "result": report.result.value,
        "policy": report.policy and report.policy._asdict(),
        "rules": [rule._asdict() for rule in report.rules],
        "steps": [step._asdict() for step in report.steps],
        "error": report.error and report.error._asdict(),
    }


def to_json(report: RunReport) -> str:
    """The report for programs."""
    return json.dumps(values(report), indent=2) + "\n"


def from_json(text: str) -> RunReport:
    """Read what :func:`values` gave.  Raises :class:`MalformedError` for anything else."""
    data = json_value(text)
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:  # pyright: ignore[reportUnknownMemberType]
        raise MalformedError("another format")
    return record(RunReport, data)  # pyright: ignore[reportUnknownArgumentType]


def facts(report: RunReport) -> list[tuple[str, str]]:
    """What the head of the page says, in its order.  It names no patient."""
    seconds = (report.ended_us - report.started_us) / 1e6
    lines = [
        ("Configuration", report.config),
        ("Policy", f"“{report.policy.name}”, SHA-256 {report.policy.sha256}" if report.policy else report.policy_file),
        ("Site", report.site),
        ("Central store", report.central_url),
        ("Journal", report.journal),
        ("Versions" if len(report.versions) > 1 else "Version", ", ".join(report.versions) or "none"),
        ("Started", moment(report.started_us)),
        ("Ended", f"{moment(report.ended_us)} ({duration(seconds)})" if report.ended_us else "not yet"),
        ("By", f"{report.user} on {report.host}"),
        ("Exit status", "none yet" if report.status is None else str(report.status)),
        ("Uploaded", files_and_size(sum(report.uploaded.values(), Tally()))),
    ]
    if report.failed:
        lines.append(("Failed", files(report.failed)))
    if report.verified is not None:
        wrong = f"{files(report.differing)} missing or different" if report.differing else "all match"
        repaired = f", {report.repaired:,} of them repaired" if report.differing and report.repaired else ""
        lines.append(("Verified", f"{files(report.verified)}: {wrong}{repaired}"))
    return [(name, value) for name, value in lines if value]


def to_html(report: RunReport) -> str:
    """The page: self-contained, nothing is downloaded, one sheet when it is printed."""
    names = [name for name in MODALITIES if name in report.changes or name in report.uploaded]
    table = [(name, [report.changes.get(name, {}).get(kind, 0) for kind in COLUMNS], report.uploaded.get(name, Tally())) for name in names]
    good = report.result is Result.DONE
    return page_template("receipt/run.html").render(
        run=report, good=good, facts=facts(report), table=table, columns=HEADINGS, size=size, duration=duration
    )


# --- on the disk -----------------------------------------------------------------------------------------------------------


def reports_folder() -> Path:
    """Where reports are kept."""
    return receipts_folder() / "runs"


class Kept:
    """The report of a run on the disk, from its begin to its end."""

    def __init__(self, report: RunReport, file: Path, lock: filelock.FileLock | None) -> None:
        self.report = report
        self.file = file
        self._lock = lock

    @classmethod
    def begin(cls, report: RunReport) -> Kept:
        """Write a report that has begun.  A disk that does not take it does not stop the run."""
        folder = reports_folder()
        stem = f"{datetime.now(UTC):%Y%m%dT%H%M%S_%fZ}_{os.getpid()}"
        kept = cls(report, folder / f"{stem}.json", None)
        try:
            private.make_folder(folder)
            lock = filelock.FileLock(folder / f".{stem}.running", timeout=0, thread_local=False)
            lock.acquire(timeout=0)
            kept._lock = lock
        except (OSError, NotImplementedError, filelock.Timeout):
            _log.warning("could not lock the report %s", kept.file)
        kept.write(report)
        return kept

    def write(self, report: RunReport) -> bool:
        """Replace both files; False if that is impossible, which the log says."""
        self.report = report
        try:
            private.make_folder(self.file.parent)
            private.write(self.file, to_json(report).encode())
            private.write(self.file.with_suffix(".html"), to_html(report).encode("utf-8", "backslashreplace"))
        except OSError as error:
            _log.warning("could not write the report %s: %s", self.file, error)
            return False
        return True

    def close(self) -> None:
        """The run has ended."""
        if self._lock is not None:
            self._lock.release()
            with suppress(OSError):
                remove_file(Path(self._lock.lock_file))


def saved(folder: Path | None = None) -> list[tuple[Path, RunReport]]:
    """The reports on the disk, the newest first.  What cannot be read is left out."""
    found: list[tuple[Path, RunReport]] = []
    for file in sorted((folder or reports_folder()).glob("*.json"), reverse=True):
        with suppress(OSError, ValueError):
            found.append((file, from_json(file.read_text("utf-8"))))
    return found


def close_unfinished(config: str) -> list[Kept]:
    """Complete the reports of runs of this configuration that were killed, or whose computer lost its power: nobody holds their locks.

    Those of another configuration are left for its own next run, which tells the people that it names.
    """
    closed: list[Kept] = []
    for file, report in saved():
        if report.result is not Result.RUNNING or report.config != config:
            continue
        lock = filelock.FileLock(file.with_name(f".{file.stem}.running"), timeout=0, thread_local=False)
        try:
            lock.acquire(timeout=0)
        except (OSError, NotImplementedError, filelock.Timeout):
            continue  # it runs
        kept = Kept(report, file, lock)
        why = Problem(
            "This run did not end: it was killed, or the computer was switched off.",
            "What it had recorded and uploaded until then is in the journal.",
            "The next run continues. Check the reports of the runs after it.",
        )
        kept.write(replace(report.ended(Status.INTERRUPTED), headline="Did not end", error=why))
        kept.close()
        closed.append(kept)
    return closed


def running() -> bool:
    """An unattended run works on this computer now: it holds the lock of its report."""
    for file, report in saved():
        mark = file.with_name(f".{file.stem}.running")
        if report.result is Result.RUNNING and mark.exists():
            try:
                with filelock.FileLock(mark, timeout=0, thread_local=False):
                    pass
            except filelock.Timeout:
                return True
            except (OSError, NotImplementedError):
                continue
    return False


def prune(folder: Path | None = None) -> None:
    """Remove all but the newest :data:`KEPT` reports."""
    place = folder or reports_folder()
    for file in sorted(place.glob("*.json"), reverse=True)[KEPT:]:
        with suppress(OSError):
            remove_file(file.with_suffix(".html"))
            remove_file(file)
