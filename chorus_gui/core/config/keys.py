"""Every key of ``config.toml``, once: where each layout has it, what it takes, what it means.

Reading, the suggestions for misspelled names, the window's form, the templates in ``resources/config`` and the handbook share
this table; a test holds the templates to it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from chorus_gui.core.config.credential_table import CREDENTIAL_TITLES, TABLE
from chorus_gui.core.config.kind import Kind
from chorus_gui.core.config.model import Layout
from chorus_gui.core.model import MODALITIES

__all__ = ["CREDENTIALS", "CREDENTIAL_TITLES", "DEFAULT", "KEYS", "RESULTS", "TITLES", "Key", "Kind", "dotted_keys", "nearest"]

DEFAULT = "default"
"""The name of the table in ``site_path`` that applies to every modality."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key.  ``flat`` and ``nested`` are dotted; ``*`` in them is a modality or :data:`DEFAULT`.

    ``default`` applies if the key is absent, as the file would write it ("" for nothing); ``aliases`` are other
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


CREDENTIALS: tuple[str, ...] = tuple(entry[0] for entry in TABLE)
"""The names of all credential keys."""

_PLACES = (("journal", "journal", "journal.source"), ("central", "central_path", "central_path"), ("site", "site_path.*", "site_path.*"))


def _credentials() -> Iterable[Key]:
    for place, flat, nested in _PLACES:
        for name, kind, explanation, choices, aliases in TABLE:
            if name.startswith(("aws_", "google_")) and place != "site":
                continue  # only a site can be in S3 or in Google's cloud
            yield Key(f"{place}.{name}", f"{flat}.{name}", f"{nested}.auth.{name}", kind, explanation, choices=choices, aliases=aliases)


def _same(
    meaning: str, dotted: str, kind: Kind, explanation: str, default: str = "", choices: tuple[str, ...] = (), *, required: bool = False
) -> Key:
    """It takes seven parameters, because a key has as many columns in the tables here."""
    return Key(meaning, dotted, dotted, kind, explanation, default, choices, required=required)


_UPLOAD_METHODS = ("builtin", "azcli")

RESULTS = ("done", "stopped", "failed")
"""How an unattended run can end, for ``report.when``."""
_REPORT: tuple[tuple[str, Kind, str, str, tuple[str, ...]], ...] = (
    ("when", Kind.PATTERNS, "When unattended runs are reported, separated by commas: done, stopped, failed.", ",".join(RESULTS), ()),
    (
        "hook",
        Kind.PATTERNS,
        "A program and its arguments, started at the end of a run. It also gets the path of the report (JSON) and the exit status.",
        "",
        (),
    ),
    ("hook_seconds", Kind.NUMBER, "How many seconds the program may run.", "60", ()),
    ("mail_to", Kind.PATTERNS, "Who gets a mail at the end of a run: addresses, separated by commas.", "", ()),
    ("mail_from", Kind.TEXT, "The sender of the mail. If empty, the first address of mail_to.", "", ()),
    (
        "mail_details",
        Kind.CHOICE,
        "“counts”: the mail has numbers, and names no file. “receipt”: it also has the receipts, which name files that failed.",
        "counts",
        ("counts", "receipt"),
    ),
    ("smtp_server", Kind.TEXT, "The name of the site's mail server. Needed for mails.", "", ()),
    ("smtp_port", Kind.NUMBER, "If empty, 587 for “starttls”, 465 for “tls”, 25 for “none”.", "", ()),
    (
        "smtp_security",
        Kind.CHOICE,
        "How the connection is encrypted. With “none”, no password is sent, except to this computer.",
        "starttls",
        ("starttls", "tls", "none"),
    ),
    ("smtp_user", Kind.TEXT, "The user at the mail server. If empty, mails are sent without signing in.", "", ()),
    (
        "smtp_password",
        Kind.SECRET,
        "If empty, the password comes from the environment variable CHORUS_UPLOAD_SMTP_PASSWORD, then from this computer's credential store.",
        "",
        (),
    ),
)

