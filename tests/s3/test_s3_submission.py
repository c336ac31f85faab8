"""A site that is partly in a bucket, from the scan to a verification that reads everything again, by the command line."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from azure_server import Server, reply
from commands import Run, run
from s3server import KEY_ID, SECRET, S3Server
from world import World

from chorus_gui.core.journal.v2 import V2
from chorus_gui.core.model import Action, Entry

__all__ = ["run"]
BIG = os.urandom(5 * 1024 * 1024) + b"end"


def settings_of(server: S3Server, bucket: str, *, auth: str, prefix: str = "images") -> str:
    """The table of a modality in a bucket."""
    credentials = f'aws_access_key_id = "{KEY_ID}"\naws_secret_access_key = "{SECRET}"\naws_endpoint_url = "{server.url}"\n'
    return f'[site_path.Images]\npath = "s3://{bucket}/{prefix}"\npattern = "{{patient_id:w}}/Images/{{filepath}}"\n{auth}{credentials}'


def nested(server: S3Server, bucket: str, base: Path) -> World:
    return World(base, more=settings_of(server, bucket, auth="[site_path.Images.auth]\n"))


def flat(server: S3Server, bucket: str, base: Path) -> World:
    world = World(base)
    text = world.file.read_text("utf-8")
    text = text.replace('[journal]\njournaling_mode = "full"\n[journal.local]\npath = "journal.db"', '[journal]\nlocal_path = "journal.db"')
    text = text.replace("num_threads = 4", 'num_threads = 4\njournaling_mode = "full"')
    world.file.write_text(text + settings_of(server, bucket, auth=""), "utf-8")
    return world


LAYOUTS: dict[str, Callable[[S3Server, str, Path], World]] = {"nested": nested, "flat": flat}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_site_in_a_folder_and_a_bucket_is_submitted_changed_and_verified(s3: S3Server, tmp_path: Path, run: Run, layout: str) -> None:
    bucket = s3.bucket()
    world = LAYOUTS[layout](s3, bucket, tmp_path)
    world.put("OMOP/person.csv", "person_id")
    world.put("1001/Waveforms/a.hea", "wave")
    objects = {"1001/Images/series 1/b+c&d=e%41.dcm": b"one", "1002/Images/ä.dcm": b"two", "1002/Images/empty.dcm": b""}
    for key, data in objects.items():
        s3.put(bucket, f"images/{key}", data)
    s3.put_parts(bucket, "images/1003/Images/large.dcm", BIG[: 5 * 1024 * 1024], BIG[5 * 1024 * 1024 :])
    s3.put(bucket, "images/1003/Images/", b"")
    s3.put(bucket, "images/readme.txt", b"unmatched")

    status, text = run(world, "doctor", "--json")
    found = [one for one in json.loads(text) if "s3://" in one["what"]] if text.startswith("[") else []
    assert status == 0, text
    assert any("Reading from" in one["what"] for one in found) or "Reading from s3://" in text

    status, text = run(world, "submit", "--yes", "--version", "v1")
    assert status == 0, text
    world.check_truth()
    rows = world.active()
    assert {path for path in rows if "/Images/" in path} == {*objects, "1003/Images/large.dcm"}
    large = rows["1003/Images/large.dcm"]
    assert large.md5 == hashlib.md5(BIG).hexdigest(), "not the ETag of its parts"
    head = s3.client.head_object(Bucket=bucket, Key="images/1002/Images/ä.dcm")
    row = rows["1002/Images/ä.dcm"]
    assert (row.size, row.mtime_us, row.md5) == (3, int(head["LastModified"].timestamp()) * 1_000_000, hashlib.md5(b"two").hexdigest())
    assert f'"{row.md5}"' == head["ETag"], "as the other tools record it"
    assert row.patient_id == "1002"

    assert "Nothing to do" in run(world, "submit", "--yes")[1]
    time.sleep(1.1)  # the service keeps whole seconds
    s3.put(bucket, "images/1002/Images/ä.dcm", b"TWO")
    s3.put(bucket, "images/1001/Images/series 1/b+c&d=e%41.dcm", b"one")
    s3.put(bucket, "images/1004/Images/new.dcm", b"new")
    s3.client.delete_object(Bucket=bucket, Key="images/1002/Images/empty.dcm")
    assert {path: kind for path, kind in world.kinds().items() if "/Images/" in path} == {
        "1002/Images/ä.dcm": "updated",
        "1001/Images/series 1/b+c&d=e%41.dcm": "moved",
        "1004/Images/new.dcm": "added",
        "1002/Images/empty.dcm": "deleted",
    }
    status, text = run(world, "submit", "--yes", "--version", "v2", "--allow-deletions")
    assert status == 0, text
    world.check_truth()
    for version in ("v1", "v2"):
        status, text = run(world, "file", "verify", "--version", version, "--reread")
        assert status == 0, text
    assert {path.name for path in world.base.rglob("*.locked")} == set()


def test_the_whole_site_in_a_bucket(s3: S3Server, tmp_path: Path, run: Run) -> None:
    bucket = s3.bucket()
    world = World(tmp_path)
    text = world.file.read_text("utf-8").replace(f'path = "{world.site.as_posix()}"', f'path = "s3://{bucket}"')
    auth = f'[site_path.default.auth]\naws_access_key_id = "{KEY_ID}"\naws_secret_access_key = "{SECRET}"\naws_endpoint_url = "{s3.url}"\n'
    world.file.write_text(text + auth, "utf-8")
    for key in ("OMOP/person.csv", "1/Images/a.dcm", "1/Waveforms/b.hea", "Metadata/README.md"):
        s3.put(bucket, key, key.encode())
    status, text = run(world, "submit", "--yes")
    assert status == 0, text
    assert len(world.active()) == 4
    world.check_truth()


def test_an_archived_file_is_a_problem_only_if_it_would_be_sent(s3: S3Server, tmp_path: Path, run: Run) -> None:
    bucket = s3.bucket()
    world = nested(s3, bucket, tmp_path)
    world.put("OMOP/person.csv", "person_id")
    s3.put(bucket, "images/1/Images/old.dcm", b"old")
    assert run(world, "submit", "--yes")[0] == 0
    s3.put(bucket, "images/1/Images/new.dcm", b"new", StorageClass="DEEP_ARCHIVE")
    with closing(sqlite3.connect(world.journal)) as db, db:  # the lifecycle of a bucket changes the class alone
        s3.put(bucket, "images/1/Images/old.dcm", b"old", StorageClass="GLACIER")
        when = s3.client.head_object(Bucket=bucket, Key="images/1/Images/old.dcm")["LastModified"].timestamp()
        db.execute(f"UPDATE {V2.table} SET SRC_MODTIME_us = ? WHERE FILENAME = 'old.dcm'", (int(when) * 1_000_000,))
    (change,) = world.changes()
    assert (change.path, change.kind.value) == ("1/Images/new.dcm", "problem")
    assert "archived" in change.note
    assert "Restore it" in change.note
    status, text = run(world, "submit", "--yes")
    assert "new.dcm" in text or "1 problem" in text
    assert set(world.active()) == {"OMOP/person.csv", "1/Images/old.dcm"}, text
    s3.client.restore_object(Bucket=bucket, Key="images/1/Images/new.dcm", RestoreRequest={"Days": 1})
    status, text = run(world, "submit", "--yes")
    assert status == 0, text
    world.check_truth()


ETAG = "0cc175b9c0f1b6a831c399e269772661"
WHEN_US = 1_735_725_600_000_000


def kms(size: int, **headers: Any) -> Server:
    """A bucket with one object whose ETag looks like an MD5 and is none, as with a key of the bucket's own."""
    entry = f"<Contents><Key>images/1/Images/a.dcm</Key><LastModified>2025-01-01T10:00:00Z</LastModified><ETag>{ETAG}</ETag><Size>{size}</Size></Contents>"
    listing = f"<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>{entry}</ListBucketResult>".encode()
    facts: dict[str, Any] = {"ETag": f'"{ETAG}"', "Last_Modified": "Wed, 01 Jan 2025 10:00:00 GMT", **headers}

    def answer(handler: Any) -> None:
        if "list-type" in handler.path:
            return reply(200, listing)(handler)
        if handler.command == "HEAD":
            return reply(200, b"k" * size, **facts)(handler)
        first, last = map(int, handler.headers["Range"].removeprefix("bytes=").split("-"))
        last = min(last, size - 1)
        return reply(206, b"k" * (last - first + 1), Content_Range=f"bytes {first}-{last}/{size}", **facts)(handler)

    return Server(answer)


