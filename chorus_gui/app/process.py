"""What a program of ours does first in its own process: it can be started without a console, by a service or a scheduler."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from typing import Any, BinaryIO, TextIO

WORKER_PROCESS = "--worker-process"
"""The only argument of a worker process of the program that an installer brings."""


def prepare() -> None:
    """Make the standard streams usable, and keep console windows of child processes away.

    Without handles (detached, or a windowed program on Windows) the streams are None, which breaks what prints: then nobody reads
    what is printed.  A console or pipe that cannot show a file's name must not stop a submission.
    """
    from chorus_gui.core.private import private_process

    private_process()
    _open_standard_handles()
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, _Nowhere())
        elif mode == "w" and (reconfigure := getattr(stream, "reconfigure", None)):
            reconfigure(errors="backslashreplace")
    if sys.platform == "win32" and not _has_console():
        subprocess.Popen = quiet(subprocess.Popen)  # also of the libraries, which start az


def _open_standard_handles() -> None:
    """Give the null device to standard streams that were closed: the next file, perhaps the journal, would get their number."""
    for handle in (0, 1, 2):
        try:
            os.fstat(handle)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a person is at this stream: on Windows the null device says so, too, and has no person."""
    if stream is None or not stream.isatty():
        return False
    if sys.platform == "win32":
        return _is_console(stream)
    return True


class _NoBytes(io.BytesIO):
    """Bytes that are written are gone."""

    def write(self, data: Any) -> int:
        """Discard them."""
        return len(data)


class _Nowhere(io.StringIO):
    """Nothing to read, and what is written is gone.  Not the null device: on Windows that says that it is a terminal."""

    @property
    def buffer(self) -> BinaryIO:
        """For bytes; see :class:`io.TextIOWrapper`."""
        return _NoBytes()

    def write(self, text: str) -> int:
        """Discard it."""
        return len(text)


def quiet(popen: Any) -> Any:
    """A ``Popen`` that opens no console window, unless its caller chooses how a console is made."""
    hidden, chosen = 0x08000000, 0x00000008 | 0x00000010  # CREATE_NO_WINDOW; DETACHED_PROCESS, CREATE_NEW_CONSOLE

    def begin(self: Any, *args: Any, **options: Any) -> None:
        flags = options.get("creationflags", 0)
        popen.__init__(self, *args, **{**options, "creationflags": flags if flags & chosen else flags | hidden})

    return type("Popen", (popen,), {"__init__": begin})  # still a class: libraries write Popen[bytes]


if sys.platform == "win32":

    def _is_console(stream: TextIO) -> bool:
        import ctypes
        import msvcrt
        from ctypes import wintypes

        mode = wintypes.DWORD()
        try:
            handle = msvcrt.get_osfhandle(stream.fileno())
        except (OSError, ValueError):  # not a file of the system, as in tests
            return True
        return bool(ctypes.windll.kernel32.GetConsoleMode(wintypes.HANDLE(handle), ctypes.byref(mode)))

    def _has_console() -> bool:
        import ctypes

        return bool(ctypes.windll.kernel32.GetConsoleCP())
