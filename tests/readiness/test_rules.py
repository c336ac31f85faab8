"""The rules are data: the built-in set is complete and reads well; another file is checked strictly; a site can switch rules off."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tools.texts import rules as wording

from chorus_gui.core import rules
from chorus_gui.core.config.load import loads
from chorus_gui.core.config.rule_keys import chosen
from chorus_gui.core.errors import ConfigError
from chorus_gui.core.folders import resource
from chorus_gui.core.rules import Pass, RuleStatus, Severity

BUILT_IN = resource(rules.BUILT_IN).read_text("utf-8")
FLAT = '[configuration]\n{}\n[journal]\npath = "{}/journal.db"\n[central_path]\npath = "{}/store"\n[site_path.default]\npath = "{}/site"\n'
NESTED = '[configuration]\n{}\n[journal.local]\npath = "{}/journal.db"\n[central_path]\npath = "{}/store"\n[site_path.default]\npath = "{}/site"\n'
LAYOUTS = (FLAT, NESTED)


def config_text(layout: str, keys: str, folder: Path) -> str:
    return layout.format(keys, *(3 * [folder.as_posix()]))


def test_every_rule_of_the_program_is_whole() -> None:
    found = rules.built_in()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", found.version)
    assert len(found.rules) > 100
    for rule in found.rules.values():
        assert rule.must.endswith("."), rule.id
        assert rule.sources, rule.id
        assert bool(rule.first) == bool(rule.tell) != bool(rule.left_out), rule.id
        assert (rule.tell or rule.left_out).endswith("."), rule.id
        assert rule.first is not None or rule.severity is not Severity.LEAK or "finds it" in rule.left_out, rule.id
        assert rule.first is not Pass.AT_ONCE or rule.cost is not rules.Cost.FULL, rule.id


@pytest.mark.parametrize("wrong", wording(), ids=lambda rule: rule.wrong[0])
def test_no_rule_has_words_that_the_wording_page_rejects(wrong: object) -> None:
    texts = [text for rule in rules.built_in().rules.values() for text in (rule.must, rule.tell, rule.left_out)]
    assert [text for text in texts if wrong.pattern.search(text)] == []  # type: ignore[attr-defined]


def test_a_rule_that_awaits_approval_blocks_only_for_patient_data() -> None:
    for rule in rules.built_in().rules.values():
        if rule.severity is Severity.LEAK:
            assert rule.blocks
        elif rule.status is RuleStatus.AWAITING or rule.severity is not Severity.REJECTED:
            assert not rule.blocks
    assert any(rule.blocks for rule in rules.built_in().rules.values() if rule.severity is Severity.REJECTED)


def one_rule(**changed: str) -> str:
    fields = {
        "id": '"X1"', "modality": '"OMOP"', "must": '"Tables are there."', "sources": '["UP"]', "status": '"approved"', "cost": '"path"',
        "certainty": '"certain"', "severity": '"rejected"', "pass": '"at-once"', "tell": '"Add it."',
    } | changed  # fmt: skip
    lines = "\n".join(f"{key} = {value}" for key, value in fields.items() if value)
    return f'version = "2027-01-01"\n[source.UP]\ntitle = "A page"\ndate = 2026-01-21\nstatus = "approved"\n[[rule]]\n{lines}\n'


def test_a_newer_set_is_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(one_rule(), "utf-8")
    found = rules.read(file)
    assert (found.version, list(found.rules)) == ("2027-01-01", ["X1"])
    assert str(found.rules["X1"].sources[0]) == "A page (2026-01-21, approved)"
    assert found.active("P1") is None, "what the file does not have is not checked"


WRONG = {
    "severity": ('"leaky"', "severity", "Did you mean “leak”"),
    "status": ('"aproved"', "status", "Did you mean “approved”"),
    "cost": ("3", "cost", "Use path, header, full."),
    "certainty": ("", "certainty", "missing"),
    "pass": ('"fast"', "pass", "Use at-once, quick, thorough."),
    "modality": ('"Image"', "modality", "“Image” is not a modality."),
    "sources": ('["UP", "NOPE"]', "sources", "is not in the file"),
    "must": ('""', "must", "missing"),
    "tell": ("", "tell", "missing"),
    "id": ("7", "id", "missing"),
    "names": ('["/a"]', "names", "can match no file"),
    "severty": ('"leak"', "severty", "Did you mean “severity”"),
    "left_out": ('"Not checked."', "left_out", "is not left out"),
}


@pytest.mark.parametrize("field", WRONG)
def test_a_wrong_rule_is_named_with_its_field(field: str, tmp_path: Path) -> None:
    value, key, said = WRONG[field]
    file = tmp_path / "rules.toml"
    file.write_text(one_rule(**{field: value}), "utf-8")
    with pytest.raises(ConfigError) as caught:
        rules.read(file)
    (fault,) = caught.value.faults
    assert fault.key == f"rule {'1' if field == 'id' else 'X1'}.{key}"
    assert said in str(fault)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"version = ", "not valid TOML"),
        (b"\xff\xfe\x00", "not a text"),
        (b'version = "1"\n', "no rules"),
        (b'version = "1"\nrule = 3\n', "no rules"),
        (b'version = "1"\nrule = [3]\n', "not a table"),
        (b"x = " + b"[" * 5000, "not valid TOML"),
        (one_rule().encode() + one_rule().partition("[[rule]]")[2].join(["[[rule]]", ""]).encode(), "twice"),
        (one_rule().replace("2026-01-21", '"soon"').encode(), "not a date"),
    ],
)
def test_a_file_that_is_not_a_set_of_rules_is_refused_in_a_sentence(content: bytes, said: str, tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=said):
        rules.read(file)
    with pytest.raises(ConfigError, match="Could not read"):
        rules.read(tmp_path / "missing.toml")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_site_switches_rules_off_with_a_reason(layout: str, tmp_path: Path) -> None:
    keys = 'rules_off = ["P8: allowed, says the privacy office", "O4B: not exported"]'
    config = loads(config_text(layout, keys, tmp_path), tmp_path / "config.toml", environ={})
    assert config.warnings == ()
    found = chosen(config.rules_file, config.rules_off)
    assert found.off == {"P8": "allowed, says the privacy office", "O4B": "not exported"}
    assert found.active("P8") is None
    assert found.active("P9") is not None


def test_rules_can_be_switched_off_in_one_text(tmp_path: Path) -> None:
    config = loads(config_text(NESTED, 'rules_off = "P8: allowed, yes; O4B: not exported"', tmp_path), tmp_path / "config.toml", environ={})
    assert config.rules_off == {"P8": "allowed, yes", "O4B": "not exported"}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ('rules_off = ["P8"]', "“P8” has no reason"),
        ('rules_off = ["P8: "]', "has no reason"),
        ("rules_off = 3", "not a list of rules with reasons"),
        ("rules_off = [3]", "not a list of rules with reasons"),
        ('rules_off = ["p8: why"]', "There is no rule “p8”. Did you mean “P8”?"),
        ('rules_off = ["ZZ: why"]', "There is no rule “ZZ”."),
        ('rules = "missing.toml"', "Could not read the file of rules"),
    ],
)
def test_a_wrong_choice_is_a_problem_of_the_configuration_with_its_line(layout: str, keys: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        loads(config_text(layout, keys, tmp_path), tmp_path / "config.toml", environ={})
    (fault,) = caught.value.faults
    assert said in str(fault)
    assert fault.line == 2


def test_the_configuration_names_a_file_of_rules_from_its_own_folder(tmp_path: Path) -> None:
    (tmp_path / "rules.toml").write_text(one_rule(), "utf-8")
    text = config_text(NESTED, 'rules = "rules.toml"\nrules_off = ["X1: not here"]', tmp_path)
    config = loads(text, tmp_path / "config.toml", environ={})
    assert chosen(config.rules_file, config.rules_off).version == "2027-01-01"
    with pytest.raises(ConfigError, match="switches off the rule “X1”"):
        chosen(None, config.rules_off)
