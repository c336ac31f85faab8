"""A command's line in the journal's own history."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from chorus_gui.core.config.model import Config
from chorus_gui.core.errors import JournalError
from chorus_gui.core.journal.store import Journal


@dataclass(frozen=True)
class HistoryLine:
    """A command ("file upload") with its own options, the options that every command has, and whether it writes into the store."""

    command: str
    params: str = ""
    common: str = ""
    to_store: bool = False


@contextmanager
def in_history(journal: Journal, config: Config, line: HistoryLine) -> Generator[None]:
    """Enter the command, and how many seconds the block took, without secrets.  An error of the block is raised in any case."""
    entered = journal.begin_command(
        line.command,
        line.params,
        common=line.common,
        src_paths={modality: config.sites[modality].place.text for modality in config.modalities},
        dest=config.central.text if line.to_store else None,
    )
    began = time.monotonic()
    try:
        yield
    except BaseException:
        with suppress(JournalError):  # what led here is the error to report
            journal.end_command(entered, time.monotonic() - began)
        raise
    journal.end_command(entered, time.monotonic() - began)
