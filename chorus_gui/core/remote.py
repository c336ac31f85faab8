"""Looking into the central store by hand: list, upload, download, delete, by patterns.

None of this touches a journal: what is uploaded here is not recorded, what is deleted stays recorded.  The journal, its lock and its
side files are never part of what a wildcard matches; they must be named.
"""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from chorus_gui.core import private
from chorus_gui.core.errors import ConditionError, UsageError
from chorus_gui.core.folders import disk_path
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import Tally
from chorus_gui.core.storage.base import ALWAYS, IF_ABSENT, BlobInfo, Store
from chorus_gui.core.storage.names import outside, reserved
from chorus_gui.core.storage.one_file import fetch_file, send_file
from chorus_gui.core.storage.retry import RetryPolicy

_WILD = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class Listed:
    """A line of a listing: a blob, or a folder (``blob`` None) with what lies below it.  ``size`` in bytes."""

    path: str
    blob: BlobInfo | None
    files: int
    size: int


@dataclass(frozen=True, slots=True)
class Moved:
    """A file that was uploaded or downloaded; ``md5`` of what arrived, ``checked`` if the store's MD5 confirmed it."""

    local: Path
    remote: str
    size: int
    md5: str
    checked: bool


def listing(store: Store, pattern: str, ctx: JobContext, *, recursive: bool) -> list[Listed]:
    """What ``pattern`` names ("" is everything): blobs, and without ``recursive`` the folders below as one line each, by name."""
    folders: dict[str, list[int]] = {}
    found: list[Listed] = []
    for blob, depth in _matches(store, pattern, ctx):
        parts = blob.path.split("/")
        shown = depth if _WILD.search(pattern) else depth + 1
        if recursive or len(parts) <= shown:
            found.append(Listed(blob.path, blob, 1, blob.size))
            continue
        count = folders.setdefault("/".join(parts[:shown]) + "/", [0, 0])
        count[0] += 1
        count[1] += blob.size
    found += [Listed(path, None, files, size) for path, (files, size) in folders.items()]
    return sorted(found, key=lambda line: line.path)


def matching(store: Store, patterns: Iterable[str], ctx: JobContext, *, recursive: bool, keep: Sequence[str] = ()) -> list[BlobInfo]:
    """The blobs that the patterns name, with ``recursive`` those below too; ``keep`` only if named exactly.

    A name in ``keep`` that ends in “/” is a folder: what is in it must be named by its exact path, or by the folder's.

    Raises :class:`UsageError` for a pattern that names nothing, or only a folder without ``recursive``.
    """
    found: dict[str, BlobInfo] = {}
    for pattern in patterns:
        below = 0
        here: dict[str, BlobInfo] = {}
        for blob, depth in _matches(store, pattern, ctx):
            named = pattern.strip("/")
            if blob.path != named and any(
                blob.path == name or (name[-1:] == "/" and blob.path.startswith(name) and named != name[:-1]) for name in keep
            ):
                continue
            if recursive or blob.path.count("/") + 1 <= depth:
                here[blob.path] = blob
            else:
                below += 1
        if not here:
            if below:
                raise UsageError(
                    f"“{pattern}” is a folder with {below:,} file{'s' * (below != 1)}.", remedy="Add -r to include everything in it."
                )
            raise UsageError(
                f"Nothing in {store.url} matches “{pattern}”.",
                remedy="Use “remote list” to see the names. Capital and small letters are different.",
            )
        found.update(here)
    return [found[path] for path in sorted(found)]


def _matches(store: Store, pattern: str, ctx: JobContext) -> Iterator[tuple[BlobInfo, int]]:
    """Blobs at or below what the pattern names, with the number of parts of the pattern."""
    parts = [part for part in pattern.split("/") if part]
    fixed: list[str] = []
    for part in parts:
        if _WILD.search(part):
            break
        fixed.append(part)
    prefix = "/".join(fixed)
    if len(fixed) < len(parts) and fixed:
        prefix += "/"
    for number, blob in enumerate(store.list(prefix)):
        if number % 1000 == 0:
            ctx.checkpoint()
        names = blob.path.split("/")
        if len(names) >= len(parts) and all(
            name == part or fnmatch.fnmatchcase(name, part) for name, part in zip(names, parts, strict=False)
        ):
            yield blob, len(parts)


