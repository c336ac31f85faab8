"""Leaks of patient data that checks found: list them, accept one with a reason, withdraw that.

What is accepted is for exactly one rule, one subject and one file with its size and time.  Colleagues share it: ``accepted-leaks.json`` next to
the journal is read before something is sent, and while it is.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from chorus_gui.app.words import files
from chorus_gui.core.errors import ReviewError, SideFileError, SideFileUnreadableError, UsageError
from chorus_gui.core.rules import Severity

if TYPE_CHECKING:
    from chorus_gui.app.review import Review
    from chorus_gui.app.run import Run
    from chorus_gui.app.workspace import Workspace
    from chorus_gui.core.config.model import Config
    from chorus_gui.core.job import JobContext
    from chorus_gui.core.readiness.findings import FileState
    from chorus_gui.core.readiness.leaks import Accepted, Leak
    from chorus_gui.core.review.staging import Staging
    from chorus_gui.core.review.values import Hold
    from chorus_gui.core.submission.leak_gate import Judged

NOT_SENT = "not sent"
NOT_SHARED = "What this computer knows to be accepted is used."
NO_LONGER = "a leak of patient data in it is no longer accepted"


@dataclass(frozen=True, slots=True)
class Changed:
    """What was accepted or withdrawn: how many files and rules; ``open``: how many files have an open leak afterwards."""

    count: int
    open: int
    at_us: int = 0
    """when it was accepted or withdrawn, microseconds UTC: so this act can be undone"""
    trouble: str = ""
    """why colleagues do not see it yet, "" if they do"""


@dataclass(frozen=True, slots=True)
class Listed:
    """``open``: leaks that nobody accepted, whether the file is to be sent or not; ``accepted``: what people accepted, withdrawn ones too.

    Both are read one by one, and only within the block of :func:`listing`.
    """

    open: Iterator[Leak]
    accepted: Iterator[Accepted]
    unknown: str = ""
    """that other leaks were found, and this computer does not know in which files; or """ ""


@contextmanager
def listing(config: Config) -> Generator[Listed]:
    """What is known.  Raises :class:`ReviewError`, :class:`ConfigError`."""
    from chorus_gui.core.readiness.leaks import LeakBook
    from chorus_gui.core.submission.leak_gate import Judged, forgotten, leak_rules, rules_of

    with LeakBook(config.journal.local) as book:
        rules = rules_of(config)
        unknown = Judged(forgotten=forgotten(book, rules, config.modalities)).unknown
        yield Listed(book.leaks(leak_rules(rules)), iter(book.accepted(withdrawn=True)), unknown)


# --- what colleagues share ----------------------------------------------------------------------------------------------


def refresh(workspace: Workspace, ctx: JobContext, *, always: bool = False) -> str:
    """Read the shared lists of marks and of what is accepted, and add to them what only this computer knows; why that failed, or "".

    Without a leak in this computer's book only the marks are read (``always``: both).  Raises :class:`ReviewError` for a damaged book; ``Cancelled``.
    """
    from chorus_gui.core.custody.beside import beside_local
    from chorus_gui.core.readiness import accepted_list, leak_marks
    from chorus_gui.core.readiness.leaks import BOOKS, LeakBook, book_path
    from chorus_gui.core.submission.site_check import keep_marks, share_marks

    journal = workspace.config.journal.local
    with workspace:
        try:
            beside = workspace.side_files()
            if not always and not any(book_path(journal).parent.glob(BOOKS)):
                on_disk = beside_local(journal).read(leak_marks.NAME, ctx) if workspace.config.journal.cloud else None
                if on_disk is None and beside.read(leak_marks.NAME, ctx) is None:
                    return ""
            keep_marks(workspace.config, ctx)
            with LeakBook(journal) as book:
                book.belong_to(workspace.config)
                share_marks(beside, book, ctx)
                if not (always or book):
                    return ""

                def merge(data: bytes | None) -> bytes | None:
                    shared = accepted_list.parse(data) if data is not None else accepted_list.AcceptedList()
                    everything = shared.join(accepted_list.AcceptedList.of(book.learn(shared.accepted)))
                    return None if everything.entries == shared.entries else everything.dump()

                beside.update(accepted_list.NAME, merge, ctx)
        except SideFileError as error:
            if not isinstance(error, SideFileUnreadableError):
                return error.summary
            return f"{error.what} {error.remedy}" if leak_marks.NAME in error.what else error.what
    return ""


def refresh_for(active: Run) -> None:
    """Read the shared list for a run, which says what is wrong."""
    trouble = refresh(active.workspace, active.ctx)
    if trouble and (text := f"{trouble} {NOT_SHARED}") not in active.notes:
        active.warn(text)


class Watched:
    """What was accepted when this was made.  :meth:`withdrawn` gives holds for what no longer is."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._before = dict.fromkeys(self._now())

    def _now(self) -> list[Accepted]:
        from chorus_gui.core.readiness.leaks import LeakBook, book_path

        if not book_path(self._config.journal.local).exists():
            return []
        with LeakBook(self._config.journal.local) as book:
            return book.accepted()

    def withdrawn(self) -> list[Hold]:
        """A file is not sent as soon as a leak in it is no longer accepted; one that a worker of a cluster already has is."""
        from chorus_gui.core.readiness.findings import FileState
        from chorus_gui.core.readiness.leaks import LeakBook
        from chorus_gui.core.review.values import Hold
        from chorus_gui.core.submission.leak_gate import leak_rules, rules_of

        gone = self._before.keys() - set(self._now())
        if not gone:
            return []
        rules, out = leak_rules(rules_of(self._config)), list[Hold]()
        with LeakBook(self._config.journal.local) as book:
            ended = {one[:8]: one for one in book.accepted(withdrawn=True) if one.withdrawn_us}
            for one in gone:
                if book.of(FileState(one.modality, one.path, one.size, one.mtime_us), rules)[0]:
                    by = ended.get(one[:8], one)
                    out.append(Hold(one.modality, one.path, "", NO_LONGER, by.withdrawn_by, by.withdrawn_us))
        return out


