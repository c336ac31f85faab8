"""From what a run did to its receipt."""

from __future__ import annotations

import getpass
import socket
import time

from chorus_gui import __version__
from chorus_gui.core.config.model import Config
from chorus_gui.core.errors import ReviewError
from chorus_gui.core.job import OutcomeKind
from chorus_gui.core.model import ChangeKind
from chorus_gui.core.receipt import HeldBack, Receipt
from chorus_gui.core.review.changes import stream
from chorus_gui.core.review.staging import Staging
from chorus_gui.core.review.values import Query, Reviewed
from chorus_gui.core.submission.log import RunLog


def make_receipt(config: Config, log: RunLog, kind: str, outcome: OutcomeKind, reviewed: Reviewed | None = None) -> Receipt:
    """The receipt of a run that ended now; ``kind`` is submission, record, upload or verify, ``reviewed`` the scan that it began with."""
    held: tuple[HeldBack, ...] = ()
    diff_hash, notes, problems, unmatched = "", (), None, None
    if reviewed is not None:
        found = reviewed.summary
        notes, problems, unmatched = found.notes, found.total(ChangeKind.PROBLEM).files, found.total(ChangeKind.UNMATCHED).files
        try:
            with Staging.open(reviewed.path) as staging:
                held = tuple(HeldBack(c.modality, c.path, c.reason) for c in stream(staging, Query(excluded=True)))
                approval: dict[str, str] = staging.get("approval") or {}
                diff_hash = approval.get("diff_hash", "")
        except ReviewError:
            notes = (*notes, "The review itself is no longer there; what was held back is not listed.")
    uploaded = log.uploaded_total
    return Receipt(
        kind=kind,
        site=" · ".join(dict.fromkeys(config.sites[name].place.text for name in config.modalities)),
        central_url=config.central.text,
        journal=str(config.journal.local),
        versions=tuple(sorted(log.versions | log.recorded)) or ((log.version,) if log.version and (log.entered or log.failures) else ()),
        started_us=log.started_us,
        ended_us=time.time_ns() // 1000,
        user=getpass.getuser(),
        host=socket.gethostname(),
        app_version=__version__,
        by_modality=log.entered,
        uploaded=log.uploaded,
        sent_files=uploaded.files,
        sent_bytes=log.sent_bytes,
        reused_bytes=log.reused_bytes,
        proofs=dict(log.proofs),
        failures=tuple(log.failures),
        held_back=held,
        problems=problems,
        unmatched=unmatched,
        diff_hash=diff_hash,
        notes=(*notes, *log.notes),
        outcome=outcome,
    )
