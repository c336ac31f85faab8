"""One job on a cluster: which batch is where, what came back, and what is shown of it."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chorus_gui.core.cluster.batches import FILES, Cut, Waiting
from chorus_gui.core.cluster.messages import Control, Ended, Report, Sealed
from chorus_gui.core.engine import work
from chorus_gui.core.errors import ClusterError
from chorus_gui.core.job import JobContext, Progress

MOST_LOSSES = 3
"""Workers that may disappear with the same batch; then the batch is at fault."""
_QUIET_S = 0.05
"""Seconds without another task after which those that wait are sent."""
LAST_BATCHES_S = 8.0
"""Seconds for batches under way when the job is stopped: what they have sent still counts."""


@dataclass(slots=True, eq=False)
class Worker:
    """A worker of the cluster.  ``name`` is for people; ``slots`` batches at most are there at the same time."""

    address: str
    name: str
    slots: int
    threads: int
    heard: float = field(default_factory=time.monotonic)
    attempts: set[int] = field(default_factory=set[int])
    files: int = 0
    """files that it has done"""
    why: str = ""
    """why it gets no work"""


@dataclass(slots=True, eq=False)
class Attempt:
    """A batch that was sent to a worker."""

    number: int
    cut: Cut
    worker: Worker
    shown: Shown


class Shown:
    """What the progress has of one attempt; it is taken back if the attempt does not count."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._counts: dict[str, tuple[int, int, int]] = {}
        self._tokens: dict[tuple[str, str, int], int] = {}

    def show(self, report: Report) -> None:
        """The attempt is this far."""
        for name in {*self._counts, *report.counts}:
            old, new = self._counts.get(name, (0, 0, 0)), report.counts.get(name, (0, 0, 0))
            if old != new:
                self._progress.add(name, files=new[0] - old[0], size=new[1] - old[1], failed=new[2] - old[2])
        self._counts = dict(report.counts)
        now = {(modality, path, size): done for modality, path, done, size in report.active}
        for gone in self._tokens.keys() - now.keys():
            self._progress.end_file(self._tokens.pop(gone))
        for key, done in now.items():
            if key not in self._tokens:
                self._tokens[key] = self._progress.start_file(*key)
            self._progress.move(self._tokens[key], done)


