"""A version has a completion marker when, and only when, every approved file of it is confirmed in the central store."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import pytest
from faces import CommandLine, fill
from markerworld import check_markers, marker, root_of
from memorystore import MemoryStore
from reading import before_reading
from world import World

from chorus_gui.app.folders import receipts_folder
from chorus_gui.app.receipts import from_json as receipt_of
from chorus_gui.app.receipts import headline
from chorus_gui.core.errors import SourceUnreadableError
from chorus_gui.core.job import JobContext
from chorus_gui.core.journal.store import Journal
from chorus_gui.core.journal.v1 import V1
from chorus_gui.core.model import Action, Entry
from chorus_gui.core.review.holds import Holds, hold_back
from chorus_gui.core.review.staging import Staging, staging_path
from chorus_gui.core.storage.base import Store
from chorus_gui.core.submission import completion
from chorus_gui.core.submission.marker import Root, from_json, to_json
from chorus_gui.core.submission.work import Selection


@pytest.fixture
def world(tmp_path: Path) -> World:
    return fill(World(tmp_path))


@pytest.fixture
def line(world: World, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(world, capsys)


def test_a_submission_that_is_complete_says_so(world: World) -> None:
    world.run(version="v1")
    said = marker(world, "v1")
    assert said is not None
    assert check_markers(world) == ["v1"]
    assert said["schema"] == "chorus-upload-submission/1"
    assert said["verified"] == {"transport": 4, "properties": 0, "reread": 0}
    assert (said["held_back"], said["other_files"], said["journal"]["name"]) == (0, 0, "journal.db")
    assert said["completed"].endswith("Z")
    assert "user" not in said


def test_what_is_held_back_is_counted_and_does_not_prevent_completion(world: World) -> None:
    world.review()
    with Staging.open(staging_path(world.journal)) as staging, Holds(world.config.journal.local) as holds:
        (one,) = staging.db.execute("SELECT id FROM change WHERE path = '1001/Images/a.dcm'").fetchone()
        hold_back(staging, holds, [one], "no consent yet")
    world.run(version="v1")
    said = marker(world, "v1")
    assert said is not None
    assert (said["held_back"], said["files"]) == (1, 3)
    check_markers(world)


def test_a_later_version_leaves_the_marker_of_an_earlier_one(world: World) -> None:
    world.run(version="v1")
    before = marker(world, "v1")
    world.put("1001/Images/a.dcm", "another image")
    (world.site / "OMOP/person.csv").unlink()
    world.run(version="v2")
    assert marker(world, "v1") == before
    said = marker(world, "v2")
    assert said is not None
    assert said["files"] == 1


@pytest.mark.parametrize("how", ["--max-num-files 3", "--modalities Images"])
def test_a_partial_upload_is_not_complete_until_the_rest_arrives(line: CommandLine, world: World, how: str) -> None:
    world.run("record", version="v1")
    line.run(f"file upload {how}")
    assert marker(world, "v1") is None
    line.run("file upload")
    assert check_markers(world) == ["v1"]
    said = marker(world, "v1")
    assert said is not None
    assert said["verified"]["transport"] < 4, "what an earlier run sent is checked again"
    assert said["held_back"] == 0


@pytest.mark.parametrize("recorded", [False, True], ids=["submit", "record, then upload"])
def test_an_approved_file_that_failed_keeps_the_version_incomplete(world: World, monkeypatch, recorded: bool) -> None:
    from chorus_gui.core.errors import SourceUnreadableError

    damaged = {"1001/Images/a.dcm"}

    def fail(path: str) -> None:
        if path in damaged:
            raise SourceUnreadableError("The disk has a damaged sector.", remedy="Copy the file again.")

    before_reading(monkeypatch, fail)
    if recorded:
        world.run("record", version="v1")
        world.upload()
    else:
        world.run(version="v1")
    assert len([row for row in world.rows(active=True) if row.uploaded]) == 3
    assert marker(world, "v1") is None
    damaged.clear()
    world.upload(Selection("v1"))
    assert marker(world, "v1") is None, "it is approved for this version, and not uploaded"
    world.run(version="v1")
    said = marker(world, "v1")
    assert said is not None
    assert said["files"] == 4
    check_markers(world)


def test_the_marker_is_gone_before_an_amendment_changes_anything(world: World, monkeypatch) -> None:
    from chorus_gui.core.storage.local import LocalStore

    world.run(version="v1")
    there: list[bool] = []
    real = LocalStore.put

    def put(self, path, data, **options):
        if path.startswith("v1/") and not path.endswith("submission.json"):
            there.append((world.central / "v1/submission.json").exists())
        return real(self, path, data, **options)

    monkeypatch.setattr(LocalStore, "put", put)
    commit = Journal.commit

    def committed(self, entries):
        there.append((world.central / "v1/submission.json").exists())
        return commit(self, entries)

    monkeypatch.setattr(Journal, "commit", committed)
    before = marker(world, "v1")
    world.put("1001/Images/a.dcm", "another image")
    world.put("1003/Images/c.dcm", "a third one")
    world.run(version="v1")
    assert there
    assert not any(there)
    after = marker(world, "v1")
    assert before is not None
    assert after is not None
    assert after["files"] == 5
    assert after["root_sha256"] != before["root_sha256"]
    check_markers(world)


def test_recording_into_a_complete_version_removes_the_marker(world: World) -> None:
    world.run(version="v1")
    world.put("1003/Images/c.dcm", "a third one")
    world.run("record", version="v1")
    assert marker(world, "v1") is None
    world.upload()
    assert check_markers(world) == ["v1"]


def test_recording_into_a_complete_version_needs_the_store(line: CommandLine, world: World) -> None:
    world.run(version="v1")
    world.put("1003/Images/c.dcm", "a third one")
    world.central.rename(world.base / "unplugged")
    ended = line.run("journal update --version v1")
    assert ended.status == 3, ended
    assert "as a new version" in ended.said
    (world.base / "unplugged").rename(world.central)
    assert check_markers(world) == ["v1"]
    assert line.run("journal update --version v2").status == 0


def test_files_that_another_tool_sent_are_read_where_the_store_has_no_md5(line: CommandLine, world: World) -> None:
    world.run("record", version="v1")
    paths = sorted(row.path for row in world.rows())
    for row in world.rows():
        target = world.central / world.config.store_path(row.modality, row.path, row.version)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((world.site / row.path).read_bytes())
    for number, path in enumerate(paths):
        assert marker(world, "v1") is None
        assert line.run(f"file mark_as_uploaded_local --upload-datetime now --file {path}").status == 0, number
    said = marker(world, "v1")
    assert said is not None
    assert said["verified"] == {"transport": 0, "properties": 0, "reread": 4}
    check_markers(world)


def test_a_lot_is_read_only_for_a_version_that_is_named(line: CommandLine, world: World, monkeypatch) -> None:
    world.run("record", version="v1")
    line.run("file upload --max-num-files 3")
    monkeypatch.setattr(completion, "READ_UNASKED", 5)
    ended = line.run("file upload")
    assert marker(world, "v1") is None
    assert "chorus-upload file upload --version v1" in ended.said
    line.run("file upload --version v1")
    assert check_markers(world) == ["v1"]


def test_a_version_whose_file_is_damaged_gets_no_marker(line: CommandLine, world: World) -> None:
    world.run(version="v1")
    (world.central / "v1/submission.json").unlink()
    (world.central / "v1/1001/Images/a.dcm").write_bytes(b"imagE")
    ended = line.run("file upload --version v1")
    assert marker(world, "v1") is None
    assert "Version v1 is not marked as complete. 1 of its files is not confirmed" in ended.said


@pytest.mark.parametrize("command", ["submit --yes", "file upload"])
def test_no_run_that_finds_files_missing_says_that_it_is_complete(line: CommandLine, world: World, command: str) -> None:
    """Somebody emptied the store: the run says so, with its status and on its receipt."""
    world.run(version="v1")
    shutil.rmtree(world.central / "v1")
    ended = line.run(command)
    assert ended.status == 1
    assert "To upload them again, run “chorus-upload file repair”." in ended.said
    (made,) = [read for path in receipts_folder().glob("*.json") if (read := receipt_of(path.read_text("utf-8"))).wrong_files]
    assert not made.clean
    assert headline(made) == "4 files missing or different in the central store"
    assert any("file repair" in note for note in made.notes)


def test_all_wrong_files_are_counted_although_only_the_first_are_kept(
    line: CommandLine, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.run(version="v1")
    shutil.rmtree(world.central / "v1")
    monkeypatch.setattr(completion, "MOST_WRONG", 1)
    assert "4 files were missing or different in the central store." in line.run("file upload").said


def test_a_store_with_md5_is_not_read(tmp_path: Path) -> None:
    world = fill(World(tmp_path))
    store = MemoryStore()
    world.store = store
    world.run("record", version="v1")
    world.upload(Selection(max_files=3))
    world.upload()
    text = b"".join(store.read("v1/submission.json")).decode()
    said = json.loads(text)
    assert said["verified"] == {"transport": 1, "properties": 3, "reread": 0}
    assert from_json(text).total.files == 4
    assert to_json(from_json(text)) == text


def test_a_file_of_that_name_that_is_not_a_marker_is_never_touched(line: CommandLine, world: World) -> None:
    world.run("record", version="v1")
    own = world.central / "v1/submission.json"
    own.parent.mkdir()
    own.write_text('{"study": "ours"}', "utf-8")
    assert "has the place of its completion marker" in line.run("file upload").said
    world.put("OMOP/person.csv", "2")
    line.run("submit --yes --version v1")
    assert own.read_text("utf-8") == '{"study": "ours"}'


@pytest.mark.parametrize(
    "words", ["remote delete --yes v1/1001/Images/a.dcm", "remote upload --overwrite {site}/1001/Images/a.dcm v1/note.txt"]
)
def test_changing_a_version_by_hand_removes_its_marker(line: CommandLine, world: World, words: str) -> None:
    world.run(version="v1")
    assert line.run(words.format(site=world.site.as_posix())).status == 0
    assert marker(world, "v1") is None


def test_deleting_a_whole_folder_by_hand(line: CommandLine, world: World) -> None:
    world.run(version="v1")
    assert line.run("remote delete --yes -r v1").status == 0
    assert not [file for file in (world.central / "v1").rglob("*") if file.is_file()]


def test_nobody_writes_a_marker_by_hand(line: CommandLine, world: World) -> None:
    world.run(version="v1")
    before = marker(world, "v1")
    (world.base / "fake.json").write_text("{}", "utf-8")
    ended = line.run(f"remote upload --overwrite {(world.base / 'fake.json').as_posix()} v1/submission.json")
    assert ended.status == 2
    assert marker(world, "v1") == before


def test_a_verification_that_fails_withdraws_the_marker_and_a_repair_writes_it_again(line: CommandLine, world: World) -> None:
    world.run(version="v1")
    world.put("OMOP/person.csv", "another person")
    world.run(version="v2")
    assert line.run("file verify --all").status == 0
    assert "submission.json" not in line.run("file verify --all --json").out, "it is not an unexplained file"
    assert check_markers(world) == ["v1", "v2"]
    (world.central / "v1/1001/Images/a.dcm").write_bytes(b"imagE")
    ended = line.run("file verify --all --reread")
    assert ended.status == 1
    assert marker(world, "v1") is None
    assert "Version v1 is no longer marked as complete." in ended.said
    assert check_markers(world) == ["v2"]
    assert line.run("file repair --version v1 --reread").status == 0
    assert check_markers(world) == ["v1", "v2"]


def test_a_repair_that_cannot_help_leaves_no_marker(line: CommandLine, world: World) -> None:
    world.run(version="v1")
    (world.central / "v1/1001/Images/a.dcm").unlink()
    world.put("1001/Images/a.dcm", "another image")
    line.run("file repair --version v1")
    assert marker(world, "v1") is None


def test_what_another_tool_did_since_makes_a_marker_outdated(line: CommandLine, world: World) -> None:
    def complete() -> list[str]:
        return [version["complete"] for version in json.loads(line.run("journal list --json").out)["versions"]]

    world.run(version="v1")
    assert set(complete()) == {"yes"}
    with world.open() as journal:
        journal.commit([Entry(Action.ENTER, modality="OMOP", path="OMOP/x.csv", size=1, mtime_us=1, md5="0" * 32, version="v1")])
    assert set(complete()) == {"outdated"}
    with world.open() as journal:
        (row,) = [row for row in journal.rows(active=True) if row.path == "OMOP/x.csv"]
        journal.commit([Entry(Action.UPLOADED, old_id=row.file_id, uploaded="29991231000000")])
    assert set(complete()) == {"outdated"}
    (world.central / "v1/submission.json").unlink()
    assert set(complete()) == {"no"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        "null",
        "5",
        '{"schema": "chorus-upload-submission/1"}',
        '{"schema": "chorus-upload-submission/1", "files": "x"}',
        "[" * 5000,
    ],
)
def test_a_damaged_marker_counts_as_none_or_outdated(line: CommandLine, world: World, text: str) -> None:
    world.run(version="v1")
    (world.central / "v1/submission.json").write_text(text, "utf-8")
    ended = line.run("journal list")
    assert ended.status == 0, ended


def test_a_marker_that_was_lost_is_written_by_the_next_run(world: World) -> None:
    world.run(version="v1")
    (world.central / "v1/submission.json").unlink()
    world.upload()
    assert check_markers(world) == ["v1"]


def test_a_journal_of_the_2024_tool_gets_markers_too(world: World) -> None:
    with closing(sqlite3.connect(world.journal)) as db:
        for statement in V1.statements:
            db.execute(statement)
        db.commit()
    world.run(version="v1")
    said = marker(world, "v1")
    assert said is not None
    assert (said["journal"]["format"], said["files"]) == (1, 4)
    assert said["journal"]["md5"] == hashlib.md5((world.central / "v1/journal.db").read_bytes()).hexdigest()


def test_the_script_in_the_documentation_reproduces_the_root_hash(tmp_path: Path) -> None:
    world = fill(World(tmp_path))
    world.put("1004/Images/é ü.dcm", "letters")
    world.store = store = MemoryStore()
    world.run(version="v1")
    text = (Path(__file__).parents[2] / "docs/formats.md").read_text("utf-8")
    (script,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (tmp_path / "check.py").write_text(script, "utf-8")
    (tmp_path / "submission.json").write_bytes(b"".join(store.read("v1/submission.json")))

    def says() -> str:
        listed = [
            {
                "name": f"prefix/{blob.path}",
                "properties": {
                    "contentLength": blob.size,
                    "contentSettings": {"contentMd5": base64.b64encode(bytes.fromhex(blob.md5 or "")).decode()},
                },
            }
            for blob in store.list("v1/")
        ]
        (tmp_path / "blobs.json").write_text(json.dumps(listed), "utf-8")
        arguments = [sys.executable, str(tmp_path / "check.py"), str(tmp_path / "submission.json"), str(tmp_path / "blobs.json")]
        return subprocess.run(arguments, capture_output=True, text=True, check=True).stdout.strip()

    assert says() == "complete"
    store.put("v1/1001/Images/a.dcm", b"other")
    assert says() == "differs"


def test_the_schema_in_the_documentation_has_every_key(world: World) -> None:
    world.run(version="v1")
    text = (Path(__file__).parents[2] / "docs/formats.md").read_text("utf-8")
    schema = next(json.loads(found) for found in re.findall(r"```json\n(.*?)```", text, re.DOTALL) if '"$schema"' in found)

    def agrees(value: object, rule: dict[str, Any]) -> None:
        if isinstance(value, dict):
            properties = rule.get("properties")
            if properties is not None:
                assert set(value) == set(properties) == set(rule["required"])
            for key, part in value.items():
                agrees(part, properties[key] if properties is not None else rule["additionalProperties"])
        kinds = {"string": str, "integer": int, "object": dict, "null": type(None)}
        types = rule["type"] if isinstance(rule["type"], list) else [rule["type"]]
        assert isinstance(value, tuple(kinds[name] for name in types))
        if "pattern" in rule:
            assert re.fullmatch(rule["pattern"], str(value))

    agrees(marker(world, "v1"), schema)


def test_the_order_of_the_files_does_not_matter() -> None:
    files = {"b": b"1", "a/b\nc": b"22", "é": b"", "a b": b"x", "a/b": b"yy", "A": b"zzz"}
    for names in (sorted(files), sorted(files, reverse=True)):
        root = Root()
        for name in names:
            assert root.add(name, len(files[name]), hashlib.md5(files[name]).hexdigest())
        assert not root.add("b", 1, "0" * 32)
        assert root.hexdigest() == root_of(files)
        root.close()


# --- killed at every step -------------------------------------------------------------------------------------------------

STEPS = ("put", "commit_blocks", "copy", "delete")


class Killer:
    """A store that ends the process just before or just after one of its writes, or a write into the journal."""

    def __init__(self, store, at: int) -> None:
        self._store = store
        self._left = at
        real = Journal.commit

        def commit(journal, entries):
            self._strike()
            real(journal, entries)
            self._strike()

        Journal.commit = commit  # type: ignore[method-assign]

    def __getattr__(self, name):
        real = getattr(self._store, name)
        if name not in STEPS:
            return real

        def call(*args, **options):
            self._strike()
            out = real(*args, **options)
            self._strike()
            return out

        return call

    def _strike(self) -> None:
        self._left -= 1
        if self._left < 0:
            os._exit(9)


def killed(world: World, at: int, work) -> bool:
    """Do the work in another process that dies at its ``at``-th step; False if it came to its end before."""
    child = os.fork()
    if child == 0:
        try:
            world.store = cast("Store", Killer(world.store, at))  # it passes on whatever it does not have itself
            work(world)
        except BaseException:
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, 9), code
    return code == 9


def amend(world: World) -> None:
    world.run(version="v1")


def renamed(world: World) -> None:
    world.run(version="v2")


def record_and_upload(world: World) -> None:
    world.run("record", version="v1")
    world.upload()


def repaired(world: World) -> None:
    from chorus_gui.app.repair import repair

    repair(world.workspace(), JobContext(), Selection("v1"))


def by_hand(world: World) -> None:
    from chorus_gui.app.remote import deletion

    with deletion(world.workspace(), JobContext(), ["v1/1001/Images/a.dcm"], recursive=False) as found:
        found.delete()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the process is copied")
@pytest.mark.parametrize("work", [amend, renamed, record_and_upload, repaired, by_hand])
def test_killed_at_each_step_there_is_never_a_false_marker(tmp_path: Path, work) -> None:
    at, struck = 0, True
    while struck:
        world = fill(World(tmp_path / str(at)))
        world.run(version="v1")
        assert check_markers(world) == ["v1"]
        if work is repaired:
            (world.central / "v1/1001/Images/a.dcm").unlink()
            (world.central / "v1/submission.json").unlink()  # as the verification that found it does
        else:
            world.put("1001/Images/a.dcm", "another image")
            world.put("1003/Images/c.dcm", "a third one")
            (world.site / "1002/Images/b.dcm").rename(world.site / "1002/Images/d.dcm")
        struck = killed(world, at, work)
        check_markers(world)
        if work is by_hand:
            assert not struck or marker(world, "v1") is None or (world.central / "v1/1001/Images/a.dcm").exists()
        else:
            work(world)  # the next run finishes it
            expected = ["v1", "v2"] if work is renamed else ["v1"]
            assert check_markers(world) == expected, at
        at += 1
        assert at < 80
    assert at > 1


def test_a_scan_of_a_site_that_is_gone_completes_no_version_that_lacks_approved_files(line: CommandLine, world: World) -> None:
    """The drive fails in the upload, then it is disconnected: the next submission finds nothing to do, because it can read nothing."""
    away = world.site.with_name("away")

    def fails(path: str) -> None:
        if path.endswith("a.dcm"):
            raise SourceUnreadableError("The drive cannot be read.")

    with pytest.MonkeyPatch.context() as patch:
        before_reading(patch, fails)
        assert line.run("submit --yes --version v1").status
    world.site.rename(away)
    assert marker(world, "v1") is None
    ended = line.run("submit --yes")
    assert ended.status == 1
    assert marker(world, "v1") is None, ended
    away.rename(world.site)
    assert line.run("submit --yes --version v1").status == 0
    assert check_markers(world) == ["v1"]
