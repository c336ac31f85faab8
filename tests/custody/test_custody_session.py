"""One command between a check-out and a check-in, from a configuration to the cloud and back."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from azure.storage.blob import BlobServiceClient
from custodyworld import BLOB, LOCK, blob_bytes, cloud_names, ctx, journal_bytes, names, opened_home, record

from chorus_gui.core.config.credentials import Account, AccountKey
from chorus_gui.core.config.load import load
from chorus_gui.core.config.model import Config, Place, PlaceKind
from chorus_gui.core.custody.checkin import checkin
from chorus_gui.core.custody.checkout import checkout
from chorus_gui.core.custody.cloud_journal import CloudJournal, cloud_journal, memory_folder
from chorus_gui.core.custody.session import CheckedOut, session
from chorus_gui.core.custody.sides import CustodyConflictError
from chorus_gui.core.custody.state import State, look
from chorus_gui.core.custody.unlock import unlock
from chorus_gui.core.errors import Cancelled, CustodyError, StoreError, UsageError
from chorus_gui.core.job import JobContext
from chorus_gui.core.storage.base import Store
from chorus_gui.core.storage.open import open_store

CONFIG = """\
[configuration]
supported_modalities = "OMOP"
[journal.source]
path = "{cloud}"
[journal.local]
path = "{local}"
[central_path]
path = "central"
[site_path.default]
path = "site"
"""


@dataclass
class World:
    """A configuration whose journal lies in ``store`` as well."""

    config: Config
    store: Store

    @property
    def local(self) -> Path:
        return self.config.journal.local

    @contextlib.contextmanager
    def home(self) -> Iterator[CloudJournal]:
        with opened_home(self.config) as home:
            yield home

    @contextlib.contextmanager
    def session(self, purpose: str, *, write: bool = True, job: JobContext | None = None) -> Iterator[CheckedOut]:
        """One command, as the program runs it: the journal's store is opened for it alone."""
        with self.home() as home, session(self.config, home, job or ctx(), purpose=purpose, write=write) as work:
            yield work

    def state(self) -> State:
        with self.home() as home:
            return look(home).state


