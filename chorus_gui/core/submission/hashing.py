"""The content of changes: the MD5 that each of their files has now."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from typing import NamedTuple, cast

from chorus_gui.core.errors import SourceError
from chorus_gui.core.model import Change
from chorus_gui.core.scan.digest import digest_lists
from chorus_gui.core.submission.work import Work


class _File(NamedTuple):
    """The file of a change, as a task to hash it: small, because a worker on another computer may get it."""

    key: int
    modality: str
    path: str
    size: int
    mtime_us: int


_file = cast("Callable[[type[_File], tuple[int, str, str, int, int]], _File]", tuple.__new__)  # pyright: ignore[reportUnknownMemberType]
"""Makes a :class:`_File` in half the time that its own constructor takes."""


def digested(work: Work, changes: Iterable[Change]) -> Generator[tuple[Change, str | SourceError, float]]:
    """Each change with its file's MD5, or why there is none, and the seconds that it took, in no order.

    ``changes`` are pulled in the caller's thread, a bounded number ahead.  Raises ``Cancelled``.
    """
    with closing(digested_lists(work, changes)) as lists:
        for results in lists:
            yield from results


def digested_lists(work: Work, changes: Iterable[Change]) -> Generator[list[tuple[Change, str | SourceError, float]]]:
    """As :func:`digested`, as many at a time as come together."""
    under_way: dict[int, Change] = {}

    def items() -> Iterator[_File]:
        for change in changes:
            under_way[change.id] = change
            yield _file(_File, (change.id, change.modality, change.path, change.bytes, change.mtime_us or 0))

    with closing(digest_lists(items(), work.sources, work.ctx, work.bulk)) as lists:
        for results in lists:
            yield [(under_way.pop(item.key), result, seconds) for item, result, seconds in results]
