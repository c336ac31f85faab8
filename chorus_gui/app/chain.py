"""Whether receipts and completion markers are as the program wrote them.

Each receipt has the SHA-256 of the receipt before it on the same computer, and of every completion marker that its run wrote.  A
receipt that somebody changes or removes later does not fit the next one, and a changed marker does not fit its receipt.  Who can
write everywhere can still replace the whole chain, so receipts are also copied next to the journal.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from chorus_gui.app.folders import receipts_folder
from chorus_gui.app.shared import shared_folder
from chorus_gui.app.words import moment
from chorus_gui.core.config.model import Config
from chorus_gui.core.errors import UsageError
from chorus_gui.core.job import JobContext
from chorus_gui.core.receipt import Receipt, from_json
from chorus_gui.core.submission.marker import Complete, Completeness
from chorus_gui.core.untrusted import instant_us

_SECOND = len("20260101T000000Z")
"""The characters of a receipt's name that are its time"""


class _Kept(NamedTuple):
    """A receipt on this computer: its file, its content's SHA-256 in hex, what it says."""

    file: Path
    sha256: str
    says: Receipt


def _kept(config: Config, ctx: JobContext) -> Iterator[_Kept]:
    """This computer's receipts of the journal, and its copies of those of other computers, the newest first, as their names say.

    What is not a receipt is left out.
    """
    others = shared_folder(config)
    files = [file for folder in (receipts_folder(), others) for file in folder.glob("*.json")]
    for file in sorted(files, key=lambda file: file.name, reverse=True):
        ctx.checkpoint()
        with suppress(OSError, UnicodeDecodeError, UsageError):
            data = file.read_bytes()
            says = from_json(data.decode("utf-8"))
            if file.parent == others or says.journal == str(config.journal.local):
                yield _Kept(file, hashlib.sha256(data).hexdigest(), says)


def broken_receipts(config: Config, ctx: JobContext) -> list[Path]:
    """Receipts that name one before them that is not there: it was changed or removed.  The oldest of each computer can be first.

    A copy that was fetched from next to the journal takes no place among the receipts that this computer itself keeps.
    """
    own = receipts_folder()
    by_computer: dict[tuple[str, str, bool], list[_Kept]] = {}
    for one in _kept(config, ctx):
        by_computer.setdefault((one.says.host, one.says.journal, one.file.parent == own), []).append(one)
    out: list[Path] = []
    for (host, journal, here), kept in by_computer.items():
        kept_here = () if here else by_computer.get((host, journal, True), ())
        there = {one.sha256 for one in (*kept, *kept_here)}
        oldest = min(kept, key=lambda one: one.says.ended_us)
        out += [one.file for one in kept if one is not oldest and one.says.previous and one.says.previous not in there]
    return sorted(out)


def checked_markers(config: Config, found: Mapping[str, Completeness], ctx: JobContext) -> dict[str, Completeness]:
    """The same, with a marker that is not the one of its receipt as outdated.

    A marker that was completed after the last receipt about it is not judged: its receipt can be on another computer.
    """
    written: dict[str, _Kept] = {}
    wanted = {version for version, one in found.items() if one.complete is Complete.YES}
    second = ""
    for one in _kept(config, ctx) if wanted else ():
        if wanted <= written.keys() and one.file.name[:_SECOND] != second:
            break  # there can be thousands, so no more are read than it needs
        second = one.file.name[:_SECOND]
        for version in wanted & one.says.markers.keys():
            if version not in written or written[version].says.ended_us < one.says.ended_us:
                written[version] = one
    return {version: _checked(one, written.get(version)) for version, one in found.items()}


def _checked(found: Completeness, kept: _Kept | None) -> Completeness:
    if kept is None or found.marker is None or found.complete is not Complete.YES:
        return found
    completed = found.marker.completed_us
    if completed > kept.says.ended_us or found.sha256 == kept.says.markers[found.version]:
        return found
    ended = moment(kept.says.ended_us) if instant_us(kept.says.ended_us) else "its run"
    why = f"The completion marker of version {found.version} was changed after the program wrote it (receipt of {ended})."
    return replace(found, complete=Complete.OUTDATED, why=why)
