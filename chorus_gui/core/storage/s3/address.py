"""Where a bucket is: the server, and the path there.  Nothing is sent."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache

from chorus_gui.core.config.addresses import address_parts
from chorus_gui.core.config.hosts import Host
from chorus_gui.core.errors import AccessError
from chorus_gui.core.storage.http.channel import Address

USUAL_REGION = "us-east-1"
"""A bucket elsewhere names its own region in its answer."""
_REGION = re.compile(r"[a-z0-9-]{2,40}")
_AMAZON_REGION = re.compile(r"[a-z]{2,3}(-[a-z]{2,12}){1,3}-[0-9]{1,2}")
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{1,61}[a-z0-9])")
"""A bucket whose name can be a part of a server's name under one certificate."""
DIRECTORY_BUCKET = "--x-s3"


@dataclass(frozen=True, slots=True)
class BucketAddress:
    """``endpoint`` is the configured URL, "" for Amazon's own servers.  ``in_host``: the bucket is a part of the server's name, not of the path."""

    bucket: str
    endpoint: str
    region: str
    in_host: bool

    @property
    def url(self) -> str:
        """The server's URL, without the bucket and without "/" at its end."""
        if self.endpoint:
            return self.endpoint
        china = ".cn" if self.region.startswith("cn-") else ""
        return f"https://s3.{self.region}.amazonaws.com{china}"

    @property
    def server(self) -> Address:
        """What to connect to."""
        return _server(self.url, self.bucket if self.in_host else "")

    def path(self, key: str) -> str:
        """The path of an object, or of the bucket for ""."""
        base = f"/{address_parts(self.url)[1]}".rstrip("/")
        return f"{base}/{key}" if self.in_host else f"{base}/{self.bucket}/{key}" if key else f"{base}/{self.bucket}"

    def moved(self, region: str) -> BucketAddress:
        """The same bucket in the region that an answer names; the same value if that is not another region."""
        known = _REGION if self.endpoint else _AMAZON_REGION
        return replace(self, region=region) if known.fullmatch(region) else self


@lru_cache(maxsize=16)  # every request asks for it
def _server(url: str, label: str) -> Address:
    tls, host = url.startswith("https://"), Host.of_url(url)
    _, mark, port = address_parts(url)[0].rpartition(":")
    name = host.name if host else ""
    return Address(f"{label}.{name}" if label else name, int(port) if mark and port.isdecimal() else 443 if tls else 80, tls)


def bucket_address(bucket: str, *, endpoint: str = "", region: str = "", style: str = "") -> BucketAddress:
    """Raises :class:`AccessError` for what cannot be the address of a bucket.  ``style``: "path", "virtual", or "" for the usual one."""
    if bucket.endswith(DIRECTORY_BUCKET):
        raise AccessError(
            f"“{bucket}” is a directory bucket (S3 Express One Zone), which CHoRUS Upload cannot read.",
            meaning="Its listing has no order, and it requires another kind of sign-in.",
            remedy="Copy the files to a general purpose bucket, or to a folder.",
        )
    if not _BUCKET.fullmatch(bucket) or ".." in bucket:
        raise AccessError(
            f"“{bucket}” is not a valid bucket name.",
            meaning="A bucket name has 3 to 63 lower-case letters, digits, dots and hyphens.",
            remedy="Correct the path in the configuration. Write it as “s3://bucket/folder”.",
        )
    if endpoint and Host.of_url(endpoint) is None:
        raise AccessError("The endpoint URL is not a valid URL.", remedy="Write aws_endpoint_url as “https://server.example.org”.")
    if region and not _REGION.fullmatch(region):
        raise AccessError(f"“{region}” is not the name of a region.", remedy="Write aws_region as in “eu-west-1”.")
    usual = not endpoint and _LABEL.fullmatch(bucket) is not None
    in_host = usual if style in ("", "auto") else style == "virtual"
    if in_host and not _LABEL.fullmatch(bucket):
        raise AccessError(
            f"The bucket “{bucket}” cannot be a part of the server's name.",
            remedy='Set aws_addressing_style = "path" in the configuration, or remove the key.',
        )
    return BucketAddress(bucket, endpoint.rstrip("/"), region or USUAL_REGION, in_host)
