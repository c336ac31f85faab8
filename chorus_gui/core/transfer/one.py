"""One file of the program's own, most often a journal, to the store: the same way as the files of the site."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from chorus_gui.core.engine.pool import Pool
from chorus_gui.core.engine.threads import Threads
from chorus_gui.core.engine.work import Place, Worker
from chorus_gui.core.job import JobContext, Progress, Watched
from chorus_gui.core.model import Item, Proof
from chorus_gui.core.storage.base import Store
from chorus_gui.core.storage.local_files import LocalFiles
from chorus_gui.core.transfer.large import Block
from chorus_gui.core.transfer.sender import Sender
from chorus_gui.core.waiting import Waiting

_THREADS = 4


def send_one(store: Store, path: str, file: Path, ctx: JobContext, *, replaces: str | None = None) -> Proof:
    """Write ``file`` as the blob ``path``, in blocks where one request cannot carry it; what an interrupted attempt staged is used.

    ``replaces`` as :attr:`Item.replaces`.  The progress of ``ctx`` does not count it.  Raises :class:`StoreError`,
    :class:`SourceError`, ``Cancelled``.
    """
    found = LocalFiles().stat(str(file))
    item = Item(0, "", str(file), path, found.size, found.mtime_us, replaces=replaces)
    apart = ctx.branch()
    apart.progress = _Uncounted(ctx.progress)
    with Pool(Threads(_THREADS), partial(_One, store), apart, window=1) as pool:
        (proof,) = pool.map([item])
    return proof


class _One(Worker[Item, Proof, Block]):
    """Sends the only file of a transfer: what prevents that is raised, and is no failure among others."""

    def __init__(self, store: Store, place: Place[Block]) -> None:
        self._sender = Sender({"": LocalFiles()}, store, place)

    def run(self, task: Item) -> tuple[Proof]:
        return (self._sender.send(task),)

    def help(self, part: Block) -> None:
        self._sender.help(part)


class _Uncounted(Progress):
    """Shows what the job waits for, and counts nothing for the job whose progress it is."""

    def __init__(self, shown: Progress) -> None:
        super().__init__()
        self._shown = shown

    def waiting(self, waiting: Waiting | None) -> None:
        self._shown.waiting(waiting)

    def watch(self, watched: Watched) -> None:
        self._shown.watch(_Seen(watched, self))


@dataclass(frozen=True, slots=True)
class _Seen:
    """What is watched, asked for the requests that ``apart`` does not count."""

    watched: Watched
    apart: Progress

    def waiting(self, progress: Progress, /) -> Waiting | None:
        del progress
        return self.watched.waiting(self.apart)
