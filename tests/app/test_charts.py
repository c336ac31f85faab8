"""What the charts show is what the journal and the receipts say."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest
from world import World

from chorus_gui.app import charts, facts
from chorus_gui.app.charts import TITLES, Chart
from chorus_gui.cli.export_commands import CHARTS
from chorus_gui.cli.main import main
from chorus_gui.core.errors import JournalDamagedError, UsageError
from chorus_gui.core.job import JobContext
from chorus_gui.core.journal.store import Journal

PERSON = "person_id\n1\n"


@pytest.fixture(params=[1, 2])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    """Two versions: 4 files of 2 patients; then one new patient, one file with other content, one file that was deleted."""
    world = World(tmp_path / "world")
    Journal.begin(world.journal, schema=request.param)
    world.put("OMOP/person.csv", PERSON)
    world.put("1001/Images/a.dcm", b"x" * 10)
    world.put("1001/Waveforms/a.dat", b"x" * 20)
    world.put("1002/Images/b.dcm", b"x" * 30)
    world.run("submit", version="20260101000000")
    world.put("1003/Images/c.dcm", b"x" * 40)
    world.put("1001/Images/a.dcm", b"y" * 11)
    (world.site / "1001" / "Waveforms" / "a.dat").unlink()
    world.run("submit", version="20260201000000", allow_deletions=True)
    return world


def made(world: World) -> dict[str, Chart]:
    return charts.charts(world.config, facts.receipts(world.config, JobContext()), JobContext())


def values(chart: Chart) -> dict[str, tuple[int, ...]]:
    return {line.name: line.values for line in chart.lines}


def test_files_and_sizes_by_version_and_modality(world: World) -> None:
    found = made(world)
    assert found["files"].series == found["bytes"].series == ("OMOP", "Images", "Waveforms")
    assert values(found["files"]) == {"20260101000000": (1, 1, 0), "20260201000000": (0, 2, 0)}
    assert values(found["bytes"]) == {"20260101000000": (len(PERSON), 30, 0), "20260201000000": (0, 51, 0)}


def test_growth_counts_what_was_current_then(world: World) -> None:
    found = made(world)
    assert values(found["growth"]) == {"20260101000000": (4,), "20260201000000": (4,)}
    assert values(found["growth-bytes"]) == {"20260101000000": (len(PERSON) + 60,), "20260201000000": (len(PERSON) + 81,)}
    assert [line.at_us for line in found["growth"].lines] == sorted(line.at_us for line in found["growth"].lines)
    assert found["growth"].lines[0].at_us > 0


def test_patients_of_each_version(world: World) -> None:
    assert values(made(world)["patients"]) == {"20260101000000": (1,), "20260201000000": (2,)}


def test_the_speed_is_what_the_receipt_says(world: World) -> None:
    receipts = facts.receipts(world.config, JobContext())
    sent = sorted((receipt.sent_bytes for receipt in receipts), reverse=True)
    assert sent == [len(PERSON) + 60, 51]
    assert all(receipt.seconds > 0 for receipt in receipts)
    quick = tuple(replace(one, sent_bytes=3_000_000, seconds=1.5) for one in receipts)
    chart = charts.charts(world.config, quick, JobContext())["speed"]
    assert [line.values for line in chart.lines] == [(2_000_000,)] * 2
    assert [line.at_us for line in chart.lines] == sorted(one.ended_us for one in receipts)
    nothing = tuple(replace(one, sent_bytes=0) for one in receipts)
    assert charts.charts(world.config, nothing, JobContext())["speed"].lines == ()


def test_without_a_journal_there_is_nothing_to_draw(tmp_path: Path) -> None:
    found = made(World(tmp_path / "empty"))
    assert list(found) == list(TITLES)
    assert not any(chart.lines for chart in found.values())


def test_a_damaged_journal_is_named(world: World) -> None:
    world.journal.write_bytes(b"SQLite format 3\0" + b"x" * 5000)
    with pytest.raises(JournalDamagedError):
        made(world)


def test_a_chart_is_saved_as_csv(world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "chart.csv"
    assert charts.export(world.config, "bytes", file, JobContext()) == 2
    with file.open(encoding="utf-8-sig", newline="") as opened:
        header, first, second = csv.reader(opened)
    assert header == ["version", "time (UTC)", "omop", "images", "waveforms"]
    assert (first[0], first[2:]) == ("20260101000000", [str(len(PERSON)), "30", "0"])
    assert second[2:] == ["0", "51", "0"]
    assert main(["-c", str(world.file), "export", "chart", "--name", "patients", "--output-file", str(file)]) == 0
    assert f"Wrote 2 lines to {file}." in capsys.readouterr().out
    assert main(["-c", str(world.file), "export", "chart", "--name", "speed", "--output-file", str(file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"file": str(file), "count": 2}
    with pytest.raises(UsageError):
        charts.export(world.config, "nothing", file, JobContext())


def test_the_command_knows_every_chart() -> None:
    assert tuple(TITLES) == CHARTS
