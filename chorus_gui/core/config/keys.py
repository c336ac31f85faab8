"""Every key of ``config.toml``, once: where each layout has it, what it takes, what it means.

Reading, the suggestions for misspelled names, the window's form, the templates in ``resources/config`` and the handbook share
this table; a test holds the templates to it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from chorus_gui.core.config.model import Layout
from chorus_gui.core.model import MODALITIES


class Kind(Enum):
    """What a key takes, and so how a form shows it."""

    TEXT = "text"
    PATH = "path"
    """a folder, a file or ``az://…``: "/" between its parts"""
    NUMBER = "number"
    """a whole number from 1"""
    FLAG = "flag"
    CHOICE = "choice"
    MODALITIES = "modalities"
    PATTERN = "pattern"
    SECRET = "secret"  # noqa: S105 - the word, not one
    """never shown, never quoted in a message"""


DEFAULT = "default"
"""The name of the table in ``site_path`` that speaks for every modality."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key.  ``flat`` and ``nested`` are dotted; ``*`` in them stands for a modality or :data:`DEFAULT`.

    ``default`` is what holds where the key is absent, as the file would write it ("" for nothing); ``aliases`` are other
    spellings that are read too; ``choices`` the values of a :attr:`Kind.CHOICE`, the first of a pair of synonyms first.
    """

    meaning: str
    flat: str
    nested: str
    kind: Kind
    explanation: str
    default: str = ""
    choices: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    required: bool = False

    def dotted(self, layout: Layout, modality: str = DEFAULT) -> str:
        """The key's place in a file of that layout."""
        return (self.flat if layout is Layout.FLAT else self.nested).replace("*", modality)


_CREDENTIALS: tuple[tuple[str, Kind, str, tuple[str, ...], tuple[str, ...]], ...] = (
    (
        "auth_mode",
        Kind.CHOICE,
        "How Azure lets us in: “login” (a Microsoft Entra login) or “sas” (a token). Without it, the credential that is given.",
        ("login", "sas", "sas_token"),
        (),
    ),
    (
        "azure_account_name",
        Kind.TEXT,
        "The storage account. Keep it beside an azure_account_url too: copies inside the account are addressed by it.",
        (),
        (),
    ),
    (
        "azure_account_url",
        Kind.TEXT,
        "The account's address, where it is not https://NAME.blob.core.windows.net. One that carries a SAS token is a secret.",
        (),
        (),
    ),
    (
        "azure_sas_token",
        Kind.SECRET,
        "The SAS token, for auth_mode “sas”. Without it here: the environment, then this computer's credential store.",
        (),
        (),
    ),
    ("azure_account_key", Kind.SECRET, "The account's key; with azure_account_name.", (), ()),
    (
        "azure_connection_string",
        Kind.SECRET,
        "A connection string, which holds account and credential at once.",
        (),
        ("azure_storage_connection_string",),
    ),
    ("aws_access_key_id", Kind.TEXT, "For s3:// places: the access key's id.", (), ()),
    ("aws_secret_access_key", Kind.SECRET, "For s3:// places: the access key's secret.", (), ()),
    ("aws_session_token", Kind.SECRET, "For s3:// places: the token of temporary credentials.", (), ()),
    ("aws_profile", Kind.TEXT, "For s3:// places: the profile in the AWS credentials file.", (), ()),
)

CREDENTIALS: tuple[str, ...] = tuple(entry[0] for entry in _CREDENTIALS)
"""The names of all credential keys."""

_PLACES = (("journal", "journal", "journal.source"), ("central", "central_path", "central_path"), ("site", "site_path.*", "site_path.*"))


def _credentials() -> Iterable[Key]:
    for place, flat, nested in _PLACES:
        for name, kind, explanation, choices, aliases in _CREDENTIALS:
            if name.startswith("aws_") and place != "site":
                continue  # only a site can lie in S3
            yield Key(f"{place}.{name}", f"{flat}.{name}", f"{nested}.auth.{name}", kind, explanation, choices=choices, aliases=aliases)


def _same(meaning: str, dotted: str, kind: Kind, explanation: str, default: str = "", *, required: bool = False) -> Key:
    return Key(meaning, dotted, dotted, kind, explanation, default, required=required)


_UPLOAD_METHODS = ("builtin", "azcli")

