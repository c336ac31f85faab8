"""docs/batch-files.md lists each reason why a script leaves a file out, and no other; and for each reason what it says is what happens."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hostile_rows import GOOD
from scriptworld import VERSION, ScriptWorld

from chorus_gui.core.config.model import Config
from chorus_gui.core.model import Row
from chorus_gui.core.scripts.options import ScriptOptions, Target, Tool
from chorus_gui.core.scripts.plan import plan

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "chorus_gui" / "core"
PLACES = {
    "scripts/plan.py": {"azcopy_problem", "_files"},
    "scripts/text.py": {"character_problem", "blob_problem"},
    "scripts/batch.py": {"problem"},
    "scripts/shell.py": {"problem"},
    "storage/names.py": {"outside"},
    "storage/azure/names.py": {"check"},
    "config/model.py": {"store_path"},
}
"""The functions that say why."""
BOTH, WINDOWS, BASH = frozenset(Target), frozenset({Target.WINDOWS}), frozenset({Target.POSIX})
Case = tuple[str, str, frozenset[Target]]
"""Path, version, and the scripts that leave it out."""
DEEP = "/".join("d" * 255)
REASONS: dict[str, tuple[str, tuple[Case, ...]]] = {
    "the path, or its name in the central store, is absolute": (
        r"part of (it|its path) is empty|would not be below",
        tuple((path, VERSION, BOTH) for path in ("OMOP//a", "OMOP/./a", "OMOP/../a", "OMOP/a\0"))
        + tuple(("OMOP/a.csv", version, BOTH) for version in ("..", "a/../b", "", "/x"))
        + (("OMOP/C:/a.csv", VERSION, WINDOWS),),
    ),
    "the path has a line break": (
        r"line break|control character|not valid Unicode|not valid text|Windows does not allow the character '\\",
        tuple((f"OMOP/a{odd}b", VERSION, BOTH) for odd in "\n\r\x1b\x7f\x85\u2028\udcff\uffff")
        + tuple(("OMOP/a.csv", f"1{odd}", BOTH) for odd in "\n\x1b\u2029\udcff"),
    ),
    "the path has one of the characters": (
        r"Windows does not allow|turn(s)? that into|double quote|on Windows it would not be below",
        (
            *((f"OMOP/a{odd}b", VERSION, WINDOWS) for odd in '<>:"|?*'),
            ("OMOP/a\\b", VERSION, BOTH),
            ("OMOP/a.csv", "1\\", BOTH),
            ("OMOP/a.csv", '1"', WINDOWS),
        ),
    ),
    "its name in the central store has more than": (
        r"characters; the limit is|levels of folders|would begin with",
        (
            ("OMOP/" + "a" * 1024, VERSION, BOTH),
            (f"OMOP/{DEEP}", VERSION, BOTH),
            ("OMOP/a.csv", "-x", BOTH),
            ("OMOP/a.csv", "@x", BOTH),
        ),
    ),
    "the path does not match the pattern": (
        r"does not match the pattern|has no site folder",
        (("no patient", VERSION, BOTH),),
    ),
    "the site's folder cannot be quoted": (r"double quote|line break|ends with a backslash", ()),
    "for AzCopy": (r"AzCopy reads the", ()),
}
"""The beginning of a row of the table → what its sentences say, cases."""


def _table() -> list[list[str]]:
    text = (ROOT / "docs" / "batch-files.md").read_text("utf-8").partition("| reason |")[2].partition("\n\n")[0]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in text.splitlines()[2:]]


def _sentences() -> Iterator[str]:
    """The fixed text of each sentence of these functions."""
    for file, functions in PLACES.items():
        for node in ast.walk(ast.parse((CORE / file).read_text("utf-8"))):
            if not isinstance(node, ast.FunctionDef) or node.name not in functions:
                continue
            for inner in ast.walk(node):
                told = inner.value if isinstance(inner, ast.Return) else inner
                if isinstance(told, ast.Call):  # an error's sentence, or an entry of the list of what is left out
                    name = told.func.id if isinstance(told.func, ast.Name) else getattr(told.func, "attr", "")
                    values = {"name_error": told.args[1:2], "PatternError": told.args[:1], "append": told.args[:1]}.get(name, [])
                    parts: list[Any] = [part for value in values for part in (value.elts if isinstance(value, ast.Tuple) else [value])]
                elif isinstance(inner, ast.Return) and told is not None:
                    parts = [told.body, told.orelse] if isinstance(told, ast.IfExp) else [told]
                else:
                    continue
                for part in parts:
                    fixed = "".join(one.value for one in ast.walk(part) if isinstance(one, ast.Constant) and isinstance(one.value, str))
                    if " " in fixed and not fixed.endswith("would be “”. "):  # a reason of the store's names follows
                        yield fixed


def _row(path: str, version: str) -> Row:
    modality = "OMOP" if "OMOP" in path or "patient" not in path else "Images"
    return Row(1, modality, path, None, 3, 1, GOOD[3], 1, None, None, version)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return ScriptWorld(tmp_path, files=("OMOP/person.csv",), central="az://cont").config


def test_the_page_has_a_row_for_each_reason_and_no_other() -> None:
    rows = _table()
    assert len(rows) == len(REASONS)
    for row, beginning in zip(rows, REASONS, strict=True):
        assert row[0].startswith(beginning)


def test_each_sentence_of_the_program_belongs_to_a_row() -> None:
    found = list(_sentences())
    assert len(found) >= 15
    patterns = [pattern for pattern, _ in REASONS.values()]
    assert [text for text in found if not any(re.search(pattern, text) for pattern in patterns)] == []
    for pattern in patterns:
        assert any(re.search(pattern, text) for text in found), pattern


@pytest.mark.parametrize("beginning", REASONS)
def test_what_a_row_says_happens(config: Config, beginning: str) -> None:
    pattern, cases = REASONS[beginning]
    for tool in Tool:
        for target in Target:
            for path, version, where in cases:
                made = plan(config, [_row(path, version)], ScriptOptions(tool, target, ("x",), one_by_one=True))
                assert len(made.left_out) == (target in where), (path, version, target)
                if made.left_out:
                    assert re.search(pattern, made.left_out[0][1]), made.left_out


def test_a_folder_of_the_site_that_cannot_be_quoted_leaves_its_files_out(config: Config) -> None:
    def left_out(text: str, tool: Tool, target: Target) -> list[str]:
        sites = {name: replace(site, place=replace(site.place, folder=Path(text), text=text)) for name, site in config.sites.items()}
        made = plan(replace(config, sites=sites), [_row("OMOP/a.csv", VERSION)], ScriptOptions(tool, target, ("x",), one_by_one=True))
        return [why for _, why in made.left_out]

    for tool in Tool:
        assert left_out("/si\nte", tool, Target.POSIX)
        assert left_out("/si\nte", tool, Target.WINDOWS)
        assert not left_out('/si"te', tool, Target.POSIX)
        assert left_out('D:\\si"te', tool, Target.WINDOWS)
    for text in ("/si*te", "/100% of it"):
        for target in Target:
            assert re.search("AzCopy reads", "".join(left_out(text, Tool.AZCOPY, target)))
            assert not left_out(text, Tool.AZCLI, target)
