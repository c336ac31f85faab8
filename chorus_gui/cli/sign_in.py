"""Asking a person at a terminal to sign in with Microsoft."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chorus_gui.core.storage.azure.login import DeviceCode, SignIn


def sign_in() -> SignIn:
    """The browser, else a code for another device; nobody is asked where no terminal is (a scheduler, a pipe)."""
    from chorus_gui.core.storage.azure.login import NOBODY, SignIn

    return SignIn(browser=True, device_code=_show) if sys.stdin is not None and sys.stdin.isatty() else NOBODY


def _show(code: DeviceCode) -> None:
    print(f"To sign in, open {code.url} on any device and enter the code {code.code}", file=sys.stderr, flush=True)
