"""Requests to a bucket of Google, answered by a server on this computer as no test server answers: refusals, tokens that end, compositions, damaged and foreign answers."""

from __future__ import annotations

import hashlib
import json
import pickle
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from azure_server import Reply, Server, hang_up, reply
from foreign_answers import ERRORS, FOREIGN
from gcsserver import SignIn, gcs_place

from chorus_gui.core.config.credentials import GoogleKeys
from chorus_gui.core.config.hosts import Host, admit, unconfirmed
from chorus_gui.core.config.model import GcsSettings, Place
from chorus_gui.core.errors import (
    AccessError,
    BlobNotFoundError,
    ConditionError,
    SourceChangedError,
    SourceUnreadableError,
    SourceVanishedError,
    StoreError,
    StoreUnavailableError,
    UntrustedHostError,
    Why,
)
from chorus_gui.core.model import Grade
from chorus_gui.core.storage.base import FolderChoice, Voucher
from chorus_gui.core.storage.bucket.source import REFUSALS
from chorus_gui.core.storage.bucket.values import Gets
from chorus_gui.core.storage.gcs.probe import probe
from chorus_gui.core.storage.gcs.source import GcsSource
from chorus_gui.core.storage.gcs.wire import Bucket
from chorus_gui.core.storage.http.channel import Answer

CREATED = "2025-01-01T10:00:00.987Z"
CREATED_US = 1_735_725_600_000_000
MODIFIED = "Wed, 01 Jan 2025 10:00:00 GMT"


def md5(data: bytes) -> str:
    return b64encode(hashlib.md5(data).digest()).decode()


def item(name: str, data: bytes = b"data", **more: Any) -> dict[str, Any]:
    fields = {
        "name": name,
        "size": str(len(data)),
        "timeCreated": CREATED,
        "generation": "17",
        "md5Hash": md5(data),
        "storageClass": "STANDARD",
    }
    return {key: value for key, value in {**fields, **more}.items() if value is not None}


def page(*items: dict[str, Any], token: str = "", prefixes: tuple[str, ...] = ()) -> Reply:
    body: dict[str, Any] = {"kind": "storage#objects"}
    if items:
        body["items"] = list(items)
    if token:
        body["nextPageToken"] = token
    if prefixes:
        body["prefixes"] = list(prefixes)
    return reply(200, json.dumps(body).encode(), Content_Type="application/json")


def facts(name: str, data: bytes = b"data", **more: Any) -> Reply:
    return reply(200, json.dumps({"kind": "storage#object", **item(name, data, **more)}).encode(), Content_Type="application/json")


def media(data: bytes, *, whole: bytes | None = None, offset: int = 0, **headers: Any) -> Reply:
    """A range of ``whole``, as the service sends it after the first write of the object."""
    whole = data if whole is None else whole
    usual: dict[str, Any] = {
        "Content_Range": f"bytes {offset}-{offset + len(data) - 1}/{len(whole)}",
        "x_goog_generation": "17",
        "x_goog_metageneration": "1",
        "x_goog_hash": f"crc32c=AAAAAA==,md5={md5(whole)}",
        "x_goog_stored_content_length": str(len(whole)),
        "Last_Modified": MODIFIED,
    }
    return reply(206, data, **{name: value for name, value in {**usual, **headers}.items() if value})


def error(status: int, reason: str, message: str = "m", **headers: Any) -> Reply:
    body = {"error": {"code": status, "message": message, "errors": [{"message": message, "domain": "global", "reason": reason}]}}
    return reply(status, json.dumps(body).encode(), Content_Type="application/json", X_GUploader_UploadID="R1", **headers)


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def made(*replies: Reply) -> Server:
        servers.append(Server(*replies))
        return servers[-1]

    yield made
    for server in servers:
        server.close()


@pytest.fixture
def keys(google: SignIn, tmp_path: Path) -> GoogleKeys:
    return GoogleKeys(str(google.account_file(tmp_path)))