@pytest.fixture(params=["share", "azurite"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    for name in ("site", "central", "share"):
        (tmp_path / name).mkdir()
    file = tmp_path / "config.toml"
    file.write_text(CONFIG.format(cloud="share/journal.db", local="journal.db"), "utf-8")
    config = load(file, environ={})
    parent = Place(PlaceKind.FOLDER, "share", tmp_path / "share")
    if request.param == "azurite":
        azurite = request.getfixturevalue("azurite")
        container = f"custody-{os.urandom(4).hex()}"
        with BlobServiceClient(azurite.url, credential={"account_name": azurite.account, "account_key": azurite.key}) as service:
            service.create_container(container).close()
        way_in = AccountKey(azurite.key), Account(azurite.account, azurite.url)
        parent = Place(PlaceKind.AZURE, f"az://{container}/my site", None, container, "my site", *way_in)
        cloud = replace(parent, text=f"az://{container}/my site/journal.db", prefix="my site/journal.db")
        config = replace(config, journal=replace(config.journal, cloud=cloud))
    store = open_store(parent)
    with contextlib.closing(store):
        yield World(config, store)


def command(world: World, act: Callable[[Path], object], job: JobContext | None = None) -> None:
    """An upload that does ``act`` with the journal."""
    with world.session("file upload", job=job) as work:
        act(work.journal)


def fails(journal: Path) -> None:
    raise UsageError("The site is away.")


def test_a_command_checks_out_and_in(world):
    world.store.put(BLOB, journal_bytes("base.dcm"))
    with world.session("journal update") as work:
        assert world.state() is State.MINE
        record(work.journal, "new.dcm")
    assert cloud_names(world.store) == {"base.dcm", "new.dcm"}
    assert (world.state(), world.store.head(LOCK)) == (State.FREE, None)


def test_the_first_command_of_a_site(world):
    with world.session("journal update") as work:
        record(work.journal, "first.dcm")
    assert cloud_names(world.store) == {"first.dcm"}
    assert "A new one was started" in work.notes[0]


def test_a_command_works_on_what_the_user_holds(world):
    world.store.put(BLOB, journal_bytes("base.dcm"))
    with world.home() as home:
        checkout(home, ctx())
    for name in ("one.dcm", "two.dcm"):
        with world.session("journal update") as work:
            record(work.journal, name)
        assert world.state() is State.MINE
    assert cloud_names(world.store) == {"base.dcm"}
    with world.home() as home:
        checkin(home, ctx())
    assert cloud_names(world.store) == {"base.dcm", "one.dcm", "two.dcm"}


def test_a_failed_command_keeps_its_progress(world):
    def act(journal: Path) -> None:
        record(journal, "new.dcm")
        fails(journal)

    world.store.put(BLOB, journal_bytes("base.dcm"))
    with pytest.raises(UsageError):
        command(world, act)
    assert cloud_names(world.store) == {"base.dcm", "new.dcm"}
    assert world.state() is State.FREE


def test_a_cancelled_command_keeps_its_progress(world):
    def act(journal: Path) -> None:
        record(journal, "new.dcm")
        job.cancel()
        job.checkpoint()

    world.store.put(BLOB, journal_bytes("base.dcm"))
    job = JobContext()
    with pytest.raises(Cancelled):
        command(world, act, job)
    assert cloud_names(world.store) == {"base.dcm", "new.dcm"}


def test_a_failed_command_that_changed_nothing_writes_nothing(world):
    etag = world.store.put(BLOB, journal_bytes("base.dcm")).etag
    with pytest.raises(UsageError):
        command(world, fails)
    assert (world.store.head(BLOB).etag, world.store.head(LOCK)) == (etag, None)


def test_a_check_in_that_fails_tells_how_to_go_on(world):
    def act(journal: Path) -> None:
        record(journal, "new.dcm")
        world.store.put(BLOB, journal_bytes("base.dcm", "theirs.dcm"))

    world.store.put(BLOB, journal_bytes("base.dcm"))
    with pytest.raises(CustodyConflictError, match="Could not check the journal in") as refused:
        command(world, act)
    assert refused.value.sides.only_local == 1
    assert names(world.local) == {"base.dcm", "new.dcm"}
    with pytest.raises(CustodyConflictError):
        command(world, lambda journal: pytest.fail("nothing may be done on a check-out that cannot be checked in"))


def test_a_failed_command_whose_check_in_fails_tells_both(world):
    def act(journal: Path) -> None:
        record(journal, "new.dcm")
        world.store.put(BLOB, journal_bytes("base.dcm", "theirs.dcm"))
        fails(journal)

    world.store.put(BLOB, journal_bytes("base.dcm"))
    with pytest.raises(CustodyError, match=r"The site is away\. Could not check the journal in"):
        command(world, act)


def test_an_interrupted_command_is_gone_on_with(world):
    """The process died inside: its check-out and its progress are there, and the next command takes both up."""
    world.store.put(BLOB, journal_bytes("base.dcm"))
    from chorus_gui.core.custody.checkout import lock_and_fetch

    with world.home() as home:
        lock_and_fetch(home, ctx(), automatic=True, purpose="file upload")
    record(world.local, "sent.dcm")
    with world.session("file upload") as work:
        assert "“file upload” was interrupted" in work.notes[0]
        assert names(work.journal) == {"base.dcm", "sent.dcm"}
        record(work.journal, "rest.dcm")
    assert cloud_names(world.store) == {"base.dcm", "sent.dcm", "rest.dcm"}
    assert world.state() is State.FREE


def test_an_interrupted_upload_as_the_present_documentation_goes_on(world):
    """``journal checkin --local-journal F``, then the upload again."""
    world.store.put(BLOB, journal_bytes("base.dcm"))
    with world.home() as home:
        checkout(home, ctx())
        record(home.local, "sent.dcm")
        checkin(home, ctx(), local_journal=home.local)
    with world.session("file upload") as work:
        assert names(work.journal) == {"base.dcm", "sent.dcm"}


def test_reading_takes_no_lock(world):
    world.store.put(BLOB, journal_bytes("base.dcm"))
    with world.session("journal list", write=False) as work:
        assert world.store.head(LOCK) is None
        assert names(work.journal) == {"base.dcm"}
        assert work.journal != world.local
    first = work.journal.stat().st_ino
    with world.session("journal list", write=False) as work:
        assert work.journal.stat().st_ino == first  # not fetched again
    world.store.put(BLOB, journal_bytes("base.dcm", "more.dcm"))
    with world.session("journal list", write=False) as work:
        assert names(work.journal) == {"base.dcm", "more.dcm"}
    assert len(list(memory_folder().glob("*.copy.*.db"))) == 1


def test_reading_what_others_hold_and_what_one_holds(world):
    with world.session("journal list", write=False) as work:
        assert work.journal == world.local
    world.store.put(LOCK, journal_bytes("base.dcm"))
    with world.session("journal list", write=False) as work:
        assert names(work.journal) == {"base.dcm"}
        assert "with another tool" in work.notes[0]
    with world.home() as home:
        unlock(home, ctx(), force=True)
        record(home.local, "mine.dcm")
        with world.session("journal list", write=False) as work:
            assert "never checked in" in work.notes[0]
        home.local.unlink()
        checkout(home, ctx())
    record(world.local, "new.dcm")
    with world.session("journal list", write=False) as work:
        assert (work.journal, work.notes) == (world.local, [])


def test_a_journal_of_this_computer_alone(world):
    alone = replace(world.config, journal=replace(world.config.journal, cloud=None))
    for write in (True, False):
        with session(alone, None, ctx(), purpose="journal update", write=write) as work:
            assert work.journal == world.local
    assert world.store.head(LOCK) is None
    with pytest.raises(CustodyError, match="not checked out or in"):
        cloud_journal(alone, world.store)


@pytest.mark.parametrize("write", [True, False])
def test_a_cloud_journal_is_never_worked_on_without_its_lock(world, write):
    """A caller that forgets to open the journal's store must not get the local file instead."""
    with pytest.raises(ValueError, match="needs its home"), session(world.config, None, ctx(), purpose="file upload", write=write):
        pytest.fail("not reached")


def test_the_store_belongs_to_the_caller(world):
    """A session neither opens nor closes it: several can follow each other in one open store."""
    home = cloud_journal(world.config, world.store)
    for name in ("one.dcm", "two.dcm"):
        with session(world.config, home, ctx(), purpose="journal update") as work:
            record(work.journal, name)
    assert cloud_names(world.store) == {"one.dcm", "two.dcm"}


def test_no_secret_is_kept_or_told(world, monkeypatch):
    world.store.put(BLOB, journal_bytes("base.dcm"))
    with world.session("file upload --sas sig=abcdefghijkl") as work:
        record(work.journal, "new.dcm")
        kept = b"".join(file.read_bytes() for file in memory_folder().rglob("*") if file.is_file())
        told = repr(world.store.head(LOCK)).encode() + (blob_bytes(world.store, LOCK) or b"")
    key = world.config.journal.cloud.credentials.key
    assert key is None or key.secret.reveal()[:20].encode() not in kept + told
    assert b"sig=abc" not in told


@pytest.mark.parametrize("world", ["share"], indirect=True)
def test_a_share_that_is_away(world):
    cloud = world.config.journal.cloud
    away = replace(cloud, folder=cloud.folder.parent / "unplugged" / "journal.db")
    world.config = replace(world.config, journal=replace(world.config.journal, cloud=away))
    with pytest.raises(StoreError):
        command(world, lambda journal: pytest.fail("not reached"))
