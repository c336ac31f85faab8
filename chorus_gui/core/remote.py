"""Looking into the central store by hand: list, upload, download, delete, by patterns.

None of this touches a journal: what is uploaded here is not recorded, what is deleted stays recorded.  The journal, its lock and its
side files are never part of what a wildcard matches; they must be named.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from chorus_gui.core import private
from chorus_gui.core.engine.work import Executor
from chorus_gui.core.errors import BlobNameError, ConditionError, SourceUnreadableError, UsageError
from chorus_gui.core.folders import disk_path
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import Item, Proof, Tally
from chorus_gui.core.refused import is_held, is_read_only
from chorus_gui.core.scan.digest import digest_many
from chorus_gui.core.storage.base import BlobInfo, Store
from chorus_gui.core.storage.fits import Folder
from chorus_gui.core.storage.local_files import LocalFiles
from chorus_gui.core.storage.matching import Choice, choose
from chorus_gui.core.storage.one_file import fetch_file
from chorus_gui.core.transfer.copy import hash_of
from chorus_gui.core.transfer.transfer import transfer

_FEW = 16
"""At most this number of places is asked for one by one.  More are looked up in one listing."""

_NO_MORE = frozenset({errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EROFS, errno.EIO, errno.EACCES, errno.EPERM})
"""The disk takes no further file either."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A line of a listing: a blob, or a folder (``blob`` None) with what lies below it.  ``size`` in bytes."""

    path: str
    blob: BlobInfo | None
    files: int
    size: int


@dataclass(frozen=True, slots=True)
class Moved:
    """A file that was uploaded or downloaded; ``md5`` of what arrived, ``checked`` if the store's MD5 confirmed it.

    ``already``: it was there before with the same size and MD5, and was not sent again.
    """

    local: Path
    remote: str
    size: int
    md5: str
    checked: bool
    already: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """A file that was not uploaded or downloaded, most often because of its name; ``why`` and ``remedy`` are sentences, ``size`` is in bytes."""

    local: Path | None
    remote: str
    size: int
    why: str
    remedy: str = "Download it alone, under a name of your choice: “remote download NAME FILE”."


@dataclass(slots=True)
class Download:
    """What is to be fetched, with where it goes, and what this computer cannot hold."""

    files: list[tuple[BlobInfo, Path]] = field(default_factory=list[tuple[BlobInfo, Path]])
    refused: list[Refused] = field(default_factory=list[Refused])


def listing(store: Store, pattern: str, ctx: JobContext, *, recursive: bool, find: str = "") -> list[Listed]:
    """What ``pattern`` names ("" is everything): blobs, and without ``recursive`` the folders below as one line each, by name.

    ``find``: only blobs whose path has each of these words, in capital or small letters.
    Raises :class:`UsageError` for a name with an empty part that nothing has.
    """
    folders: dict[str, list[int]] = {}
    found: list[Listed] = []
    choice = choose(store, pattern)
    shown = len(choice.parts) + (not choice.wild)
    words = find.casefold().split()
    for blob in choice.blobs(store, ctx):
        if words and not has_words(blob.path, words):
            continue
        parts = blob.path.split("/")
        if recursive or choice.blob is not None or len(parts) <= shown:
            found.append(Listed(blob.path, blob, 1, blob.size))
            continue
        count = folders.setdefault("/".join(parts[:shown]) + "/", [0, 0])
        count[0] += 1
        count[1] += blob.size
    if not found and not folders and "" in choice.parts:
        raise _nothing(store, pattern, choice)
    found += [Listed(path, None, files, size) for path, (files, size) in folders.items()]
    return sorted(found, key=lambda line: line.path)


def has_words(path: str, words: Iterable[str]) -> bool:
    """A path has each of these words, which are in small letters, anywhere in it."""
    path = path.casefold()
    return all(word in path for word in words)


def matching(store: Store, patterns: Iterable[str], ctx: JobContext, *, recursive: bool, keep: Sequence[str] = ()) -> list[BlobInfo]:
    """The blobs that the patterns name, with ``recursive`` those below too; ``keep`` only if named exactly.

    A name in ``keep`` that ends in “/” is a folder: what is in it must be named by its exact path, or by the folder's.

    Raises :class:`UsageError` for a pattern that names nothing, or only a folder without ``recursive``.
    """
    found: dict[str, BlobInfo] = {}
    for pattern in patterns:
        _, here = _named(store, pattern, ctx, recursive=recursive, keep=keep)
        found.update((blob.path, blob) for blob in here)
    return [found[path] for path in sorted(found)]


def _named(store: Store, pattern: str, ctx: JobContext, *, recursive: bool, keep: Sequence[str] = ()) -> tuple[Choice, list[BlobInfo]]:
    """As :func:`matching`, for one pattern; with what it was understood as."""
    choice = choose(store, pattern)
    here: list[BlobInfo] = []
    below = 0
    kept_apart = [name for name in keep if name[-1:] != "/" or choice.text not in (name, name[:-1])]
    for blob in choice.blobs(store, ctx):
        if choice.blob is None and any(blob.path == name or (name[-1:] == "/" and blob.path.startswith(name)) for name in kept_apart):
            continue
        if recursive or choice.blob is not None or (choice.wild and blob.path.count("/") + 1 <= len(choice.parts)):
            here.append(blob)
        else:
            below += 1
    if not here and below:
        raise UsageError(f"“{pattern}” is a folder with {below:,} file{'s' * (below != 1)}.", remedy="Add -r to include everything in it.")
    if not here:
        raise _nothing(store, pattern, choice)
    return choice, here


