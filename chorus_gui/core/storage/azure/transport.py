"""Connections whose answers end: in size, compressed or not, and in time.

The HTTP library reads an answer as long as bytes come, and unpacks whatever they unpack to.  A server or a proxy must not be able to
fill the memory or to keep a thread for ever.  Import it only where a store is opened: it imports the SDK.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from azure.core.exceptions import DecodeError, ServiceResponseError, ServiceResponseTimeoutError
from azure.core.pipeline.transport import HttpTransport

from chorus_gui.core.storage.azure.genuine_policy import REFUSED, StrangeAnswerError
from chorus_gui.core.storage.sending import Sent

ANSWER_BYTES = 128 * 1024 * 1024
"""The longest list: 5,000 blobs with names of 1,024 characters, percent-encoded, and 8 KB of metadata each."""
REFUSAL_BYTES = 1024 * 1024
SPARE_BYTES = 64 * 1024
ANSWER_SECONDS = 600.0
"""From the first byte of an answer's body to the last."""
PIECE_BYTES = 256 * 1024


class BoundedTransport(HttpTransport[Any, Any]):
    """As ``inner``, for requests of blobs in ranges of ``chunk_bytes``.  An answer that is too long is a :class:`StrangeAnswerError`."""

    def __init__(self, inner: object, chunk_bytes: int) -> None:
        self._inner: Any = inner
        self._chunk_bytes = chunk_bytes

    def open(self) -> None:
        """See ``HttpTransport.open``."""
        self._inner.open()

    def close(self) -> None:
        """See ``HttpTransport.close``."""
        self._inner.close()

    def __enter__(self) -> BoundedTransport:
        self._inner.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._inner.__exit__(*error)

    def send(self, request: Any, **kwargs: Any) -> Any:
        """See ``RequestsTransport.send``."""
        streamed = kwargs.pop("stream", False)
        if isinstance(request.data, bytes) and request.data:
            request.data = Sent(request.data)
        answer: Any = self._inner.send(request, stream=True, **kwargs)
        inner: Any = answer.internal_response if hasattr(answer, "internal_response") else answer._internal_response
        ranged = "x-ms-range" in request.headers or "Range" in request.headers
        most = REFUSAL_BYTES if inner.status_code >= REFUSED else self._chunk_bytes + SPARE_BYTES if ranged else ANSWER_BYTES
        inner.raw = body = _Body(inner.raw, most)
        try:
            if streamed:  # a range of a blob: the SDK joins its pieces anyway, and leaves the connection open when it stumbles
                body.load(decode_content=inner.status_code >= REFUSED)
            elif hasattr(answer, "read"):
                answer.read()
            else:
                _ = inner.content
        except BaseException:
            inner.close()
            raise
        return answer


class _Body:
    """The body of an answer, in pieces; it stops where it gets too long or too slow.  Everything else is the library's."""

    def __init__(self, raw: Any, most: int) -> None:
        self._raw = raw
        self._most = most
        self._loaded: list[bytes] | None = None

    def load(self, *, decode_content: bool) -> None:
        """Read it to its end, which gives the connection back.  Raises errors of the SDK."""
        import urllib3  # it opens a socket when it is imported

        try:
            self._loaded = list(self.stream(decode_content=decode_content))
        except urllib3.exceptions.ReadTimeoutError as error:
            raise ServiceResponseTimeoutError(error, error=error) from error
        except urllib3.exceptions.DecodeError as error:
            raise DecodeError(error, error=error) from error
        except urllib3.exceptions.HTTPError as error:
            raise ServiceResponseError(error, error=error) from error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)

    def stream(self, amt: int = PIECE_BYTES, decode_content: bool | None = None) -> Iterator[bytes]:
        """Pieces as they arrive: the library's own way waits until a piece is full."""
        if self._loaded is not None:
            pieces, self._loaded = self._loaded, []
            yield from pieces
            return
        until = time.monotonic() + ANSWER_SECONDS
        length = 0
        while piece := self._raw.read1(min(amt, PIECE_BYTES), decode_content=decode_content):
            length += len(piece)
            if length > self._most:
                raise StrangeAnswerError(f"an answer of more than {self._most} bytes")
            if time.monotonic() > until:
                raise ServiceResponseTimeoutError("the answer did not end in time")
            yield piece
