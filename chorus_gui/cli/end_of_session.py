"""The end of a console program from outside on Windows: its console window is closed, the person logs off, the computer shuts down.

A console reports the first through a handler that runs in a thread of its own, and ends the process when it returns.  A program that
loads user32 (every Python with TLS does) learns of the others only through a window, so there is an invisible one.
https://learn.microsoft.com/windows/console/handlerroutine, https://learn.microsoft.com/windows/win32/shutdown/wm-endsession
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

PATIENCE = 4.5
"""Seconds that the step has to stop; Windows ends the process after five."""
CLASS_NAME = "CHoRUSUploadConsole"
REASON = "Finishing the current files. The journal is safe."


@contextmanager
def watched(stop: Callable[[], None]) -> Iterator[Any]:
    """Inside, the end of the session calls ``stop`` (from another thread), and the system waits until the block is left."""
    if sys.platform != "win32":
        yield None
        return
    watch = _Watch(stop)
    try:
        yield watch
    finally:
        watch.end()


if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    _CLOSES = (2, 5, 6)  # CTRL_CLOSE_EVENT, CTRL_LOGOFF_EVENT, CTRL_SHUTDOWN_EVENT
    _WM_DESTROY, _WM_CLOSE, _WM_QUERYENDSESSION, _WM_ENDSESSION = 0x0002, 0x0010, 0x0011, 0x0016
    _LRESULT = ctypes.c_ssize_t
    _CONSOLE_HANDLER = ctypes.WINFUNCTYPE(wintypes.BOOL, wintypes.DWORD)
    _WINDOW_PROCEDURE = ctypes.WINFUNCTYPE(_LRESULT, wintypes.HWND, wintypes.UINT, wintypes.WPARAM, wintypes.LPARAM)

    class _WindowClass(ctypes.Structure):
        """WNDCLASSW."""

        _fields_ = (
            ("style", wintypes.UINT),
            ("procedure", _WINDOW_PROCEDURE),
            ("class_extra", ctypes.c_int),
            ("window_extra", ctypes.c_int),
            ("instance", wintypes.HINSTANCE),
            ("icon", wintypes.HANDLE),
            ("cursor", wintypes.HANDLE),
            ("background", wintypes.HANDLE),
            ("menu", wintypes.LPCWSTR),
            ("name", wintypes.LPCWSTR),
        )

    class _Watch:
        """The handler, and the window with a thread for its messages."""

        def __init__(self, stop: Callable[[], None]) -> None:
            self._stop = stop
            self._ended = threading.Event()
            self._shown = threading.Event()
            self._window: int | None = None
            self._kernel = ctypes.WinDLL("kernel32", use_last_error=True)
            self._user = ctypes.WinDLL("user32", use_last_error=True)
            self._user.CreateWindowExW.restype = wintypes.HWND
            self._user.CreateWindowExW.argtypes = (
                *(wintypes.DWORD, wintypes.LPCWSTR, wintypes.LPCWSTR, wintypes.DWORD),
                *(ctypes.c_int,) * 4,
                *(wintypes.HWND, wintypes.HANDLE, wintypes.HINSTANCE, wintypes.LPVOID),
            )
            self._user.DefWindowProcW.restype = _LRESULT
            self._user.DefWindowProcW.argtypes = (wintypes.HWND, wintypes.UINT, wintypes.WPARAM, wintypes.LPARAM)
            self._user.PostMessageW.argtypes = self._user.DefWindowProcW.argtypes
            self._user.ShutdownBlockReasonCreate.argtypes = (wintypes.HWND, wintypes.LPCWSTR)
            self._handler = _CONSOLE_HANDLER(self._on_console)
            self._procedure = _WINDOW_PROCEDURE(self._on_message)
            self._kernel.SetConsoleCtrlHandler(self._handler, True)
            self._thread = threading.Thread(target=self._messages, name="end of session", daemon=True)
            self._thread.start()
            self._shown.wait(PATIENCE)

        def end(self) -> None:
            """The step has ended; Windows no longer has to wait."""
            self._ended.set()
            self._kernel.SetConsoleCtrlHandler(self._handler, False)
            if self._window:
                self._user.PostMessageW(self._window, _WM_CLOSE, 0, 0)
            self._thread.join(PATIENCE)

        def _on_console(self, event: int) -> bool:
            if event not in _CLOSES:
                return False  # Ctrl-C and Ctrl-Break come as signals
            self._stop()
            self._ended.wait(PATIENCE)
            return True

        def _on_message(self, window: int, message: int, first: int, second: int) -> int:
            if message == _WM_QUERYENDSESSION:
                return 1
            if message == _WM_ENDSESSION:
                if first:
                    self._user.ShutdownBlockReasonCreate(window, REASON)
                    self._stop()
                    self._ended.wait(PATIENCE)
                return 0
            if message == _WM_DESTROY:
                self._user.PostQuitMessage(0)
                return 0
            return int(self._user.DefWindowProcW(window, message, first, second))

        def _messages(self) -> None:
            """Make the window and serve it.  Where no window is possible (a service's session), there is only the handler."""
            name = f"{CLASS_NAME}-{threading.get_ident()}"
            kind = _WindowClass(procedure=self._procedure, name=name)
            self._user.RegisterClassW(ctypes.byref(kind))
            self._window = self._user.CreateWindowExW(0, name, CLASS_NAME, 0, 0, 0, 0, 0, None, None, None, None)
            self._shown.set()
            message = wintypes.MSG()
            while self._window and self._user.GetMessageW(ctypes.byref(message), None, 0, 0) > 0:
                self._user.DispatchMessageW(ctypes.byref(message))
            self._user.UnregisterClassW(name, None)
