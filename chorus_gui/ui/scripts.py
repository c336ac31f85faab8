"""Scripts that send what is recorded: no Qt.  This runs on a job's thread, or a reader's for the preview."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from chorus_gui.core.config.model import Config, Place, Secret
from chorus_gui.core.errors import UsageError
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import Row
from chorus_gui.core.redact import MASK
from chorus_gui.ui.exports import listed
from chorus_gui.ui.intents import ExportFileList, GenerateScript
from chorus_gui.ui.work import Site

if TYPE_CHECKING:
    from chorus_gui.core.scripts.generate import Script

LEFT_OUT_SHOWN = 3
LINES_SHOWN = 2_000
"""A preview has no more; a script for a million files has many."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What would be written: ``text`` is its beginning, with dots for secrets, ``more`` how many lines follow.

    ``left_out``: (path, why) of files that it does not send.  ``secret_inside``: a secret would be written into it.
    """

    text: str
    more: int
    files: int
    left_out: tuple[tuple[str, str], ...] = ()
    secret_inside: bool = False


def write_script(site: Site, wanted: GenerateScript, ctx: JobContext) -> str:
    """Write a script, with its lists beside it, that sends what is pending; what is worth knowing, as sentences.

    Raises :class:`UsageError` if nothing is pending, or the tool cannot send it.
    """
    from chorus_gui.core.scripts.generate import LISTS, save

    script = _make(site.config, site, wanted, ctx)
    save(script, wanted.file)
    file, are = wanted.file, "file" if script.files == 1 else "files"
    told = [f"{file.name} sends {script.files:,} {are}. Keep the folder {file.stem}{LISTS} beside it."]
    if script.secret_inside:
        told.append("Your credential is written into it: whoever can read the file can use it. Delete it after the upload.")
    if script.left_out:
        told.append(f"{len(script.left_out):,} files are not in it:")
        told += [f"{path}: {why}" for path, why in script.left_out[:LEFT_OUT_SHOWN]]
    return " ".join(told)


def preview(site: Site, wanted: GenerateScript, ctx: JobContext) -> Preview:
    """What :func:`write_script` would write.  Raises as it does."""
    script = _make(_masked(site.config), site, wanted, ctx)
    shown = script.text.replace("\r\n", "\n").splitlines()
    return Preview("\n".join(shown[:LINES_SHOWN]), max(len(shown) - LINES_SHOWN, 0), script.files, script.left_out, script.secret_inside)


def preview_list(site: Site, wanted: ExportFileList, ctx: JobContext) -> Preview:
    """What :func:`~chorus_gui.ui.exports.export_file_list` would write.  Raises :class:`JournalError`."""
    shown: list[str] = []
    count = 0
    for path in listed(site, wanted, ctx):
        count += 1
        if count <= LINES_SHOWN:
            shown.append(path)
    return Preview("\n".join(shown), count - len(shown), count)


def _make(config: Config, site: Site, wanted: GenerateScript, ctx: JobContext) -> Script:
    from chorus_gui.core.scripts.generate import make_script, pending_rows
    from chorus_gui.core.scripts.options import ScriptOptions, SecretMode, Target, Tool
    from chorus_gui.core.scripts.program import console_program

    target = Target(wanted.target) if wanted.target else Target.here()
    with site.reading() as journal:
        rows = pending_rows(config, journal, version=wanted.version, modalities=wanted.modalities or None, max_files=wanted.max_files)
    if not rows:
        raise UsageError(
            "No file waits to be uploaded; there is nothing to write a script for.", remedy="Record changes first: scan, review, approve."
        )
    options = ScriptOptions(
        Tool(wanted.tool),
        target,
        console_program(target),
        wanted.file.stem,
        SecretMode(wanted.secret),
        wanted.one_by_one,
        wanted.verify_tls,
    )
    return make_script(config, _until_cancelled(rows, ctx.checkpoint), options)


def _until_cancelled(items: list[Row], checkpoint: Callable[[], None]) -> Iterator[Row]:
    for item in items:
        checkpoint()
        yield item


def _masked(config: Config) -> Config:
    """The same, with dots in place of every secret: what is written into a script stands on screen in its preview."""

    def masked(place: Place) -> Place:
        given = place.credentials
        names = ("sas_token", "account_key", "connection_string", "aws_secret_access_key", "aws_session_token")
        dots = {name: Secret(MASK) for name in names if getattr(given, name)}
        return replace(place, credentials=replace(given, **dots))

    sites = {name: replace(site, place=masked(site.place)) for name, site in config.sites.items()}
    return replace(config, central=masked(config.central), sites=sites)
