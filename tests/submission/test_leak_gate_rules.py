"""Which leaks of patient data stop files that are about to be sent, and what the sentence that stops them says."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from world import World

from chorus_gui.core.errors import ComputerError, LeakError, ReviewError
from chorus_gui.core.model import Action, Entry
from chorus_gui.core.passes import Pass
from chorus_gui.core.readiness.findings import EXAMPLES, FileState
from chorus_gui.core.readiness.leak_marks import ANY, Mark
from chorus_gui.core.readiness.leaks import LeakBook, book_path
from chorus_gui.core.submission import leak_gate
from chorus_gui.core.submission.leak_gate import judge, remember_tables

ONE, TWO = FileState("Images", "1/Images/a.dcm", 3, 100), FileState("Images", "1/Images/b.dcm", 4, 100)
TABLE = FileState("OMOP", "OMOP/location.csv", 9, 100)
OF_IMAGES, OF_TABLES, OF_ALL = "I15", "P3", "P1"
"""Rules about images, about tables, and about every file."""


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def found(world: World, *leaks: tuple[str, FileState], by: Pass = Pass.QUICK) -> None:
    with LeakBook(world.journal) as book, book.checking() as checking:
        checking.deepest = by
        for rule, file in leaks:
            checking.add(rule, "", [file])


def accepted(world: World, rule: str) -> None:
    with LeakBook(world.journal) as book:
        book.accept(list(book.leaks([rule])), "a phantom")


def marked(world: World, *marks: tuple[str, Pass, int]) -> None:
    with LeakBook(world.journal) as book:
        book.learn_marks([Mark(rule, by, files, 1, "another computer") for rule, by, files in marks])


def says(world: World, *files: FileState) -> str:
    """All that stops these files; "" if nothing does."""
    judged = judge(world.config, files)
    try:
        judged.refuse("Nothing was sent.")
    except LeakError as error:
        assert judged.stops
        return "\n".join([error.what, *error.rules, error.meaning, error.remedy])
    assert not judged.stops
    return ""


def later(file: FileState) -> FileState:
    return file._replace(mtime_us=200)


# --- what stops files --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("leaks", "allowed", "files", "stopped"),
    [
        pytest.param([], "", [ONE], 0, id="no check found anything"),
        pytest.param([(OF_IMAGES, ONE)], "", [ONE], 1, id="a leak"),
        pytest.param([(OF_IMAGES, ONE)], "", [TWO], 0, id="of another file"),
        pytest.param([(OF_IMAGES, ONE)], "", [], 0, id="nothing is sent"),
        pytest.param([(OF_IMAGES, TWO)], "", [ONE, TABLE, TWO], 1, id="the last of several files"),
        pytest.param([(OF_IMAGES, ONE), (OF_ALL, ONE)], "", [ONE, TWO], 1, id="two rules, one file"),
        pytest.param([(OF_IMAGES, ONE), (OF_IMAGES, TWO)], "", [ONE, TWO], 2, id="two files"),
        pytest.param([(OF_IMAGES, ONE)], "", [later(ONE)], 1, id="the file has changed: nobody checked it again"),
        pytest.param([(OF_IMAGES, ONE)], OF_IMAGES, [ONE], 0, id="a person accepted it"),
        pytest.param([(OF_IMAGES, ONE)], OF_IMAGES, [later(ONE)], 1, id="for the file as it was"),
        pytest.param([(OF_IMAGES, ONE), (OF_ALL, ONE)], OF_IMAGES, [ONE], 1, id="for one rule"),
    ],
)
def test_which_files_a_leak_stops(
    world: World, leaks: list[tuple[str, FileState]], allowed: str, files: list[FileState], stopped: int
) -> None:
    found(world, *leaks)
    if allowed:
        accepted(world, allowed)
    judged = judge(world.config, files)
    assert judged.files == stopped
    assert judged.stops is bool(stopped)
    assert len(judged.accepted) == (bool(allowed) and ONE in files)
    assert sum(rule.files for rule in judged.rules) >= stopped


@pytest.mark.parametrize(
    ("rule", "files", "stops"),
    [
        pytest.param(OF_IMAGES, [ONE], True, id="a rule about images, and an image"),
        pytest.param(OF_IMAGES, [TABLE], False, id="a rule about images, and a table"),
        pytest.param(OF_TABLES, [ONE, TABLE], True, id="a table among the files"),
        pytest.param(OF_ALL, [TABLE], True, id="a rule about every file"),
        pytest.param(OF_ALL, [], False, id="nothing is sent"),
        pytest.param(ANY, [TABLE], True, id="it is not known which rule"),
        pytest.param("X99", [ONE], False, id="a rule that this program does not have"),
    ],
)
def test_which_files_a_leak_stops_that_another_computer_knows(world: World, rule: str, files: list[FileState], stops: bool) -> None:
    """This computer knows that there is one, and not in which file."""
    marked(world, (rule, Pass.QUICK, 2))
    assert judge(world.config, files).stops is stops
    assert bool(says(world, *files)) is stops


# --- what the person reads ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("leaks", "files", "words"),
    [
        pytest.param(
            [(OF_IMAGES, ONE)],
            [ONE],
            ["1 file to be sent has a leak", f"{OF_IMAGES}, 1 file: ", "Correct it, or hold it back.", "Nothing was sent."],
            id="one",
        ),
        pytest.param(
            [(OF_IMAGES, ONE), (OF_IMAGES, TWO)],
            [ONE, TWO],
            ["2 files to be sent have a leak", f"{OF_IMAGES}, 2 files: ", "Correct them, or hold them back."],
            id="two",
        ),
        pytest.param(
            [(OF_IMAGES, ONE)],
            [later(ONE)],
            [
                "1 changed since the check that found it, and was not checked again",
                "After a correction, check again",
                "readiness --pass quick",
            ],
            id="changed since",
        ),
        pytest.param(
            [(OF_IMAGES, ONE), (OF_IMAGES, TWO)],
            [later(ONE), later(TWO)],
            ["2 changed since the check that found it, and were not checked again"],
            id="two changed since",
        ),
    ],
)
def test_what_the_sentence_says(world: World, leaks: list[tuple[str, FileState]], files: list[FileState], words: list[str]) -> None:
    found(world, *leaks)
    text = says(world, *files)
    assert [word for word in words if word not in text] == []
    assert all(f"{file.modality}: {file.path}" in text for file in files)


def test_a_file_that_did_not_change_is_not_called_changed(world: World) -> None:
    found(world, (OF_IMAGES, ONE))
    text = says(world, ONE)
    assert "changed since" not in text
    assert "After a correction" not in text


@pytest.mark.parametrize(("by", "file", "says_it"), [(Pass.QUICK, ONE, True), (Pass.THOROUGH, ONE, False), (Pass.QUICK, TABLE, False)])
def test_that_the_quick_pass_reads_one_image_of_a_series_is_said_where_it_matters(
    world: World, by: Pass, file: FileState, says_it: bool
) -> None:
    found(world, (OF_ALL, file), by=by)
    assert ("reads one image of each series" in says(world, file)) is says_it


def test_a_few_files_of_a_rule_are_named(world: World) -> None:
    many = [FileState("Images", f"1/Images/{number}.dcm", 3, 100) for number in range(EXAMPLES + 2)]
    found(world, *((OF_IMAGES, file) for file in many))
    text = says(world, *many)
    assert sum(file.path in text for file in many) == EXAMPLES
    assert f"{EXAMPLES + 2} files to be sent have a leak" in text


def test_rules_come_in_the_order_of_the_list(world: World) -> None:
    found(world, (OF_ALL, ONE), (OF_IMAGES, TWO), (OF_TABLES, TABLE))
    assert [one.rule.id for one in judge(world.config, [ONE, TABLE, TWO]).rules] == [OF_IMAGES, OF_ALL, OF_TABLES]


@pytest.mark.parametrize(
    ("mark", "words"),
    [
        pytest.param((OF_IMAGES, Pass.QUICK, 1), [f"{OF_IMAGES}, 1 file: ", "The quick pass finds it again."], id="one file"),
        pytest.param((OF_IMAGES, Pass.QUICK, 2), [f"{OF_IMAGES}, 2 files: ", "The quick pass finds them again."], id="two files"),
        pytest.param((OF_IMAGES, Pass.QUICK, 1), ["readiness --pass quick", "use “--pass thorough”"], id="what to do"),
        pytest.param((OF_IMAGES, Pass.THOROUGH, 1), ["readiness --pass thorough"], id="what to do after a thorough pass"),
        pytest.param((ANY, Pass.THOROUGH, 1), ["The list of leaks could not be read when it was cleared"], id="not known of which rule"),
    ],
)
def test_what_the_sentence_says_of_leaks_that_this_computer_does_not_know(
    world: World, mark: tuple[str, Pass, int], words: list[str]
) -> None:
    marked(world, mark)
    text = says(world, ONE)
    assert [word for word in words if word not in text] == []
    assert text.startswith(leak_gate.UNKNOWN)
    assert ("use “--pass thorough”" in text) is (mark[1] is Pass.QUICK)
    judged = judge(world.config, [ONE])
    assert judged.unknown == f"{leak_gate.UNKNOWN} {judged.again}"
    assert judged.again in text


def test_nothing_is_said_of_leaks_that_this_computer_knows(world: World) -> None:
    found(world, (OF_IMAGES, ONE))
    judged = judge(world.config, [ONE])
    assert (judged.again, judged.unknown) == ("", "")


# --- what the receipt and the next check know ----------------------------------------------------------------------------------


def sent_table(world: World, path: str, *, modality: str = "OMOP", uploaded: bool = True) -> None:
    with world.open() as journal:
        entry = Entry(Action.ENTER, modality, path, None, 9, 100, "0" * 32, "v1", "20260101000000" if uploaded else None)
        journal.commit([entry])


@pytest.mark.parametrize("error", [ReviewError("It is damaged."), ComputerError("The disk is full.", remedy="")])
def test_a_list_of_leaks_that_cannot_be_written_is_a_note_after_files_were_sent(
    world: World, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """The files are in the store and in the journal: that the next check knows less is no failure."""

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(LeakBook, "submitted", fail)
    with world.working() as work:
        remember_tables(work)
    (note,) = work.log.notes
    assert str(error).split(".")[0] in note
    assert "next readiness check cannot compare the tables" in note


def test_only_tables_that_were_sent_are_compared_by_the_next_check(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[FileState] = []
    monkeypatch.setattr(LeakBook, "submitted", lambda _, tables: seen.extend(tables))
    sent_table(world, "OMOP/person.csv")
    sent_table(world, "OMOP/visit.csv", uploaded=False)
    sent_table(world, "1/Images/a.dcm", modality="Images")
    with world.working() as work:
        remember_tables(work)
    assert [one.path for one in seen] == ["OMOP/person.csv"]


def run_of(world: World, result: dict[str, object]) -> None:
    with LeakBook(world.journal):
        pass
    with closing(sqlite3.connect(book_path(world.config.journal.local))) as db, db:
        db.execute("INSERT INTO run VALUES (?, 5, ?)", (Pass.QUICK.rank, json.dumps(result)))


def test_what_the_receipt_says_of_a_check(world: World) -> None:
    kinds = ["leak", "leak", "rejected", "questionable", "note", "note", "note", "unknown"]
    result: dict[str, object] = {"rules": "2026-01-01", "modalities": ["Images"], "findings": [{"severity": kind} for kind in kinds]}
    run_of(world, result | {"unchecked": {"count": 7}, "rules_off": {"I1": "why"}})
    with world.working() as work:
        leak_gate.refuse(work, [ONE])
    (checked,) = work.log.checked
    assert checked == leak_gate.Checked("quick", "2026-01-01", 5, ("Images",), 2, 1, 1, 3, 7, {"I1": "why"})


def test_a_check_of_which_little_is_known_is_named_with_nothing_found(world: World) -> None:
    run_of(world, {})
    with world.working() as work:
        leak_gate.refuse(work, [ONE])
    assert work.log.checked == (leak_gate.Checked("quick", "", 5, (), 0, 0, 0, 0, 0, {}),)
