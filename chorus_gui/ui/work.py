"""Steps of core put together as the window needs them: no Qt.  These run on a job's thread.

Each is ``(inputs, ctx) → result``.  What writes into the journal does so inside a custody session, holds the journal's lock, and
enters itself into its history.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from chorus_gui.core.config.load import loads
from chorus_gui.core.config.model import Config, PlaceKind, UploadMethod
from chorus_gui.core.errors import Cancelled, ChorusError, StoreError, UsageError
from chorus_gui.core.job import JobContext, OutcomeKind
from chorus_gui.core.model import Approval, Mode
from chorus_gui.core.places import data_folder, log_folder, patiently, remove_file
from chorus_gui.core.submission.log import RunLog
from chorus_gui.ui.looking import receipts_folder
from chorus_gui.ui.state import Grade, TestFinding

if TYPE_CHECKING:
    from chorus_gui.core.config.keeping import Kept
    from chorus_gui.core.custody.home import JournalHome
    from chorus_gui.core.journal.store import Journal
    from chorus_gui.core.review.staging import Staging
    from chorus_gui.core.review.values import Reviewed
    from chorus_gui.core.storage.azure.login import SignIn
    from chorus_gui.core.storage.base import Store
    from chorus_gui.core.submission.work import Work

WAIT_FOR_JOURNAL = 10.0
"""Seconds that a job waits for another program that works on the journal."""


@dataclass(frozen=True, slots=True)
class Site:
    """What a job works on: the configuration, and how a person may be asked to sign in."""

    config: Config
    sign_in: SignIn | None = None

    @contextmanager
    def store(self) -> Iterator[Store]:
        """The central store, closed afterwards."""
        from chorus_gui.core.storage.open import open_store

        with closing(open_store(self.config.central, sign_in=self.sign_in)) as store:
            yield store

    @contextmanager
    def store_if_reachable(self) -> Iterator[Store | None]:
        """The central store for looking only; None if it cannot be opened, for then nothing needs it."""
        with ExitStack() as stack:
            try:
                store = stack.enter_context(self.store())
            except (StoreError, UsageError) as error:
                logging.getLogger("chorus.ui").warning("the central store was not looked at: %s", error)
                store = None
            yield store

    @contextmanager
    def home(self) -> Iterator[JournalHome]:
        """Where the cloud journal lives.  Raises :class:`CustodyError` if there is none."""
        from chorus_gui.core.custody.home import need, open_home

        with open_home(self.config, self.sign_in) as home:
            yield need(home)

    @contextmanager
    def reading(self) -> Iterator[Journal]:
        """The journal, to look at."""
        from chorus_gui.core.journal.store import Journal

        with Journal.open(self.config.journal.local, readonly=True) as journal:
            yield journal

    @contextmanager
    def writing(self, command: str, params: str, ctx: JobContext, *, dest: bool = False) -> Iterator[Journal]:
        """The journal, to write, with this command in its history.  Nobody else of this user's works with the check-out meanwhile."""
        from chorus_gui.core.custody.session import session
        from chorus_gui.core.journal.store import Journal
        from chorus_gui.core.submission.history import HistoryLine, in_history

        config = self.config
        with (
            session(config, ctx, purpose=command, wait=WAIT_FOR_JOURNAL, sign_in=self.sign_in) as work,
            Journal.open(work.journal, create=True, wait=WAIT_FOR_JOURNAL, purpose=command, ctx=ctx) as journal,
            in_history(journal, config, HistoryLine(command, params, f"--config {config.file}", dest)),
        ):
            yield journal

    @contextmanager
    def working(self, journal: Journal, ctx: JobContext, log: RunLog) -> Iterator[Work]:
        """What the steps of a submission work on, with the site's sources, which are closed afterwards."""
        from chorus_gui.core.storage.open import Sources, open_source
        from chorus_gui.core.submission.work import Work

        with closing(Sources(self.config, open_source)) as sources:
            yield Work(self.config, journal, ctx, sources, log)


# --- scan and review ----------------------------------------------------------------------------------------------------


def scan(site: Site, ctx: JobContext, *, mode: Mode | None, modalities: Sequence[str]) -> Reviewed:
    """Scan and compare; a site that never submitted gets an empty journal to be compared with."""
    from chorus_gui.core.journal.store import Journal
    from chorus_gui.core.review.changes import prepare
    from chorus_gui.core.submission.review_site import review_site

    local = site.config.journal.local
    if site.config.journal.cloud is None and not local.exists():
        Journal.open(local, create=True).close()
    with site.reading() as journal, site.store_if_reachable() as store, site.working(journal, ctx, RunLog()) as work:
        reviewed = review_site(work, modalities=modalities, mode=mode, store=store)
    with staged(site.config) as staging:
        prepare(staging)
    return reviewed


@contextmanager
def staged(config: Config) -> Iterator[Staging]:
    """The review that waits.  Raises :class:`StaleReviewError` if none does."""
    from chorus_gui.core.review.staging import Staging, staging_path

    with Staging.open(staging_path(config.journal.local)) as staging:
        yield staging


