"""The list of holds that colleagues share, as a value: ``holds.json`` next to the journal, and each computer's copy of it.

Two lists are joined without a clock and without an order, so that computers that were offline agree in the end:

- Every hold is an entry with an id of its own.  To hold the same file again adds another entry.
- An entry is never removed.  To release a hold adds a release to each of its entries that the releaser knew.
- :func:`join` takes all entries and all releases of both.  It is commutative, associative and idempotent.

So an old copy cannot bring back what was released (the release is in the other list), and cannot release anything (what it lacks means
nothing).  A hold that a colleague adds while it is being released stays in force.

Fields that this version does not know are kept.  A value of the wrong kind never releases anything.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, NamedTuple, cast

from chorus_gui.core.errors import SideFileUnreadableError
from chorus_gui.core.joined import joined as _joined
from chorus_gui.core.joined import text as _text
from chorus_gui.core.joined import union as _union
from chorus_gui.core.review.values import Hold, HoldsAct
from chorus_gui.core.untrusted import json_value

NAME = "holds.json"
"""Name of the side file."""
FORMAT = "chorus-holds"
VERSION = 1

LARGEST = 4 * 1024 * 1024
"""The most bytes of a list that can be shared: as of every file next to a journal."""
MANY = 100
"""More new holds at once need a quarter of :data:`LARGEST` that stays free: so a patient can always be held back."""
RELEASE = 160
"""About how many bytes the release of a hold takes: a list that can be shared must still be one when everything in it was released."""
_LATEST = 2**53
_LINES, _SAME, _SAME_KEY = 500, 12, 5
"""Long lists are parsed and sorted in parts: lines in a part, and characters that all of a part begin with.  During such a call of the interpreter no
other thread can work, also not the one of the window."""
Json = dict[str, Any]


class Target(NamedTuple):
    """What a hold is about: a file (``modality`` and ``path``), or all files of a patient.  The others are ""."""

    modality: str = ""
    path: str = ""
    patient_id: str = ""

    @property
    def valid(self) -> bool:
        """It is one of the two."""
        return bool(self.modality and self.path) != bool(self.patient_id) and not (self.patient_id and (self.modality or self.path))


@dataclass(frozen=True, slots=True)
class Release:
    """Who released a hold, when, and why ("" for no reason)."""

    released_by: str
    at_us: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """A hold with its releases, the earliest first.  It is in force if there are none."""

    id: str
    hold: Hold
    releases: tuple[Release, ...] = ()


@dataclass(frozen=True)
class HoldList:
    """A list of holds.  ``entries`` by their canonical key, as JSON values; ``fields`` are unknown ones of the list itself."""

    entries: Mapping[str, Json] = field(default_factory=dict[str, Json])
    fields: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @classmethod
    def of(cls, holds: Mapping[str, Hold], *, host: str = "") -> HoldList:
        """These holds, by their ids, of the computer ``host``."""
        entries = [{**_entry(name, hold), **({"host": host} if host else {})} for name, hold in holds.items()]
        return cls({_key(entry): entry for entry in entries})

    @cached_property
    def records(self) -> list[Record]:
        """Every readable entry, released ones too, by patient, modality, path and time."""
        found = [record for entry in self.entries.values() if (record := _record(entry)) is not None]
        parts: dict[tuple[str, str, str], list[Record]] = {}
        for record in found:
            parts.setdefault((record.hold.patient_id, record.hold.modality, record.hold.path[:_SAME]), []).append(record)
        return [record for part in sorted(parts) for record in sorted(parts[part], key=lambda r: (r.hold.path, r.hold.at_us, r.id))]

    def active(self) -> list[Hold]:
        """What is held back: one hold for each target, the latest."""
        latest = {target_of(record.hold): record.hold for record in self.records if not record.releases}
        return list(latest.values())

    @property
    def unreadable(self) -> int:
        """How many entries are kept, but not understood."""
        return len(self.entries) - len(self.records)

    def adding(self, holds: Iterable[Hold], *, host: str = "") -> HoldList:
        """With these holds."""
        return join(self, HoldList.of({secrets.token_hex(8): hold for hold in holds}, host=host))

    def releasing(self, targets: Iterable[Target], release: Release, *, host: str = "") -> HoldList:
        """With everything released that is in force for these targets."""
        wanted = set(targets)
        return self._releasing(lambda record: target_of(record.hold) in wanted, release, host)

    def releasing_holds(self, holds: Iterable[Hold], release: Release, *, host: str = "") -> HoldList:
        """With the entries of exactly these holds released: of this target, reason, person and moment."""
        wanted = set(holds)
        return self._releasing(lambda record: record.hold in wanted, release, host)

    def _releasing(self, is_meant: Callable[[Record], bool], release: Release, host: str) -> HoldList:
        note: Json = {"by": release.released_by, "at_us": release.at_us, "reason": release.reason, **({"host": host} if host else {})}
        entries = dict(self.entries)
        for key, entry in self.entries.items():
            record = _record(entry)
            if record is not None and not record.releases and is_meant(record):
                entries[key] = {**entry, "releases": _union(entry.get("releases"), [note])}
        return HoldList(entries, self.fields)

    def act_since(self, before: HoldList) -> HoldsAct:
        """What was added and released since the list was ``before``: of the released holds of one target, the latest."""
        changed = [(key, entry) for key, entry in self.entries.items() if before.entries.get(key) != entry]
        added, released = list[Hold](), list[Hold]()
        for key, entry in changed:
            record, earlier = _record(entry), _record(before.entries.get(key, {}))
            if record is not None and not record.releases and earlier is None:
                added.append(record.hold)
            elif record is not None and record.releases and earlier is not None and not earlier.releases:
                released.append(record.hold)
        latest = {target_of(hold): hold for hold in sorted(released, key=lambda hold: hold.at_us)}
        return HoldsAct(tuple(added), tuple(latest[target] for target in sorted(latest)))

    @property
    def needs(self) -> int:
        """Bytes of the side file when everything is released."""
        return len(self.dump()) + RELEASE * sum(not record.releases for record in self.records)

    def dump(self) -> bytes:
        """The side file."""
        head = _text({**self.fields, "format": FORMAT, "version": VERSION})
        parts: dict[str, list[str]] = {}
        for key in self.entries:
            parts.setdefault(key[:_SAME_KEY], []).append(key)
        keys = (key for part in sorted(parts) for key in sorted(parts[part]))
        entries = ",\n".join(_text(self.entries[key]) for key in keys)  # one per line
        return f'{head[:-1]}, "holds": [\n{entries}\n]}}\n'.encode("ascii")


def same_patient(patient_id: str) -> str:
    """What all spellings of a patient's ID have in common: a journal takes leading zeros away, so “0012” and “12” are one patient."""
    return patient_id.lstrip("0")


