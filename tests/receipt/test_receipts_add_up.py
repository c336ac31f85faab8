"""A receipt adds up: every number in it has one definition, and the parts sum to the totals."""

from __future__ import annotations

import csv
import errno
import gzip
import hashlib
import json
import os
import time
from pathlib import Path

import pytest
from faces import CommandLine, fill
from hypothesis import given
from hypothesis import strategies as st
from world import World

from chorus_gui.app.folders import receipts_folder
from chorus_gui.app.receipts import LIST, from_json, make_receipt, save, save_all, to_html, to_json, to_text
from chorus_gui.core.config.model import Config
from chorus_gui.core.job import OutcomeKind
from chorus_gui.core.model import MODALITIES, Change, ChangeKind, Failure, Item, Level, Proof, Row, Tally
from chorus_gui.core.receipt import FileList, Receipt
from chorus_gui.core.submission.run_result import RunResult

KINDS = (ChangeKind.ADDED, ChangeKind.UPDATED, ChangeKind.MOVED, ChangeKind.RESTORED, ChangeKind.DELETED)


def check(receipt: Receipt) -> None:
    """The rules that every receipt keeps."""
    moved, uploaded = receipt.transfers, sum(receipt.uploaded.values(), Tally())
    assert moved.uploaded == uploaded, "sent, copied and found are what the modalities add up to"
    assert sum(receipt.proofs.values()) == uploaded.files, "each of them is confirmed once"
    assert moved.failed.files == len(receipt.failures)
    assert moved.reused_bytes <= moved.sent.bytes
    for modality, renamed in receipt.renamed.items():
        kinds = receipt.by_modality[modality]
        assert renamed.files <= min(kinds[ChangeKind.ADDED].files, kinds[ChangeKind.DELETED].files)
    table = {line.split()[0]: line for line in to_text(receipt).splitlines() if line.startswith((*MODALITIES, "Total"))}
    rows = {name: [int(n.replace(",", "")) for n in line.split()[1:8]] for name, line in table.items()}
    total = rows.pop("Total", None)
    if total is not None:
        assert total == [sum(column) for column in zip(*rows.values(), strict=True)]
    assert receipt.seconds >= 0
    assert from_json(to_json(receipt)) == receipt


def check_list(receipt: Receipt, data: bytes) -> list[tuple[str, str, str, int, str]]:
    """The list of files has each uploaded file once, with its way, and adds up to the receipt's sums; its lines."""
    if not data:
        assert receipt.file_list is None
        assert receipt.transfers.uploaded == Tally()
        return []
    assert receipt.file_list == FileList(receipt.transfers.uploaded.files, hashlib.sha256(data).hexdigest())
    header, *rows = csv.reader(gzip.decompress(data).decode("utf-8-sig").splitlines())
    assert header == ["modality", "version", "path", "size", "way"]
    lines = [(modality, version, path, int(size), way) for modality, version, path, size, way in rows]
    moved = receipt.transfers
    for way, tally in {"sent": moved.sent, "fetched": moved.fetched, "copied": moved.copied, "found": moved.found}.items():
        assert Tally(sum(line[4] == way for line in lines), sum(line[3] for line in lines if line[4] == way)) == tally
    for modality, tally in receipt.uploaded.items():
        assert Tally(sum(line[0] == modality for line in lines), sum(line[3] for line in lines if line[0] == modality)) == tally
    return lines


def last_list() -> bytes:
    """The list of files next to the newest receipt, b"" if there is none."""
    newest = max(receipts_folder().glob("*.json"), key=lambda file: from_json(file.read_text("utf-8")).ended_us)
    file = newest.with_name(f"{newest.stem}{LIST}")
    return file.read_bytes() if file.exists() else b""


def last() -> Receipt:
    """The newest receipt."""
    return max((from_json(file.read_text("utf-8")) for file in receipts_folder().glob("*.json")), key=lambda made: made.ended_us)


def item(number: int, modality: str, size: int) -> Item:
    return Item(number, modality, f"{number}.dat", f"v1/{number}.dat", size, 0)


SIZE = st.integers(0, 10**12)
MODALITY = st.sampled_from(MODALITIES)


