"""Where the tokens of a bucket of Google come from: a file with credentials or the account of a computer in the cloud; and whom nobody asks."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from azure_server import Server, hang_up, reply
from gcsserver import SignIn, private_key

from chorus_gui.core.config.credentials import GoogleKeys
from chorus_gui.core.errors import AccessError, Cancelled, StoreError, StoreUnavailableError, TokenTimeError, Why
from chorus_gui.core.job import JobContext
from chorus_gui.core.storage.bucket.answers import Access
from chorus_gui.core.storage.gcs.tokens import GoogleTokens
from chorus_gui.core.storage.gcs.wire import KEYS

ROOT = Path(__file__).resolve().parents[2]
ACCESS = Access("box", "storage.googleapis.com", "Google Cloud Storage", "Google", "r", KEYS)


def tokens(file: Path | str = "", *, attached: bool = False) -> GoogleTokens:
    return GoogleTokens(GoogleKeys(str(file), attached=attached), "", ACCESS)


def written(folder: Path, content: object) -> Path:
    file = folder / "credentials.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return file


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def made(*replies: Any) -> Server:
        servers.append(Server(*replies))
        return servers[-1]

    yield made
    for server in servers:
        server.close()


def test_a_service_account_signs_for_reading_alone(google: SignIn, tmp_path: Path) -> None:
    source = tokens(google.account_file(tmp_path))
    assert source.token() == source.token() == google.given[0]
    (asked,) = google.asked
    claims = asked["assertion"][0].split(".")[1]
    said = json.loads(urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    assert said["scope"] == "https://www.googleapis.com/auth/devstorage.read_only"
    assert said["iss"] == "reader@site-project.iam.gserviceaccount.com"


def test_a_sign_in_of_a_person(google: SignIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("google.oauth2.credentials._GOOGLE_OAUTH2_TOKEN_ENDPOINT", google.url)
    file = written(tmp_path, {"type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "r"})
    assert tokens(file).token() == google.given[0]
    assert google.asked[0]["refresh_token"] == ["r"]


def test_an_identity_of_a_workload_elsewhere(google: SignIn, tmp_path: Path) -> None:
    (tmp_path / "subject").write_text("subject-token")
    content = {
        "type": "external_account",
        "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/o",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": google.url,
        "credential_source": {"file": str(tmp_path / "subject")},
    }
    assert tokens(written(tmp_path, content)).token() == google.given[0]
    assert google.asked[0]["subject_token"] == ["subject-token"]


def test_an_identity_of_a_workload_that_acts_as_a_service_account(google: SignIn, tmp_path: Path, serve: Callable[..., Server]) -> None:
    """The address has the account's name, with its "@"."""
    answer = json.dumps({"accessToken": "of-the-account", "expireTime": "2999-01-01T00:00:00Z"}).encode()
    server = serve(reply(200, answer, Content_Type="application/json"))
    (tmp_path / "subject").write_text("subject-token")
    path = "/v1/projects/-/serviceAccounts/reader@site-project.iam.gserviceaccount.com:generateAccessToken"
    content = {
        "type": "external_account",
        "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/o",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": google.url,
        "service_account_impersonation_url": f"{server.url}{path}",
        "credential_source": {"file": str(tmp_path / "subject")},
    }
    assert tokens(written(tmp_path, content)).token() == "of-the-account"
    ((line, headers),) = server.seen
    assert (line, headers["Authorization"]) == (f"POST {path}", f"Bearer {google.given[0]}")


@pytest.mark.parametrize(
    "source",
    [
        {"executable": {"command": "touch FILE"}},
        {"environment_id": "aws1", "regional_cred_verification_url": "http://169.254.169.254/", "region_url": "http://169.254.169.254/"},
        {"url": "http://169.254.169.254/token"},
        {"url": "http://metadata.google.internal/token"},
        {"url": "https://evil.example/token"},
        {},
    ],
)
def test_no_program_is_started_and_no_other_server_is_asked_for_an_identity(
    google: SignIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: dict[str, Any]
) -> None:
    made = tmp_path / "made"
    monkeypatch.setenv("GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES", "1")
    content = {
        "type": "external_account",
        "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/o",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": google.url,
        "credential_source": json.loads(json.dumps(source).replace("FILE", made.as_posix())),
    }
    with pytest.raises(AccessError) as caught:
        tokens(written(tmp_path, content)).token()
    assert caught.value.remedy
    assert not made.exists()
    assert google.asked == []


