"""Facts about a setup, read from what core keeps.  Nothing is changed."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from chorus_gui.app.folders import receipts_folder
from chorus_gui.app.holds import known_here, known_to_stay
from chorus_gui.app.receipt_order import Kept, in_order, newest
from chorus_gui.app.this_store import of_this_store
from chorus_gui.app.values import CopyFacts, CredentialFacts, CustodyFacts, JournalFacts, ReceiptFacts, ReviewFacts, StoreKind, WrongFacts
from chorus_gui.app.words import LOOKS_EMPTY, empty_folder
from chorus_gui.core.config import keychain
from chorus_gui.core.config.credentials import AccountKey, Certificate, ManagedIdentity, MicrosoftLogin, Origin, WorkloadIdentity
from chorus_gui.core.config.hosts import Host
from chorus_gui.core.config.model import Config, PlaceKind
from chorus_gui.core.config.sas import NEEDS_STORE, time_left
from chorus_gui.core.custody.state import State as Custody
from chorus_gui.core.errors import ChorusError, JournalError, JournalMissingError, ReviewError
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import Approval, Grade, Tally

if TYPE_CHECKING:
    from chorus_gui.app.site_status import Known
    from chorus_gui.app.workspace import Workspace
    from chorus_gui.core.custody.history_check import LessHistoryError
    from chorus_gui.core.custody.state import CustodyState
    from chorus_gui.core.journal.store import Journal
    from chorus_gui.core.model import VersionCount
    from chorus_gui.core.review.staging import Staging
    from chorus_gui.core.submission.leak_gate import Judged

RECEIPTS_SHOWN = 500
UPLOADING = ("submit", "file upload", "file repair")
"""The commands that upload, as the journal's history has them."""
OUTDATED = "It differs from the copy on this computer, so what you see here can be out of date."
"""A sentence about a cloud journal that this computer has not read."""
_TEST_WORD = re.compile(r"(?i)(?:^|[^a-z])(?:test|demo|sandbox|dev|staging)(?:[^a-z]|$)")


def store_kind(config: Config, marked_test: bool | None) -> StoreKind:
    """What the central store is: what the person said, otherwise what its place and name suggest."""
    if marked_test is not None:
        return StoreKind.TEST if marked_test else StoreKind.CENTRAL
    place = config.central
    host = Host.of_url(place.account.url)
    if place.kind is PlaceKind.FOLDER or (host is not None and (host.is_loopback or host.name == "localhost")):
        return StoreKind.TEST
    return StoreKind.TEST if _TEST_WORD.search(f"{place.container}/{place.prefix}") else StoreKind.CENTRAL


def credential(config: Config, now: datetime | None = None) -> CredentialFacts:
    """The credential of the central store, and how long it is valid."""
    place, now = config.central, now or datetime.now(UTC)
    if place.kind is PlaceKind.FOLDER:
        return CredentialFacts("No credential needed", f"The central store is the folder {place.text}.", Grade.INFO)
    match place.credentials:
        case MicrosoftLogin(identity=Certificate(file=file)):
            return CredentialFacts("Certificate sign-in", f"The program signs in with the certificate in {file}.", Grade.INFO)
        case MicrosoftLogin(identity=WorkloadIdentity(file=file)):
            return CredentialFacts("Token file sign-in", f"The program signs in with the token in {file}.", Grade.INFO)
        case MicrosoftLogin(identity=ManagedIdentity()):
            return CredentialFacts("Managed identity", "The program signs in with an identity of this computer in Azure.", Grade.INFO)
        case MicrosoftLogin():
            return CredentialFacts("Microsoft sign-in", "You are asked to sign in when the store is first used.", Grade.INFO)
        case AccountKey(origin=origin):
            kept = f" It is kept in {keychain.title()}." if origin is Origin.STORE else ""
            return CredentialFacts(
                "Account key", f"It gives access to the whole storage account, and does not expire.{kept}", Grade.WARNING
            )
        case _:
            pass
    sas = place.credentials.sas
    if sas is None:
        return CredentialFacts("Connection string", "It gives access to the whole storage account, and does not expire.", Grade.WARNING)
    info = sas.info
    sentences = info.sentences(now, NEEDS_STORE)
    detail = " ".join(sentences) or "It allows everything that is needed."
    detail += f" It is kept in {keychain.title()}." if sas.origin is Origin.STORE else ""
    if info.damage:
        return CredentialFacts("SAS token damaged", detail, Grade.BAD, info.expires)
    if info.expires is None:
        grade = Grade.BAD if info.missing(NEEDS_STORE) else Grade.WARNING if sentences else Grade.GOOD
        return CredentialFacts("SAS token", detail, grade)
    if info.expired(now):
        return CredentialFacts("SAS token expired", detail, Grade.BAD, info.expires, expired=True)
    left = info.expires - now
    grade = Grade.BAD if info.missing(NEEDS_STORE) or left.days < 1 else Grade.WARNING if sentences else Grade.GOOD
    return CredentialFacts(f"SAS token expires in {time_left(left)}", detail, grade, info.expires)


