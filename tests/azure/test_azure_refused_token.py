"""A token that the service refuses is replaced once: a new one is asked for, the request is sent again, and that is all."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from azure_server import Reply, Server, empty_container, reply
from azure_ways import SCOPE, Way, login_by

from chorus_gui.core.config.credentials import MicrosoftLogin
from chorus_gui.core.config.sas import NEEDS_JOURNAL
from chorus_gui.core.errors import AccessError, BlobNotFoundError, SourceVanishedError
from chorus_gui.core.storage.azure import login as logins
from chorus_gui.core.storage.azure.login import NOBODY, Bearer, Login
from chorus_gui.core.storage.azure.probe import Grade, probe
from chorus_gui.core.storage.azure.store import AzureStore
from chorus_gui.core.storage.open import open_source, open_store

THREADS = 12
CHALLENGE = "Bearer authorization_uri=https://login.microsoftonline.com/{}/oauth2/authorize resource_id=https://storage.azure.com"


def accepting(*accepted: str, tenant: str = "", then: Reply = empty_container) -> Reply:
    """A service that takes these tokens.  It refuses others with 401; its refusal names ``tenant``, unless that is ""."""
    headers: dict[str, Any] = {"WWW_Authenticate": CHALLENGE.format(tenant)} if tenant else {}
    refusal = reply(401, x_ms_error_code="InvalidAuthenticationInfo", x_ms_request_id="r", **headers)

    def answer(handler: BaseHTTPRequestHandler) -> None:
        token = (handler.headers.get("Authorization") or "").removeprefix("Bearer ")
        (then if token in accepted else refusal)(handler)

    return answer


def together(then: Reply) -> Reply:
    """Answers no request with the token "old" before each of the threads has sent one."""
    arrived = threading.Barrier(THREADS)

    def answer(handler: BaseHTTPRequestHandler) -> None:
        if handler.headers["Authorization"] == "Bearer old":
            arrived.wait(60)
        then(handler)

    return answer


def tokens(server: Server) -> list[str]:
    """The tokens of the requests, in their order."""
    return [headers["Authorization"].removeprefix("Bearer ") for _, headers in server.seen]


def copied(handler: BaseHTTPRequestHandler) -> None:
    headers: dict[str, Any] = {
        "x_ms_copy_id": "c",
        "x_ms_copy_status": "success",
        "ETag": '"1"',
        "x_ms_request_id": "r",
        "x_ms_blob_type": "BlockBlob",
    }
    reply(202 if handler.command == "PUT" else 200, Last_Modified="Wed, 01 Jan 2025 10:00:00 GMT", **headers)(handler)


def not_there(store: AzureStore) -> None:
    with pytest.raises(BlobNotFoundError):
        list(store.read("a"))


CALLS: dict[str, Callable[[AzureStore], Any]] = {
    "put": lambda store: store.put("a", b"x" * 70_000, md5=b"0" * 16),
    "stage_block": lambda store: store.stage_block("a", "001", b"x" * 70_000),
    "commit_blocks": lambda store: store.commit_blocks("a", []),
    "head": lambda store: store.head("a"),
    "list": lambda store: list(store.list()),
    "list_staged": lambda store: store.list_staged("a"),
    "read": not_there,
    "delete": lambda store: store.delete("a"),
    "copy": lambda store: store.copy("a", "b"),
    "clock_skew": lambda store: store.clock_skew(),
}


@pytest.mark.parametrize("tenant", ["", "theirs"])
@pytest.mark.parametrize("call", CALLS)
def test_every_request_is_sent_once_more_with_a_new_token(serve_login: Callable[..., Server], call: str, tenant: str) -> None:
    server = serve_login(accepting("new", tenant=tenant, then=copied if call == "copy" else empty_container))
    way = Way("old", "new")
    with closing(AzureStore(server.place(MicrosoftLogin()), login=login_by(way))) as store:
        CALLS[call](store)
        assert len(way.asked) == 2
        assert tokens(server)[:2] == ["old", "new"]
        assert server.seen[0][0] == server.seen[1][0]
        assert server.seen[0][1].get("Content-Length") == server.seen[1][1].get("Content-Length")
        CALLS[call](store)
    assert set(tokens(server)[1:]) == {"new"}
    assert way.asked == [((SCOPE,), None)] * 2  # whatever the refusal names


@pytest.mark.parametrize("tenant", ["", "theirs"])
@pytest.mark.parametrize("call", CALLS)
def test_a_second_refusal_reaches_the_person(serve_login: Callable[..., Server], call: str, tenant: str) -> None:
    server = serve_login(accepting(tenant=tenant))
    way = Way("old", "new", "newer", tenants=(None,))
    with closing(AzureStore(server.place(MicrosoftLogin()), login=login_by(way))) as store:
        with pytest.raises(AccessError, match="does not accept this sign-in") as caught:
            CALLS["list" if call == "read" else call](store)
        assert ('azure_tenant_id = "theirs"' in caught.value.remedy) is bool(tenant)
        assert (len(way.asked), tokens(server)) == (2, ["old", "new"])


def test_a_body_that_is_sent_again_is_whole(serve_login: Callable[..., Server]) -> None:
    server = serve_login(accepting("new"))
    with closing(AzureStore(server.place(MicrosoftLogin()), login=login_by(Way("old", "new")))) as store:
        store.put("a", b"0123456789" * 9000)
    assert server.bodies == [b"0123456789" * 9000] * 2


def test_a_download_goes_on_with_a_new_token(serve_login: Callable[..., Server]) -> None:
    """The token ends between two chunks."""
    data = bytes(range(256)) * (5 * 4096)  # 5 MiB

    def send(handler: BaseHTTPRequestHandler) -> None:
        first, last = handler.headers["x-ms-range"].removeprefix("bytes=").split("-")
        body = data[int(first) : int(last) + 1]
        reply(
            206, body, Content_Range=f"bytes {first}-{int(first) + len(body) - 1}/{len(data)}", ETag='"1"', x_ms_request_id="r",
            x_ms_blob_type="BlockBlob", Last_Modified="Wed, 01 Jan 2025 10:00:00 GMT",
        )(handler)  # fmt: skip

    server = serve_login(accepting("old", then=send), accepting("new", then=send))
    way = Way("old", "new")
    with closing(AzureStore(server.place(MicrosoftLogin()), login=login_by(way))) as store:
        assert b"".join(store.read("a")) == data
    assert tokens(server) == ["old", "old", "new"]
    assert len(way.asked) == 2


def test_a_source_and_a_probe_do_the_same(serve_login: Callable[..., Server]) -> None:
    place, way = serve_login(accepting("new")).place(MicrosoftLogin()), Way("old", "new")
    login = login_by(way)
    with closing(open_source(place, login=login)) as source, pytest.raises(SourceVanishedError):
        source.stat("a")
    assert {finding.grade for finding in probe(place, needs=NEEDS_JOURNAL, login=login)} == {Grade.GOOD}
    assert len(way.asked) == 2


def test_threads_that_are_refused_the_same_token_ask_once(serve_login: Callable[..., Server]) -> None:
    server = serve_login(together(accepting("new")))
    way = Way("old", "new", "newer", wait=0.2)
    login = login_by(way)

    def put(number: int) -> str:
        with closing(open_store(server.place(MicrosoftLogin()), login=login)) as store:
            return store.put(f"{number}", b"x").etag

    with ThreadPoolExecutor(THREADS) as pool:
        assert set(pool.map(put, range(THREADS))) == {"1"}
    assert len(way.asked) == 2
    assert sorted(tokens(server)) == ["new"] * THREADS + ["old"] * THREADS


@pytest.mark.parametrize("last", ["", "new"])
def test_threads_ask_once_in_vain(serve_login: Callable[..., Server], last: str) -> None:
    """The person declines, or the new token is refused too: nobody is asked again by each thread, nor by the next request."""
    server = serve_login(together(accepting()))
    way = Way("old", last, "newest")
    login = login_by(way)

    def put(number: int) -> str:
        with closing(open_store(server.place(MicrosoftLogin()), login=login)) as store, pytest.raises(AccessError) as caught:
            store.put(f"{number}", b"x")
        return caught.value.what

    with ThreadPoolExecutor(THREADS) as pool:
        said = list(pool.map(put, range(THREADS)))
    assert said.count("You are not signed in to Azure.") == (0 if last else 1)
    assert len(way.asked) == 2


def test_after_a_pause_a_refused_token_is_replaced_again(serve_login: Callable[..., Server], monkeypatch: pytest.MonkeyPatch) -> None:
    server, way = serve_login(accepting("third")), Way("first", "second", "third")
    with closing(open_store(server.place(MicrosoftLogin()), login=login_by(way))) as store:
        for _ in range(3):
            with pytest.raises(AccessError):
                store.head("a")
        assert (len(way.asked), tokens(server)) == (2, ["first", "second", "second", "second"])
        monkeypatch.setattr(logins, "RENEW_PAUSE_SECONDS", 0.0)
        assert store.head("a") is None
    assert len(way.asked) == 3


class Caching(Way):
    """As the SDK's ways do, it keeps its token for as long as it lasts, for each tenant or for all."""

    made = 0

    def __init__(self) -> None:
        type(self).made += 1
        super().__init__(f"token {type(self).made}")


