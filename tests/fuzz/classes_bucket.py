"""What a server of S3, or a proxy in its place, answers."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from azure_server import Server, reply
from canary import CANARY, POLL, InputClass, must, no_secret, plain, texts_of
from foreign_answers import ERRORS, FOREIGN
from s3server import s3_place

from chorus_gui.core.config.credentials import AwsKeys, Secret
from chorus_gui.core.errors import ChorusError
from chorus_gui.core.storage.base import FolderChoice
from chorus_gui.core.storage.s3.source import S3Source

_ENTRY = "<Contents><Key>{}</Key><LastModified>{}</LastModified><ETag>&quot;e&quot;</ETag><Size>{}</Size>{}</Contents>"
_PAGE = "<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>{}</IsTruncated>{}</ListBucketResult>"
_WHEN = "2025-01-01T10:00:00.000Z"


def _page(*entries: str, more: str = "false") -> str:
    return _PAGE.format(more, "".join(entries))


def _walk(source: S3Source) -> None:
    seen: set[str] = set()
    for folder in source.folders(lambda _: FolderChoice(descend=True, files=True), lambda: None):
        prefix = f"{folder.path}/" if folder.path else ""
        for file in folder.files:
            must(prefix + file.name not in seen, "a file came twice")
            must(file.size >= 0 and file.mtime_us % 1_000_000 == 0, "a size or a time that no object has")
            seen.add(prefix + file.name)


def _read(source: S3Source) -> None:
    reader = source.open("1/a")
    buffer, size, got = bytearray(64), reader.stat().size, 0
    while got < 4096 and (count := reader.readinto(buffer)):
        got += count
    must(got <= size, "more bytes than the object has")


CALLS: dict[str, Callable[[S3Source], object]] = {
    "walk": _walk,
    "stat": lambda source: source.stat("1/a"),
    "read": _read,
    "read_whole": lambda source: source.read_whole("1/a", 100),
    "clock_skew": lambda source: source.bucket.clock_skew(),
}
PAGES = (
    _page(),
    _page(_ENTRY.format("p/1/a", _WHEN, 1, "")),
    _page(_ENTRY.format("p/1/a", _WHEN, 1, ""), _ENTRY.format("p/1/a", _WHEN, 1, "")),
    _page(_ENTRY.format("p/b", _WHEN, 1, ""), _ENTRY.format("p/a", _WHEN, 1, "")),
    _page(_ENTRY.format("q/a", _WHEN, 1, "")),
    _page(_ENTRY.format("p/%FF", _WHEN, 1, "")),
    _page(_ENTRY.format("p/a", "9999-99-99", 1, "")),
    _page(_ENTRY.format("p/a", _WHEN, -1, "")),
    _page(_ENTRY.format("p/a", _WHEN, 1, "<StorageClass>GLACIER</StorageClass><RestoreStatus><RestoreExpiryDate/></RestoreStatus>")),
    _page(_ENTRY.format("p/a", _WHEN, 1, ""), more="true"),
    _page("<NextContinuationToken>t</NextContinuationToken>", more="true"),
    _page("<NextContinuationToken>t</NextContinuationToken>", _ENTRY.format("p/a", _WHEN, 1, ""), more="true"),
    "<Error><Code>AuthorizationHeaderMalformed</Code><Region>evil.example</Region></Error>",
    "<Error><Code>PermanentRedirect</Code><Endpoint>evil.example</Endpoint></Error>",
    "<Error><Code>SignatureDoesNotMatch</Code><StringToSign>REQUEST</StringToSign><Message>REQUEST</Message></Error>",
)
HEADERS: tuple[dict[str, str], ...] = (
    {},
    {"ETag": '"e"', "Last_Modified": "Wed, 01 Jan 2025 10:00:00 GMT"},
    {"ETag": '"e"', "Last_Modified": "Wed, 01 Jan 2025 10:00:00 GMT", "Content_Range": "bytes 0-0/9999999"},
    {"ETag": "", "Last_Modified": "yesterday", "Content_Range": "bytes 5-1/2"},
    {"Content_Range": "bytes 0-18446744073709551616/1"},
    {"x_amz_bucket_region": "evil.example"},
    {"x_amz_bucket_region": "eu-west-1", "Location": "https://evil.example/"},
    {"Date": "Fri, 31 Dec 99999999999999999999 00:00:00 GMT", "Retry_After": "-5"},
)
_BODIES = (*PAGES, *(body.decode("latin-1") for body in ERRORS.values()), *(body.decode("latin-1") for body, _ in FOREIGN.values()))
ANSWERS = [(call, status, 1, body) for call in CALLS for status in (200, 403) for body in PAGES]
ANSWERS += [
    (call, status, number, "x") for call in CALLS for status in (200, 206, 301, 400, 404, 412, 416, 503) for number in range(len(HEADERS))
]
ANSWERS += [(call, status, 0, body) for call in ("walk", "read") for status in (200, 400, 403, 503) for body in _BODIES[len(PAGES) :]]
"""Request, status, number of the headers, body.  REQUEST in it: what was asked, with its signature."""


def answer(value: Any, folder: Path) -> None:
    del folder
    call, status, number, body = value
    asked: list[str] = []

    def send(handler: Any) -> None:
        asked.append(handler.command)
        if len(asked) > 200:
            handler.close_connection = True
            return
        text = body.replace("REQUEST", f"{handler.path} {dict(handler.headers)}")
        try:
            data = text.encode("latin-1")
        except UnicodeEncodeError:
            data = text.encode("utf-8", "surrogatepass")
        reply(status, data, Content_Type="application/xml", **HEADERS[number % len(HEADERS)])(handler)

    server = Server(send, poll=POLL)
    place = replace(s3_place(server.url, "box", "p"), credentials=AwsKeys("AKIA", Secret(CANARY), Secret(CANARY)))
    try:
        with closing(S3Source(place)) as source:
            try:
                CALLS[call](source)
            except ChorusError as error:
                no_secret(texts_of(error))
                plain(texts_of(error))
        must(set(asked) <= {"GET", "HEAD"}, "something was written")
        must(len(asked) <= 200, "it asked without end")
    finally:
        server.close()


CLASSES = (InputClass("answers of a server of S3", ANSWERS, answer),)
