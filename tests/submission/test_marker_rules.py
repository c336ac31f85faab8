"""The rules behind a completion marker and a receipt: when a marker holds, what removes it, what a run proved and counts."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from dataclasses import replace
from typing import Any

import pytest
from memorystore import MemoryStore

from chorus_gui.core.errors import (
    BlobNotFoundError,
    ContentChangedError,
    SourceChangedError,
    SourceError,
    SourceUnreadableError,
    StoreError,
    UsageError,
)
from chorus_gui.core.model import MODALITIES, Change, ChangeKind, Failure, Item, Level, Proof, Row, Tally, VersionCount
from chorus_gui.core.storage.base import BlobInfo
from chorus_gui.core.storage.digests import md5_of
from chorus_gui.core.storage.lane import Arrival
from chorus_gui.core.submission.commit import upload_time
from chorus_gui.core.submission.guard import GuardedStore, Proofs, guarded, read_text, refuse_marker_name, remove_marker
from chorus_gui.core.submission.marker import (
    LARGEST,
    Complete,
    JournalCopy,
    Marker,
    Root,
    from_json,
    judge,
    marker_path,
    ours,
    to_json,
)
from chorus_gui.core.submission.run_result import RunResult

# --- the marker of a version ----------------------------------------------------------------------------------------------

MARKER = Marker(
    "v1",
    "20260102030405",
    {"Images": Tally(3, 30), "OMOP": Tally(1, 4)},
    "r" * 64,
    JournalCopy("journal.db", 99, "m" * 32, 2),
    {Level.TRANSPORT: 3, Level.PROPERTIES: 1, Level.REREAD: 0},
    2,
    0,
    "1.2",
)


def count(version: str = "v1", *, active: int = 4, pending: int = 0, last: str | None = "20260102030405") -> VersionCount:
    values: dict[str, Any] = dict.fromkeys(VersionCount.__dataclass_fields__, 0)
    return VersionCount(**{**values, "version": version, "modality": "Images", "active": active, "pending": pending, "last_upload": last})


@pytest.mark.parametrize(
    ("counts", "complete", "why"),
    [
        pytest.param([count()], Complete.YES, "", id="as many files as then"),
        pytest.param([count(active=3)], Complete.YES, "", id="fewer: a later version replaced or deleted one"),
        pytest.param([count(active=5)], Complete.OUTDATED, "more files", id="more files"),
        pytest.param([count(active=2), count(active=3)], Complete.OUTDATED, "more files", id="of all modalities"),
        pytest.param([count(active=2), count(active=2)], Complete.YES, "", id="all modalities add up"),
        pytest.param(
            [count(), count("v2", active=9, pending=9, last="20270101000000")], Complete.YES, "", id="another version does not matter"
        ),
        pytest.param([count(pending=1)], Complete.OUTDATED, "not uploaded yet", id="files are pending"),
        pytest.param([count(last="20260102030406")], Complete.OUTDATED, "uploaded into this version after", id="uploaded later"),
        pytest.param([count(last=None)], Complete.YES, "", id="no time of an upload"),
        pytest.param([count(last="2025"), count(last="2027", active=0)], Complete.OUTDATED, "after", id="the latest time counts"),
        pytest.param([], Complete.YES, "", id="the journal counts nothing of it any more"),
    ],
)
def test_when_a_marker_still_holds(counts: list[VersionCount], complete: Complete, why: str) -> None:
    found = judge("v1", MARKER, counts)
    assert (found.complete, found.marker) == (complete, MARKER)
    assert bool(found.why) is bool(why)
    assert why in found.why
    assert judge("v1", None, counts).complete is Complete.NO


def test_a_marker_is_read_as_it_was_written() -> None:
    text = to_json(MARKER)
    assert from_json(text) == MARKER
    assert ours(text)
    value = json.loads(text)
    assert (value["files"], value["bytes"], value["completed"]) == (4, 34, "2026-01-02T03:04:05Z")
    assert list(value["modalities"]) == [name for name in MODALITIES if name in ("Images", "OMOP")]
    assert value["verified"] == {"transport": 3, "properties": 1, "reread": 0}
    assert MARKER.completed_us == 1_767_323_045_000_000
    assert from_json(to_json(replace(MARKER, held_back=None))).held_back is None


@pytest.mark.parametrize(
    ("change", "recognised"),
    [
        ({"schema": "chorus-upload-submission/2"}, True),
        ({"schema": "something else"}, False),
        ({"schema": None}, False),
        ({"held_back": -1}, True),
        ({"other_files": -1}, True),
        ({"verified": {"transport": -1}}, True),
        ({"modalities": {"Images": {"files": -3, "bytes": 1}}}, True),
        ({"modalities": {"Images": {"files": 3, "bytes": -1}}}, True),
        ({"journal": {"name": "../journal.db", "bytes": 1, "md5": "m", "format": 2}}, True),
        ({"completed": "yesterday"}, True),
        ({"root_sha256": 3}, True),
    ],
)
def test_a_text_that_no_program_of_this_version_wrote_is_no_marker_but_may_be_ours(change: dict[str, Any], recognised: bool) -> None:
    """A later program's marker is removed before its version changes, too."""
    text = json.dumps({**json.loads(to_json(MARKER)), **change})
    with pytest.raises(UsageError, match="not a completion marker"):
        from_json(text)
    assert ours(text) is recognised


