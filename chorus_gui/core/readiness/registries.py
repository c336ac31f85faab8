"""Registries: tables with one line for each image or recording, which say where it came from and to which visit it belongs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator
from itertools import islice
from typing import NamedTuple

from chorus_gui.core.readiness.findings import Finding
from chorus_gui.core.readiness.omop import Header

COLUMNS = ("file_id", "proc_id", "person_id", "group_id", "visit_id", "datetime", "src_file", "trg_file")
KNOWN_BY = 5
"""A table with so many of these columns is a registry."""
BATCH = 5_000
OTHER_TIME = "another form"
_TIME = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}", re.ASCII)


class Known(NamedTuple):
    """The ids of tables; None: not known."""

    persons: Collection[str] | None = None
    visits: Collection[str] | None = None
    procedures: Collection[str] | None = None


def is_registry(header: Header) -> bool:
    """The columns are those of a registry."""
    return len(set(COLUMNS) & set(header.columns)) >= KNOWN_BY


def check_registry(path: str, header: Header, reader: Iterator[list[str]], known: Known) -> tuple[list[Finding], int]:
    """The findings of a registry whose header was read, and how many lines it has.  Raises as the csv reader."""
    columns = header.columns
    out = [Finding("K6", path, f"{name} is missing", 1) for name in COLUMNS if name not in columns]
    first: dict[str, int] = {}
    times: Counter[str] = Counter()
    links = [
        (columns.index(name), ids, f"{name} is not in {table}")
        for name, ids, table in (
            ("person_id", known.persons, "person"),
            ("visit_id", known.visits, "visit_occurrence"),
            ("proc_id", known.procedures, "procedure_occurrence"),
        )
        if name in columns and ids is not None
    ]
    when = columns.index("datetime") if "datetime" in columns else -1
    key = columns.index("file_id") if "file_id" in columns else -1
    seen: set[str] = set()
    lines = 0

    def add(about: str, line: int) -> None:
        first.setdefault(about, line)
        times[about] += 1

    while batch := list(islice(reader, BATCH)):
        rows = [cells for cells in batch if cells]
        for number, cells in enumerate(rows, lines + 2):
            if key >= 0 and len(cells) > key:
                value = cells[key].strip()
                if not value or value in seen:
                    add("file_id is not unique" if value else "file_id is empty", number)
                seen.add(value)
            if 0 <= when < len(cells) and (value := cells[when].strip()) and not _TIME.fullmatch(value):
                add(OTHER_TIME, number)
            for at, ids, about in links:
                if len(cells) > at and (value := cells[at].strip()) and value not in ids:
                    add(about, number)
        lines += len(rows)
    out += [Finding("K12" if about == OTHER_TIME else "K6", path, about, first[about], count) for about, count in times.items()]
    return out, lines


def of_images(path: str) -> bool:
    """By its name, the registry is the one of the images."""
    return "image" in path.rpartition("/")[2].lower()