Opened = Callable[..., GcsSource]


@pytest.fixture
def opened(serve: Callable[..., Server], keys: GoogleKeys) -> Iterator[Callable[..., GcsSource]]:
    """A source whose bucket is a server with these replies; ``source.server`` has what was asked."""
    sources: list[GcsSource] = []

    def make(*replies: Reply, **settings: str) -> GcsSource:
        server = serve(*replies)
        source = GcsSource(place(server, keys, **settings))
        source.server = server  # type: ignore[attr-defined]
        sources.append(source)
        return source

    yield make
    for source in sources:
        source.close()


def place(server: Server, keys: GoogleKeys, **settings: str) -> Place:
    return gcs_place(server.url, "box", "site", keys=keys, gcs=GcsSettings(**settings))


def everything(_: str) -> FolderChoice:
    return FolderChoice(descend=True, files=True)


REFUSED: dict[str, tuple[int, str, type[StoreError], str, str]] = {
    "forbidden": (403, "reader@p does not have storage.objects.get access.", AccessError, "do not allow reading", "Storage Object Viewer"),
    "authError": (401, "Invalid Credentials", AccessError, "does not accept the credentials", "google_credentials_file"),
    "notFound": (404, "No such object: box/a", BlobNotFoundError, "is not in the bucket", ""),
    "notFound 2": (404, "The specified bucket does not exist.", AccessError, "no bucket", "google_endpoint_url"),
    "conditionNotMet": (412, "At least one of the pre-conditions you specified did not hold.", ConditionError, "changed meanwhile", ""),
    "rateLimitExceeded": (429, "slow", StoreUnavailableError, "Could not read", "in a few minutes"),
    "userRateLimitExceeded": (403, "slow", StoreUnavailableError, "Could not read", "in a few minutes"),
    "backendError": (503, "m", StoreUnavailableError, "Could not read", "in a few minutes"),
    "internalError": (500, "m", StoreUnavailableError, "Could not read", "in a few minutes"),
    "required": (400, "Bucket is a requester pays bucket but no user project provided.", AccessError, "have to pay", "google_user_project"),
    "userProjectAccessDenied": (403, "m", AccessError, "billing the project", "Service Usage Consumer"),
    "accountDisabled": (
        403,
        "The billing account for the owning project is disabled",
        AccessError,
        "billing account",
        "manage the project",
    ),
    "vpcServiceControls": (403, "Request is prohibited by organization's policy.", AccessError, "policy of the organization", "VPC"),
    "resourceIsEncryptedWithCustomerEncryptionKey": (400, "m", StoreError, "Could not read", "another kind of key"),
    "anything": (400, "Something.", StoreError, "Could not read", "the code"),
}


@pytest.mark.parametrize("reason", REFUSED)
def test_each_refusal_is_a_sentence_with_a_remedy(serve: Callable[..., Server], keys: GoogleKeys, reason: str) -> None:
    status, message, kind, words, remedy = REFUSED[reason]
    code = reason.partition(" ")[0]
    with closing(Bucket(place(serve(error(status, code, message)), keys))) as bucket, pytest.raises(StoreError, match=words) as caught:
        bucket.read("site/a", 0, 10)
    assert type(caught.value) is kind
    assert caught.value.retryable == (kind is StoreUnavailableError)
    assert remedy in caught.value.remedy
    if kind is not BlobNotFoundError and kind is not ConditionError:
        assert code in caught.value.meaning
        assert "R1" in caught.value.meaning


def test_a_missing_bucket_is_no_empty_one(opened: Opened) -> None:
    source = opened(error(404, "notFound", "The specified bucket does not exist."))
    with pytest.raises(SourceUnreadableError, match="There is no bucket “box”"):
        list(source.folders(everything, lambda: None))