@given(
    entered=st.lists(st.tuples(MODALITY, st.sampled_from(KINDS), SIZE)),
    sent=st.lists(st.tuples(MODALITY, SIZE, st.booleans())),
    fetched=st.lists(st.tuples(MODALITY, SIZE, st.booleans())),
    copied=st.lists(st.tuples(MODALITY, SIZE)),
    found=st.lists(st.tuples(MODALITY, SIZE)),
    failed=st.lists(st.tuples(MODALITY, SIZE)),
    pairs=st.lists(st.tuples(MODALITY, MODALITY, SIZE)),
)
def test_whatever_a_run_does_its_receipt_adds_up(entered, sent, fetched, copied, found, failed, pairs) -> None:
    log = RunResult("v1")
    log.enter(entered)
    for number, (old, new, size) in enumerate(pairs):
        halves = (
            Change(2 * number, ChangeKind.DELETED, old, "a", None, size, 0, None, None, None, pair=2 * number + 1),
            Change(2 * number + 1, ChangeKind.ADDED, new, "b", None, size, 0, None, None, None, pair=2 * number),
        )
        for half in halves:
            log.enter([(half.modality, half.kind, size)])
            log.rename([half])
    for number, (modality, size, reused) in enumerate(sent):
        part = size // 2 if reused else 0
        log.prove(Proof(item(number, modality, size), "", "", Level.TRANSPORT, size - part, part), "v1")
    log.ways.csv_gz()  # what comes later is added to it
    both = [Proof(item(number, modality, size), "", "", Level.TRANSPORT, fetched=by) for number, (modality, size, by) in enumerate(fetched)]
    log.prove_all((proof, "v2") for proof in both)
    for number, (modality, size) in enumerate(copied):
        log.prove(Proof(item(number, modality, size), "", "", Level.PROPERTIES), "v1", copied=True)
    for number, (modality, size) in enumerate(found):
        log.found(Row(number, modality, "x", None, size, 0, None, 0, None, None, "v1"), Level.REREAD)
    log.failures += [Failure(item(number, m, size), "X", "It failed.", "") for number, (m, size) in enumerate(failed)]
    made = make_receipt(CONFIG[0], log, "submission", OutcomeKind.DONE)
    check(made)
    check_list(made, log.ways.csv_gz())


CONFIG: list[Config] = []


@pytest.fixture(autouse=True, scope="module")
def a_configuration(tmp_path_factory: pytest.TempPathFactory) -> None:
    CONFIG[:] = [World(tmp_path_factory.mktemp("configured")).config]


def test_a_renamed_file_is_one_file_that_was_copied(tmp_path: Path) -> None:
    world = fill(World(tmp_path))
    world.run(version="v1")
    (world.site / "1002/Images/b.dcm").rename(world.site / "1002/Images/d.dcm")
    world.put("1003/Images/c.dcm", "a third one")
    world.run(version="v2")
    made = last()
    check(made)
    assert sorted(check_list(made, last_list())) == [
        ("Images", "v2", "1002/Images/d.dcm", 11, "copied"),
        ("Images", "v2", "1003/Images/c.dcm", 11, "sent"),
    ]
    assert made.transfers.copied == Tally(1, 11)
    assert made.transfers.sent == Tally(1, 11)
    assert made.renamed == {"Images": Tally(1, 11)}
    text = " ".join(to_text(made).split())
    assert "Uploaded: 2 files, 22 B: 1 file (11 B) sent, 1 file (11 B) copied inside the store" in text
    assert "Images 1 0 1 0 0 0 2 (22 B)" in text, "added 1, renamed 1, deleted 0"


@pytest.mark.skipif(not hasattr(__import__("os"), "geteuid") or __import__("os").geteuid() == 0, reason="root reads everything")
def test_each_item_that_could_not_be_read_is_named(tmp_path: Path) -> None:
    world = fill(World(tmp_path))
    (world.site / "1001/Images").chmod(0)
    try:
        world.run(version="v1")
    finally:
        (world.site / "1001/Images").chmod(0o700)
    names_what_was_not_read(last())


def names_what_was_not_read(made: Receipt) -> None:
    assert [unread.path for unread in made.unread] == ["1001/Images"]
    for text in (to_text(made), to_html(made)):
        assert "Problems on the site: 1 file or folder" in text
        assert "1001/Images" in text


