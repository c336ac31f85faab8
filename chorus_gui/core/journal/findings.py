"""Oddities in a journal.  Real journals are not clean: they are listed, and never refused."""

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

# kind, the entries it is about, the sentence about {n} entries, the remedy
_RULES = (
    (
        "no-md5",
        "md5 IS NULL",
        "{n} {entries} {have} no MD5.",
        "Such a file is uploaded again when its time changes, because its content cannot be compared.",
    ),
    (
        "not-md5",
        "md5 IS NOT NULL AND (length(md5) <> 32 OR md5 GLOB '*[^0-9a-fA-F]*')",
        "{n} {entries} {have} another value in place of an MD5 (for example an S3 ETag).",
        "Verify cannot compare the content of these files. To see that they can be read, verify and read them (on the command line, add --reread).",
    ),
    ("size", "size < 0", "{n} {entries} {have} a negative size or none.", "The next review shows these files as updated."),
    (
        "never-uploaded",
        "invalid_us IS NOT NULL AND uploaded IS NULL",
        "{n} {entries} {were} marked as deleted or replaced before the upload. The older tools crash on that at the end of an upload.",
        "The next upload with CHoRUS Upload removes them.",
    ),
    (
        "modality",
        f"modality NOT IN ({_KNOWN})",
        "{n} {entries} {have} an unknown modality.",
        "They stay unchanged, and are ignored by reviews and uploads.",
    ),
    ("path", "path = '' OR path GLOB '[?]/*'", "{n} {entries} {have} an incomplete path.", "They stay unchanged."),
    ("version", "version = ''", "{n} {entries} {have} no version.", "They stay unchanged."),
)


def _sentence(text: str, count: int) -> str:
    one = count == 1
    return text.format(n=f"{count:,}", entries="entry" if one else "entries", have="has" if one else "have", were="was" if one else "were")


def check(schema: Schema) -> list[JournalFinding]:
    """Every kind of oddity that the journal has, with counts and examples."""
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
                f"{count:,} {'path has' if count == 1 else 'paths have'} more than one current entry.",
                int(count),
                tuple(str(what) for (what,) in examples),
                "The newest entry of each counts. The others end when the file changes or is deleted.",
            )
        )
    for kind, condition, text, remedy in _RULES:
        (count,) = schema.conn.execute(f"SELECT COUNT(*) FROM {rows} WHERE {condition}").fetchone()
        if count:
            examples = schema.conn.execute(f"SELECT modality || ': ' || path FROM {rows} WHERE {condition} ORDER BY 1 LIMIT {EXAMPLES}")
            found.append(JournalFinding(kind, _sentence(text, int(count)), int(count), tuple(str(what) for (what,) in examples), remedy))
    return found
