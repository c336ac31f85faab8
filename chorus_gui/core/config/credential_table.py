"""The credential keys of a place: their columns in :mod:`~chorus_gui.core.config.keys`, and what a form calls them."""

from __future__ import annotations

from chorus_gui.core.config.kind import Kind

TABLE: tuple[tuple[str, Kind, str, tuple[str, ...], tuple[str, ...]], ...] = (
    (
        "auth_mode",
        Kind.CHOICE,
        "If empty, whichever credential is filled in is used. “login”: a sign-in with a Microsoft account; “sas”: a SAS token.",
        ("login", "sas", "sas_token"),
        (),
    ),
    (
        "azure_account_name",
        Kind.TEXT,
        "The name of the storage account. Needed even with an azure_account_url, for copies inside the account.",
        (),
        (),
    ),
    (
        "azure_account_url",
        Kind.TEXT,
        "If empty, https://NAME.blob.core.windows.net. An address that contains a SAS token must be kept secret.",
        (),
        (),
    ),
    (
        "azure_tenant_id",
        Kind.TEXT,
        "For “login”. If empty, the tenant of your own account. Otherwise the tenant (directory) of the storage account.",
        (),
        (),
    ),
    (
        "azure_sas_token",
        Kind.SECRET,
        "If empty, the token comes from the environment, then from this computer's credential store.",
        (),
        (),
    ),
    ("azure_account_key", Kind.SECRET, "The storage account's key. It needs azure_account_name.", (), ()),
    (
        "azure_connection_string",
        Kind.SECRET,
        "A connection string. It contains both the account and the credential.",
        (),
        ("azure_storage_connection_string",),
    ),
    (
        "aws_access_key_id",
        Kind.TEXT,
        "The access key's ID, for s3:// paths. Without aws keys, this computer's AWS settings are used.",
        (),
        (),
    ),
    ("aws_secret_access_key", Kind.SECRET, "The access key's secret, for s3:// paths.", (), ()),
    ("aws_session_token", Kind.SECRET, "The token of temporary credentials, for s3:// paths.", (), ()),
    ("aws_profile", Kind.TEXT, "A profile of the AWS settings of this computer, instead of keys, for s3:// paths.", (), ()),
    ("aws_use_role", Kind.FLAG, "True if this computer is in AWS, and its own role allows reading the bucket.", (), ()),
    ("aws_region", Kind.TEXT, "The region of the bucket, as in eu-west-1. If empty, the service says which one it is.", (), ()),
    ("aws_endpoint_url", Kind.TEXT, "The address of another service that works as S3 does. If empty, Amazon's own.", (), ()),
    (
        "aws_addressing_style",
        Kind.CHOICE,
        "“path”: the bucket is in the path of an address; “virtual”: in the server's name. If empty, whatever is usual.",
        ("auto", "path", "virtual"),
        (),
    ),
    (
        "aws_ca_bundle",
        Kind.TEXT,
        "A file with certificate authorities that are trusted in addition to the system's, for s3:// paths.",
        (),
        (),
    ),
    ("aws_requester_pays", Kind.FLAG, "True if the readers of the bucket pay for requests and traffic.", (), ()),
)
"""For each: its name, its kind, the explanation, its choices, other spellings."""

CREDENTIAL_TITLES = {
    "auth_mode": "Sign-in method",
    "azure_account_name": "Storage account",
    "azure_account_url": "Account address",
    "azure_tenant_id": "Tenant",
    "azure_sas_token": "SAS token",
    "azure_account_key": "Account key",
    "azure_connection_string": "Connection string",
    "aws_access_key_id": "AWS access key ID",
    "aws_secret_access_key": "AWS secret access key",
    "aws_session_token": "AWS session token",
    "aws_profile": "AWS profile",
    "aws_use_role": "Use this computer's role in AWS",
    "aws_region": "AWS region",
    "aws_endpoint_url": "Endpoint URL",
    "aws_addressing_style": "Addressing style",
    "aws_ca_bundle": "Certificate file",
    "aws_requester_pays": "Requester pays",
}
"""The name of a credential key → what a form calls it."""
