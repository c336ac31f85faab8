"""A command's line in the journal's own history."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from chorus_gui.core.config.model import Config
from chorus_gui.core.errors import Declined, JournalError, UnansweredError
from chorus_gui.core.journal.store import Journal


@dataclass(frozen=True)
class HistoryLine:
    """A command ("file upload") with its own options, the options that every command has, and whether it writes into the store."""

    command: str
    params: str = ""
    common: str = ""
    to_store: bool = False


class Entered:
    """A command that may get its line in the history."""

    def __init__(self, journal: Journal, config: Config, line: HistoryLine) -> None:
        self._journal, self._config, self._line = journal, config, line
        self._began = time.monotonic()
        self._id: int | None = None

    def begin(self) -> None:
        """Enter the line, if it is not there."""
        if self._id is None:
            config, line = self._config, self._line
            self._id = self._journal.begin_command(
                line.command,
                line.params,
                common=line.common,
                src_paths={modality: config.sites[modality].place.text for modality in config.modalities},
                dest=config.central.text if line.to_store else None,
            )

    def end(self) -> None:
        """Enter the line and how many seconds the command took."""
        self.begin()
        if self._id is not None:
            self._journal.end_command(self._id, time.monotonic() - self._began)


@contextmanager
def in_history(journal: Journal, config: Config, line: HistoryLine) -> Generator[Entered]:
    """Write the command, and how many seconds the block took, without secrets.  An error of the block is raised in any case.

    The line is written when the command begins to change something, at the latest when it ends.  A command whose question was
    answered with no, or by nobody, has no line.
    """
    journal.keep_copy()
    entered = Entered(journal, config, line)
    try:
        yield entered
    except (Declined, UnansweredError):
        raise
    except BaseException:
        with suppress(JournalError):  # what led here is the error to report
            entered.end()
        raise
    entered.end()
