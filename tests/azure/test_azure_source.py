"""A site whose files lie in a container."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
from azure_places import sas_place, service
from hypothesis import given
from hypothesis import strategies as st

from chorus_gui.app.demo.azurite import Azurite
from chorus_gui.core.config.model import Place
from chorus_gui.core.errors import AccessError, SourceChangedError, SourceUnreadableError, SourceVanishedError
from chorus_gui.core.job import JobContext
from chorus_gui.core.limit import Limit
from chorus_gui.core.storage.azure.client import Connection
from chorus_gui.core.storage.azure.sdk_wire import SdkWire
from chorus_gui.core.storage.azure.source import AzureSource
from chorus_gui.core.storage.azure.store import AzureStore
from chorus_gui.core.storage.azure.wire import CHUNK_BYTES
from chorus_gui.core.storage.base import BlobInfo, FolderChoice, Page
from chorus_gui.core.storage.http.channel import Answer
from chorus_gui.core.storage.http.http1 import Http
from chorus_gui.core.storage.open import open_source, open_store
from chorus_gui.core.transfer.checks import fill


def opened(place: Place, *paths: str) -> AzureSource:
    store = open_store(place)
    for path in paths:
        store.put(path, path.encode())
    store.close()
    source = open_source(place)
    assert isinstance(source, AzureSource)
    return source


def everything(_folder: str) -> FolderChoice:
    return FolderChoice(descend=True, files=True)


def test_each_folder_comes_once_with_all_its_files(place: Place) -> None:
    source = opened(place, "1/Images/a", "1/Images/b/c", "1/Images/z", "1/Images.txt", "2/x", "top")
    calls: list[int] = []
    found = {folder.path: sorted(file.name for file in folder.files) for folder in source.folders(everything, lambda: calls.append(1))}
    assert found == {"": ["top"], "1": ["Images.txt"], "1/Images": ["a", "z"], "1/Images/b": ["c"], "2": ["x"]}
    assert len(calls) == 6
    stat = source.stat("1/Images/b/c")
    assert stat.size == len("1/Images/b/c")
    assert stat.mtime_us % 1_000_000 == 0
    assert source.url == place.text
    source.close()


def test_an_archived_blob_is_a_problem_only_if_it_would_be_read(azurite: Azurite, container: str, place: Place) -> None:
    source = opened(place, "1/Images/a", "1/Images/b")
    with service(azurite) as client, client.get_blob_client(container, f"{place.prefix}/1/Images/b") as blob:
        blob.set_standard_blob_tier("Archive")
    (folder,) = [found for found in source.folders(everything, lambda: None) if found.path == "1/Images"]
    assert [file.name for file in folder.files] == ["a", "b"], "it is not gone"
    (problem,) = folder.problems
    assert (problem.path, problem.if_read) == ("1/Images/b", True)
    assert "archive tier" in problem.cause
    assert "Change tier" in problem.remedy
    source.close()


def test_only_what_is_wanted_is_asked_for(place: Place) -> None:
    source = opened(place, "1/Images/a", "1/Other/b", "1/Other/deep/c", "2/x")

    def want(folder: str) -> FolderChoice:
        return FolderChoice(descend=folder != "1/Other", files=folder == "1/Images")

    folders = {folder.path: folder for folder in source.folders(want, lambda: None)}
    assert set(folders) == {"", "1", "1/Images", "2"}
    assert [file.name for file in folders["2"].unwanted] == ["x"]
    assert [file.name for file in folders["1/Images"].files] == ["a"]
    assert [folder.files for folder in source.folders(lambda folder: FolderChoice(descend=False, files=False), lambda: None)] == [[]]
    source.close()


class Listed:
    """A store of which only the listing counts."""

    url = "az://made/up"

    def __init__(self, paths: set[str]) -> None:
        self._paths = sorted(paths)

    def pages(self, prefix: str, marker: str) -> Iterator[Page]:
        for start in range(0, len(self._paths), 3):
            blobs = [BlobInfo(path, 1, None, "e") for path in self._paths[start : start + 3]]
            yield Page(blobs, "more" if start + 3 < len(self._paths) else "")


PART = st.text("ab.-~0", min_size=1, max_size=3).filter(lambda part: part not in (".", ".."))


@given(st.sets(st.lists(PART, min_size=1, max_size=4).map("/".join)), st.sampled_from(["a", "b", "ab", "-"]))
def test_any_tree_is_walked_whole_and_each_folder_once(paths: set[str], pruned: str) -> None:
    source = AzureSource(None, store=Listed(paths))  # type: ignore[arg-type]
    asked: list[str] = []

    def want(folder: str) -> FolderChoice:
        asked.append(folder)
        return FolderChoice(descend=pruned not in folder.split("/"), files=True)

    folders = list(source.folders(want, lambda: None))
    assert len({folder.path for folder in folders}) == len(folders)
    assert len(set(asked)) == len(asked)
    found = {f"{folder.path}/{name}".lstrip("/") for folder in folders for name, *_ in folder.files}
    assert found == {path for path in paths if pruned not in path.split("/")[:-1]}


def test_a_file_is_read_from_any_offset(place: Place) -> None:
    source = opened(place)
    store = AzureStore(place)
    data = bytes(range(256)) * (5 << 12)
    store.put("a.bin", data)
    for offset in (0, 1, len(data) - 3, len(data)):
        reader = source.open("a.bin", offset)
        out, buffer = bytearray(), bytearray(1 << 20)
        while count := reader.readinto(buffer):
            out += buffer[:count]
        reader.close()
        assert out == data[offset:]
    reader = source.open("a.bin")
    assert reader.readinto(bytearray(10)) == 10
    store.put("a.bin", data)
    buffer = bytearray(1 << 20)
    with pytest.raises(SourceChangedError):
        list(iter(lambda: reader.readinto(buffer), 0))
    store.close()
    source.close()


def test_a_file_is_read_without_asking_for_its_properties_first(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """One GET has the bytes, the size, the time, the version and the MD5 that the blob shows."""
    source, store = opened(place), AzureStore(place)
    data = b"\1" * (CHUNK_BYTES + 5)
    for path, content in (("small", b"abc"), ("empty", b""), ("large", data)):
        store.put(path, content, md5=hashlib.md5(content, usedforsecurity=False).digest())
    stats = {path: source.stat(path) for path in ("small", "empty", "large")}
    asked: list[str] = []
    send = Http.exchange

    def watched(self: Http, method: str, *args: Any, **options: Any) -> Answer:
        asked.append(method)
        return send(self, method, *args, **options)

    monkeypatch.setattr(Http, "exchange", watched)
    assert source.read_whole("small", 4) == (stats["small"], b"abc", stats["small"])
    assert source.read_whole("small", 2) == (stats["small"], b"ab", stats["small"]), "one that grew shows by its size"
    assert asked == ["GET"] * 2
    assert source.read_whole("empty", 1) == (stats["empty"], b"", stats["empty"])
    assert asked == ["GET"] * 4, "an empty blob has no ranges"
    asked.clear()
    with closing(source.open("large", version=stats["large"].version)) as reader:
        assert reader.stat() == stats["large"]
        buffer = bytearray(len(data) + 1)
        assert fill(reader, memoryview(buffer)) == len(data)
    assert buffer[: len(data)] == data
    assert asked == ["GET"] * 2, "a request for each 4 MiB"
    store.put("small", b"xyz")
    for version in (stats["small"].version, "0x0"):
        with pytest.raises(SourceChangedError):
            source.open("small", version=version)
    store.close()
    source.close()


def test_what_is_gone_or_closed_to_us_is_said(azurite: Azurite, container: str, place: Place) -> None:
    source = opened(place)
    with pytest.raises(SourceVanishedError):
        source.stat("nothing")
    with pytest.raises(SourceVanishedError):
        source.open("nothing")
    with pytest.raises(SourceVanishedError, match="no file can have this name"):
        source.stat("a//b")
    source.close()
    without_list = opened(sas_place(azurite, container, "w"))
    with pytest.raises(SourceUnreadableError, match="Could not list"):
        list(without_list.folders(everything, lambda: None))
    with pytest.raises(AccessError):
        without_list.stat("a")
    without_list.close()
    missing = opened(replace(place, container="nowhere"))
    with pytest.raises(SourceUnreadableError, match="no container"):
        list(missing.folders(everything, lambda: None))
    missing.close()


@pytest.fixture(params=["lean", "sdk"])
def wired(request: pytest.FixtureRequest, place: Place, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A container that is reached with our own client, and with the one behind a proxy that only the SDK can speak to."""
    if request.param == "sdk":
        monkeypatch.setattr(Connection, "wire", lambda self: SdkWire(self))
    return place


