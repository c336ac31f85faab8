"""The configuration as the rest of the program sees it: one resolved model, whatever the layout of the file.

The central-path mapper is part of it (:meth:`Config.store_path`), so that nothing else knows layouts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from chorus_gui.core.errors import PatternError
from chorus_gui.core.model import Mode
from chorus_gui.core.pattern import Pattern


class Layout(Enum):
    """Which of the two layouts the file is written in, and saved back in."""

    FLAT = "flat"
    NESTED = "nested"


class UploadMethod(Enum):
    """BUILTIN: this program sends.  AZCLI: the site sends with generated scripts."""

    BUILTIN = "builtin"
    AZCLI = "azcli"


class AuthMode(Enum):
    """How a place in Azure lets us in.  NONE for a folder."""

    NONE = "none"
    LOGIN = "login"
    SAS = "sas"
    KEY = "key"
    CONNECTION_STRING = "connection_string"


class PlaceKind(Enum):
    """What holds the files."""

    FOLDER = "folder"
    AZURE = "azure"
    S3 = "s3"
    GCS = "gcs"


@dataclass(frozen=True, slots=True)
class Secret:
    """A text that must not be shown.  It prints as dots; :meth:`reveal` is called where it is sent, nowhere else."""

    _value: str = field(repr=False)

    def reveal(self) -> str:
        """The text itself."""
        return self._value

    def __str__(self) -> str:
        return "••••"

    def __repr__(self) -> str:
        return "Secret(••••)"

    def __bool__(self) -> bool:
        return bool(self._value)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What lets us into a place.  ``account_url`` is without a SAS (one that stood in it is in ``sas_token``)."""

    auth_mode: AuthMode = AuthMode.NONE
    account_name: str = ""
    account_url: str = ""
    sas_token: Secret | None = None
    account_key: Secret | None = None
    connection_string: Secret | None = None
    aws_access_key_id: str = ""
    aws_secret_access_key: Secret | None = None
    aws_session_token: Secret | None = None
    aws_profile: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where files lie.  ``text`` is what the file says ("az://container/prefix", "D:/site"); ``folder`` the absolute folder.

    ``prefix`` is posix, without "/" at its ends; container and prefix are "" for a folder.
    """

    kind: PlaceKind
    text: str
    folder: Path | None = None
    container: str = ""
    prefix: str = ""
    credentials: Credentials = Credentials()


@dataclass(frozen=True, slots=True)
class Site:
    """Where a modality lies on the site, and how its paths are read."""

    modality: str
    place: Place
    pattern: Pattern
    versioned: bool = False
    omop_per_patient: bool = False


@dataclass(frozen=True, slots=True)
class JournalPlaces:
    """``local`` is the journal file on this machine; ``cloud`` where it is checked out from, None if it only lives here."""

    local: Path
    cloud: Place | None = None
    upload_method: UploadMethod = UploadMethod.BUILTIN


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

    def store_path(self, modality: str, path: str, version: str) -> str:
        """Where a file goes: the path of its blob, relative to the central store, version folder included.

        Made from the journal's path and the pattern, never from the journal's patient id.  Raises :class:`PatternError` for a
        path that its modality's pattern does not match (of a journal made under another pattern).
        """
        if self.layout is Layout.FLAT and not self._mapped(modality):
            return f"{version}/{path}"
        site = self.sites[modality]
        match = site.pattern.match(path)
        if match is None:
            raise PatternError(
                f"“{path}” does not fit the pattern “{site.pattern.text}” of {modality}.",
                meaning="Where it belongs in the central store cannot be told.",
                remedy="Correct the pattern, or mark the file as deleted in the journal.",
            )
        if match.patient_id is not None and (modality in ("Images", "Waveforms") or (modality == "OMOP" and site.omop_per_patient)):
            return f"{version}/{match.patient_id}/{modality}/{match.filepath}"
        return f"{version}/{modality}/{match.filepath}"

    def store_paths(self, modality: str, path: str, version: str) -> tuple[str, ...]:
        """Where an uploaded file may lie: the mapped path first, then the unchanged one (the site changed its layout)."""
        unchanged = f"{version}/{path}"
        try:
            mapped = self.store_path(modality, path, version)
        except (PatternError, KeyError):
            return (unchanged,)
        return (mapped,) if mapped == unchanged else (mapped, unchanged)

    def _mapped(self, modality: str) -> bool:
        """A flat file whose modality names a pattern is mapped as a nested one is."""
        return ":" in self.sites[modality].pattern.text or self.sites[modality].pattern.has_version
