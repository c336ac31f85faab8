"""The benchmark runs, on a small site, and its numbers are those of the measurements that it names."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench import bench_scan


def test_the_table_has_a_line_for_every_measurement(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench_scan.main(["--files", "60", "--size", "64", "--rounds", "1", "--folder", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "60 files of 64 bytes, best of 1"
    assert len(lines) == 2 + len(bench_scan.MEASUREMENTS)
    assert lines[-1].startswith("start-up")
    for line, measurement in zip(lines[1:-1], bench_scan.MEASUREMENTS, strict=True):
        assert line.startswith(measurement.name)
        assert (f"× {measurement.against}" in line) is bool(measurement.against)
    assert not list(tmp_path.iterdir()), "the site is removed"