def _nothing(store: Store, pattern: str, choice: Choice) -> UsageError:
    """The error for a pattern that names nothing."""
    meaning = ""
    if "" in choice.parts:
        meaning = "It has an empty part: a “/” at the beginning, or two together. That is a part of the name, and is not left out."
    return UsageError(
        f"Nothing in {store.url} matches “{pattern}”.",
        meaning=meaning,
        remedy="Use “remote list” to see the names. Capital and small letters are different.",
    )


def upload(
    store: Store, pairs: Sequence[tuple[Path, str]], ctx: JobContext, executor: Executor, *, overwrite: bool
) -> Generator[Moved | Refused]:
    """Put files into the store, each under its name, in no order.  One that cannot be sent alone is refused, and the others are sent.

    A file that is there already with the same size and MD5 is not sent again.  What an interrupted upload staged of a large file is
    used.  Raises :class:`ConditionError` before anything is sent if another file is there, unless ``overwrite``; :class:`UsageError` if
    the store cannot hold the name and there is no other file; a :class:`StoreError` that concerns every file.
    """
    items = [_item(number, file, path, overwrite=overwrite) for number, (file, path) in enumerate(pairs)]
    ctx.progress.begin("upload", {"": Tally(len(items), sum(item.size for item in items))})
    there = _there_already(store, items, ctx)
    waiting = dict(enumerate(items))
    sources = {"": LocalFiles()}
    with closing(digest_many((item for item in items if item.key in there), sources, ctx, executor)) as hashed:
        for item, md5, _ in hashed:
            if not isinstance(md5, str):  # it cannot be read: sending it says why
                continue
            if md5 == (there[item.key].md5 or hash_of(store, there[item.key], ctx)):
                del waiting[item.key]
                ctx.progress.add("", files=1, size=item.size)
                yield Moved(Path(item.path), item.store_path, item.size, md5, checked=True, already=True)
            elif not overwrite:
                raise _taken(store, item.store_path)
    with closing(transfer(iter(waiting.values()), sources, store, ctx, executor)) as results:
        for result in results:
            item, file = result.item, Path(result.item.path)
            if isinstance(result, Proof):
                yield Moved(file, item.store_path, item.size, result.md5, checked=True)
            elif result.kind == ConditionError.__name__:
                raise _taken(store, item.store_path)
            elif result.kind == BlobNameError.__name__ and len(items) == 1:
                raise UsageError(result.cause, remedy="Choose another name.")
            elif result.kind == BlobNameError.__name__:
                remedy = "Upload it alone, under another name: “remote upload FILE NAME”."
                yield Refused(file, item.store_path, item.size, result.cause, remedy)
            else:
                yield Refused(file, item.store_path, item.size, result.cause, result.remedy)


def _item(number: int, file: Path, path: str, *, overwrite: bool) -> Item:
    found = LocalFiles().stat(str(file))
    return Item(number, "", str(file), path, found.size, found.mtime_us, replaces=None if overwrite else "")


def _there_already(store: Store, items: Sequence[Item], ctx: JobContext) -> dict[int, BlobInfo]:
    """The blobs that are at these places and have the file's size, by the file's key.

    Raises :class:`ConditionError` for a blob of another size that may not be replaced; :class:`UsageError` for two files at one place.
    """
    wanted = {item.store_path: item for item in items}
    if len(wanted) < len(items):
        raise UsageError("Two of these files would have the same name in the central store.", remedy="Upload them into different folders.")
    prefix = os.path.commonprefix(list(wanted))  # noqa: RUF071 - a store's prefix is text, not a folder
    if len(wanted) <= _FEW or not prefix:  # not the whole store
        found = [info for path in wanted if (info := _head(store, path)) is not None]
    else:
        found = store.list(prefix)
    there: dict[int, BlobInfo] = {}
    for number, info in enumerate(found):
        if number % 1000 == 0:
            ctx.checkpoint()
        item = wanted.get(info.path)
        if item is None:
            continue
        if info.size == item.size:
            there[item.key] = info
        elif item.replaces is not None:
            raise _taken(store, item.store_path)
    return there


def _head(store: Store, path: str) -> BlobInfo | None:
    try:
        return store.head(path)
    except BlobNameError:  # said when it is sent
        return None


def _taken(store: Store, path: str) -> ConditionError:
    return ConditionError(f"“{path}” is in {store.url} already, with other content.", remedy="Add --overwrite to replace it.")


