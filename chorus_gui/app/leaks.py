"""Leaks of patient data that checks found: list them, accept one with a reason, withdraw that.

What is accepted is kept on this computer, for exactly one rule, one subject and one file with its size and time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chorus_gui.app.words import files
from chorus_gui.core.errors import ReviewError, UsageError
from chorus_gui.core.rules import Severity

if TYPE_CHECKING:
    from chorus_gui.app.review import Review
    from chorus_gui.app.run import Run
    from chorus_gui.app.workspace import Workspace
    from chorus_gui.core.config.model import Config
    from chorus_gui.core.readiness.findings import FileState
    from chorus_gui.core.readiness.leaks import Accepted, Leak
    from chorus_gui.core.review.staging import Staging
    from chorus_gui.core.submission.leak_gate import Judged

NOT_SENT = "not sent"


@dataclass(frozen=True, slots=True)
class Changed:
    """What was accepted or withdrawn: how many files and rules; ``open``: how many files have an open leak afterwards."""

    count: int
    open: int


@dataclass(frozen=True, slots=True)
class Listed:
    """``open``: leaks that nobody accepted, whether the file is to be sent or not; ``accepted``: what people accepted, withdrawn ones too."""

    open: tuple[Leak, ...]
    accepted: tuple[Accepted, ...]


def listed(config: Config) -> Listed:
    """What is known.  Raises :class:`ReviewError`, :class:`ConfigError`."""
    from chorus_gui.core.readiness.leaks import LeakBook
    from chorus_gui.core.submission.leak_gate import leak_rules, rules_of

    with LeakBook(config.journal.local) as book:
        return Listed(tuple(book.leaks(leak_rules(rules_of(config)))), tuple(book.accepted(withdrawn=True)))


def accept(config: Config, rule: str, paths: Sequence[str], reason: str) -> Changed:
    """Accept the open leaks of a rule, in all files or (``paths``) in these, as a check found them.

    Raises :class:`ReviewError` without a reason; :class:`UsageError` if there is no such leak.
    """
    from chorus_gui.core.readiness.leaks import LeakBook
    from chorus_gui.core.submission.leak_gate import leak_rules, rules_of

    if not reason.strip():
        raise ReviewError("The reason is missing.", meaning="Nothing was accepted.", remedy="Enter a reason. The receipt shows it.")
    rules = rules_of(config)
    id_ = _known(rule, list(rules.rules))
    if id_ not in leak_rules(rules):
        raise UsageError(
            f"Rule {id_} stops no submission.",
            meaning="Nothing was accepted.",
            remedy="Only leaks of patient data can be accepted. “chorus-upload leak list” shows them.",
        )
    with LeakBook(config.journal.local) as book:
        found = [leak for leak in book.leaks([id_]) if not paths or leak.path in paths]
        missing = sorted(set(paths) - {leak.path for leak in found})
        if missing or not found:
            what = f"“{missing[0]}” has no open leak of rule {id_}." if missing else f"There is no open leak of rule {id_}."
            raise UsageError(what, meaning="Nothing was accepted.", remedy="Use “chorus-upload leak list” to see the leaks that are open.")
        count = book.accept(found, " ".join(reason.split()))
        return Changed(count, book.count(leak_rules(rules))[""])


def withdraw(config: Config, rule: str, paths: Sequence[str] = ()) -> Changed:
    """No longer accept the leaks of a rule, in all files or in these.  Raises :class:`UsageError` if none of it is accepted."""
    from chorus_gui.core.readiness.leaks import LeakBook
    from chorus_gui.core.submission.leak_gate import leak_rules, rules_of

    rules = rules_of(config)
    with LeakBook(config.journal.local) as book:
        id_ = _known(rule, [*rules.rules, *(one.rule for one in book.accepted())])
        count = book.withdraw(id_, paths)
        if not count:
            raise UsageError(
                f"Nothing of rule {id_} is accepted{' for these files' if paths else ''}.",
                meaning="Nothing was changed.",
                remedy="Use “chorus-upload leak list --all” to see what is accepted.",
            )
        return Changed(count, book.count(leak_rules(rules))[""])


def _known(rule: str, ids: Sequence[str]) -> str:
    for id_ in ids:
        if id_.lower() == rule.strip().lower():
            return id_
    raise UsageError(f"There is no rule “{rule}”.", remedy="“chorus-upload readiness --list-rules” prints all rules.")


# --- what a review would send -------------------------------------------------------------------------------------------


def of_review(active: Run, review: Review, staging: Staging) -> Judged:
    """What the book says of the files that an approval of this review sends."""
    from chorus_gui.core.submission.leak_gate import judge, of_changes, of_row
    from chorus_gui.core.submission.work import Selection, pending_rows

    def sent() -> Iterator[FileState]:
        yield from of_changes(staging)
        for version in review.along.by_version:
            for row in pending_rows(
                active.workspace.config, active.journal, Selection(version, tuple(staging.get("modalities", []))), active.work.stays
            ):
                yield of_row(row)

    return judge(active.workspace.config, sent())


def open_kinds(workspace: Workspace, readiness: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Kinds of leaks (rule and a path) that nobody accepted or held back: of files that are sent, of others, and of files that match no pattern."""
    from chorus_gui.core.readiness.leaks import LeakBook
    from chorus_gui.core.submission.held import HeldNow
    from chorus_gui.core.submission.leak_gate import leak_rules, rules_of

    with workspace.holds() as kept:
        held = HeldNow(workspace.config, kept.all(), list)
    kinds: dict[tuple[str, str], str] = {}
    with LeakBook(workspace.config.journal.local) as book:
        for leak in book.leaks(leak_rules(rules_of(workspace.config))):  # there can be a million
            if (leak.rule, leak.about) not in kinds and held.of(leak.modality, leak.path) is None:
                kinds[leak.rule, leak.about] = leak.path
    for found in readiness.get("findings", ()):
        if found["severity"] == Severity.LEAK.value and NOT_SENT in found["about"]:
            kinds.setdefault((found["rule"], found["about"]), next((one["path"] for one in found["examples"] if one["path"]), ""))
    return [(rule, path) for (rule, _), path in kinds.items()]


def lines(judged: Judged) -> list[str]:
    """The open leaks of files to be sent, as lines of a text."""
    out: list[str] = []
    for found in judged.rules:
        out.append(f"  {found.rule.id}, {files(found.files)}: {found.rule.must}")
        out += [f"      {one.modality}: {one.path}" for one in found.examples]
    return out
