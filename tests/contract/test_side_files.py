"""Side files next to a journal: in every kind of store, and in the folder of a journal that is only on this computer."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from custodyworld import SOON
from memorystore import MemoryStore

from chorus_gui.core.custody.beside import CONFLICTS, LARGEST, SideFiles, beside, beside_local, side_name
from chorus_gui.core.custody.cloud_journal import CloudJournal
from chorus_gui.core.errors import (
    AccessError,
    Cancelled,
    SideFileConflictError,
    SideFileError,
    SideFileUnreachableError,
    SideFileUnreadableError,
    StoreUnavailableError,
)
from chorus_gui.core.job import JobContext
from chorus_gui.core.storage.base import Store
from chorus_gui.core.storage.local import STAGING, LocalStore
from chorus_gui.core.storage.outage import Outage
from chorus_gui.core.storage.retrying import RetryingStore

CTX = JobContext()


def busy() -> StoreUnavailableError:
    return StoreUnavailableError("The store is busy.")


def in_store(store: Store, folder: Path) -> SideFiles:
    """The side files of the journal "site/journal.db" in a store."""
    patient = RetryingStore(store, Outage(retry=SOON))
    home = CloudJournal(patient, "site/journal.db", folder / "journal.db", "az://box/site/journal.db", folder / "memory.toml")
    return beside(lambda: home, home.url)


@pytest.fixture
def sides(store: Store, tmp_path: Path) -> SideFiles:
    return in_store(store, tmp_path)


@pytest.fixture
def local(tmp_path: Path) -> SideFiles:
    return beside_local(tmp_path / "journal.db")


@pytest.fixture(params=["in a store", "on this computer"])
def each(request: pytest.FixtureRequest) -> SideFiles:
    if request.param == "on this computer":
        return request.getfixturevalue("local")
    return in_store(MemoryStore(), request.getfixturevalue("tmp_path"))


# --- what every place promises -------------------------------------------------------------------------------------------


def check_round(sides: SideFiles) -> None:
    assert sides.read("holds.json", CTX) is None
    assert sides.list("verified", CTX) == []
    first = sides.write("holds.json", b"one", CTX, etag=None)
    assert sides.read("holds.json", CTX) == first
    with pytest.raises(SideFileConflictError):
        sides.write("holds.json", b"two", CTX, etag=None)
    second = sides.write("holds.json", b"two", CTX, etag=first.etag)
    with pytest.raises(SideFileConflictError):
        sides.write("holds.json", b"three", CTX, etag=first.etag)
    assert sides.read("holds.json", CTX) == second
    sides.write("verified/20250101000000.json", b"{}", CTX, etag=None)
    sides.write("verified/20240101000000.json", b"[]!", CTX, etag=None)
    sides.write("verified2/x.json", b"", CTX, etag=None)
    assert [(entry.name, entry.size) for entry in sides.list("verified", CTX)] == [
        ("verified/20240101000000.json", 3),
        ("verified/20250101000000.json", 2),
    ]


def test_a_side_file_is_written_read_replaced_and_listed(sides: SideFiles):
    check_round(sides)


def test_the_same_for_a_journal_on_this_computer(local: SideFiles):
    check_round(local)


def test_names_in_the_store_are_next_to_the_journal(store: Store, sides: SideFiles):
    sides.write("receipts/a.json", b"{}", CTX, etag=None)
    assert [blob.path for blob in store.list()] == ["site/journal.db.chorus/receipts/a.json"]
    assert sides.url == "az://box/site/journal.db.chorus"


def test_two_people_who_write_at_the_same_moment_lose_nothing(store: Store, tmp_path: Path):
    check_all_arrive(lambda: in_store(store, tmp_path))


def test_two_programs_on_this_computer_lose_nothing(tmp_path: Path):
    check_all_arrive(lambda: beside_local(tmp_path / "journal.db"))


def test_two_programs_on_a_share_lose_nothing(tmp_path: Path):
    (tmp_path / "share").mkdir()
    check_all_arrive(lambda: in_store(LocalStore(tmp_path / "share"), tmp_path))


def check_all_arrive(person: Callable[[], SideFiles], people: int = 4, times: int = 4) -> None:
    failed: list[BaseException] = []

    def write(who: int) -> None:
        try:
            mine = person()
            for time in range(times):
                line = f"{who}.{time}\n".encode()
                mine.update("holds.json", lambda old, line=line: (old or b"") + line, JobContext())
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=(who,)) for who in range(people)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    there = person().read("holds.json", CTX)
    assert there is not None
    assert sorted(there.data.decode().split()) == sorted(f"{who}.{time}" for who in range(people) for time in range(times))


PROGRAM = """
import sys
from pathlib import Path
from chorus_gui.core.custody.beside import beside_local
from chorus_gui.core.job import JobContext
sides = beside_local(Path(sys.argv[1]))
for time in range(8):
    line = f"{sys.argv[2]}.{time}\\n".encode()
    sides.update("holds.json", lambda old: (old or b"") + line, JobContext())
