"""The templates for Group Policy have the policies of the program, with values that the program takes."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest

from chorus_gui.core.config.hosts import Host
from chorus_gui.core.config.policy import REGISTRY_KEY, Rule, parse_policy
from chorus_gui.core.errors import PolicyError

FOLDER = Path(__file__).resolve().parents[2] / "installer" / "policy"
NAMESPACE = "{http://schemas.microsoft.com/GroupPolicy/2006/07/PolicyDefinitions}"


def tree(name: str) -> ElementTree.Element:
    return ElementTree.parse(FOLDER / name).getroot()


def test_the_template_has_every_policy_and_no_other() -> None:
    """A misspelled name would make the program refuse everything."""
    values: dict[str, object] = {}
    for policy in tree("chorus-upload.admx").iter(f"{NAMESPACE}policy"):
        assert policy.get("class") == "Machine"
        assert policy.get("key") == REGISTRY_KEY
        lists = [element.get("valueName", "") for element in policy.iter(f"{NAMESPACE}multiText")]  # REG_MULTI_SZ
        if lists:
            (name,) = lists
            values[name] = ["a", "b"]
            # Editors remove the value of an empty list, and a list that is not set allows everything.
            assert [element.get("required") for element in policy.iter(f"{NAMESPACE}multiText")] == ["true"]
        else:
            name = policy.get("valueName", "")
            on, off = (policy.find(f"{NAMESPACE}{each}/{NAMESPACE}decimal") for each in ("enabledValue", "disabledValue"))
            assert on is not None
            assert off is not None
            assert parse_policy({name: int(off.get("value", ""))}, "HKLM").forbidden == frozenset()
            values[name] = int(on.get("value", ""))
        assert name == policy.get("name")
    assert set(values) == {rule.value for rule in Rule}
    found = parse_policy(values, "HKLM")
    for rule in Rule:
        assert found.allowed(rule) == {"a", "b"} if rule.is_list else rule in found.forbidden


@pytest.mark.parametrize("rule", [rule for rule in Rule if rule.is_list])
def test_what_the_template_says_to_write_allows_nothing(rule: Rule) -> None:
    (text,) = [
        element.text
        for element in tree("en-US/chorus-upload.adml").iter(f"{NAMESPACE}string")
        if element.get("id") == f"{rule.value}_Explain"
    ]
    found = re.search("To allow none, write “(.*)”", text or "")
    assert found
    policy = parse_policy({rule.value: [found[1]]}, "HKLM")
    assert found[1] not in ("", " ")
    for name in ("a", "", "upload.chorus4ai.org"):
        with pytest.raises(PolicyError):
            policy.require_name(rule, name, "this")
    assert Host.of_name(found[1]) is None, "no server has this name"


def test_intune_takes_the_template_alone() -> None:
    """It refuses a template that uses names of another one, unless that was imported before; and registry keys of Windows itself."""
    assert "using" not in (FOLDER / "chorus-upload.admx").read_text("utf-8")
    assert REGISTRY_KEY.split("\\")[:2] == ["Software", "Policies"]
    assert "microsoft" not in REGISTRY_KEY.lower()
    defined = {element.get("name") for element in tree("chorus-upload.admx").iter(f"{NAMESPACE}definition")}
    assert {
        element.get("ref")
        for policy in tree("chorus-upload.admx").iter(f"{NAMESPACE}policy")
        for element in policy.iter(f"{NAMESPACE}supportedOn")
    } == defined


def test_every_text_that_the_template_names_is_there_once() -> None:
    used = set(re.findall(r"\$\((\w+)\.(\w+)\)", (FOLDER / "chorus-upload.admx").read_text("utf-8")))
    texts = tree("en-US/chorus-upload.adml")
    strings = [element.get("id", "") for element in texts.iter(f"{NAMESPACE}string")]
    forms = [element.get("id", "") for element in texts.iter(f"{NAMESPACE}presentation")]
    assert sorted(strings) == sorted(name for kind, name in used if kind == "string")
    assert sorted(forms) == sorted(name for kind, name in used if kind == "presentation")
    boxes = {element.get("refId") for element in texts.iter(f"{NAMESPACE}multiTextBox")}
    for policy in tree("chorus-upload.admx").iter(f"{NAMESPACE}policy"):
        assert policy.get("displayName") == f"$(string.{policy.get('name')})"
        assert policy.get("explainText") == f"$(string.{policy.get('name')}_Explain)"
    assert boxes == {element.get("id") for element in tree("chorus-upload.admx").iter(f"{NAMESPACE}multiText")}


def test_the_templates_are_packed_as_windows_expects_them(installer: Callable[[str], ModuleType], tmp_path: Path) -> None:
    products = installer("products")
    made = products.policy_templates(tmp_path)
    first = made.read_bytes()
    with zipfile.ZipFile(made) as packed:
        assert packed.namelist() == ["chorus-upload.admx", "en-US/chorus-upload.adml"]
    assert products.policy_templates(tmp_path).read_bytes() == first
