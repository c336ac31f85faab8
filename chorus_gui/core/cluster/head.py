"""The program's side of a cluster: finds its workers, lets each prove what it can do, and sends them batches.

Everything with Dask happens in one thread of its own, which also asks every worker twice a second how far it is: that is how progress
arrives here, and a pause, a cancellation and the limit arrive there.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, wait
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from itertools import count
from typing import Any, TypeVar, cast
from uuid import uuid4

from chorus_gui.core.cluster import host
from chorus_gui.core.cluster.batches import FILES
from chorus_gui.core.cluster.jobs import Attempt, ClusterJob, Worker, rates
from chorus_gui.core.cluster.messages import Asked, Batch, Control, NameOf, Opener, Report, Sealed, pack, unpack
from chorus_gui.core.config.cluster_address import require_dask
from chorus_gui.core.engine.work import Ended, Place, Running
from chorus_gui.core.engine.work import Worker as EngineWorker
from chorus_gui.core.errors import ClusterError, UsageError
from chorus_gui.core.job import JobContext
from chorus_gui.core.redact import redact

T = TypeVar("T")
R = TypeVar("R")
P = TypeVar("P")

_log = logging.getLogger("chorus")

_TURN_S = 0.05
_WAKE_S = 0.25
_ASK_S = 0.5
"""Seconds between two questions to a worker."""
_LOOK_S = 1.0
"""Seconds between two looks for workers that came or went."""
_CLOSE_S = 5.0


@dataclass(frozen=True, slots=True)
class Patience:
    """How long what may be missing is waited for, in seconds.

    ``connect``: for the scheduler; ``prove``: for a worker's proof; ``silent``: for an answer of a worker, before another one does its work,
    too; ``alone``: for another worker when there is none; ``orphan``: a worker for a word from the program, before it stops.
    """

    connect: float = 20.0
    prove: float = 60.0
    silent: float = 20.0
    alone: float = 900.0
    orphan: float = 60.0


@dataclass(frozen=True, slots=True)
class Site:
    """What workers need to know: where their configuration is if they have no other, what opens it, and what they have to show."""

    file: str
    opener: Opener
    asked: Asked
    name_of: NameOf


class Cluster:
    """The workers of the cluster at ``address`` as an :class:`~chorus_gui.core.engine.work.Executor`, between :meth:`open` and :meth:`close`."""

    distant = True

    def __init__(self, address: str, site: Site, patience: Patience | None = None) -> None:
        self._address = address
        self._site = site
        self._patience = patience or Patience()
        self._workers: dict[str, Worker] = {}
        self._proving: set[str] = set()
        self._asking: set[str] = set()
        self._jobs: dict[str, ClusterJob] = {}
        self._numbers = count()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._last_words: list[asyncio.Task[Any]] = []
        """that jobs are over"""
        self._since: float | None = None
        self._client: Any = None
        self._closing = threading.Event()
        self._broken: ClusterError | None = None
        self._ready: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, name="cluster", daemon=True)

    def open(self, checkpoint: Callable[[], None] = lambda: None) -> None:
        """Connect, and let all workers prove themselves.  ``checkpoint`` is called meanwhile, and may raise.

        Raises :class:`UsageError` if the packages are missing, or no worker can be used; :class:`ClusterError` if the scheduler does not answer.
        """
        require_dask()
        self._thread.start()
        try:
            while not self._ready.done():
                checkpoint()
                wait([self._ready], timeout=_WAKE_S)
            self._ready.result()
        except BaseException:
            self.close()
            raise
        if not self.workers:
            left_out = self.left_out
            self.close()
            if not left_out:
                raise ClusterError(
                    f"The cluster at {self._address} has no workers now.",
                    meaning="Nothing was sent.",
                    remedy="Start workers, and run the same command again.",
                )
            raise UsageError(
                f"No worker of the cluster at {self._address} can be used."
                + "".join(f"\n  - {worker.name}: {worker.why}" for worker in left_out),
                meaning="Nothing was sent.",
                remedy="docs/cluster.md says what a worker needs.",
            )

    def close(self) -> None:
        """Leave the cluster; its workers stay."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join()

    @property
    def workers(self) -> tuple[Worker, ...]:
        """Those that get work."""
        return tuple(worker for worker in [*self._workers.values()] if not worker.why)

    @property
    def left_out(self) -> tuple[Worker, ...]:
        """Those that get none, each with the reason."""
        return tuple(worker for worker in [*self._workers.values()] if worker.why)

    @property
    def threads(self) -> int:
        """As :attr:`Executor.threads`."""
        return max(1, sum(worker.threads for worker in self.workers))

    def window(self, each: int) -> int:
        """As :meth:`Executor.window`: enough for the batches of all workers."""
        return max(each * self.threads, sum(FILES * (worker.slots + 1) for worker in self.workers))

    def start(
        self,
        recipe: Callable[[Place[P]], EngineWorker[T, R, P]],
        ctx: JobContext,
        deliver: Callable[[Sequence[R] | Ended], None],
    ) -> Running[T]:
        """As :meth:`Executor.start`."""
        if self._broken is not None:
            raise self._broken
        job = ClusterJob(uuid4().hex, pack("recipe", recipe, self._site.name_of), ctx, deliver)
        self._jobs[job.name] = job
        if not self._thread.is_alive():
            self._end_all(self._broken or _lost())
        return job

    # --- in the thread ------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except BaseException as error:  # noqa: BLE001 - raised where the jobs are waited for
            if self._ready.done():
                _log.exception("the connection to the cluster failed")
                self._end_all(error)
            else:
                self._ready.set_exception(error)
        finally:
            self._end_all(self._broken or _lost())

    async def _main(self) -> None:
        distributed: Any = import_module("distributed")
        logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what is wrong is said by us, in words for people
        try:
            security = distributed.Security(require_encryption=True) if self._address.startswith("tls:") else None
            if security is not None and security.get_connection_args("client").get("ssl_context") is None:
                raise ValueError("no certificates are set")
            self._client = await distributed.Client(
                self._address, asynchronous=True, set_as_default=False, timeout=self._patience.connect, security=security
            )
        except (TypeError, ValueError, FileNotFoundError) as error:  # of the TLS settings
            raise UsageError(
                f"The cluster at {self._address} cannot be used with the settings of Dask on this computer: {redact(str(error))}.",
                remedy="docs/cluster.md says which certificates are needed, and where Dask looks for them.",
            ) from error
        except OSError as error:
            raise ClusterError(
                f"The scheduler of the cluster at {self._address} does not answer.",
                meaning="Nothing was sent.",
                remedy="Check the address, and that the scheduler runs. Without “--cluster”, this computer does the work.",
            ) from error
        try:
            await self._look()
            while self._proving and not self._closing.is_set():
                await asyncio.sleep(_TURN_S)
            self._ready.set_result(None)
            await self._turns()
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            with suppress(Exception, asyncio.CancelledError):
                await asyncio.wait_for(self._client.close(), _CLOSE_S)

    async def _turns(self) -> None:
        looked = time.monotonic()
        while not self._closing.is_set() or self._jobs:
            if self._client.status != "running":
                self._broken = _lost()
                self._end_all(self._broken)
                return
            now = time.monotonic()
            if now - looked > _LOOK_S:
                looked = now
                self._begin(self._look())
            for job in [*self._jobs.values()]:
                if job.is_over():
                    del self._jobs[job.name]
                    for worker in self.workers:
                        self._last_words.append(self._begin(self._ask(worker, {job.name: None})))
            self._care(now)
            await asyncio.sleep(_TURN_S)
        if self._last_words:
            await asyncio.wait(self._last_words, timeout=_ASK_S)

    def _care(self, now: float) -> None:
        """Send what waits; ask every worker how far it is."""
        good = [worker for worker in self.workers if now - worker.heard <= self._patience.silent]
        for worker in self.workers:
            if worker not in good:
                for job in self._jobs.values():
                    job.elsewhere(worker)
        if self._jobs:
            controls = rates(self._jobs, len(good))
            for worker in self.workers:
                if worker.address not in self._asking:
                    self._asking.add(worker.address)
                    self._begin(self._ask(worker, controls, again=True))
            self._send(good, controls)
        self._wait_for_workers(good, now)

    def _send(self, good: list[Worker], controls: Mapping[str, Control]) -> None:
        for job in self._jobs.values():
            while free := [worker for worker in good if len(worker.attempts) < worker.slots]:
                cut = job.next_cut(len(good))
                if cut is None:
                    break
                others = [worker for worker in free if not worker.attempts & cut.attempts]
                if not others:
                    job.give_back(cut)
                    break
                self._submit(job, cut, min(others, key=lambda worker: len(worker.attempts)), controls[job.name])

    def _submit(self, job: ClusterJob, cut: Any, worker: Worker, control: Control) -> None:
        number = next(self._numbers)
        batch = Batch(job.name, number, self._site.opener, self._site.file, job.recipe, cut.tasks, control, self._patience.orphan)
        attempt = job.sent(number, cut, worker)
        try:
            message = pack(f"batch {number}", batch)
        except Exception as error:  # noqa: BLE001 - a task that cannot travel stops the job
            job.fail(error)
            job.lost(number, worker)
            return
        future = self._client.submit(
            host.run_batch,
            message,
            key=f"chorus-{job.name}-{number}",
            workers=[worker.address],
            allow_other_workers=False,
            pure=False,
        )
        self._begin(self._follow(job, attempt, future))

    async def _follow(self, job: ClusterJob, attempt: Attempt, future: Any) -> None:
        """Wait for the end of a batch, or of its worker."""
        result = asyncio.ensure_future(future.result())
        try:
            while not result.done():
                if attempt.number not in job.attempts or self._workers.get(attempt.worker.address) is not attempt.worker:
                    break
                await asyncio.wait([result], timeout=_TURN_S * 4)
            if not result.done():
                job.lost(attempt.number, attempt.worker)
                return
            try:
                ended = unpack(result.result())
            except Exception as error:  # noqa: BLE001 - Dask's own: the worker did not come to an end
                _log.info("a batch was lost on %s: %s", attempt.worker.name, redact(repr(error)))
                job.lost(attempt.number, attempt.worker)
            else:
                attempt.worker.heard = time.monotonic()
                job.came(attempt.number, ended)
        finally:
            result.cancel()
            with suppress(Exception, asyncio.CancelledError):
                await future.cancel()

    async def _ask(self, worker: Worker, controls: Mapping[str, Control | None], *, again: bool = False) -> None:
        """Tell a worker what it has to know, and hear how far it is."""
        try:
            answer = await self._call(worker.address, host.exchange, pack("control", dict(controls)))
            if isinstance(answer, dict):
                worker.heard = time.monotonic()
                reports = cast("dict[int, Report]", answer)
                for job in self._jobs.values():
                    for number, report in reports.items():
                        job.report(number, report)
        except Exception as error:  # noqa: BLE001 - it may be there again the next time
            _log.debug("%s does not answer: %s", worker.name, redact(repr(error)))
        finally:
            if again:
                await asyncio.sleep(_ASK_S)
                self._asking.discard(worker.address)

    async def _call(self, address: str, function: Callable[..., Any], message: Sealed) -> Any:
        """Call a function of :mod:`host` on one worker, outside of Dask's tasks."""
        answers = await self._client.run(function, message, workers=[address], on_error="return")
        answer = answers[address]
        if isinstance(answer, BaseException):
            raise answer
        return unpack(answer)

    async def _look(self) -> None:
        """Which workers are there now?  A new one proves itself before it gets work."""
        try:
            found = (await self._client.scheduler.identity(n_workers=-1))["workers"]
        except Exception as error:  # noqa: BLE001 - whether the scheduler is lost, the client's status says
            _log.debug("the scheduler does not answer: %s", redact(repr(error)))
            return
        for address in self._workers.keys() - found.keys():
            del self._workers[address]
        for address, facts in found.items():
            if address not in self._workers and address not in self._proving:
                self._proving.add(address)
                self._begin(self._prove(address, facts))

    async def _prove(self, address: str, facts: Mapping[str, Any]) -> None:
        name, threads = str(facts.get("name") or address), int(facts.get("nthreads", 1))
        name = name if name.startswith(("tcp:", "tls:")) else f"{name} ({address})"
        worker = Worker(address, name, 1 + min(2, threads), threads)
        try:
            asked = pack("probe", (self._site.opener, self._site.file, self._site.asked))
            worker.why = await asyncio.wait_for(self._call(address, host.prove, asked), self._patience.prove)
        except TimeoutError:
            worker.why = f"It did not answer within {self._patience.prove:.0f} seconds."
        except (ImportError, AttributeError):
            worker.why = "CHoRUS Upload is not installed there, or its version is another."
        except Exception as error:  # noqa: BLE001 - whatever prevents it, it gets no work
            worker.why = redact(f"{type(error).__name__}: {error}")
        worker.heard = time.monotonic()
        self._workers[address] = worker
        self._proving.discard(address)
        if self._ready.done():
            _log.info("a worker came: %s %s", worker.name, worker.why)

    def _wait_for_workers(self, good: list[Worker], now: float) -> None:
        """With no worker left, wait for another one, but not for ever."""
        if good or not any(job.has_work for job in self._jobs.values()):
            self._since = None
            return
        self._since = self._since or now
        for job in self._jobs.values():
            job.ctx.progress.note("waiting for a worker of the cluster")
        if now - self._since > self._patience.alone:
            error = ClusterError(
                f"The cluster at {self._address} has no worker left that can be used.",
                meaning="The other files were not sent.",
                remedy="Start workers, and run the same command again.",
            )
            for job in self._jobs.values():
                job.fail(error)

    def _begin(self, work: Any) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _end_all(self, error: BaseException) -> None:
        while self._jobs:
            _, job = self._jobs.popitem()
            job.end(error)


def _lost() -> ClusterError:
    return ClusterError(
        "The connection to the scheduler of the cluster was lost.",
        meaning="What was confirmed is recorded. The other files were not sent.",
        remedy="Run the same command again when the scheduler runs.",
    )