@pytest.mark.parametrize("text", ["", "[]", "null", "3", "{", "{}", '"chorus-upload-submission/1"'])
def test_other_texts_are_files_of_the_site(text: str) -> None:
    assert not ours(text)
    with pytest.raises(UsageError):
        from_json(text)


def test_a_root_names_paths_sizes_and_contents_in_any_order() -> None:
    lines = [("b", 2, "2" * 32), ("a/ü", 1, "1" * 32), ("B", 3, "3" * 32)]
    roots = [Root(), Root()]
    for root, order in zip(roots, (lines, lines[::-1]), strict=True):
        assert all(root.add(*line) for line in order)
        assert not root.add("b", 9, "9" * 32), "a path counts once"
    text = "".join(f"{path}\0{size}\0{md5}\n" for path, size, md5 in sorted(lines, key=lambda line: line[0].encode()))
    assert {root.hexdigest() for root in roots} == {hashlib.sha256(text.encode()).hexdigest()}


def test_files_that_are_added_together_count_as_if_they_were_added_one_by_one() -> None:
    files = [("a", 1, "1" * 32), ("b", 2, "2" * 32), ("a", 9, "9" * 32), ("c", 3, "3" * 32)]
    together, alone = Root(), Root()
    assert together.add_all(files[:1]) == [alone.add(*files[0])] == [True]
    assert together.add_all(files[1:]) == [alone.add(*line) for line in files[1:]] == [True, False, True]
    assert together.hexdigest() == alone.hexdigest()


# --- the store that guards markers ----------------------------------------------------------------------------------------


@pytest.fixture
def store() -> MemoryStore:
    store = MemoryStore()
    store.put(marker_path("v1"), to_json(MARKER).encode())
    store.put("v1/a", b"old")
    return store


WRITES = {
    "put": lambda guard: guard.put("v1/b", b"new"),
    "commit": lambda guard: guard.commit_blocks("v1/b", []),
    "copy": lambda guard: guard.copy("v1/a", "v1/b"),
    "delete": lambda guard: guard.delete("v1/a"),
    "open": lambda guard: guard.open("v1"),
    "check": lambda guard: guard.check_write("v1/b"),
}
READS = {
    "head": lambda guard: guard.head("v1/a"),
    "list": lambda guard: list(guard.list("v1/")),
    "pages": lambda guard: list(guard.pages("v1/")),
    "folders": lambda guard: list(guard.list_folders()),
    "level": lambda guard: list(guard.level()),
    "read": lambda guard: list(guard.read("v1/a")),
    "stage": lambda guard: guard.stage_block("v1/b", "1", b"x"),
    "staged": lambda guard: guard.list_staged("v1/b"),
    "another version": lambda guard: guard.put("v2/b", b"new"),
    "beside the versions": lambda guard: guard.put("journal.db", b"new"),
    "a copy elsewhere": lambda guard: guard.copy("v1/a", "v2/a"),
}


@pytest.mark.parametrize("how", WRITES)
def test_whatever_changes_a_version_removes_its_marker_first(store: MemoryStore, how: str) -> None:
    guard = GuardedStore(store)
    seen: list[bool] = []

    class Watching:
        def __getattr__(self, name: str) -> Any:
            if name in ("put", "commit_blocks", "copy", "delete"):
                seen.append(store.head(marker_path("v1")) is None)
            return getattr(store, name)

    guard.inner = Watching()  # type: ignore[assignment]
    WRITES[how](guard)
    assert store.head(marker_path("v1")) is None
    assert (guard.removed, guard.changed) == ({"v1"}, {"v1"})
    assert seen[1:] == [True] * len(seen[1:]), "the first call removes the marker"
    guard.open("v1")
    assert guard.removed == {"v1"}


