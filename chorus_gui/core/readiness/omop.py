"""The 13 tables: their names, their columns, and what the first lines of a file say."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import NamedTuple

from chorus_gui.core.folders import resource
from chorus_gui.core.readiness.findings import Finding

FIELDS = "rules/omop_cdm54_fields.csv"
HEAD = 1 << 16
"""Bytes in which a header must end."""
OTHERS = frozenset(
    [
        "specimen",
        "episode",
        "episode_event",
        "condition_era",
        "drug_era",
        "dose_era",
        "external_exposure",
        "provider",
        "care_site",
        "fact_relationship",
        "cdm_source",
        "metadata",
        "cost",
        "payer_plan_period",
        "cohort",
        "cohort_definition",
        "concept",
        "vocabulary",
    ]
)
"""Tables that are not among the 13, and that some pages or sites have."""
LANGUAGE_TOOL = ("matched_text", "matched_sentence")
MAP_COLUMNS = frozenset(("patientid", "days_shifted", "mrn", "medical_record_number", "ssn", "patient_mrn", "pat_mrn_id"))
PLACE_COLUMNS = frozenset(
    [
        "address",
        "address_1",
        "address_2",
        "address1",
        "address2",
        "street",
        "street_address",
        "city",
        "zip",
        "zip_code",
        "zipcode",
        "postal_code",
        "county",
        "latitude",
        "longitude",
        "lat",
        "lon",
        "lng",
        "census_tract",
        "census_block",
    ]
)
NOTE_COLUMNS = ("note_id", "note_type_concept_id", "note_class_concept_id", "person_id", "visit_occurrence_id", "visit_detail_id")
_EITHER_ORDER = frozenset(("discharged_to_source_value", "discharged_to_concept_id"))
"""Two columns of visit_detail that the centre has in the other order."""
_PART = re.compile(r"(note|note_nlp)[_-]?(?:part|chunk|file)?[_-]?\d+")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_ ]{0,62}")


class Column(NamedTuple):
    """A column of the Common Data Model."""

    name: str
    required: bool
    type: str


@cache
def tables() -> Mapping[str, tuple[Column, ...]]:
    """Table → its columns, in their order."""
    found: dict[str, list[Column]] = {}
    for line in csv.DictReader(resource(FIELDS).read_text("utf-8").splitlines()):
        found.setdefault(line["table"], []).append(Column(line["field"], line["required"] == "yes", line["type"]))
    return {name: tuple(columns) for name, columns in found.items()}


def table_of(name: str) -> str:
    """The table that a file's name means ("PERSON.csv", "visit-occurrence.csv", "measurement__2.csv"), or its stem in small letters."""
    stem = name.rpartition(".")[0] if "." in name else name
    return stem.lower().replace("-", "_").partition("__")[0]


def is_part(table: str) -> bool:
    """One of several files of a note table."""
    return _PART.fullmatch(table) is not None


class Header(NamedTuple):
    """The first line of a table: the names in small letters, without quotes and spaces, and the character between them."""

    columns: tuple[str, ...]
    delimiter: str
    size: int
    """bytes of the line, its end included"""


def header_of(data: bytes) -> Header | None:
    """The header in the first bytes of a file; None if the first line is not one."""
    text = data.removeprefix(b"\xef\xbb\xbf")
    try:
        decoded = text.decode("utf-8", "replace")
        delimiter = max(",\t|;", key=decoded.split("\n", 1)[0].count)
        names = next(csv.reader(io.StringIO(decoded, newline=""), delimiter=delimiter), list[str]())
    except csv.Error:
        return None
    columns = tuple(name.strip().strip('"').strip().lower() for name in names)
    if not columns or not all(_NAME.fullmatch(name) for name in columns):
        return None
    end = data.find(b"\n")
    return Header(columns, delimiter, len(data) if end < 0 else end + 1)


def check_header(path: str, table: str, data: bytes) -> Iterator[Finding]:
    """What the beginning of a table says about its columns."""
    if data.startswith(b"\xef\xbb\xbf"):
        yield Finding("O9", path, "a byte order mark")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in data[:200]:
        yield Finding("O9", path, "UTF-16")
        return
    header = header_of(data)
    if header is None:
        yield Finding("O2", path, "the first line is not a header", 1)
        return
    if header.delimiter != "," and len(header.columns) > 1:
        yield Finding("O2", path, {"\t": "tabs", "|": "bars", ";": "semicolons"}[header.delimiter] + " between columns", 1)
    yield from check_columns(path, header.columns)
    known = tables().get(table)
    if known is None:
        return
    there = set(header.columns)
    if not there & {column.name for column in known}:
        yield Finding("O2", path, "the first line is not a header", 1)
        return
    if len(there) < len(header.columns):
        yield Finding("O2", path, "a column is there twice", 1)
    for column in known:
        if column.required and column.name not in there and (table, column.name) != ("note", "note_text"):
            yield Finding("O4", path, f"{table}.{column.name}", 1)
    optional = sum(not column.required and column.name not in there for column in known)
    if optional:
        yield Finding("O4B", path, table, 1, optional)
    yield from _order(path, table, header.columns, [column.name for column in known])
    if table == "note":
        for name in NOTE_COLUMNS:
            if name not in there:
                yield Finding("N4", path, f"note.{name}", 1)


def check_columns(path: str, columns: Sequence[str]) -> Iterator[Finding]:
    """Columns that must not be in any file."""
    there = {name.replace(" ", "_") for name in columns}
    for name in LANGUAGE_TOOL:
        if name in there:
            yield Finding("N3", path, name, 1)
    for name in sorted(there & MAP_COLUMNS):
        yield Finding("P1", path, f"column {name}", 1)
    if there & PLACE_COLUMNS and "exposure" not in path.lower():
        for name in sorted(there & PLACE_COLUMNS):
            yield Finding("P3", path, f"column {name}", 1)


def _order(path: str, table: str, columns: Sequence[str], known: Sequence[str]) -> Iterator[Finding]:
    """Columns of the model that are in another order than the model's."""
    place = {name: number for number, name in enumerate(known)}
    mine = [name for name in columns if name in place]
    if table == "visit_detail" and set(mine) >= _EITHER_ORDER:
        first, second = sorted(mine.index(name) for name in _EITHER_ORDER)
        if second == first + 1:
            mine[first], mine[second] = sorted((mine[first], mine[second]), key=place.__getitem__)
    if mine != sorted(mine, key=place.__getitem__):
        yield Finding("O5", path, table, 1)
