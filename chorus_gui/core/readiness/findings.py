"""What a check found, as values.  Nothing here ever holds a value of a tag, a cell or a matched text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from chorus_gui.core.model import SourceFile
from chorus_gui.core.passes import Pass
from chorus_gui.core.rules import Rule, RuleSet, Severity

EXAMPLES = 3
"""Paths that a group shows; a hundred thousand lines teach nobody."""
MOST_SUBJECTS = 500
"""Different subjects of one rule; more are counted together."""
OTHERS = "others"


class Finding(NamedTuple):
    """One thing that a check found.

    ``about``: which tag, column or layout, in words of the program or names of the standards, never in words of the file.  ``line`` counts
    from 1, 0 where there is none; ``times`` is how often it is in this file.
    """

    rule: str
    path: str
    about: str = ""
    line: int = 0
    times: int = 1


class FileState(NamedTuple):
    """A file of a modality as it was seen: size in bytes, time in microseconds."""

    modality: str
    path: str
    size: int
    mtime_us: int


class LeakSink(Protocol):
    """Hears of every file that has a leak of patient data."""

    def add(self, rule: str, about: str, files: Iterable[FileState]) -> None:
        """These files have it."""
        ...

    def count(self, table: FileState, lines: int, patients: int | None) -> None:
        """Keep the numbers of lines and patients of a table; ``patients`` None: not counted."""
        ...


class Example(NamedTuple):
    """Where a finding is: a path below the site's folder, and a line of it (0: none)."""

    path: str
    line: int = 0


@dataclass(slots=True)
class Group:
    """All findings of one rule about one subject.  ``files`` are the files that have it, ``count`` how often it is in them."""

    rule: Rule
    about: str
    files: int = 0
    count: int = 0
    examples: list[Example] = field(default_factory=list[Example])


class Found:
    """Gathers findings: counts and a few examples of each group.  Only rules that are active and within the pass count.

    ``leaks`` hears of every file with a leak: a submission needs all of them, not the examples.
    """

    def __init__(self, rules: RuleSet, deepest: Pass, leaks: LeakSink | None = None) -> None:
        self.rules = rules
        self.leaks = leaks
        self._active = {
            id_: rule
            for id_ in rules.rules
            if (rule := rules.active(id_)) is not None and rule.first is not None and rule.first.rank <= deepest.rank
        }
        self._groups: dict[tuple[str, str], Group] = {}
        self._subjects: dict[str, int] = {}

    @property
    def checked(self) -> frozenset[str]:
        """The rules that are checked."""
        return frozenset(self._active)

    def is_active(self, rule: str) -> bool:
        """This rule is checked."""
        return rule in self._active

    def _group(self, id_: str, about: str) -> Group | None:
        rule = self._active.get(id_)
        if rule is None:
            return None
        key = (id_, about)
        group = self._groups.get(key)
        if group is None:
            known = self._subjects[id_] = self._subjects.get(id_, 0) + 1
            key = key if known <= MOST_SUBJECTS else (id_, OTHERS)
            group = self._groups.setdefault(key, Group(rule, key[1]))
        return group

    def each(self, id_: str, about: str, paths: Sequence[str], files: Sequence[SourceFile] = ()) -> None:
        """Count one finding of a rule for each of these paths; ``files``: the same, if they are files of a modality."""
        group = self._group(id_, about)
        if group is not None:
            group.files += len(paths)
            group.count += len(paths)
            group.examples += [Example(path) for path in paths[: EXAMPLES - len(group.examples)]]
            if files and self.leaks is not None and group.rule.severity is Severity.LEAK:
                self.leaks.add(id_, about, (FileState(one.modality, one.path, one.size, one.mtime_us) for one in files))

    def add(self, finding: Finding, *files: FileState) -> None:
        """Count a finding.  ``files`` have it, if they are files of a modality; a sample stands for more than one."""
        group = self._group(finding.rule, finding.about)
        if group is None:
            return
        if files and self.leaks is not None and group.rule.severity is Severity.LEAK:
            self.leaks.add(finding.rule, finding.about, files)
        group.files += 1
        group.count += finding.times
        if len(group.examples) < EXAMPLES:
            group.examples.append(Example(finding.path, finding.line))

    def all(self, findings: Iterable[Finding], *files: FileState) -> None:
        """Count each of them.  ``files``: as for :meth:`add`."""
        for finding in findings:
            self.add(finding, *files)

    def leaks_of(self, findings: Iterable[Finding]) -> list[Finding]:
        """Those that are leaks of patient data."""
        return [one for one in findings if (rule := self._active.get(one.rule)) is not None and rule.severity is Severity.LEAK]

    def groups(self) -> list[Group]:
        """The worst first, then in the order of the rules."""
        order = {id_: number for number, id_ in enumerate(self.rules.rules)}
        return sorted(self._groups.values(), key=lambda group: (group.rule.severity.rank, order[group.rule.id], -group.count, group.about))


class Unchecked(NamedTuple):
    """Something that could not be checked, and why."""

    path: str
    why: str


@dataclass(frozen=True, slots=True)
class Readiness:
    """The result of a check.  ``files`` are those that were seen, ``read`` those of which something was read, ``remembered`` those whose
    verdict of an earlier check still holds.  ``unchecked`` has the first of ``unchecked_count``.
    """

    rules: RuleSet
    deepest: Pass
    modalities: tuple[str, ...]
    groups: tuple[Group, ...]
    files: int
    read: int
    remembered: int
    unchecked: tuple[Unchecked, ...]
    unchecked_count: int
    seconds: float

    @property
    def clean(self) -> bool:
        """Nothing was found but notes."""
        return all(group.rule.severity is Severity.NOTE for group in self.groups)


def to_data(found: Readiness) -> dict[str, Any]:
    """The result as JSON values."""
    return {
        "rules": found.rules.version,
        "rules_off": dict(found.rules.off),
        "pass": found.deepest.value,
        "modalities": list(found.modalities),
        "files": found.files,
        "read": found.read,
        "remembered": found.remembered,
        "seconds": round(found.seconds, 3),
        "findings": [
            {
                "rule": group.rule.id,
                "severity": group.rule.severity.value,
                "certainty": group.rule.certainty.value,
                "status": group.rule.status.value,
                "modality": group.rule.modality,
                "about": group.about,
                "files": group.files,
                "count": group.count,
                "examples": [{"path": path, "line": line} for path, line in group.examples],
                "must": group.rule.must,
                "what_to_do": group.rule.tell,
                "said_in": [str(source) for source in group.rule.sources],
            }
            for group in found.groups
        ],
        "unchecked": {"count": found.unchecked_count, "examples": [{"path": path, "why": why} for path, why in found.unchecked]},
    }
