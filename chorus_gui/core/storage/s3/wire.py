"""The requests to one bucket: a page of a listing, an object's properties, a range of its bytes.  Nothing is ever written, and nothing repeated."""

from __future__ import annotations

import os
import re
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple, TypeVar

import certifi

from chorus_gui import __version__
from chorus_gui.core.config.credentials import NO_AWS_KEYS, AwsKeys
from chorus_gui.core.config.hosts import Host, admit
from chorus_gui.core.config.model import Place
from chorus_gui.core.errors import AccessError, BlobNotFoundError, ConditionError, StoreError, Why
from chorus_gui.core.redact import MASK
from chorus_gui.core.storage.http.channel import REFUSED, Answer, NoAnswerError
from chorus_gui.core.storage.http.headers import bare_etag, clock_skew, modified_us, quoted_etag, readable, retry_after
from chorus_gui.core.storage.http.http1 import Http
from chorus_gui.core.storage.http.proxies import proxy_for
from chorus_gui.core.storage.http.trust import environment_certificates
from chorus_gui.core.storage.s3 import markup
from chorus_gui.core.storage.s3.address import BucketAddress, bucket_address
from chorus_gui.core.storage.s3.answers import Access, Refusal, Request, explain, no_answer, strange
from chorus_gui.core.storage.s3.keys import REMEDY, KeySource, key_source
from chorus_gui.core.storage.s3.signature import Keys, Signing, signed, target
from chorus_gui.core.untrusted import MalformedError

CHUNK_BYTES = 4 * 1024 * 1024
"""The largest range that is read at once."""
LIST_BYTES = 64 * 1024 * 1024
"""The longest page: 1,000 keys of 1,024 bytes, percent-encoded, and what belongs to each, ten times."""
_SPARE_BYTES = 64 * 1024
_AGENT = f"CHoRUS-Upload/{__version__}"
_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})")
_IS_MD5 = re.compile(r"[0-9a-f]{32}")
_CODE = re.compile(r"[A-Za-z0-9._/+=-]{1,200}", re.ASCII)
_LOOK_ELSEWHERE = frozenset((301, 307, 400, 403))
"""With one of these the service says that the bucket is in another region."""
Query = Sequence[tuple[str, str]]
T = TypeVar("T")


class Properties(NamedTuple):
    """An object.  ``md5``: the service computed it, as 32 lower-case hex digits; "" where only reading the object can tell.

    ``archived``: it must be restored before it can be read.
    """

    size: int
    modified_us: int
    etag: str
    md5: str = ""
    archived: bool = False


@dataclass(frozen=True, slots=True)
class Piece:
    """A range of an object, and the whole object's properties."""

    data: bytes
    whole: Properties


