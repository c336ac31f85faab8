"""From a path in the file ("az://container/prefix", "D:/site", "data") to a :class:`~chorus_gui.core.config.model.Place`."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from chorus_gui.core.config.azure_keys import azure_credentials
from chorus_gui.core.config.credential_keys import Around, aws_credentials, gcs_settings, google_credentials, s3_settings
from chorus_gui.core.config.credentials import NO_ACCOUNT, Account, Credentials
from chorus_gui.core.config.keys import DEFAULT, nearest
from chorus_gui.core.config.model import NO_GCS, NO_S3, Place, PlaceKind
from chorus_gui.core.config.reading import Reading, Value, as_tables, quote
from chorus_gui.core.config.sas import NEEDS_JOURNAL, NEEDS_SOURCE, NEEDS_STORE
from chorus_gui.core.redact import redact

SCHEMES = {"az": PlaceKind.AZURE, "s3": PlaceKind.S3, "gs": PlaceKind.GCS}
"""How the address of each kind of place begins.  Files of a site can be in all of them."""
_CONTAINER = re.compile(r"\$?[a-z0-9](?:-?[a-z0-9])*")
_NEEDS = {"central": NEEDS_STORE, "journal": NEEDS_JOURNAL, "site": NEEDS_SOURCE}


@dataclass(frozen=True)
class Places:
    """Resolves the file's places.  ``base`` is the configuration file's folder, absolute."""

    reading: Reading
    base: Path
    environ: Mapping[str, str]
    kept: Callable[[str], str]
    now: datetime

    def central(self) -> Place | None:
        """The central store; None after a fault."""
        value = self.reading.value("central.path")
        if not value.given:
            value.missing("The central store's path is missing.", "Write for example “az://container/”, or a folder.")
            return None
        return self._place("central", value, (PlaceKind.AZURE,))

    def journal(self) -> Place | None:
        """Where the journal is checked out from; None if the file names none, or after a fault."""
        value = self.reading.value("journal.path")
        if not value.given:
            return None
        place = self._place("journal", value, (PlaceKind.AZURE,))
        if place is None:
            return None
        name = place.prefix.rpartition("/")[2] if place.folder is None else place.folder.name
        if not name or value.text().endswith(("/", "\\")):
            value.fault("The journal's file name is missing at the end of the path.", "Add it, for example “journal.db”.")
            return None
        if not name.lower().endswith(".db"):
            value.warn(f"The journal's name {quote(name)} does not end in “.db”.")
        return place

    def site(self, modality: str) -> Place | None:
        """Where a modality is on the site; None after a fault."""
        value = self.reading.value("site.path", modality)
        if value.given:
            return self._place("site", value, tuple(SCHEMES.values()), modality)
        own = as_tables(self.reading.table("site_path").get(modality))
        default = self.reading.value("site.path", DEFAULT)
        if not value.given and "path" in own:
            value.fault("The path of this modality is empty.", "Enter it, or remove the key.")
        elif own and default.given:
            value.missing(
                "The folder is missing: in this layout nothing is taken from the default table if a modality has its own table.",
                "Repeat the path here, or remove the modality's table.",
            )
        else:
            default.missing("The site's folder is missing.", "Enter it here, or add a table with a path for every modality.")
        return None

    def local_journal(self, value: Value, text: str) -> Path:
        """The journal file on this computer; a fault for an address, or if it is only where the older tools would have looked for it."""
        if "://" in text:
            value.fault(
                f"The local journal is a file on this computer, and {quote(text)} is an address.",
                "Write the address as the path of the cloud journal. Name a file here, such as “journal.db”, or remove the key.",
            )
        beside = Path(os.path.normpath(self.base / text))
        working = Path(os.path.normpath(Path.cwd() / text))
        try:
            elsewhere = beside != working and working.is_file() and not beside.exists()
        except (OSError, ValueError) as error:
            value.fault(f"The system does not accept this path ({getattr(error, 'strerror', None) or 'invalid'}).", "Write a shorter path.")
            return beside
        if elsewhere:
            value.fault(
                f"The local journal is in the current folder (“{working}”), not in the folder of the configuration file (“{beside}”).",
                f"If it is the right one, move it to that folder, or add --local-journal {text}. Otherwise move it away.",
            )
        if not beside.suffix:
            value.warn(f"The local journal's name {quote(beside.name)} does not end in “.db”.")
        return beside

    def _place(self, place: str, value: Value, kinds: tuple[PlaceKind, ...], modality: str = DEFAULT) -> Place | None:
        text = value.text()
        if not text:
            return None  # not a text, which is a fault already: the configuration's folder would be another place
        scheme, separator, rest = text.partition("://")
        if not separator:
            return Place(PlaceKind.FOLDER, text, Path(os.path.normpath(self.base / text)))
        kind = SCHEMES.get(scheme)
        if kind not in kinds:
            known = [name for name, candidate in SCHEMES.items() if candidate in kinds]
            addresses = ", ".join(f"“{name}://…”" for name in known)
            value.fault(
                f"A path with {quote(scheme + '://')} cannot be used here.",
                "Write “az://container/…”, or a folder." if len(known) == 1 else f"Write {addresses}, or a folder.",
                "az" if scheme in ("http", "https", "azure", "blob") else nearest(scheme, known),
            )
            return None
        if redact(text) != text:
            value.fault("The path contains a SAS token.", "Move the token to azure_sas_token.")
            return None
        container, _, prefix = rest.partition("/")
        fits = self._container_fits(place, value, kind, container, modality)
        account, credentials = self._way_in(place, kind, container, modality)  # always read, so that its faults are found, too
        s3, gcs = NO_S3, NO_GCS
        if kind is PlaceKind.S3:
            account, s3 = s3_settings(self.reading, self.base, self.environ, modality)
        elif kind is PlaceKind.GCS:
            account, gcs = gcs_settings(self.reading, self.base, self.environ, modality)
        return Place(kind, text, None, container, prefix.strip("/"), credentials, account, _NEEDS[place], s3, gcs) if fits else None

    def _container_fits(self, place: str, value: Value, kind: PlaceKind, container: str, modality: str) -> bool:
        named = self.reading.value(f"{place}.{'s3_container' if kind is PlaceKind.S3 else 'container'}", modality)
        if not container:
            scheme, what = value.text().partition("://")[0], "container" if kind is PlaceKind.AZURE else "bucket"
            suggestion = f"{scheme}://{named.text()}/" if named.given else ""
            value.fault(f"The name of the {what} is missing.", f"Write “{scheme}://{what}/folder”.", suggestion)
            return False
        if kind is PlaceKind.AZURE and not (3 <= len(container) <= 63 and _CONTAINER.fullmatch(container)):
            value.fault(
                f"{quote(container)} is not a valid container name.",
                "Use 3 to 63 lower-case letters, digits and single hyphens.",
                "" if named.text() == container else nearest(container, [named.text()]),
            )
            return False
        if kind is not PlaceKind.GCS and named.given and named.text() != container:
            named.fault(
                f"The container is {quote(named.text())} here, but {quote(container)} in the path.", "Make both the same.", container
            )
        return True

    def _way_in(self, place: str, kind: PlaceKind, container: str, modality: str) -> tuple[Account, Credentials]:
        match kind:  # without “case _”, so that pyright names this line when there is another kind
            case PlaceKind.S3:
                return NO_ACCOUNT, aws_credentials(self.reading, self.environ, self.kept, modality)
            case PlaceKind.GCS:
                return NO_ACCOUNT, google_credentials(self.reading, Around(self.environ, self.kept, self.base), modality)
            case PlaceKind.AZURE:
                return self._azure(place, container, modality)
            case PlaceKind.FOLDER:
                raise ValueError("a folder")

    def _azure(self, place: str, container: str, modality: str) -> tuple[Account, Credentials]:
        around = Around(self.environ, self.kept, self.base)
        account, credentials = azure_credentials(self.reading, place, container, around, modality)
        if credentials.sas is not None:
            token, url = (self.reading.value(f"{place}.{name}", modality) for name in ("azure_sas_token", "azure_account_url"))
            where = url if url.given and not token.given else token
            for sentence in credentials.sas.info.sentences(self.now, _NEEDS[place]):
                where.warn(sentence)
        return account, credentials
