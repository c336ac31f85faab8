"""What the Review page says: why something cannot begin now, the notices above the table, an empty page."""

from __future__ import annotations

from chorus_gui.app.custody import State as Custody
from chorus_gui.app.values import ReviewFacts
from chorus_gui.core.config.model import UploadMethod
from chorus_gui.core.model import ChangeKind, Grade
from chorus_gui.ui import intents, words
from chorus_gui.ui.pages.review_notices import NoticeView
from chorus_gui.ui.state import SENDING, JobKind, SessionState


def scripted(state: SessionState) -> bool:
    """The site uploads with generated scripts."""
    return state.config is not None and state.config.upload_method is UploadMethod.AZCLI


def why_not_scan(state: SessionState) -> str:
    """Why no scan can begin now; "" if one can."""
    if state.config is None:
        return "No usable configuration is open."
    if state.busy:
        return "A job is running. You can scan when it has finished."
    if not state.custody.may_write:
        return state.custody.detail or "Checking where the journal is…"
    return ""


def why_not_approve(state: SessionState) -> str:
    """Why nothing can be approved now; "" if something can."""
    review = state.review
    if state.config is None or review is None:
        return "There is nothing to approve. Scan the site first."
    if review.stale:
        return "The journal has changed since the scan. Scan again."
    waits = state.journal is not None and state.journal.pending.files if scripted(state) else review.pending.total.files
    if not review.to_do_total.files and not waits:
        return "There is nothing to approve."
    return why_not_scan(state).replace("You can scan", "You can approve")


def pending_versions(state: SessionState) -> list[tuple[str, int]]:
    """Versions that are recorded and not completely uploaded, with their pending files; the latest first."""
    waiting: dict[str, int] = {}
    for count in state.journal.counts if state.journal else ():
        if count.pending:
            waiting[count.version] = waiting.get(count.version, 0) + count.pending
    return sorted(waiting.items(), reverse=True)


def notices(state: SessionState) -> list[NoticeView]:
    """What a person should know before the table."""
    out: list[NoticeView] = []
    review, custody = state.review, state.custody
    if state.config is not None and custody.state is not None and not custody.may_write and custody.state is not Custody.NOT_IN_CLOUD:
        if custody.can_check_out:
            out.append(
                NoticeView(Grade.WARNING, f"{custody.detail} Check it out before you scan.", "Check out the journal", intents.CheckOut())
            )
        else:
            out.append(NoticeView(Grade.WARNING, custody.detail, "Show options", intents.ShowPage("overview", "custody")))
    if review is not None:
        if review.stale:
            text = "The journal has changed since this scan, so this review is out of date. Scan again, then approve."
            out.append(NoticeView(Grade.WARNING, text, "Scan again", intents.Scan(), review.stale))
        elif review.approval is not None and review.done.files:
            left = review.to_do_total.files
            if left:
                done = words.count_of(review.done.files, "change")
                text = f"{done} recorded as version {review.approval.version}; {words.number(left)} left."
                out.append(NoticeView(Grade.WARNING, text, "Open Upload", intents.ShowPage("upload")))
            else:
                text = f"All changes are recorded as version {review.approval.version}."
                out.append(NoticeView(Grade.GOOD, text, "Scan again", intents.Scan()))
        out += [NoticeView(Grade.INFO, note) for note in review.summary.notes]
        if review.holds_warning:
            out.append(NoticeView(Grade.WARNING, review.holds_warning))
    for version, files in pending_versions(state)[:1]:
        text = (
            f"Version {version} is recorded, but {words.count_of(files, 'file')} of it {words.agree(files, 'is', 'are')} not uploaded yet."
        )
        out.append(NoticeView(Grade.INFO, text, "Undo version…", None, f"Remove the pending files of version {version} from the journal"))
    return out


def lead(review: ReviewFacts) -> str:
    """What the review is of."""
    which = ", ".join(review.modalities)
    unchanged = review.summary.total(ChangeKind.UNCHANGED).files
    return f"Scanned {words.moment(review.scanned_us)} ({review.mode} mode): {which}. {words.number(unchanged)} unchanged."


def empty_words(state: SessionState, *, scanning: bool) -> tuple[str, str, str]:
    """Title, text and action of an empty page."""
    if state.config is None:
        return "No configuration is open", "Changes on the site appear here. Open or set up a configuration first.", "Open Configuration"
    if scanning:
        return "Scanning the site…", "The changes appear here when the scan has finished. You can use the other pages meanwhile.", ""
    if state.review is not None:
        unchanged = state.review.summary.total(ChangeKind.UNCHANGED).files
        return (
            "Nothing has changed",
            f"{words.count_of(unchanged, 'file')} on the site {words.agree(unchanged, 'matches', 'match')} the journal.",
            "Scan again",
        )
    if state.loading:
        return "Loading…", "The changes of the last scan appear here.", ""
    if state.busy_with(JobKind.RECORD, *SENDING):
        return "Submitting…", "The Upload page shows the progress.", ""
    text = (
        "A scan compares the site's files with the journal, and lists the changes here. It changes nothing. You decide what is submitted."
    )
    return "No changes yet", text, "Scan the site"
