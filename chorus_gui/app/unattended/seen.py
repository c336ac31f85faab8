"""What a screen shows of unattended runs: the schedules of a configuration, and the reports of its last runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from chorus_gui.app.schedule.plan import Schedule
from chorus_gui.app.unattended.run_report import Result, RunReport, saved
from chorus_gui.core.errors import UsageError
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import Tally

SHOWN = 100
"""Runs that are shown."""


@dataclass(frozen=True, slots=True)
class RunFacts:
    """One run: its report is the HTML file ``page`` and the JSON ``data``; ``started_us`` is in microseconds since 1970, UTC.

    ``why`` it was not completed, and what can be done, as sentences; "" if it was.
    """

    page: Path
    data: Path
    started_us: int
    result: Result
    status: int | None
    headline: str
    uploaded: Tally
    failed: int
    policy: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Unattended:
    """``trouble`` says why the schedules are not known, "" if they are."""

    schedules: tuple[Schedule, ...] = ()
    runs: tuple[RunFacts, ...] = ()
    trouble: str = ""


def unattended(config: Path, ctx: JobContext) -> Unattended:
    """Those of a configuration file, the newest run first."""
    from chorus_gui.app.schedule import schedulers

    schedules: tuple[Schedule, ...] = ()
    trouble = ""
    try:
        system = schedulers.here()
        if system is not None:
            schedules = tuple(one for one in schedulers.scheduler(system).installed() if Path(one.config) == config)
    except UsageError as error:
        trouble = error.what
    ctx.checkpoint()
    runs = [_facts(file, report) for file, report in saved() if Path(report.config) == config][:SHOWN]
    return Unattended(schedules, tuple(runs), trouble)


def _facts(file: Path, report: RunReport) -> RunFacts:
    sent = sum(report.uploaded.values(), Tally())
    name = report.policy.name if report.policy else Path(report.policy_file).name
    page = file.with_suffix(".html")
    why = " ".join(filter(None, report.error)) if report.error else ""
    return RunFacts(page, file, report.started_us, report.result, report.status, report.headline, sent, report.failed, name, why)
