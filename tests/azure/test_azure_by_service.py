"""Files that the store's service reads from the site's service, where it can: the journal has the true MD5 of each, and the receipt its way.

The emulator does not have that request, so a server in front of it does.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import http.client
import json
import os
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import pytest
from azure_places import azure_place, sas_place, service
from azure_server import Server, reply
from azure_ways import Way as TokenWay
from azure_ways import login_by
from commands import Run, run
from world import World

from chorus_gui.app.demo.azurite import Azurite
from chorus_gui.app.folders import receipts_folder
from chorus_gui.app.options import SubmitOptions
from chorus_gui.app.review import Reviewing
from chorus_gui.app.submit import submit
from chorus_gui.app.workspace import Workspace
from chorus_gui.core.config.credentials import Account, AccountKey, MicrosoftLogin, Sas
from chorus_gui.core.config.model import Place, PlaceKind
from chorus_gui.core.errors import AccessError, StoreUnavailableError
from chorus_gui.core.job import JobContext, OutcomeKind
from chorus_gui.core.storage.azure.authorise import ByKey
from chorus_gui.core.storage.azure.login import NOBODY, Login
from chorus_gui.core.storage.azure.source import AzureSource
from chorus_gui.core.storage.azure.store import AzureStore
from chorus_gui.core.storage.base import SourceStat
from chorus_gui.core.storage.by_service import Borrower, CannotFetchError, Lent, fetching, lends
from chorus_gui.core.storage.retrying import RetryingStore
from chorus_gui.core.storage.retrying_source import RetryingSource

__all__ = ["run"]
SIZE = 70_000
"""More than what goes into the store from one thread."""
Refuse = Callable[[str], tuple[int, str] | None]
"""The source of a copy → a status and an error code in place of the copy"""


class Fetching:
    """In front of the emulator: it passes everything on, and does Put Blob From URL itself, as Azure's documentation describes it."""

    def __init__(self, azurite: Azurite) -> None:
        front = self
        self.copies: list[dict[str, str]] = []
        self.refuse: Refuse = lambda source: None
        self.silent_md5 = False
        self.drops = 0
        """copies that get no answer"""
        address = urlsplit(azurite.url)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _pass_on(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                lower = {name.lower(): value for name, value in self.headers.items()}
                if "x-ms-source-content-md5" in lower:
                    front.copies.append(lower)
                    if front.drops:
                        front.drops -= 1
                        self.close_connection = True
                        return
                    self._answer(*front.copied(self.path, lower, azurite))
                    return
                self._answer(*front.asked(self.command, self.path, {**dict(self.headers), "Host": address.netloc}, body, address.netloc))

            def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
                self.send_response_only(status)
                for name, value in headers:
                    if name.lower() not in ("transfer-encoding", "connection", "keep-alive", "content-length") or (
                        name.lower() == "content-length" and self.command == "HEAD"
                    ):
                        self.send_header(name, value)
                if self.command != "HEAD":
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET = do_PUT = do_HEAD = do_DELETE = _pass_on  # noqa: N815

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                pass

        self._http = Quiet(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}/{azurite.account}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,))
        self._thread.start()

    @staticmethod
    def asked(method: str, target: str, headers: dict[str, str], body: bytes, host: str) -> tuple[int, list[tuple[str, str]], bytes]:
        with closing(http.client.HTTPConnection(host, timeout=60)) as connection:
            connection.request(method, target, body or None, headers)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()

    def copied(self, target: str, headers: dict[str, str], azurite: Azurite) -> tuple[int, list[tuple[str, str]], bytes]:
        source = urlsplit(headers["x-ms-copy-source"])
        if (refused := self.refuse(headers["x-ms-copy-source"])) is not None:
            return _refusal(*refused)
        status, _, data = self.asked(
            "GET", f"{source.path}?{source.query}", {"If-Match": headers["x-ms-source-if-match"]}, b"", source.netloc
        )
        if status != 200:
            return _refusal(*((412, "SourceConditionNotMet") if status == 412 else (status, "CannotVerifyCopySource")))
        md5 = base64.b64encode(hashlib.md5(data).digest()).decode()
        if md5 != headers["x-ms-source-content-md5"]:
            return _refusal(400, "Md5Mismatch")
        from azure.storage.blob import BlobClient, ContentSettings

        assert headers["x-ms-copy-source-blob-properties"] == "false"
        url = f"{azurite.url.removesuffix('/' + azurite.account)}{target.partition('?')[0]}"
        with BlobClient.from_blob_url(url, credential={"account_name": azurite.account, "account_key": azurite.key}) as client:
            kept = ContentSettings(content_md5=bytearray(base64.b64decode(headers["x-ms-blob-content-md5"])))
            made = client.upload_blob(data, overwrite=True, content_settings=kept)
        out = [("ETag", str(made["etag"])), ("x-ms-request-id", "r"), ("Last-Modified", "Wed, 01 Jan 2025 10:00:00 GMT")]
        return 201, out if self.silent_md5 else [*out, ("Content-MD5", md5)], b""

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