class Bucket:
    """The way to one bucket.  Safe for many threads.

    Raises :class:`AccessError` for a configuration that cannot work; what :func:`~chorus_gui.core.config.hosts.admit` raises for a server
    that may not get credentials.  A bucket in another region than the configured one is asked there from the first answer on.
    """

    def __init__(self, place: Place) -> None:
        given = place.credentials if isinstance(place.credentials, AwsKeys) else NO_AWS_KEYS
        self._payer = place.s3.requester_pays
        self._keys = Keys("", "")
        """those of the last request"""
        self._source: KeySource = key_source(given, place.s3.region)
        found = self._source.settings
        endpoint = place.account.url or found.endpoint
        address = bucket_address(
            place.container, endpoint=endpoint, region=place.s3.region or found.region, style=place.s3.style or found.style
        )
        admit(place, endpoint)
        _check_encrypted(endpoint)
        self._certificates = _certificates(place.s3.certificates or found.certificates)
        self._lock = threading.Lock()
        self._outdated: list[Http] = []
        """others may be in the middle of a request with one"""
        self._way = address, self._connected(address)

    def __repr__(self) -> str:
        return f"Bucket({self._way[0].bucket!r})"

    @property
    def address(self) -> BucketAddress:
        """Where it was asked last."""
        return self._way[0]

    @property
    def access(self) -> Access:
        """How it is reached, for sentences."""
        address = self.address
        host = address.server.host
        return Access(address.bucket, host, host if address.endpoint else "Amazon S3", REMEDY)

    def renew(self, credentials: AwsKeys) -> None:
        """Sign every request from now on with these.  Raises :class:`AccessError` for some that cannot work."""
        self._source = key_source(credentials, self.address.region)

    def list_page(self, prefix: str, token: str = "", *, after: str = "", delimiter: str = "", most: int = 0) -> markup.Page:
        """One ListObjectsV2 of keys that begin with ``prefix``; ``token`` of the page before, or ``after`` a key.  ``most`` 0: as many as there can be.

        Raises :class:`StoreError` for a refusal, and for what cannot be the answer to this request.
        """
        query = [("list-type", "2"), ("encoding-type", "url"), ("max-keys", str(most or markup.PAGE))]
        given = (("prefix", prefix), ("continuation-token", token), ("start-after", "" if token else after), ("delimiter", delimiter))
        query += [(name, value) for name, value in given if value]
        answer = self._ask("", query, {"x-amz-optional-object-attributes": "RestoreStatus"}, Request("list", prefix), LIST_BYTES)
        page = self._believed(lambda: markup.listing(answer.body))
        if not all(one.key.startswith(prefix) for one in page.objects) or not all(name.startswith(prefix) for name in page.folders):
            raise strange(self.access)
        return page

    def head(self, key: str) -> Properties | None:
        """One HeadObject; None if there is no such object.  A refusal takes a second request, because only its answer says why."""
        request = Request("read", key)
        answer = self._exchanged("HEAD", key, (), {}, _SPARE_BYTES)
        if answer.status < REFUSED:
            self._check_genuine(answer)
            return self._believed(lambda: _properties(answer, markup.number(answer.headers.get("content-length", ""))))
        try:
            self._ask(key, (), {"range": "bytes=0-0"}, request, CHUNK_BYTES)
        except BlobNotFoundError:
            return None
        except StoreError as error:
            if error.code != "InvalidRange":
                raise
        raise self._refused(answer, request)

    def read(self, key: str, offset: int, length: int, *, etag: str = "") -> Piece | None:
        """One GetObject of ``length`` bytes, at most :data:`CHUNK_BYTES`; None where ``offset`` is not before the object's end.

        ``etag``: only this version of it, otherwise :class:`ConditionError`.
        """
        length = min(length, CHUNK_BYTES)
        headers = {"range": f"bytes={offset}-{offset + length - 1}"}
        if etag:
            headers["if-match"] = quoted_etag(etag)
        try:
            answer = self._ask(key, (), headers, Request("read", key), CHUNK_BYTES + _SPARE_BYTES)
        except StoreError as error:
            if error.code != "InvalidRange":
                raise
            return None
        piece = self._believed(lambda: _piece(answer, offset, length))
        if etag and piece.whole.etag != etag:  # some servers do not look at conditions
            raise ConditionError(f"“{key}” was changed meanwhile.")
        return piece

    def clock_skew(self) -> float | None:
        """This computer's clock minus the service's, in seconds, whatever it answers; None if it does not say."""
        return clock_skew(self._exchanged("GET", "", (("list-type", "2"), ("max-keys", "1")), {}, LIST_BYTES).headers.get("date"))

    def close(self) -> None:
        """Close what is open."""
        for http in (*self._outdated, self._way[1]):
            http.close()

    # --- one request ---------------------------------------------------------------------------------------------------

    def _ask(self, key: str, query: Query, headers: Mapping[str, str], request: Request, most: int) -> Answer:
        answer = self._exchanged("GET", key, query, headers, most)
        if answer.status >= REFUSED:
            raise self._refused(answer, request)
        self._check_genuine(answer)
        return answer

    def _check_genuine(self, answer: Answer) -> None:
        """Amazon gives each answer a number; other servers may not."""
        if answer.status not in (200, 206) or not (self.address.endpoint or answer.headers.get("x-amz-request-id")):
            raise strange(self.access)

    def _exchanged(self, method: str, key: str, query: Query, headers: Mapping[str, str], most: int) -> Answer:
        """The answer, refusals included; of the bucket's own region, if that was not the one that was asked first."""
        way = self._way
        answer = self._sent(way, method, (key, query), headers, most)
        if answer.status in _LOOK_ELSEWHERE and (other := self._elsewhere(way, answer)) is not None:
            answer = self._sent(other, method, (key, query), headers, most)
        return answer

    def _sent(self, way: tuple[BucketAddress, Http], method: str, what: tuple[str, Query], headers: Mapping[str, str], most: int) -> Answer:
        address, http = way
        where = target(address.path(what[0]), what[1])
        payer = {"x-amz-request-payer": "requester"} if self._payer else {}
        self._keys = self._source.keys()
        by = Signing(self._keys, address.region, datetime.now(UTC))
        whole = signed(method, address.server.text, where, {**headers, **payer}, by)
        whole["user-agent"], whole["accept-encoding"] = _AGENT, "identity"
        try:
            return http.exchange(method, where, whole, b"", most=most, repeatable=True)
        except NoAnswerError as error:
            failure, cause = no_answer(error, self.access), S3Fault(str(error))
        raise failure from cause

    def _elsewhere(self, way: tuple[BucketAddress, Http], answer: Answer) -> tuple[BucketAddress, Http] | None:
        """The way to the region that an answer names; None if it does not, or names the one that was asked."""
        region = answer.headers.get("x-amz-bucket-region") or markup.refusal(answer.body).get("Region", "")
        address = way[0].moved(region)
        if address == way[0]:
            return None
        with self._lock:
            if self._way[0] != address:
                self._outdated.append(self._way[1])
                self._way = address, self._connected(address)
            return self._way

    def _refused(self, answer: Answer, request: Request) -> StoreError:
        headers, fields = answer.headers, markup.refusal(answer.body) if answer.body else {}
        request_id = headers.get("x-amz-request-id", "") or fields.get("RequestId", "")
        refusal = Refusal(
            answer.status,
            fields.get("Code", "") if _CODE.fullmatch(fields.get("Code", "")) else "",
            readable(_without(self._keys, fields.get("Message", ""))),
            request_id if _CODE.fullmatch(request_id) else "",
            retry_after(headers),
            clock_skew(headers.get("date")),
            genuine=bool(fields or request_id),
        )
        error = explain(refusal, self.access, request)
        if error.why is Why.CREDENTIAL:
            self._source.forget()
        return error

    def _believed(self, read: Callable[[], T]) -> T:
        """What an answer says, if it can be an answer of the service."""
        try:
            return read()
        except MalformedError as error:
            cause = S3Fault(str(error))
        raise strange(self.access) from cause

    def _connected(self, address: BucketAddress) -> Http:
        proxy = proxy_for(f"{address.url.partition('://')[0]}://{address.server.text}")
        if proxy is not None and not proxy.plain:
            raise AccessError(
                "The proxy of this network is reached with TLS, which CHoRUS Upload cannot use for S3.",
                remedy="Ask your IT department for a proxy whose address begins with “http://”.",
            )
        return Http(address.server, proxy, self._certificates)


