"""Where a site is in its submission: one pure function of everything that is known, shown by every face.

Green means that nothing is wrong, and that the program knows of nothing left to do.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeGuard

from chorus_gui.app.last_verification import (
    SENDS,
    all_submitted,
    compared,
    earlier,
    failed_verification,
    no_longer_complete,
    sent_since_scan,
    unverified,
    verification,
)
from chorus_gui.app.outside import pending_sentence, wrong_sentence
from chorus_gui.app.site_steps import COMMANDS, Action, Known, Progress, SiteStatus, Step
from chorus_gui.app.values import ReceiptFacts, ReviewFacts, ScanFacts
from chorus_gui.app.words import agree, files_and_size, plural, size
from chorus_gui.core.custody.state import State as Custody
from chorus_gui.core.model import ChangeKind, Grade, Tally

__all__ = ["COMMANDS", "RECOVER", "Action", "Known", "Progress", "SiteStatus", "Step", "site_status", "submission_warnings"]

RECOVER = "Show both journals"
DIFFERS = "The central store differs from the journal"


def site_status(known: Known) -> SiteStatus:
    """Compute the status.  The first step that is NOW or STOPPED is the next one; those after it wait."""
    return replace(_status(replace(known, receipts=compared(known.receipts, known.journal))), scripts=known.uses_scripts)


def _status(known: Known) -> SiteStatus:
    found = (_check_out(known), _review(known), _submit(known), _finish(known))
    at = next((n for n, step in enumerate(found) if step.progress in (Progress.NOW, Progress.STOPPED)), None)
    steps = tuple(
        step if at is None or n <= at or step.progress is Progress.DONE else Step(step.name, Progress.LATER, step.text)
        for n, step in enumerate(found)
    )
    warnings = _warnings(known, steps[at] if at is not None else None)
    if known.configuration_problems:
        problems = plural(known.configuration_problems, "problem")
        text = f"{known.configuration_error} {problems} to fix.".strip()
        step = Step("Configuration", Progress.STOPPED, text, "Open Configuration", Action.CORRECT_CONFIGURATION)
        return SiteStatus("The configuration has problems", step.text, Grade.BAD, step, (steps[0], steps[1], steps[2], steps[3]), warnings)
    if at is not None:
        step = steps[at]
        grade = Grade.BAD if step.progress is Progress.STOPPED else Grade.WARNING if warnings else Grade.INFO
        return SiteStatus(
            step.headline or f"Next step: {step.name.lower()}", step.text, grade, step, (steps[0], steps[1], steps[2], steps[3]), warnings
        )
    step = _after_all(known)
    grade = Grade.WARNING if warnings else Grade.INFO if known.looking else Grade.GOOD
    return SiteStatus(_closing(known, warnings), step.text, grade, step, (steps[0], steps[1], steps[2], steps[3]), warnings)


def _closing(known: Known, warnings: tuple[str, ...]) -> str:
    if known.looking:
        return "Reading the journal and the review"
    if known.journal is not None and known.journal.versions and known.journal.last_sent is None:
        return "Nothing is uploaded"
    return "Submitted, with warnings" if warnings else all_submitted(known.receipts, known.journal, known.wrong)


def _after_all(known: Known) -> Step:
    text = "Scan again when the site has new files."
    if known.looking:
        return Step("Scan and review", Progress.LATER, "This takes a moment.")
    return Step("Scan and review", Progress.DONE, text, "Scan the site again", Action.SCAN)


# --- the four steps -------------------------------------------------------------------------------------------------------


def _check_out(known: Known) -> Step:
    custody = known.custody
    name = "Start the journal" if custody.state is Custody.NEW else "Check out"
    if custody.less is not None:
        return Step(
            "Recover the journal", Progress.STOPPED, custody.detail, RECOVER, Action.RECOVER_JOURNAL, headline="The journal lacks history"
        )
    if custody.state is None:
        if custody.grade is Grade.BAD and known.credential.expired:
            return Step(name, Progress.STOPPED, custody.detail, "Enter new token", Action.ENTER_TOKEN, headline="The SAS token has expired")
        if custody.grade is Grade.BAD:
            return Step(name, Progress.STOPPED, custody.detail, "Retry", Action.TRY_AGAIN, headline="Could not reach the journal")
        return Step(name, Progress.LATER, "Checking where the journal is…")
    if custody.may_write:
        text = "The journal is on this computer." if custody.state is Custody.NOT_IN_CLOUD else f"{custody.text}."
        return Step(name, Progress.DONE, text)
    if custody.can_check_out:
        if custody.state is Custody.FREE and not custody.newer and _nothing_to_do(known):
            return Step(name, Progress.DONE, "The journal is checked in.")
        label = "Start the journal" if custody.state is Custody.NEW else "Check out the journal"
        if known.wrong is not None:
            again = "it" if known.wrong.files == 1 else "them"
            text = f"{known.wrong.text} Check out the journal to upload {again} again."
            return Step(name, Progress.STOPPED, text, label, Action.CHECK_OUT, headline=DIFFERS)
        about = " It is the list of every file that you submit. Starting it uploads no files." if custody.state is Custody.NEW else ""
        return Step(name, Progress.NOW, f"{custody.detail}{about}{_left(known)}", label, Action.CHECK_OUT)
    return Step(name, Progress.STOPPED, custody.detail, "Show options", Action.DECIDE_CUSTODY, headline=custody.text)


def _left(known: Known) -> str:
    """What is left of the last submission, as a sentence after a space; "" if nothing is."""
    version = unverified(known.receipts, known.journal, known.wrong) if known.journal is not None else None
    if known.journal is not None and _pending(known):
        return f" {files_and_size(known.journal.pending)} recorded, not uploaded."
    unmarked = next((f" {text}" for text in _to_mark(known).values()), "")
    return f" Version {version} has not been verified yet." if version else unmarked


def _review(known: Known) -> Step:
    """Nobody is invited to a scan of folders that cannot be read: they come first."""
    step = _look_at_site(known)
    if known.away and step.progress is Progress.NOW and step.action is Action.SCAN:
        return Step(
            step.name,
            Progress.STOPPED,
            " ".join(known.away),
            "Scan the site again",
            Action.SCAN,
            headline="Could not read the site's files",
        )
    return step


def _look_at_site(known: Known) -> Step:
    name, review, journal = "Scan and review", known.review, known.journal
    if "scan" in known.running:
        return Step(name, Progress.NOW, "The site is compared with the journal.", headline="Scanning the site…")
    if known.running & {"record", "submit", "upload"}:
        return Step(name, Progress.DONE, "Approved.")
    if known.looking and review is None:
        return Step(name, Progress.LATER, "Loading…")
    if journal is not None and journal.error:
        return Step(name, Progress.STOPPED, journal.error, "Retry", Action.TRY_AGAIN, headline="The journal cannot be read")
    if _site_is_gone(review):
        return _gone(name, review)
    found = _found(known)
    if found is not None and not _waits_for_approval(review):
        text = f"The last scan found {plural(found.changes, 'change')}, {size(found.send_bytes)} to upload. Nobody has approved {agree(found.changes, 'it', 'them')}."
        headline = f"{plural(found.changes, 'change')} to review"
        return Step(name, Progress.NOW, text, "Scan and review", Action.SUBMIT_FOUND, headline=headline)
    if (_pending(known) or _left_to_submit(known).files) and not _waits_for_approval(review):
        return Step(name, Progress.DONE, "Recorded changes are uploaded first.")
    if review is None or review.stale:
        if _differs(known):
            return Step(name, Progress.DONE, "Files that differ in the central store come first.")
        if _cut_off(known):
            text = "The last upload was interrupted. What arrived is recorded, and is not uploaded again. Scan to see what is left."
            return Step(name, Progress.NOW, text, "Scan the site again", Action.SCAN, headline="The upload is not complete")
        if sent_since_scan(known.receipts, known.journal):
            return Step(name, Progress.DONE, "Submitted.")
        if _found_nothing(known):
            return Step(name, Progress.DONE, "The last scan found no changes.")
        if review is None:
            return Step(name, Progress.NOW, "Find out what changed on the site since the last submission.", "Scan the site", Action.SCAN)
        return Step(name, Progress.NOW, "The journal has changed since the scan.", "Scan the site again", Action.SCAN)
    problems = review.summary.total(ChangeKind.PROBLEM).files
    if _waits_for_approval(review):
        unread = f" The scan found {plural(problems, 'problem')} on the site." if problems else ""
        text = f"{plural(review.to_do_total.files, 'change')}, {size(review.to_send.bytes)} to upload.{unread}{_ignored(review)}"
        found = f"{plural(review.to_do_total.files, 'change')} to review"
        return Step(name, Progress.NOW, text, "Review the changes", Action.REVIEW, headline=found)
    if review.out_of_reach:
        return _gone(name, review)
    return Step(name, Progress.DONE, f"No changes to approve.{_ignored(review)}")


def _submit(known: Known) -> Step:
    name, journal = "Submit", known.journal
    if known.running & {"record", "submit", "upload"}:
        return Step(
            name, Progress.NOW, "Approved changes are recorded and uploaded.", "Show progress", Action.SHOW_PROGRESS, headline="Submitting…"
        )
    rest = _left_to_submit(known)
    if rest.files:
        return _resume(name, rest + (journal.pending if journal else Tally()))
    if journal is None or not journal.versions:
        return Step(name, Progress.LATER, "What you approve is recorded and uploaded.")
    if _pending(known):
        text = f"{files_and_size(journal.pending)} recorded, not uploaded."
        if known.uses_scripts:
            return Step(name, Progress.NOW, text, "Upload with a script", Action.MAKE_SCRIPT)
        if _interrupted(known):
            return _resume(name, journal.pending)
        label = f"Upload {plural(journal.pending.files, 'pending file')}"
        return Step(name, Progress.NOW, text, label, Action.UPLOAD, headline=f"{plural(journal.pending.files, 'file')} to upload")
    failed, run = _failed(known)
    if failed:
        text = f"{plural(failed, 'file')} of the last {run} failed. Fix the cause, then scan again."
        return Step(name, Progress.STOPPED, text, "Scan the site again", Action.SCAN, headline=f"{plural(failed, 'file')} failed")
    if _cut_off(known):
        return Step(name, Progress.LATER, "The last upload was interrupted, so approved files can be left.")
    if journal.last_sent is None:
        return Step(name, Progress.LATER, "Every recorded file is held back or left out.")
    return Step(name, Progress.DONE, f"Version {journal.last_sent} is in the central store.")


def _finish(known: Known) -> Step:
    custody, journal = known.custody, known.journal
    cloud = custody.state not in (None, Custody.NOT_IN_CLOUD)
    name = "Verify and check in" if cloud else "Verify"
    if "verify" in known.running:
        text = "Every file of the version is compared with the journal."
        return Step(name, Progress.NOW, text, headline="Verifying the central store…")
    last = journal.last_sent if journal else None
    if last is None:
        return Step(name, Progress.LATER, "Compare the central store with the journal.")
    if _pending(known) or _left_to_submit(known).files:
        return Step(name, Progress.LATER, "Compare the central store with the journal after the upload.")
    if known.wrong is not None:
        label = f"Upload {plural(known.wrong.files, 'file')} again"
        return Step(name, Progress.STOPPED, known.wrong.text, label, Action.REPAIR, headline=DIFFERS)
    verified = verification(known.receipts, last, known.wrong)
    if verified is not None and not verified.clean:
        text, headline = failed_verification(verified), "The verification found differences" if verified.failures else "Not verified"
        return Step(name, Progress.STOPPED, text, "Show the verification", Action.SEE_VERIFICATION, last, headline)
    version = unverified(known.receipts, journal, known.wrong) if journal else None
    if version is not None:
        return Step(name, Progress.NOW, f"Version {version} has not been verified yet.", f"Verify {version}", Action.VERIFY, version)
    for unmarked, text in _to_mark(known).items():
        headline = f"Version {unmarked} is no longer marked as complete"
        return Step(name, Progress.STOPPED, text, f"Mark {unmarked} as complete", Action.MARK_COMPLETE, unmarked, headline)
    if custody.can_check_in:
        text = "Check in the journal, so that colleagues can submit."
        headline = all_submitted(known.receipts, known.journal, known.wrong)
        return Step(name, Progress.NOW, text, "Check in the journal", Action.CHECK_IN, headline=headline)
    return Step(name, Progress.DONE, f"Version {last} is verified.{earlier(known.receipts, known.journal, known.wrong)}")


def _unmarked(known: Known) -> dict[str, str]:
    return no_longer_complete(known.receipts, known.journal, known.complete, known.wrong)


def _to_mark(known: Known) -> dict[str, str]:
    """As :func:`_unmarked`, where an upload can mark them: not with scripts."""
    return {} if known.uses_scripts else _unmarked(known)


def _ignored(review: ReviewFacts) -> str:
    gone = review.summary.vanished
    return (
        f" {plural(gone, 'file')} of the journal {agree(gone, 'is', 'are')} no longer on the site. Append mode ignores {agree(gone, 'it', 'them')}."
        if gone
        else ""
    )


def _resume(name: str, left: Tally) -> Step:
    """After a stop, a crash or an upload of a part: one button that says how much is left."""
    text = "The last upload did not upload all files. What arrived is not uploaded again."
    label = f"Resume: {plural(left.files, 'file')}, {size(left.bytes)} left"
    return Step(name, Progress.NOW, text, label, Action.RESUME, headline="The upload is not complete")


def _gone(name: str, review: ReviewFacts) -> Step:
    """The site, or one of its folders, could not be read."""
    text = " ".join(review.out_of_reach) or "No file of the site could be read. Check the folder and the drive."
    return Step(name, Progress.STOPPED, text, "Scan the site again", Action.SCAN, headline="Could not read the site's files")


# --- what is known about a version -------------------------------------------------------------------------------------------


def _pending(known: Known) -> bool:
    return known.journal is not None and known.journal.pending.files > 0


def _waits_for_approval(review: ReviewFacts | None) -> bool:
    """There are changes that nobody has decided about: of an approved review only failures are left, which a new scan shows again."""
    return review is not None and not review.stale and review.approval is None and review.to_do_total.files > 0


def _scanned(known: Known) -> ScanFacts | None:
    """What the last scan of the command line found, if the window has not scanned since."""
    scanned = known.journal.scanned if known.journal else None
    return None if scanned is None or (known.review is not None and known.review.scanned_us >= scanned.at_us) else scanned


def _found(known: Known) -> ScanFacts | None:
    """The last scan of the command line found changes that nobody has recorded or tried to, and it still holds."""
    scanned, last = _scanned(known), _last_run(known)
    if scanned is None or not scanned.current or not scanned.changes:
        return None
    return scanned if last is None or last.at_us < scanned.at_us else None


def _found_nothing(known: Known) -> bool:
    """The last scan of the command line found that the site is as the journal has it."""
    scanned = _scanned(known)
    if scanned is None or known.journal is None or not known.journal.versions:
        return False
    return scanned.current and scanned.whole and not scanned.changes and not scanned.problems


def _site_is_gone(review: ReviewFacts | None) -> TypeGuard[ReviewFacts]:
    """The last scan could read nothing of the site."""
    if review is None or review.stale or review.approval is not None or review.to_do_total.files:
        return False
    return bool(review.summary.total(ChangeKind.PROBLEM).files) and not review.summary.total(ChangeKind.UNCHANGED).files


def _left_to_submit(known: Known) -> Tally:
    """Files of an approved review that an interruption left; those that failed are not among them."""
    review = known.review
    if review is None or review.stale or review.approval is None:
        return Tally()
    last = _last_run(known, repair=False)
    failed = _not_uploaded(last) if last is not None and last.at_us > review.approval.at_us else 0
    return review.to_send if review.to_do_total.files > failed and review.to_send.files else Tally()


def _last_run(known: Known, *, repair: bool = True) -> ReceiptFacts | None:
    """The last run that records or uploads; without ``repair`` the last that did so with the site's changes."""
    kinds = {*SENDS, "record"} - (set() if repair else {"repair"})
    return next((receipt for receipt in known.receipts if receipt.kind in kinds), None)


