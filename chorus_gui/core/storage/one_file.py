"""One file to the store and back: journals, not the site's data (that is ``transfer/``)."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path

from chorus_gui.core import private
from chorus_gui.core.errors import ChecksumError, SourceUnreadableError, StoreUnavailableError
from chorus_gui.core.job import JobContext
from chorus_gui.core.storage.base import ALWAYS, BlobInfo, Condition, Store
from chorus_gui.core.storage.retry import RetryPolicy

BLOCK = 4 * 1024 * 1024


def send_file(
    store: Store,
    path: str,
    file: Path,
    ctx: JobContext,
    *,
    condition: Condition = ALWAYS,
    retry: RetryPolicy | None = None,
) -> BlobInfo:
    """Write ``file`` as the blob ``path``, every request under a checksum; in blocks where one request cannot carry it.

    A conditional write is not repeated after an answer that may have been lost: :class:`StoreUnavailableError` then means that
    it may have happened, and the caller has to find out.  Raises :class:`StoreError`, ``Cancelled``.
    """
    policy = retry or RetryPolicy()
    size = file.stat().st_size
    with file.open("rb") as stream:
        if size <= min(store.limits.put_bytes, BLOCK):
            data = stream.read()
            digest = hashlib.md5(data, usedforsecurity=False).digest()
            if condition != ALWAYS:
                return store.put(path, data, md5=digest, condition=condition)
            return policy.call(lambda: store.put(path, data, md5=digest), ctx)
        block = max(BLOCK, -(-size // store.limits.blocks))
        whole = hashlib.md5(usedforsecurity=False)
        ids: list[str] = []
        run = os.urandom(4).hex()  # blocks that an earlier attempt left are never mixed with these
        while data := stream.read(block):
            whole.update(data)
            ids.append(f"{run}-{len(ids):08d}")
            _stage(store, path, ids[-1], data, ctx, policy)
    if condition != ALWAYS:
        return store.commit_blocks(path, ids, md5=whole.digest(), condition=condition)
    return policy.call(lambda: store.commit_blocks(path, ids, md5=whole.digest()), ctx)


def _stage(store: Store, path: str, block_id: str, data: bytes, ctx: JobContext, policy: RetryPolicy) -> None:
    digest = hashlib.md5(data, usedforsecurity=False).digest()
    policy.call(lambda: store.stage_block(path, block_id, data, md5=digest), ctx)


def fetch_file(store: Store, blob: BlobInfo, target: Path, ctx: JobContext, *, retry: RetryPolicy | None = None, tell: bool = False) -> str:
    """Download exactly the version ``blob`` of a blob to ``target`` (written next to it, then moved to its place); its MD5.

    If the store keeps an MD5, the bytes that arrived must have it.  ``tell`` adds to the progress under the name "".  Raises
    :class:`ConditionError` if the blob is another version by now, :class:`ChecksumError`, :class:`StoreError`,
    :class:`SourceUnreadableError` if the target cannot be written, ``Cancelled``.
    """
    part = private.beside(target)

    def attempt() -> str:
        whole = hashlib.md5(usedforsecurity=False)
        length = 0
        try:
            part.unlink(missing_ok=True)  # of an attempt before this one
            with private.create(part) as out:
                for chunk in store.read(blob.path, etag=blob.etag):
                    ctx.throttle(len(chunk))
                    whole.update(chunk)
                    length += len(chunk)
                    if length > blob.size:
                        raise StoreUnavailableError(f"More than {blob.size:,} bytes of “{blob.path}” arrived.", remedy="Try again.")
                    out.write(chunk)
                    if tell:
                        ctx.progress.add("", size=len(chunk))
                out.flush()
                os.fsync(out.fileno())
        except OSError as error:
            raise SourceUnreadableError(
                f"Could not write “{target}”: {error.strerror or error}.", remedy="Free space there, or choose another folder."
            ) from error
        try:
            if length != blob.size:
                raise StoreUnavailableError(f"Only {length:,} of {blob.size:,} bytes of “{blob.path}” arrived.", remedy="Try again.")
            if blob.md5 not in (None, whole.hexdigest()):
                raise ChecksumError(
                    f"The bytes of “{blob.path}” that arrived do not have the MD5 that the central store keeps.",
                    meaning="The download, or the file in the central store, is damaged.",
                    remedy="Try again. If it fails again, tell the central team.",
                )
        except StoreUnavailableError:
            if tell:
                ctx.progress.add("", size=-length)
            raise
        return whole.hexdigest()

    try:
        md5 = (retry or RetryPolicy()).call(attempt, ctx)
        try:
            private.take_place(part, target)
        except OSError as error:  # a folder, or on Windows a file that another program has open
            raise SourceUnreadableError(
                f"Could not replace “{target}”: {error.strerror or error}.",
                remedy="Close the program that has it open, or choose another name.",
            ) from error
        return md5
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
