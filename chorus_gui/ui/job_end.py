"""How a job of the window ended, in sentences."""

from __future__ import annotations

import logging
from typing import Any

from chorus_gui.app.custody import CustodyConflictError
from chorus_gui.app.logs import log_failure
from chorus_gui.app.run import Done
from chorus_gui.core.errors import ConfigChangedError
from chorus_gui.core.job import Outcome, OutcomeKind
from chorus_gui.ui.jobs import Job
from chorus_gui.ui.state import SENDING, JobEnd

_LOG = logging.getLogger("chorus.ui")


def job_end(job: Job, outcome: Outcome[Any], text: str, run: Done[Any] | None) -> JobEnd:
    """How a job ended, in sentences.  ``text`` is its own sentence, if it succeeded."""
    remedy = ""
    match outcome.kind:
        case OutcomeKind.DONE:
            text = text or f"{job.title}: finished."
        case OutcomeKind.CANCELLED:
            kept = "Files that were already uploaded are kept." if job.kind in SENDING else "What was finished is kept."
            text = "Cancelled before it started." if job.began == 0.0 else f"Stopped. {kept}"
        case OutcomeKind.FAILED:
            assert outcome.error is not None
            text, remedy = outcome.error.summary, outcome.error.remedy
            if isinstance(outcome.error, CustodyConflictError):
                remedy = "Compare both journals, then decide."  # the dialog shows them, and Overview what can be done
            log_failure(_LOG, job.title, outcome.error)
        case OutcomeKind.CRASHED:
            text, remedy = "The program stopped at an error of its own.", "What was finished is kept. Please report the error."
            _LOG.error("unexpected error in %s\n%s", job.title, outcome.report)
    text = " ".join((text, *(run.notes if run else ())))
    return JobEnd(
        job.id,
        job.kind,
        job.title,
        outcome.kind,
        text,
        remedy,
        run.receipt if run else None,
        job.seconds,
        faulty=bool(run and run.faulty),
        changed_elsewhere=isinstance(outcome.error, ConfigChangedError),
    )


def succeeded(outcome: Outcome[Any]) -> bool:
    """The step ended, and so did the run in it, if it was one."""
    return outcome.kind is OutcomeKind.DONE and (not isinstance(outcome.value, Done) or outcome.value.ok)