@pytest.fixture
def caching() -> Login:
    Caching.made = 0
    return Login(NOBODY, lambda sign_in: [Caching()])  # type: ignore[list-item]


@pytest.mark.parametrize("tenant", ["", "theirs"])
def test_a_token_that_a_way_keeps_is_dropped_too(serve_login: Callable[..., Server], caching: Login, tenant: str) -> None:
    server = serve_login(accepting("token 2", tenant=tenant))
    with closing(open_store(server.place(MicrosoftLogin()), login=caching)) as store:
        assert store.head("a") is None
    assert tokens(server) == ["token 1", "token 2"]
    assert Caching.made == 2


def test_only_the_configuration_chooses_the_tenant(serve_login: Callable[..., Server]) -> None:
    """A guest in the account's tenant: the token of the person's own is refused there, and stays right for other accounts."""
    server = serve_login(accepting("guest", tenant="0f1e-theirs.example"))
    own = serve_login(accepting("own"))
    way = Way("own", "guest")
    made: list[Way] = []

    def ways(_: Any) -> list[Any]:
        made.append(way)
        return [way]

    login = Login(NOBODY, ways)
    theirs = server.place(MicrosoftLogin())
    with closing(open_store(own.place(MicrosoftLogin()), login=login)) as store:
        store.put("a", b"x")
    theirs = replace(theirs, credentials=replace(theirs.credentials, tenant="0f1e-theirs.example"))
    for _ in range(2):
        with closing(open_store(theirs, login=login)) as store:
            store.put("a", b"x")
            assert store.head("a") is None
    with closing(open_store(own.place(MicrosoftLogin()), login=login)) as store:
        store.put("a", b"x")
    assert tokens(server) == ["guest"] * 4
    assert tokens(own) == ["own"] * 2
    assert way.asked == [((SCOPE,), None), ((SCOPE,), "0f1e-theirs.example")]
    assert len(made) == 1  # the way keeps what it knows: it can lead to another tenant without a person