BROKEN: dict[str, Any] = {
    "nothing": "",
    "no JSON": "{",
    "a list": [],
    "no kind": {},
    "a kind that is none": {"type": 1},
    "another kind": {"type": "gdch_service_account"},
    "a file of a sign-in client": {"installed": {"client_id": "c", "client_secret": "TOPSECRET"}},
    "a service account without a key": {
        "type": "service_account",
        "client_email": "a@b",
        "token_uri": "https://oauth2.googleapis.com/token",
    },
    "a damaged key": {
        "type": "service_account",
        "client_email": "a@b",
        "token_uri": "https://oauth2.googleapis.com/token",
        "private_key": private_key().replace(private_key().splitlines()[5], "TOPSECRET"),
    },
    "a person without a secret": {"type": "authorized_user", "client_id": "c", "refresh_token": "TOPSECRET"},
    "a number as key": {"type": "service_account", "client_email": 1, "token_uri": 2, "private_key": 3},
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_file_without_credentials_is_a_sentence(tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    with pytest.raises(AccessError, match="is not a file with Google credentials") as caught:
        tokens(written(tmp_path, BROKEN[name])).token()
    assert "google_credentials_file" in caught.value.remedy
    assert caught.value.why is Why.CREDENTIAL
    assert "TOPSECRET" not in f"{caught.value}{caught.value.meaning}{caught.value.__cause__!r}{caught.value.__context__!r}{caplog.text}"


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(AccessError, match=r"none\.json.* cannot be read") as caught:
        tokens(tmp_path / "none.json").token()
    assert "GOOGLE_APPLICATION_CREDENTIALS" in caught.value.meaning


def test_without_credentials_the_remedy_names_the_sign_in_of_gcloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    with pytest.raises(AccessError, match="no Google credentials") as caught:
        tokens().token()
    assert "gcloud" not in caught.value.meaning
    file = tmp_path / "application_default_credentials.json"
    file.write_text("{}")
    with pytest.raises(AccessError, match="no Google credentials") as caught:
        tokens().token()
    assert str(file) in caught.value.meaning


@pytest.mark.parametrize(
    ("status", "answer", "kind", "words"),
    [
        (
            400,
            {"error": "invalid_grant", "error_description": "Invalid JWT Signature."},
            AccessError,
            "does not accept the credentials file",
        ),
        (400, {"error": "invalid_grant", "error_description": "Token has been expired or revoked."}, AccessError, "does not accept"),
        (
            400,
            {
                "error": "invalid_grant",
                "error_description": "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values.",
            },
            TokenTimeError,
            "because of its time",
        ),
        (401, {"error": "invalid_client"}, AccessError, "does not accept"),
        (403, {"error": "access_denied", "error_description": "Account disabled"}, AccessError, "does not accept"),
        (200, {"token": "none"}, AccessError, "does not accept"),
    ],
)
def test_a_sign_in_that_is_refused_is_a_sentence(
    google: SignIn, tmp_path: Path, status: int, answer: dict[str, str], kind: type[StoreError], words: str
) -> None:
    google.refusal = status, answer
    source = tokens(google.account_file(tmp_path))
    with pytest.raises(kind, match=words) as caught:
        source.token()
    assert caught.value.why is Why.CREDENTIAL
    assert not caught.value.retryable
    assert answer.get("error_description", "")[:20] in caught.value.meaning
    assert "eyJ" not in f"{caught.value}{caught.value.meaning}"
    google.refusal = None
    assert source.token() == google.given[0], "it asks again as soon as there is a reason to"


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_busy_sign_in_service_is_asked_once_and_what_it_asks_for_is_passed_on(
    serve: Callable[..., Server], google: SignIn, tmp_path: Path, status: int
) -> None:
    """Whoever asked waits and tries again; the library must not do that by itself, where nobody can cancel it."""
    server = serve(reply(status, b'{"error": "busy"}', Retry_After="7"))
    with pytest.raises(StoreUnavailableError, match="Could not sign in to Google") as caught:
        tokens(google.account_file(tmp_path, token_uri=f"{server.url}/token")).token()
    assert (caught.value.why, caught.value.retry_after, len(server.seen)) == (Why.BUSY, 7.0, 1)


def test_a_sign_in_service_that_is_out_of_reach_is_an_outage(serve: Callable[..., Server], google: SignIn, tmp_path: Path) -> None:
    silent = serve(hang_up)
    for url, words in ((f"{silent.url}/token", "was lost"), ("http://127.0.0.1:9/token", "Could not reach 127.0.0.1")):
        with pytest.raises(StoreUnavailableError, match=words):
            tokens(google.account_file(tmp_path, token_uri=url)).token()


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/token",
        "http://oauth2.googleapis.com/token",
        "http://169.254.169.254/t",
        "ftp://a/b",
        "x",
        "http://[::ffff:169.254.169.254]/",
        "https://oauth2.googleapis.com@evil.example/token",
        "https://oauth2.googleapis.com\\@evil.example/token",
        "https://oauth2.googleapis.com/to ken",
        "https://oauth2.googleapis.com/token#@evil.example/",
    ],
)
def test_a_sign_in_service_that_nobody_knows_gets_nothing(google: SignIn, tmp_path: Path, url: str) -> None:
    with pytest.raises(AccessError) as caught:
        tokens(google.account_file(tmp_path, token_uri=url)).token()
    assert "Nothing was sent" in caught.value.meaning