def _differs(known: Known) -> bool:
    """A verification found differences that nobody repaired, or the last one of the last version did not finish."""
    if known.wrong is not None:
        return True
    last = known.journal.last_sent if known.journal else None
    found = verification(known.receipts, last, known.wrong) if last else None
    return found is not None and not found.clean


def _interrupted(known: Known) -> bool:
    """An upload of what is pending was stopped, or ended without a word: it was not only recorded."""
    last = _last_run(known)
    pending = known.journal.pending_versions if known.journal else frozenset[str]()
    stopped = last is not None and last.kind in SENDS and bool(pending & set(last.versions))
    return stopped or (known.journal is not None and known.journal.interrupted)


def _cut_off(known: Known) -> bool:
    """The last upload never ended, and nothing says since that the site has no more files for it."""
    review, journal = known.review, known.journal
    if journal is None or not journal.interrupted or _found_nothing(known):
        return False
    return review is None or bool(review.stale) or review.to_do_total.files > 0


def _failed(known: Known) -> tuple[int, str]:
    """Files that the last run could not upload, where no later scan was made, and what run that was."""
    review = known.review
    for last in (_last_run(known), _last_run(known, repair=False)):
        if last is None or not _not_uploaded(last):
            continue
        if review is None or review.stale or review.approval is not None or review.scanned_us <= last.at_us:
            return _not_uploaded(last), "repair" if last.kind == "repair" else "submission"
    return 0, ""