def journal(config: Config, ctx: JobContext) -> JournalFacts:
    """The local journal.  Never raises for what is wrong with it."""
    from chorus_gui.app import last_scan
    from chorus_gui.app.outside import pending_outside, wrong_outside
    from chorus_gui.core.journal import backups
    from chorus_gui.core.journal.queries import by_modality
    from chorus_gui.core.journal.store import Journal

    path = config.journal.local
    try:
        copies = tuple(
            CopyFacts(c.path, c.at, c.size, c.readable, c.active, c.pending, c.versions[-1] if c.versions else "")
            for c in backups.listing(path)
        )
    except JournalError:
        copies = ()
    ctx.checkpoint()
    try:
        with Journal.open(path, readonly=True) as opened:
            versions = _last_at_the_end(opened)
            last = next((line for line in reversed(opened.history()) if line.command in UPLOADING), None)
            interrupted = last is not None and last.seconds is None
            counts = tuple(opened.counts())
            modalities = tuple(by_modality(opened))
            outside = tuple(sorted({count.modality for count in counts if count.active > count.pending} - set(config.modalities)))
            return JournalFacts(
                path,
                True,
                "",
                opened.schema,
                versions,
                counts,
                modalities,
                copies,
                interrupted,
                _stays(config, opened, counts),
                outside,
                pending_outside(config, counts),
                wrong_outside(opened, config),
                last_scan.read(config, opened),
            )
    except JournalMissingError:
        return JournalFacts(path, copies=copies, scanned=last_scan.read(config, None))
    except JournalError as error:
        return JournalFacts(path, True, str(error), copies=copies)


def _last_at_the_end(journal: Journal) -> tuple[str, ...]:
    """All versions, ascending by their names, but the one that was begun last at the end: people choose names."""
    versions = journal.versions()
    last = journal.last_version() if len(versions) > 1 else None
    return (*(version for version in versions if version != last), last) if last is not None else tuple(versions)


def _stays(config: Config, journal: Journal, counts: Sequence[VersionCount]) -> Tally:
    """What is pending, and no upload sends: somebody holds it back, or the configuration leaves it out."""
    if not any(count.pending for count in counts) or not (config.exclude or known_here(config).holds):
        return Tally()
    stays = known_to_stay(config)
    found = (row for row in journal.rows(modalities=config.modalities, pending=True) if stays(row.modality, row.path, row.patient_id))
    return sum((Tally(1, row.size) for row in found), Tally())


def review(config: Config, revision: int, ctx: JobContext) -> ReviewFacts | None:
    """The review of this journal that waits for approval, if there is one."""
    from chorus_gui.core.journal.store import Journal
    from chorus_gui.core.review import approval as approving
    from chorus_gui.core.review.changes import done, lost_patients, renamed_to_do, summary, summed, to_do_by_modality, unsure_patients
    from chorus_gui.core.review.parts import what_changed
    from chorus_gui.core.review.pending import offered
    from chorus_gui.core.review.reading import cloud_reading
    from chorus_gui.core.review.staging import Staging, staging_path
    from chorus_gui.core.submission.leak_gate import Judged

    try:
        staging = Staging.open(staging_path(config.journal.local))
    except ReviewError:
        return None
    with staging:
        stale, many = "", dict[str, tuple[int, int]]()
        leaks, waiting = _leaks_of_changes(config, staging), Judged()
        try:
            with Journal.open(config.journal.local, readonly=True) as opened:
                approving.check_fresh(staging, opened)
                ctx.checkpoint()
                many = approving.deletions(staging, opened.counts())
                waiting = _leaks_of_pending(config, opened, tuple(staging.get("modalities", [])))
        except (ReviewError, JournalError) as error:
            stale = str(error)
        given, left = staging.get("approval"), to_do_by_modality(staging)
        recorded, changed = done(staging), what_changed(staging)
        return ReviewFacts(
            path=staging.path,
            revision=revision,
            scanned_us=int(staging.get("scanned_us", 0)),
            mode=str(staging.get("mode", "")),
            modalities=tuple(staging.get("modalities", [])),
            summary=summary(staging),
            to_do=summed(left),
            to_do_by_modality=left,
            done=recorded,
            many_deletions=many,
            stale=stale,
            approval=Approval(**given) if given else None,
            pending=offered(staging),
            holds_warning=known_here(config).warning,
            lost_patients=tuple(lost_patients(staging)),
            unsure_patients=tuple(unsure_patients(staging)),
            renamed_to_do=renamed_to_do(staging),
            changed=changed,
            changed_to_do=what_changed(staging, done=False) if recorded.files else changed,
            reading=cloud_reading(staging, offered(staging)),
            leaks=leaks.files,
            pending_leaks=waiting.files,
            accepted_leaks=len(leaks.accepted) + len(waiting.accepted),
            forgotten_leaks=leaks.unknown or waiting.unknown,
            leak_rules=tuple(dict.fromkeys(found.rule.id for found in (*leaks.rules, *waiting.rules))),
            out_of_reach=tuple(
                f"{cause} {remedy}".strip()
                for cause, remedy in staging.db.execute("SELECT DISTINCT cause, remedy FROM problem WHERE covers AND path = ''")
            ),
        )


