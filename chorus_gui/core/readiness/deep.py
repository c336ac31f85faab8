"""The quick and the thorough pass: what must be read.  Tables one after the other, images and recordings on the engine's pool."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import NamedTuple

from chorus_gui.core.engine.pool import Pool
from chorus_gui.core.engine.work import Executor
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import SourceFile
from chorus_gui.core.passes import Pass
from chorus_gui.core.readiness import images, omop, recordings, registries, tables, texts
from chorus_gui.core.readiness.at_once import MAPPINGS, TRIES, Beginning
from chorus_gui.core.readiness.counting import Counter
from chorus_gui.core.readiness.findings import FileState, Finding, Unchecked
from chorus_gui.core.readiness.headers import INSIDE, Checker, Recipe, Result, Task, mark_of
from chorus_gui.core.readiness.leaks import Checking
from chorus_gui.core.readiness.memory import Memory, Seen, Verdict
from chorus_gui.core.readiness.omop import Header
from chorus_gui.core.readiness.paths import Paths, Table
from chorus_gui.core.readiness.reading import read_range, table_lines
from chorus_gui.core.readiness.snapshots import compare_counts
from chorus_gui.core.storage.base import Source

TABLE_HEAD = 1 << 20
CHUNK = 16
"""Images of one task."""
_FIRST = ("person", "visit_occurrence", "note")
"""Tables that others refer to, in the order in which they are read."""
FEW = 5
"""Patients from which a share means something."""


class Estimate(NamedTuple):
    """What a pass reads: files and bytes, without those whose verdict is remembered."""

    files: int
    bytes: int


@dataclass
class Deep:
    """Inputs of a pass, and what it gathers."""

    paths: Paths
    begin: Beginning
    memory: Memory
    sources: Mapping[str, Source]
    ctx: JobContext
    deepest: Pass
    checking: Checking | None = None
    append: bool = False
    """the site has only new files: others were sent before"""
    world: tables.World = field(default_factory=tables.World)
    labels: frozenset[str] | None = None
    read: int = 0
    remembered: int = 0
    unchecked: list[Unchecked] = field(default_factory=list[Unchecked])
    _patients: dict[str, str] = field(default_factory=dict[str, str])
    _folders: dict[str, str] = field(default_factory=dict[str, str])
    _sampled: dict[str, set[tuple[str, str]]] = field(default_factory=dict[str, set[tuple[str, str]]])
    """folder of a series of which one image was read → its leaks (rule, subject)"""
    _read_of: set[str] = field(default_factory=set[str])
    """images that were read of series that had a leak before"""
    _stamps: dict[str, str] = field(default_factory=dict[str, str])
    _dates: dict[str, dict[str, bool]] = field(default_factory=dict[str, dict[str, bool]])

    @property
    def thorough(self) -> bool:
        """Everything is read."""
        return self.deepest is Pass.THOROUGH

    def estimate(self, modalities: Sequence[str]) -> Estimate:
        """What :meth:`run` will read."""
        files = size = 0
        for table in self._tables(modalities):
            if self.memory.remembered(_seen(table), self._stamp("OMOP")) is None:
                files += 1
                size += table.size if self.thorough else min(table.size, TABLE_HEAD + tables.END)
        if "Images" in modalities:
            for image in self.memory.images(one_a_series=not self.thorough):
                if self.memory.remembered(image, self._stamp("Images")) is None:
                    files += 1
                    size += min(image.size, images.FIRST_READ)
        if "Waveforms" in modalities:
            for _, inside in self.memory.sessions():
                for file in inside:
                    if file.path.lower().endswith((".hea", ".edf", ".bdf")):
                        files += 1
                        size += min(file.size, recordings.LONGEST_HEADER)
        return Estimate(files, size)

    def run(self, modalities: Sequence[str], executor: Executor) -> None:
        """Check everything that is not remembered.  Raises :class:`Cancelled`; what was read until then is remembered."""
        self.ctx.progress.begin("readiness", dict.fromkeys(modalities) if modalities else None)
        try:
            with images.quiet():
                if "Metadata" in modalities:
                    self._metadata(everything=not self.append and not self.paths.problems and {"Images", "Waveforms"}.issubset(modalities))
                if "OMOP" in modalities:
                    self._all_tables(modalities)
                if self.thorough:
                    self._registries(modalities)
                with Pool(executor, partial(Checker, self._recipe()), self.ctx, window=2 * executor.threads, wait=False) as pool:
                    for result in pool.map(self._tasks(modalities)):
                        self._take(result, old=False)
        finally:
            self._whole_series()
            self.memory.save()
        self._together()

    # --- metadata and tables ----------------------------------------------------------------------------------------

    def _metadata(self, *, everything: bool) -> None:
        """``everything``: all patients and recordings of the site were seen."""
        if not self.paths.metadata:
            return
        source = self.sources["Metadata"]
        labels: set[str] = set()
        known = False
        for name, file in sorted(self.paths.metadata.items()):
            self.ctx.checkpoint()
            if not file.size or file.size > texts.LARGEST or not name.endswith((".md", ".txt", ".csv")):
                continue
            try:
                data = read_range(source, file.path, texts.LARGEST)
            except TRIES as error:
                self.unchecked.append(Unchecked(file.path, error.what))
                continue
            self.read += 1
            if name in MAPPINGS.values():
                mapping = texts.check_mapping(file.path, data)
                self.paths.found.all(mapping.findings, _state(file))
                labels |= mapping.signals or set()
                known = known or mapping.signals is not None
            else:
                self.paths.found.all(texts.check_description(file.path, name.rpartition("/")[2], data), _state(file))
                if everything and name.rpartition("/")[2] == "submission.md":
                    self.paths.found.all(texts.check_counts(file.path, data, self.paths.numbers), _state(file))
        self.labels = frozenset(labels) if known else None
        self._stamps.clear()

    def _tables(self, modalities: Sequence[str]) -> list[Table]:
        if "OMOP" not in modalities:
            return []
        order = {name: number for number, name in enumerate(_FIRST)}
        there = [table for table in self.paths.tables if table.size and table.path in self.begin.headers]
        return sorted(there, key=lambda table: (order.get(table.table, len(order)), table.path))

    def _stamp(self, modality: str) -> str:
        """What a verdict depends on, apart from the file."""
        if modality not in self._stamps:
            self._stamps[modality] = self._new_stamp(modality)
        return self._stamps[modality]

    def _new_stamp(self, modality: str) -> str:
        parts = [self.deepest.value, str(date.today())[:7]]  # noqa: DTZ011 - a date can stop to be in the future
        if modality == "Waveforms":
            parts.append(hashlib.sha256("\n".join(sorted(self.labels or ())).encode()).hexdigest()[:16])
        if self.thorough:
            parts += [f"{table.path}:{table.size}:{table.mtime_us}" for table in self.paths.tables if table.table in _FIRST]
        return "|".join(parts)

    def _all_tables(self, modalities: Sequence[str]) -> None:
        self.world.persons = self.begin.persons
        listed = self._tables(modalities)
        if self.thorough:
            for table in listed:
                if table.table == "visit_occurrence":
                    self._tried(table, self._visits)
                elif table.table == "note" and any(other.table == "note_nlp" for other in listed):
                    self._tried(table, self._notes)
        for table in listed:
            seen = _seen(table)
            verdict = self.memory.remembered(seen, self._stamp("OMOP"))
            if verdict is not None:
                self.remembered += 1
                self._taken(verdict, seen)
            else:
                self._tried(table, self._table)
        if self.thorough and any(table.table == "procedure_occurrence" for table in listed):
            self._procedures()
        if self.thorough and self.checking is not None:
            for table in listed:
                now, before = self.checking.counted.get(table.path), self.checking.sent.get(table.path)
                if now is not None and before is not None and (now.size, now.mtime_us) == (table.size, table.mtime_us):
                    self.paths.found.all(compare_counts(table, now, before))

    def _tried(self, table: Table, work: Callable[[Table], None]) -> None:
        try:
            work(table)
        except TRIES as error:
            self.unchecked.append(Unchecked(table.path, error.what))
        except csv.Error:
            self.paths.found.add(Finding("O10", table.path, "a quote is not closed"))

    def _column_reader(self, table: Table, names: Sequence[str]) -> Iterator[tuple[str, ...]]:
        header = self.begin.headers[table.path]
        at = [header.columns.index(name) for name in names if name in header.columns]
        if len(at) < len(names):
            return
        last = max(at)
        with table_lines(self.sources["OMOP"], table.path, self.ctx, header.delimiter) as lines:
            next(lines, None)
            for line in lines:
                if len(line) > last:
                    yield tuple(line[place].strip() for place in at)

    def _visits(self, table: Table) -> None:
        ids: set[str] = set()
        for visit, person, start, end in self._column_reader(
            table, ("visit_occurrence_id", "person_id", "visit_start_date", "visit_end_date")
        ):
            ids.add(visit)
            begin = _ordinal(start)
            if begin:
                self.world.stays.setdefault(person, []).append((begin, _ordinal(end) or begin))
        self.world.visits = (self.world.visits or set()) | ids

    def _notes(self, table: Table) -> None:
        self.world.notes = (self.world.notes or set()) | {note for (note,) in self._column_reader(table, ("note_id",))}

    def _table(self, table: Table) -> None:
        source, header = self.sources["OMOP"], self.begin.headers[table.path]
        check = tables.TableCheck(table.path, table.table, header, self.world, linked=self.thorough)
        form = tables.Form()
        findings: list[Finding] = []
        before = set(self.world.procedures)
        if self.thorough:
            counter = Counter(header)

            def watch(block: bytes) -> None:
                form.feed(block)
                counter.feed(block)

            with table_lines(source, table.path, self.ctx, header.delimiter, watch) as lines:
                next(lines, None)
                check.read(lines)
            check.end()
            counter.end()
            if self.checking is not None:
                self.checking.count(_seen(table).state, counter.lines, counter.patients)
        else:
            data = read_range(source, table.path, TABLE_HEAD)
            whole = len(data) < TABLE_HEAD or len(data) == table.size
            form.feed(data if whole else data[: data.rfind(b"\n") + 1])
            lines = tables.head_lines(data, header.delimiter, whole=whole)
            next(lines, None)
            check.read(lines, self.ctx.checkpoint)
        tail = read_range(source, table.path, tables.END, max(0, table.size - tables.END))
        findings += tables.check_end(table.path, tail)
        findings += [*form.findings(table.path), *check.findings]
        verdict = Verdict(tuple(findings), tuple(sorted(self.world.procedures - before)))
        self.memory.remember(_seen(table), self._stamp("OMOP"), verdict)
        self.memory.save()
        self.read += 1
        self.ctx.progress.add("OMOP", 1, table.size)
        self._taken(verdict, _seen(table))

    def _taken(self, verdict: Verdict, table: Seen) -> None:
        self.paths.found.all(verdict.findings, table.state)
        self.world.procedures |= {fact for fact in verdict.facts if fact in (tables.IMAGE_CONCEPT, tables.WAVEFORM_CONCEPT)}

    def _registries(self, modalities: Sequence[str]) -> None:
        """Registries lie in the Metadata or the OMOP folder: the pages do not agree where."""
        found: list[tuple[Source, Seen, Header]] = []
        if "Metadata" in modalities and self.paths.metadata:
            for name, file in sorted(self.paths.metadata.items()):
                if file.size and name.endswith(".csv") and name not in MAPPINGS.values():
                    source = self.sources["Metadata"]
                    header = self._first_line(source, file.path)
                    if header is not None and registries.is_registry(header):
                        found.append((source, Seen("Metadata", file.path, None, file.size, file.mtime_us), header))
        for table in self._tables(modalities):
            header = self.begin.headers[table.path]
            if registries.is_registry(header):
                found.append((self.sources["OMOP"], _seen(table), header))
        if not found:
            return
        known = registries.Known(self.world.persons, self.world.visits, self._ids("procedure_occurrence", "procedure_occurrence_id"))
        for source, file, header in found:
            try:
                with table_lines(source, file.path, self.ctx, header.delimiter) as lines:
                    next(lines, None)
                    said, count = registries.check_registry(file.path, header, lines, known)
            except TRIES as error:
                self.unchecked.append(Unchecked(file.path, error.what))
                continue
            except csv.Error:
                said, count = [Finding("O10", file.path, "a quote is not closed")], 0
            self.read += 1
            self.paths.found.all(said, file.state)
            images = self.paths.files_of.get("Images", 0)
            if registries.of_images(file.path) and "Images" in modalities and count != images and not self.append:
                self.paths.found.add(Finding("K7", file.path, f"{count:,} lines for {images:,} images"), file.state)

    def _first_line(self, source: Source, path: str) -> Header | None:
        try:
            return omop.header_of(read_range(source, path, omop.HEAD))
        except TRIES as error:
            self.unchecked.append(Unchecked(path, error.what))
            return None

    def _ids(self, name: str, column: str) -> set[str] | None:
        """The values of a column of a table; None if there is no such table, or it cannot be read."""
        out: set[str] | None = None
        for table in self.paths.tables:
            if table.table == name and table.path in self.begin.headers and column in self.begin.headers[table.path].columns:
                out = out or set()
                for (value,) in self._column_reader(table, (column,)):
                    out.add(value)
        return out

    def _procedures(self) -> None:
        path = next(table.path for table in self.paths.tables if table.table == "procedure_occurrence")
        for modality, concept in (("Images", tables.IMAGE_CONCEPT), ("Waveforms", tables.WAVEFORM_CONCEPT)):
            if modality in self.paths.has and concept not in self.world.procedures:
                self.paths.found.add(Finding("K5", path, modality))

    # --- images and recordings --------------------------------------------------------------------------------------

    def _recipe(self) -> Recipe:
        stays = {person: tuple(found) for person, found in self.world.stays.items()} if self.thorough else {}
        return Recipe(
            {name: self.sources[name] for name in ("Images", "Waveforms") if name in self.paths.has},
            self.memory.key,
            stays,
            self.labels,
            self.thorough,
        )

    def _tasks(self, modalities: Sequence[str]) -> Iterator[Task]:
        if "Images" in modalities:
            waiting: list[Seen] = []
            for image in self.memory.images(one_a_series=not self.thorough):
                verdict = self.memory.remembered(image, self._stamp("Images"))
                if verdict is not None:
                    self._take(Result(image, verdict), old=True)
                    continue
                waiting.append(image)
                if len(waiting) == CHUNK:
                    yield Task("Images", "", tuple(waiting))
                    waiting = []
            if waiting:
                yield Task("Images", "", tuple(waiting))
        if "Waveforms" in modalities:
            for folder, inside in self.memory.sessions():
                if any(file.path.lower().endswith((".hea", ".edf", ".bdf")) for file in inside):
                    mark = mark_of(inside)
                    verdict = self.memory.remembered(mark, self._stamp("Waveforms"))
                    if verdict is not None:
                        self._take(Result(mark, verdict, tuple(inside)), old=True)
                    else:
                        yield Task("Waveforms", folder, tuple(inside))

    def _take(self, result: Result, *, old: bool) -> None:
        self.ctx.checkpoint()
        file, verdict, _ = result
        self.remembered += old
        self.read += not old
        if verdict.unchecked:
            self.unchecked.append(Unchecked(file.path, verdict.unchecked))
            if self.checking is not None and file.modality == "Images":
                self.checking.stuck[file.path] = file.state
            if self.checking is not None and (file.modality == "Waveforms" or not self.thorough):
                self.checking.folders.add(file.path.rpartition("/")[0])
        elif not old:
            self.memory.remember(file, self._stamp(file.modality), verdict)
        self.ctx.progress.add(file.modality, 1)
        if file.modality == "Images":
            self._image_found(file, verdict)
        else:
            states = {one.path: one.state for one in result.inside}
            for finding in verdict.findings:
                self.paths.found.add(finding, *([states[finding.path]] if finding.path in states else []))
        self._compare(file, verdict.facts)

    def _image_found(self, image: Seen, verdict: Verdict) -> None:
        """A leak of the one image that was read of a series is one of every image in the series, until they are read, too."""
        self.paths.found.all(verdict.findings, image.state)
        if self.checking is not None and image.path.rpartition("/")[0] in self.checking.series:
            self._read_of.add(image.path)
        if not self.thorough and (leaks := self.paths.found.leaks_of(verdict.findings)):
            folder = image.path.rpartition("/")[0]
            self._sampled.setdefault(folder, set()).update((one.rule, one.about) for one in leaks)

    def _whole_series(self) -> None:
        """Report the other images of series of which one has a leak."""
        if self.checking is not None and self.checking.series and not self.thorough:
            self.checking.skip(one.state for one in self.memory.series(self.checking.series) if one.path not in self._read_of)
        leaks = self.paths.found.leaks
        if leaks is None or not self._sampled:
            return
        for image in self.memory.series(self._sampled):
            for rule, about in self._sampled[image.path.rpartition("/")[0]]:
                leaks.add(rule, about, [image.state])

    def _compare(self, file: Seen, facts: tuple[str, ...]) -> None:
        """Facts of one file against those of others: study, series, and if its day is within a visit."""
        if len(facts) < 3:
            return
        study, series, inside = facts
        if study and self._patients.setdefault(study, file.patient or "") != (file.patient or ""):
            self.paths.found.add(Finding("I21", file.path), file.state)
        if series:
            folder = file.path.rpartition("/")[0]
            if self._folders.setdefault(folder, series) != series:
                self.paths.found.add(Finding("I6", file.path))
        if inside and file.patient:
            by_patient = self._dates.setdefault(file.modality, {})
            by_patient[file.patient] = by_patient.get(file.patient, False) or inside == INSIDE

    def _together(self) -> None:
        """What only the sum of files shows."""
        for modality, by_patient in self._dates.items():
            within = sum(by_patient.values())
            if len(by_patient) >= FEW and within < len(by_patient) / 2:
                self.paths.found.add(
                    Finding("D1", "", f"{modality}: {within:,} of {len(by_patient):,} patients have a date within a visit")
                )


def _seen(table: Table) -> Seen:
    return Seen("OMOP", table.path, None, table.size, table.mtime_us)


def _state(file: SourceFile) -> FileState:
    return FileState(file.modality, file.path, file.size, file.mtime_us)


def _ordinal(text: str) -> int:
    try:
        return date.fromisoformat(text[:10]).toordinal()
    except ValueError:
        return 0
