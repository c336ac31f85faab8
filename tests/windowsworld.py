"""What Windows tells the windows of a program, told by a test."""

from __future__ import annotations

import sys

WM_QUERYENDSESSION, WM_ENDSESSION = 0x0011, 0x0016


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
