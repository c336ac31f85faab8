"""The credential keys of a place: their columns in :mod:`~chorus_gui.core.config.keys`, and what a form calls them."""

from __future__ import annotations

import re

from chorus_gui.core.config.kind import Kind

TABLE: tuple[tuple[str, Kind, str, tuple[str, ...], tuple[str, ...]], ...] = (
    (
        "auth_mode",
        Kind.CHOICE,
        (
            "If empty, whichever credential is filled in is used. “login”: a sign-in with a Microsoft account; “sas”: a SAS token; “key”: the account key. Without a "
            "person: “certificate” (a service principal), “managed_identity” (of a computer in Azure), “workload_identity” (a token file)."
        ),
        ("login", "certificate", "managed_identity", "workload_identity", "sas", "sas_token", "key"),
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
        (
            "For “login”. If empty, the tenant of your own account. Otherwise the tenant (directory) of the storage account. "
            "For “certificate” and “workload_identity”, the tenant of the app registration."
        ),
        (),
        (),
    ),
    (
        "azure_client_id",
        Kind.TEXT,
        "The ID of the app registration (service principal). For “managed_identity”, the ID of an assigned identity; if empty, the computer's own.",
        (),
        (),
    ),
    (
        "azure_client_certificate_path",
        Kind.PATH,
        "For “certificate”: the file with the certificate and its private key (PEM or PFX). Only you should be able to read it.",
        (),
        (),
    ),
    (
        "azure_client_certificate_password",
        Kind.SECRET,
        "The password of the certificate's file. If empty, it comes from the environment, then from this computer's credential store.",
        (),
        (),
    ),
    (
        "azure_federated_token_file",
        Kind.PATH,
        "For “workload_identity”: the file with the token of the other service, which keeps it up to date.",
        (),
        (),
    ),
    (
        "azure_authority_host",
        Kind.TEXT,
        "If empty, login.microsoftonline.com. The sign-in service of another cloud, such as login.partner.microsoftonline.cn.",
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
    (
        "azure_account_key",
        Kind.SECRET,
        "The storage account's key. It needs azure_account_name. If empty and auth_mode is “key”, it comes from this computer's credential store.",
        (),
        (),
    ),
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
    (
        "aws_secret_access_key",
        Kind.SECRET,
        "If empty, it comes from this computer's credential store. The access key's secret, for s3:// paths.",
        (),
        (),
    ),
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
        Kind.PATH,
        "A file with certificate authorities that are trusted in addition to the system's, for s3:// paths.",
        (),
        (),
    ),
    (
        "aws_inventory",
        Kind.TEXT,
        "The folder of an S3 Inventory in CSV, or a manifest.json in it, as s3://…: its newest list is read instead of listing the bucket.",
        (),
        (),
    ),
    ("aws_requester_pays", Kind.FLAG, "True if the readers of the bucket pay for requests and traffic.", (), ()),
    (
        "google_credentials_file",
        Kind.PATH,
        "For gs:// paths: the JSON file with the key of a service account, or with what “gcloud auth application-default login” saved.",
        (),
        ("google_application_credentials",),
    ),
    (
        "google_use_attached_account",
        Kind.FLAG,
        "True if this computer is in Google Cloud, and its own service account may read the bucket.",
        (),
        (),
    ),
    ("google_hmac_access_id", Kind.TEXT, "The access ID of an HMAC key, instead of a file, for gs:// paths.", (), ()),
    (
        "google_hmac_secret",
        Kind.SECRET,
        "If empty, it comes from this computer's credential store. The secret of the HMAC key, for gs:// paths.",
        (),
        (),
    ),
    ("google_user_project", Kind.TEXT, "The project that pays, for a bucket whose readers pay for requests and traffic.", (), ()),
    (
        "google_endpoint_url",
        Kind.TEXT,
        "The address of another server that works as Google Cloud Storage does. If empty, Google's own.",
        (),
        (),
    ),
    (
        "google_ca_bundle",
        Kind.PATH,
        "A file with certificate authorities that are trusted in addition to the system's, for gs:// paths.",
        (),
        (),
    ),
)
"""For each: its name, its kind, the explanation, its choices, other spellings."""

CREDENTIAL_TITLES = {
    "auth_mode": "Sign-in method",
    "azure_account_name": "Storage account",
    "azure_account_url": "Account address",
    "azure_tenant_id": "Tenant",
    "azure_client_id": "Client ID",
    "azure_client_certificate_path": "Certificate file of the sign-in",
    "azure_client_certificate_password": "Password of the certificate file",
    "azure_federated_token_file": "Token file",
    "azure_authority_host": "Sign-in service",
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
    "aws_inventory": "S3 Inventory",
    "aws_requester_pays": "Requester pays",
    "google_credentials_file": "Google credentials file",
    "google_use_attached_account": "Use this computer's account in Google Cloud",
    "google_hmac_access_id": "HMAC access ID",
    "google_hmac_secret": "HMAC secret",
    "google_user_project": "Project that pays",
    "google_endpoint_url": "Endpoint URL",
    "google_ca_bundle": "Certificate file",
}
"""The name of a credential key → what a form calls it."""

_INVENTORY = re.compile(r"s3://[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]/(?:[^/]+/)*(?:[^/]+/|manifest\.json)")


def inventory_problem(text: str) -> tuple[str, str] | None:
    """What is wrong with this ``aws_inventory``, and the remedy.

    Right is the folder of an S3 Inventory, of which the newest list is taken, or the manifest of one list.
    """
    if not text or _INVENTORY.fullmatch(text):
        return None
    return (
        "The value is not the address of an S3 Inventory.",
        "Write the folder of the inventory with “/” at its end, as in “s3://bucket/folder/hospital-images/weekly/”, or a manifest.json in it.",
    )
