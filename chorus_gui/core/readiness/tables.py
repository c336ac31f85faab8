"""One table: the form of its bytes, and its cells against the model and the other tables."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from typing import Any

from chorus_gui.core.readiness import cells, omop
from chorus_gui.core.readiness.cells import Add
from chorus_gui.core.readiness.findings import Finding

BATCH = 2_000
END = 1 << 16
"""Bytes at the end of a table that are looked at."""
IMAGE_CONCEPT, WAVEFORM_CONCEPT = "4180938", "4141651"
_DASHES = re.compile(r"\s*-{2,}[\s,|;-]*")
_AFFECTED = re.compile(
    rb"\(\s*\d[\d,. ]*\s+rows?\s*(?:affected|selected)?\s*\)|^\s*\d[\d,. ]*\s+rows?\s+(?:selected|affected|exported)\.?\s*$",
    re.IGNORECASE | re.MULTILINE,
)
_TEXT_COLUMNS = re.compile(r".*_source_value|value_as_string|note_title|sig|stop_reason|lot_number|term_modifiers")
_PAIRS = (("visit_start_date", "visit_end_date"), ("visit_detail_start_date", "visit_detail_end_date"), ("observation_period_start_date", "observation_period_end_date"),
          ("condition_start_date", "condition_end_date"), ("drug_exposure_start_date", "drug_exposure_end_date"), ("device_exposure_start_date", "device_exposure_end_date"),
          ("procedure_date", "procedure_end_date"))  # fmt: skip
_KEYED = frozenset(
    ("person", "visit_occurrence", "visit_detail", "observation_period", "note", "condition_occurrence", "procedure_occurrence", "death")
)


@dataclass
class World:
    """What is known of other tables: ids of persons, visits and notes (None: not known), and the stays of each person (ordinals of days)."""

    persons: set[str] | None = None
    visits: set[str] | None = None
    notes: set[str] | None = None
    stays: dict[str, list[tuple[int, int]]] = field(default_factory=dict[str, list[tuple[int, int]]])
    procedures: set[str] = field(default_factory=set[str])
    """of the concepts for images and waveforms, those that procedure_occurrence has"""


class Form:
    """The bytes of a table as they pass: UTF-8, zero bytes, lone carriage returns."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self.encoding = self.zero = self.returns = False
        self._pending = False

    def feed(self, block: bytes) -> None:
        """The next bytes."""
        if not self.encoding and not (block.isascii() and not self._decoder.getstate()[0]):
            try:
                self._decoder.decode(block)
            except UnicodeDecodeError:
                self.encoding = True
        self.zero = self.zero or b"\0" in block
        if self._pending and not block.startswith(b"\n"):
            self.returns = True
        if b"\r" in block:
            lone = block.count(b"\r") - block.count(b"\r\n") - block.endswith(b"\r")
            self.returns = self.returns or lone > 0
        self._pending = block.endswith(b"\r")

    def findings(self, path: str) -> Iterator[Finding]:
        """What was wrong."""
        for wrong, about in (
            (self.encoding, "not UTF-8"),
            (self.zero, "NUL bytes"),
            (self.returns, "a carriage return without a line feed"),
        ):
            if wrong:
                yield Finding("O9", path, about)


