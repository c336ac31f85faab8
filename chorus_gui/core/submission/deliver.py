"""Send items, commit their proofs: the loop that submitting and uploading share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing

from chorus_gui.core.config.model import Config
from chorus_gui.core.job import JobContext
from chorus_gui.core.journal.store import Journal
from chorus_gui.core.model import Entry, Failure, Item, Proof
from chorus_gui.core.storage.base import Source, Store
from chorus_gui.core.submission.commit import Batch
from chorus_gui.core.submission.log import RunLog
from chorus_gui.core.transfer.transfer import transfer


def deliver(
    items: Iterator[Item],
    entry_of: Callable[[Proof], Entry],
    done: Callable[[list[Proof]], None],
    *,
    config: Config,
    journal: Journal,
    sources: Mapping[str, Source],
    store: Store,
    ctx: JobContext,
    log: RunLog,
) -> None:
    """Send every item; what is proved is entered as ``entry_of`` says, then ``done`` is told.

    Failures of single files go to ``log``.  Raises :class:`StoreError` for what stops the job, ``Cancelled``,
    :class:`JournalError`; proofs that were there by then are committed.
    """
    with (
        Batch[Proof](journal, config.page_size, done) as batch,
        closing(transfer(items, sources.__getitem__, store, ctx, threads=config.threads, idle=batch.tick)) as results,
    ):
        for result in results:
            match result:
                case Proof():
                    batch.add(entry_of(result), result)
                case Failure():
                    log.failures.append(result)
