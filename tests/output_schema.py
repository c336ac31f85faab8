"""Holds what a command prints with ``--json`` against ``resources/output.schema.json``."""

from __future__ import annotations

import json
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

SCHEMA = Path(__file__).resolve().parent.parent / "resources" / "output.schema.json"


@cache
def schema() -> dict[str, Any]:
    """The published schema."""
    return json.loads(SCHEMA.read_text("utf-8"))


def strict(node: Any) -> Any:
    """The same schema that refuses a key which it does not describe.  People's programs accept such a key: a later version may add it."""
    if isinstance(node, list):
        return [strict(one) for one in node]
    if not isinstance(node, dict):
        return node
    out = {key: strict(value) for key, value in node.items()}
    if isinstance(node.get("properties"), dict) and "additionalProperties" not in node:
        out["additionalProperties"] = False
    return out


@cache
def _validator(command: str) -> Any:
    from jsonschema import Draft202012Validator

    whole = deepcopy(schema())
    return Draft202012Validator(strict({"$schema": whole["$schema"], "$defs": whole["$defs"], **whole["commands"][command]}))


def faults(command: str, value: Any) -> list[str]:
    """What is not as the schema says; one sentence for each."""
    if command not in schema()["commands"]:
        return [f"resources/output.schema.json does not describe the output of “{command}”."]
    found = _validator(command).iter_errors(json.loads(json.dumps(value, default=str)))
    return [
        f"{command}: {'/'.join(map(str, one.absolute_path))}: {one.message[:500]} {[str(two.message)[:200] for two in one.context or ()]}"
        for one in found
    ]
