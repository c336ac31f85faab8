"""What a check looks at, and what it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path

from chorus_gui.core.config.model import Config, Place
from chorus_gui.core.job import JobContext
from chorus_gui.core.storage.azure.login import Login


class Severity(Enum):
    """BAD: a submission cannot be made, or cannot be trusted.  WARNING: it can, but something wants to be looked at."""

    BAD = "bad"
    WARNING = "warning"
    GOOD = "good"


@dataclass(frozen=True, slots=True)
class Finding:
    """``what`` was found, ``why`` it matters, and the ``remedy``: sentences.  ``subject`` is a heading ("Journal").

    ``examples`` are paths of the site: they may name patients.
    """

    severity: Severity
    subject: str
    what: str
    why: str = ""
    remedy: str = ""
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Case:
    """What is looked at.  ``config`` None: the file has faults, and only what needs no configuration can be looked at."""

    file: Path
    config: Config | None
    ctx: JobContext = field(default_factory=JobContext)
    login: Login | None = None
    now: datetime = field(default_factory=lambda: datetime.now(UTC))


Check = Callable[[Case], Iterable[Finding]]


def site_places(config: Config) -> dict[str, Place]:
    """The site's places: the modalities that lie there ("Images, Waveforms") → place."""
    names: dict[str, list[str]] = {}
    for name, site in config.sites.items():
        names.setdefault(site.place.text, []).append(name)
    return {", ".join(found): config.sites[found[0]].place for found in names.values()}
