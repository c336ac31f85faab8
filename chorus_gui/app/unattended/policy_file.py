"""Read a submission policy from its TOML file: all of its problems at once, each with its key, its line, and how to write it."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, cast

from chorus_gui.app.unattended.policy import EVERY, NO_FILES, After, Amount, Policy, Share
from chorus_gui.core.config.keys import nearest
from chorus_gui.core.config.load import parse
from chorus_gui.core.config.reading import Findings, Tables, as_tables, key_lines, quote
from chorus_gui.core.errors import ConfigError, Fault, UsageError
from chorus_gui.core.model import MODALITIES
from chorus_gui.core.text_files import NotTextError, text_of
from chorus_gui.core.timetable import Rule as Hours
from chorus_gui.core.timetable import parse_hours

MAX_BYTES = 100_000
LARGEST = 10**15
LONGEST_NAME = 100

EXAMPLES = {
    "name": 'name = "Nightly submissions"',
    "modalities": 'modalities = ["OMOP", "Images"]',
    "pending": "pending = true",
    "problems": "problems = 0",
    "leaks": "leaks = 0",
    "patients_gone": "patients_gone = 0",
    "unmatched": "unmatched = 10",
    "possibly_not_data": "possibly_not_data = 0",
    "quiet_hours": 'quiet_hours = "workdays 8-18"',
    "deletions": "[deletions]",
    "updates": "[updates]",
    "upload": "[upload]",
    "after": "[after]",
    "files": "files = 100",
    "percent": "percent = 2",
    "bytes": 'bytes = "500 GB"',
    "allow_many": "allow_many = false",
    "verify": "verify = true",
    "reread": 'reread = "1 %"',
    "repair": "repair = true",
    "check_in": "check_in = true",
}
"""Every key, and how to write it."""
TOP = (
    "name",
    "modalities",
    "pending",
    "problems",
    "leaks",
    "patients_gone",
    "unmatched",
    "possibly_not_data",
    "quiet_hours",
    "deletions",
    "updates",
    "upload",
    "after",
)
TABLES = ("deletions", "updates", "upload", "after")
SHARES = ("files", "percent")
AMOUNTS = ("files", "bytes")
AFTER = ("verify", "reread", "repair", "check_in")

_SIZE = re.compile(r"\s*(\d{1,15}(?:[.,]\d{1,3})?)\s*(B|KB|MB|GB|TB)\s*", re.IGNORECASE)
_POWER = {"B": 0, "KB": 1, "MB": 2, "GB": 3, "TB": 4}
T = TypeVar("T")


def read_policy_file(file: Path) -> Policy:
    """The policy in a file.  Raises :class:`ConfigError` with all of its problems."""
    try:
        with file.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        why = "There is no policy" if isinstance(error, FileNotFoundError) else f"Could not read the policy ({error.strerror})"
        raise ConfigError(
            f"{why}: “{file}”.", meaning="Nothing was started.", remedy="Use --policy to name a TOML file that you are allowed to read."
        ) from error
    if len(data) > MAX_BYTES:
        raise _error(file, [Fault(file.name, "This is not a policy: it is too long.", "Name another file.")])
    try:
        text = text_of(data)
    except NotTextError as error:
        fault = Fault(file.name, f"The file cannot be read as text: {error}.", "Save it again with the encoding “UTF-8”.", line=error.line)
        raise _error(file, [fault]) from error
    try:
        tables = parse(text, file, what="policy")
    except ConfigError as error:
        raise _error(file, error.faults) from error
    findings = Findings(key_lines(text))
    policy = _policy(_Table("", tables, findings), file, hashlib.sha256(data).hexdigest())
    if findings.faults:
        raise _error(file, findings.in_order())
    return policy


def _error(file: Path, faults: Iterable[Fault]) -> ConfigError:
    listed = tuple(faults)
    count = "1 problem" if len(listed) == 1 else f"{len(listed)} problems"
    return ConfigError(
        f"The policy “{file.name}” has {count}.", listed, meaning="Nothing was started.", remedy="Fix what is listed here, in the file."
    )


@dataclass(frozen=True, slots=True)
class _Table:
    """A table of the file: its dotted name ("" for the file itself), what it has, and where its problems are noted."""

    name: str
    raw: Tables
    findings: Findings

    def check(self, known: Iterable[str]) -> None:
        """Note every key that is not ``known``."""
        names = list(known)
        for key in self.raw:
            if key not in names:
                near = nearest(key, names)
                example = f" Write for example “{EXAMPLES[near]}”." if near in EXAMPLES else ""
                where = f"The keys of [{self.name}] are" if self.name else "The keys of a policy are"
                self.findings.fault(self.dotted(key), "A policy has no such key.", f"{where} {', '.join(names)}.{example}", near)

    def dotted(self, key: str) -> str:
        """A key as the person finds it."""
        return f"{self.name}.{key}" if self.name else key

    def fault(self, key: str, problem: str, suggestion: str = "") -> None:
        """Note what is wrong with a value, and how to write it."""
        self.findings.fault(self.dotted(key), problem, f"Write for example “{EXAMPLES[key]}”.", suggestion)

    def get(self, key: str, read: Callable[[object], T | None], default: T, problem: str) -> T:
        """The value of a key; ``default`` if it is absent, or wrong and noted."""
        if key not in self.raw:
            return default
        value = read(self.raw[key])
        if value is None:
            self.fault(key, f"{_shown(self.raw[key])} is not {problem}.")
            return default
        return value

    def flag(self, key: str, *, default: bool) -> bool:
        """True or false."""
        return self.get(key, lambda value: value if isinstance(value, bool) else None, default, "true or false")

    def count(self, key: str, default: int | None = None) -> int | None:
        """A whole number from 0."""
        return self.get(key, _count, default, "a whole number from 0")

    def table(self, key: str) -> _Table:
        """A table in this one; empty if it is absent, or noted because it is something else."""
        value = self.raw.get(key)
        if value is not None and not isinstance(value, dict):
            self.findings.fault(self.dotted(key), f"{_shown(value)} is not a table.", f"Write “[{self.dotted(key)}]” on a line of its own.")
        return _Table(self.dotted(key), as_tables(self.raw.get(key)), self.findings)


def _policy(top: _Table, file: Path, sha256: str) -> Policy:
    top.check(TOP)
    modalities = top.get("modalities", _modalities, (), f"a list of modalities ({', '.join(MODALITIES)})")
    deletions = top.table("deletions")
    after = _after(top.table("after"))
    quiet, quiet_text = _quiet(top)
    upload = top.table("upload")
    shares = _by_modality(deletions, (*SHARES, "allow_many"), _a_share)
    amounts = _by_modality(upload, AMOUNTS, _an_amount)
    return Policy(
        name=top.get("name", _name, file.stem, f"a name on one line, of at most {LONGEST_NAME} characters"),
        sha256=sha256,
        modalities=modalities,
        pending=top.flag("pending", default=True),
        problems=top.count("problems", 0) or 0,
        leaks=top.count("leaks", 0) or 0,
        patients_gone=top.count("patients_gone", 0) or 0,
        unmatched=top.count("unmatched"),
        possibly_not_data=top.count("possibly_not_data"),
        deletions={EVERY: NO_FILES} | shares,
        allow_many=deletions.flag("allow_many", default=False),
        updates=_by_modality(top.table("updates"), SHARES, _a_share),
        total=amounts.pop(EVERY, Amount()),
        upload=amounts,
        quiet_hours=quiet,
        quiet_text=quiet_text,
        after=after,
    )


def _quiet(top: _Table) -> tuple[tuple[Hours, ...], str]:
    """The quiet hours, and the same as a person wrote them."""
    value = top.raw.get("quiet_hours")
    if value is None:
        return (), ""
    if not isinstance(value, str):
        top.fault("quiet_hours", f"{_shown(value)} is not a text.")
        return (), ""
    try:
        return parse_hours(value), " ".join(value.split())
    except UsageError as error:
        top.fault("quiet_hours", error.what)
        return (), ""


def _by_modality(table: _Table, known: tuple[str, ...], read: Callable[[_Table], T | None]) -> dict[str, T]:
    """What a table says for every modality, and its tables for single ones: [deletions.Images]."""
    table.check((*known, *MODALITIES))
    found: dict[str, T] = {}
    for modality in (EVERY, *(name for name in MODALITIES if name in table.raw)):
        below = table.table(modality) if modality else table
        if modality:
            below.check([key for key in known if key != "allow_many"])
        value = read(below)
        if value is not None:
            found[modality] = value
        elif modality and table.raw[modality] == {}:
            below.findings.fault(below.name, "The table is empty.", f"Write for example “{EXAMPLES['files']}” below it.")
    return found


def _a_share(table: _Table) -> Share | None:
    if not {"files", "percent"} & table.raw.keys():
        return None
    return Share(table.count("files"), table.get("percent", _percent, None, "a number from 0 to 100"))


def _an_amount(table: _Table) -> Amount | None:
    if not {"files", "bytes"} & table.raw.keys():
        return None
    return Amount(table.count("files"), table.get("bytes", _bytes, None, "a size"))


def _after(table: _Table) -> After:
    table.check(AFTER)
    verify, repair = table.flag("verify", default=False), table.flag("repair", default=False)
    reread = table.get("reread", _percent, 0.0, "a percentage from 0 to 100")
    for key, given in (("repair", repair), ("reread", bool(reread))):
        if given and not verify:
            table.findings.fault(table.dotted(key), "It needs a verification.", "Add “verify = true”.")
    return After(verify, (reread or 0.0) / 100, repair, table.flag("check_in", default=False))


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST else None


def _percent(value: object) -> float | None:
    if isinstance(value, str) and (found := re.fullmatch(r"\s*(\d{1,3}(?:[.,]\d{1,6})?)\s*%?\s*", value, re.ASCII)):
        value = float(found[1].replace(",", "."))
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 100 else None


def _bytes(value: object) -> int | None:
    if isinstance(value, str) and value.isascii() and (found := _SIZE.fullmatch(value)):
        value = round(float(found[1].replace(",", ".")) * 1000 ** _POWER[found[2].upper()])
    return _count(value)


def _name(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    text = value.strip()
    plain = all(unicodedata.category(char)[0] != "C" for char in text)
    return text if 0 < len(text) <= LONGEST_NAME and plain else None


def _modalities(value: object) -> tuple[str, ...] | None:
    """Known modalities, in their order.  An empty list would approve nothing, and is refused."""
    if not isinstance(value, list) or not value:
        return None
    names = cast("list[object]", value)  # pyright: ignore[reportUnknownMemberType]
    return tuple(name for name in MODALITIES if name in names) if all(name in MODALITIES for name in names) else None


def _shown(value: object) -> str:
    if isinstance(value, Mapping):
        return "A table"
    if isinstance(value, bool):
        return f"“{str(value).lower()}”"
    return quote(value)