def test_many_threads_share_one_sign_in(google: SignIn, tmp_path: Path) -> None:
    source, start = tokens(google.account_file(tmp_path)), threading.Barrier(8)
    got: list[str] = []

    def work() -> None:
        start.wait()
        got.append(source.token())

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [google.given[0]] * 8
    assert len(google.asked) == 1
    for _ in range(2):
        source.forget(got[0])  # each thread that was refused says so
        assert source.token() == google.given[1]


def test_a_new_key_in_the_place_of_the_old_one_is_read(google: SignIn, tmp_path: Path) -> None:
    file = google.account_file(tmp_path)
    source = tokens(file)
    source.forget(source.token())
    file.write_text(file.read_text().replace("reader@", "other@"))
    source.token()
    claims = google.asked[1]["assertion"][0].split(".")[1]
    assert "other@" in urlsafe_b64decode(claims + "==").decode("utf-8", "replace")


def test_a_cancellation_does_not_wait_for_the_sign_in(tmp_path: Path, google: SignIn, serve: Callable[..., Server]) -> None:
    asked, ended = threading.Event(), threading.Event()

    def wait(handler: Any) -> None:
        asked.set()
        ended.wait(60)
        hang_up(handler)

    source, ctx = tokens(google.account_file(tmp_path, token_uri=serve(wait).url)), JobContext()

    def cancel() -> None:
        asked.wait(60)
        ctx.cancel()

    threading.Thread(target=cancel).start()
    try:
        with ctx.entered(), pytest.raises(Cancelled):
            source.token()
        assert not ended.is_set()
    finally:
        ended.set()


ATTACHED = """
import json, sys
seen = []
def hook(event, args):
    if event in ("socket.connect", "socket.getaddrinfo"):
        seen.append(str(args[1] if event == "socket.connect" else args[0]))
        raise OSError(101, "not in this test")
sys.addaudithook(hook)
import time
time.sleep = lambda seconds: None
from chorus_gui.core.config.credentials import GoogleKeys
from chorus_gui.core.config.model import Place, PlaceKind
from chorus_gui.core.errors import StoreError
from chorus_gui.core.storage.gcs.probe import probe
from chorus_gui.core.storage.open import open_source
place = Place(PlaceKind.GCS, "gs://box", None, "box", "", GoogleKeys(sys.argv[1], attached=sys.argv[2] == "yes"))
try:
    open_source(place).stat("a")
except StoreError as error:
    print(error.what, file=sys.stderr)
probe(place)
print(json.dumps(seen))
"""


