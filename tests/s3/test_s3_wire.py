"""Requests to a bucket, answered by a server on this computer as no test server answers: refusals, other regions, damaged and foreign answers."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from azure_server import Reply, Server, hang_up, reply
from foreign_answers import ERRORS, FOREIGN
from s3server import KEYS, s3_place

from chorus_gui.core.config.credentials import Secret
from chorus_gui.core.config.hosts import Host, admit, confirm, unconfirmed
from chorus_gui.core.config.model import Place, S3Settings
from chorus_gui.core.errors import (
    AccessError,
    BlobNotFoundError,
    ConditionError,
    SourceChangedError,
    SourceUnreadableError,
    SourceVanishedError,
    StoreError,
    StoreUnavailableError,
    TokenTimeError,
    UntrustedHostError,
    Why,
)
from chorus_gui.core.storage.base import FolderChoice
from chorus_gui.core.storage.bucket.source import REFUSALS
from chorus_gui.core.storage.s3 import markup
from chorus_gui.core.storage.s3.address import bucket_address
from chorus_gui.core.storage.s3.source import S3Source
from chorus_gui.core.storage.s3.wire import Bucket
from chorus_gui.core.untrusted import MalformedError

WHEN = "Wed, 01 Jan 2025 10:00:00 GMT"
OBJECT: dict[str, Any] = {"ETag": '"0cc175b9c0f1b6a831c399e269772661"', "Last_Modified": WHEN}


def entry(key: str, *more: str) -> str:
    fields = "<LastModified>2025-01-01T10:00:00.000Z</LastModified><ETag>&quot;e&quot;</ETag><Size>1</Size>"
    return f"<Contents><Key>{key}</Key>{fields}{''.join(more)}</Contents>"


def listing(*entries: str, token: str = "") -> bytes:
    follows = (
        f"<IsTruncated>true</IsTruncated><NextContinuationToken>{token}</NextContinuationToken>"
        if token
        else "<IsTruncated>false</IsTruncated>"
    )
    return f"<?xml version='1.0'?><ListBucketResult><EncodingType>url</EncodingType>{follows}{''.join(entries)}</ListBucketResult>".encode()


def error(status: int, code: str, *, body: str = "", **headers: Any) -> Reply:
    text = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>m</Message>{body}<RequestId>R1</RequestId></Error>"
    return reply(status, text.encode(), x_amz_request_id="R1", **headers)


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def made(*replies: Reply) -> Server:
        servers.append(Server(*replies))
        return servers[-1]

    yield made
    for server in servers:
        server.close()


def place(server: Server, **settings: Any) -> Place:
    return s3_place(server.url, "box", "site", s3=S3Settings(**settings))


REFUSED = {
    "AccessDenied": (403, AccessError, "do not allow reading"),
    "InvalidAccessKeyId": (403, AccessError, "does not know the access key"),
    "SignatureDoesNotMatch": (403, AccessError, "does not accept the signature"),
    "ExpiredToken": (400, TokenTimeError, "have expired"),
    "RequestTimeTooSkewed": (403, TokenTimeError, "because of its time"),
    "NoSuchBucket": (404, AccessError, "no bucket"),
    "NoSuchKey": (404, BlobNotFoundError, "is not in the bucket"),
    "PreconditionFailed": (412, ConditionError, "changed meanwhile"),
    "InvalidObjectState": (403, StoreError, "is archived"),
    "SlowDown": (503, StoreUnavailableError, "Could not read"),
    "InternalError": (500, StoreUnavailableError, "Could not read"),
    "RequestTimeout": (400, StoreUnavailableError, "Could not read"),
    "AllAccessDisabled": (403, AccessError, "allows nobody"),
    "PermanentRedirect": (301, AccessError, "in another region"),
    "Anything": (400, StoreError, "Could not read"),
}


@pytest.mark.parametrize("code", REFUSED)
def test_each_refusal_is_a_sentence_with_a_remedy(serve: Callable[..., Server], code: str) -> None:
    status, kind, words = REFUSED[code]
    with closing(Bucket(place(serve(error(status, code))))) as bucket, pytest.raises(StoreError, match=words) as caught:
        bucket.read("site/a", 0, 10)
    assert type(caught.value) is kind
    assert caught.value.retryable == (kind is StoreUnavailableError)
    if kind is not BlobNotFoundError and kind is not ConditionError:
        assert caught.value.remedy
        assert code in caught.value.meaning
        assert "R1" in caught.value.meaning
    assert "wJalr" not in str(caught.value)


def test_a_busy_service_says_how_long_to_wait(serve: Callable[..., Server]) -> None:
    with closing(Bucket(place(serve(error(503, "SlowDown", Retry_After="7"))))) as bucket, pytest.raises(StoreUnavailableError) as caught:
        bucket.list_page("site/")
    assert (caught.value.retry_after, caught.value.why) == (7.0, Why.BUSY)


def test_a_clock_that_is_wrong_is_named(serve: Callable[..., Server]) -> None:
    def skewed(handler: Any) -> None:
        handler.date_time_string = lambda: format_datetime(datetime.now(UTC) + timedelta(minutes=40), usegmt=True)
        error(403, "RequestTimeTooSkewed")(handler)

    with closing(Bucket(place(serve(skewed)))) as bucket:
        with pytest.raises(TokenTimeError) as caught:
            bucket.list_page("")
        skew = bucket.clock_skew()
    assert "40 minutes behind" in caught.value.meaning
    assert "clock" in caught.value.remedy
    assert skew is not None
    assert abs(skew + 2400) < 60


@pytest.mark.parametrize(
    "answer",
    [
        error(301, "PermanentRedirect", x_amz_bucket_region="eu-west-1"),
        error(400, "AuthorizationHeaderMalformed", body="<Region>eu-west-1</Region>"),
        error(307, "TemporaryRedirect", x_amz_bucket_region="eu-west-1", Location="https://evil.example/"),
        reply(403, b"", x_amz_bucket_region="eu-west-1"),
    ],
)
def test_a_bucket_in_another_region_is_asked_there(serve: Callable[..., Server], answer: Reply) -> None:
    server = serve(answer, reply(200, listing(entry("site/a"))))
    with closing(Bucket(place(server))) as bucket:
        assert [one.key for one in bucket.list_page("site/").objects] == ["site/a"]
        assert bucket.address.region == "eu-west-1"
        bucket.list_page("site/")
    assert [("eu-west-1" in headers["Authorization"]) for _, headers in server.seen] == [False, True, True]


def test_only_a_region_of_amazon_is_followed() -> None:
    address = bucket_address("box")
    assert address.server.host == "box.s3.us-east-1.amazonaws.com"
    assert address.moved("eu-central-1").server.host == "box.s3.eu-central-1.amazonaws.com"
    assert address.moved("cn-north-1").url.endswith(".amazonaws.com.cn")
    for text in ("", "evil.example/", "x", "a.b", "us-east-1.evil.example", "US-EAST-1", "../..", "us-east-1\r\nHost: x"):
        assert address.moved(text) == address


def test_a_redirect_without_a_region_is_not_followed(serve: Callable[..., Server]) -> None:
    elsewhere = serve(reply(200, listing()))
    server = serve(error(307, "TemporaryRedirect", Location=f"{elsewhere.url}/box"))
    with closing(Bucket(place(server))) as bucket, pytest.raises(AccessError, match="another region"):
        bucket.list_page("")
    assert elsewhere.seen == []


@pytest.mark.parametrize("name", FOREIGN)
@pytest.mark.parametrize("status", [200, 206])
def test_a_page_of_somebody_else_is_no_answer(serve: Callable[..., Server], name: str, status: int) -> None:
    body, kind = FOREIGN[name]
    with closing(Bucket(place(serve(reply(status, body, Content_Type=kind))))) as bucket:
        for ask in (lambda: bucket.list_page(""), lambda: bucket.head("a"), lambda: bucket.read("a", 0, 100)):
            with pytest.raises(StoreUnavailableError, match="did not come from") as caught:
                ask()
            assert caught.value.why is Why.STRANGER


@pytest.mark.parametrize("name", ERRORS)
@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 412, 500, 503])
def test_any_refusal_is_a_short_sentence(serve: Callable[..., Server], name: str, status: int) -> None:
    with closing(Bucket(place(serve(reply(status, ERRORS[name]))))) as bucket, pytest.raises(StoreError) as caught:
        bucket.list_page("")
    assert len(str(caught.value)) < 6000
    assert "\x1b" not in str(caught.value)


def test_a_missing_page_of_a_proxy_is_not_a_missing_file(serve: Callable[..., Server]) -> None:
    with closing(S3Source(place(serve(reply(404, b"<html>nothing here</html>"))))) as source:
        for ask in (lambda: source.stat("a"), lambda: source.open("a")):
            with pytest.raises(StoreUnavailableError, match="did not come from"):
                ask()


PAGES = {
    "an entity": b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><ListBucketResult>&a;</ListBucketResult>',
    "no end": b"<ListBucketResult><Contents>" * 2000,
    "no size": listing("<Contents><Key>a</Key><ETag>e</ETag><LastModified>2025-01-01T10:00:00Z</LastModified></Contents>"),
    "a size that is none": listing(entry("a").replace("<Size>1<", "<Size>-1<")),
    "a size beyond all": listing(entry("a").replace("<Size>1<", "<Size>99999999999999999<")),
    "no time": listing(entry("a").replace("2025-01-01T10:00:00.000Z", "")),
    "a time that is none": listing(entry("a").replace("2025", "99999")),
    "no key": listing(entry("")),
    "no ETag": listing(entry("a").replace("&quot;e&quot;", "")),
    "a key that is not text": listing(entry("%FF")),
    "a page without its end": listing().replace(b"<IsTruncated>false</IsTruncated>", b""),
    "more without a way there": listing().replace(b">false<", b">true<"),
    "very many": listing(*[entry(f"{number:06d}") for number in range(markup.MOST_ENTRIES + 1)]),
    "very many fields": listing("<Contents>" + "".join(f"<f{n}>1</f{n}>" for n in range(200)) + "</Contents>"),
}


@pytest.mark.parametrize("name", PAGES)
def test_a_listing_is_read_strictly(name: str) -> None:
    with pytest.raises(MalformedError):
        markup.listing(PAGES[name])


def test_keys_are_decoded_only_if_they_are_encoded() -> None:
    page = markup.listing(listing(entry("a%2Fb+c%2Bd%25%C3%A4%01")))
    assert page.objects[0].key == "a/b c+d%ä\x01"
    plain = listing(entry("a%2Fb+c")).replace(b"<EncodingType>url</EncodingType>", b"")
    assert markup.listing(plain).objects[0].key == "a%2Fb+c"


@pytest.mark.parametrize(
    ("more", "archived"),
    [
        ("<StorageClass>STANDARD</StorageClass>", False),
        ("<StorageClass>GLACIER_IR</StorageClass>", False),
        ("<StorageClass>GLACIER</StorageClass>", True),
        ("<StorageClass>DEEP_ARCHIVE</StorageClass>", True),
        (
            "<StorageClass>GLACIER</StorageClass><RestoreStatus><IsRestoreInProgress>true</IsRestoreInProgress></RestoreStatus>",
            True,
        ),
        (
            (
                "<StorageClass>GLACIER</StorageClass><RestoreStatus><IsRestoreInProgress>false</IsRestoreInProgress>"
                "<RestoreExpiryDate>2027-01-01T00:00:00Z</RestoreExpiryDate></RestoreStatus>"
            ),
            False,
        ),
    ],
)
def test_what_is_archived_and_not_restored_is_known_from_the_listing(more: str, archived: bool) -> None:
    assert markup.listing(listing(entry("a", more))).objects[0].archived is archived


@pytest.mark.parametrize("code", ["InvalidToken", "ExpiredToken", "AccessDenied", "MalformedToken"])
def test_a_server_that_repeats_what_it_was_sent_shows_no_secret(serve: Callable[..., Server], code: str) -> None:
    def repeats(handler: Any) -> None:
        sent = f"The token {handler.headers['x-amz-security-token']} is bad. {handler.headers}".replace("\r\n", "; ").replace("\n", "; ")
        text = f"<Error><Code>{code}</Code><Message>{sent}</Message><RequestId>R1</RequestId></Error>"
        reply(400, text.encode())(handler)

    keys = replace(KEYS, session=Secret("TOKEN+/TOKEN"))
    with closing(Bucket(replace(place(serve(repeats, repeats)), credentials=keys))) as bucket, pytest.raises(StoreError) as caught:
        bucket.list_page("")
    assert "TOKEN+" not in str(caught.value)
    assert "in the bucket" not in caught.value.what, "a listing is of the bucket itself"


def test_an_object_without_a_length_is_not_taken_for_complete(serve: Callable[..., Server]) -> None:
    """The connection can have been cut: nothing shows it."""

    def cut(handler: Any) -> None:
        handler.send_response(200)
        for name, value in OBJECT.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(b"hal")
        handler.close_connection = True

    with closing(Bucket(place(serve(cut)))) as bucket, pytest.raises(StoreUnavailableError):
        bucket.read("a", 0, 100)


@pytest.mark.parametrize("content", [None, b"", b"no certificate", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_a_file_without_certificates_is_named_before_anything_is_sent(
    serve: Callable[..., Server], tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "ca.pem"
    file.mkdir() if content is None else file.write_bytes(content)
    server = serve()
    with pytest.raises(AccessError, match="not a file of certificates") as caught:
        Bucket(replace(place(server), s3=S3Settings(certificates=str(file))))
    assert str(file) in caught.value.what
    assert "aws_ca_bundle" in caught.value.remedy
    assert server.seen == []


def test_keys_that_nobody_asked_for_are_no_answer(serve: Callable[..., Server]) -> None:
    with closing(Bucket(place(serve(reply(200, listing(entry("other/a"))))))) as bucket, pytest.raises(StoreUnavailableError):
        bucket.list_page("site/")


@pytest.mark.parametrize("keys", [("site/b", "site/a"), ("site/a", "site/a")])
def test_a_listing_without_order_is_not_taken_for_complete(serve: Callable[..., Server], keys: tuple[str, ...]) -> None:
    server = serve(reply(200, listing(*map(entry, keys))))
    with closing(S3Source(place(server))) as source, pytest.raises(SourceUnreadableError, match="not in the order"):
        list(source.folders(lambda _: FolderChoice(True, True), lambda: None))


def test_a_listing_that_never_ends_ends(serve: Callable[..., Server]) -> None:
    for body in (listing(token="t"), listing(entry("site/a"), token="t")):
        server = serve(reply(200, body))
        with closing(S3Source(place(server))) as source, pytest.raises((StoreUnavailableError, SourceUnreadableError)):
            list(source.folders(lambda _: FolderChoice(True, True), lambda: None))
        assert len(server.seen) < 100


RANGES: dict[str, dict[str, Any]] = {
    "another begin": {"Content_Range": "bytes 1-4/9"},
    "another size": {"Content_Range": "bytes 0-2/9"},
    "shorter than asked": {"Content_Range": "bytes 0-3/9000"},
    "beyond its end": {"Content_Range": "bytes 0-3/3"},
    "none": {},
    "no number": {"Content_Range": "bytes 0-x/9"},
}


@pytest.mark.parametrize("name", RANGES)
def test_another_range_than_was_asked_for_is_no_answer(serve: Callable[..., Server], name: str) -> None:
    server = serve(reply(206, b"1234", **OBJECT, **RANGES[name]))
    with closing(Bucket(place(server))) as bucket, pytest.raises(StoreUnavailableError):
        bucket.read("site/a", 0, 100)


def test_a_short_body_is_read_again_in_the_same_version(serve: Callable[..., Server]) -> None:
    from chorus_gui.core.storage.outage import Outage
    from chorus_gui.core.storage.retry import RetryPolicy
    from chorus_gui.core.storage.retrying_source import RetryingSource

    server = serve(
        reply(206, b"12", promised=4, Content_Range="bytes 0-3/4", **OBJECT),
        hang_up,
        error(503, "SlowDown"),
        reply(206, b"1234", Content_Range="bytes 0-3/4", **OBJECT),
    )
    source = RetryingSource(S3Source(place(server)), Outage(retry=RetryPolicy(base=0.0)))
    reader = source.open("a")
    buffer = bytearray(10)
    assert bytes(buffer[: reader.readinto(buffer) or 0]) == b"1234"
    reader.close()
    source.close()


def test_what_is_read_later_names_the_version(serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chorus_gui.core.storage.bucket.source.CHUNK_BYTES", 2)
    server = serve(reply(206, b"12", Content_Range="bytes 0-1/4", **OBJECT), error(412, "PreconditionFailed"))
    with closing(S3Source(place(server))) as source:
        reader = source.open("a")
        assert reader.readinto(bytearray(2)) == 2
        with pytest.raises(SourceChangedError):
            reader.readinto(bytearray(2))
    assert [headers.get("If-Match") for _, headers in server.seen] == [None, '"0cc175b9c0f1b6a831c399e269772661"']
    assert [headers.get("Range") or headers.get("range") for _, headers in server.seen] == ["bytes=0-1", "bytes=2-3"]


def test_another_version_from_a_server_that_knows_no_conditions_is_a_change(serve: Callable[..., Server]) -> None:
    server = serve(reply(200, b"12", Content_Range="bytes 0-1/2", **OBJECT))
    with closing(S3Source(place(server))) as source:
        assert source.open("a").readinto(bytearray(1)) == 1
        with pytest.raises(SourceChangedError):
            source.open("a", version="another")


MD5 = "0cc175b9c0f1b6a831c399e269772661"


@pytest.mark.parametrize(
    ("etag", "headers", "known"),
    [
        (MD5, {}, True),
        (MD5, {"x_amz_server_side_encryption": "AES256"}, True),
        (MD5, {"x_amz_server_side_encryption": "aws:kms"}, False),
        (MD5, {"x_amz_server_side_encryption": "aws:kms:dsse"}, False),
        (MD5, {"x_amz_server_side_encryption_customer_algorithm": "AES256"}, False),
        (f"{MD5}-3", {}, False),
        (MD5.upper(), {}, False),
        ("abc", {}, False),
    ],
)
def test_an_etag_is_an_md5_only_where_it_is_known_to_be_one(
    serve: Callable[..., Server], etag: str, headers: dict[str, Any], known: bool
) -> None:
    server = serve(reply(200, b"a", ETag=f'"{etag}"', Last_Modified=WHEN, **headers))
    with closing(S3Source(place(server))) as source:
        stat = source.stat("a")
    assert (stat.md5.hex if stat.md5 else "") == (MD5 if known else "")
    assert stat.version == etag
    assert stat.mtime_us == 1_735_725_600_000_000


def test_one_object_that_may_not_be_read_stops_nothing_and_many_stop_everything(serve: Callable[..., Server]) -> None:
    with closing(S3Source(place(serve(error(403, "AccessDenied"))))) as source:
        for _ in range(REFUSALS):
            with pytest.raises(SourceUnreadableError, match="do not allow reading"):
                source.open("a")
        with pytest.raises(AccessError, match="do not allow reading"):
            source.open("a")


def test_an_object_that_can_be_read_shows_that_the_others_are_single(serve: Callable[..., Server]) -> None:
    good = reply(206, b"a", Content_Range="bytes 0-0/1", **OBJECT)
    with closing(S3Source(place(serve(good, error(403, "AccessDenied"))))) as source:
        source.open("a").close()
        for _ in range(2 * REFUSALS):
            with pytest.raises(SourceUnreadableError):
                source.open("b")


def test_whoever_pays_is_said_and_a_session_token_goes_along(serve: Callable[..., Server]) -> None:
    server = serve(reply(200, listing()))
    keys = replace(KEYS, session=Secret("TOKEN/VALUE="))
    with closing(Bucket(replace(place(server, requester_pays=True), credentials=keys))) as bucket:
        bucket.list_page("site/")
        bucket.renew(KEYS)
        bucket.list_page("site/")
    (_, first), (_, second) = server.seen
    sent = {name.lower(): value for name, value in first.items()}
    assert sent["x-amz-request-payer"] == "requester"
    assert sent["x-amz-security-token"] == "TOKEN/VALUE="
    assert "x-amz-security-token" in sent["authorization"]
    assert "x-amz-security-token" not in {name.lower() for name in second}


def test_nothing_is_ever_written(serve: Callable[..., Server]) -> None:
    server = serve(reply(200, listing(entry("site/a"))))
    with closing(S3Source(place(server))) as source:
        list(source.folders(lambda _: FolderChoice(True, True), lambda: None))
        for ask in (lambda: source.stat("a"), lambda: source.open("a"), lambda: source.read_whole("a", 10)):
            with pytest.raises((StoreError, SourceVanishedError, SourceUnreadableError)):
                ask()
    assert {request.partition(" ")[0] for request, _ in server.seen} <= {"GET", "HEAD"}


@pytest.mark.parametrize("bucket", ["", "a", "A_b", "x" * 300, "a..b", "a/b", "-a", "a b"])
def test_what_cannot_be_a_bucket_is_said(bucket: str) -> None:
    if bucket == "A_b":
        assert not bucket_address(bucket).in_host
        return
    with pytest.raises(AccessError, match="not a valid bucket name"):
        bucket_address(bucket)


def test_a_directory_bucket_is_refused() -> None:
    with pytest.raises(AccessError, match="directory bucket"):
        bucket_address("box--use1-az4--x-s3")


@pytest.mark.parametrize(
    ("style", "bucket", "url", "host", "path"),
    [
        ("", "box", "", "box.s3.us-east-1.amazonaws.com", "/a"),
        ("", "a.box", "", "s3.us-east-1.amazonaws.com", "/a.box/a"),
        ("path", "box", "", "s3.us-east-1.amazonaws.com", "/box/a"),
        ("", "box", "https://s3.example.org:9000/base", "s3.example.org", "/base/box/a"),
        ("virtual", "box", "https://s3.example.org", "box.s3.example.org", "/a"),
        ("", "box", "http://127.0.0.1:5000", "127.0.0.1", "/box/a"),
        ("", "box", "http://[::1]:5000", "::1", "/box/a"),
    ],
)
def test_a_bucket_is_in_the_name_or_in_the_path(style: str, bucket: str, url: str, host: str, path: str) -> None:
    address = bucket_address(bucket, endpoint=url, style=style)
    assert (address.server.host, address.path("a")) == (host, path)


def test_an_endpoint_of_an_unknown_name_needs_a_confirmation() -> None:
    there = s3_place("https://s3.example.org", "box")
    with pytest.raises(UntrustedHostError, match=r"s3\.example\.org"):
        Bucket(there)
    assert unconfirmed([there]) == ["s3.example.org"]
    confirm("s3.example.org")
    admit(there)
    Bucket(there).close()
    with pytest.raises(AccessError, match="not encrypted"):
        Bucket(s3_place("http://s3.example.org", "box"))


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("s3.amazonaws.com", True),
        ("s3.eu-west-1.amazonaws.com", True),
        ("s3-fips.us-gov-west-1.amazonaws.com", True),
        ("s3.dualstack.us-east-2.amazonaws.com", True),
        ("s3.cn-north-1.amazonaws.com.cn", True),
        ("ec2-1-2-3-4.compute-1.amazonaws.com", False),
        ("x.elb.amazonaws.com", False),
        ("s3.amazonaws.com.evil.example", False),
        ("s3.eu-west-1.amazonaws.com.evil.example", False),
        ("evils3.eu-west-1.amazonaws.com", False),
    ],
)
def test_which_servers_are_amazons(name: str, known: bool) -> None:
    host = Host.of_url(f"https://{name}")
    assert host is not None
    assert host.is_known is known


def test_a_source_travels_and_tells_no_secret() -> None:
    there = s3_place("http://127.0.0.1:9", "box")
    source = S3Source(there)
    again = pickle.loads(pickle.dumps(source))
    assert again.url == "s3://box"
    assert "wJalr" not in repr(vars(source)) + repr(there)
    with pytest.raises(StoreUnavailableError):
        again.stat("a")
    for one in (source, again):
        one.close()
