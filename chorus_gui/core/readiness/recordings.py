"""The recordings of one session folder: WFDB headers against their signal files, and headers of EDF.

WFDB headers are read by hand (header(5) of the format): the usual package would bring 30 others along.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import date
from typing import NamedTuple

from chorus_gui.core.readiness.findings import Finding

LONGEST_HEADER = 1 << 20
_EDF_HEAD = 256
_BITS = {8: 8, 80: 8, 16: 16, 61: 16, 160: 16, 24: 24, 32: 32, 212: 12}
_COMPRESSED = frozenset((508, 516, 524))
_ALLOWED = 3
"""Bytes that a signal file may be longer or shorter."""
_FORMAT = re.compile(r"(\d+)(?:x(\d+))?(?::(\d+))?(?:\+(\d+))?")
_NAMING = re.compile(
    r"#\s*<?\s*(?:patient[ _]?)?(name|mrn|medical record|location|dob|date of birth|birth|address|physician|bed|hospital|ssn|phone)\b[^:>=]*[:>=]+\s*(\S.*)",
    re.IGNORECASE,
)
_NOBODY = re.compile(r"x+|unknown|anon\w*|none|n/?a|-+|removed|redacted|\?", re.IGNORECASE)
_WITHHELD = re.compile(r"[XMFU]|\d{1,2}-[A-Z]{3}-\d{2,4}", re.IGNORECASE)
"""Fields of a patient that name nobody: nothing, a sex, a date (which is shifted)."""
_PARSE = (ValueError, IndexError, OverflowError)


class Record(NamedTuple):
    """A parsed header.  ``segments`` are (name, samples); ``signals`` (file, format, samples per frame, offset, label)."""

    name: str
    rate: float
    samples: int | None
    has_time: bool
    day: int
    """the date as an ordinal, 0 if there is none"""
    segments: tuple[tuple[str, int], ...]
    signals: tuple[tuple[str, int, int, int, str], ...]
    promised: int


def parse(text: str) -> Record | None:
    """The header; None if it is not one."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    try:
        return _parse(lines)
    except _PARSE:
        return None


def _parse(lines: list[str]) -> Record | None:
    if not lines:
        return None
    first = lines[0].split()
    name, _, count = first[0].partition("/")
    signals = int(first[1])
    rate = float(re.split(r"[/(]", first[2])[0]) if len(first) > 2 else 250.0
    samples = int(first[3]) if len(first) > 3 else None
    has_time = len(first) > 4 and re.fullmatch(r"\d{1,2}(?::\d{1,2}){0,2}(?:\.\d+)?", first[4]) is not None
    day = _day(first[5]) if len(first) > 5 else 0
    if count:
        parts = [line.split() for line in lines[1 : int(count) + 1]]
        segments = tuple((part[0], int(part[1])) for part in parts)
        return Record(name, rate, samples, has_time, day, segments, (), int(count))
    found = tuple(_signal(line) for line in lines[1 : signals + 1])
    return Record(name, rate, samples, has_time, day, (), found, signals)


def _day(text: str) -> int:
    """ "D/M/YYYY" as an ordinal."""
    try:
        day, month, year = (int(part) for part in text.split("/"))
        return date(year, month, day).toordinal()
    except ValueError:
        return 0


def _signal(line: str) -> tuple[str, int, int, int, str]:
    fields = line.split(maxsplit=8)
    form = _FORMAT.fullmatch(fields[1])
    if form is None:
        raise ValueError("a format")
    return fields[0], int(form[1]), int(form[2] or 1), int(form[4] or 0), fields[8] if len(fields) > 8 else ""


class Session(NamedTuple):
    """A folder of recordings: name → size, and the labels of the mapping file (None: there is none)."""

    folder: str
    patient: str
    sizes: Mapping[str, int]
    labels: frozenset[str] | None


def check_session(session: Session, read: Callable[[str, int], bytes]) -> tuple[list[Finding], int]:
    """Check every header of a folder: what is wrong, and the day of the recording as an ordinal (0: not known).

    ``read(name, n)`` gives the first ``n`` bytes of a file; what it raises ends the check.
    """
    days: list[int] = []
    return list(_check(session, read, days)), min(days, default=0)


