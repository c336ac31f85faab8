"""What a person accepts is one subject of one rule in one file as it is; every other change asks again."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from chorus_gui.core.readiness.findings import FileState, Finding, Found
from chorus_gui.core.readiness.leaks import Accepted, LeakBook, book_path
from chorus_gui.core.readiness.snapshots import Snapshot
from chorus_gui.core.rules import Pass, built_in

SUBJECTS = {
    "P1": ("column mrn", "column days_shifted"),
    "P3": ("column zip", "column city"),
    "N2": ("note_nlp.snippet", "note_nlp.lexical_variant"),
    "N3": ("column matched_text", "column matched_sentence"),
    "I15": ("PatientName", "PatientAddress"),
    "W7": ("a comment", "the patient field"),
}
FILE = FileState("OMOP", "OMOP/a.csv", 10, 5)
CHANGES = {
    "nothing": (FILE, {}, False),
    "the size": (FILE._replace(size=11), {}, True),
    "the time": (FILE._replace(mtime_us=6), {}, True),
    "the path": (FILE._replace(path="OMOP/b.csv"), {}, True),
    "the modality": (FILE._replace(modality="Metadata"), {}, True),
    "the subject": (FILE, {"about": 1}, True),
    "another subject as well": (FILE, {"more": 1}, True),
    "the rule": (FILE, {"rule": "P2"}, True),
}


def find(journal: Path, rule: str, about: str, file: FileState) -> None:
    with LeakBook(journal) as book, book.checking() as checking:
        checking.add(rule, about, [file])


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("rule", SUBJECTS)
def test_what_asks_again(rule: str, change: str, tmp_path: Path) -> None:
    journal, (file, other, blocks) = tmp_path / "j.db", CHANGES[change]
    first, second = SUBJECTS[rule]
    find(journal, rule, first, FILE)
    with LeakBook(journal) as book:
        assert book.accept(book.leaks([rule]), "a test") == 1
        assert book.of(FILE, [rule])[0] == []
        if change != "nothing":
            book._db.execute("DELETE FROM leak")
    if "more" in other:
        find(journal, rule, first, file)
    find(journal, str(other.get("rule", rule)), second if other.keys() & {"about", "more"} else first, file)
    with LeakBook(journal) as book:
        leaks, accepted = book.of(file, [*SUBJECTS, "P2"])
        assert bool(leaks) == blocks
        assert bool(accepted) == (change in ("nothing", "another subject as well"))
        assert book.count([*SUBJECTS, "P2"])[""] == blocks
        assert bool(list(book.leaks([*SUBJECTS, "P2"]))) == blocks


def test_subjects_that_a_result_counts_together_stay_apart_in_the_book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chorus_gui.core.readiness.findings.MOST_SUBJECTS", 1)
    with LeakBook(tmp_path / "j.db") as book:
        with book.checking() as checking:
            found = Found(built_in(), Pass.THOROUGH, checking)
            for about in ("PatientName", "PatientAddress", "OtherPatientIDs"):
                found.add(Finding("I15", FILE.path, about), FILE)
        assert [leak.about for leak in book.leaks(["I15"])] == ["OtherPatientIDs", "PatientAddress", "PatientName"]


def test_files_are_counted_and_not_subjects(tmp_path: Path) -> None:
    find(tmp_path / "j.db", "I15", "PatientName", FILE)
    find(tmp_path / "j.db", "I15", "PatientAddress", FILE)
    with LeakBook(tmp_path / "j.db") as book:
        assert book.accept(list(book.leaks(["I15"])), "a phantom") == 1
        assert book.accept(list(book.leaks(["I15"], accepted=True)), "again") == 0
        assert book.withdraw("I15") == 1
        assert len(list(book.leaks(["I15"]))) == 2


OLD = """
DROP TABLE accepted;
CREATE TABLE accepted (id INTEGER PRIMARY KEY, modality TEXT, path TEXT, rule TEXT, size INTEGER, mtime_us INTEGER,
    reason TEXT, accepted_by TEXT, at_us INTEGER, withdrawn_by TEXT, withdrawn_us INTEGER);
INSERT INTO accepted (modality, path, rule, size, mtime_us, reason, accepted_by, at_us)
    VALUES ('OMOP', 'OMOP/a.csv', 'N2', 10, 5, 'a test', 'anna', 7);
