"""The wire that speaks HTTP itself: a small file costs a tenth of the processor time that it costs with the SDK."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from chorus_gui import __version__
from chorus_gui.core.errors import AccessError, BlobNotFoundError, StoreError, StoreUnavailableError, Why
from chorus_gui.core.storage.azure import markup
from chorus_gui.core.storage.azure.answers import Access, Operation, explain
from chorus_gui.core.storage.azure.authorise import FOR_SOURCE, VERSION, Authorisation, ByLogin, KeyIsNoKeyError, Request
from chorus_gui.core.storage.azure.errors import AzureFault, key_is_none, made_answer, no_answer, not_signed_in, other_tenant, strange
from chorus_gui.core.storage.azure.names import from_headers, to_headers, url_path
from chorus_gui.core.storage.azure.wire import BLOB_BYTES, CHUNK_BYTES, PAGE, Page, Piece, Properties, Written, other_bytes
from chorus_gui.core.storage.base import BlobInfo, Buffer, Condition, StagedBlock
from chorus_gui.core.storage.by_service import CannotFetchError, Lent
from chorus_gui.core.storage.digests import md5_of
from chorus_gui.core.storage.http.channel import REFUSED, Answer, Channel, NoAnswerError
from chorus_gui.core.storage.http.headers import bare_etag, modified_us, quoted_etag
from chorus_gui.core.storage.http.http1 import Http
from chorus_gui.core.untrusted import MalformedError

if TYPE_CHECKING:
    from chorus_gui.core.storage.azure.client import Connection

T = TypeVar("T")

REQUEST_ID = "x-ms-request-id"
CANNOT_READ_SOURCE = "CannotVerifyCopySource"
_READ_INSTEAD = "Upload the file again. The program then reads it."
LIST_BYTES = 128 * 1024 * 1024
"""The longest list: 5,000 blobs with names of 1,024 characters, percent-encoded, and 8 KB of metadata each."""
SPARE_BYTES = 64 * 1024
_AGENT = f"CHoRUS-Upload/{__version__}"
_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})")
_META = "x-ms-meta-"


class LeanWire:
    """The wire over :class:`~.http1.Http`.  Promises as :class:`~.wire.Wire`."""

    def __init__(self, connection: Connection, http: Http) -> None:
        self._connection = connection
        self._copy_source = connection.copy_source
        self._path = connection.path
        self._http = http

    @property
    def _access(self) -> Access:
        return self._connection.access

    @property
    def _authorisation(self) -> Authorisation:
        """Asked for each request: another one is used when the credential was renewed."""
        return self._connection.authorisation

    def put(self, name: str, data: Buffer, *, md5: bytes | None, metadata: Mapping[str, str] | None, condition: Condition) -> Written:
        """See :meth:`Wire.put`."""
        headers = _kept(md5, metadata)
        headers["x-ms-blob-type"] = "BlockBlob"
        if md5:
            headers["content-md5"] = headers["x-ms-blob-content-md5"]
        request = Request("PUT", self._at(name), (), _conditional(headers, condition), data, repeatable=not _is_conditional(condition))
        answer = self._ask(request, Operation("write", name, "w"))
        return self._believed(lambda: _written(answer.headers, ("content-md5",)))

    def fetch(self, name: str, lent: Lent) -> Written:
        """One Put Blob From URL: the service reads one version of another blob, and compares its bytes with the MD5.

        Raises :class:`CannotFetchError` for whatever is not a fault of this container.
        """
        md5 = b64encode(lent.md5).decode()
        headers = _kept(lent.md5, None)
        headers |= {
            "x-ms-blob-type": "BlockBlob",
            "x-ms-copy-source": lent.address,
            "x-ms-copy-source-blob-properties": "false",
            "x-ms-source-content-md5": md5,
            "x-ms-source-if-match": quoted_etag(lent.stat.version),
        }
        if lent.signs_in:
            if not isinstance(self._authorisation, ByLogin):
                raise CannotFetchError(f"Nobody signs in to read “{name}”.", remedy=_READ_INSTEAD)
            headers[FOR_SOURCE] = ""  # it is signed with the token of the request
        try:
            answer = self._ask(Request("PUT", self._at(name), (), headers), Operation("copy", name, "w"))
        except StoreError as error:
            answered = error.why is Why.BUSY  # the emulator has an internal error: the program can still send the file
            if isinstance(error, StoreUnavailableError) and not answered:
                raise
            if isinstance(error, AccessError) and error.code != CANNOT_READ_SOURCE:
                raise
            raise CannotFetchError(error.what, meaning=error.meaning, remedy=error.remedy, code=error.code) from None
        if answer.headers.get("content-md5", "") != md5:
            raise CannotFetchError(f"The central store did not confirm the MD5 of “{name}” when it copied it.", remedy=_READ_INSTEAD)
        return self._believed(lambda: _written(answer.headers, ("content-md5",)))

    def connect(self) -> Channel:
        """See :meth:`Puts.connect`."""
        return self._http.connect()

    def put_message(self, name: str, data: bytes, md5: bytes) -> bytes:
        """See :meth:`Puts.put_message`: as :meth:`put` sends it."""
        whole = b64encode(md5).decode()
        headers = {
            "x-ms-blob-content-type": "application/octet-stream",
            "x-ms-blob-content-md5": whole,
            "x-ms-blob-type": "BlockBlob",
            "content-md5": whole,
            "x-ms-version": VERSION,
            "user-agent": _AGENT,
            "accept-encoding": "identity",
        }
        request = Request("PUT", self._at(name), (), headers, data)
        target = self._authorisation.sign(request)
        return b"".join((self._http.head("PUT", target, headers, len(data)), b"\r\n", data))

    def get_message(self, name: str, length: int) -> bytes:
        """The whole request for the first ``length`` bytes of a blob, signed: as :meth:`read` sends it."""
        headers = {
            "x-ms-range": f"bytes=0-{length - 1}",
            "x-ms-version": VERSION,
            "user-agent": _AGENT,
            "accept-encoding": "identity",
        }
        target = self._authorisation.sign(Request("GET", self._at(name), (), headers))
        return self._http.head("GET", target, headers, 0) + b"\r\n"

    def got(self, name: str, length: int, answer: Answer) -> Piece | None:
        """What its answer has, None if it did not come from the service.  Raises :class:`MalformedError`."""
        return _piece(answer, name, 0, length) if answer.headers.get(REQUEST_ID) else None

    def confirmed(self, answer: Answer) -> Written | None:
        """See :meth:`Puts.confirmed`."""
        if not answer.headers.get(REQUEST_ID):
            return None
        try:
            return _written(answer.headers, ("content-md5",))
        except MalformedError:
            return None

    def stage_block(self, name: str, block_id: str, data: Buffer, *, md5: bytes | None) -> None:
        """See :meth:`Wire.stage_block`."""
        headers = {"content-md5": b64encode(md5).decode()} if md5 else {}
        query = (("comp", "block"), ("blockid", b64encode(block_id.encode()).decode()))
        answer = self._ask(Request("PUT", self._at(name), query, headers, data), Operation("write", name, "w"))
        arrived = self._believed(lambda: markup.md5_hex(answer.headers.get("content-md5", "")))
        if md5 and arrived and arrived != md5.hex():  # the emulator does not say
            raise other_bytes(name)

    def commit_blocks(
        self, name: str, block_ids: Sequence[str], *, md5: bytes | None, metadata: Mapping[str, str] | None, condition: Condition
    ) -> Written:
        """See :meth:`Wire.commit_blocks`."""
        blocks = "".join([f"<Uncommitted>{b64encode(block_id.encode()).decode()}</Uncommitted>" for block_id in block_ids])
        body = f'<?xml version="1.0" encoding="utf-8"?><BlockList>{blocks}</BlockList>'.encode()
        whole = md5_of(body)
        headers = _conditional(_kept(md5, metadata), condition)
        headers["content-md5"] = b64encode(whole.digest()).decode()
        headers["content-type"] = "application/xml"
        request = Request("PUT", self._at(name), (("comp", "blocklist"),), headers, body, repeatable=False)
        answer = self._ask(request, Operation("write", name, "w"))
        done = self._believed(lambda: _written(answer.headers, ("content-md5", "x-ms-content-crc64")))
        if done.md5 not in (None, whole.hexdigest()):
            raise other_bytes(name)
        return Written(done.etag, done.modified_us)

    def list_staged(self, name: str) -> list[StagedBlock]:
        """See :meth:`Wire.list_staged`."""
        query = (("comp", "blocklist"), ("blocklisttype", "uncommitted"))
        try:
            answer = self._ask(Request("GET", self._at(name), query, most=LIST_BYTES), Operation("read", name, "r"))
        except BlobNotFoundError:
            return []
        return self._believed(lambda: markup.staged(answer.body))

    def head(self, name: str) -> Properties | None:
        """See :meth:`Wire.head`."""
        try:
            answer = self._ask(Request("HEAD", self._at(name)), Operation("read", name, "r"))
        except BlobNotFoundError:
            return None
        return self._believed(lambda: _properties(answer.headers, name))

    def list_page(self, prefix: str, marker: str, *, delimiter: str = "") -> Page:
        """See :meth:`Wire.list_page`."""
        query = [("restype", "container"), ("comp", "list"), ("maxresults", str(PAGE))]
        query += [("include", "metadata"), *([("delimiter", delimiter)] if delimiter else [])]
        # An empty prefix is left out: the emulator and some proxies stumble over "prefix=".
        query += [(key, value) for key, value in (("prefix", prefix), ("marker", marker)) if value]
        answer = self._ask(Request("GET", self._path, tuple(query), most=LIST_BYTES), Operation("list", prefix, "l"))
        return self._believed(lambda: markup.listing(answer.body))

    def read(self, name: str, offset: int, length: int, *, etag: str | None) -> Piece | None:
        """See :meth:`Wire.read`."""
        operation = Operation("read", name, "r")
        length = min(length, CHUNK_BYTES)
        headers = _conditional({"x-ms-range": f"bytes={offset}-{offset + length - 1}"}, Condition(etag=etag))
        request = Request("GET", self._at(name), (), headers, most=CHUNK_BYTES + SPARE_BYTES)
        try:
            answer = self._ask(request, operation)
        except StoreError as error:
            if error.code != "InvalidRange":
                raise
            if offset:  # the offset is at the blob's end, or beyond it
                return None
            request = Request("GET", self._at(name), (), _conditional({}, Condition(etag=etag)), most=CHUNK_BYTES + SPARE_BYTES)
            answer, length = self._ask(request, operation), CHUNK_BYTES  # an empty blob has no ranges
        return self._believed(lambda: _piece(answer, name, offset, length))

    def start_copy(self, source: str, target: str, *, condition: Condition) -> str:
        """See :meth:`Wire.start_copy`."""
        headers = _conditional({"x-ms-copy-source": self._copy_source(source)}, condition)
        request = Request("PUT", self._at(target), (), headers, repeatable=False)
        copy_id = self._ask(request, Operation("copy", source, "w")).headers.get("x-ms-copy-id", "")
        if not copy_id:
            raise strange(self._access)
        return copy_id

    def _at(self, name: str) -> str:
        return f"{self._path}/{url_path(name)}"

    def _ask(self, request: Request, operation: Operation) -> Answer:
        """The service's answer.  Raises the error of core for a refusal, and for what the service did not say."""
        headers = request.headers
        headers["x-ms-version"] = VERSION
        headers["user-agent"] = _AGENT
        headers["accept-encoding"] = "identity"
        answer = self._let_in(request)
        if answer.status >= REFUSED:
            raise self._refused(answer, operation)
        if not answer.headers.get(REQUEST_ID) or (request.method == "GET" and self._is_packed(request, answer)):
            raise strange(self._access)
        return answer

    def _let_in(self, request: Request) -> Answer:
        """The answer; of a request that is sent once more, with another token, if the first was refused."""
        answer, error = self._exchange(request)
        if error is None and self._is_refused(answer) and (error := self._renewed(request, answer)) is None:
            answer, error = self._exchange(request)
            if error is None and self._is_refused(answer) and (tenant := self._authorisation.other_tenant(answer.headers)):
                error = other_tenant(tenant, self._access), AzureFault("401")
        return _or_raise(answer, error)

    def _is_refused(self, answer: Answer) -> bool:
        code = answer.headers.get("x-ms-error-code", "")  # a source that lets nobody in says nothing about this request
        return code != CANNOT_READ_SOURCE and self._authorisation.is_refused(answer.status, answer.headers)

    def _exchange(self, request: Request) -> tuple[Answer, tuple[StoreError, AzureFault] | None]:
        """What was raised is let go here, with its traceback and what the service has to sign: no error has it as its context."""
        try:
            target = self._authorisation.sign(request)
        except KeyIsNoKeyError:
            return _NONE, (key_is_none(), AzureFault("The account's key is not base64."))
        except Exception as error:  # noqa: BLE001 - the ways to sign in raise what they like
            return _NONE, not_signed_in(error, self._access)
        try:
            answer = self._http.exchange(
                request.method, target, request.headers, request.body, most=request.most, repeatable=request.repeatable
            )
        except NoAnswerError as error:
            return _NONE, (no_answer(error, self._access), AzureFault(str(error)))
        return answer, None

    def _renewed(self, request: Request, answer: Answer) -> tuple[StoreError, AzureFault] | None:
        """None if the request can be sent once more; why not, otherwise."""
        try:
            if self._authorisation.again(request, answer.headers):
                return None
        except Exception as error:  # noqa: BLE001 - the ways to sign in raise what they like
            return not_signed_in(error, self._access)
        tenant = self._authorisation.other_tenant(answer.headers)
        fault = AzureFault("401")
        return (other_tenant(tenant, self._access) if tenant else self._refused(answer, Operation("read", "", "r"))), fault

    def _refused(self, answer: Answer, operation: Operation) -> StoreError:
        headers = answer.headers
        packed = headers.get("content-encoding", "identity").lower() != "identity"
        fields = markup.refusal(answer.body) if answer.body and not packed else {}
        if packed and answer.body and not fields:
            return strange(self._access)
        detail = fields.get("AuthenticationErrorDetail") or headers.get("x-ms-copy-source-error-code") or ""
        code = headers.get("x-ms-error-code") or fields.get("Code") or ""
        return explain(made_answer(answer.status, headers, code, fields.get("Message", ""), detail), self._access, operation)

    def _is_packed(self, request: Request, answer: Answer) -> bool:
        """A list that is packed, although that was not asked for.  A blob keeps this header as its writer gave it."""
        return bool(request.query) and answer.headers.get("content-encoding", "identity").lower() != "identity"

    def _believed(self, parse: Callable[[], T]) -> T:
        try:
            return parse()
        except MalformedError as error:
            cause = AzureFault(f"{type(error).__name__}: {error}")
        raise strange(self._access) from cause


