"""Which servers get credentials and patient data: those that are known, and those that a person confirmed once.

:func:`admit` is the one gate.  Everything that sends something to a place, or writes an address into a script, goes through it.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from chorus_gui.core import private
from chorus_gui.core.config.credentials import Credentials, MicrosoftLogin
from chorus_gui.core.config.model import Place, PlaceKind
from chorus_gui.core.config.policy import NO_POLICY, Policy, Rule, read_policy
from chorus_gui.core.errors import AccessError, UntrustedHostError, UsageError
from chorus_gui.core.folders import settings_folder, user_name
from chorus_gui.core.refused import refusal
from chorus_gui.core.untrusted import toml_tables

AZURE_SUFFIXES = ("blob.core.windows.net", "blob.core.usgovcloudapi.net", "blob.core.chinacloudapi.cn", "blob.storage.azure.net")
"""Where Azure's own addresses end: the public cloud, the clouds of the US government and of China, accounts with a DNS zone.

The German cloud was closed in 2021.
"""
CONSORTIUM_HOSTS = ("upload.chorus4ai.org",)
"""The central store's own address."""
BUCKET_HOSTS = {PlaceKind.S3: "s3.amazonaws.com", PlaceKind.GCS: "storage.googleapis.com"}
"""Where buckets are read; the first name stands for Amazon's servers in all regions.  Another endpoint needs a confirmation, as any other server."""
GOOGLE_SUFFIX = ".googleapis.com"
"""Where the names of Google's own sign-in services end."""
URL_KEYS = {PlaceKind.AZURE: "azure_account_url", PlaceKind.S3: "aws_endpoint_url", PlaceKind.GCS: "google_endpoint_url"}
"""The key that names the server of a place."""
ENTRA_HOSTS = (
    "login.microsoftonline.com",
    "login.microsoftonline.us",
    "login.partner.microsoftonline.cn",
    "login.chinacloudapi.cn",
)
"""Microsoft's sign-in services: of the public cloud, of the US government's, of China's."""
MAX_BYTES = 1024 * 1024

