"""The configuration while it is edited: a text, what its keys say, and changes to them.  No Qt, no file is touched."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from chorus_gui.app.place_kinds import form_of, kind_of
from chorus_gui.core.config.addresses import address_parts
from chorus_gui.core.config.credential_keys import Given
from chorus_gui.core.config.keys import DEFAULT, KEYS, Kind, nearest
from chorus_gui.core.config.load import parse
from chorus_gui.core.config.model import Layout
from chorus_gui.core.config.place_keys import SCHEMES
from chorus_gui.core.config.reading import Findings, Reading, as_tables, detect_layout, key_lines
from chorus_gui.core.errors import ConfigError, Fault
from chorus_gui.core.model import MODALITIES
from chorus_gui.core.redact import redact

if TYPE_CHECKING:
    from chorus_gui.core.config.save import Scalar

Where = tuple[str, str]
"""A key's meaning and the modality it is for (:data:`DEFAULT` for all of them, and for keys that know no modalities)."""

_SECRETS = ("azure_sas_token", "azure_account_key", "azure_connection_string")
_ADDRESS = ("azure_account_name", "azure_account_url", "azure_connection_string")
_AWS = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
_GOOGLE = ("google_hmac_access_id", "google_hmac_secret")


@dataclass(frozen=True)
class Draft:
    """``text`` as it is now, to be saved as ``file``; ``based_on`` what the file said when it was read, None: it is new.

    Changes give another draft.  Those that read keys raise :class:`ConfigError` while the text is not valid TOML.
    """

    file: Path
    text: str
    based_on: str | None = None

    @property
    def modified(self) -> bool:
        """There is something to save."""
        return self.text != self.based_on

    @cached_property
    def reading(self) -> Reading | None:
        """The text's tables; None while it is not valid TOML."""
        try:
            raw = parse(self.text, self.file)
        except ConfigError:
            return None
        return Reading(raw, detect_layout(raw), Findings({}))

    @property
    def layout(self) -> Layout:
        """The text's layout; nested while it cannot be read."""
        return self.reading.layout if self.reading else Layout.NESTED

    def with_the_same_credential(self) -> Draft | None:
        """The same, if the journal's credential was the central store's before, and only that of the central store was replaced.

        Then the draft with the new one for both; None otherwise.
        """
        before, out = Draft(self.file, self.based_on or ""), self
        for name in _SECRETS:
            central, journal = (f"central.{name}", DEFAULT), (f"journal.{name}", DEFAULT)
            old, new = before.own(central), self.own(central)
            if old and old == before.own(journal) == self.own(journal) and isinstance(new, str) and new and new != old:
                out = out.with_value(journal, new)
        return out if out is not self else None

    def own(self, where: Where) -> object:
        """What the text says for exactly this key and this modality; None: nothing."""
        if self.reading is None:
            return None
        table = self.reading.table(self._table(where))
        return next((table[name] for name in self._spellings(where) if table.get(name) is not None), None)

    def effective(self, where: Where) -> object:
        """The value that applies to this modality, with the default's table included; None: there is none."""
        return self.reading.value(*where).raw if self.reading else None

    def dotted(self, where: Where) -> str:
        """The key as the text spells it, or as its layout usually does."""
        table = self.reading.table(self._table(where)) if self.reading else dict[str, object]()
        name = next((name for name in self._spellings(where) if table.get(name) is not None), self._spellings(where)[0])
        return f"{self._table(where)}.{name}"

    def variable(self, where: Where, environ: Mapping[str, str] = os.environ) -> str:
        """The environment variable that is used for a credential key that the text leaves out; "" if none is."""
        place, _, name = where[0].rpartition(".")
        group = next((group for group in (_SECRETS, _ADDRESS, _AWS, _GOOGLE) if name in group), (name,))
        if self.reading is None or place not in ("journal", "central", "site") or where[0] not in KEYS or name == "auth_mode":
            return ""
        if not name.startswith(("azure_", "aws_", "google_")) or name == "azure_container":
            return ""
        given = Given.collect(self.reading, place, where[1], environ)
        if name not in given.own:
            return ""
        if any(given.own[member] for member in group) or not given.env[name]:
            return ""
        return next(s.upper() for s in (name, *KEYS[where[0]].aliases) if environ.get(s.upper(), "").strip())

    # --- changes ----------------------------------------------------------------------------------------------------

    def with_text(self, text: str) -> Draft:
        """Another text."""
        return replace(self, text=text)

    def with_value(self, where: Where, value: Scalar | None) -> Draft:
        """Another value; None removes the key.

        In a flat file a modality's table replaces the whole table of the default, so its first own key brings the default's keys
        along; in a nested one its first own credential brings along the others for this kind of place.  A draft whose table is not a
        table (a fault says so) is not changed.
        """
        if not self._is_table(self._table(where)):
            return self
        from chorus_gui.core.config.save import ConfigDocument  # it takes a while, and the window must not wait for it

        document = ConfigDocument(self.file, self.text, seen=None)
        table = self._table(where)
        if value is not None:
            for name, given in self._brought_along(where).items():
                document.set(f"{table}.{name}", given)
        dotted = self.dotted(where)
        if value is not None:
            document.set(dotted, value)
        elif KEYS[where[0]].required and where[1] == DEFAULT and document.get(dotted) is not None:
            document.set(dotted, "")  # the template's line stays where its comment is
        else:
            document.remove(dotted)
        return replace(self, text=document.text)

    def fix_of(self, fault: Fault) -> str:
        """What the button that corrects a fault says; "" if a person has to correct it."""
        there = f"{fault.key.rpartition('.')[0]}.{fault.suggestion}"
        if self.where(fault.key) is None and fault.suggestion and self._value(there) is not None:
            return ""  # two keys of one name
        if not fault.belongs or self.where(fault.key) == self.where(fault.belongs):
            return f"Use “{self.fixed_value(fault)}”" if fault.suggestion else ""
        where = self.where(fault.belongs)
        if where is None or self.own(where) is not None or not isinstance(self._value(fault.key), (str, int, bool)):
            return ""
        return f"Use “{fault.suggestion}”" if fault.suggestion else f"Move to [{fault.belongs.rpartition('.')[0]}]"

    def with_fix(self, fault: Fault) -> Draft:
        """Apply the suggestion of a fault, or move a key to its place."""
        where, place = self.where(fault.key), self.where(fault.belongs)
        if place is not None and not fault.suggestion:
            return self._moved(fault.key, place)
        if where is None:
            return self._renamed(fault.key, fault.suggestion)
        value = self.own(where)
        if isinstance(value, str):
            return self.with_value(where, _suggested(KEYS[where[0]].kind, value, fault.suggestion))
        return self.with_value(where, fault.suggestion)

    def fixed_value(self, fault: Fault) -> str:
        """What :meth:`with_fix` writes."""
        where = self.where(fault.key)
        value = self.own(where) if where else None
        if where is None or not isinstance(value, str) or KEYS[where[0]].kind is Kind.MODALITIES:
            return fault.suggestion
        return redact(_suggested(KEYS[where[0]].kind, value, fault.suggestion))

    def where(self, dotted: str) -> Where | None:
        """Which key a dotted name of a fault is; None if the form has none."""
        return _index(self.layout).get(dotted)

    def where_of(self, fault: Fault) -> Where | None:
        """The key that a fault is about: for one in a wrong place, the right place."""
        return self.where(fault.belongs) or self.where(fault.key)

    def _value(self, dotted: str) -> object:
        table, _, name = dotted.rpartition(".")
        return (self.reading.table(table) if table else self.reading.raw).get(name) if self.reading else None

    def _moved(self, dotted: str, place: Where) -> Draft:
        """The value of a key in another place, and not in its own."""
        from chorus_gui.core.config.save import ConfigDocument

        value = self._value(dotted)
        if not isinstance(value, (str, int, bool)):
            return self
        document = ConfigDocument(self.file, self.text, seen=None)
        document.remove(dotted)
        return replace(self, text=document.text).with_value(place, value)

    def _renamed(self, dotted: str, name: str) -> Draft:
        """The key or table by another name, wherever a line names it."""
        old = dotted.rpartition(".")[2]
        lines = self.text.split("\n")
        for key, number in key_lines(self.text).items():
            if key == dotted or key.startswith(dotted + "."):
                line = lines[number - 1]
                end = line.find("]") if line.lstrip().startswith("[") else line.find("=")
                lines[number - 1] = re.sub(rf"(?<![\w-]){re.escape(old)}(?![\w-])", name, line[:end], count=1) + line[end:]
        after = replace(self, text="\n".join(lines))
        return after if after.reading is not None else self

    def _is_table(self, dotted: str) -> bool:
        """Every part of the path is a table, or does not exist yet."""
        at: object = self.reading.raw if self.reading else {}
        for name in dotted.split("."):
            if not isinstance(at, Mapping):
                return False
            at = as_tables(at).get(name, {})  # pyright: ignore[reportUnknownArgumentType]
        return isinstance(at, Mapping)

    def _brought_along(self, where: Where) -> dict[str, Scalar]:
        """What the table of a modality has to repeat of the default's, because its first key hides that."""
        reading, (meaning, modality) = self.reading, where
        if reading is None or modality == DEFAULT:
            return {}
        own, wanted = as_tables(reading.table("site_path").get(modality)), None
        if reading.layout is Layout.NESTED:
            if ".auth." not in KEYS[meaning].nested or "auth" in own:
                return {}
            kind = kind_of(self.effective(("site.path", modality)))
            wanted = form_of(kind).keys if kind is not None else ()
        elif own:
            return {}
        default = reading.table(self._table((meaning, DEFAULT)))
        return {name: v for name, v in default.items() if isinstance(v, (str, int, bool)) and (wanted is None or name in wanted)}

    def _table(self, where: Where) -> str:
        return KEYS[where[0]].dotted(self.layout, where[1]).rpartition(".")[0]

    def _spellings(self, where: Where) -> tuple[str, ...]:
        key = KEYS[where[0]]
        return (key.dotted(self.layout, where[1]).rpartition(".")[2], *key.aliases)


