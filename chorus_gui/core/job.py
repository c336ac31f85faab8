"""What a step gets from its caller: a check if it may continue, a limit, and counters to add to.

A step is a plain function ``(inputs, ctx) → result``.  It calls :meth:`JobContext.checkpoint` for every file and block; it adds
to :class:`Progress`, which a screen reads when it needs to.  :func:`run` turns what a step does into an :class:`Outcome`.
"""

from __future__ import annotations

import threading
import time
import traceback
import weakref
from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from chorus_gui.core.errors import Cancelled, ChorusError
from chorus_gui.core.limit import Limit
from chorus_gui.core.waiting import Waiting

if TYPE_CHECKING:
    from chorus_gui.core.model import Tally

T = TypeVar("T")
A = TypeVar("A")
B = TypeVar("B")


_WAKE_S = 0.25
"""Seconds between two looks if a wait still makes sense."""


@dataclass(frozen=True, slots=True)
class Count:
    """Done and expected, of one modality.  ``total_*`` None: not known (yet)."""

    files: int = 0
    bytes: int = 0
    failed: int = 0
    total_files: int | None = None
    total_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Active:
    """A file in flight: bytes done of its size."""

    modality: str
    path: str
    done: int
    size: int


@dataclass(frozen=True, slots=True)
class AtWork:
    """A worker on another computer: its name for people, its threads, the files that it has done.  ``why``: why it gets no work, "" if it does."""

    name: str
    threads: int
    files: int
    why: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Progress at one moment.  ``elapsed`` is seconds since the phase began, pauses excluded."""

    phase: str = ""
    by_modality: Mapping[str, Count] = field(default_factory=dict[str, Count])
    active: tuple[Active, ...] = ()
    elapsed: float = 0.0
    note: str = ""
    waiting: Waiting | None = None
    """what nothing continues without; the elapsed time does not grow meanwhile"""
    warning: str = ""
    """what a person should do something about before the job ends"""
    limit: str = ""
    """the bandwidth limit now, and what comes next, for a person; "" for no limit"""
    workers: tuple[AtWork, ...] = ()
    """those of a cluster, if they do the work"""

    @property
    def total(self) -> Count:
        """The sum over the modalities; a total is None where one modality's is."""
        counts = list(self.by_modality.values())
        files = [c.total_files for c in counts]
        sizes = [c.total_bytes for c in counts]
        return Count(
            sum(c.files for c in counts),
            sum(c.bytes for c in counts),
            sum(c.failed for c in counts),
            None if None in files else sum(n for n in files if n is not None),
            None if None in sizes else sum(n for n in sizes if n is not None),
        )


class Watched(Protocol):
    """What may have to be waited for: a store, a source, a credential."""

    def waiting(self, progress: Progress, /) -> Waiting | None:
        """What the job with this progress waits for now, None for nothing.  Called from any thread, and answers at once."""
        ...


