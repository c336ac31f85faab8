"""The one rule about patient data: no file in which a check found a leak is sent, unless a person accepted the leak for exactly this file.

Everything that sends files asks here before it begins: a submission, an upload of pending files, a repair, a script, an upload by hand.
A file that is held back is not sent, so it is not asked about.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

from chorus_gui.core.config.model import Config
from chorus_gui.core.config.rule_keys import chosen
from chorus_gui.core.errors import ComputerError, LeakError, ReviewError
from chorus_gui.core.model import Row
from chorus_gui.core.passes import Pass
from chorus_gui.core.readiness.findings import EXAMPLES, FileState
from chorus_gui.core.readiness.leak_marks import ANY
from chorus_gui.core.readiness.leaks import Accepted, LeakBook, book_path
from chorus_gui.core.readiness.pass_runs import PassRun
from chorus_gui.core.receipt import AcceptedLeak, Checked
from chorus_gui.core.review import pending
from chorus_gui.core.review.amended import SENDING
from chorus_gui.core.review.staging import Staging
from chorus_gui.core.rules import EVERYTHING, Rule, RuleSet, Severity
from chorus_gui.core.submission.run_result import RunResult
from chorus_gui.core.submission.work import Selection, Work, pending_rows

MOST_TABLES = 1_000
MOST_PLACES = 200_000
"""Files with a leak that are kept in memory, so that a million others need no query."""


@dataclass
class OpenRule:
    """A rule whose leaks nobody accepted: how many files to be sent, some of them, and how many of them changed since a check read them."""

    rule: Rule
    files: int = 0
    changed: int = 0
    examples: list[FileState] = field(default_factory=list[FileState])
    deepest: Pass = Pass.AT_ONCE
    """the deepest pass that found one"""


class Forgotten(NamedTuple):
    """A check found leaks of this rule (None: it is not known of which), and this computer does not know in which files."""

    rule: Rule | None
    files: int
    deepest: Pass


def check_again(found: Sequence[Forgotten]) -> str:
    """What to do so that this computer knows the files again, or ""."""
    if not found:
        return ""
    deepest = max((one.deepest for one in found), key=lambda one: one.rank)
    images = "" if deepest is Pass.THOROUGH else " If it could not check some images, use “--pass thorough”."
    return (
        f"Check the whole site again: “chorus-upload readiness --pass {deepest.value}”. Correct what it could not check, and check again until it "
        f"can check everything.{images}"
    )


UNKNOWN = "Checks found leaks of patient data, and this computer does not know in which files."


@dataclass
class Judged:
    """What is known of files to be sent."""

    rules: list[OpenRule] = field(default_factory=list[OpenRule])
    accepted: list[Accepted] = field(default_factory=list[Accepted])
    runs: list[PassRun] = field(default_factory=list[PassRun])
    files: int = 0
    """how many have an open leak"""
    forgotten: list[Forgotten] = field(default_factory=list[Forgotten])

    @property
    def stops(self) -> bool:
        """Nothing may be sent."""
        return bool(self.files or self.forgotten)

    @property
    def again(self) -> str:
        """What to do so that this computer knows the files again, or ""."""
        return check_again(self.forgotten)

    @property
    def unknown(self) -> str:
        """That this computer does not know files with a leak, and what to do; or ""."""
        return f"{UNKNOWN} {self.again}" if self.forgotten else ""

    def refuse(self, meaning: str = "Nothing was recorded or uploaded.") -> None:
        """Raise :class:`LeakError` if there is an open leak."""
        if not self.stops:
            return
        if not self.files:
            raise LeakError(
                UNKNOWN,
                [_forgotten_line(one) for one in self.forgotten],
                meaning=f"The list of leaks was cleared, or another computer or user has it. {meaning}",
                remedy=f"{self.again} Then correct, hold back or accept what it finds. If it finds no leak, you can submit.",
            )
        one = self.files == 1
        changed = [found for found in self.rules if found.changed]
        again = (
            f" After a correction, check again: “chorus-upload readiness --pass {max(changed, key=lambda f: f.deepest.rank).deepest.value}”."
            if changed
            else ""
        )
        if any(found.deepest is Pass.QUICK and any(one.modality == "Images" for one in found.examples) for found in self.rules):
            again += (
                " The quick pass reads one image of each series. To have every image read, use “chorus-upload readiness --pass thorough”."
            )
        raise LeakError(
            f"{'1 file' if one else f'{self.files:,} files'} to be sent {'has' if one else 'have'} a leak of patient data that nobody has accepted.",
            [*(_line(found) for found in self.rules), *(_forgotten_line(one) for one in self.forgotten)],
            meaning=meaning,
            remedy=f"Correct {'it' if one else 'them'}, or hold {'it' if one else 'them'} back.{again} If a finding is wrong, a person can accept it "
            f"with a reason: “chorus-upload leak accept”.{' ' * bool(self.forgotten)}{self.again}",
        )


def _line(found: OpenRule) -> str:
    files = "1 file" if found.files == 1 else f"{found.files:,} files"
    changed = (
        f" {found.changed:,} changed since the check that found it, and {'was' if found.changed == 1 else 'were'} not checked again."
        if found.changed
        else ""
    )
    named = "".join(f"\n      {one.modality}: {one.path}" for one in found.examples)
    return f"{found.rule.id}, {files}: {found.rule.must}{changed}{named}"


def _forgotten_line(one: Forgotten) -> str:
    files = "1 file" if one.files == 1 else f"{one.files:,} files"
    if one.rule is None:
        return f"The list of leaks could not be read when it was cleared. The {one.deepest.value} pass finds them again."
    return f"{one.rule.id}, {files}: {one.rule.must} The {one.deepest.value} pass finds {'it' if one.files == 1 else 'them'} again."


def rules_of(config: Config) -> RuleSet:
    """The rules of a configuration.  Raises :class:`ConfigError`."""
    return chosen(config.rules_file, config.rules_off)


def leak_rules(rules: RuleSet) -> frozenset[str]:
    """The rules that are about patient data, and that the site did not switch off."""
    return frozenset(id_ for id_ in rules.rules if (rule := rules.active(id_)) is not None and rule.severity is Severity.LEAK)


def judge(config: Config, files: Iterable[FileState]) -> Judged:
    """What the leak book says of files that are about to be sent.  Raises :class:`ReviewError`, :class:`ConfigError`."""
    out = Judged()
    if not book_path(config.journal.local).exists():
        return out
    with LeakBook(config.journal.local) as book:
        out.runs = book.runs()
        if not (book or book.marks()):
            return out
        rules = rules_of(config)
        active = leak_rules(rules)
        found: dict[str, OpenRule] = {}
        places = book.places(MOST_PLACES)
        sent: set[str] = set()
        for file in files:
            sent.add(file.modality)
            if places is not None and (file.modality, file.path) not in places:
                continue
            leaks, accepted = book.of(file, active)
            out.accepted += accepted
            out.files += bool(leaks)
            for id_ in dict.fromkeys(leak.rule for leak in leaks):
                same = [leak for leak in leaks if leak.rule == id_]
                group = found.setdefault(id_, OpenRule(rules.rules[id_]))
                group.files += 1
                group.changed += all((leak.size, leak.mtime_us) != (file.size, file.mtime_us) for leak in same)
                group.deepest = max(group.deepest, *(leak.deepest for leak in same), key=lambda one: one.rank)
                if len(group.examples) < EXAMPLES:
                    group.examples.append(file)
        order = {id_: number for number, id_ in enumerate(rules.rules)}
        out.forgotten = forgotten(book, rules, sent)
        out.rules = sorted(found.values(), key=lambda group: order[group.rule.id])
    return out


def forgotten(book: LeakBook, rules: RuleSet, modalities: Collection[str]) -> list[Forgotten]:
    """Leaks of files of these modalities that somebody found, and of which this computer does not know the files."""
    active, out = leak_rules(rules), list[Forgotten]()
    for mark in sorted(book.marks(), key=lambda one: (one.rule, one.deepest.rank)) if modalities else ():
        rule = rules.rules[mark.rule] if mark.rule in active else None
        if mark.rule == ANY or (rule is not None and (rule.modality in modalities or rule.modality == EVERYTHING)):
            out.append(Forgotten(rule, mark.files, mark.deepest))
    return out


def note(log: RunResult, judged: Judged) -> None:
    """What the receipt says of the checks that came before."""
    log.checked = tuple(_checked(run) for run in judged.runs)
    for one in judged.accepted:
        log.accepted[AcceptedLeak(one.rule, one.modality, one.path, one.reason, one.by, one.at_us)] = None


def _checked(run: PassRun) -> Checked:
    result = run.result
    kinds: list[str] = [found.get("severity", "") for found in result.get("findings", ())]
    unchecked: dict[str, Any] = result.get("unchecked", {})
    return Checked(
        run.deepest.value,
        str(result.get("rules", "")),
        run.ended_us,
        tuple(result.get("modalities", ())),
        kinds.count("leak"),
        kinds.count("rejected"),
        kinds.count("questionable"),
        kinds.count("note"),
        int(unchecked.get("count", 0)),
        dict(result.get("rules_off", {})),
    )


def refuse(work: Work, files: Iterable[FileState], meaning: str = "Nothing was recorded or uploaded.") -> None:
    """Raise :class:`LeakError` if one of the files has a leak that no person accepted; otherwise the log has what the receipt says."""
    judged = judge(work.config, files)
    judged.refuse(meaning)
    note(work.log, judged)


def remember_tables(work: Work) -> None:
    """OMOP tables were sent: the next check compares with them.  A book that cannot be written is only a note."""
    rows = work.journal.rows(modalities=("OMOP",), active=True, uploaded=True)
    try:
        with LeakBook(work.config.journal.local) as book:
            book.submitted(of_row(row) for row in islice(rows, MOST_TABLES))
    except (ReviewError, ComputerError) as error:
        work.log.notes.append(f"The next readiness check cannot compare the tables with this submission. {error.what}")


# --- which files are sent -----------------------------------------------------------------------------------------------


def of_review(work: Work, staging: Staging) -> Iterator[FileState]:
    """What an approval of this review sends: its new and updated files, and the pending ones that it chose."""
    yield from of_changes(staging)
    for row in pending_rows(work.config, work.journal, Selection(), work.stays):
        if pending.is_chosen(staging, row):
            yield of_row(row)


def of_changes(staging: Staging) -> Iterator[FileState]:
    """New and updated files of a review that are not held back."""
    for line in staging.db.cursor().execute(f"SELECT modality, path, size, mtime_us FROM change WHERE {SENDING}"):
        yield FileState(*line)


def of_pending(work: Work, which: Selection, approved: Staging | None = None) -> Iterator[FileState]:
    """What an upload of pending files sends; ``approved``: of them, what the approval of this review chose."""
    for row in pending_rows(work.config, work.journal, which, work.stays):
        if approved is None or pending.is_chosen(approved, row):
            yield of_row(row)


def of_row(row: Row) -> FileState:
    """The file of a row, as it was recorded."""
    return FileState(row.modality, row.path, row.size, row.mtime_us)
