"""A submission policy: what a review must be like to be approved while nobody is there.

:func:`decide` is pure: the facts of a review and a policy give the rules that the review breaks.  No broken rule is an approval.
A policy allows only what it names: without a word about deletions, no deletion is approved.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import NamedTuple

from chorus_gui.app.words import agree, files, plural, size
from chorus_gui.core.model import Tally
from chorus_gui.core.receipt import ApprovingPolicy
from chorus_gui.core.timetable import Rule as Hours

EVERY = ""
"""In a mapping by modality: what applies to each modality that is not named."""


@dataclass(frozen=True, slots=True)
class Share:
    """At most that many files, and at most that share (``percent``, 0 to 100) of a modality's current entries.  None: no limit."""

    files: int | None = None
    percent: float | None = None


@dataclass(frozen=True, slots=True)
class Amount:
    """At most that many files, and at most that many bytes.  None: no limit."""

    files: int | None = None
    bytes: int | None = None


@dataclass(frozen=True, slots=True)
class After:
    """What follows an approved submission.  ``reread``: the share (0 to 1) of its files that the verification also downloads."""

    verify: bool = False
    reread: float = 0.0
    repair: bool = False
    check_in: bool = False


NO_FILES = Share(files=0)
NOTHING = Tally()


@dataclass(frozen=True, slots=True)
class Policy:
    """What may be submitted.  Counts are "at most"; None does not limit.

    ``modalities`` empty: all that are configured.  ``deletions`` and ``updates`` are by modality, :data:`EVERY` for the others.
    ``allow_many``: more deletions than the program's own guard lets through, if ``deletions`` allows their number, too.  ``total`` limits
    the files to upload in all, ``upload`` those of one modality.
    """

    name: str
    sha256: str = ""
    modalities: tuple[str, ...] = ()
    pending: bool = True
    problems: int = 0
    leaks: int = 0
    patients_gone: int = 0
    unmatched: int | None = None
    possibly_not_data: int | None = None
    deletions: Mapping[str, Share] = field(default_factory=lambda: {EVERY: NO_FILES})
    allow_many: bool = False
    updates: Mapping[str, Share] = field(default_factory=dict[str, Share])
    total: Amount = Amount()
    upload: Mapping[str, Amount] = field(default_factory=dict[str, Amount])
    quiet_hours: tuple[Hours, ...] = ()
    """when nothing is submitted, in local time"""
    quiet_text: str = ""
    """the same as a person wrote it"""
    after: After = After()

    @property
    def approving(self) -> ApprovingPolicy:
        """As a receipt names it."""
        return ApprovingPolicy(self.name, self.sha256)


@dataclass(frozen=True, slots=True)
class ModalityFacts:
    """What a review found in one modality.  Renamed files are not among ``deleted``; they are in ``upload``, as what is pending is.

    ``entries`` are the current entries of the journal.  ``guarded``: the deletions are above the program's own guard.
    """

    deleted: int = 0
    updated: int = 0
    entries: int = 0
    upload: Tally = NOTHING
    guarded: bool = False


@dataclass(frozen=True, slots=True)
class ReviewFacts:
    """What a policy judges.  ``leaks`` counts kinds of leaks of patient data that nobody accepted or held back.

    ``patients_gone`` includes ``patients_unsure``: of whom files can be in folders that could not be read.
    """

    modalities: Mapping[str, ModalityFacts] = field(default_factory=dict[str, ModalityFacts])
    problems: int = 0
    leaks: int = 0
    unmatched: int = 0
    possibly_not_data: int = 0
    patients_gone: int = 0
    patients_unsure: int = 0
    now: datetime | None = None
    """the local time; None: it does not matter"""


class About(Enum):
    """Which files a broken rule is about: its examples are some of them."""

    PROBLEMS = "problems"
    LEAKS = "leaks"
    UNMATCHED = "unmatched"
    NOT_DATA = "possibly_not_data"
    PATIENTS = "patients_gone"
    DELETED = "deletions"
    UPDATED = "updates"
    UPLOAD = "upload"
    NOTHING = "nothing"


class Broken(NamedTuple):
    """A rule that a review breaks.  ``rule`` is the key in the file; ``text`` a sentence with both numbers.

    ``found`` and ``allowed`` are counts, bytes, or a percentage, as the rule's name says.  ``modality`` "" for all.
    """

    rule: str
    text: str
    found: float
    allowed: float
    about: About
    modality: str = ""
    examples: tuple[str, ...] = ()


def decide(facts: ReviewFacts, policy: Policy) -> tuple[Broken, ...]:
    """Every rule that the review breaks, in the order of the documentation; empty: the policy approves it."""
    broken = [*is_quiet(policy, facts.now), *_counts(facts, policy)]
    for modality, found in facts.modalities.items():
        broken += _modality(modality, found, policy)
    everything = sum((found.upload for found in facts.modalities.values()), Tally())
    broken += _amount("upload", "", everything, policy.total)
    return tuple(broken)


def is_quiet(policy: Policy, now: datetime | None) -> list[Broken]:
    """The rule that is broken at this local time, if it is in the quiet hours."""
    if now is None or not any(rule.covers(now.weekday(), now.hour * 60 + now.minute) for rule in policy.quiet_hours):
        return []
    text = f"It is {now:%A %H:%M}. The policy allows nothing in its quiet hours: {policy.quiet_text}."
    return [Broken("quiet_hours", text, 1, 0, About.NOTHING)]


