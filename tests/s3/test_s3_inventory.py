"""A list that S3 Inventory wrote, in the place of a listing: how it is read, what it cannot know, and what is refused."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest
from commands import Run, printed, run
from s3server import S3Server, s3_place
from test_s3_submission import nested

from chorus_gui.app.reading import inventory_text
from chorus_gui.core.config.load import load
from chorus_gui.core.config.model import S3Settings
from chorus_gui.core.errors import ConditionError, ConfigError, SourceUnreadableError, Why
from chorus_gui.core.storage.base import FolderChoice
from chorus_gui.core.storage.http.channel import Answer
from chorus_gui.core.storage.s3.inventory import Inventory
from chorus_gui.core.storage.s3.probe import look
from chorus_gui.core.storage.s3.source import S3Source
from chorus_gui.core.storage.s3.wire import Bucket

__all__ = ["run"]
EVERY = FolderChoice(descend=True, files=True)
COLUMNS = ("Bucket", "Key", "VersionId", "IsLatest", "IsDeleteMarker", "Size", "LastModifiedDate", "ETag", "StorageClass")
USUAL = ("Bucket", "Key", "Size", "LastModifiedDate", "ETag", "StorageClass")
DAY = "2026-11-27T01-00Z"


def _packed(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


@dataclass
class Lists:
    """An inventory of ``bucket`` as Amazon writes it, in another bucket."""

    s3: S3Server
    bucket: str
    target: str = ""
    folder: str = "lists/site/weekly"
    columns: Sequence[str] = USUAL
    rows: list[list[str]] = field(default_factory=list[list[str]])

    def __post_init__(self) -> None:
        self.target = self.s3.bucket()

    @property
    def address(self) -> str:
        return f"s3://{self.target}/{self.folder}/"

    def row(self, key: str, **other: str) -> None:
        """The row of an object as it is now."""
        head = self.s3.client.head_object(Bucket=self.bucket, Key=key)
        values = {
            "Bucket": self.bucket,
            "Key": quote_plus(key, safe="/"),
            "VersionId": "",
            "IsLatest": "true",
            "IsDeleteMarker": "false",
            "Size": str(head["ContentLength"]),
            "LastModifiedDate": f"{head['LastModified']:%Y-%m-%dT%H:%M:%S.000Z}",
            "ETag": head["ETag"].strip('"'),
            "StorageClass": "STANDARD",
            **other,
        }
        self.rows.append([values[name] for name in self.columns])

    def write(self, day: str = DAY, *, count: int = 1, age_s: float = 3600.0, **other: Any) -> None:
        """Write what :meth:`row` collected, as ``count`` files, and the manifest last."""
        parts: list[dict[str, Any]] = []
        for number in range(count):
            lines = "".join(",".join(f'"{value}"' for value in row) + "\n" for row in self.rows[number::count])
            data = _packed(lines.encode())
            key = f"{self.folder}/data/{day}-{number}.csv.gz"
            self.s3.put(self.target, key, data)
            parts.append({"key": key, "size": len(data), "MD5checksum": hashlib.md5(data, usedforsecurity=False).hexdigest()})
        manifest = {
            "sourceBucket": self.bucket,
            "destinationBucket": f"arn:aws:s3:::{self.target}",
            "version": "2016-11-30",
            "creationTimestamp": str(int((time.time() - age_s) * 1000)),
            "fileFormat": "CSV",
            "fileSchema": ", ".join(self.columns),
            "files": parts,
            **other,
        }
        self.s3.put(self.target, f"{self.folder}/{day}/manifest.json", json.dumps(manifest).encode())


@pytest.fixture
def lists(s3: S3Server) -> Lists:
    return Lists(s3, s3.bucket())


def source(lists: Lists, address: str = "", prefix: str = "p") -> S3Source:
    return S3Source(s3_place(lists.s3.url, lists.bucket, prefix, s3=S3Settings(inventory=address or lists.address)))


def walked(found: S3Source) -> dict[str, tuple[int, int, str]]:
    return {
        f"{folder.path}/{file.name}".lstrip("/"): (file.size, file.mtime_us, file.version)
        for folder in found.folders(lambda _: EVERY, lambda: None)
        for file in folder.files
    }


def test_the_list_gives_the_files_that_the_listing_gives_whatever_their_order(lists: Lists) -> None:
    keys = ["p/1/a b+c&d=e%41.dcm", "p/1/ä.dcm", "p/1/z", "p/1-2/x", "p/1/sub/deep", "p/10/y", "p/\U0001f600", "p/\uffee", "other/1"]
    for key in keys:
        lists.s3.put(lists.bucket, key, key.encode())
    for key in reversed(keys):
        lists.row(key)
    lists.write(count=3)
    plain = walked(S3Source(s3_place(lists.s3.url, lists.bucket, "p")))
    found = source(lists)
    assert walked(found) == plain
    assert len(plain) == 8
    assert 3500 < time.time() - found.inventory_us / 1e6 < 3600 + 600
    assert walked(source(lists, f"{lists.address}{DAY}/manifest.json")) == plain


def test_the_listing_is_not_asked_for(lists: Lists, monkeypatch: pytest.MonkeyPatch) -> None:
    lists.s3.put(lists.bucket, "p/a", b"1")
    lists.row("p/a")
    lists.write()
    asked: list[str] = []
    real = Bucket.list_page

    def list_page(self: Bucket, *args: Any, **named: Any) -> Any:
        asked.append(self.name)
        return real(self, *args, **named)

    monkeypatch.setattr(Bucket, "list_page", list_page)
    assert [*walked(source(lists))] == ["a"]
    assert asked == [lists.target], "only the folder of the lists, for the newest one"


def test_only_the_newest_version_counts_and_what_was_deleted_does_not(lists: Lists) -> None:
    lists.columns = COLUMNS
    lists.s3.put(lists.bucket, "p/a", b"new")
    lists.row("p/a", VersionId="1", IsLatest="false", Size="1", ETag="old")
    lists.row("p/a", VersionId="2")
    lists.row("p/a", Key="p/gone", VersionId="3", IsDeleteMarker="true", Size="", ETag="")
    lists.row("p/a", Key="p/gone", VersionId="2", IsLatest="false", ETag="old")
    lists.write()
    assert {path: size for path, (size, _, _) in walked(source(lists)).items()} == {"a": 3}


def test_the_newest_complete_list_is_taken(lists: Lists) -> None:
    lists.s3.put(lists.bucket, "p/a", b"1")
    lists.row("p/a")
    lists.write("2026-11-20T01-00Z")
    lists.s3.put(lists.bucket, "p/b", b"1")
    lists.row("p/b")
    lists.write("2026-11-27T01-00Z")
    lists.s3.put(lists.target, f"{lists.folder}/2026-11-28T01-00Z/part", b"not complete")
    assert [*walked(source(lists))] == ["a", "b"]


def test_archived_objects_are_known_from_the_list(lists: Lists) -> None:
    lists.s3.put(lists.bucket, "p/a", b"1", StorageClass="GLACIER")
    lists.row("p/a", StorageClass="GLACIER")
    lists.write()
    (folder,) = source(lists).folders(lambda _: EVERY, lambda: None)
    assert "archived" in folder.problems[0].cause


@pytest.mark.parametrize(
    ("other", "says"),
    [
        ({"fileFormat": "ORC"}, "format ORC"),
        ({"fileFormat": "Parquet"}, "format Parquet"),
        ({"fileFormat": "X"}, "not known"),
        ({"fileSchema": "Bucket, Key, Size"}, "lack LastModifiedDate, ETag"),
        ({"fileSchema": "Bucket, Key, VersionId, Size, LastModifiedDate, ETag"}, "lack IsLatest"),
        ({"fileSchema": "Bucket, Key, Size, LastModifiedDate, ETag"}, "damaged"),
        ({"sourceBucket": "another-bucket"}, "lists the bucket “another-bucket”"),
        ({"creationTimestamp": "yesterday"}, "not one of S3 Inventory"),
        ({"creationTimestamp": "9" * 30}, "not one of S3 Inventory"),
        ({"files": [{"key": 1}]}, "not one of S3 Inventory"),
        ({"files": "x"}, "not one of S3 Inventory"),
    ],
)
def test_a_list_that_cannot_be_used_says_why_and_what_to_do(lists: Lists, other: dict[str, Any], says: str) -> None:
    lists.s3.put(lists.bucket, "p/a", b"1")
    lists.row("p/a")
    lists.write(**other)
    with pytest.raises(SourceUnreadableError) as caught:
        walked(source(lists))
    assert says in caught.value.what
    assert "aws_inventory" in caught.value.remedy
    assert "no file is marked as deleted" in caught.value.meaning


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (_packed(b"".join(b'"other","p/a","1","2026-11-27T01:00:00.000Z","e","STANDARD"\n' for _ in range(9))), "damaged"),
        (_packed(b'"x"\n' * 3), "damaged"),
        (_packed(b"y" * 200_000), "damaged"),
        (b"not compressed", "damaged"),
        (_packed(b"")[:-4], "damaged"),
        (_packed(b""), "the MD5 is another one"),
        (None, "is not there"),
    ],
    ids=["rows of another list", "short rows", "an endless row", "not compressed", "cut off", "another file", "missing"],
)
def test_a_file_of_the_list_that_is_damaged_or_another_one_is_refused(lists: Lists, data: bytes | None, says: str) -> None:
    lists.s3.put(lists.bucket, "p/a", b"1")
    lists.row("p/a")
    lists.write()
    key = f"{lists.folder}/data/{DAY}-0.csv.gz"
    if data is None:
        lists.s3.client.delete_object(Bucket=lists.target, Key=key)
    else:
        lists.s3.put(lists.target, key, data)
    with pytest.raises(SourceUnreadableError) as caught:
        walked(source(lists))
    assert says in caught.value.what


def test_an_inventory_without_a_list_is_refused(lists: Lists) -> None:
    with pytest.raises(SourceUnreadableError, match="It has no list"):
        walked(source(lists))


@pytest.mark.parametrize(("age_s", "grade", "says"), [(7200.0, "GOOD", "2 hours old"), (20 * 86400.0, "WARNING", "20 days old")])
def test_the_doctor_says_how_old_the_list_is(lists: Lists, age_s: float, grade: str, says: str) -> None:
    lists.s3.put(lists.bucket, "p/a", b"1")
    lists.row("p/a")
    lists.write(age_s=age_s)
    place = s3_place(lists.s3.url, lists.bucket, "p", s3=S3Settings(inventory=lists.address))
    last = look(place).findings[-1]
    assert (last.grade.name, says in last.what) == (grade, True)
    broken = look(replace(place, s3=S3Settings(inventory=f"{lists.address}x/"))).findings[-1]
    assert broken.grade.name == "BAD"


def test_a_site_is_submitted_from_the_list_and_only_what_is_gone_counts_as_deleted(s3: S3Server, tmp_path: Path, run: Run) -> None:
    bucket = s3.bucket()
    lists = Lists(s3, bucket)
    world = nested(s3, bucket, tmp_path)
    world.file.write_text(world.file.read_text("utf-8") + f'aws_inventory = "{lists.address}"\n', "utf-8")
    world.put("OMOP/person.csv", "person_id")
    keys = [f"images/{patient}/Images/{name}.dcm" for patient in (1, 2) for name in "abc"]
    for key in keys:
        s3.put(bucket, key, os.urandom(20))
        lists.row(key)
    lists.write("2026-11-27T01-00Z", count=2)
    status, text = run(world, "submit", "--yes", "--version", "v1")
    assert status == 0, text
    assert "S3 Inventory of" in text
    assert "Newer files come with the next one" in text
    assert len([row for row in world.rows() if row.modality == "Images"]) == 6

    # The next list lacks two files, of which one is still there; a third was replaced after it was made.
    lists.rows = [row for row in lists.rows if not row[1].endswith(("1/Images/a.dcm", "1/Images/b.dcm"))]
    lists.write("2026-11-28T01-00Z")
    s3.client.delete_object(Bucket=bucket, Key="images/1/Images/a.dcm")
    status, text = run(world, "scan", "--json")
    found = printed(text)
    changes = {change["path"]: change["kind"] for change in found["changes"]}
    assert changes == {"1/Images/a.dcm": "deleted"}, text
    assert any("still in the bucket" in note for note in found["notes"])
    (told,) = found["reading"]
    assert told["inventory_us"] > 0

    lists.rows[-1][lists.columns.index("ETag")] = "0" * 32
    lists.rows[-1][lists.columns.index("Size")] = "21"
    lists.write("2026-11-29T01-00Z")
    status, text = run(world, "submit", "--yes", "--version", "v2")
    assert "changed after the review" in text, "an object is sent only as the list describes it"
    assert status != 0


@pytest.mark.parametrize("value", ["s3://bucket/folder", "s3://bucket/x.json", "https://bucket/manifest.json", "s3://b/", "s3://bucket//"])
def test_an_address_that_is_no_inventory_is_a_fault_of_the_configuration(s3: S3Server, tmp_path: Path, value: str) -> None:
    world = nested(s3, "some-bucket", tmp_path)
    world.file.write_text(world.file.read_text("utf-8") + f'aws_inventory = "{value}"\n', "utf-8")
    with pytest.raises(ConfigError, match="not the address of an S3 Inventory"):
        load(world.file)


def test_new_keys_reach_the_bucket_of_the_lists_while_a_list_is_read(lists: Lists, monkeypatch: pytest.MonkeyPatch) -> None:
    """A session token can end in the middle of a large list."""
    lists.s3.put(lists.bucket, "p/a", b"1")
    lists.row("p/a")
    lists.write()
    found, renewed = source(lists), list[Bucket]()
    monkeypatch.setattr(Bucket, "renew", lambda bucket, _: renewed.append(bucket))

    def ask(question: Callable[[], Any]) -> Any:
        if not renewed:
            found.renew(s3_place(lists.s3.url, lists.bucket).credentials)
        return question()

    with closing(found):
        assert [file.name for folder in found.folders(lambda _: EVERY, lambda: None, ask) for file in folder.files] == ["a"]
    assert renewed[0] is found.bucket
    assert len(renewed) == 2, "the other is the bucket of the lists"


def test_a_file_of_the_list_that_is_replaced_while_it_is_read_is_an_unusable_list() -> None:
    class Replaced:
        def read(self, key: str, at: int, most: int, **options: Any) -> Any:
            raise ConditionError("changed meanwhile")

        def close(self) -> None:
            pass

    replaced: Any = Replaced()
    inventory = Inventory("s3://box/lists/manifest.json", "site", lambda name: replaced)
    with pytest.raises(SourceUnreadableError, match="was replaced while it was read") as caught:
        inventory.manifest(lambda question: question())
    assert "no file is marked as deleted" in caught.value.meaning


def test_a_scan_says_that_lists_no_longer_come() -> None:
    day = 86_400_000_000
    now = time.time_ns() // 1000
    assert "is enabled" in inventory_text(now - 9 * day)
    assert "is enabled" not in inventory_text(now - 7 * day)


@pytest.mark.parametrize("verb", ["list", "read", "gone"])
def test_a_refusal_of_the_bucket_with_the_lists_names_that_bucket(lists: Lists, monkeypatch: pytest.MonkeyPatch, verb: str) -> None:
    """The bucket with the files is not asked, and its permissions are right."""
    lists.s3.put(lists.bucket, "p/a", b"1")
    lists.row("p/a")
    lists.write()
    if verb == "gone":
        found = source(lists, f"s3://no-such-{lists.target}/lists/")
    else:
        found, real = source(lists), Bucket._exchanged

        def refuses(self: Bucket, method: str, key: str, *args: Any, **named: Any) -> Answer:
            if self.name == lists.target and bool(key) is (verb == "read"):
                body = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
                return Answer(403, {"x-amz-request-id": "R"}, body)
            return real(self, method, key, *args, **named)

        monkeypatch.setattr(Bucket, "_exchanged", refuses)
    with pytest.raises(SourceUnreadableError) as raised:
        walked(found)
    error = raised.value
    said = f"Could not read the S3 Inventory s3://{'no-such-' if verb == 'gone' else ''}{lists.target}/lists/"
    assert error.what.startswith(said)
    assert look(found.__getstate__()).findings[-1].what.startswith(said), "the doctor says the same"
    assert f"s3://{lists.bucket}" not in error.what
    assert lists.bucket not in error.remedy
    assert "aws_inventory" in error.remedy
    if verb != "gone":
        assert error.why is Why.RIGHTS
        assert ("s3:ListBucket" if verb == "list" else "s3:GetObject") in error.remedy
        assert lists.target in error.what.partition(". ")[2], "the sentence of the service names the bucket, too"
    found.close()
