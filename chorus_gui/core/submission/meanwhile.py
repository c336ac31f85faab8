"""What somebody held back between the approval and the first file."""

from __future__ import annotations

from dataclasses import asdict, replace

from chorus_gui.core.model import Approval
from chorus_gui.core.review.approval import diff_hash
from chorus_gui.core.review.holds import Holds
from chorus_gui.core.review.staging import Staging
from chorus_gui.core.review.values import Hold
from chorus_gui.core.submission.work import Work


def hold_back_meanwhile(work: Work, staging: Staging, approval: Approval) -> None:
    """Leave out what is held back by now, as if it had been held back before the approval.  Nothing is ever added here.

    The log names the files.  The rest of the review can be resumed with the approval that is kept in the review.
    """
    db = staging.db
    before = {key for (key,) in db.execute("SELECT id FROM change WHERE excluded")}
    with Holds(work.config.journal.local) as holds:
        holds.apply(staging)
    rows = db.execute("SELECT id, modality, path, reason, held_by, held_us FROM change WHERE excluded AND NOT done")
    new = [Hold(modality, path, "", *why) for key, modality, path, *why in rows if key not in before]
    if new:
        work.log.held.update({(hold.modality, hold.path): hold for hold in new})
        staging.put("approval", asdict(replace(approval, diff_hash=diff_hash(staging))))
