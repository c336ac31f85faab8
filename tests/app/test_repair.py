"""What a verification finds missing or different is sent again to where its row says it is, if the site still has that content."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from memorystore import MemoryStore
from world import World, ran

from chorus_gui.app.repair import repair
from chorus_gui.app.status import Status
from chorus_gui.app.verified import kept_wrong
from chorus_gui.app.verify import Comparison, verify
from chorus_gui.cli.main import main
from chorus_gui.core.errors import StoreUnavailableError
from chorus_gui.core.job import JobContext
from chorus_gui.core.journal.store import Journal
from chorus_gui.core.submission.work import Selection

SMALL, LARGE, OTHER = "1/Images/small.dcm", "1/Images/large.dcm", "1/Waveforms/other.dat"
CONTENT = {SMALL: b"small", LARGE: os.urandom(9_000_000), OTHER: b"other"}
ALL = Selection()


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def world(tmp_path: Path, store: MemoryStore) -> World:
    world = World(tmp_path)
    world.store = store
    for path, data in CONTENT.items():
        world.put(path, data, mtime=1_700_000_000)
    world.run(version="v1")
    return world


def lay(store: MemoryStore, path: str, data: bytes, md5: bytes | None) -> None:
    store.stage_block(path, "1", data)
    store.commit_blocks(path, ["1"], md5=md5)


def old_property(store: MemoryStore, path: str) -> None:
    info = store.head(path)
    assert info is not None
    assert info.md5 is not None
    lay(store, path, b"x" * info.size, bytes.fromhex(info.md5))


WRONG: dict[str, Callable[[MemoryStore, str], object]] = {
    "missing": lambda store, path: store.delete(path),
    "other size": lambda store, path: store.put(path, b"no"),
    "other bytes": lambda store, path: store.put(path, b"x" * len(CONTENT[path.removeprefix("v1/")])),
    "other bytes, no MD5": lambda store, path: lay(store, path, b"x" * len(CONTENT[path.removeprefix("v1/")]), None),
    "other bytes, old MD5 (read)": old_property,
}


@pytest.mark.parametrize("path", [SMALL, LARGE])
@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_is_sent_to_its_place_and_nothing_else(world: World, store: MemoryStore, wrong: str, path: str) -> None:
    rows = world.rows()
    reread = "read" in wrong
    WRONG[wrong](store, f"v1/{path}")
    etags = {name: info.etag for name in CONTENT if (info := store.head(f"v1/{name}"))}
    done = ran(repair(world.workspace(), JobContext(), ALL, reread=reread))
    assert (done.status, done.value.wrong, done.value.now.bad_total, done.log.failures) == (Status.DONE, 1, 0, [])
    assert done.log.sent.bytes == len(CONTENT[path])
    assert b"".join(store.read(f"v1/{path}")) == CONTENT[path]
    assert world.rows() == rows, "the journal says the same as before, and it is true again"
    after = {name: info.etag for name in CONTENT if (info := store.head(f"v1/{name}"))}
    assert {name for name in CONTENT if etags.get(name) != after[name]} == {path}
    assert done.made is not None
    assert (done.made.kind, done.made.sent_files, done.made.clean) == ("repair", 1, True)
    assert ran(verify(world.workspace(), JobContext(), ALL, Comparison(reread=True))).status is Status.DONE
    again = ran(repair(world.workspace(), JobContext(), ALL))
    assert (again.status, again.value.wrong, again.log.sent.bytes) == (Status.DONE, 0, 0)


SITE: dict[str, tuple[Callable[[World], object], str, str]] = {
    "gone": (lambda world: (world.site / SMALL).unlink(), "no longer on the site", "Put the file back"),
    "other size": (lambda world: world.put(SMALL, "larger one", mtime=1_700_000_000), "10 bytes", "Submit"),
    "other time": (lambda world: world.put(SMALL, "small", mtime=1_600_000_000), "another time", "Submit"),
    "other content": (lambda world: world.put(SMALL, "SMALL", mtime=1_700_000_000), "other content", "submit again"),
}


@pytest.mark.parametrize("how", SITE)
def test_content_that_the_site_no_longer_has_is_a_failure_with_a_remedy(world: World, store: MemoryStore, how: str) -> None:
    rows = world.rows()
    store.delete(f"v1/{SMALL}")
    store.delete(f"v1/{LARGE}")
    change, cause, remedy = SITE[how]
    change(world)
    done = ran(repair(world.workspace(), JobContext(), ALL))
    assert (done.status, done.value.wrong, done.value.now.bad_total) == (Status.FAULTY, 2, 1)
    (failure,) = done.log.failures
    assert failure.item.path == SMALL
    assert cause in failure.cause
    assert remedy in failure.remedy
    assert store.head(f"v1/{SMALL}") is None
    assert store.head(f"v1/{LARGE}") is not None, "the others are sent"
    assert world.rows() == rows
    assert done.made is not None
    assert not done.made.clean


def test_the_remedies_of_a_changed_file_work(world: World, store: MemoryStore) -> None:
    store.delete(f"v1/{SMALL}")
    world.put(SMALL, "SMALL", mtime=1_600_000_000)
    assert ran(repair(world.workspace(), JobContext(), ALL)).status is Status.FAULTY
    log = world.run(version="v2")
    assert log.transfers.uploaded.files == 1
    assert b"".join(store.read(f"v2/{SMALL}")) == b"SMALL"
    assert not any("missing or different" in note for note in log.notes)


def test_what_could_not_be_checked_is_not_sent(world: World, store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    head = store.head

    def odd(path: str) -> object:
        if path.endswith(SMALL):
            raise StoreUnavailableError("broke off")
        return head(path)

    monkeypatch.setattr(store, "head", odd)
    done = ran(repair(world.workspace(), JobContext(), ALL))
    assert (done.status, done.value.wrong, done.log.sent.bytes) == (Status.STOPPED, 0, 0)


@pytest.mark.parametrize("what", ["submit", "record", "upload"])
def test_other_commands_mention_what_nobody_repaired(world: World, store: MemoryStore, what: str) -> None:
    def notes() -> str:
        return " ".join((world.upload() if what == "upload" else world.run(what)).notes)

    assert "missing or different" not in notes()
    store.delete(f"v1/{SMALL}")
    assert "missing or different" not in notes(), "nobody looked yet"
    ran(verify(world.workspace(), JobContext(), Selection("v1")))
    assert "chorus-upload file repair" in notes()
    ran(repair(world.workspace(), JobContext(), Selection("v1")))
    assert "missing or different" not in notes()
    with Journal.open(world.journal, readonly=True) as journal:
        assert kept_wrong(journal, world.config) is None


def test_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world = World(tmp_path / "world")
    world.put(SMALL, "small")
    world.run(version="v1")

    def run(words: str, status: int) -> str:
        assert main(["-c", str(world.file), *words.split()]) == status
        read = capsys.readouterr()
        return read.out + read.err

    (world.central / "v1" / SMALL).unlink()
    assert "chorus-upload file repair" in run("file verify", 1)
    for words, status in (("submit --yes", 0), ("file upload", 0), ("doctor", 1)):
        said = run(words, status)
        assert "missing or different" in said, words
        assert "Nothing to do" not in said
    said = run("file repair", 0)
    assert "1 file was missing or different" in said
    assert "It matches." in said
    assert "Nothing to do" in run("submit --yes", 0)
    assert "missing or different" not in run("doctor", 0)
    assert json.loads(run("file repair --json", 0))["kind"] == "repair"
    assert "file repair --all" in run("history", 0) or "file repair" in run("history", 0)