@pytest.mark.parametrize("size", [5, 9_000_000])
@pytest.mark.parametrize("recorded", [ETAG, f"{ETAG}-3"])
def test_a_pending_row_with_the_etag_of_an_older_tool_is_sent_and_gets_its_md5(tmp_path: Path, run: Run, recorded: str, size: int) -> None:
    server = kms(size, x_amz_server_side_encryption="aws:kms")
    try:
        status, text, world = pending(server, tmp_path, run, recorded, size)
        assert status == 0, text
        row = world.active()["1/Images/a.dcm"]
        assert (row.md5, bool(row.uploaded), row.version) == (hashlib.md5(b"k" * size).hexdigest(), True, "v1")
        world.check_truth()
    finally:
        server.close()


def test_an_etag_that_is_an_md5_must_be_the_md5_of_what_was_read(tmp_path: Path, run: Run) -> None:
    server = kms(5)
    try:
        status, text, world = pending(server, tmp_path, run, ETAG, 5)
        assert status == 1
        assert "differs from the journal" in text
        assert not world.active()["1/Images/a.dcm"].uploaded
    finally:
        server.close()


def pending(server: Server, tmp_path: Path, run: Run, recorded: str, size: int) -> tuple[int, str, World]:
    world = nested(S3Server(server.url, None), "box", tmp_path)
    with world.open() as journal:
        entry = Entry(
            Action.ENTER, modality="Images", path="1/Images/a.dcm", patient_id="1", size=size, mtime_us=WHEN_US, md5=recorded, version="v1"
        )
        journal.commit([entry])
    return *run(world, "file", "upload"), world


