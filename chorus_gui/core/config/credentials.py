"""What lets us into a place: one of a few values.  The configuration decides which, once; nothing decides it again from what is there.

Each value has its secret cleaned, and knows what can be known about it without sending it.  :meth:`Secret.reveal` is called where a
credential is sent or stored, or written into a script; everything else compares :class:`Secret` values.
"""

from __future__ import annotations

import hmac
from copy import copy
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path

from chorus_gui.core.config.sas import SasInfo, clean_sas
from chorus_gui.core.redact import MASK

_CERTIFICATE_BYTES = 1024 * 1024


class AuthMode(Enum):
    """How a place in Azure lets us in.  NONE for a folder."""

    NONE = "none"
    LOGIN = "login"
    CERTIFICATE = "certificate"
    MANAGED_IDENTITY = "managed_identity"
    WORKLOAD_IDENTITY = "workload_identity"
    SAS = "sas"
    KEY = "key"
    CONNECTION_STRING = "connection_string"

    @property
    def signs_in(self) -> bool:
        """Requests carry a token of Microsoft Entra, a person's or a program's."""
        return self is AuthMode.LOGIN or self.is_identity

    @property
    def is_identity(self) -> bool:
        """The sign-in needs no person."""
        return self in (AuthMode.CERTIFICATE, AuthMode.MANAGED_IDENTITY, AuthMode.WORKLOAD_IDENTITY)


class Origin(Enum):
    """Where a secret was found."""

    FILE = "file"
    ENVIRONMENT = "environment"
    STORE = "store"
    """the operating system's credential store"""


class Secret:
    """A text that must not be shown.  It prints as dots; :meth:`reveal` is called where it is sent, nowhere else.

    No dataclass, so that ``dataclasses.asdict`` of what holds it does not open it.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The text itself."""
        return self._value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash(self._value)

    def __str__(self) -> str:
        return MASK

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    def __bool__(self) -> bool:
        return bool(self._value)


class _Facts:
    """What can be asked of every kind of credentials."""

    __slots__ = ()

    @property
    def sas(self) -> Sas | None:
        """The SAS token that is used, also the one in a connection string."""
        return None

    @property
    def key(self) -> AccountKey | None:
        """The account's key that is used, also the one in a connection string."""
        return None


@dataclass(frozen=True, slots=True)
class NoCredentials(_Facts):
    """Nothing is sent: a folder needs none.  ``mode``: what the configuration requires although it has none; ``origin``: where that
    would be, if it was to be found in one place only.
    """

    mode: AuthMode = AuthMode.NONE
    origin: Origin | None = None

    def masked(self) -> NoCredentials:
        """Itself: it has no secret."""
        return self


@dataclass(frozen=True, slots=True)
class Certificate:
    """A program's registration in Entra (a service principal), which signs in with a certificate and its private key.

    ``client_id``: the registration's ID.  ``file``: the absolute path of a PEM or PFX file; ``password`` opens it.  ``origin``: where the
    password was found, or would be.
    """

    client_id: str
    file: str
    password: Secret | None = None
    origin: Origin = field(default=Origin.FILE, compare=False)

    @property
    def is_locked(self) -> bool:
        """Its file needs a password, as far as that is known."""
        return is_locked(self.file)


def is_locked(certificate: str) -> bool:
    """A certificate's file needs a password: its key is encrypted, or it is PFX and does not open without one.  True if it cannot be read now."""
    try:
        with Path(certificate).open("rb") as stream:
            data = stream.read(_CERTIFICATE_BYTES)
    except (OSError, ValueError):
        return True
    return b"ENCRYPTED" in data if b"-----BEGIN" in data else not _opens(data)


def _opens(pfx: bytes) -> bool:
    from cryptography.hazmat.primitives.serialization import pkcs12

    try:
        pkcs12.load_key_and_certificates(pfx, None)
    except Exception:  # noqa: BLE001 - the library raises what it likes for what others wrote
        return False
    return True


@dataclass(frozen=True, slots=True)
class ManagedIdentity:
    """The identity of this computer in Azure, or the one of ``client_id`` that was assigned to it.

    Asking for its tokens contacts the computer's metadata service (169.254.169.254), so only a configuration can request it.
    """

    client_id: str = ""


@dataclass(frozen=True, slots=True)
class WorkloadIdentity:
    """A registration in Entra that trusts another service's tokens.  ``file``: the absolute path of the file with such a token."""

    client_id: str
    file: str


Identity = Certificate | ManagedIdentity | WorkloadIdentity
"""Who signs in where no person does."""


@dataclass(frozen=True, slots=True)
class MicrosoftLogin(_Facts):
    """A sign-in with Microsoft Entra, by a person if ``identity`` is None.

    ``tenant``: where it takes place; "": in the one of the person's own account.  ``authority``: the host of the sign-in service, ""
    for the public cloud's.
    """

    tenant: str = ""
    identity: Identity | None = None
    authority: str = ""

    def masked(self) -> MicrosoftLogin:
        """The same with dots in place of every secret, for a preview."""
        if isinstance(self.identity, Certificate) and self.identity.password:
            return replace(self, identity=replace(self.identity, password=Secret(MASK)))
        return self

    @property
    def origin(self) -> Origin:
        """Where the secret of the identity was found, or would be."""
        return self.identity.origin if isinstance(self.identity, Certificate) else Origin.FILE

    @property
    def mode(self) -> AuthMode:
        """LOGIN, or the mode of the identity."""
        match self.identity:
            case None:
                return AuthMode.LOGIN
            case Certificate():
                return AuthMode.CERTIFICATE
            case ManagedIdentity():
                return AuthMode.MANAGED_IDENTITY
            case WorkloadIdentity():
                return AuthMode.WORKLOAD_IDENTITY


