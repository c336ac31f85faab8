"""Files that a source lists and cannot give now, as objects in an archive: unchanged ones are unchanged, all others are problems."""

from __future__ import annotations

from chorus_gui.core.review.staging import Staging

READABLE = "NOT EXISTS (SELECT 1 FROM unreadable u WHERE u.path = s.path AND u.modality = s.modality)"
"""Of a file ``s`` of the site."""


def set_apart(staging: Staging) -> None:
    """Changes whose files would have to be read become problems."""
    db = staging.db
    if not db.execute("SELECT EXISTS (SELECT 1 FROM unreadable)").fetchone()[0]:
        return
    db.execute(
        "UPDATE change SET kind = 'problem', note = (SELECT u.note FROM unreadable u WHERE u.path = change.path AND u.modality = change.modality) "
        "WHERE kind IN ('added', 'updated', 'moved') "
        "AND EXISTS (SELECT 1 FROM unreadable u WHERE u.path = change.path AND u.modality = change.modality)"
    )