def _refusal(status: int, code: str) -> tuple[int, list[tuple[str, str]], bytes]:
    return status, [("x-ms-error-code", code), ("x-ms-request-id", "r")], b""


@pytest.fixture
def front(azurite: Azurite) -> Iterator[Fetching]:
    made = Fetching(azurite)
    yield made
    made.close()


def put(azurite: Azurite, container: str, name: str, data: bytes, *, claim: bytes | None = None, claims: bool = True) -> None:
    """A blob of the site.  ``claim``: an MD5 property of the writer's choice; without ``claims`` it has none."""
    from azure.storage.blob import BlobBlock, BlobClient, ContentSettings

    url = f"{azurite.url}/{container}/{name}"
    with BlobClient.from_blob_url(url, credential={"account_name": azurite.account, "account_key": azurite.key}) as client:
        if claims and claim is None:
            client.upload_blob(data, overwrite=True)
            return
        client.stage_block("1", data)
        kept = ContentSettings(content_md5=bytearray(claim)) if claim is not None else ContentSettings()
        client.commit_block_list([BlobBlock("1")], content_settings=kept)


@pytest.fixture
def site(azurite: Azurite) -> str:
    name = f"site-{uuid.uuid4().hex}"
    azurite.create_container(name)
    return name


@pytest.fixture
def central(azurite: Azurite) -> str:
    name = f"central-{uuid.uuid4().hex}"
    azurite.create_container(name)
    return name


def world_of(base: Path, azurite: Azurite, url: str, site: str, central: str, *, by_key: bool = False) -> World:
    """The site's container has a SAS token, or with ``by_key`` the key of the account that also has the central store."""
    world = World(base)
    sas = sas_place(azurite, site, "rl").credentials.sas
    assert sas is not None
    key = f'azure_account_name = "{azurite.account}"\nazure_account_key = "{azurite.key}"\n'
    world.file.write_text(
        '[configuration]\nsupported_modalities = "OMOP,Images"\n[journal.local]\npath = "journal.db"\n[journal]\njournaling_mode = "full"\n'
        f'[journal.source]\npath = "az://{central}/journal.db"\n[journal.source.auth]\n{key}azure_account_url = "{url}"\n'
        f'[central_path]\npath = "az://{central}/in"\n[central_path.auth]\n{key}azure_account_url = "{url}"\n'
        f'[site_path.default]\npath = "site"\n[site_path.Images]\npath = "az://{site}/"\npattern = "{{patient_id:w}}/Images/{{filepath}}"\n'
        + (
            f'[site_path.Images.auth]\n{key}azure_account_url = "{url}"\n'
            if by_key
            else f'[site_path.Images.auth]\nauth_mode = "sas"\nazure_account_name = "{azurite.account}"\nazure_account_url = "{azurite.url}"\n'
            f'azure_sas_token = "{sas.token.reveal()}"\n'
        ),
        "utf-8",
    )
    world.put("OMOP/person.csv", "person_id\n1\n")
    return world


def receipt_of(text: str) -> dict[str, Any]:
    path = next(line.partition("Receipt: ")[2] for line in text.splitlines() if line.startswith("Receipt: "))
    found: dict[str, Any] = json.loads(Path(path).with_suffix(".json").read_text("utf-8"))
    return found


