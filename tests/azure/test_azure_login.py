"""Signing in: one person is asked once, whatever the number of stores, sources, probes and threads."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure_server import Server, empty_container
from azure_ways import SCOPE, Way, login_by

from chorus_gui.core.config.credentials import ManagedIdentity, MicrosoftLogin
from chorus_gui.core.config.model import Place
from chorus_gui.core.config.sas import NEEDS_JOURNAL
from chorus_gui.core.errors import AccessError, SourceVanishedError
from chorus_gui.core.storage.azure.login import NOBODY, DeviceCode, Login, SignIn, _ways
from chorus_gui.core.storage.azure.probe import Grade, probe
from chorus_gui.core.storage.open import open_source, open_store


def test_the_first_way_that_works_is_kept() -> None:
    first, second, third = Way(""), Way("t", seconds=10), Way("never")
    credential = login_by(first, second, third)
    assert credential.get_token("scope").token == "t"
    assert credential.get_token("scope", tenant_id="other").token == "t"
    assert (len(first.asked), len(second.asked), len(third.asked)) == (1, 2, 0)
    assert second.asked[1] == (("scope",), "other")


def test_a_token_is_used_until_shortly_before_it_ends() -> None:
    lasting, ending = Way("t"), Way("t", seconds=60)
    for way, asked in ((lasting, 1), (ending, 3)):
        credential = login_by(way)
        for _ in range(3):
            credential.get_token("scope")
        assert len(way.asked) == asked
    credential = login_by(lasting)
    credential.get_token("scope")
    credential.get_token("scope", claims="the service wants a fresh one")
    assert len(lasting.asked) == 3


def test_a_way_that_worked_is_tried_first_for_other_tenants() -> None:
    unused, person, other = Way(""), Way("t", tenants=("one", "two")), Way("u", tenants=("three",))
    credential = login_by(unused, person, other)
    assert [credential.get_token(SCOPE, tenant_id=tenant).token for tenant in ("one", "two", "three", "two")] == ["t", "t", "u", "t"]
    assert [tenant for _, tenant in person.asked] == ["one", "two", "three"]
    assert [tenant for _, tenant in unused.asked] == ["one", "three"]


def test_a_way_that_no_longer_works_is_followed_by_the_others() -> None:
    first, second = Way("t", "", seconds=10), Way("u")
    credential = login_by(first, second)
    assert [credential.get_token(SCOPE).token for _ in range(3)] == ["t", "u", "u"]
    assert (len(first.asked), len(second.asked)) == (2, 1)


def test_a_failure_for_one_tenant_is_no_failure_for_another() -> None:
    way = Way("t", wait=0.2, tenants=("two",))
    credential = login_by(way)

    def ask(tenant: str) -> str:
        try:
            return credential.get_token(SCOPE, tenant_id=tenant).token
        except ClientAuthenticationError as error:
            return str(error)

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(ask, ("one", "one", "two", "two"))) == ["Not this way.", "Not this way.", "t", "t"]
    assert sorted(str(tenant) for _, tenant in way.asked) == ["one", "two"]


def test_a_known_token_is_not_held_up_by_a_person_who_is_asked_for_another_tenant() -> None:
    begun, released = threading.Event(), threading.Event()

    class Slow(Way):
        def get_token(self, *scopes: str, tenant_id: str | None = None, **options: Any) -> Any:
            if tenant_id == "slow":
                begun.set()
                assert released.wait(30)
            return super().get_token(*scopes, tenant_id=tenant_id)

    credential = login_by(Slow("t"))
    credential.get_token(SCOPE)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(credential.get_token, SCOPE, tenant_id="slow")
        assert begun.wait(30)
        assert credential.get_token(SCOPE).token == "t"
        assert not asked.done()
        released.set()


def test_a_sign_in_without_a_person_is_not_held_up_by_a_person_who_is_asked() -> None:
    begun, released = threading.Event(), threading.Event()

    class Slow(Way):
        def get_token(self, *scopes: str, tenant_id: str | None = None, **options: Any) -> Any:
            begun.set()
            assert released.wait(30)
            return super().get_token(*scopes, tenant_id=tenant_id)

    login = login_by(Slow("t"))
    identity = MicrosoftLogin("tenant", ManagedIdentity())
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(login.get_token, SCOPE)
        assert begun.wait(30)
        made = login.by(identity)
        assert made is login.by(MicrosoftLogin("tenant", ManagedIdentity())) is not login
        assert login.by(MicrosoftLogin("tenant")) is login
        assert not asked.done()
        released.set()


def test_a_login_is_made_without_the_sdk() -> None:
    code = "import sys; from chorus_gui.core.storage.azure.login import NOBODY, Login; Login(NOBODY); print('azure' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def use_store(place: Place, login: Login | None) -> None:
    with closing(open_store(place, login=login)) as store:
        store.put("a", b"x")


def use_source(place: Place, login: Login | None) -> None:
    with closing(open_source(place, login=login)) as source, pytest.raises(SourceVanishedError):
        source.stat("a")


def use_probe(place: Place, login: Login | None) -> None:
    found = probe(place, needs=NEEDS_JOURNAL, login=login)
    bad = [finding.what for finding in found if finding.grade is Grade.BAD]
    if bad:
        raise AccessError(bad[0])


USES = (use_store, use_store, use_source, use_source, use_probe, use_probe)


@pytest.fixture
def login_place(serve_login: Callable[..., Server]) -> Iterator[Place]:
    """A container that a login leads to.  Every request to it carries the token of the ways in these tests."""
    server = serve_login(empty_container)
    yield server.place(MicrosoftLogin())
    assert {headers.get("Authorization") for _, headers in server.seen} <= {"Bearer t"}


def test_stores_sources_and_probes_of_one_login_ask_a_person_once(login_place: Place) -> None:
    command_line, person = Way(""), Way("t")
    login = login_by(command_line, person)
    for use in USES:
        use(login_place, login)
    assert (len(command_line.asked), person.asked) == (1, [((SCOPE,), None)])


@pytest.mark.parametrize("token", ["t", ""])
def test_threads_with_a_store_each_ask_a_person_once(login_place: Place, token: str) -> None:
    """Each opens a store, a source or a probe of its own; who waits gets the same answer, a failure too."""
    person = Way(token, wait=0.5)
    login = login_by(person)
    gate = threading.Barrier(2 * len(USES))

    def run(number: int) -> str:
        gate.wait()
        try:
            USES[number % len(USES)](login_place, login)
        except AccessError as error:
            return error.what
        return ""

    with ThreadPoolExecutor(2 * len(USES)) as pool:
        said = set(pool.map(run, range(2 * len(USES))))
    assert said == {""} if token else {text.partition(".")[0] for text in said} == {"You are not signed in to Azure"}
    assert person.asked == [((SCOPE,), None)]


def test_without_a_login_nobody_is_asked(login_place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[SignIn] = []

    def ways(sign_in: SignIn) -> list[Any]:
        asked.append(sign_in)
        return []

    monkeypatch.setattr("chorus_gui.core.storage.azure.login._ways", ways)
    for use in USES:
        with pytest.raises(AccessError, match="not signed in"):
            use(login_place, None)
    assert asked == [NOBODY] * len(USES)  # nothing is kept between them either


@pytest.mark.parametrize("token", ["t", ""])
def test_threads_that_wait_share_what_came_of_it(token: str) -> None:
    way = Way(token, wait=0.2)
    credential = login_by(way)
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
    credential = login_by(way)
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
