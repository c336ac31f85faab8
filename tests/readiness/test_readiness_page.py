"""The page of the readiness check has every rule with its source, and what the command says of itself."""

from __future__ import annotations

from tools.readiness_page import PAGE, page

from chorus_gui.core.rules import Pass, Severity, built_in


def test_the_page_has_every_rule_as_it_is() -> None:
    text = PAGE.read_text("utf-8")
    assert text == page(text, built_in()), "write it again: .venv/bin/python tests/tools/readiness_page.py"
    for rule in built_in().rules.values():
        assert f"| {rule.id} |" in text
        assert all(f"| {source.key} |" in text for source in rule.sources)


def test_the_page_explains_passes_and_severities() -> None:
    text = PAGE.read_text("utf-8")
    assert all(f"--pass {one.value}" in text for one in Pass if one is not Pass.AT_ONCE)
    assert all(f"| {one.value} |" in text for one in Severity)