def target_of(hold: Hold) -> Target:
    """What a hold is about."""
    return Target(hold.modality, hold.path, hold.patient_id)


@lru_cache(maxsize=2)
def parse(data: bytes) -> HoldList:
    """Read a side file; the last two are remembered, because every command and page asks for the same list.

    Raises :class:`SideFileUnreadableError` if it is not a list of holds of this version.
    """
    try:
        value = _value(data.decode("utf-8"))
    except ValueError as error:
        raise _unreadable("It is not JSON text.") from error
    if not isinstance(value, dict):
        raise _unreadable("It is not a list of holds.")
    fields = cast("Json", value)
    version = fields.get("version")
    if fields.get("format") != FORMAT or not isinstance(fields.get("holds"), list) or type(version) is not int or version < 1:
        raise _unreadable("It is not a list of holds.")
    if version > VERSION:
        raise _unreadable(f"A newer CHoRUS Upload wrote it (version {version} of the list).", "Install the newest CHoRUS Upload.")
    try:
        found: dict[str, Json] = {}
        for entry in cast("list[Any]", fields["holds"]):
            item = cast("Json", entry) if isinstance(entry, dict) else {"not_a_hold": entry}
            if item.get("releases", ()) != []:
                item = {**item, "releases": _union(item.get("releases"), None)}
            key = _key(item)
            found[key] = _joined(found[key], item) if key in found else item
        made = HoldList(found, {name: kept for name, kept in fields.items() if name not in ("format", "version", "holds")})
        made.dump()
    except ValueError as error:  # a number that is not one
        raise _unreadable("It is not JSON text.") from error
    return made