def test_a_busy_service_says_how_long_to_wait(opened: Opened) -> None:
    with pytest.raises(StoreUnavailableError) as caught:
        opened(error(429, "rateLimitExceeded", Retry_After="7")).bucket.list_page("site/")
    assert (caught.value.retry_after, caught.value.why) == (7.0, Why.BUSY)


@pytest.mark.parametrize("status", [401, 403, 404, 412])
def test_bytes_that_are_refused_in_plain_text_are_explained_by_a_question_about_the_object(opened: Opened, status: int) -> None:
    """The answer to a download has no reason that a program can read."""
    plain = reply(status, b"Not Found", Content_Type="text/html; charset=UTF-8")
    with pytest.raises(SourceVanishedError):
        opened(plain, error(404, "notFound", "No such object: box/site/a")).open("a")
    with pytest.raises(SourceUnreadableError, match="do not allow reading"):
        opened(plain, plain, error(403, "forbidden")).open("a") if status == 401 else opened(plain, error(403, "forbidden")).open("a")
    with pytest.raises(StoreUnavailableError, match="did not come from"):
        opened(reply(status, b"<html>nothing here</html>")).open("a")


@pytest.mark.parametrize(
    ("status", "body", "words", "remedy"),
    [
        (400, b"The target object is encrypted by a customer-supplied encryption key.", "Could not read “site/a”", "another kind of key"),
        (400, b"Cloud KMS key is disabled.", "Could not read “site/a”", "the code"),
        (403, b"Permission denied on Cloud KMS key.", "do not allow reading", "Storage Object Viewer"),
        (400, b"<html>x</html>", "Could not read “site/a”", "the code"),
    ],
)
def test_bytes_that_are_refused_of_an_object_that_can_be_looked_at_concern_that_object_alone(
    opened: Opened, status: int, body: bytes, words: str, remedy: str
) -> None:
    """It was the service that answered: nobody waits for another one."""
    source = opened(reply(status, body, Content_Type="text/html; charset=UTF-8"), facts("site/a"))
    with pytest.raises(SourceUnreadableError, match=words) as caught:
        source.open("a", version="17")
    assert remedy in caught.value.remedy
    assert "<" not in caught.value.summary


def test_a_token_that_is_refused_in_the_middle_is_replaced(google: SignIn, opened: Opened) -> None:
    source = opened(media(b"da", whole=b"data"), error(401, "authError"), media(b"ta", whole=b"data", offset=2))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("chorus_gui.core.storage.bucket.source.CHUNK_BYTES", 2)
        reader = source.open("a")
        buffer = bytearray(2)
        assert (reader.readinto(buffer), bytes(buffer)) == (2, b"da")
        assert (reader.readinto(buffer), bytes(buffer)) == (2, b"ta")
    sent = [headers["Authorization"] for _, headers in source.server.seen]  # type: ignore[attr-defined]
    assert sent == [f"Bearer {google.given[0]}", f"Bearer {google.given[0]}", f"Bearer {google.given[1]}"]


def test_a_token_that_stays_refused_is_asked_for_once_more_and_not_for_ever(google: SignIn, opened: Opened) -> None:
    source = opened(error(401, "authError"))
    with pytest.raises(AccessError, match="does not accept the credentials") as caught:
        source.stat("a")
    assert caught.value.why is Why.CREDENTIAL
    assert len(source.server.seen) == len(google.given) == 2  # type: ignore[attr-defined]


def test_a_token_that_ends_is_renewed_before_it_does(google: SignIn, opened: Opened) -> None:
    google.seconds = 59
    source = opened(facts("site/a"))
    for _ in range(3):
        source.stat("a")
    assert len(google.given) == 3
    google.seconds = 3600
    for _ in range(3):
        source.stat("a")
    assert len(google.given) == 4