@pytest.mark.parametrize(
    "challenge",
    [
        "",
        "Bearer",
        "Bearer realm=x",
        "Negotiate",
        "Bearer authorization_uri=http://login.example/t/x",
        "Bearer authorization_uri=https://login.example/",
        "Bearer authorization_uri=https://login.example/--x;y/z",
    ],
)
def test_a_refusal_without_a_tenant_names_none(challenge: str) -> None:
    bearer = Bearer(login_by(Way("old")), "")
    assert bearer.other_tenant(challenge) == ""
    assert bearer.other_tenant(CHALLENGE.format("theirs")) == "theirs"
    assert Bearer(login_by(Way("old")), "Theirs").other_tenant(CHALLENGE.format("theirs")) == ""


def test_only_the_storage_scope_is_asked_for(serve_login: Callable[..., Server]) -> None:
    """Whatever a refusal asks for: a token for something else must not reach a storage server."""
    other = reply(
        401, x_ms_request_id="r", WWW_Authenticate=CHALLENGE.format("t").replace("https://storage.azure.com", "https://graph.example")
    )
    way = Way("old", "new")
    with closing(open_store(serve_login(other).place(MicrosoftLogin()), login=login_by(way))) as store, pytest.raises(AccessError):
        store.head("a")
    assert {scopes for scopes, _ in way.asked} == {(SCOPE,)}


@pytest.mark.parametrize("code", ["AuthorizationPermissionMismatch", "AuthorizationFailure"])
def test_what_is_forbidden_is_no_reason_to_sign_in_again(serve_login: Callable[..., Server], code: str) -> None:
    server, way = serve_login(reply(403, x_ms_error_code=code, x_ms_request_id="r")), Way("t", "u")
    with closing(AzureStore(server.place(MicrosoftLogin()), login=login_by(way))) as store:
        for call in CALLS.values():
            if call is not CALLS["read"]:
                with pytest.raises(AccessError):
                    call(store)
    assert (len(way.asked), set(tokens(server))) == (1, {"t"})


def test_a_token_is_not_sent_without_encryption(serve: Callable[..., Server]) -> None:
    server, way = serve(empty_container), Way("t")
    with pytest.raises(AccessError, match="needs https"):
        open_store(server.place(MicrosoftLogin()), login=login_by(way))
    assert (server.seen, way.asked) == ([], [])
