"""The readiness of a site as the window shows it: what the last run of each pass found, a line for each rule, and what people accepted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from chorus_gui.app.readiness_report import CAUTION, PASSES, TITLES, severities, where
from chorus_gui.app.words import files, moment, plural
from chorus_gui.core import private
from chorus_gui.core.errors import UsageError
from chorus_gui.core.passes import Pass
from chorus_gui.core.readiness.layout import SUPERSEDED
from chorus_gui.core.readiness.pass_runs import newest_first
from chorus_gui.core.refused import refusal
from chorus_gui.core.rules import EVERYTHING, RuleSet, Severity

if TYPE_CHECKING:
    from chorus_gui.core.config.model import Config
    from chorus_gui.core.job import JobContext
    from chorus_gui.core.readiness.leaks import Accepted, Leak
    from chorus_gui.core.readiness.pass_runs import PassRun

WHY = {
    Severity.LEAK: "This is patient data that must not leave the hospital. It stops a submission until somebody decides.",
    Severity.REJECTED: "The central team cannot use these files. They come back, often weeks later.",
    Severity.QUESTIONABLE: "It can be right, but often it is not. Somebody who knows the data should look.",
    Severity.NOTE: "It is good to know. Nothing has to be done.",
}
LAYOUTS = ("L3", "L4", "L10", "L11")
"""Rules whose subjects name a superseded layout."""
PLACES = 5_000
"""Paths of a rule that are shown in the review at most."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a rule found of one tag, column or layout: how many files, how often, and some of the places."""

    about: str
    files: int
    count: int
    examples: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class RuleLine:
    """What was found of one rule, by the last pass that checks it.

    ``open`` and ``accepted`` count files with a leak, and ``held`` those of the open ones that are held back; 0 for other rules.
    """

    rule: str
    severity: Severity
    certainty: str
    modality: str
    must: str
    tell: str
    said_in: tuple[str, ...]
    subjects: tuple[Subject, ...]
    deepest: Pass
    at_us: int
    open: int = 0
    accepted: int = 0
    held: int = 0

    @property
    def files(self) -> int:
        """How many files, counted once for each subject."""
        return sum(subject.files for subject in self.subjects)

    @property
    def count(self) -> int:
        """How often it was found."""
        return sum(subject.count for subject in self.subjects)

    @property
    def examples(self) -> tuple[str, ...]:
        """Three places."""
        places = [where(path, line) for subject in self.subjects for path, line in subject.examples if path]
        return tuple(dict.fromkeys(places))[:3]

    @property
    def why(self) -> str:
        """Why it matters."""
        return WHY[self.severity]


@dataclass(frozen=True, slots=True)
class PassFacts:
    """The last run of a pass."""

    deepest: Pass
    rules: str
    at_us: int
    modalities: tuple[str, ...]
    files: int
    read: int
    unchecked: int
    missed: tuple[tuple[str, str], ...] = ()
    """the first places that could not be checked, and why"""

    @property
    def text(self) -> str:
        """One sentence."""
        return self.said(moment(self.at_us))

    def said(self, at: str) -> str:
        """The same, with the time in other words."""
        text = f"Pass “{PASSES[self.deepest]}”, {at}: {files(self.files)} of {', '.join(self.modalities)}."
        return f"{text} {plural(self.unchecked, 'place')} could not be checked." if self.unchecked else text


@dataclass(frozen=True, slots=True)
class ReadinessFacts:
    """Everything that is known.  ``lines``: the worst first.  ``off``: rules that the site switched off, id → reason."""

    rules: str = ""
    passes: tuple[PassFacts, ...] = ()
    lines: tuple[RuleLine, ...] = ()
    off: Mapping[str, str] = field(default_factory=dict[str, str])
    accepted: tuple[Accepted, ...] = ()
    unknown: str = ""
    """that leaks were found, and this computer does not know in which files; or """ ""

    @property
    def summary(self) -> str:
        """One sentence: how many kinds of findings of each severity."""
        counts: dict[str, int] = {}
        for line in self.lines:
            counts[line.severity.value] = counts.get(line.severity.value, 0) + 1
        text = severities(counts)
        return f"{text[0].upper()}{text[1:]}." if text else "No findings."

    @property
    def layouts(self) -> tuple[str, ...]:
        """Superseded layouts that were recognized, with how many files have each."""
        found = [
            f"{subject.about} ({line.modality if line.modality != EVERYTHING else 'all'}, {files(subject.files)})"
            for line in self.lines
            if line.rule in LAYOUTS
            for subject in line.subjects
            if subject.about in SUPERSEDED
        ]
        return tuple(found)