@pytest.mark.parametrize("how", READS)
def test_what_changes_nothing_of_a_version_leaves_its_marker(store: MemoryStore, how: str) -> None:
    guard = GuardedStore(store)
    READS[how](guard)
    assert store.head(marker_path("v1")) is not None
    assert "v1" not in guard.changed | guard.removed


@pytest.mark.parametrize("how", WRITES)
def test_a_marker_that_cannot_be_removed_prevents_the_change(store: MemoryStore, how: str) -> None:
    before = {info.path: info.etag for info in store.list()}
    store.fail_next("delete", StoreError("It refuses."))
    with pytest.raises(StoreError):
        WRITES[how](GuardedStore(store))
    assert {info.path: info.etag for info in store.list()} == before


@pytest.mark.parametrize(
    ("text", "removed"),
    [
        (None, False),
        ('{"schema": "other"}', False),
        ("", False),
        (" " * LARGEST, False),
        (to_json(MARKER) + " " * LARGEST, False),
        (to_json(MARKER), True),
    ],
)
def test_only_a_marker_is_removed(text: str | None, removed: bool) -> None:
    """A site's own file of that name stays."""
    store = MemoryStore()
    if text is not None:
        store.put(marker_path("v1"), text.encode())
    assert remove_marker(store, "v1") is removed
    assert (store.head(marker_path("v1")) is None) is (removed or text is None)


def test_a_marker_that_somebody_else_removes_meanwhile_is_removed(store: MemoryStore) -> None:
    store.fail_next("delete", BlobNotFoundError("It is gone."))
    assert remove_marker(store, "v1")


@pytest.mark.parametrize(("times", "read"), [(1, True), (2, True), (3, False)])
def test_a_marker_that_is_replaced_while_it_is_read_is_read_again(store: MemoryStore, times: int, read: bool) -> None:
    store.fail_next("read", BlobNotFoundError("It was replaced."), times)
    if read:
        assert read_text(store, "v1") == to_json(MARKER)
        return
    with pytest.raises(BlobNotFoundError):
        read_text(store, "v1")


def test_a_marker_that_was_removed_on_the_way_is_deleted_without_an_error(store: MemoryStore) -> None:
    guard = GuardedStore(store)
    guard.delete(marker_path("v1"))
    with pytest.raises(BlobNotFoundError):
        guard.delete("v1/nothing")
    with pytest.raises(BlobNotFoundError):
        guard.delete(marker_path("v2"))


@pytest.mark.parametrize(
    ("path", "refused"),
    [
        ("v1/submission.json", True),
        ("/v1/submission.json/", True),
        ("submission.json", False),
        ("v1/x/submission.json", False),
        ("v1/submission.json.bak", False),
    ],
)
def test_a_person_cannot_write_a_marker(path: str, refused: bool) -> None:
    by_hand = GuardedStore(MemoryStore(), by_hand=True)
    if refused:
        with pytest.raises(UsageError, match="Only the program writes it"):
            refuse_marker_name(path)
        with pytest.raises(UsageError, match="Only the program writes it"):
            by_hand.put(path.strip("/"), b"x")
        assert list(by_hand.list()) == []
    else:
        refuse_marker_name(path)
        by_hand.put(path, b"x")
    GuardedStore(MemoryStore()).put(path.strip("/"), b"x")


class Line:
    """A lane that writes at once."""

    alive = True

    def __init__(self, store: MemoryStore) -> None:
        self.store = store
        self.arrived: list[Arrival] = []
        self.waited: list[float] = []

    @property
    def busy(self) -> int:
        return len(self.arrived)

    @property
    def answered(self) -> bool:
        return bool(self.arrived)

    def has_room(self) -> bool:
        return True

    def begin(self, key: int, path: str, data: bytes, md5: bytes) -> None:
        assert self.store.head(marker_path("v1")) is None
        self.arrived.append(Arrival(key, self.store.put(path, data, md5=md5)))

    def answers(self, seconds: float) -> list[Arrival]:
        self.waited.append(seconds)
        arrived, self.arrived = self.arrived, []
        return arrived

    def close(self) -> None:
        """Nothing is open."""


