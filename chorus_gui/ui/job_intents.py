"""What is asked for about the jobs that run.  See :mod:`.intents`."""

from __future__ import annotations

from dataclasses import dataclass

from chorus_gui.ui.intents import Intent
from chorus_gui.ui.state import Afterwards


@dataclass(frozen=True, slots=True)
class ChooseAfterwards(Intent):
    """Do this once, when all jobs have ended."""

    what: Afterwards
