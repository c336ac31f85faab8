"""What each intent about the journal runs: check out, check in, unlock, recover, restore.  See :mod:`.actions`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chorus_gui.app import custody, journal, review
from chorus_gui.app.options import Selection
from chorus_gui.ui import intents
from chorus_gui.ui.host import Host
from chorus_gui.ui.state import JobKind
from chorus_gui.ui.words import agree, count_of

if TYPE_CHECKING:
    from chorus_gui.app.run import Done

RECOVERIES = {
    custody.Choice.GO_ON: "Keep the journal checked out",
    custody.Choice.CHECK_IN: "Check in",
    custody.Choice.SET_ASIDE: "Set the local journal aside",
}
"""Choice → the title of the job that does it."""


def _sentences(notes: tuple[str, ...]) -> str:
    return " ".join(notes)


def _check_out(host: Host, _: intents.CheckOut) -> None:
    workspace = host.workspace()
    host.start(JobKind.CHECK_OUT, "Check out", lambda ctx: custody.check_out(workspace, ctx), _sentences)


def _check_in(host: Host, intent: intents.CheckIn) -> None:
    workspace = host.workspace()
    host.start(JobKind.CHECK_IN, "Check in", lambda ctx: custody.check_in(workspace, ctx, keep=intent.keep), _sentences)


def _unlock(host: Host, _: intents.Unlock) -> None:
    workspace = host.workspace()
    host.start(JobKind.UNLOCK, "Unlock", lambda ctx: custody.unlock(workspace, ctx), _sentences)


def _recover(host: Host, intent: intents.Recover) -> None:
    workspace, choice = host.workspace(), custody.Choice(intent.choice)
    if choice is custody.Choice.TAKE_OVER:  # a person sees both sides before that
        _compare(host, intents.CompareJournals())
        return
    host.start(JobKind.RECOVER, RECOVERIES[choice], lambda ctx: custody.recover(workspace, ctx, choice), _sentences)


def _compare(host: Host, intent: intents.CompareJournals) -> None:
    workspace = host.workspace()
    file = intent.file or workspace.config.journal.local

    def done(sides: object) -> str:
        host.show_sides(file, sides)
        return ""

    host.start(JobKind.COMPARE, "Compare the journals", lambda ctx: custody.compare(workspace, ctx, file), done)


def _ask_set_aside(host: Host, _: intents.AskSetAside) -> None:
    workspace = host.workspace()

    def done(again: tuple[str, ...]) -> str:
        host.ask_set_aside(again)
        return ""

    host.start(JobKind.COMPARE, "Compare the journals", lambda ctx: custody.sent_again(workspace, ctx), done)


def _adopt(host: Host, intent: intents.Adopt) -> None:
    workspace = host.workspace()
    title = f"Take over {intent.file.name}"
    host.start(JobKind.ADOPT, title, lambda ctx: custody.adopt(workspace, ctx, intent.file, intent.sides), _sentences, cancellable=False)


def _recover_journal(host: Host, intent: intents.RecoverJournal) -> None:
    from chorus_gui.app import known

    workspace = host.workspace()
    title = "Recover the journal"
    host.start(JobKind.RECOVER, title, lambda ctx: known.recover(workspace, ctx, intent.known), _sentences, cancellable=False)


def _upgrade(host: Host, _: intents.UpgradeJournal) -> None:
    workspace = host.workspace()
    host.start(
        JobKind.UPGRADE,
        "Upgrade the journal",
        lambda ctx: journal.upgrade(workspace, ctx),
        lambda done: (
            f"The journal now has format 2, with {count_of(done.value.rows, 'entry', 'entries')}. The old file is kept as {done.value.kept.name}."
        ),
    )


def _undo(host: Host, intent: intents.Undo) -> None:
    workspace = host.workspace()
    host.start(
        JobKind.UNDO,
        f"Undo version {intent.version}",
        lambda ctx: journal.undo(workspace, ctx, intent.version),
        lambda done: done.value.text,
        cancellable=False,
    )


def _mark_deleted(host: Host, intent: intents.MarkDeleted) -> None:
    workspace = host.workspace()
    host.start(
        JobKind.MARK,
        f"Mark {count_of(len(intent.ids), 'file')} as deleted",
        lambda ctx: review.mark_gone(workspace, ctx, intent.ids),
        lambda done: f"Marked {count_of(len(done.value.marked), 'file')} as deleted. Scan again.",
    )


def _mark_failed(host: Host, intent: intents.MarkFailed) -> None:
    workspace = host.workspace()

    def describe(done: Done[Any]) -> str:
        marked, unknown = done.value.marked, len(done.value.unknown)
        gone = {file for file in intent.files if file[1] in marked}
        host.update(failures=tuple(one for one in host.state.failures if (one.item.modality, one.item.path) not in gone))
        left = f" {count_of(unknown, 'file')} {agree(unknown, 'has', 'have')} no current entry." if unknown else ""
        return f"Marked {count_of(len(marked), 'file')} as deleted.{left} Scan again."

    host.start(
        JobKind.MARK,
        f"Mark {count_of(len(intent.files), 'file')} as deleted",
        lambda ctx: journal.mark_deleted(workspace, ctx, intent.files, Selection(), params=""),
        describe,
    )


def _restore(host: Host, intent: intents.Restore) -> None:
    workspace = host.workspace()

    def describe(done: Done[Path | None]) -> str:
        kept = done.outcome.value
        return f"Restored the journal from {intent.copy.name}." + (f" The journal that it replaced is kept as {kept.name}." if kept else "")

    host.start(
        JobKind.RESTORE,
        f"Restore {intent.copy.name}",
        lambda ctx: journal.restore(workspace, ctx, intent.copy),
        describe,
        cancellable=False,
    )


ACTIONS: dict[type[intents.Intent], Callable[[Host, Any], None]] = {
    intents.CheckOut: _check_out,
    intents.CheckIn: _check_in,
    intents.Unlock: _unlock,
    intents.Recover: _recover,
    intents.CompareJournals: _compare,
    intents.AskSetAside: _ask_set_aside,
    intents.Adopt: _adopt,
    intents.RecoverJournal: _recover_journal,
    intents.UpgradeJournal: _upgrade,
    intents.MarkDeleted: _mark_deleted,
    intents.MarkFailed: _mark_failed,
    intents.Undo: _undo,
    intents.Restore: _restore,
}
"""Intent → the function that does it."""
