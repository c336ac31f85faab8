"""What a check examines."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from chorus_gui.core.config.model import Config
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import Finding

if TYPE_CHECKING:
    from chorus_gui.core.storage.azure.login import Login


@dataclass(frozen=True, slots=True)
class Case:
    """What is examined.  ``config`` None: the file has problems, and only what needs no configuration can be checked.

    ``login`` is the process's one sign-in; None: nobody is asked.
    """

    file: Path
    config: Config | None
    ctx: JobContext = field(default_factory=JobContext)
    login: Login | None = None
    now: datetime = field(default_factory=lambda: datetime.now(UTC))


Check = Callable[[Case], Iterable[Finding]]