def to_upload(sources: Sequence[Path], remote: str, *, recursive: bool) -> list[tuple[Path, str]]:
    """Files (with ``recursive`` those in folders, too), each with its name in the store: below ``remote``, or ``remote`` itself if it is one
    file and no “/” ends it.  Raises :class:`UsageError`.
    """
    target = remote.removesuffix("/")
    if "" in target.split("/") and target:
        raise UsageError(
            f"“{remote}” has an empty part: a “/” at the beginning, or two together.",
            remedy="Write the name without it, for example “v1/x”.",
        )
    pairs: list[tuple[Path, str]] = []
    for source in sources:
        if source.is_dir():
            if not recursive:
                raise UsageError(f"“{source}” is a folder.", remedy="Add -r to upload everything in it.")
            name = source.name if source.name not in ("", "..") else source.resolve().name
            pairs += [
                (file, _join(target, name, file.relative_to(source).as_posix())) for file in sorted(source.rglob("*")) if file.is_file()
            ]
        elif source.is_file():
            one = len(sources) == 1 and bool(target) and not remote.endswith("/")
            pairs.append((source, target if one else _join(target, source.name)))
        else:
            raise UsageError(f"There is no file “{source}”.", remedy="Check the name. A relative path begins in the current folder.")
    return pairs


def plan_download(store: Store, patterns: Sequence[str], local: Path, ctx: JobContext, *, recursive: bool, overwrite: bool) -> Download:
    """What to fetch into the folder ``local``, or as the file ``local`` if it is one blob and no such folder.  Fetches nothing.

    A blob below a matched folder keeps its path from that folder on.  Raises :class:`UsageError` if nothing can be fetched, and for a
    file that exists, unless ``overwrite``.
    """
    found: dict[str, tuple[BlobInfo, str]] = {}
    for pattern in patterns:
        choice, blobs = _named(store, pattern, ctx, recursive=recursive)
        cut = max(0, len(choice.parts) - 1)
        found.update((blob.path, (blob, "/".join(blob.path.split("/")[cut:]))) for blob in blobs)
    lone = len(found) == 1 and not recursive and not local.is_dir()
    folder = Folder(local)
    plan = Download()
    targets: dict[str, str] = {}
    above: dict[str, str] = {}
    for blob, path in found.values():
        if not lone:
            parts = folder.key(path).split("/")
            for count in range(1, len(parts)):
                above.setdefault("/".join(parts[:count]), blob.path)
    for blob, path in sorted(found.values(), key=lambda pair: pair[0].path):
        key = folder.key(path)
        if not (why := "" if lone else folder.refuses(path) or folder.occupied(path)) and not lone:
            if key in above:
                why = f"“{above[key]}” needs a folder of this name, and here a name is either a file or a folder."
            elif key in targets:
                why = f"“{targets[key]}” would be the same file in this folder."
        if why:
            plan.refused.append(Refused(None, blob.path, blob.size, why))
            continue
        targets[key] = blob.path
        target = local if lone else local.joinpath(*path.split("/"))
        if not overwrite and os.path.lexists(disk_path(target)):
            raise UsageError(f"“{target}” exists already.", remedy="Add --overwrite to replace it.")
        plan.files.append((blob, target))
    if not plan.files:
        first = plan.refused[0]
        raise UsageError(f"“{first.remote}” is not a valid path on this computer.", meaning=first.why, remedy=first.remedy)
    return plan


def download(store: Store, plan: Download, ctx: JobContext) -> Iterator[Moved | Refused]:
    """Fetch what was planned, MD5 checked where there is one.  What this computer cannot write after all is refused, too.

    Raises :class:`SourceUnreadableError` for a disk that takes no more files at all, :class:`StoreError`.
    """
    ctx.progress.begin("download", {"": Tally(len(plan.files), sum(blob.size for blob, _ in plan.files))})
    for blob, target in plan.files:
        ctx.checkpoint()
        try:
            private.make_folder(Path(disk_path(target.parent)))
            md5 = fetch_file(store, blob, Path(disk_path(target)), ctx, shows_progress=True)
        except (OSError, SourceUnreadableError) as error:
            cause = error if isinstance(error, OSError) else error.__cause__
            alone = is_read_only(disk_path(target)) or is_held(disk_path(target))
            if isinstance(cause, OSError) and cause.errno in _NO_MORE and not alone:
                raise SourceUnreadableError(
                    f"Could not write “{target}”: {cause.strerror or cause}.", remedy="Free space there, or choose another folder."
                ) from error
            if alone and isinstance(error, SourceUnreadableError):
                yield Refused(target, blob.path, blob.size, error.what, error.remedy)
                continue
            why = f"Could not write “{target}”: {error.strerror or error}." if isinstance(error, OSError) else error.what
            yield Refused(target, blob.path, blob.size, why)
            continue
        ctx.progress.add("", files=1)
        yield Moved(target, blob.path, blob.size, md5, blob.md5 is not None)


def delete(store: Store, blobs: Iterable[BlobInfo], ctx: JobContext) -> Iterator[str]:
    """Remove exactly these versions of blobs.  Raises :class:`ConditionError` for one that was replaced meanwhile."""
    from chorus_gui.core.storage.base import Condition

    for blob in blobs:
        ctx.checkpoint()
        store.delete(blob.path, condition=Condition(etag=blob.etag))
        yield blob.path


def _join(*parts: str) -> str:
    return "/".join(part for part in parts if part)
