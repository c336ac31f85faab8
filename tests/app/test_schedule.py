"""Schedules: the files for each scheduler, read by that scheduler's own parser where there is one; shown, asked, installed and removed."""

from __future__ import annotations

import io
import json
import os
import plistlib
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from xml.etree import ElementTree

import cmdworld
import pytest
from faces import CommandLine
from world import World

from chorus_gui.app.schedule import plan, schedulers, texts
from chorus_gui.app.schedule.plan import DAYS, Schedule, System, from_json, read_days, read_name, read_time
from chorus_gui.app.status import Status
from chorus_gui.core.errors import UsageError

ODD = "/data/a b & c/100% of “Ünï”/it's $HOME \\ ;x"
PLAIN = Schedule("nightly", ("/opt/chorus upload/chorus-upload",), "/data/config.toml", "/data/nightly.toml", "22:30")
SCHEDULES = {
    "plain": PLAIN,
    "odd": replace(PLAIN, program=(f"{ODD}/chorus-upload",), config=f"{ODD}/config.toml", policy=f"{ODD}/p 1.toml", home=f"{ODD}/home"),
    "workdays": replace(PLAIN, days=DAYS[:5], time="07:05"),
    "one day": replace(PLAIN, days=("sun",), name="a-1"),
    "quotes": replace(PLAIN, config='/data/"quoted"\\', policy="/x\\\\"),
}
parametrized = pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=list(SCHEDULES))


# --- words and times ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "days"),
    [("daily", DAYS), ("workdays", DAYS[:5]), ("fri,mon", ("mon", "fri")), ("Sunday, weekends", ("sat", "sun")), ("MON", ("mon",))],
)
def test_days_are_read(text: str, days: tuple[str, ...]) -> None:
    assert read_days(text) == days


@pytest.mark.parametrize("text", ["", "mon,,tue", "mo", "every", "sundae"])
def test_other_days_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not a day"):
        read_days(text)


@pytest.mark.parametrize(("text", "time"), [("22:30", "22:30"), ("7:05", "07:05"), (" 0:00 ", "00:00"), ("23.59", "23:59")])
def test_times_are_read(text: str, time: str) -> None:
    assert read_time(text) == time


@pytest.mark.parametrize("text", ["24:00", "22:60", "2230", "10 pm", "", "-1:00", "٢٢:٣٠"])
def test_other_times_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not a time of day"):
        read_time(text)


@pytest.mark.parametrize("text", ["", "-x", "x-", "A", "a b", "a/b", "..", "ä", "x" * 41, "a\n"])
def test_names_that_a_scheduler_could_misread_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not a valid name"):
        read_name(text)


def test_the_next_start_is_on_a_day_of_the_schedule() -> None:
    friday = datetime(2026, 11, 27, 22, 30, tzinfo=UTC)
    assert PLAIN.next_run(friday).day == 28
    assert PLAIN.next_run(friday.replace(hour=22, minute=29)).day == 27
    assert replace(PLAIN, days=DAYS[:5]).next_run(friday).weekday() == 0
    assert replace(PLAIN, days=("fri",)).next_run(friday).day == 4
    assert replace(PLAIN, days=DAYS[:5]).when == "Monday to Friday at 22:30"


@parametrized
def test_a_schedule_is_read_again(schedule: Schedule) -> None:
    assert from_json(schedule.to_json()) == schedule
    for damaged in (
        schedule.to_json()[:-1],
        "[]",
        "{}",
        schedule.to_json().replace(plan.SCHEMA, "x"),
        schedule.to_json().replace(":30", ":99"),
    ):
        assert damaged == schedule.to_json() or from_json(damaged) is None


# --- Windows --------------------------------------------------------------------------------------------------------------

NAMESPACE = {"t": "http://schemas.microsoft.com/windows/2004/02/mit/task"}


def task(schedule: Schedule, user: str = "HOSP\\änna & co") -> ElementTree.Element:
    return ElementTree.fromstring(texts.task_xml(schedule, user).encode("utf-16"))