"""


def test_processes_lose_nothing_either(tmp_path: Path):
    journal = tmp_path / "journal.db"
    running = [subprocess.Popen([sys.executable, "-c", PROGRAM, str(journal), str(who)]) for who in range(3)]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    there = beside_local(journal).read("holds.json", CTX)
    assert there is not None
    assert len(set(there.data.decode().split())) == 24


# --- update --------------------------------------------------------------------------------------------------------------


def test_an_update_merges_again_after_a_conflict(each: SideFiles):
    seen: list[bytes | None] = []

    def merge(old: bytes | None) -> bytes:
        seen.append(old)
        if len(seen) == 1:
            each.write("x", b"colleague", CTX, etag=None)
        return (old or b"") + b"+me"

    written = each.update("x", merge, CTX)
    assert seen == [None, b"colleague"]
    assert written is not None
    assert written.data == b"colleague+me"


def test_an_update_without_a_change_writes_nothing(each: SideFiles):
    assert each.update("x", lambda old: None, CTX) is None
    first = each.write("x", b"1", CTX, etag=None)
    assert each.update("x", lambda old: old, CTX) == first
    assert each.update("x", lambda old: None, CTX) == first


def test_an_update_that_never_wins_says_so(each: SideFiles):
    count = 0

    def merge(old: bytes | None) -> bytes:
        nonlocal count
        count += 1
        seen = each.read("x", CTX)
        each.write("x", f"{count}".encode(), CTX, etag=seen.etag if seen else None)
        return b"me"

    with pytest.raises(SideFileConflictError, match="somebody else at the same time"):
        each.update("x", merge, CTX)
    assert count == CONFLICTS


def test_what_merge_raises_is_not_translated(each: SideFiles):
    def merge(old: bytes | None) -> bytes:
        raise OSError("of the caller")

    with pytest.raises(OSError, match="of the caller"):
        each.update("x", merge, CTX)


# --- missing, unreadable, unreachable --------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [busy(), AccessError("The SAS token has expired.")])
@pytest.mark.parametrize("call", ["head", "read", "list"])
def test_a_store_that_fails_is_unreachable_not_missing(call: str, error: Exception, tmp_path: Path):
    store = MemoryStore()
    sides = in_store(store, tmp_path)
    sides.write("holds.json", b"1", CTX, etag=None)
    store.fail_next(call, error, times=9)
    with pytest.raises(SideFileUnreachableError) as raised:
        sides.list("verified", CTX) if call == "list" else sides.read("holds.json", CTX)
    assert str(error) in raised.value.meaning


def test_a_store_that_cannot_be_opened_is_unreachable(tmp_path: Path):
    def refuse() -> CloudJournal:
        raise AccessError("There is no credential.", remedy="Enter one.")

    sides = beside(refuse, "az://box/journal.db")
    for call in (lambda: sides.read("x", CTX), lambda: sides.write("x", b"", CTX, etag=None), lambda: sides.list("x", CTX)):
        with pytest.raises(SideFileUnreachableError, match="There is no credential") as raised:
            call()
        assert raised.value.remedy == "Enter one."


def test_a_missing_disk_is_unreachable_not_missing(tmp_path: Path):
    sides = beside_local(tmp_path / "drive" / "journal.db")
    with pytest.raises(SideFileUnreachableError):
        sides.read("holds.json", CTX)
    with pytest.raises(SideFileUnreachableError):
        sides.write("holds.json", b"", CTX, etag=None)
    assert not (tmp_path / "drive").exists()


def test_a_side_folder_that_is_a_file_is_unreachable(tmp_path: Path):
    (tmp_path / "journal.db.chorus").write_text("not a folder")
    with pytest.raises(SideFileUnreachableError):
        beside_local(tmp_path / "journal.db").read("holds.json", CTX)


def test_why_a_disk_cannot_be_read_is_a_sentence(tmp_path: Path):
    with pytest.raises(SideFileUnreachableError) as caught:
        beside_local(tmp_path / "drive" / "journal.db").read("holds.json", CTX)
    meaning = caught.value.meaning
    assert meaning[:1].isupper()
    assert meaning[1:2].islower(), "the first letter is there once"
    assert meaning.endswith(".")


def test_nothing_is_written_or_listed_after_a_cancellation(each: SideFiles):
    each.write("verified/x", b"1", CTX, etag=None)
    cancelled = JobContext()
    cancelled.cancel()
    with pytest.raises(Cancelled):
        each.write("y", b"2", cancelled, etag=None)
    with pytest.raises(Cancelled):
        each.list("verified", cancelled)
    assert each.read("y", CTX) is None


def test_what_is_too_large_is_not_read(store: Store, sides: SideFiles):
    store.put("site/journal.db.chorus/holds.json", b"x" * (LARGEST + 1))
    with pytest.raises(SideFileUnreadableError, match="too large"):
        sides.read("holds.json", CTX)
    with pytest.raises(SideFileUnreadableError, match="too large"):
        sides.update("holds.json", lambda old: b"", CTX)


def test_what_is_too_large_is_not_written(each: SideFiles):
    with pytest.raises(SideFileError, match="too large to be shared"):
        each.write("x", b"x" * (LARGEST + 1), CTX, etag=None)
    assert each.read("x", CTX) is None
    largest = each.write("x", b"x" * LARGEST, CTX, etag=None)
    assert each.read("x", CTX) == largest


# --- answers that were lost ------------------------------------------------------------------------------------------------


def test_a_write_whose_answer_was_lost_is_found(tmp_path: Path):
    store = MemoryStore()
    sides = in_store(store, tmp_path)
    store.fail_next("put", busy(), done=True)
    first = sides.write("x", b"1", CTX, etag=None)
    store.fail_next("put", busy(), done=True)
    second = sides.write("x", b"2", CTX, etag=first.etag)
    assert sides.read("x", CTX) == second


def test_a_write_that_a_colleague_replaced_after_its_answer_was_lost_is_a_conflict(tmp_path: Path):
    store = MemoryStore()
    sides = in_store(store, tmp_path)
    sides.write("x", b"colleague", CTX, etag=None)
    store.fail_next("put", busy())
    with pytest.raises(SideFileConflictError):
        sides.write("x", b"me", CTX, etag=None)


def test_a_write_that_never_arrives_is_unreachable(tmp_path: Path):
    store = MemoryStore()
    store.fail_next("put", busy(), times=99)
    with pytest.raises(SideFileUnreachableError):
        in_store(store, tmp_path).write("x", b"1", CTX, etag=None)


# --- names, and who can read them ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "/x", "x/", "../x", "a/../b", ".hidden", "a b", "a\\b", "ä", "a//b", f"{STAGING}/x", "x\n"])
def test_other_names_are_a_mistake_of_the_program(name: str, each: SideFiles):
    with pytest.raises(ValueError, match="not the name"):
        each.read(name, CTX)


def test_a_version_or_a_user_is_one_part_of_a_name():
    assert (side_name("a/b"), side_name(".ab"), side_name("~")) == ("a%2Fb", "%2Eab", "%7E")


@pytest.mark.parametrize("text", ["20250101000000", "..", ".", "a/b", "a b", "ä", "", "a%2Fb", "~", "A", "con:aux"])
def test_any_text_has_a_name_of_its_own(text: str, each: SideFiles):
    others = {side_name(other) for other in ("x", "%2E", "a_b", "%7E", "20250101000001")}
    assert side_name(text) not in others
    each.write(f"verified/v-{side_name(text)}.json", text.encode(), CTX, etag=None)
    (found,) = each.list("verified", CTX)
    assert each.read(found.name, CTX).data.decode() == text  # pyright: ignore[reportOptionalMemberAccess]


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
@pytest.mark.parametrize(("journal_mode", "folder_mode"), [(0o644, 0o700), (0o600, 0o700), (0o664, 0o2770)])
def test_only_those_who_can_write_to_the_journal_can_read_its_side_files(journal_mode: int, folder_mode: int, tmp_path: Path):
    journal = tmp_path / "journal.db"
    journal.touch()
    journal.chmod(journal_mode)
    sides = beside_local(journal)
    sides.write("verified/x.json", b"1", CTX, etag=None)
    assert stat.S_IMODE((tmp_path / "journal.db.chorus").stat().st_mode) == folder_mode
    if folder_mode != 0o700:
        assert stat.S_IMODE((tmp_path / "journal.db.chorus" / "verified").stat().st_mode) == folder_mode
        assert stat.S_IMODE((tmp_path / "journal.db.chorus" / STAGING / "put").stat().st_mode) == folder_mode


def test_reading_makes_no_folder(tmp_path: Path):
    sides = beside_local(tmp_path / "journal.db")
    assert sides.read("x", CTX) is None
    assert sides.list("verified", CTX) == []
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_was_removed_meanwhile_is_made_again(tmp_path: Path):
    import shutil

    sides = beside_local(tmp_path / "journal.db")
    sides.write("x", b"1", CTX, etag=None)
    shutil.rmtree(tmp_path / "journal.db.chorus")
    assert sides.read("x", CTX) is None
    sides.write("x", b"2", CTX, etag=None)
    there = sides.read("x", CTX)
    assert there is not None
    assert there.data == b"2"
