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
from chorus_gui.core.storage.sending import unless_cancelled

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
        """See :meth:`KeySource.keys`.  Raises ``Cancelled``: a program or a service can keep it waiting for minutes."""
        found = self._credentials
        if found is None or getattr(found, "refresh_needed", bool)():
            return unless_cancelled(self._asked, lambda _: None)
        return self._asked()

    def _asked(self) -> Keys:
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
        session, environment = self._session, credentials.EnvProvider()
        if self._roles:
            resolver = credentials.create_credential_resolver(session)
            own = [resolver.get_provider(name) for name in ("container-role", "iam-role")]
            resolver.insert_after("assume-role", self._assumed([environment, *own]))
            resolver.remove("assume-role")  # the first of the two, which asks for codes
            return resolver.load_credentials()
        name, builder = self._name(), credentials.ProfileProviderBuilder(session, cache={})
        first = [] if self._profile else [environment]
        of_profile = builder.providers(profile_name=name, disable_env_vars=bool(self._profile))
        return credentials.CredentialResolver([*first, self._assumed([environment]), *of_profile]).load_credentials()

    def _name(self) -> str:
        return str(self._session.get_config_variable("profile") or "default")

    def _assumed(self, sources: list[Any]) -> Any:
        """The roles that profiles name, with the credentials of another profile or of ``sources``."""
        credentials, session = _library().credentials, self._session
        return credentials.AssumeRoleProvider(
            load_config=lambda: session.full_config,
            client_creator=session.create_client,
            cache={},
            profile_name=self._name(),
            prompter=_no_code,
            credential_sourcer=credentials.CanonicalNameCredentialSourcer(sources),
            profile_provider_builder=credentials.ProfileProviderBuilder(session, cache={}),
        )

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


class _CodeError(ValueError):
    """A role requires a code that only a person has."""


def _no_code(prompt: str) -> str:
    """Nobody may be there, and a window has no terminal: the AWS tools would wait for ever."""
    raise _CodeError(prompt)


def _session(profile: str, region: str) -> Any:
    session = _library().session.Session(profile=profile or None)
    session.set_config_variable("defaults_mode", "legacy")  # “auto” of a profile or the environment asks the computer in which region it is
    if region:
        session.set_config_variable("region", region)
    session.get_scoped_config()  # raises for a profile that does not exist
    return session


def _settings(session: Any, region: str) -> Settings:
    profile: Any = session.get_scoped_config()
    services: Any = session.full_config.get("services", {}).get(profile.get("services", ""), {})
    endpoint = services.get("s3", {}).get("endpoint_url") or profile.get("endpoint_url", "")
    if session.get_config_variable("ignore_configured_endpoint_urls"):
        endpoint = ""
    style = profile.get("s3", {}).get("addressing_style", "")
    found = region or session.get_config_variable("region") or ""
    return Settings(str(found), str(endpoint), str(style), str(profile.get("ca_bundle", "")))


def _unreadable() -> tuple[type[Exception], ...]:
    """What botocore raises for settings and services: its own errors, and what its parsers stumble over."""
    errors = _library().exceptions
    return errors.BotoCoreError, errors.ClientError, OSError, ValueError, LookupError, TypeError, AttributeError


def _cause(error: Exception) -> str:
    """Its text, without secrets; of what only stumbled over settings or answers, a sentence in its place."""
    errors = _library().exceptions
    if not isinstance(error, (errors.BotoCoreError, errors.ClientError, OSError)):
        return "A setting, or what a program or a service answered, does not have the form that the AWS tools expect."
    line = redact(" ".join(str(error).split()))[:_SHOWN_CHARS].rstrip(".")
    return f"{line}." if line else ""


def _failure(error: Exception) -> StoreError:
    errors = _library().exceptions
    if isinstance(error, _CodeError):
        return AccessError(
            "The AWS profile requires a code from an MFA device.",
            meaning="CHoRUS Upload cannot ask for one, because an upload runs for hours and the credentials are renewed meanwhile.",
            remedy="Get temporary credentials with “aws sts assume-role”, and enter them with aws_session_token. Or use a profile without mfa_serial.",
        )
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
