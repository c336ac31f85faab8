"""Where another credential of a place may come from while a job runs: the configuration file, the environment, the credential store."""

from __future__ import annotations

import logging
import os
import threading
from typing import TYPE_CHECKING

from chorus_gui.core.config.credentials import AuthMode, Credentials, NoCredentials, Origin
from chorus_gui.core.config.model import Config, Place, PlaceKind
from chorus_gui.core.errors import ChorusError

if TYPE_CHECKING:
    from chorus_gui.core.storage.azure.login import Login
    from chorus_gui.core.storage.base import Source, Store
    from chorus_gui.core.storage.renewal import Renewed

__all__ = ["place_name", "renewed", "where_kept"]

ASKING_S = 300.0
"""Seconds between two attempts to sign in, where each may open a browser."""
KEYCHAIN_S = 30.0
"""Seconds between two looks into the credential store: some systems ask the person each time."""
_NOBODY = "no-such-file"
_log = logging.getLogger("chorus")


def place_name(config: Config, place: Place) -> str:
    """The place's name in the configuration: "central", "journal" or a modality; "" if it has none."""
    if _same(place, config.central) and place.credentials == config.central.credentials:
        return "central"
    if config.journal.cloud is not None and _same(place, config.journal.cloud) and place.credentials == config.journal.cloud.credentials:
        return "journal"
    return next((name for name, site in config.sites.items() if _same(place, site.place)), "")


def where_kept(credentials: Credentials, config: Config) -> str:
    """What a person has to do for another credential, as a sentence."""
    from chorus_gui.core.config import keychain

    if credentials.mode is AuthMode.LOGIN:
        return "Sign in again with “az login”."
    what = {AuthMode.SAS: "SAS token", AuthMode.KEY: "account key"}.get(credentials.mode, "connection string")
    origin = getattr(credentials, "origin", Origin.FILE)
    if origin is Origin.STORE:
        return f"Get a new {what} from the central team, and store it in {keychain.title()} with “chorus-upload credential set”."
    variable = (
        " The present one is in an environment variable. A new one in the file is used instead." if origin is Origin.ENVIRONMENT else ""
    )
    return f"Get a new {what} from the central team, and save it in “{config.file.name}”.{variable}"


def renewed(config: Config, place: Place, opened: Store | Source, login: Login | None) -> Renewed:
    """How the credential of ``opened``, the open store or source at ``place``, is renewed."""
    from chorus_gui.core.storage.open import renew
    from chorus_gui.core.storage.renewal import LOOK_S, TEST_S, Renewed

    where = place_name(config, place)
    used, lock = [place.credentials], threading.Lock()

    def look() -> bool:
        found = _credentials_now(config, where, place)
        with lock:
            if found is None or found == used[0]:
                return False
            try:
                renew(opened, found)
            except ChorusError as error:
                _log.warning("the new credential of “%s” cannot be used: %s", where, error)
                return False
            used[0] = found
        _log.info("another credential is used for “%s” from now on", where)
        return True

    def test() -> None:
        if hasattr(opened, "head"):
            opened.head(_NOBODY)  # type: ignore[union-attr]
        else:
            opened.stat(_NOBODY)  # type: ignore[union-attr]

    credentials = place.credentials
    asking = credentials.mode is AuthMode.LOGIN and login is not None and (login.sign_in.browser or login.sign_in.device_code is not None)
    kept = getattr(credentials, "origin", Origin.FILE) is Origin.STORE
    return Renewed(
        look,
        test,
        where,
        where_kept(credentials, config),
        KEYCHAIN_S if kept else LOOK_S,
        ASKING_S if asking else TEST_S,
    )


def _credentials_now(config: Config, where: str, place: Place) -> Credentials | None:
    """What the configuration has for this place now; None if that is not known: a person may be in the middle of editing it."""
    from chorus_gui.core.config.load import load

    try:
        now = load(config.file, environ=os.environ)
    except ChorusError:
        return None
    sites = {name: site.place for name, site in now.sites.items()}
    found = {"central": now.central, "journal": now.journal.cloud, **sites}.get(where)
    if found is None or not _same(found, place) or isinstance(found.credentials, NoCredentials):
        return None
    return found.credentials


def _same(one: Place, other: Place) -> bool:
    return one.kind is other.kind is PlaceKind.AZURE and (one.account, one.container) == (other.account, other.container)