def hold_back(config: Config, ids: Sequence[int], reason: str) -> None:
    """Leave changes out."""
    from chorus_gui.core.review.holds import Holds
    from chorus_gui.core.review.holds import hold_back as hold

    with staged(config) as staging, Holds(config.journal.local) as holds:
        hold(staging, holds, ids, reason)


def hold_back_patient(config: Config, patient_id: str, reason: str) -> None:
    """Leave a patient out."""
    from chorus_gui.core.review.holds import Holds
    from chorus_gui.core.review.holds import hold_back_patient as hold

    with staged(config) as staging, Holds(config.journal.local) as holds:
        hold(staging, holds, patient_id, reason)


def let_go(config: Config, ids: Sequence[int]) -> None:
    """Take changes back in."""
    from chorus_gui.core.review.holds import Holds
    from chorus_gui.core.review.holds import let_go as release

    with staged(config) as staging, Holds(config.journal.local) as holds:
        release(staging, holds, ids)


def import_holds(config: Config, file: Path) -> int:
    """Take over a colleague's holds; how many."""
    from chorus_gui.core.review.holds import Holds

    with Holds(config.journal.local) as holds:
        count = holds.import_(file)
        with staged(config) as staging:
            holds.apply(staging)
        return count


# --- carrying out -------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Run:
    """One run that leaves a receipt; filled while it runs, so that a cancelled or failed one leaves a true one too."""

    log: RunLog = field(default_factory=RunLog)
    receipt: Path | None = None


@contextmanager
def _told(site: Site, run: Run, kind: str, reviewed: Reviewed | None = None) -> Iterator[RunLog]:
    """Keep a receipt of the block, however it ends, unless it failed before anything was done."""
    from chorus_gui.core.receipt import save
    from chorus_gui.core.submission.receipts import make_receipt

    log, outcome = run.log, OutcomeKind.CRASHED
    try:
        yield log
        outcome = OutcomeKind.DONE
    except Cancelled:
        outcome = OutcomeKind.CANCELLED
        raise
    except ChorusError:
        outcome = OutcomeKind.FAILED
        raise
    finally:
        if log.entered or log.uploaded or log.failures or outcome is OutcomeKind.DONE:
            try:
                run.receipt = save(make_receipt(site.config, log, kind, outcome, reviewed), receipts_folder())
            except OSError:  # what was done is done, and stands in the journal
                logging.getLogger("chorus").exception("the receipt could not be kept")


def _refuse_azcli(config: Config) -> None:
    if config.upload_method is UploadMethod.AZCLI:
        raise UsageError(
            "This configuration sends with generated scripts (upload_method = “azcli”).",
            remedy="Record the changes and generate a script, or set upload_method to “builtin”.",
        )


def carry_out(site: Site, run: Run, ctx: JobContext, *, version: str | None, amend: bool, record_only: bool, allow_deletions: bool) -> None:
    """Approve what is staged, and do it: record it, or record and send it with all that is pending."""
    from chorus_gui.core.review.approval import approve, choose_version

    if not record_only:
        _refuse_azcli(site.config)
    flags = (
        f"{f'--version {version}' if version else ''}{' --amend' if amend else ''}{' --allow-deletions' if allow_deletions else ''}".strip()
    )
    with (
        site.writing("journal update" if record_only else "submit", flags, ctx, dest=not record_only) as journal,
        staged(site.config) as staging,
    ):
        approval = approve(staging, journal, choose_version(journal, version, amend=amend), allow_deletions=allow_deletions)
        _submit(site, run, ctx, journal, staging, approval, record_only=record_only)


def _submit(site: Site, run: Run, ctx: JobContext, journal: Journal, staging: Staging, approval: Approval, *, record_only: bool) -> None:
    from chorus_gui.core.review.changes import summary
    from chorus_gui.core.review.values import Reviewed
    from chorus_gui.core.submission.submit import Approved, record, submit
    from chorus_gui.core.submission.upload import copies_left, upload_pending

    reviewed = Reviewed(staging.path, summary(staging))
    approved = Approved(staging, approval)
    if record_only:
        with (
            site.store_if_reachable() as store,
            _told(site, run, "record", reviewed) as log,
            site.working(journal, ctx, log) as work,
        ):
            record(work, approved, store)
        return
    with (
        site.store() as store,
        _told(site, run, "submission", reviewed) as log,
        site.working(journal, ctx, log) as work,
        copies_left(work, store),
    ):
        submit(work, approved, store)
        upload_pending(work, store)


def upload(site: Site, run: Run, ctx: JobContext, *, version: str | None, modalities: Sequence[str]) -> None:
    """Send what is pending."""
    from chorus_gui.core.submission.upload import copies_left, upload_pending
    from chorus_gui.core.submission.work import Selection

    _refuse_azcli(site.config)
    run.log.version = version or ""
    with (
        site.writing("file upload", f"--version {version}" if version else "", ctx, dest=True) as journal,
        site.store() as store,
        _told(site, run, "upload") as log,
        site.working(journal, ctx, log) as work,
        copies_left(work, store),
    ):
        upload_pending(work, store, Selection(version, tuple(modalities)))


