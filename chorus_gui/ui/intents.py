"""What pages ask for.  One frozen value each; a page emits it, :meth:`.session.Session.do` answers with another state.

The page has already asked the person what needs a confirmation: an intent is done without another question.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from chorus_gui.app.options import WHOLE, Part
from chorus_gui.app.requests import FileListRequest, ScriptRequest
from chorus_gui.core.model import Mode
from chorus_gui.core.review.values import Query

if TYPE_CHECKING:
    from chorus_gui.app.custody import Sides
    from chorus_gui.app.known import Known
    from chorus_gui.core.config.credentials import AccessKey


@dataclass(frozen=True, slots=True)
class Intent:
    """Base of all of them."""


# --- the window ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ShowPage(Intent):
    """Bring a page to the front, by its name ("review").  ``topic`` is for the page: the version to verify, the key to edit."""

    name: str
    topic: str = ""


@dataclass(frozen=True, slots=True)
class Refresh(Intent):
    """Read everything again: configuration, custody, journal, review, receipts."""


@dataclass(frozen=True, slots=True)
class TrustHosts(Intent):
    """The person confirmed these servers: remember them, and read everything again."""

    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DismissNotice(Intent):
    """The person has read how the last job ended."""


@dataclass(frozen=True, slots=True)
class SetTheme(Intent):
    """ "system", "light", "dark" or "contrast"."""

    theme: str


@dataclass(frozen=True, slots=True)
class OpenPath(Intent):
    """Open a file or folder with the system's program for it; ``select``: show it in its folder instead."""

    path: Path
    select: bool = False


# --- configuration ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OpenConfig(Intent):
    """Open a configuration file, and remember it."""

    file: Path


@dataclass(frozen=True, slots=True)
class OpenDropped(Intent):
    """Open what was dropped on the window: a configuration, a folder with one, or a folder that can be a new site."""

    paths: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class CloseConfig(Intent):
    """Show the first screen again."""


@dataclass(frozen=True, slots=True)
class OpenDemo(Intent):
    """Make the demo site in ``folder`` (None: a new temporary one) and open it."""

    folder: Path | None = None


@dataclass(frozen=True, slots=True)
class SaveConfig(Intent):
    """Write ``text`` as the configuration ``file``, as :class:`~chorus_gui.core.config.save.ConfigDocument` does, and open it.

    ``overwrite``: even if another program changed the file since ``based_on`` (its text when it was opened; None: a new file).
    ``opens`` False: only write it, because another configuration is open.
    """

    file: Path
    text: str
    based_on: str | None = None
    overwrite: bool = False
    opens: bool = True


@dataclass(frozen=True, slots=True)
class KeepTokens(Intent):
    """Move the SAS tokens of the open configuration file into the operating system's credential store."""


@dataclass(frozen=True, slots=True)
class TestConnection(Intent):
    """Test the central store, the cloud journal and the site's places; of ``text`` (unsaved, for ``file``), or else of what is open."""

    text: str | None = None
    file: Path | None = None


@dataclass(frozen=True, slots=True)
class Examine(Intent):
    """Let the doctor check everything that the open configuration file names; it may have problems."""


@dataclass(frozen=True, slots=True)
class SupportBundle(Intent):
    """Write a ZIP file for whoever helps; ``with_paths``: it may name patients."""

    file: Path
    with_paths: bool = False


@dataclass(frozen=True, slots=True)
class MarkTest(Intent):
    """Mark the open configuration as a test setup (True) or the real store (False); None: let the program decide."""

    test: bool | None


# --- journal ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CheckOut(Intent):
    """Lock the cloud journal and download it."""


@dataclass(frozen=True, slots=True)
class CheckIn(Intent):
    """Upload the journal and unlock it.  ``keep``: but keep it checked out."""

    keep: bool = False


@dataclass(frozen=True, slots=True)
class Unlock(Intent):
    """Unlock a cloud journal that somebody left checked out.  The person has read ``custody.warnings``."""


@dataclass(frozen=True, slots=True)
class Recover(Intent):
    """Do what was chosen among ``custody.offers``: the value of a :class:`~chorus_gui.core.custody.recover.Choice`."""

    choice: str


@dataclass(frozen=True, slots=True)
class CompareJournals(Intent):
    """Show ``file`` (None: the local journal) next to the cloud journal, to decide whether to take it over."""

    file: Path | None = None


@dataclass(frozen=True, slots=True)
class Adopt(Intent):
    """Take over ``file``: the lock is set for this person.  The person has seen ``sides``; if they have changed, nothing is done."""

    file: Path
    sides: Sides


@dataclass(frozen=True, slots=True)
class RecoverJournal(Intent):
    """Use the fuller journal from now on.  The person has seen both."""

    known: Known


@dataclass(frozen=True, slots=True)
class DecideHistory(Intent):
    """Show both journals, as :attr:`.CustodyFacts.less` has them, and ask which one to use."""


@dataclass(frozen=True, slots=True)
class AskSetAside(Intent):
    """Find the files that are uploaded again if the local journal is set aside, then ask."""


@dataclass(frozen=True, slots=True)
class AcceptLessHistory(Intent):
    """Do ``again`` with the journal, although another one has more history.  The person has seen both."""

    again: Intent


