"""Whose certificates we believe: the operating system's trust store, where a hospital's own authorities stand too."""

from __future__ import annotations

import os
import sys

from chorus_gui.core.errors import AccessError

_KEEP_THEIR_OWN = ("urllib3", "requests")
"""Libraries that keep the class that ``ssl`` has when they are imported."""


def use_system_trust() -> None:
    """Verify TLS against the operating system's trust store, for everything in this process.

    Entry points (the window, the command line) call it once, before anything opens a connection; libraries never do.
    """
    import ssl

    import truststore

    setattr(ssl, "SSLContext", truststore.SSLContext)  # noqa: B010 - the module's stub does not know that it can be another one
    if not sys.modules.keys().isdisjoint(_KEEP_THEIR_OWN):
        truststore.inject_into_ssl()  # it imports both, which takes a tenth of a second


def trust_store_name() -> str:
    """What the trust store is called on this system, for a sentence."""
    if sys.platform == "win32":
        return "the Windows certificate store"
    if sys.platform == "darwin":
        return "the macOS keychain"
    return "this computer's list of certificate authorities"


def environment_certificates() -> str:
    """The certificates that the environment names, "" if it names none.  Raises :class:`AccessError` for a file that cannot be read."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        file = os.environ.get(name, "")
        if file and not os.access(file, os.R_OK):
            raise AccessError(
                f"The environment variable {name} names the file “{file}”, which does not exist or cannot be read.",
                meaning="It should have the certificates that this computer trusts. Nothing was sent.",
                remedy=f"Correct {name}, or remove it to use {trust_store_name()}.",
            )
    return os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or ""  # the system's library reads the third itself
