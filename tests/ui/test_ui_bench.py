"""The benchmark of the window runs, on little, and prints a line for each thing that it measures."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench import bench_ui, ui_blocked


@pytest.mark.slow
@pytest.mark.parametrize(("part", "lines"), [("scan", 4), ("upload", 4), ("diff", 19), *((name, 0) for name in ui_blocked.PARTS)])
def test_every_part_prints_its_lines(part: str, lines: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--files", "100", "--upload", "20", "--rows", "600", "--rounds", "1", "--only", part, "--folder", str(tmp_path)]
    assert bench_ui.main(options) == 0
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == lines or (not lines and len(printed) > 2 and all(line.startswith("| ") for line in printed[2:]))
    assert not list(tmp_path.iterdir()), "the site is removed"


def test_the_table_has_a_line_for_each_action_and_says_what_is_too_long() -> None:
    felt = [ui_blocked.Felt("Review", "End", 50.0, 61.4, 20.0), ui_blocked.Felt("Review", "Home", 50.1, 50.1, 20.0)]
    lines = ui_blocked.table([vars(one) for one in felt]).splitlines()
    assert lines[2:] == ["| Review | End | 50 | 61 | 20 |", "| Review | Home | 50 (missed) | 50 | 20 |"]


def test_a_missed_aim_is_said() -> None:
    assert bench_ui.Line("a stall", 201.0, "ms", 200).text().endswith("(aim: at most 200 ms: MISSED)")
    assert "MISSED" not in bench_ui.Line("a stall", 200.0, "ms", 200).text()
