"""What a first look at a site's place in a cloud found: sentences, and the beginning of the listing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from chorus_gui.core.model import Finding, Grade


@dataclass(frozen=True, slots=True)
class FirstPage:
    """The first page of a listing.  ``names`` are keys relative to the place, in the service's order, without what only stands for a folder.

    ``archived``: how many of them cannot be read before they are restored; ``more``: the listing has further pages.
    """

    names: tuple[str, ...] = ()
    archived: int = 0
    more: bool = False


@dataclass(slots=True)
class Looked:
    """What was found out, in order.  ``page`` None: the place could not be listed."""

    findings: list[Finding] = field(default_factory=list[Finding])
    page: FirstPage | None = None


def page_findings(page: FirstPage, where: str, container: str, archive_remedy: str) -> Sequence[Finding]:
    """What the first page says: that it is empty, or how many of its files are archived.  ``where`` is the place's path, ``container`` "bucket"."""
    found: list[Finding] = []
    if not page.names:
        why = "If the folder in the path is misspelled, it looks empty, too: capital and small letters differ."
        remedy = f"Check the {container} and the folder in the path."
        found.append(Finding(Grade.WARNING, "", f"There are no files below {where}.", why, remedy))
    if page.archived:
        which = f"of the first {len(page.names):,} files" if page.more else f"of {len(page.names):,} files"
        what = f"{page.archived:,} {which} below {where} {'is' if page.archived == 1 else 'are'} archived."
        why = "An archived file cannot be read, so it cannot be uploaded. Files that were uploaded before are not read again."
        found.append(Finding(Grade.WARNING, "", what, why, archive_remedy))
    return found
