"""Answers that Azure does not give: seeds for the tests of the connection and for the fuzzer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chorus_gui.core.storage.azure.store import AzureStore
from chorus_gui.core.storage.base import SourceStat
from chorus_gui.core.storage.by_service import Lent

CALLS: dict[str, Callable[[AzureStore], Any]] = {
    "put": lambda store: store.put("a", b"x" * 700, md5=b"0" * 16),
    "stage_block": lambda store: store.stage_block("a", "001", b"x" * 700),
    "commit_blocks": lambda store: store.commit_blocks("a", []),
    "head": lambda store: store.head("a"),
    "list": lambda store: list(store.list()),
    "list_folders": lambda store: list(store.list_folders()),
    "level": lambda store: list(store.level()),
    "list_staged": lambda store: store.list_staged("a"),
    "read": lambda store: list(store.read("a")),
    "delete": lambda store: store.delete("a"),
    "copy": lambda store: store.copy("a", "b"),
    "clock_skew": lambda store: store.clock_skew(),
    "fetch": lambda store: store.fetch("a", Lent("https://site.example/a?sig=s", SourceStat(7, 0, "e"), b"0" * 16)),
}
"""Every kind of request, on the blob “a”."""

FOREIGN: dict[str, tuple[bytes, str]] = {
    "HTML": (b"<!DOCTYPE html><html><body><form>Sign in</form></body></html>", "text/html"),
    "XHTML": (b'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><body/></html>', "application/xhtml+xml"),
    "another encoding": (b'<?xml version="1.0" encoding="shift_jis"?><html/>', "application/xml"),
    "an unknown encoding": (b'<?xml version="1.0" encoding="x"?><html/>', "application/xml"),
    "JSON": (b'{"error": "sign in"}', "application/json"),
    "JSON null": (b"null", "application/json"),
    "deep JSON": (b"[" * 5000, "application/json"),
    "empty": (b"", "application/xml"),
    "blanks": (b" \r\n ", "application/xml"),
    "text": (b"OK", "text/plain"),
    "another root": (b'<?xml version="1.0"?><Error><Code>Fine</Code></Error>', "application/xml"),
    "half": (b'<?xml version="1.0"?><Enumeration', "application/xml"),
    "bytes": (bytes(range(256)), "application/octet-stream"),
    "UTF-16": ("<?xml version='1.0' encoding='utf-16'?><html/>".encode("utf-16"), "application/xml"),
}
"""Name → body and type of a page that a proxy or a sign-in page gives with a status that means “done”."""

_BLOBS = (
    b'<?xml version="1.0" encoding="utf-8"?><EnumerationResults ContainerName="box"><Blobs>%b</Blobs><NextMarker/></EnumerationResults>'
)
_PROPERTIES = (
    b"<Properties><Last-Modified>Wed, 01 Jan 2025 10:00:00 GMT</Last-Modified><Etag>1</Etag><Content-Length>5</Content-Length></Properties>"
)

LISTS: dict[str, bytes] = {
    "without a name": _BLOBS % (b"<Blob>" + _PROPERTIES + b"</Blob>"),
    "with an empty name": _BLOBS % (b"<Blob><Name/>" + _PROPERTIES + b"</Blob>"),
    "without properties": _BLOBS % b"<Blob><Name>a</Name></Blob>",
    "with an empty size": _BLOBS % (b"<Blob><Name>a</Name>" + _PROPERTIES.replace(b">5<", b"><") + b"</Blob>"),
    "with a size that is none": _BLOBS % (b"<Blob><Name>a</Name>" + _PROPERTIES.replace(b">5<", b">five<") + b"</Blob>"),
    "with a negative size": _BLOBS % (b"<Blob><Name>a</Name>" + _PROPERTIES.replace(b">5<", b">-5<") + b"</Blob>"),
    "without an ETag": _BLOBS % (b"<Blob><Name>a</Name>" + _PROPERTIES.replace(b"<Etag>1</Etag>", b"") + b"</Blob>"),
    "with a date that is none": _BLOBS % (b"<Blob><Name>a</Name>" + _PROPERTIES.replace(b"2025", b"99999999999") + b"</Blob>"),
    "with a checksum that is none": _BLOBS
    % (b"<Blob><Name>a</Name>" + _PROPERTIES.replace(b"<Etag>", b"<Content-MD5>AAAA</Content-MD5><Etag>") + b"</Blob>"),
    "with an entity": b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><EnumerationResults><Blobs>&a;</Blobs></EnumerationResults>',
    "with laughs": b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b"><!ENTITY c "&a;&a;&a;&a;&a;&a;&a;&a;">]><EnumerationResults>&c;</EnumerationResults>',
    "that does not end": b'<?xml version="1.0"?><EnumerationResults><Blobs>' + b"<Blob>" * 5000,
}
"""Lists with the right root that no service gives."""

ERRORS: dict[str, bytes] = {
    **{f"a page: {name}": body for name, (body, _) in FOREIGN.items()},
    "a long message": b"<Error><Code>X</Code><Message>" + b"m" * 200_000 + b"</Message></Error>",
    "an escape": b"<Error><Code>X&#27;[31m</Code><Message>\xc2\x9b31m \xe2\x80\xae</Message></Error>",
    "frames": b"<Error><Code>AuthenticationFailed</Code><AuthenticationErrorDetail>"
    + b"Start [" * 20_000
    + b"</AuthenticationErrorDetail></Error>",
    "a deep tree": b"<Error>" + b"<a>" * 3000 + b"</a>" * 3000 + b"</Error>",
    "nested codes": b"<Error><Code><Code>X</Code></Code></Error>",
    "no code": b"<Error/>",
}
"""Bodies of refusals."""

HEADERS: tuple[dict[str, str], ...] = (
    {"Date": "Fri, 31 Dec 99999999999999999999 00:00:00 GMT"},
    {"Date": "Fri, 01 Jan 2027 00:00:00"},
    {"Date": "Fri, 01 Jan 2027 00:00:00 -0000"},
    {"Date": "\xb2"},
    {"Retry_After": "\xb2"},
    {"Retry_After": "9" * 400},
    {"Retry_After": "-5"},
    {"Content_Range": "garbage", "ETag": '"1"'},
    {"Content_Range": "bytes 0-0/", "ETag": '"1"'},
    {"Content_Range": "bytes */*", "ETag": '"1"'},
    {"Content_Range": "bytes 0-0/-5", "ETag": '"1"'},
    {"Content_MD5": "!!!", "ETag": '"1"'},
    {"Content_MD5": "AAAA", "ETag": '"1"'},
    {"Last_Modified": "never", "ETag": '"1"'},
    {"Last_Modified": "Fri, 31 Dec 99999 00:00:00 GMT", "ETag": '"1"'},
    {"x_ms_creation_time": "x", "ETag": '"1"'},
    {"x_ms_blob_sequence_number": "x", "ETag": '"1"'},
    {"x_ms_blob_type": "Odd", "ETag": '"1"'},
    {"x_ms_copy_status": "odd", "x_ms_copy_id": "c", "x_ms_copy_progress": "x", "ETag": '"1"'},
    {"x_ms_meta_token": "%ff%zz\x9b", "ETag": '"1"'},
    {"x_ms_error_code": "\xe4 \x9b31m"},
    {"x_ms_request_id": "y" * 5000},
    {"ETag": ""},
    {"WWW_Authenticate": "Bearer authorization_uri=" + "https://x/" * 3000},
    {"Content_Encoding": "br, gzip, nonsense"},
    {"Location": "https://store.example/"},
)
"""Headers of answers that say they are the service's."""
