"""What the kept receipts say about a version: its last verification; and which version nobody has verified."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from chorus_gui.app.values import JournalFacts, ReceiptFacts, WrongFacts
from chorus_gui.app.words import agree, plural
from chorus_gui.core.submission.marker import Complete, Completeness
from chorus_gui.core.untrusted import instant_us

SENDS = ("submission", "upload", "repair")
"""The kinds of receipts of runs that upload."""


def verification(receipts: tuple[ReceiptFacts, ...], version: str, wrong: WrongFacts | None = None) -> ReceiptFacts | None:
    """The last verification of a version since its last upload: it decides, clean or not.  A receipt without versions is of all.

    A receipt of several versions does not say in which of them a file differs: ``wrong`` does.
    """
    repaired = again = False
    for receipt in receipts:
        if receipt.kind == "verify" and receipt.partial and receipt.clean:
            continue  # a part that matches says nothing about the version
        if receipt.kind == "verify" and (version in receipt.versions or not receipt.versions):
            if repaired and not receipt.clean:
                return None
            if (judged := _of_version(receipt, version, wrong, again=again)) is not None:
                return judged
            continue
        if receipt.kind == "repair" and receipt.clean and not receipt.uploaded.files:
            repaired = True  # it found nothing to repair, and changed nothing
            continue
        if receipt.kind in SENDS and version in receipt.versions:
            return None
        again = again or (receipt.kind == "repair" and receipt.clean)  # of another version
    return None


def compared(receipts: tuple[ReceiptFacts, ...], journal: JournalFacts | None) -> tuple[ReceiptFacts, ...]:
    """The receipts; a verification that left out a modality of the configuration counts only for versions without uploaded files of it."""
    sent: Mapping[str, Sequence[str]] = journal.sent_versions if journal is not None else {}

    def judged(receipt: ReceiptFacts) -> ReceiptFacts:
        if receipt.kind != "verify" or not receipt.modalities:
            return receipt
        left_out = {version for modality, versions in sent.items() if modality not in receipt.modalities for version in versions}
        if not left_out or (receipt.versions and left_out.isdisjoint(receipt.versions)):
            return receipt
        if not receipt.clean:
            return replace(receipt, partial=True)  # that what differs is in another version does not make one of these verified
        whole = tuple(version for version in receipt.versions if version not in left_out)
        unsure = not whole and bool(left_out)
        return replace(receipt, versions=receipt.versions if unsure else whole, partial=receipt.partial or unsure)

    return tuple(judged(receipt) for receipt in receipts)


def unverified(receipts: tuple[ReceiptFacts, ...], journal: JournalFacts, wrong: WrongFacts | None = None) -> str | None:
    """The version to verify next: the last one of which something was uploaded, then each with an upload since the first verification that is known; None: all are verified.

    A run that was killed leaves no receipt, and the next submission is another version: its files would never be compared.
    """
    last = journal.last_sent
    if last is None or verification(receipts, last, wrong) is None:
        return last
    first = min((receipt.at_us for receipt in receipts if receipt.kind == "verify" and not receipt.partial), default=0)
    moment = instant_us(first)
    since = moment.strftime("%Y%m%d%H%M%S") if moment else ""
    uploaded = {count.version for count in journal.counts if count.active and (count.last_upload or "") > since}
    return next(
        (version for version in reversed(journal.versions) if version in uploaded and verification(receipts, version, wrong) is None), None
    )


def never_verified(receipts: tuple[ReceiptFacts, ...], journal: JournalFacts, wrong: WrongFacts | None = None) -> str | None:
    """The last version with uploaded files of which no verification is known, however old; None: all are verified."""
    uploaded = {count.version for count in journal.counts if count.active > count.pending}
    return next(
        (version for version in reversed(journal.versions) if version in uploaded and verification(receipts, version, wrong) is None), None
    )


def no_longer_complete(
    receipts: tuple[ReceiptFacts, ...], journal: JournalFacts | None, complete: Mapping[str, Completeness], wrong: WrongFacts | None
) -> dict[str, str]:
    """Each version whose last run made it complete, and whose marker in the central store does not say so any longer → a sentence.

    What a verification found wrong removes the marker, and is said by itself.
    """
    out: dict[str, str] = {}
    for version, found in complete.items() if journal is not None else ():
        last = next((receipt for receipt in receipts if receipt.kind in SENDS and version in (*receipt.versions, *receipt.complete)), None)
        known = wrong is not None and version in wrong.versions
        if last is None or version not in last.complete or found.complete is Complete.YES or known:
            continue
        if journal is not None and version not in journal.pending_versions:
            out[version] = f"Version {version} was complete, and is no longer marked as complete in the central store."
    return out


def all_submitted(receipts: tuple[ReceiptFacts, ...], journal: JournalFacts | None, wrong: WrongFacts | None = None) -> str:
    """The headline when nothing is left to do: it claims no verification that is not known."""
    everything = "Everything in the configuration" if journal is not None and journal.outside else "Everything"
    if journal is None or journal.last_sent is None or never_verified(receipts, journal, wrong) is None:
        return f"{everything} is submitted and verified"
    return f"{everything} is submitted, and version {journal.last_sent} is verified"


def earlier(receipts: tuple[ReceiptFacts, ...], journal: JournalFacts | None, wrong: WrongFacts | None = None) -> str:
    """Sentences, each after a space, about a version that nobody is known to have verified, and about modalities that nobody compares."""
    version = never_verified(receipts, journal, wrong) if journal is not None else None
    said = f" No verification of version {version} since its last upload is known here." if version else ""
    if journal is not None and journal.outside:
        said += f" Files of {', '.join(journal.outside)} were not compared, because the configuration does not include {agree(len(journal.outside), 'this modality', 'these modalities')}."
    return said


def sent_since_scan(receipts: tuple[ReceiptFacts, ...], journal: JournalFacts | None) -> bool:
    """The last run of this journal recorded the review, or found no changes, so the changed journal needs no scan."""
    if journal is None or journal.last_version is None:
        return False
    runs = [receipt for receipt in receipts if receipt.kind in (*SENDS, "record", "undo")]
    last = next((run for run in runs if run.versions or not run.clean or run.kind not in ("upload", "repair")), None)
    if last is None or last.kind not in SENDS:
        return False
    if last.kind == "submission" and last.clean and not last.versions:
        return True
    return journal.last_version in last.versions or (bool(last.versions) and not _uploaded_since(journal, last.at_us))


def _uploaded_since(journal: JournalFacts, at_us: int) -> bool:
    """The journal has an upload after this moment, in microseconds UTC: of another computer, or of another tool."""
    moment = instant_us(at_us)
    return moment is None or any((count.last_upload or "") > moment.strftime("%Y%m%d%H%M%S") for count in journal.counts)


def _of_version(receipt: ReceiptFacts, version: str, wrong: WrongFacts | None, *, again: bool) -> ReceiptFacts | None:
    """The receipt, clean if all that it found wrong is in other versions, or was repaired there (``again``: something was, since).

    None: it says nothing about this version, because what it found is elsewhere, and it did not compare all of this one.

    Without ``wrong`` either nothing is wrong any longer, or it is not known yet, because the central store has not answered.
    """
    only_differs = receipt.differing and receipt.failures == receipt.differing and not receipt.unchecked
    elsewhere = again if wrong is None else version not in wrong.versions
    if only_differs and len(receipt.versions) > 1 and elsewhere:
        return None if receipt.partial else replace(receipt, clean=True, failures=0, differing=0)
    return receipt


def failed_verification(receipt: ReceiptFacts) -> str:
    """Why a verification is not clean, as a sentence."""
    if receipt.failures:
        return f"The verification found {plural(receipt.failures, 'file')} that {'differs' if receipt.failures == 1 else 'differ'}."
    if receipt.unchecked:
        return f"The verification could not check {plural(receipt.unchecked, 'file')}."
    return "The last verification did not finish."
