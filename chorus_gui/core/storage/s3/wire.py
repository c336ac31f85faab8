"""The requests to one bucket: a page of a listing, an object's properties, a range of its bytes.  Nothing is ever written, and nothing repeated."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from chorus_gui import __version__
from chorus_gui.core.config.credentials import NO_AWS_KEYS, AwsKeys
from chorus_gui.core.config.hosts import BUCKET_HOSTS, admit
from chorus_gui.core.config.model import Place, PlaceKind
from chorus_gui.core.errors import BlobNotFoundError, ConditionError, StoreError, StoreUnavailableError, Why
from chorus_gui.core.redact import MASK
from chorus_gui.core.storage.bucket.answers import Access, Refusal, Request, no_answer, strange
from chorus_gui.core.storage.bucket.answers import Keys as ConfigKeys
from chorus_gui.core.storage.bucket.reach import certificates, check_encrypted, connected
from chorus_gui.core.storage.bucket.values import CHUNK_BYTES, Page, Piece, Properties, number, piece
from chorus_gui.core.storage.gcs.hmac_keys import REMEDY as GOOGLE_REMEDY
from chorus_gui.core.storage.http.channel import REFUSED, Answer, Channel, NoAnswerError, Room
from chorus_gui.core.storage.http.headers import bare_etag, clock_skew, modified_us, quoted_etag, readable, retry_after
from chorus_gui.core.storage.http.http1 import Http
from chorus_gui.core.storage.s3 import markup
from chorus_gui.core.storage.s3.address import BucketAddress, bucket_address
from chorus_gui.core.storage.s3.answers import explain
from chorus_gui.core.storage.s3.keys import REMEDY, KeySource, key_source
from chorus_gui.core.storage.s3.signature import Keys, Signing, signed, target
from chorus_gui.core.untrusted import MalformedError

LIST_BYTES = 64 * 1024 * 1024
"""The longest page: 1,000 keys of 1,024 bytes, percent-encoded, and what belongs to each, ten times."""
_SPARE_BYTES = 64 * 1024
_AGENT = f"CHoRUS-Upload/{__version__}"
_IS_MD5 = re.compile(r"[0-9a-f]{32}")
_CODE = re.compile(r"[A-Za-z0-9._/+=-]{1,200}", re.ASCII)
_LOOK_ELSEWHERE = frozenset((301, 307, 400, 403))
"""With one of these the service says that the bucket is in another region."""
_REDIRECTS = (301, 307)
"""These say nothing else."""
KEYS = ConfigKeys("aws_endpoint_url", "aws_ca_bundle", "aws_region and aws_endpoint_url")
GOOGLE_KEYS = ConfigKeys("google_endpoint_url", "google_ca_bundle", "google_endpoint_url")
_NAMED = "The configuration or the AWS settings of this computer name it."
Query = Sequence[tuple[str, str]]
T = TypeVar("T")


class Bucket:
    """The way to one bucket.  Safe for many threads.

    Raises :class:`AccessError` for a configuration that cannot work; what :func:`~chorus_gui.core.config.hosts.admit` raises for a server
    that may not get credentials.  A bucket in another region than the configured one is asked there from the first answer on.
    """

    def __init__(self, place: Place) -> None:
        given = place.credentials if isinstance(place.credentials, AwsKeys) else NO_AWS_KEYS
        self._payer = place.s3.requester_pays
        self._google = place.kind is PlaceKind.GCS
        self._keys = Keys("", "")
        """those of the last request"""
        self._source: KeySource = key_source(given, place.s3.region)
        found = self._source.settings
        endpoint = place.account.url or found.endpoint
        address = bucket_address(
            place.container, endpoint=endpoint, region=place.s3.region or found.region, style=place.s3.style or found.style
        )
        admit(place, endpoint)
        keys, who = (GOOGLE_KEYS, "The configuration names it.") if self._google else (KEYS, _NAMED)
        check_encrypted(endpoint, keys.endpoint)
        self._certificates = certificates(place.s3.certificates or found.certificates, keys.certificates, who)
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
        if self._google:
            service = "Google Cloud Storage" if host == BUCKET_HOSTS[PlaceKind.GCS] else host
            return Access(address.bucket, host, service, "Google", GOOGLE_REMEDY, GOOGLE_KEYS)
        return Access(address.bucket, host, host if address.endpoint else "Amazon S3", "S3", REMEDY, KEYS)

    @property
    def name(self) -> str:
        """See :attr:`bucket.values.Bucket.name`."""
        return self.address.bucket

    @property
    def own_server(self) -> bool:
        """See :attr:`bucket.values.Bucket.own_server`."""
        return not self.address.endpoint

    def strange(self) -> StoreUnavailableError:
        """See :meth:`bucket.values.Bucket.strange`."""
        return strange(self.access)

    def renew(self, credentials: AwsKeys) -> None:
        """Sign every request from now on with these.  Raises :class:`AccessError` for some that cannot work."""
        self._source = key_source(credentials, self.address.region)

    def list_page(self, prefix: str, token: str = "", *, after: str = "", delimiter: str = "", most: int = 0) -> Page:
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
            return self._believed(lambda: _properties(answer, number(answer.headers.get("content-length", ""))))
        try:
            self._ask(key, (), {"range": "bytes=0-0"}, request, CHUNK_BYTES)
        except BlobNotFoundError:
            return None
        except StoreError as error:
            if error.code != "InvalidRange":
                raise
        raise self._refused(answer, request)

    def read(self, key: str, offset: int, length: int, *, version: str = "", into: memoryview | None = None) -> Piece | None:
        """One GetObject of ``length`` bytes, at most :data:`CHUNK_BYTES`; None where ``offset`` is not before the object's end.

        ``into``: a buffer where the bytes can go, of at least that length.  ``version``: only this version of it, otherwise :class:`ConditionError`.
        """
        length = min(length, CHUNK_BYTES)
        headers = {"range": f"bytes={offset}-{offset + length - 1}"}
        if version:
            headers["if-match"] = quoted_etag(version)
        try:
            answer = self._ask(key, (), headers, Request("read", key), CHUNK_BYTES + _SPARE_BYTES, into)
        except StoreError as error:
            if error.code != "InvalidRange":
                raise
            return None
        found = self._believed(lambda: piece(answer, offset, length, lambda size: _properties(answer, size)))
        if version and found.whole.version != version:  # some servers do not look at conditions
            raise ConditionError(f"“{key}” was changed meanwhile.")
        return found

    def connect(self) -> Channel:
        """See :meth:`bucket.values.Gets.connect`."""
        return self._way[1].connect()

    def get_message(self, key: str, length: int) -> bytes:
        """See :meth:`bucket.values.Gets.get_message`."""
        address, http = self._way
        where, headers = self._signed(address, "GET", (key, ()), {"range": f"bytes=0-{length - 1}"})
        return http.head("GET", where, headers, 0) + b"\r\n"

    def got(self, length: int, answer: Answer) -> Piece | None:
        """See :meth:`bucket.values.Gets.got`."""
        self._check_genuine(answer)
        return piece(answer, 0, length, lambda size: _properties(answer, size))

    def moved(self, answer: Answer) -> bool:
        """See :meth:`bucket.values.Gets.moved`."""
        return answer.status in _LOOK_ELSEWHERE and (self._elsewhere(self._way, answer) is not None or answer.status in _REDIRECTS)

    def clock_skew(self) -> float | None:
        """This computer's clock minus the service's, in seconds, whatever it answers; None if it does not say."""
        return clock_skew(self._exchanged("GET", "", (("list-type", "2"), ("max-keys", "1")), {}, LIST_BYTES).headers.get("date"))

    def close(self) -> None:
        """Close what is open."""
        for http in (*self._outdated, self._way[1]):
            http.close()

    # --- one request ---------------------------------------------------------------------------------------------------

    def _ask(
        self, key: str, query: Query, headers: Mapping[str, str], request: Request, most: int, into: memoryview | None = None
    ) -> Answer:
        answer = self._exchanged("GET", key, query, headers, most, into)
        if answer.status >= REFUSED:
            raise self._refused(answer, request)
        self._check_genuine(answer)
        return answer

    def _check_genuine(self, answer: Answer) -> None:
        """Amazon gives each answer a number; other servers may not."""
        if answer.status not in (200, 206) or not (self.address.endpoint or answer.headers.get("x-amz-request-id")):
            raise strange(self.access)

    def _exchanged(
        self, method: str, key: str, query: Query, headers: Mapping[str, str], most: int, into: memoryview | None = None
    ) -> Answer:
        """The answer, refusals included; of the bucket's own region, if that was not the one that was asked first."""
        way = self._way
        answer = self._sent(way, method, (key, query), headers, Room(most, into))
        if answer.status in _LOOK_ELSEWHERE and (other := self._elsewhere(way, answer)) is not None:
            answer = self._sent(other, method, (key, query), headers, Room(most, into))
        return answer

    def _sent(
        self,
        way: tuple[BucketAddress, Http],
        method: str,
        what: tuple[str, Query],
        headers: Mapping[str, str],
        body: Room,
    ) -> Answer:
        where, whole = self._signed(way[0], method, what, headers)
        try:
            return way[1].exchange(method, where, whole, b"", most=body, repeatable=True)
        except NoAnswerError as error:
            failure, cause = no_answer(error, self.access), S3Fault(str(error))
        raise failure from cause

    def _signed(
        self, address: BucketAddress, method: str, what: tuple[str, Query], headers: Mapping[str, str]
    ) -> tuple[str, dict[str, str]]:
        where = target(address.path(what[0]), what[1])
        payer = {"x-amz-request-payer": "requester"} if self._payer else {}
        self._keys = self._source.keys()
        by = Signing(self._keys, address.region, datetime.now(UTC))
        whole = signed(method, address.server.text, where, {**headers, **payer}, by)
        # Google unpacks an object that is kept compressed, unless this is asked for: other bytes than it says that there are.
        whole["user-agent"], whole["accept-encoding"] = _AGENT, "gzip" if self._google and what[0] else "identity"
        return where, whole

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
        return connected(address.url, address.server, self._certificates, "S3")


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
