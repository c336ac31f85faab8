"""Approved files that a submission could not send, and that nobody has decided about since.

The review of such a submission is gone when the next command reads the site.  Its receipt stays.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import TYPE_CHECKING

from chorus_gui.app.folders import receipts_folder
from chorus_gui.app.receipt_order import in_order, newest_names, read
from chorus_gui.app.shared import shared_folder
from chorus_gui.app.this_store import of_this_store
from chorus_gui.core.job import JobContext, OutcomeKind
from chorus_gui.core.journal.queries import active_by_paths
from chorus_gui.core.model import Item
from chorus_gui.core.receipt import Receipt

if TYPE_CHECKING:
    from chorus_gui.core.config.model import Config
    from chorus_gui.core.journal.store import Journal

APPROVES = ("submission", "record")
"""The kinds of receipts of runs that a person approved after a scan"""


def left_over(config: Config, journal: Journal, decided: Collection[str], ctx: JobContext) -> dict[str, int]:
    """Version → how many files were approved for it, failed, and are not in the journal.

    A later submission that read the modality of a file decides about it: the file was recorded, held back, no longer there, or failed again
    for that one's version.  ``decided``: the modalities of the run that asks, if it is a submission.
    """
    others = shared_folder(config)
    kept = in_order((one for folder in (receipts_folder(), others) for one in read(newest_names(folder), ctx)), others)
    later, open_ = list[Receipt](), list[tuple[str, Item]]()
    for one in kept:
        says = one.says
        mine = one.file.parent == others or says.journal == str(config.journal.local)
        if says.kind not in APPROVES or not mine or not of_this_store(config, says.store, says.host):
            continue
        for item in (failure.item for failure in says.failures):
            if item.modality not in decided and not any(_decides(newer, item) for newer in later):
                open_ += [(version, item) for version in _versions(says, item)]
        if says.outcome is OutcomeKind.DONE:
            later.append(says)
    rows = active_by_paths(journal, {item.path for _, item in open_}) if open_ else []
    there = {(row.modality, row.path, row.size, row.mtime_us) for row in rows}
    return Counter(version for version, item in open_ if (item.modality, item.path, item.size, item.mtime_us) not in there)


def _versions(says: Receipt, item: Item) -> tuple[str, ...]:
    version = item.store_path.partition("/")[0]
    return (version,) if version in says.versions else says.versions


def _decides(newer: Receipt, item: Item) -> bool:
    """Its scan could see this file."""
    if newer.modalities and item.modality not in newer.modalities:
        return False
    unread = (one.path for one in newer.unread if one.modality in (item.modality, ""))
    return not any(path in ("", item.path) or item.path.startswith(f"{path}/") for path in unread)
