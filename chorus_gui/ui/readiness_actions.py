"""What each intent about the readiness of a site runs.  See :mod:`.actions`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from chorus_gui.app import leaks, readiness, readiness_facts
from chorus_gui.app.readiness_report import PASSES, summary
from chorus_gui.core.errors import UsageError
from chorus_gui.core.job import JobContext
from chorus_gui.core.passes import Pass
from chorus_gui.ui import readiness_intents as intents
from chorus_gui.ui.hold_actions import can_undo
from chorus_gui.ui.host import Host
from chorus_gui.ui.intents import Intent
from chorus_gui.ui.saving_actions import save
from chorus_gui.ui.state import JobKind, UndoStep
from chorus_gui.ui.words import agree, count_of

if TYPE_CHECKING:
    from chorus_gui.core.readiness.findings import Readiness

CONFIRM_SECONDS = 20.0
"""A pass that is expected to read longer than that, or reads from a cloud, pauses before it does."""


def _check(host: Host, intent: intents.CheckSite) -> None:
    workspace = host.workspace()
    if host.state.busy_with(JobKind.READINESS):
        raise UsageError("A check is already running or waiting.", remedy="Wait until it has finished, or cancel it.")

    def step(ctx: JobContext) -> Readiness:
        def before(estimate: readiness.Reading) -> None:
            ctx.progress.note(estimate.text)
            if estimate.seconds > CONFIRM_SECONDS or estimate.in_cloud:
                ctx.pause()
                ctx.checkpoint()  # waits here, while the note is shown

        try:
            return readiness.check(workspace, ctx, intent.deepest, before=before)
        finally:
            ctx.progress.note("")

    with_pass = f"Check the site, pass “{PASSES[intent.deepest]}”" if intent.deepest is not Pass.AT_ONCE else "Check the site"
    host.start(JobKind.READINESS, with_pass, step, summary)


def _accept(host: Host, intent: intents.AcceptLeaks) -> None:
    workspace = host.workspace()

    def describe(changed: leaks.Changed) -> str:
        left = f" {count_of(changed.open, 'file')} {agree(changed.open, 'has', 'have')} an open leak." if changed.open else ""
        said = f"Accepted rule {intent.rule} for {count_of(changed.count, 'file')}."
        if changed.at_us:
            can_undo(host, UndoStep(said, accepted=(intent.rule, changed.at_us)))
        return f"{said}{left}{_unshared(changed)}"

    title = f"Accept rule {intent.rule}"
    host.start(
        JobKind.ACCEPT, title, lambda ctx: leaks.accept_for_all(workspace, ctx, intent.rule, [], intent.reason), describe, cancellable=False
    )


def _withdraw(host: Host, intent: intents.WithdrawLeaks) -> None:
    workspace = host.workspace()

    def describe(changed: leaks.Changed) -> str:
        said = f"Rule {intent.rule} is no longer accepted for {count_of(changed.count, 'file')}."
        can_undo(
            host,
            UndoStep(
                f"Withdrew the acceptance of rule {intent.rule} for {count_of(changed.count, 'file')}.",
                withdrawn=(intent.rule, changed.at_us),
            ),
        )
        return f"{said}{_unshared(changed)}"

    title = f"Withdraw rule {intent.rule}"
    host.start(JobKind.ACCEPT, title, lambda ctx: leaks.withdraw_for_all(workspace, ctx, intent.rule), describe, cancellable=False)


def _unshared(changed: leaks.Changed) -> str:
    return f" Colleagues do not see it yet: {changed.trouble}" if changed.trouble else ""


def _export(host: Host, intent: intents.ExportReadiness) -> None:
    config = host.workspace().config
    save(host, intent.file, lambda ctx: readiness_facts.export(config, intent.file, ctx))


ACTIONS: dict[type[Intent], Callable[[Host, Any], None]] = {
    intents.CheckSite: _check,
    intents.AcceptLeaks: _accept,
    intents.WithdrawLeaks: _withdraw,
    intents.ExportReadiness: _export,
}
