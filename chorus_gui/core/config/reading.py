"""Reading values out of the file's tables: each with its key, its line, and what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar, cast

from chorus_gui.core.config.keys import DEFAULT, KEYS, Key, Kind, nearest
from chorus_gui.core.config.model import Layout
from chorus_gui.core.errors import Fault
from chorus_gui.core.model import MODALITIES
from chorus_gui.core.redact import redact

T = TypeVar("T")
Tables = Mapping[str, object]
LARGEST = 1_000_000
"""No key of a configuration means a larger number."""

_NAME = r"(?:[\w-]+|\"[^\"]*\"|'[^']*')"
_DOTTED = rf"{_NAME}(?:\s*\.\s*{_NAME})*"
_HEADER = re.compile(rf"\s*\[\[?\s*({_DOTTED})\s*\]")
_ASSIGNMENT = re.compile(rf"\s*({_DOTTED})\s*=\s*(\"\"\"|''')?")
_ESCAPES = {"\b": "b", "\t": "t", "\n": "n", "\f": "f", "\r": "r", "\x1b": "e"}


def as_tables(value: object) -> Tables:
    """The value as a table; an empty one if it is none."""
    return cast("Tables", value) if isinstance(value, dict) else {}


def key_lines(text: str) -> dict[str, int]:
    """The line, from 1, of every table header and every key of a valid TOML text (keys inside inline tables excepted)."""
    lines: dict[str, int] = {}
    table = ""
    closing = ""
    for number, line in enumerate(text.splitlines(), 1):
        if closing:
            if closing in line:
                closing = ""
            continue
        if header := _HEADER.match(line):
            table = _dotted(header.group(1))
            lines.setdefault(table, number)
        elif assignment := _ASSIGNMENT.match(line):
            name = _dotted(assignment.group(1))
            lines.setdefault(f"{table}.{name}" if table else name, number)
            quotes = assignment.group(2)
            if quotes and quotes not in line[assignment.end() :]:
                closing = quotes
    return lines


def _dotted(text: str) -> str:
    return ".".join(part.strip("\"'") for part in re.findall(_NAME, text))


def quote(value: object) -> str:
    """A value of the file for a message: short, and without secrets."""
    text = redact(str(value)).strip()
    return f"“{text if len(text) <= 80 else text[:77] + '…'}”"


@dataclass
class Findings:
    """Faults and warnings while they are gathered."""

    lines: Mapping[str, int]
    faults: list[Fault] = field(default_factory=list[Fault])
    warnings: list[str] = field(default_factory=list[str])

    def line(self, key: str) -> int:
        """The line of the key, or of the table that should hold it; 0 if the file has neither."""
        if key not in self.lines and (inside := [line for name, line in self.lines.items() if name.startswith(f"{key}.")]):
            return min(inside)  # a table without a header of its own
        while key and key not in self.lines:
            key = key.rpartition(".")[0]
        return self.lines.get(key, 0)

    def fault(self, key: str, problem: str, remedy: str = "", suggestion: str = "", *, belongs: str = "") -> None:
        """Note what is wrong; the same thing is noted once."""
        fault = Fault(key, problem, remedy, suggestion, self.line(key), belongs)
        if fault not in self.faults:
            self.faults.append(fault)

    def missing(self, key: str, problem: str, remedy: str) -> None:
        """Note that the file lacks a key, unless another fault says that it is in a wrong place, or misspelled."""
        if all(fault.belongs != key for fault in self.faults):
            self.fault(key, problem, remedy)

    def warn(self, key: str, sentence: str, suggestion: str = "") -> None:
        """Note what works, but perhaps not as it is meant."""
        warning = str(Fault(key, sentence, "", suggestion, self.line(key)))
        if warning not in self.warnings:
            self.warnings.append(warning)

    def in_order(self) -> list[Fault]:
        """The faults in the order of the file; what the file does not have at all comes last."""
        return sorted(self.faults, key=lambda fault: (fault.line == 0, fault.line))


@dataclass(frozen=True)
class Value:
    """What the file says for one key.  ``raw`` None: nothing (TOML has no null)."""

    key: Key
    dotted: str
    raw: object
    findings: Findings

    @property
    def given(self) -> bool:
        """The file has the key, and not as a text that is empty or has only spaces."""
        return self.raw is not None and not (isinstance(self.raw, str) and not self.raw.strip())

    def fault(self, problem: str, remedy: str = "", suggestion: str = "") -> None:
        """Note a fault of this key."""
        self.findings.fault(self.dotted, problem, remedy, suggestion)

    def missing(self, problem: str, remedy: str) -> None:
        """Note that this key is missing."""
        self.findings.missing(self.dotted, problem, remedy)

    def warn(self, sentence: str) -> None:
        """Note a warning about this key."""
        self.findings.warn(self.dotted, sentence)

    def text(self) -> str:
        """The text without spaces around it; "" if absent or not a text (a fault)."""
        if self.raw is None:
            return ""
        if not isinstance(self.raw, str):
            if isinstance(self.raw, (list, dict)):
                self.fault("The value is a list or a table, not a text.", "Write one text in quotes, without brackets.")
            else:
                self.fault("The value is not a text.", "Put it in quotes.")
            return ""
        text = self.raw.strip() if self.key.kind is Kind.SECRET else self.raw.strip(" ")
        if any(ord(char) < 32 or ord(char) == 127 for char in text):
            self._control_characters(text)
        return text

    def texts(self) -> tuple[str, ...]:
        """A list of texts, or the parts of one text between its commas; without spaces around them, none empty."""
        if isinstance(self.raw, list):
            found = cast("list[object]", self.raw)  # pyright: ignore[reportUnknownMemberType]
            if not all(isinstance(one, str) for one in found):
                self.fault("The list has something that is not a text.", 'Write for example [".DS_Store", "*.tmp"].')
                return ()
            return tuple(text for one in found if (text := str(one).strip()))
        return tuple(part for piece in self.text().split(",") if (part := piece.strip()))

    def number(self, default: int) -> int:
        """The whole number from 1."""
        if self.raw is None:
            return default
        if not isinstance(self.raw, int) or isinstance(self.raw, bool):
            self.fault("The value is not a whole number.", f"Write it without quotes, for example {default}.")
            return default
        if self.raw < 1:
            self.fault(f"{self.raw} is too small.", f"Write 1 or more, for example {default}.")
            return default
        if self.raw > LARGEST:
            self.fault(f"The number is too large; the largest is {LARGEST:,}.", f"Write a smaller one, for example {default}.")
            return default
        return self.raw

    def flag(self) -> bool:
        """True or false; false if absent."""
        if self.raw is None or isinstance(self.raw, bool):
            return bool(self.raw)
        self.fault("The value is neither true nor false.", "Write true or false, without quotes.")
        return False

    def choice(self, choices: Mapping[str, T], default: T) -> T:
        """One of the choices, spelled exactly."""
        text = self.text()
        if not text:
            return default
        if text not in choices:
            self.fault(
                f"{quote(text)} is not a valid value.",
                "Use " + " or ".join(f"“{choice}”" for choice in choices) + ".",
                nearest(text, choices),
            )
            return default
        return choices[text]

    def _control_characters(self, text: str) -> None:
        if self.key.kind is Kind.SECRET:
            self.fault("The value contains a line break or a tab.", "Paste it again, on one line.")
            return
        meant = re.sub(r"[\x00-\x1f\x7f]", lambda found: "/" + _ESCAPES.get(found[0], ""), text).replace("\\", "/")
        self.fault(
            "In double quotes, a backslash and the letter after it are read as a control character.",
            "Write “/” between folders, or put the path in single quotes.",
            redact(meant),
        )


@dataclass(frozen=True)
class Reading:
    """A parsed file and its layout: look values up by meaning."""

    raw: Tables
    layout: Layout
    findings: Findings

    def value(self, meaning: str, modality: str = DEFAULT) -> Value:
        """What the file says for a meaning (see :data:`~chorus_gui.core.config.keys.KEYS`); site keys for a modality.

        A modality's table in ``site_path`` replaces the default's whole in a flat file, and is merged over it in a nested
        one (its ``auth`` table whole, so that credentials of two places never mix).
        """
        key = KEYS[meaning]
        candidates = [
            value for name in self._site_tables(meaning, modality) for value in self._spellings(key, key.dotted(self.layout, name))
        ]
        return next((value for value in candidates if value.raw is not None), candidates[0])

    def table(self, dotted: str) -> Tables:
        """A table by its dotted name; empty if the file has none."""
        table = self.raw
        for name in dotted.split("."):
            table = as_tables(table.get(name))
        return table

    def _site_tables(self, meaning: str, modality: str) -> tuple[str, ...]:
        if not meaning.startswith("site.") or modality == DEFAULT:
            return (modality,)
        own = as_tables(self.table("site_path").get(modality))
        if self.layout is Layout.FLAT:
            return (modality,) if own else (DEFAULT,)
        if ".auth." in KEYS[meaning].nested and "auth" in own:
            return (modality,)
        return (modality, DEFAULT)

    def _spellings(self, key: Key, dotted: str) -> Iterator[Value]:
        table, _, name = dotted.rpartition(".")
        for spelling in (name, *key.aliases):
            yield Value(key, f"{table}.{spelling}", self.table(table).get(spelling), self.findings)


def detect_layout(raw: Tables) -> Layout:
    """Which layout a file is written in: nested if it has any of the tables and keys that only that one has.

    A generation between the two kept the flat tables and added patterns to ``site_path``; its files are flat.  The mode below ``[journal]``
    alone does not make a file nested that has the journal's path there: it is the mode that is in a wrong place.
    """
    journal, central, sites = (as_tables(raw.get(name)) for name in ("journal", "central_path", "site_path"))
    nested = (
        isinstance(journal.get("source"), dict)
        or isinstance(journal.get("local"), dict)
        or ("journaling_mode" in journal and not isinstance(journal.get("path"), str))
        or isinstance(central.get("auth"), dict)
        or any(isinstance(as_tables(sites.get(name)).get("auth"), dict) for name in (DEFAULT, *MODALITIES))
    )
    return Layout.NESTED if nested else Layout.FLAT
