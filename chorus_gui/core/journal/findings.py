"""What is odd in a journal.  Real journals are not clean: this tells, it never refuses."""

from __future__ import annotations

from dataclasses import dataclass

from chorus_gui.core.journal.schema import Schema
from chorus_gui.core.model import MODALITIES

EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class JournalFinding:
    """One oddity: ``text`` a sentence with the count in it, ``examples`` paths (at most five), ``remedy`` a sentence or "".

    ``kind`` is a fixed word for programs: duplicate, no-md5, not-md5, size, never-uploaded, modality, path, version, wal, lost.
    """

    kind: str
    text: str
    count: int
    examples: tuple[str, ...] = ()
    remedy: str = ""


_KNOWN = ", ".join(f"'{name}'" for name in MODALITIES)

# kind, the rows it is about, the sentence about {n} rows, the remedy
_RULES = (
    (
        "no-md5",
        "md5 IS NULL",
        "{n} rows have no MD5.",
        "Such a file is sent again the next time its modification time changes, because nothing can be compared.",
    ),
    (
        "not-md5",
        "md5 IS NOT NULL AND (length(md5) <> 32 OR md5 GLOB '*[^0-9a-fA-F]*')",
        "{n} rows hold something else than an MD5 (an S3 ETag, for instance).",
        "Verify cannot compare their content; a re-read tells what the store holds.",
    ),
    ("size", "size < 0", "{n} rows have a negative or no size.", "Their files count as updated in the next review."),
    (
        "never-uploaded",
        "invalid_us IS NOT NULL AND uploaded IS NULL",
        "{n} rows were closed before they were ever uploaded; the older tools crash on them at the end of an upload.",
        "The next upload with this program takes them out.",
    ),
    (
        "modality",
        f"modality NOT IN ({_KNOWN})",
        "{n} rows belong to no known modality.",
        "They are kept as they are, and take no part in reviews and uploads.",
    ),
    ("path", "path = '' OR path GLOB '[?]/*'", "{n} rows have no complete path.", "They are kept as they are."),
    ("version", "version = ''", "{n} rows have no version.", "They are kept as they are."),
)


def check(schema: Schema) -> list[JournalFinding]:
    """Every kind of tolerated dirt that the journal has, with counts and examples."""
    rows = f"({schema.rows_sql()})"
    found: list[JournalFinding] = []
    twice = (
        f"SELECT modality || ': ' || path AS what, COUNT(*) AS n FROM {rows} WHERE invalid_us IS NULL GROUP BY modality, path HAVING n > 1"
    )
    (count,) = schema.conn.execute(f"SELECT COUNT(*) FROM ({twice})").fetchone()
    if count:
        examples = schema.conn.execute(f"SELECT what FROM ({twice}) ORDER BY what LIMIT {EXAMPLES}")
        found.append(
            JournalFinding(
                "duplicate",
                f"{count} paths have more than one active row.",
                int(count),
                tuple(str(what) for (what,) in examples),
                "The newest row of each counts; the others are closed when the file changes or is deleted.",
            )
        )
    for kind, condition, text, remedy in _RULES:
        (count,) = schema.conn.execute(f"SELECT COUNT(*) FROM {rows} WHERE {condition}").fetchone()
        if count:
            examples = schema.conn.execute(f"SELECT modality || ': ' || path FROM {rows} WHERE {condition} ORDER BY 1 LIMIT {EXAMPLES}")
            found.append(JournalFinding(kind, text.format(n=count), int(count), tuple(str(what) for (what,) in examples), remedy))
    return found
