"""Less history never replaces more history without an explicit yes: the one place that compares.

What counts is the rows that were ever uploaded: no command removes such a row (recorded rows can be undone, and a scan finds them
again), and so no version that has such rows.  A *blank* journal (missing, of zero bytes, without rows and commands, or damaged) is less
than any trace of an earlier one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from chorus_gui.core import private
from chorus_gui.core.errors import CustodyError, JournalError
from chorus_gui.core.folders import patiently
from chorus_gui.core.job import JobContext
from chorus_gui.core.journal import backups
from chorus_gui.core.shown import argument
from chorus_gui.core.untrusted import instant_us, json_value, record

ACCEPT = "--accept-less-history"
NAMED = 3
"""Versions that a message names."""


@dataclass(frozen=True, slots=True)
class Known:
    """A journal, or a trace of one.  ``where`` names it for people; ``uploaded`` counts rows that were ever uploaded, ``files`` current ones.

    ``versions`` are those with uploaded rows, in the order in which they were begun; ``size`` is in bytes.  ``blank``: it is empty, or (``problem`` says why)
    unreadable.  ``evidence``: there was a journal, with unknown content.  ``file`` is a copy on this computer,
    ``blob`` one in the central store: :command:`journal recover` can use it.
    """

    where: str
    uploaded: int = 0
    files: int = 0
    versions: tuple[str, ...] = ()
    at: datetime | None = None
    blank: bool = False
    evidence: bool = False
    problem: str = ""
    missing: bool = False
    size: int = 0
    file: Path | None = None
    blob: str = ""

    @property
    def something(self) -> bool:
        """It shows that there was a journal that was not empty."""
        return self.evidence or bool(self.uploaded or self.files)

    @property
    def can_be_taken(self) -> bool:
        """It can be recovered."""
        return self.file is not None or bool(self.blob)

    def describe(self) -> str:
        """A sentence for people."""
        at = f" ({self.at:%Y-%m-%d %H:%M} UTC)" if self.at else ""
        if self.evidence and not (self.uploaded or self.files):
            return f"{self.where}{at} shows that there was another journal."
        if self.problem:
            return f"{self.where}{at} cannot be used. {self.problem}"
        if self.blank:
            return f"{self.where}{at} is {'missing' if self.missing else 'empty'}."
        last = f" Its last version is {self.versions[-1]}." if self.versions else ""
        entries = f"{self.uploaded:,} uploaded {'entry' if self.uploaded == 1 else 'entries'}"
        files = f"{self.files:,} current {'file' if self.files == 1 else 'files'}"
        return f"{self.where}{at} has {entries} and {files}.{last}"


class LessHistoryError(CustodyError):
    """The journal has less history than another copy of it.  Nothing was written.

    ``lost``: sentences about what that copy lacks in its turn, because two people continued one journal; "" if it lacks nothing.
    """

    needs_decision = True

    def __init__(self, used: Known, known: Known) -> None:
        copy = known.file if known.file is not None and known.file.parent.name.endswith(".backups") else None
        names = f" To choose the copy yourself, run “chorus-upload journal restore {argument(copy.name)}”." if copy else ""
        unsure = used.blank or known.blank or known.evidence
        self.lost = "" if unsure or not has_more(used, known) else _apart(used, known)
        what, which, rest = "The journal has less history than another copy of it.", "the fuller copy", "less history"
        if self.lost:
            what = "The journal lacks history that another copy of it has."
            which, rest = "that copy, and keep the journal under another name", "the journal"
        super().__init__(
            what,
            meaning=" ".join(text for text in (used.describe(), known.describe(), self.lost, "Nothing was written.") if text),
            remedy=f"To use {which}, run “chorus-upload journal recover”.{names} To continue with {rest}, repeat the command with {ACCEPT}.",
        )
        self.used = used
        self.known = known


def has_more(other: Known, used: Known) -> bool:
    """``other`` has history that ``used`` lacks: more uploaded rows, or a version; or ``used`` is blank and ``other`` is not."""
    if used.blank:
        return other.something
    return other.uploaded > used.uploaded or not set(other.versions) <= set(used.versions)


def _apart(used: Known, other: Known) -> str:
    """What each of two journals has that the other one lacks."""
    only = [version for version in used.versions if version not in other.versions]
    there = [version for version in other.versions if version not in used.versions]
    said = ["Each of them has entries that the other one lacks."]
    said += [f"Only the first has {_named(only)}."] if only else []
    said += [f"Only the second has {_named(there)}."] if there else []
    return " ".join(said)


def _named(versions: Sequence[str]) -> str:
    """Some of these versions by name."""
    more = f" and {len(versions) - NAMED} more" if len(versions) > NAMED else ""
    return f"version{'' if len(versions) == 1 else 's'} {', '.join(versions[-NAMED:])}{more}"


def less(used: Known, others: Iterable[Known]) -> Known | None:
    """The fullest of the others, if it has more history than ``used``; otherwise None."""
    more = [other for other in others if has_more(other, used)]
    return max(more, key=lambda other: (other.uploaded, other.files, other.can_be_taken), default=None)


# --- what is known ------------------------------------------------------------------------------------------------------


def known(where: str, file: Path, at: datetime | None = None) -> Known:
    """What is in a journal file.  Never raises for its content; a damaged file is blank, with its ``problem``.

    Raises :class:`~chorus_gui.core.errors.JournalError` if this user, another program or a disk keeps it from being read: that says nothing
    about its history.
    """
    if not file.is_file():
        return Known(where, blank=True, missing=True)
    found = backups.describe(file, insist=True)
    return _of(where, found, at or instant_us(file.stat().st_mtime_ns // 1000) or datetime.now(UTC), file)


def _of(where: str, found: backups.Backup, at: datetime, file: Path) -> Known:
    if not found.size:
        return Known(where, at=at, blank=True)
    if not found.readable:
        why = found.problem.replace(f"The journal “{file}”", "It").replace(f"“{file}”", "It")
        return Known(where, at=at, blank=True, problem=why, size=found.size)
    blank = not found.rows and not found.commands
    taken = None if blank else file
    return Known(where, found.uploaded, found.active, found.sent_versions, at, blank, size=found.size, file=taken)


def kept_copies(journal: Path, since: datetime | None = None) -> Iterator[Known]:
    """The kept copies of a journal, the newest first; ``since``: those that are newer."""
    for found in backups.listing(journal):
        if found.readable and (since is None or found.at > since):
            yield _of(f"The kept copy {found.path.name}", found, found.at, found.path)


@dataclass(frozen=True, slots=True)
class Memory:
    """What this computer remembers of a journal that it used.  ``accepted``: a person accepted less history until then."""

    uploaded: int = 0
    files: int = 0
    versions: tuple[str, ...] = ()
    at: datetime | None = None
    accepted: datetime | None = None
    size: int = 0

    @property
    def known(self) -> Known:
        """The same as a :class:`Known`."""
        return Known("The journal that this computer last used", self.uploaded, self.files, self.versions, self.at)


def remembered(file: Path) -> Memory | None:
    """What was remembered; None if nothing was, or it cannot be read."""
    try:
        return record(Memory, json_value(patiently(lambda: file.read_text("utf-8"))))
    except (OSError, ValueError):
        return None


def remember(file: Path, used: Known, *, accepted: Path | None = None) -> None:
    """Remember the journal that is used now.  ``accepted``: the local journal, if the person chose it although a fuller one is known: then
    none of its kept copies counts any longer, also not one from a moment when the clock was ahead.

    A file that cannot be written does not stop the command.
    """
    now = datetime.now(UTC)
    before = remembered(file)
    until = before.accepted if before else None
    if accepted is not None:
        until = now
        with suppress(JournalError):  # their folder cannot be read
            until = max(now, backups.newest(accepted) or now)
    values = {
        "uploaded": used.uploaded,
        "files": used.files,
        "versions": list(used.versions),
        "at": now.isoformat(timespec="seconds"),
        "accepted": until.isoformat() if until else None,
        "size": used.size,
    }
    with suppress(OSError):
        private.write(file, json.dumps(values).encode())


# --- the check ----------------------------------------------------------------------------------------------------------

Elsewhere = Callable[[Known, JobContext], Sequence[Known]]
"""Finds copies of a journal elsewhere, which may show that it lacks history: in the version folders of the central store."""


@dataclass(frozen=True, slots=True)
class Around:
    """What a journal is compared with: the local journal's file, what is remembered, copies elsewhere, traces such as a lock's note.

    ``unseen``: it is not the version that this computer last saw.  ``away``: somebody else works on it, and may have left newer
    copies elsewhere.
    """

    local: Path
    memory: Path
    elsewhere: Elsewhere | None = None
    traces: tuple[Known, ...] = ()
    unseen: bool = False
    away: bool = False


def others(used: Known, around: Around, ctx: JobContext) -> Iterator[Known]:
    """What is known in addition to ``used``.  Copies are opened only if they can show something that is not remembered."""
    memory = remembered(around.memory)
    accepted = memory.accepted if memory else None
    if memory is not None:
        yield memory.known
    yield from around.traces
    doubtful = memory is None or used.blank or has_more(memory.known, used)
    if doubtful:
        yield from kept_copies(around.local, accepted)
    if around.elsewhere is None or not (used.blank or ((doubtful or around.unseen) and not around.away)):
        return
    for copy in around.elsewhere(used, ctx):
        later = accepted is None or copy.at is None or copy.at > accepted
        # If nothing else is doubtful, only a copy that continues this very journal counts: other journals can share the central store.
        if later and (doubtful or set(used.versions) <= set(copy.versions)):
            yield copy


def fuller(used: Known, around: Around, ctx: JobContext) -> Known | None:
    """The fullest known journal that has more history than ``used``; one that can be recovered, if there is one."""
    found = less(used, others(used, around, ctx))
    if found is not None and not found.can_be_taken:
        same = [other for other in others(used, around, ctx) if other.can_be_taken and other.uploaded >= found.uploaded]
        found = less(used, same) or found
    return found


def require(used: Known, around: Around, ctx: JobContext, *, accept: bool = False) -> None:
    """Raise :class:`LessHistoryError` if ``used`` has less history than another known journal, unless the person accepted."""
    if accept and used.problem:
        return  # whoever opens it says why it cannot be used
    found = fuller(used, around, ctx)
    if found is None:
        return
    if not accept:
        raise LessHistoryError(used, found)
    remember(around.memory, used, accepted=around.local)
