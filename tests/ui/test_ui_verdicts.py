"""The verdicts of the last verification, while they are written and afterwards."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from chorus_gui.app import verdict_book as verdicts
from chorus_gui.app.verdict_book import BATCH, Book, VerdictLine, VerdictQuery
from chorus_gui.core.errors import UsageError
from chorus_gui.core.model import Level, Row
from chorus_gui.core.transfer.verify import Verdict, VerifyResult

JOURNAL = Path("journal.db")


def verdict(number: int, result: VerifyResult = VerifyResult.OK, modality: str = "Images") -> Verdict:
    row = Row(number, modality, f"1001/Images/{number:04}.dcm", "1001", number, 0, "0" * 32, 0, None, "20260101000000", "v1")
    return Verdict(row, result, Level.REREAD if result is VerifyResult.OK else None, f"v1/{row.path}", "why")


def book(file: Path) -> Book:
    return Book(file, journal=JOURNAL, version="v1", modalities=("OMOP", "Images"), reread=True)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "verify" / "last.db"


def test_nothing_was_verified(file: Path) -> None:
    assert verdicts.last_verification(file) is None
    assert len(verdicts.select(file, 1, VerdictQuery())) == 0
    assert verdicts.lines(file, 1, [1]) == []
    assert list(verdicts.values(file)) == []


def test_what_is_no_database_is_nothing(file: Path) -> None:
    file.parent.mkdir()
    file.write_bytes(b"something else")
    assert verdicts.last_verification(file) is None


def test_batches_are_seen_while_it_runs(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdicts, "BATCH_SECONDS", 3600.0)  # only the number of verdicts counts here
    with book(file) as open_book:
        for number in range(BATCH + 5):
            open_book.add(verdict(number))
        found = verdicts.last_verification(file)
        assert found is not None
        assert found.files == BATCH
        assert found.ended_us is None
        ids = verdicts.select(file, found.number, VerdictQuery())
        assert len(ids) == BATCH
    after = verdicts.last_verification(file)
    assert after is not None
    assert after.complete
    assert after.files == BATCH + 5
    assert (after.journal, after.version, after.modalities, after.reread) == ("journal.db", "v1", ("OMOP", "Images"), True)
    more = verdicts.select(file, after.number, VerdictQuery(), after=ids[-1])
    assert len(more) == 5
    if os.name == "posix":
        assert file.stat().st_mode & 0o777 == 0o600


def test_one_that_was_stopped_says_so(file: Path) -> None:
    with pytest.raises(AttributeError), book(file) as open_book:
        open_book.add(None)  # type: ignore[arg-type]
    found = verdicts.last_verification(file)
    assert found is not None
    assert not found.complete
    assert found.ended_us is not None


def test_filter_search_order(file: Path) -> None:
    with book(file) as open_book:
        for number in range(6):
            open_book.add(verdict(number, VerifyResult.MISSING if number % 2 else VerifyResult.OK, "OMOP" if number == 5 else "Images"))
    found = verdicts.last_verification(file)
    assert found is not None
    assert found.counts == {"ok": (3, 6), "missing": (3, 9)}

    def paths(wanted: VerdictQuery) -> list[str]:
        got = verdicts.lines(file, found.number, verdicts.select(file, found.number, wanted))
        return [line.path[-8:-4] for line in got]

    assert paths(VerdictQuery(("missing",))) == ["0001", "0003", "0005"]
    assert paths(VerdictQuery(search="IMAGES/0004")) == ["0004"]
    assert paths(VerdictQuery(order="size", descending=True))[0] == "0005"
    assert paths(VerdictQuery(order="no such column")) == [f"{n:04}" for n in range(6)]
    assert [row[2][-8:-4] for row in verdicts.values(file, ["ok"])] == ["0000", "0002", "0004"]
    line = verdicts.lines(file, found.number, [1])[0]
    assert line == VerdictLine(
        "v1", "Images", "1001/Images/0000.dcm", "ok", "reread", 0, "0" * 32, "20260101000000", "v1/1001/Images/0000.dcm", "why"
    )


def test_ids_of_an_earlier_verification_give_nothing(file: Path) -> None:
    with book(file) as open_book:
        open_book.add(verdict(1))
    first = verdicts.last_verification(file)
    assert first is not None
    with book(file) as open_book:
        open_book.add(verdict(2))
    assert verdicts.lines(file, first.number, [1]) == []
    assert len(verdicts.select(file, first.number, VerdictQuery())) == 0


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "verify").write_bytes(b"a file where the folder should be")
    with pytest.raises(UsageError, match="Could not save the results"):
        book(tmp_path / "verify" / "last.db")
