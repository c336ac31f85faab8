"""Where the site is in its submission, as Overview and ``chorus-upload status`` say it."""

from __future__ import annotations

from collections.abc import Iterator

from chorus_gui.app import facts
from chorus_gui.app.doctor.journal import check_verification
from chorus_gui.app.doctor.model import Case
from chorus_gui.app.site_status import COMMANDS, Action, site_status, submission_warnings
from chorus_gui.app.workspace import Workspace
from chorus_gui.core.model import Finding, Grade

SUBJECT = "Submission"
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
    if step.action not in ELSEWHERE and not site_is_gone:
        grade = Grade.GOOD
        if status.grade is Grade.BAD:
            grade = Grade.WARNING if step.action is Action.DECIDE_CUSTODY else Grade.BAD
        command = COMMANDS.get(step.action, "")
        remedy = f"Select “{step.label}” on the Overview page, or use “chorus-upload {command}”." if grade is not Grade.GOOD else ""
        if step.action in (Action.SEE_VERIFICATION, Action.REPAIR) and wrong:
            why, remedy, wrong = wrong[0].why, wrong[0].remedy, []
            yield Finding(grade, SUBJECT, f"{status.headline}. {status.text}", why, remedy)
        else:
            yield Finding(grade, SUBJECT, f"{status.headline}. {status.text}", remedy=remedy)
    yield from wrong
    for warning in submission_warnings(known):
        yield Finding(Grade.WARNING, SUBJECT, warning)
