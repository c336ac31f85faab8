"""The one way of a file into the store: items in, proofs out.

A file is read once.  The MD5 of the whole and of each request's bytes are taken of the same buffer, the store checks every
request against its MD5, and a file that is not (or no longer) the one that was approved is reported and not sent.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from functools import partial

from chorus_gui.core.engine.pool import Pool
from chorus_gui.core.engine.work import Executor
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import Failure, Item, Proof
from chorus_gui.core.storage.base import Source, Store
from chorus_gui.core.transfer.sender import Sender

WINDOW = 16
"""Items being processed for each thread: enough that no thread waits while proofs are committed."""


def transfer(
    items: Iterable[Item],
    sources: Mapping[str, Source],
    store: Store,
    ctx: JobContext,
    executor: Executor,
    *,
    idle: Callable[[], None] = lambda: None,
) -> Generator[Proof | Failure, None, None]:
    """Send the items; a proof or a failure for each, in no order.

    ``items`` is pulled in the caller's thread, a bounded number ahead; ``sources`` are by modality.  At most as many
    requests as ``executor`` has threads run at the same time, and at most twice as many buffers of one request's size exist.  Progress counts a file's
    bytes when they are acknowledged, and subtracts them if the file fails in the end.  ``idle`` is called a few times a second, in
    the caller's thread, while no result comes: the time to commit those that came.

    Raises, after every proof and failure that was finished before: :class:`Cancelled`; the :class:`StoreError` that every
    further file would meet too (access refused, no room, no answer for :data:`~chorus_gui.core.transfer.sender.UNANSWERED` files in a
    row, or for the last ones); what ``items`` raises.
    Closing the generator calls the threads back and waits for them.  What a large file had staged then is not sent again by
    the next transfer of the same bytes.
    """
    with Pool(executor, partial(Sender, sources, store), ctx, window=WINDOW * executor.threads, idle=idle) as pool:
        yield from pool.map(items)
