"""Install, show and remove schedules in the scheduler of this system.  Nothing is touched that this program did not make."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from chorus_gui.app.schedule import texts
from chorus_gui.app.schedule.plan import Schedule, System
from chorus_gui.core import private
from chorus_gui.core.errors import UsageError
from chorus_gui.core.folders import user_name
from chorus_gui.core.scripts.options import Target
from chorus_gui.core.scripts.program import console_program

WAIT_S = 60.0
"""How long a scheduler's program may take."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What an installation does: files with their content, then programs with their arguments, in this order.

    ``notes`` are sentences for the person.
    """

    files: Mapping[Path, bytes]
    programs: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()
    asks: bool = False
    """a program asks for a password on the terminal"""


def own_program() -> tuple[str, ...]:
    """The words that start the console program."""
    return console_program(Target.here())


def here() -> System | None:
    """The scheduler of this system; None: it has none of these."""
    if sys.platform == "win32":
        return System.WINDOWS
    if sys.platform == "darwin":
        return System.LAUNCHD
    return System.SYSTEMD if sys.platform == "linux" and Path("/run/systemd/system").is_dir() else None


def scheduler(system: System | None) -> Scheduler:
    """The one for a system.  Raises :class:`UsageError` if there is none."""
    if system is None:
        raise UsageError(
            "This system has no scheduler that CHoRUS Upload knows.",
            remedy="Start “chorus-upload submit --policy FILE” with cron, as docs/unattended.md shows.",
        )
    return {System.WINDOWS: TaskScheduler, System.SYSTEMD: Systemd, System.LAUNCHD: Launchd}[system]()


class Scheduler(ABC):
    """What all of them do."""

    title: str
    afterwards: tuple[tuple[str, ...], ...] = ()
    """programs that are run when the files are removed"""

    @abstractmethod
    def plan(self, schedule: Schedule) -> Plan:
        """What an installation would do.  Raises :class:`UsageError` for a schedule that this one cannot hold."""

    @abstractmethod
    def installed(self) -> list[Schedule]:
        """The schedules of this program that there are, by name.  Raises :class:`UsageError` if the scheduler cannot be asked."""

    @abstractmethod
    def removal(self, name: str) -> Plan:
        """What a removal does: the files (with no content) that go, after the programs."""

    @abstractmethod
    def is_foreign(self, name: str) -> bool:
        """There is something under this name that this program did not make."""

    def install(self, schedule: Schedule) -> None:
        """Do what :meth:`plan` says.  Raises :class:`UsageError`; then what was written is removed again."""
        if self.is_foreign(schedule.name):
            raise UsageError(
                f"{self.title} has something else under the name “{schedule.name}”.",
                meaning="Nothing was changed.",
                remedy="Choose another --name.",
            )
        plan, before = self.plan(schedule), {one.name for one in self.installed()}
        try:
            for file, content in plan.files.items():
                try:
                    private.make_folder(file.parent)
                    private.write(file, content)
                except OSError as error:
                    raise UsageError(
                        f"Could not write “{file}”: {error.strerror}.", remedy="Check that you can write in its folder."
                    ) from error
            for words in plan.programs:
                run_program(words, asks=plan.asks)
        except UsageError:
            if schedule.name not in before:
                for file in plan.files:
                    file.unlink(missing_ok=True)
                with suppress(UsageError):
                    for words in self.afterwards:
                        run_program(words)
            raise

    def remove(self, name: str) -> Schedule:
        """Remove a schedule of this program; what it was.  Raises :class:`UsageError`."""
        found = self.find(name)
        plan = self.removal(name)
        for words in plan.programs:
            run_program(words)
        for file in plan.files:
            try:
                file.unlink(missing_ok=True)
            except OSError as error:
                raise UsageError(f"Could not remove “{file}”: {error.strerror}.", remedy="Remove it by hand.") from error
        for words in self.afterwards:
            run_program(words)
        return found

    def find(self, name: str) -> Schedule:
        """The schedule of that name.  Raises :class:`UsageError` if this program has made none."""
        listed = self.installed()
        for one in listed:
            if one.name == name:
                return one
        names = ", ".join(one.name for one in listed)
        raise UsageError(
            f"{self.title} has no schedule “{name}” of CHoRUS Upload.",
            meaning="Nothing was changed.",
            remedy=f"There are: {names}." if names else "“chorus-upload schedule install” makes one.",
        )


class Systemd(Scheduler):
    """A timer of the user, and the service that it starts."""

    title = "systemd"
    afterwards = (("systemctl", "--user", "daemon-reload"),)

    def _files(self, name: str) -> tuple[Path, Path]:
        folder = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "systemd" / "user"
        unit = texts.UNIT.format(name)
        return folder / f"{unit}.service", folder / f"{unit}.timer"

    def plan(self, schedule: Schedule) -> Plan:
        """See :class:`Scheduler`."""
        service, timer = self._files(schedule.name)
        files = {service: texts.service_unit(schedule).encode(), timer: texts.timer_unit(schedule).encode()}
        notes: tuple[str, ...] = ()
        if not Path("/var/lib/systemd/linger", user_name()).exists():
            notes = (
                f"It runs only while you are signed in. To run it always, an administrator enters once: loginctl enable-linger {user_name()}",
            )
        return Plan(files, (*self.afterwards, ("systemctl", "--user", "enable", "--now", timer.name)), notes)

    def installed(self) -> list[Schedule]:
        """See :class:`Scheduler`."""
        timers = sorted(self._files("x")[1].parent.glob(f"{texts.UNIT.format('*')}.timer"))
        found = [_read(file, texts.read_unit) for file in timers]
        return [one for file, one in zip(timers, found, strict=True) if one is not None and self._files(one.name)[1] == file]

    def removal(self, name: str) -> Plan:
        """See :class:`Scheduler`."""
        service, timer = self._files(name)
        return Plan({timer: b"", service: b""}, (("systemctl", "--user", "disable", "--now", timer.name),))

    def is_foreign(self, name: str) -> bool:
        """See :class:`Scheduler`."""
        return any(os.path.lexists(file) and _read(file, texts.read_unit) is None for file in self._files(name))


class Launchd(Scheduler):
    """A job of the user."""

    title = "launchd"

    def _file(self, name: str) -> Path:
        return Path.home() / "Library" / "LaunchAgents" / f"{texts.LABEL.format(name)}.plist"

    def _domain(self) -> str:
        return f"gui/{os.getuid() if sys.platform != 'win32' else 0}"

    def plan(self, schedule: Schedule) -> Plan:
        """See :class:`Scheduler`."""
        file = self._file(schedule.name)
        programs: tuple[tuple[str, ...], ...] = (("launchctl", "bootstrap", self._domain(), str(file)),)
        if file.exists():
            programs = (("launchctl", "bootout", f"{self._domain()}/{texts.LABEL.format(schedule.name)}"), *programs)
        return Plan(
            {file: texts.launchd_job(schedule)},
            programs,
            ("It runs while you are signed in. If the Mac sleeps then, it runs when it wakes up.",),
        )

    def installed(self) -> list[Schedule]:
        """See :class:`Scheduler`."""
        files = sorted(self._file("x").parent.glob(f"{texts.LABEL.format('*')}.plist"))
        found = [_read(file, lambda text: texts.read_job(text.encode())) for file in files]
        return [one for file, one in zip(files, found, strict=True) if one is not None and self._file(one.name) == file]

    def removal(self, name: str) -> Plan:
        """See :class:`Scheduler`."""
        return Plan({self._file(name): b""}, (("launchctl", "bootout", f"{self._domain()}/{texts.LABEL.format(name)}"),))

    def is_foreign(self, name: str) -> bool:
        """See :class:`Scheduler`."""
        file = self._file(name)
        return os.path.lexists(file) and _read(file, lambda text: texts.read_job(text.encode())) is None


class TaskScheduler(Scheduler):
    """A task in a folder of this program's own."""

    title = "The Task Scheduler"

    def plan(self, schedule: Schedule) -> Plan:
        """See :class:`Scheduler`."""
        user = f"{os.environ.get('USERDOMAIN', '')}\\{user_name()}".removeprefix("\\")
        file = Path(tempfile.gettempdir()) / f"{texts.UNIT.format(schedule.name)}.xml"
        words = ["schtasks", "/Create", "/TN", texts.TASK.format(schedule.name), "/XML", str(file), "/F"]
        notes = ("It runs only while you are signed in, in a console window.",)
        if not schedule.signed_in:
            words += ["/RU", user, "/RP", "*"]
            notes = (
                "It runs whether you are signed in or not. Windows asks for your password, because Credential Manager and network drives need it.",
                "CHoRUS Upload does not see the password. After you changed it, install the schedule again.",
            )
        if schedule.home:
            notes += (
                "A task sees only the variables that are kept for your user. Keep this one: "
                + subprocess.list2cmdline(["setx", "CHORUS_UPLOAD_HOME", schedule.home]),
            )
        return Plan({file: texts.task_xml(schedule, user).encode("utf-16")}, (tuple(words),), notes, asks=not schedule.signed_in)

    def install(self, schedule: Schedule) -> None:
        """See :class:`Scheduler`.  The XML is only for ``schtasks``."""
        try:
            super().install(schedule)
        finally:
            for file in self.plan(schedule).files:
                file.unlink(missing_ok=True)

    def installed(self) -> list[Schedule]:
        """See :class:`Scheduler`."""
        code, out = ask_program(("schtasks", "/Query", "/XML", "ONE"))  # all that this user may see
        if code:
            raise UsageError(f"The Task Scheduler does not list its tasks (exit status {code}).", remedy="Open it, and look there.")
        parts = re.findall(r"<Task\b.*?</Task>", out, re.DOTALL)
        return [found for part in parts if (found := texts.read_task(part)) is not None]

    def removal(self, name: str) -> Plan:
        """See :class:`Scheduler`."""
        return Plan({}, (("schtasks", "/Delete", "/TN", texts.TASK.format(name), "/F"),))

    def is_foreign(self, name: str) -> bool:
        """See :class:`Scheduler`."""
        code, out = ask_program(("schtasks", "/Query", "/XML", "/TN", texts.TASK.format(name)))
        return code == 0 and texts.read_task(out) is None


