"""What ``dev.py mutate`` makes of source, tests and results; the run itself needs Cosmic Ray and hours."""

from __future__ import annotations

import ast
from pathlib import Path

from coverage import CoverageData
from recording import Recordings, files_of_tests
from run_mutate import Mutant, accepted, reasons, statement, table, users

ROOT = Path(__file__).resolve().parents[2]
SOURCE = '''\
"""A module."""

LIMIT = 5


def first(x: int) -> int:
    if (
        x > LIMIT
        and x
    ):
        return call(
            x,
        )
    return 0


def second() -> None:
    call(1)
'''
LINES = SOURCE.splitlines(keepends=True)
TREE = ast.parse(SOURCE)


def at(text: str) -> Mutant:
    line = next(number for number, found in enumerate(LINES) if text in found)
    return Mutant("a.py", "op", line, line + 1, ["changed\n"])


def lines(text: str) -> tuple[list[int], bool]:
    mutant = at(text)
    where, inside = statement(TREE, mutant.start, mutant.end)
    return list(where), inside


def test_the_statement_of_a_change_is_the_innermost_without_its_body() -> None:
    assert lines("LIMIT = 5") == ([3], False)
    assert lines("and x") == ([7, 8, 9, 10], True)
    assert lines("            x,") == ([11, 12, 13], True)
    assert lines("def first") == ([6], False)


def test_a_constant_is_tried_with_the_tests_of_what_uses_it() -> None:
    where, _ = statement(TREE, 2, 3)
    assert users(TREE, where) == {7, 8, 9, 10}
    chained = ast.parse("A = 1\nB = A + 1\n\n\ndef f():\n    return B\n")
    assert users(chained, range(1, 2)) == {6}
    circle = ast.parse("FIRST = 1\nSECOND = FIRST\nTHIRD = SECOND\nSECOND = THIRD\n\n\ndef both() -> int:\n    return THIRD\n")
    assert users(circle, range(1, 2)) == {8}, "also through statements that use each other"


def test_a_result_counts_as_long_as_the_function_is_the_same() -> None:
    mutant = at("            x,")
    longer = ["# new\n", *LINES]
    later = Mutant("a.py", "op", mutant.start + 1, mutant.end + 1, mutant.after)
    assert mutant.key(LINES, TREE) == later.key(longer, ast.parse("".join(longer)))
    other = SOURCE.replace("return 0", "return 1")
    assert mutant.key(LINES, TREE) != mutant.key(other.splitlines(keepends=True), ast.parse(other))
    same_text = at("call(1)")
    assert same_text.key(LINES, TREE) != Mutant("a.py", "op", same_text.start, same_text.end, ["pass\n"]).key(LINES, TREE)


def test_the_table_counts_what_no_test_can_notice_apart() -> None:
    outcomes = ["killed", "killed", "timeout", "survived", "survived", "not covered"]
    mutants = [Mutant("chorus_gui/a.py", "op", 0, 1, [], outcome) for outcome in outcomes]
    mutants[3].reason = "nobody can notice it"
    assert table(mutants).splitlines()[-1] == "| `a.py` | 6 | 2 | 1 | 1 | 1 | 1 | 60 % |"
    assert reasons(mutants).splitlines()[2:] == ["| nobody can notice it | 1 |"]


def test_the_window_s_tests_are_for_the_window() -> None:
    folders = {name.split("/")[1] for name in files_of_tests(ROOT, ["chorus_gui/core/review/diff.py"])}
    assert {"review", "submission", "app"} <= folders
    assert not folders & {"ui", "faults", "scripts", "house"}
    assert "ui" in {name.split("/")[1] for name in files_of_tests(ROOT, ["chorus_gui/ui/app.py"])}


def test_a_recording_counts_until_its_tests_or_their_helpers_change(tmp_path: Path) -> None:
    files = {
        "chorus_gui/a.py": "A = 1\n",
        "tests/conftest.py": "import fixtures\n",
        "tests/fixtures.py": "",
        "tests/x/near.py": "from far import A\n",
        "tests/far.py": "A = 1\n",
        "tests/unused.py": "",
        "tests/x/test_x.py": "import near\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)

    def stale() -> bool:
        return Recordings(tmp_path, tmp_path / "kept").stale("tests/x/test_x.py", ["chorus_gui/a.py"])

    assert stale()
    Recordings(tmp_path, tmp_path / "kept").keep("tests/x/test_x.py", {})
    assert not stale()
    for name in ("tests/conftest.py", "tests/fixtures.py", "tests/x/near.py", "tests/far.py", "tests/x/test_x.py"):
        (tmp_path / name).write_text(f"{files[name]}# changed\n")
        assert stale(), name
        Recordings(tmp_path, tmp_path / "kept").keep("tests/x/test_x.py", {})
    (tmp_path / "tests/unused.py").write_text("# changed\n")
    (tmp_path / "tests/x/test_y.py").write_text("# new\n")
    assert not stale(), "what its tests do not use says nothing of them"


def test_a_recording_counts_while_most_of_a_file_is_the_same(tmp_path: Path) -> None:
    """Its lines moved; a new line is run by the tests of its function."""
    old = "def one():\n    a = 1\n    b = 2\n    return a + b\n\n\ndef two():\n    return 2\n" + "# same\n" * 5
    for name, text in {"chorus_gui/a.py": old, "tests/x/test_x.py": ""}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    kept = Recordings(tmp_path, tmp_path / "kept")
    data = CoverageData(str(kept.data("tests/x/test_x.py")))
    for test, found in {"one": [2, 3, 4], "two": [8]}.items():
        data.set_context(test)
        data.add_lines({"chorus_gui/a.py": found})
    data.write()
    kept.keep("tests/x/test_x.py", {"one": 0.1, "two": 0.2})
    (tmp_path / "chorus_gui/a.py").write_text("# new\n" + old.replace("b = 2", "b = 3"))
    later = Recordings(tmp_path, tmp_path / "kept")
    assert not later.stale("tests/x/test_x.py", ["chorus_gui/a.py"])
    lines, seconds = later.lines(["tests/x/test_x.py"], "chorus_gui/a.py")
    assert {line: tests for line, tests in lines.items() if tests} == {3: {"one"}, 4: {"one"}, 5: {"one"}, 9: {"two"}}
    assert seconds == {"one": 0.1, "two": 0.2}
    (tmp_path / "chorus_gui/a.py").write_text("def three():\n    return 3\n")
    assert Recordings(tmp_path, tmp_path / "kept").stale("tests/x/test_x.py", ["chorus_gui/a.py"])


def test_what_is_accepted_has_a_reason_and_a_file() -> None:
    listed = accepted()
    assert listed
    assert all(reason.endswith(".") for reason in listed.values())
    assert all((ROOT / file).exists() for file, _, _ in listed)
