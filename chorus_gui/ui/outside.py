"""Notice what others change while the window is open: the configuration file, the journal, and who has the cloud journal."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from chorus_gui.core.job import OutcomeKind
from chorus_gui.core.model import Grade
from chorus_gui.ui.state import JobEnd, JobKind

if TYPE_CHECKING:
    from chorus_gui.ui.session import Session

CLOUD_SECONDS = 20.0
"""The cloud is asked at most so often because the window comes to the front."""
Stamp = tuple[int, int] | None
"""A file's time of change (ns) and size; None: there is none."""


def stamp(file: Path) -> Stamp:
    """Of a file, now."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


@dataclass(frozen=True, slots=True)
class Seen:
    """The configuration file ``file`` and its journal, as they were."""

    file: Path
    configuration: Stamp
    journal: Stamp


class Outside(QObject):
    """Compares files with what they were, each time it is asked; files are read on a reader's thread."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        self._seen: Seen | None = None
        self._asked = 0.0
        self._waits: Path | None = None
        session.ended.connect(lambda _: self._job_ended())

    def opened(self) -> None:
        """The configuration was read just now."""
        self._seen, self._waits = None, None
        self._ask(self._first)

    def look(self) -> None:
        """The window is in front again."""
        if self._seen is None:
            return
        self._ask(self._compare)
        if time.monotonic() - self._asked > CLOUD_SECONDS:
            self._asked = time.monotonic()
            self._session.look_remote(timed=True)

    def _ask(self, then: Callable[[Seen], None]) -> None:
        file, config = self._session.state.config_file, self._session.state.config
        if file is not None:
            journal = config.journal.local if config else None
            self._session.ask_facts(lambda _: Seen(file, stamp(file), stamp(journal) if journal else None), then, "outside")

    def _first(self, seen: Seen) -> None:
        self._seen = seen

    def _compare(self, now: Seen) -> None:
        before, self._seen = self._seen, now
        if before is None or before.file != now.file:
            return
        state = self._session.state
        if now.configuration != before.configuration:
            if not state.busy:
                self._session.open(now.file)
                self._say(f"Another program changed {now.file.name}. It was read again.", Grade.INFO)
            else:
                self._waits = now.file
                self._say(f"Another program changed {now.file.name}. The running job still uses the earlier one.", Grade.WARNING)
        elif now.journal != before.journal and not state.busy:
            self._session.look()

    def _job_ended(self) -> None:
        state = self._session.state
        if self._waits is not None and not state.busy:
            file, self._waits = self._waits, None
            if file == state.config_file:
                self._session.open(file)
        elif self._seen is not None:
            self._ask(self._first)  # what the job itself has changed

    def _say(self, text: str, grade: Grade) -> None:
        self._session.show_message(text, grade)
        self._session.update(last=JobEnd(0, JobKind.SAVE, "", OutcomeKind.DONE, text, faulty=grade is Grade.WARNING))
