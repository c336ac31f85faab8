"""The benchmark of the window runs, on little, and prints a line for each thing that it measures."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench import bench_ui


@pytest.mark.slow
@pytest.mark.parametrize(("part", "lines"), [("scan", 4), ("upload", 4), ("diff", 19)])
def test_every_part_prints_its_lines(part: str, lines: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--files", "100", "--upload", "20", "--rows", "600", "--rounds", "1", "--only", part, "--folder", str(tmp_path)]
    assert bench_ui.main(options) == 0
    assert len(capsys.readouterr().out.splitlines()) == lines
    assert not list(tmp_path.iterdir()), "the site is removed"


def test_a_missed_aim_is_said() -> None:
    assert bench_ui.Line("a stall", 201.0, "ms", 200).text().endswith("(aim: at most 200 ms: MISSED)")
    assert "MISSED" not in bench_ui.Line("a stall", 200.0, "ms", 200).text()