DROP TABLE counted;
DROP TABLE sent;
CREATE TABLE counted (path TEXT PRIMARY KEY, size INTEGER, mtime_us INTEGER, lines INTEGER, patients INTEGER) WITHOUT ROWID;
CREATE TABLE sent (path TEXT PRIMARY KEY, size INTEGER, mtime_us INTEGER, lines INTEGER, patients INTEGER) WITHOUT ROWID;
INSERT INTO sent VALUES ('OMOP/a.csv', 10, 5, 3, 2);
PRAGMA user_version = 1;
"""


@pytest.mark.parametrize(
    ("subjects", "still"), [(("note_nlp.snippet",), True), (("note_nlp.snippet", "note_nlp.lexical_variant"), False), ((), False)]
)
def test_what_an_earlier_version_recorded_holds_if_it_can_be_understood(subjects: tuple[str, ...], still: bool, tmp_path: Path) -> None:
    journal = tmp_path / "j.db"
    with LeakBook(journal):
        pass
    for about in subjects:
        find(journal, "N2", about, FILE)
    with closing(sqlite3.connect(book_path(journal))) as db:
        db.executescript(OLD)
    for _ in range(2):  # it is converted once
        with LeakBook(journal) as book:
            (one,) = book.accepted(withdrawn=True)
            assert (one.reason, one.by, one.withdrawn_us == 0) == ("a test", "anna", still)
            assert one.about == (subjects[0] if still else "")
            with book.checking() as checking:
                assert checking.sent == {"OMOP/a.csv": Snapshot(10, 5, 3, 2)}
    find(journal, "N2", "note_nlp.snippet", FILE)
    with LeakBook(journal) as book:
        assert bool(book.of(FILE, ["N2"])[0]) != still


def test_undo_withdraws_what_this_person_accepted_then_and_nothing_of_a_colleague(tmp_path: Path) -> None:
    """His clock can be ahead, and he can have accepted at the same moment."""
    journal = tmp_path / "j.db"
    mine, his = FILE, FILE._replace(path="OMOP/b.csv")
    find(journal, "P1", "column mrn", mine)
    find(journal, "P1", "column mrn", his)
    with LeakBook(journal) as book:
        now = 1_000_000
        leak = next(leak for leak in book.leaks(["P1"]) if leak.path == his.path)
        for number, at_us in enumerate((now, now + 600_000_000)):
            book.learn([(f"uid{number}", Accepted("P1", "OMOP", his.path, f"{leak.about}{number}", 10, 5, "checked", "ben@there", at_us))])
        assert book.accept((leak for leak in book.leaks(["P1"]) if leak.path == mine.path), "a test", at_us=now) == 1
        assert book.withdraw("P1", at_us=now) == 1
        assert {one.by for one in book.accepted()} == {"ben@there"}
        assert len(book.accepted()) == 2


def test_what_was_withdrawn_is_accepted_again_as_it_was_and_nothing_else(tmp_path: Path) -> None:
    """What this person accepted, at the time of then; what a colleague accepted, by this person now.  What counts already is not counted."""
    journal = tmp_path / "j.db"
    mine, his, old = FILE, FILE._replace(path="OMOP/b.csv"), FILE._replace(path="OMOP/c.csv")
    for file in (mine, his, old):
        find(journal, "P1", "column mrn", file)
    with LeakBook(journal) as book:
        assert book.accept((leak for leak in book.leaks(["P1"]) if leak.path != his.path), "a test", at_us=5) == 2
        book.learn([("uid", Accepted("P1", "OMOP", his.path, "column mrn", 10, 5, "checked", "ben@there", 4))])
        assert book.withdraw("P1", [old.path], now_us=6) == 1
        assert book.withdraw("P1", now_us=7) == 2
        assert book.accepted() == []
        assert book.accept_again("P1", 8) == 0
        assert book.accept_again("P1", 7) == 2
        assert [(one.path, one.reason) for one in book.accepted()] == [(mine.path, "a test"), (his.path, "checked")]
        (first, second) = book.accepted()
        assert (first.at_us, first.by) == (5, second.by)
        assert second.at_us > 7
        assert book.accept_again("P1", 7) == 0
        assert book.withdraw("P1", at_us=5) == 1, "so what was accepted can be undone, too"
        assert book.learn([("other", Accepted("P1", "OMOP", old.path, "column mrn", 10, 5, "x", "ben@there", 4, "ben@there", 9))])
        assert book.accept_again("P1", 9) == 0, "a colleague withdrew that"
