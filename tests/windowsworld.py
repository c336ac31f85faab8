"""What Windows does to a program: what it tells its windows, and what it refuses for a file."""

from __future__ import annotations

import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

WM_QUERYENDSESSION, WM_ENDSESSION = 0x0011, 0x0016
_GENERIC_READ, _OPEN_EXISTING = 0x80000000, 3


def windows_of(process: int, name: str) -> list[int]:
    """The top-level windows of a process whose class begins so."""
    assert sys.platform == "win32"
    import ctypes
    from ctypes import wintypes

    user = ctypes.WinDLL("user32")
    found: list[int] = []

    @ctypes.WINFUNCTYPE(wintypes.BOOL, wintypes.HWND, wintypes.LPARAM)
    def look(window: int, _: int) -> bool:
        owner, kind = wintypes.DWORD(), ctypes.create_unicode_buffer(200)
        user.GetWindowThreadProcessId(wintypes.HWND(window), ctypes.byref(owner))
        user.GetClassNameW(wintypes.HWND(window), kind, 200)
        if owner.value == process and kind.value.startswith(name):
            found.append(window)
        return True

    user.EnumWindows(look, 0)
    return found


def end_session(process: int, name: str) -> None:
    """The person logs off: every window is asked, then told."""
    assert sys.platform == "win32"
    import ctypes
    from ctypes import wintypes

    user = ctypes.WinDLL("user32")
    windows = windows_of(process, name)
    assert windows, "the program has no window"
    answer = wintypes.WPARAM()
    for message, wparam in ((WM_QUERYENDSESSION, 0), (WM_ENDSESSION, 1)):
        for window in windows:
            done = user.SendMessageTimeoutW(wintypes.HWND(window), message, wparam, 0, 2, 20_000, ctypes.byref(answer))
            if done and message == WM_QUERYENDSESSION:
                assert answer.value == 1, "nothing speaks against it"


@contextmanager
def read_only(path: Path) -> Iterator[None]:
    """The file has the attribute “Read-only”, as after a copy from a CD; nothing that takes its place has it afterwards."""
    path.chmod(stat.S_IREAD)
    try:
        yield
    finally:
        if path.exists():
            path.chmod(stat.S_IREAD | stat.S_IWRITE)


@contextmanager
def held(path: Path, share: int = 0) -> Iterator[None]:
    """Another program has the file open: nobody else may read it (``share`` 0), or only read it (1), or do anything with it (7).

    Windows replaces and removes no file that is open, whatever the other program shares.
    """
    assert sys.platform == "win32"
    import _winapi

    handle = _winapi.CreateFile(str(path), _GENERIC_READ, share, 0, _OPEN_EXISTING, 0, 0)
    try:
        yield
    finally:
        _winapi.CloseHandle(handle)


KINDS = {"read-only": read_only, "open elsewhere": held, "open for reading": partial(held, share=1), "open for all": partial(held, share=7)}
"""What Windows can have against a file, each as a context in which it has it."""
