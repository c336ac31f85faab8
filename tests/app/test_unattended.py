"""Submissions that a policy approves: exactly what it allows, or nothing; a report of every run."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from custodyworld import ctx, opened_home, person
from faces import FILES, ONE, CommandLine, after, history, path_of, receipts, uploaded
from test_statuses import Scene, checked_out, held_by_bob, in_the_cloud, many_deleted, no_store, submitted
from world import World

from chorus_gui.app.status import Status
from chorus_gui.app.unattended import quiet, run_report
from chorus_gui.app.unattended.notifying import mail_lines
from chorus_gui.app.unattended.run_report import Kept, Result, RunReport, begun, from_json, reports_folder, saved
from chorus_gui.core.custody.cloud_journal import guard
from chorus_gui.core.custody.state import State, look
from chorus_gui.core.journal.store import Journal
from chorus_gui.core.model import Tally


@pytest.fixture
def scene(world: World, monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(world, monkeypatch)


def policy(world: World, text: str = "") -> str:
    """Write the policy; the words of the command."""
    file = world.base / "nightly.toml"
    file.write_text(f'name = "Nightly"\n{text}', "utf-8")
    return f"submit --policy {file.as_posix()}"


def report() -> RunReport:
    """The last run's report; its page is there, and agrees."""
    file, found = saved()[0]
    page = file.with_suffix(".html").read_text("utf-8")
    assert found.headline in page
    assert "://" not in page
    return found


def sides(world: World) -> tuple[list[Any], list[str], list[tuple[str, str]]]:
    """What the journal, the store and the history have."""
    store = sorted(str(path) for path in world.central.rglob("*") if path.is_file())
    return (world.rows(), store, history(world)) if world.journal.exists() else ([], store, [])


# --- the policy approves, or nothing happens ------------------------------------------------------------------------------


def test_what_the_policy_allows_is_submitted_and_the_receipt_names_it(cli: CommandLine, world: World) -> None:
    ended = cli.run(policy(world))
    assert ended.status == Status.DONE, ended
    assert uploaded(world) == FILES
    made = receipts()[-1]
    assert made.policy is not None
    assert made.policy.name == "Nightly"
    assert len(made.policy.sha256) == 64
    page = max(reports_folder().parent.glob("*.html")).read_text("utf-8")
    assert f"policy “Nightly”, SHA-256 {made.policy.sha256}" in page
    told = report()
    assert (told.result, told.status, told.policy) == (Result.DONE, 0, made.policy)
    assert sum(tally.files for tally in told.uploaded.values()) == FILES
    assert told.steps[0].receipt


def test_a_person_who_approves_is_not_a_policy(cli: CommandLine, world: World) -> None:
    assert cli.run("submit --yes").status == Status.DONE
    assert receipts()[-1].policy is None
    assert saved() == []


RULES = {
    "a patient gone": ("", "patients_gone deletions.files"),
    "a patient gone, deletions allowed": ("[deletions]\nfiles = 9", "patients_gone"),
    "deletions above the share": ("patients_gone = 1\n[deletions]\npercent = 10", "deletions.percent"),
    "too much to upload": ("patients_gone = 1\n[deletions]\nfiles = 9\n[upload]\nbytes = 5", "upload.bytes"),
    "unmatched": ("patients_gone = 1\nunmatched = 0\n[deletions]\nfiles = 9", "unmatched"),
    "one modality of two": ("patients_gone = 1\n[deletions]\nfiles = 9\n[upload.Waveforms]\nfiles = 0", "upload.Waveforms.files"),
}