def modalities_of(meaning: str) -> tuple[str, ...]:
    """The modalities that a key can be given for."""
    return (DEFAULT, *MODALITIES) if "*" in KEYS[meaning].flat else (DEFAULT,)


@cache
def _index(layout: Layout) -> dict[str, Where]:
    out: dict[str, Where] = {}
    for meaning, key in KEYS.items():
        for modality in modalities_of(meaning):
            dotted = key.dotted(layout, modality)
            table = dotted.rpartition(".")[0]
            out[dotted] = (meaning, modality)
            out.update({f"{table}.{alias}": (meaning, modality) for alias in key.aliases})
    return out


def _suggested(kind: Kind, value: str, suggestion: str) -> str:
    """This value with the suggestion applied, which may concern only a part of it."""
    if kind is Kind.MODALITIES:
        names = [name.strip() for name in value.split(",")]
        wrong = next((n for n in names if n not in MODALITIES and nearest(n, MODALITIES) == suggestion), "")
        return ",".join(suggestion if name == wrong else name for name in names)
    scheme, separator, rest = value.partition("://")
    if kind is not Kind.PATH or "/" in suggestion or not separator:
        return suggestion
    if suggestion not in SCHEMES:
        return f"{scheme}://{suggestion}/{rest.partition('/')[2]}"
    return f"{suggestion}://{address_parts(value)[1].lstrip('/') if scheme in ('http', 'https') else rest}"
