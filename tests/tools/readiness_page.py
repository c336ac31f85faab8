"""Writes the tables of rules in ``docs/readiness.md``: ``.venv/bin/python tests/tools/readiness_page.py``.  A test compares them with the rules."""

from __future__ import annotations

from pathlib import Path

from chorus_gui.core.rules import Rule, RuleSet, built_in

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "readiness.md"
BEGIN, END = "<!-- rules: begin -->", "<!-- rules: end -->"
SUBJECTS = (("all", "All modalities"), ("OMOP", "OMOP tables"), ("Images", "Images"), ("Waveforms", "Waveforms"), ("Metadata", "Metadata"))


def tables(rules: RuleSet) -> str:
    """The part of the page between the marks."""
    out = [BEGIN, "", f"Version of the rules: {rules.version}", ""]
    for modality, title in SUBJECTS:
        listed = [rule for rule in rules.rules.values() if rule.modality == modality and rule.first]
        out += [f"### {title}", "", "| rule | severity, certainty | pass | what must be | said in |", "|---|---|---|---|---|"]
        out += [_line(rule) for rule in listed]
        out.append("")
    out += ["### Not checked", "", "| rule | what must be | why it is not checked | said in |", "|---|---|---|---|"]
    out += [
        f"| {rule.id} | {_cell(rule.must)} | {_cell(rule.left_out)} | {sources(rule)} |" for rule in rules.rules.values() if not rule.first
    ]
    out += ["", "### Sources", "", "| key | page | date | status |", "|---|---|---|---|"]
    known = {source.key: source for rule in rules.rules.values() for source in rule.sources}
    out += [f"| {key} | {source.title} | {source.date:%Y-%m-%d} | {source.status.value} |" for key, source in sorted(known.items())]
    return "\n".join([*out, "", END])


def sources(rule: Rule) -> str:
    """The keys of the pages that say it, and the status of the rule."""
    return f"{', '.join(source.key for source in rule.sources)}: {rule.status.value}"


def _line(rule: Rule) -> str:
    assert rule.first is not None
    return f"| {rule.id} | {rule.severity.value}, {rule.certainty.value} | {rule.first.value} | {_cell(rule.must)} | {sources(rule)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def page(text: str, rules: RuleSet) -> str:
    """The page with its tables as the rules are."""
    before, _, rest = text.partition(BEGIN)
    return before + tables(rules) + rest.partition(END)[2]


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8"), built_in()), "utf-8")