def _not_uploaded(receipt: ReceiptFacts) -> int:
    """The files that failed: a repair counts each of them as different, too."""
    return receipt.failures - receipt.differing


def _nothing_to_do(known: Known) -> bool:
    """Nothing is left of the last submission: the journal does not have to be checked out again."""
    journal = known.journal
    if journal is None or journal.last_sent is None or _pending(known) or _waits_for_approval(known.review) or _left_to_submit(known).files:
        return False
    if _found(known) is not None or _to_mark(known):
        return False
    verified = verification(known.receipts, journal.last_sent, known.wrong)
    return known.wrong is None and verified is not None and verified.clean and unverified(known.receipts, journal, known.wrong) is None


def _warnings(known: Known, next_step: Step | None) -> tuple[str, ...]:
    wrong = [known.wrong.text] if known.wrong is not None and (next_step is None or known.wrong.text not in next_step.text) else []
    credential = _credential_warnings(known) if next_step is None or next_step.action is not Action.ENTER_TOKEN else ()
    away = () if known.review and not known.review.stale and known.review.out_of_reach else known.away
    away = tuple(sentence for sentence in away if next_step is None or sentence not in next_step.text)
    left = (warning for warning in submission_warnings(known) if next_step is None or warning not in next_step.text)
    return (*wrong, *credential, *away, *_site_warnings(known), *left)


