"""A site whose files lie in a container."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from chorus_gui.core.config.model import Place
from chorus_gui.core.errors import (
    AccessError,
    BlobNameError,
    BlobNotFoundError,
    ConditionError,
    SourceChangedError,
    SourceUnreadableError,
    SourceVanishedError,
    StoreError,
    StoreUnavailableError,
)
from chorus_gui.core.model import Problem
from chorus_gui.core.storage.accepts import refusal
from chorus_gui.core.storage.azure.login import Login
from chorus_gui.core.storage.azure.store import AzureStore
from chorus_gui.core.storage.base import BlobInfo, ChooseFolder, Folder, SourceStat
from chorus_gui.core.storage.names import outside

T = TypeVar("T")
_EMPTY_FOLDERS = ("/", "_$folder$")
"""How the name of an empty blob ends that another program keeps in the place of a folder."""


class AzureSource:
    """A container, or what lies under a prefix in it, as a :class:`~chorus_gui.core.storage.base.Source`.

    ``login`` as for :class:`AzureStore`.  A blob's time is when it was last written, whole seconds.  Besides :class:`SourceError`, a store that is out of reach or
    refuses raises :class:`StoreUnavailableError` or :class:`AccessError`: they concern every file, and may be retried or not.
    """

    def __init__(self, place: Place, *, login: Login | None = None, store: AzureStore | None = None) -> None:
        self._store = store or AzureStore(place, login=login)
        self._refuses: Callable[[str], str] = refusal(place) if store is None else lambda _: ""

    @property
    def url(self) -> str:
        """ "az://container/prefix"."""
        return self._store.url

    def folders(self, want: ChooseFolder, checkpoint: Callable[[], None]) -> Iterator[Folder]:
        """See :meth:`Source.folders`.

        One flat listing, a request for every 5,000 blobs.  It comes in the order of names, in which everything below a folder
        stands together, so a folder is complete when the listing leaves it; only those on the way to it are kept open.
        """
        look = want("")
        open_folders: list[tuple[Folder, bool]] = [(Folder("", [], [], []), look.files)]  # folder, wanted with sizes
        skipped: str | None = None
        blobs = self._store.list() if look.descend else iter(())
        for blob in self._listed(blobs):
            checkpoint()
            if skipped is not None and blob.path.startswith(skipped):
                continue
            if not blob.size and blob.path.endswith(_EMPTY_FOLDERS):
                continue
            if why := outside(blob.path, windows=False) or self._refuses(blob.path):
                open_folders[0][0].problems.append(_no_file(blob.path, why))
                continue
            parent, _, name = blob.path.rpartition("/")
            while not _inside(parent, open_folders[-1][0].path):
                yield open_folders.pop()[0]
            skipped = _open_down_to(parent, open_folders, want)
            if skipped is not None:
                continue
            folder, sized = open_folders[-1]
            if sized:
                folder.files.append((name, blob.size, blob.modified_us))
            else:
                folder.unsized.append(name)
        while open_folders:
            yield open_folders.pop()[0]

    def stat(self, path: str) -> SourceStat:
        """See :meth:`Source.stat`."""
        found = _as_source(path, lambda: self._store.head(path))
        if found is None:
            raise SourceVanishedError(f"“{path}” is no longer in {self.url}.", remedy="Scan again.")
        return SourceStat(found.size, found.modified_us)

    def open(self, path: str, offset: int = 0) -> BlobReader:
        """See :meth:`Source.open`.  What is read is one version of the blob: the one that is there now."""
        found = _as_source(path, lambda: self._store.head(path))
        if found is None:
            raise SourceVanishedError(f"“{path}” is no longer in {self.url}.", remedy="Scan again.")
        return BlobReader(path, SourceStat(found.size, found.modified_us), self._store.read(path, offset=offset, etag=found.etag))

    def close(self) -> None:
        """See :meth:`Source.close`."""
        self._store.close()

    def _listed(self, blobs: Iterator[BlobInfo]) -> Iterator[BlobInfo]:
        try:
            yield from blobs
        except (AccessError, BlobNotFoundError) as error:
            raise SourceUnreadableError(f"Could not list {self.url}. {error.what}", meaning=error.meaning, remedy=error.remedy) from error


class BlobReader:
    """An open blob: chunks from the store, handed out as they are asked for."""

    def __init__(self, path: str, stat: SourceStat, chunks: Iterator[bytes]) -> None:
        self._path = path
        self._stat = stat
        self._chunks = chunks
        self._left = memoryview(b"")

    def readinto(self, buffer: bytearray | memoryview, /) -> int | None:
        """See :meth:`Reader.readinto`."""
        if not self._left:
            self._left = memoryview(_as_source(self._path, lambda: next(self._chunks, b"")))
        count = min(len(buffer), len(self._left))
        buffer[:count] = self._left[:count]
        self._left = self._left[count:]
        return count

    def stat(self) -> SourceStat:
        """See :meth:`Reader.stat`: of the one version that is being read; another one ends the reading with an error."""
        return self._stat

    def close(self) -> None:
        """Forget what was fetched."""
        self._left = memoryview(b"")
        self._chunks = iter(())


def _no_file(path: str, why: str) -> Problem:
    why = why.replace(", so it would not be below the site's folder", "")
    return Problem(
        (),
        path,
        f"This name cannot be the path of a file. {why}",
        "Rename the blob in the site's container, for example with Azure Storage Explorer, and scan again.",
        covers=True,
    )


def _as_source(path: str, action: Callable[[], T]) -> T:
    try:
        return action()
    except BlobNotFoundError as error:
        raise SourceVanishedError(f"“{path}” is no longer on the site.", remedy="Scan again.") from error
    except ConditionError as error:
        raise SourceChangedError(f"“{path}” was replaced while it was being read.", remedy="Scan again.") from error
    except (StoreUnavailableError, AccessError):
        raise
    except BlobNameError as error:
        raise SourceVanishedError(
            f"“{path}” is not a file of the site: no file can have this name.",
            meaning=error.meaning,
            remedy="Scan again. The review then shows what changed, and what to do.",
        ) from error
    except StoreError as error:
        raise SourceUnreadableError(f"Could not read “{path}”. {error.what}", meaning=error.meaning, remedy=error.remedy) from error


def _inside(folder: str, other: str) -> bool:
    return not other or folder == other or folder.startswith(other + "/")


def _open_down_to(folder: str, open_folders: list[tuple[Folder, bool]], want: ChooseFolder) -> str | None:
    """Open the folders between the innermost open folder and ``folder``; the prefix to skip if one of them is not wanted."""
    known = open_folders[-1][0].path
    rest = folder[len(known) :].lstrip("/") if known else folder
    for part in rest.split("/") if rest else ():
        known = f"{known}/{part}" if known else part
        look = want(known)
        if not look.descend:
            return known + "/"
        open_folders.append((Folder(known, [], [], []), look.files))
    return None