def accept_for_all(workspace: Workspace, ctx: JobContext, rule: str, paths: Sequence[str], reason: str) -> Changed:
    """As :func:`accept`, and share it at once."""
    refresh(workspace, ctx)
    return replace(accept(workspace.config, rule, paths, reason), trouble=refresh(workspace, ctx, always=True))


def withdraw_for_all(workspace: Workspace, ctx: JobContext, rule: str, paths: Sequence[str] = ()) -> Changed:
    """As :func:`withdraw`, also what colleagues accepted, and share it at once."""
    refresh(workspace, ctx, always=True)
    return replace(withdraw(workspace.config, rule, paths), trouble=refresh(workspace, ctx, always=True))


def undo_accept(workspace: Workspace, ctx: JobContext, rule: str, at_us: int) -> Changed:
    """Withdraw what was accepted of a rule at that time, and only that, and share it; what was withdrawn since is not counted."""
    from chorus_gui.core.readiness.leaks import LeakBook
    from chorus_gui.core.submission.leak_gate import leak_rules, rules_of

    refresh(workspace, ctx, always=True)
    with LeakBook(workspace.config.journal.local) as book:
        count = book.withdraw(rule, at_us=at_us)
        changed = Changed(count, book.count(leak_rules(rules_of(workspace.config)))[""])
    return replace(changed, trouble=refresh(workspace, ctx, always=True))


def undo_withdraw(workspace: Workspace, ctx: JobContext, rule: str, at_us: int) -> Changed:
    """Accept again what was withdrawn of a rule at that time, with the earlier reason, and share it; what was accepted since is not counted."""
    from chorus_gui.core.readiness.leaks import LeakBook
    from chorus_gui.core.submission.leak_gate import leak_rules, rules_of

    refresh(workspace, ctx, always=True)
    with LeakBook(workspace.config.journal.local) as book:
        count = book.accept_again(rule, at_us)
        changed = Changed(count, book.count(leak_rules(rules_of(workspace.config)))[""])
    return replace(changed, trouble=refresh(workspace, ctx, always=True))


# --- on this computer ---------------------------------------------------------------------------------------------------


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
        chosen = set(paths)
        found = {leak.path for leak in book.leaks([id_]) if leak.path in chosen}
        if (missing := sorted(chosen - found)) or not (chosen or next(book.leaks([id_]), None)):
            what = f"“{missing[0]}” has no open leak of rule {id_}." if missing else f"There is no open leak of rule {id_}."
            raise UsageError(what, meaning="Nothing was accepted.", remedy="Use “chorus-upload leak list” to see the leaks that are open.")
        at_us = time.time_ns() // 1000
        count = book.accept(
            (leak for leak in book.leaks([id_]) if not chosen or leak.path in chosen), " ".join(reason.split()), at_us=at_us
        )
        return Changed(count, book.count(leak_rules(rules))[""], at_us if count else 0)


def withdraw(config: Config, rule: str, paths: Sequence[str] = ()) -> Changed:
    """No longer accept the leaks of a rule, in all files or in these.  Raises :class:`UsageError` if none of it is accepted."""
    from chorus_gui.core.readiness.leaks import LeakBook
    from chorus_gui.core.submission.leak_gate import leak_rules, rules_of

    rules = rules_of(config)
    with LeakBook(config.journal.local) as book:
        id_ = _known(rule, [*rules.rules, *(one.rule for one in book.accepted())])
        now_us = time.time_ns() // 1000
        count = book.withdraw(id_, paths, now_us=now_us)
        if not count:
            raise UsageError(
                f"Nothing of rule {id_} is accepted{' for these files' if paths else ''}.",
                meaning="Nothing was changed.",
                remedy="Use “chorus-upload leak list --all” to see what is accepted.",
            )
        return Changed(count, book.count(leak_rules(rules))[""], now_us)


def _known(rule: str, ids: Sequence[str]) -> str:
    for id_ in ids:
        if id_.lower() == rule.strip().lower():
            return id_
    raise UsageError(f"There is no rule “{rule}”.", remedy="“chorus-upload readiness --list-rules” shows all rules.")


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
