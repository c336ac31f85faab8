"""A readiness check as text and as JSON.  Paths and counts are in it, never values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby

from chorus_gui.app.words import duration, files, moment, number, plural
from chorus_gui.core.passes import Pass
from chorus_gui.core.readiness.findings import Group, Readiness
from chorus_gui.core.receipt import Receipt
from chorus_gui.core.rules import Rule, RuleSet, Severity

TITLES = {
    Severity.LEAK: "Patient data that must not be sent",
    Severity.REJECTED: "Cannot be used by the central team",
    Severity.QUESTIONABLE: "A person should look",
    Severity.NOTE: "Notes",
}
PASSES = {Pass.AT_ONCE: "at once", Pass.QUICK: "quick", Pass.THOROUGH: "thorough"}
MOST_SUBJECTS = 8
"""Subjects of one rule that the text shows; JSON has all."""
CAUTION = "No finding does not mean that the files are free of identifiers: pictures, free text and original numbers cannot be recognized."


def said_in(rule: Rule) -> str:
    """Where a rule is said first: "Chorus_SOP: Data uploads (2026-01-21), approved"."""
    first = rule.sources[0]
    return f"{first.title} ({first.date:%Y-%m-%d}), {rule.status.value}"


def counted(group: Group) -> str:
    """How often something was found: "3 findings", "12 findings in 2 files"."""
    found = plural(group.count, "finding")
    return found if group.count == group.files else f"{found} in {files(group.files)}"


def where(path: str, line: int) -> str:
    """A path, and a line of it."""
    return f"{path}, line {number(line)}" if line else path


def severities(counts: Mapping[str, int]) -> str:
    """How many kinds of findings of each severity (its value): "1 leak of patient data and 2 questionable findings"; "" for none."""
    words = {
        "leak": ("leak of patient data", "leaks of patient data"),
        "rejected": ("finding that makes files unusable", "findings that make files unusable"),
        "questionable": ("questionable finding", "questionable findings"),
        "note": ("note", "notes"),
    }
    lines = [plural(counts[name], *forms) for name, forms in words.items() if counts.get(name)]
    return " and ".join(part for part in (", ".join(lines[:-1]), *lines[-1:]) if part)


def summary(found: Readiness) -> str:
    """One sentence."""
    counts = severities(Counter(group.rule.severity.value for group in found.groups))
    return f"{counts or 'No findings'} in {files(found.files)} of {', '.join(found.modalities)}."


def receipt_lines(receipt: Receipt) -> list[str]:
    """What a receipt says of the checks before the run, and of what a person accepted: sentences.  They name no file; the JSON does."""
    out: list[str] = []
    names = {one.value: name for one, name in PASSES.items()}
    for one in receipt.checked:
        counts = {"leak": one.leaks, "rejected": one.rejected, "questionable": one.questionable, "note": one.notes}
        missed = f" {plural(one.unchecked, 'place')} could not be checked." if one.unchecked else ""
        of = f" of {', '.join(one.modalities)}" if one.modalities else ""
        found = severities(counts) or "no findings"
        out.append(f"Pass “{names.get(one.deepest, one.deepest)}”{of} with the rules of {one.rules}, {moment(one.at_us)}: {found}.{missed}")
    off = {id_: reason for one in receipt.checked for id_, reason in one.off.items()}
    out += [f"Rule {id_} is off on this site: {reason}" for id_, reason in sorted(off.items())]
    accepted = Counter((one.rule, one.by, one.at_us, one.reason) for one in receipt.accepted)
    for (rule, by, at_us, reason), count in accepted.items():
        out.append(f"Accepted, rule {rule}, {files(count)}, by {by}, {moment(at_us)}: {reason}")
    return out


def to_text(found: Readiness) -> list[str]:
    """The lines of the result, the worst first."""
    head = f"Readiness, pass “{PASSES[found.deepest]}”, rules of {found.rules.version}: {summary(found)}"
    out = [head]
    severity: Severity | None = None
    for rule, groups in _by_rule(found.groups):
        if rule.severity is not severity:
            severity = rule.severity
            out += ["", TITLES[severity]]
        out.append(f"  {rule.id:<4} {rule.must}")
        for group in groups[:MOST_SUBJECTS]:
            out.append(f"       {counted(group)}{f': {group.about}' if group.about else ''}")
            out += [f"         {where(*example)}" for example in dict.fromkeys(group.examples) if example.path]
        if len(groups) > MOST_SUBJECTS:
            out.append(f"       and {plural(len(groups) - MOST_SUBJECTS, 'more kind', 'more kinds')} of findings")
        out += [f"       {rule.tell}", f"       Said in: {said_in(rule)}"]
    if found.unchecked_count:
        out += ["", f"Could not check {plural(found.unchecked_count, 'place')}"]
        out += [f"  {one.path or 'the whole folder'}: {one.why}" for one in found.unchecked]
    out += ["", f"Read {files(found.read)}, remembered {files(found.remembered)}, in {duration(found.seconds)}."]
    out += [f"Rule {id_} is off on this site: {reason}" for id_, reason in sorted(found.rules.off.items())]
    return [*out, CAUTION]


def _by_rule(groups: Iterable[Group]) -> Iterator[tuple[Rule, list[Group]]]:
    for _, same in groupby(groups, key=lambda group: group.rule.id):
        listed = list(same)
        yield listed[0].rule, listed


def rules_table(rules: RuleSet) -> list[tuple[str, str, str, str, str]]:
    """Every rule: id, severity, first pass, what must be, where it is said."""
    return [
        (
            rule.id,
            rule.severity.value,
            "off" if rule.id in rules.off else rule.first.value if rule.first else "not checked",
            rule.must,
            said_in(rule),
        )
        for rule in rules.rules.values()
    ]
