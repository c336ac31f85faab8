"""Notice what others change while the window is open: the configuration, the journal, the held-back list, who has the cloud journal."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer

from chorus_gui.app.watched import Seen, Stamp, see
from chorus_gui.core.job import OutcomeKind
from chorus_gui.core.model import Grade
from chorus_gui.ui.state import JobEnd, JobKind
from chorus_gui.ui.watching import Watch

if TYPE_CHECKING:
    from chorus_gui.ui.session import Session

LOOK_SECONDS = 5.0
"""Everything is read at most so often because a file changes."""
CLOUD_SECONDS = 20.0
"""The cloud is asked at most so often because a file changes or the window comes to the front."""


class Outside(QObject):
    """Compares files with what they were when they change, when a job ends, and when the window comes to the front.

    What they were is read just before the facts are, so that no change falls between.  Files are read on a reader's thread.
    """

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        self._seen: Seen | None = None
        self._asked = 0.0
        self._told: tuple[Stamp] | None = None
        self.watch = Watch(self)
        self.watch.changed.connect(self._changed)
        self._looked = 0.0
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self._changed)
        self._cloud = QTimer(self)
        self._cloud.setSingleShot(True)
        self._cloud.timeout.connect(self._ask_cloud)
        session.ended.connect(lambda _: self._changed())

    def opened(self) -> None:
        """The configuration was read just now."""
        self._seen, self._told = None, None
        self._cloud.stop()
        self._ask(self._compare)

    def looking(self) -> None:
        """Everything is read now: what is found until then is not a change."""
        if self._seen is not None:
            self._ask(self._will_read, "outside before a look")

    def look(self) -> None:
        """The window is in front again."""
        if self._seen is None:
            return
        self._changed()
        if self._cloud_left() <= 0:
            self._ask_cloud()

    def _cloud_left(self) -> float:
        """Until the cloud may be asked again, in seconds."""
        return self._asked + CLOUD_SECONDS - time.monotonic()

    def _ask_cloud(self) -> None:
        self._cloud.stop()
        self._asked = time.monotonic()
        self._session.look_remote(timed=True)

    def _changed(self) -> None:
        if self._seen is not None:
            self._ask(self._compare)

    def _ask(self, then: Callable[[Seen], None], channel: str = "outside") -> None:
        file, config = self._session.state.config_file, self._session.state.config
        if file is not None:
            self._session.ask_facts(lambda _: see(file, config), then, channel)

    def _will_read(self, now: Seen) -> None:
        if self._seen is not None and self._seen.file == now.file:
            self._seen = replace(now, configuration=self._seen.configuration)  # that is read when it is opened, and only then

    def _compare(self, now: Seen) -> None:
        state, before = self._session.state, self._seen
        if now.file != state.config_file:
            return
        self.watch.watch(now.files)
        if before is None or before.file != now.file:
            self._seen = now
        elif any(job.kind is JobKind.SAVE for job in state.jobs):
            return  # it may be this program's own; its end asks again
        elif now.configuration != before.configuration:
            self._changed_configuration(now, busy=state.busy)
        elif not before.others:
            self._seen = now
        elif now.others != before.others and not state.busy:
            self._look_again()

    def _changed_configuration(self, now: Seen, *, busy: bool) -> None:
        name, gone = now.file.name, now.configuration is None
        what = f"Another program removed {name}, or its drive is not available." if gone else f"Another program changed {name}."
        if not busy:
            self._session.open(now.file)
            self._seen = replace(now, others=())  # as it was before it was read: a change since is another one
            self._say(what if gone else f"{what} It was read again.", Grade.WARNING if gone else Grade.INFO)
        elif self._told != (now.configuration,):
            self._told = (now.configuration,)
            self._say(f"{what} The running job still uses the earlier one.", Grade.WARNING)

    def _look_again(self) -> None:
        """A command that works on the journal changes it every second."""
        left = self._looked + LOOK_SECONDS - time.monotonic()
        if left > 0:
            self._later.start(int(left * 1000) + 1)
        else:
            self._looked = time.monotonic()
            self._session.look(remote=False)
            if (wait := self._cloud_left()) <= 0:
                self._ask_cloud()
            elif not self._cloud.isActive():
                self._cloud.start(int(wait * 1000) + 1)

    def _say(self, text: str, grade: Grade) -> None:
        self._session.show_message(text, grade)
        self._session.update(last=JobEnd(0, JobKind.SAVE, "", OutcomeKind.DONE, text, faulty=grade is Grade.WARNING))
