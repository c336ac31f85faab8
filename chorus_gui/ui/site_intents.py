"""What is asked for about the list of sites.  See :mod:`.intents`."""

from __future__ import annotations

from dataclasses import dataclass

from chorus_gui.app.site_list import Listed
from chorus_gui.ui.intents import Intent


@dataclass(frozen=True, slots=True)
class ListSites(Intent):
    """Keep this list of sites: one was removed, or a removed one returned.  No file of a site changes."""

    sites: tuple[Listed, ...]