class WithLine(MemoryStore):
    def lane(self) -> Line:
        return Line(self)


@pytest.mark.parametrize("refuses", [False, True])
def test_a_small_file_on_the_quick_way_removes_the_marker_first_too(refuses: bool) -> None:
    """If that is not possible, the file goes the other way, which says why."""
    store = WithLine()
    store.put(marker_path("v1"), to_json(MARKER).encode())
    inner = Line(store)
    store.lane = lambda: inner  # type: ignore[method-assign]
    guard = GuardedStore(store)
    lane = guard.lane()
    assert lane is not None
    assert (lane.busy, lane.answered, lane.alive) == (0, False, True)
    if refuses:
        store.fail_next("delete", StoreError("It refuses."))
    lane.begin(7, "v1/b", b"abc", MD5.digest())
    assert (lane.busy, lane.answered) == (1, True)
    (arrival,) = lane.answers(5)
    assert inner.waited == [0 if refuses else 5], "what was refused is known at once"
    assert (arrival.key, arrival.blob is None) == (7, refuses)
    assert (store.head("v1/b") is None, store.head(marker_path("v1")) is None) == (refuses, not refuses)
    assert (lane.busy, lane.answered, lane.answers(0)) == (0, False, [])
    assert GuardedStore(MemoryStore()).lane() is None


def test_a_guard_around_a_guard_is_one_guard() -> None:
    store = MemoryStore()
    guard = guarded(store)
    assert guarded(guard) is guard
    assert GuardedStore(guard).inner is store


# --- what a run proved ----------------------------------------------------------------------------------------------------

INFO = BlobInfo("v1/a", 3, None, "e1")
MD5 = md5_of(b"abc")


@pytest.mark.parametrize(
    ("written", "asked", "known"),
    [
        pytest.param((INFO, MD5.digest()), INFO, True, id="what this run wrote"),
        pytest.param((INFO, MD5.digest()), replace(INFO, etag="e2"), False, id="somebody wrote it again"),
        pytest.param((INFO, MD5.digest()), replace(INFO, path="v1/b"), False, id="another blob"),
        pytest.param((INFO, None), INFO, False, id="written without a checksum"),
        pytest.param((replace(INFO, looked_up=True), MD5.digest()), INFO, False, id="only looked up"),
    ],
)
def test_what_a_run_wrote_under_a_checksum_is_proved(written: tuple[BlobInfo, bytes | None], asked: BlobInfo, known: bool) -> None:
    proofs = Proofs()
    proofs.keep(*written)
    assert proofs.md5_of(asked) == (MD5.hexdigest() if known else None)
    assert proofs.of([asked, replace(INFO, path="v1/other")]) == ({"v1/a": MD5.hexdigest()} if known else {})
    proofs.keep(replace(INFO, etag="e3"), md5_of(b"new").digest())
    assert proofs.of([replace(INFO, etag="e3")]) == {"v1/a": md5_of(b"new").hexdigest()}, "the last write counts"
    proofs.close()


def item(path: str = "a", *, modality: str = "Images", size: int = 3) -> Item:
    return Item(1, modality, path, f"v1/{path}", size, 0)


@pytest.mark.parametrize("level", [Level.TRANSPORT, Level.PROPERTIES, Level.REREAD])
def test_what_another_process_wrote_counts_as_its_proof_says(level: Level) -> None:
    guard = GuardedStore(MemoryStore())
    guard.learn([Proof(item(), MD5.hexdigest(), "e1", level)])
    assert guard.changed == {"v1"}
    assert guard.proofs.md5_of(INFO) == (MD5.hexdigest() if level is Level.TRANSPORT else None)