def _read(file: Path, parse: texts.Parse) -> Schedule | None:
    """The schedule in a file; None for a link, or what cannot be read."""
    try:
        return None if file.is_symlink() or file.stat().st_size > 100_000 else parse(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError):
        return None


def ask_program(words: Sequence[str]) -> tuple[int, str]:
    """Run a scheduler's program: its exit status and output.  Raises :class:`UsageError` if it cannot be run."""
    try:
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, timeout=WAIT_S, check=False)  # noqa: S603 - of the system
    except (OSError, subprocess.TimeoutExpired) as error:
        why = f"it did not end within {WAIT_S:.0f} seconds" if isinstance(error, subprocess.TimeoutExpired) else error.strerror
        raise UsageError(f"Could not run “{words[0]}”: {why}.", remedy="Ask your IT department if it may be used here.") from error
    return done.returncode, _decoded(done.stdout) + _decoded(done.stderr)


def run_program(words: Sequence[str], *, asks: bool = False) -> None:
    """Run a scheduler's program.  ``asks``: it asks on the terminal.  Raises :class:`UsageError` if it fails."""
    if asks:
        code, said = subprocess.call(words), ""  # noqa: S603 - of the system
    else:
        code, said = ask_program(words)
    if code:
        raise UsageError(
            f"“{words[0]}” ended with exit status {code}. {' '.join(said.split())[:500]}".strip(),
            remedy="Ask your IT department if schedules may be used here, or start the command with another scheduler.",
        )


def _decoded(data: bytes) -> str:
    """schtasks writes UTF-16 in some places, and the console's code page in others; the schedule in it is ASCII."""
    return data.decode("utf-16-le" if data[1::2].count(0) > len(data) // 4 else "utf-8", "replace")
