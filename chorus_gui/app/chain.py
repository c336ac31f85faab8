"""Whether receipts and completion markers are as the program wrote them.

Each receipt has the SHA-256 of the receipt before it on the same computer, and of every completion marker that its run wrote.  A
receipt that somebody changes or removes later does not fit the next one, and a changed marker does not fit its receipt.  Who can
write everywhere can still replace the whole chain, so receipts are also copied next to the journal.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from chorus_gui.app.folders import receipts_folder
from chorus_gui.app.receipt_order import Kept, in_order, newest, read
from chorus_gui.app.shared import shared_folder
from chorus_gui.app.this_store import of_this_store
from chorus_gui.app.words import moment
from chorus_gui.core.config.model import Config
from chorus_gui.core.job import JobContext
from chorus_gui.core.submission.marker import Complete, Completeness
from chorus_gui.core.untrusted import instant_us

_SECOND = len("20260101T000000Z")
"""The characters of a receipt's name that are its time"""


def _kept(config: Config, ctx: JobContext) -> Iterator[Kept]:
    """This computer's receipts of the journal, and its copies of those of other computers, the newest first, as their names say.

    What is not a receipt is left out.
    """
    others = shared_folder(config)
    files = [file for folder in (receipts_folder(), others) for file in folder.glob("*.json")]
    for one in read(sorted(files, key=lambda file: file.name, reverse=True), ctx):
        if _is_mine(config, one, others):
            yield one


def _is_mine(config: Config, one: Kept, others: Path) -> bool:
    """It is about this journal: so are all in ``others``, the copies of receipts of other computers that were next to it."""
    return one.says.journal == str(config.journal.local) or one.file.parent == others


def broken_receipts(config: Config, ctx: JobContext) -> list[Path]:
    """Receipts that name one before them that is not there: it was changed or removed.  The oldest of each computer can be first.

    A copy that was fetched from next to the journal takes no place among the receipts that this computer itself keeps.
    """
    own = receipts_folder()
    by_computer: dict[tuple[str, str, bool], list[Kept]] = {}
    for one in in_order(_kept(config, ctx), shared_folder(config)):
        by_computer.setdefault((one.says.host, one.says.journal, one.file.parent == own), []).append(one)
    out: list[Path] = []
    for (host, journal, here), kept in by_computer.items():
        kept_here = () if here else by_computer.get((host, journal, True), ())
        there = {one.sha256 for one in (*kept, *kept_here)}
        before = kept[-1].says.previous  # several receipts name the same one while a clock is wrong
        out += [one.file for one in kept if one.says.previous not in ("", before) and one.says.previous not in there]
    return sorted(out)


def checked_markers(config: Config, found: Mapping[str, Completeness], ctx: JobContext) -> dict[str, Completeness]:
    """The same, with a marker that is not the one of its receipt as outdated.

    A marker that was completed after the last receipt about it is not judged: its receipt can be on another computer.
    """
    wanted = {version for version, one in found.items() if one.complete is Complete.YES}
    mine = (one for one in _kept(config, ctx) if of_this_store(config, one.says.store, one.says.host))
    checked = _checked_all(found, _newest_names(mine, wanted) if wanted else {})
    if checked == found:
        return checked
    others = shared_folder(config)  # below: a wrong clock also gives a receipt a wrong name
    kept = (one for folder in (receipts_folder(), others) for one in newest(folder, ctx) if _is_mine(config, one, others))
    written = _newest_markers(config, in_order(kept, others), wanted)
    return checked | _checked_all({version: found[version] for version in written}, written)


def _newest_markers(config: Config, kept: Sequence[Kept], wanted: set[str]) -> dict[str, Kept]:
    mine = [one for one in kept if of_this_store(config, one.says.store, one.says.host)]
    return {version: one for one in reversed(mine) for version in wanted & one.says.markers.keys()}


def _newest_names(kept: Iterator[Kept], wanted: set[str]) -> dict[str, Kept]:
    """The last receipt about the marker of each version, as the names of the receipts say."""
    written: dict[str, Kept] = {}
    second = ""
    for one in kept:
        if wanted <= written.keys() and one.file.name[:_SECOND] != second:
            break  # there can be thousands, so no more are read than it needs
        second = one.file.name[:_SECOND]
        for version in wanted & one.says.markers.keys():
            if version not in written or written[version].at_us < one.at_us:
                written[version] = one
    return written


def _checked_all(found: Mapping[str, Completeness], written: Mapping[str, Kept]) -> dict[str, Completeness]:
    return {version: _checked(one, written.get(version)) for version, one in found.items()}


def _checked(found: Completeness, kept: Kept | None) -> Completeness:
    if kept is None or found.marker is None or found.complete is not Complete.YES:
        return found
    completed = found.marker.completed_us
    if completed > kept.at_us or found.sha256 == kept.says.markers[found.version]:
        return found
    ended = moment(kept.says.ended_us) if instant_us(kept.says.ended_us) else "its run"
    why = f"The completion marker of version {found.version} was changed after the program wrote it (receipt of {ended})."
    return replace(found, complete=Complete.OUTDATED, why=why)