@parametrized
def test_a_task_starts_exactly_the_command(schedule: Schedule) -> None:
    root = task(schedule)
    action = root.find("t:Actions/t:Exec", NAMESPACE)
    assert action is not None
    command, arguments = (action.findtext(f"t:{name}", namespaces=NAMESPACE) for name in ("Command", "Arguments"))
    assert (command, *cmdworld.arguments(arguments or "")) == schedule.command
    days = root.findall("t:Triggers/t:CalendarTrigger/t:ScheduleByWeek/t:DaysOfWeek/*", NAMESPACE)
    assert [day.tag.partition("}")[2][:3].lower() for day in days] == list(schedule.days)
    start = root.findtext("t:Triggers/t:CalendarTrigger/t:StartBoundary", namespaces=NAMESPACE) or ""
    assert start.endswith(f"T{schedule.time}:00")
    assert datetime.fromisoformat(start) < datetime.now()  # noqa: DTZ005 - a local time, as the Task Scheduler takes it
    assert texts.read_task(texts.task_xml(schedule, "x")) == schedule


# The order of the Task Scheduler schema 1.2 (MS-TSCH 2.5); what "all" allows in any order is compared as a set.
SEQUENCES = {
    "Task": ["RegistrationInfo", "Triggers", "Principals", "Settings", "Actions"],
    "CalendarTrigger": ["StartBoundary", "ScheduleByWeek"],
    "Exec": ["Command", "Arguments"],
}
ALL = {
    "RegistrationInfo": {"URI", "SecurityDescriptor", "Source", "Date", "Author", "Version", "Description", "Documentation"},
    "Principal": {"UserId", "LogonType", "GroupId", "DisplayName", "RunLevel", "ProcessTokenSidType", "RequiredPrivileges"},
    "Settings": {
        "AllowStartOnDemand", "RestartOnFailure", "MultipleInstancesPolicy", "DisallowStartIfOnBatteries", "StopIfGoingOnBatteries",
        "AllowHardTerminate", "StartWhenAvailable", "NetworkProfileName", "RunOnlyIfNetworkAvailable", "WakeToRun", "Enabled", "Hidden",
        "DeleteExpiredTaskAfter", "IdleSettings", "NetworkSettings", "ExecutionTimeLimit", "Priority", "RunOnlyIfIdle",
    },
    "ScheduleByWeek": {"WeeksInterval", "DaysOfWeek"},
}  # fmt: skip


@parametrized
@pytest.mark.parametrize("signed_in", [False, True])
def test_a_task_follows_the_schema(schedule: Schedule, signed_in: bool) -> None:
    root = task(replace(schedule, signed_in=signed_in))
    assert root.get("version") == "1.2"
    for element in root.iter():
        name = element.tag.partition("}")[2]
        children = [child.tag.partition("}")[2] for child in element]
        assert children == SEQUENCES.get(name, children), name
        assert set(children) <= ALL.get(name, set(children)), name
        assert len(set(children)) == len(children) or name == "DaysOfWeek"
    principal = root.find("t:Principals/t:Principal", NAMESPACE)
    assert principal is not None
    assert principal.findtext("t:UserId", namespaces=NAMESPACE) == "HOSP\\änna & co"
    assert principal.findtext("t:LogonType", namespaces=NAMESPACE) == ("InteractiveToken" if signed_in else "Password")
    assert principal.findtext("t:RunLevel", namespaces=NAMESPACE) == "LeastPrivilege"


@pytest.mark.parametrize("path", ["D:\\%TEMP%\\c.toml", "D:\\$(Arg0)\\c.toml"])
def test_what_the_task_scheduler_would_replace_is_refused(path: str) -> None:
    with pytest.raises(UsageError, match="would replace"):
        texts.task_xml(replace(PLAIN, config=path), "x")


# --- systemd --------------------------------------------------------------------------------------------------------------


def systemd_words(line: str) -> list[str]:
    """What systemd makes of a line with a command, by systemd.syntax(7) and systemd.service(5)."""
    words = re.findall(r'"((?:[^"\\]|\\.)*)"', line)
    assert " ".join(f'"{word}"' for word in words) == line
    plain = [re.sub(r"\\(.)", r"\1", word).replace("%%", "%") for word in words]
    return [plain[0], *(word.replace("$$", "$") for word in plain[1:])]


