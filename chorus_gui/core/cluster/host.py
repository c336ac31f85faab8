"""The worker's side: runs batches of tasks as the program itself would, with stores and sources of the worker's own configuration.

Dask imports this module where the tasks run, and calls its functions.  None of them raises: Dask would write the error into its log.
"""

from __future__ import annotations

import asyncio
import logging
import platform
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from chorus_gui import __version__
from chorus_gui.core.cluster.messages import Asked, Batch, Control, Ended, Opener, Places, Report, Sealed, pack, unpack, without_secrets
from chorus_gui.core.engine.pool import Pool
from chorus_gui.core.engine.threads import Threads
from chorus_gui.core.engine.work import Executor
from chorus_gui.core.errors import Cancelled, ChorusError
from chorus_gui.core.job import JobContext, Patience, Progress
from chorus_gui.core.redact import RedactingFilter, redact

_log = logging.getLogger(__name__)
MOST_THREADS = 32
"""Threads of one batch, if the store is so far away that more do more."""
_SHOWN = 8
"""Files in flight that a worker names."""
_LOOK_S = 1.0


@runtime_checkable
class DoesMany(Protocol):
    """A recipe that has a better way for many tasks than one after the other."""

    def many(self, tasks: Iterable[Any], ctx: JobContext, executor: Executor) -> Iterator[Any]:
        """The results of all tasks."""
        ...


class _Job:
    """What the batches of one job share here: its places, and what the person asked for."""

    def __init__(self, batch: Batch) -> None:
        self.ctx = JobContext()
        self.places = batch.opener(batch.file)
        self.orphan_s = batch.orphan_s
        self.heard = time.monotonic()
        self.batches: dict[int, JobContext] = {}
        self.over = False

    def follow(self, control: Control) -> None:
        self.heard = time.monotonic()
        if self.ctx.limit.rate != control.rate:
            self.ctx.limit.set(control.rate)
        (self.ctx.pause if control.paused else self.ctx.resume)()
        if control.cancelled:
            self.ctx.cancel()

    def close_if_over(self) -> None:
        """With the lock held.  What cannot be closed is left: the watch over other jobs continues."""
        if self.over and not self.batches:
            try:
                self.places.close()
            except Exception as error:  # noqa: BLE001 - the job is over, nobody waits for this
                _log.warning("a place of a job that is over could not be closed: %s", redact(str(error)))


_jobs: dict[str, _Job] = {}
_lock = threading.Lock()
_opening = threading.Lock()
_watching = False


def run_batch(message: Sealed) -> Sealed:
    """Run a batch to its end."""
    _quiet()
    try:
        batch: Batch = unpack(message)
        job = _job_of(batch)
        ctx = job.ctx.branch()
        ctx.progress = Progress()
        with _lock:
            if job.over:  # nobody asks for it any more
                return pack(message.name, Ended((), Report({}), stopped=True))
            job.batches[batch.attempt] = ctx
        try:
            ended = _run(job.places, batch, ctx)
        finally:
            with _lock:
                del job.batches[batch.attempt]
                job.close_if_over()
        return pack(message.name, ended)
    except BaseException as error:  # noqa: BLE001 - Dask would write it into its log
        return pack(message.name, Ended((), Report({}), _harmless(error)))


def exchange(message: Sealed) -> Sealed:
    """Hear what the person asked for, by job; tell how far each batch is, by attempt.  A job that is None is over."""
    try:
        controls: Mapping[str, Control | None] = unpack(message)
        reports: dict[int, Report] = {}
        with _lock:
            for name, control in controls.items():
                job = _jobs.get(name)
                if job is None:
                    continue
                if control is None:
                    _forget(name, job)
                else:
                    job.follow(control)
                    reports.update({attempt: _report(ctx) for attempt, ctx in job.batches.items()})
        return pack(message.name, reports)
    except BaseException as error:  # noqa: BLE001 - as above
        return pack(message.name, _harmless(error))


async def prove(message: Sealed, dask_worker: Any = None) -> Sealed:
    """Show that this worker can do what it will be asked for: "" or why not.  Dask gives ``dask_worker``, and waits in the worker's own thread."""
    _stop_profiler(dask_worker)
    return await asyncio.to_thread(_prove, message)


