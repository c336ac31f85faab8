"""What a comparison costs grows as the site does, measured in steps of SQLite's machine, which no busy computer changes."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from bench.scale_data import config_for, make_journal, site_of_journal

from chorus_gui.core.job import JobContext
from chorus_gui.core.journal.known import Known
from chorus_gui.core.journal.store import Journal
from chorus_gui.core.model import MODALITIES, ChangeKind, Mode
from chorus_gui.core.review.diff import Comparison, Scanned
from chorus_gui.core.review.staging import Staging
from chorus_gui.core.submission.held import patients

STEPS = 100
FEW, MANY = 4_000, 32_000


def steps(folder: Path, rows: int, schema: int) -> int:
    """Hundreds of steps that the comparison of a site with a journal of so many rows takes, after the journal was read."""
    folder.mkdir()
    config, journal_file = config_for(folder), folder / "journal.db"
    make_journal(journal_file, rows, schema)
    count = 0

    def tick() -> int:
        nonlocal count
        count += 1
        return 0

    with (
        Journal.open(journal_file, readonly=True) as journal,
        Known(journal_file, MODALITIES, folder / "x.known") as known,
        Staging.create(folder / "review.db") as staging,
    ):
        for batch in site_of_journal(rows):
            staging.files(batch)
        known.wait(JobContext())
        staging.db.set_progress_handler(tick, STEPS)
        comparison = Comparison(config, journal, Scanned(staging, known, MODALITIES, Mode.FULL, ()), JobContext())
        comparison.begin(patients(config))
        comparison.find_deleted()
        assert list(comparison.touched()) == []
        found = comparison.finish()
    assert found.total(ChangeKind.DELETED).files == len(range(1, rows, 100))
    return count


@pytest.mark.parametrize("schema", [1, 2])
def test_a_comparison_is_linear(schema: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.scale_data.UPDATED", 100)
    few, many = (steps(tmp_path / str(rows), rows, schema) for rows in (FEW, MANY))
    assert math.log(many / few) / math.log(MANY / FEW) <= 1.1, (few, many)
