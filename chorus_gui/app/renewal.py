"""Where another credential of a place may come from while a job runs: the configuration file, the environment, the credential store."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from chorus_gui.core.config.credentials import (
    AccessKey,
    AuthMode,
    AwsKeys,
    Certificate,
    Credentials,
    GoogleKeys,
    ManagedIdentity,
    MicrosoftLogin,
    NoCredentials,
    Origin,
    WorkloadIdentity,
)
from chorus_gui.core.config.model import Config, Place, PlaceKind
from chorus_gui.core.errors import ChorusError

if TYPE_CHECKING:
    from chorus_gui.core.storage.azure.login import Login
    from chorus_gui.core.storage.base import Source, Store
    from chorus_gui.core.storage.renewal import Renewed

__all__ = ["place_title", "renewed", "save_credential", "site_of", "where_kept"]

ASKING_S = 300.0
"""Seconds between two attempts to sign in, where each may open a browser."""
KEYCHAIN_S = 30.0
"""Seconds between two looks into the credential store: some systems ask the person each time."""
_NOBODY = "no-such-file"
_log = logging.getLogger("chorus")


def site_of(config: Config, place: Place) -> str:
    """The first modality whose files are at this place, "" for none."""
    return next((name for name, site in config.sites.items() if site.place == place), "")


def place_title(name: str) -> str:
    """What a place of the configuration is called in a sentence: "the central store"."""
    return {"central": "the central store", "journal": "the cloud journal"}.get(name, f"the site ({name})")


def where_kept(credentials: Credentials, config: Config) -> str:
    """What a person has to do for another credential, as a sentence."""
    from chorus_gui.core.config import keychain

    if isinstance(credentials, AwsKeys):
        if credentials.key_id and credentials.origin is Origin.STORE:
            return f"Get a new access key, and store it in {keychain.title()} with “chorus-upload credential set”."
        if credentials.key_id:
            return f"Get new keys from the people who manage the bucket, and save them in “{config.file.name}”."
        return "Sign in again with the AWS tools of this computer (“aws sso login”), or renew the credentials of the profile."
    if isinstance(credentials, GoogleKeys):
        if credentials.hmac_id and credentials.origin is Origin.STORE:
            return f"Get a new HMAC key, and store it in {keychain.title()} with “chorus-upload credential set”."
        if credentials.hmac_id:
            return f"Get a new HMAC key from the people who manage the bucket, and save it in “{config.file.name}”."
        return (
            "Get a new key file of the service account and save it in the place of the old one, or sign in again "
            "(“gcloud auth application-default login”)."
        )
    if isinstance(credentials, MicrosoftLogin):
        return _signed_in_again(credentials, config)
    what = {AuthMode.SAS: "SAS token", AuthMode.KEY: "account key"}.get(credentials.mode, "connection string")
    origin = getattr(credentials, "origin", Origin.FILE)
    if origin is Origin.STORE:
        return f"Get a new {what} from the central team, and store it in {keychain.title()} with “chorus-upload credential set”."
    variable = (
        " The present one is in an environment variable. A new one in the file is used instead." if origin is Origin.ENVIRONMENT else ""
    )
    return f"Get a new {what} from the central team, and save it in “{config.file.name}”.{variable}"


def _signed_in_again(credentials: MicrosoftLogin, config: Config) -> str:
    match credentials.identity:
        case None:
            return "Sign in again with “az login”."
        case Certificate(file=file, origin=origin):
            password = (
                " If the new file has another password, store it with “chorus-upload credential set”." if origin is Origin.STORE else ""
            )
            return f"Replace the certificate file “{file}”, or correct the sign-in in “{config.file.name}”.{password}"
        case WorkloadIdentity(file=file):
            return f"Check the service that writes the token file “{file}”, or correct the sign-in in “{config.file.name}”."
        case ManagedIdentity():
            return "Check the managed identity of this computer in the Azure portal."


def save_credential(file: Path, where: str, secret: str | AccessKey) -> tuple[str, ...]:
    """Save a new secret where the old one of ``where`` is; for a bucket an access key.

    Raises as :func:`~chorus_gui.core.config.new_secret.replace_secret` and :func:`~chorus_gui.core.config.aws_store.replace_keys`.
    """
    from chorus_gui.core.config import keychain
    from chorus_gui.core.config.new_secret import replace_secret
    from chorus_gui.core.config.save import ConfigDocument

    keychain.forget_answers()
    if isinstance(secret, AccessKey):
        from chorus_gui.core.config.aws_store import replace_keys

        return replace_keys(ConfigDocument.open(file.absolute()), where, secret)
    return replace_secret(ConfigDocument.open(file.absolute()), where, secret)


def renewed(
    config: Config, place: Place, named: tuple[str, Store | Source], login: Login | None, found_one: Callable[[str, Credentials], None]
) -> Renewed:
    """How the credential of a place is renewed.  ``named``: its name in the configuration, and the open store or source.

    ``found_one`` is called when another credential is used from now on.
    """
    from chorus_gui.core.storage.open import renew
    from chorus_gui.core.storage.renewal import LOOK_S, TEST_S, Renewed

    where, opened = named
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
        found_one(where, found)
        return True

    def test() -> None:
        if hasattr(opened, "head"):
            opened.head(_NOBODY)  # type: ignore[union-attr]
        else:
            opened.stat(_NOBODY)  # type: ignore[union-attr]

    credentials = place.credentials
    asking = credentials.mode is AuthMode.LOGIN and login is not None and (login.sign_in.browser or login.sign_in.device_code is not None)
    sas = credentials.sas
    kept = getattr(credentials, "origin", Origin.FILE) is Origin.STORE
    return Renewed(
        look,
        test,
        where if not isinstance(credentials, GoogleKeys) or credentials.hmac_id else "",  # nobody is asked for a file
        where_kept(credentials, config),
        KEYCHAIN_S if kept else LOOK_S,
        ASKING_S if asking else TEST_S,
        sas is None or sas.info.changeable,
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
    renewable = one.kind is other.kind and one.kind is not PlaceKind.FOLDER
    return renewable and (one.account, one.container) == (other.account, other.container)
