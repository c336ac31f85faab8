"""The Doctor names the ways in which Windows chooses a proxy and this program does not."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import pytest

from chorus_gui.app.doctor.model import Case
from chorus_gui.app.doctor.proxy import MACHINE, SETTINGS, USER, check_proxy_choice, registry, user_settings
from chorus_gui.core.model import Finding, Grade

PLAIN = "http://pac.example/proxy.pac"
OWN, POLICIES, WINHTTP = rf"Software\{SETTINGS}", rf"Software\Policies\{SETTINGS}", rf"Software\{SETTINGS}\WinHttp"
Values = dict[tuple[str, str, str], object]


def found(values: Values, *, automatic: bool = False, of_user: str = "", proxies: dict[str, str] | None = None) -> list[Finding]:
    case = Case(Path("config.toml"), None)
    return list(check_proxy_choice(case, lambda *place: values.get(place), lambda: (automatic, of_user), lambda: proxies or {}))


@pytest.mark.parametrize(
    ("script", "proxies", "said"),
    [
        (None, {}, ()),
        (PLAIN, {}, ("by a script of pac.example.",)),
        (PLAIN, {"http": "p:8080"}, ("by a script of pac.example.",)),  # of no use for HTTPS
        (PLAIN, {"https": "p:8080"}, ()),
        (PLAIN, {"all": "p:8080"}, ()),
        ("http://user:geheim@pac.example/p?key=geheim", {}, ("by a script.",)),  # an address with a password is not shown at all
        ("file://server/geheim.pac", {}, ("by a script.",)),
        (7, {}, ()),
    ],
)
@pytest.mark.parametrize("place", [(USER, OWN), (USER, POLICIES), (MACHINE, POLICIES)])
def test_a_proxy_script_is_named_if_nothing_else_names_a_proxy(
    place: tuple[str, str], script: object, proxies: dict[str, str], said: tuple[str, ...]
) -> None:
    out = found({(*place, "AutoConfigURL"): script}, proxies=proxies)
    assert [each.grade for each in out] == [Grade.WARNING for _ in said]
    for each, text in zip(out, said, strict=True):
        assert text in each.what
        assert each.what.startswith("A policy of Windows" if place[1] == POLICIES else "Windows chooses")
        assert "HTTPS_PROXY" in each.remedy
        assert "geheim" not in str(each)


@pytest.mark.parametrize(("policy", "host"), [(None, "of.user"), (1, "of.user"), (0, "of.computer")])
@pytest.mark.parametrize("forced", ["", MACHINE, USER])
def test_which_script_counts(policy: object, host: str, forced: str) -> None:
    """A policy's own; then that of the computer, if a policy says that all users share it; then the user's."""
    values: Values = {
        (USER, OWN, "AutoConfigURL"): "http://of.user/p",
        (MACHINE, OWN, "AutoConfigURL"): "http://of.computer/p",
        (MACHINE, POLICIES, "ProxySettingsPerUser"): policy,
    }
    if forced:
        values[forced, POLICIES, "AutoConfigURL"] = "http://of.policy/p"
    (one,) = found(values)
    assert f"by a script of {'of.policy' if forced else host}." in one.what


def test_what_windows_itself_says_counts_where_the_registry_says_nothing() -> None:
    (one,) = found({}, of_user=PLAIN)
    assert "by a script of pac.example." in one.what
    (one,) = found({(USER, OWN, "AutoConfigURL"): "http://of.user/p"}, of_user=PLAIN)
    assert "of.user" in one.what


@pytest.mark.parametrize(
    ("automatic", "disabled", "proxies", "said"),
    [
        (False, None, {}, False),
        (True, None, {}, True),
        (True, 0, {}, True),
        (True, 1, {}, False),
        (True, None, {"https": "p:8080"}, False),
        (True, None, {"http": "p:8080"}, True),
    ],
)
def test_wpad_is_reported_without_a_warning(automatic: bool, disabled: object, proxies: dict[str, str], said: bool) -> None:
    """It is on wherever nobody changed it."""
    out = found({(MACHINE, WINHTTP, "DisableWpad"): disabled}, automatic=automatic, proxies=proxies)
    assert [each.grade for each in out] == [Grade.GOOD] * said
    assert all("WPAD" in each.what and "HTTPS_PROXY" in each.what for each in out)


def test_a_script_and_wpad_are_both_reported() -> None:
    assert [each.grade for each in found({}, automatic=True, of_user=PLAIN)] == [Grade.WARNING, Grade.GOOD]


@pytest.mark.skipif(sys.platform == "win32", reason="these are the settings of Windows")
def test_elsewhere_there_is_nothing_to_say() -> None:
    assert user_settings() == (False, "")
    assert registry(USER, OWN, "AutoConfigURL") is None
    assert list(check_proxy_choice(Case(Path("config.toml"), None), proxies=dict)) == []


@pytest.mark.skipif(sys.platform != "win32", reason="the registry of Windows")
def test_the_settings_of_windows_are_read() -> None:
    """As Windows keeps them for each connection: the ninth byte has 4 for a script and 8 for WPAD."""
    assert sys.platform == "win32"
    import winreg

    name, before = "DefaultConnectionSettings", None
    with winreg.CreateKeyEx(winreg.HKEY_CURRENT_USER, rf"{OWN}\Connections", 0, winreg.KEY_ALL_ACCESS) as key:
        with contextlib.suppress(FileNotFoundError):
            before = winreg.QueryValueEx(key, name)
        script = PLAIN.encode("ascii")
        content = b"\x46\0\0\0" + b"\1\0\0\0" + b"\x0d\0\0\0" + b"\0" * 8 + len(script).to_bytes(4, "little") + script + b"\0" * 32
        try:
            winreg.SetValueEx(key, name, 0, winreg.REG_BINARY, content)
            assert user_settings() == (True, PLAIN)
        finally:
            if before is None:
                winreg.DeleteValue(key, name)
            else:
                winreg.SetValueEx(key, name, 0, before[1], before[0])
