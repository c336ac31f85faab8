"""A folder that is uploaded by hand goes the same way as a submission: in parallel, in blocks, and it continues after an interruption."""

from __future__ import annotations

import inspect
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from memorystore import MemoryStore
from reading import before_reading
from sending import SMALL_LIMITS, content

from chorus_gui.core.engine.threads import Threads
from chorus_gui.core.errors import AccessError, BlobNameError, Cancelled, ConditionError, SourceUnreadableError, UsageError
from chorus_gui.core.job import JobContext
from chorus_gui.core.remote import Moved, Refused, to_upload, upload
from chorus_gui.core.storage.base import Store
from chorus_gui.core.storage.folder import FolderSource
from chorus_gui.core.storage.local import LocalStore
from chorus_gui.core.storage.local_files import LocalFiles


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    for number in range(60):
        file = folder / f"{number // 10}" / f"{number}.dcm"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(os.urandom(10 + number))
    (folder / "large.csv").write_bytes(os.urandom(1030))
    return folder


def send(store: Store, folder: Path, ctx: JobContext | None = None, *, overwrite: bool = False, threads: int = 4) -> list[Moved | Refused]:
    pairs = to_upload([folder], "extra", recursive=True)
    return list(upload(store, pairs, ctx or JobContext(), Threads(threads), overwrite=overwrite))


def arrived(store: Store, folder: Path) -> bool:
    expected = {
        f"extra/{folder.name}/{file.relative_to(folder).as_posix()}": file.read_bytes() for file in folder.rglob("*") if file.is_file()
    }
    return {info.path: content(store, info.path) for info in store.list()} == expected


def test_every_file_is_sent_and_proved(store: MemoryStore, files: Path):
    ctx = JobContext()
    moved = send(store, files, ctx)
    assert arrived(store, files)
    assert len(moved) == 61
    assert all(isinstance(one, Moved) and one.checked and not one.already for one in moved)
    total = ctx.progress.snapshot().total
    assert (total.files, total.bytes) == (61, sum(one.size for one in moved))
    assert (total.total_files, total.total_bytes) == (61, total.bytes)


def test_it_goes_in_parallel(files: Path):
    gate = threading.Barrier(4, timeout=60)

    class Meeting(MemoryStore):
        def put(self, path: str, data: Any, **options: Any) -> Any:
            if self.calls["put"] < 4:
                gate.wait()  # four requests have to be under way at the same time
            return super().put(path, data, **options)

    store = Meeting(limits=SMALL_LIMITS)
    (files / "large.csv").unlink()
    pairs = to_upload([files], "extra", recursive=True)[:4]
    assert len(list(upload(store, pairs, JobContext(), Threads(4), overwrite=False))) == 4


