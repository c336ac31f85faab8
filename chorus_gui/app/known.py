"""What is known of the journal's history, and how to recover a fuller journal."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from chorus_gui.core.custody.history_check import Around, Known, LessHistoryError
from chorus_gui.core.errors import BlobNameError, ChorusError, CustodyError, JournalError
from chorus_gui.core.job import JobContext
from chorus_gui.core.temporary import own_folder
from chorus_gui.core.untrusted import instant_us

if TYPE_CHECKING:
    from chorus_gui.app.workspace import Workspace
    from chorus_gui.core.custody.state import CustodyState
    from chorus_gui.core.storage.base import BlobInfo, Store

__all__ = ["Known", "LessHistoryError", "elsewhere", "lost", "recover", "remember_local", "require_local", "shown_less"]

_log = logging.getLogger("chorus")


def version_copies(store: Store, name: str) -> list[BlobInfo]:
    """The copies of the journal in version folders, the newest first.  ``name`` is the journal's file name."""
    found: list[BlobInfo] = []
    for folder in store.list_folders():
        for named in dict.fromkeys((name, "journal.db")):
            with suppress(BlobNameError):
                blob = store.head(f"{folder}/{named}")
                if blob is not None and blob.size:
                    found.append(blob)
                    break
    return sorted(found, key=lambda blob: blob.modified_us, reverse=True)


def elsewhere(workspace: Workspace, used: Known, ctx: JobContext) -> Sequence[Known]:
    """Copies in the central store that may have more history than ``used``.  Nothing if the store cannot be reached.

    They are the newest copy, and the newest one in the folder of a version that ``used`` lacks.
    """
    store = workspace.store_if_reachable()
    if store is None:
        return ()
    try:
        copies = version_copies(store, workspace.config.journal.local.name)
        lacking = [blob for blob in copies if blob.path.partition("/")[0] not in used.versions]
        found = (_first_readable(store, copies, ctx), _first_readable(store, lacking, ctx))
        return tuple(dict.fromkeys(copy for copy in found if copy is not None))
    except ChorusError as error:
        _log.warning("the version folders were not read: %s", error)
    return ()


def _first_readable(store: Store, copies: Sequence[BlobInfo], ctx: JobContext) -> Known | None:
    from chorus_gui.core.custody import history_check
    from chorus_gui.core.storage.one_file import fetch_file

    for blob in copies:
        with own_folder() as folder:
            copy = folder / "journal.db"
            fetch_file(store, blob, copy, ctx)
            at = instant_us(blob.modified_us) or datetime.now(UTC)
            found = history_check.known(f"The copy {blob.path} in the central store", copy, at)
        if not found.problem and found.something:
            return replace(found, file=None, blob=blob.path)
    return None


# --- a journal that is only on this computer -----------------------------------------------------------------------------------


def _local(workspace: Workspace) -> Around:
    from chorus_gui.core.custody.cloud_journal import memory_folder

    local = workspace.config.journal.local
    key = hashlib.sha256(os.path.normcase(os.path.abspath(local)).encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return Around(local, memory_folder() / f"local-{key}.history.json", partial(elsewhere, workspace))


def _used(workspace: Workspace) -> Known:
    from chorus_gui.core.custody import history_check

    local = workspace.config.journal.local
    return history_check.known(f"The local journal {local}", local)


def require_local(workspace: Workspace, ctx: JobContext) -> None:
    """Raise :class:`LessHistoryError` if the local journal has less history than another copy of it, unless the person accepted."""
    from chorus_gui.core.custody import history_check

    history_check.require(_used(workspace), _local(workspace), ctx, accept=workspace.accept_less)


def remember_local(workspace: Workspace, *, accepted: bool = False) -> None:
    """Remember what is in the local journal now.  ``accepted``: the person chose it, whatever else is known."""
    from chorus_gui.core.custody import history_check

    used = _used(workspace)
    if not used.problem and (accepted or not used.blank):
        history_check.remember(_history_file(workspace), used, accepted=workspace.config.journal.local if accepted else None)


def _history_file(workspace: Workspace) -> Path:
    home = workspace.home()
    return home.history_file if home is not None else _local(workspace).memory


# --- recovery ----------------------------------------------------------------------------------------------------------


def lost(workspace: Workspace, ctx: JobContext) -> LessHistoryError | None:
    """What a person must decide about the journal; None if nothing is missing."""
    from chorus_gui.core.custody.checkout import lost_history
    from chorus_gui.core.custody.state import look

    with workspace:
        home = workspace.home()
        if home is not None:
            return lost_history(home, look(home, ctx), None, ctx)
        return _lost_locally(workspace, _local(workspace), ctx)


def shown_less(workspace: Workspace, ctx: JobContext, seen: CustodyState | None) -> LessHistoryError | None:
    """As :func:`lost`, quick enough for a page: the central store is not asked.  ``seen`` is the cloud journal's state, if there is one."""
    from chorus_gui.core.custody.checkout import shows_less

    if seen is not None:
        with suppress(JournalError):  # the local journal cannot be opened, which a check-out says; the cloud journal can be shown
            return shows_less(workspace.cloud_journal(), seen, ctx)
        return None
    return _lost_locally(workspace, replace(_local(workspace), elsewhere=None), ctx)


def _lost_locally(workspace: Workspace, around: Around, ctx: JobContext) -> LessHistoryError | None:
    from chorus_gui.core.custody import history_check

    used = _used(workspace)
    found = history_check.fuller(used, around, ctx)
    return LessHistoryError(used, found) if found is not None else None


def recover(workspace: Workspace, ctx: JobContext, chosen: Known) -> tuple[str, ...]:
    """Use the fuller journal from now on.  The person has seen both.  Returns sentences."""
    from chorus_gui.core.storage.one_file import fetch_file

    with workspace, own_folder() as folder:
        file = chosen.file
        if file is None and chosen.blob:
            store = workspace.store()
            blob = store.head(chosen.blob)
            if blob is not None:
                file = folder / workspace.config.journal.local.name
                fetch_file(store, blob, file, ctx)
        if file is None:
            raise CustodyError(
                "Could not find the fuller journal.",
                meaning=chosen.describe(),
                remedy="Ask the colleagues who use this journal for a copy of it. To continue with less history, repeat the command with --accept-less-history.",
            )
        said = _put_back(workspace, ctx, file)
        remember_local(workspace, accepted=True)
        return (f"The journal is recovered from this copy: {chosen.where}.", *said)


def _put_back(workspace: Workspace, ctx: JobContext, file: Path) -> tuple[str, ...]:
    from chorus_gui.core.custody.adopt import adopt, preview
    from chorus_gui.core.custody.checkin import checkin
    from chorus_gui.core.custody.checkout import refuse
    from chorus_gui.core.custody.state import State, look
    from chorus_gui.core.journal import backups

    home, local = workspace.home(), workspace.config.journal.local
    state = look(home, ctx) if home is not None else None
    if home is None or state is None or state.state is State.MINE:
        target = Path(state.memory.local) if state is not None else local
        same = target.exists() and target.samefile(file)
        kept = None if same else backups.restore(target, file)
        return (f"The journal that it replaced is kept as {kept.name}.",) if kept else ()
    if state.state is not State.CHANGED:
        refuse(state)
    with backups.as_journal(file, home.local) as plain:
        held = adopt(home, plain, ctx, preview(home, plain, ctx))
    return (*held.notes, *checkin(home, ctx).notes, f"The journal is checked in: {home.url}.")
