"""What the steps of a submission work on, and which part of the journal a person means."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice

from chorus_gui.core.config.model import Config
from chorus_gui.core.engine.threads import Threads
from chorus_gui.core.engine.work import Executor
from chorus_gui.core.errors import UsageError
from chorus_gui.core.job import JobContext
from chorus_gui.core.journal.queries import doubled_rows
from chorus_gui.core.journal.store import Journal
from chorus_gui.core.model import Row
from chorus_gui.core.passes import Pass
from chorus_gui.core.storage.base import Source, Store
from chorus_gui.core.storage.lane import lane_of
from chorus_gui.core.submission.held import HeldNow
from chorus_gui.core.submission.run_result import RunResult
from chorus_gui.core.transfer.processes import Assisted, Processes

Stays = Callable[[str, str, object], bool]
"""(modality, path, patient ID as the journal has it): the file must not be uploaded now."""

MOST_THREADS = 32
"""Threads of one step, if the store or the site is so far away that more do more."""


@dataclass(frozen=True, slots=True)
class Work:
    """What every step of a submission works on.

    ``sources`` are the site's roots by modality, one for each configured modality; whoever opened them closes them.  ``log`` is
    filled while the steps run.  ``held`` is what must not be uploaded now; None: nothing.  ``deepest`` is the pass of the
    readiness check that follows a scan.
    """

    config: Config
    journal: Journal
    ctx: JobContext
    sources: Mapping[str, Source]
    log: RunResult
    held: HeldNow | None = None
    deepest: Pass = Pass.AT_ONCE
    cluster: Executor | None = None
    """workers on other computers; None: there are none"""
    assisting: Callable[[int], Processes | None] | None = None
    """from a number of small files to the worker processes that help to send them; None: there are none"""

    @property
    def bulk(self) -> Executor:
        """Where whole files are hashed, sent and read: on the cluster, if there is one."""
        return self.cluster or self.executor

    def sending(self, small_files: int, store: Store) -> Executor:
        """Where files are sent into ``store``, of which ``small_files`` are small: as :attr:`bulk`, perhaps with worker processes."""
        lane = lane_of(store) if self.assisting is not None else None  # without one, small files take no other way than large ones
        if lane is not None:
            lane.close()
        processes = self.assisting(small_files) if lane is not None and self.assisting is not None else None
        return self.bulk if processes is None else Assisted(self.bulk, processes)

    @property
    def executor(self) -> Executor:
        """How much is done at the same time, and where."""
        return executor_of(self.config)

    def is_held(self, modality: str, path: str, patient_id: object = None) -> bool:
        """Somebody holds this file back now.  Then the log names it."""
        hold = self.held.of(modality, path, patient_id) if self.held is not None else None
        if hold is not None:
            self.log.held[modality, path] = hold
        return hold is not None

    def stays(self, modality: str, path: str, patient_id: object = None) -> bool:
        """The file must not be uploaded now: the configuration leaves it out, or somebody holds it back.  Then the log names it."""
        if self.config.exclude.covers(path):
            self.log.left_out.add((modality, path))
            return True
        return self.is_held(modality, path, patient_id)


def executor_of(config: Config) -> Executor:
    """Where the tasks of this configuration's commands run, and how many at the same time."""
    return Threads(config.threads, MOST_THREADS)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rows of the journal a person means.

    ``version`` None: every version.  ``modalities`` empty: every configured one; they may be spelled in any case.  ``max_files``
    None: as many as there are.
    """

    version: str | None = None
    modalities: tuple[str, ...] = ()
    max_files: int | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """Limits a verification to some of the uploaded files.  Several limits apply together, ``patients`` first, ``share`` last.

    ``newest``: at most that many, those that were uploaded last.  ``share``: that share (0 to 1), chosen at random, at least one file.
    ``patients``: the IDs of patients, as the paths have them.
    """

    newest: int | None = None
    share: float | None = None
    patients: frozenset[str] | None = None

    def __bool__(self) -> bool:
        return (self.newest, self.patients) != (None, None) or (self.share is not None and self.share < 1)


WHOLE = Part()
"""No limit."""


def pending_rows(config: Config, journal: Journal, which: Selection, stays: Stays, doubled: Collection[int] | None = None) -> Iterator[Row]:
    """The pending rows that an upload sends now, in its order: what everything that uploads, lists or counts them means.

    ``doubled``: what :func:`~chorus_gui.core.journal.queries.doubled_rows` gave for this journal, if the caller has asked; finding them sorts
    every current row.  Raises :class:`UsageError` for an unknown modality.
    """
    chosen, stray = choose_modalities(config, which.modalities), doubled_rows(journal) if doubled is None else doubled
    parts = (journal.rows(modalities=(name,), version=which.version, pending=True) for name in config.in_order(chosen))
    rows = chain.from_iterable(parts)
    return islice((row for row in rows if row.file_id not in stray and not stays(row.modality, row.path, row.patient_id)), which.max_files)


def choose_modalities(config: Config, named: Sequence[str] | None) -> tuple[str, ...]:
    """The modalities that are meant, in the configuration's order; nothing named: all of them.

    Raises :class:`UsageError` for one that is not configured.
    """
    if not named:
        return config.modalities
    by_name = {name.lower(): name for name in config.modalities}
    unknown = [name for name in named if name.lower() not in by_name]
    if unknown:
        raise UsageError(
            f"The configuration has no modality “{', '.join(unknown)}”.",
            remedy=f"Use {', '.join(config.modalities)}, or add it to supported_modalities in the configuration.",
        )
    chosen = {by_name[name.lower()] for name in named}
    return tuple(name for name in config.modalities if name in chosen)