def test_each_file_goes_the_way_that_gives_its_true_md5(
    azurite: Azurite, front: Fetching, site: str, central: str, tmp_path: Path, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    contents = {name: os.urandom(SIZE) for name in ("claimed", "claimed too", "unclaimed", "wrong", "small")}
    contents["small"] = b"small"
    for name, data in contents.items():
        claim = hashlib.md5(b"other").digest() if name == "wrong" else None
        put(azurite, site, f"1/Images/{name}.dcm", data, claim=claim, claims=name != "unclaimed")
    world = world_of(tmp_path, azurite, front.url, site, central)
    status, text = run(world, "submit", "--yes", "--version", "v1")
    assert status == 0, text
    rows = world.active()
    assert {path: row.md5 for path, row in rows.items() if "Images" in path} == {
        f"1/Images/{name}.dcm": hashlib.md5(data).hexdigest() for name, data in contents.items()
    }
    made = receipt_of(text)
    assert (made["fetched_files"], made["fetched_bytes"]) in {(2, 2 * SIZE), (3, 2 * SIZE + 5)}, "small files may go either way"
    assert made["sent_files"] == len(contents) + 1 - made["fetched_files"]
    assert "read by the central store from the site's cloud" in text or made["fetched_files"]
    asked = {urlsplit(copy["x-ms-copy-source"]).path.rpartition("/")[2] for copy in front.copies}
    assert {"claimed.dcm", "claimed%20too.dcm", "wrong.dcm"} <= asked
    assert "unclaimed.dcm" not in asked
    status, text = run(world, "file", "verify", "--reread")
    assert status == 0, text
    secret = urlsplit(front.copies[0]["x-ms-copy-source"]).query.partition("sig=")[2].partition("&")[0]
    assert secret
    assert secret not in caplog.text + text


def test_an_emulator_or_a_service_that_cannot_do_it_is_asked_a_few_times(
    azurite: Azurite, site: str, central: str, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    real = AzureStore.fetch

    def fetch(self: AzureStore, path: str, lent: Any) -> Any:
        asked.append(path)
        return real(self, path, lent)

    monkeypatch.setattr(AzureStore, "fetch", fetch)
    for number in range(12):
        put(azurite, site, f"1/Images/{number}.dcm", os.urandom(SIZE))
    world = world_of(tmp_path, azurite, azurite.url, site, central)
    text = world.file.read_text("utf-8")
    world.file.write_text(text.replace("[configuration]", "[configuration]\nnum_threads = 1"), "utf-8")
    status, text = run(world, "submit", "--yes", "--version", "v1")
    assert status == 0, text
    assert len(world.active()) == 13
    assert 3 <= len(asked) < 12
    assert receipt_of(text)["fetched_files"] == 0


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (412, "SourceConditionNotMet"),
        (403, "CannotVerifyCopySource"),
        (401, "CannotVerifyCopySource"),
        (404, "CannotVerifyCopySource"),
        (400, "Md5Mismatch"),
        (501, "APINotImplemented"),
        (500, "InternalError"),
        (503, "ServerBusy"),
        (409, "InvalidSourceBlobUrl"),
    ],
)
def test_a_copy_that_is_refused_is_sent_instead(azurite: Azurite, front: Fetching, site: str, central: str, status: int, code: str) -> None:
    data = os.urandom(SIZE)
    put(azurite, site, "a b.dcm", data)
    front.refuse = lambda source: (status, code)
    with closing(AzureSource(sas_place(azurite, site, "rl"))) as source, closing(AzureStore(central_of(azurite, front, central))) as inner:
        lent = lends(source, "a b.dcm", Borrower())
        assert lent is not None
        store = fetching(RetryingStore(inner))
        assert store is not None
        with pytest.raises(CannotFetchError) as caught:
            store.fetch("x", lent)
        assert caught.value.code == code
        assert lent.address not in f"{caught.value!r} {lent!r}"
        assert inner.head("x") is None
    assert front.copies[0]["x-ms-source-if-match"] == f'"{lent.stat.version}"'


def test_a_submission_that_is_cancelled_between_copies_continues(
    azurite: Azurite, front: Fetching, site: str, central: str, tmp_path: Path, run: Run
) -> None:
    contents = {f"1/Images/{number}.dcm": os.urandom(SIZE) for number in range(8)}
    for name, data in contents.items():
        put(azurite, site, name, data)
    world = world_of(tmp_path, azurite, front.url, site, central)
    text = world.file.read_text("utf-8")
    world.file.write_text(text.replace("[configuration]", "[configuration]\nnum_threads = 1"), "utf-8")
    ctx, arrived = JobContext(), iter(range(100))

    def cancel(source: str) -> None:
        if next(arrived) == 2:
            ctx.cancel()

    front.refuse = cancel
    options = SubmitOptions(version="v1")
    with Workspace(world.config, Login(NOBODY)) as workspace:
        done = submit(workspace, ctx, options, Reviewing())
    assert done.outcome.kind is OutcomeKind.CANCELLED
    copied = len(front.copies)
    assert 3 <= copied < len(contents)
    front.refuse = lambda source: None
    status, text = run(world, "submit", "--yes", "--version", "v1")
    assert status == 0, text
    assert {path: row.md5 for path, row in world.active().items() if "Images" in path} == {
        name: hashlib.md5(data).hexdigest() for name, data in contents.items()
    }
    assert len(front.copies) <= len(contents) + 1, "what was confirmed is not copied again"