@dataclass(frozen=True, slots=True, init=False)
class Sas(_Facts):
    """A SAS token.  Made of a token, "?token" or a whole URL; empty if that has no signature.  ``info``: what the token allows."""

    token: Secret
    origin: Origin
    info: SasInfo = field(compare=False)

    def __init__(self, text: str, origin: Origin = Origin.FILE) -> None:
        clean = clean_sas(text)
        object.__setattr__(self, "token", Secret(clean))
        object.__setattr__(self, "origin", origin)
        object.__setattr__(self, "info", SasInfo.parse(clean))

    def masked(self) -> Sas:
        """The same with dots in place of every secret, for a preview."""
        other = copy(self)
        object.__setattr__(other, "token", Secret(MASK))
        return other

    @property
    def mode(self) -> AuthMode:
        """SAS."""
        return AuthMode.SAS

    @property
    def sas(self) -> Sas:
        """Itself."""
        return self


@dataclass(frozen=True, slots=True, init=False)
class AccountKey(_Facts):
    """The account's key: base64, but that is not checked here.  It opens the whole account, and does not expire."""

    secret: Secret
    origin: Origin

    def __init__(self, text: str, origin: Origin = Origin.FILE) -> None:
        object.__setattr__(self, "secret", Secret(text.strip()))
        object.__setattr__(self, "origin", origin)

    def masked(self) -> AccountKey:
        """The same with dots in place of every secret, for a preview."""
        return AccountKey(MASK, self.origin)

    @property
    def mode(self) -> AuthMode:
        """KEY."""
        return AuthMode.KEY

    @property
    def key(self) -> AccountKey:
        """Itself."""
        return self


@dataclass(frozen=True, slots=True)
class ConnectionString(_Facts):
    """What a connection string has in it; its address is the place's account.  ``holds`` is None if it has neither token nor key."""

    holds: Sas | AccountKey | None
    origin: Origin = Origin.FILE

    def masked(self) -> ConnectionString:
        """The same with dots in place of every secret, for a preview."""
        return ConnectionString(self.holds and self.holds.masked(), self.origin)

    @property
    def mode(self) -> AuthMode:
        """CONNECTION_STRING."""
        return AuthMode.CONNECTION_STRING

    @property
    def sas(self) -> Sas | None:
        """The token in it."""
        return self.holds.sas if self.holds else None

    @property
    def key(self) -> AccountKey | None:
        """The key in it."""
        return self.holds.key if self.holds else None


@dataclass(frozen=True, slots=True)
class AwsKeys(_Facts):
    """For a bucket in S3.  All empty: what the AWS tools of this computer have.

    ``roles``: the role of this computer in the cloud may be used, too; without it, nobody asks for that.  ``origin``: where the secret was found.
    """

    key_id: str = ""
    secret: Secret | None = None
    session: Secret | None = None
    profile: str = ""
    roles: bool = False
    origin: Origin = field(default=Origin.FILE, compare=False)

    def masked(self) -> AwsKeys:
        """The same with dots in place of every secret, for a preview."""
        return replace(self, secret=self.secret and Secret(MASK), session=self.session and Secret(MASK))

    @property
    def mode(self) -> AuthMode:
        """KEY, or NONE if there is none."""
        return AuthMode.KEY if self.key_id and self.secret else AuthMode.NONE


@dataclass(frozen=True, slots=True)
class GoogleKeys(_Facts):
    """For a bucket in Google Cloud Storage: a file with credentials (its absolute path), or an HMAC key.  All empty: there is none.

    ``attached``: without both, the service account of this computer in the cloud is used; otherwise nobody asks for that.  ``origin``: where the
    HMAC key's secret was found.
    """

    file: str = ""
    hmac_id: str = ""
    hmac_secret: Secret | None = None
    attached: bool = False
    origin: Origin = field(default=Origin.FILE, compare=False)

    def masked(self) -> GoogleKeys:
        """The same with dots in place of every secret, for a preview."""
        return replace(self, hmac_secret=self.hmac_secret and Secret(MASK))

    @property
    def s3(self) -> AwsKeys:
        """The HMAC key, as requests through the interface of S3 are signed with it."""
        return AwsKeys(self.hmac_id, self.hmac_secret, origin=self.origin)

    @property
    def mode(self) -> AuthMode:
        """KEY for an HMAC key, otherwise NONE."""
        return AuthMode.KEY if self.hmac_id and self.hmac_secret else AuthMode.NONE


@dataclass(frozen=True, slots=True)
class AccessKey:
    """An AWS access key, or an HMAC key of Google (which has no session), as a person entered it, to be saved: not yet what lets anybody in.  "" for a part that is not there."""

    key_id: str
    secret: str = field(repr=False)
    session: str = field(default="", repr=False)


Credentials = NoCredentials | MicrosoftLogin | Sas | AccountKey | ConnectionString | AwsKeys | GoogleKeys
NO_CREDENTIALS = NoCredentials()
NO_AWS_KEYS = AwsKeys()
NO_GOOGLE_KEYS = GoogleKeys()


@dataclass(frozen=True, slots=True)
class Account:
    """A storage account, or the server of a bucket that is neither Amazon's nor Google's own: then it has only a ``url``.  ``url`` is always set for a place in Azure, without a SAS and without "/" at its end; ``name`` too, unless
    the account is only known by a custom URL.
    """

    name: str = ""
    url: str = ""


NO_ACCOUNT = Account()
