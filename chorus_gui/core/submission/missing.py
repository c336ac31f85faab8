"""Files that are missing in a list that a service made earlier: the service is asked for each, because a list knows nothing newer than itself.

Only those count as deleted that the service does not have now.  One that it has, and one of which it does not say, stays as it is in the journal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Never

from chorus_gui.core.engine.pool import Pool
from chorus_gui.core.engine.work import Place, Worker
from chorus_gui.core.errors import SourceError, SourceVanishedError
from chorus_gui.core.storage.base import Source
from chorus_gui.core.submission.work import Work


class Missing(NamedTuple):
    """A file that a scan did not find."""

    modality: str
    path: str


def old_lists(work: Work) -> frozenset[str]:
    """The modalities whose places are not listed, because a list is there that the service made earlier."""
    return frozenset(name for name, site in work.config.sites.items() if site.place.s3.inventory)


def still_there(work: Work, files: Iterable[Missing]) -> Iterator[Missing]:
    """Those of ``files`` that the service has, or of which it does not say; one request for each.  Raises ``Cancelled``, and what concerns every file."""
    executor = work.executor
    with Pool(executor, _Looking(work.sources), work.ctx, window=executor.window(4), idle=work.ctx.checkpoint, wait=False) as pool:
        for one, there in pool.map(files):
            if there:
                yield one


@dataclass(frozen=True, slots=True)
class _Looking:
    """The recipe."""

    sources: Mapping[str, Source]

    def __call__(self, place: Place[Never]) -> _Looker:
        del place
        return _Looker(self.sources)


class _Looker(Worker[Missing, tuple[Missing, bool], Never]):
    """Asks for the properties of files."""

    def __init__(self, sources: Mapping[str, Source]) -> None:
        self._sources = sources

    def run(self, task: Missing) -> tuple[tuple[Missing, bool]]:
        try:
            self._sources[task.modality].stat(task.path)
        except SourceVanishedError:
            return ((task, False),)
        except SourceError:
            pass
        return ((task, True),)
