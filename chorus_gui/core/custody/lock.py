"""The lock: a blob next to the journal that says who has it.

For the older tools its existence means "checked out".  This program's is made only where there is none, holds zero bytes, and names its owner
in its metadata; on a share, which has no metadata, it is a small JSON text.  A lock without such a note is another tool's, which
may have put the journal itself into it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import cast

from chorus_gui.core.custody.cloud_journal import CloudJournal
from chorus_gui.core.errors import BlobNotFoundError, ConditionError
from chorus_gui.core.storage.base import IF_ABSENT, BlobInfo, Condition
from chorus_gui.core.storage.digests import md5_of
from chorus_gui.core.storage.small import read_small
from chorus_gui.core.untrusted import json_value

_NOTE_BYTES = 4096


@dataclass(frozen=True, slots=True)
class LockNote:
    """What a lock of this program says.  ``since`` is ISO 8601, UTC; ``journal_etag`` "" if there was no journal yet.

    ``token`` is random: it identifies this check-out.
    """

    who: str
    host: str
    since: str
    app: str
    journal_etag: str
    token: str


def read_note(home: CloudJournal, lock: BlobInfo) -> LockNote | None:
    """Its note; None for a lock of another tool, or one that holds a journal."""
    if lock.size == 0:
        return _note(lock.metadata or {})
    if not home.readable_lock or lock.size > _NOTE_BYTES:
        return None
    try:
        fields = json_value(read_small(home.store, lock))
    except (ValueError, ConditionError, BlobNotFoundError):
        return None
    return _note(cast("dict[str, object]", fields)) if isinstance(fields, dict) else None


def _note(fields: Mapping[str, object]) -> LockNote | None:
    if not fields.get("token"):
        return None
    return LockNote(**{name: str(fields.get(name, "")) for name in LockNote.__slots__})


def take(home: CloudJournal, note: LockNote, condition: Condition = IF_ABSENT) -> BlobInfo:
    """Make the lock, or, on a condition, replace one.  Raises :class:`ConditionError` if somebody else has one."""
    fields = {name: value for name, value in asdict(note).items() if value}
    data = json.dumps(fields, ensure_ascii=False, indent=1).encode() if home.readable_lock else b""
    metadata = None if home.readable_lock else fields
    return home.store.put(home.lock, data, md5=md5_of(data).digest(), metadata=metadata, condition=condition)


def release(home: CloudJournal, etag: str) -> bool:
    """Remove the lock if it still is that one; False if it is not: gone, or somebody else's."""
    try:
        home.store.delete(home.lock, condition=Condition(etag=etag))
        return True
    except (BlobNotFoundError, ConditionError):
        return False
