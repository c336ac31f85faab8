"""What each intent of :mod:`.saving_intents` runs.  See :mod:`.actions`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chorus_gui.app import browse, charts, exports
from chorus_gui.core.errors import UsageError
from chorus_gui.ui import saving_intents as intents
from chorus_gui.ui import words
from chorus_gui.ui.host import Host
from chorus_gui.ui.intents import Intent
from chorus_gui.ui.state import JobKind


def _download(host: Host, intent: intents.DownloadFile) -> None:
    workspace = host.workspace()
    if host.state.busy_with(JobKind.DOWNLOAD):
        raise UsageError("A file is already being downloaded.", remedy="Wait until it is here, or cancel it.")

    def describe(moved: browse.Moved) -> str:
        checked = "Its MD5 is the one of the central store." if moved.checked else "The central store has no MD5 of it."
        return f"Saved {moved.local}. {checked}"

    title = f"Download {intent.path.rpartition('/')[2]}"
    host.start(JobKind.DOWNLOAD, title, lambda ctx: browse.fetch(workspace, ctx, intent.path, intent.file), describe, key="download")


def _export_chart(host: Host, intent: intents.ExportChart) -> None:
    host.start(
        JobKind.EXPORT,
        f"Save {intent.file.name}",
        lambda ctx: charts.write(intent.chart, intent.file, ctx),
        lambda count: f"Saved {words.count_of(count, 'line')} to {intent.file}.",
        key="export",
    )


def _save_picture(host: Host, intent: intents.SavePicture) -> None:
    host.start(
        JobKind.EXPORT,
        f"Save {intent.file.name}",
        lambda _: exports.write_picture(intent.file, intent.picture),
        lambda _: f"Saved {intent.file}.",
        key="export",
    )


ACTIONS: dict[type[Intent], Callable[[Host, Any], None]] = {
    intents.DownloadFile: _download,
    intents.ExportChart: _export_chart,
    intents.SavePicture: _save_picture,
}