@dataclass(frozen=True, slots=True)
class UpgradeJournal(Intent):
    """Format 1 of the journal to format 2; there is no way back."""


@dataclass(frozen=True, slots=True)
class Undo(Intent):
    """Remove what was recorded for a version and not uploaded."""

    version: str


@dataclass(frozen=True, slots=True)
class Restore(Intent):
    """Restore a kept copy of the journal."""

    copy: Path


# --- review -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Scan(Intent):
    """Scan and compare.  ``mode`` None and ``modalities`` empty: as :class:`ChooseScan` said last.

    ``hashed``: the share (0 to 1) of the files of equal size and time whose content is compared with the journal, too.
    """

    mode: Mode | None = None
    modalities: tuple[str, ...] = ()
    hashed: float = 0.0


@dataclass(frozen=True, slots=True)
class ChooseScan(Intent):
    """How the site is scanned from now on, wherever a scan is asked for; ``mode`` None and ``modalities`` empty: as the configuration says."""

    mode: Mode | None = None
    modalities: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HoldBack(Intent):
    """Leave these lines of the review out, which are ``count`` changes, and remember why."""

    ids: tuple[int, ...]
    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class HoldBackPatient(Intent):
    """Leave out every file of a patient, now and later, and remember why."""

    patient_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class MarkDeleted(Intent):
    """Mark the entries of these changes as deleted in the journal, as far as their files are not on the site."""

    ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class MarkFailed(Intent):
    """Mark files that failed (modality, path) as deleted in the journal."""

    files: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Release(Intent):
    """No longer hold back these lines of the review, which are ``count`` changes."""

    ids: tuple[int, ...]
    count: int


@dataclass(frozen=True, slots=True)
class ExportHolds(Intent):
    """Write what is held back, for a colleague."""

    file: Path


@dataclass(frozen=True, slots=True)
class ImportHolds(Intent):
    """Hold back what a colleague holds back, too."""

    file: Path


@dataclass(frozen=True, slots=True)
class ExportChanges(Intent):
    """Write the changes that ``query`` names as CSV."""

    file: Path
    query: Query


@dataclass(frozen=True, slots=True)
class Approve(Intent):
    """Approve the review as it is shown (``revision``), and submit it.

    ``version`` None: a new one, or with ``amend`` the last one.  ``record_only``: write it to the journal, upload nothing.
    ``pending``: also upload the pending files that the review shows.
    """

    revision: int
    version: str | None = None
    amend: bool = False
    record_only: bool = False
    allow_deletions: bool = False
    pending: bool = True


# --- sending, verifying -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class UploadPending(Intent):
    """Upload what is pending; ``version`` None and ``modalities`` empty: all of it."""

    version: str | None = None
    modalities: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RetryFailed(Intent):
    """Retry what failed, or was left when the job was cancelled: the rest of the approved review, then what is pending."""


@dataclass(frozen=True, slots=True)
class Verify(Intent):
    """Compare the store with the journal.  ``version`` None: all of them.  ``reread``: download and hash; ``part`` limits which files."""

    version: str | None = None
    modalities: tuple[str, ...] = ()
    reread: bool = False
    part: Part = WHOLE


@dataclass(frozen=True, slots=True)
class Repair(Intent):
    """Upload again what verifications found missing or different."""


@dataclass(frozen=True, slots=True)
class ExportVerify(Intent):
    """Write the verdicts of the last verification, those with these results (none: all), as CSV or, as the name says, JSON."""

    file: Path
    results: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ExportFailures(Intent):
    """Write the failures of the last submission or upload as CSV."""

    file: Path


@dataclass(frozen=True, slots=True)
class ExportFileList(FileListRequest, Intent):
    """Write a file list."""


@dataclass(frozen=True, slots=True)
class GenerateScript(ScriptRequest, Intent):
    """Write a script.  It waits for earlier jobs, such as the recording of its changes."""


@dataclass(frozen=True, slots=True)
class ShowScript(Intent):
    """Ask the person about a script ("azcli", "azcopy") or a "list", with a preview, and write it.

    ``approve``: record this first; the dialog is open meanwhile, and shows its preview when that has finished.
    """

    tool: str = "azcli"
    approve: Approve | None = None


# --- jobs ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CancelJob(Intent):
    """Stop a job at once, or remove it from the queue.  ``job`` None: the running one."""

    job: int | None = None


@dataclass(frozen=True, slots=True)
class PauseJob(Intent):
    """Pause the running job (or ``job``)."""

    job: int | None = None


@dataclass(frozen=True, slots=True)
class RenewCredential(Intent):
    """Save another credential of the place ``where`` in the configuration; the job that waits for it continues.

    ``secret`` None: the same one is tried again, as after a sign-in.  For a place in S3 it is an access key.
    """

    where: str
    secret: str | AccessKey | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class ResumeJob(Intent):
    """Resume a paused job."""

    job: int | None = None


@dataclass(frozen=True, slots=True)
class SetLimit(Intent):
    """The bandwidth limit as a person writes it: “4 MB/s”, “off”, a timetable.  It applies at once."""

    text: str


@dataclass(frozen=True, slots=True)
class ClearLocalData(Intent):
    """Remove what this computer keeps and what names patients.  Never the journal, nor the configuration."""

    staging: bool = True
    logs: bool = True
    receipts: bool = False