class ClusterJob:
    """As :class:`~chorus_gui.core.engine.work.Running`.  Its first methods are for the owner of the pool, the others for the cluster's thread."""

    def __init__(self, name: str, recipe: Sealed, ctx: JobContext, deliver: Callable[[Sequence[Any] | work.Ended], None]) -> None:
        self.name = name
        self.recipe = recipe
        self.ctx = ctx.branch()
        self.attempts: dict[int, Attempt] = {}
        self._deliver = deliver
        self._lock = threading.Lock()
        self._waiting = Waiting()
        self._again: deque[Cut] = deque()
        self._given = 0.0
        self._closed = False
        self._error: BaseException | None = None
        self._stopped_at: float | None = None
        self.ended = threading.Event()

    # --- for the owner's thread ---------------------------------------------------------------------------------------

    def give(self, task: Any, priority: int) -> None:
        """As :meth:`Running.give`."""
        with self._lock:
            self._waiting.give(task, priority)
            self._given = time.monotonic()

    def close(self) -> None:
        """As :meth:`Running.close`."""
        self._closed = True

    def stop(self) -> None:
        """As :meth:`Running.stop`."""
        self.ctx.cancel()

    def join(self) -> None:
        """As :meth:`Running.join`."""
        self.ended.wait()

    # --- for the cluster's thread -------------------------------------------------------------------------------------

    @property
    def control(self) -> Control:
        """What the workers have to know."""
        return Control(self.ctx.cancelled, self.ctx.paused, self.ctx.limit.rate)

    @property
    def has_work(self) -> bool:
        """Something waits for a worker, and may start."""
        return not self.ctx.cancelled and not self.ctx.paused and (bool(self._again) or len(self._waiting) > 0)

    @property
    def idle(self) -> bool:
        """Nothing waits, and nothing is under way."""
        return not self._again and not len(self._waiting) and not self.attempts

    def next_cut(self, workers: int) -> Cut | None:
        """The next batch for one of ``workers``; None if there is none, or it pays to wait for more tasks."""
        if not self.has_work:
            return None
        if self._again:
            return self._again.popleft()
        with self._lock:
            more = not self._closed and time.monotonic() - self._given < _QUIET_S
            if not len(self._waiting) or (more and self._waiting.files < FILES * workers):
                return None
            return self._waiting.cut(workers)

    def sent(self, number: int, cut: Cut, worker: Worker) -> Attempt:
        """A batch is on its way."""
        attempt = self.attempts[number] = Attempt(number, cut, worker, Shown(self.ctx.progress))
        cut.attempts.add(number)
        worker.attempts.add(number)
        return attempt

    def report(self, number: int, report: Report) -> None:
        """A worker said how far a batch is."""
        attempt = self.attempts.get(number)
        if attempt is not None and not attempt.cut.done:
            attempt.shown.show(report)

    def elsewhere(self, worker: Worker) -> None:
        """A worker is silent: what it has is also done by another one."""
        for number in worker.attempts:
            attempt = self.attempts.get(number)
            if attempt is not None and not attempt.cut.done and len(attempt.cut.attempts) == 1 and attempt.cut not in self._again:
                self._again.append(attempt.cut)

    def lost(self, number: int, worker: Worker) -> None:
        """An attempt came to no end: its worker has gone."""
        attempt = self._take(number)
        if attempt is None or attempt.cut.done:
            return
        attempt.cut.losses += 1
        if attempt.cut.losses >= MOST_LOSSES:
            self.fail(
                ClusterError(
                    f"{MOST_LOSSES} workers of the cluster ended while they worked on the same files. The last one is {worker.name}.",
                    meaning="These files were not sent.",
                    remedy="Look at the logs of the workers: their memory may be too small. Then run the same command again.",
                )
            )
        elif not attempt.cut.attempts and attempt.cut not in self._again:
            self._again.append(attempt.cut)

    def came(self, number: int, ended: Ended) -> None:
        """An attempt came to its end."""
        attempt = self.attempts.get(number)
        if attempt is None:
            return
        cut = attempt.cut
        if cut.done or (ended.stopped and not self.ctx.cancelled):
            self._take(number)
            if not cut.done and not cut.attempts and cut not in self._again:
                self._again.append(cut)
            return
        attempt.shown.show(Report(ended.report.counts))
        attempt.shown = Shown(self.ctx.progress)  # what it has shown stays
        cut.done = True
        attempt.worker.files += len(ended.results)
        if cut in self._again:
            self._again.remove(cut)
        self._take(number)
        for other in [*cut.attempts]:
            self._take(other)
        self._deliver(ended.results)
        if ended.error is not None:
            self.fail(ended.error)
        elif not ended.stopped:
            for _ in cut.tasks[1:]:
                self._deliver(())

    def fail(self, error: BaseException) -> None:
        """The job stops with this error."""
        self._error = self._error or error
        self.ctx.cancel()

    def give_back(self, cut: Cut) -> None:
        """No other worker has room for it now."""
        self._again.append(cut)

    def end(self, error: BaseException) -> None:
        """It is over at once, whatever is under way."""
        self.fail(error)
        self._finish()

    def _take(self, number: int) -> Attempt | None:
        attempt = self.attempts.pop(number, None)
        if attempt is not None:
            attempt.shown.show(Report({}))
            attempt.cut.attempts.discard(number)
            attempt.worker.attempts.discard(number)
        return attempt

    def is_over(self) -> bool:
        """Nothing more will come; then the owner of the pool knows it."""
        if self.ended.is_set():
            return True
        if self.ctx.cancelled:
            self._stopped_at = self._stopped_at or time.monotonic()
            over = not self.attempts or time.monotonic() - self._stopped_at > LAST_BATCHES_S
        else:
            over = self._closed and self.idle
        if over:
            self._finish()
        return over

    def _finish(self) -> None:
        for number in [*self.attempts]:
            self._take(number)
        if not self.ended.is_set():
            self._deliver(work.Ended(self._error))
            self.ended.set()


def rates(jobs: Mapping[str, ClusterJob], workers: int) -> dict[str, Control]:
    """What each of ``workers`` has to know of every job: the bandwidth limit is divided among them."""
    found: dict[str, Control] = {}
    for name, job in jobs.items():
        now = job.control
        found[name] = Control(now.cancelled, now.paused, None if now.rate is None else max(1, now.rate // max(1, workers)))
    return found
