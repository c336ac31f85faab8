"""Whose certificates we believe: the operating system's trust store, where a hospital's own authorities stand too."""

from __future__ import annotations

import sys


def use_system_trust() -> None:
    """Verify TLS against the operating system's trust store, for everything in this process.

    Entry points (the window, the command line) call it once, before anything opens a connection; libraries never do.
    """
    import truststore

    truststore.inject_into_ssl()


def trust_store_name() -> str:
    """What the trust store is called on this system, for a sentence."""
    if sys.platform == "win32":
        return "the Windows certificate store"
    if sys.platform == "darwin":
        return "the macOS keychain"
    return "this computer's list of certificate authorities"
