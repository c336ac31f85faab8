"""The requests to one bucket: a page of a listing, an object's properties, a range of its bytes.  Nothing is ever written, and nothing repeated."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar
from urllib.parse import quote

from chorus_gui import __version__
from chorus_gui.core.config.addresses import address_parts
from chorus_gui.core.config.credentials import NO_GOOGLE_KEYS, GoogleKeys
from chorus_gui.core.config.hosts import BUCKET_HOSTS, Host, admit
from chorus_gui.core.config.model import Place, PlaceKind
from chorus_gui.core.errors import AccessError, BlobNotFoundError, ConditionError, StoreError, StoreUnavailableError
from chorus_gui.core.redact import MASK
from chorus_gui.core.storage.bucket.answers import Access, Keys, Refusal, Request, no_answer, strange
from chorus_gui.core.storage.bucket.reach import certificates, check_encrypted, connected
from chorus_gui.core.storage.bucket.values import CHUNK_BYTES, Page, Piece, Properties, piece
from chorus_gui.core.storage.gcs import markup
from chorus_gui.core.storage.gcs.answers import explain
from chorus_gui.core.storage.gcs.tokens import REMEDY, GoogleTokens, TokenSource
from chorus_gui.core.storage.http.channel import REFUSED, Address, Answer, Channel, NoAnswerError, Room
from chorus_gui.core.storage.http.headers import clock_skew, modified_us, readable, retry_after
from chorus_gui.core.storage.http.http1 import Http
from chorus_gui.core.untrusted import MalformedError

SERVER = f"https://{BUCKET_HOSTS[PlaceKind.GCS]}"
KEYS = Keys("google_endpoint_url", "google_ca_bundle", "google_endpoint_url")
LIST_BYTES = 64 * 1024 * 1024
"""The longest page: 1,000 names of 1,024 bytes, escaped, and what belongs to each, ten times."""
_SPARE_BYTES = 64 * 1024
_AGENT = f"CHoRUS-Upload/{__version__}"
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
_REFERENCE = re.compile(r"[A-Za-z0-9._/+=-]{1,300}", re.ASCII)
_REMEMBERED = 256
_SAFE = "~"
_MEDIA = (("alt", "media"),)
Query = Sequence[tuple[str, str]]
T = TypeVar("T")


class Bucket:
    """The way to one bucket.  Safe for many threads.

    Raises :class:`AccessError` for a configuration that cannot work; what :func:`~chorus_gui.core.config.hosts.admit` raises for a server
    that may not get credentials.
    """

    def __init__(self, place: Place) -> None:
        self._url = place.account.url or SERVER
        self._name, self._project, self._own = place.container, place.gcs.user_project, not place.account.url
        if not _BUCKET.fullmatch(place.container):
            raise AccessError(
                f"“{place.container}” is not a valid bucket name.",
                meaning="A bucket name has 3 to 63 lower-case letters, digits, hyphens, underscores and dots.",
                remedy="Correct the path in the configuration. Write it as “gs://bucket/folder”.",
            )
        admit(place)
        check_encrypted(place.account.url, KEYS.endpoint)
        self._certificates = certificates(
            place.gcs.certificates, KEYS.certificates, "The configuration or the environment variable GOOGLE_CA_BUNDLE names it."
        )
        address = _address(self._url)
        self.access = Access(self._name, address.host, "Google Cloud Storage" if self._own else address.host, "Google", REMEDY, KEYS)
        self._http: Http = connected(self._url, address, self._certificates, "Google Cloud Storage")
        self._base = f"/{address_parts(self._url)[1]}".rstrip("/") + f"/storage/v1/b/{quote(self._name, safe='')}/o"
        self._tokens = self._source(place.credentials)
        self._sent_token = ""
        """the last one: some servers repeat what they were sent"""
        self._lock = threading.Lock()
        self._written: OrderedDict[tuple[str, str], int] = OrderedDict()
        """when the generations were written that were read last, in microseconds"""

    def __repr__(self) -> str:
        return f"Bucket({self._name!r})"

    @property
    def name(self) -> str:
        """See :attr:`bucket.values.Bucket.name`."""
        return self._name

    @property
    def own_server(self) -> bool:
        """See :attr:`bucket.values.Bucket.own_server`."""
        return self._own

    def strange(self) -> StoreUnavailableError:
        """See :meth:`bucket.values.Bucket.strange`."""
        return strange(self.access)

    def renew(self, credentials: GoogleKeys) -> None:
        """Send tokens of these from now on."""
        self._tokens = self._source(credentials)

    def _source(self, credentials: object) -> TokenSource:
        return GoogleTokens(credentials if isinstance(credentials, GoogleKeys) else NO_GOOGLE_KEYS, self._certificates, self.access)

    def list_page(self, prefix: str, token: str = "", *, after: str = "", delimiter: str = "", most: int = 0) -> Page:
        """See :meth:`bucket.values.Bucket.list_page`.  One objects.list of the live objects.  ``most`` 0: as many as there can be."""
        query = [
            ("prefix", prefix),
            ("pageToken", token),
            ("startOffset", after),
            ("delimiter", delimiter),
            ("maxResults", str(most or markup.PAGE)),
            ("fields", f"kind,nextPageToken,prefixes,items({markup.OBJECT_FIELDS})"),
        ]
        answer = self._ask("", query, {"accept-encoding": "identity"}, Request("list", prefix), LIST_BYTES)
        page = self._believed(lambda: markup.listing(answer.body))
        if not all(one.key.startswith(prefix) for one in page.objects) or not all(name.startswith(prefix) for name in page.folders):
            raise self.strange()
        if after and page.objects and page.objects[0].key == after:  # the service begins with it
            return Page(page.objects[1:], page.folders, page.token)
        return page

    def head(self, key: str) -> Properties | None:
        """See :meth:`bucket.values.Bucket.head`.  One objects.get."""
        try:
            return self._properties(key)
        except BlobNotFoundError:
            return None

    def read(self, key: str, offset: int, length: int, *, version: str = "", into: memoryview | None = None) -> Piece | None:
        """See :meth:`bucket.values.Bucket.read`.  One request, and another one if the object's properties were changed after it was written."""
        length, request = min(length, CHUNK_BYTES), Request("read", key)
        query = (*_MEDIA, ("ifGenerationMatch", version))
        answer = self._exchanged(key, query, _range(offset, length), CHUNK_BYTES + _SPARE_BYTES, into)
        if answer.status == 416:
            return None
        if answer.status >= REFUSED:
            raise self._unread(answer, request, version)
        found = self._believed(lambda: piece(answer, offset, length, lambda size: self._read_properties(answer, size)))
        if version and found.whole.version != version:  # some servers do not look at conditions
            raise ConditionError(f"“{key}” was changed meanwhile.")
        return replace(found, whole=found.whole._replace(modified_us=self._when(key, answer, found.whole.version)))

    def connect(self) -> Channel:
        """See :meth:`bucket.values.Gets.connect`."""
        return self._http.connect()

    def get_message(self, key: str, length: int) -> bytes:
        """See :meth:`bucket.values.Gets.get_message`."""
        headers = self._signed(_range(0, length), self._tokens.token())
        return self._http.head("GET", self._target(key, _MEDIA), headers, 0) + b"\r\n"

    def got(self, length: int, answer: Answer) -> Piece | None:
        """See :meth:`bucket.values.Gets.got`: None if only another request says when the object was written."""
        found = piece(answer, 0, length, lambda size: self._read_properties(answer, size))
        when = self._written_first(answer)
        return replace(found, whole=found.whole._replace(modified_us=when)) if when else None

    def moved(self, answer: Answer) -> bool:
        """See :meth:`bucket.values.Gets.moved`: Google has one address for all regions."""
        del answer
        return False

    def location(self, prefix: str = "") -> str:
        """Where the bucket is, as Google writes it ("EUROPE-WEST1"); "" if it does not say.  One getStorageLayout, for which the right to list is enough."""
        where = f"{self._base.removesuffix('/o')}/storageLayout"
        try:
            answer = self._exchanged("", (("prefix", prefix),), {"accept-encoding": "identity"}, LIST_BYTES, at=where)
            return markup.location(answer.body) if answer.status < REFUSED else ""
        except (StoreError, MalformedError):
            return ""

    def clock_skew(self) -> float | None:
        """This computer's clock minus the service's, in seconds, whatever it answers; None if it does not say."""
        return clock_skew(self._exchanged("", (("maxResults", "1"),), {}, LIST_BYTES).headers.get("date"))

    def close(self) -> None:
        """See :meth:`bucket.values.Bucket.close`."""
        self._http.close()

    # --- one object ----------------------------------------------------------------------------------------------------

    def _properties(self, key: str, version: str = "") -> Properties:
        """``version``: of this one only.  Raises :class:`BlobNotFoundError`."""
        query = (("generation", version), ("fields", f"kind,{markup.OBJECT_FIELDS}"))
        answer = self._ask(key, query, {"accept-encoding": "identity"}, Request("read", key), LIST_BYTES)
        return self._believed(lambda: markup.properties(answer.body))

    def _read_properties(self, answer: Answer, size: int) -> Properties:
        headers = answer.headers
        stored = headers.get("x-goog-stored-content-encoding", "identity")
        if headers.get("content-encoding", stored) != stored or headers.get("x-goog-stored-content-length", str(size)) != str(size):
            raise MalformedError("other bytes than the object has")
        return Properties(size, 0, markup.generation(headers.get("x-goog-generation", "")), markup.hash_md5(headers.get("x-goog-hash", "")))

    def _when(self, key: str, answer: Answer, version: str) -> int:
        """When this content was written.  Last-Modified says it as long as the object's properties are its first ones."""
        if when := self._believed(lambda: self._written_first(answer)):
            return when
        with self._lock:
            known = self._written.get((key, version))
        if known is not None:
            return known
        try:
            found = self._properties(key, version)
        except BlobNotFoundError:
            found = None
        if found is None or found.version != version:
            raise ConditionError(f"“{key}” was changed meanwhile.")
        with self._lock:
            self._written[key, version] = found.modified_us
            if len(self._written) > _REMEMBERED:
                self._written.popitem(last=False)
        return found.modified_us

    def _written_first(self, answer: Answer) -> int:
        """Last-Modified of an object whose properties are its first ones, 0 of any other."""
        headers = answer.headers
        return modified_us(headers.get("last-modified", "")) if headers.get("x-goog-metageneration") == "1" else 0

    def _unread(self, answer: Answer, request: Request, version: str) -> StoreError:
        """Why bytes were refused.  Only the answer to a question about the properties has a reason that a program can read."""
        if answer.status >= 500 or answer.status in (407, 429) or markup.refusal(answer.body) is not None:
            return self._refused(answer, request)
        try:
            found = self._properties(request.key)
        except StoreError as error:
            return error
        if version and found.version != version:
            return ConditionError(f"“{request.key}” was changed meanwhile.")
        return self._refused(answer, request, plain=markup.plain(answer.body))

    # --- one request ---------------------------------------------------------------------------------------------------

    def _ask(self, key: str, query: Query, headers: Mapping[str, str], request: Request, most: int) -> Answer:
        answer = self._exchanged(key, query, headers, most)
        if answer.status >= REFUSED:
            raise self._refused(answer, request)
        if answer.status != 200:
            raise self.strange()
        return answer

    def _exchanged(
        self, key: str, query: Query, headers: Mapping[str, str], most: int, into: memoryview | None = None, *, at: str = ""
    ) -> Answer:
        """The answer, refusals included.  ``at``: another path than that of the objects.  A token that is refused is replaced once: it can end or be revoked before its time."""
        target = self._target(key, query, at)
        token = self._tokens.token()
        answer = self._sent(target, headers, token, Room(most, into))
        if answer.status == 401:
            self._tokens.forget(token)
            if (other := self._tokens.token()) != token:
                answer = self._sent(target, headers, other, Room(most, into))
        return answer

    def _target(self, key: str, query: Query, at: str = "") -> str:
        where = at or (f"{self._base}/{quote(key, safe=_SAFE)}" if key else self._base)
        asked = [*query, ("userProject", self._project), ("prettyPrint", "false")]
        return f"{where}?{'&'.join(f'{name}={quote(value, safe=_SAFE)}' for name, value in asked if value)}"

    def _sent(self, target: str, headers: Mapping[str, str], token: str, body: Room) -> Answer:
        try:
            return self._http.exchange("GET", target, self._signed(headers, token), b"", most=body, repeatable=True)
        except NoAnswerError as error:
            failure, cause = no_answer(error, self.access), GoogleFault(str(error))
        raise failure from cause

    def _signed(self, headers: Mapping[str, str], token: str) -> dict[str, str]:
        self._sent_token = token
        return {**headers, "authorization": f"Bearer {token}", "user-agent": _AGENT}

    def _refused(self, answer: Answer, request: Request, plain: str | None = None) -> StoreError:
        """``plain``: the text of an answer that is the service's, although it is not written as its refusals are."""
        headers, found = answer.headers, markup.refusal(answer.body)
        if found is None and plain is not None:
            found = markup.Refused("", plain)
        reference = headers.get("x-guploader-uploadid", "")
        message = found.message.replace(self._sent_token, MASK) if found and self._sent_token else found.message if found else ""
        refusal = Refusal(
            answer.status,
            found.reason if found and _REFERENCE.fullmatch(found.reason) else "",
            readable(message),
            reference if _REFERENCE.fullmatch(reference) else "",
            retry_after(headers),
            clock_skew(headers.get("date")),
            genuine=found is not None,
        )
        return explain(refusal, self.access, request)

    def _believed(self, read: Callable[[], T]) -> T:
        """What an answer says, if it can be an answer of the service."""
        try:
            return read()
        except MalformedError as error:
            cause = GoogleFault(str(error))
        raise self.strange() from cause


class GoogleFault(Exception):  # noqa: N818  it is a cause, never raised by itself
    """A technical cause as text, without addresses and secrets."""


def _range(offset: int, length: int) -> dict[str, str]:
    # “gzip” in it: an object that is kept compressed comes as it is kept, and not unpacked, which would be other bytes of another size.
    return {"range": f"bytes={offset}-{offset + length - 1}", "accept-encoding": "gzip"}


def _address(url: str) -> Address:
    """What to connect to."""
    authority, host, tls = address_parts(url)[0], Host.of_url(url), url.startswith("https://")
    _, mark, port = authority.rpartition(":") if not authority.endswith("]") else ("", "", "")
    return Address(host.name if host else "", int(port) if mark and port.isdecimal() else 443 if tls else 80, tls)
