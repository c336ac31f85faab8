"""What a server of Google Cloud Storage, its sign-in service, or a proxy in its place answers."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from azure_server import Server, reply
from canary import CANARY, POLL, InputClass, must, no_secret, plain, texts_of
from foreign_answers import ERRORS, FOREIGN
from gcsserver import gcs_place, private_key

from chorus_gui.core.config.credentials import GoogleKeys
from chorus_gui.core.errors import ChorusError
from chorus_gui.core.storage.base import FolderChoice
from chorus_gui.core.storage.gcs.source import GcsSource
from chorus_gui.core.storage.gcs.wire import Bucket

_ENTRY = {"name": "p/1/a", "size": "1", "timeCreated": "2025-01-01T10:00:00.5Z", "generation": "7"}


def _page(*entries: dict[str, Any], **more: Any) -> str:
    return json.dumps({"kind": "storage#objects", "items": [{**_ENTRY, **entry} for entry in entries], **more})


def _walk(source: GcsSource) -> None:
    seen: set[str] = set()
    for folder in source.folders(lambda _: FolderChoice(descend=True, files=True), lambda: None):
        prefix = f"{folder.path}/" if folder.path else ""
        for file in folder.files:
            must(prefix + file.name not in seen, "a file came twice")
            must(file.size >= 0 and file.mtime_us % 1_000_000 == 0, "a size or a time that no object has")
            seen.add(prefix + file.name)


def _read(source: GcsSource) -> None:
    reader = source.open("1/a")
    buffer, size, got = bytearray(64), reader.stat().size, 0
    while got < 4096 and (count := reader.readinto(buffer)):
        got += count
    must(got <= size, "more bytes than the object has")


def _location(source: GcsSource) -> None:
    assert isinstance(source.bucket, Bucket)
    must(re.fullmatch(r"[A-Za-z0-9-]{0,40}", source.bucket.location("p/")) is not None, "a place that Google does not have")


CALLS: dict[str, Callable[[GcsSource], object]] = {
    "walk": _walk,
    "stat": lambda source: source.stat("1/a"),
    "read": _read,
    "read_whole": lambda source: source.read_whole("1/a", 100),
    "clock_skew": lambda source: source.bucket.clock_skew(),
    "location": _location,
}
PAGES = (
    _page(),
    _page({}),
    _page({}, {}),
    _page({"name": "p/b"}, {"name": "p/a"}),
    _page({"name": "q/a"}),
    _page({"name": "p/\ud800"}),
    _page({"name": "p/../a"}, {"name": "p//a"}, {"name": "p/a\x00"}),
    _page({"timeCreated": "9999-99-99"}),
    _page({"timeCreated": "9999-12-31T23:59:59-23:59"}),
    _page({"size": "-1"}),
    _page({"size": "1" * 5000}),
    _page({"generation": "x"}),
    _page({"md5Hash": "AAAA"}),
    _page({"storageClass": ["ARCHIVE"]}),
    _page({}, nextPageToken="t"),
    _page(nextPageToken="t"),
    _page(prefixes=["q/"]),
    '{"kind": "storage#objects", "items": [null]}',
    '{"kind": "storage#storageLayout", "location": "EU\\u001b[0m"}',
    '{"kind": "storage#storageLayout", "location": ["EU"]}',
    '{"kind": "storage#objects", "items": ' + "[" * 4000 + "]" * 4000 + "}",
    json.dumps({"kind": "storage#object", **_ENTRY}),
    '{"error": {"code": 401, "message": "REQUEST", "errors": [{"reason": "authError"}]}}',
    '{"error": {"code": 403, "message": "REQUEST", "errors": []}}',
    '{"error": {"code": 404, "message": 5, "errors": [[]]}}',
    '{"error": "invalid_grant", "error_description": "REQUEST"}',
    '{"access_token": 5, "expires_in": "soon"}',
    '{"access_token": "t", "expires_in": 1e400}',
    '{"access_token": "t\\r\\nX: y", "expires_in": 99999999999999}',
)
HEADERS: tuple[dict[str, str], ...] = (
    {},
    {
        "x_goog_generation": "7",
        "x_goog_metageneration": "1",
        "Last_Modified": "Wed, 01 Jan 2025 10:00:00 GMT",
        "Content_Range": "bytes 0-0/1",
    },
    {"x_goog_generation": "7", "Content_Range": "bytes 0-0/9999999", "x_goog_hash": "crc32c=,md5=AAAA"},
    {"x_goog_generation": "", "x_goog_metageneration": "1", "Last_Modified": "yesterday", "Content_Range": "bytes 5-1/2"},
    {"Content_Range": "bytes 0-18446744073709551616/1"},
    {"Location": "https://evil.example/", "X_GUploader_UploadID": "\u00e9" * 50},
    {"Date": "Fri, 31 Dec 99999999999999999999 00:00:00 GMT", "Retry_After": "-5"},
)
_BODIES = (*PAGES, *(body.decode("latin-1") for body in ERRORS.values()), *(body.decode("latin-1") for body, _ in FOREIGN.values()))
ANSWERS = [(call, status, 1, body) for call in CALLS for status in (200, 401, 403) for body in PAGES]
ANSWERS += [
    (call, status, number, "x") for call in CALLS for status in (200, 206, 301, 400, 404, 412, 416, 503) for number in range(len(HEADERS))
]
ANSWERS += [(call, status, 0, body) for call in ("walk", "read") for status in (200, 400, 403, 503) for body in _BODIES[len(PAGES) :]]
"""Request, status, number of the headers, body.  REQUEST in it: what was asked, with its token."""
SIGN_INS = [("sign in", status, number, body) for status in (200, 400, 503) for number in (0, 5) for body in _BODIES]


def answer(value: Any, folder: Path) -> None:
    call, status, number, body = value
    asked: list[str] = []
    signing = call == "sign in"

    def send(handler: Any) -> None:
        asked.append(handler.command)
        if len(asked) > 200:
            handler.close_connection = True
            return
        if handler.command == "POST" and not signing:
            reply(200, json.dumps({"access_token": f"ya29.{CANARY}", "expires_in": 3600}).encode(), Content_Type="application/json")(
                handler
            )
            return
        text = body.replace("REQUEST", f"{handler.path} {dict(handler.headers)}")
        try:
            data = text.encode("latin-1")
        except UnicodeEncodeError:
            data = text.encode("utf-8", "surrogatepass")
        reply(status, data, Content_Type="application/json", **HEADERS[number % len(HEADERS)])(handler)

    server = Server(send, poll=POLL)
    file = folder / "account.json"
    account = {"type": "service_account", "client_email": "a@b", "private_key": private_key(), "token_uri": f"{server.url}/token"}
    file.write_text(json.dumps(account), "utf-8")
    try:
        with closing(GcsSource(gcs_place(server.url, "box", "p", keys=GoogleKeys(str(file))))) as source:
            try:
                CALLS.get(call, CALLS["stat"])(source)
            except ChorusError as error:
                no_secret(texts_of(error))
                plain(texts_of(error))
        must(set(asked) <= {"GET", "POST"}, "something was written")
        must(len(asked) <= 200, "it asked without end")
    finally:
        server.close()


CLASSES = (InputClass("answers of a server of Google", ANSWERS + SIGN_INS, answer),)
