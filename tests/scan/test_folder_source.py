"""A folder as a source: links, faults of the disk, threads; on real trees."""

from __future__ import annotations

import errno
import io
import itertools
import math
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from scan.siteworld import make_config, put, run_scan

from chorus_gui.core.config.model import Config
from chorus_gui.core.errors import Cancelled, SourceUnreadableError, SourceVanishedError
from chorus_gui.core.folders import disk_path
from chorus_gui.core.model import Problem
from chorus_gui.core.storage import folder as folders
from chorus_gui.core.storage import folder_errors
from chorus_gui.core.storage.base import Folder, FolderChoice, Source, UnwantedFile
from chorus_gui.core.storage.folder import FolderSource

posix_only = pytest.mark.skipif(os.name == "nt", reason="needs what this system's disks have not")


def everything(_: str) -> FolderChoice:
    return FolderChoice(descend=True, files=True, follow=True)


def walk(source: Source, want: Callable[[str], FolderChoice] = everything) -> dict[str, Folder]:
    found = list(source.folders(want, lambda: None))
    by_path = {folder.path: folder for folder in found}
    assert len(by_path) == len(found), "a folder came twice"
    return by_path


def file_paths(found: dict[str, Folder]) -> set[str]:
    return {f"{folder.path}/{name}".lstrip("/") for folder in found.values() for name, *_ in folder.files}


def problems(found: dict[str, Folder]) -> dict[str, Problem]:
    return {problem.path: problem for folder in found.values() for problem in folder.problems}


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path, OSError, int], list[str]]:
    """Let os.scandir fail for one folder, ``times`` times; the paths it was asked for."""

    def install(path: Path, error: OSError, times: int = 10**6) -> list[str]:
        asked: list[str] = []
        scandir = os.scandir

        def failing_scandir(where: str) -> object:
            if os.fspath(where) == disk_path(path):
                asked.append(where)
                if len(asked) <= times:
                    error.filename = where  # as the system's own error
                    raise error
            return scandir(where)

        monkeypatch.setattr(os, "scandir", failing_scandir)
        return asked

    return install


def test_sizes_and_times_are_those_that_the_journal_keeps(tmp_path: Path) -> None:
    put(tmp_path, "a/x.dat", "y.dat", content=b"12345")
    os.utime(tmp_path / "a" / "x.dat", ns=(1_700_000_000_123_456_900, 1_700_000_000_123_456_900))
    os.utime(tmp_path / "y.dat", ns=(-1_500_000_000, -1_500_000_000))
    found = walk(FolderSource(tmp_path))
    assert [file[:3] for file in found["a"].files] == [("x.dat", 5, math.floor((tmp_path / "a" / "x.dat").stat().st_mtime * 1e6))]
    assert [file[:3] for file in found[""].files] == [("y.dat", 5, -1_500_000)]
    assert FolderSource(tmp_path).stat("a/x.dat").mtime_us == found["a"].files[0][2]


def test_a_folder_that_is_not_wanted_is_not_listed_and_another_only_by_name(tmp_path: Path, failing: Callable[..., list[str]]) -> None:
    put(tmp_path, "no/x", "names/y", "names/deep/z")
    asked = failing(tmp_path / "no", OSError(errno.EIO, "never asked"))
    found = walk(FolderSource(tmp_path), lambda path: FolderChoice(path != "no", files=False))
    assert not asked
    assert {path: [file.name for file in folder.unwanted] for path, folder in found.items()} == {
        "": [],
        "names": ["y"],
        "names/deep": ["z"],
    }
    assert not walk(FolderSource(tmp_path), lambda path: FolderChoice(descend=False, files=False))


@pytest.mark.parametrize(
    ("number", "says", "remedy"),
    [
        (errno.EACCES, "not allowed to read", "permission to read"),
        (errno.EIO, "disk or the share failed", "disk"),
        (errno.ETIMEDOUT, "network share", "connection"),
        (errno.ENOENT, "no longer there", "scan again"),
        (errno.ENAMETOOLONG, "too long", "Shorten"),
        (errno.EMFILE, "too many files open", "Close"),
        (errno.EINVAL, "could not download it" if os.name == "nt" else "Invalid argument", "can again"),
    ],
)
def test_an_unreadable_folder_is_a_problem_and_the_walk_goes_on(
    tmp_path: Path, failing: Callable[..., list[str]], number: int, says: str, remedy: str
) -> None:
    put(tmp_path, "1/Waveforms/a", "2/Waveforms/b", "3/Waveforms/c")
    failing(tmp_path / "2" / "Waveforms", OSError(number, os.strerror(number)))
    memory, summary = run_scan(make_config(tmp_path))
    assert memory.paths("Waveforms") == {"1/Waveforms/a", "3/Waveforms/c"}
    (problem,) = memory.problems
    assert (problem.path, problem.modalities, problem.covers) == ("2/Waveforms", ("Waveforms",), True)
    assert says in problem.cause
    assert remedy in problem.remedy
    assert summary.unread == (("Waveforms", "2/Waveforms"),)


