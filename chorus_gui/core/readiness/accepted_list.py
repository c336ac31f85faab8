"""The list of accepted leaks that colleagues share, as a value: ``accepted-leaks.json`` next to the journal.

As the list of holds: an entry has an id of its own and is never removed, to withdraw it adds a withdrawal, and two lists are joined by taking all
entries and all withdrawals of both.  So an old copy never makes something accepted again.  Entries that this version does not understand are
kept, and accept nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from chorus_gui.core.errors import SideFileUnreadableError
from chorus_gui.core.joined import joined, text, union
from chorus_gui.core.readiness.leaks import Accepted
from chorus_gui.core.untrusted import json_value

NAME = "accepted-leaks.json"
"""Name of the side file."""
FORMAT = "chorus-accepted-leaks"
VERSION = 1
_LATEST = 2**53
Json = dict[str, Any]
_TEXTS = ("id", "rule", "modality", "path", "about", "reason", "by")


@dataclass(frozen=True)
class AcceptedList:
    """A list.  ``entries`` by what makes them the same; ``fields`` are unknown ones of the list itself."""

    entries: Mapping[str, Json] = field(default_factory=dict[str, Json])
    fields: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @classmethod
    def of(cls, known: Iterable[tuple[str, Accepted]]) -> AcceptedList:
        """What a computer knows, by id."""
        entries = [_entry(uid, one) for uid, one in known]
        return cls({_key(entry): entry for entry in entries})

    @property
    def accepted(self) -> Iterator[tuple[str, Accepted]]:
        """What can be understood, by id; with the earliest withdrawal."""
        for entry in self.entries.values():
            found = _read(entry)
            if found is not None:
                yield found

    def join(self, other: AcceptedList) -> AcceptedList:
        """All entries and withdrawals of both."""
        entries = dict(self.entries)
        for key, entry in other.entries.items():
            entries[key] = joined(entries[key], entry) if key in entries else entry
        return AcceptedList(entries, joined(self.fields, other.fields))

    def dump(self) -> bytes:
        """The side file, an entry per line."""
        head = text({**self.fields, "format": FORMAT, "version": VERSION})
        entries = ",\n".join(text(self.entries[key]) for key in sorted(self.entries))
        return f'{head[:-1]}, "accepted": [\n{entries}\n]}}\n'.encode("ascii")


def parse(data: bytes) -> AcceptedList:
    """Reads a side file.  Raises :class:`SideFileUnreadableError` if it is not a list of this version."""
    try:
        value = json_value(data.decode("utf-8"))
    except ValueError as error:
        raise _unreadable("It is not JSON text.") from error
    fields = cast("Json", value) if isinstance(value, dict) else {}
    version = fields.get("version")
    if fields.get("format") != FORMAT or not isinstance(fields.get("accepted"), list) or type(version) is not int or version < 1:
        raise _unreadable("It is not a list of accepted leaks.")
    if version > VERSION:
        raise _unreadable(f"A newer CHoRUS Upload wrote it (version {version} of the list).", "Install the newest CHoRUS Upload.")
    try:
        found: dict[str, Json] = {}
        for one in cast("list[Any]", fields["accepted"]):
            entry = cast("Json", one) if isinstance(one, dict) else {"not_an_entry": one}
            entry = {**entry, "withdrawals": union(entry.get("withdrawals"), None)}
            key = _key(entry)
            found[key] = joined(found[key], entry) if key in found else entry
        made = AcceptedList(found, {name: kept for name, kept in fields.items() if name not in ("format", "version", "accepted")})
        made.dump()
    except ValueError as error:  # a number that is not one
        raise _unreadable("It is not JSON text.") from error
    return made


def _entry(uid: str, one: Accepted) -> Json:
    ended = [{"by": one.withdrawn_by, "at_us": one.withdrawn_us}] if one.withdrawn_us else []
    named: Json = {"id": uid, **one._asdict(), "withdrawals": ended}
    return {name: value for name, value in named.items() if name not in ("withdrawn_by", "withdrawn_us")}


def _key(entry: Json) -> str:
    """Its id and what it is about, whatever somebody edited.  What is not understood is itself its key."""
    found = _read(entry)
    return text([found[0], *found[1][:6]]) if found is not None else text(entry)


def _read(entry: Json) -> tuple[str, Accepted] | None:
    """None: it does not say what is accepted.  A withdrawal of any kind withdraws."""
    texts = {name: entry.get(name) for name in _TEXTS}
    numbers = {name: entry.get(name) for name in ("size", "mtime_us", "at_us")}
    if not all(isinstance(value, str) and not any("\ud800" <= char <= "\udfff" for char in value) for value in texts.values()):
        return None
    if not all(type(value) is int and abs(value) < _LATEST for value in numbers.values()):
        return None
    uid = str(texts["id"])
    if not uid or not texts["rule"] or not texts["modality"] or not texts["path"] or not str(texts["reason"]).strip():
        return None
    notes = cast("list[Any]", entry.get("withdrawals") or [])
    ended = sorted((_moment(note), _who(note)) for note in notes)[:1]
    by, at_us = (ended[0][1], ended[0][0]) if ended else ("", 0)
    kept: Json = {name: " ".join(str(value).split()) if name in ("reason", "by") else value for name, value in {**texts, **numbers}.items()}
    del kept["id"]
    return uid, Accepted(**kept, withdrawn_by=by, withdrawn_us=at_us)


def _moment(note: Any) -> int:
    """When; 1 where that is not known, because 0 means that it still holds."""
    at = cast("Json", note).get("at_us") if isinstance(note, dict) else None
    return at if type(at) is int and 0 < at < _LATEST else 1


def _who(note: Any) -> str:
    by = cast("Json", note).get("by") if isinstance(note, dict) else None
    return " ".join(by.split()) if isinstance(by, str) and by.isprintable() else ""


def _unreadable(why: str, remedy: str = "") -> SideFileUnreadableError:
    return SideFileUnreadableError(
        f"Could not read the shared list of accepted leaks ({NAME}). {why}",
        meaning="What was accepted on this computer is still accepted, but what colleagues accepted or withdrew could be missing here.",
        remedy=remedy
        or "Ask the central team who changed it. If nobody needs it, delete it: it is written again from this computer's list.",
    )
