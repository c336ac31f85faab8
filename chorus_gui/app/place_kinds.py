"""Where a site's files can be, and what each kind of place needs: ways of signing in and their keys, as data.

The Configuration page, the assistant, the check of a place and the doctor share it.  No Qt, nothing is opened.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chorus_gui.core.config.keys import CREDENTIALS
from chorus_gui.core.config.model import Layout, PlaceKind

if TYPE_CHECKING:
    from chorus_gui.core.config.save import Scalar


@dataclass(frozen=True, slots=True)
class Way:
    """A way of signing in.  ``about`` is one line for a person.

    ``keys`` are the fields that it needs, in order, ``required`` those that cannot be empty; ``writes`` is what choosing it sets in the
    file.  Keys are names of :data:`~chorus_gui.core.config.keys.CREDENTIALS`.
    """

    name: str
    title: str
    about: str
    keys: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    writes: Mapping[str, Scalar] = field(default_factory=dict[str, "Scalar"])


@dataclass(frozen=True, slots=True)
class PlaceForm:
    """What a form asks about a kind of place.  ``scheme`` "" is a folder, which has no ways of signing in.

    ``address`` is what its path is called, ``example`` one without the scheme; ``always`` are keys that every way needs, ``container`` is the
    key that repeats the container's name; ``prefixes`` are how the names of its keys begin.
    """

    kind: PlaceKind
    title: str
    scheme: str
    address: str
    example: str
    about: str
    ways: tuple[Way, ...] = ()
    always: tuple[str, ...] = ()
    container: str = ""
    prefixes: tuple[str, ...] = ()

    @property
    def start(self) -> str:
        """How its paths begin: "s3://", "" for a folder."""
        return f"{self.scheme}://" if self.scheme else ""

    @property
    def keys(self) -> tuple[str, ...]:
        """All keys that only this kind of place has."""
        own = tuple(name for name in CREDENTIALS if name.startswith(self.prefixes)) if self.prefixes else ()
        return (*own, *([self.container] if self.container else []))

    @property
    def further(self) -> tuple[str, ...]:
        """Its keys that no way of signing in needs: how the place is reached."""
        asked = {*self.always, "auth_mode", *(name for way in self.ways for name in (*way.keys, *way.writes))}
        return tuple(name for name in self.keys if name not in asked)

    def way(self, name: str) -> Way:
        """A way by its name; :class:`KeyError` for another."""
        return {way.name: way for way in self.ways}[name]


FOLDER = PlaceForm(
    PlaceKind.FOLDER,
    "Folder",
    "",
    "Folder",
    "D:/chorus/site",
    "A folder on this computer or on a network drive.",
)
S3 = PlaceForm(
    PlaceKind.S3,
    "Amazon S3",
    "s3",
    "Bucket and folder",
    "hospital-images/chorus",
    "The name of the bucket, then the folder in it. An address copied from the S3 console works, too.",
    (
        Way(
            "tools",
            "AWS settings of this computer",
            "Uses what the AWS tools use here: the default profile, or the environment. There is nothing to fill in.",
        ),
        Way(
            "profile",
            "Profile of the AWS tools",
            "Uses a profile in the folder “.aws”. For a sign-in, run “aws sso login” first.",
            ("aws_profile",),
            ("aws_profile",),
        ),
        Way(
            "keys",
            "Access key",
            "An access key of a user who can only read the bucket. It stays valid until it is deleted in AWS.",
            ("aws_access_key_id", "aws_secret_access_key"),
            ("aws_access_key_id", "aws_secret_access_key"),
        ),
        Way(
            "temporary",
            "Temporary access key",
            "Three values that expire together. If they expire during an upload, the upload waits for new ones.",
            ("aws_access_key_id", "aws_secret_access_key", "aws_session_token"),
            ("aws_access_key_id", "aws_secret_access_key", "aws_session_token"),
        ),
        Way(
            "role",
            "Role of this computer in AWS",
            "For a computer in AWS whose own role allows reading the bucket. There is nothing to fill in.",
            writes={"aws_use_role": True},
        ),
    ),
    container="s3_container",
    prefixes=("aws_",),
)
AZURE = PlaceForm(
    PlaceKind.AZURE,
    "Azure",
    "az",
    "Container and folder",
    "site-images/chorus",
    "The name of the container, then the folder in it. An address copied from the Azure portal works, too.",
    (
        Way(
            "login",
            "Sign in with Microsoft",
            "Your own Microsoft account, in the browser or with “az login”. It needs the role Storage Blob Data Reader.",
            ("azure_tenant_id",),
            writes={"auth_mode": "login"},
        ),
        Way(
            "certificate",
            "Certificate (app registration)",
            "Signs in without a person, so it is right for unattended runs. The file has the certificate and its private key.",
            ("azure_tenant_id", "azure_client_id", "azure_client_certificate_path", "azure_client_certificate_password"),
            ("azure_tenant_id", "azure_client_id", "azure_client_certificate_path"),
            {"auth_mode": "certificate"},
        ),
        Way(
            "managed_identity",
            "Identity of this computer in Azure",
            "For a computer in Azure. If the client ID is empty, its own identity is used; otherwise one that was assigned to it.",
            ("azure_client_id",),
            writes={"auth_mode": "managed_identity"},
        ),
        Way(
            "workload_identity",
            "Token file of another service",
            "For a pod or another service that writes a token to a file. The app registration must trust that service.",
            ("azure_tenant_id", "azure_client_id", "azure_federated_token_file"),
            ("azure_tenant_id", "azure_client_id", "azure_federated_token_file"),
            {"auth_mode": "workload_identity"},
        ),
        Way(
            "sas",
            "SAS token",
            "A token that allows reading and listing. If it expires during an upload, the upload waits for a new one.",
            ("azure_sas_token",),
            ("azure_sas_token",),
            {"auth_mode": "sas"},
        ),
        Way(
            "key",
            "Account key",
            "The key of the whole storage account. A SAS token that can only read is safer.",
            ("azure_account_key",),
            ("azure_account_key",),
            {"auth_mode": "key"},
        ),
        Way(
            "connection_string",
            "Connection string",
            "Storage account and credential in one text. A SAS token that can only read is safer.",
            ("azure_connection_string",),
            ("azure_connection_string",),
        ),
    ),
    always=("azure_account_name",),
    container="container",
    prefixes=("azure_", "auth_mode"),
)

GCS = PlaceForm(
    PlaceKind.GCS,
    "Google Cloud",
    "gs",
    "Bucket and folder",
    "hospital-images/chorus",
    "The name of the bucket, then the folder in it. An address copied from the Google Cloud console works, too.",
    (
        Way(
            "file",
            "Credentials file",
            "The JSON file of a service account that can only read the bucket, or what “gcloud auth application-default login” saved.",
            ("google_credentials_file",),
            ("google_credentials_file",),
        ),
        Way(
            "hmac",
            "HMAC key",
            "An access ID and a secret of a service account that can only read the bucket.",
            ("google_hmac_access_id", "google_hmac_secret"),
            ("google_hmac_access_id", "google_hmac_secret"),
        ),
        Way(
            "attached",
            "Account of this computer in Google Cloud",
            "For a computer in Google Cloud whose own service account may read the bucket. There is nothing to fill in.",
            writes={"google_use_attached_account": True},
        ),
    ),
    prefixes=("google_",),
)

FORMS: tuple[PlaceForm, ...] = (FOLDER, S3, AZURE, GCS)
"""The kinds of places that a site's files can be in, in the order of a form."""
_BY_KIND = {form.kind: form for form in FORMS}
_BY_SCHEME = {form.scheme: form.kind for form in FORMS}
_MODES = {"login": "login", "sas": "sas", "sas_token": "sas"}
_DECIDING = ("login", "certificate", "managed_identity", "workload_identity", "key")
"""Values of ``auth_mode`` that decide alone, whatever secret there is."""


