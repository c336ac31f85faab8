"""Kept copies of a large journal are compressed: they can be read, listed and restored as the others, and are not made again without a change."""

from __future__ import annotations

import gzip
import os
from dataclasses import replace
from pathlib import Path

import pytest

from chorus_gui.core.errors import JournalDamagedError
from chorus_gui.core.journal import backups, opening, packed
from chorus_gui.core.journal.backups import keep, listing, restore
from chorus_gui.core.journal.store import Journal


@pytest.fixture(autouse=True)
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every journal is a large one."""
    monkeypatch.setattr(packed, "LARGE", 0)


@pytest.fixture(params=[1, 2])
def path(request, sample) -> Path:
    return sample(request.param, "update_2")


def test_a_copy_is_smaller_and_has_the_content_of_the_journal(path, enter, dump, tmp_path):
    with Journal.open(path) as journal:
        journal.commit([enter(f"{number}/Images/x.dcm") for number in range(2_000)])
    before = dump(path)
    backups.keep(path)
    (kept, *_) = listing(path)
    assert kept.path.name.endswith(".db.gz")
    assert kept.path.stat().st_size < path.stat().st_size / 2
    plain = tmp_path / "plain.db"
    plain.write_bytes(gzip.decompress(kept.path.read_bytes()))  # any program can
    assert dump(plain) == before


def test_a_list_of_copies_says_the_same_as_of_plain_ones(path, monkeypatch):
    keep(path)
    monkeypatch.setattr(opening, "open_reading", None)  # a list unpacks nothing and opens nothing
    (compressed,) = listing(path)
    monkeypatch.undo()
    monkeypatch.setattr(packed, "LARGE", 2**40)
    plain = backups.describe(path)
    assert replace(compressed, path=path, at=plain.at, size=plain.size) == plain


def test_nothing_is_kept_again_without_a_change(path, enter):
    assert keep(path) is not None
    assert keep(path) is None
    assert keep(path, rows_only=True) is None
    with Journal.open(path) as journal:
        journal.end_command(journal.begin_command("journal update", "", common="", src_paths={}, dest=None), 1.0)
    assert keep(path, rows_only=True) is None, "only the history grew"
    with Journal.open(path) as journal:
        journal.commit([enter("x")])
    assert keep(path, rows_only=True) is not None
    assert len(listing(path)) == 2


def test_a_restored_copy_is_the_journal_as_it_was(path, enter, dump):
    keep(path)
    before = dump(path)
    (kept,) = listing(path)
    with Journal.open(path) as journal:
        journal.commit([enter("x")])
    replaced = restore(path, kept.path)
    assert dump(path) == before
    assert replaced is not None
    assert packed.is_packed(replaced)
    assert {file.name for file in path.parent.iterdir() if file.name.endswith(".part")} == set()


def test_the_last_ten_stay(path, enter):
    for number in range(12):
        with Journal.open(path) as journal:
            journal.commit([enter(f"{number}")])
    assert len(listing(path)) == 10


@pytest.mark.parametrize("damage", ["text", "cut", "changed", "comment", "empty"])
def test_a_damaged_copy_is_named_and_restores_nothing(path, damage, dump):
    keep(path)
    (kept,) = listing(path)
    data = kept.path.read_bytes()
    kept.path.write_bytes(
        {
            "text": b"not a copy",
            "cut": data[:-100],
            "changed": data[:-200] + bytes(100) + data[-100:],
            "comment": data[:10] + b"{}\0" + data[10:],
            "empty": b"",
        }[damage]
    )
    before = dump(path)
    (now,) = listing(path)
    assert now.readable is (damage == "changed"), "the end of the file belongs to the header"
    assert now.readable or "damaged" in now.problem
    with pytest.raises(JournalDamagedError):
        restore(path, kept.path)
    assert dump(path) == before
    assert keep(path) is not None or damage == "changed", "it counts as none"


def test_the_header_is_about_the_copy_and_not_about_what_the_journal_became(path, enter, monkeypatch):
    """A tool without our lock can write while a large journal is copied.  What it wrote is kept the next time."""
    real = opening.copy_whole

    def copied(conn, journal, target):
        real(conn, journal, target)
        monkeypatch.setattr(opening, "copy_whole", real)
        monkeypatch.setattr(Journal, "keep_copy", lambda self: None)
        with Journal.open(journal) as other:
            other.commit([enter("late")])

    monkeypatch.setattr(opening, "copy_whole", copied)
    assert keep(path) is not None
    assert keep(path, rows_only=True) is not None
    now, before = listing(path)
    assert now.rows == before.rows + 1


def test_a_copy_of_which_nothing_can_be_said_stays_a_plain_file(path, monkeypatch):
    real = backups.describe
    monkeypatch.setattr(backups, "describe", lambda copy, insist=False: replace(real(copy), readable=False, problem="unreadable"))
    kept = keep(path)
    assert kept is not None
    assert kept.suffix == ".db"
    assert [copy.path for copy in listing(path)] == [kept]
    assert {file.name for file in kept.parent.iterdir()} == {kept.name}


@pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")
def test_only_this_user_reads_a_copy(path):
    keep(path)
    assert listing(path)[0].path.stat().st_mode & 0o077 == 0


def test_a_journal_that_is_not_large_stays_a_plain_file(path, monkeypatch):
    monkeypatch.setattr(packed, "LARGE", path.stat().st_size)
    keep(path)
    assert listing(path)[0].path.suffix == ".db"
