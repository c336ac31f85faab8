"""Every key of ``config.toml``: what could happen if nothing reads it, because it is in a wrong place or its name is misspelled.

A key decides what is submitted, from where, to where, or by which rules; or it does not.  Without one that does, other files could be
sent than the person who wrote it means, so the configuration is refused.  Without any other, a warning is enough.
"""

from __future__ import annotations

WARNING = ""
"""Nothing that is submitted changes."""

_CREDENTIALS = {
    "azure_account_name": "another storage account could be used",
    "azure_account_url": "another address could be used",
    "azure_connection_string": "another storage account could be used",
    "aws_endpoint_url": "another server could be used",
    "google_endpoint_url": "another server could be used",
    "auth_mode": WARNING,
    "azure_tenant_id": WARNING,
    "azure_client_id": WARNING,
    "azure_client_certificate_path": WARNING,
    "azure_client_certificate_password": WARNING,
    "azure_federated_token_file": WARNING,
    "azure_authority_host": WARNING,
    "azure_sas_token": WARNING,
    "azure_account_key": WARNING,
    "aws_access_key_id": WARNING,
    "aws_secret_access_key": WARNING,
    "aws_session_token": WARNING,
    "aws_profile": WARNING,
    "aws_use_role": WARNING,
    "aws_region": WARNING,
    "aws_addressing_style": WARNING,
    "aws_ca_bundle": WARNING,
    "aws_inventory": WARNING,
    "aws_requester_pays": WARNING,
    "google_credentials_file": WARNING,
    "google_use_attached_account": WARNING,
    "google_hmac_access_id": WARNING,
    "google_hmac_secret": WARNING,
    "google_user_project": WARNING,
    "google_ca_bundle": WARNING,
}
"""The same for a credential of any place.  Those that name an account or a server say where a place is."""

IF_UNREAD: dict[str, str] = {
    "modalities": "modalities that you did not choose could be submitted",
    "mode": "another mode could be used for missing files",
    "exclude": "the files that it names would be uploaded",
    "rules": "the readiness check could use other rules",
    "rules_off": WARNING,
    "page_size": WARNING,
    "threads": WARNING,
    "patience": WARNING,
    "limit": WARNING,
    "order": WARNING,
    "cluster": WARNING,
    "upload_method": "the files could be uploaded in another way",
    "journal.path": "another journal could be used",
    "journal.local": "another local journal could be used",
    "journal.upload_method": WARNING,
    "journal.container": WARNING,
    "central.path": "files could be uploaded to another place",
    "central.container": WARNING,
    "site.path": "files of another folder could be submitted",
    "site.pattern": "other files could be submitted, or files for other patients",
    "site.versioned": WARNING,
    "site.omop_per_patient": "the OMOP files of all patients could be put into one folder",
    "site.s3_container": WARNING,
    "site.container": WARNING,
    **{f"site.{name}": so for name, so in _CREDENTIALS.items()},
    **{
        f"{place}.{name}": so
        for place in ("journal", "central")
        for name, so in _CREDENTIALS.items()
        if name.startswith(("auth_", "azure_"))
    },
    "report.when": WARNING,
    "report.hook": WARNING,
    "report.hook_seconds": WARNING,
    "report.mail_to": WARNING,
    "report.mail_from": WARNING,
    "report.mail_details": WARNING,
    "report.smtp_server": WARNING,
    "report.smtp_port": WARNING,
    "report.smtp_security": WARNING,
    "report.smtp_user": WARNING,
    "report.smtp_password": WARNING,
}
"""Meaning → the end of a sentence that begins with “so”, which makes the configuration invalid; or :data:`WARNING`."""

ALSO_SAID = {
    "modalities": "modalities",
    "modality": "modalities",
    "omop": "modalities",
    "images": "modalities",
    "waveforms": "modalities",
    "metadata": "modalities",
    "mode": "mode",
    "ignore": "exclude",
    "leave_out": "exclude",
    "skip": "exclude",
}
"""Words that a person could take for the name of a key → its meaning.  They are not read."""

SWITCHES = {"enabled": True, "submit": True, "disabled": False, "skip": False}
"""Words with which a person could switch a modality off, in its table of ``site_path`` → the value that changes nothing."""

PATH_SAID = {"folder": True, "prefix": True, "directory": False, "location": False, "url": False}
"""Words that a person could take for ``path`` → they mean something even if there is a path, too."""

MODALITY_SAID = {
    "cdm": "OMOP",
    "dicom": "Images",
    "imaging": "Images",
    "radiology": "Images",
    "ecg": "Waveforms",
    "signals": "Waveforms",
    "wave": "Waveforms",
    "wfdb": "Waveforms",
}
"""Words that a person could take for the name of a modality → the modality."""

ONLY_OURS = ("modalities", "mode", "exclude", "upload_method", "site.omop_per_patient")
"""Keys with names that nothing else has: in a table that nothing reads, they are not some other program's."""
