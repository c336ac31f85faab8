"""Redirects, and what a server asks a sign-in for."""

from __future__ import annotations

import os
import re
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

from azure_server import Server, certificate, reply, tls, wrote
from azure_ways import SCOPE, Way, login_by
from canary import CANARY, POLL, InputClass, must, no_secret, plain, texts_of

from chorus_gui.core.config.credentials import MicrosoftLogin
from chorus_gui.core.errors import ChorusError
from chorus_gui.core.storage.azure.store import AzureStore

_EVIL = "https://login.microsoftonline.com/evil-tenant/oauth2/authorize"
CHALLENGES: list[Any] = [
    (status, name, text)
    for status, name in (
        (401, "WWW-Authenticate"),
        (403, "WWW-Authenticate"),
        (302, "Location"),
        (307, "Location"),
        (200, "Content-Location"),
    )
    for text in (
        f"Bearer authorization_uri={_EVIL} resource_id=https://management.azure.com",
        f'Bearer authorization_uri="{_EVIL}", resource_id="https://graph.microsoft.com"',
        f'Bearer realm="", authorization_uri="{_EVIL}", error="insufficient_claims", claims="eyJhY2Nlc3NfdG9rZW4iOnt9fQ=="',
        "Bearer " + "authorization_uri=" * 300,
        "Bearer authorization_uri=https://x/\x1b[31m",
        "Negotiate",
        "",
        "OTHER/box/a",
        "//OTHER",
        "/box/a?comp=list",
        "javascript:x",
    )
]
"""Status, header, its value.  OTHER in it: a second server of the attacker."""
_certificates: dict[str, Any] = {}


def challenge(value: Any, folder: Path) -> None:
    """Whatever a server asks for, it gets tokens for storage and the configured tenant alone, and no other server gets anything."""
    status, header, text = value
    if "file" not in _certificates:
        _certificates["folder"] = tempfile.TemporaryDirectory(prefix="fuzz-certificate-")  # removed when the program ends
        _certificates["file"] = certificate(Path(_certificates["folder"].name))
    file = _certificates["file"]
    other = Server(wrote, tls=tls(file), poll=POLL)
    line = re.sub(r"[\r\n]", " ", text.replace("OTHER", other.url)).encode("latin-1", "replace").decode("latin-1")
    headers: dict[str, Any] = {"x_ms_request_id": "r", header: line}
    server = Server(reply(status, **headers), tls=tls(file), poll=POLL)
    way = Way(CANARY)
    place = server.place(MicrosoftLogin("our-tenant"))
    before = os.environ.get("REQUESTS_CA_BUNDLE")
    os.environ["REQUESTS_CA_BUNDLE"] = str(file)
    try:
        with closing(AzureStore(place, login=login_by(way))) as store:
            for ask in (lambda: store.head("a"), lambda: store.put("a", b"x"), lambda: list(store.list())):
                try:
                    ask()
                except ChorusError as error:
                    no_secret(texts_of(error))
                    plain(texts_of(error))
    finally:
        if before is None:
            del os.environ["REQUESTS_CA_BUNDLE"]
        else:
            os.environ["REQUESTS_CA_BUNDLE"] = before
        server.close()
        other.close()
    must(other.seen == [], "another server got a request")
    must({scopes for scopes, _ in way.asked} <= {(SCOPE,)}, "a token for something else than storage was asked for")
    must({tenant for _, tenant in way.asked} <= {"our-tenant"}, "a token of another tenant was asked for")


CLASSES = (InputClass("redirects and challenges of a sign-in", CHALLENGES, challenge),)