def _check(session: Session, read: Callable[[str, int], bytes], days: list[int]) -> Iterator[Finding]:
    used: set[str] = set()
    segments: set[str] = set()
    headers = [name for name in session.sizes if name.lower().endswith(".hea")]
    parsed: dict[str, Record | None] = {}
    for name in headers:
        text = read(name, LONGEST_HEADER).decode("latin-1")
        parsed[name] = parse(text)
        yield from _comments(session, name, text)
    for record in parsed.values():
        if record is not None:
            segments |= {f"{part}.hea" for part, _ in record.segments}
            days += [record.day] if record.day else []
    for name, record in parsed.items():
        path = _path(session, name)
        if record is None:
            yield Finding("W8", path, "the header cannot be read")
            continue
        yield from _record(session, name, record, used, is_part=name in segments)
    if headers:
        for name in session.sizes:
            if name.lower().endswith(".dat") and name not in used:
                yield Finding("W8", _path(session, name), "no header names this signal file")
    for name in session.sizes:
        if name.lower().endswith((".edf", ".bdf")):
            yield from _edf(session, name, read(name, _EDF_HEAD))


def _path(session: Session, name: str) -> str:
    return f"{session.folder}/{name}" if session.folder else name


def _record(session: Session, name: str, record: Record, used: set[str], *, is_part: bool) -> Iterator[Finding]:
    path, sizes = _path(session, name), session.sizes
    if record.name != name[: -len(".hea")]:
        yield Finding("W8", path, "the record has another name than its file")
    if record.samples == 0 and not name.lower().endswith("_layout.hea"):
        yield Finding("W8", path, "it has no samples")
    if record.rate <= 0:
        yield Finding("W8", path, "its sampling rate is not above 0")
    if not is_part and not (record.has_time and record.day):
        yield Finding("W9", path)
    if len(record.segments or record.signals) < record.promised:
        yield Finding("W8", path, "it has fewer lines than it says")
    for part, _ in record.segments:
        if part != "~" and f"{part}.hea" not in sizes:
            yield Finding("W8", path, "the header of a segment is missing")
    if record.segments and record.samples is not None and sum(count for _, count in record.segments) != record.samples:
        yield Finding("W8", path, "its segments have another number of samples")
    yield from _signals(session, name, record, used)


def _signals(session: Session, name: str, record: Record, used: set[str]) -> Iterator[Finding]:
    path, sizes = _path(session, name), session.sizes
    files: dict[str, list[tuple[int, int, int]]] = {}
    for file, form, frames, offset, label in record.signals:
        if session.labels is not None and label and label not in session.labels:
            yield Finding("M6", path)
        if file != "~":
            files.setdefault(file, []).append((form, frames, offset))
    for file, parts in files.items():
        used.add(file)
        if "/" in file or "\\" in file:
            yield Finding("W8", path, "a signal file with a folder in its name")
        elif file not in sizes:
            yield Finding("W8", path, "a signal file is missing")
        elif not sizes[file]:
            yield Finding("W8", _path(session, file), "the signal file is empty")
        else:
            expected = _bytes(parts, record.samples)
            if expected is not None and sizes[file] < expected - _ALLOWED:
                yield Finding("W8", _path(session, file), "the signal file is shorter than its header says")
            elif expected is not None and sizes[file] > expected + _ALLOWED:
                yield Finding("W8", _path(session, file), "the signal file is longer than its header says")


def _bytes(parts: Collection[tuple[int, int, int]], samples: int | None) -> int | None:
    """The size that a signal file must have; None if it cannot be known."""
    forms = {form for form, _, _ in parts}
    if samples is None or samples <= 0 or len(forms) != 1 or forms & _COMPRESSED:
        return None
    (form,) = forms
    values = samples * sum(frames for _, frames, _ in parts)
    offset = max(offset for _, _, offset in parts)
    if form in (310, 311):
        return offset + (values * 4 + 2) // 3
    return offset + (values * _BITS[form] + 7) // 8 if form in _BITS else None


def _comments(session: Session, name: str, text: str) -> Iterator[Finding]:
    """Comments that name somebody."""
    for number, line in enumerate(text.splitlines(), 1):
        found = _NAMING.search(line) if line.lstrip().startswith("#") else None
        if found and not _NOBODY.fullmatch(found[2].strip()) and found[2].strip() != session.patient:
            yield Finding("W7", _path(session, name), "a comment", number)


def _edf(session: Session, name: str, head: bytes) -> Iterator[Finding]:
    """The patient field of EDF and BDF: bytes 8 to 88, in which X means that it is withheld."""
    path = _path(session, name)
    if len(head) < _EDF_HEAD:
        yield Finding("W8", path, "the EDF header is incomplete")
        return
    patient = head[8:88].decode("latin-1").strip()
    words = [word for word in patient.split() if not _WITHHELD.fullmatch(word) and word != session.patient]
    if words and not (len(words) == 1 and _NOBODY.fullmatch(words[0])):
        yield Finding("W7", path, "the patient field of EDF")