def readiness(config: Config, ctx: JobContext) -> ReadinessFacts | None:
    """What is known of the site of this configuration; None if it was never checked.  Raises :class:`ReviewError` for a damaged book."""
    from chorus_gui.core.readiness.leaks import LeakBook, book_path
    from chorus_gui.core.submission.leak_gate import Judged, forgotten, leak_rules, rules_of

    ctx.checkpoint()
    if not book_path(config.journal.local).exists():
        return None
    rules = rules_of(config)
    with LeakBook(config.journal.local) as book:
        runs, accepted = book.runs(), tuple(book.accepted())
        opened = book.count(leak_rules(rules))
        held = _held(config, book.leaks(leak_rules(rules)))
        unknown = Judged(forgotten=forgotten(book, rules, config.modalities)).unknown
    if not runs:
        return ReadinessFacts(rules.version, unknown=unknown) if unknown else None
    allowed: dict[str, set[tuple[str, str]]] = {}
    for one in accepted:
        allowed.setdefault(one.rule, set()).add((one.modality, one.path))
    found = _lines(runs, config.modalities, rules)
    lines = [_counted(line, opened.get(line.rule, 0), len(allowed.get(line.rule, ())), held[line.rule]) for line in found]
    order = {id_: number for number, id_ in enumerate(rules.rules)}
    lines.sort(key=lambda line: (line.severity.rank, order.get(line.rule, len(order))))
    newest = newest_first(runs)[0]
    return ReadinessFacts(
        str(newest.result.get("rules", "")), tuple(_pass(run) for run in runs), tuple(lines), dict(config.rules_off), accepted, unknown
    )


def _counted(line: RuleLine, opened: int, accepted: int, held: int) -> RuleLine:
    return replace(line, open=opened, accepted=accepted, held=held) if line.severity is Severity.LEAK else line


def _held(config: Config, leaks: Iterable[Leak]) -> Counter[str]:
    """Rule → how many files with one of these leaks are held back.  Without holds, no leak is read."""
    from chorus_gui.core.review.holds import Holds
    from chorus_gui.core.submission.held import HeldNow

    with Holds(config.journal.local) as kept:
        held = HeldNow(config, kept.all(), list)
    counts: Counter[str] = Counter()
    last = ("", "", "")
    for leak in leaks if held else ():  # by rule and path: several subjects of one file follow one another
        if (leak.rule, leak.modality, leak.path) != last:
            last = (leak.rule, leak.modality, leak.path)
            counts[leak.rule] += held.of(leak.modality, leak.path) is not None
    return counts


def _lines(runs: Sequence[PassRun], modalities: Sequence[str], rules: RuleSet) -> Iterable[RuleLine]:
    """Each rule from the newest run that could have found it."""
    newest = newest_first(runs)
    for id_ in rules.rules:
        rule = rules.active(id_)
        if rule is None or rule.first is None:
            continue
        first = rule.first.rank
        able = [run for run in newest if run.deepest.rank >= first and _covers(run, rule.modality, modalities)]
        for run in able[:1]:
            same = [one for one in cast("list[dict[str, Any]]", run.result.get("findings", [])) if one["rule"] == id_]
            if same:
                yield _line(same, run)


def _covers(run: PassRun, modality: str, modalities: Sequence[str]) -> bool:
    had = set(map(str, run.result.get("modalities", ())))
    return had >= set(modalities) if modality == EVERYTHING else modality in had


