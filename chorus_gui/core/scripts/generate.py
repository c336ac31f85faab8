"""Fill the templates, write what comes out.  The window's preview shows :attr:`Script.text`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chorus_gui import __version__
from chorus_gui.core.access import close_to_others
from chorus_gui.core.config.model import Config, Place, PlaceKind
from chorus_gui.core.errors import UsageError
from chorus_gui.core.folders import resource
from chorus_gui.core.model import Row
from chorus_gui.core.refused import refusal
from chorus_gui.core.scripts import batch, shell
from chorus_gui.core.scripts.access import ROUTES, ScriptAccess, access, needs_sas, remote_root
from chorus_gui.core.scripts.filelist import file_list, tool_list
from chorus_gui.core.scripts.options import ScriptOptions, Target, Tool
from chorus_gui.core.scripts.plan import Plan, ScriptGroup, ScriptPage, azcopy_problem, plan, root_of
from chorus_gui.core.scripts.text import Quoted, address_part, note, only_quoted

if TYPE_CHECKING:
    import jinja2

LISTS = ".files"
"""Ending of the folder beside the script, in which its lists lie."""
_ENDINGS = {Target.WINDOWS: ".bat", Target.POSIX: ".sh"}
_NAME = re.compile(r'[^<>:"/\\|?*\x00-\x1f]+')


@dataclass(frozen=True, slots=True)
class Script:
    """A script, not written yet.  ``lists``: name → text of what belongs into the folder beside it.

    ``text`` has the target's line ends.  ``left_out``: (path, why) of files that it does not send.
    """

    text: str
    lists: Mapping[str, str]
    files: int
    left_out: tuple[tuple[str, str], ...]
    secret_inside: bool
    name: str


def make_script(config: Config, rows: Iterable[Row], options: ScriptOptions) -> Script:
    """The script that sends these pending rows, marks what arrived, and checks the journal out and in.

    Nothing is written.  Raises :class:`UsageError` if the tool cannot do it, or a name cannot be used in a script.
    """
    if not _NAME.fullmatch(options.name):
        raise UsageError(f"“{options.name}” is not a valid name for a script.", remedy='Choose a name without < > : " / \\ | ? *.')
    entrance = access(config, options)
    if options.tool is Tool.AZCOPY and (why := azcopy_problem(str(config.journal.local))):
        raise UsageError(f"The script could not upload the copy of the journal. {why}")
    made = plan(config, rows, options)
    text = _render(config, options, entrance, made)
    if options.target is Target.WINDOWS:
        longest = max(map(len, text.split("\n")))
        if longest > batch.LINE_LIMIT:
            raise UsageError(
                f"A line of the batch file would have {longest:,} characters, but Windows reads at most {batch.LINE_LIMIT:,}.",
                remedy="Shorten the paths, or choose AzCopy: it reads the names from a list.",
            )
        text = text.replace("\n", "\r\n")
    return Script(text, _lists(made, options), made.files, made.left_out, entrance.secret_inside, options.name)


def save(script: Script, file: Path) -> bool:
    """Write the script and its lists, for the user alone: they name patients, and may hold a secret; whether nobody else can read them.

    An existing file is replaced.  Raises :class:`UsageError` if it cannot be written, for a secret that others could read, and for a
    file with another name than the script was made for (it looks for its lists by that name).
    """
    if file.stem != script.name:
        raise UsageError(
            f"The script was made for the name “{script.name}”, so it cannot be saved as “{file.name}”.",
            remedy="Make the script again with the new name.",
        )
    folder = file.with_name(script.name + LISTS)
    try:
        folder.mkdir(exist_ok=True)
        closed = close_to_others(folder, 0o700)
        for old in folder.glob("*.txt"):
            old.unlink()
        for name, text in script.lists.items():
            (folder / name).write_text(text, "utf-8", newline="\n")
        with suppress(FileNotFoundError):
            file.unlink()
        with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o700), "w", encoding="utf-8", newline="") as out:
            closed = close_to_others(file, 0o700) and closed
            if closed or not script.secret_inside:
                out.write(script.text)
        if script.secret_inside and not closed:
            file.unlink()
            raise UsageError(
                f"The script was not saved: in {file.parent}, other users could read the credential in it.",
                remedy="Choose a folder on a disk of this computer, or let the script read the credential from an environment variable.",
            )
        return closed
    except OSError as error:
        why, remedy = refusal(error, error.filename or file, "Choose another folder.")
        raise UsageError(f"Could not write the script “{file}”: {why}.", remedy=remedy) from error


def _lists(made: Plan, options: ScriptOptions) -> dict[str, str]:
    out: dict[str, str] = {}
    for page in made.pages:
        name = _page_name(page)
        out[f"{name}.txt"] = file_list(file.row.path for file in page.files)
        whole = [_source(group, options) for group in page.groups if group.whole]
        if whole:
            out[f"{name}-folders.txt"] = file_list(whole)
        if options.tool is Tool.AZCOPY:
            for number, group in enumerate(page.groups, 1):
                if not group.single:
                    out[f"{name}-{number}.txt"] = tool_list(group.names())
    return out


def _page_name(page: ScriptPage) -> str:
    return f"{page.number:04d}"


def _disk(place: Place, path: str, options: ScriptOptions) -> str:
    make = batch.disk_path if options.target is Target.WINDOWS else shell.disk_path
    return make(root_of(place, options.target), path)


def _source(group: ScriptGroup, options: ScriptOptions) -> str:
    """The folder of a group, or its one file: a path on this computer, or a URL without SAS."""
    path = group.files[0].row.path if group.single else group.folder
    if group.place.kind is PlaceKind.FOLDER:
        return _disk(group.place, path, options)
    return remote_root(group.place) + (f"/{address_part(path)}" if path else "")


def _render(config: Config, options: ScriptOptions, entrance: ScriptAccess, made: Plan) -> str:
    template = _templates(options.target).get_template(f"{options.tool.value}{_ENDINGS[options.target]}.j2")
    return template.render(_scene(config, options, entrance, made))


@cache
def _templates(target: Target) -> jinja2.Environment:
    """The templates for a shell; each is read and compiled once."""
    import jinja2

    environment = jinja2.Environment(  # noqa: S701 (scripts, not HTML: each value goes through its own quoting)
        loader=jinja2.FileSystemLoader(resource("scripts")),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        newline_sequence="\n",
        finalize=only_quoted,
    )
    quoting = batch.CMD if target is Target.WINDOWS else shell.BASH
    filters = {"cmd": quoting.value, "sh": quoting.value, "words": quoting.words, "note": note}
    environment.filters.update(filters)  # pyright: ignore[reportUnknownMemberType]
    return environment


def _scene(config: Config, options: ScriptOptions, entrance: ScriptAccess, made: Plan) -> dict[str, Any]:
    """What the templates see; everything in it is plain text, not quoted yet."""
    windows = options.target is Target.WINDOWS
    return {
        "app": note(f"CHoRUS Upload {__version__}"),
        "program": options.program,
        "config": _plain(config.file, options),
        "name": options.name,
        "secret": options.secret.value,
        "verify_tls": options.verify_tls,
        "auth": entrance.auth.value,
        "options": entrance.options,
        "container": entrance.container,
        "url": entrance.url,
        "trusted": entrance.trusted,
        "sign": entrance.sign,
        "variables": [{"name": v.name, "says": Quoted(v.says), "value": v.value.reveal() if v.value else ""} for v in entrance.variables],
        "source_sas": sorted({f.row.modality for p in made.pages for f in p.files if needs_sas(f.place)}),
        "total": made.files,
        "pages": [
            {
                "name": _page_name(page),
                "next": f"{page.number + 1:04d}" if page is not made.pages[-1] else "",
                "first": page.first,
                "last": page.last,
                "whole": any(group.whole for group in page.groups),
                "groups": _groups(page, options, entrance),
            }
            for page in made.pages
        ],
        "journal": _plain(config.journal.local, options),
        "cloud_journal": config.journal.cloud is not None,
        "copies": [
            {
                "version": v,
                "blob": entrance.blob(f"{v}/{config.journal.local.name}"),
                "url": entrance.address(f"{v}/{config.journal.local.name}"),
            }
            for v in sorted({file.row.version for page in made.pages for file in page.files})
        ],
        "windows": windows,
    }


def _plain(path: Path, options: ScriptOptions) -> str:
    return str(path.absolute()).replace("/", "\\") if options.target is Target.WINDOWS and os.name == "nt" else str(path.absolute())


def _groups(page: ScriptPage, options: ScriptOptions, entrance: ScriptAccess) -> list[dict[str, Any]]:
    out: list[dict[str, Any]] = []
    first = page.first
    for number, group in enumerate(page.groups, 1):
        file = group.files[0]
        target = file.blob if group.single else group.target
        out.append(
            {
                "numbers": str(first) if len(group.files) == 1 else f"{first}-{first + len(group.files) - 1}",
                "single": group.single,
                "list": f"{_page_name(page)}-{number}.txt",
                "source": _source(group, options),
                "blob": entrance.blob(target),
                "url": entrance.address(target),
                "md5": file.content_md5 if group.single else "",
                "route": ROUTES[group.place.kind],
                "source_sas": file.row.modality if needs_sas(group.place) else "",
            }
        )
        first += len(group.files)
    return out