def _credential_warnings(known: Known) -> list[str]:
    credential = known.credential
    lasts = credential.grade is Grade.WARNING and credential.expires is None
    return [f"{credential.text}."] if credential.grade in (Grade.BAD, Grade.WARNING) and not lasts else []


def _site_warnings(known: Known) -> list[str]:
    """What the last scan found wrong on the site.  Not each problem is something that could not be read: the review or the receipt says what it is."""
    review, scanned, out = known.review, _scanned(known), list[str]()
    last = _last_run(known) if sent_since_scan(known.receipts, known.journal) else None
    if scanned is not None and (last is None or last.at_us < scanned.at_us):
        them = agree(scanned.problems, "it", "them")
        return (
            [f"The last scan found {plural(scanned.problems, 'problem')} on the site. Scan again to see {them}."]
            if scanned.problems
            else out
        )
    if review is None or review.stale:
        if last is not None and last.problems:
            them = agree(last.problems, "it", "them")
            out.append(f"The last submission found {plural(last.problems, 'problem')} on the site. The receipt names {them}.")
        return out
    problems = review.summary.total(ChangeKind.PROBLEM).files
    if problems and not (review.out_of_reach and problems == len(review.out_of_reach)):
        out.append(f"The last scan found {plural(problems, 'problem')} on the site.")
    if review.to_do_total.files or review.approval is not None:
        out += review.out_of_reach  # otherwise it is the next step's own text
    return out