def _value(text: str) -> object:
    """The value of a side file: in parts, if it has an entry on each line, as this program writes it."""
    try:
        found = _by_lines(text)
    except ValueError:  # another program's lines
        found = None
    return json_value(text) if found is None else found


def _by_lines(text: str) -> Json | None:
    """None: the lines are others.  JSON has no line end inside a text, so each line ends between two tokens.  Raises ValueError."""
    head, *lines = text.split("\n")
    if lines[-2:] != ["]}", ""] or not head.endswith('"holds": ['):
        return None
    fields = cast("Json", json_value(f"{head}]}}"))
    if [*fields][-1] != "holds":
        return None
    entries: list[Any] = []
    for start in range(0, count := len(lines) - 2, _LINES):
        part = "\n".join(lines[start : min(start + _LINES, count)])
        if start + _LINES < count:
            if not part.endswith(","):
                return None
            part = part[:-1]
        value = cast("list[list[Any]]", json_value(f"[[{part}]]"))  # as deep as in the whole
        if len(value) != 1 or (not value[0] and count > 1):
            return None
        entries += value[0]
    return {**fields, "holds": entries}


def join(one: HoldList, other: HoldList) -> HoldList:
    """All entries and releases of both: commutative, associative, idempotent."""
    entries = dict(one.entries)
    for key, entry in other.entries.items():
        entries[key] = _joined(entries[key], entry) if key in entries else entry
    return HoldList(entries, _joined(one.fields, other.fields))


def _key(entry: Json) -> str:
    """Its id and its target: entries that differ in one of them are different holds, whatever somebody edited.

    What is not understood is itself its key.
    """
    record = _record(entry)
    return _text([record.id, *target_of(record.hold)]) if record is not None else _text(entry)


def _entry(name: str, hold: Hold) -> Json:
    return {
        "id": name,
        "modality": hold.modality,
        "path": hold.path,
        "patient_id": hold.patient_id,
        "reason": hold.reason,
        "by": hold.held_by,
        "at_us": hold.at_us,
        "releases": [],
    }


def _record(entry: Json) -> Record | None:
    """None: it does not say what is held back."""
    parts = [entry.get(name, "") for name in ("id", *Target._fields)]
    if not all(isinstance(part, str) and is_text(part) for part in parts):
        return None
    name, *about = cast("list[str]", parts)
    target = Target(*about)
    if not name or not target.valid:
        return None
    hold = Hold(*target, one_line(entry.get("reason")), one_line(entry.get("by")), _moment(entry.get("at_us")))
    notes = entry.get("releases")
    releases = [
        Release(one_line(note["by"]), _moment(note["at_us"]), one_line(note.get("reason")))
        for note in (cast("list[Json]", notes) if isinstance(notes, list) else [])
        if isinstance(note, dict) and isinstance(note.get("by"), str) and type(note.get("at_us")) is int  # pyright: ignore[reportUnnecessaryIsInstance] - read from a file
    ]
    return Record(name, hold, tuple(sorted(releases, key=lambda release: (release.at_us, release.released_by, release.reason))))


def is_text(text: str) -> bool:
    """It can be written as UTF-8, and so be in a journal."""
    return text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text)


def one_line(value: Any) -> str:
    """A text to show: one line, without control characters."""
    if not isinstance(value, str):
        return ""
    if value.isprintable() and "  " not in value and value == value.strip():
        return value
    return " ".join("".join(char if char.isprintable() else " " for char in value).split())


def _moment(value: Any) -> int:
    """Microseconds since 1970; 0 for an unknown time."""
    return value if type(value) is int and 0 <= value < _LATEST else 0


def _unreadable(why: str, remedy: str = "") -> SideFileUnreadableError:
    return SideFileUnreadableError(
        f"Could not read the shared list of held-back files ({NAME}). {why}",
        meaning="What this computer knows is held back stays held back, but holds of colleagues could be missing here.",
        remedy=remedy or "Ask the central team who changed it. If nobody needs it, delete it: it is written again from this list.",
    )
