"""When a version gets its completion marker, what confirms each of its files, and what is said if it gets none."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from memorystore import MemoryStore
from world import World

from chorus_gui.core.errors import StoreError
from chorus_gui.core.model import Action, Entry
from chorus_gui.core.storage.base import BlobInfo
from chorus_gui.core.storage.digests import md5_of
from chorus_gui.core.submission import completion
from chorus_gui.core.submission.completion import Completed, complete_versions, completeness, completeness_of_all
from chorus_gui.core.submission.guard import GuardedStore
from chorus_gui.core.submission.marker import LARGEST, Complete, marker_path

ONE, TWO = "1/Images/a.dcm", "OMOP/person.csv"
TIME = "20260101000000"


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    world.store = MemoryStore()
    return world


def enter(world: World, path: str, *, version: str = "v1", uploaded: bool = True, md5: str = "right", data: bytes | None = None) -> bytes:
    """An entry of the journal; the content that it is of."""
    data = path.encode() if data is None else data
    digest = md5_of(data).hexdigest() if md5 == "right" else md5
    modality = "OMOP" if path.startswith("OMOP") else "Images"
    with world.open() as journal:
        entry = Entry(Action.ENTER, modality, path, None, len(data), 1, digest, version, TIME if uploaded else None)
        journal.commit([entry])
    return data


def without_md5(store: Any, path: str, data: bytes) -> None:
    store.stage_block(path, "1", data)
    store.commit_blocks(path, ["1"])


def completed(world: World, named: str = "", wrong: tuple[str, ...] = (), store: GuardedStore | None = None) -> dict[str, Completed]:
    with world.working() as work:
        return {one.version: one for one in complete_versions(work, store or GuardedStore(world.store), named, wrong)}


# --- when there is a marker, and what is said otherwise ----------------------------------------------------------------------


def nothing(world: World) -> None:
    """As it is."""


def pending(world: World) -> None:
    enter(world, TWO, uploaded=False)


def deleted(world: World) -> None:
    with world.open() as journal:
        journal.commit([Entry(Action.CLOSE, old_id=row.file_id, state="DELETED") for row in journal.rows(active=True)])


def place_taken(world: World) -> None:
    world.store.put(marker_path("v1"), b'{"study": "ours"}')


def place_taken_by_much(world: World) -> None:
    world.store.put(marker_path("v1"), b"x" * (LARGEST + 1))


def missing(world: World) -> None:
    world.store.delete(f"v1/{ONE}")


@pytest.mark.parametrize(
    ("change", "wrong", "says", "expected"),
    [
        pytest.param(nothing, (), "", False, id="all its files are confirmed"),
        pytest.param(nothing, ("v2",), "", False, id="what is wrong with another version does not matter"),
        pytest.param(
            nothing, ("v1",), "A verification found files of it missing or different", True, id="a verification found wrong files"
        ),
        pytest.param(pending, (), "pending", True, id="a file is pending"),
        pytest.param(deleted, (), "no files", True, id="it has no files"),
        pytest.param(place_taken, (), "A file of the site has the place", False, id="a file of the site has the marker's place"),
        pytest.param(place_taken_by_much, (), "A file of the site has the place", False, id="a file that is too large for a marker"),
        pytest.param(missing, (), "1 of its files is not confirmed", False, id="a file is missing"),
    ],
)
def test_when_a_version_gets_its_marker(
    world: World, change: Callable[[World], None], wrong: tuple[str, ...], says: str, expected: bool
) -> None:
    """What the person knows already, because a verification or the progress said it, is ``expected``, and no warning."""
    world.store.put(f"v1/{ONE}", enter(world, ONE))
    change(world)
    one = completed(world, "v1", wrong)["v1"]
    assert (one.marker is None) is bool(says)
    assert says in one.why
    assert one.expected is expected
    found = world.store.head(marker_path("v1"))
    assert (found is not None) is (not says or change in (place_taken, place_taken_by_much))


def test_which_versions_are_looked_at(world: World) -> None:
    """The last one, the one that is named, and those that this run changed; none that the journal does not have."""
    for version in ("v1", "v2", "v3", "v4"):
        world.store.put(f"{version}/{ONE}-{version}", enter(world, f"{ONE}-{version}", version=version))
    assert list(completed(world)) == ["v4"]
    assert list(completed(world, "v2")) == ["v2", "v4"]
    assert list(completed(world, "v9")) == ["v4"]
    guard = GuardedStore(world.store)
    guard.open("v1")
    guard.open("v9")
    assert list(completed(world, store=guard)) == ["v1", "v4"]


def test_a_marker_that_holds_is_not_written_again(world: World) -> None:
    world.store.put(f"v1/{ONE}", enter(world, ONE))
    first = completed(world)["v1"]
    before = world.store.head(marker_path("v1"))
    second = completed(world)["v1"]
    assert world.store.head(marker_path("v1")) == before
    assert first.marker is not None
    assert second.marker is not None
    assert (second.marker.root, second.sha256) == (first.marker.root, first.sha256)


# --- what confirms a file ----------------------------------------------------------------------------------------------------

SENT, SHOWN, READ = "transport", "properties", "reread"


def blob(world: World, guard: GuardedStore, how: str, data: bytes) -> None:
    other = bytes(reversed(data))
    match how:
        case "sent by this run":
            guard.put(f"v1/{ONE}", data, md5=md5_of(data).digest())
        case "shown":
            world.store.put(f"v1/{ONE}", data)
        case "read":
            without_md5(world.store, f"v1/{ONE}", data)
        case "another MD5":
            world.store.put(f"v1/{ONE}", other)
        case "another content":
            without_md5(world.store, f"v1/{ONE}", other)
        case "another size":
            world.store.put(f"v1/{ONE}", data + b"x")
        case _:
            pass


@pytest.mark.parametrize(
    ("how", "data", "md5", "level", "says"),
    [
        pytest.param("sent by this run", b"ab", "right", SENT, "", id="this run sent it"),
        pytest.param("shown", b"ab", "right", SHOWN, "", id="the store shows its MD5"),
        pytest.param("read", b"ab", "right", READ, "", id="the store shows none, so it is read"),
        pytest.param("shown", b"", "right", SHOWN, "", id="an empty file"),
        pytest.param("read", b"", "right", SHOWN, "", id="an empty file needs no MD5 in the store"),
        pytest.param("shown", b"", "", SHOWN, "", id="nor in the journal"),
        pytest.param("nothing", b"ab", "right", "", "missing in the central store", id="it is missing"),
        pytest.param("another size", b"ab", "right", "", "another size in the central store", id="another size"),
        pytest.param("another MD5", b"ab", "right", "", "another MD5 in the central store", id="another MD5"),
        pytest.param("another content", b"ab", "right", "", "another content in the central store", id="another content"),
        pytest.param("shown", b"ab", "", "", "no MD5 in the journal", id="the journal has no MD5"),
        pytest.param("shown", b"ab", "an ETag", "", "no MD5 in the journal", id="nor is an ETag one"),
    ],
)
def test_what_confirms_a_file(world: World, how: str, data: bytes, md5: str, level: str, says: str) -> None:
    enter(world, ONE, data=data, md5=md5)
    world.store.put(f"v1/{TWO}", enter(world, TWO))
    guard = GuardedStore(world.store)
    blob(world, guard, how, data)
    one = completed(world, "v1", store=guard)["v1"]
    if says:
        assert one.why == f"1 of its files is not confirmed: {says}. Verify the version."
        return
    assert one.marker is not None
    said = json.loads(b"".join(world.store.read(marker_path("v1"))))
    assert said["verified"] == {name: (name == level) + (name == SHOWN) for name in (SENT, SHOWN, READ)}
    assert said["version"] == "v1"
    sizes = {"Images": {"files": 1, "bytes": len(data)}, "OMOP": {"files": 1, "bytes": len(TWO)}}
    assert said["modalities"] == sizes
    lines = sorted([(ONE, data), (TWO, TWO.encode())])
    text = b"".join(f"{path}\0{len(of)}\0{md5_of(of).hexdigest()}\n".encode() for path, of in lines)
    assert said["root_sha256"] == hashlib.sha256(text).hexdigest()


def test_what_is_wrong_with_several_files_is_one_sentence(world: World) -> None:
    enter(world, ONE)
    world.store.put(f"v1/{TWO}", enter(world, TWO) + b"x")
    assert completed(world)["v1"].why == (
        "2 of its files are not confirmed: another size in the central store, missing in the central store. Verify the version."
    )


@pytest.mark.parametrize(("limit", "named", "reads"), [(4, "", False), (5, "", True), (4, "v1", True)])
def test_how_much_is_read_for_a_version_that_nobody_named(
    world: World, monkeypatch: pytest.MonkeyPatch, limit: int, named: str, reads: bool
) -> None:
    monkeypatch.setattr(completion, "READ_UNASKED", limit)
    for path, data in ((ONE, b"abc"), (TWO, b"de")):
        without_md5(world.store, f"v1/{path}", enter(world, path, data=data))
    one = completed(world, named)["v1"]
    assert (one.marker is not None) is reads
    if not reads:
        assert "2 of its files have no MD5 in the central store" in one.why
        assert "file upload --version v1" in one.why


def test_nothing_is_read_for_a_version_with_a_wrong_file(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(completion, "READ_UNASKED", 0)
    without_md5(world.store, f"v1/{ONE}", enter(world, ONE))
    enter(world, TWO)
    assert completed(world)["v1"].why == "1 of its files is not confirmed: missing in the central store. Verify the version."
    assert completed(world, "v1")["v1"].why.startswith("1 of its files is not confirmed")


def test_other_files_of_the_folder_are_counted(world: World) -> None:
    """The journal's copy, the marker and the files of entries are none; a file that was replaced, and a stranger's, are."""
    world.store.put(f"v1/{ONE}", enter(world, ONE))
    assert completed(world)["v1"].marker is not None
    for name in ("old.dcm", "2/Images/b.dcm", "readme.txt"):
        world.store.put(f"v1/{name}", b"x")
    world.store.delete(marker_path("v1"))
    marker = completed(world)["v1"].marker
    assert marker is not None
    assert marker.other_files == 3


# --- the copy of the journal ---------------------------------------------------------------------------------------------------


def test_a_marker_names_a_copy_of_the_journal_that_this_run_left(world: World) -> None:
    world.store.put(f"v1/{ONE}", enter(world, ONE))
    world.store.put("v1/journal.db", b"of an earlier run")
    marker = completed(world)["v1"].marker
    found = world.store.head("v1/journal.db")
    assert marker is not None
    assert found is not None
    assert found.size != len(b"of an earlier run")
    assert (marker.journal.name, marker.journal.bytes, marker.journal.md5, marker.journal.format) == (
        "journal.db",
        found.size,
        found.md5,
        2,
    )


def test_a_copy_that_somebody_replaces_again_and_again_prevents_the_marker(world: World) -> None:
    """Its MD5 in the marker would be another file's."""

    class Replaced(MemoryStore):
        def put(self, path: str, data: Any, **options: Any) -> BlobInfo:
            info = super().put(path, data, **options)
            return super().put(path, b"by somebody else") and info if path.endswith("journal.db") else info

    world.store = Replaced()
    world.store.put(f"v1/{ONE}", enter(world, ONE))
    with pytest.raises(StoreError, match="was replaced while it was being checked"):
        completed(world)
    assert world.store.head(marker_path("v1")) is None