_AMAZON = re.compile(r"s3(-fips)?(\.dualstack)?\.[a-z]{2,3}(-[a-z]{2,12}){1,3}-[0-9]{1,2}\.amazonaws\.com(\.cn)?")
"""The servers of Amazon S3 in one region."""
_ACCOUNT = re.compile(r"[a-z0-9]{3,24}")
_LABEL = r"(?!-)[a-z0-9_-]{1,63}(?<!-)"
_NAME = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*")
_URL = re.compile(r"(https?)://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?(/[^\s?#\\@]*)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Host:
    """A server's name as it is connected to: lower case, without a dot at the end, an IPv6 address without brackets."""

    name: str

    @classmethod
    def of_url(cls, url: str) -> Host | None:
        """The host of ``http(s)://HOST[:PORT][/PATH]``; None for anything else.

        Stricter than a URL parser, so that no two parsers can see different hosts in one text.
        """
        found = _URL.fullmatch(url)
        if found is None or int((found[3] or ":443")[1:]) > 65535:
            return None
        return cls.of_name(found[2])

    @classmethod
    def of_name(cls, text: str) -> Host | None:
        """The host of a name or an address alone; None if it is neither."""
        name = text.strip().lower().removeprefix("[").removesuffix("]").removesuffix(".")
        numeric = re.fullmatch(r"[0-9]+|0x[0-9a-f]*", name.rpartition(".")[2])  # resolvers take 2130706433 and 0x7f.1 for addresses
        if ":" in name or numeric:
            with suppress(ValueError):
                return cls(str(ipaddress.ip_address(name)))
            return None
        return cls(name) if _NAME.fullmatch(name) else None

    @property
    def is_loopback(self) -> bool:
        """An address of this computer.  A name is not: what “localhost” leads to is a matter of configuration."""
        address = self._address()
        return address is not None and address.is_loopback

    @property
    def is_forbidden(self) -> bool:
        """An address that no store has: of the local link (cloud computers get credentials from one), of a group, or none."""
        address = self._address()
        return address is not None and (address.is_link_local or address.is_multicast or address.is_unspecified)

    @property
    def account(self) -> str:
        """The storage account of one of Azure's own addresses, "" of any other host."""
        for suffix in AZURE_SUFFIXES:
            if self.name.endswith("." + suffix):
                label, _, zone = self.name.removesuffix("." + suffix).partition(".")
                account = label.removesuffix("-secondary")
                known_zone = zone == "" or zone == "privatelink" or re.fullmatch(r"z[0-9]{1,3}(\.privatelink)?", zone)
                return account if known_zone and _ACCOUNT.fullmatch(account) else ""
        return ""

    @property
    def is_azure(self) -> bool:
        """A name in one of Azure's own domains, whether or not it can be a storage account's."""
        return self.name.endswith(tuple(f".{suffix}" for suffix in AZURE_SUFFIXES))

    @property
    def is_known(self) -> bool:
        """Needs no confirmation: Azure's, Amazon's and Google's own, the consortium's, or this computer by its address."""
        known = self.name in CONSORTIUM_HOSTS or self.name in BUCKET_HOSTS.values()
        return bool(self.account) or known or self.is_loopback or _AMAZON.fullmatch(self.name) is not None

    def _address(self) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
        try:
            address = ipaddress.ip_address(self.name)
        except ValueError:
            return None
        mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
        return mapped or address


def is_account(name: str) -> bool:
    """A name that a storage account can have."""
    return _ACCOUNT.fullmatch(name) is not None


def admit(place: Place, url: str = "") -> None:
    """The gate: raises unless ``place`` may get credentials and data.  ``url``: the account's, if the place's is not the one to use.

    A folder is always admitted.  Raises :class:`PolicyError` for what the machine policy does not allow,
    :class:`UntrustedHostError` for a server that nobody confirmed, :class:`AccessError` for an address that no store has.
    """
    host = host_of(place, url)
    if host is None:
        return
    policy = read_policy()
    if policy is not NO_POLICY:
        _pinned(place, host, policy)
    if isinstance(place.credentials, MicrosoftLogin) and place.credentials.authority:
        _admit_authority(place.credentials.authority, policy)
    bucket = place.kind in BUCKET_HOSTS
    if host.is_forbidden:
        raise AccessError(
            f"“{host.name}” is not an address of a {'server of buckets' if bucket else 'storage account'}.",
            meaning="Addresses of the local network link are never used. Nothing was sent.",
            remedy=f"Correct {URL_KEYS[place.kind]} in the configuration.",
        )
    if host.is_known or policy.allowed(Rule.HOSTS) is not None or host.name in confirmed():
        return
    raise untrusted(host, place.kind)


def authority_host(credentials: Credentials) -> Host | None:
    """The sign-in service that a configuration names, if it is not one of Microsoft's own."""
    authority = credentials.authority if isinstance(credentials, MicrosoftLogin) else ""
    host = Host.of_url(f"https://{authority}") if authority else None
    return host if host is not None and host.name not in ENTRA_HOSTS else None


def _admit_authority(authority: str, policy: Policy) -> None:
    host = Host.of_url(f"https://{authority}")
    if host is None or host.is_forbidden:
        raise AccessError(
            f"“{authority}” is not the address of a sign-in service.",
            meaning="Nothing was sent.",
            remedy="Correct azure_authority_host in the configuration.",
        )
    if host.name in ENTRA_HOSTS:
        return
    if _may_be_reached(host, policy):
        return
    raise UntrustedHostError(
        f"“{host.name}” is not a known sign-in service, and nobody confirmed it on this computer.",
        host.name,
        meaning="The configuration names it in azure_authority_host. It would receive what signs in. Nothing was sent.",
        remedy=f"Ask your IT department if this address is right. If it is, run the command once with “--trust-host {host.name}”.",
    )


def _may_be_reached(host: Host, policy: Policy) -> bool:
    """This computer, or a server that the machine policy or a person named.  Raises :class:`PolicyError` for one that the policy excludes."""
    policy.require_name(Rule.HOSTS, host.name, f"the server “{host.name}”")
    return host.is_loopback or policy.allowed(Rule.HOSTS) is not None or host.name in confirmed()


def admit_server(name: str) -> None:
    """The gate for a mail server: raises unless it may get a password and reports.  Raises as :func:`admit`."""
    host = Host.of_name(name)
    if host is None or host.is_forbidden:
        raise AccessError(
            f"“{name}” is not the address of a mail server.",
            meaning="Nothing was sent.",
            remedy="Correct smtp_server in the configuration.",
        )
    if _may_be_reached(host, read_policy()):
        return
    raise UntrustedHostError(
        f"“{host.name}” is not a known server, and nobody confirmed it on this computer.",
        host.name,
        meaning="The configuration names it as the mail server. It would receive reports, and the password if there is one. Nothing was sent.",
        remedy=f"If the address is right, run the command once with “--trust-host {host.name}”.",
    )


def admit_sign_in(name: str) -> None:
    """The gate for a server that a file with Google credentials names: raises unless it may get what is in that file.  Raises as :func:`admit`."""
    host = Host.of_name(name)
    if host is None or host.is_forbidden:
        raise AccessError(
            f"“{name[:200]}” is not the address of a sign-in service.",
            meaning="The file with Google credentials names it. Nothing was sent.",
            remedy="Download the file again, and name it in google_credentials_file.",
        )
    if host.name.endswith(GOOGLE_SUFFIX):
        return
    if _may_be_reached(host, read_policy()):
        return
    raise UntrustedHostError(
        f"“{host.name}” is not a known server, and nobody confirmed it on this computer.",
        host.name,
        meaning="The file with Google credentials names it as the sign-in service. It would receive what is in that file. Nothing was sent.",
        remedy=f"Ask the people who manage the bucket if this file is right. If it is, run the command once with “--trust-host {host.name}”.",
    )


def untrusted(host: Host, kind: PlaceKind = PlaceKind.AZURE, *, site: bool = False) -> UntrustedHostError:
    """The error for a host that nobody confirmed yet.  That of a bucket in S3 can be named by the AWS tools, too.  ``site``: it is only read."""
    if kind is PlaceKind.S3:
        named, gets, people = "The configuration or the AWS settings of this computer name it.", "", "the people who manage the bucket"
    elif kind is PlaceKind.GCS:
        named, gets, people = "The configuration names it.", "", "the people who manage the bucket"
    elif site:
        named, gets, people = "The configuration names it.", "", "the people who manage the container"
    else:
        named, gets, people = "The configuration names it.", " and the site's files", "the central team"
    return UntrustedHostError(
        f"“{host.name}” is not a known server, and nobody confirmed it on this computer.",
        host.name,
        meaning=f"{named} It would receive your credentials{gets}. Nothing was sent.",
        remedy=f"Ask {people} if this address is right. If it is, run the command once with “--trust-host {host.name}”.",
    )


def unconfirmed(places: Iterable[Place]) -> list[str]:
    """The names of the hosts of these places that a person would have to confirm, each once.  Empty if a policy names the hosts."""
    if read_policy().allowed(Rule.HOSTS) is not None:
        return []
    known = confirmed()
    hosts = dict.fromkeys(
        host for place in places for host in (_host_or_none(place), authority_host(place.credentials)) if host is not None
    )
    return [host.name for host in hosts if not (host.is_known or host.is_forbidden or host.name in known)]


def confirmed() -> frozenset[str]:
    """The hosts that this user confirmed.  A file that cannot be read confirms nothing."""
    try:
        with _file().open("rb") as stream:
            table = toml_tables(stream.read(MAX_BYTES).decode("utf-8"))
    except (OSError, ValueError):
        return frozenset()
    hosts = table.get("hosts")
    return frozenset(cast("dict[str, object]", hosts)) if isinstance(hosts, dict) else frozenset()


def confirm(text: str) -> str:
    """Remember that this user trusts a host, given by its name or URL; the name.

    Raises :class:`UsageError` for a text that is not a host name or cannot be stored, :class:`PolicyError` if a policy names the hosts.
    """
    host = Host.of_url(text) if "://" in text else Host.of_name(text)
    if host is None or host.is_forbidden:
        raise UsageError(
            f"“{text}” is not the name of a server.", remedy="Write the name as in azure_account_url, for example store.example.org."
        )
    policy = read_policy()
    policy.require_name(Rule.HOSTS, host.name, f"the server “{host.name}”")
    if host.name in confirmed():
        return host.name
    import tomli_w

    hosts = dict.fromkeys(sorted(confirmed()), "confirmed earlier")
    hosts[host.name] = f"confirmed by {user_name()} on {datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    file = _file()
    try:
        private.write(file, tomli_w.dumps({"hosts": hosts}).encode())
    except OSError as error:
        why, remedy = refusal(error, file, f"Check that you can write to “{file.parent}”.")
        raise UsageError(f"Could not remember the server “{host.name}”: {why}.", remedy=remedy) from error
    return host.name


def host_of(place: Place, url: str = "") -> Host | None:
    """The server of a place; None for a folder.  Raises :class:`AccessError` for a URL that is not ``http(s)://HOST[:PORT][/PATH]``."""
    if place.kind is PlaceKind.FOLDER:
        return None
    account = place.account
    if place.kind in BUCKET_HOSTS:
        endpoint = url or account.url
        host = Host.of_url(endpoint) if endpoint else Host(BUCKET_HOSTS[place.kind])
        if host is None:
            raise AccessError(
                "The endpoint URL is not a valid URL.", remedy=f"Write {URL_KEYS[place.kind]} as “https://server.example.org”."
            )
        return host
    host = Host.of_url(url or account.url or f"https://{account.name}.blob.core.windows.net")
    if host is None:
        raise AccessError("The account URL is not a valid URL.", remedy="Write it as “https://NAME.blob.core.windows.net”.")
    return host


def _host_or_none(place: Place) -> Host | None:
    try:
        return host_of(place)
    except AccessError:
        return None


def _pinned(place: Place, host: Host, policy: Policy) -> None:
    """Hold the place to the policy's lists.

    An account that only the configuration names, behind a host of another kind, counts if the policy or the consortium vouches for that host.
    """
    policy.require_name(Rule.HOSTS, host.name, f"the server “{host.name}”")
    policy.require_name(Rule.CONTAINERS, place.container, f"the container “{place.container}”")
    if policy.allowed(Rule.ACCOUNTS) is None or place.kind is not PlaceKind.AZURE:
        return
    vouched = policy.allowed(Rule.HOSTS) is not None or host.name in CONSORTIUM_HOSTS
    account = host.account or place.account.name
    if not host.account and not vouched:
        what = f"the server “{host.name}”, because it is not an address of an allowed storage account"
        raise policy.refusal(Rule.ACCOUNTS, f"The policy “{Rule.ACCOUNTS.value}” of this computer does not allow {what}.")
    policy.require_name(Rule.ACCOUNTS, account, f"the storage account “{account}”")


def _file() -> Path:
    return settings_folder() / "trusted-hosts.toml"
