"""Put the computer to sleep, where the system can: Windows, and Linux with systemd.

On a computer with Modern Standby, Windows refuses the request that older computers know.  There it sleeps when its screen is off, so that is
what is requested: https://learn.microsoft.com/answers/questions/1377199.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from enum import Enum
from pathlib import Path

from chorus_gui.core.errors import ComputerError, JournalBusyError, JournalError

WAIT_S = 30.0
"""Seconds that a program of the system may take for an answer."""
_S1, _S3, _AOAC = 3, 5, 20
"""Places in Windows' SYSTEM_POWER_CAPABILITIES: the states S1 to S3, and “always on, always connected” (Modern Standby)."""
_SHUTDOWN_PRIVILEGE = 19
_BROADCAST, _SYSTEM_COMMAND, _SCREEN_POWER, _OFF = 0xFFFF, 0x0112, 0xF170, 2
_CAN = (
    "busctl", "--system", "--no-pager", "call", "org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager", "CanSuspend",
)  # fmt: skip
_SLEEP = ("systemctl", "--no-ask-password", "suspend")
Run = Callable[[Sequence[str]], "subprocess.CompletedProcess[str]"]


class Way(Enum):
    """How this computer is put to sleep."""

    NONE = "none"
    SUSPEND = "suspend"
    SCREEN_OFF = "screen off"
    SYSTEMD = "systemd"


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=WAIT_S, stdin=subprocess.DEVNULL, check=False)  # noqa: S603 - fixed


def way(run: Run = _run) -> Way:
    """How it can be done here.  It can take a moment, so it is not for the thread of the screen."""
    if sys.platform == "win32":
        return way_of_windows(_capabilities())
    if sys.platform == "linux" and shutil.which(_CAN[0]) and shutil.which(_SLEEP[0]):
        with suppress(OSError, subprocess.SubprocessError, ValueError):
            found = run(_CAN)
            if found.returncode == 0 and found.stdout.split() == ["s", '"yes"']:  # "challenge": somebody would have to enter a password
                return Way.SYSTEMD
    return Way.NONE


def way_of_windows(capabilities: bytes) -> Way:
    """``capabilities``: Windows' SYSTEM_POWER_CAPABILITIES, b"" if it does not say."""
    if len(capabilities) <= _AOAC:
        return Way.NONE
    if capabilities[_AOAC]:
        return Way.SCREEN_OFF
    return Way.SUSPEND if any(capabilities[_S1 : _S3 + 1]) else Way.NONE


def fall_asleep(how: Way, run: Run = _run) -> None:
    """Put the computer to sleep; it can be awake again when this returns.  Raises :class:`ComputerError` if the system refuses."""
    refused = ""
    if how is Way.SYSTEMD:
        try:
            done = run(_SLEEP)
            refused = (done.stderr.strip() or f"systemctl ended with status {done.returncode}") if done.returncode else ""
        except (OSError, subprocess.SubprocessError) as error:
            refused = str(error)
    elif sys.platform == "win32" and how is not Way.NONE:
        refused = _windows(how)
    else:
        refused = "it does not know how"
    if refused:
        raise ComputerError(
            f"The computer did not go to sleep: {refused}.",
            meaning="The job has ended. Nothing is lost.",
            remedy="Put it to sleep yourself.",
        )


def refuse_while_busy(journal: Path | None) -> None:
    """Raise :class:`ComputerError` while another program of this user works on this computer: on ``journal``, or an unattended run."""
    from chorus_gui.app.unattended.run_report import running
    from chorus_gui.core.journal.lock import WriterLock

    busy = "an unattended run works" if running() else ""
    if not busy and journal is not None and journal.exists():
        lock = WriterLock(journal)
        try:
            lock.acquire("check", 0, None)
            lock.release()
        except JournalBusyError as error:
            busy = f"the journal is in use by {error.holder}"
        except JournalError:
            pass  # nobody can lock it, so nobody works on it
    if busy:
        raise ComputerError(
            f"The computer did not go to sleep: {busy}.",
            meaning="Sleep would interrupt it.",
            remedy="Put the computer to sleep when it has ended.",
        )


def _capabilities() -> bytes:
    if sys.platform != "win32":
        return b""
    import ctypes

    buffer = ctypes.create_string_buffer(256)
    try:
        return buffer.raw if ctypes.WinDLL("powrprof").GetPwrCapabilities(buffer) else b""
    except (OSError, AttributeError):
        return b""


def _windows(how: Way) -> str:
    """Why Windows refuses; "" if it does not."""
    if sys.platform != "win32":
        return "it does not know how"
    import ctypes

    if how is Way.SCREEN_OFF:
        sent = ctypes.WinDLL("user32", use_last_error=True).PostMessageW(_BROADCAST, _SYSTEM_COMMAND, _SCREEN_POWER, _OFF)
    else:
        ctypes.WinDLL("ntdll").RtlAdjustPrivilege(_SHUTDOWN_PRIVILEGE, True, False, ctypes.byref(ctypes.c_ubyte()))
        suspend = ctypes.WinDLL("powrprof", use_last_error=True).SetSuspendState
        suspend.restype = ctypes.c_ubyte
        sent = suspend(0, 0, 0)
    return "" if sent else ctypes.FormatError(ctypes.get_last_error()).strip().rstrip(".")
