"""Addresses of storage accounts, and the connection strings that have them."""

from __future__ import annotations

import re

from chorus_gui.core.config.hosts import Host
from chorus_gui.core.config.sas import clean_sas

_EMULATOR = {
    "accountname": "devstoreaccount1",
    "accountkey": "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==",  # public: in its manual
    "blobendpoint": "http://127.0.0.1:10000/devstoreaccount1",
}
_OTHER_SERVICE = re.compile(
    r"[a-z0-9]{3,24}(?:-secondary)?(?:\.z[0-9]{1,3})?\.(dfs|file|web|queue|table)\.(?:core\.[a-z.]+|storage\.azure\.net)"
)


def split_account_url(text: str) -> tuple[str, str]:
    """An account URL as (URL without query and "/" at the end, SAS token or "")."""
    url, _, query = text.strip().partition("?")
    return url.rstrip("/"), clean_sas(query) if query else ""


def address_parts(url: str) -> tuple[str, str, str]:
    """Of "https://host/path?query#rest" the host, the path without its first "/", and the query.  Takes any text, also an address
    that is none ("https://a[b/"), where the standard library raises.
    """
    address, _, query = url.partition("://")[2].partition("#")[0].partition("?")
    host, _, path = address.partition("/")
    return host, path, query


def account_url_problem(url: str) -> str:
    """What is wrong with an account URL, as a sentence that does not repeat it; "" if nothing."""
    scheme, _, rest = url.partition("://")
    if scheme not in ("http", "https") or not rest.partition("/")[0]:
        return "The account URL does not begin with “https://” and a host name."
    if "@" in rest:
        return "The account URL has a user name or password in it."
    host = Host.of_url(url)
    if host is None:
        return "The account URL is not a valid URL."
    if other := _OTHER_SERVICE.fullmatch(host.name):
        return f"The account URL is for the account's “{other[1]}” service, not for blobs."
    if scheme == "http" and not (host.is_loopback or host.name == "localhost"):
        return "The account URL is not encrypted (http://); patient data and credentials would be readable on the way."
    if host.is_azure and rest.partition("/")[2].strip("/"):
        return "The account URL has more after the host name; the container belongs in the path (“az://container/…”)."
    return ""


def account_of_url(url: str) -> str:
    """The account's name where the URL is Azure's own (NAME.blob.core.windows.net), else ""."""
    host = Host.of_url(url)
    return host.account if host else ""


def connection_parts(text: str) -> dict[str, str]:
    """A connection string's parts, keys in lower case; empty if it is none.

    ``usedevelopmentstorage=true`` is the emulator on this computer, as in the Azure tools.
    """
    pairs = [part.partition("=") for part in text.strip().strip(";").split(";")]
    if any(not equals or not name.strip() for name, equals, _ in pairs):
        return {}
    parts = {name.strip().lower(): value.strip() for name, _, value in pairs}
    if parts.get("usedevelopmentstorage", "").lower() == "true":
        return dict(_EMULATOR)
    return parts
