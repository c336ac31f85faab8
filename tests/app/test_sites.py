"""The list of the sites that were open on this computer, and what is known of each without the network."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from faces import FILES, fill
from world import World

from chorus_gui.app import site_list
from chorus_gui.app.shared import shared_folder
from chorus_gui.app.site_list import MOST, Listed
from chorus_gui.app.sites import Ending, Keeping, Look, Presence, Runs, SiteFacts, look_at
from chorus_gui.app.unattended import run_report
from chorus_gui.cli.main import main
from chorus_gui.core.config.load import load, load_without_credentials
from chorus_gui.core.custody.cloud_journal import memory_file
from chorus_gui.core.custody.local_state import LocalState, Phase, save
from chorus_gui.core.errors import Cancelled
from chorus_gui.core.job import JobContext
from chorus_gui.core.review.staging import staging_path

AZURE = """\
[configuration]
supported_modalities = "Images"
[journal.source]
path = "az://chorus/journal.db"
[journal.source.auth]
azure_account_name = "{account}"
auth_mode = "sas"
[journal.local]
path = "journal.db"
[central_path]
path = "az://chorus/data"
[central_path.auth]
azure_account_name = "{account}"
auth_mode = "sas"
[site_path.default]
path = "{site}"
"""


@pytest.fixture
def world(tmp_path: Path) -> World:
    return fill(World(tmp_path / "north"))


def run(world: World, *words: str) -> int:
    return main(["-c", str(world.file), *words])


def looked(world: World) -> SiteFacts:
    return look_at(Listed(world.file), Runs())


# --- the list -----------------------------------------------------------------------------------------------------------


def test_what_was_opened_last_comes_first_and_a_removed_entry_returns_to_its_place(tmp_path: Path) -> None:
    files = [tmp_path / name / "config.toml" for name in ("a", "b", "c")]
    listed = (Listed(files[0], 1),)
    for at, file in enumerate(files):
        listed = site_list.opened(listed, file, at + 1)
    assert len(listed) == len(files)
    assert [one.file for one in listed] == files[::-1]
    fewer = site_list.without(listed, files[1])
    assert [one.file for one in fewer] == [files[2], files[0]]
    removed = next(one for one in listed if one.file == files[1])
    assert site_list.again(fewer, removed) == listed
    assert site_list.again(listed, removed) == listed, "it is there once"
    assert [one.file for one in site_list.opened(listed, files[0], 9)] == [files[0], files[2], files[1]]
    many = tuple(Listed(tmp_path / f"{n}.toml", MOST - n) for n in range(MOST))
    assert len(site_list.opened(many, files[0], 100)) == MOST


def test_the_list_is_kept_and_a_damaged_one_stops_nothing(tmp_path: Path) -> None:
    file = tmp_path / "new folder" / "sites.toml"
    assert site_list.read(file) is None
    listed = (Listed(tmp_path / "ä “x”" / "config.toml", 5), Listed(tmp_path / "config.toml"))
    site_list.write(file, listed)
    assert site_list.read(file) == listed
    for damaged in ("site = 1\n", '[[site]]\nopened_us = "x"\n', "[[site", '[[site]]\nfile = ""\n'):
        file.write_text(damaged, "utf-8")
        assert not site_list.read(file), damaged


def test_each_site_has_a_name_of_its_own(tmp_path: Path) -> None:
    files = [tmp_path / part for part in ("2025/north/config.toml", "2026/north/config.toml", "south/config.toml", "south/trial.toml")]
    assert list(site_list.names(files).values()) == ["2025 / north", "2026 / north", "south", "south / trial.toml"]
    assert site_list.names([Path("/config.toml")]) == {Path("/config.toml"): Path("/").anchor.rstrip("\\/") or "/"}


# --- one site -----------------------------------------------------------------------------------------------------------


def test_a_site_that_did_nothing_yet(world: World) -> None:
    found = looked(world)
    assert (found.presence, found.trouble, found.last) == (Presence.FOUND, "", None)
    assert found.folders == (world.site.as_posix(),)
    assert (found.keeping, found.since) == (Keeping.LOCAL, None)


def test_a_file_that_is_gone_and_one_with_problems(world: World, tmp_path: Path) -> None:
    gone = look_at(Listed(tmp_path / "nowhere" / "config.toml"), Runs())
    assert gone.presence is Presence.MISSING
    assert "was not found" in gone.trouble
    world.file.write_text("[configuration]\nno_such_key = 1\n", "utf-8")
    assert looked(world).presence is Presence.FAULTY
    world.file.write_text("no TOML", "utf-8")
    assert looked(world).presence is Presence.FAULTY


def test_the_last_run_is_what_happened_last(world: World) -> None:
    world.review()
    last = looked(world).last
    assert last is not None
    assert (last.ending, last.what, last.result) == (Ending.WAITING, "Scan", f"{FILES} changes to review")
    assert run(world, "submit", "--yes") == 0
    last = looked(world).last
    assert last is not None
    assert (last.ending, last.what, last.result) == (Ending.FINISHED, f"Submission of {FILES} files", "Complete")
    assert " on " in last.by
    next(world.central.rglob("a.dcm")).unlink()
    assert run(world, "file", "verify") == 1
    last = looked(world).last
    assert last is not None
    assert (last.ending, last.what, last.result) == (Ending.FAILED, f"Verification of {FILES} files", "1 file differs")
    world.review()
    last = looked(world).last
    assert last is not None
    assert (last.ending, last.what, last.result) == (Ending.FINISHED, "Scan", "No changes")


def test_a_run_that_was_killed_and_an_unattended_one(world: World) -> None:
    assert run(world, "submit", "--yes") == 0
    with world.open() as journal:
        journal.begin_command("file upload", "", common="", src_paths={}, dest="x")
    with closing(sqlite3.connect(world.journal)) as db, db:  # the clock of the journal has seconds
        db.execute(
            "UPDATE command_history_v2 SET DATETIME = '2099-01-01 00:00:00 UTC' WHERE COMMAND_ID = (SELECT max(COMMAND_ID) FROM command_history_v2)"
        )
    with world.open() as journal:  # another command since does not end it
        journal.begin_command("journal update", "", common="", src_paths={}, dest="x")
    last = looked(world).last
    assert last is not None
    assert (last.ending, last.result) == (Ending.UNFINISHED, "Not finished")
    report = replace(run_report.begun(world.file, world.file), started_us=1 << 62)
    kept = run_report.Kept.begin(report)
    last = looked(world).last
    assert last is not None
    assert (last.ending, last.what) == (Ending.UNFINISHED, "Unattended run")
    kept.write(replace(report, result=run_report.Result.STOPPED, headline="Stopped by the policy: 1 rule is not met", ended_us=1 << 62))
    kept.close()
    last = looked(world).last
    assert last is not None
    assert (last.ending, last.result) == (Ending.STOPPED, "Stopped by the policy: 1 rule is not met")


def test_nothing_of_one_site_is_shown_of_another(world: World, tmp_path: Path) -> None:
    other = fill(World(tmp_path / "south"))
    assert run(world, "submit", "--yes") == 0
    world.review()
    kept = run_report.Kept.begin(run_report.begun(world.file, world.file))
    kept.close()
    assert looked(other).last is None
    moved = tmp_path / "other.toml"
    moved.write_text(world.file.read_text("utf-8").replace('"journal.db"', f'"{world.journal.as_posix()}"'), "utf-8")
    found = look_at(Listed(moved), Runs())
    assert found.last is not None, "the same journal, the same site"
    moved.write_text(moved.read_text("utf-8").replace(world.site.as_posix(), other.site.as_posix()), "utf-8")
    found = look_at(Listed(moved), Runs())
    assert found.last is not None
    assert found.last.what != "Scan", "a review of another site's folder"


@pytest.mark.parametrize(
    ("phase", "keeping"),
    [
        (Phase.FREE, Keeping.NOT_HERE),
        (Phase.HELD, Keeping.HERE),
        (Phase.TAKING, Keeping.BETWEEN),
        (Phase.RETURNING, Keeping.BETWEEN),
    ],
)
def test_where_the_journal_is_without_the_network(tmp_path: Path, phase: Phase, keeping: Keeping) -> None:
    file = azure(tmp_path, "one")
    place = load_without_credentials(file).journal.cloud
    assert place is not None
    save(memory_file(place), LocalState(phase, since="2026-11-27T15:01:07Z"))
    found = look_at(Listed(file), Runs())
    assert found.keeping is keeping
    assert (found.since is None) is (phase is Phase.FREE)
    assert look_at(Listed(azure(tmp_path, "two")), Runs()).keeping is Keeping.NOT_HERE, "a container of the same name in another account"


def azure(tmp_path: Path, account: str) -> Path:
    folder = tmp_path / account
    folder.mkdir(exist_ok=True)
    (folder / "config.toml").write_text(AZURE.format(account=account, site=folder.as_posix()), "utf-8")
    return folder / "config.toml"


def test_no_credential_store_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A keyring can ask for its password, for each site of the list."""
    monkeypatch.setattr("chorus_gui.core.config.keychain.read", lambda _: pytest.fail("asked"))
    found = look_at(Listed(azure(tmp_path, "one")), Runs())
    assert (found.presence, found.trouble) == (Presence.FOUND, "")
    file = azure(tmp_path, "none")
    file.write_text(file.read_text("utf-8").replace('azure_account_name = "none"\n', ""), "utf-8")
    assert look_at(Listed(file), Runs()).presence is Presence.FAULTY, "without an account, nothing can find it"


