"""The few small files of Metadata: mappings of signals, the checklist and the description."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from collections.abc import Mapping as Counts
from typing import NamedTuple

from chorus_gui.core.readiness.findings import Finding

LARGEST = 1 << 22
COLUMNS = ("signal_id", "standardized_label", "sampling_rate", "units")
_OPEN_BOX = re.compile(r"^\s*[-*]\s*\[ \]", re.MULTILINE)
_PLACEHOLDER = re.compile(r"<[A-Za-z][^<>\n]{2,80}>")
_TAGS = re.compile(r"<(?:https?://|!--|/|br|p|b|i|table|tr|td|th|img|a |div|span|details|summary|sub|sup)", re.IGNORECASE)
_NUMBER = re.compile(r"[0-9]+(?:[.,'\u00a0\u202f][0-9]+)*")
_APART = re.compile(r"(?<![0-9.,])[0-9]{1,3}(?: [0-9]{3})+(?![0-9])")
"""Numbers, with marks or spaces between thousands."""
_THOUSANDS = re.compile(r"[0-9]{1,3}(?:[.,'\u00a0\u202f][0-9]{3})*|[0-9]+")
_SHIFT = re.compile(r"shift", re.IGNORECASE)
_IDENTIFIER = re.compile(r"(?<!\d)\d{3}-\d{2}-\d{4}(?!\d)|\b(?:MRN|medical record (?:no|number))\b\W{0,3}\d{4,}", re.IGNORECASE)


class Mapping(NamedTuple):
    """The signals of a mapping file (None: it cannot be read), and what is wrong with it."""

    signals: frozenset[str] | None
    findings: tuple[Finding, ...]


def check_mapping(path: str, data: bytes) -> Mapping:
    """A mapping file."""
    try:
        lines = list(csv.reader(io.StringIO(data.decode("utf-8-sig", "replace"), newline="")))
    except csv.Error:
        return Mapping(None, (Finding("M4", path, "it is not a table"),))
    names = [name.strip().lower() for name in lines[0]] if lines else []
    missing = [name for name in COLUMNS if name not in names]
    findings = [Finding("M4", path, name, 1) for name in missing]
    if "signal_id" not in names:
        return Mapping(None, tuple(findings))
    signals: set[str] = set()
    for number, line in enumerate(lines[1:], 2):
        if not any(line):
            continue
        cells = dict(zip(names, (cell.strip() for cell in line), strict=False))
        signals.add(cells.get("signal_id", ""))
        findings += _signal(path, number, cells)
    return Mapping(frozenset(signals), tuple(findings))


def _signal(path: str, number: int, cells: dict[str, str]) -> Iterator[Finding]:
    if not cells.get("standardized_label", "-"):
        yield Finding("M5", path, "a label is missing", number)
    try:
        rate = float(cells.get("sampling_rate", "1"))
    except ValueError:
        rate = 0.0
    if not rate > 0:
        yield Finding("M5", path, "a sampling rate is not a number above 0", number)


def check_counts(path: str, data: bytes, counts: Counts[str, int]) -> Iterator[Finding]:
    """SUBMISSION.md against the numbers of what is sent, by their names for people ("patients"): one finding with all of them if one is not in the text."""
    text = _text(data)
    found = [number for number in _NUMBER.findall(text) if _THOUSANDS.fullmatch(number)] + _APART.findall(text)
    named = {re.sub(r"[^0-9]", "", number) for number in found}
    if not named.issuperset(map(str, counts.values())):
        yield Finding("M9", path, ", ".join(f"{count:,} {_named(name, count)}" for name, count in counts.items()))


def _named(name: str, count: int) -> str:
    return name if count != 1 else name.replace("patients", "patient", 1) if name.startswith("patients") else name.removesuffix("s")


def _text(data: bytes) -> str:
    """As editors of Windows write it, too."""
    utf_16 = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    return data.decode("utf-16" if utf_16 else "utf-8-sig", "replace")


def check_description(path: str, name: str, data: bytes) -> Iterator[Finding]:
    """READINESS.md, SUBMISSION.md, and other texts."""
    text = _text(data)
    if name == "readiness.md" and (boxes := list(_OPEN_BOX.finditer(text))):
        yield Finding("M7", path, "", text.count("\n", 0, boxes[0].start()) + 1, len(boxes))
    if name == "submission.md":
        places = [found for found in _PLACEHOLDER.finditer(text) if not _TAGS.match(found[0])]
        if places:
            yield Finding("M8", path, "", text.count("\n", 0, places[0].start()) + 1, len(places))
        if not _SHIFT.search(text):
            yield Finding("M10", path)
    if found := _IDENTIFIER.search(text):
        yield Finding("M12", path, "", text.count("\n", 0, found.start()) + 1)
