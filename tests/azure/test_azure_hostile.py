"""A proxy, a sign-in page or a hostile server answers in place of Azure: every request ends in a sentence, in bounded memory and time.

The answers and the requests are also the seeds of the fuzzer's class “foreign answers to each request”.
"""

from __future__ import annotations

import gzip
import time
import tracemalloc
from collections.abc import Callable
from contextlib import closing, suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, cast

import pytest
from azure_server import Server, empty_container, reply
from foreign_answers import CALLS, ERRORS, FOREIGN, HEADERS, LISTS

from chorus_gui.core.errors import AccessError, StoreError, StoreUnavailableError
from chorus_gui.core.job import JobContext
from chorus_gui.core.storage.azure import lean_wire
from chorus_gui.core.storage.azure.answers import Access, Answer, Operation, explain
from chorus_gui.core.storage.base import BlobInfo
from chorus_gui.core.storage.http import channel
from chorus_gui.core.storage.http.headers import clock_skew, http_date, retry_after
from chorus_gui.core.storage.one_file import fetch_file
from chorus_gui.core.storage.retry import LONGEST_WAIT, RetryPolicy


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("name", FOREIGN)
def test_a_page_with_status_200_is_not_from_azure(serve: Callable[..., Server], name: str, call: str) -> None:
    """For every kind of request, with the remedy for a sign-in page."""
    body, kind = FOREIGN[name]
    for status in (200, 201, 202, 206):
        with closing(serve(reply(status, body, Content_Type=kind)).store()) as store, pytest.raises(StoreError) as caught:
            CALLS[call](store)
        assert "did not come from Azure" in caught.value.what
        assert "sign-in page" in caught.value.meaning
        assert "IT department" in caught.value.remedy


@pytest.mark.parametrize("call", ["list", "list_folders", "list_staged", "clock_skew"])
@pytest.mark.parametrize("name", [*FOREIGN, *LISTS])
def test_a_list_is_parsed_strictly_even_from_a_server_that_says_it_is_azure(serve: Callable[..., Server], name: str, call: str) -> None:
    body, kind = FOREIGN.get(name) or (LISTS[name], "application/xml")
    answer = reply(200, body, Content_Type=kind, x_ms_request_id="r")
    with closing(serve(answer).store()) as store:
        if name in FOREIGN:
            with pytest.raises(StoreError, match="did not come from Azure"):
                CALLS[call](store)
        else:
            with suppress(StoreError):
                CALLS[call](store)
    if name in LISTS and call == "list":
        with closing(serve(answer).store()) as store, pytest.raises(StoreError, match="did not come from Azure"):
            list(store.list())


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("headers", HEADERS, ids=str)
def test_odd_headers_never_crash(serve: Callable[..., Server], call: str, headers: dict[str, Any]) -> None:
    for status in (200, 201, 206, 304, 400, 401, 403, 404, 409, 412, 416, 429, 500, 503):
        answer = reply(status, b"", **cast("dict[str, Any]", {"x_ms_request_id": "r", **headers}))
        with closing(serve(answer).store()) as store, suppress(StoreError):
            CALLS[call](store)


@pytest.mark.parametrize("call", ["head", "list", "put", "read"])
@pytest.mark.parametrize("name", ERRORS)
def test_odd_refusals_never_crash(serve: Callable[..., Server], call: str, name: str) -> None:
    for status in (400, 403, 409, 500):
        answer = reply(status, ERRORS[name], Content_Type="application/xml", x_ms_request_id="r\x1b[31m", x_ms_error_code="Fo\x1b[31mo")
        with closing(serve(answer).store()) as store, pytest.raises(StoreError) as caught:
            CALLS[call](store)
        assert "\x1b" not in f"{caught.value}{caught.value.code}{caught.value.request_id}"
        assert len(str(caught.value)) < 10_000


LISTED = b'<?xml version="1.0" encoding="utf-8"?><EnumerationResults ContainerName="box"><Blobs>%b</Blobs><NextMarker>%b</NextMarker></EnumerationResults>'


