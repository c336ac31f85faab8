"""The process's one sign-in with Microsoft Entra."""

from __future__ import annotations

from collections.abc import Callable

from chorus_gui.core.storage.azure.login import NOBODY, DeviceCode, Login, SignIn

__all__ = ["DeviceCode", "Login", "login"]


def login(*, asked: bool, show: Callable[[DeviceCode], None] | None = None) -> Login:
    """Make the sign-in that every store and source of this process shares.

    ``asked``: a person is there and can sign in with a browser, or with a code on another device that ``show`` receives, on whichever thread needs it first.
    """
    if not asked:
        return Login(NOBODY)

    return Login(SignIn(browser=True, device_code=show))