def test_a_problem_names_the_modalities_that_may_lie_there(tmp_path: Path, failing: Callable[..., list[str]]) -> None:
    put(tmp_path, "1/Waveforms/a", "bad-id!/x/y", "2/z")
    failing(tmp_path / "bad-id!", OSError(errno.EACCES, "denied"))
    memory, summary = run_scan(make_config(tmp_path))
    assert memory.problem_paths["bad-id!"].modalities == ()
    assert not summary.unread
    failing(tmp_path / "2", OSError(errno.EACCES, "denied"))
    memory, _ = run_scan(make_config(tmp_path), ["Waveforms", "Images"])
    assert memory.problem_paths["2"].modalities == ("Images", "Waveforms")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="this user may read everything")
def test_rights_are_what_the_system_says(tmp_path: Path) -> None:
    put(tmp_path, "1/Waveforms/a", "2/Waveforms/b")
    (tmp_path / "2" / "Waveforms").chmod(0)
    (tmp_path / "1" / "Waveforms" / "a").chmod(0)
    try:
        memory, _ = run_scan(make_config(tmp_path))
        assert memory.problem_paths["2/Waveforms"].covers
        assert memory.paths("Waveforms") == {"1/Waveforms/a"}
        with pytest.raises(SourceUnreadableError, match="not allowed to read"):
            FolderSource(tmp_path).open("1/Waveforms/a")
    finally:
        (tmp_path / "2" / "Waveforms").chmod(0o700)


def test_a_listing_that_breaks_off_keeps_what_it_saw_and_covers_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, *(f"a/{n}" for n in range(20)))
    monkeypatch.setattr(folders, "_BATCH", 5)
    scandir = os.scandir

    class Breaking:
        def __init__(self, path: str) -> None:
            self._entries = scandir(path)
            self._left = 12 if path.endswith("a") else 10**6

        def __enter__(self) -> Breaking:
            return self

        def __exit__(self, *exc: object) -> None:
            self._entries.close()

        def close(self) -> None:
            self._entries.close()

        def __iter__(self) -> Iterator[os.DirEntry[str]]:
            return self

        def __next__(self) -> os.DirEntry[str]:
            self._left -= 1
            if self._left < 0:
                raise OSError(errno.ESTALE, "stale")
            return next(self._entries)

    monkeypatch.setattr(os, "scandir", Breaking)
    found = walk(FolderSource(tmp_path))
    assert len(found["a"].files) == 10
    assert problems(found)["a"].covers


@posix_only  # a listing on Windows comes with sizes and times
def test_a_file_that_vanishes_between_listing_and_looking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "a/gone", "a/here")
    islice = folders.islice

    def list_and_lose_one(entries: Iterator[os.DirEntry[str]], count: int) -> list[os.DirEntry[str]]:
        batch = list(islice(entries, count))
        if any(entry.name == "gone" for entry in batch):
            (tmp_path / "a" / "gone").unlink()
        return batch

    monkeypatch.setattr(folders, "islice", list_and_lose_one)
    found = walk(FolderSource(tmp_path))
    assert file_paths(found) == {"a/here"}
    problem = problems(found)["a/gone"]
    assert "was removed" in problem.cause
    assert problem.covers, "a share that just broke off looks the same"


def test_a_sharing_violation_is_waited_for(tmp_path: Path, failing: Callable[..., list[str]]) -> None:
    class HeldError(PermissionError):
        winerror = 32

    put(tmp_path, "a/x")
    asked = failing(tmp_path / "a", HeldError(errno.EACCES, "held"), 2)
    assert file_paths(walk(FolderSource(tmp_path))) == {"a/x"}
    assert len(asked) == 3
    failing(tmp_path / "a", HeldError(errno.EACCES, "held"))
    assert "another program has it open" in problems(walk(FolderSource(tmp_path)))["a"].cause


