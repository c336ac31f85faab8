"""Keys and tables of a file that nothing reads: in a wrong place, with a misspelled name, or written twice.

:data:`~chorus_gui.core.config.unread_keys.IF_UNREAD` says which of them make the configuration invalid.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

from chorus_gui.core.config.keys import DEFAULT, KEYS, Key, dotted_keys, nearest
from chorus_gui.core.config.model import Layout
from chorus_gui.core.config.reading import Reading, Tables, as_tables, quote
from chorus_gui.core.config.unread_keys import ALSO_SAID, IF_UNREAD, MODALITY_SAID, ONLY_OURS, PATH_SAID, SWITCHES
from chorus_gui.core.model import MODALITIES

_IGNORED = {
    "central_path.patient_first": "The key has no effect in any of the tools: the patient's folder always comes first.",
    "configuration.profile": "",
}
_UNKNOWN = "The key is unknown. It has no effect, and stays in the file."
_VERY = 0.85
"""How near a name must be to that of a key where something speaks against it: another table, or the key is there, too."""
_SEVERAL = "another place could be used"
"""What could happen if a key can belong in several places."""


def check_unread(reading: Reading) -> None:
    """Find them.  A fault, if another submission could come of it; otherwise a warning, since the file works with them.

    Nothing comes of a key that says what applies anyway: the other tools' files can have such keys.
    """
    _Walk(reading).known_table("", reading.raw)


@dataclass(frozen=True)
class _Meant:
    """What a key that nothing reads was probably meant to be: ``places`` are dotted keys of the layout.

    ``name`` is the right one if it is misspelled; ``layout``: it would be right in the other layout.  ``harmless``: with this value, it
    says what applies anyway.
    """

    places: Sequence[str] = ()
    name: str = ""
    layout: bool = False
    harmless: bool | None = None


_NOTHING = _Meant()


class _Walk:
    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.known = dotted_keys(reading.layout)
        self.other = dotted_keys(Layout.NESTED if reading.layout is Layout.FLAT else Layout.FLAT)
        self.tables = {table for key in self.known for table in _ancestors(key)}
        self.deciding = {dotted: key for dotted, key in self.known.items() if IF_UNREAD[key.meaning]}

    def known_table(self, table: str, content: Tables) -> None:
        for name, raw in content.items():
            dotted = _join(table, name)
            if "." in name:
                self._quoted(table, name, raw)
            elif dotted in self.tables:
                if isinstance(raw, dict):
                    self.known_table(dotted, as_tables(content[name]))
                else:
                    self.reading.findings.fault(dotted, "This must be a table.", f"Write [{dotted}] on its own line, and its keys below.")
            elif dotted in _IGNORED:
                if _IGNORED[dotted]:
                    self.reading.findings.warn(dotted, _IGNORED[dotted])
            elif dotted in self.known:
                self._twice(table, name, content)
            else:
                self._unknown(table, name, raw)

    def _unknown(self, table: str, name: str, raw: object) -> None:
        dotted, near = _join(table, name), nearest(name, self._names_in(table))
        if table == "site_path" and _inside(raw):
            near = MODALITY_SAID.get(name.strip().lower(), near)
        if table == "site_path" and near in (DEFAULT, *MODALITIES):
            what = "This is not a modality" if near in MODALITIES else "This is not the name of a table"
            self.reading.findings.fault(dotted, f"{what}, so its folder would not be used.", "", near)
            return
        inside = _inside(raw)
        meant = self._meant(table, name, leaf=not inside) if not inside or _join(table, near) not in self.tables else _NOTHING
        if meant.places and raw is not meant.harmless:
            self._say(table, name, raw, meant)
            return
        self.reading.findings.warn(dotted, _UNKNOWN, near)
        for one in inside:
            self._unknown_table(dotted, self._table_meant(table, name, near), one)

    def _unknown_table(self, table: str, meant_table: str, content: Tables) -> None:
        """A table that nothing reads can be a misspelled one.  Its other keys can be of another program."""
        for name, raw in content.items():
            inside, right = _inside(raw), _join(meant_table, name.strip().lower())
            if not inside and meant_table and right in self.known:
                meant = _Meant((right,))
            elif meant_table and not inside:
                meant = self._meant(meant_table, name, leaf=True)
            else:
                meant = self._ours(table, name)
            if meant.places:
                if self._decides(raw, meant.places) and raw is not meant.harmless:
                    self._say(table, name, raw, meant)
                continue
            near = nearest(name, self._names_in(meant_table)) if meant_table else ""
            for one in inside:
                below = self._table_meant(meant_table or table, name, near)
                self._unknown_table(_join(table, name), below if meant_table or "." not in below else "", one)

    # --- what is meant ----------------------------------------------------------------------------------------------

    def _meant(self, table: str, name: str, *, leaf: bool) -> _Meant:
        """What a key in a table that is read was meant to be.  Not ``leaf``: it is a table itself, so only a real name counts."""
        there = self.other.get(_join(table, name)) or (self.other.get(_join(table, f"{name}.path")) if leaf else None)
        if there is not None:
            return _Meant((self._place(there, table),), layout=True)
        word = name.strip().lower()
        if places := self._places(word, table):
            return _at(table, places)
        if not leaf:
            return self._said(table, word) if word.startswith("modalit") and table in ("", "configuration") else self._ours(table, name)
        here = [key.rpartition(".")[2] for key in self.known if _table_of(key) == table]
        near = nearest(word, self._names_in(table))
        if near in here:
            right = _join(table, near)
            if right in self.deciding and self._is_note(table, near, word):
                return _NOTHING
            return _Meant((right,), near)
        said = self._said(table, word)
        return said if said.places else self._similar(word, table, list(self.deciding))

    def _said(self, table: str, word: str) -> _Meant:
        """Another word for a key."""
        path, of_site = _join(table, "path"), table.startswith("site_path.")
        if word in PATH_SAID and path in self.deciding:
            given = self.reading.table(table).get("path") is not None
            return _at(table, [path]) if PATH_SAID[word] or not given else _NOTHING
        if word in SWITCHES and of_site:
            return _Meant((self._place(KEYS["modalities"], table),), harmless=SWITCHES[word])
        return _at(table, [self._place(KEYS[ALSO_SAID[word]], table)]) if word in ALSO_SAID else _NOTHING

    def _is_note(self, table: str, name: str, word: str) -> bool:
        """The key is there, and this one's name has more than one other letter."""
        return self.reading.table(table).get(name) is not None and abs(len(word) - len(name)) > 1 and not nearest(word, [name], alike=_VERY)

    def _ours(self, table: str, name: str) -> _Meant:
        """A key whose name is not used for anything else, under exactly this name or a similar one."""
        ours = [dotted for dotted, key in self.deciding.items() if key.meaning in ONLY_OURS]
        return self._similar(name.strip().lower(), table, ours)

    def _similar(self, word: str, table: str, candidates: Sequence[str]) -> _Meant:
        if word.startswith("exclu"):
            return _at(table, [KEYS["exclude"].dotted(self.reading.layout)])
        near = nearest(word, [dotted.rpartition(".")[2] for dotted in candidates], alike=_VERY)
        return _at(table, self._places(near, table)) if near else _NOTHING

    def _places(self, name: str, table: str) -> list[str]:
        """Where a key of this name can be; those that decide most, and of these the nearest to the table."""
        found = [dotted for dotted in self.known if dotted.rpartition(".")[2] == name and self._is_for(dotted, table)]
        if here := [dotted for dotted in found if _table_of(dotted) == table]:
            return here
        found = [dotted for dotted in found if dotted in self.deciding] or found
        shared = {dotted: _shared(dotted, table) for dotted in found}
        return [dotted for dotted in found if shared[dotted] == max(shared.values())]

    def _is_for(self, dotted: str, table: str) -> bool:
        """The place is not that of another modality."""
        return not dotted.startswith("site_path.") or dotted.split(".")[1] == _modality(table)

    def _place(self, key: Key, table: str) -> str:
        return key.dotted(self.reading.layout, _modality(table))

    def _table_meant(self, table: str, name: str, near: str) -> str:
        """The table that one with this name was probably meant to be; "" if none."""
        if near and _join(table, near) in self.tables:
            return _join(table, near)
        found = [one for one in self.tables if one.rpartition(".")[2].lower() == name.strip().lower()]
        shared = {one: _shared(one, table) for one in found}
        best = [one for one in found if shared[one] == max(shared.values())]
        return best[0] if len(best) == 1 else ""

    def _names_in(self, table: str) -> list[str]:
        return [name.rpartition(".")[2] for name in (*self.known, *self.tables) if _table_of(name) == table]

    # --- what is said -----------------------------------------------------------------------------------------------

    def _decides(self, raw: object, places: Sequence[str]) -> bool:
        """Another submission could come of it: the key is one of those that decide, and does not say what applies anyway."""
        if not any(place in self.deciding for place in places) or raw == [] or (isinstance(raw, str) and not raw.strip()):
            return False
        return not any(_text(raw) == _text(self._applies(place)) for place in places)

    def _applies(self, place: str) -> object:
        key = self.known[place]
        value = self.reading.value(key.meaning, _modality(place))
        return value.raw if value.given else key.default or None

    def _say(self, table: str, name: str, raw: object, meant: _Meant) -> None:
        dotted, findings, places = _join(table, name), self.reading.findings, meant.places
        if self._decides(raw, places):
            self._refuse(table, name, raw, meant)
        elif meant.name:
            findings.warn(dotted, _UNKNOWN, meant.name)
        elif meant.layout:
            layout = self.reading.layout.value
            findings.warn(dotted, f"The key has no effect here. This file has the {layout} layout, where the key is “{places[0]}”.")
        else:
            findings.warn(dotted, f"The key has no effect here. Its place is {_either(f'“{place}”' for place in places)}.")

    def _refuse(self, table: str, name: str, raw: object, meant: _Meant) -> None:
        reasons = {IF_UNREAD[self.known[place].meaning] for place in meant.places}
        so = reasons.pop() if len(reasons) == 1 else _SEVERAL
        belongs = meant.places[0] if len(meant.places) == 1 else ""
        taken = belongs and self.reading.table(_table_of(belongs)).get(belongs.rpartition(".")[2]) is not None
        or_remove = "" if belongs and self._needed(belongs) else ", or remove it"
        tables, right = _either(f"[{_table_of(place)}]" for place in meant.places), meant.places[0].rpartition(".")[2]
        if taken:
            remedy = f"The file also has “{right}” below {tables}. Keep the right one there, and remove this one."
        elif meant.name:
            remedy = f"Correct the name{or_remove and ', or remove the key'}."
        elif _inside(raw):
            remedy = f"Write it below {tables} as “{right} = …”{or_remove}."
        else:
            remedy = (f"Move it below {tables}" if right == name else f"Write it as “{right}” below {tables}") + f"{or_remove}."
        if meant.name:
            problem = f"{quote(name)} is not the name of a key, so {so}."
        else:
            where = f"below [{table}]" if table else "at the top of the file"
            layout = f" in the {self.reading.layout.value} layout" if meant.layout else ""
            problem = f"{quote(name)} has no effect {where}{layout}, so {so}."
        self.reading.findings.fault(_join(table, name), problem, remedy, meant.name, belongs=belongs)

    def _needed(self, place: str) -> bool:
        key = self.known[place]
        return key.required and not self.reading.value(key.meaning, _modality(place)).given

    def _quoted(self, table: str, name: str, raw: object) -> None:
        """A name in quotes with dots in it: TOML does not read them as the dots between names."""
        meant, findings = _join(table, name), self.reading.findings
        right = f"[{meant}]" if _inside(raw) else meant
        if meant in self.tables or meant in self.deciding:
            problem = f"The dots in {quote(name)} do not separate names, because they are in quotes. So nothing reads this."
            findings.fault(meant, problem, f"Write {right} without quotes.")
        else:
            findings.warn(meant, _UNKNOWN)

    def _twice(self, table: str, name: str, content: Tables) -> None:
        """Two spellings of one key, of which only the first is read."""
        key = self.known[_join(table, name)]
        first = next(one for one in (key.dotted(self.reading.layout).rpartition(".")[2], *key.aliases) if one in content)
        if first == name or content[name] == content[first]:
            return
        problem = f"“{name}” has no effect, because the file has “{first}”, which means the same."
        if IF_UNREAD[key.meaning]:
            self.reading.findings.fault(_join(table, name), problem, "Keep one of the two.")
        else:
            self.reading.findings.warn(_join(table, name), problem)


