"""One file from the store to this computer."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path

from chorus_gui.core import private, temporary
from chorus_gui.core.errors import ChecksumError, SourceUnreadableError, StoreError, StoreUnavailableError
from chorus_gui.core.job import JobContext, Progress
from chorus_gui.core.refused import refusal
from chorus_gui.core.storage.base import BlobInfo, Store


def fetch_file(store: Store, blob: BlobInfo, target: Path, ctx: JobContext, *, shows_progress: bool = False) -> str:
    """Download exactly the version ``blob`` of a blob to ``target`` (written next to it, then moved to its place); its MD5.

    If the store keeps an MD5, the bytes that arrived must have it.  What arrived damaged is downloaded once more.  ``shows_progress`` adds to the
    progress under the name "".  Raises :class:`ConditionError` if the blob is another version by now, :class:`ChecksumError`,
    :class:`StoreError`, :class:`SourceUnreadableError` if the target cannot be written, :class:`ComputerError` if it is a temporary one, ``Cancelled``.
    """
    part = private.beside(target)
    progress = ctx.progress if shows_progress else Progress()
    try:
        try:
            md5 = _downloaded(store, blob, part, ctx, progress)
            if isinstance(md5, StoreError):
                md5 = _downloaded(store, blob, part, ctx, progress)
        except OSError as error:
            raise temporary.fault(error, target) or SourceUnreadableError(
                f"Could not write “{target}”: {error.strerror or error}.", remedy="Free space there, or choose another folder."
            ) from error
        if isinstance(md5, StoreError):
            raise md5
        try:
            private.take_place(part, target)
        except OSError as error:  # a folder, or on Windows a file that another program has open
            why, remedy = refusal(error, target, "Close the program that has it open, or choose another name.")
            raise SourceUnreadableError(f"Could not replace “{target}”: {why}.", remedy=remedy) from error
        return md5
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _downloaded(store: Store, blob: BlobInfo, part: Path, ctx: JobContext, progress: Progress) -> str | StoreError:
    """Write the blob's bytes to ``part``; their MD5, or what is wrong with what arrived.  Raises :class:`OSError`, else as :func:`fetch_file`."""
    whole = hashlib.md5(usedforsecurity=False)
    length = 0
    part.unlink(missing_ok=True)  # of a download before this one
    with private.create(part) as out:
        for chunk in store.read(blob.path, etag=blob.etag):
            ctx.throttle(len(chunk))
            length += len(chunk)
            progress.add("", size=len(chunk))
            if length > blob.size:
                break
            whole.update(chunk)
            out.write(chunk)
        out.flush()
        os.fsync(out.fileno())
    if length == blob.size and blob.md5 in (None, whole.hexdigest()):
        return whole.hexdigest()
    progress.add("", size=-length)
    if length != blob.size:
        arrived = f"More than {blob.size:,}" if length > blob.size else f"Only {length:,} of {blob.size:,}"
        return StoreUnavailableError(f"{arrived} bytes of “{blob.path}” arrived.", remedy="Try again.")
    return ChecksumError(
        f"The bytes of “{blob.path}” that arrived do not have the MD5 that the central store keeps.",
        meaning="The download, or the file in the central store, is damaged.",
        remedy="Try again. If it fails again, tell the central team.",
    )