class Progress:
    """Counters that any thread may add to and any thread may read.

    Whoever looks asks what the job waits for: a thread that waits for an answer cannot report it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._phase = ""
        self._note = ""
        self._waiting: Waiting | None = None
        self._watched: list[Watched] = []
        self._stood: float | None = None
        self._advice: Callable[[Snapshot], str] | None = None
        self._limit: Limit | None = None
        self._workers: Callable[[], tuple[AtWork, ...]] | None = None
        self._counts: dict[str, list[int]] = {}
        self._totals: dict[str, Tally | None] = {}
        self._active: dict[int, tuple[str, str, int, int]] = {}
        self._began = time.monotonic()
        self._next = 0

    def begin(self, phase: str, totals: Mapping[str, Tally | None] | None = None) -> None:
        """Start a phase: counters at zero, with what is expected of each modality (None: not known)."""
        with self._lock:
            self._phase, self._note = phase, ""
            self._counts = {}
            self._totals = dict(totals or {})
            self._active = {}
            self._began = time.monotonic()
            self._stood = None

    def note(self, text: str) -> None:
        """Say what is being done just now ("reading the journal")."""
        with self._lock:
            self._note = text

    def waiting(self, waiting: Waiting | None) -> None:
        """Say what this job waits for, until it is None again."""
        with self._lock:
            self._waiting = waiting

    def advise(self, advice: Callable[[Snapshot], str] | None) -> None:
        """Ask this for a warning whenever somebody looks at the counters; None: for none any longer."""
        self._advice = advice

    def limited(self, limit: Limit) -> None:
        """Show this limit."""
        self._limit = limit

    def staffed(self, workers: Callable[[], tuple[AtWork, ...]]) -> None:
        """Ask this for the workers whenever somebody looks at the counters."""
        self._workers = workers

    def watch(self, watched: Watched) -> None:
        """Ask this, too, when somebody looks at what the job waits for."""
        if watched not in self._watched:
            with self._lock:
                self._watched.append(watched)

    def add(self, modality: str, files: int = 0, size: int = 0, failed: int = 0) -> None:
        """Add; ``size`` in bytes may be negative, when a retry takes bytes back."""
        with self._lock:
            count = self._counts.setdefault(modality, [0, 0, 0])
            count[0] += files
            count[1] += size
            count[2] += failed

    def start_file(self, modality: str, path: str, size: int) -> int:
        """A file is in flight from now on; the token goes to :meth:`move` and :meth:`end_file`."""
        with self._lock:
            self._next += 1
            self._active[self._next] = (modality, path, 0, size)
            return self._next

    def move(self, token: int, done: int) -> None:
        """``done`` bytes of the file are acknowledged."""
        with self._lock:
            if token in self._active:
                modality, path, _, size = self._active[token]
                self._active[token] = (modality, path, done, size)

    def end_file(self, token: int) -> None:
        """The file is no longer being uploaded."""
        with self._lock:
            self._active.pop(token, None)

    def shift(self, seconds: float) -> None:
        """Take a pause out of the elapsed time."""
        with self._lock:
            self._began += seconds

    def snapshot(self) -> Snapshot:
        """The counters now, and what the job waits for."""
        waiting = self._waiting or next((found for one in tuple(self._watched) if (found := one.waiting(self)) is not None), None)
        with self._lock:
            now = time.monotonic()
            if waiting is not None and waiting.ends:
                self._stood = now if self._stood is None else self._stood
            elif self._stood is not None:
                self._began += now - self._stood
                self._stood = None
            names = [*self._totals, *(m for m in self._counts if m not in self._totals)]
            counts: dict[str, Count] = {}
            for name in names:
                files, size, failed = self._counts.get(name, [0, 0, 0])
                expected = self._totals.get(name)
                counts[name] = Count(files, size, failed, expected and expected.files, expected and expected.bytes)
            active = tuple(Active(m, p, d, s) for m, p, d, s in self._active.values())
            elapsed = (now if self._stood is None else self._stood) - self._began
            limit, workers = self._limit.words if self._limit else "", self._workers() if self._workers else ()
            found = Snapshot(self._phase, counts, active, elapsed, self._note, waiting, limit=limit, workers=workers)
        advice = self._advice
        return replace(found, warning=advice(found)) if advice is not None else found


class Patience(Enum):
    """How long a job's requests wait for a store or a source that does not answer."""

    WAITS = "waits"
    """retries, and waits for one that stopped answering, for many minutes"""
    BRIEF = "brief"
    """retries for some seconds: somebody looks at the screen meanwhile, or a job that was cancelled leaves things tidy"""
    ONCE = "once"
    """asks once"""