_APP = "The directory (tenant) ID of the app registration."
_WORDS = {
    "aws_profile": "Its name, as in the file “config” or “credentials”.",
    "aws_access_key_id": "It usually begins with “AKIA”.",
    "aws_access_key_id/temporary": "It usually begins with “ASIA”.",
    "aws_secret_access_key": "If empty, it comes from this computer's credential store. AWS shows it once, when the access key is created.",
    "aws_secret_access_key/temporary": "If empty, it comes from this computer's credential store.",
    "aws_session_token": "The long text that belongs to the temporary access key.",
    "azure_account_name": "Its name has 3 to 24 lower-case letters and digits.",
    "azure_tenant_id": "If empty, the tenant of your own account. Otherwise the tenant (directory) of the storage account.",
    "azure_tenant_id/certificate": _APP,
    "azure_tenant_id/workload_identity": _APP,
    "azure_client_id": "The application (client) ID of the app registration.",
    "azure_client_id/managed_identity": "If empty, the computer's own identity. Otherwise the client ID of an assigned one.",
    "azure_client_certificate_path": "A PEM or PFX file with the private key. Only you should be able to read it.",
    "azure_client_certificate_password": "If empty, it comes from the environment or this computer's credential store. A file without a password needs none.",
    "azure_federated_token_file": "The other service keeps it up to date.",
    "azure_sas_token": "Paste all of it, as you received it. If empty, it comes from the environment or this computer's credential store.",
    "azure_account_key": "One of the two keys of the storage account. If empty, it comes from the environment or this computer's credential store.",
    "google_credentials_file": "If empty, the file that GOOGLE_APPLICATION_CREDENTIALS names. Only you should be able to read it.",
    "google_hmac_access_id": "It usually begins with “GOOG”.",
    "google_hmac_secret": "If empty, it comes from this computer's credential store. Google shows it once, when the key is created.",
    "azure_connection_string": "Copied from the storage account's page in the Azure portal.",
}
"""A key, or a key and a way: what the form says below its field, where the explanation of the file is for more than this way."""


