"""A check takes a leak back only where it looked, for what it looked for, and if nobody found it meanwhile."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from chorus_gui.core.errors import ReviewError
from chorus_gui.core.model import SourceFile
from chorus_gui.core.passes import Pass
from chorus_gui.core.readiness.checking import Checking
from chorus_gui.core.readiness.findings import FileState, Unchecked
from chorus_gui.core.readiness.leaks import FORMAT, LeakBook, book_path
from chorus_gui.core.readiness.pass_runs import newest_first

ONE = FileState("Images", "a/1.dcm", 10, 1)


def complete(checking: Checking, *rules: str) -> None:
    checking.result, checking.modalities, checking.rules = {}, ("Images",), frozenset(rules)


def known(journal: Path) -> list[str]:
    with LeakBook(journal) as book:
        return [f"{leak.rule} {leak.path}" for leak in book.leaks(["P1", "P2"])]


def found(journal: Path, *rules: str) -> None:
    with LeakBook(journal) as book, book.checking() as checking:
        for rule in rules:
            checking.add(rule, "", [ONE])


def test_a_check_with_other_rules_takes_nothing_back_that_it_did_not_look_for(tmp_path: Path) -> None:
    journal = tmp_path / "j.db"
    found(journal, "P1", "P2")
    with LeakBook(journal) as book, book.checking() as checking:
        checking.files([SourceFile("Images", ONE.path, "a", None, ONE.size, ONE.mtime_us)])
        complete(checking, "P2")
    assert known(journal) == ["P1 a/1.dcm"]


def test_a_check_takes_nothing_back_that_another_one_found_meanwhile(tmp_path: Path) -> None:
    journal = tmp_path / "j.db"
    with LeakBook(journal) as book, book.checking() as checking:
        found(journal, "P1")
        complete(checking, "P1")
    assert known(journal) == ["P1 a/1.dcm"]
    with LeakBook(journal) as book, book.checking() as checking:
        complete(checking, "P1")
    assert known(journal) == []


def test_a_clock_that_was_set_back_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = tmp_path / "j.db"
    found(journal, "P1")
    monkeypatch.setattr("chorus_gui.core.readiness.leaks.time.time_ns", lambda: 1_000_000)
    with LeakBook(journal) as book, book.checking() as checking:
        checking.add("P2", "", [ONE])
        complete(checking, "P1", "P2")
    assert known(journal) == ["P2 a/1.dcm"]


@pytest.mark.parametrize(("folder", "kept"), [("a", True), ("", True), ("b", False), ("a/1", False)])
def test_a_folder_that_was_not_read_keeps_its_leaks(folder: str, kept: bool, tmp_path: Path) -> None:
    journal = tmp_path / "j.db"
    found(journal, "P1")
    with LeakBook(journal) as book, book.checking() as checking:
        checking.unchecked = [Unchecked("a/2.dcm", "refused")]
        checking.folders.add(folder)
        complete(checking, "P1")
    assert known(journal) == (["P1 a/1.dcm"] if kept else [])


def test_the_book_counts_files_and_not_findings(tmp_path: Path) -> None:
    journal = tmp_path / "j.db"
    two = FileState("Images", "a/2.dcm", 10, 1)
    with LeakBook(journal) as book:
        with book.checking() as checking:
            for about in ("x", "y"):
                checking.add("P1", about, [ONE, two])
            checking.add("P2", "", [ONE])
        assert book.count(["P1", "P2"]) == {"P1": 2, "P2": 1, "": 2}
        book.accept([leak for leak in book.leaks(["P1"]) if leak.path == two.path], "a phantom")
        assert book.count(["P1", "P2"]) == {"P1": 1, "P2": 1, "": 1}
        assert book.count([]) == {"": 0}


def changed(file: Path, *statements: str) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as db:
        for statement in statements:
            db.execute(statement)


@pytest.mark.parametrize(
    ("statements", "what", "remedy"),
    [
        ((f"PRAGMA user_version = {FORMAT + 1}", "ALTER TABLE leak ADD COLUMN more"), "newer CHoRUS Upload wrote", "Install the newest"),
        (("DROP TABLE leak", "CREATE TABLE leak (x)"), "is damaged", "readiness --pass thorough"),
    ],
    ids=["newer", "other columns"],
)
def test_a_book_that_cannot_be_used_says_so_and_is_left_as_it_is(
    statements: tuple[str, ...], what: str, remedy: str, tmp_path: Path
) -> None:
    journal = tmp_path / "j.db"
    found(journal, "P1")
    changed(book_path(journal), *statements)
    with pytest.raises(ReviewError, match=what) as caught:
        known(journal)
    assert remedy in str(caught.value)
    if "newer" in what:
        with closing(sqlite3.connect(book_path(journal))) as db:
            assert db.execute("PRAGMA user_version").fetchone() == (FORMAT + 1,)


def test_a_fault_while_it_is_read_names_the_book(tmp_path: Path) -> None:
    journal = tmp_path / "j.db"
    found(journal, "P1")
    with LeakBook(journal) as book:
        changed(book.path, "DROP TABLE leak", "DROP TABLE accepted")
        reads: list[Callable[[], object]] = [
            lambda: list(book.leaks(["P1"])),
            lambda: book.of(ONE, ["P1"]),
            lambda: book.places(3),
            lambda: book.count(["P1"]),
            lambda: book.accepted(),
            lambda: bool(book),
            lambda: book.accept([], "x") or book.withdraw("P1"),
        ]
        for read in reads:
            with pytest.raises(ReviewError, match="list of leaks"):
                read()


GONE = ("deleted", "excluded", "unread folder", "another modality", "interrupted", "found meanwhile")


@pytest.mark.parametrize("case", GONE)
@pytest.mark.parametrize("deepest", list(Pass))
def test_a_leak_of_a_file_that_is_not_there_disappears_with_any_scan(case: str, deepest: Pass, tmp_path: Path) -> None:
    """Also one that only the thorough pass finds.  But the folder must have been read, and the scan complete."""
    journal = tmp_path / "j.db"
    two = FileState("Images", "a/2.dcm", 10, 1)
    with LeakBook(journal) as book, book.checking() as checking:
        checking.deepest = deepest
        checking.add("P1", "", [ONE, two])
    with LeakBook(journal) as book, book.checking() as checking:
        checking.files([SourceFile("Images", two.path, "a", None, two.size, two.mtime_us)])
        if case == "unread folder":
            checking.unchecked = [Unchecked("a", "refused")]
        if case == "found meanwhile":
            found(journal, "P1")
        if case != "interrupted":
            complete(checking, "P2")
        if case == "another modality":
            checking.modalities = ("OMOP",)
    left = {line.removeprefix("P1 ") for line in known(journal)}
    assert left == ({two.path} if case in ("deleted", "excluded") else {ONE.path, two.path})


def test_which_pass_was_last_does_not_follow_from_a_wrong_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = tmp_path / "j.db"
    for deepest, year in ((Pass.QUICK, 2036), (Pass.AT_ONCE, 2015), (Pass.THOROUGH, 2026)):
        monkeypatch.setattr("chorus_gui.core.readiness.leaks.time.time_ns", lambda: (year - 1970) * 31_556_952 * 10**9)  # noqa: B023 - it is called in this turn
        with LeakBook(journal) as book, book.checking() as checking:
            checking.deepest, checking.result = deepest, {"rules": str(year)}
    with LeakBook(journal) as book:
        assert [run.deepest for run in reversed(newest_first(book.runs()))] == [Pass.QUICK, Pass.AT_ONCE, Pass.THOROUGH]
        assert [run.result for run in book.runs()] == [{"rules": str(year)} for year in (2015, 2036, 2026)]
