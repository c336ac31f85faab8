"""Two configurations with one journal and two central stores: what was found in one store does not count for the other."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from faces import CommandLine, fill
from world import World, ran

from chorus_gui.app import facts, verified
from chorus_gui.app.chain import broken_receipts
from chorus_gui.app.folders import receipts_folder
from chorus_gui.app.journal import markers
from chorus_gui.app.repair import repair
from chorus_gui.app.shared import shared_folder
from chorus_gui.app.site_list import Listed
from chorus_gui.app.sites import Runs, look_at
from chorus_gui.app.this_store import of_this_store, store_name
from chorus_gui.app.verdict_book import book_file, last_verification
from chorus_gui.app.verify import verify
from chorus_gui.core.config.load import load
from chorus_gui.core.config.model import Config
from chorus_gui.core.job import JobContext
from chorus_gui.core.storage.local import LocalStore
from chorus_gui.core.submission.marker import Complete
from chorus_gui.core.submission.work import Selection

A = "1/Images/a.dcm"


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = fill(World(tmp_path))
    world.put(A, "a")
    world.run(version="v1")
    return world


@pytest.fixture
def other(world: World) -> World:
    """The same site and journal, and another central store."""
    other = World(world.base)
    other.central = world.base / "elsewhere"
    other.central.mkdir()
    other.file = world.base / "other.toml"
    other.file.write_text(world.file.read_text("utf-8").replace(world.central.as_posix(), other.central.as_posix()), "utf-8")
    other.store = LocalStore(other.central)
    return other


def kinds(world: World) -> list[str]:
    return [one.kind for one in facts.receipts(world.config, JobContext())]


def check(world: World) -> None:
    ran(verify(world.workspace(), JobContext(), Selection()))


def wrong(world: World) -> int:
    with world.open() as journal:
        found = verified.kept_wrong(journal, world.config)
    return found.total if found else 0


def edit(file: Path, **fields: object) -> None:
    file.write_text(json.dumps(json.loads(file.read_text("utf-8")) | fields), "utf-8")


def test_only_runs_of_this_store_count(world: World, other: World, capsys: pytest.CaptureFixture[str]) -> None:
    check(world)
    assert kinds(world) == ["verify", "submission"]
    assert kinds(other) == []
    assert "verified" in CommandLine(world, capsys).run("status").out
    assert "is verified" not in CommandLine(other, capsys).run("status").out
    check(other)
    assert kinds(other) == ["verify"]
    assert kinds(world) == ["verify", "submission"]
    ours, theirs = (look_at(Listed(one.file), Runs()).last for one in (world, other))
    assert ours is not None
    assert theirs is not None
    assert (ours.result, theirs.result != ours.result) == ("Complete", True)
    said = CommandLine(other, capsys).run("status").out
    assert "missing or different in the central store" in said
    assert "missing" not in CommandLine(world, capsys).run("status").out


def test_what_is_missing_in_one_store_is_neither_forgotten_nor_repaired_in_the_other(world: World, other: World) -> None:
    shutil.copytree(world.central, other.central, dirs_exist_ok=True)
    (world.central / "v1" / A).unlink()
    check(world)
    assert (wrong(world), wrong(other)) == (1, 0)
    check(other)
    assert (wrong(world), wrong(other)) == (1, 0), "found right in the other store"
    (other.central / "v1" / A).unlink()
    (other.central / "v1/OMOP/person.csv").unlink()
    check(other)
    assert (wrong(world), wrong(other)) == (1, 2)
    folder = world.journal.with_name("journal.db.chorus") / "verified"
    assert len(list(folder.glob("v1*.json"))) == 2
    ran(repair(world.workspace(), JobContext(), Selection()))
    assert (world.central / "v1" / A).exists()
    assert not (other.central / "v1" / A).exists()
    assert (wrong(world), wrong(other)) == (0, 2)
    ran(repair(other.workspace(), JobContext(), Selection()))
    assert (wrong(world), wrong(other)) == (0, 0)


def test_other_computers_read_both(
    world: World, other: World, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (world.central / "v1" / A).unlink()
    check(world)
    check(other)
    before = (wrong(world), wrong(other))
    assert before[0] == 1
    assert before[1] > 1
    folder = tmp_path_factory.mktemp("another-computer")
    monkeypatch.setattr("chorus_gui.app.verified.data_folder", lambda: folder)
    for one in (world, other, world):
        assert verified.refresh(one.workspace(), JobContext()) == ""
    assert (wrong(world), wrong(other)) == before


def test_results_that_are_not_shared_yet_stay_of_their_store(world: World, other: World) -> None:
    copy = verified._copy_of(world.journal)
    (world.central / "v1" / A).unlink()
    check(world)
    check(other)
    value = json.loads(copy.read_text("utf-8"))
    value["seen"] = [{**one, "unshared": True, "etag": "", "name": ""} for one in value["seen"]]
    copy.write_text(json.dumps(value), "utf-8")
    folder = world.journal.with_name("journal.db.chorus") / "verified"
    for file in folder.glob("*.json"):
        file.unlink()
    before = (wrong(world), wrong(other))
    for one in (world, other):
        assert verified.refresh(one.workspace(), JobContext()) == ""
        assert (wrong(world), wrong(other)) == before
    assert len(list(folder.glob("*.json"))) == 2


def test_the_results_of_the_last_verification_are_of_this_store(world: World, other: World, capsys: pytest.CaptureFixture[str]) -> None:
    check(world)
    book = book_file(world.journal)
    assert last_verification(book, store_name(world.config.central)) is not None
    assert last_verification(book, store_name(other.config.central)) is None
    assert last_verification(book) is not None
    assert CommandLine(other, capsys).run(f"export verification --output-file {other.base / 'x.csv'}").status != 0
    assert CommandLine(world, capsys).run(f"export verification --output-file {world.base / 'y.csv'}").status == 0


def test_receipts_of_both_are_one_chain(world: World, other: World) -> None:
    check(other)
    world.put(A, "another")
    world.run(version="v2")
    assert broken_receipts(world.config, JobContext()) == []
    assert broken_receipts(other.config, JobContext()) == []


def test_a_marker_is_compared_with_a_receipt_of_its_store(world: World, other: World) -> None:
    """The other store has the version as well, with another marker."""
    shutil.copytree(world.central, other.central, dirs_exist_ok=True)
    marker = other.central / "v1/submission.json"
    edit(marker, held_back=3)
    assert markers(other.workspace(), other.journal, JobContext())["v1"].complete is Complete.YES
    edit(world.central / "v1/submission.json", held_back=3)
    assert markers(world.workspace(), world.journal, JobContext())["v1"].complete is Complete.OUTDATED


def test_what_an_older_version_left_counts_for_each(world: World, other: World) -> None:
    (world.central / "v1" / A).unlink()
    check(world)
    for file in receipts_folder().glob("*.json"):
        edit(file, store="")
    assert kinds(other) == kinds(world) == ["verify", "submission"]
    side = world.journal.with_name("journal.db.chorus") / "verified/v1.json"
    edit(side, store="")
    for one in (world, other):
        verified.refresh(one.workspace(), JobContext())
        assert wrong(one) == 1


def test_another_computer_can_have_another_path_to_the_same_folder(world: World) -> None:
    (file,) = receipts_folder().glob("*.json")
    folder = shared_folder(world.config)
    folder.mkdir(parents=True)
    copy = folder / file.name
    copy.write_bytes(file.read_bytes())
    file.unlink()
    edit(copy, store="s:\\central")
    assert kinds(world) == []
    edit(copy, store="s:\\central", host="icu-gateway")
    assert kinds(world) == ["submission"]
    edit(copy, store="https://site.blob.core.windows.net/central", host="icu-gateway")
    assert kinds(world) == []


AZURE = """
[configuration]
supported_modalities = "Images"
[journal.source]
path = "journal.db"
[journal.local]
path = "journal.db"
[central_path]
path = "az://{container}/{prefix}"
[central_path.auth]
azure_account_name = "{account}"
auth_mode = "login"
[site_path.default]
path = "site"
"""


def test_a_store_in_azure_has_its_account_in_its_name(tmp_path: Path) -> None:
    def config(account: str, container: str = "box", prefix: str = "data") -> Config:
        file = tmp_path / "config.toml"
        file.write_text(AZURE.format(account=account, container=container, prefix=prefix), "utf-8")
        return load(file, environ={})

    one = config("one")
    name = store_name(one.central)
    assert name == "azure://one/box/data"
    assert of_this_store(one, name, "elsewhere")
    assert store_name(config("one", prefix="").central) == "azure://one/box"
    for changed in (config("two"), config("one", "box2"), config("one", prefix="test")):
        assert not of_this_store(changed, name, "elsewhere")
    for url in (
        "https://ONE.blob.core.windows.net/",
        "https://one.privatelink.blob.core.windows.net",
        "https://one.z12.blob.storage.azure.net",
    ):
        assert store_name(replace(one.central, account=replace(one.central.account, url=url))) == name
    elsewhere = replace(one.central, account=replace(one.central.account, url="https://blobs.hospital.org/one"))
    assert store_name(elsewhere) == "https://blobs.hospital.org/one/box/data"
