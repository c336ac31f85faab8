"""How the form groups its keys, the words of their values, and what is said about a file.  A test holds it to :data:`~chorus_gui.core.config.keys.KEYS`."""

from __future__ import annotations

from chorus_gui.app.draft import Draft
from chorus_gui.core.config.keys import CREDENTIAL_TITLES, CREDENTIALS, DEFAULT, KEYS, TITLES
from chorus_gui.core.errors import ChorusError

BEHAVIOUR = tuple(meaning for meaning in TITLES if "." not in meaning and meaning not in ("modalities", "exclude"))
"""The keys of the tab Behaviour, in the order of their titles: those that belong to no place."""

REPORT = tuple(meaning for meaning in TITLES if meaning.startswith("report."))
"""The keys of the reports, in the order of their titles."""

CHOICES = {
    "append": "Append – ignore them",
    "full": "Full – mark them as deleted",
    "builtin": "This program",
    "azcli": "The site, with generated scripts",
    "login": "Sign in with Microsoft",
    "certificate": "Certificate of an app registration (no person)",
    "managed_identity": "Managed identity of this computer (no person)",
    "workload_identity": "Token file of another service (no person)",
    "sas": "SAS token",
    "key": "Account key",
    "auto": "Automatic",
    "path": "Bucket in the path",
    "virtual": "Bucket in the server's name",
    "counts": "Numbers only",
    "receipt": "With receipts",
    "starttls": "STARTTLS",
    "tls": "TLS",
    "none": "None",
}
"""A value of a choice → what people read.  Synonyms that are not here are only shown if a file uses them."""

DEFAULTS = {
    "auth_mode": "Default: the credential that is filled in",
    "aws_addressing_style": "Default: as is usual for the service",
}
"""The name of a choice without a default of its own → what its first entry says."""

EXPLANATIONS = {"modalities": "What this site submits. In the nested layout, Metadata is always included."}
"""The form's own explanations, where those of the file do not fit."""


def title(meaning: str) -> str:
    """What the form calls a key."""
    return TITLES.get(meaning) or CREDENTIAL_TITLES[meaning.rpartition(".")[2]]


def credentials(place: str) -> tuple[str, ...]:
    """The meanings of a place's credential keys ("journal", "central", "site")."""
    return tuple(f"{place}.{name}" for name in CREDENTIALS if f"{place}.{name}" in KEYS)


def with_central_credentials(draft: Draft) -> Draft:
    """The same credentials for the journal as for the central store."""
    for meaning in credentials("central"):
        value = draft.own((meaning, DEFAULT))
        scalar = value if isinstance(value, (str, int, bool)) and value != "" else None
        draft = draft.with_value((meaning.replace("central.", "journal.", 1), DEFAULT), scalar)
    return draft


def why_unreadable(error: ChorusError | None) -> str:
    """Why the file could not be read; None: for a reason that the program does not know."""
    return " ".join(part for part in (error.what, error.remedy) if part) if error else "The program stopped at an error of its own."
