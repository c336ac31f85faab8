"""The at-once pass beside a scan."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from chorus_gui.core.config.model import Config
from chorus_gui.core.config.rule_keys import chosen
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import Problem, SourceFile
from chorus_gui.core.passes import Pass
from chorus_gui.core.readiness.at_once import Beginning, check_beginning
from chorus_gui.core.readiness.checking import Checking
from chorus_gui.core.readiness.findings import FileState, Found, Readiness, Unchecked, to_data
from chorus_gui.core.readiness.paths import Paths
from chorus_gui.core.readiness.snapshots import compare_columns, compare_sizes
from chorus_gui.core.rules import RuleSet
from chorus_gui.core.storage.base import Source, UnwantedFile

MOST_UNCHECKED = 20
"""Files that a result names of those that could not be checked; the rest is a number."""


class Listener(Protocol):
    """Hears what a scan reports.  The same as a sink of a scan, and here so that no step imports another."""

    def files(self, files: Sequence[SourceFile]) -> None:
        """Files of one modality."""
        ...

    def unmatched(self, root: str, files: Sequence[UnwantedFile]) -> None:
        """Files that belong to no modality."""
        ...

    def problem(self, problem: Problem) -> None:
        """What could not be done."""
        ...


class Watch:
    """Listens to a scan for ``paths``.  ``checking`` hears of every leak.  Raises :class:`ConfigError` if the rules cannot be read."""

    def __init__(
        self, config: Config, rules: RuleSet | None = None, deepest: Pass = Pass.AT_ONCE, checking: Checking | None = None
    ) -> None:
        self.began = time.perf_counter()
        self.rules = rules or chosen(config.rules_file, config.rules_off)
        self.deepest = deepest
        self.checking = checking
        self.found = Found(self.rules, deepest, checking)
        self.paths = Paths(self.found, config.sites)
        self._configured = frozenset(config.sites)
        self.files, self.unmatched, self.problem = self.paths.files, self.paths.unmatched, self.paths.problem

    def finish(self, sources: Mapping[str, Source], modalities: Collection[str], ctx: JobContext) -> Beginning:
        """Read the first lines of the tables.  Call it after the scan.  Raises :class:`Cancelled`."""
        if self.checking is not None and "OMOP" in modalities:
            self.found.all(compare_sizes(self.paths.tables, self.checking.sent))
        begin = check_beginning(self.paths, sources, modalities, ctx)
        if self.checking is not None:
            for table in self.paths.tables:
                if (header := begin.headers.get(table.path)) is not None:
                    self.found.all(compare_columns(table, header.columns, self.checking.sent.get(table.path)))
                    self.checking.saw(FileState("OMOP", table.path, table.size, table.mtime_us), header.columns)
        return begin

    def result(self, modalities: Sequence[str], read: int, unchecked: Sequence[Unchecked], remembered: int = 0) -> Readiness:
        """Everything that was found."""
        missed = [*(Unchecked(problem.path, problem.cause) for problem in self.paths.problems), *unchecked]
        found = Readiness(
            self.rules,
            self.deepest,
            tuple(modalities),
            tuple(self.found.groups()),
            self.paths.files_seen,
            read,
            remembered,
            tuple(missed[:MOST_UNCHECKED]),
            len(missed),
            time.perf_counter() - self.began,
        )
        if self.checking is not None:
            self.checking.deepest, self.checking.modalities = self.deepest, tuple(modalities)
            self.checking.unchecked, self.checking.rules = missed, self.found.checked
            self.checking.whole = set(modalities) >= set(self._configured)
            self.checking.modality_of = {id_: self.rules.rules[id_].modality for id_ in self.found.checked}
            self.checking.result = to_data(found)
        return found


class Both:
    """Reports to one sink, then to another."""

    def __init__(self, first: Listener, second: Listener) -> None:
        self._sinks = (first, second)

    def files(self, files: Sequence[SourceFile]) -> None:
        """See :class:`Listener`."""
        for sink in self._sinks:
            sink.files(files)

    def unmatched(self, root: str, files: Sequence[UnwantedFile]) -> None:
        """See :class:`Listener`."""
        for sink in self._sinks:
            sink.unmatched(root, files)

    def problem(self, problem: Problem) -> None:
        """See :class:`Listener`."""
        for sink in self._sinks:
            sink.problem(problem)
