"""What a submission to the consortium must look like, as data: ``resources/rules/chorus.toml``, or another version of it.

A rule says what must be, where that is said, how it is checked, and what to do.  How a rule is checked is in
:mod:`chorus_gui.core.readiness`.
"""

from __future__ import annotations

import difflib
import hashlib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from enum import Enum
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar, cast

from chorus_gui.core.errors import ConfigError, Fault, PatternError
from chorus_gui.core.exclude import Exclude
from chorus_gui.core.folders import resource
from chorus_gui.core.passes import Pass
from chorus_gui.core.text_files import NotTextError, text_of
from chorus_gui.core.untrusted import MalformedError, toml_tables

BUILT_IN = "rules/chorus.toml"
LARGEST = 2_000_000
"""bytes of a file of rules: the built-in one has 40,000"""
EVERYTHING = "all"
"""The modality of a rule that concerns all of them."""
_MODALITIES = (EVERYTHING, "OMOP", "Images", "Waveforms", "Metadata")


class Severity(Enum):
    """How bad a finding is; the worst first."""

    LEAK = "leak"
    """patient data that must not leave the hospital"""
    REJECTED = "rejected"
    """the central team cannot use it"""
    QUESTIONABLE = "questionable"
    """a person should look"""
    NOTE = "note"

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return list(Severity).index(self)


class RuleStatus(Enum):
    """How binding a rule is."""

    APPROVED = "approved"
    IN_USE = "in use"
    """a page without a status mark, which others refer to"""
    AWAITING = "awaiting approval"
    RECOMMENDED = "recommended"
    COMMON_SENSE = "common sense"


class Cost(Enum):
    """What must be read to check a rule."""

    PATH = "path"
    HEADER = "header"
    FULL = "full"


class Certainty(Enum):
    """What a finding means."""

    CERTAIN = "certain"
    LIKELY = "likely"
    HINT = "hint"


