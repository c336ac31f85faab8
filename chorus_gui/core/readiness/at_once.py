"""What can be said right after a scan: the first line of each table, the patients of person.csv, and what is missing."""

from __future__ import annotations

import csv
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from chorus_gui.core.errors import SourceError, StoreError
from chorus_gui.core.job import JobContext
from chorus_gui.core.readiness import omop
from chorus_gui.core.readiness.findings import FileState, Finding, Unchecked
from chorus_gui.core.readiness.paths import Paths, Table
from chorus_gui.core.readiness.reading import read_range, table_lines
from chorus_gui.core.storage.base import Source

DESCRIPTIONS = (("M1", "readiness.md"), ("M2", "submission.md"))
MAPPINGS = {"Telemetry": "telemetry_mapping.csv", "EEG": "eeg_mapping.csv"}
TRIES = (SourceError, StoreError)
"""What reading one file of a site may raise, so that the others are still checked."""


@dataclass
class Beginning:
    """What the at-once pass learned: ``persons`` of person.csv (None: it could not be read), the headers of tables by their paths."""

    persons: set[str] | None = None
    headers: dict[str, omop.Header] = field(default_factory=dict[str, omop.Header])
    unchecked: list[Unchecked] = field(default_factory=list[Unchecked])
    read: int = 0


def check_beginning(paths: Paths, sources: Mapping[str, Source], modalities: Collection[str], ctx: JobContext) -> Beginning:
    """Check the first lines of tables, and what is missing.  Call it when the scan is done.  Raises :class:`Cancelled`."""
    begin = Beginning()
    if paths.tables:  # a source is asked for only if the scan could open it
        source = sources["OMOP"]
        for table in paths.tables:
            ctx.checkpoint()
            if table.size and "\0" not in table.path:
                _checked(begin, table.path, lambda table=table: _header(paths, begin, source, table))
        for table in paths.tables:
            if table.table == "person" and table.path in begin.headers:
                _checked(begin, table.path, lambda table=table: _persons(begin, source, table.path, ctx))
    missing(paths, modalities)
    if begin.persons is not None:
        linked(paths, begin.persons)
    return begin


def _checked(begin: Beginning, path: str, check: Callable[[], None]) -> None:
    try:
        check()
        begin.read += 1
    except TRIES as error:
        begin.unchecked.append(Unchecked(path, error.what))
    except csv.Error:
        begin.unchecked.append(Unchecked(path, "It is not a table."))


def _header(paths: Paths, begin: Beginning, source: Source, table: Table) -> None:
    data = read_range(source, table.path, omop.HEAD)
    for finding in omop.check_header(table.path, table.table, data):
        paths.found.add(finding, FileState("OMOP", table.path, table.size, table.mtime_us))
    if (header := omop.header_of(data)) is not None:
        begin.headers[table.path] = header


def _persons(begin: Beginning, source: Source, path: str, ctx: JobContext) -> None:
    header = begin.headers[path]
    if "person_id" not in header.columns:
        return
    at = header.columns.index("person_id")
    with table_lines(source, path, ctx, header.delimiter) as lines:
        next(lines, None)
        found = {line[at].strip() for line in lines if len(line) > at}
    begin.persons = (begin.persons or set()) | found


def missing(paths: Paths, modalities: Collection[str]) -> None:
    """Tables and descriptions that are not there."""
    found = paths.found
    if "OMOP" in modalities and "OMOP" in paths.has:
        there = {table.table for table in paths.tables}
        for name in omop.tables():
            if name not in there:
                found.add(Finding("O1", f"OMOP/{name}.csv", name))
    if "Metadata" not in modalities or "Waveforms" not in paths.has:
        return
    for rule, name in DESCRIPTIONS:
        if name not in paths.metadata:
            found.add(Finding(rule, f"Metadata/{name.upper().replace('.MD', '.md')}"))
    for layer in sorted(paths.layers):
        if MAPPINGS[layer] not in paths.metadata:
            found.add(Finding("M3", f"Metadata/{layer}_mapping.csv", layer))


def linked(paths: Paths, persons: set[str]) -> None:
    """Patients' folders against person.csv."""
    folders = {person for people in paths.patients.values() for person in people}
    for patient in sorted(folders - persons):
        paths.found.add(Finding("K1", patient))
    if folders:
        for _ in range(len(persons - folders)):
            paths.found.add(Finding("K2", ""))
