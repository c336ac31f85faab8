"""A verification's result as a file."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import pytest

from chorus_gui.core.errors import UsageError
from chorus_gui.core.model import Level, Row
from chorus_gui.core.submission.verdict_file import COLUMNS, safe_cell, verdict_file, verdict_json, verdict_values
from chorus_gui.core.transfer.verify import Verdict, VerifyResult


def verdict(path: str, result: VerifyResult = VerifyResult.OK) -> Verdict:
    row = Row(1, "Images", path, "1001", 7, 0, "0" * 32, 0, None, "20260101000000", "20260101000000")
    return Verdict(row, result, Level.REREAD if result is VerifyResult.OK else None, f"v/{path}", "A “detail”, with a comma.")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx"])
def test_no_cell_is_run_as_a_formula(tmp_path: Path, text: str) -> None:
    file = tmp_path / "out.csv"
    with verdict_file(file) as out:
        out.write(verdict_values(verdict(text)))
    with file.open(encoding="utf-8-sig", newline="") as stream:
        header, line = csv.reader(stream)
    assert header == list(COLUMNS)
    assert line[2] == f"'{text}"
    assert safe_cell(-5) == -5, "numbers are no formulas"


def test_json_holds_the_same_and_a_name_that_is_no_unicode(tmp_path: Path) -> None:
    file = tmp_path / "out.json"
    found = [verdict("=a"), verdict("b\udcff.dcm", VerifyResult.MISSING)]
    with verdict_file(file) as out:
        for one in found:
            out.write(verdict_values(one))
    assert json.loads(file.read_bytes()) == [verdict_json(one) for one in found]


def test_an_empty_result_is_an_empty_array(tmp_path: Path) -> None:
    with verdict_file(tmp_path / "out.json"):
        pass
    assert json.loads((tmp_path / "out.json").read_text("utf-8")) == []


def test_whole_or_not_at_all_and_private(tmp_path: Path) -> None:
    file = tmp_path / "out.csv"
    file.write_text("the one before", "utf-8")
    with pytest.raises(TypeError), verdict_file(file) as out:
        out.write(None)  # type: ignore[arg-type]
    assert file.read_text("utf-8") == "the one before"
    with verdict_file(file):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]
    if os.name == "posix":
        assert file.stat().st_mode & 0o777 == 0o600


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Could not write"), verdict_file(tmp_path / "none" / "out.csv"):
        pass
