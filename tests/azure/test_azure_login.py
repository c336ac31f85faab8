"""Signing in: one person is asked once, whatever the number of threads."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError

from chorus_gui.core.storage.azure.login import NOBODY, DeviceCode, Login, SignIn, _ways


class Way:
    """A way to sign in that takes a moment and gives ``token``, or fails where that is ""."""

    def __init__(self, token: str, seconds: float = 3600, wait: float = 0.0) -> None:
        self.token = token
        self.seconds = seconds
        self.wait = wait
        self.asked: list[tuple[tuple[str, ...], str | None]] = []

    def get_token(self, *scopes: str, claims: str | None = None, tenant_id: str | None = None, enable_cae: bool = False) -> AccessToken:
        self.asked.append((scopes, tenant_id))
        time.sleep(self.wait)
        if not self.token:
            raise ClientAuthenticationError("Not this way.\nMore.")
        return AccessToken(self.token, int(time.time() + self.seconds))


def login(*ways: Way) -> Login:
    return Login(NOBODY, lambda sign_in: list(ways))  # type: ignore[arg-type]


def test_the_first_way_that_works_is_kept() -> None:
    first, second, third = Way(""), Way("t", seconds=10), Way("never")
    credential = login(first, second, third)
    assert credential.get_token("scope").token == "t"
    assert credential.get_token("scope", tenant_id="other").token == "t"
    assert (len(first.asked), len(second.asked), len(third.asked)) == (1, 2, 0)
    assert second.asked[1] == (("scope",), "other")


def test_a_token_is_used_until_shortly_before_it_ends() -> None:
    lasting, ending = Way("t"), Way("t", seconds=60)
    for way, asked in ((lasting, 1), (ending, 3)):
        credential = login(way)
        for _ in range(3):
            credential.get_token("scope")
        assert len(way.asked) == asked
    credential = login(lasting)
    credential.get_token("scope")
    credential.get_token("scope", claims="the service wants a fresh one")
    assert len(lasting.asked) == 3


@pytest.mark.parametrize("token", ["t", ""])
def test_threads_that_wait_share_what_came_of_it(token: str) -> None:
    way = Way(token, wait=0.2)
    credential = login(way)
    gate = threading.Barrier(16)

    def ask(_number: int) -> str:
        gate.wait()
        try:
            return credential.get_token("scope").token
        except ClientAuthenticationError as error:
            return str(error)

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(ask, range(16))) == {token or "Not this way."}
    assert len(way.asked) == 1


def test_after_a_failure_the_next_request_asks_again() -> None:
    way = Way("")
    credential = login(way)
    for _ in range(2):
        with pytest.raises(ClientAuthenticationError):
            credential.get_token("scope")
    assert len(way.asked) == 2


def test_nobody_is_asked_unless_that_was_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    def names(sign_in: SignIn) -> list[str]:
        return [type(way).__name__ for way in _ways(sign_in)]

    shown: list[DeviceCode] = []
    assert names(NOBODY) == ["AzureCliCredential"]
    assert names(SignIn(device_code=shown.append)) == ["AzureCliCredential", "DeviceCodeCredential"]
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr("webbrowser.get", lambda: object())
    assert names(SignIn(browser=True)) == ["AzureCliCredential", "InteractiveBrowserCredential"]


def test_the_code_is_shown_to_the_caller() -> None:
    from datetime import UTC, datetime

    shown: list[DeviceCode] = []
    way: Any = _ways(SignIn(device_code=shown.append))[1]
    until = datetime(2030, 1, 1, tzinfo=UTC)
    way._prompt_callback("https://example.org/device", "ABCD", until)
    assert shown == [DeviceCode("https://example.org/device", "ABCD", until)]
