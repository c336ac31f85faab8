"""Who may read a file: close it to everybody but this user, and look whether that worked."""

from __future__ import annotations

import re
import sys
from contextlib import suppress
from pathlib import Path


def close_to_others(path: Path, mode: int) -> bool:
    """Take everybody else's permissions off a file or a folder; whether only this user has any now.

    ``mode`` is for POSIX (0o600 or 0o700).  On Windows the permissions are this user's alone, by the security ID: a name could be
    another account's.  Folders without permissions (FAT disks, some network shares) answer False.  Raises OSError only if ``path``
    does not exist.
    """
    if sys.platform == "win32":
        return _close_on_windows(path)
    with suppress(PermissionError):
        path.chmod(mode)
    return not path.stat().st_mode & 0o077


def allowed(descriptor: str) -> set[str]:
    """The security IDs that a descriptor in Windows' text form gives permissions to; "*" if it closes nothing."""
    entries = re.findall(r"\(([^;()]*);[^;()]*;[^;()]*;[^;()]*;[^;()]*;([^;()]*)[^()]*\)", descriptor.partition("D:")[2])
    return (
        {who for kind, who in entries if kind in ("A", "OA", "XA", "ZA")}
        if "D:" in descriptor and "NO_ACCESS_CONTROL" not in descriptor
        else {"*"}
    )


if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    _TOKEN_QUERY, _TOKEN_USER, _DACL, _PROTECTED = 8, 1, 4, 0x80000000

    def _library(name: str) -> ctypes.WinDLL:
        return ctypes.WinDLL(name, use_last_error=True)

    def own_sid() -> str:
        """This user's security ID."""
        kernel, security = _library("kernel32"), _library("advapi32")
        kernel.GetCurrentProcess.restype = wintypes.HANDLE
        kernel.LocalFree.argtypes = [ctypes.c_void_p]
        token, size, text = wintypes.HANDLE(), wintypes.DWORD(), wintypes.LPWSTR()
        security.OpenProcessToken.argtypes = [wintypes.HANDLE, wintypes.DWORD, ctypes.c_void_p]
        _check(security.OpenProcessToken(kernel.GetCurrentProcess(), _TOKEN_QUERY, ctypes.byref(token)))
        try:
            security.GetTokenInformation.argtypes = [wintypes.HANDLE, ctypes.c_int, ctypes.c_void_p, wintypes.DWORD, ctypes.c_void_p]
            security.GetTokenInformation(token, _TOKEN_USER, None, 0, ctypes.byref(size))
            space = ctypes.create_string_buffer(size.value)
            _check(security.GetTokenInformation(token, _TOKEN_USER, space, size, ctypes.byref(size)))
            sid = ctypes.c_void_p.from_buffer(space)  # the structure begins with a pointer to it
            security.ConvertSidToStringSidW.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
            _check(security.ConvertSidToStringSidW(sid, ctypes.byref(text)))
            found = str(text.value)
            kernel.LocalFree(text)
            return found
        finally:
            kernel.CloseHandle.argtypes = [wintypes.HANDLE]
            kernel.CloseHandle(token)

    def descriptor(path: Path) -> str:
        """The permissions of a file or folder, in Windows' text form."""
        kernel, security = _library("kernel32"), _library("advapi32")
        kernel.LocalFree.argtypes = [ctypes.c_void_p]
        size, text = wintypes.DWORD(), wintypes.LPWSTR()
        security.GetFileSecurityW.argtypes = [wintypes.LPCWSTR, wintypes.DWORD, ctypes.c_void_p, wintypes.DWORD, ctypes.c_void_p]
        security.GetFileSecurityW(str(path), _DACL, None, 0, ctypes.byref(size))
        space = ctypes.create_string_buffer(max(size.value, 1))
        _check(security.GetFileSecurityW(str(path), _DACL, space, size, ctypes.byref(size)))
        convert = security.ConvertSecurityDescriptorToStringSecurityDescriptorW
        convert.argtypes = [ctypes.c_void_p, wintypes.DWORD, wintypes.DWORD, ctypes.c_void_p, ctypes.c_void_p]
        _check(convert(space, 1, _DACL, ctypes.byref(text), None))
        found = str(text.value)
        kernel.LocalFree(text)
        return found

    def _close_on_windows(path: Path) -> bool:
        path.stat()
        kernel, security = _library("kernel32"), _library("advapi32")
        kernel.LocalFree.argtypes = [ctypes.c_void_p]
        made = ctypes.c_void_p()
        try:
            sid = own_sid()
            text = f"D:P(A;{'OICI' if path.is_dir() else ''};FA;;;{sid})"
            convert = security.ConvertStringSecurityDescriptorToSecurityDescriptorW
            convert.argtypes = [wintypes.LPCWSTR, wintypes.DWORD, ctypes.c_void_p, ctypes.c_void_p]
            _check(convert(text, 1, ctypes.byref(made), None))
            security.SetFileSecurityW.argtypes = [wintypes.LPCWSTR, wintypes.DWORD, ctypes.c_void_p]
            _check(security.SetFileSecurityW(str(path), _DACL | _PROTECTED, made))
            return allowed(descriptor(path)) <= {sid, "OW", "SY"}  # the system itself can read everything
        except OSError:
            return False
        finally:
            kernel.LocalFree(made)

    def _check(done: int) -> None:
        if not done:
            raise ctypes.WinError(ctypes.get_last_error())
