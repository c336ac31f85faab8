"""Where the site is in its submission, as Overview and ``chorus-upload status`` say it."""

from __future__ import annotations

from collections.abc import Iterator

from chorus_gui.app import facts
from chorus_gui.app.chain import broken_receipts
from chorus_gui.app.doctor.journal import check_verification
from chorus_gui.app.doctor.model import Case
from chorus_gui.app.site_status import Action, site_status, submission_warnings
from chorus_gui.app.words import agree, plural
from chorus_gui.app.workspace import Workspace
from chorus_gui.core.model import Finding, Grade

SUBJECT = "Submission"
RECEIPTS = "Receipts"
ELSEWHERE = (Action.TRY_AGAIN, Action.NOTHING)
"""What stops the site then is a finding of another check: the journal, or the place of the cloud journal."""


def check_status(case: Case) -> Iterator[Finding]:
    """The next step, and what is left or wrong about submissions, such as a verification that found differences."""
    if case.config is None:
        return
    known = facts.known(Workspace(case.config, case.login), case.ctx)
    status = site_status(known)
    step, wrong = status.next, list(check_verification(case))
    site_is_gone = step is status.steps[1] and status.grade is Grade.BAD  # the checks of the site say how it is now
    only_warnings = status.grade is Grade.WARNING and step not in status.steps  # nothing is left, and the warnings follow
    if step.action not in ELSEWHERE and not site_is_gone and not only_warnings:
        grade = Grade.GOOD
        if status.grade is Grade.BAD:
            grade = Grade.WARNING if step.action is Action.DECIDE_CUSTODY else Grade.BAD
        command = status.command
        if step.action is Action.MARK_COMPLETE:
            command += f" --version {step.version}"
        remedy = f"Select “{step.label}” on the Overview page, or use “chorus-upload {command}”." if grade is not Grade.GOOD else ""
        if wrong and (step.action is Action.SEE_VERIFICATION or (known.wrong is not None and known.wrong.text in step.text)):
            why, remedy, wrong = wrong[0].why, remedy if step.action is Action.CHECK_OUT else wrong[0].remedy, []
            yield Finding(grade, SUBJECT, f"{status.headline}. {status.text}", why, remedy)
        else:
            yield Finding(grade, SUBJECT, f"{status.headline}. {status.text}", remedy=remedy)
    yield from wrong
    for warning in submission_warnings(known):
        if warning not in step.text:
            yield Finding(Grade.WARNING, SUBJECT, warning)


def check_receipts(case: Case) -> Iterator[Finding]:
    """Each receipt has the hash of the one before it, so a receipt that somebody changed or removed does not fit."""
    if case.config is None:
        return
    broken = broken_receipts(case.config, case.ctx)
    if broken:
        number = len(broken)
        what = f"{plural(number, 'receipt')} {agree(number, 'does not follow the one before it', 'do not follow the ones before them')}."
        why = "The receipt before was changed, removed, or could not be copied next to the journal, so the list of receipts has a gap."
        remedy = "Compare the receipts with the copies next to the cloud journal. If nobody here removed one, tell the central team."
        yield Finding(Grade.WARNING, RECEIPTS, what, why, remedy, tuple(file.name for file in broken[:5]))
