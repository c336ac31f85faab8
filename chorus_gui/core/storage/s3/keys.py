"""Where the keys come from that sign requests: the configuration, or what the AWS tools of this computer have.

The second is botocore's: profiles, the environment, ``credential_process``, SSO, roles and web identities.  The services that give
credentials to whoever runs on a computer in the cloud (169.254.169.254 and the like) are only asked if the configuration requests it.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from chorus_gui.core.config.credentials import AwsKeys
from chorus_gui.core.errors import AccessError, StoreError, StoreUnavailableError, TokenTimeError, Why
from chorus_gui.core.redact import RedactingFilter, redact
from chorus_gui.core.storage.s3.signature import Keys

REMEDY = "Correct the aws keys or aws_profile in the configuration, or sign in again with the AWS tools of this computer (“aws sso login”)."
_SHOWN_CHARS = 300


@dataclass(frozen=True, slots=True)
class Settings:
    """What a profile of the AWS tools says about S3, "" for what it does not say."""

    region: str = ""
    endpoint: str = ""
    style: str = ""
    certificates: str = ""


class KeySource(Protocol):
    """Gives the keys for a request.  Safe for many threads."""

    @property
    def settings(self) -> Settings:
        """What goes with the keys."""
        ...

    def keys(self) -> Keys:
        """The keys that are valid now; may ask a service for them.  Raises :class:`StoreError`."""
        ...

    def forget(self) -> None:
        """The keys were refused: look for them again, where they are renewed."""
        ...


class GivenKeys:
    """Those of the configuration."""

    settings = Settings()

    def __init__(self, key_id: str, secret: str, token: str) -> None:
        self._keys = Keys(key_id, secret, token)

    def keys(self) -> Keys:
        """See :meth:`KeySource.keys`."""
        return self._keys

    def forget(self) -> None:
        """See :meth:`KeySource.forget`.  Only another configuration has others."""


def key_source(credentials: AwsKeys, region: str) -> KeySource:
    """Raises :class:`AccessError` for a profile that does not exist or cannot be read.  Nothing is sent yet."""
    if credentials.key_id and credentials.secret:
        session = credentials.session.reveal() if credentials.session else ""
        return GivenKeys(credentials.key_id, credentials.secret.reveal(), session)
    return AwsChain(credentials.profile, region, roles=credentials.roles)


class AwsChain:
    """What the AWS tools of this computer have.  ``roles``: also what the computer itself is allowed in the cloud."""

    def __init__(self, profile: str, region: str, *, roles: bool) -> None:
        logger = logging.getLogger("botocore")
        logger.setLevel(logging.ERROR)  # what fails is raised as a sentence
        if not any(isinstance(known, RedactingFilter) for known in logger.filters):
            logger.addFilter(RedactingFilter())
        self._profile, self._region, self._roles, self._lock = profile, region, roles, threading.Lock()
        self._credentials: Any = None
        try:
            self._session = _session(profile, region)
            self.settings = _settings(self._session, region)
        except _unreadable() as error:
            cause = _cause(error)
        else:
            return
        raise AccessError(
            "The AWS settings of this computer cannot be used.",
            meaning=cause,
            remedy="Correct aws_profile in the configuration, or the files “config” and “credentials” in the folder “.aws” of your home folder.",
        )

    def keys(self) -> Keys:
        """See :meth:`KeySource.keys`."""
        try:
            with self._lock:
                if self._credentials is None:
                    self._credentials = self._found()
                found = self._credentials
            frozen = found.get_frozen_credentials() if found is not None else None
        except _unreadable() as error:
            failure = _failure(error)
        else:
            if frozen is not None and frozen.access_key and frozen.secret_key:
                return Keys(frozen.access_key, frozen.secret_key, frozen.token or "")
            failure = self._none()
        failure.why = Why.NO_ANSWER if isinstance(failure, StoreUnavailableError) else Why.CREDENTIAL
        raise failure

    def forget(self) -> None:
        """See :meth:`KeySource.forget`."""
        with self._lock:
            self._credentials = None
            try:
                self._session = _session(self._profile, self._region)  # reads the files again
            except _unreadable():
                return  # somebody is in the middle of writing them

    def _found(self) -> Any:
        credentials = _library().credentials
        if self._roles:
            return credentials.create_credential_resolver(self._session).load_credentials()
        session, environment = self._session, credentials.EnvProvider()
        name = session.get_config_variable("profile") or "default"
        builder = credentials.ProfileProviderBuilder(session, cache={})
        assumed = credentials.AssumeRoleProvider(
            load_config=lambda: session.full_config,
            client_creator=session.create_client,
            cache={},
            profile_name=name,
            credential_sourcer=credentials.CanonicalNameCredentialSourcer([environment]),
            profile_provider_builder=builder,
        )
        first = [] if self._profile else [environment]
        of_profile = builder.providers(profile_name=name, disable_env_vars=bool(self._profile))
        return credentials.CredentialResolver([*first, assumed, *of_profile]).load_credentials()

    def _none(self) -> StoreError:
        where = f"the profile “{self._profile}”" if self._profile else "the environment and the AWS settings of this computer"
        return AccessError(
            "There are no AWS credentials for the site's bucket.",
            meaning=f"The configuration has none, and {where} {'has' if self._profile else 'have'} none either.",
            remedy="Enter aws_access_key_id and aws_secret_access_key, or aws_profile. On a computer in AWS that has a role of its own, "
            "set aws_use_role = true.",
        )


class _Library(NamedTuple):
    """The modules of botocore, which has no types."""

    credentials: Any
    exceptions: Any
    session: Any


def _library() -> _Library:
    from botocore import credentials, exceptions, session  # pyright: ignore[reportMissingTypeStubs]

    return _Library(credentials, exceptions, session)


def _session(profile: str, region: str) -> Any:
    session = _library().session.Session(profile=profile or None)
    if region:
        session.set_config_variable("region", region)
    session.get_scoped_config()  # raises for a profile that does not exist
    return session


def _settings(session: Any, region: str) -> Settings:
    profile: Any = session.get_scoped_config()
    services: Any = session.full_config.get("services", {}).get(profile.get("services", ""), {})
    endpoint = services.get("s3", {}).get("endpoint_url") or profile.get("endpoint_url", "")
    style = profile.get("s3", {}).get("addressing_style", "")
    found = region or session.get_config_variable("region") or ""
    return Settings(str(found), str(endpoint), str(style), str(profile.get("ca_bundle", "")))


def _unreadable() -> tuple[type[Exception], ...]:
    """What botocore raises for settings and services: its own errors, and what its parsers stumble over."""
    errors = _library().exceptions
    return errors.BotoCoreError, errors.ClientError, OSError, ValueError, LookupError, TypeError, AttributeError


def _cause(error: Exception) -> str:
    """The first line of its text, without secrets."""
    line = redact(" ".join(str(error).split()))[:_SHOWN_CHARS].rstrip(".")
    return f"{line}." if line else ""


def _failure(error: Exception) -> StoreError:
    errors = _library().exceptions
    if isinstance(error, (errors.SSOError, errors.TokenRetrievalError, errors.LoginError)):
        return TokenTimeError(
            "The sign-in to AWS has expired.", meaning=_cause(error), remedy="Run “aws sso login” in a terminal, and try again."
        )
    if isinstance(error, (errors.HTTPClientError, errors.ConnectionError)):
        return StoreUnavailableError(
            "Could not get AWS credentials: the service that gives them did not answer.",
            meaning=_cause(error),
            remedy="Check the network, and try again.",
        )
    if isinstance(error, errors.InvalidConfigError):
        remedy = (
            "Correct the profile in the AWS settings. If it uses the role of this computer, set aws_use_role = true in the configuration."
        )
        return AccessError("The AWS profile cannot be used.", meaning=_cause(error), remedy=remedy)
    return AccessError("Could not get AWS credentials.", meaning=_cause(error), remedy=REMEDY)