def _at(table: str, places: Sequence[str]) -> _Meant:
    """In the table itself, the name alone is wrong."""
    return _Meant(places, places[0].rpartition(".")[2] if _table_of(places[0]) == table else "")


def _ancestors(dotted: str) -> Iterator[str]:
    while "." in dotted:
        dotted = _table_of(dotted)
        yield dotted


def _join(table: str, name: str) -> str:
    return f"{table}.{name}" if table else name


def _table_of(dotted: str) -> str:
    return dotted.rpartition(".")[0]


def _shared(dotted: str, table: str) -> int:
    """How many tables, from the top, are the same."""
    pairs = zip(dotted.split("."), table.split("."), strict=False)
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))


def _modality(dotted: str) -> str:
    """The modality that a place is for."""
    parts = dotted.split(".")
    return parts[1] if parts[0] == "site_path" and len(parts) > 1 and parts[1] in MODALITIES else DEFAULT


def _inside(raw: object) -> list[Tables]:
    """The tables that a value is, or that it lists."""
    values = cast("list[object]", raw) if isinstance(raw, list) else [raw]
    return [as_tables(cast("object", value)) for value in values if isinstance(value, dict)]


def _text(value: object) -> object:
    return str(value).lower() if isinstance(value, (bool, int)) else value


def _either(texts: Iterator[str]) -> str:
    """ "a", "a or b", "a, b or c"."""
    first, *others = reversed(list(texts))
    return f"{', '.join(reversed(others))} or {first}" if others else first
