"""The files that make a schedule: XML for the Task Scheduler, two units for systemd, a property list for launchd.  No file is written here.

Each names its maker, and has the whole schedule on one line, so that it can be recognised and read again.
"""

from __future__ import annotations

import plistlib
import re
import subprocess
from collections.abc import Callable
from html import escape, unescape

from chorus_gui.app.schedule.plan import DAYS, MAKER, Schedule, from_json
from chorus_gui.core.errors import UsageError

UNIT = "chorus-upload-{}"
LABEL = "org.chorus4ai.upload.{}"
TASK = "\\CHoRUS Upload\\{}"
VARIABLE = "CHORUS_UPLOAD_SCHEDULE"
"""In a launchd job: the schedule itself.  launchd knows no comments."""
Parse = Callable[[str], Schedule | None]
"""Reads the schedule in a file of ours."""
_MADE = f"# Made by {MAKER} with “schedule install”; “schedule remove” removes it."
_LONG = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


# --- Windows ---------------------------------------------------------------------------------------------------------------


def task_xml(schedule: Schedule, user: str) -> str:
    """The Task Scheduler's XML (schema 1.2) for ``user`` ("DOMAIN\\name").  To be written as UTF-16.

    Raises :class:`UsageError` for a path in which the Task Scheduler would replace something.
    """
    for word in schedule.command:
        if found := re.search(r"%[^%\\/:]+%|\$\(", word):
            raise UsageError(
                f"The Task Scheduler would replace “{found[0]}” in “{word}”.", remedy="Rename the folder or the file, then try again."
            )
    days = "\n".join(f"          <{name} />" for day, name in zip(DAYS, _LONG, strict=True) if day in schedule.days)
    logon = "InteractiveToken" if schedule.signed_in else "Password"
    command, arguments = schedule.command[0], subprocess.list2cmdline(schedule.command[1:])
    return f"""\
<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo>
    <Source>{MAKER}</Source>
    <Author>{_xml(user)}</Author>
    <Description>{_xml(_description(schedule))}</Description>
    <Documentation>{_xml(schedule.to_json())}</Documentation>
  </RegistrationInfo>
  <Triggers>
    <CalendarTrigger>
      <StartBoundary>2026-01-01T{schedule.time}:00</StartBoundary>
      <ScheduleByWeek>
        <DaysOfWeek>
{days}
        </DaysOfWeek>
        <WeeksInterval>1</WeeksInterval>
      </ScheduleByWeek>
    </CalendarTrigger>
  </Triggers>
  <Principals>
    <Principal id="Author">
      <UserId>{_xml(user)}</UserId>
      <LogonType>{logon}</LogonType>
      <RunLevel>LeastPrivilege</RunLevel>
    </Principal>
  </Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <StartWhenAvailable>true</StartWhenAvailable>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <Enabled>true</Enabled>
  </Settings>
  <Actions Context="Author">
    <Exec>
      <Command>{_xml(command)}</Command>
      <Arguments>{_xml(arguments)}</Arguments>
    </Exec>
  </Actions>
</Task>
"""


def read_task(xml: str) -> Schedule | None:
    """The schedule in a task's XML, as the Task Scheduler gives it back; None for a task that this program did not make."""
    found = re.search(r"<Documentation>([^<]*)</Documentation>", xml)
    return from_json(unescape(found[1])) if found and f"<Source>{MAKER}</Source>" in xml else None


def _xml(text: str) -> str:
    return escape(text)


def _description(schedule: Schedule) -> str:
    return f"{MAKER}: submits what the policy allows, {schedule.when}."


# --- systemd ---------------------------------------------------------------------------------------------------------------


def service_unit(schedule: Schedule) -> str:
    """The unit that runs once."""
    home = f"Environment={_quoted(f'CHORUS_UPLOAD_HOME={schedule.home}', dollars=False)}\n" if schedule.home else ""
    words = " ".join([_quoted(schedule.command[0], dollars=False), *(_quoted(word) for word in schedule.command[1:])])
    return f"""\
{_MADE}
# {schedule.to_json()}
[Unit]
Description={_specifiers(_description(schedule))}

[Service]
Type=oneshot
{home}ExecStart={words}
TimeoutStartSec=infinity
TimeoutStopSec=120
"""


def timer_unit(schedule: Schedule) -> str:
    """The unit that starts the other one."""
    days = "" if schedule.days == DAYS else f"{','.join(day.capitalize() for day in schedule.days)} "
    return f"""\
{_MADE}
# {schedule.to_json()}
[Unit]
Description={_specifiers(_description(schedule))}

[Timer]
OnCalendar={days}*-*-* {schedule.time}:00
Persistent=true

[Install]
WantedBy=timers.target
"""


def read_unit(text: str) -> Schedule | None:
    """The schedule in one of our units; None for any other."""
    lines = text.splitlines()
    return from_json(lines[1].removeprefix("# ")) if len(lines) > 1 and lines[0] == _MADE else None


def _specifiers(text: str) -> str:
    return text.replace("%", "%%")


def _quoted(word: str, *, dollars: bool = True) -> str:
    """A word for systemd: quotes, backslashes, specifiers, and (not in the program's own name or in an assignment) variables."""
    text = _specifiers(word.replace("\\", "\\\\").replace('"', '\\"'))
    return f'"{text.replace("$", "$$") if dollars else text}"'


# --- launchd ---------------------------------------------------------------------------------------------------------------


def launchd_job(schedule: Schedule) -> bytes:
    """The property list of a job of the user."""
    at = {"Hour": schedule.hour, "Minute": schedule.minute}
    every = [at] if schedule.days == DAYS else [{"Weekday": DAYS.index(day) + 1, **at} for day in schedule.days]
    home = {"CHORUS_UPLOAD_HOME": schedule.home} if schedule.home else {}
    return plistlib.dumps(
        {
            "Label": LABEL.format(schedule.name),
            "ProgramArguments": [*schedule.command],
            "StartCalendarInterval": every,
            "EnvironmentVariables": {VARIABLE: schedule.to_json(), **home},
            "ProcessType": "Background",
            "ExitTimeOut": 120,
        },
        sort_keys=False,
    )


def read_job(data: bytes) -> Schedule | None:
    """The schedule in one of our jobs; None for any other."""
    found = re.search(rb"<key>%s</key>\s*<string>([^<]*)</string>" % VARIABLE.encode(), data)
    return from_json(unescape(found[1].decode("utf-8", "replace"))) if found else None
