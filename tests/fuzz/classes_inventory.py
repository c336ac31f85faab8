"""What an S3 Inventory has: its manifest, and the lines of its files, which others can have written."""

from __future__ import annotations

import gzip
import hashlib
import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from azure_server import Server, reply
from canary import CANARY, POLL, InputClass, must, no_secret, plain, texts_of
from s3server import s3_place

from chorus_gui.core.config.credentials import AwsKeys, Secret
from chorus_gui.core.config.model import S3Settings
from chorus_gui.core.errors import ChorusError
from chorus_gui.core.storage.base import FolderChoice
from chorus_gui.core.storage.s3.probe import look
from chorus_gui.core.storage.s3.source import S3Source

_SCHEMA = "Bucket, Key, Size, LastModifiedDate, ETag, StorageClass"
_LINE = '"box","p/{}","{}","2025-01-01T10:00:00.000Z","e","STANDARD"\n'


def _manifest(**other: object) -> str:
    """MD5 and SIZE in it: those of the file with the lines."""
    usual = {
        "sourceBucket": "box",
        "version": "2016-11-30",
        "creationTimestamp": "1735725600000",
        "fileFormat": "CSV",
        "fileSchema": _SCHEMA,
        "files": [{"key": "data/1.csv.gz", "size": "SIZE", "MD5checksum": "MD5"}],
    }
    return json.dumps({**usual, **other}).replace('"SIZE"', "SIZE")


MANIFESTS = (
    _manifest(),
    _manifest(creationTimestamp="9" * 400),
    _manifest(creationTimestamp="-1"),
    _manifest(fileFormat="ORC"),
    _manifest(fileFormat="\x1b[31m<b>"),
    _manifest(fileSchema="Key, Key, Size"),
    _manifest(fileSchema=["Key"]),
    _manifest(sourceBucket="another\u202e"),
    _manifest(files=[]),
    _manifest(files=[{"key": "../../manifest.json", "size": -5, "MD5checksum": "x"}]),
    _manifest(files=[{"key": "data/1.csv.gz", "size": 1e400, "MD5checksum": "MD5"}]),
    _manifest(files=[{"key": "data/1.csv.gz", "size": 5, "MD5checksum": "MD5"}] * 50),
    _manifest(files="all"),
    "[" * 4000 + "]" * 4000,
    "<html>",
    "",
)
LINES = (
    _LINE.format("1/a", 1) + _LINE.format("1/b", 2),
    _LINE.format("1/a", 1) * 3,
    _LINE.format("1/a", -1),
    _LINE.format("1/a", "9" * 4000),
    _LINE.format("%ZZ/%00%2e%2e", 1),
    _LINE.format("../a", 1) + _LINE.format("/a", 1),
    _LINE.format("\ud800", 1),
    '"box","p/1/a","1","9999-99-99T99:99:99.000Z","e","STANDARD"\n',
    '"another","p/1/a","1","2025-01-01T10:00:00.000Z","e","STANDARD"\n',
    '"box","p/1/a\n',
    '"' * 999,
    "," * 9999 + "\n",
    "x" * 200_000,
    "",
)
LISTS = [(manifest, LINES[0], True) for manifest in MANIFESTS] + [
    (MANIFESTS[0], lines, packed) for lines in LINES for packed in (True, False)
]
"""Manifest, lines, and whether these are packed, as they must be."""


def answer(value: Any, folder: Path) -> None:
    del folder
    manifest, lines, packed = value
    asked: list[str] = []
    data = lines.encode("utf-8", "surrogatepass")
    data = gzip.compress(data, mtime=0) if packed else data
    md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
    body = manifest.encode("utf-8", "surrogatepass").replace(b"MD5", md5.encode(), 9).replace(b"SIZE", str(len(data)).encode())
    body = body.replace(f"{md5}checksum".encode(), b"MD5checksum")

    def send(handler: Any) -> None:
        asked.append(handler.command)
        if len(asked) > 200:
            handler.close_connection = True
            return
        content = body if "manifest.json" in handler.path else data if ".csv.gz" in handler.path else b"x"
        headers: dict[str, Any] = {"ETag": '"e"', "Last_Modified": "Wed, 01 Jan 2025 10:00:00 GMT"}
        if "list-type" in handler.path:
            reply(200, b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>", **headers)(handler)
        elif content:
            reply(206, content, Content_Range=f"bytes 0-{len(content) - 1}/{len(content)}", **headers)(handler)
        else:
            reply(416, b"", **headers)(handler)

    server = Server(send, poll=POLL)
    keys = AwsKeys("AKIA", Secret(CANARY), Secret(CANARY))
    place = replace(s3_place(server.url, "box", "p", s3=S3Settings(inventory="s3://lists/x/manifest.json")), credentials=keys)
    try:
        with closing(S3Source(place)) as source:
            try:
                seen: set[str] = set()
                for found in source.folders(lambda _: FolderChoice(descend=True, files=True), lambda: None):
                    for file in found.files:
                        must(f"{found.path}/{file.name}" not in seen, "a file came twice")
                        must(file.size >= 0, "a size that no object has")
                        seen.add(f"{found.path}/{file.name}")
            except ChorusError as error:
                no_secret(texts_of(error))
                plain(texts_of(error))
        for finding in look(place).findings:
            no_secret(f"{finding}")
        must(set(asked) <= {"GET", "HEAD"}, "something was written")
        must(len(asked) <= 200, "it asked without end")
    finally:
        server.close()


CLASSES = (InputClass("lists of an S3 Inventory", LISTS, answer),)