@dataclass(frozen=True, slots=True)
class RuleSource:
    """A page that a rule comes from."""

    key: str
    title: str
    date: date
    status: RuleStatus

    def __str__(self) -> str:
        return f"{self.title} ({self.date:%Y-%m-%d}, {self.status.value})"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.  ``first`` is the first pass that checks it; None: it is not checked, and ``left_out`` says why.

    ``names`` are patterns of names that a check looks for; what they mean depends on the rule.
    """

    id: str
    modality: str
    must: str
    sources: tuple[RuleSource, ...]
    status: RuleStatus
    cost: Cost
    certainty: Certainty
    severity: Severity
    first: Pass | None = None
    tell: str = ""
    left_out: str = ""
    names: Exclude = field(default_factory=Exclude)

    @property
    def blocks(self) -> bool:
        """A finding can stop a submission: patient data always can, other rules only if nobody has to approve them first."""
        return self.severity is Severity.LEAK or (self.severity is Severity.REJECTED and self.status is not RuleStatus.AWAITING)


@dataclass(frozen=True)
class RuleSet:
    """Rules of one version.  ``off`` are rules that this site switched off: id → reason."""

    version: str
    rules: Mapping[str, Rule]
    off: Mapping[str, str] = field(default_factory=dict[str, str])

    def active(self, id_: str) -> Rule | None:
        """The rule, if the set has it and the site did not switch it off."""
        return None if id_ in self.off else self.rules.get(id_)

    @property
    def stamp(self) -> str:
        """The same for the same rules: the version, the rules with their passes and names, and what is off.

        So a set with another rule has another stamp, also if nobody gave it another version.
        """
        rules = sorted((rule.id, rule.first.value if rule.first else "", rule.names.patterns) for rule in self.rules.values())
        digest = hashlib.sha256(repr(rules).encode()).hexdigest()[:16]
        return "|".join([self.version, digest, *sorted(self.off)])

    def without(self, off: Mapping[str, str]) -> RuleSet:
        """The same rules, with these switched off.  The caller has checked that they exist (:func:`unknown`)."""
        return replace(self, off=MappingProxyType(dict(off)))


def unknown(rules: RuleSet, ids: Sequence[str]) -> list[tuple[str, str]]:
    """Those of ``ids`` that the set does not have, each with the id that was probably meant, or ""."""
    by_lower = {id_.lower(): id_ for id_ in rules.rules}
    missing = [id_ for id_ in ids if id_ not in rules.rules]
    return [(id_, by_lower.get(id_.lower()) or next(iter(difflib.get_close_matches(id_, rules.rules, 1)), "")) for id_ in missing]


@cache
def built_in() -> RuleSet:
    """The rules that come with the program."""
    return parse(resource(BUILT_IN).read_text("utf-8"), BUILT_IN)


def read(file: Path) -> RuleSet:
    """The rules in a file.  Raises :class:`ConfigError` with every problem of the file."""
    try:
        data = file.read_bytes()
        if len(data) > LARGEST:
            raise _error(str(file), [Fault(file.name, f"The file is larger than {LARGEST // 1_000_000} MB.", "Use a file of rules.")])
        text = text_of(data)
    except OSError as error:
        missing = f"Could not read the file of rules “{file}”: {error.strerror or error}."
        raise ConfigError(missing, remedy="Check the path, or remove “rules” to use the rules of the program.") from error
    except NotTextError as error:
        raise _error(str(file), [Fault(file.name, "The file is not a text.", "Use a file of rules.")]) from error
    return parse(text, str(file))


def parse(text: str, name: str) -> RuleSet:
    """The rules of a TOML text; ``name`` is the file's, for messages.  Raises :class:`ConfigError` with every problem."""
    try:
        tables = toml_tables(text)
    except tomllib.TOMLDecodeError as error:
        raise _error(name, [Fault(name, f"The file is not valid TOML: {error}.", "Correct the line.")]) from error
    except MalformedError as error:
        raise _error(name, [Fault(name, "The file is not valid TOML.", "Use a file of rules.")]) from error
    reading = _Reading([])
    version = reading.text(tables, "version", "", required=True)
    reading.only(tables, "", ("version", "source", "rule"))
    sources: dict[str, RuleSource] = {}
    for key, table in reading.table(tables.get("source"), "source").items():
        where = f"source.{key}"
        fields = reading.table(table, where)
        reading.only(fields, where, ("title", "date", "status"))
        day = fields.get("date")
        if type(day) is not date:
            reading.fault(f"{where}.date", "The date is missing, or is not a date.", "Write it without quotes, for example 2026-11-26.")
            day = date.min
        title, status = reading.text(fields, "title", where, required=True), reading.choice(fields, "status", where, RuleStatus)
        sources[key] = RuleSource(key, title, day, status)
    rules: dict[str, Rule] = {}
    listed = tables.get("rule")
    if not isinstance(listed, list) or not listed:
        reading.fault("rule", "The file has no rules.", "Write each rule below a line [[rule]].")
        listed = []
    for number, table in enumerate(cast("list[object]", listed), 1):
        rule = reading.rule(reading.table(table, f"rule {number}"), number, sources)
        if rule.id in rules:
            reading.fault(f"rule {number}", f"The rule “{rule.id}” is in the file twice.", "Remove one of them.")
        rules[rule.id] = rule
    if reading.faults:
        raise _error(name, reading.faults)
    return RuleSet(version, MappingProxyType(rules))


def _error(name: str, faults: Sequence[Fault]) -> ConfigError:
    return ConfigError(f"The file of rules “{name}” cannot be used.", faults=tuple(faults))


E_ = TypeVar("E_", bound=Enum)
_ID_CHARS = 64
_FIELDS = (
    "id", "modality", "must", "sources", "status", "cost", "certainty", "severity", "pass", "tell", "left_out", "names",
)  # fmt: skip