def test_a_level_has_its_files_and_no_folder_that_is_kept_as_a_blob(wired: Place) -> None:
    """A store with a hierarchical namespace, blobfuse and AzCopy keep a folder as a blob of its own."""
    for path in ("v1/journal.db", "v1/Images/a", "v1/Images/b", "top"):
        put(wired, path, 10)
    store = open_store(wired)
    store.put("v1", b"", metadata={"hdi_isfolder": "true"})
    levels = {
        below: [(list(page.folders), [blob.path for blob in page.blobs]) for page in store.level(below)]
        for below in ("", "v1/", "v1/Images/")
    }
    store.close()
    assert levels == {
        "": [(["v1"], ["top"])],
        "v1/": [(["Images"], ["v1/journal.db"])],
        "v1/Images/": [([], ["v1/Images/a", "v1/Images/b"])],
    }


def put(place: Place, path: str, size: int) -> bytes:
    data = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    store = open_store(place)
    store.put(path, data)
    store.close()
    return data


@pytest.mark.parametrize("rate", [None, 500_000, 4_000_000])
@pytest.mark.parametrize("size", [0, 1, 60_000, 200_000])
def test_a_small_file_is_read_as_a_whole_also_under_a_limit(wired: Place, size: int, rate: int | None) -> None:
    data = put(wired, "1/Images/a", size)
    source = opened(wired)
    with JobContext(Limit(rate)).entered():
        for most in (size, size + 1):
            whole = source.read_whole("1/Images/a", most)
            assert (len(whole.data), whole.before.size) == (size, size)
            assert whole.data == data
            assert whole.after == whole.before
    source.close()


def test_a_small_file_is_one_request(wired: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    data = put(wired, "1/Images/a", 3000)
    source = opened(wired)
    asked: list[str] = []
    store: Any = source._store
    for name in ("read", "head"):
        call = getattr(store._wire, name)
        monkeypatch.setattr(store._wire, name, lambda *a, name=name, call=call, **k: asked.append(name) or call(*a, **k))
    assert source.read_whole("1/Images/a", 3001).data == data
    with closing(source.open("1/Images/a")) as reader:
        found = bytearray(4000)
        assert fill(reader, memoryview(found)) == 3000
    assert asked == ["read", "read"]
    source.close()
