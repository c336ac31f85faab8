"""The central store and the cloud journal's place: asked, not believed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from chorus_gui.core.config.model import Place, PlaceKind
from chorus_gui.core.doctor.model import Case, Finding, Severity, site_places

WHY = {
    "Central store": "Nothing can be uploaded or verified.",
    "Cloud journal": "The journal cannot be checked out or in.",
    "Site": "Its files cannot be seen or sent.",
}


def check_central(case: Case) -> Iterator[Finding]:
    """It answers, and can be written."""
    if case.config is not None:
        yield from _place(case, "Central store", case.config.central, write=True)


def check_journal(case: Case) -> Iterator[Finding]:
    """The place that the cloud journal lies in does."""
    place = case.config.journal.cloud if case.config else None
    if place is None:
        return
    if place.folder is not None:
        parent = place.folder.parent
        place = replace(place, folder=parent, text=parent.as_posix())
    elif case.config is not None and (place.container, place.credentials) == (
        case.config.central.container,
        case.config.central.credentials,
    ):
        return  # asked already
    yield from _place(case, "Cloud journal", place, write=True)


def check_sources(case: Case) -> Iterator[Finding]:
    """Sites that lie in Azure can be listed."""
    for place in site_places(case.config).values() if case.config else ():
        if place.kind is PlaceKind.AZURE:
            yield from _place(case, "Site", place, write=False)


def _place(case: Case, subject: str, place: Place, *, write: bool) -> Iterator[Finding]:
    case.ctx.checkpoint()
    if place.kind is PlaceKind.AZURE:
        from chorus_gui.core.storage.azure.probe import probe

        for found in probe(place, write=write, login=case.login):
            severity = Severity(found.grade.value)
            yield Finding(severity, subject, found.what, "" if severity is Severity.GOOD else WHY[subject], found.remedy)
    elif place.folder is not None:
        yield _folder(subject, place.folder)


def _folder(subject: str, folder: Path) -> Finding:
    try:
        os.listdir(folder)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        what = f"{folder}: {error.strerror or error}."
        return Finding(Severity.BAD, subject, what, WHY[subject], "Check the path, that the drive is connected, and your rights there.")
    return Finding(Severity.GOOD, subject, f"{folder} can be read and written.")