def central_of(azurite: Azurite, front: Fetching, central: str) -> Place:
    return azure_place(azurite.account, front.url, AccountKey(azurite.key), central)


def test_an_answer_that_does_not_confirm_the_md5_is_no_proof(azurite: Azurite, front: Fetching, site: str, central: str) -> None:
    put(azurite, site, "a.dcm", os.urandom(SIZE))
    front.silent_md5 = True
    with closing(AzureSource(sas_place(azurite, site, "rl"))) as source, closing(AzureStore(central_of(azurite, front, central))) as store:
        lent = lends(RetryingSource(source), "a.dcm", Borrower())
        assert lent is not None
        with pytest.raises(CannotFetchError, match="did not confirm"):
            store.fetch("x", lent)


def test_an_outage_and_a_refused_credential_are_those_of_every_write(azurite: Azurite, front: Fetching, site: str, central: str) -> None:
    put(azurite, site, "a.dcm", os.urandom(SIZE))
    with closing(AzureSource(sas_place(azurite, site, "rl"))) as source, closing(AzureStore(central_of(azurite, front, central))) as store:
        lent = lends(source, "a.dcm", Borrower())
        assert lent is not None
        front.refuse = lambda address: (403, "AuthenticationFailed")
        with pytest.raises(AccessError):
            store.fetch("x", lent)
        front.refuse, front.drops = lambda address: None, 2
        with pytest.raises(StoreUnavailableError):
            store.fetch("x", lent)
        front.drops, before = 2, len(front.copies)
        patient = RetryingStore(store)
        patient.outage._patience = 60.0
        assert patient.fetch("x", lent).md5 == lent.md5.hex()
        assert len(front.copies) - before == 3


def test_a_version_of_the_source_that_is_gone_is_not_copied(azurite: Azurite, front: Fetching, site: str, central: str) -> None:
    put(azurite, site, "a.dcm", os.urandom(SIZE))
    with closing(AzureSource(sas_place(azurite, site, "rl"))) as source, closing(AzureStore(central_of(azurite, front, central))) as store:
        lent = lends(source, "a.dcm", Borrower())
        assert lent is not None
        put(azurite, site, "a.dcm", os.urandom(SIZE))
        with pytest.raises(CannotFetchError):
            store.fetch("x", lent)
        assert store.head("x") is None


def test_a_blob_with_metadata_is_not_copied_by_the_service(azurite: Azurite, site: str) -> None:
    """A service can copy them, too: they can name a patient."""
    put(azurite, site, "a.dcm", b"data")
    with closing(service(azurite)) as client:
        client.get_blob_client(site, "a.dcm").set_blob_metadata({"name": "somebody"})
    with closing(AzureSource(sas_place(azurite, site, "rl"))) as source:
        assert lends(source, "a.dcm", Borrower()) is None
        put(azurite, site, "a.dcm", b"data")
        assert lends(source, "a.dcm", Borrower()) is not None


def test_a_sas_is_handed_to_azure_alone_and_nothing_else_is_handed_on(azurite: Azurite, site: str) -> None:
    with closing(AzureSource(azure_place(azurite.account, azurite.url, AccountKey(azurite.key), site))) as source:
        assert source.lent("a.dcm", Borrower("https://another.blob.core.windows.net")) is None, "an account key lets nobody else in"
    known = {"https://upload.chorus4ai.org": False, "https://abc.blob.core.windows.net": True, "http://127.0.0.1:9/abc": True}
    for url, fetches in known.items():
        place = Place(PlaceKind.AZURE, "az://box", None, "box", "", Sas("sv=1&sig=aaaa"), Account("abc", url))
        with closing(AzureStore(place)) as store:
            assert (fetching(store) is not None) is fetches