def test_what_is_asked(opened: Opened) -> None:
    source = opened(page(item("site/a")), user_project="payer-1")
    list(source.folders(everything, lambda: None))
    target = urlsplit(source.server.seen[0][0].partition(" ")[2])  # type: ignore[attr-defined]
    query = parse_qs(target.query)
    assert target.path == "/storage/v1/b/box/o"
    assert (query["prefix"], query["maxResults"], query["userProject"]) == (["site/"], ["1000"], ["payer-1"])
    assert query["fields"] == ["kind,nextPageToken,prefixes,items(name,size,timeCreated,generation,md5Hash,storageClass)"]
    assert not {"versions", "softDeleted"} & query.keys()


ODD = "1/b+c&d=e%41?#/ä\\\t .dcm"


def test_a_name_is_sent_as_it_is(opened: Opened) -> None:
    source = opened(media(b"data"))
    source.open(ODD, version="17")
    target = source.server.seen[0][0].partition(" ")[2]  # type: ignore[attr-defined]
    path, _, query = target.partition("?")
    assert path == "/storage/v1/b/box/o/site%2F1%2Fb%2Bc%26d%3De%2541%3F%23%2F%C3%A4%5C%09%20.dcm"
    assert parse_qs(query) == {"alt": ["media"], "ifGenerationMatch": ["17"], "prettyPrint": ["false"]}


def test_a_small_file_takes_one_request(opened: Opened) -> None:
    source = opened(media(b"data"))
    whole = source.read_whole("a", 100)
    assert whole.data == b"data"
    assert (whole.before.size, whole.before.mtime_us, whole.before.version) == (4, CREATED_US, "17")
    assert whole.before.md5 is not None
    assert (whole.before.md5.hex, whole.before.md5.voucher) == (hashlib.md5(b"data").hexdigest(), Voucher.WRITER)
    assert len(source.server.seen) == 1  # type: ignore[attr-defined]


@pytest.mark.parametrize("changed", [{"x_goog_metageneration": "3"}, {"x_goog_metageneration": ""}, {"Last_Modified": ""}])
def test_the_time_is_when_the_bytes_were_written_and_not_when_a_property_was_changed(opened: Opened, changed: dict[str, Any]) -> None:
    """Another class of storage or another label changes Last-Modified, and is no reason to look at a file again."""
    source = opened(
        media(b"data", **{"Last_Modified": "Thu, 02 Jan 2025 10:00:00 GMT", **changed}), facts("site/a", updated="2025-01-02T10:00:00Z")
    )
    assert source.read_whole("a", 100).before.mtime_us == CREATED_US == source.stat("a").mtime_us