def _stop_profiler(worker: Any) -> None:
    """With Python 3.11, the look of Dask's profiler at all threads (``sys._current_frames``) and a thread that starts can wait for each other for ever.

    A batch starts threads.  The profiler only makes a chart of Dask.
    """
    if sys.version_info[:2] != (3, 11):
        return
    for name in ("profile", "profile-cycle"):
        if (call := getattr(worker, "periodic_callbacks", {}).get(name)) is not None:
            call.stop()


def _prove(message: Sealed) -> Sealed:
    _quiet()
    try:
        opener, file, asked = _checked_version(message)
        places = opener(file)
        try:
            with JobContext(patience=Patience.BRIEF).entered():
                places.check(asked)
        finally:
            places.close()
    except ChorusError as error:
        return pack(message.name, redact(str(error)))
    except BaseException as error:  # noqa: BLE001 - as above
        return pack(message.name, redact(f"{type(error).__name__}: {error}"))
    return pack(message.name, "")


def _checked_version(message: Sealed) -> tuple[Opener, str, Asked]:
    opener, file, asked = unpack(message)
    if asked.version != __version__:
        raise ChorusError(f"Its version of CHoRUS Upload is {__version__}, but {asked.version} is needed.")
    return opener, file, asked


def _run(places: Places, batch: Batch, ctx: JobContext) -> Ended:
    results: list[Any] = []
    error: BaseException | None = None
    stopped = False
    try:
        recipe = unpack(batch.recipe, places.find)
        with ctx.entered():
            found = _results(recipe, batch.tasks, ctx, Threads(places.threads, max(places.threads, MOST_THREADS)))
            results.extend(without_secrets(result) for result in found)  # also those before an error
    except Cancelled:
        stopped = True
    except BaseException as raised:  # noqa: BLE001 - it travels to the owner of the pool
        error = _harmless(raised)
    return Ended(results, _report(ctx), error, stopped)


def _results(recipe: Any, tasks: Sequence[tuple[int, Any]], ctx: JobContext, executor: Executor) -> Iterator[Any]:
    if isinstance(recipe, DoesMany):
        yield from recipe.many((task for _, task in tasks), ctx, executor)
        return
    with Pool[Any, Any](executor, recipe, ctx, window=4 * executor.threads) as pool:
        for priority, task in tasks:
            while not pool.room:
                yield from pool.take()
            pool.give(task, priority=priority)
        while pool.busy:
            yield from pool.take()


def _report(ctx: JobContext) -> Report:
    seen = ctx.progress.snapshot()
    counts = {name: (count.files, count.bytes, count.failed) for name, count in seen.by_modality.items()}
    return Report(counts, [(one.modality, one.path, one.done, one.size) for one in seen.active[:_SHOWN]], seen.waiting)


def _job_of(batch: Batch) -> _Job:
    global _watching
    with _opening:
        with _lock:
            job = _jobs.get(batch.job)
        if job is None:
            job = _Job(batch)
            job.follow(batch.control)
            with _lock:
                _jobs[batch.job] = job
                if not _watching:
                    _watching = True
                    threading.Thread(target=_watch, name="chorus-watch", daemon=True).start()
    return job


def _watch() -> None:
    """Stop what nobody asks about any more: the program that sent it has ended, and another one may work on the journal now."""
    while True:
        time.sleep(_LOOK_S)
        with _lock:
            for name, job in list(_jobs.items()):
                if time.monotonic() - job.heard > job.orphan_s:
                    _forget(name, job)


def _forget(name: str, job: _Job) -> None:
    """With the lock held."""
    del _jobs[name]
    job.over = True
    job.ctx.cancel()
    job.close_if_over()


def _harmless(error: BaseException) -> BaseException:
    """What may travel of an error: no secret, and nothing that only this process has."""
    if isinstance(error, ChorusError):
        return without_secrets(error)
    text = redact("".join(traceback.format_exception(error)))
    return RuntimeError(f"on the worker {platform.node()}:\n{text}")


def _quiet() -> None:
    """No secret is in this process's logs, whoever writes them."""
    handlers = [*logging.getLogger().handlers, *logging.getLogger("distributed").handlers]
    for handler in [logging.lastResort, *handlers]:
        if handler is not None and not any(isinstance(one, RedactingFilter) for one in handler.filters):
            handler.addFilter(RedactingFilter())


FUNCTIONS: tuple[Callable[..., Any], ...] = (run_batch, exchange, prove)
"""What Dask calls."""
