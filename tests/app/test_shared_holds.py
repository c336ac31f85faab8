"""A hold applies to everybody: two computers, each with its own data folder and local journal, take turns on one cloud journal."""

from __future__ import annotations

import json
import shlex
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from faces import ONE
from hospital import BLOB, LIST, TABLE, TWO, WAVE, WHY, Computer, Hospital
from world import World

from chorus_gui.app import holds as holding
from chorus_gui.app.folders import receipts_folder
from chorus_gui.app.status import Status
from chorus_gui.app.workspace import Workspace
from chorus_gui.cli.main import main
from chorus_gui.core.custody.beside import LARGEST
from chorus_gui.core.errors import AccessError, StoreUnavailableError
from chorus_gui.core.job import JobContext
from chorus_gui.core.review.hold_list import HoldList
from chorus_gui.core.review.values import Hold
from chorus_gui.core.storage.local import LocalStore


@pytest.fixture
def offline(hospital: Hospital, monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Whether the place of the side files can be reached."""
    away = [False]
    for method in ("put", "head", "read"):
        real = getattr(LocalStore, method)

        def call(store: LocalStore, path: str, *given: Any, real: Any = real, **options: Any) -> Any:
            if away[0] and ".chorus/" in path:
                raise StoreUnavailableError("No connection to the share.", remedy="Check the network.")
            return real(store, path, *given, **options)

        monkeypatch.setattr(LocalStore, method, call)
    return lambda on: away.__setitem__(0, on)


# --- the rule --------------------------------------------------------------------------------------------------------------


def test_what_anna_holds_back_bernd_does_not_send(hospital: Hospital):
    hospital.anna.run(f"hold add --file {ONE} --reason '{WHY}'")
    said = hospital.bernd.run("submit --yes")
    assert hospital.in_store() == {TABLE, WAVE, TWO}
    assert "1 change is held back" in said.out
    (hold,) = hospital.bernd.json("hold list")["holds"]
    assert (hold["by"], hold["reason"], hold["path"], hold["modality"]) == ("anna", WHY, ONE, "Images")
    shown = hospital.bernd.run("hold list").out
    assert "anna" in shown
    assert WHY in shown
    hospital.bernd.run(f"hold release --file {ONE} --reason 'Given again'")
    hospital.anna.run("submit --yes")
    assert hospital.in_store() == {TABLE, WAVE, TWO, ONE}
    (record,) = hospital.anna.json("hold list --all")["holds"]
    assert [(release["by"], release["reason"]) for release in record["releases"]] == [("bernd", "Given again")]


def test_a_patient_is_held_back_with_everything_that_comes_later(hospital: Hospital):
    hospital.anna.run("hold add --patient 1001 --reason x")
    hospital.bernd.run("submit --yes")
    assert hospital.in_store() == {TABLE, TWO}
    (hospital.site / "1001/Images/new.dcm").write_text("new")
    hospital.bernd.run("submit --yes")
    assert hospital.in_store() == {TABLE, TWO}
    hospital.bernd.run("hold release --patient 1001")
    hospital.anna.run("submit --yes")
    assert hospital.in_store() == {TABLE, TWO, ONE, WAVE, "1001/Images/new.dcm"}


def test_no_check_out_is_needed(hospital: Hospital):
    hospital.anna.run("journal checkout")
    hospital.bernd.run(f"hold add --file {ONE} --reason x")
    hospital.anna.run("submit --yes")
    assert ONE not in hospital.in_store()
    assert hospital.share.head("journal.db.locked") is not None


def test_paths_keep_the_characters_of_the_site(hospital: Hospital):
    odd = "1001/Images/ä %20 +&#'.dcm"
    (hospital.site / odd).write_text("odd")
    hospital.anna.run(f"hold add --file {shlex.quote(odd)} --reason x")
    hospital.bernd.run("submit --yes")
    assert odd not in hospital.in_store()
    assert hospital.anna.held() == {odd}


@pytest.mark.parametrize("command", ["submit --yes", "file upload", "file list", "file list --output-type list --output-file out.txt"])
def test_a_pending_file_that_is_held_back_is_not_sent_by_any_way(
    command: str, hospital: Hospital, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.chdir(tmp_path)
    hospital.anna.run("journal update")
    hospital.bernd.run(f"hold add --file {ONE} --reason '{WHY}'")
    hospital.bernd.run("hold add --patient 1002 --reason other")
    said = hospital.anna.run(command)
    if command == "file list":
        assert set(said.out.split()) == {TABLE, WAVE}
    elif command.startswith("file list"):
        assert set((tmp_path / "out.txt").read_text().split()) == {TABLE, WAVE}
    else:
        assert hospital.in_store() == {TABLE, WAVE}
    for told in ("bernd", WHY, "other", ONE, TWO):
        assert told in said.said + said.out


def test_a_repair_does_not_send_what_is_held_back(hospital: Hospital):
    hospital.anna.run("submit --yes --version v1")
    for path in ("v1/1001/Images/a.dcm", "v1/1002/Images/b.dcm"):
        hospital.central.delete(path)
    hospital.bernd.run(f"hold add --file {ONE} --reason '{WHY}'")
    said = hospital.anna.run("file repair", Status.FAULTY)
    assert hospital.central.head("v1/1001/Images/a.dcm") is None
    assert hospital.central.head("v1/1002/Images/b.dcm") is not None
    assert WHY in said.said + said.out


def test_a_script_stops_before_a_page_with_a_file_that_is_held_back(hospital: Hospital, tmp_path: Path):
    hospital.anna.run("journal update")
    (tmp_path / "page.txt").write_text(f"{ONE}\n{TWO}\n")
    ready = f"script ready --file-list {(tmp_path / 'page.txt').as_posix()}"
    hospital.anna.run(ready)
    hospital.bernd.run(f"hold add --file {ONE} --reason '{WHY}'")
    said = hospital.anna.run(ready, Status.FAULTY)
    assert f"“{ONE}” is held back by bernd: {WHY}" in said.said


def test_a_script_and_its_preview_leave_out_what_is_held_back(hospital: Hospital, tmp_path: Path):
    from chorus_gui.app import scripts
    from chorus_gui.app.requests import ScriptRequest

    hospital.anna.run("journal update")
    hospital.anna.run(f"hold add --file {ONE} --reason '{WHY}'")
    text = hospital.anna.world.file.read_text("utf-8")
    central = f'path = "{(tmp_path / "central").as_posix()}"'
    azure = 'path = "az://box/sites/one"\n[central_path.auth]\nazure_account_name = "account"\nauth_mode = "sas"\nazure_sas_token = "sv=1&sig=x"'
    hospital.anna.world.file.write_text(text.replace(central, azure), "utf-8")
    wanted = ScriptRequest(tmp_path / "send.sh", tool="azcopy", target="posix")
    hospital.anna.sit_down()
    config = hospital.anna.world.config
    assert scripts.preview(config, wanted, JobContext()).files == 3
    with Workspace(config) as workspace:
        done = scripts.write(workspace, JobContext(), wanted, local=True)
    assert done.ok, done.outcome
    assert done.value.files == 3
    assert any(WHY in note for note in done.notes)
    lists = "".join(file.read_text() for file in (tmp_path / "send.files").iterdir())
    assert ONE not in lists + wanted.file.read_text("utf-8")
    assert TWO in lists


def test_a_file_that_is_held_back_after_the_approval_is_not_sent_and_is_reported(hospital: Hospital, monkeypatch: pytest.MonkeyPatch):
    """The list is read again immediately before the first file is sent."""
    import chorus_gui.app.submit as submitting

    real = submitting._approve

    def approve(*given: Any, **options: Any) -> Any:
        approval = real(*given, **options)
        store = hospital.share
        store.put(LIST, HoldList().adding([Hold("Images", ONE, "", WHY, "bernd", 5)]).dump())
        return approval

    monkeypatch.setattr(submitting, "_approve", approve)
    said = hospital.anna.run("submit --yes")
    assert hospital.in_store() == {TABLE, WAVE, TWO}
    assert f"bernd holds it back ({WHY}): “{ONE}”" in said.said
    receipt = json.loads(max(receipts_folder().glob("*.json")).read_text("utf-8"))
    assert [(held["path"], held["reason"]) for held in receipt["held_back"]] == [(ONE, WHY)]


def test_a_file_that_is_held_back_while_files_are_sent_is_not_sent(hospital: Hospital, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("chorus_gui.core.submission.held.AGAIN_S", 0.0)
    monkeypatch.setattr("chorus_gui.core.submission.held.HeldNow.__init__.__defaults__", (0.0,))
    text = hospital.anna.world.file.read_text("utf-8").replace("num_threads = 4", "num_threads = 1")
    hospital.anna.world.file.write_text(text, "utf-8")
    for number in range(60):
        (hospital.site / f"1002/Images/{number:03d}.dcm").write_text(f"{number}")
    real = LocalStore.put
    count = [0]

    def put(store: LocalStore, path: str, *given: Any, **options: Any) -> Any:
        done = real(store, path, *given, **options)
        if "/1002/" in path:
            count[0] += 1
            if count[0] == 3:
                real(hospital.share, LIST, HoldList().adding([Hold("", "", "1002", WHY, "bernd", 5)]).dump())
        return done

    monkeypatch.setattr(LocalStore, "put", put)
    said = hospital.anna.run("submit --yes")
    sent = {path for path in hospital.in_store() if path.startswith("1002/")}
    assert 3 <= len(sent) < 60
    assert f"bernd holds them back ({WHY})" in said.said
    assert hospital.anna.run("submit --yes")
    assert {path for path in hospital.in_store() if path.startswith("1002/")} == sent


# --- at the same moment, and offline ----------------------------------------------------------------------------------------


def test_holds_at_the_same_moment_all_arrive(hospital: Hospital):
    def hold(computer: Computer, numbers: range) -> None:
        with Workspace(computer.world.config) as workspace:
            for number in numbers:
                holding.add(workspace, JobContext(), holding.About((f"1001/Images/{computer.name} {number}",)), "x")

    hospital.anna.sit_down()
    threads = [threading.Thread(target=hold, args=(computer, range(4))) for computer in (hospital.anna, hospital.bernd)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {hold.path for hold in hospital.shared().active()} == {
        f"1001/Images/{name} {number}" for name in ("anna", "bernd") for number in range(4)
    }


def test_offline_a_hold_is_kept_here_and_shared_on_the_next_contact(hospital: Hospital, offline: Callable[[bool], None]):
    hospital.bernd.run("hold list")
    offline(True)
    said = hospital.anna.run(f"hold add --file {ONE} --reason '{WHY}'", Status.STOPPED)
    assert "Not shared yet: 1 change of the held-back list is only on this computer" in said.said
    assert "No connection to the share" in said.said
    assert hospital.anna.json("hold list", Status.STOPPED)["unshared"] == 1
    offline(False)
    assert hospital.share.head(LIST) is None
    assert "now shared" in hospital.anna.run("hold list").said
    hospital.bernd.run("submit --yes")
    assert ONE not in hospital.in_store()


def test_an_old_offline_copy_neither_brings_back_nor_releases(hospital: Hospital, offline: Callable[[bool], None]):
    hospital.anna.run(f"hold add --file {ONE} --reason x")
    hospital.bernd.run("hold list")
    hospital.anna.run(f"hold release --file {ONE}")
    hospital.anna.run(f"hold add --file {TWO} --reason y")
    offline(True)
    hospital.bernd.run(f"hold add --file {WAVE} --reason z", Status.STOPPED)  # bernd still knows the old hold
    offline(False)
    assert hospital.bernd.held() == hospital.anna.held() == {TWO, WAVE}


def test_known_holds_stay_in_force_while_the_list_cannot_be_reached(hospital: Hospital, offline: Callable[[bool], None]):
    hospital.anna.run(f"hold add --file {ONE} --reason x")
    hospital.bernd.run("hold list")
    offline(True)
    said = hospital.bernd.run("submit --yes")
    assert ONE not in hospital.in_store()
    assert "stays held back" in said.said


def test_a_computer_that_never_read_the_list_sends_nothing_while_it_cannot_be_read(hospital: Hospital, offline: Callable[[bool], None]):
    hospital.anna.run(f"hold add --file {ONE} --reason x")
    offline(True)
    said = hospital.bernd.run("submit --yes", 2)
    assert hospital.in_store() == set()
    assert "what colleagues hold back" in said.said


# --- what can be in the place of the list ------------------------------------------------------------------------------------

BAD = {
    "garbage": b"\0\xff\x00garbage",
    "empty": b"",
    "other JSON": b'{"a": 1}',
    "a newer version": b'{"format": "chorus-holds", "version": 99, "holds": []}',
    "deep": b"[" * 200_000,
    "huge": b"x" * (LARGEST + 1),
}


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_list_releases_nothing_and_is_not_overwritten(bad: str, hospital: Hospital):
    hospital.anna.run(f"hold add --file {ONE} --reason x")
    hospital.bernd.run("hold list")
    hospital.share.put(LIST, BAD[bad])
    assert hospital.bernd.run("hold list", Status.FAULTY).said
    said = hospital.bernd.run("submit --yes")
    assert ONE not in hospital.in_store()
    assert "stays held back" in said.said
    hospital.anna.run(f"hold add --file {TWO} --reason y", Status.STOPPED)
    assert b"".join(hospital.share.read(LIST)) == BAD[bad]
    hospital.share.delete(LIST)
    assert hospital.anna.held() == hospital.bernd.held() == {ONE, TWO}


def test_a_list_that_was_deleted_releases_nothing_and_is_written_again(hospital: Hospital):
    hospital.anna.run(f"hold add --file {ONE} --reason x")
    hospital.bernd.run("hold list")
    hospital.share.delete(LIST)
    said = hospital.bernd.run("submit --yes")
    assert ONE not in hospital.in_store()
    assert "was missing" in said.said
    assert [hold.path for hold in hospital.shared().active()] == [ONE]


def test_unknown_fields_of_a_newer_program_are_kept(hospital: Hospital):
    hospital.anna.run(f"hold add --file {ONE} --reason x")
    value = json.loads(b"".join(hospital.share.read(LIST)))
    value["holds"][0]["ticket"] = 4711
    value["owner"] = {"name": "central team"}
    hospital.share.put(LIST, json.dumps(value).encode())
    hospital.bernd.run(f"hold add --file {TWO} --reason y")
    hospital.anna.run(f"hold release --file {ONE}")
    now = json.loads(b"".join(hospital.share.read(LIST)))
    assert now["owner"] == {"name": "central team"}
    assert [entry["ticket"] for entry in now["holds"] if entry["path"] == ONE] == [4711]


# --- the first start, and a journal on this computer ---------------------------------------------------------------------------


def test_holds_of_an_earlier_version_are_copied_to_the_list_once(hospital: Hospital):
    hospital.anna.sit_down()
    with Workspace(hospital.anna.world.config).holds() as kept:
        file = kept.path
    with closing(sqlite3.connect(file)) as db:
        db.execute("DROP TABLE list")
        db.execute("INSERT INTO hold VALUES ('Images', ?, '', ?, 'anna', 5)", (ONE, WHY))
        db.execute("INSERT INTO hold VALUES ('', '', '1002', 'y', 'anna', 6)")
        db.commit()
    said = hospital.anna.run("journal update --dry-run")
    assert "2 entries of this computer were copied" in said.said
    assert "Everybody who works on the journal sees them" in said.said
    assert "do not know what is held back" in said.said
    assert "copied" not in hospital.anna.run("journal update --dry-run").said
    assert hospital.bernd.held() == {ONE, "1002"}
    hospital.bernd.run("submit --yes")
    assert hospital.in_store() == {TABLE, WAVE}


def test_holds_of_a_local_journal_are_next_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    world = World(tmp_path / "alone")
    world.put(ONE, "image")
    world.put(TWO, "other")

    def run(words: str) -> int:
        return main(["-c", str(world.file), *shlex.split(words)])

    monkeypatch.setenv("CHORUS_UPLOAD_HOME", str(tmp_path / "one"))
    assert run(f"hold add --file {ONE} --reason x") == 0
    assert (tmp_path / "alone" / "journal.db.chorus" / "holds.json").is_file()
    monkeypatch.setenv("CHORUS_UPLOAD_HOME", str(tmp_path / "another user"))
    assert run("submit --yes") == 0
    assert {row.path for row in world.rows()} == {TWO}


def test_what_an_older_tool_sent_although_it_is_held_back_is_said(hospital: Hospital):
    """It checks the journal out and in, and marks the file as uploaded."""
    hospital.anna.run("journal update")
    hospital.anna.run(f"hold add --file {ONE} --reason '{WHY}'")
    hospital.anna.run("hold add --patient 1002 --reason y")
    file = hospital.anna.world.base / "older tool.db"
    file.write_bytes(b"".join(hospital.share.read(BLOB)))
    with closing(sqlite3.connect(file)) as db:
        db.execute("INSERT INTO uploads (UPLOAD_DT) VALUES ('20991231235959')")
        db.execute("UPDATE journal_v2 SET UPLOAD_DT_ID = (SELECT max(id) FROM uploads)")
        db.commit()
    hospital.share.put(BLOB, file.read_bytes())
    said = hospital.bernd.run("journal update --dry-run")
    assert f"2 files were uploaded although they are held back: “{ONE}” and 1 more" in said.said
    assert "do not know what is held back" in said.said
    assert (hospital.share.head(LIST) or 0) != 0


# --- what a person can get wrong ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("hold add --reason x", "Add --file or --patient"),
        (f"hold add --file {ONE} --reason ' '", "The reason is missing"),
        ("hold add --file nowhere/x --reason x", "Add --modality"),
        (f"hold add --modality Sounds --file {ONE} --reason x", "no modality “Sounds”"),
        (f"hold add --file /{ONE} --reason x", "not the path of a file"),
        (f"hold add --file ./{ONE} --reason x", "not the path of a file"),
        (f"hold add --file ../{ONE} --reason x", "not the path of a file"),
        (f"hold add --file '{ONE.replace('/', chr(92))}' --reason x", "with “/” between folders"),
        ("hold add --file 1001/Images/ --reason x", "not the path of a file"),
        ("hold add --patient a/b --reason x", "not a patient ID"),
        (f"hold release --file {ONE}", "Nothing of this is held back"),
        ("hold release --patient 7", "Nothing of this is held back"),
    ],
)
def test_what_cannot_be_meant_is_refused(words: str, told: str, hospital: Hospital):
    said = hospital.anna.run(words, Status.NOT_STARTED)
    assert told in said.said
    assert hospital.share.head(LIST) is None


def test_a_path_that_is_not_on_the_site_is_pointed_out(hospital: Hospital):
    said = hospital.anna.run("hold add --file 1001/Images/typo.dcm --reason x")
    assert "could not be found on the site" in said.said


def test_a_patient_of_whom_nothing_is_known_is_pointed_out(hospital: Hospital):
    """A mistyped ID protects nobody; one that the journal or the review has, in any spelling, is not pointed out."""
    hospital.anna.run("submit --yes")
    said = hospital.anna.run("hold add --patient 77 --patient 1001 --patient 78 --reason x")
    assert "has no file of patient 77 and 1 more yet. Check the ID." in said.said
    assert "Check the ID" not in hospital.anna.run("hold add --patient 001001 --reason x").said
    again = hospital.anna.run("hold add --patient 001001 --reason x")
    assert "held back already, for the same reason" in again.out
    assert "hold added" not in again.out


def test_the_release_of_a_renamed_patient_says_which_id_to_release(hospital: Hospital):
    hospital.anna.run("submit --yes")
    hospital.anna.run("hold add --patient 1001 --reason x")
    (hospital.site / "1001").rename(hospital.site / "1009")
    said = hospital.anna.run("hold release --patient 1009", Status.NOT_STARTED).said
    assert "a patient whose folder was renamed with the earlier ID" in said


def test_what_is_not_text_is_refused(hospital: Hospital):
    """It could never be released, and every colleague's list would have an entry that nobody understands."""
    for words in ("hold add --patient \udcff1 --reason x", f"hold add --modality Images --file {ONE}\udcff --reason x"):
        assert "not readable as text" in hospital.anna.run(words, Status.NOT_STARTED).said
    assert hospital.share.head(LIST) is None


def test_a_refused_token_is_said_and_the_hold_is_kept(hospital: Hospital, monkeypatch: pytest.MonkeyPatch):
    real = LocalStore.put

    def put(store: LocalStore, path: str, *given: Any, **options: Any) -> Any:
        if ".chorus/" in path:
            raise AccessError("The SAS token does not allow writing.", remedy="Ask for another one.")
        return real(store, path, *given, **options)

    monkeypatch.setattr(LocalStore, "put", put)
    said = hospital.anna.run(f"hold add --file {ONE} --reason x", Status.STOPPED)
    assert "does not allow writing" in said.said
    hospital.anna.run("submit --yes")
    assert ONE not in hospital.in_store()
