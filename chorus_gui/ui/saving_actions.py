"""What each intent of :mod:`.saving_intents` runs.  See :mod:`.actions`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chorus_gui.app import browse
from chorus_gui.core.errors import UsageError
from chorus_gui.ui import saving_intents as intents
from chorus_gui.ui.host import Host
from chorus_gui.ui.intents import Intent
from chorus_gui.ui.state import JobKind


def _download(host: Host, intent: intents.DownloadFile) -> None:
    workspace = host.workspace()
    if host.state.busy_with(JobKind.DOWNLOAD):
        raise UsageError("A file is already being downloaded.", remedy="Wait until it is here, or cancel it.")

    def told(moved: browse.Moved) -> str:
        checked = "Its MD5 is the one of the central store." if moved.checked else "The central store has no MD5 of it."
        return f"Saved {moved.local}. {checked}"

    title = f"Download {intent.path.rpartition('/')[2]}"
    host.start(JobKind.DOWNLOAD, title, lambda ctx: browse.fetch(workspace, ctx, intent.path, intent.file), told, key="download")


ACTIONS: dict[type[Intent], Callable[[Host, Any], None]] = {
    intents.DownloadFile: _download,
}