@parametrized
def test_a_service_starts_exactly_the_command(schedule: Schedule) -> None:
    lines = texts.service_unit(schedule).splitlines()
    [start] = [line.partition("=")[2] for line in lines if line.startswith("ExecStart=")]
    assert tuple(systemd_words(start)) == schedule.command
    assert texts.read_unit(texts.service_unit(schedule)) == schedule
    assert texts.read_unit(texts.timer_unit(schedule)) == schedule
    assert texts.read_unit(texts.timer_unit(schedule).replace("Made by", "By")) is None
    home = [line for line in lines if line.startswith("Environment=")]
    assert bool(home) == bool(schedule.home)


@parametrized
@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here")
def test_systemd_itself_accepts_the_units(schedule: Schedule, tmp_path: Path) -> None:
    program = tmp_path / "bin dir 100%" / "chorus-upload"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    made = replace(schedule, program=(str(program),))
    units = tmp_path / "chorus-upload-x.service", tmp_path / "chorus-upload-x.timer"
    units[0].write_text(texts.service_unit(made), "utf-8")
    units[1].write_text(texts.timer_unit(made), "utf-8")
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", *map(str, units)], capture_output=True, text=True, check=False)
    said = [line for line in done.stderr.splitlines() if str(tmp_path) in line or "chorus-upload-x" in line]
    assert done.returncode == 0, done.stderr
    assert said == []
    broken = tmp_path / "chorus-upload-y.service"
    broken.write_text(texts.service_unit(made).replace("Type=oneshot", "Type=sideways"), "utf-8")
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", str(broken)], capture_output=True, text=True, check=False)
    assert "sideways" in done.stderr, "the check can fail"
    calendar = next(line.partition("=")[2] for line in texts.timer_unit(made).splitlines() if line.startswith("OnCalendar="))
    subprocess.run(["systemd-analyze", "calendar", calendar], capture_output=True, check=True)


# --- launchd --------------------------------------------------------------------------------------------------------------


@parametrized
def test_a_job_starts_exactly_the_command(schedule: Schedule) -> None:
    job = plistlib.loads(texts.launchd_job(schedule))
    assert tuple(job["ProgramArguments"]) == schedule.command
    assert job["Label"] == f"org.chorus4ai.upload.{schedule.name}"
    every = job["StartCalendarInterval"]
    assert {(at["Hour"], at["Minute"]) for at in every} == {(schedule.hour, schedule.minute)}
    assert [at.get("Weekday") for at in every] == ([None] if schedule.days == DAYS else [DAYS.index(day) + 1 for day in schedule.days])
    assert texts.read_job(texts.launchd_job(schedule)) == schedule
    assert texts.read_job(plistlib.dumps({"Label": job["Label"]})) is None


# --- install, show, remove --------------------------------------------------------------------------------------------------


class Recorded:
    """Schedulers that take everything, and what was asked of them."""

    def __init__(self) -> None:
        self.ran: list[tuple[str, ...]] = []
        self.tasks: dict[str, str] = {}
        self.fails: set[str] = set()

    def ask(self, words: Sequence[str]) -> tuple[int, str]:
        self.ran.append(tuple(words))
        if self.fails & {*words}:
            return 1, "Access is denied."
        if words[0] == "schtasks":
            name = words[words.index("/TN") + 1] if "/TN" in words else ""
            match words[1]:
                case "/Create":
                    self.tasks[name] = Path(words[words.index("/XML") + 1]).read_text("utf-16")
                case "/Delete":
                    del self.tasks[name]
                case _ if name:
                    return (0, self.tasks[name]) if name in self.tasks else (1, "ERROR: The system cannot find the file specified.")
                case _:
                    return 0, f"<Tasks>{''.join(self.tasks.values())}<Task><Actions/></Task></Tasks>"
        return 0, ""


@pytest.fixture(params=list(System), ids=lambda system: system.value)
def system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Recorded:
    recorded = Recorded()
    monkeypatch.setattr(schedulers, "here", lambda: request.param)
    monkeypatch.setattr(schedulers, "ask_program", recorded.ask)
    monkeypatch.setattr(schedulers.subprocess, "call", lambda words: recorded.ask(words)[0])
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home of user")
    return recorded


@pytest.fixture
def policy(world: World) -> Path:
    file = world.base / "night & day 100%.toml"
    file.write_text("", "utf-8")
    return file


def left(tmp_path: Path) -> list[Path]:
    return sorted(file for name in ("xdg", "home of user") for file in (tmp_path / name).rglob("*") if file.is_file())