def submission_warnings(known: Known) -> list[str]:
    """What is left or wrong about submissions, in addition to the next step."""
    review, journal, out = known.review, known.journal, list[str]()
    scanned = _scanned(known)
    if scanned is not None and scanned.held and not scanned.holds_current:
        out.append("What is held back has changed since the last scan. Scan again to see what can be uploaded.")
        scanned = None
    held = max(scanned.held if scanned is not None else 0, review.summary.excluded if review is not None and not review.stale else 0)
    if held:
        out.append(f"{plural(held, 'change')} {agree(held, 'is', 'are')} held back.")
    if review is not None and not review.stale and (leaks := review.leaks + review.pending_leaks):
        has = agree(leaks, "has", "have")
        out.append(f"{plural(leaks, 'file')} to upload {has} a leak of patient data: see “chorus-upload leak list”.")
    if review is not None and not review.stale and review.forgotten_leaks:
        out.append(review.forgotten_leaks)
    if journal is not None and journal.stays.files:
        stays = journal.stays.files
        out.append(
            f"{plural(stays, 'recorded file')} {agree(stays, 'is', 'are')} not uploaded: held back, or left out by “exclude” in the configuration."
        )
    if journal is not None:
        out += [pending_sentence(modality, tally.files) for modality, tally in journal.pending_outside]
        out += [wrong_sentence(modality, count) for modality, count in journal.wrong_outside]
    out += _unmarked(known).values()
    last = verification(known.receipts, journal.last_sent, known.wrong) if journal and journal.last_sent else None
    for version in journal.versions if journal else ():
        found = verification(known.receipts, version, known.wrong) if journal and version != journal.last_sent else None
        if found is not None and not found.clean and found is not last and not (known.wrong and len(found.versions) > 1):
            text = failed_verification(found)
            out.append(f"Version {version}: {text[0].lower()}{text[1:]}")
    return out
