"""What interrupted work left behind."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from chorus_gui.app.doctor.model import Case
from chorus_gui.core.folders import data_folder
from chorus_gui.core.model import Finding, Grade

SUBJECT = "Leftovers"
OLD = timedelta(days=30)


def check_reviews(case: Case) -> Iterator[Finding]:
    """Reviews that wait for weeks: they name patients, and the site has changed since."""
    old = [file for file in sorted((data_folder() / "staging").glob("review-*.db")) if case.now - _changed(file) > OLD]
    if old:
        size = sum(file.stat().st_size for file in old)
        what = f"{_count(len(old), 'review')} wait for more than {OLD.days} days ({size / 1e6:,.0f} MB)."
        why = "They name patients, and the site has changed since."
        yield Finding(Grade.WARNING, SUBJECT, what, why, "Scan again, or remove them with Tools → Clear local data.")


def check_copies(case: Case) -> Iterator[Finding]:
    """Hidden copies of the journal that an interrupted check-out, check-in or comparison left beside it."""
    if case.config is None:
        return
    local = case.config.journal.local
    left = [
        file for file in sorted(local.parent.glob(f".{local.name}.*")) if file.is_file() and case.now - _changed(file) > timedelta(days=1)
    ]
    if left:
        what = f"{_count(len(left), 'file')} beside the journal were left by an interrupted check-out or check-in."
        remedy = "The next check-out or check-in removes them; you may delete them too."
        yield Finding(Grade.WARNING, SUBJECT, what, "They take room, and do no harm.", remedy, tuple(file.name for file in left[:5]))


def _changed(file: Path) -> datetime:
    return datetime.fromtimestamp(file.stat().st_mtime, UTC)


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'s' * (number != 1)}"