def _unsure(facts: ReviewFacts) -> str:
    if not facts.patients_unsure:
        return ""
    return f", of which {facts.patients_unsure:,} {agree(facts.patients_unsure, 'is', 'are')} unsure because folders could not be read"


def _counts(facts: ReviewFacts, policy: Policy) -> list[Broken]:
    """What is counted for the whole review."""
    counted = (
        (About.PROBLEMS, facts.problems, policy.problems, plural(facts.problems, "problem")),
        (About.LEAKS, facts.leaks, policy.leaks, f"{plural(facts.leaks, 'leak', 'leaks')} of patient data that nobody has accepted or held back, which “chorus-upload readiness” shows"),
        (About.PATIENTS, facts.patients_gone, policy.patients_gone, f"{plural(facts.patients_gone, 'patient')} with no file left on the site{_unsure(facts)}"),
        (About.UNMATCHED, facts.unmatched, policy.unmatched, f"{files(facts.unmatched)} that {agree(facts.unmatched, 'matches', 'match')} no pattern"),
        (About.NOT_DATA, facts.possibly_not_data, policy.possibly_not_data, f"{files(facts.possibly_not_data)} to upload that {agree(facts.possibly_not_data, 'is', 'are')} possibly not data"),
    )  # fmt: skip
    return [
        Broken(about.value, f"The review has {said}. The policy allows {_at_most(allowed)}.", found, allowed, about)
        for about, found, allowed, said in counted
        if allowed is not None and found > allowed
    ]


def _modality(modality: str, found: ModalityFacts, policy: Policy) -> list[Broken]:
    broken: list[Broken] = []
    if policy.modalities and modality not in policy.modalities:
        about = About.UPLOAD
        if found.upload.files or found.deleted or found.updated:
            count = found.upload.files + found.deleted
            text = f"{modality} has {plural(count, 'change')}. The policy is only for {', '.join(policy.modalities)}."
            broken.append(Broken("modalities", text, count, 0, about, modality))
    broken += _share(About.DELETED, modality, found.deleted, found.entries, policy.deletions)
    if found.guarded and not policy.allow_many:
        said = f"{found.deleted:,} of {files(found.entries)} of {modality} would be marked as deleted. Usually this means that a folder is missing."
        broken.append(
            Broken(
                "deletions.allow_many", f"{said} The policy does not have “allow_many = true”.", found.deleted, 0, About.DELETED, modality
            )
        )
    broken += _share(About.UPDATED, modality, found.updated, found.entries, policy.updates)
    broken += _amount(f"upload.{modality}", modality, found.upload, policy.upload.get(modality, Amount()))
    return broken


def _share(about: About, modality: str, found: int, entries: int, limits: Mapping[str, Share]) -> list[Broken]:
    """Deleted or updated files of a modality against the limits that apply to it."""
    own = modality in limits
    limit = limits[modality] if own else limits.get(EVERY, Share())
    rule = f"{about.value}.{modality}" if own else about.value
    would = "marked as deleted" if about is About.DELETED else "replaced by other content"
    said = f"{found:,} of {files(entries)} of {modality} would be {would}"
    broken: list[Broken] = []
    if limit.files is not None and found > limit.files:
        text = f"{said}. The policy allows {_at_most(limit.files)}."
        broken.append(Broken(f"{rule}.files", text, found, limit.files, about, modality))
    percent = 100 * found / entries if entries else 100.0 * bool(found)
    if limit.percent is not None and found and percent > limit.percent:
        text = f"{said} ({_above(percent, limit.percent)} %). The policy allows at most {_digits(limit.percent)} %."
        broken.append(Broken(f"{rule}.percent", text, round(percent, 3), limit.percent, about, modality))
    return broken


def _amount(rule: str, modality: str, found: Tally, limit: Amount) -> list[Broken]:
    """Files to upload against a limit of a modality, or of all."""
    of = f" of {modality}" if modality else ""
    broken: list[Broken] = []
    if limit.files is not None and found.files > limit.files:
        text = f"{files(found.files)}{of} would be uploaded. The policy allows {_at_most(limit.files)}."
        broken.append(Broken(f"{rule}.files", text, found.files, limit.files, About.UPLOAD, modality))
    if limit.bytes is not None and found.bytes > limit.bytes:
        most, much = size(limit.bytes), size(found.bytes)
        if most == much:
            most, much = f"{limit.bytes:,} bytes", f"{found.bytes:,} bytes"
        text = f"{much}{of} would be uploaded. The policy allows at most {most}."
        broken.append(Broken(f"{rule}.bytes", text, found.bytes, limit.bytes, About.UPLOAD, modality))
    return broken


def _at_most(count: int) -> str:
    return f"at most {count:,}" if count else "none"


def _digits(number: float) -> str:
    """A percentage as a person wrote it: 2.0 → "2"."""
    return repr(float(number)).removesuffix(".0")


def _above(percent: float, limit: float) -> str:
    """A percentage with one decimal, or with as many as show that it is more than its limit."""
    return next((shown for digits in range(1, 13) if float(shown := f"{percent:.{digits}f}") > limit), repr(percent))