@pytest.mark.parametrize("call", ["list", "list_folders"])
def test_a_listing_without_end_ends(serve: Callable[..., Server], call: str) -> None:
    answer = reply(200, LISTED % (b"", b"again"), Content_Type="application/xml", x_ms_request_id="r")
    server = serve(answer)
    with closing(server.store()) as store, pytest.raises(StoreUnavailableError, match="did not come from Azure"):
        CALLS[call](store)
    assert len(server.seen) == 2


def test_empty_pages_without_end_end(serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chorus_gui.core.storage.azure.pages.EMPTY_PAGES", 5)
    count = iter(range(1000))

    def send(handler: BaseHTTPRequestHandler) -> None:
        reply(200, LISTED % (b"", b"m%d" % next(count)), Content_Type="application/xml", x_ms_request_id="r")(handler)

    server = serve(send)
    with closing(server.store()) as store, pytest.raises(StoreUnavailableError, match="did not come from Azure"):
        list(store.list())
    assert len(server.seen) == 6


@pytest.fixture(scope="module")
def bomb() -> bytes:
    return gzip.compress(b"\0" * 400_000_000, 9)


def peak(action: Callable[[], Any]) -> int:
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("call", "status"), [("list", 200), ("list", 403), ("head", 500), ("read", 400)])
def test_a_bomb_does_not_fill_the_memory(
    serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch, bomb: bytes, call: str, status: int
) -> None:
    monkeypatch.setattr(lean_wire, "LIST_BYTES", 4_000_000)
    headers: dict[str, Any] = {"Content_Encoding": "gzip", "Content_Type": "application/xml", "Content_Range": "bytes 0-3/4", "ETag": '"1"'}
    server = serve(reply(status, bomb, x_ms_request_id="r", **headers))

    def run() -> None:
        with closing(server.store()) as store, pytest.raises(StoreError):
            CALLS[call](store)

    assert peak(run) < 60_000_000


@pytest.mark.parametrize(("call", "status"), [("list", 200), ("list", 403), ("read", 206), ("put", 201)])
def test_a_body_without_end_is_cut(serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch, call: str, status: int) -> None:
    monkeypatch.setattr(lean_wire, "LIST_BYTES", 4_000_000)
    sent: list[int] = []

    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in {"x-ms-request-id": "r", "Content-Range": "bytes 0-3/4", "ETag": '"1"', "Transfer-Encoding": "chunked"}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.close_connection = True
        with suppress(OSError):
            for _ in range(1000):
                handler.wfile.write(b"100000\r\n" + b"x" * 0x100000 + b"\r\n")
                sent.append(1)

    server = serve(send)

    def run() -> None:
        with closing(server.store()) as store, pytest.raises(StoreError):
            CALLS[call](store)

    assert peak(run) < 60_000_000
    assert len(sent) < 100


def test_an_answer_that_drips_is_given_up(serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel, "ANSWER_SECONDS", 0.3)

    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("x-ms-request-id", "r")
        handler.send_header("Content-Length", "100000")
        handler.end_headers()
        handler.close_connection = True
        with suppress(OSError):
            for _ in range(200):
                handler.wfile.write(b" ")
                handler.wfile.flush()
                time.sleep(0.05)

    begun = time.monotonic()
    with closing(serve(send).store()) as store, pytest.raises(StoreUnavailableError):
        list(store.list())
    assert time.monotonic() - begun < 8