_KEYS: tuple[Key, ...] = (
    _same(
        "modalities",
        "configuration.supported_modalities",
        Kind.MODALITIES,
        "The modalities to submit, separated by commas. In the nested layout, Metadata is always included.",
        "OMOP,Images,Waveforms",
    ),
    Key(
        "mode",
        "configuration.journaling_mode",
        "journal.journaling_mode",
        Kind.CHOICE,
        "If a submitted file is no longer on the site: “full” marks it as deleted, “append” ignores it.",
        "append",
        ("append", "full", "snapshot"),
    ),
    _same(
        "exclude",
        "configuration.exclude",
        Kind.PATTERNS,
        "Files and folders that are never submitted, separated by commas: names such as .DS_Store or *.tmp, folders such as @eaDir/, or paths "
        "such as */Images/old/*. Capital and small letters are the same. The review asks about files that are already in the journal.",
    ),
    _same(
        "rules",
        "configuration.rules",
        Kind.PATH,
        "If empty, the rules of the program. Otherwise a file with another version of the rules for the readiness check.",
    ),
    _same(
        "rules_off",
        "configuration.rules_off",
        Kind.REASONS,
        "Rules that the readiness check leaves out on this site, each with a reason, separated by semicolons, such as P8: the privacy office allows it.",
    ),
    _same(
        "page_size",
        "configuration.page_size",
        Kind.NUMBER,
        "The number of entries that are written to the journal in one transaction.",
        "1000",
    ),
    Key(
        "threads",
        "configuration.num_threads",
        "configuration.num_threads",
        Kind.NUMBER,
        "The number of files that are uploaded at the same time. There can be more if the central store is far away, and of small files.",
        "8",
        aliases=("nthreads",),
    ),
    _same(
        "patience",
        "configuration.patience_minutes",
        Kind.NUMBER,
        "How many minutes a command waits for a store or a site that stopped answering, and for a new credential after one was refused. "
        "Then it stops, and the next command continues.",
        "15",
    ),
    _same(
        "limit",
        "configuration.limit",
        Kind.TEXT,
        "If empty, there is no limit. The most that is sent, and read by a verification, in a second: 4 MB/s, 500 kB/s, 20 Mbit/s. It can depend on "
        "the time: 4 MB/s on workdays 8-18, free otherwise.",
    ),
    _same(
        "order",
        "configuration.upload_order",
        Kind.TEXT,
        "If empty, OMOP, then Images, Waveforms and Metadata. The modalities in the order in which their files are uploaded, separated by commas. "
        "Those that are missing come last.",
    ),
    _same(
        "cluster",
        "configuration.cluster",
        Kind.TEXT,
        "If empty, this computer does the work. The address of a Dask scheduler, such as tls://scheduler:8786, whose workers hash, upload and read "
        "files. The program that is installed on Windows cannot use one.",
    ),
    Key(
        "upload_method",
        "configuration.upload_method",
        "central_path.upload_method",
        Kind.CHOICE,
        "“builtin”: CHoRUS Upload uploads the files. “azcli”: generated scripts upload them.",
        "builtin",
        _UPLOAD_METHODS,
    ),
    Key(
        "journal.path",
        "journal.path",
        "journal.source.path",
        Kind.PATH,
        "The cloud journal: az://container/journal.db, or a file on a share.",
        required=True,
    ),
    Key(
        "journal.local",
        "journal.local_path",
        "journal.local.path",
        Kind.PATH,
        "If empty, the journal's file name in the folder of this file. The journal on this computer while it is checked out.",
    ),
    Key(
        "journal.upload_method",
        "journal.upload_method",
        "journal.source.upload_method",
        Kind.CHOICE,
        "The way in which the journal is uploaded and downloaded.",
        "builtin",
        _UPLOAD_METHODS,
    ),
    _same(
        "central.path",
        "central_path.path",
        Kind.PATH,
        "The central store, where files are uploaded to: az://container/, az://container/folder, or a folder (a staging disk).",
        required=True,
    ),
    _same(
        "central.container",
        "central_path.azure_container",
        Kind.TEXT,
        "The container's name again, as in the path. Generated scripts use it.",
    ),
    _same(
        "site.path",
        "site_path.*.path",
        Kind.PATH,
        "The folder with the site's files; az://, s3:// and gs:// are possible, too. A modality can have its own.",
        required=True,
    ),
    _same(
        "site.pattern",
        "site_path.*.pattern",
        Kind.PATTERN,
        "The pattern that paths below the site's folder match, for example {patient_id:w}/Images/{filepath}. Variables: version, "
        "patient_id, filepath. “:d” matches digits, “:w” letters, digits and underscores.",
    ),
    _same("site.versioned", "site_path.*.versioned", Kind.FLAG, "True if the pattern has {version}, the submission's version.", "false"),
    _same(
        "site.omop_per_patient",
        "site_path.*.omop_per_patient",
        Kind.FLAG,
        "True if every patient's folder has its own OMOP folder.",
        "false",
    ),
    _same("site.s3_container", "site_path.*.s3_container", Kind.TEXT, "The bucket's name again, as in the path, for s3:// paths."),
    _same("site.container", "site_path.*.azure_container", Kind.TEXT, "The container's name again, as in the path, for az:// paths."),
    Key(
        "journal.container",
        "journal.azure_container",
        "journal.source.azure_container",
        Kind.TEXT,
        "The container's name again, as in the journal's path.",
    ),
    *_credentials(),
    *(
        _same(f"report.{name}", f"report.{name}", kind, explanation, default, choices)
        for name, kind, explanation, default, choices in _REPORT
    ),
)

KEYS: dict[str, Key] = {key.meaning: key for key in _KEYS}
"""Meaning → key.  Credentials are ``journal.NAME``, ``central.NAME`` and ``site.NAME``, NAME from :data:`CREDENTIALS` (those of
AWS and Google only for a site)."""

TITLES = {
    "modalities": "Modalities",
    "mode": "Missing files",
    "exclude": "Leave out",
    "rules": "Rules",
    "rules_off": "Rules that are off",
    "upload_method": "Uploaded by",
    "threads": "Parallel uploads",
    "patience": "Waiting time in minutes",
    "limit": "Bandwidth limit",
    "order": "Upload order",
    "cluster": "Cluster",
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
    "report.when": "Reported",
    "report.hook": "Program to start",
    "report.hook_seconds": "Longest time in seconds",
    "report.mail_to": "Mail to",
    "report.mail_from": "Mail from",
    "report.mail_details": "Content of the mail",
    "report.smtp_server": "Mail server",
    "report.smtp_port": "Port",
    "report.smtp_security": "Encryption",
    "report.smtp_user": "User at the mail server",
    "report.smtp_password": "Password at the mail server",
}
"""Meaning → what a form calls the key; those of credentials are in :data:`CREDENTIAL_TITLES`."""


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


def nearest(word: str, candidates: Iterable[str], *, alike: float = 0.7) -> str:
    """The candidate that ``word`` was probably meant to be, or "".  Case does not count.  ``alike``: how near it must be, up to 1."""
    by_lower = {candidate.lower(): candidate for candidate in candidates}
    found = difflib.get_close_matches(word.strip().lower(), list(by_lower), n=1, cutoff=alike)
    return by_lower[found[0]] if found else ""