def test_the_second_piece_of_a_file_needs_no_question_about_its_time(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chorus_gui.core.storage.bucket.source.CHUNK_BYTES", 2)
    old: dict[str, Any] = {"x_goog_metageneration": "2"}
    source = opened(media(b"da", whole=b"data", **old), facts("site/a"), media(b"ta", whole=b"data", offset=2, **old))
    reader = source.open("a")
    got = [reader.readinto(bytearray(2)), reader.readinto(bytearray(2)), reader.readinto(bytearray(2))]
    assert got == [2, 2, 0]
    assert len(source.server.seen) == 3  # type: ignore[attr-defined]


def test_a_composed_object_has_no_md5(opened: Opened) -> None:
    """The service knows only a checksum of another kind for it."""
    source = opened(
        page(item("site/a", md5Hash=None, componentCount=2)), facts("site/a", md5Hash=None), media(b"data", x_goog_hash="crc32c=AAAAAA==")
    )
    (folder,) = source.folders(everything, lambda: None)
    assert folder.files[0].md5 is None
    assert source.stat("a").md5 is None
    assert source.open("a").stat().md5 is None


@pytest.mark.parametrize("answer", [media(b"data", x_goog_generation="18"), error(412, "conditionNotMet"), reply(412, b"pre-conditions")])
def test_another_version_than_the_one_that_was_asked_for_is_not_read(opened: Opened, answer: Reply) -> None:
    with pytest.raises(SourceChangedError):
        opened(answer, facts("site/a", generation="18")).open("a", version="17")


def test_a_file_that_is_replaced_while_its_time_is_asked_for_is_another(opened: Opened) -> None:
    for then in (facts("site/a", generation="18"), error(404, "notFound", "No such object")):
        with pytest.raises(SourceChangedError):
            opened(media(b"data", x_goog_metageneration="2"), then).open("a")


DAMAGED: dict[str, Reply] = {
    "another range": media(b"data", Content_Range="bytes 1-4/9"),
    "a shorter range": media(b"da", Content_Range="bytes 0-1/4"),
    "no range": media(b"data", Content_Range="bytes */4"),
    "no generation": media(b"data", x_goog_generation=""),
    "a generation that is none": media(b"data", x_goog_generation="1a"),
    "unpacked on the way": media(b"data", x_goog_stored_content_encoding="gzip", x_goog_stored_content_length="3"),
    "packed on the way": media(b"data", Content_Encoding="gzip", x_goog_stored_content_encoding="identity"),
    "an MD5 that is none": media(b"data", x_goog_hash="md5=abc"),
    "a time that is none": media(b"data", Last_Modified="yesterday"),
    "a redirect": reply(302, b"", Location="https://evil.example/"),
    "nothing": reply(204),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_answers_are_none(opened: Opened, name: str) -> None:
    with pytest.raises(StoreUnavailableError, match="did not come from"):
        opened(DAMAGED[name]).open("a")


def test_what_is_kept_compressed_is_read_as_it_is_kept(opened: Opened) -> None:
    source = opened(media(b"\x1f\x8bpacked", Content_Encoding="gzip", x_goog_stored_content_encoding="gzip"))
    assert source.read_whole("a", 100).data == b"\x1f\x8bpacked"
    assert source.server.seen[0][1]["Accept-Encoding"] == "gzip"  # type: ignore[attr-defined]


@pytest.mark.parametrize("answer", [reply(200, b"da", promised=4, x_goog_generation="17"), hang_up])
def test_a_body_that_breaks_off_is_no_file(opened: Opened, answer: Reply) -> None:
    with pytest.raises(StoreUnavailableError):
        opened(answer).open("a")


LISTS: dict[str, bytes] = {
    "not JSON": b"{",
    "nothing": b"{}",
    "another kind": b'{"kind": "storage#object"}',
    "a list": b"[]",
    "no name": json.dumps({"kind": "storage#objects", "items": [item("", b"")]}).encode(),
    "a name elsewhere": json.dumps({"kind": "storage#objects", "items": [item("other/a")]}).encode(),
    "a folder elsewhere": json.dumps({"kind": "storage#objects", "prefixes": ["other/"]}).encode(),
    "half a character": json.dumps({"kind": "storage#objects", "items": [item("site/\ud800")]}).encode(),
    "no size": json.dumps({"kind": "storage#objects", "items": [item("site/a", size=None)]}).encode(),
    "a size that is none": json.dumps({"kind": "storage#objects", "items": [item("site/a", size="-1")]}).encode(),
    "a number as size": json.dumps({"kind": "storage#objects", "items": [item("site/a", size=1)]}).encode(),
    "no time": json.dumps({"kind": "storage#objects", "items": [item("site/a", timeCreated=None)]}).encode(),
    "no generation": json.dumps({"kind": "storage#objects", "items": [item("site/a", generation=None)]}).encode(),
    "an MD5 that is none": json.dumps({"kind": "storage#objects", "items": [item("site/a", md5Hash="x")]}).encode(),
    "items that are none": b'{"kind": "storage#objects", "items": {}}',
    "a token that is none": b'{"kind": "storage#objects", "nextPageToken": 1}',
}


@pytest.mark.parametrize("name", LISTS)
def test_damaged_lists_are_none(opened: Opened, name: str) -> None:
    with pytest.raises(StoreUnavailableError, match="did not come from"):
        opened(reply(200, LISTS[name])).bucket.list_page("site/")


def test_a_listing_that_turns_in_a_circle_ends(opened: Opened) -> None:
    with pytest.raises((StoreUnavailableError, SourceUnreadableError)):
        list(opened(page(item("site/a"), token="t")).folders(everything, lambda: None))
    with pytest.raises(StoreUnavailableError):
        list(opened(page(token="t")).folders(everything, lambda: None))


def test_a_listing_without_order_cannot_be_complete(opened: Opened) -> None:
    with pytest.raises(SourceUnreadableError, match="not in the order"):
        list(opened(page(item("site/b"), item("site/a"))).folders(everything, lambda: None))


def test_the_key_at_which_a_part_begins_belongs_to_the_part_before(opened: Opened) -> None:
    """The service begins with it; after it is meant."""
    bucket = opened(page(item("site/a"), item("site/b"))).bucket
    assert [one.key for one in bucket.list_page("site/", after="site/a").objects] == ["site/b"]
    assert [one.key for one in bucket.list_page("site/", after="site/").objects] == ["site/a", "site/b"]


@pytest.mark.parametrize("name", FOREIGN)
@pytest.mark.parametrize("status", [200, 206])
def test_a_page_of_somebody_else_is_no_answer(opened: Opened, name: str, status: int) -> None:
    body, kind = FOREIGN[name]
    bucket = opened(reply(status, body, Content_Type=kind)).bucket
    for ask in (lambda: bucket.list_page(""), lambda: bucket.head("a"), lambda: bucket.read("a", 0, 100)):
        with pytest.raises(StoreUnavailableError, match="did not come from") as caught:
            ask()
        assert caught.value.why is Why.STRANGER


@pytest.mark.parametrize("name", ERRORS)
@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 412, 500, 503])
def test_any_refusal_is_a_short_sentence(opened: Opened, name: str, status: int) -> None:
    with pytest.raises(StoreError) as caught:
        opened(reply(status, ERRORS[name])).bucket.list_page("")
    assert len(str(caught.value)) < 6000
    assert "\x1b" not in str(caught.value)