def test_what_a_run_did_is_added_up() -> None:
    sent = [
        (Proof(item("a", size=3), "m", "e", Level.TRANSPORT, reused_bytes=1), "v1"),
        (Proof(item("b", size=4), "m", "e", Level.TRANSPORT), "v2"),
        (Proof(item("c", size=5, modality="OMOP"), "m", "e", Level.PROPERTIES, reused_bytes=2), "v1"),
    ]
    one, many = RunResult(), RunResult()
    for proof, version in sent:
        one.prove(proof, version)
    many.prove_all(sent)
    for log in (one, many):
        assert (log.uploaded, log.versions) == ({"Images": Tally(2, 7), "OMOP": Tally(1, 5)}, {"v1", "v2"})
        assert (log.proofs, log.sent, log.reused_bytes) == ({Level.TRANSPORT: 2, Level.PROPERTIES: 1}, Tally(3, 12), 3)
    one.prove(sent[0][0], "v3", copied=True)
    assert (one.sent, one.copied, one.uploaded["Images"], one.reused_bytes) == (Tally(3, 12), Tally(1, 3), Tally(3, 10), 3)
    assert "v3" in one.versions
    one.found(Row(1, "OMOP", "p", None, 9, 0, None, 0, None, None, "v4"), Level.REREAD)
    assert (one.there, one.uploaded["OMOP"], one.proofs[Level.REREAD]) == (Tally(1, 9), Tally(2, 14), 1)
    one.fail(Failure(item(size=8), "StoreError", "It refuses.", ""))
    assert one.transfers.failed == Tally(1, 8)
    assert (one.transfers.sent, one.transfers.copied, one.transfers.found) == (Tally(3, 12), Tally(1, 3), Tally(1, 9))


@pytest.mark.parametrize(("kind", "reads"), [(ContentChangedError, True), (SourceChangedError, False), (SourceUnreadableError, False)])
def test_a_file_whose_content_alone_changed_is_read_by_the_next_scan(kind: type[SourceError], reads: bool) -> None:
    log = RunResult()
    log.fail(Failure(item("1/a"), kind.__name__, "why", ""))
    assert log.to_read == ({("Images", "1/a")} if reads else set())


def change(key: int, kind: ChangeKind, pair: int | None, modality: str = "Images") -> Change:
    return Change(key, kind, modality, f"{key}", None, 3, 0, None, None, None, pair)


@pytest.mark.parametrize(
    ("changes", "renamed"),
    [
        pytest.param([change(1, ChangeKind.DELETED, 2), change(2, ChangeKind.ADDED, 1)], {"Images": Tally(1, 3)}, id="both halves"),
        pytest.param([change(2, ChangeKind.ADDED, 1)], {}, id="the new one alone"),
        pytest.param([change(1, ChangeKind.DELETED, 2)], {}, id="the old one alone"),
        pytest.param([change(1, ChangeKind.DELETED, None), change(2, ChangeKind.ADDED, None)], {}, id="no pair"),
        pytest.param([change(1, ChangeKind.DELETED, 2), change(2, ChangeKind.ADDED, 1, "OMOP")], {}, id="of two modalities"),
        pytest.param(
            [change(1, ChangeKind.DELETED, 2), change(2, ChangeKind.ADDED, 1), change(2, ChangeKind.ADDED, 1)],
            {"Images": Tally(1, 3)},
            id="each once",
        ),
        pytest.param([change(1, ChangeKind.DELETED, 2), change(2, ChangeKind.UPDATED, 1)], {}, id="an updated one is none"),
    ],
)
def test_a_renamed_file_is_a_deleted_and_an_added_one_of_this_run(changes: list[Change], renamed: dict[str, Tally]) -> None:
    log = RunResult()
    log.rename(changes)
    assert log.renamed == renamed


def test_changes_are_counted_by_modality_and_kind() -> None:
    log = RunResult()
    log.enter([("Images", ChangeKind.ADDED, 3), ("Images", ChangeKind.ADDED, 4), ("Images", ChangeKind.DELETED, 5)])
    log.enter([("Images", ChangeKind.ADDED, 1), ("OMOP", ChangeKind.MOVED, 0)])
    assert log.entered == {
        "Images": {ChangeKind.ADDED: Tally(3, 8), ChangeKind.DELETED: Tally(1, 5)},
        "OMOP": {ChangeKind.MOVED: Tally(1, 0)},
    }


def test_a_full_disk_of_this_computer_is_said_once_and_stops_nothing() -> None:
    log = RunResult()
    for _ in range(2):
        with log.marking():
            raise OSError(28, "No space left on device", "review.db")
    assert log.unmarked
    assert len(log.notes) == 1
    assert "The journal is complete" in log.notes[0]

    def bug() -> None:
        with log.marking():
            raise sqlite3.ProgrammingError("no such column")

    with pytest.raises(sqlite3.ProgrammingError):
        bug()


def test_an_upload_time_is_utc_in_whole_seconds() -> None:
    assert upload_time(1_767_323_045.999) == "20260102030405"
    assert len(upload_time()) == 14