def test_a_bucket_that_refuses_stops_no_other_place(s3: S3Server, tmp_path: Path, run: Run) -> None:
    world = nested(s3, "missing-bucket", tmp_path)
    world.put("OMOP/person.csv", "person_id")
    status, text = run(world, "doctor")
    assert status != 0
    assert "There is no bucket “missing-bucket”" in text
    status, text = run(world, "submit", "--yes")
    assert "There is no bucket" in text
    assert set(world.active()) == {"OMOP/person.csv"}


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ('path = "s3://box/images"\n[site_path.Images.auth]\naws_profile = "missing"\n', "AWS settings of this computer cannot be used"),
        ('path = "gs://box/images"\n', "no Google credentials for the site's bucket"),
    ],
)
def test_a_place_that_cannot_be_opened_stops_no_other(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch, table: str, words: str
) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    world = World(tmp_path, more=f"[site_path.Images]\n{table}")
    world.put("OMOP/person.csv", "person_id")
    status, text = run(world, "doctor")
    assert status != 0
    assert words in text
    status, text = run(world, "submit", "--yes")
    assert status == 1
    assert words in text
    assert set(world.active()) == {"OMOP/person.csv"}
    world.check_truth()


def test_an_unknown_server_of_one_modality_asks_first(tmp_path: Path, run: Run) -> None:
    auth = f'[site_path.Images.auth]\naws_access_key_id = "{KEY_ID}"\naws_secret_access_key = "{SECRET}"\naws_endpoint_url = "https://s3.example.org"\n'
    world = World(tmp_path, more=f'[site_path.Images]\npath = "s3://box/images"\n{auth}')
    world.put("OMOP/person.csv", "person_id")
    status, text = run(world, "submit", "--yes")
    assert status == 4
    assert "--trust-host s3.example.org" in text
    assert world.rows() == []


def test_no_secret_is_printed(s3: S3Server, tmp_path: Path, run: Run) -> None:
    bucket = s3.bucket()
    world = nested(s3, bucket, tmp_path)
    s3.put(bucket, "images/1/Images/a.dcm", b"x")
    texts = [run(world, "-v", *words)[1] for words in (("doctor",), ("scan",), ("submit", "--yes"), ("file", "list"))]
    home = Path(os.environ["CHORUS_UPLOAD_HOME"])
    texts += [file.read_text("utf-8", "replace") for file in home.rglob("*") if file.is_file()]
    assert all(SECRET not in text for text in texts)