def _line(same: Sequence[dict[str, Any]], run: PassRun) -> RuleLine:
    first = same[0]
    subjects = tuple(
        Subject(str(one["about"]), int(one["files"]), int(one["count"]), tuple((str(e["path"]), int(e["line"])) for e in one["examples"]))
        for one in same
    )
    return RuleLine(
        str(first["rule"]),
        Severity(first["severity"]),
        str(first["certainty"]),
        str(first["modality"]),
        str(first["must"]),
        str(first["what_to_do"]),
        tuple(map(str, first["said_in"])),
        subjects,
        run.deepest,
        run.ended_us,
    )


def _pass(run: PassRun) -> PassFacts:
    result = run.result
    missed: dict[str, Any] = result.get("unchecked", {})
    return PassFacts(
        run.deepest,
        str(result.get("rules", "")),
        run.ended_us,
        tuple(map(str, result.get("modalities", ()))),
        int(result.get("files", 0)),
        int(result.get("read", 0)),
        int(missed.get("count", 0)),
        tuple((str(one["path"]), str(one["why"])) for one in missed.get("examples", ())),
    )


def places(config: Config, rule: str, ctx: JobContext) -> tuple[str, ...]:
    """The paths that a rule is about: every file with a leak, otherwise the examples of the last runs.  At most :data:`PLACES`."""
    from chorus_gui.core.readiness.leaks import LeakBook

    found = readiness(config, ctx)
    line = next((one for one in found.lines if one.rule == rule), None) if found else None
    if line is None:
        return ()
    paths: dict[str, None] = {}
    if line.severity is Severity.LEAK:
        with LeakBook(config.journal.local) as book:
            for leak in book.leaks([rule], accepted=True):
                paths[leak.path] = None
                if len(paths) >= PLACES:
                    break
    paths.update(dict.fromkeys(path for subject in line.subjects for path, _ in subject.examples if path) if not paths else {})
    return tuple(paths)


# --- files for people -----------------------------------------------------------------------------------------------------

COLUMNS = (
    "severity",
    "rule",
    "certainty",
    "modality",
    "what must be",
    "about",
    "files",
    "findings",
    "example",
    "line",
    "what to do",
    "said in",
)


def cells(facts: ReadinessFacts) -> Iterable[tuple[object, ...]]:
    """A line for each example, or for a subject without one."""
    for line in facts.lines:
        for subject in line.subjects:
            for path, number in subject.examples or (("", 0),):
                yield (
                    line.severity.value, line.rule, line.certainty, line.modality, line.must, subject.about, subject.files, subject.count,
                    path, number or "", line.tell, "; ".join(line.said_in),
                )  # fmt: skip


def export(config: Config, file: Path, ctx: JobContext) -> int:
    """Write what is known as CSV, or as a page to print if the file's name says so (.html); how many rules.  Raises :class:`UsageError`."""
    from chorus_gui.app.exports import table_file
    from chorus_gui.app.receipts import page_template

    found = readiness(config, ctx)
    if found is None or not found.passes:
        raise UsageError("The site was not checked yet.", remedy="Run a pass first.")
    if file.suffix.lower() not in (".html", ".htm"):
        with table_file(file, COLUMNS) as add:
            for line in cells(found):
                add(line)
        return len(found.lines)
    site = " · ".join(dict.fromkeys(config.sites[name].place.text for name in config.modalities))
    page = page_template("receipt/readiness.html").render(found=found, site=site, caution=CAUTION, groups=_groups(found), moment=moment)
    try:
        with private.replacing(file) as out:
            out.write(page.encode("utf-8", "backslashreplace"))
    except OSError as error:
        why, remedy = refusal(error, file, "Choose another folder, or close the program that has it open.")
        raise UsageError(f"Could not write {file}: {why}.", remedy=remedy) from error
    return len(found.lines)


def _groups(found: ReadinessFacts) -> list[tuple[str, list[RuleLine]]]:
    """By severity, the worst first, with its title."""
    return [(TITLES[severity], lines) for severity in Severity if (lines := [line for line in found.lines if line.severity is severity])]