def test_inside_one_account_a_key_lends_one_blob_and_the_receipt_says_so(
    azurite: Azurite, front: Fetching, site: str, central: str, tmp_path: Path, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    """The emulator checks the signature of the SAS that the key makes: for one blob, to read it, for an hour."""
    caplog.set_level("DEBUG")
    contents = {f"{name}.dcm": os.urandom(SIZE) for name in ("plain", "a b+%ü", "wrong")}
    for name, data in contents.items():
        put(azurite, site, quote(f"1/Images/{name}"), data, claim=hashlib.md5(b"other").digest() if name == "wrong.dcm" else None)
    world = world_of(tmp_path, azurite, front.url, site, central, by_key=True)
    status, text = run(world, "submit", "--yes", "--version", "v1")
    assert status == 0, text
    assert {path: row.md5 for path, row in world.active().items() if "Images" in path} == {
        f"1/Images/{name}": hashlib.md5(data).hexdigest() for name, data in contents.items()
    }
    assert receipt_of(text)["fetched_files"] == 2, "the service refuses what has another MD5; the program sends that"
    listed = next(receipts_folder().glob("*_submission_*.files.csv.gz"))
    ways = {line.split(",")[2]: line.split(",")[4] for line in gzip.decompress(listed.read_bytes()).decode("utf-8-sig").splitlines()}
    assert {path: way for path, way in ways.items() if "Images" in path} == {
        f"1/Images/{name}": "sent" if name == "wrong.dcm" else "fetched" for name in contents
    }
    for copy in front.copies:
        fields = dict(parse_qsl(urlsplit(copy["x-ms-copy-source"]).query))
        assert (fields["sr"], fields["sp"]) == ("b", "r")
        left = datetime.fromisoformat(fields["se"]) - datetime.now(UTC)
        assert timedelta(minutes=50) < left <= timedelta(hours=1)
        assert azurite.key not in str(copy)
        assert fields["sig"] not in caplog.text + text


def test_a_key_signs_as_the_makers_of_the_service_do(monkeypatch: pytest.MonkeyPatch) -> None:
    from azure.storage.blob import generate_blob_sas

    key = base64.b64encode(bytes(range(64))).decode()
    fields = dict(parse_qsl(ByKey("acct", key).lend("box", "1/ä b.dcm")))
    monkeypatch.setattr("azure.storage.blob._shared_access_signature.X_MS_VERSION", fields["sv"])
    theirs = generate_blob_sas("acct", "box", "1/ä b.dcm", account_key=key, permission="r", expiry=fields["se"], protocol="https")
    assert {name: value for name, value in parse_qsl(theirs) if name in fields} == fields
    assert ByKey("acct", "no key").lend("box", "a") == ""


@pytest.mark.parametrize("same_account", [True, False])
@pytest.mark.parametrize("same_person", [True, False])
def test_inside_one_account_the_token_of_the_request_reads_the_source(
    serve_login: Callable[..., Server], same_account: bool, same_person: bool
) -> None:
    """It goes only to the service that gets it anyway; a token that the service refuses is replaced in both places."""
    md5 = hashlib.md5(b"content").digest()
    shown = base64.b64encode(md5).decode()

    def answer(handler: Any) -> None:
        headers: dict[str, Any] = {
            "ETag": '"1"',
            "Last_Modified": "Wed, 01 Jan 2025 10:00:00 GMT",
            "x_ms_request_id": "r",
            "Content_MD5": shown,
        }
        if handler.command == "HEAD":
            reply(200, x_ms_blob_type="BlockBlob", promised=7, **headers)(handler)
        elif handler.headers["Authorization"] == "Bearer old":
            reply(401, x_ms_error_code="InvalidAuthenticationInfo", x_ms_request_id="r")(handler)
        else:
            reply(201, **headers)(handler)

    server = serve_login(answer)
    login = login_by(TokenWay("old", "new"))
    place = server.place(MicrosoftLogin())
    other = replace(place, account=Account("another", "https://another.blob.core.windows.net"))
    who = MicrosoftLogin() if same_person else MicrosoftLogin("another.example")
    with (
        closing(AzureSource(replace(place, container="site", credentials=who), login=login)) as source,
        closing(AzureStore(place, login=login)) as store,
        closing(AzureStore(other, login=login)) as elsewhere,
    ):
        to = (store if same_account else elsewhere).borrower
        assert to is not None
        lent = lends(source, "a.dcm", to)
        assert (lent is not None) is (same_account and same_person)
        if lent is None:
            assert not server.seen
            return
        assert "?" not in lent.address
        assert store.fetch("x", lent).md5 == md5.hex()
    copies = [headers for line, headers in server.seen if line.startswith("PUT")]
    assert [(one["x-ms-copy-source-authorization"], one["Authorization"]) for one in copies] == [
        (f"Bearer {token}", f"Bearer {token}") for token in (["old", "new"] if len(copies) == 2 else ["new"])
    ]
    assert all(one["x-ms-source-content-md5"] == shown for one in copies)


def test_a_store_with_another_credential_does_not_read_for_a_sign_in(azurite: Azurite, front: Fetching, site: str, central: str) -> None:
    lent = Lent(f"{front.url}/{site}/a.dcm", SourceStat(4, 0), hashlib.md5(b"data").digest(), signs_in=True)
    with closing(AzureStore(central_of(azurite, front, central))) as store, pytest.raises(CannotFetchError):
        store.fetch("x", lent)
    assert not front.copies
