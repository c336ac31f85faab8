"""What commands print with ``--json`` has a published schema.  ``conftest.described`` holds every output of every test against it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from commands import Run, printed
from output_schema import SCHEMA, faults, schema
from world import World

from chorus_gui.cli.main import build_parser, main

FIRST = Path(__file__).resolve().parent.parent / "data" / "output-1.txt"
"""The keys of version 1 of the schema, and what they are.  Lines are added for new keys, and never changed or removed."""


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def with_json(parser: argparse.ArgumentParser, words: tuple[str, ...] = ()) -> Iterator[str]:
    """The commands that have ``--json``."""
    if "--json" in parser._option_string_actions:  # argparse names its options nowhere else
        yield " ".join(words)
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, inner in action.choices.items():
                yield from with_json(inner, (*words, name))


def test_every_output_is_described() -> None:
    assert sorted(with_json(build_parser())) == sorted(schema()["commands"])


def test_the_schema_is_one() -> None:
    from jsonschema import Draft202012Validator

    whole = schema()
    Draft202012Validator.check_schema(whole)
    for command, node in whole["commands"].items():
        Draft202012Validator.check_schema({"$defs": whole["$defs"], **node})
        assert references(node) <= set(whole["$defs"]), command


def references(node: Any) -> set[str]:
    if isinstance(node, list):
        return set().union(*map(references, node)) if node else set()
    if not isinstance(node, dict):
        return set()
    own = {node["$ref"].removeprefix("#/$defs/")} if "$ref" in node else set[str]()
    return own.union(*map(references, node.values()))


def paths(node: Any, where: str, defs: dict[str, Any]) -> Iterator[str]:
    """A line for each value: where it is, and its type."""
    if "$ref" in node:
        name = node["$ref"].removeprefix("#/$defs/")
        yield f"{where}: {name}"
        return
    if "anyOf" in node:
        for one in node["anyOf"]:
            yield from paths(one, where, defs)
        return
    kind = node["type"]
    words = "/".join(kind) if isinstance(kind, list) else kind
    values = f" {'|'.join(map(str, node['enum']))}" if "enum" in node else ""
    yield f"{where}: {words}{values}"
    for key, inner in node.get("properties", {}).items():
        yield from paths(inner, f"{where}.{key}{'' if key in node.get('required', ()) else '?'}", defs)
    if isinstance(node.get("additionalProperties"), dict):
        yield from paths(node["additionalProperties"], f"{where}.*", defs)
    if "items" in node:
        yield from paths(node["items"], f"{where}[]", defs)


def test_no_key_was_removed_and_none_has_another_meaning() -> None:
    """Programs at the sites read these keys.  A key may be added; everything else needs another version of the schema."""
    whole = schema()
    now = [line for group in ("$defs", "commands") for name, node in whole[group].items() for line in paths(node, name, whole["$defs"])]
    assert whole["$id"].endswith(":1")
    first = FIRST.read_text("utf-8").splitlines()
    assert not [line for line in first if line not in now]
    assert not [line for line in now if line not in first], f"Add these lines to {FIRST.name}."


@pytest.mark.parametrize("command", ["scan", "status", "history", "journal list", "journal check", "journal restore", "file list", "file list --changes",
    "file verify --reread", "hold list", "hold add --file 1001/Images/a.dcm --reason consent", "remote list", "remote list -r", "readiness", "readiness --list-rules", "doctor", "credential list", "schedule show",
    "report list", "sites"])  # fmt: skip
def test_what_is_printed_is_described(command: str, world: World, run: Run) -> None:
    """The hook of all tests compares it; here each command prints something."""
    for name in ("a", "b", "c"):
        world.put(f"1001/Images/{name}.dcm", "one")
    world.run("submit", version="v1")
    world.put("1001/Images/a.dcm", "another")
    world.put("1001/Images/b.dcm", "two")
    world.put("else/x.bin", "x")
    world.run("record", version="v2")
    world.put("1001/Images/d.dcm", "four")
    (world.site / "1001/Images/c.dcm").unlink()
    status, text = run(world, *command.split(), "--json")
    assert status in (0, 1, 3, 4), text
    assert printed(text) is not None


def test_a_key_that_is_not_described_is_found() -> None:
    assert faults("status", {"headline": ""})
    assert faults("report list", []) == []
    whole = {"in_force": 0, "shared": True, "unshared": 0, "trouble": None, "list": "", "holds": []}
    assert faults("hold list", whole) == []
    assert "other" in faults("hold list", {**whole, "other": 1})[0]
    assert faults("no such command", {})


def test_the_schema_is_printed_and_written(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["json-schema"]) == 0
    assert json.loads(capsys.readouterr().out) == schema()
    file = tmp_path / "schema.json"
    assert main(["json-schema", "--output", str(file)]) == 0
    assert file.read_text("utf-8") == SCHEMA.read_text("utf-8")  # the ends of lines are the system's
    assert main(["json-schema", "--output", str(file)]) == 2
