"""The rule: a row that says “uploaded” has somebody who vouches for its blob, whatever lies in the store and whichever step writes it.

Evidence is the proof of the step's own transfer, or a blob with the row's size and MD5 (its property, or hashed where it has none).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from memorystore import MemoryStore
from world import World

from chorus_gui.core.errors import StoreUnavailableError
from chorus_gui.core.model import Level, Row
from chorus_gui.core.review.approval import approve
from chorus_gui.core.review.staging import Staging
from chorus_gui.core.storage.base import Store, StoreLimits
from chorus_gui.core.storage.retrying import RetryingStore
from chorus_gui.core.submission.mark import mark_as_deleted, mark_as_uploaded
from chorus_gui.core.submission.run_result import RunResult
from chorus_gui.core.submission.submit import Approved, record, submit
from chorus_gui.core.submission.upload import upload_pending

SMALL, LARGE = "1/Images/small.dcm", "1/Images/large.dcm"
CONTENT = {SMALL: b"small file", LARGE: b"a large file " * 40}
LIMITS = StoreLimits(put_bytes=100, block_bytes=50)


def md5(data: bytes) -> bytes:
    return hashlib.md5(data).digest()


def lay(store: MemoryStore, path: str, data: bytes, claim: bytes | None) -> None:
    """A blob as another tool writes it: its MD5 property is whatever that tool claims."""
    store.stage_block(path, "1", data)
    store.commit_blocks(path, ["1"], md5=claim)


Wrong = Callable[[MemoryStore, str, bytes], None]


def _missing(store: MemoryStore, path: str, right: bytes) -> None:
    if store.head(path):
        store.delete(path)


WRONGS: dict[str, Wrong] = {
    "missing": _missing,
    "longer, no MD5": lambda store, path, right: lay(store, path, right + b"!", None),
    "longer, its MD5": lambda store, path, right: store.put(path, right + b"!") and None,
    "longer, old MD5": lambda store, path, right: lay(store, path, right + b"!", md5(right)),
    "empty": lambda store, path, right: store.put(path, b"") and None,
    "other bytes, no MD5": lambda store, path, right: lay(store, path, right[::-1], None),
    "other bytes, their MD5": lambda store, path, right: store.put(path, right[::-1]) and None,
    "other bytes, third MD5": lambda store, path, right: lay(store, path, right[::-1], md5(b"third")),
    "right bytes, no MD5": lambda store, path, right: lay(store, path, right, None),
    "right bytes, other MD5": lambda store, path, right: lay(store, path, right, md5(b"other")),
    "right": lambda store, path, right: store.put(path, right) and None,
}
KEPT_PROPERTY = "other bytes, old MD5"
"""Only reading finds this one out; a row may rest on it, for size and MD5 property agree."""
ALL = {**WRONGS, KEPT_PROPERTY: lambda store, path, right: lay(store, path, right[::-1], md5(right))}

Step = Callable[[World, Callable[[], None], Store | None], RunResult]


def carry_out(world: World, spoil: Callable[[], None], store: Store | None, *, recording: bool = False) -> RunResult:
    """A review, then something happens to the store, then the review is carried out."""
    reviewed = world.review()
    spoil()
    store = store and RetryingStore(store)
    with world.working() as work, Staging.open(reviewed.path) as staging:
        approved = Approved(staging, approve(staging, work.journal, "v2"))
        if recording:
            record(work, approved, store)
        else:
            assert store is not None
            submit(work, approved, store)
    return work.log


def recorded(world: World, spoil: Callable[[], None], store: Store | None) -> RunResult:
    return carry_out(world, spoil, store, recording=True)


def recorded_without_a_store(world: World, spoil: Callable[[], None], store: Store | None) -> RunResult:
    return carry_out(world, spoil, None, recording=True)


def touch(world: World) -> None:
    for path in CONTENT:
        os.utime(world.site / path, (1_600_000_000, 1_600_000_000))


def rename(world: World) -> None:
    for path in CONTENT:
        os.rename(world.site / path, world.site / path.replace(".dcm", "-renamed.dcm"))


def close(world: World) -> None:
    with world.working() as work:
        mark_as_deleted(work, list(CONTENT))


def marked(place: str) -> Step:
    def step(world: World, spoil: Callable[[], None], store: Store | None) -> RunResult:
        spoil()
        assert store is not None
        with world.working() as work:
            paths = [f"v1/{path}" if place == "central" else path for path in CONTENT]
            mark_as_uploaded(work, store, paths, upload_time="20260101000000", central=place == "central")
        return work.log

    return step


def uploaded(world: World, spoil: Callable[[], None], store: Store | None) -> RunResult:
    spoil()
    assert store is not None
    with world.working() as work:
        upload_pending(work, store)
    return work.log


def nothing(world: World) -> None:
    pass


STEPS: dict[str, tuple[bool, Callable[[World], None], Step]] = {
    "moved, submitted": (True, touch, carry_out),
    "moved, recorded": (True, touch, recorded),
    "moved, recorded without a store": (True, touch, recorded_without_a_store),
    "renamed, submitted": (True, rename, carry_out),
    "restored, submitted": (True, close, carry_out),
    "restored, recorded": (True, close, recorded),
    "restored, recorded without a store": (True, close, recorded_without_a_store),
    "pending, uploaded": (False, nothing, uploaded),
    "pending, marked by local paths": (False, nothing, marked("local")),
    "pending, marked by central paths": (False, nothing, marked("central")),
}
"""name → (the files are uploaded before, what happens on the site, the step)."""


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> MemoryStore:
    monkeypatch.setattr("chorus_gui.core.storage.retry.RetryPolicy.wait", lambda *_: 0.0)
    return MemoryStore(limits=LIMITS)


def prepared(tmp_path: Path, store: MemoryStore, *, sent: bool) -> World:
    world = World(tmp_path)
    world.store = store
    for path, data in CONTENT.items():
        world.put(path, data)
    world.run("submit" if sent else "record", version="v1")
    return world


def open_uploaded(world: World) -> list[Row]:
    return [row for row in world.rows(active=True) if row.uploaded]


def vouched(world: World, store: MemoryStore, row: Row) -> bool:
    info = store.head(world.config.store_path(row.modality, row.path, row.version))
    return info is not None and info.size == row.size and (info.md5 or md5(b"".join(store.read(info.path))).hex()) == row.md5


@pytest.mark.parametrize("wrong", ALL)
@pytest.mark.parametrize("name", STEPS)
def test_no_new_row_without_evidence(tmp_path: Path, store: MemoryStore, name: str, wrong: str) -> None:
    sent, change, step = STEPS[name]
    world = prepared(tmp_path, store, sent=sent)
    change(world)
    before = {row.file_id for row in open_uploaded(world)}

    def spoil() -> None:
        for path, data in CONTENT.items():
            ALL[wrong](store, f"v1/{path}", data)

    if name == "restored, recorded without a store":  # the version has files in the store: its marker could not be removed
        with pytest.raises(StoreUnavailableError):
            step(world, spoil, store)
        assert not {row.file_id for row in open_uploaded(world)} - before
        return
    log = step(world, spoil, store)
    new = [row for row in open_uploaded(world) if row.file_id not in before]
    assert [row.path for row in new if not vouched(world, store, row)] == []
    if name in ("moved, submitted", "renamed, submitted", "pending, uploaded"):
        assert len(new) == 2, "every file is there afterwards"
        assert not log.failures
    if name == "moved, recorded without a store":
        assert not new
        assert "keeps the old time" in " ".join(log.notes)
    world_after = {row.path for row in world.rows(active=True)}
    assert not (name.startswith("moved") and world_after != set(CONTENT)), "no row is lost"


@pytest.mark.parametrize("wrong", ["missing", "other bytes, no MD5", "other bytes, their MD5", "longer, its MD5"])
def test_a_moved_file_whose_copy_is_wrong_is_sent_again_as_updated(tmp_path: Path, store: MemoryStore, wrong: str) -> None:
    world = prepared(tmp_path, store, sent=True)
    touch(world)
    log = carry_out(world, lambda: ALL[wrong](store, f"v1/{SMALL}", CONTENT[SMALL]), store)
    assert {kind.value: tally.files for kind, tally in log.entered["Images"].items()} == {"moved": 1, "updated": 1}
    assert ((log.sent + log.copied).files, log.failures) == (1, [])
    rows = world.active()
    assert (rows[SMALL].version, rows[LARGE].version) == ("v2", "v1")
    assert rows[SMALL].mtime_us == rows[LARGE].mtime_us == 1_600_000_000_000_000
    assert any("missing or different" in note for note in log.notes)


def test_moved_files_cost_one_listing_for_a_version(tmp_path: Path) -> None:
    store = MemoryStore()
    world = World(tmp_path)
    world.store = store
    for number in range(60):
        world.put(f"1/Images/{number}.dcm", str(number))
    world.run(version="v1")
    for number in range(60):
        os.utime(world.site / f"1/Images/{number}.dcm", (1_600_000_000, 1_600_000_000))
    reviewed = world.review()
    store.calls.clear()
    with world.working() as work, Staging.open(reviewed.path) as staging:
        submit(work, Approved(staging, approve(staging, work.journal, "v2")), store)
    assert store.calls == {"list": 1}


def test_a_copy_that_could_not_be_checked_keeps_its_row(tmp_path: Path, store: MemoryStore) -> None:
    world = prepared(tmp_path, store, sent=True)
    touch(world)
    before = world.active()

    def spoil() -> None:
        for path, data in CONTENT.items():
            lay(store, f"v1/{path}", data, None)  # so they are read
        store.fail_next("read", StoreUnavailableError("busy"), 1000)

    log = carry_out(world, spoil, store)
    assert world.active() == before
    assert {failure.item.path for failure in log.failures} == set(CONTENT)
    assert all(failure.remedy for failure in log.failures)


@pytest.mark.parametrize("call", ["head", "list"])
def test_recording_goes_on_without_a_store_that_answers(tmp_path: Path, store: MemoryStore, call: str) -> None:
    world = prepared(tmp_path, store, sent=True)
    touch(world)
    world.put("1/Images/new.dcm", "new")
    before = world.active()
    log = recorded(world, lambda: store.fail_next(call, StoreUnavailableError("busy"), 1000), store)
    after = world.active()
    if call == "head":
        assert {path: after[path] for path in before} == before
        assert any("busy" in note for note in log.notes)
    assert after["1/Images/new.dcm"].pending


@pytest.mark.parametrize("wrong", [*WRONGS, KEPT_PROPERTY])
def test_a_renamed_file_is_copied_only_from_a_proved_blob(tmp_path: Path, store: MemoryStore, wrong: str) -> None:
    world = prepared(tmp_path, store, sent=True)
    rename(world)
    log = carry_out(world, lambda: ALL[wrong](store, f"v1/{SMALL}", CONTENT[SMALL]), store)
    copied = wrong in ("right", "right bytes, no MD5", KEPT_PROPERTY)
    assert log.sent.bytes == (0 if copied else len(CONTENT[SMALL]))
    assert log.proofs[Level.REREAD] == (1 if wrong == "right bytes, no MD5" else 0)


def test_a_copy_with_other_properties_than_its_source_is_no_proof(tmp_path: Path, store: MemoryStore) -> None:
    world = prepared(tmp_path, store, sent=True)
    rename(world)
    real = store.copy

    def copy(source: str, target: str, **more: object) -> object:
        real(source, target)
        lay(store, target, b"X" * len(CONTENT[SMALL] if "small" in target else CONTENT[LARGE]), None)
        return store.head(target)

    store.copy = copy  # type: ignore[method-assign, assignment]
    log = carry_out(world, lambda: None, store)
    assert log.sent.bytes == sum(map(len, CONTENT.values()))
    assert all(vouched(world, store, row) for row in open_uploaded(world))


def test_two_files_are_not_sent_to_one_place(tmp_path: Path, store: MemoryStore) -> None:
    """A MOVED file keeps its place, so nothing compared it with the others before."""
    world = World(tmp_path, more='[site_path.Images]\npattern = "{patient_id:d}/Images/{filepath}"\n')
    world.store = store
    world.put("0012/Images/x.dcm", "first")
    world.run(version="v1")
    world.put("0012/Images/x.dcm", "first", mtime=1_600_000_000)
    world.put("12/Images/x.dcm", "second")
    log = carry_out(world, lambda: _missing(store, "v1/12/Images/x.dcm", b""), store)
    assert [failure.item.path for failure in log.failures] == ["0012/Images/x.dcm"]
    assert "the same place" in log.failures[0].cause
    assert vouched(world, store, world.active()["12/Images/x.dcm"])
