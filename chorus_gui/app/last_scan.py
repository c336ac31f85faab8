"""What the last scan of the command line found: a small file for each journal, because nothing else of such a scan stays for the status."""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from chorus_gui.app.holds import known_here
from chorus_gui.app.values import ScanFacts
from chorus_gui.core import private
from chorus_gui.core.errors import JournalError, ReviewError
from chorus_gui.core.model import ChangeKind
from chorus_gui.core.review.staging import Staging, staging_path
from chorus_gui.core.untrusted import DATA_ERRORS, MalformedError, json_value

if TYPE_CHECKING:
    from chorus_gui.app.review import Review
    from chorus_gui.core.config.model import Config
    from chorus_gui.core.journal.store import Journal

_log = logging.getLogger("chorus")


def keep(config: Config, journal: Journal, review: Review, staging: Staging) -> None:
    """Keep what this review says.  A disk that is full does not stop the command."""
    try:
        holds = _holds(config)
    except ReviewError:
        holds = ""
    sent = [review.to_do[kind] for kind in (ChangeKind.ADDED, ChangeKind.UPDATED) if kind in review.to_do]
    value: dict[str, Any] = {
        "at_us": int(staging.get("scanned_us", 0)),
        "changes": sum(tally.files for tally in review.to_do.values()) - review.renamed.files,
        "send_bytes": sum(tally.bytes for tally in sent),
        "held": review.summary.excluded,
        "holds": holds,
        "problems": review.summary.total(ChangeKind.PROBLEM).files,
        "modalities": sorted(staging.get("modalities", [])),
        "fingerprint": staging.get("fingerprint") if journal.versions() else "",
    }
    try:
        private.write(_file(config.journal.local), json.dumps(value).encode())
    except OSError:
        _log.exception("could not keep what the scan found")


def read(config: Config, journal: Journal | None) -> ScanFacts | None:
    """What was kept; None: nothing.  ``journal`` None: there is no local journal yet."""
    try:
        value = cast("dict[str, Any]", json_value(_file(config.journal.local).read_bytes()))
        fingerprint = str(value["fingerprint"])
        begun = journal is not None and bool(journal.versions())
        return ScanFacts(
            at_us=int(value["at_us"]),
            changes=int(value["changes"]),
            send_bytes=int(value["send_bytes"]),
            held=int(value["held"]),
            problems=int(value["problems"]),
            whole=set(value["modalities"]) == set(config.modalities),
            holds_current=value.get("holds") in (None, _holds(config)),
            current=fingerprint == (journal.fingerprint() if journal is not None and begun else ""),
        )
    except (OSError, ReviewError, JournalError, MalformedError, *DATA_ERRORS):
        return None


def _holds(config: Config) -> str:
    """Text that changes when what is held back changes.  Raises :class:`ReviewError`."""
    return hashlib.sha256(repr(sorted(map(repr, known_here(config).holds))).encode("utf-8", "surrogatepass")).hexdigest()


def _file(journal: Path) -> Path:
    window = staging_path(journal)
    return window.with_name(window.name.replace("review-", "found-")).with_suffix(".json")
