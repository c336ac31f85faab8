"""The person at a terminal, for a workspace."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from chorus_gui.app.workspace import Person

if TYPE_CHECKING:
    from chorus_gui.cli.report import Report
    from chorus_gui.core.job import JobContext


class Terminal(Person):
    """Sentences go to standard error; progress is drawn there."""

    def __init__(self, report: Report) -> None:
        self._report = report

    def say(self, text: str) -> None:
        """See :meth:`Person.say`."""
        self._report.note(text)

    def warn(self, text: str) -> None:
        """See :meth:`Person.warn`."""
        self._report.warn(text)

    def progress(self, ctx: JobContext) -> AbstractContextManager[None]:
        """See :meth:`Person.progress`."""
        return self._report.progress(ctx)
