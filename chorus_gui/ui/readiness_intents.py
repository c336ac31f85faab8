"""What is asked for about the readiness of a site.  See :mod:`.intents`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from chorus_gui.core.passes import Pass
from chorus_gui.ui.intents import Intent


@dataclass(frozen=True, slots=True)
class CheckSite(Intent):
    """Run a pass of the readiness check.  A long one pauses when it knows how much it is going to read."""

    deepest: Pass = Pass.AT_ONCE


@dataclass(frozen=True, slots=True)
class AcceptLeaks(Intent):
    """Accept the open leaks of a rule, in the files as they are now."""

    rule: str
    reason: str


@dataclass(frozen=True, slots=True)
class WithdrawLeaks(Intent):
    """No longer accept the leaks of a rule."""

    rule: str


@dataclass(frozen=True, slots=True)
class ExportReadiness(Intent):
    """Write what was found as CSV, or as a page to print if the file's name says so."""

    file: Path
