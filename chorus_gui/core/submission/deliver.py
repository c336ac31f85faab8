"""Send items, commit their proofs: the loop that submitting and uploading share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import TypeVar

from chorus_gui.core.engine.work import Executor
from chorus_gui.core.model import Entry, Item, Proof
from chorus_gui.core.storage.base import Store
from chorus_gui.core.submission.commit import Batch
from chorus_gui.core.submission.guard import guarded
from chorus_gui.core.submission.leak_gate import remember_tables
from chorus_gui.core.submission.work import Work
from chorus_gui.core.transfer.transfer import transfer

T = TypeVar("T")


def deliver(
    work: Work,
    store: Store,
    files: Iterator[tuple[T, Item]],
    entry_of: Callable[[T, Proof], Entry],
    done: Callable[[list[tuple[T, Proof]]], None],
    executor: Executor,
) -> None:
    """Upload every item; each confirmed file is recorded as ``entry_of`` says, then ``done`` is called.

    ``files`` gives each item with the change or row that it comes from, which goes to ``entry_of`` and ``done`` with the proof.
    ``executor``: where they are sent.  Failures of single files go to ``work.log``.  Raises :class:`StoreError` for what stops the job, ``Cancelled``,
    :class:`JournalError`; proofs that were there by then are committed.
    """
    under_way: dict[int, T] = {}
    tables = False
    guard = guarded(store)

    def committed(sent: list[tuple[T, Proof]]) -> None:
        guard.learn([proof for _, proof in sent])
        done(sent)

    def items() -> Iterator[Item]:
        for origin, item in files:
            under_way[item.key] = origin
            yield item

    with (
        Batch[tuple[T, Proof]](work.journal, work.config.page_size, committed) as batch,
        closing(transfer(items(), work.sources, guard, work.ctx, executor, idle=batch.tick)) as results,
    ):
        for result in results:
            origin = under_way.pop(result.item.key)
            if isinstance(result, Proof):
                tables = tables or result.item.modality == "OMOP"
                batch.add(entry_of(origin, result), (origin, result))
                if result.item.size > store.limits.put_bytes:
                    batch.flush()  # after a kill, nothing in the store says that a large file has arrived
            else:
                work.log.fail(result)
    if tables:
        remember_tables(work)
