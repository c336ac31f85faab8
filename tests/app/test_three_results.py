"""The rule: a verification tells same, different and “could not be checked” apart, in status, sentences, receipt and JSON."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from itertools import product
from pathlib import Path

import pytest
from memorystore import MemoryStore
from world import World, ran

from chorus_gui.app import facts, receipts
from chorus_gui.app.site_status import site_status
from chorus_gui.app.status import Status
from chorus_gui.app.verify import Comparison, sentences, verify
from chorus_gui.core.errors import StoreUnavailableError
from chorus_gui.core.job import JobContext
from chorus_gui.core.submission.work import Selection

NAMES = [f"1/Images/{number}.dcm" for number in range(6)]
WRONG, ODD = NAMES[1], NAMES[2]


class Store(MemoryStore):
    """Cannot be asked for the blobs in ``broken``."""

    broken: tuple[str, ...] = ()

    def _enter(self, call: str, path: str | None) -> object:
        if call in ("head", "read") and path is not None and path.endswith(self.broken):
            raise StoreUnavailableError("The connection broke off.", remedy="Check the network.")
        return super()._enter(call, path)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr("chorus_gui.core.storage.retry.RetryPolicy.wait", lambda *_: 0.0)
    world = World(tmp_path)
    world.store = Store()
    for name in NAMES:
        world.put(name, f"content of {name}")
    world.run(version="v1")
    return world


@pytest.mark.parametrize(("different", "unchecked", "extra", "reread"), list(product([False, True], repeat=4)))
def test_each_result_has_its_own_count_sentence_and_status(
    world: World, different: bool, unchecked: bool, extra: bool, reread: bool
) -> None:
    store = world.store
    assert isinstance(store, Store)
    if different:
        store.put(f"v1/{WRONG}", b"other")
    if unchecked:
        store.broken = (ODD,)
    if extra:
        store.put("v1/1/Images/stray.dcm", b"stray")
    done = ran(verify(world.workspace(), JobContext(), Selection("v1"), Comparison(reread=reread)))
    found = done.value
    assert done.status is (Status.FAULTY if different else Status.STOPPED if unchecked else Status.DONE)
    assert (found.total, found.bad_total, found.unchecked_total) == (6, int(different), int(unchecked))
    assert [line.path for line in found.bad] == [WRONG] * different
    assert [line.path for line in found.unchecked] == [ODD] * unchecked
    assert list(found.extra) == ["v1/1/Images/stray.dcm"] * extra
    said = " ".join(sentences(found))
    assert ("from the journal" in said) == different
    assert ("could not be checked" in said) == unchecked
    assert ("not in the journal" in said) == extra
    assert ("All match." in said) == (not different and not unchecked)
    assert ("by their content." if reread else "by size and MD5.") in said

    made = done.made
    assert made is not None
    assert done.receipt is not None
    page = done.receipt.read_text("utf-8")
    for text in (page, receipts.to_text(made).replace("\n", " ")):
        assert ("All match" in " ".join(text.split())) == (not different)
        assert ("could not be checked" in " ".join(text.split())) == unchecked
        assert ("stray.dcm" in text) == extra
    assert made.clean == (not different and not unchecked)
    assert receipts.from_json(receipts.to_json(made)) == made
    assert json.loads(receipts.to_json(made))["verification"]["unchecked_files"] == int(unchecked)


def test_rows_explain_blobs_whatever_became_of_them(world: World) -> None:
    """Closed rows keep their blobs, pending ones may have one, and the journal's copy is ours."""
    from chorus_gui.core.submission.mark import mark_as_deleted

    with world.working() as work:
        mark_as_deleted(work, [NAMES[0]])
    world.put("1/Images/pending.dcm", "pending")
    world.run("record", version="v1")
    world.store.put("v1/1/Images/pending.dcm", b"pending")
    world.store.put("v1/.chorus-upload-probe-1", b"")
    assert world.store.head("v1/journal.db") is not None
    found = ran(verify(world.workspace(), JobContext(), Selection())).value
    assert (found.extra_total, found.extra) == (0, ())


@pytest.mark.parametrize("reread", [False, True])
def test_files_without_md5_in_the_journal_could_not_be_checked(world: World, reread: bool) -> None:
    with closing(sqlite3.connect(world.journal)) as db, db:
        (table,) = db.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE '% MD5 %'").fetchone()
        assert db.execute(f"UPDATE \"{table}\" SET MD5 = '' WHERE FILENAME LIKE '%2.dcm'").rowcount == 1
    done = ran(verify(world.workspace(), JobContext(), Selection("v1"), Comparison(reread=reread)))
    found, made = done.value, done.made
    assert (found.bad_total, found.unchecked_total, found.not_comparable) == (0, 1, 1)
    assert done.status is Status.STOPPED
    assert "1 file could not be compared: its entry in the journal has no MD5." in sentences(found)
    assert made is not None
    assert made.verification is not None
    assert (made.verification.differing, made.verification.unchecked_files, made.verification.checked.files) == (0, 1, 5)
    assert "could not be checked" in receipts.headline(made)
    side = json.loads((world.base / "journal.db.chorus" / "verified" / "v1.json").read_text("utf-8"))
    assert (side["files"], side["unchecked"], side["wrong_files"]) == (5, 1, 0)
    with world.workspace() as workspace:
        step = site_status(facts.known(workspace, JobContext())).next
    assert (step.headline, step.text) == ("Not verified", "The verification could not check 1 file.")