def asked(folder: Path, file: Path | str, attached: str) -> list[str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith(("GOOGLE_", "GCE_", "GCLOUD_", "CLOUDSDK_"))}
    words = [sys.executable, "-c", ATTACHED, str(file), attached]
    done = subprocess.run(
        words, capture_output=True, text=True, cwd=ROOT, env={**own, "HOME": str(folder), "USERPROFILE": str(folder)}, check=True
    )
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def test_the_account_of_the_computer_is_asked_for_only_if_the_configuration_requests_it(tmp_path: Path) -> None:
    """An audit hook sees every address that a process wants to reach, and none is in the cloud's local network."""
    assert asked(tmp_path, "", "no") == []
    gcloud = tmp_path / ".config" / "gcloud"
    gcloud.mkdir(parents=True)
    (gcloud / "application_default_credentials.json").write_text("{}")
    assert asked(tmp_path, "", "no") == []
    account = {
        "type": "service_account",
        "client_email": "a@b",
        "private_key": private_key(),
        "token_uri": "https://oauth2.googleapis.com/token",
    }
    file = written(tmp_path, account)
    for attached in ("no", "yes"):  # the file goes before
        reached = asked(tmp_path, file, attached)
        assert reached
        assert all("oauth2.googleapis.com" in address for address in reached)
    found = asked(tmp_path, "", "yes")
    assert found
    assert all("metadata.google.internal" in address or "169.254.169.254" in address for address in found)


def test_the_account_of_a_computer_in_the_cloud(serve: Callable[..., Server], tmp_path: Path) -> None:
    def answer(handler: Any) -> None:
        found: dict[str, Any] = {"email": "computer@p", "scopes": ["a"], "aliases": []}
        if "/token" in handler.path:
            found = {"access_token": "ya29.computer", "expires_in": 3600, "token_type": "Bearer"}
        good = handler.headers["Metadata-Flavor"] == "Google"
        reply(200 if good else 403, json.dumps(found).encode(), Content_Type="application/json", Metadata_Flavor="Google")(handler)

    server = serve(answer)
    code = (
        "from chorus_gui.core.config.credentials import GoogleKeys\nfrom chorus_gui.core.storage.bucket.answers import Access, Keys\n"
        "from chorus_gui.core.storage.gcs.tokens import GoogleTokens\n"
        "print(GoogleTokens(GoogleKeys(attached=True), '', Access('b', 'h', 's', 'm', 'r', Keys('a', 'b', 'c'))).token())"
    )
    env = {**os.environ, "GCE_METADATA_HOST": server.url.partition("://")[2], "HTTP_PROXY": "http://127.0.0.1:9", "NO_PROXY": ""}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, env=env, check=False)
    assert done.stdout.strip() == "ya29.computer", done.stderr
    assert all(headers.get("Metadata-Flavor", headers.get("metadata-flavor")) == "Google" for _, headers in server.seen)


@pytest.mark.parametrize("name", ["google.auth.external_account", "google.oauth2.credentials", "google.oauth2._client"])
def test_the_library_logs_nothing_of_what_it_asks(name: str) -> None:
    tokens()
    assert not logging.getLogger(name).isEnabledFor(logging.WARNING)


def test_no_secret_is_logged_or_shown(google: SignIn, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    source = tokens(google.account_file(tmp_path))
    token = source.token()
    line = private_key().splitlines()[1]
    for text in (caplog.text, repr(source), repr(vars(source))):
        assert token not in text
        assert line not in text
        assert "eyJ" not in text


def test_a_site_elsewhere_imports_nothing_of_google() -> None:
    code = (
        "import sys\nfrom chorus_gui.core.config.credentials import AwsKeys, Secret\nfrom chorus_gui.core.config.model import Place, PlaceKind\n"
        "from chorus_gui.core.storage.open import open_source\n"
        "open_source(Place(PlaceKind.S3, 's3://box', None, 'box', '', AwsKeys('a', Secret('b'))))\n"
        "open_source(Place(PlaceKind.GCS, 'gs://box', None, 'box'))\n"
        "print([name for name in sys.modules if name.partition('.')[0] in ('google', 'botocore', 'azure', 'cryptography', 'requests')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"
