"""A site in a bucket of Google, on a server that behaves as Google's does: odd names, large listings, replaced objects; and HMAC keys."""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from azure_server import Server, reply
from gcsserver import GcsServer
from s3server import KEY_ID, SECRET, S3Server

from chorus_gui.core.config.credentials import Account, GoogleKeys, Secret
from chorus_gui.core.config.model import GcsSettings, Place, PlaceKind
from chorus_gui.core.errors import AccessError, Cancelled, SourceChangedError, SourceUnreadableError, SourceVanishedError, StoreError
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import Grade
from chorus_gui.core.storage.base import Folder, FolderChoice, Source
from chorus_gui.core.storage.gcs.probe import probe
from chorus_gui.core.storage.gcs.source import GcsSource
from chorus_gui.core.storage.open import open_source, renew
from chorus_gui.core.storage.s3.source import S3Source


def everything(_: str) -> FolderChoice:
    return FolderChoice(descend=True, files=True)


def walked(source: Source) -> tuple[dict[str, int], dict[str, str]]:
    """Path → size of each file; path → cause of each problem."""
    files: dict[str, int] = {}
    problems: dict[str, str] = {}
    for folder in source.folders(everything, lambda: None):
        prefix = f"{folder.path}/" if folder.path else ""
        files |= {prefix + file.name: file.size for file in folder.files}
        problems |= {problem.path: problem.cause for problem in folder.problems}
    return files, problems


def content(source: Source, path: str) -> bytes:
    reader = source.open(path)
    out, buffer = bytearray(), bytearray(1 << 20)
    while count := reader.readinto(buffer):
        out += buffer[:count]
    reader.close()
    return bytes(out)


ODD = [
    "1/Images/series 1/b+c&d=e%41.dcm",
    "1/Images/ä ö/ü~!'()*.dcm",
    "1/Images/tab\there",
    "1/Images/ctl\x01\x1f",
    "1/Images/back\\slash?#",
    "1/Images/ trailing ",
    "1/Images/.hidden/..x/x..",
]
NO_PATHS = ["1/Images//b", "/1/Images/c", "1/../d", "1/./e", ".."]


def test_every_name_is_listed_and_read_as_it_is(gcs: GcsServer) -> None:
    bucket = gcs.bucket()
    for key in (*ODD, *NO_PATHS):
        gcs.put(bucket, f"the site/{key}", key.encode())
    gcs.put(bucket, "the site/1/Images/", b"")
    gcs.put(bucket, "the sitelike/x", b"not below it")
    with closing(open_source(gcs.place(bucket, "the site"))) as source:
        assert isinstance(source, GcsSource)
        files, problems = walked(source)
        assert sorted(files) == sorted(ODD)
        assert sorted(problems) == sorted(NO_PATHS)
        for key in ODD:
            assert content(source, key) == key.encode()
            assert source.stat(key).size == len(key.encode())
        for key in NO_PATHS:
            with pytest.raises((SourceUnreadableError, SourceVanishedError)):
                source.open(key)


@pytest.mark.parametrize("path", ["\udc80", "a/\udcff.dcm", "x" * 2000, "", "/", "a\0b"])
def test_what_no_object_can_be_called_is_no_file(gcs: GcsServer, path: str) -> None:
    with closing(GcsSource(gcs.place(gcs.bucket(), "p"))) as source:
        for ask in (lambda: source.stat(path), lambda: source.open(path), lambda: source.read_whole(path, 10)):
            with pytest.raises((SourceVanishedError, SourceUnreadableError)):
                ask()


def test_what_the_journal_keeps_of_an_object(gcs: GcsServer) -> None:
    bucket, large = gcs.bucket(), random.Random(1).randbytes(9 * 1024 * 1024 + 7)
    said = gcs.put(bucket, "p/single", b"content")
    gcs.put(bucket, "p/large", large)
    gcs.put(bucket, "p/empty", b"")
    with closing(GcsSource(gcs.place(bucket, "p"))) as source:
        listed = {file.name: file for folder in source.folders(everything, lambda: None) for file in folder.files}
        single = source.stat("single")
        assert single.version == listed["single"].version == said["generation"]
        assert single.mtime_us == listed["single"].mtime_us
        assert single.mtime_us % 1_000_000 == 0
        for known in (single.md5, listed["single"].md5):
            assert known is not None
            assert known.hex == hashlib.md5(b"content").hexdigest()
        whole = source.read_whole("single", 100)
        assert (whole.data, whole.before, whole.after) == (b"content", single, single)
        assert source.read_whole("single", 3).data == b"con"
        assert content(source, "large") == large
        for most in (0, 1, 100):
            assert source.read_whole("empty", most).data == b""