def retry(site: Site, run: Run, ctx: JobContext, approval: Approval | None) -> None:
    """Go on with an approved review's rest, if it still stands, and send all that is pending."""
    if approval is None:
        upload(site, run, ctx, version=None, modalities=())
        return
    _refuse_azcli(site.config)
    with site.writing("submit", f"--version {approval.version}", ctx, dest=True) as journal, staged(site.config) as staging:
        _submit(site, run, ctx, journal, staging, approval, record_only=False)


def undo(site: Site, ctx: JobContext, version: str) -> int:
    """Take back what was recorded and not uploaded; how many rows."""
    with site.writing("journal undo", f"--version {version}", ctx) as journal:
        return journal.undo(version)


# --- configuration, local data ------------------------------------------------------------------------------------------


def make_demo(folder: Path | None) -> Path:
    """A made-up site with a folder as central store, in ``folder`` (None: a new one); its configuration file."""
    from chorus_gui.core import demo

    base = folder or Path(tempfile.mkdtemp(prefix="chorus-upload-demo-"))
    config = base / "config.toml"
    if not config.exists():
        demo.make_site(base / "site")
        demo.write_config(base, base / "central-store", base / "site")
    return config


def save_config(file: Path, text: str, based_on: str | None, *, overwrite: bool) -> Path:
    """Write a configuration.  Raises :class:`ConfigError` if another program changed it meanwhile."""
    from chorus_gui.core.config.save import ConfigDocument
    from chorus_gui.core.errors import ConfigError

    if file.exists():
        document = ConfigDocument.open(file)
        if not overwrite and based_on is not None and document.text != based_on:
            raise ConfigError(
                f"“{file.name}” was changed by another program since it was opened here.",
                meaning="Nothing was saved.",
                remedy="Open it again and repeat the change, or save over it.",
            )
        document.text = text
    else:
        document = ConfigDocument(file, text, seen=None)
    document.save(overwrite=overwrite)
    return file


def keep_tokens(file: Path) -> Kept:
    """Move the file's SAS tokens into the credential store."""
    from chorus_gui.core.config.keeping import move
    from chorus_gui.core.config.save import ConfigDocument

    return move(ConfigDocument.open(file))


def test_connection(
    config: Config | None, text: str | None, file: Path | None, sign_in: SignIn | None, ctx: JobContext
) -> tuple[TestFinding, ...]:
    """Ask every place of a configuration; ``text``, to lie at ``file``, goes before ``config``."""
    if text is not None and file is not None:
        config = loads(text, file)
    if config is None:
        raise UsageError("There is no configuration to test.", remedy="Open one, or fill in the form.")
    places = [("Central store", config.central, True)]
    if config.journal.cloud is not None and config.journal.cloud.kind is not PlaceKind.FOLDER:
        places.append(("Journal", config.journal.cloud, True))
    seen: set[str] = set()
    for name, site in config.sites.items():
        if site.place.text not in seen:
            seen.add(site.place.text)
            places.append((f"Site ({name})" if len({s.place.text for s in config.sites.values()}) > 1 else "Site", site.place, False))
    found: list[TestFinding] = []
    for title, place, write in places:
        ctx.checkpoint()
        if place.kind is PlaceKind.AZURE:
            from chorus_gui.core.storage.azure.login import NOBODY
            from chorus_gui.core.storage.azure.probe import probe

            found += [
                TestFinding(title, Grade(finding.grade.value), finding.what, finding.remedy)
                for finding in probe(place, write=write, sign_in=sign_in or NOBODY)
            ]
        else:
            found.append(_folder_finding(title, place.folder or Path(place.text), write=write))
    return tuple(found)


def _folder_finding(title: str, folder: Path, *, write: bool) -> TestFinding:
    try:
        next(iter(folder.iterdir()), None)
        if write:
            with tempfile.TemporaryFile(dir=folder):
                pass
    except OSError as error:
        why = error.strerror or str(error)
        return TestFinding(title, Grade.BAD, f"{folder}: {why}.", "Check the path, that the drive is connected, and your rights there.")
    return TestFinding(title, Grade.GOOD, f"{folder} can be {'read and written' if write else 'read'}.")


def clear_local_data(*, staging: bool, logs: bool, receipts: bool) -> int:
    """Remove what names patients on this computer; how many files.  What is held back lies with the reviews, and goes too."""
    try:
        return _clear(staging=staging, logs=logs, receipts=receipts)
    except OSError as error:
        raise UsageError(
            f"Not everything could be removed: {error.filename} ({error.strerror or error}).",
            remedy="Close other windows of this program, and try again.",
        ) from error


def _clear(*, staging: bool, logs: bool, receipts: bool) -> int:
    count = 0
    folders = [data_folder() / "staging"] * staging + [data_folder() / "verify"] * staging + [receipts_folder()] * receipts
    for folder in folders:
        if folder.is_dir():
            count += sum(1 for file in folder.rglob("*") if file.is_file())
            patiently(partial(shutil.rmtree, folder))
    if logs:
        for file in log_folder().glob("*.log*"):
            count += 1
            if file.suffix == ".log":
                file.write_bytes(b"")  # it may be open, here or in another program
            else:
                remove_file(file)
    return count