def test_a_redirect_is_not_followed(serve: Callable[..., Server], opened: Opened) -> None:
    elsewhere = serve(page())
    for status in (301, 302, 307, 308):
        with pytest.raises(StoreError):
            opened(reply(status, b"", Location=elsewhere.url)).bucket.list_page("")
    assert elsewhere.seen == []


def test_a_token_that_the_server_repeats_is_not_shown(opened: Opened, google: SignIn) -> None:
    def repeat(handler: Any) -> None:
        error(403, "forbidden", f"you sent {handler.headers['Authorization']} and {handler.headers['Authorization'][7:]}")(handler)

    with pytest.raises(AccessError) as caught:
        opened(repeat).bucket.list_page("")
    assert "you sent" in caught.value.meaning
    assert all(token not in f"{caught.value!r}{caught.value}{caught.value.meaning}" for token in google.given)


def test_after_many_refusals_the_whole_bucket_is_refused(opened: Opened) -> None:
    source = opened(error(403, "forbidden"))
    for _ in range(REFUSALS):
        with pytest.raises(SourceUnreadableError):
            source.open("a")
    with pytest.raises(AccessError, match="do not allow"):
        source.open("a")


@pytest.mark.parametrize("name", ["", "a", "Box", "a/b", "a b", "-a-", "x" * 300, "ä-box"])
def test_what_is_no_bucket_is_said_before_anything_is_sent(keys: GoogleKeys, google: SignIn, name: str) -> None:
    with pytest.raises(AccessError, match="is not a valid bucket name"):
        Bucket(gcs_place("http://127.0.0.1:9", name, keys=keys))
    assert google.asked == []


