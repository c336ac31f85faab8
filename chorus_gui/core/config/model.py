"""The configuration as the rest of the program sees it: one resolved model, whatever the layout of the file.

The central-path mapper is part of it (:meth:`Config.store_path`), so that nothing else knows layouts.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import NamedTuple

from chorus_gui.core.config.credentials import NO_ACCOUNT, NO_CREDENTIALS, Account, Credentials, Origin, Secret
from chorus_gui.core.errors import PatternError
from chorus_gui.core.exclude import Exclude
from chorus_gui.core.model import Mode
from chorus_gui.core.pattern import Pattern
from chorus_gui.core.timetable import FREE, Timetable

LOCK_END = ".locked"
"""The journal's name with this end is its lock.  The other tools look for this very name."""

SIDE_END = ".chorus"
"""The journal's name with this end is the folder next to it that holds the side files of this program."""


class Layout(Enum):
    """Which of the two layouts the file is written in, and saved back in."""

    FLAT = "flat"
    NESTED = "nested"


class UploadMethod(Enum):
    """BUILTIN: this program sends.  AZCLI: the site sends with generated scripts."""

    BUILTIN = "builtin"
    AZCLI = "azcli"


class PlaceKind(Enum):
    """What holds the files."""

    FOLDER = "folder"
    AZURE = "azure"
    S3 = "s3"
    GCS = "gcs"


@dataclass(frozen=True, slots=True)
class S3Settings:
    """How a bucket in S3 is reached; "" for what is usual.  ``style``: "path" or "virtual"; ``certificates``: a file.

    ``inventory``: the list of its objects that is read in the place of a listing, "s3://bucket/folder/" or the manifest in it.
    """

    region: str = ""
    style: str = ""
    certificates: str = ""
    requester_pays: bool = False
    inventory: str = ""


NO_S3 = S3Settings()


@dataclass(frozen=True, slots=True)
class GcsSettings:
    """How a bucket in Google Cloud Storage is reached; "" for what is usual.

    ``user_project``: the project that pays, where readers do; ``certificates``: a file.
    """

    user_project: str = ""
    certificates: str = ""


NO_GCS = GcsSettings()


@dataclass(frozen=True, slots=True)
class Place:
    """Where files lie.  ``text`` is what the file says ("az://container/prefix", "D:/site"); ``folder`` the absolute folder.

    ``prefix`` is posix, without "/" at its ends; container and prefix are "" for a folder.  ``account`` is empty except in Azure, and for a bucket whose server is
    not the one of Amazon or Google; ``s3`` and ``gcs`` are only for buckets there.
    ``needs`` are the letters of a SAS token that its role needs (:data:`~chorus_gui.core.config.sas.NEEDS_STORE` and the like), for
    sentences; "" if it has no role.
    """

    kind: PlaceKind
    text: str
    folder: Path | None = None
    container: str = ""
    prefix: str = ""
    credentials: Credentials = NO_CREDENTIALS
    account: Account = NO_ACCOUNT
    needs: str = field(default="", compare=False)
    s3: S3Settings = NO_S3
    gcs: GcsSettings = NO_GCS

    def full(self, path: str) -> str:
        """The whole path of a file at ``path`` below this place, as this system and the other tools write it."""
        return f"{self.text.rstrip('/')}/{path}" if self.folder is None else os.path.join(self.folder, *path.split("/"))

    def inside(self, other: Place) -> str | None:
        """The path of this place relative to ``other``, posix; None if it is not below it."""
        if (self.kind, self.container) != (other.kind, other.container):
            return None
        if self.folder is not None and other.folder is not None:
            below = self.folder != other.folder and self.folder.is_relative_to(other.folder)
            return self.folder.relative_to(other.folder).as_posix() if below else None
        prefix = f"{other.prefix}/" if other.prefix else ""
        return self.prefix.removeprefix(prefix) if self.prefix.startswith(prefix) and self.prefix != prefix else None


@dataclass(frozen=True, slots=True)
class Site:
    """Where a modality lies on the site, and how its paths are read.

    ``mapped``: the path in the store is made from the pattern.  Always so in a nested file; in a flat one only for a modality
    that names a pattern, the others keep the site's path unchanged.
    """

    modality: str
    place: Place
    pattern: Pattern
    versioned: bool = False
    omop_per_patient: bool = False
    mapped: bool = False


class NamedPlace(NamedTuple):
    """A place of a configuration.  ``role``: "Central store", "Cloud journal" or "Site"; ``subject`` is that, with the modalities
    where the site has several places.  ``write``: it is written, too.
    """

    role: str
    subject: str
    place: Place
    write: bool


@dataclass(frozen=True, slots=True)
class JournalPlaces:
    """``local`` is the journal file on this machine; ``cloud`` where it is checked out from, None if it only lives here."""

    local: Path
    cloud: Place | None = None
    upload_method: UploadMethod = UploadMethod.BUILTIN

    def inside(self, place: Place) -> tuple[str, ...]:
        """The journals that are in ``place``: paths relative to it.  Their locks and side files bear the same names, with an end."""
        local = Place(PlaceKind.FOLDER, self.local.as_posix(), self.local)
        found = [path for journal in (local, self.cloud) if journal is not None and (path := journal.inside(place)) is not None]
        return tuple(dict.fromkeys(found))