@pytest.mark.parametrize("rule", RULES)
def test_a_broken_rule_stops_everything(rule: str, cli: CommandLine, world: World, scene: Scene) -> None:
    in_the_cloud(scene)
    assert cli.run("file upload").status == Status.DONE
    (world.site / "1002/Images/b.dcm").unlink()
    (world.site / "1002/Images").rmdir()
    (world.site / "1002").rmdir()
    world.put("1001/Waveforms/new.dat", "new wave")
    world.put("1001/notes.txt", "a note")
    before, left = sides(world), len(receipts())
    text, broken = RULES[rule]
    ended = cli.run(policy(world, text))
    assert ended.status == Status.DECISION, ended
    assert "The policy “Nightly” does not approve this submission" in ended.said
    assert sides(world) == before
    assert len(receipts()) == left
    told = report()
    assert sorted({found.rule for found in told.rules}) == sorted(broken.split())
    assert (told.result, told.status) == (Result.STOPPED, 4)
    for found in told.rules:
        assert found.found > found.allowed
        assert 1 <= len(found.examples) <= 3
        assert found.text in ended.said
        assert all(example in ended.said for example in found.examples)
    with opened_home(world.config) as home:
        assert look(home).state is State.FREE
    assert cli.run("submit --yes").status == Status.DONE, "a person can still approve it"


def test_a_first_submission_that_is_refused_leaves_no_journal(cli: CommandLine, world: World) -> None:
    assert cli.run(policy(world, "[upload]\nfiles = 1")).status == Status.DECISION
    assert not world.journal.exists()
    assert report().rules[0].examples


def test_only_the_modalities_of_the_policy_are_submitted(cli: CommandLine, world: World) -> None:
    assert cli.run(policy(world, 'modalities = ["OMOP"]')).status == Status.DONE
    assert {row.modality for row in world.rows()} == {"OMOP"}
    assert cli.run(policy(world, 'modalities = ["OMOP", "Images"]') + " --modalities images").status == Status.DONE
    assert {row.modality for row in world.rows()} == {"OMOP", "Images"}


def test_pending_files_count_as_files_to_upload(cli: CommandLine, world: World) -> None:
    world.run("record", version="v1")
    ended = cli.run(policy(world, "[upload]\nfiles = 3"))
    assert ended.status == Status.DECISION, ended
    assert len(report().rules[0].examples) == 3
    assert cli.run(policy(world, "pending = false\n[upload]\nfiles = 3")).status == Status.DONE
    assert uploaded(world) == 0
    assert cli.run(policy(world, "[upload]\nfiles = 4")).status == Status.DONE
    assert uploaded(world) == FILES


def test_many_deletions_need_the_rule_and_the_permission(cli: CommandLine, world: World, scene: Scene) -> None:
    many_deleted(scene)
    patients = "patients_gone = 1\n"
    assert cli.run(policy(world, f"{patients}[deletions]\npercent = 100")).status == Status.DECISION
    assert [rule.rule for rule in report().rules] == ["deletions.allow_many"]
    assert cli.run(policy(world, f"{patients}[deletions]\nallow_many = true")).status == Status.DECISION
    assert [rule.rule for rule in report().rules] == ["deletions.files"]
    assert cli.run(policy(world, f"{patients}[deletions]\npercent = 100\nallow_many = true")).status == Status.DONE
    assert len(world.rows(active=True)) == FILES


@pytest.mark.parametrize("option", ["--allow-deletions", "--modalities Images"])
def test_no_option_widens_the_policy(option: str, cli: CommandLine, world: World) -> None:
    ended = cli.run(policy(world, 'modalities = ["OMOP"]') + f" {option}")
    assert ended.status == Status.NOT_STARTED, ended
    assert not world.journal.exists()
    assert report().result is Result.FAILED


def test_a_policy_and_yes_exclude_each_other(cli: CommandLine, world: World) -> None:
    assert cli.run(policy(world) + " --yes").status == Status.NOT_STARTED


# --- afterwards -----------------------------------------------------------------------------------------------------------


