"""What interrupted work left behind."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from chorus_gui.app.doctor.model import Case
from chorus_gui.app.words import agree, plural
from chorus_gui.app.words import size as bytes_of
from chorus_gui.core.folders import data_folder
from chorus_gui.core.model import Finding, Grade

SUBJECT = "Leftovers"
OLD = timedelta(days=30)


def check_reviews(case: Case) -> Iterator[Finding]:
    """Reviews that have waited for weeks: they name patients, and the site has changed since."""
    old = [file for file in sorted((data_folder() / "staging").glob("review-*.db")) if case.now - _changed(file) > OLD]
    if old:
        size = sum(file.stat().st_size for file in old)
        what = f"{plural(len(old), 'review')} {agree(len(old), 'is', 'are')} older than {OLD.days} days ({bytes_of(size)})."
        why = "Reviews contain the names of patients' files, and the site has changed since."
        yield Finding(Grade.WARNING, SUBJECT, what, why, "Scan again, or remove them with Tools → Clear local data.")


def check_copies(case: Case) -> Iterator[Finding]:
    """Hidden copies of the journal that an interrupted check-out, check-in or comparison left next to it."""
    if case.config is None:
        return
    local = case.config.journal.local
    left = [
        file for file in sorted(local.parent.glob(f".{local.name}.*")) if file.is_file() and case.now - _changed(file) > timedelta(days=1)
    ]
    if left:
        what = f"An interrupted check-out or check-in left {plural(len(left), 'file')} next to the journal."
        remedy = "The next check-out or check-in removes them. You can also delete them."
        yield Finding(
            Grade.WARNING, SUBJECT, what, "They take up disk space, and do no harm.", remedy, tuple(file.name for file in left[:5])
        )


def _changed(file: Path) -> datetime:
    return datetime.fromtimestamp(file.stat().st_mtime, UTC)
