"""What the intents about held-back changes run, for a :class:`.host.Host`: as :mod:`.actions`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chorus_gui.app import failed, holds, leaks, review
from chorus_gui.core.errors import ReviewError
from chorus_gui.core.review.values import named_patients
from chorus_gui.ui import hold_intents, intents
from chorus_gui.ui.host import Host
from chorus_gui.ui.state import JobKind, UndoList, UndoStep
from chorus_gui.ui.words import agree, count_of

UNDONE_AT_MOST = 20
"""As many acts can be undone."""
NOTHING = (
    "Nothing can be undone: since the last scan, nothing was held back, released, accepted or withdrawn here. "
    "A submission ends what can be undone, too."
)


def can_undo(host: Host, step: UndoStep) -> None:
    """Remember an act that can be undone."""
    host.update(undo=UndoList((*host.state.undo.steps[1 - UNDONE_AT_MOST :], step)))


def _hold(host: Host, title: str, said: str, step: Callable[[], object]) -> None:
    """Change the held-back list, share it with everybody who works on the journal, and remember how to undo that.  ``said``: what was done."""
    workspace = host.workspace()

    def kept(brief: holds.Brief) -> str:
        if brief.act:
            whole = f" {_patients(brief.released)} released as a whole." if brief.released else ""
            can_undo(host, UndoStep(said + whole, brief.act))
        return _shared(brief) if brief.count else "Nothing changed in the held-back list: all of this was so already."

    host.start(JobKind.HOLD, title, lambda ctx: holds.brief(holds.change(workspace, ctx, step)), kept, cancellable=False)


def _patients(patients: tuple[str, ...]) -> str:
    return f"{agree(len(patients), 'Patient', 'Patients')} {named_patients(patients)} {agree(len(patients), 'was', 'were')}"


def _shared(brief: holds.Brief) -> str:
    return " ".join(part for part in (brief.warning or "Shared with everybody who works on the journal.", *brief.notes) if part)


def _undo(host: Host, intent: hold_intents.UndoHold) -> None:
    workspace, undo = host.workspace(), host.state.undo.of_leaks if intent.leaks else host.state.undo
    if not undo.steps:
        host.update(undo=UndoList(host.state.undo.steps, NOTHING, intent.leaks))
        return
    last = undo.steps[-1]

    def undone(count: int, since: str, what: str = "") -> str:
        """``what``: how many files, if it is not all of them."""
        left = tuple(step for step in host.state.undo.steps if step is not last)
        said = f"Undone{what}: {last.text}" if count else f"Nothing was left to undo: {since} since. It was: {last.text}"
        host.update(undo=UndoList(left, said, last.of_leaks))
        return said

    def kept(brief: holds.Brief) -> str:
        said = undone(brief.count, "the held-back list was changed")
        return _shared(brief) if brief.count else said

    def changed(found: leaks.Changed) -> str:
        number = count_of(found.count, "file")  # a colleague can have decided about some of them since
        part = "" if f" {number}" in last.text else f" for {number}"
        said = undone(found.count, "it was accepted again" if last.withdrawn else "it was withdrawn", part)
        return f"{said} Colleagues do not see it yet: {found.trouble}" if found.trouble else said

    title = f"Undo: {last.text.rstrip('.')}"
    if (act := last.accepted or last.withdrawn) is not None:
        undo_leaks = leaks.undo_accept if last.accepted is not None else leaks.undo_withdraw
        host.start(JobKind.ACCEPT, title, lambda ctx: undo_leaks(workspace, ctx, *act), changed, cancellable=False)
        return
    host.start(JobKind.HOLD, title, lambda ctx: holds.brief(holds.undo_brief(workspace, ctx, last.act)), kept, cancellable=False)


def _hold_back(host: Host, intent: intents.HoldBack) -> None:
    workspace, count = host.workspace(), count_of(intent.count, "change")
    _hold(host, f"Hold back {count}", f"Held back {count}.", lambda: review.hold_back(workspace, intent.ids, intent.reason))


def _hold_back_patient(host: Host, intent: intents.HoldBackPatient) -> None:
    workspace, patient = host.workspace(), f"patient {intent.patient_id}"
    _hold(
        host, f"Hold back {patient}", f"Held back {patient}.", lambda: review.hold_back_patient(workspace, intent.patient_id, intent.reason)
    )


def _check_shown(host: Host, revision: int) -> None:
    shown = host.state.review
    if shown is None or shown.revision != revision:
        raise ReviewError(
            "The review has changed since it was shown.",
            meaning="Nothing was held back or released.",
            remedy="Check the changes again, then use the box again.",
        )


def _hold_found(host: Host, intent: hold_intents.HoldFound) -> None:
    _check_shown(host, intent.revision)
    workspace, count = host.workspace(), count_of(intent.count, "change")
    _hold(host, f"Hold back {count}", f"Held back {count}.", lambda: review.hold_back_found(workspace, intent.query, intent.reason))


def _release(host: Host, intent: intents.Release) -> None:
    workspace, count = host.workspace(), count_of(intent.count, "change")
    _hold(host, f"Release {count}", f"Released {count}.", lambda: review.release(workspace, intent.ids))


def _release_found(host: Host, intent: hold_intents.ReleaseFound) -> None:
    _check_shown(host, intent.revision)
    workspace, count = host.workspace(), count_of(intent.count, "change")
    _hold(host, f"Release {count}", f"Released {count}.", lambda: review.release_found(workspace, intent.query))


def _release_failed(host: Host, intent: hold_intents.ReleaseFailed) -> None:
    workspace, count = host.workspace(), count_of(len(intent.files), "file")
    _hold(host, f"Release {count}", f"Released {count}.", lambda: failed.release(workspace, intent.files))


def _import_holds(host: Host, intent: intents.ImportHolds) -> None:
    workspace = host.workspace()
    _hold(
        host,
        "Import the held-back list",
        f"Imported the held-back list {intent.file.name}.",
        lambda: review.import_holds(workspace, intent.file),
    )


ACTIONS: dict[type[intents.Intent], Callable[[Host, Any], None]] = {
    intents.HoldBack: _hold_back,
    intents.HoldBackPatient: _hold_back_patient,
    intents.Release: _release,
    intents.ImportHolds: _import_holds,
    hold_intents.HoldFound: _hold_found,
    hold_intents.ReleaseFound: _release_found,
    hold_intents.ReleaseFailed: _release_failed,
    hold_intents.UndoHold: _undo,
}