class TableCheck:
    """Checks the cells of one table.  :meth:`read` takes a csv reader; :attr:`findings` has one finding for each rule and column."""

    def __init__(self, path: str, table: str, header: omop.Header, world: World, *, linked: bool) -> None:
        """``linked``: ids are compared with ``world``, and keys are remembered."""
        self.path = path
        self._table = table
        self._columns = header.columns
        self._world = world
        self._linked = linked
        self._found: dict[tuple[str, str], tuple[int, int]] = {}
        self._checks = [(at, check) for at, name in enumerate(header.columns) for check in self._of_column(name)]
        self._pairs = [
            (header.columns.index(a), header.columns.index(b), f"{a}, {b}")
            for a, b in _PAIRS
            if a in header.columns and b in header.columns
        ]
        self._filled: set[str] = set()
        self._wanted = self._wanted_columns()
        self.lines = 0

    @property
    def findings(self) -> list[Finding]:
        """What was found so far."""
        return [Finding(rule, self.path, about, line, times) for (rule, about), (line, times) in self._found.items()]

    def _of_column(self, name: str) -> Iterator[Callable[[Sequence[str], Add], None]]:
        table = self._table
        known = next((column for column in omop.tables().get(table, ()) if column.name == name), None)
        about = f"{table}.{name}"
        if table in omop.tables() and known is None:
            return  # a column of the site's own: its name is not shown
        if (table, name) == ("note", "note_text"):
            yield cells.Silent(about, "N1")
            return
        if table == "note_nlp" and name in ("snippet", "lexical_variant"):
            yield cells.Silent(about, "N2")
            return
        if known is not None:
            yield from self._of_model(about, known)
        if name in ("note_title", "note_source_value", "term_modifiers"):
            yield cells.Codes(about, 250 if name != "note_source_value" else 50)
        if _TEXT_COLUMNS.fullmatch(name) and known is not None:
            yield cells.Identifiers(about)
        if name in ("unique_device_id", "production_id") and table == "device_exposure":
            yield cells.Never(about, "P8")
        if self._linked:
            yield from self._of_links(about, name)

    def _of_model(self, about: str, column: omop.Column) -> Iterator[Callable[[Sequence[str], Add], None]]:
        if column.required:
            yield cells.Filled(about)
        if column.type == "integer":
            yield cells.Integers(about, required=column.required)
        elif column.type in ("date", "datetime"):
            yield cells.Dates(about, times=column.type == "datetime", required=column.required)
        else:
            yield cells.Words(about, required=column.required)

    def _of_links(self, about: str, name: str) -> Iterator[Callable[[Sequence[str], Add], None]]:
        world, table = self._world, self._table
        if name == "person_id" and table != "person" and world.persons is not None:
            yield cells.Known(about, "O14", world.persons)
        if name == "visit_occurrence_id" and table != "visit_occurrence" and world.visits is not None:
            yield cells.Known(about, "O14", world.visits)
        if name == "note_id" and table == "note_nlp" and world.notes is not None:
            yield cells.Known(about, "N6", world.notes)
        key = "person_id" if table == "death" else f"{table}_id"
        if table in _KEYED and name == key:
            yield cells.Unique(about)

    def _wanted_columns(self) -> list[tuple[str, str, int]]:
        """(rule, column, place) of columns that should have something."""
        wanted = {
            "person": [
                ("O18", "gender_source_value"),
                ("O18", "race_source_value"),
                ("O18", "ethnicity_source_value"),
                ("O19", "birth_datetime"),
            ],
            "death": [("O19", "death_datetime")],
        }
        return [(rule, name, self._columns.index(name)) for rule, name in wanted.get(self._table, []) if name in self._columns]

    def read(self, reader: Any, checkpoint: Callable[[], None] = lambda: None) -> None:
        """All lines of a csv reader whose header was read, calling ``checkpoint`` often.  Raises what they raise, but not csv.Error."""
        try:
            while True:
                checkpoint()
                begin = reader.line_num
                batch: list[list[str]] = list(islice(reader, BATCH))
                if not batch:
                    break
                self.feed(batch, begin + 1)
        except csv.Error:
            self._add_at("O10", "a quote is not closed", reader.line_num, 1)

    def feed(self, batch: list[list[str]], line: int) -> None:
        """Some lines; ``line`` is the number of the first, from 1."""
        width = len(self._columns)
        if not self.lines and batch and _DASHES.fullmatch("".join(batch[0])) and any(batch[0]):
            self._add_at("O11", "a line of dashes", line, 1)
            batch, line = batch[1:], line + 1
        self.lines += len(batch)
        numbers: Sequence[int] = range(len(batch))
        good = batch
        if set(map(len, batch)) - {width}:
            odd = [n for n, cells_ in enumerate(batch) if len(cells_) not in (width, 0)]
            if odd:
                self._add_at("O10", "another number of fields", _line(batch, line, odd[0]), len(odd))
            numbers = [n for n, cells_ in enumerate(batch) if len(cells_) == width]
            good = [batch[n] for n in numbers]
        if not good:
            return
        columns = list(zip(*good, strict=True))

        def add(rule: str, about: str, at: int, times: int) -> None:
            self._add_at(rule, about, _line(batch, line, numbers[at]), times)

        for at, check in self._checks:
            check(columns[at], add)
        for start, end, about in self._pairs:
            at, times = cells.ends_before_it_begins(columns[start], columns[end])
            if times:
                add("O15", about, at, times)
        self._learn(columns, add)

    def _learn(self, columns: Sequence[Sequence[str]], add: Add) -> None:
        for _, name, at in self._wanted:
            if name not in self._filled and any(columns[at]):
                self._filled.add(name)
        if self._table == "person":
            self._person(columns, add)
        elif self._table == "death" and self._world.stays:
            self._death(columns, add)
        elif self._table == "procedure_occurrence" and "procedure_concept_id" in self._columns:
            concepts = set(columns[self._columns.index("procedure_concept_id")])
            self._world.procedures |= concepts & {IMAGE_CONCEPT, WAVEFORM_CONCEPT}
        elif self._table == "visit_occurrence" and "visit_start_date" in self._columns:
            early = columns[self._columns.index("visit_start_date")]
            at, times = cells.first(early, lambda value: "1900" < value[:10] < "2017-01-01")
            if times:
                add("D3", "visit_occurrence.visit_start_date", at, times)

    def _person(self, columns: Sequence[Sequence[str]], add: Add) -> None:
        names = self._columns
        if "person_id" not in names:
            return
        ids = columns[names.index("person_id")]
        if "person_source_value" in names:
            pairs = zip(ids, columns[names.index("person_source_value")], strict=True)
            at = [
                n for n, (id_, source) in enumerate(pairs) if source.strip() and source not in cells.NULLS and source.strip() != id_.strip()
            ]
            if at:
                add("P9", "person.person_source_value", at[0], len(at))
        if "year_of_birth" in names and self._world.stays:
            years = columns[names.index("year_of_birth")]
            at = [n for n, (id_, year) in enumerate(zip(ids, years, strict=True)) if self._is_old(id_, year)]
            if at:
                add("P6", "person.year_of_birth", at[0], len(at))

            late = [n for n, (id_, year) in enumerate(zip(ids, years, strict=True)) if self._born_after(id_, year)]
            if late:
                add("D6", "person.year_of_birth", late[0], len(late))

    def _born_after(self, id_: str, year: str) -> bool:
        """The first visit is before the year of birth."""
        stays = self._world.stays.get(id_)
        return bool(stays) and len(year) == 4 and year.isdecimal() and date.fromordinal(min(stays)[0]).year < int(year)

    def _death(self, columns: Sequence[Sequence[str]], add: Add) -> None:
        names = self._columns
        if "person_id" not in names or "death_date" not in names:
            return
        days = zip(columns[names.index("person_id")], columns[names.index("death_date")], strict=True)
        at = [n for n, (id_, day) in enumerate(days) if self._died_before(id_, day)]
        if at:
            add("D6", "death.death_date", at[0], len(at))

    def _died_before(self, id_: str, day: str) -> bool:
        """The last visit begins after the day of death."""
        stays = self._world.stays.get(id_)
        try:
            return bool(stays) and date.fromisoformat(day[:10]).toordinal() < max(stays)[0]
        except ValueError:
            return False

    def _is_old(self, id_: str, year: str) -> bool:
        stays = self._world.stays.get(id_)
        if not stays or not year.isdigit():
            return False
        return min(start for start, _ in stays) // 365.2425 + 1 - int(year) > 90

    def end(self) -> None:
        """After the last line: columns that were empty throughout."""
        if self.lines:
            for rule, name, _ in self._wanted:
                if name not in self._filled:
                    self._add_at(rule, f"{self._table}.{name}", 1, 1)

    def _add_at(self, rule: str, about: str, line: int, times: int) -> None:
        before, count = self._found.get((rule, about), (line, 0))
        self._found[rule, about] = (before, count + times)


def _line(batch: list[list[str]], line: int, at: int) -> int:
    """The line of an entry: entries with line breaks in quotes take several."""
    return line + at + sum(cell.count("\n") for cells_ in batch[:at] for cell in cells_)


def check_end(path: str, data: bytes) -> Iterator[Finding]:
    """What a query tool left at the end of a table."""
    if _AFFECTED.search(data[-400:]):
        yield Finding("O11", path, "a count of lines at the end")


def head_lines(data: bytes, delimiter: str, *, whole: bool) -> Any:
    """The csv reader of the first bytes of a table, without a line that was cut."""
    if not whole:
        data = data[: data.rfind(b"\n") + 1]
    text = data.decode("utf-8-sig", "replace")
    return csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