_NONE = Answer(0, {})


def _or_raise(answer: Answer, error: tuple[StoreError, AzureFault] | None) -> Answer:
    if error is not None:
        raise error[0] from error[1]
    return answer


def _kept(md5: bytes | None, metadata: Mapping[str, str] | None) -> dict[str, str]:
    """Headers for what the service keeps with a blob."""
    headers = {"x-ms-blob-content-type": "application/octet-stream"}
    if md5:
        headers["x-ms-blob-content-md5"] = b64encode(md5).decode()
    if metadata:
        headers |= {f"{_META}{name.lower()}": value for name, value in to_headers(metadata).items()}
    return headers


def _is_conditional(condition: Condition) -> bool:
    return condition.absent or condition.etag is not None


def _conditional(headers: dict[str, str], condition: Condition) -> dict[str, str]:
    if condition.absent:
        headers["if-none-match"] = "*"
    elif condition.etag is not None:
        headers["if-match"] = quoted_etag(condition.etag)
    return headers


def _written(headers: Mapping[str, str], sums: Sequence[str]) -> Written:
    """What the service says after a write; it always gives the blob's ETag, and one of the checksums ``sums`` of what arrived."""
    etag = bare_etag(headers.get("etag"))
    if not etag or not any(headers.get(name) for name in sums):
        raise MalformedError("a write without an ETag or a checksum")
    return Written(etag, modified_us(headers.get("last-modified", "")), markup.md5_hex(headers.get("content-md5", "")))


