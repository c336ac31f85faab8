"""One level of a folder as central store: the folders and the blobs directly in it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from itertools import chain, islice

from chorus_gui.core.storage.base import BlobInfo, LevelPage
from chorus_gui.core.storage.disk import Translated

PAGE = 1000
"""Names of a page."""
Blobs = Callable[[str, str, str], Iterator[BlobInfo]]
Describe = Callable[[str, os.stat_result, Mapping[str, str] | None], BlobInfo]


def level_pages(disk: str, prefix: str, marker: str, blobs: Blobs, describe: Describe, *, hidden: str) -> Iterator[LevelPage]:
    """The pages of the folder ``disk``, in the order of names.  ``prefix``: its path in the store, "" or with "/" at its end.

    ``marker``: the last name of the page before.  ``blobs`` gives those below a folder, ``describe`` makes one of a file; the folder ``hidden``
    of the root is not a part of the store.
    """
    with Translated(prefix), os.scandir(disk) as listed:
        entries = sorted(listed, key=lambda entry: entry.name)

    def found() -> Iterator[str | BlobInfo]:
        for entry in entries:
            path = prefix + entry.name
            if entry.name <= marker or path == hidden:
                continue
            with Translated(prefix):
                folder = entry.is_dir(follow_symlinks=False)
                try:
                    stat = entry.stat() if not folder and entry.is_file() else None
                except FileNotFoundError:
                    continue
            if folder and next(blobs(path, "", ""), None) is not None:
                yield entry.name
            elif stat is not None:
                yield describe(path, stat, None)

    names = found()
    while page := [*islice(names, PAGE)]:
        last, following = page[-1], next(names, None)
        after = "" if following is None else last if isinstance(last, str) else last.path.rpartition("/")[2]
        yield LevelPage([one for one in page if isinstance(one, str)], [one for one in page if isinstance(one, BlobInfo)], after)
        if following is None:
            return
        names = chain([following], names)