def _leaks_of_changes(config: Config, staging: Staging) -> Judged:
    from chorus_gui.core.submission.leak_gate import judge, of_changes

    return judge(config, of_changes(staging))


def _leaks_of_pending(config: Config, opened: Journal, modalities: tuple[str, ...]) -> Judged:
    from chorus_gui.core.submission.leak_gate import judge, of_row
    from chorus_gui.core.submission.work import Selection, pending_rows

    return judge(config, (of_row(row) for row in pending_rows(config, opened, Selection(modalities=modalities), known_to_stay(config))))


def custody(workspace: Workspace, ctx: JobContext, *, recover: bool = False, offer: bool = False) -> CustodyFacts:
    """Where the journal is.  Errors are part of the answer.

    With ``recover`` an interrupted check-out or check-in is completed as far as possible, and what the person can decide about it
    then is said.  ``offer``: say it of every check-out; about one that was lost it is always said.
    """
    config = workspace.config
    from chorus_gui.app.known import shown_less

    try:
        if config.journal.cloud is None:
            here = CustodyFacts(
                Custody.NOT_IN_CLOUD,
                "Journal on this computer",
                f"The journal is the file {config.journal.local}. It needs no check-out.",
                Grade.GOOD,
                may_write=True,
            )
            return _with_less(here, shown_less(workspace, ctx, None))
        with workspace:
            return _cloud_custody(workspace, ctx, recover=recover, offer=offer)
    except ChorusError as error:
        return CustodyFacts(None, "Cloud journal not reachable", str(error), Grade.BAD)


def _with_less(found: CustodyFacts, less: LessHistoryError | None) -> CustodyFacts:
    """Show what the journal lacks before a job fails because of it."""
    if less is None:
        return found
    detail = f"{less.what} {less.meaning.removesuffix(' Nothing was written.')}"
    return replace(found, text="History is missing", detail=detail, grade=Grade.BAD, less=less)


def _cloud_custody(workspace: Workspace, ctx: JobContext, *, recover: bool, offer: bool) -> CustodyFacts:
    from chorus_gui.app.known import shown_less
    from chorus_gui.core.custody import recover as recovering
    from chorus_gui.core.custody.sides import is_replaced
    from chorus_gui.core.custody.state import look
    from chorus_gui.core.custody.unlock import consequences

    home = workspace.cloud_journal()
    interrupted = recover and recovering.was_interrupted(home)
    found = recovering.recover(home, ctx)[0] if recover else look(home, ctx)
    offers = recovering.offers(found) if offer or interrupted or found.state is Custody.CHANGED else []
    mine = found.state is Custody.MINE
    there, memory = found.journal if found.state is Custody.FREE else None, found.memory
    newer = there is not None and (there.etag != memory.journal_etag or is_replaced(home.local, memory.base_of(home.local)))
    outdated = f" {OUTDATED}" if newer and home.local.exists() else ""
    facts = CustodyFacts(
        state=found.state,
        text=_custody_text(found),
        detail=f"{found.describe()}{outdated}",
        grade={
            Custody.MINE: Grade.GOOD,
            Custody.FREE: Grade.INFO,
            Custody.NEW: Grade.INFO,
            Custody.CHANGED: Grade.BAD,
        }.get(found.state, Grade.WARNING),
        who=found.who,
        host=found.host,
        since=found.since,
        can_check_out=found.state in (Custody.FREE, Custody.NEW),
        can_check_in=mine,
        can_unlock=found.lock is not None or found.state is Custody.CHANGED,
        may_write=mine and found.local == home.local,
        can_take_over=found.state in (Custody.LOCKED, Custody.FOREIGN, Custody.CHANGED),
        warnings=consequences(found),
        offers=tuple((offer.choice.value, offer.text) for offer in offers),
        newer=newer,
    )
    return _with_less(facts, shown_less(workspace, ctx, found))