class JobContext:
    """Cancel, pause, limit, patience and progress of one job.  Made by whoever runs the step, handed to every step of the job.

    A thread that works for the job is inside :meth:`entered`, which :func:`run` does for the step.  Stores and sources find the job there
    (:func:`current`) when they have to wait.
    """

    def __init__(self, limit: Limit | None = None, *, patience: Patience = Patience.WAITS) -> None:
        self.patience = patience
        self._origin: JobContext | None = None
        self.progress = Progress()
        self.limit = limit or Limit()
        self.progress.limited(self.limit)
        self._cancel = threading.Event()
        self._running = threading.Event()
        self._running.set()
        self._lock = threading.RLock()  # a signal handler may cancel while its own thread is in here
        self._paused_at: float | None = None
        self._held = 0.0
        self._branches: weakref.WeakSet[JobContext] = weakref.WeakSet()

    @property
    def origin(self) -> JobContext:
        """The context of the whole job, for all its branches."""
        return self._origin or self

    def cancel(self) -> None:
        """Ask the step to stop at its next checkpoint; a paused one wakes up for it."""
        with self._lock:
            self._cancel.set()
            self._go_on()
            for branch in self._branches:
                branch.cancel()

    def pause(self) -> None:
        """Hold the step at its next checkpoint."""
        with self._lock:
            if self._cancel.is_set() or self._paused_at is not None:
                return
            self._paused_at = time.monotonic()
            self._hold()

    def resume(self) -> None:
        """Continue a paused step."""
        with self._lock:
            self._go_on()

    @contextmanager
    def entered(self) -> Generator[JobContext]:
        """While the block runs, this thread works for this job."""
        token = _current.set(self)
        try:
            yield self
        finally:
            _current.reset(token)

    def does(self, call: Callable[[A, B], T], one: A, other: B) -> T:
        """As a block of :meth:`entered`, for one call of each of many files."""
        token = _current.set(self)
        try:
            return call(one, other)
        finally:
            _current.reset(token)

    def tidying(self) -> JobContext:
        """A context for what must be done even if this job was cancelled: same progress and limit, never cancelled, and brief."""
        fresh = JobContext(self.limit, patience=Patience.BRIEF if self.cancelled else self.patience)
        fresh.progress, fresh._origin = self.progress, self.origin
        return fresh

    def branch(self, *, patience: Patience | None = None) -> JobContext:
        """A context for the threads of one step of this job: same progress, same limit, cancelled and paused with this one.

        Cancelling the branch alone ends those threads, and this context does not notice: how a step that failed, or is not
        wanted any more, calls its threads back.
        """
        branch = JobContext(self.limit, patience=patience or self.patience)
        branch.progress, branch._origin = self.progress, self.origin
        with self._lock:
            self._branches.add(branch)
            if self._cancel.is_set():
                branch.cancel()
            elif self._paused_at is not None:
                branch._hold()
        return branch

    def _hold(self) -> None:
        self._running.clear()
        for branch in self._branches:
            if not branch.cancelled:
                branch._hold()

    def _go_on(self) -> None:
        """The pause is counted here, once, however many threads it held."""
        if self._paused_at is not None:
            seconds = time.monotonic() - self._paused_at
            self._held += seconds
            self.progress.shift(seconds)
            self._paused_at = None
        self._running.set()
        for branch in self._branches:
            branch._go_on()

    @property
    def cancelled(self) -> bool:
        """Somebody asked to stop."""
        return self._cancel.is_set()

    @property
    def paused(self) -> bool:
        """The step is held."""
        return not self._running.is_set()

    @property
    def disturbed(self) -> bool:
        """The next :meth:`checkpoint` waits, or raises."""
        return self._cancel.is_set() or not self._running.is_set()

    @property
    def held_seconds(self) -> float:
        """How long the whole job was paused until now."""
        origin = self.origin
        paused_at = origin._paused_at
        return origin._held + (0.0 if paused_at is None else time.monotonic() - paused_at)

    def checkpoint(self) -> None:
        """Return at once; or wait, while paused; or raise :class:`Cancelled`."""
        if not self._running.is_set():
            self._running.wait()
        if self._cancel.is_set():
            raise Cancelled

    def sleep(self, seconds: float) -> None:
        """Wait, waking early for a cancellation, which is raised."""
        if seconds > 0:
            self._cancel.wait(seconds)
        self.checkpoint()

    def throttle(self, size: int, waiting: Callable[[], AbstractContextManager[None]] = nullcontext) -> float:
        """Wait while paused, and until the limit allows ``size`` more bytes; the seconds that this took.  Raises :class:`Cancelled`.

        A change of the limit is noticed within a quarter of a second.  The wait is inside ``waiting()``.
        """
        rate = self.limit.rate
        if rate is None and not self.paused:
            self.checkpoint()
            return 0.0
        if self.cancelled:
            raise Cancelled
        wait = self.limit.reserve(size) if size else 0.0
        if not wait and not self.paused:
            return 0.0
        began = time.monotonic()
        with waiting():
            until = began + wait
            while (left := until - time.monotonic()) > 0 or self.paused:
                self.sleep(min(left, _WAKE_S))
                if size and self.limit.rate != rate:
                    rate = self.limit.rate
                    until = time.monotonic() + self.limit.reserve(size)
        return time.monotonic() - began


class OutcomeKind(Enum):
    """How a step ended."""

    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"
    CRASHED = "crashed"


_current: ContextVar[JobContext | None] = ContextVar("job", default=None)


def working() -> JobContext | None:
    """The job that this thread works for, if there is one."""
    return _current.get()


def current() -> JobContext:
    """The job that this thread works for.  Without one, a new context that is brief: nobody could cancel it."""
    return _current.get() or JobContext(patience=Patience.BRIEF)


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """How a step ended: its value if DONE, the error if FAILED, a report to copy if CRASHED (a bug of this program)."""

    kind: OutcomeKind
    value: T | None = None
    error: ChorusError | None = None
    report: str = ""


def run(step: Callable[[JobContext], T], ctx: JobContext) -> Outcome[T]:
    """Run a step to its outcome.  Expected errors are FAILED, a cancellation CANCELLED, anything else CRASHED."""
    from chorus_gui.core.redact import redact

    try:
        with ctx.entered():
            return Outcome(OutcomeKind.DONE, step(ctx))
    except Cancelled:
        return Outcome(OutcomeKind.CANCELLED)
    except ChorusError as error:
        return Outcome(OutcomeKind.FAILED, error=error)
    except Exception as error:  # noqa: BLE001 - a bug of ours: the person gets a report to copy, never a silent death
        from chorus_gui.core.computer import computer_fault

        fault = computer_fault(error)
        if fault is None:
            return Outcome(OutcomeKind.CRASHED, report=redact(traceback.format_exc()))
        fault.__cause__ = error
        return Outcome(OutcomeKind.FAILED, error=fault)