# --- what a marker says later --------------------------------------------------------------------------------------------------


def copy_gone(store: MemoryStore) -> None:
    store.delete("v1/journal.db")


def copy_replaced(store: MemoryStore) -> None:
    info = store.head("v1/journal.db")
    assert info is not None
    store.put("v1/journal.db", b"x" * info.size)


def copy_cut(store: MemoryStore) -> None:
    store.put("v1/journal.db", b"x")


def copy_without_md5(store: MemoryStore) -> None:
    without_md5(store, "v1/journal.db", b"".join(store.read("v1/journal.db")))


def damaged(store: MemoryStore) -> None:
    store.put(marker_path("v1"), b'{"schema": "chorus-upload-submission/1"}')


def of_the_site(store: MemoryStore) -> None:
    store.put(marker_path("v1"), b'{"study": "ours"}')


def removed(store: MemoryStore) -> None:
    store.delete(marker_path("v1"))


@pytest.mark.parametrize(
    ("change", "complete", "why"),
    [
        pytest.param(lambda store: None, Complete.YES, "", id="as it was written"),
        pytest.param(copy_without_md5, Complete.YES, "", id="the store shows no MD5 of the journal's copy"),
        pytest.param(copy_gone, Complete.OUTDATED, "was replaced or removed", id="the journal's copy is gone"),
        pytest.param(copy_replaced, Complete.OUTDATED, "was replaced or removed", id="another copy of the same size"),
        pytest.param(copy_cut, Complete.OUTDATED, "was replaced or removed", id="another size"),
        pytest.param(damaged, Complete.OUTDATED, "is not a completion marker", id="a marker that cannot be read"),
        pytest.param(of_the_site, Complete.NO, "", id="a file of the site"),
        pytest.param(removed, Complete.NO, "", id="no marker"),
    ],
)
def test_what_a_marker_says_later(world: World, change: Callable[[MemoryStore], None], complete: Complete, why: str) -> None:
    world.store.put(f"v1/{ONE}", enter(world, ONE))
    written = completed(world)["v1"]
    assert isinstance(world.store, MemoryStore)
    change(world.store)
    with world.working() as work:
        found = completeness(world.store, "v1", work.journal.counts())
        assert completeness_of_all(world.store, work.journal.counts(), work.ctx) == {"v1": found}
    assert found.complete is complete
    assert bool(found.why) is bool(why)
    assert why in found.why
    assert (found.sha256 == written.sha256) is (complete is Complete.YES or "copy" in found.why)
