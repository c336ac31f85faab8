"""How Windows chooses a proxy in ways that this program does not follow: by a script (PAC), or by what the network offers (WPAD)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from urllib.request import getproxies

from chorus_gui.app.doctor.model import Case
from chorus_gui.core.config.hosts import Host
from chorus_gui.core.model import Finding, Grade

SUBJECT = "This computer"
SETTINGS = r"Microsoft\Windows\CurrentVersion\Internet Settings"
MACHINE, USER = "HKEY_LOCAL_MACHINE", "HKEY_CURRENT_USER"
_REMEDY = "ask your IT department which proxy it chooses for the store, and set that in HTTPS_PROXY."

Read = Callable[[str, str, str], object]


def registry(hive: str, key: str, name: str) -> object:
    """A value in the registry of Windows; None if it is missing, or cannot be read, and on other systems."""
    if sys.platform != "win32":
        return None
    import winreg

    try:
        with winreg.OpenKey(getattr(winreg, hive), key) as opened:
            return winreg.QueryValueEx(opened, name)[0]
    except OSError:
        return None


def user_settings() -> tuple[bool, str]:
    """What Windows itself says of this user's settings: it looks for a proxy on the network, and the script's address; (False, "") elsewhere.

    ``WinHttpGetIEProxyConfigForCurrentUser`` of Microsoft's WinHTTP, which reads settings and connects to nothing.
    """
    if sys.platform != "win32":
        return False, ""
    import ctypes
    from ctypes import wintypes

    class Found(ctypes.Structure):
        _fields_ = (("automatic", wintypes.BOOL), ("script", ctypes.c_void_p), ("proxy", ctypes.c_void_p), ("bypass", ctypes.c_void_p))

    found = Found()
    try:
        if not ctypes.windll.winhttp.WinHttpGetIEProxyConfigForCurrentUser(ctypes.byref(found)):
            return False, ""
    except (OSError, AttributeError):  # a Windows without it
        return False, ""
    text = ctypes.wstring_at(found.script) if found.script else ""
    for each in (found.script, found.proxy, found.bypass):
        ctypes.windll.kernel32.GlobalFree(ctypes.c_void_p(each))
    return bool(found.automatic), text


def check_proxy_choice(
    _: Case,
    read: Read = registry,
    settings: Callable[[], tuple[bool, str]] = user_settings,
    proxies: Callable[[], Mapping[str, str]] = getproxies,
) -> Iterator[Finding]:
    """Windows can choose a proxy by a script (PAC).  This program does not run it: a script can do whatever a program can.

    The script's address can contain a password, so only its host is shown, and only if the address is a plain one.  That Windows looks for
    a proxy on the network (WPAD) is usual, and no reason for a warning.
    """
    if {"https", "all"} & set(proxies()):
        return
    automatic, script = settings()
    address, policy = _script(read, script)
    if address:
        host = Host.of_url(address)
        who = "A policy of Windows" if policy else "Windows"
        what = f"{who} chooses the proxy by a script{f' of {host.name}' if host else ''}. CHoRUS Upload does not run it, and connects directly."
        why = "Where direct connections are blocked, the central store cannot be reached."
        yield Finding(Grade.WARNING, SUBJECT, what, why, f"If a connection fails, {_REMEDY}")
    if automatic and read(MACHINE, rf"Software\{SETTINGS}\WinHttp", "DisableWpad") != 1:
        what = "Windows looks for a proxy on the network (WPAD). CHoRUS Upload does not, and connects directly. If a connection fails, "
        yield Finding(Grade.GOOD, SUBJECT, what + _REMEDY)


def _script(read: Read, of_user: str) -> tuple[str, bool]:
    """The script's address, and if it is a policy's; empty if there is none.

    A policy of the computer or of this user comes first.  Then the settings of the computer count if a policy says that all users share
    them, and otherwise this user's, for which ``of_user`` is what Windows says.
    """
    for hive in (MACHINE, USER):
        if address := _text(read(hive, rf"Software\Policies\{SETTINGS}", "AutoConfigURL")):
            return address, True
    shared = read(MACHINE, rf"Software\Policies\{SETTINGS}", "ProxySettingsPerUser") == 0
    address = _text(read(MACHINE if shared else USER, rf"Software\{SETTINGS}", "AutoConfigURL"))
    return address or of_user, False


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