def upload(store: Store, sources: Sequence[Path], remote: str, ctx: JobContext, *, recursive: bool, overwrite: bool) -> Iterator[Moved]:
    """Put files (with ``recursive`` folders too) into the store: below ``remote``, or as ``remote`` if it is one file and no "/" ends it.

    Raises :class:`UsageError` before anything is sent; :class:`ConditionError` for a blob that is there already, unless ``overwrite``.
    """
    target = remote.strip("/")
    pairs: list[tuple[Path, str]] = []
    for source in sources:
        if source.is_dir():
            if not recursive:
                raise UsageError(f"“{source}” is a folder.", remedy="Add -r to upload everything in it.")
            pairs += [
                (file, _join(target, source.resolve().name, file.relative_to(source).as_posix()))
                for file in sorted(source.rglob("*"))
                if file.is_file()
            ]
        elif source.is_file():
            one = len(sources) == 1 and bool(target) and not remote.endswith("/")
            pairs.append((source, target if one else _join(target, source.name)))
        else:
            raise UsageError(f"There is no file “{source}”.", remedy="Check the name. A relative path begins in the current folder.")
    ctx.progress.begin("upload", {"": Tally(len(pairs), sum(file.stat().st_size for file, _ in pairs))})
    for file, path in pairs:
        ctx.checkpoint()
        try:
            blob = send_file(store, path, file, ctx, condition=ALWAYS if overwrite else IF_ABSENT)
        except ConditionError as error:
            raise ConditionError(f"“{path}” is in {store.url} already.", remedy="Add --overwrite to replace it.") from error
        ctx.progress.add("", files=1, size=blob.size)
        yield Moved(file, path, blob.size, blob.md5 or "", blob.md5 is not None)


def download(store: Store, patterns: Sequence[str], local: Path, ctx: JobContext, *, recursive: bool, overwrite: bool) -> Iterator[Moved]:
    """Fetch blobs into the folder ``local``, or as the file ``local`` if it is one blob and no such folder; MD5 checked where there is one.

    A blob below a matched folder keeps its path from that folder on.  Raises :class:`UsageError` before anything is fetched.
    """
    pairs: list[tuple[BlobInfo, Path]] = []
    for pattern in patterns:
        depth = len([part for part in pattern.split("/") if part])
        for blob in matching(store, [pattern], ctx, recursive=recursive):
            names = blob.path.split("/")[max(0, depth - 1) :]
            if why := outside("/".join(names)) or (reserved("/".join(names)) if os.name == "nt" else ""):
                raise UsageError(
                    f"“{blob.path}” is not a valid path on this computer.", meaning=why, remedy="Download it alone, under another name."
                )
            pairs.append((blob, local.joinpath(*names)))
    if len(pairs) == 1 and not local.is_dir() and not recursive:
        pairs = [(pairs[0][0], local)]
    taken: set[Path] = set()
    for _, target in pairs:
        if target in taken:
            raise UsageError(f"Two of these files would have the same path, “{target}”.", remedy="Download them into different folders.")
        if target.exists() and not overwrite:
            raise UsageError(f"“{target}” exists already.", remedy="Add --overwrite to replace it.")
        taken.add(target)
    ctx.progress.begin("download", {"": Tally(len(pairs), sum(blob.size for blob, _ in pairs))})
    for blob, target in pairs:
        ctx.checkpoint()
        private.make_folder(Path(disk_path(target.parent)))
        md5 = fetch_file(store, blob, Path(disk_path(target)), ctx, tell=True)
        ctx.progress.add("", files=1)
        yield Moved(target, blob.path, blob.size, md5, blob.md5 is not None)


def delete(store: Store, blobs: Iterable[BlobInfo], ctx: JobContext) -> Iterator[str]:
    """Remove exactly these versions of blobs.  Raises :class:`ConditionError` for one that was replaced meanwhile."""
    from chorus_gui.core.storage.base import Condition

    policy = RetryPolicy()
    for blob in blobs:
        ctx.checkpoint()
        policy.call(lambda blob=blob: store.delete(blob.path, condition=Condition(etag=blob.etag)), ctx)
        yield blob.path


def _join(*parts: str) -> str:
    return "/".join(part for part in parts if part)
