"""What the status of a site is made of, as values: everything that is known, the steps, and what a person can do next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from chorus_gui.app.values import CredentialFacts, CustodyFacts, JournalFacts, ReceiptFacts, ReviewFacts, WrongFacts
from chorus_gui.core.model import Grade
from chorus_gui.core.submission.marker import Completeness


class Action(Enum):
    """What a person can do next; the window has a button for each, :data:`COMMANDS` the command."""

    NOTHING = "nothing"
    CORRECT_CONFIGURATION = "correct configuration"
    ENTER_TOKEN = "enter token"  # noqa: S105 - the words, not one
    TRY_AGAIN = "try again"
    CHECK_OUT = "check out"
    RECOVER_JOURNAL = "recover journal"
    DECIDE_CUSTODY = "decide custody"
    SCAN = "scan"
    REVIEW = "review"
    SUBMIT_FOUND = "submit what a scan found"
    SHOW_PROGRESS = "show progress"
    UPLOAD = "upload"
    RESUME = "resume"
    MAKE_SCRIPT = "make script"
    VERIFY = "verify"
    SEE_VERIFICATION = "see verification"
    REPAIR = "repair"
    MARK_COMPLETE = "mark complete"
    CHECK_IN = "check in"


COMMANDS = {
    Action.CORRECT_CONFIGURATION: "doctor",
    Action.ENTER_TOKEN: "doctor",
    Action.TRY_AGAIN: "status",
    Action.CHECK_OUT: "journal checkout",
    Action.RECOVER_JOURNAL: "journal recover",
    Action.DECIDE_CUSTODY: "journal status",
    Action.SCAN: "scan",
    Action.REVIEW: "submit",
    Action.SUBMIT_FOUND: "submit",
    Action.UPLOAD: "file upload",
    Action.RESUME: "submit",
    Action.MAKE_SCRIPT: "file list --output-type azcli",
    Action.VERIFY: "file verify",
    Action.SEE_VERIFICATION: "file verify",
    Action.REPAIR: "file repair",
    Action.MARK_COMPLETE: "file upload",
    Action.CHECK_IN: "journal checkin",
}
"""What a person can do next → its command; not in it: there is none."""
WITH_SCRIPTS: dict[Action, str] = dict.fromkeys((Action.REVIEW, Action.SUBMIT_FOUND, Action.RESUME), "journal update")
"""The same, where it is another command for a site that uploads with generated scripts: “submit” refuses it."""


class Progress(Enum):
    """How far a step is.  STOPPED: a person must do something before the step can continue."""

    DONE = "done"
    NOW = "now"
    LATER = "later"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Step:
    """One of the four steps.  ``action`` is what its button does, ``label`` what the button says, "" for no button.

    ``headline`` says where the site is while this is the next step; "": it follows from ``name``.
    """

    name: str
    progress: Progress
    text: str
    label: str = ""
    action: Action = Action.NOTHING
    version: str | None = None
    headline: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """Everything that is known.  ``wrong`` is what verifications found, on any computer, and nobody repaired.  ``receipts`` are the newest first; ``running`` are the kinds of jobs that run or wait:
    "scan", "record", "submit", "upload", "verify".  ``looking``: something is still being read.  ``away`` has a sentence for each folder
    of the site that cannot be read now.  ``complete``: what the marker of each version says in the central store.
    """

    custody: CustodyFacts
    journal: JournalFacts | None = None
    review: ReviewFacts | None = None
    receipts: tuple[ReceiptFacts, ...] = ()
    wrong: WrongFacts | None = None
    credential: CredentialFacts = field(default_factory=CredentialFacts)
    running: frozenset[str] = frozenset()
    looking: bool = False
    uses_scripts: bool = False
    configuration_problems: int = 0
    configuration_error: str = ""
    away: tuple[str, ...] = ()
    complete: Mapping[str, Completeness] = field(default_factory=dict[str, "Completeness"])


@dataclass(frozen=True, slots=True)
class SiteStatus:
    """Where the site is: a ``headline``, a sentence, its grade, and the next step with its button.

    ``warnings`` are sentences about other problems and remaining work.  ``scripts``: the site uploads with generated scripts.
    """

    headline: str
    text: str
    grade: Grade
    next: Step
    steps: tuple[Step, Step, Step, Step]
    warnings: tuple[str, ...] = ()
    scripts: bool = False

    @property
    def command(self) -> str:
        """The command of the next step; "": there is none."""
        action = self.next.action
        return (self.scripts and WITH_SCRIPTS.get(action)) or COMMANDS.get(action, "")
