"""Asking a person at a terminal to sign in with Microsoft."""

from __future__ import annotations

import sys
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chorus_gui.core.storage.azure.login import DeviceCode, Login


def login() -> Login:
    """The process's login: the browser, else a code for another device; without a terminal (a scheduler, a pipe) nobody is asked."""
    return _login(sys.stdin is not None and sys.stdin.isatty())


@cache
def _login(terminal: bool) -> Login:
    from chorus_gui.core.storage.azure.login import NOBODY, Login, SignIn

    return Login(SignIn(browser=True, device_code=_show) if terminal else NOBODY)


def _show(code: DeviceCode) -> None:
    print(f"To sign in, open {code.url} on any device and enter the code {code.code}", file=sys.stderr, flush=True)