def test_a_placeholder_whose_cloud_drive_does_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class OfflineError(OSError):
        winerror = 362

    put(tmp_path, "a")

    class Placeholder(io.FileIO):
        def readinto(self, buffer: object, /) -> int:
            raise OfflineError(errno.EINVAL, "The cloud file provider is not running.")

    reader = folders._FolderReader(Placeholder(tmp_path / "a"), "a")
    with pytest.raises(SourceUnreadableError, match="Always keep on this device"):
        reader.readinto(bytearray(1))
    reader.close()


def test_a_share_out_of_reach_is_not_a_missing_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class UnreachableError(FileNotFoundError):  # what Python makes of ERROR_BAD_NETPATH
        winerror = 53

    def unreachable(path: str) -> os.stat_result:
        raise UnreachableError(errno.ENOENT, "bad net path")

    monkeypatch.setattr(os, "stat", unreachable)
    with pytest.raises(SourceUnreadableError, match="network share"):
        FolderSource(tmp_path).stat("a")


@posix_only
def test_a_name_that_is_no_text_is_a_problem_that_can_be_written_down(tmp_path: Path) -> None:
    put(tmp_path, "1/Waveforms/good.dat")
    with open(os.fsencode(tmp_path) + b"/1/Waveforms/b\xffd.dat", "wb"):
        pass
    os.mkdir(os.fsencode(tmp_path) + b"/1/Waveforms/dir\xfe")
    memory, _ = run_scan(make_config(tmp_path))
    assert memory.paths("Waveforms") == {"1/Waveforms/good.dat"}
    assert memory.problem_paths.keys() == {r"1/Waveforms/b\xffd.dat", r"1/Waveforms/dir\xfe"}
    for problem in memory.problems:
        assert problem.path.encode()
        assert problem.modalities == ("Waveforms",)
        assert "Rename" in problem.remedy


@pytest.mark.parametrize(
    ("tag", "link"),
    [(0, False), (0xA0000003, True), (0x9000001A, False), (0x80000013, False)],
    ids=["folder", "junction", "cloud folder", "deduplicated"],
)
def test_a_junction_counts_as_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tag: int, link: bool) -> None:
    class Entry:
        name = "2"

        def is_file(self, *, follow_symlinks: bool) -> bool:
            return False

        def is_dir(self, *, follow_symlinks: bool) -> bool:
            return True

        def stat(self, *, follow_symlinks: bool) -> object:
            assert not follow_symlinks, "that would cost a call"
            return SimpleNamespace(st_reparse_tag=tag)

    class Listing(list[Entry]):
        __enter__ = list.__iter__

        def __exit__(self, *exc: object) -> None:
            pass

        def close(self) -> None:
            pass

    monkeypatch.setattr(folders, "_WINDOWS", True)
    monkeypatch.setattr(folder_errors, "_WINDOWS", True)
    monkeypatch.setattr(os, "scandir", lambda path: Listing([Entry()] if path == disk_path(tmp_path) else []))
    found = walk(FolderSource(tmp_path), lambda path: FolderChoice(descend=True, files=True, follow=False))
    assert ("2" in problems(found)) is link
    assert ("2" in found) is not link


def test_an_entry_that_cannot_be_looked_at_may_be_anything(tmp_path: Path) -> None:
    put(tmp_path, "a")
    with os.scandir(tmp_path) as entries:
        problem = folder_errors.entry_problem("x/a", next(entries), OSError(errno.EIO, "broken"))
    assert problem.covers
    assert "Could not read the file: the disk or the share failed" in problem.cause


@posix_only
def test_special_files_are_problems(tmp_path: Path) -> None:
    put(tmp_path, "OMOP/a")
    os.mkfifo(tmp_path / "OMOP" / "pipe")
    here = os.getcwd()
    with socket.socket(socket.AF_UNIX) as listener:
        os.chdir(tmp_path / "OMOP")  # a socket's address is short
        try:
            listener.bind("socket")
        finally:
            os.chdir(here)
        memory, _ = run_scan(make_config(tmp_path))
    assert memory.paths("OMOP") == {"OMOP/a"}
    assert memory.problem_paths.keys() == {"OMOP/pipe", "OMOP/socket"}
    assert not any(problem.covers for problem in memory.problems)
    with pytest.raises(SourceVanishedError, match="no longer a file"):
        FolderSource(tmp_path).stat("OMOP/pipe")


