"""What colleagues share about one journal: receipts next to it, and the completion markers in the central store."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from chorus_gui.app.folders import receipts_folder, shared_receipts_folder
from chorus_gui.core.config.model import Config
from chorus_gui.core.errors import ChorusError, SideFileConflictError, SideFileError
from chorus_gui.core.job import JobContext, current

if TYPE_CHECKING:
    from chorus_gui.app.values import ReceiptFacts
    from chorus_gui.app.workspace import Workspace
    from chorus_gui.core.submission.marker import Completeness

FOLDER = "receipts"
NEWEST = 200
"""How many shared receipts are read, the newest first."""

_log = logging.getLogger("chorus")


@dataclass(frozen=True, slots=True)
class SharedFacts:
    """``receipts`` of all computers, the newest first; ``complete``: what the marker of each version says, as far as it could be read."""

    receipts: tuple[ReceiptFacts, ...] = ()
    complete: Mapping[str, Completeness] = field(default_factory=dict[str, "Completeness"])


def shared_folder(config: Config) -> Path:
    """Where this computer keeps the receipts of others for this journal, and for no other."""
    from chorus_gui.core.custody.cloud_journal import memory_file

    cloud = config.journal.cloud
    if cloud is not None:
        return shared_receipts_folder() / memory_file(cloud).stem  # two accounts can have containers of the same name
    return shared_receipts_folder() / hashlib.sha256(str(config.journal.local).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def share(workspace: Workspace, data: Path, host: str) -> None:
    """Put a receipt's JSON next to the journal, so that it survives this computer.

    Raises :class:`SideFileError` if that is not possible, OSError if the file cannot be read.
    """
    from chorus_gui.core.custody.beside import side_name

    side, content = workspace.side_files(), data.read_bytes()
    with current().tidying().entered() as ctx:  # also after the person asked to stop
        for count in range(1, 6):
            number = f"_{count}" if count > 1 else ""
            try:
                side.write(f"{FOLDER}/{_shared_name(side_name(data.stem), host)}{number}.json", content, ctx, etag=None)
            except SideFileConflictError:
                continue
            return
    raise SideFileError("A receipt with the same name is there already.", remedy="It is kept on this computer.")


def _shared_name(stem: str, host: str) -> str:
    from chorus_gui.core.custody.beside import side_name

    return f"{stem}_{side_name(host)}"[:150]


def fetch(workspace: Workspace, ctx: JobContext, host: str) -> int:
    """Copy receipts that this computer does not have from next to the journal, with their pages; how many.

    Raises :class:`SideFileError`, ``Cancelled``.  A file that is not a receipt is left out.
    """
    from chorus_gui.app.receipts import from_json, to_html
    from chorus_gui.core.custody.beside import side_name

    side, folder = workspace.side_files(), shared_folder(workspace.config)
    own = {_shared_name(side_name(file.stem), host) for file in receipts_folder().glob("*.json")}
    count = 0
    for entry in sorted(side.list(FOLDER, ctx), key=lambda entry: entry.name, reverse=True)[:NEWEST]:
        name = entry.name.removeprefix(f"{FOLDER}/")
        target = folder / name
        if "/" in name or not name.endswith(".json") or name.removesuffix(".json") in own or target.exists():
            continue
        with suppress(SideFileError, ChorusError, OSError, UnicodeDecodeError):
            found = side.read(entry.name, ctx)
            if found is None:
                continue
            text = found.data.decode("utf-8")
            page = to_html(from_json(text))
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            _write(target.with_suffix(".html"), page)
            _write(target, text)
            count += 1
    return count


def _write(file: Path, text: str) -> None:
    """Readable by this user alone."""
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8", newline="\n") as out:
        out.write(text)


def shared(workspace: Workspace, ctx: JobContext) -> SharedFacts:
    """Read it now.  What cannot be read is left out, and is in the log."""
    import socket

    from chorus_gui.app import facts
    from chorus_gui.app.journal import markers

    complete: Mapping[str, Completeness] = {}
    with workspace:
        try:
            fetch(workspace, ctx, socket.gethostname())
        except ChorusError as error:
            _log.info("the shared receipts could not be read: %s", error)
        try:
            if workspace.config.journal.local.exists():
                complete = markers(workspace, workspace.config.journal.local, ctx)
        except ChorusError as error:
            _log.info("the completion markers could not be read: %s", error)
    return SharedFacts(facts.receipts(workspace.config, ctx), complete)