def test_receipts_of_colleagues_are_kept_for_each_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Containers of two accounts can have the same name, and the receipts of one must not be shown of the other."""
    monkeypatch.setenv("AZURE_SAS_TOKEN", "sv=2024-11-04&sp=racwdl&sr=c&sig=x")
    one, two = (load(azure(tmp_path, name)) for name in ("one", "two"))
    assert one.journal.cloud is not None
    assert two.journal.cloud is not None
    assert one.journal.cloud.text == two.journal.cloud.text
    assert shared_folder(one) != shared_folder(two)


# --- all sites ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def silence() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def test_a_drive_that_does_not_answer_holds_up_nobody(tmp_path: Path, silence: threading.Event) -> None:
    dead, good = Listed(tmp_path / "dead.toml", 1), Listed(tmp_path / "good.toml", 2)
    asked: list[Listed] = []

    def read(one: Listed, runs: Runs) -> SiteFacts:
        del runs
        asked.append(one)
        if one == dead:
            silence.wait()
        return SiteFacts(one, Presence.FOUND)

    look, ctx = Look((dead, good), patience_s=600, read=read), JobContext()
    assert [one.listed for one in look.more(ctx)] == [good], "others do not wait for it"
    look._until = 0.0
    (silent,) = look.more(ctx)
    assert (silent.listed, silent.presence) == (dead, Presence.SILENT)
    assert look.more(ctx) == ()
    again = Look((replace(dead, opened_us=9),), patience_s=0, read=read)
    assert [one.presence for one in again.more(ctx)] == [Presence.SILENT]
    assert asked.count(dead) == 1, "a second look has no second thread"
    last = Look((replace(dead, opened_us=9),), patience_s=0, read=read)
    last._until = float("inf")
    silence.set()
    assert last.more(ctx) == (SiteFacts(replace(dead, opened_us=9), Presence.FOUND),)


def test_a_look_can_be_cancelled(tmp_path: Path, silence: threading.Event) -> None:
    look, ctx = (
        Look((Listed(tmp_path / "cancelled.toml"),), patience_s=600, read=lambda one, _: SiteFacts(one, folders=(str(silence.wait()),))),
        JobContext(),
    )
    ctx.cancel()
    with pytest.raises(Cancelled):
        look.more(ctx)


# --- the command --------------------------------------------------------------------------------------------------------


def test_the_command_lists_them(world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sites"]) == 0
    assert "No site yet." in capsys.readouterr().out
    assert run(world, "submit", "--yes") == 0
    gone = tmp_path / "gone" / "config.toml"
    site_list.write(site_list.list_file(), (Listed(world.file, 1_700_000_000_000_000), Listed(gone)))
    capsys.readouterr()
    assert main(["sites"]) == 0
    out = capsys.readouterr().out
    assert f"Submission of {FILES} files" in out
    assert "not found" in out
    assert str(world.file) in out
    assert main(["sites", "--json"]) == 0
    one, two = json.loads(capsys.readouterr().out)
    assert (one["site"], one["config"], one["presence"], one["opened_us"]) == ("north", str(world.file), "found", 1_700_000_000_000_000)
    assert one["last_run"]["ending"] == "finished"
    assert one["last_run"]["result"] == "Complete"
    assert one["journal"] == "local"
    assert (two["site"], two["presence"], two["opened_us"], two["last_run"], two["journal"]) == ("gone", "missing", None, None, "unknown")


def test_a_scan_that_runs_now_does_not_hold_up_the_list(world: World) -> None:
    """The list said that the drive does not answer."""
    world.review()
    with closing(sqlite3.connect(staging_path(world.journal), isolation_level=None)) as db:
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        db.execute("BEGIN EXCLUSIVE")
        began = threading.Event()
        answer: list[SiteFacts] = []

        def look() -> None:
            began.set()
            answer.append(looked(world))

        thread = threading.Thread(target=look)
        thread.start()
        thread.join(20)
        assert not thread.is_alive(), "it waits for the scan"
    (found,) = answer
    assert (found.presence, found.last) == (Presence.FOUND, None)


def test_an_error_of_the_program_about_one_site_does_not_hide_the_others(tmp_path: Path) -> None:
    bad, good = Listed(tmp_path / "bad.toml", 1), Listed(tmp_path / "good.toml", 2)

    def read(one: Listed, runs: Runs) -> SiteFacts:
        del runs
        if one == bad:
            raise RuntimeError("not expected")
        return SiteFacts(one, Presence.FOUND)

    found = Look((bad, good), read=read).all(JobContext())
    assert {one.name: facts.presence for one, facts in found.items()} == {"bad.toml": Presence.FAULTY, "good.toml": Presence.FOUND}