def test_an_unknown_or_unencrypted_server_gets_nothing(keys: GoogleKeys, google: SignIn) -> None:
    with pytest.raises(UntrustedHostError) as caught:
        Bucket(gcs_place("https://gcs.example.org", "box", keys=keys))
    assert "AWS" not in caught.value.meaning
    assert unconfirmed([gcs_place("https://gcs.example.org", "box", keys=keys)]) == ["gcs.example.org"]
    for url, words in (("http://storage.googleapis.com", "not encrypted"), ("http://169.254.169.254", "not an address")):
        with pytest.raises(AccessError, match=words) as refused:
            Bucket(gcs_place(url, "box", keys=keys))
        assert "google_endpoint_url" in refused.value.remedy
    admit(gcs_place("", "box", keys=keys))
    assert Host("storage.googleapis.com").is_known
    assert google.asked == []


@pytest.mark.parametrize(("content", "words"), [(None, "does not exist"), ("no certificate", "is not a file of certificates")])
def test_a_file_of_certificates_is_looked_at_first(keys: GoogleKeys, tmp_path: Path, content: str | None, words: str) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    with pytest.raises(AccessError, match=words) as caught:
        Bucket(gcs_place("", "box", keys=keys, gcs=GcsSettings(certificates=str(file))))
    assert "google_ca_bundle" in caught.value.remedy


def test_an_emulator_of_the_environment_is_not_obeyed(keys: GoogleKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:9")
    with closing(Bucket(gcs_place("", "box", keys=keys))) as bucket:
        assert (bucket.access.host, bucket.own_server) == ("storage.googleapis.com", True)


def test_another_process_opens_the_same_place(opened: Opened) -> None:
    source = opened(facts("site/a"))
    with closing(pickle.loads(pickle.dumps(source))) as other:
        assert other.stat("a") == source.stat("a")
        assert other.url == "gs://box/site"


def test_files_that_cost_extra_to_read_are_counted_and_not_read_for_a_test(serve: Callable[..., Server], keys: GoogleKeys) -> None:
    """Google's archives are read at once: nothing has to be restored."""
    objects = [item("site/a", storageClass="ARCHIVE"), item("site/b", storageClass="COLDLINE"), item("site/c")]
    server = serve(page(), page(*objects), media(b"d", whole=b"data"))
    found = probe(place(server, keys))
    assert [one.grade for one in found] == [Grade.GOOD, Grade.GOOD, Grade.INFO, Grade.GOOD]
    assert found[2].what.startswith("2 of the first 3 files below gs://box/site are in a class of storage")
    assert "/o/site%2Fc?" in server.seen[-1][0]


def test_a_test_of_the_connection_ends_in_findings(serve: Callable[..., Server], keys: GoogleKeys, tmp_path: Path) -> None:
    for answer in (error(403, "forbidden"), error(404, "notFound"), hang_up, reply(200, b"<html>")):
        assert probe(place(serve(page(), answer), keys))[-1].grade is Grade.BAD
    (found,) = probe(place(serve(page()), GoogleKeys(str(tmp_path / "none"))))
    assert "cannot be read" in found.what


@pytest.mark.parametrize(("metageneration", "says"), [("1", True), ("2", False), ("", False)])
def test_a_lane_takes_only_an_answer_that_says_when_the_object_was_written(opened: Opened, metageneration: str, says: bool) -> None:
    """The time of an object whose properties were changed afterwards is in another answer."""
    bucket = opened(reply(200))._opened
    assert isinstance(bucket, Gets)
    headers = {
        "content-length": "3",
        "content-range": "bytes 0-2/3",
        "x-goog-generation": "17",
        "last-modified": "Sat, 28 Nov 2026 11:34:01 GMT",
    }
    found = bucket.got(4, Answer(206, {**headers, "x-goog-metageneration": metageneration}, b"abc"))
    assert (found is not None) is says
    if found is not None:
        assert (found.data, found.whole.size, found.whole.version, found.whole.modified_us) == (b"abc", 3, "17", 1_795_865_641_000_000)
