"""The content of changes: the MD5 that each of their files has now."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing

from chorus_gui.core.errors import SourceError
from chorus_gui.core.model import Change, Item
from chorus_gui.core.scan.digest import digest_many
from chorus_gui.core.submission.work import Work


def digested(work: Work, changes: Iterable[Change]) -> Generator[tuple[Change, str | SourceError, float]]:
    """Each change with its file's MD5, or why there is none, and the seconds that it took, in no order.

    ``changes`` are pulled in the caller's thread, a bounded number ahead.  Raises ``Cancelled``.
    """
    under_way: dict[int, Change] = {}

    def items() -> Iterator[Item]:
        for change in changes:
            under_way[change.id] = change
            yield Item.of_change(change, "")

    with closing(digest_many(items(), work.sources, work.ctx, work.bulk)) as results:
        for item, result, seconds in results:
            yield under_way.pop(item.key), result, seconds
