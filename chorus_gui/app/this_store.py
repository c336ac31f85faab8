"""Whether a receipt or a verification is about the central store of this configuration: two configurations can have the same journal."""

from __future__ import annotations

import os
import socket

from chorus_gui.core.config.addresses import account_of_url
from chorus_gui.core.config.model import Config, Place
from chorus_gui.core.redact import redact


def store_name(place: Place) -> str:
    """What receipts and verifications call a central store: its account and container, or the folder, as this computer reaches it.

    A storage account is the same one by its public address and by a private link.
    """
    if place.folder is not None:
        return os.path.normcase(place.folder)
    url = redact(place.account.url.partition("?")[0]).rstrip("/").lower()
    account = f"azure://{own}" if (own := account_of_url(url)) else url
    return "/".join(part for part in (account, place.container, place.prefix) if part)


def of_this_store(config: Config, store: str, host: str) -> bool:
    """What a run on computer ``host`` left is about this central store, as far as is known; ``store`` as :func:`store_name` had it.

    Older versions of the program kept no name.  Another computer can reach the same folder under another path.
    """
    if not store or store == store_name(config.central):
        return True
    folders = config.central.folder is not None and "://" not in store
    return folders and host != socket.gethostname()
