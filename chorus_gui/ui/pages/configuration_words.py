"""What the form calls its keys, and how it groups them.  A test holds it to :data:`~chorus_gui.core.config.keys.KEYS`."""

from __future__ import annotations

from chorus_gui.core.config.keys import CREDENTIALS, KEYS

TITLES = {
    "modalities": "Modalities",
    "mode": "Missing files",
    "upload_method": "Uploaded by",
    "threads": "Parallel uploads",
    "page_size": "Entries per transaction",
    "journal.path": "Cloud journal",
    "journal.local": "Local journal",
    "journal.upload_method": "Journal uploaded by",
    "journal.container": "Container (again)",
    "central.path": "Central store",
    "central.container": "Container (again)",
    "site.path": "Folder",
    "site.pattern": "Pattern",
    "site.versioned": "The pattern contains {version}",
    "site.omop_per_patient": "Every patient's folder contains an OMOP folder",
    "site.s3_container": "Bucket (again)",
    "site.container": "Container (again)",
}
"""Meaning → title; those of credentials are in :data:`CREDENTIAL_TITLES`."""

BEHAVIOUR = tuple(meaning for meaning in TITLES if "." not in meaning and meaning != "modalities")
"""The keys of the tab Behaviour, in the order of their titles: those that belong to no place."""

CREDENTIAL_TITLES = {
    "auth_mode": "Sign-in method",
    "azure_account_name": "Storage account",
    "azure_account_url": "Account address",
    "azure_sas_token": "SAS token",
    "azure_account_key": "Account key",
    "azure_connection_string": "Connection string",
    "aws_access_key_id": "AWS access key ID",
    "aws_secret_access_key": "AWS secret access key",
    "aws_session_token": "AWS session token",
    "aws_profile": "AWS profile",
}

CHOICES = {
    "append": "Append – ignore them",
    "full": "Full – mark them as deleted",
    "builtin": "This program",
    "azcli": "The site, with generated scripts",
    "login": "Sign in with Microsoft",
    "sas": "SAS token",
}
"""A value of a choice → what people read.  Synonyms that are not here are only shown if a file uses them."""

EXPLANATIONS = {"modalities": "What this site submits. In the nested layout, Metadata is always included."}
"""The form's own explanations, where those of the file do not fit."""


def title(meaning: str) -> str:
    """What the form calls a key."""
    return TITLES.get(meaning) or CREDENTIAL_TITLES[meaning.rpartition(".")[2]]


def credentials(place: str) -> tuple[str, ...]:
    """The meanings of a place's credential keys ("journal", "central", "site")."""
    return tuple(f"{place}.{name}" for name in CREDENTIALS if f"{place}.{name}" in KEYS)
