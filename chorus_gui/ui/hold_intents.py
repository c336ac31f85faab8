"""What the Review page can ask for about patients and folders, as :mod:`.intents`."""

from __future__ import annotations

from dataclasses import dataclass

from chorus_gui.core.review.values import Query
from chorus_gui.ui.intents import Intent


@dataclass(frozen=True, slots=True)
class HoldFound(Intent):
    """Leave out every change that ``query`` finds (``count`` when the review of this ``revision`` was shown), and remember why."""

    revision: int
    query: Query
    count: int
    reason: str


@dataclass(frozen=True, slots=True)
class UndoHold(Intent):
    """Undo the last act since the scan: a hold, a release, an import of a held-back list, an accepted leak or a withdrawal.

    ``leaks``: the last accepted leak or withdrawal, whatever was held back since.
    """

    leaks: bool = False


@dataclass(frozen=True, slots=True)
class ReleaseFound(Intent):
    """No longer hold back what ``query`` finds (``count`` when the review of this ``revision`` was shown)."""

    revision: int
    query: Query
    count: int


@dataclass(frozen=True, slots=True)
class ReleaseFailed(Intent):
    """No longer hold back files (modality, path) that failed because they are held back, nor their patients."""

    files: tuple[tuple[str, str], ...]