def test_each_item_that_could_not_be_read_is_named_also_for_root(tmp_path: Path, monkeypatch) -> None:
    import os

    real = os.scandir

    def scandir(path="."):
        if str(path).replace("\\", "/").endswith("1001/Images"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    world = fill(World(tmp_path))
    monkeypatch.setattr(os, "scandir", scandir)
    world.run(version="v1")
    names_what_was_not_read(last())


def test_a_receipt_names_its_versions_and_modalities(tmp_path: Path, capsys) -> None:
    world = fill(World(tmp_path))
    line = CommandLine(world, capsys)
    line.run("submit --yes --version v1 --modalities OMOP")
    assert (last().versions, last().modalities, last().complete) == (("v1",), ("OMOP",), ("v1",))
    line.run("submit --yes --version v2")
    assert last().modalities == world.config.modalities
    for words, versions in (("--version v1", ("v1",)), ("--all", ("v1", "v2"))):
        line.run(f"file verify {words}")
        assert last().versions == versions
        assert "Version" in to_text(last())
        assert "none" not in to_text(last()).split("Started")[0]
    (world.central / "v1/OMOP/person.csv").write_bytes(b"x")
    line.run("file verify --version v1")
    text = to_text(last())
    assert "Missing or different: 1 file" in text
    assert "Failed" not in text
    assert "failed" not in text
    assert last().transfers.failed == Tally()


@pytest.mark.parametrize("shift", [-86_400.0, 86_400.0 * 365])
def test_a_change_of_the_clock_changes_no_duration(tmp_path: Path, monkeypatch, shift: float) -> None:
    world = fill(World(tmp_path))
    real_ns, real = time.time_ns, time.time
    shifted: list[float] = []
    monkeypatch.setattr(time, "time_ns", lambda: real_ns() + int(sum(shifted) * 1e9))
    monkeypatch.setattr(time, "time", lambda: real() + sum(shifted))
    commit = __import__("chorus_gui.core.journal.store", fromlist=["Journal"]).Journal.commit

    def committed(self, entries):
        if not shifted:
            shifted.append(shift)
        return commit(self, entries)

    monkeypatch.setattr("chorus_gui.core.journal.store.Journal.commit", committed)
    world.run(version="v1")
    assert shifted
    assert 0 <= last().seconds < 60
    assert 0 <= world_history_seconds(world) < 60


def world_history_seconds(world: World) -> float:
    from chorus_gui.core.journal.store import Journal

    with Journal.open(world.journal, readonly=True) as journal:
        return max(command.seconds or 0.0 for command in journal.history())


def test_a_receipt_of_an_older_version_has_no_list(tmp_path: Path) -> None:
    world = fill(World(tmp_path))
    world.run(version="v1")
    text = to_json(last())
    data = json.loads(text)
    del data["file_list"]
    older = from_json(json.dumps(data))
    assert older.file_list is None
    assert LIST not in to_text(older)
    assert LIST in to_text(from_json(text))
    world.run(version="v2")
    assert last().file_list is None, "nothing was uploaded"
    assert last_list() == b""


def test_a_list_that_cannot_be_saved_leaves_no_half_receipt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, written = os.open, list[str]()

    def full(path: Path, *rest: int) -> int:
        written.append(str(path))
        if len(written) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(path, *rest)

    log = RunResult("v1")
    log.prove(Proof(item(1, "Images", 5), "", "", Level.TRANSPORT), "=v1")
    made = make_receipt(CONFIG[0], log, "upload", OutcomeKind.DONE)
    monkeypatch.setattr(os, "open", full)
    with pytest.raises(OSError, match="No space"):
        save(made, tmp_path / "receipts", log.ways.csv_gz())
    assert list((tmp_path / "receipts").iterdir()) == []
    assert b"'=v1" in gzip.decompress(log.ways.csv_gz()), "no spreadsheet runs it"


def test_a_receipt_is_saved_without_its_list_where_there_is_no_space_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.open

    def full(path: Path, *rest: int) -> int:
        if str(path).endswith(LIST):
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(path, *rest)

    log = RunResult("v1")
    log.prove(Proof(item(1, "Images", 5), "", "", Level.TRANSPORT), "v1")
    made = make_receipt(CONFIG[0], log, "upload", OutcomeKind.DONE)
    monkeypatch.setattr(os, "open", full)
    saved, page = save_all(made, tmp_path / "receipts", log.ways.csv_gz())
    assert sorted(file.suffix for file in page.parent.iterdir()) == [".html", ".json"]
    read = from_json(page.with_suffix(".json").read_text("utf-8"))
    assert read.file_list is None is saved.file_list
    assert read.notes == ("The list of files could not be saved: No space left on device.",)