@pytest.mark.parametrize("kind", ["memory", "folder"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_second_run_sends_nothing(tmp_path: Path, files: Path, kind: str, overwrite: bool):
    store: Any = MemoryStore(limits=SMALL_LIMITS) if kind == "memory" else LocalStore(tmp_path / "central", create=True)
    send(store, files)
    etags = {info.path: info.etag for info in store.list()}
    ctx = JobContext()
    moved = send(store, files, ctx, overwrite=overwrite)
    assert all(isinstance(one, Moved) and one.already for one in moved)
    assert {info.path: info.etag for info in store.list()} == etags
    assert ctx.progress.snapshot().total.files == 61


def test_an_interrupted_upload_continues_with_what_is_missing(store: MemoryStore, files: Path):
    ctx = JobContext()
    real = store.stage_block

    def stage(*given: Any, **options: Any) -> Any:
        staged = real(*given, **options)
        if len(store.list_staged("extra/data/large.csv")) == 8:
            ctx.cancel()
        return staged

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "stage_block", stage)
        with pytest.raises(Cancelled):
            send(store, files, ctx, threads=1)
    there, staged = len(list(store.list())), len(store.list_staged("extra/data/large.csv"))
    assert 0 < there < 61
    assert 8 <= staged < 21
    store.calls.clear()
    moved = send(store, files)
    assert sum(isinstance(one, Moved) and one.already for one in moved) == there
    assert store.calls["put"] == 60 - there
    assert store.calls["stage_block"] == 21 - staged
    assert arrived(store, files)


@pytest.mark.parametrize("same_size", [True, False])
def test_other_content_at_a_place_stops_before_anything_is_sent(store: MemoryStore, files: Path, same_size: bool):
    old = b"x" * (59 + 10 if same_size else 5)
    store.put("extra/data/5/59.dcm", old)
    with pytest.raises(ConditionError, match="already"):
        send(store, files)
    assert [info.path for info in store.list()] == ["extra/data/5/59.dcm"]
    assert content(store, "extra/data/5/59.dcm") == old
    send(store, files, overwrite=True)
    assert arrived(store, files)


def test_a_file_that_somebody_else_sends_meanwhile_is_not_replaced(store: MemoryStore, files: Path, monkeypatch: pytest.MonkeyPatch):
    real = MemoryStore.put

    def put(self: MemoryStore, path: str, data: Any, **options: Any) -> Any:
        if path.endswith("/7.dcm") and not options.pop("mine", False):
            real(self, path, b"theirs")
        return real(self, path, data, **options)

    monkeypatch.setattr(MemoryStore, "put", put)
    with pytest.raises(ConditionError):
        send(store, files)
    assert content(store, "extra/data/0/7.dcm") == b"theirs"


def test_one_that_cannot_be_sent_leaves_the_others(store: MemoryStore, files: Path, monkeypatch: pytest.MonkeyPatch):
    real = MemoryStore.put

    def put(self: MemoryStore, path: str, data: Any, **options: Any) -> Any:
        if path.endswith("/3.dcm"):
            raise BlobNameError("The store cannot hold it.")
        return real(self, path, data, **options)

    monkeypatch.setattr(MemoryStore, "put", put)
    refused = [one for one in send(store, files) if isinstance(one, Refused)]
    assert [(one.remote, one.why) for one in refused] == [("extra/data/0/3.dcm", "The store cannot hold it.")]
    assert len(list(store.list())) == 60
    with pytest.raises(UsageError, match="cannot hold"):
        list(upload(store, [(files / "0/3.dcm", "y/3.dcm")], JobContext(), Threads(2), overwrite=False))


def test_a_file_that_cannot_be_read_is_not_said_to_have_other_content(store: MemoryStore, files: Path, monkeypatch: pytest.MonkeyPatch):
    send(store, files)
    before_reading(monkeypatch, unreadable)
    again = send(store, files)
    assert sorted(one.remote for one in again if isinstance(one, Moved) and one.already) == sorted(
        info.path for info in store.list() if not info.path.endswith("/3.dcm")
    )
    assert [(one.remote, one.why) for one in again if isinstance(one, Refused)] == [("extra/data/0/3.dcm", "The disk has a fault.")]


def unreadable(path: str) -> None:
    if path.endswith("3.dcm") and Path(path).stem == "3":
        raise SourceUnreadableError("The disk has a fault.", remedy="Check the disk.")


def test_files_of_this_computer_are_found_by_their_own_path_in_every_way_of_reading():
    """A way that is inherited would look below the current folder."""
    ways = {name for name, way in vars(FolderSource).items() if callable(way) and "path" in inspect.signature(way).parameters}
    assert {"stat", "open", "read_whole"} <= ways
    assert {way for way in ways if not way.startswith("_")} <= set(vars(LocalFiles))


def test_a_refusal_of_everything_stops_it(store: MemoryStore, files: Path):
    store.fail_next("put", AccessError("no permission"), 1000)
    with pytest.raises(AccessError):
        send(store, files)


def test_two_files_for_one_place_are_refused_before_anything_is_sent(store: MemoryStore, files: Path):
    pairs = [(files / "0/1.dcm", "x/1"), (files / "0/2.dcm", "x/1")]
    with pytest.raises(UsageError, match="same name"):
        list(upload(store, pairs, JobContext(), Threads(2), overwrite=True))
    assert list(store.list()) == []