class SmtpSecurity(Enum):
    """How a connection to the mail server is encrypted."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"

    @property
    def port(self) -> int:
        """The usual one."""
        return {"starttls": 587, "tls": 465, "none": 25}[self.value]


@dataclass(frozen=True, slots=True)
class MailSettings:
    """How mails are sent.  ``user`` "": without signing in.  ``password`` is that of the file or the environment (``origin``), or empty.

    ``details``: the mail has the receipts, which name files; otherwise it has numbers only.
    """

    to: tuple[str, ...]
    sender: str
    server: str
    port: int
    security: SmtpSecurity
    user: str = ""
    password: Secret = field(default_factory=lambda: Secret(""), repr=False)
    details: bool = False
    origin: Origin = field(default=Origin.FILE, compare=False)

    @property
    def entry(self) -> str:
        """The name of the password's entry in the credential store."""
        return f"smtp/{self.user}@{self.server}"


@dataclass(frozen=True, slots=True)
class ReportSettings:
    """Who gets a message when an unattended run ends: ``when`` it was "done", "stopped" or "failed"; ``hook`` are a program and its arguments."""

    when: tuple[str, ...] = ("done", "stopped", "failed")
    hook: tuple[str, ...] = ()
    hook_seconds: float = 60.0
    mail: MailSettings | None = None


SCRIPTS_NEED_AZURE = "The central store is a folder, but generated scripts (upload_method = “azcli”) upload only to Azure."
BY_THE_PROGRAM = "Set upload_method to “builtin” in the configuration: then the program uploads the files itself."
"""What is wrong with such a configuration, and what helps: one sentence for everything that finds it"""
PATIENCE_MINUTES = 15


@dataclass(frozen=True, slots=True)
class Config:
    """A configuration without faults.  ``warnings`` are sentences about what works, but not as the file may mean it."""

    file: Path
    layout: Layout
    modalities: tuple[str, ...]
    mode: Mode
    page_size: int
    threads: int
    upload_method: UploadMethod
    journal: JournalPlaces
    central: Place
    sites: Mapping[str, Site]
    warnings: tuple[str, ...] = ()
    exclude: Exclude = field(default_factory=Exclude)
    """what is never submitted"""
    rules_file: Path | None = None
    """the rules of the readiness check; None: those of the program"""
    rules_off: Mapping[str, str] = field(default_factory=dict[str, str])
    """rules that this site switched off: id → reason"""
    report: ReportSettings = field(default_factory=ReportSettings)
    """who gets a message when an unattended run ends"""
    patience_minutes: int = PATIENCE_MINUTES
    """how long a command waits for a place that stopped answering, and for another credential"""
    limit: Timetable = FREE
    """how fast files are sent, and when"""
    order: tuple[str, ...] = ()
    """the modalities in the order in which they are uploaded; empty: that of ``modalities``"""
    cluster: str = ""
    """the address of the scheduler whose workers hash, send and read files; "" for none"""

    def places(self) -> list[NamedPlace]:
        """Every place that the configuration names, each once: the central store, the cloud journal, the site's."""
        found = [NamedPlace("Central store", "Central store", self.central, True)]
        if self.journal.cloud is not None:
            found.append(NamedPlace("Cloud journal", "Cloud journal", self.journal.cloud, True))
        names: dict[str, list[str]] = {}
        for name, site in self.sites.items():
            names.setdefault(site.place.text, []).append(name)
        for modalities in names.values():
            subject = "Site" if len(names) == 1 else f"Site ({', '.join(modalities)})"
            found.append(NamedPlace("Site", subject, self.sites[modalities[0]].place, False))
        return found

    def in_order(self, chosen: Collection[str]) -> tuple[str, ...]:
        """These modalities, in the order in which they are uploaded."""
        return tuple(name for name in (self.order or self.modalities) if name in chosen)

    @property
    def new_schema(self) -> int:
        """The format in which a new journal begins: 1 with the layout of the 2024 tool, because that tool destroys any other."""
        return 1 if self.layout is Layout.FLAT else 2

    def store_path(self, modality: str, path: str, version: str) -> str:
        """Where a file goes: the path of its blob, relative to the central store, version folder included.

        Made from the journal's path and the pattern, never from the journal's patient id.  Raises :class:`PatternError` for a
        path that its modality's pattern does not match (of a journal made under another pattern).
        """
        return store_path(self.layout, self.sites, modality, path, version)

    def store_paths(self, modality: str, path: str, version: str) -> tuple[str, ...]:
        """Where an uploaded file may be: the mapped path first, then the unchanged one (the site changed its layout)."""
        unchanged = f"{version}/{path}"
        try:
            mapped = self.store_path(modality, path, version)
        except PatternError:
            return (unchanged,)
        return (mapped,) if mapped == unchanged else (mapped, unchanged)


def store_path(layout: Layout, sites: Mapping[str, Site], modality: str, path: str, version: str) -> str:
    """As :meth:`Config.store_path`, of a configuration that is still being written."""
    site = sites.get(modality)
    if layout is Layout.FLAT and not (site and site.mapped):
        return f"{version}/{path}"
    if site is None:
        raise PatternError(
            f"The configuration has no site folder for {modality}.",
            meaning="So the place of its files in the central store is unknown.",
            remedy=f"Add {modality} to “supported_modalities” in the configuration.",
        )
    match = site.pattern.match(path)
    if match is None:
        raise PatternError(
            f"“{path}” does not match the pattern “{site.pattern.text}” of {modality}.",
            meaning="So its place in the central store is unknown.",
            remedy="Correct the pattern in the configuration.",
        )
    if match.patient_id is not None and (modality in ("Images", "Waveforms") or (modality == "OMOP" and site.omop_per_patient)):
        return f"{version}/{match.patient_id}/{modality}/{match.filepath}"
    return f"{version}/{modality}/{match.filepath}"
