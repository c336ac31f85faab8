"""The quiet hours of a policy: a run does not start in them, and one that is running when they begin stops at the next file."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

from chorus_gui.app.run import Done
from chorus_gui.app.unattended.policy import Policy, is_quiet
from chorus_gui.core.errors import ChorusError
from chorus_gui.core.job import JobContext, Outcome, OutcomeKind

LOOK_S = 5.0
"""Seconds between two looks at the clock."""


class QuietHoursError(ChorusError):
    """The quiet hours began while a run was working."""

    retryable = True


def now() -> datetime:
    """The local time."""
    return datetime.now().astimezone()


class Quiet:
    """``began``: the quiet hours began in the block of :func:`watched`."""

    def __init__(self, policy: Policy) -> None:
        self.began = False
        self._policy = policy

    def stopped(self, done: Done[Any]) -> Done[Any]:
        """The end of a step: if the quiet hours stopped it, it says so."""
        if not self.began or done.outcome.kind is not OutcomeKind.CANCELLED:
            return done
        error = QuietHoursError(
            f"The quiet hours of the policy “{self._policy.name}” began: {self._policy.quiet_text}.",
            meaning="What was recorded and uploaded until then is kept.",
            remedy="The next run continues.",
        )
        return replace(done, outcome=Outcome(OutcomeKind.FAILED, error=error))


@contextmanager
def watched(policy: Policy, ctx: JobContext) -> Generator[Quiet]:
    """Ask the job of ``ctx`` to stop when the quiet hours begin."""
    quiet, end = Quiet(policy), threading.Event()

    def look() -> None:
        while not end.wait(LOOK_S):
            if is_quiet(policy, now()) and not ctx.cancelled:
                quiet.began = True
                ctx.cancel()
                return

    looker = threading.Thread(target=look, name="quiet hours", daemon=True)
    if policy.quiet_hours:
        looker.start()
    try:
        yield quiet
    finally:
        end.set()
        if looker.ident is not None:
            looker.join()
