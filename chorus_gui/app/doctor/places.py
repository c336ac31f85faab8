"""Whether a place can be read, and written where that is needed: tested, not assumed.

The doctor and “Test connection” share this test.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from chorus_gui.app.doctor.model import Case
from chorus_gui.app.words import LOOKS_EMPTY, empty_folder
from chorus_gui.core.config.credentials import Account, Credentials
from chorus_gui.core.config.hosts import Host
from chorus_gui.core.config.model import NamedPlace, Place, PlaceKind
from chorus_gui.core.config.sas import NEEDS_JOURNAL, NEEDS_SOURCE, NEEDS_STORE
from chorus_gui.core.custody.cloud_journal import journal_parent
from chorus_gui.core.errors import ChorusError
from chorus_gui.core.folders import disk_path
from chorus_gui.core.model import Finding, Grade

if TYPE_CHECKING:
    from chorus_gui.core.storage.azure.login import Login
    from chorus_gui.core.storage.looked import Looked

CENTRAL, JOURNAL, SITE = "Central store", "Cloud journal", "Site"
NEEDS = {CENTRAL: NEEDS_STORE, JOURNAL: NEEDS_JOURNAL, SITE: NEEDS_SOURCE}
WHY = {
    CENTRAL: "Nothing can be uploaded or verified.",
    JOURNAL: "The journal cannot be checked out or in.",
    SITE: "Its files cannot be scanned or uploaded. None of them is marked as deleted for this reason.",
}


def check_central(case: Case) -> Iterator[Finding]:
    """The central store answers, and can be written to."""
    yield from _check(case, CENTRAL)


def check_journal(case: Case) -> Iterator[Finding]:
    """The place of the cloud journal answers, and can be written to; not tested twice if it is the central store's container."""
    config = case.config
    cloud = config.journal.cloud if config else None
    if config is None or cloud is None:
        return
    if cloud.container and _way(cloud) == _way(config.central):
        return
    yield from _check(case, JOURNAL)


def _way(place: Place) -> tuple[str, Account, Credentials]:
    return place.container, place.account, place.credentials


def check_sources(case: Case) -> Iterator[Finding]:
    """The site's places can be read, and what is known of the traffic that an upload causes there."""
    yield from _check(case, SITE)
    for named in case.config.places() if case.config else ():
        if case.config is not None and named.role == SITE and (found := traffic(named.place, case.config.central)) is not None:
            yield replace(found, subject=named.subject)


def traffic(site: Place, central: Place) -> Finding | None:
    """Which traffic its owner pays for when files are uploaded from a place of the site; None for a folder, and for a server that is not the service's own.

    The program does not compare regions: those of S3 and Google are never the ones of Azure, and Azure does not say in which one an account is.
    """
    match site.kind:  # without “case _”, so that pyright names this line when there is another kind
        case PlaceKind.FOLDER:
            return None
        case PlaceKind.S3 | PlaceKind.GCS:
            if site.account.url:
                return None
            service = "Amazon" if site.kind is PlaceKind.S3 else "Google"
            pays = "to whoever reads" if site.s3.requester_pays or site.gcs.user_project else "to the owner of the bucket"
            why = f"{service} bills this traffic {pays}, whichever region the bucket is in. Before you approve, the program shows how much it is."
            return Finding(Grade.INFO, "", f"Every byte that is uploaded from {site.text} leaves {service} once.", why)
        case PlaceKind.AZURE:
            host = Host.of_url(site.account.url)
            if host is None or not host.account:
                return None
            if central.kind is PlaceKind.AZURE and site.account == central.account:
                what = f"{site.text} is in the storage account of the central store, so reading it costs no traffic between regions."
                return Finding(Grade.INFO, "", what)
            if central.kind is not PlaceKind.AZURE:
                why = "Azure bills this traffic to the owner of the storage account. Before you approve, the program shows how much it is."
                return Finding(Grade.INFO, "", f"Every byte that is uploaded from {site.text} leaves Azure once.", why)
            why = "Inside one region, Azure bills no traffic. Between two regions, the owner of the site's storage account pays for each byte. Azure does not tell the program the regions."
            remedy = "Compare “Location” on the Overview pages of both storage accounts in the Azure portal."
            return Finding(Grade.INFO, "", f"It is not known if {site.text} and the central store are in the same region.", why, remedy)


def _check(case: Case, role: str) -> Iterator[Finding]:
    for place in case.config.places() if case.config else ():
        sas = place.place.credentials.sas
        if place.role == role and not (sas and sas.info.expired(case.now)):  # check_expiry says that, once
            case.ctx.checkpoint()
            yield from check_place(place, case.login, expiry=False)


def check_place(named: NamedPlace, login: Login | None, *, expiry: bool = True) -> list[Finding]:
    """Test one place of a configuration; raises no expected error.  Without ``expiry``, how long its SAS token is valid is left out."""
    place = named.place
    if named.role == JOURNAL and place.folder is not None:
        place = journal_parent(place)[0]
    try:
        if place.folder is not None:
            found = [folder_finding(os.fspath(place.folder), write=named.write)]
        elif place.kind is PlaceKind.AZURE or named.role == SITE:
            found = look_at(place, login, needs=NEEDS[named.role], expiry=expiry).findings
        else:
            from chorus_gui.core.storage.open import open_source

            open_source(place)  # says why this kind of place cannot be opened
            found = []
    except ChorusError as error:
        found = [Finding(Grade.BAD, "", error.what, error.meaning, error.remedy)]
    why = WHY[named.role]
    return [replace(one, subject=named.subject, why=one.why or (why if one.grade is Grade.BAD else "")) for one in found]


def look_at(place: Place, login: Login | None, *, needs: str = NEEDS_SOURCE, expiry: bool = True) -> Looked:
    """Whether a place in a cloud can be used, and the first page of what is there.  ``needs`` and ``expiry`` are for a SAS token.

    Raises :class:`ValueError` for a folder, which :func:`folder_finding` tests.
    """
    match place.kind:  # without “case _”, so that pyright names this line when there is another kind
        case PlaceKind.AZURE:
            from chorus_gui.core.storage.azure.probe import look as look_at_container

            return look_at_container(place, needs=needs, login=login, expiry=expiry)
        case PlaceKind.S3:
            from chorus_gui.core.storage.s3.probe import look as look_at_bucket

            return look_at_bucket(place)
        case PlaceKind.GCS:
            from chorus_gui.core.storage.gcs.probe import look as look_at_google

            return look_at_google(place)
        case PlaceKind.FOLDER:
            raise ValueError("a folder")


def folder_finding(folder: str, *, write: bool) -> Finding:
    """Whether a folder can be listed, and with ``write`` also written to."""
    try:
        with os.scandir(disk_path(folder)) as entries:
            empty = next(entries, None) is None
        if write:
            with tempfile.TemporaryFile(dir=disk_path(folder)):
                pass
    except FileNotFoundError:
        return Finding(Grade.BAD, "", f"The folder {folder} does not exist.", remedy="Check the path, and that the drive is connected.")
    except OSError as error:
        remedy = "Check the path, that the drive is connected, and your permissions for the folder."
        return Finding(Grade.BAD, "", f"Could not use the folder {folder}: {error.strerror or error}.", remedy=remedy)
    if empty and not write:
        what, remedy = empty_folder(folder), "Check the path and the drive. If the site has no files yet, ignore this warning."
        return Finding(Grade.WARNING, "", what, LOOKS_EMPTY, remedy)
    return Finding(Grade.GOOD, "", f"{folder} can be {'read and written' if write else 'opened'}.")