def test_it_verifies_and_repairs(cli: CommandLine, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        after(patch, "head", 1, lambda: spoil(world))
        ended = cli.run(policy(world, '[after]\nverify = true\nrepair = true\nreread = "100 %"') + " --version v1")
    assert ended.status == Status.DONE, ended
    told = report()
    assert [step.name for step in told.steps] == ["submit", "verify", "repair"]
    assert (told.verified, told.differing, told.repaired, told.result) == (FILES, 1, 1, Result.DONE)
    assert uploaded(world) == FILES


def test_a_night_without_changes_repairs_what_it_finds_missing(cli: CommandLine, world: World, scene: Scene) -> None:
    """Somebody emptied the store: the check of the last version finds that, although no file was uploaded, so no version is verified."""
    submitted(scene)
    (version,) = {row.version for row in world.active().values()}
    shutil.rmtree(world.central / version)
    assert cli.run(policy(world, "[after]\nverify = true")).status == Status.FAULTY
    assert (report().result, report().differing) == (Result.FAILED, FILES)
    assert cli.run("file repair --all").status == Status.DONE
    shutil.rmtree(world.central / version)
    ended = cli.run(policy(world, "[after]\nverify = true\nrepair = true"))
    assert ended.status == Status.DONE, ended
    assert (report().result, report().repaired) == (Result.DONE, FILES)


def test_without_repair_what_differs_is_reported(cli: CommandLine, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        after(patch, "head", 1, lambda: spoil(world))
        ended = cli.run(policy(world, '[after]\nverify = true\nreread = "100 %"') + " --version v1")
    assert ended.status == Status.FAULTY, ended
    assert (report().result, report().differing, report().repaired) == (Result.FAILED, 1, 0)


def spoil(world: World) -> None:
    """Somebody changes a blob of the version that was just uploaded, once."""
    place, done = path_of(world), world.base / "spoiled"
    if place.exists() and (world.central / "v1" / "journal.db").exists() and not done.exists():
        done.touch()
        place.write_bytes(b"spoil")


def test_nothing_to_do_is_not_verified(cli: CommandLine, world: World, scene: Scene) -> None:
    submitted(scene)
    assert cli.run(policy(world, "[after]\nverify = true")).status == Status.DONE
    assert [step.name for step in report().steps] == ["submit"]
    assert report().headline == "Done: nothing to upload"


@pytest.mark.parametrize(("check_in", "state"), [("true", State.FREE), ("false", State.MINE)])
def test_it_checks_in_what_a_person_had_checked_out(check_in: str, state: State, cli: CommandLine, world: World, scene: Scene) -> None:
    checked_out(scene)
    assert cli.run(policy(world, f"[after]\ncheck_in = {check_in}")).status == Status.DONE
    with opened_home(world.config) as home:
        assert look(home).state is state


# --- quiet hours ----------------------------------------------------------------------------------------------------------

NOON, NIGHT = datetime(2026, 11, 25, 12), datetime(2026, 11, 25, 22)  # noqa: DTZ001 - local


def test_nothing_is_scanned_in_the_quiet_hours(cli: CommandLine, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quiet, "now", lambda: NOON)
    ended = cli.run(policy(world, 'quiet_hours = "workdays 8-18"'))
    assert ended.status == Status.DECISION, ended
    assert "It is Wednesday 12:00. The policy allows nothing in its quiet hours: workdays 8-18." in ended.said
    assert "Scanning" not in ended.said + ended.out
    assert "Start it at another time" in ended.said
    assert "Check the changes" not in ended.said, "there is no review"
    assert [rule.rule for rule in report().rules] == ["quiet_hours"]
    assert not world.journal.exists()
    monkeypatch.setattr(quiet, "now", lambda: NIGHT)
    assert cli.run(policy(world, 'quiet_hours = "workdays 8-18"')).status == Status.DONE


def test_a_run_stops_when_the_quiet_hours_begin_and_the_next_one_continues(
    cli: CommandLine, world: World, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_the_cloud(scene)
    for number in range(20):
        world.put(f"1003/Images/{number}.dcm", f"image {number}")
    times = [NIGHT]
    monkeypatch.setattr(quiet, "now", lambda: times[-1])
    monkeypatch.setattr(quiet, "LOOK_S", 0.01)
    words = policy(world, 'quiet_hours = "workdays 8-18"\n[after]\nverify = true')
    world.file.write_text(world.file.read_text("utf-8").replace("num_threads = 4", "num_threads = 1"), "utf-8")
    with monkeypatch.context() as patch:

        def slowly() -> None:
            times.append(NOON)
            time.sleep(0.1)

        after(patch, "put", 2, slowly)
        ended = cli.run(words)
    assert ended.status == Status.STOPPED, ended
    assert "The quiet hours of the policy “Nightly” began: workdays 8-18." in ended.said
    assert 0 < uploaded(world) < FILES + 20
    told = report()
    assert (told.result, [step.name for step in told.steps]) == (Result.STOPPED, ["submit"])
    with opened_home(world.config) as home:
        assert look(home).state is State.FREE
    times.append(NIGHT)
    assert cli.run(words).status == Status.DONE
    assert uploaded(world) == FILES + 20


# --- one run at a time ----------------------------------------------------------------------------------------------------


def test_a_second_run_says_who_runs_since_when(cli: CommandLine, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chorus_gui.app.run.WAIT_FOR_JOURNAL", 0.1)
    with Journal.open(world.journal, create=True, purpose="submit"):
        ended = cli.run(policy(world))
    assert ended.status == Status.STOPPED, ended
    assert re.search(r"in use by \S+ on \S+ \(CHoRUS Upload, process \d+, since 20\d\d-[^)]*: submit\)", ended.said)
    told = report()
    assert told.result is Result.STOPPED
    assert told.error is not None
    assert f"process {os.getpid()}" in told.error.what


def test_a_second_run_on_a_cloud_journal_says_so_too(cli: CommandLine, world: World, scene: Scene) -> None:
    in_the_cloud(scene)
    scene.patch.setattr("chorus_gui.app.run.WAIT_FOR_JOURNAL", 0.1)
    with opened_home(world.config) as home, guard(home, "submit", 0, ctx()):
        ended = cli.run(policy(world))
    assert ended.status == Status.STOPPED, ended
    assert re.search(r"is using the journal .*since 20\d\d-.*: submit", ended.said)


def test_a_colleague_who_has_the_journal_is_named(cli: CommandLine, world: World, scene: Scene) -> None:
    held_by_bob(scene)
    ended = cli.run(policy(world))
    assert ended.status == Status.DECISION, ended
    assert re.search(r"locked by Bob on PC-2 since 20\d\d-", ended.said)
    assert report().error is not None
    with opened_home(world.config) as home:
        assert look(home).state is State.LOCKED
    assert person  # the colleague is another person


# --- reports --------------------------------------------------------------------------------------------------------------


def test_a_run_that_cannot_start_has_a_report(cli: CommandLine, world: World, scene: Scene) -> None:
    words = policy(world)
    no_store(scene)
    assert cli.run(words).status == Status.STOPPED
    assert report().status == 3
    world.file.unlink()
    assert cli.run(words).status == Status.NOT_STARTED
    told = report()
    assert (told.result, told.status) == (Result.FAILED, 2)
    assert told.error is not None
    assert "There is no configuration file" in told.error.what


def test_a_faulty_policy_has_a_report_that_names_its_keys(cli: CommandLine, world: World) -> None:
    assert cli.run(policy(world, "nonsense = 1")).status == Status.NOT_STARTED
    told = report()
    assert told.error is not None
    assert "nonsense (line 2)" in told.error.what


def test_a_crash_has_a_report(cli: CommandLine, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*given: object, **options: object) -> None:
        raise RuntimeError("https://x.blob/y?sv=1&sig=verysecret%3D")

    monkeypatch.setattr("chorus_gui.core.submission.submit.submit", broken)
    assert cli.run(policy(world)).status == Status.CRASHED
    assert report().status == 70
    monkeypatch.setattr("chorus_gui.app.unattended.running.submit_by_policy", broken)
    assert cli.run(policy(world)).status == Status.CRASHED
    assert report().status == 70
    assert all("verysecret" not in file.read_text("utf-8") for file in reports_folder().iterdir())


def test_the_result_as_json_is_the_report(cli: CommandLine, world: World) -> None:
    ended = cli.run(policy(world) + " --json")
    assert from_json(ended.out) == report()
    assert json.loads(ended.out)["schema"] == run_report.SCHEMA


@pytest.mark.skipif(os.name != "posix", reason="on Windows the folder's rights decide")
def test_reports_are_private(cli: CommandLine, world: World) -> None:
    cli.run(policy(world))
    assert stat.S_IMODE(reports_folder().stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in reports_folder().iterdir()} == {0o600}
    assert {file.suffix for file in reports_folder().iterdir()} == {".json", ".html"}


def test_old_reports_are_removed(cli: CommandLine, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_report, "KEPT", 2)
    for _ in range(4):
        cli.run(policy(world))
    assert len(saved()) == 2
    assert len(list(reports_folder().iterdir())) == 4


def test_a_run_that_was_killed_is_accounted_for(cli: CommandLine, world: World) -> None:
    kept = Kept.begin(run_report.begun(world.file, Path("nightly.toml")))
    assert run_report.close_unfinished(str(world.file)) == [], "it runs"
    assert saved()[0][1].result is Result.RUNNING
    kept.close()  # the system does this when the process ends
    assert run_report.close_unfinished("/another/config.toml") == []
    ended = cli.run(policy(world))
    assert ended.status == Status.DONE
    assert "An earlier run did not end." in ended.said
    told = from_json(kept.file.read_text("utf-8"))
    assert (told.result, told.status, told.headline) == (Result.STOPPED, 130, "Did not end")
    assert told.error is not None
    assert ONE  # the site is that of the other tests


def test_a_disk_that_takes_no_report_does_not_stop_the_run(cli: CommandLine, world: World) -> None:
    reports_folder().parent.mkdir(parents=True)
    reports_folder().write_bytes(b"")
    assert cli.run(policy(world)).status == Status.DONE
    assert uploaded(world) == FILES


def test_logs_rotate(cli: CommandLine, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from chorus_gui.core.folders import log_folder

    monkeypatch.setattr("chorus_gui.app.logs._BYTES", 300)
    for _ in range(12):
        cli.run("submit --policy nothing.toml")
    assert 2 <= len(list(log_folder().glob("chorus-upload.log*"))) <= 6


@pytest.mark.parametrize("kind", run_report.COLUMNS)
@pytest.mark.parametrize("sent", [0, 3])
def test_the_headline_and_the_mail_say_everything_that_was_recorded(kind: str, sent: int) -> None:
    """Deletions above all: a run that marked files as deleted was not a run with nothing to do."""
    started = replace(begun(Path("/c.toml"), Path("/p.toml")), changes={"Images": {kind: 1200}, "OMOP": {kind: 34}})
    ended = (replace(started, uploaded={"Images": Tally(sent, 30)}) if sent else started).ended(Status.DONE)
    words: dict[str, str] = dict(zip(run_report.COLUMNS, run_report.HEADINGS, strict=True))
    word = words[kind]
    assert f"Recorded:      1,234 {word}" in mail_lines(ended, ())
    if kind == "deleted":
        assert "1,234 files marked as deleted" in ended.headline
    if not sent:
        assert ended.headline.startswith("Done: ")
        assert "1,234" in ended.headline
    assert replace(started, changes={}).ended(Status.DONE).headline == "Done: nothing to upload"


@pytest.mark.parametrize("sent", [True, False])
def test_patient_data_that_must_stay_stops_a_run(cli: CommandLine, world: World, sent: bool) -> None:
    """What a check calls a leak is never sent because nobody looked: a policy can allow a leak in a file that is not sent, and accepts none."""
    path = "1001/Images/dicom_unprocessed/7.dcm" if sent else "crosswalk.csv"
    world.put(path, "CANARY42")
    ended = cli.run(policy(world))
    assert ended.status == Status.DECISION, ended
    assert not world.journal.exists()
    [rule] = report().rules
    assert (rule.rule, rule.found, rule.allowed) == ("leaks", 1, 0)
    assert rule.examples == (f"P1: {path}",)
    assert "chorus-upload readiness" in rule.text
    assert "crosswalk" not in "\n".join(mail_lines(report(), ()))
    allowed = cli.run(policy(world, "leaks = 1"))
    assert allowed.status == (Status.DECISION if sent else Status.DONE), allowed
    if sent:
        assert not world.journal.exists()
        assert cli.run("leak accept --rule P1 --reason 'a phantom'").status == Status.DONE
        assert cli.run(policy(world)).status == Status.DONE
    assert uploaded(world)