class S3Fault(Exception):  # noqa: N818  it is a cause, never raised by itself
    """A technical cause as text, without addresses and secrets."""


def _without(keys: Keys, text: str) -> str:
    """Some servers repeat what they were sent, where nothing shows that it is a secret."""
    for secret in (keys.secret, keys.token):
        text = text.replace(secret, MASK) if secret else text
    return text


def _properties(answer: Answer, size: int) -> Properties:
    headers = answer.headers
    etag, modified = bare_etag(headers.get("etag")), modified_us(headers.get("last-modified", ""))
    if not etag or not modified:
        raise MalformedError("an object without an ETag or a time")
    plain = headers.get("x-amz-server-side-encryption", "AES256") == "AES256"
    own_key = "x-amz-server-side-encryption-customer-algorithm" in headers
    restored = 'ongoing-request="false"' in headers.get("x-amz-restore", "")
    cold = headers.get("x-amz-storage-class", "") in markup.ARCHIVED or "x-amz-archive-status" in headers
    archived = cold and not restored
    return Properties(size, modified, etag, etag if plain and not own_key and _IS_MD5.fullmatch(etag) else "", archived)


def _piece(answer: Answer, offset: int, length: int) -> Piece:
    data = answer.body
    if answer.status != 206 and "content-range" not in answer.headers:  # an object in one piece
        if answer.headers.keys().isdisjoint(("content-length", "transfer-encoding")):
            raise MalformedError("an object without a length: nothing shows if it is complete")
        if offset or len(data) > length:
            raise MalformedError("another range than was asked for")
        return Piece(data, _properties(answer, len(data)))
    found = _RANGE.fullmatch(answer.headers.get("content-range", ""))
    first, last, size = map(int, found.groups()) if found else (0, -1, -1)
    if found is None or first != offset or not 0 < last - first + 1 == len(data) <= length or not last < size <= markup.OBJECT_BYTES:
        raise MalformedError("another range than was asked for")
    if last != min(offset + length, size) - 1:
        raise MalformedError("a shorter range than was asked for")
    return Piece(data, _properties(answer, size))


def _certificates(named: str) -> str:
    """A file with authorities that are trusted in addition to the system's."""
    if named and not os.access(named, os.R_OK):
        raise AccessError(
            f"The file of certificates “{named}” does not exist or cannot be read.",
            meaning="The configuration or the AWS settings of this computer name it. Nothing was sent.",
            remedy="Correct aws_ca_bundle.",
        )
    if named and not _has_authorities(named):
        raise AccessError(
            f"“{named}” is not a file of certificates.",
            meaning="The configuration or the AWS settings of this computer name it. Nothing was sent.",
            remedy="Ask your IT department for the certificate authority as a PEM file, and name that file in aws_ca_bundle.",
        )
    return named or environment_certificates() or certifi.where()


def _has_authorities(file: str) -> bool:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=file)
    except (OSError, ValueError):
        return False
    return True


def _check_encrypted(endpoint: str) -> None:
    """A secret is never sent, but patient data would be readable on the way."""
    host = Host.of_url(endpoint)
    if endpoint.startswith("http://") and not (host and (host.is_loopback or host.name == "localhost")):
        raise AccessError(
            "The endpoint URL is not encrypted (http://); patient data would be readable on the way.",
            remedy="Write aws_endpoint_url with “https://”.",
        )
