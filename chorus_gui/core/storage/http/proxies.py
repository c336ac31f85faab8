"""The proxy server of this network, as the environment or the system names it."""

from __future__ import annotations

import base64
import ipaddress
import os
from dataclasses import dataclass
from urllib.parse import unquote
from urllib.request import getproxies, proxy_bypass

from chorus_gui.core.config.hosts import Host

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Proxy:
    """``plain``: it is spoken to without encryption, as nearly all are; a server with TLS is reached through a tunnel.  ``login``: the
    value of Proxy-Authorization, "" for none: a secret.
    """

    host: str
    port: int
    plain: bool
    login: str

    def __repr__(self) -> str:
        return f"Proxy({self.host!r}, {self.port})"


def proxy_for(url: str) -> Proxy | None:
    """The proxy for ``url``; None if it is reached directly."""
    host, scheme = Host.of_url(url), url.partition("://")[0]
    found = getproxies()
    text = found.get(scheme) or found.get("all") or ""
    if host is None or not text or _bypassed(host.name, url):
        return None
    return _parsed(text)


def _bypassed(host: str, url: str) -> bool:
    """NO_PROXY, or the system's list: names with what is below them, addresses, networks ("10.0.0.0/8"), "*"."""
    port = url.partition("://")[2].partition("/")[0].rpartition(":")[2]
    if proxy_bypass(host) or (port.isdecimal() and proxy_bypass(f"{host}:{port}")):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    for entry in (os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or "").replace(" ", "").split(","):
        try:
            if entry and address in ipaddress.ip_network(entry.strip("[]"), strict=False):
                return True
        except (ValueError, TypeError):
            continue
    return False


def _parsed(text: str) -> Proxy:
    """Of "http://user:password@host:port", "host:port" and the like.  A text that is none of these is a proxy that cannot be reached."""
    scheme, mark, rest = text.rpartition("://")
    scheme = scheme.lower() if mark else "http"
    login, _, where = rest.partition("/")[0].rpartition("@")
    name, _, port = where.rpartition(":") if ":" in where and not where.endswith("]") else (where, "", "")
    number = int(port) if port.isascii() and port.isdecimal() and len(port) < 6 else _PORTS.get(scheme, 80)
    user = base64.b64encode(unquote(login).encode("utf-8", "surrogateescape")).decode() if login else ""
    return Proxy(name.strip("[]"), min(number, 65535), scheme == "http", f"Basic {user}" if user else "")
