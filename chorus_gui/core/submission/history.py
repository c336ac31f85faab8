"""A command's line in the journal's own history."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager, suppress

from chorus_gui.core.config.model import Config
from chorus_gui.core.errors import JournalError
from chorus_gui.core.journal.store import Journal


@contextmanager
def in_history(journal: Journal, config: Config, command: str, params: str, *, common: str, to_store: bool) -> Generator[None]:
    """Enter ``command`` ("file upload") with its options, and how long the block took, without secrets.

    ``to_store``: it writes into the central store.  An error of the block goes on, whatever becomes of the line.
    """
    entered = journal.begin_command(
        command,
        params,
        common=common,
        src_paths={modality: config.sites[modality].place.text for modality in config.modalities},
        dest=config.central.text if to_store else None,
    )
    began = time.monotonic()
    try:
        yield
    except BaseException:
        with suppress(JournalError):  # what led here is the error to report
            journal.end_command(entered, time.monotonic() - began)
        raise
    journal.end_command(entered, time.monotonic() - began)