def test_an_object_that_is_replaced_while_it_is_read_is_never_two(gcs: GcsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chorus_gui.core.storage.bucket.source.CHUNK_BYTES", 4)
    bucket = gcs.bucket()
    gcs.put(bucket, "a", b"onetwo")
    with closing(GcsSource(gcs.place(bucket))) as source:
        reader = source.open("a")
        buffer = bytearray(4)
        assert reader.readinto(buffer) == 4
        gcs.put(bucket, "a", b"ONETWO")
        with pytest.raises(SourceChangedError):
            reader.readinto(buffer)


def test_a_walk_in_many_pages_has_every_key_and_can_be_cancelled(gcs: GcsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chorus_gui.core.storage.gcs.markup.PAGE", 3)
    bucket = gcs.bucket()
    for number in range(40):
        gcs.put(bucket, f"{number // 2:02d}/x{number}", b"x")
    ctx = JobContext()

    def first(folders: Iterator[Folder], then: Callable[[], None]) -> None:
        for _ in folders:
            then()

    with closing(GcsSource(gcs.place(bucket))) as source:
        with pytest.raises(Cancelled):
            first(source.folders(everything, ctx.checkpoint), ctx.cancel)
        assert len(walked(source)[0]) == 40


def test_what_a_test_of_the_connection_says(gcs: GcsServer) -> None:
    bucket = gcs.bucket()
    place = gcs.place(bucket, "p")
    assert [one.grade for one in probe(place)] == [Grade.GOOD, Grade.GOOD, Grade.WARNING]
    gcs.put(bucket, "p/a", b"x")
    assert [one.what for one in probe(place)] == [
        "This computer's clock agrees with the one of 127.0.0.1.",
        f"Listing {place.text} works.",
        f"Reading from {place.text} works.",
    ]
    missing = probe(gcs.place("no-such-bucket"))[-1]
    assert missing.grade is Grade.BAD
    assert "There is no bucket" in missing.what


# --- HMAC keys: the interface of S3 --------------------------------------------------------------------------------------


def hmac_place(server: S3Server, bucket: str, prefix: str = "", *, project: str = "") -> Place:
    keys = GoogleKeys(hmac_id=KEY_ID, hmac_secret=Secret(SECRET))
    text = f"gs://{bucket}/{prefix}".rstrip("/")
    return Place(PlaceKind.GCS, text, None, bucket, prefix, keys, Account(url=server.url), "", gcs=GcsSettings(user_project=project))


def test_a_site_with_an_hmac_key(s3: S3Server) -> None:
    bucket = s3.bucket()
    for key in (*ODD, *NO_PATHS):
        s3.put(bucket, f"the site/{key}", key.encode())
    place = hmac_place(s3, bucket, "the site")
    with closing(open_source(place)) as source:
        assert isinstance(source, S3Source)
        assert source.url == f"gs://{bucket}/the site"
        assert source.bucket.address.region == "auto"
        files, problems = walked(source)
        assert (sorted(files), sorted(problems)) == (sorted(ODD), sorted(NO_PATHS))
        assert content(source, ODD[0]) == ODD[0].encode()
        renew(source, GoogleKeys(hmac_id="NEW", hmac_secret=Secret("S")))
        assert content(source, ODD[0]) == ODD[0].encode()
    assert [one.grade for one in probe(place)] == [Grade.GOOD] * 3


def test_what_is_wrong_with_an_hmac_key_names_its_keys(s3: S3Server) -> None:
    with closing(open_source(hmac_place(s3, "missing-bucket"))) as source, pytest.raises(SourceUnreadableError) as caught:
        list(source.folders(everything, lambda: None))
    said = f"{caught.value}{caught.value.meaning}{caught.value.remedy}"
    assert not re.search(r"AWS|\baws|aws_", said), "names of the service may have these letters"
    with pytest.raises(AccessError, match="HMAC key cannot be used") as refused:
        open_source(hmac_place(s3, "box", project="payer"))
    assert "google_credentials_file" in refused.value.remedy


@pytest.mark.parametrize(
    ("status", "code", "message", "words", "remedy"),
    [
        (403, "AccessDenied", "reader@p does not have storage.objects.list access.", "do not allow listing", "Storage Object Viewer"),
        (403, "SignatureDoesNotMatch", "m", "does not accept the signature", "google_hmac_secret"),
        (403, "InvalidAccessKeyId", "m", "does not know the access key", "google_hmac_access_id"),
        (403, "InvalidSecurity", "m", "does not know the access key", "google_hmac_access_id"),
        (400, "UserProjectMissing", "m", "have to pay", "google_user_project"),
        (403, "AccountProblem", "m", "no active billing account", "the project"),
        (404, "NoSuchBucket", "m", "no bucket", "google_endpoint_url"),
        (400, "Anything", "m", "Could not list", "the code"),
    ],
)
def test_what_google_refuses_with_an_hmac_key_has_a_remedy_of_google(status: int, code: str, message: str, words: str, remedy: str) -> None:
    body = f"<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
    server = Server(reply(status, body, Content_Type="application/xml"))
    place = Place(
        PlaceKind.GCS, "gs://box", None, "box", "", GoogleKeys(hmac_id="GOOG1E", hmac_secret=Secret(SECRET)), Account(url=server.url)
    )
    try:
        with closing(open_source(place)) as source:
            assert isinstance(source, S3Source)
            with pytest.raises(StoreError, match=words) as caught:
                source.bucket.list_page("")
    finally:
        server.close()
    assert remedy in caught.value.remedy
    assert not [word for word in ("aws", "amazon", "s3:", "kms:") if word in caught.value.summary.lower() + caught.value.remedy.lower()]


def test_a_source_with_a_file_takes_another_file(gcs: GcsServer, tmp_path: Path) -> None:
    bucket = gcs.bucket()
    gcs.put(bucket, "a", b"x")
    with closing(open_source(gcs.place(bucket))) as source:
        renew(source, GoogleKeys(str(tmp_path / "none.json")))
        with pytest.raises(AccessError, match="cannot be read"):
            source.stat("a")
        renew(source, gcs.keys)
        assert content(source, "a") == b"x"
