"""What the build of the programs leaves out."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def spec() -> tuple[list[str], re.Pattern[str]]:
    """What the build excludes: modules, and the names of files."""
    modules: list[str] = []
    pattern = None
    for node in ast.parse((ROOT / "build_exe.spec").read_text("utf-8")).body:
        match node:
            case ast.Assign(targets=[ast.Name(id="EXCLUDES")], value=value) | ast.AugAssign(target=ast.Name(id="EXCLUDES"), value=value):
                texts = [one.value for one in ast.walk(value) if isinstance(one, ast.Constant) and isinstance(one.value, str)]
                modules += [name for text in texts for name in text.split()]
            case ast.Assign(targets=[ast.Name(id="UNUSED")], value=ast.Call(args=[ast.Constant(value=str(text)), *_])):
                pattern = re.compile(text, re.VERBOSE)
            case _:
                continue
    assert pattern is not None
    return modules, pattern
