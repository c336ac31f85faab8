"""A review that a person approved, and what of it is left to do."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from chorus_gui.core.model import Approval, Change, ChangeKind, Tally
from chorus_gui.core.review.amended import SENDING
from chorus_gui.core.review.changes import stream
from chorus_gui.core.review.staging import Staging
from chorus_gui.core.review.values import Query

_TO_DO = Query(excluded=False, done=False, order="id")


@dataclass(frozen=True, slots=True)
class Approved:
    """A review that a person approved."""

    staging: Staging
    approval: Approval

    def version_of(self, change: Change) -> str:
        """The version that a change belongs to: the one that its path names, otherwise the submission's."""
        return change.version or self.approval.version

    def changes(self, *kinds: ChangeKind, modality: str = "") -> Iterator[Change]:
        """What is approved and not done yet; of one ``modality``, if there is one."""
        return stream(self.staging, replace(_TO_DO, kinds=kinds, modalities=(modality,) if modality else ()))

    def small_files(self, size: int) -> int:
        """How many files to send have at most ``size`` bytes."""
        return int(self.staging.db.execute(f"SELECT count(*) FROM change WHERE {SENDING} AND size <= ?", (size,)).fetchone()[0])

    def to_send(self, again: Collection[int] = ()) -> dict[str, Tally]:
        """Files and bytes to send, by modality; ``again`` are the ids of MOVED changes that are sent too."""
        rows = self.staging.db.execute(
            f"SELECT modality, count(*), sum(size) FROM change WHERE {SENDING} OR id IN (SELECT value FROM json_each(?)) GROUP BY modality",
            (json.dumps(sorted(again)),),
        )
        return {modality: Tally(files, size) for modality, files, size in rows}