@dataclass(frozen=True)
class _Reading:
    """Gathers what is wrong."""

    faults: list[Fault]

    def fault(self, where: str, problem: str, remedy: str = "", suggestion: str = "") -> None:
        self.faults.append(Fault(where, problem, remedy, suggestion))

    def table(self, value: object, where: str) -> Mapping[str, object]:
        if isinstance(value, dict):
            return cast("Mapping[str, object]", value)
        self.fault(where, "This is not a table.", f"Write [{where}] on its own line, and its keys below.")
        return {}

    def only(self, table: Mapping[str, object], where: str, known: Sequence[str]) -> None:
        for key in table:
            if key not in known:
                meant = next(iter(difflib.get_close_matches(key, known, 1)), "")
                self.fault(f"{where}.{key}" if where else key, "The key is unknown.", f"Use {', '.join(known)}.", meant)

    def text(self, table: Mapping[str, object], key: str, where: str, *, required: bool = False) -> str:
        value = table.get(key, "")
        if not isinstance(value, str) or (required and not value.strip()) or any(ord(char) < 32 for char in str(value)):
            self.fault(f"{where}.{key}" if where else key, "The text is missing, or is not a text of one line.", "Put it in quotes.")
            return ""
        return value.strip()

    def texts(self, table: Mapping[str, object], key: str, where: str) -> tuple[str, ...]:
        value = table.get(key, [])
        if not isinstance(value, list) or not all(isinstance(one, str) for one in cast("list[object]", value)):
            self.fault(f"{where}.{key}", "This is not a list of texts.", 'Write for example ["UP", "IMG"].')
            return ()
        return tuple(cast("list[str]", value))

    def choice(self, table: Mapping[str, object], key: str, where: str, kind: type[E_]) -> E_:
        value, choices = table.get(key), [str(one.value) for one in kind]
        if value in choices:
            return kind(value)
        meant = next(iter(difflib.get_close_matches(str(value), choices, 1)), "")
        self.fault(f"{where}.{key}", "The value is missing, or is not a valid one.", f"Use {', '.join(choices)}.", meant)
        return next(iter(kind))

    def rule(self, table: Mapping[str, object], number: int, known: Mapping[str, RuleSource]) -> Rule:
        id_ = self.text(table, "id", f"rule {number}", required=True)
        where = f"rule {id_ or number}"
        if len(id_) > _ID_CHARS or not (id_.isascii() and id_.isprintable()):  # it is in lists that computers share
            self.fault(f"{where}.id", "The ID is too long, or has other characters than ASCII.", "Write for example X1.")
        self.only(table, where, _FIELDS)
        modality = self.text(table, "modality", where, required=True)
        if modality and modality not in _MODALITIES:
            self.fault(f"{where}.modality", f"“{modality}” is not a modality.", f"Use {', '.join(_MODALITIES)}.")
        keys = self.texts(table, "sources", where)
        if not keys or any(key not in known for key in keys):
            self.fault(
                f"{where}.sources", "A source is missing, or is not in the file.", "Name sources that the file has as [source.NAME]."
            )
        first = self.choice(table, "pass", where, Pass) if "pass" in table else None
        tell, left_out = (
            self.text(table, "tell", where, required=first is not None),
            self.text(table, "left_out", where, required=first is None),
        )
        if first and left_out:
            self.fault(f"{where}.left_out", "A rule that is checked is not left out.", "Remove “left_out” or “pass”.")
        try:
            names = Exclude.parse(self.texts(table, "names", where))
        except PatternError as error:
            self.fault(f"{where}.names", error.summary, error.remedy)
            names = Exclude()
        return Rule(
            id_,
            modality,
            self.text(table, "must", where, required=True),
            tuple(known[key] for key in keys if key in known),
            self.choice(table, "status", where, RuleStatus),
            self.choice(table, "cost", where, Cost),
            self.choice(table, "certainty", where, Certainty),
            self.choice(table, "severity", where, Severity),
            first,
            tell,
            left_out,
            names,
        )