def words_of(way: Way | None, key: str) -> str:
    """One line about a field, as this way of signing in needs it; "" if the explanation of the file fits."""
    return (_WORDS.get(f"{key}/{way.name}") if way else None) or _WORDS.get(key, "")


def form_of(kind: PlaceKind) -> PlaceForm:
    """What a form asks about this kind.  :class:`KeyError` for one that is not offered."""
    return _BY_KIND[kind]


def kind_of(path: object) -> PlaceKind | None:
    """Which kind of place a path of the file is; None for an address that no form has, and for what is not a text."""
    if not isinstance(path, str):
        return PlaceKind.FOLDER if path is None else None
    scheme, separator, _ = path.strip().partition("://")
    return _BY_SCHEME.get(scheme) if separator else PlaceKind.FOLDER


def way_of(form: PlaceForm, given: Mapping[str, object], layout: Layout) -> Way | None:
    """The way of signing in that these values of the file mean: credential key → value.  None: the file does not say, and must.

    As :mod:`~chorus_gui.core.config.credential_keys` decides it, without the environment.
    """
    has = {name for name, value in given.items() if value not in (None, "", False)}
    match form.kind:
        case PlaceKind.S3:
            return form.way(_aws_way(has))
        case PlaceKind.AZURE:
            name = _azure_way(has, given, layout)
            return form.way(name) if name else None
        case PlaceKind.GCS:
            return form.way(_google_way(has))
        case _:
            return None


def _google_way(has: Collection[str]) -> str:
    if "google_hmac_access_id" in has or "google_hmac_secret" in has:
        return "hmac"
    return "attached" if "google_use_attached_account" in has and "google_credentials_file" not in has else "file"


def _aws_way(has: Collection[str]) -> str:
    if "aws_session_token" in has:
        return "temporary"
    if "aws_access_key_id" in has or "aws_secret_access_key" in has:
        return "keys"
    return "role" if "aws_use_role" in has else "profile" if "aws_profile" in has else "tools"


def _azure_way(has: Collection[str], given: Mapping[str, object], layout: Layout) -> str:
    asked = str(given.get("auth_mode") or "")
    mode = _MODES.get(asked, "")
    if asked in _DECIDING:
        return asked
    if "azure_sas_token" in has or "sig=" in str(given.get("azure_account_url") or "").lower():
        return "sas"
    if "azure_connection_string" in has:
        return "connection_string"
    if "azure_account_key" in has:
        return "key"
    if mode:
        return mode
    if "azure_client_certificate_path" in has:
        return "certificate"
    if "azure_federated_token_file" in has:
        return "workload_identity"
    return "login" if layout is Layout.NESTED else ""


def not_used(form: PlaceForm, way: Way | None, names: Iterable[str]) -> tuple[str, ...]:
    """Which of these keys have no place in the form as it is chosen: those of other kinds of places and of other ways of signing in."""
    fits = {*form.further, *form.always, form.container, *((*way.keys, *way.writes) if way else ())}
    known = {name for one in FORMS for name in one.keys}
    return tuple(name for name in names if name in known and name not in fits)
