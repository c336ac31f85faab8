"""The benchmark of large sites runs, on small ones, and every step that it names is measured at every size."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench import bench_scale, scale_steps


def test_the_tables_have_a_line_for_every_step_and_size(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    steps = ["walk", "record", "unchanged", "count versions", "keep a copy"]
    assert bench_scale.main(["--place", str(tmp_path), "--sites", "60", "120", "--journals", "100", "--only", *steps]) == 0
    lines = [line.split(" | ") for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    measured = [(line[0].removeprefix("| "), line[1]) for line in lines if not line[0].startswith("| step")]
    of_site = [name for name in scale_steps.OF_SITE if name in steps]
    of_journal = [name for name in scale_steps.OF_JOURNAL if name in steps]
    assert measured == [(name, count) for count in ("60", "120") for name in of_site] + [(name, "100") for name in of_journal] * 2
    assert not list(tmp_path.iterdir()), "what was made is removed"


def test_the_exponent_says_how_the_time_grows() -> None:
    assert bench_scale.exponent((1_000, 1.0), (10_000, 10.0)) == pytest.approx(1)
    assert bench_scale.exponent((1_000, 1.0), (10_000, 100.0)) == pytest.approx(2)
    assert bench_scale.exponent((1_000, 0.001), (10_000, 1.0)) is None, "too short to say anything"