_KEYS: tuple[Key, ...] = (
    _same(
        "modalities",
        "configuration.supported_modalities",
        Kind.MODALITIES,
        "The modalities to submit, with commas between them. The nested layout always has Metadata besides.",
        "OMOP,Images,Waveforms",
    ),
    Key(
        "mode",
        "configuration.journaling_mode",
        "journal.journaling_mode",
        Kind.CHOICE,
        "What a file means that the journal has and the site has no more: “full”, it was deleted; “append”, nothing.",
        "append",
        ("append", "full", "snapshot"),
    ),
    _same("page_size", "configuration.page_size", Kind.NUMBER, "How many rows are written to the journal in one transaction.", "1000"),
    Key(
        "threads",
        "configuration.num_threads",
        "configuration.num_threads",
        Kind.NUMBER,
        "How many files are sent at the same time.",
        "8",
        aliases=("nthreads",),
    ),
    Key(
        "upload_method",
        "configuration.upload_method",
        "central_path.upload_method",
        Kind.CHOICE,
        "“builtin”: this program sends. “azcli”: the site sends with generated scripts.",
        "builtin",
        _UPLOAD_METHODS,
    ),
    Key(
        "journal.path",
        "journal.path",
        "journal.source.path",
        Kind.PATH,
        "Where the journal is checked out from: az://container/journal.db, or a file on a share.",
        required=True,
    ),
    Key(
        "journal.local",
        "journal.local_path",
        "journal.local.path",
        Kind.PATH,
        "The journal on this computer while it is checked out. Without it: the journal's file name, beside this file.",
    ),
    Key(
        "journal.upload_method",
        "journal.upload_method",
        "journal.source.upload_method",
        Kind.CHOICE,
        "How the journal travels.",
        "builtin",
        _UPLOAD_METHODS,
    ),
    _same(
        "central.path",
        "central_path.path",
        Kind.PATH,
        "The central store that files are sent to: az://container/ or az://container/folder, or a folder (a staging disk).",
        required=True,
    ),
    _same(
        "central.container",
        "central_path.azure_container",
        Kind.TEXT,
        "The container's name again, as in the path; generated scripts use it.",
    ),
    _same(
        "site.path",
        "site_path.*.path",
        Kind.PATH,
        "The folder that holds the site's files; also az:// or s3://. A modality may have its own.",
        required=True,
    ),
    _same(
        "site.pattern",
        "site_path.*.pattern",
        Kind.PATTERN,
        "How paths below the site's folder are read: {patient_id:w}/Images/{filepath}. Variables: version, patient_id, filepath; "
        ":d takes digits, :w letters, digits and underscores.",
    ),
    _same("site.versioned", "site_path.*.versioned", Kind.FLAG, "The pattern names the submission by {version}.", "false"),
    _same(
        "site.omop_per_patient",
        "site_path.*.omop_per_patient",
        Kind.FLAG,
        "For OMOP: true if every patient's folder has its own OMOP folder.",
        "false",
    ),
    _same("site.s3_container", "site_path.*.s3_container", Kind.TEXT, "For s3:// places: the bucket's name again, as in the path."),
    _same("site.container", "site_path.*.azure_container", Kind.TEXT, "For az:// places: the container's name again, as in the path."),
    Key(
        "journal.container",
        "journal.azure_container",
        "journal.source.azure_container",
        Kind.TEXT,
        "The container's name again, as in the journal's path.",
    ),
    *_credentials(),
)

KEYS: dict[str, Key] = {key.meaning: key for key in _KEYS}
"""Meaning → key.  Credentials are ``journal.NAME``, ``central.NAME`` and ``site.NAME``, NAME from :data:`CREDENTIALS` (those of
AWS for a site alone)."""


def dotted_keys(layout: Layout) -> dict[str, Key]:
    """Every dotted key that a file of this layout may have, other spellings included, ``*`` filled in."""
    out: dict[str, Key] = {}
    for key in _KEYS:
        for modality in (DEFAULT, *MODALITIES) if "*" in key.flat else ("",):
            dotted = key.dotted(layout, modality)
            table, _, _ = dotted.rpartition(".")
            out[dotted] = key
            out.update({f"{table}.{alias}": key for alias in key.aliases})
    return out


def nearest(word: str, candidates: Iterable[str]) -> str:
    """The candidate that ``word`` was probably meant to be, or "".  Case does not count."""
    by_lower = {candidate.lower(): candidate for candidate in candidates}
    found = difflib.get_close_matches(word.strip().lower(), list(by_lower), n=1, cutoff=0.7)
    return by_lower[found[0]] if found else ""
