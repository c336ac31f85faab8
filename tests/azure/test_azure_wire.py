"""What happens on the connection itself, against a server of our own that answers as told: TLS, broken answers, a login's token."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from azure_server import Server, certificate, hang_up, reply, tls, wrote
from azure_ways import SCOPE, Way, login_by

from chorus_gui.core.config.credentials import MicrosoftLogin
from chorus_gui.core.errors import AccessError, ConditionError, StoreUnavailableError
from chorus_gui.core.storage.azure.store import AzureStore

BUSY: dict[str, Any] = {"x_ms_request_id": "r-1", "x_ms_error_code": "ServerBusy", "Retry_After": "3"}


def test_a_busy_service_is_asked_once_and_its_wish_passed_on(serve: Callable[..., Server]) -> None:
    server = serve(reply(503, **BUSY))
    with pytest.raises(StoreUnavailableError) as caught:
        server.store().put("a", b"x")
    assert (caught.value.retry_after, caught.value.code, caught.value.request_id) == (3.0, "ServerBusy", "r-1")
    assert len(server.seen) == 1


def test_a_redirect_is_not_followed(serve: Callable[..., Server]) -> None:
    server = serve(reply(302, Location="/sign-in"))
    with pytest.raises(AccessError, match="did not come from Azure"):
        server.store().put("a", b"x")
    assert len(server.seen) == 1


def test_a_connection_that_is_cut_may_be_tried_again(serve: Callable[..., Server]) -> None:
    server = serve(hang_up)
    with pytest.raises(StoreUnavailableError, match="was lost"):
        server.store().put("a", b"x")
    assert len(server.seen) == 1


@pytest.mark.parametrize("status", [200, 201])
def test_a_sign_in_page_is_not_taken_for_the_store(serve: Callable[..., Server], status: int) -> None:
    store = serve(reply(status, b"<html>Welcome", Content_Type="text/html")).store()
    for call in (
        lambda: store.put("a", b"x"),
        lambda: store.head("a"),
        lambda: store.stage_block("a", "1", b"x") if status == 200 else store.put("a", b""),
        lambda: list(store.list()),
        lambda: list(store.read("a")),
        lambda: store.list_staged("a"),
        lambda: store.delete("a"),
    ):
        with pytest.raises(StoreUnavailableError, match="did not come from Azure"):
            call()


def test_a_download_that_breaks_off_is_no_shorter_file(serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    part: dict[str, Any] = {"Content_Range": "bytes 0-99/100", "ETag": '"1"', "x_ms_request_id": "r", "x_ms_blob_type": "BlockBlob"}
    server = serve(reply(206, b"x" * 40, promised=100, **part))
    with pytest.raises(StoreUnavailableError, match="was lost"):
        list(server.store().read("a"))
    changed = serve(reply(412, x_ms_error_code="ConditionNotMet", x_ms_request_id="r"))
    with pytest.raises(ConditionError):
        list(changed.store().read("a", etag="1"))
    assert changed.seen[0][1]["If-Match"] == '"1"'


def test_names_are_escaped_once(serve: Callable[..., Server]) -> None:
    server = serve(wrote)
    server.store().put("a b/100%/#?&+;=~é", b"x")
    assert server.seen[0][0] == "PUT /box/a%20b/100%25/%23%3F%26%2B%3B%3D~%C3%A9"


def test_a_certificate_nobody_knows_is_refused_and_one_that_is_added_believed(
    serve: Callable[..., Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = certificate(tmp_path)
    server = serve(reply(404, x_ms_error_code="BlobNotFound", x_ms_request_id="r"), tls=tls(file))
    with pytest.raises(AccessError, match="is not trusted") as caught:
        server.store().head("a")
    assert "certificate authority" in caught.value.meaning
    assert server.seen == []
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(file))
    assert server.store().head("a") is None


def test_a_login_sends_its_token_and_a_missing_role_is_named(serve_login: Callable[..., Server]) -> None:
    way = Way("made-up-token")
    denied = reply(403, x_ms_error_code="AuthorizationPermissionMismatch", x_ms_request_id="r")
    server = serve_login(wrote, denied)
    store = AzureStore(server.place(MicrosoftLogin()), login=login_by(way))
    assert store.put("a", b"x").etag == "1"
    assert server.seen[0][1]["Authorization"] == "Bearer made-up-token"
    with pytest.raises(AccessError, match="Storage Blob Data Contributor"):
        store.put("a", b"x")
    assert way.asked == [((SCOPE,), None)]  # a missing role is no reason to sign in again
    store.close()


def test_a_copy_behind_a_custom_url_names_the_account_itself(
    serve: Callable[..., Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = certificate(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(file))
    done = reply(202, x_ms_copy_id="c", x_ms_copy_status="success", ETag='"1"', x_ms_request_id="r")
    look = reply(
        200, x_ms_copy_id="c", x_ms_copy_status="success", ETag='"1"', x_ms_request_id="r", Last_Modified="Wed, 01 Jan 2025 10:00:00 GMT",
        x_ms_blob_type="BlockBlob",
    )  # fmt: skip
    server = serve(done, look, tls=tls(file))
    assert server.store().copy("a b/%", "c").etag == "1"
    assert server.seen[0][1]["x-ms-copy-source"] == "https://acct.blob.core.windows.net/box/a%20b/%25"