def _custody_text(found: CustodyState) -> str:
    since = found.since.astimezone() if found.since else None
    today = since is not None and since.date() == datetime.now().astimezone().date()
    when = f" since {since:%H:%M}" if since and today else f" since {since:%Y-%m-%d}" if since else ""
    match found.state:
        case Custody.MINE:
            return f"Checked out by you{when}"
        case Custody.LOCKED:
            return f"Checked out by {found.who or 'somebody'} on {found.host or 'another computer'}{when}"
        case Custody.FOREIGN:
            return f"Locked by another tool{when}"
        case Custody.CHANGED:
            return "Check-out lost"
        case Custody.NEW:
            return "The cloud journal was removed" if found.removed else "No journal in the cloud yet"
        case _:
            return "Not checked out"


def receipts(config: Config, ctx: JobContext, folder: Path | None = None) -> tuple[ReceiptFacts, ...]:
    """The kept receipts of this journal and central store, the newest first, with those of other computers that this one has a copy of.

    What cannot be read is left out.
    """
    from chorus_gui.app.shared import shared_folder

    others = shared_folder(config)
    read = (one for place in ((folder,) if folder else (receipts_folder(), others)) for one in newest(place, ctx))
    kept = [one for one in read if one.file.parent == others or one.says.journal == str(config.journal.local)]
    mine = [one for one in in_order(kept, others) if of_this_store(config, one.says.store, one.says.host)]
    return tuple(_receipt_facts(one) for one in mine[:RECEIPTS_SHOWN])


def _receipt_facts(kept: Kept) -> ReceiptFacts:
    from chorus_gui.app import receipts as receipting

    made = kept.says
    differing = made.verification.differing if made.verification else 0
    return ReceiptFacts(
        kept.file.with_suffix(".html"),
        kept.file,
        made.kind,
        made.versions,
        made.ended_us,
        receipting.headline(made),
        made.clean,
        sum(made.uploaded.values(), Tally()),
        len(made.failures) + differing,
        differing,
        f"{made.user} on {made.host}",
        made.verification is not None and made.verification.partial,
        made.verification.unchecked_files if made.verification else 0,
        made.problems or 0,
        made.sent_bytes,
        made.seconds,
        made.complete,
        made.modalities,
        kept.at_us,
    )


def wrong(workspace: Workspace, ctx: JobContext) -> WrongFacts | None:
    """What verifications found missing or different, on any computer, and nobody repaired.  The side files are read if they can be."""
    from chorus_gui.app.verified import kept_wrong, refresh
    from chorus_gui.core.journal.store import Journal

    refresh(workspace, ctx)
    local = workspace.config.journal.local
    try:
        with Journal.open(local, readonly=True) as opened:
            found = kept_wrong(opened, workspace.config, workspace.config.modalities)
    except JournalError:
        return None
    return WrongFacts(found.total, found.versions, found.text) if found else None


def away(config: Config, ctx: JobContext) -> tuple[str, ...]:
    """A sentence for each folder of the site that cannot be read now, or is empty although the journal has files of it.  Places in a cloud are not asked.  A dead share can take a minute."""
    from chorus_gui.core.errors import SourceError
    from chorus_gui.core.storage.folder import check_folder

    out: list[str] = []
    for folder in dict.fromkeys(site.place.folder for site in config.sites.values() if site.place.folder is not None):
        ctx.checkpoint()
        try:
            check_folder(str(folder))
        except SourceError as error:
            out.append(f"{error.what} {error.remedy}".strip())
            continue
        if _lost_all(config, folder):
            out.append(f"{empty_folder(str(folder))} {LOOKS_EMPTY} Check the path and the drive.")
    return tuple(out)


def _lost_all(config: Config, folder: Path) -> bool:
    """The folder is empty, and the journal has files of its modalities."""
    from chorus_gui.core.folders import disk_path
    from chorus_gui.core.journal.store import Journal

    try:
        with os.scandir(disk_path(str(folder))) as entries:
            if next(entries, None) is not None:
                return False
        with Journal.open(config.journal.local, readonly=True) as opened:
            mine = {site.modality for site in config.sites.values() if site.place.folder == folder}
            return any(count.active and count.modality in mine for count in opened.counts())
    except (OSError, JournalError):
        return False


def known(workspace: Workspace, ctx: JobContext) -> Known:
    """Everything that :func:`~chorus_gui.app.site_status.site_status` is computed from, read now.  The cloud journal is asked."""
    from chorus_gui.app.shared import shared
    from chorus_gui.app.site_status import Known
    from chorus_gui.core.config.model import UploadMethod

    config, found = workspace.config, wrong(workspace, ctx)  # it reads what the others share, so it comes first
    others = shared(workspace, ctx)
    return Known(
        custody(workspace, ctx),
        journal(config, ctx),
        review(config, 0, ctx),
        others.receipts,
        found,
        credential(config),
        uses_scripts=config.upload_method is UploadMethod.AZCLI,
        away=away(config, ctx),
        complete=others.complete,
    )
