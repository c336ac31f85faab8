"""What each intent of :mod:`.saving_intents` runs.  See :mod:`.actions`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from chorus_gui.app import browse, charts, exports
from chorus_gui.app.outputs import check_output
from chorus_gui.app.receipt_message import paper_of
from chorus_gui.core.errors import UsageError
from chorus_gui.core.job import JobContext
from chorus_gui.ui import saving_intents as intents
from chorus_gui.ui import words
from chorus_gui.ui.host import Host
from chorus_gui.ui.intents import Intent
from chorus_gui.ui.paper import pdf
from chorus_gui.ui.state import JobKind

T = TypeVar("T")


def spares(host: Host, file: Path, step: Callable[[JobContext], T]) -> Callable[[JobContext], T]:
    """The step, which writes a file for a person, but over nothing that the open configuration needs.  It then raises :class:`UsageError`."""
    config = host.state.config

    def checked(ctx: JobContext) -> T:
        if config is not None:
            check_output(config, file)
        return step(ctx)

    return checked


def save(host: Host, file: Path, step: Callable[[JobContext], T], said: Callable[[T], str] | None = None) -> None:
    """Start the job that writes a file for a person; ``said``: the sentence about its result."""
    host.start(JobKind.EXPORT, f"Save {file.name}", spares(host, file, step), said or (lambda _: f"Saved {file}."), key="export")


def _download(host: Host, intent: intents.DownloadFile) -> None:
    workspace = host.workspace()
    if host.state.busy_with(JobKind.DOWNLOAD):
        raise UsageError("A file is already being downloaded.", remedy="Wait until it is here, or cancel it.")

    def describe(moved: browse.Moved) -> str:
        checked = "Its MD5 is the one of the central store." if moved.checked else "The central store has no MD5 of it."
        return f"Saved {moved.local}. {checked}"

    title = f"Download {intent.path.rpartition('/')[2]}"
    host.start(
        JobKind.DOWNLOAD,
        title,
        lambda ctx: browse.fetch(workspace, ctx, intent.path, intent.file),
        describe,
        key="download",
    )


def _export_chart(host: Host, intent: intents.ExportChart) -> None:
    save(
        host,
        intent.file,
        lambda ctx: charts.write(intent.chart, intent.file, ctx),
        lambda count: f"Saved {words.count_of(count, 'line')} to {intent.file}.",
    )


def _save_picture(host: Host, intent: intents.SavePicture) -> None:
    save(host, intent.file, lambda _: exports.write_whole(intent.file, intent.picture))


def _save_receipt(host: Host, intent: intents.SaveReceipt) -> None:
    save(host, intent.file, lambda _: exports.write_whole(intent.file, pdf(paper_of(intent.data), intent.data.stem)))


ACTIONS: dict[type[Intent], Callable[[Host, Any], None]] = {
    intents.DownloadFile: _download,
    intents.ExportChart: _export_chart,
    intents.SavePicture: _save_picture,
    intents.SaveReceipt: _save_receipt,
}