def test_a_schedule_is_shown_installed_listed_and_removed(
    system: Recorded, policy: Path, cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = f"schedule install --policy {shlex.quote(policy.as_posix())} --time 3:15 --days workdays"
    monkeypatch.setattr("sys.stdin", io.StringIO())
    asked = cli.run(words)
    assert asked.status == Status.DECISION
    assert policy.name in unescape(asked.out.replace("%%", "%"))
    assert left(tmp_path) == [], "nothing is written before the answer"
    assert all(words[1] == "/Query" for words in system.ran)
    done = cli.run(f"{words} --yes")
    assert done.status == Status.DONE, done
    listed = cli.run("schedule show")
    assert "nightly" in listed.out
    assert "Monday to Friday at 03:15" in listed.out
    assert cli.run("schedule remove").status == Status.DECISION
    assert "nightly" in cli.run("schedule show").out
    assert cli.run("schedule remove --yes").status == Status.DONE
    assert "There is no schedule." in cli.run("schedule show").out
    assert left(tmp_path) == []
    assert system.tasks == {}


def test_a_program_is_shown_as_it_is_typed(policy: Path, cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home of user")
    shown = cli.run(f"schedule install --policy {shlex.quote(policy.as_posix())} --print --system windows").out
    assert 'schtasks /Create /TN "\\CHoRUS Upload\\nightly" /XML' in shown
    job = next(
        line
        for line in cli.run(f"schedule install --policy {shlex.quote(policy.as_posix())} --print --system launchd").out.splitlines()
        if "bootstrap" in line
    )
    assert shlex.split(job)[-1].endswith("org.chorus4ai.upload.nightly.plist")


@pytest.mark.parametrize("name", [system.value for system in System])
def test_what_is_printed_can_be_copied_as_it_is(
    name: str, policy: Path, cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home of user")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    shown = cli.run(f"schedule install --policy {shlex.quote(policy.as_posix())} --print --system {name}").out.splitlines()
    files = [line[4:] for line in shown[: shown.index("Then these programs are run:")] if line.startswith("    ")]
    text = "\n".join(files)
    assert not [line for line in files if line.lstrip().startswith("\\t")]  # a tab is a tab; a Windows path may have “\\t”
    match name:
        case "launchd":
            schedule = texts.read_job(text.encode())
            assert schedule is not None
            assert plistlib.loads(text.encode()) == plistlib.loads(texts.launchd_job(schedule))
        case "windows":
            schedule = texts.read_task(text)
            assert schedule is not None
            assert ElementTree.fromstring(text.encode("utf-16")) is not None
        case _:
            assert files[0].startswith("# Made by")
            assert texts.read_unit(text) is not None


@pytest.mark.parametrize("home", ["a\nExecStart=/bin/evil", "relative/home"])
def test_the_home_of_a_schedule_is_a_whole_path_on_one_line(
    system: Recorded, home: str, policy: Path, cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHORUS_UPLOAD_HOME", home)
    ended = cli.run(f"schedule install --policy {shlex.quote(policy.as_posix())} --yes")
    if "\n" in home:
        assert ended.status == Status.NOT_STARTED
        assert system.tasks == {}
        assert left(tmp_path) == []
    else:
        assert ended.status == Status.DONE, ended
        monkeypatch.chdir("/")
        [found] = json.loads(cli.run("schedule show --json").out)
        assert Path(found["home"]) == tmp_path / home


def test_a_task_that_cannot_have_the_home_says_so(policy: Path, cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = f"schedule install --policy {shlex.quote(policy.as_posix())} --print --system windows"
    monkeypatch.setenv("CHORUS_UPLOAD_HOME", str(tmp_path / "own home"))
    said = cli.run(words).out
    assert "setx CHORUS_UPLOAD_HOME" in said
    assert "own home" in said[said.index("setx") :]
    monkeypatch.delenv("CHORUS_UPLOAD_HOME")
    assert "setx" not in cli.run(words).out


def test_only_what_this_program_made_is_touched(system: Recorded, policy: Path, cli: CommandLine, tmp_path: Path) -> None:
    words = f"schedule install --policy {shlex.quote(policy.as_posix())} --yes"
    assert cli.run(f"{words} --name other").status == Status.DONE
    for file in left(tmp_path):
        file.with_name(file.name.replace("other", "nightly")).write_text("somebody else's", "utf-8")
    system.tasks = {name.replace("other", "nightly"): "<Task/>" for name in system.tasks} | system.tasks
    before = {file: file.read_bytes() for file in left(tmp_path)}
    refused = cli.run(words)
    assert refused.status == Status.NOT_STARTED
    assert "Choose another --name" in refused.said
    assert cli.run("schedule remove --yes").status == Status.NOT_STARTED
    assert {file: file.read_bytes() for file in left(tmp_path)} == before
    assert cli.run("schedule remove --name other --yes").status == Status.DONE
    assert {file: content for file, content in before.items() if "other" not in file.name} == {f: f.read_bytes() for f in left(tmp_path)}


def test_a_scheduler_that_refuses_leaves_nothing(system: Recorded, policy: Path, cli: CommandLine, tmp_path: Path) -> None:
    system.fails = {"/Create", "enable", "bootstrap"}
    ended = cli.run(f"schedule install --policy {shlex.quote(policy.as_posix())} --yes --only-when-signed-in")
    assert ended.status == Status.NOT_STARTED
    assert "ended with exit status 1. Access is denied." in ended.said
    assert left(tmp_path) == []


def test_it_is_replaced_by_the_next_installation(system: Recorded, policy: Path, cli: CommandLine) -> None:
    words = f"schedule install --policy {shlex.quote(policy.as_posix())} --yes"
    assert cli.run(words).status == Status.DONE
    assert cli.run(f"{words} --time 4:44").status == Status.DONE
    assert cli.run("schedule show").out.count("nightly") == 1
    assert "04:44" in cli.run("schedule show").out


def test_a_faulty_policy_or_configuration_is_found_at_once(system: Recorded, policy: Path, cli: CommandLine, world: World) -> None:
    policy.write_text("nonsense = 1", "utf-8")
    assert cli.run(f"schedule install --policy {shlex.quote(policy.as_posix())} --yes").status == Status.NOT_STARTED
    world.file.write_text("x = 1", "utf-8")
    assert cli.run(f"schedule install --policy {shlex.quote(policy.as_posix())} --yes").status == Status.NOT_STARTED
    assert system.ran == []


def test_a_mail_server_that_nobody_confirmed_is_found_at_once(system: Recorded, policy: Path, cli: CommandLine, world: World) -> None:
    text = world.file.read_text("utf-8")
    world.file.write_text(f'{text}\n[report]\nmail_to = "a@b.example"\nsmtp_server = "mail.b.example"\n', "utf-8")
    words = f"schedule install --policy {shlex.quote(policy.as_posix())} --yes"
    refused = cli.run(words)
    assert refused.status == Status.DECISION
    assert "--trust-host mail.b.example" in refused.said
    assert cli.run(f"{words} --trust-host mail.b.example").status == Status.DONE


def test_a_purge_names_the_schedules_that_stay(system: Recorded, policy: Path, cli: CommandLine) -> None:
    assert cli.run(f"schedule install --policy {shlex.quote(policy.as_posix())} --yes").status == Status.DONE
    ended = cli.run("purge --yes")
    assert ended.status == Status.DONE
    assert "The schedule “nightly” is still installed." in ended.said
    assert "nightly" in cli.run("schedule show").out


@pytest.mark.parametrize("name", [system.value for system in System])
def test_it_can_be_printed_for_any_system(
    name: str, policy: Path, cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedulers, "here", lambda: None)
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home of user")
    words = f"schedule install --policy {shlex.quote(policy.as_posix())}"
    assert cli.run(f"{words} --print --system {name}").status == Status.DONE
    assert left(tmp_path) == []
    assert cli.run(f"{words} --system {name}").status == Status.NOT_STARTED
    nowhere = cli.run(words)
    assert nowhere.status == Status.NOT_STARTED
    assert "docs/unattended.md" in nowhere.said
    assert cli.run("schedule show").status == Status.DONE


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such names")
def test_a_path_that_no_scheduler_can_hold_is_refused(system: Recorded, cli: CommandLine, world: World) -> None:
    file = world.base / "a\nb.toml"
    file.write_text("", "utf-8")
    ended = cli.run(f"schedule install --policy {shlex.quote(str(file))} --yes")
    assert ended.status == Status.NOT_STARTED
    assert "line break" in ended.said
    assert sys.platform != "win32"
    assert system.tasks == {}
