"""Receipts survive the computer: they are kept next to the journal, and every computer shows them."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest
from faces import CommandLine, fill
from world import World

from chorus_gui.app import facts
from chorus_gui.app.folders import receipts_folder
from chorus_gui.app.shared import shared
from chorus_gui.core.custody.beside import SideFiles
from chorus_gui.core.errors import SideFileUnreachableError
from chorus_gui.core.job import JobContext


@pytest.fixture
def world(tmp_path: Path) -> World:
    return fill(World(tmp_path))


def test_another_computer_shows_the_receipts(world: World, monkeypatch, tmp_path_factory) -> None:
    world.run(version="v1")
    mine = shared(world.workspace(), JobContext()).receipts
    assert [receipt.kind for receipt in mine] == ["submission"], "the own one is not shown twice"
    monkeypatch.setenv("CHORUS_UPLOAD_HOME", str(tmp_path_factory.mktemp("another-computer")))
    assert facts.receipts(world.config, JobContext()) == ()
    theirs = shared(world.workspace(), JobContext())
    assert [(r.kind, r.versions, r.by) for r in theirs.receipts] == [("submission", ("v1",), mine[0].by)]
    assert "v1" in theirs.receipts[0].page.read_text("utf-8")
    assert theirs.complete["v1"].complete.value == "yes"
    world.put("OMOP/person.csv", "2")
    world.run(version="v2")
    assert [r.versions for r in shared(world.workspace(), JobContext()).receipts] == [("v2",), ("v1",)]
    assert facts.receipts(world.config, JobContext())[0].versions == ("v2",), "also without the store"


def test_a_computer_that_lost_its_receipts_gets_them_again(world: World) -> None:
    world.run(version="v1")
    shutil.rmtree(receipts_folder())
    assert [r.versions for r in shared(world.workspace(), JobContext()).receipts] == [("v1",)]


def test_receipts_name_the_one_before(world: World) -> None:
    world.run(version="v1")
    (first,) = receipts_folder().glob("*.json")
    world.put("OMOP/person.csv", "2")
    world.run(version="v2")
    (second,) = set(receipts_folder().glob("*.json")) - {first}
    assert json.loads(first.read_text("utf-8"))["previous"] == ""
    assert json.loads(second.read_text("utf-8"))["previous"] == hashlib.sha256(first.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    "text", ["", "{}", "[1]", '{"schema": "chorus-upload-receipt/1", "kind": 5}', '{"schema": "chorus-upload-receipt/9"}', "\udcff"]
)
def test_a_damaged_receipt_is_left_out(world: World, text: str) -> None:
    world.run(version="v1")
    folder = world.journal.with_name("journal.db.chorus") / "receipts"
    (folder / "20990101T000000Z_upload_v9_other.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    (receipts_folder() / "20990101T000000Z_upload_v9.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    assert [r.versions for r in shared(world.workspace(), JobContext()).receipts] == [("v1",)]


def test_a_receipt_that_cannot_be_shared_is_a_warning(world: World, capsys, monkeypatch) -> None:
    def write(self, name, data, ctx, *, etag):
        raise SideFileUnreachableError("No access.", remedy="Ask.")

    monkeypatch.setattr(SideFiles, "write", write)
    ended = CommandLine(world, capsys).run("submit --yes --version v1")
    assert ended.status == 0
    assert "The receipt is only on this computer" in ended.said
    assert list(receipts_folder().glob("*.json"))
