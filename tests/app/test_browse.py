"""Looking into the central store: a level at a time, a search that keeps only what it finds, one file, an address without a credential."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from memorystore import MemoryStore
from world import World

from chorus_gui.app import browse
from chorus_gui.app.workspace import Workspace
from chorus_gui.core.config.credentials import Account, Sas
from chorus_gui.core.config.model import Place, PlaceKind
from chorus_gui.core.errors import BlobNotFoundError, Cancelled, ChecksumError, SourceUnreadableError, StoreUnavailableError, UsageError
from chorus_gui.core.job import JobContext
from chorus_gui.core.storage.base import LevelPage

CONTENT = b"a picture"
PATHS = ("v1/OMOP/person.csv", "v1/1001/Images/A.dcm", "v1/1001/Images/b.dcm", "v2/1002/Waveforms/a b.dat", "journal.db")


@pytest.fixture
def store() -> MemoryStore:
    made = MemoryStore()
    for path in PATHS:
        made.put(path, CONTENT, md5=hashlib.md5(CONTENT, usedforsecurity=False).digest())
    return made


@pytest.fixture
def workspace(tmp_path: Path, store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    with Workspace(World(tmp_path / "world").config) as opened:
        monkeypatch.setattr(opened, "store", lambda: store)
        yield opened


def names(found: LevelPage) -> tuple[list[str], list[str]]:
    return found.folders, [blob.path for blob in found.blobs]


def test_a_level_is_read_alone(workspace: Workspace, store: MemoryStore) -> None:
    assert names(browse.level(workspace, JobContext(), "")) == (["v1", "v2"], ["journal.db"])
    assert names(browse.level(workspace, JobContext(), "v1/")) == (["1001", "OMOP"], [])
    assert names(browse.level(workspace, JobContext(), "v1/1001/Images/")) == ([], ["v1/1001/Images/A.dcm", "v1/1001/Images/b.dcm"])
    assert names(browse.level(workspace, JobContext(), "nothing/")) == ([], [])
    assert not store.calls["list"], "the files below were not listed"
    assert not store.calls["head"]
    assert not store.calls["read"]


def test_a_level_comes_in_parts(workspace: Workspace, store: MemoryStore) -> None:
    store.page = 2
    marker, seen = "", list[str]()
    for _ in range(5):
        part = browse.level(workspace, JobContext(), "", marker)
        assert len(part.folders) + len(part.blobs) <= 2
        seen += [*part.folders, *(blob.path for blob in part.blobs)]
        marker = part.marker
        if not marker:
            break
    assert sorted(seen) == ["journal.db", "v1", "v2"]


def test_a_search_keeps_only_what_it_finds(workspace: Workspace, store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    search = browse.Search("", "images DCM").run(workspace, JobContext())
    assert [blob.path for blob in search.found] == ["v1/1001/Images/A.dcm", "v1/1001/Images/b.dcm"]
    assert (search.looked, search.more) == (len(PATHS), False)
    assert [blob.path for blob in browse.Search("v1/1001/", "b.dcm").run(workspace, JobContext()).found] == ["v1/1001/Images/b.dcm"]
    assert browse.Search("", "nowhere").run(workspace, JobContext()).found == []
    monkeypatch.setattr(browse, "MOST_FOUND", 2)
    first = browse.Search("", "v").run(workspace, JobContext())
    assert (len(first.found), first.more) == (2, True)
    assert first.looked <= len(PATHS)


def test_a_search_ends_when_it_is_cancelled(workspace: Workspace) -> None:
    ctx = JobContext()
    ctx.cancel()
    search = browse.Search("", "v1")
    with pytest.raises(Cancelled):
        search.run(workspace, ctx)
    assert search.found == []


def test_one_file_comes_to_a_place_of_the_persons_choice(workspace: Workspace, store: MemoryStore, tmp_path: Path) -> None:
    target = tmp_path / "here" / "another name.dcm"
    target.parent.mkdir()
    target.write_bytes(b"old")
    before = dict(store._blobs)
    moved = browse.fetch(workspace, JobContext(), PATHS[1], target)
    assert target.read_bytes() == CONTENT
    assert moved.checked
    assert [path.name for path in target.parent.iterdir()] == ["another name.dcm"]
    assert store._blobs == before, "nothing in the store is changed"
    with pytest.raises(BlobNotFoundError):
        browse.fetch(workspace, JobContext(), "v1/nothing", target)
    assert target.read_bytes() == CONTENT


def test_what_arrives_damaged_is_not_kept(
    workspace: Workspace, store: MemoryStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "read", lambda path, **_: iter([b"x" * len(CONTENT)]))
    target = tmp_path / "x.dcm"
    with pytest.raises(ChecksumError):
        browse.fetch(workspace, JobContext(), PATHS[1], target)
    assert not target.exists()


def test_errors_of_the_store_and_of_the_disk_are_sentences(workspace: Workspace, store: MemoryStore, tmp_path: Path) -> None:
    store.fail_next("level", StoreUnavailableError("The central store did not answer.", remedy="Check the network."))
    with pytest.raises(StoreUnavailableError):
        browse.level(workspace, JobContext(), "")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises((UsageError, SourceUnreadableError)) as raised:
        browse.fetch(workspace, JobContext(), PATHS[1], tmp_path / "file" / "x.dcm")
    assert str(tmp_path / "file") in str(raised.value)


def test_an_address_has_no_credential(tmp_path: Path) -> None:
    config = World(tmp_path / "world").config
    assert browse.address(config, "v1/a b.dcm") == str(config.central.folder / "v1" / "a b.dcm")  # type: ignore[operator]
    secret = "sv=2025&sp=rl&sig=abcdef"
    place = Place(PlaceKind.AZURE, "az://box/site", None, "box", "site", Sas(secret), Account("acc", "https://acc.blob.core.windows.net"))
    found = browse.address(replace(config, central=place), "v1/a b#1%.dcm")
    assert found == "https://acc.blob.core.windows.net/box/site/v1/a%20b%231%25.dcm"
    assert "sig" not in found
    assert "?" not in found