@posix_only
class TestLinks:
    def test_a_linked_file_is_the_file_it_leads_to(self, tmp_path: Path) -> None:
        put(tmp_path, "other/target.dat", content=b"1234567")
        os.utime(tmp_path / "other" / "target.dat", (1_600_000_000, 1_600_000_000))
        site = tmp_path / "site"
        (site / "1" / "Waveforms" / "deep").mkdir(parents=True)
        (site / "1" / "Waveforms" / "deep" / "link.dat").symlink_to(tmp_path / "other" / "target.dat")
        memory, _ = run_scan(make_config(site))
        file = memory.seen["Waveforms"]["1/Waveforms/deep/link.dat"]
        assert (file.size, file.mtime_us) == (7, 1_600_000_000_000_000)
        assert not memory.problems

    def test_a_link_that_leads_nowhere_may_stand_for_a_folder(self, tmp_path: Path) -> None:
        put(tmp_path, "1/Waveforms/a")
        (tmp_path / "1" / "Waveforms" / "gone").symlink_to(tmp_path / "nothing")
        (tmp_path / "2").symlink_to(tmp_path / "unmounted share")
        (tmp_path / "1" / "Waveforms" / "self").symlink_to("self")
        memory, summary = run_scan(make_config(tmp_path))
        assert all(problem.covers for problem in memory.problems)
        assert "leads nowhere" in memory.problem_paths["1/Waveforms/gone"].cause
        assert "circle" in memory.problem_paths["1/Waveforms/self"].cause
        assert ("Waveforms", "2") in summary.unread
        assert ("Images", "2") in summary.unread

    def test_a_linked_patient_and_a_linked_modality_folder_are_followed(self, tmp_path: Path) -> None:
        put(tmp_path, "far/Waveforms/a/x.dat", "farther/s.dcm", "site/OMOP/p.csv")
        site = tmp_path / "site"
        (site / "1").symlink_to(tmp_path / "far")
        (site / "2").mkdir()
        (site / "2" / "Images").symlink_to(tmp_path / "farther")
        memory, _ = run_scan(make_config(site))
        assert memory.paths("Waveforms") == {"1/Waveforms/a/x.dat"}
        assert memory.paths("Images") == {"2/Images/s.dcm"}
        assert not memory.problems

    def test_a_linked_folder_below_the_fixed_part_is_not_followed_and_covers_what_it_may_hold(self, tmp_path: Path) -> None:
        put(tmp_path, "far/x.dat", "site/1/Waveforms/y.dat")
        site = tmp_path / "site"
        (site / "1" / "Waveforms" / "linked").symlink_to(tmp_path / "far")
        memory, summary = run_scan(make_config(site))
        assert memory.paths("Waveforms") == {"1/Waveforms/y.dat"}
        (problem,) = memory.problems
        assert (problem.path, problem.modalities, problem.covers) == ("1/Waveforms/linked", ("Waveforms",), True)
        assert summary.unread == (("Waveforms", "1/Waveforms/linked"),)

    def test_a_linked_folder_of_a_modality_that_is_not_scanned_is_no_problem(self, tmp_path: Path) -> None:
        put(tmp_path, "far/x.dat", "site/OMOP/p.csv")
        (tmp_path / "site" / "1").symlink_to(tmp_path / "far")
        assert not run_scan(make_config(tmp_path / "site"), ["OMOP"])[0].problems

    def test_the_root_itself_may_be_a_link(self, tmp_path: Path) -> None:
        put(tmp_path, "far/OMOP/p.csv")
        (tmp_path / "site").symlink_to("far")
        assert run_scan(make_config(tmp_path / "site"))[0].paths("OMOP") == {"OMOP/p.csv"}

    def test_a_loop_is_refused_where_links_are_followed(self, tmp_path: Path) -> None:
        put(tmp_path, "1/Waveforms/x.dat")
        (tmp_path / "2").symlink_to(tmp_path)
        (tmp_path / "1" / "Images").symlink_to(tmp_path / "1")
        memory, _ = run_scan(make_config(tmp_path))
        assert memory.paths("Waveforms") == {"1/Waveforms/x.dat"}
        assert memory.problem_paths.keys() == {"2", "1/Images"}
        for problem in memory.problems:
            assert "back to a folder above" in problem.cause
            assert problem.covers

    def test_a_loop_through_a_folder_above_the_root_ends_at_the_root(self, tmp_path: Path) -> None:
        put(tmp_path, "site/1/Waveforms/x.dat", "beside.txt")
        (tmp_path / "site" / "up").symlink_to(tmp_path)
        memory, _ = run_scan(make_config(tmp_path / "site"))
        assert memory.paths("Waveforms") == {"1/Waveforms/x.dat"}
        assert memory.unmatched_paths == {"up/beside.txt"}
        assert memory.problem_paths.keys() == {"up/site"}

    def test_where_numbers_do_not_tell_folders_apart_their_real_paths_do(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(folders, "_WINDOWS", True)
        monkeypatch.setattr(folder_errors, "_WINDOWS", True)
        put(tmp_path, "far/Waveforms/x.dat", "site/1/Waveforms/y.dat")
        (tmp_path / "site" / "2").symlink_to(tmp_path / "site")
        (tmp_path / "site" / "3").symlink_to(tmp_path / "far")
        memory, _ = run_scan(make_config(tmp_path / "site"))
        assert memory.paths("Waveforms") == {"1/Waveforms/y.dat", "3/Waveforms/x.dat"}
        assert memory.problem_paths.keys() == {"2"}

    def test_a_linked_file_where_no_pattern_wants_files_is_unmatched(self, tmp_path: Path) -> None:
        put(tmp_path, "site/OMOP/p.csv", "target")
        (tmp_path / "site" / "link").symlink_to(tmp_path / "target")
        assert run_scan(make_config(tmp_path / "site"))[0].unmatched_paths == {"link"}

    def test_two_links_to_one_folder_are_no_loop(self, tmp_path: Path) -> None:
        put(tmp_path, "far/Waveforms/x.dat", "site/OMOP/p.csv")
        (tmp_path / "site" / "1").symlink_to(tmp_path / "far")
        (tmp_path / "site" / "2").symlink_to(tmp_path / "far")
        memory, _ = run_scan(make_config(tmp_path / "site"))
        assert memory.paths("Waveforms") == {"1/Waveforms/x.dat", "2/Waveforms/x.dat"}


class Listing(set[int]):
    """The threads that listed folders; ``most`` of them at the same time, ``total`` folders."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._now = self.most = self.total = 0

    def begin(self) -> None:
        with self._lock:
            self.add(threading.get_ident())
            self._now += 1
            self.total += 1
            self.most = max(self.most, self._now)

    def end(self) -> None:
        with self._lock:
            self._now -= 1


class TestThreads:
    @pytest.fixture
    def slow(self, monkeypatch: pytest.MonkeyPatch) -> Listing:
        """Let every listing wait as a share does; the threads that listed."""
        scandir, threads = os.scandir, Listing()

        def slow_scandir(path: str) -> object:
            threads.begin()
            time.sleep(0.005)
            threads.end()
            return scandir(path)

        monkeypatch.setattr(os, "scandir", slow_scandir)
        return threads

    def test_a_fast_disk_is_walked_by_one_thread(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        put(tmp_path, *(f"{n}/x" for n in range(60)))

        def no_pool(*_: object) -> Iterator[Folder]:
            raise AssertionError

        monkeypatch.setattr(FolderSource, "_walk_in_pool", no_pool)
        monkeypatch.setattr(folders, "_SLOW_S", 0.5)  # this machine may be busy
        assert len(walk(FolderSource(tmp_path))) == 61

    def test_a_slow_one_by_several_with_the_same_result(self, tmp_path: Path, slow: Listing) -> None:
        paths = {f"{n}/{m}/x" for n in range(20) for m in range(3)}
        put(tmp_path, *paths)
        found = walk(FolderSource(tmp_path))
        assert file_paths(found) == paths
        assert 2 <= len(slow) <= 17
        assert 2 <= slow.most <= 16

    def test_a_distant_share_is_asked_for_sixteen_folders_at_the_same_time(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        put(tmp_path, *(f"{n}/x" for n in range(60)))
        scandir, main, together = os.scandir, threading.get_ident(), threading.Barrier(16)
        listed = itertools.count()

        def distant(path: str) -> object:
            if threading.get_ident() == main:
                time.sleep(0.005)
            elif next(listed) < 16:
                together.wait(60)  # until sixteen folders are being listed; fewer threads break the barrier
            return scandir(path)

        monkeypatch.setattr(os, "scandir", distant)
        assert len(walk(FolderSource(tmp_path))) == 61
        assert not together.broken
        assert next(listed) > 16

    def test_as_many_threads_as_asked_for(self, tmp_path: Path, slow: set[int]) -> None:
        put(tmp_path, *(f"{n}/x" for n in range(40)))
        walk(FolderSource(tmp_path, threads=1))
        assert slow == {threading.get_ident()}
        walk(FolderSource(tmp_path, threads=3))
        assert len(slow) <= 4

    def test_problems_and_links_come_through_the_pool(self, tmp_path: Path, failing: Callable[..., list[str]]) -> None:
        put(tmp_path, *(f"{n}/x" for n in range(10)))
        failing(tmp_path / "3", OSError(errno.EACCES, "denied"))
        if os.name != "nt":
            (tmp_path / "loop").symlink_to(tmp_path)
        found = walk(FolderSource(tmp_path, threads=4))
        assert problems(found)["3"].covers
        assert os.name == "nt" or problems(found)["loop"].covers
        assert len(file_paths(found)) == 9

    @pytest.mark.parametrize("threads", [1, 4, None])
    def test_a_cancellation_ends_the_walk_promptly(self, tmp_path: Path, slow: Listing, threads: int | None) -> None:
        put(tmp_path, *(f"{n}/x" for n in range(300)))
        seen = 0
        me = threading.get_ident()

        def checkpoint() -> None:
            assert threading.get_ident() == me
            if seen >= 30:
                raise Cancelled

        with pytest.raises(Cancelled):  # noqa: PT012 - the loop is what is cancelled
            for _ in FolderSource(tmp_path, threads=threads).folders(everything, checkpoint):
                seen += 1
        assert seen == 30
        self._no_thread_is_left()
        assert slow.total < 150, "of 301"

    def test_closing_the_iterator_stops_the_threads(self, tmp_path: Path, slow: set[int]) -> None:
        put(tmp_path, *(f"{n}/x" for n in range(50)))
        iterator = FolderSource(tmp_path, threads=4).folders(everything, lambda: None)
        next(iterator)
        next(iterator)
        iterator.close()  # pyright: ignore[reportAttributeAccessIssue]
        self._no_thread_is_left()

    def test_a_big_folder_is_left_in_the_middle(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(folders, "_BATCH", 10)
        put(tmp_path, *(f"x{n}" for n in range(100)))
        calls = 0

        def checkpoint() -> None:
            nonlocal calls
            calls += 1
            if calls == 5:
                raise Cancelled

        with pytest.raises(Cancelled):
            list(FolderSource(tmp_path).folders(everything, checkpoint))

    def _no_thread_is_left(self) -> None:
        until = time.monotonic() + 20
        while any(thread.name.startswith("walk") for thread in threading.enumerate()):
            assert time.monotonic() < until
            time.sleep(0.01)


class TestOneFile:
    def test_read_from_an_offset_without_a_buffer(self, tmp_path: Path) -> None:
        put(tmp_path, "a/b.dat", content=b"0123456789")
        buffer = bytearray(4)
        reader = FolderSource(tmp_path).open("a/b.dat", 7)
        assert reader.readinto(buffer) == 3
        assert buffer[:3] == b"789"
        assert reader.readinto(memoryview(buffer)) == 0
        reader.close()

    @pytest.mark.parametrize("call", [FolderSource.stat, FolderSource.open])
    def test_a_file_that_is_gone(self, tmp_path: Path, call: Callable[[FolderSource, str], object]) -> None:
        put(tmp_path, "file")
        for path in ("a/b.dat", "file/below"):
            with pytest.raises(SourceVanishedError, match=path) as caught:
                call(FolderSource(tmp_path), path)
            assert caught.value.remedy
            assert isinstance(caught.value.__cause__, OSError)

    def test_a_folder_is_not_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "a").mkdir()
        with pytest.raises(SourceVanishedError, match="but a folder"):
            FolderSource(tmp_path).stat("a")
        with pytest.raises(SourceVanishedError, match="but a folder"):
            FolderSource(tmp_path).open("a")

    def test_a_read_that_fails(self, tmp_path: Path) -> None:
        put(tmp_path, "a")

        class BrokenFile(io.FileIO):
            def readinto(self, buffer: object, /) -> int:
                raise OSError(errno.EIO, "broken")

        reader = folders._FolderReader(BrokenFile(tmp_path / "a"), "a")
        with pytest.raises(SourceUnreadableError, match="failed"):
            reader.readinto(bytearray(1))
        reader.close()

    def test_its_name(self, tmp_path: Path) -> None:
        assert FolderSource(tmp_path).url == str(tmp_path)

    def test_the_root(self, tmp_path: Path, failing: Callable[..., list[str]]) -> None:
        with pytest.raises(SourceVanishedError, match="gone"):
            walk(FolderSource(tmp_path / "gone"))
        failing(tmp_path, PermissionError(errno.EACCES, "denied"))
        with pytest.raises(SourceUnreadableError, match="not allowed to read"):
            walk(FolderSource(tmp_path))


@pytest.mark.parametrize("code", [123, 161])
def test_a_name_that_windows_refuses_is_of_no_file(code: int) -> None:
    """A journal can have it from another system.  If that were a fault of reading, its entry could never be marked as deleted."""

    class RefusedNameError(OSError):
        winerror = code

    found = folder_errors.source_error("3/Images/a\nb", RefusedNameError(errno.EINVAL, "Invalid name"))
    assert isinstance(found, SourceVanishedError)


# --- files that no pattern wants -----------------------------------------------------------------------------------------


def strays(config: Config) -> dict[str, UnwantedFile]:
    memory, summary = run_scan(config)
    assert not summary.problems, memory.problems
    return {file.name: file for _, file in memory.strays}


def test_what_lies_outside_has_its_size_and_time(tmp_path: Path) -> None:
    put(tmp_path, "OMOP/person.csv", "Notes/deep/a.txt", "top.txt", content=b"12345")
    os.utime(tmp_path / "top.txt", ns=(0, 1_700_000_000_123_456_789))
    found = strays(make_config(tmp_path))
    assert {name: file.size for name, file in found.items()} == {"Notes/deep/a.txt": 5, "top.txt": 5}
    assert found["top.txt"].mtime_us == math.floor((tmp_path / "top.txt").stat().st_mtime * 1e6)


@pytest.mark.parametrize("fault", [PermissionError(errno.EACCES, "no"), FileNotFoundError(errno.ENOENT, "gone"), OSError(errno.EIO, "bad")])
def test_a_fault_of_a_file_that_no_pattern_wants_is_no_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: OSError) -> None:
    put(tmp_path, "OMOP/person.csv", "Notes/a.txt")
    real = os.scandir

    class Entry:
        def __init__(self, entry: os.DirEntry[str]) -> None:
            self._entry, self.name = entry, entry.name
            self.is_file, self.is_dir = entry.is_file, entry.is_dir

        def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
            if self.name == "a.txt":
                raise fault
            return self._entry.stat(follow_symlinks=follow_symlinks)

    class Entries:
        def __init__(self, path: str) -> None:
            self._entries = real(path)

        def __enter__(self) -> Iterator[Entry]:
            return map(Entry, self._entries)

        def __exit__(self, *exc: object) -> None:
            self.close()

        def close(self) -> None:
            self._entries.close()

    monkeypatch.setattr(os, "scandir", Entries)
    assert strays(make_config(tmp_path)) == {"Notes/a.txt": UnwantedFile("Notes/a.txt", None, None)}


def test_files_that_a_pattern_takes_are_looked_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The look at what lies outside costs nothing where everything matches."""
    put(tmp_path, *(f"1/Images/{number}.dcm" for number in range(20)), "OMOP/person.csv")
    glances: list[str] = []
    glance = folders._glance
    monkeypatch.setattr(folders, "_glance", lambda entry, **options: glances.append(entry.name) or glance(entry, **options))
    assert strays(make_config(tmp_path)) == {}
    assert glances == []
    put(tmp_path, "Notes/a.txt")
    assert list(strays(make_config(tmp_path))) == ["Notes/a.txt"]
    assert glances == ["a.txt"]


def test_the_name_is_all_that_a_sample_of_the_site_needs(tmp_path: Path) -> None:
    put(tmp_path, "a.txt")
    found = walk(FolderSource(tmp_path), lambda _: FolderChoice(descend=True, files=False))
    assert found[""].unwanted == [UnwantedFile("a.txt", None, None)]
