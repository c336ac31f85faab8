"""Scripts that send what is recorded: no Qt.  This runs on a job's thread."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from chorus_gui.core.errors import UsageError
from chorus_gui.core.job import JobContext
from chorus_gui.ui.work import Site

LEFT_OUT_SHOWN = 3


def write_script(site: Site, file: Path, ctx: JobContext, *, tool: str, version: str | None, modalities: Sequence[str]) -> str:
    """Write a script for this system, with its lists beside it, that sends what is pending; what is worth knowing, as sentences.

    Raises :class:`UsageError` if nothing is pending, or the tool cannot send it.
    """
    from chorus_gui.core.scripts.generate import LISTS, make_script, pending_rows, save
    from chorus_gui.core.scripts.options import ScriptOptions, Target, Tool
    from chorus_gui.core.scripts.program import console_program

    target = Target.here()
    with site.reading() as journal:
        rows = pending_rows(site.config, journal, version=version, modalities=modalities or None)
    ctx.checkpoint()
    if not rows:
        raise UsageError("No file waits to be uploaded; no script was written.", remedy="Record changes first: scan, review, approve.")
    options = ScriptOptions(Tool(tool), target, console_program(target), name=file.stem)
    script = make_script(site.config, rows, options)
    save(script, file)
    told = [f"{file.name} sends {script.files:,} {'file' if script.files == 1 else 'files'}. Keep the folder {file.stem}{LISTS} beside it."]
    if script.left_out:
        told.append(f"{len(script.left_out):,} files are not in it:")
        told += [f"{path}: {why}" for path, why in script.left_out[:LEFT_OUT_SHOWN]]
    return " ".join(told)