def _properties(headers: Mapping[str, str], name: str) -> Properties:
    etag = bare_etag(headers.get("etag"))
    if not etag:
        raise MalformedError("a blob without an ETag")
    size = markup.number(headers.get("content-length", ""), BLOB_BYTES)
    copy = [headers.get(f"x-ms-copy-{part}", "") for part in ("id", "status", "status-description")]
    return Properties(_info(headers, (name, size, etag), "content-md5"), *copy)


def _info(headers: Mapping[str, str], blob: tuple[str, int, str], md5: str) -> BlobInfo:
    """``blob``: its name, its size, its ETag; ``md5``: the header with that of the whole blob."""
    name, size, etag = blob
    metadata = from_headers({key[len(_META) :]: value for key, value in headers.items() if key.startswith(_META)})
    return BlobInfo(name, size, markup.md5_hex(headers.get(md5, "")), etag, modified_us(headers.get("last-modified", "")), metadata)


def _piece(answer: Answer, name: str, offset: int, length: int) -> Piece:
    etag, data = bare_etag(answer.headers.get("etag")), answer.body
    if not etag:
        raise MalformedError("a blob without an ETag")
    if answer.status != 206:  # a blob in one piece
        if offset or len(data) > length:
            raise MalformedError("another range than was asked for")
        return Piece(data, len(data), etag, _info(answer.headers, (name, len(data), etag), "content-md5"))
    found = _RANGE.fullmatch(answer.headers.get("content-range", ""))
    first, last, size = map(int, found.groups()) if found else (0, -1, -1)
    fits = found is not None and first == offset and last - first + 1 == len(data) <= length and last < size <= BLOB_BYTES
    if not fits or (not data and offset < size):  # at the blob's end, the emulator gives a range of nothing
        raise MalformedError("another range than was asked for")
    return Piece(data, size, etag, _info(answer.headers, (name, size, etag), "x-ms-blob-content-md5"))
