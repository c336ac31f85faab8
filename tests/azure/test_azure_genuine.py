"""The rule: an answer that Azure did not give proves nothing, whatever is asked and whatever it says."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from azure_server import NOTHING, Reply, Server, reply

from chorus_gui.core.errors import (
    BlobNotFoundError,
    ChecksumError,
    ConditionError,
    SourceVanishedError,
    StoreError,
    StoreUnavailableError,
)
from chorus_gui.core.storage.azure.source import AzureSource
from chorus_gui.core.storage.azure.store import AzureStore
from chorus_gui.core.storage.base import IF_ABSENT

DATA = b"content"
MD5 = hashlib.md5(DATA).digest()
BLOCKS = (
    b'<?xml version="1.0" encoding="utf-8"?><BlockList><UncommittedBlocks><Block><Name>MQ==</Name><Size>7</Size></Block>'
    b"</UncommittedBlocks></BlockList>"
)
BLOB = {"ETag": '"1"', "Last_Modified": "Fri, 27 Nov 2026 03:57:32 GMT", "x_ms_blob_type": "BlockBlob"}
REFERENCE = {"x_ms_request_id": "r"}


def answer(status: int, body: bytes = b"", **headers: Any) -> Reply:
    return reply(status, body, **headers)


def b64(md5: bytes) -> str:
    return base64.b64encode(md5).decode()


CALLS: dict[str, tuple[Callable[[AzureStore], Any], int, bytes, dict[str, str]]] = {
    "put": (lambda store: store.put("a", DATA, md5=MD5), 201, b"", {**BLOB, "Content_MD5": b64(MD5)}),
    "put without md5": (lambda store: store.put("a", DATA), 201, b"", {**BLOB, "Content_MD5": b64(MD5)}),
    "stage_block": (lambda store: store.stage_block("a", "1", DATA, md5=MD5), 201, b"", {"Content_MD5": b64(MD5)}),
    "commit_blocks": (lambda store: store.commit_blocks("a", [], md5=MD5), 201, b"", {**BLOB, "x_ms_content_crc64": "V0JSBnCFdzM="}),
    "list_staged": (lambda store: store.list_staged("a"), 200, BLOCKS, {"Content_Type": "application/xml"}),
    "head": (lambda store: store.head("a"), 200, b"", BLOB),
    "list": (lambda store: list(store.list()), 200, NOTHING, {"Content_Type": "application/xml"}),
    "read": (lambda store: list(store.read("a")), 206, DATA, {**BLOB, "Content_Range": "bytes 0-6/7"}),
    "copy": (
        lambda store: store.copy("a", "b"),
        202,
        b"",
        {**BLOB, "x_ms_copy_id": "c", "x_ms_copy_status": "success"},
    ),
    "delete": (lambda store: store.delete("a"), 202, b"", {}),
}


@pytest.mark.parametrize("call", CALLS)
def test_success_with_a_request_id_is_believed(serve: Callable[..., Server], call: str) -> None:
    ask, status, body, headers = CALLS[call]
    seen = answer(200, b"", **BLOB, **REFERENCE, x_ms_copy_id="c", x_ms_copy_status="success")
    ask(serve(answer(status, body, **headers, **REFERENCE), seen).store())


@pytest.mark.parametrize("call", CALLS)
def test_success_without_a_request_id_is_not(serve: Callable[..., Server], call: str) -> None:
    ask, status, body, headers = CALLS[call]
    with pytest.raises(StoreUnavailableError, match="did not come from Azure") as caught:
        ask(serve(answer(status, body, **headers)).store())
    assert caught.value.remedy


@pytest.mark.parametrize("status", [304, 404, 409, 412])
@pytest.mark.parametrize("code", ["", "BlobNotFound", "ConditionNotMet", "BlobAlreadyExists"])
@pytest.mark.parametrize("call", [*CALLS, "put if absent"])
def test_no_refusal_without_a_request_id_is_a_fact_about_the_store(serve: Callable[..., Server], call: str, code: str, status: int) -> None:
    ask = CALLS[call][0] if call in CALLS else lambda store: store.put("a", DATA, condition=IF_ABSENT)
    headers = {"x_ms_error_code": code} if code else {}
    with pytest.raises(StoreError) as caught:
        ask(serve(answer(status, b"", **headers)).store())
    assert not isinstance(caught.value, (BlobNotFoundError, ConditionError))
    assert caught.value.remedy


@pytest.mark.parametrize("missing", ["ETag", "Content_MD5"])
@pytest.mark.parametrize("call", ["put", "put without md5", "commit_blocks"])
def test_a_write_without_what_the_service_always_says_is_not_believed(serve: Callable[..., Server], call: str, missing: str) -> None:
    ask, status, body, headers = CALLS[call]
    left = {name: value for name, value in headers.items() if name not in (missing, "x_ms_content_crc64" if missing != "ETag" else "")}
    with pytest.raises(StoreUnavailableError, match="did not come from Azure"):
        ask(serve(answer(status, body, **left, **REFERENCE)).store())


@pytest.mark.parametrize("call", ["stage_block", "commit_blocks"])
def test_the_checksum_of_other_bytes_is_refused(serve: Callable[..., Server], call: str) -> None:
    ask, status, body, headers = CALLS[call]
    with pytest.raises(ChecksumError, match="other bytes"):
        ask(serve(answer(status, body, **{**headers, "Content_MD5": b64(hashlib.md5(b"other").digest())}, **REFERENCE)).store())


def test_a_list_of_parts_is_sent_under_its_checksum(serve: Callable[..., Server]) -> None:
    server = serve(answer(201, b"", **BLOB, **REFERENCE, x_ms_content_crc64="V0JSBnCFdzM="))
    server.store().commit_blocks("a", [])
    assert server.seen[0][1]["Content-MD5"] == b64(hashlib.md5(server.bodies[0]).digest())


@pytest.mark.parametrize("status", [200, 403])
def test_a_body_that_is_not_what_its_label_says_is_not_a_broken_connection(serve: Callable[..., Server], status: int) -> None:
    odd = answer(status, b"this is no gzip", Content_Encoding="gzip", Content_Type="application/xml", **REFERENCE)
    with pytest.raises(StoreUnavailableError, match="did not come from Azure"):
        list(serve(odd).store().list())


def test_what_is_damaged_on_the_way_does_not_promise_to_be_sent_again(serve: Callable[..., Server]) -> None:
    with pytest.raises(ChecksumError) as caught:
        serve(answer(400, b"", x_ms_error_code="Md5Mismatch", **REFERENCE)).store().put("a", DATA, md5=MD5)
    assert "sent again" not in caught.value.remedy
    assert "Run the same command again" in caught.value.remedy


def test_a_name_of_the_site_is_not_blamed_on_the_central_store(serve: Callable[..., Server]) -> None:
    source = AzureSource(serve(answer(200)).place())
    for ask in (source.stat, source.open):
        with pytest.raises(SourceVanishedError) as caught:
            ask("1000001/Images//b.dcm")
        assert "central store" not in str(caught.value)
        assert "Scan again" in caught.value.remedy
