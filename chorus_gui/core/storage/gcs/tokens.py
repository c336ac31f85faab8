"""Where the tokens come from that are sent with requests: a file with credentials, or the account of a computer in Google Cloud.

google-auth makes them.  Its own search for credentials is never used: it looks into the settings of other programs, and asks
metadata.google.internal, whoever asked for that or not.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol, cast

from chorus_gui.core.config.credentials import GoogleKeys
from chorus_gui.core.errors import AccessError, ChorusError, StoreError, TokenTimeError, Why
from chorus_gui.core.redact import RedactingFilter, redact
from chorus_gui.core.storage.bucket.answers import Access, because, no_answer
from chorus_gui.core.storage.gcs.sending import Sender, busy
from chorus_gui.core.storage.http.headers import readable
from chorus_gui.core.storage.sending import unless_cancelled
from chorus_gui.core.untrusted import DATA_ERRORS, MalformedError, json_value

REMEDY = "Correct google_credentials_file in the configuration. In the Google Cloud console, a service account's page “Keys” has new keys."
SCOPES = ("https://www.googleapis.com/auth/devstorage.read_only",)
"""Reading, whatever else the account may do.  A sign-in of a person has the scopes that it was made with."""
EARLY = timedelta(seconds=60)
"""A token is renewed so long before it ends."""
MOST_BYTES = 1024 * 1024
_SHOWN_CHARS = 300


class TokenSource(Protocol):
    """Gives the token for a request.  Safe for many threads."""

    def token(self) -> str:
        """One that is valid now; may ask a service for it.  Raises :class:`StoreError`."""
        ...

    def forget(self, token: str) -> None:
        """This token was refused: get another one."""
        ...


class GoogleTokens:
    """Those of a file, which is read again after a token was refused, or of this computer's own account in the cloud.

    ``access`` says how the bucket is reached, for sentences.  Nothing is read or sent yet.
    """

    def __init__(self, given: GoogleKeys, certificates: str, access: Access) -> None:
        for logger in map(logging.getLogger, ("google.auth", "google.oauth2")):
            logger.setLevel(logging.ERROR)  # what fails is raised as a sentence
            if not any(isinstance(known, RedactingFilter) for known in logger.filters):
                logger.addFilter(RedactingFilter())
        self._given, self._certificates, self._access = given, certificates, access
        self._lock = threading.Lock()
        self._credentials: Any = None

    def token(self) -> str:
        """See :meth:`TokenSource.token`.  Raises ``Cancelled``: a service can keep it waiting."""
        found = _valid(self._credentials)
        return found or unless_cancelled(self._renewed, lambda _: None)

    def forget(self, token: str) -> None:
        """See :meth:`TokenSource.forget`."""
        with self._lock:
            if self._credentials is not None and self._credentials.token == token:
                self._credentials = None

    def _renewed(self) -> str:
        with self._lock:
            if found := _valid(self._credentials):
                return found  # another thread was here
            if self._credentials is None:
                self._credentials = self._loaded()
            sender = Sender(self._certificates, _metadata_host() if self._given.attached and not self._given.file else "")
            failure: StoreError | None = None
            try:
                self._credentials.refresh(sender)
            except (_errors().GoogleAuthError, OSError, *DATA_ERRORS) as error:
                failure = self._failure(error, sender)
                self._credentials = None
            if failure is not None:
                raise failure
            return str(self._credentials.token)

    def _loaded(self) -> Any:
        if self._given.file:
            return _of_file(self._given.file)
        if self._given.attached:
            from google.auth.compute_engine import Credentials

            return Credentials(scopes=SCOPES)
        raise because(Why.CREDENTIAL, _none())

    def _failure(self, error: Exception, sender: Sender) -> StoreError:
        attached = self._given.attached and not self._given.file
        if sender.failure is not None and not attached:
            return self._not_sent(*sender.failure)
        text = _text(error) if sender.failure is None else "The metadata server does not answer."
        if getattr(error, "retryable", False) and not attached:
            return busy()
        if attached:
            made = AccessError(
                "This computer has no service account in Google Cloud, or it gives no token.",
                meaning=text,
                remedy="Attach a service account to the computer in the Google Cloud console, or use google_credentials_file.",
            )
        elif ("iat" in text and "exp" in text) or "short-lived" in text:
            made = TokenTimeError(
                "Google refused the sign-in because of its time.",
                meaning=text,
                remedy="Set this computer's clock and time zone to the right time, then try again.",
            )
        else:
            made = AccessError(
                "Google does not accept the credentials file.",
                meaning=f"{text} The key or the sign-in in it was deleted or turned off, or has expired.",
                remedy=f"{REMEDY} If it is a sign-in of your own, run “gcloud auth application-default login” again.",
            )
        return because(Why.CREDENTIAL, made)

    def _not_sent(self, error: Exception, host: str) -> StoreError:
        if isinstance(error, StoreError):
            return error
        if isinstance(error, ChorusError):
            return because(Why.CREDENTIAL, AccessError(error.what, meaning=error.meaning, remedy=error.remedy))
        access = Access(
            self._access.bucket, host, "the sign-in service of Google", self._access.maker, self._access.remedy, self._access.keys
        )
        return no_answer(cast("Any", error), access)


def _valid(credentials: Any) -> str:
    """The token, "" if there is none, or it ends soon."""
    if credentials is None or not credentials.token:
        return ""
    expiry: datetime | None = credentials.expiry
    if expiry is not None and expiry.replace(tzinfo=UTC) - EARLY <= datetime.now(UTC):
        return ""
    return str(credentials.token)


def _errors() -> Any:
    from google.auth import exceptions

    return exceptions


def _of_file(file: str) -> Any:
    """The credentials in a file.  Raises :class:`AccessError`: its content is not repeated."""
    info = _read(file)
    kind = info.get("type")
    make = _KINDS.get(kind) if isinstance(kind, str) else None
    if make is None:
        raise _no_credentials(file, "It has no credentials, or those of a kind that CHoRUS Upload cannot use.")
    failed = False
    try:
        return make(info)
    except (_errors().GoogleAuthError, ImportError, *DATA_ERRORS):
        failed = True
    assert failed
    raise _no_credentials(file, "A part of it is missing or damaged.")


def _service_account(info: dict[str, Any]) -> Any:
    from google.oauth2.service_account import Credentials

    library: Any = Credentials
    return library.from_service_account_info(info, scopes=SCOPES)


def _user(info: dict[str, Any]) -> Any:
    from google.oauth2.credentials import Credentials

    library: Any = Credentials
    return library.from_authorized_user_info(info)


def _workload(info: dict[str, Any]) -> Any:
    """The identity of a workload elsewhere: a token in a file or of a server.  Programs are not started, and AWS is not asked."""
    from google.auth.identity_pool import Credentials

    source = info.get("credential_source")
    if not isinstance(source, dict) or not ({"file", "url"} & source.keys()):
        raise MalformedError("another source")
    library: Any = Credentials
    return library.from_info(info, scopes=SCOPES)


_KINDS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "service_account": _service_account,
    "authorized_user": _user,
    "external_account": _workload,
}


def _read(file: str) -> dict[str, Any]:
    try:
        with Path(file).open("rb") as stream:
            value = json_value(stream.read(MOST_BYTES + 1))
    except MalformedError:
        value = None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "its name is not valid"
        raise because(
            Why.CREDENTIAL,
            AccessError(
                f"The file with Google credentials “{file}” cannot be read: {why}.",
                meaning="google_credentials_file or the environment variable GOOGLE_APPLICATION_CREDENTIALS names it. Nothing was sent.",
                remedy="Correct the path, or your permissions for the file.",
            ),
        ) from None
    if not isinstance(value, dict):
        raise _no_credentials(file, "It is not JSON.")
    return cast("dict[str, Any]", value)


def _no_credentials(file: str, why: str) -> AccessError:
    error = AccessError(
        f"“{file}” is not a file with Google credentials.",
        meaning=f"{why} Nothing was sent.",
        remedy="Name the JSON file of a service account's key, or the one that “gcloud auth application-default login” saved, in google_credentials_file.",
    )
    return because(Why.CREDENTIAL, error)


def _none() -> AccessError:
    saved = gcloud_file()
    other = f" Your sign-in with gcloud is in “{saved}”: to use it, name this file in google_credentials_file." if saved else ""
    return AccessError(
        "There are no Google credentials for the site's bucket.",
        meaning=f"The configuration has none, and the environment variable GOOGLE_APPLICATION_CREDENTIALS is not set.{other}",
        remedy="Enter google_credentials_file, or an HMAC key. On a computer in Google Cloud that has a service account of its own, "
        "set google_use_attached_account = true.",
    )


def gcloud_file() -> str:
    """Where “gcloud auth application-default login” saved the sign-in of this user; "" if it did not."""
    named = os.environ.get("CLOUDSDK_CONFIG")
    home = Path(os.environ.get("APPDATA", "")) if sys.platform == "win32" else Path.home() / ".config"
    file = (Path(named) if named else home / "gcloud") / "application_default_credentials.json"
    return str(file) if file.is_file() else ""


def _metadata_host() -> str:
    """The server that a computer in Google Cloud asks, as google-auth finds it."""
    return os.environ.get("GCE_METADATA_HOST") or os.environ.get("GCE_METADATA_ROOT") or "metadata.google.internal"


def _text(error: Exception) -> str:
    """What Google said, without secrets; of what only stumbled over an answer, a sentence in its place."""
    if not isinstance(error, (_errors().GoogleAuthError, OSError)):
        return "What the sign-in service answered does not have the form that it should have."
    line = redact(readable(" ".join(str(error.args[0] if error.args else "").split())))[:_SHOWN_CHARS].rstrip(".")
    return f"{line}." if line else ""
