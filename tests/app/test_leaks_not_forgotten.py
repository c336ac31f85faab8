"""No way by which a computer can stop to know a leak lets the file be sent: it stops until a pass that finds the leak has run again."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from faces import CommandLine
from hospital import Hospital
from readinessworld import image
from world import World

from chorus_gui.app.folders import FORGOTTEN, clear_local_data, data_folder
from chorus_gui.app.readiness import check
from chorus_gui.app.status import Status
from chorus_gui.app.workspace import Workspace
from chorus_gui.core import rules
from chorus_gui.core.errors import SideFileUnreadableError
from chorus_gui.core.job import JobContext
from chorus_gui.core.passes import Pass
from chorus_gui.core.readiness import leak_marks
from chorus_gui.core.readiness.leak_marks import Mark, newest
from chorus_gui.core.readiness.leaks import LeakBook, book_path
from chorus_gui.core.submission.leak_gate import rules_of

SERIES = "1001/Images/CT/2001/3001"
FIRST, SECOND = f"{SERIES}/1.dcm", f"{SERIES}/2.dcm"
CANARY = "CANARY42"
OLD = (1_600_000_000, 1_600_000_000)


def clean(number: int) -> bytes:
    """An image without a leak."""
    return image("1001", "2001", InstanceNumber=number)


def named(number: int) -> bytes:
    """One that names the patient, so that only a pass that reads this image finds it."""
    return image("1001", "2001", InstanceNumber=number, PatientName=f"{CANARY}^ANNA")


@pytest.fixture
def found(cli: CommandLine, world: World) -> World:
    """The thorough pass found a leak in the second image of a series."""
    world.put(FIRST, clean(1))
    world.put(SECOND, named(2))
    assert cli.run("readiness --pass thorough").status == Status.FAULTY
    return world


def edit(world: World, old: str, new: str) -> None:
    world.file.write_text(world.file.read_text("utf-8").replace(old, new), "utf-8")


def with_key(world: World, key: str) -> Callable[[], None]:
    """Add a key to the configuration; the answer removes it."""
    edit(world, "[configuration]\n", f"[configuration]\n{key}\n")
    return lambda: edit(world, f"{key}\n", "")


def another_user(cli: CommandLine, world: World, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("CHORUS_UPLOAD_HOME", str(world.base / "home of another user"))


def purged_by_another(cli: CommandLine, world: World, patch: pytest.MonkeyPatch) -> None:
    assert cli.run("purge --yes").status == Status.DONE


def moved_journal(cli: CommandLine, world: World, patch: pytest.MonkeyPatch) -> None:
    """To another computer: with what is next to it."""
    moved = world.base / "moved" / "journal.db"
    moved.parent.mkdir()
    beside = world.journal.with_name(f"{world.journal.name}.chorus")
    beside.rename(moved.with_name(beside.name))
    edit(world, 'path = "journal.db"', f'path = "{moved.as_posix()}"')
    another_user(cli, world, patch)


def another_journal(cli: CommandLine, world: World, patch: pytest.MonkeyPatch) -> None:
    """Also a copy of the journal, without what is next to it."""
    edit(world, 'path = "journal.db"', 'path = "copy.db"')


def no_book(cli: CommandLine, world: World, patch: pytest.MonkeyPatch) -> None:
    book_path(world.journal).unlink()


def damaged_and_cleared(cli: CommandLine, world: World, patch: pytest.MonkeyPatch) -> None:
    book_path(world.journal).write_bytes(b"not a database, and long enough to be looked at" * 50)
    world.journal.with_name(f"{world.journal.name}.chorus").joinpath(leak_marks.NAME).unlink()
    clear_local_data(staging=True, logs=False, receipts=False)


def damaged_marks(cli: CommandLine, world: World, patch: pytest.MonkeyPatch) -> None:
    world.journal.with_name(f"{world.journal.name}.chorus").joinpath(leak_marks.NAME).write_bytes(b"\0not a list")
    another_user(cli, world, patch)


def cleared(options: str) -> Callable[[CommandLine, World, pytest.MonkeyPatch], None]:
    def clear(cli: CommandLine, world: World, patch: pytest.MonkeyPatch) -> None:
        ended = cli.run(f"clear-data --yes {options}")
        assert ended.status == Status.DONE
        assert FORGOTTEN in ended.said

    return clear


NO_LONGER_KNOWN = {
    "clear-data": cleared(""),
    "clear-data --reviews": cleared("--reviews"),
    "the user leaves": purged_by_another,
    "another user": another_user,
    "the journal is moved": moved_journal,
    "another journal for the site": another_journal,
    "the book is deleted": no_book,
    "a damaged book is cleared": damaged_and_cleared,
    "damaged marks": damaged_marks,
}


@pytest.mark.parametrize("lose", NO_LONGER_KNOWN.values(), ids=NO_LONGER_KNOWN)
def test_what_a_computer_no_longer_knows_stops_until_the_pass_has_run_again(
    lose: Callable[[CommandLine, World, pytest.MonkeyPatch], None], found: World, cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose(cli, found, monkeypatch)
    for shallow in ("scan", "readiness --pass quick"):
        cli.run(shallow)
        ended = cli.run("submit --yes")
        assert ended.status == Status.DECISION, shallow
        assert "does not know in which files" in ended.said
        assert "readiness --pass thorough" in ended.said
        assert not list(found.central.rglob("*.dcm"))
    assert cli.run("submit --yes --modalities OMOP").status == (Status.DECISION if "damaged" in str(lose) else Status.DONE)
    assert cli.run("readiness --pass thorough").status == Status.FAULTY
    ended = cli.run("submit --yes")
    assert ended.status == Status.DECISION
    assert SECOND in ended.said
    found.put(SECOND, clean(2))
    cli.run("readiness --pass thorough")
    ended = cli.run("submit --yes")
    if "damaged_marks" in str(lose):  # nobody repaired the list, and this computer has looked itself
        assert "Delete it" in ended.said
    assert ended.status == Status.DONE
    assert CANARY not in ended.said + ended.out


def renamed(cli: CommandLine, world: World) -> None:
    (world.site / SECOND).rename(world.site / SERIES / "3.dcm")


def renamed_patient(cli: CommandLine, world: World) -> None:
    (world.site / "1001").rename(world.site / "1777")


def touched(cli: CommandLine, world: World) -> None:
    os.utime(world.site / SECOND, OLD)


def rewritten(cli: CommandLine, world: World) -> None:
    world.put(SECOND, named(2) + b" " * 10)


def excluded_for_a_while(cli: CommandLine, world: World) -> None:
    undo = with_key(world, f'exclude = ["{SERIES}/"]')
    assert cli.run("scan").status == Status.DONE
    undo()


def deleted_for_a_while(cli: CommandLine, world: World) -> None:
    content = (world.site / SECOND).read_bytes()
    (world.site / SECOND).unlink()
    assert cli.run("scan").status == Status.DONE
    world.put(SECOND, content)


def unmatched_for_a_while(cli: CommandLine, world: World) -> None:
    aside = world.site / "aside.dcm"
    (world.site / SECOND).rename(aside)
    assert cli.run("scan").status == Status.DONE
    aside.rename(world.site / SERIES / "7.dcm")


def another_disk_for_a_while(cli: CommandLine, world: World) -> None:
    (world.site / "1001").rename(world.base / "unplugged")
    cli.run("scan")
    (world.base / "unplugged").rename(world.site / "1001")


def rule_off_for_a_while(cli: CommandLine, world: World) -> None:
    undo = with_key(world, 'rules_off = ["I15: the names are of phantoms"]')
    assert cli.run("scan").status == Status.DONE
    undo()


def other_rules(cli: CommandLine, world: World) -> None:
    text = rules.resource(rules.BUILT_IN).read_text("utf-8")
    (world.base / "rules.toml").write_text(text.replace(rules.built_in().version, "2027-01-01"), "utf-8")
    with_key(world, f'rules = "{(world.base / "rules.toml").as_posix()}"')


def shallower(cli: CommandLine, world: World) -> None:
    for words in ("readiness", "readiness --pass quick", "readiness --pass thorough --modalities OMOP"):
        cli.run(words)


STILL_KNOWN = {
    "renamed": renamed,
    "another patient": renamed_patient,
    "touched": touched,
    "rewritten": rewritten,
    "excluded for a while": excluded_for_a_while,
    "deleted for a while": deleted_for_a_while,
    "matches no pattern for a while": unmatched_for_a_while,
    "not there for a while": another_disk_for_a_while,
    "a rule is off for a while": rule_off_for_a_while,
    "another version of the rules": other_rules,
    "a shallower pass": shallower,
}


@pytest.mark.parametrize("change", STILL_KNOWN.values(), ids=STILL_KNOWN)
def test_a_leak_is_still_known(change: Callable[[CommandLine, World], None], found: World, cli: CommandLine) -> None:
    change(cli, found)
    for _ in range(2):
        cli.run("scan")
        ended = cli.run("submit --yes")
        assert ended.status == Status.DECISION
        assert "has a leak of patient data" in ended.said
        assert not list(found.central.rglob("*.dcm"))
    for file in found.site.rglob("3001/*.dcm"):
        file.write_bytes(clean(int(file.stem) if file.stem.isdigit() else 2))
    if change is renamed_patient:
        (found.site / "1777").rename(found.site / "1001")
    cli.run("readiness --pass thorough")
    assert cli.run("submit --yes").status == Status.DONE


def test_a_pass_that_read_the_files_ends_what_a_missing_one_says_about_their_size_and_time(found: World, cli: CommandLine) -> None:
    """Slices of one series often have the same size and time."""
    found.put(FIRST, image("1001", "2001", InstanceNumber=1, PatientName="x" * len(f"{CANARY}^ANNA")))
    for path in (FIRST, SECOND):
        os.utime(found.site / path, OLD)
    cli.run("readiness --pass thorough")
    (found.site / SECOND).unlink()
    ended = cli.run("submit --yes")
    assert ended.status == Status.DECISION
    found.put(FIRST, clean(1))
    cli.run("readiness --pass thorough")
    for _ in range(2):
        cli.run("scan")
    assert cli.run("submit --yes").status == Status.DONE


def test_a_leak_that_a_scan_found_stops_what_was_recorded_after_the_data_are_cleared(cli: CommandLine, world: World) -> None:
    """An upload of pending files does not scan."""
    world.put("1001/Images/dicom_unprocessed/7.dcm", CANARY)
    assert cli.run("journal update").status == Status.DONE
    assert cli.run("clear-data --yes").status == Status.DONE
    ended = cli.run("file upload")
    assert ended.status == Status.DECISION
    assert "readiness --pass at-once" in ended.said
    assert cli.run("scan").status == Status.DONE
    assert "7.dcm" in cli.run("file upload").said


def test_an_image_that_cannot_be_read_counts_as_one_with_the_leak(found: World, cli: CommandLine) -> None:
    """Otherwise one such image would stop a site for ever."""
    deflated = "1001/Images/CT/2001/3002/1.dcm"
    found.put(deflated, image("1001", "2001", syntax="1.2.840.10008.1.2.1.99", SeriesInstanceUID="1.2.77"))
    cli.run("clear-data --yes")
    found.put(SECOND, clean(2))
    cli.run("readiness --pass thorough")
    ended = cli.run("submit --yes")
    assert ended.status == Status.DECISION
    assert deflated in ended.said
    assert cli.run(f"hold add --file {deflated} --reason 'cannot be read'").status == Status.DONE
    assert cli.run("submit --yes").status == Status.DONE


def test_nothing_that_is_kept_names_a_file(found: World) -> None:
    assert clear_local_data(staging=True, logs=False, receipts=False) > 0
    kept = [file for file in (data_folder() / "readiness").iterdir() if file.is_file()]
    beside = found.journal.with_name(f"{found.journal.name}.chorus") / leak_marks.NAME
    assert len(kept) == 1
    for file in (*kept, beside):
        content = file.read_bytes()
        for text in (b"1001", b"2001", b".dcm", b"CT", CANARY.encode(), str(found.base).encode()):
            assert text not in content, (file.name, text)
    clear_local_data(staging=True, logs=False, receipts=False)
    with LeakBook(found.journal) as book:
        assert [(mark.rule, mark.files) for mark in book.marks()] == [("I15", 1)], "it is cleared twice"


def test_without_a_leak_nothing_is_kept(cli: CommandLine, world: World) -> None:
    cli.run("readiness --pass thorough")
    clear_local_data(staging=True, logs=False, receipts=False)
    assert not (data_folder() / "readiness").exists()
    assert not world.journal.with_name(f"{world.journal.name}.chorus").joinpath(leak_marks.NAME).exists()
    assert cli.run("submit --yes").status == Status.DONE


# --- two computers --------------------------------------------------------------------------------------------------------


@pytest.fixture
def leaky(hospital: Hospital) -> Hospital:
    """Anna's computer ran a pass that found a leak, and bernd's did not."""
    for path, content in ((FIRST, clean(1)), (SECOND, named(2))):
        file = hospital.site / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    hospital.anna.run("readiness --pass thorough", Status.FAULTY)
    hospital.anna.run("scan")
    return hospital


def test_what_anna_found_stops_bernd(leaky: Hospital) -> None:
    said = leaky.bernd.run("submit --yes", Status.DECISION).said
    assert "another computer or user has it" in said
    leaky.bernd.run("readiness --pass thorough", Status.FAULTY)
    assert SECOND in leaky.bernd.run("submit --yes", Status.DECISION).said


def test_what_bernd_answered_no_longer_stops_anybody_else(leaky: Hospital, tmp_path: Path) -> None:
    leaky.bernd.run("submit --yes", Status.DECISION)
    (leaky.site / SECOND).write_bytes(clean(2))
    leaky.bernd.run("readiness --pass thorough", Status.FAULTY)
    leaky.bernd.run("scan")
    leaky.anna.home = tmp_path / "a third computer"
    leaky.anna.run("submit --yes")
    assert SECOND in leaky.in_store()


def test_a_clock_that_is_ahead_stops_nobody_for_ever(leaky: Hospital) -> None:
    name = f"journal.db.chorus/{leak_marks.NAME}"
    later = [mark._replace(at_us=mark.at_us + 10**15) for mark in leak_marks.parse(b"".join(leaky.share.read(name)))]
    leaky.share.put(name, leak_marks.dump(later))
    leaky.bernd.run("submit --yes", Status.DECISION)
    (leaky.site / SECOND).write_bytes(clean(2))
    leaky.bernd.run("readiness --pass thorough", Status.FAULTY)
    leaky.bernd.run("submit --yes")


# --- the list -------------------------------------------------------------------------------------------------------------

ONE = Mark("I15", Pass.THOROUGH, 3, 5, "a")


def test_the_newest_statement_counts_in_any_order() -> None:
    other, later = ONE._replace(book="b"), ONE._replace(book="b", at_us=6, files=0)
    for marks in ([ONE, later], [later, ONE], [ONE, other, later], [later, other, ONE, ONE]):
        assert newest(marks) == {ONE.key: later}
    assert newest([ONE, other]) == newest([other, ONE])
    assert leak_marks.parse(leak_marks.dump([ONE, later, Mark("", Pass.QUICK, 1, 2, "")])) == [Mark("", Pass.QUICK, 1, 2, ""), later]


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\xff", b"[]", b"{}", b'{"format": "chorus-leak-marks", "version": 2, "marks": []}', b"[" * 100_000,
        b'{"format": "chorus-leak-marks", "version": 1, "marks": [5]}',
        leak_marks.dump([ONE]).replace(b'"files": 3', b'"files": -3'), leak_marks.dump([ONE]).replace(b"thorough", b"deep"),
        leak_marks.dump([ONE]).replace(b'"at_us": 5', b'"at_us": 1e99'), leak_marks.dump([ONE]).replace(b'"I15"', b'"\\u0430"'),
    ],
)  # fmt: skip
def test_a_list_that_is_not_understood_is_refused(data: bytes) -> None:
    with pytest.raises(SideFileUnreadableError):
        leak_marks.parse(data)


def test_a_check_of_one_modality_answers_nothing(found: World) -> None:
    clear_local_data(staging=True, logs=False, receipts=False)
    found.put(SECOND, clean(2))
    with Workspace(found.config) as workspace:
        check(workspace, JobContext(), Pass.THOROUGH, ["Images"], rules_of(found.config))
    with LeakBook(found.journal) as book:
        assert [mark.rule for mark in book.marks()] == ["I15"]
