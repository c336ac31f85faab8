"""Look into the central store: a level at a time, a search, one file to this computer.  Nothing there is changed."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from chorus_gui.app.outputs import check_output
from chorus_gui.app.workspace import Workspace
from chorus_gui.core import remote
from chorus_gui.core.config.model import Config, PlaceKind
from chorus_gui.core.errors import BlobNotFoundError, UsageError
from chorus_gui.core.job import JobContext
from chorus_gui.core.remote import Moved
from chorus_gui.core.storage.azure.names import url_path
from chorus_gui.core.storage.base import BlobInfo, LevelPage

__all__ = ["MOST_FOUND", "BlobInfo", "LevelPage", "Moved", "Search", "address", "fetch", "level"]

MOST_FOUND = 1_000
"""A search stops at this number of files."""


def level(workspace: Workspace, ctx: JobContext, folder: str, marker: str = "") -> LevelPage:
    """The next part of what is directly in a folder of the store ("" or with "/" at its end); ``marker`` "" in the result: the last one.

    ``marker``: that of the part before.  Raises :class:`StoreError`, ``Cancelled``.
    """
    with workspace:
        for page in workspace.store().level(folder, marker):
            ctx.checkpoint()
            if page.folders or page.blobs:
                return page
    return LevelPage([], [], "")


@dataclass(slots=True)
class Search:
    """A search for files below a folder ("" or with "/" at its end) whose path has every word of ``text``, in capital or small letters.

    While it runs, ``looked`` and ``found`` grow; any thread may read them.  ``more``: it stopped at :data:`MOST_FOUND` files.
    """

    folder: str
    text: str
    looked: int = 0
    found: list[BlobInfo] = field(default_factory=list[BlobInfo])
    more: bool = False

    def run(self, workspace: Workspace, ctx: JobContext) -> Search:
        """Read the names, a page at a time; none is kept but those that match.  Raises as :func:`level`."""
        words = self.text.casefold().split()
        with workspace:
            for page in workspace.store().pages(self.folder):
                ctx.checkpoint()
                self.looked += len(page.blobs)
                for blob in page.blobs:
                    if remote.has_words(blob.path, words):
                        if len(self.found) == MOST_FOUND:
                            self.more = True
                            return self
                        self.found.append(blob)
        return self


def fetch(workspace: Workspace, ctx: JobContext, path: str, target: Path) -> Moved:
    """Copy one file of the store to the file ``target``, which is replaced; its MD5 is compared.

    Raises :class:`BlobNotFoundError`, :class:`UsageError` if this computer cannot hold it there or the configuration needs the file that is there, :class:`SourceUnreadableError`, :class:`StoreError`.
    """
    check_output(workspace.config, target, of_site=True)
    with workspace:
        store = workspace.store()
        blob = store.head(path)
        if blob is None:
            raise BlobNotFoundError(f"“{path}” is no longer in the central store.", remedy="Look at the folder again.")
        for one in remote.download(store, remote.Download([(blob, target)]), ctx):
            if isinstance(one, Moved):
                return one
            raise UsageError(one.why, remedy="Choose another folder, or another name.")
    raise AssertionError("a plan of one file has one result")


def address(config: Config, path: str) -> str:
    """Where a file of the central store is, for other programs: a URL without any credential, or a path of this computer."""
    place = config.central
    if place.kind is PlaceKind.FOLDER:
        return place.full(path)
    whole = f"{place.prefix}/{path}" if place.prefix else path
    return f"{place.account.url}/{url_path(place.container)}/{url_path(whole)}"