def test_a_download_ends_where_the_listed_size_ends(serve: Callable[..., Server], tmp_path: Any) -> None:
    """Without that, a range “of 10²⁰ bytes” is asked for without end."""
    for total in ("100000000000000000000", "200000000000000"):

        def send(handler: BaseHTTPRequestHandler, total: str = total) -> None:
            first, last = handler.headers["x-ms-range"].removeprefix("bytes=").split("-")
            body = b"x" * (int(last) - int(first) + 1)
            reply(206, body, Content_Range=f"bytes {first}-{last}/{total}", ETag='"1"', x_ms_request_id="r", x_ms_blob_type="BlockBlob")(
                handler
            )

        server = serve(send)
        blob = BlobInfo("a", 1000, None, "1", 0, {})
        with closing(server.store()) as store, pytest.raises(StoreError):
            fetch_file(store, blob, tmp_path / "a", JobContext())
        assert len(server.seen) <= 6


@pytest.mark.parametrize(
    "text",
    ["", "x", "²", "9" * 400, "-1", "Fri, 31 Dec 99999999999999999999 00:00:00 GMT", "Fri, 01 Jan 2027 00:00:00", "Fri, 01 Jan 2027 00:00:00 -0000",
     "Mon, 01 Jan 0001 00:00:00 +2359", "99 Foo", "(" * 5000, "\x00", "1 Jan 2020 25:61:61 GMT"],
)  # fmt: skip
def test_times_and_waits_of_headers_are_numbers_or_nothing(text: str) -> None:
    skew, wait, when = clock_skew(text), retry_after({"retry-after": text}), http_date(text)
    assert skew is None or abs(skew) < 1e12
    assert wait is None or 0 <= wait < 1e12
    assert when is None or when.utcoffset() is not None


DATE = "Sun, 06 Nov 1994 08:49:37 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "0"}, 0), ({"retry-after": "45"}, 45), ({"retry-after": " 45 "}, 45), ({"retry-after": "6.5"}, 6.5),
        ({"retry-after": "007"}, 7), ({"x-ms-retry-after-ms": "1500"}, 1.5), ({"retry-after-ms": "250"}, 0.25),
        ({"retry-after": "2", "x-ms-retry-after-ms": "1500"}, 1.5), ({"retry-after": "2", "retry-after-ms": "soon"}, 2),
        ({"retry-after": "Sun, 06 Nov 1994 08:50:07 GMT", "date": DATE}, 30), ({"retry-after": "Sunday, 06-Nov-94 08:50:07 GMT", "date": DATE}, 30),
        ({"retry-after": "Sun Nov  6 08:50:07 1994", "date": DATE}, 30), ({"retry-after": DATE, "date": "Sun, 06 Nov 1994 09:49:37 GMT"}, 0),
        ({"retry-after": "soon"}, None), ({"retry-after": "-5"}, None), ({"retry-after": "1e9"}, None), ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None), ({"retry-after": "5, 10"}, None), ({"retry-after": "٣"}, None), ({"retry-after": ""}, None), ({}, None),
    ],
)  # fmt: skip
def test_every_legal_form_of_retry_after_is_read_and_every_other_ignored(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


def test_no_server_can_make_the_program_wait_for_hours() -> None:
    assert RetryPolicy().wait(1, 45.0) >= 45
    assert RetryPolicy().wait(1, 999_999_999.0) <= LONGEST_WAIT == 300


def test_an_explanation_is_searched_in_linear_time() -> None:
    begun = time.monotonic()
    for detail in ("Start [" * 70_000, "Start [x] - Expiry [" * 30_000, "Start [" + "x" * 500_000):
        explain(Answer(403, "AuthenticationFailed", detail=detail, request_id="r"), Access("a", "h", "c"), Operation("read", "x", "r"))
    assert time.monotonic() - begun < 5


def test_good_answers_still_work(serve: Callable[..., Server]) -> None:
    with closing(serve(empty_container).store()) as store:
        assert list(store.list()) == []
        assert store.head("a") is None


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_a_list_of_certificates_that_is_missing_is_named(
    serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    server = serve(empty_container)
    for other in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv(name, str(tmp_path / "missing.pem"))
    with pytest.raises(AccessError, match=f"The environment variable {name} names the file .*missing.pem") as caught:
        server.store()
    assert f"Correct {name}" in caught.value.remedy
    assert server.seen == []
