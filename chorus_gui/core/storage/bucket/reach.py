"""How a server of buckets is reached: certificates, encryption, proxy.  Nothing is sent."""

from __future__ import annotations

import os
import ssl

import certifi

from chorus_gui.core.config.hosts import Host
from chorus_gui.core.errors import AccessError
from chorus_gui.core.storage.http.channel import Address
from chorus_gui.core.storage.http.http1 import Http
from chorus_gui.core.storage.http.proxies import proxy_for
from chorus_gui.core.storage.http.trust import environment_certificates


def certificates(named: str, key: str, who: str) -> str:
    """A file with authorities that are trusted in addition to the system's.  ``named`` by ``key``; ``who`` can name it, for a sentence.

    Raises :class:`AccessError` for a file that is none.
    """
    if named and not os.access(named, os.R_OK):
        raise AccessError(
            f"The file of certificates “{named}” does not exist or cannot be read.",
            meaning=f"{who} Nothing was sent.",
            remedy=f"Correct {key}.",
        )
    if named and not _has_authorities(named):
        raise AccessError(
            f"“{named}” is not a file of certificates.",
            meaning=f"{who} Nothing was sent.",
            remedy=f"Ask your IT department for the certificate authority as a PEM file, and name that file in {key}.",
        )
    return named or environment_certificates() or certifi.where()


def _has_authorities(file: str) -> bool:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=file)
    except (OSError, ValueError):
        return False
    return True


def check_encrypted(endpoint: str, key: str) -> None:
    """Raise :class:`AccessError` for a server that is not this computer, and is named with "http://": patient data would be readable on the way."""
    host = Host.of_url(endpoint)
    if endpoint.startswith("http://") and not (host and (host.is_loopback or host.name == "localhost")):
        raise AccessError(
            "The endpoint URL is not encrypted (http://); patient data would be readable on the way.",
            remedy=f"Write {key} with “https://”.",
        )


def connected(url: str, address: Address, trusted: str, service: str) -> Http:
    """The way to the server ``address`` of ``url``, through the network's proxy.  ``trusted``: a file of certificates."""
    proxy = proxy_for(f"{url.partition('://')[0]}://{address.text}")
    if proxy is not None and not proxy.plain:
        raise AccessError(
            f"The proxy of this network is reached with TLS, which CHoRUS Upload cannot use for {service}.",
            remedy="Ask your IT department for a proxy whose address begins with “http://”.",
        )
    return Http(address, proxy, trusted)
