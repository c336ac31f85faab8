"""What is held back, shared with everybody who works on the journal: read, written and joined without a check-out."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from chorus_gui.app import leaks
from chorus_gui.app.run import Run
from chorus_gui.app.words import agree, files, plural
from chorus_gui.app.workspace import Workspace
from chorus_gui.core.config.model import Config
from chorus_gui.core.errors import ChorusError, JournalError, ReviewError, SideFileError, SideFileUnreadableError, UsageError
from chorus_gui.core.folders import user_name
from chorus_gui.core.job import JobContext
from chorus_gui.core.review.values import NO_ACT, Hold, HoldsAct
from chorus_gui.core.untrusted import json_value

if TYPE_CHECKING:
    from chorus_gui.core.review.hold_list import HoldList, Record, Target
    from chorus_gui.core.review.holds import Known
    from chorus_gui.core.submission.work import Stays

OTHER_TOOLS = "The 2024 tool and the current tool do not know what is held back: they upload these files, too."


@dataclass(frozen=True, slots=True)
class HoldsState:
    """What is held back, and whether colleagues know it.

    ``holds`` are in force, one for each file or patient.  ``unshared`` holds and releases are only on this computer; ``trouble`` says
    why the shared list at ``where`` could not be read or written the last time, "" if it could.  ``ever_read``: it was read at
    least once.  ``unreadable`` entries of it are kept, but not understood.
    """

    holds: tuple[Hold, ...] = ()
    unshared: int = 0
    trouble: str = ""
    where: str = ""
    ever_read: bool = False
    unreadable: int = 0

    @property
    def warning(self) -> str:
        """What a person should know: sentences, or ""."""
        sentences: list[str] = []
        if self.unshared:
            count = plural(self.unshared, "change")
            sentences.append(f"Not shared yet: {count} of the held-back list {agree(self.unshared, 'is', 'are')} only on this computer.")
        if self.trouble:
            sentences.append(f"{self.trouble} What this computer knows to be held back stays held back.")
        if self.unreadable:
            entries = f"{self.unreadable:,} {agree(self.unreadable, 'entry', 'entries')}"
            sentences.append(f"Could not understand {entries} of the shared list “{self.where}”. Nothing was removed from it.")
        return " ".join(sentences)


@dataclass(frozen=True, slots=True)
class Refreshed:
    """The state after the shared list was read; ``notes`` say what was shared, in sentences."""

    state: HoldsState
    notes: tuple[str, ...] = ()


def refresh(workspace: Workspace, ctx: JobContext) -> Refreshed:
    """Read the shared list, and add to it what only this computer knows.  Never raises because of the list or its place.

    Raises :class:`ReviewError` if this computer's own copy is damaged; ``Cancelled``.
    """
    from chorus_gui.core.review import hold_list

    sides = workspace.side_files()
    with workspace, workspace.holds() as kept:
        before = kept.known()
        found: list[HoldList | None] = []

        def merge(data: bytes | None) -> bytes | None:
            shared = hold_list.parse(data) if data is not None else hold_list.HoldList()
            found.append(shared if data is not None else None)
            joined = kept.learn(shared)
            text = joined.dump()
            return None if text == shared.dump() else text

        try:
            there = sides.update(hold_list.NAME, merge, ctx)
            kept.is_shared(hold_list.parse(there.data) if there is not None else hold_list.HoldList())
        except SideFileError as error:
            read = (found[-1] or hold_list.HoldList()) if found else None
            kept.is_not_shared(read, error.what if isinstance(error, SideFileUnreadableError) else error.summary)
            return Refreshed(_state(kept.known(), sides.url))
        after = kept.known()
        return Refreshed(_state(after, sides.url), _notes(before, found[0], after, sides.url))


def known(workspace: Workspace) -> HoldsState:
    """What this computer knows, without asking anybody."""
    with workspace.holds() as kept:
        return _state(kept.known(), workspace.side_files().url)


def known_here(config: Config) -> HoldsState:
    """As :func:`known`, without a workspace."""
    from chorus_gui.core.review.holds import Holds

    with Holds(config.journal.local) as kept:
        return _state(kept.known(), config.journal.cloud.text if config.journal.cloud else str(config.journal.local))


def _state(known: Known, where: str) -> HoldsState:
    everything = known.everything
    return HoldsState(tuple(everything.active()), known.unshared, known.trouble, where, known.read_us > 0, everything.unreadable)


def _notes(before: Known, found: HoldList | None, after: Known, where: str) -> tuple[str, ...]:
    notes: list[str] = []
    if before.copied:
        entries = f"{before.copied:,} {agree(before.copied, 'entry', 'entries')}"
        notes.append(
            f"The held-back list is now shared: {entries} of this computer {agree(before.copied, 'was', 'were')} copied to “{where}”. "
            f"Everybody who works on the journal sees them, with their reasons. {OTHER_TOOLS}"
        )
    elif found is None and before.read_us and before.shared.entries:
        count = len(after.everything.active())
        notes.append(
            f"The shared list of held-back files, “{where}”, was missing. It was written again from this computer's copy "
            f"({plural(count, 'hold')} in force)."
        )
    elif before.unshared and before.trouble:
        notes.append(f"{plural(before.unshared, 'change')} of the held-back list {agree(before.unshared, 'is', 'are')} now shared.")
    return tuple(notes)


# --- add, release, list ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class About:
    """What a person means: files by their paths as in the journal (``modality`` "" if the patterns decide), or patients."""

    paths: tuple[str, ...] = ()
    patients: tuple[str, ...] = ()
    modality: str = ""


@dataclass(frozen=True, slots=True)
class Changed:
    """What was held back or released: how many, the state afterwards, sentences for the person, and what :func:`undo` needs."""

    count: int
    state: HoldsState
    notes: tuple[str, ...] = ()
    act: HoldsAct = NO_ACT


@dataclass(frozen=True, slots=True)
class Brief:
    """What the window keeps of a :class:`Changed`: little, whatever the number of files is, so that no thread frees much at once.

    ``act``: the :class:`HoldsAct` as texts of JSON, for :func:`undo_brief`; of an act that changed nothing, none.
    """

    count: int
    warning: str
    notes: tuple[str, ...]
    act: tuple[str, ...] = ()
    released: tuple[str, ...] = ()
    """patients who were held back as a whole, and are not any longer"""


def brief(changed: Changed) -> Brief:
    """The little that the window keeps."""
    patients = sorted({hold.patient_id for hold in changed.act.released if hold.patient_id})
    return Brief(changed.count, changed.state.warning, changed.notes, tuple(_texts(changed.act)), tuple(patients))


def undo_brief(workspace: Workspace, ctx: JobContext, act: tuple[str, ...]) -> Changed:
    """As :func:`undo`, of what :func:`brief` kept."""
    kinds: dict[bool, list[Hold]] = {False: [], True: []}
    for text in act:
        released, *found = cast("list[Any]", json_value(text))
        kinds[released] += (Hold(*one) for one in found)
    return undo(workspace, ctx, HoldsAct(tuple(kinds[False]), tuple(kinds[True])))


def _texts(act: HoldsAct) -> Iterator[str]:
    """Some hundred holds in a text, after whether they were released."""
    for released, found in ((False, act.added), (True, act.released)):
        for start in range(0, len(found), _HOLDS):
            yield json.dumps([released, *(_FIELDS(hold) for hold in found[start : start + _HOLDS])])


_FIELDS, _HOLDS = attrgetter(*Hold.__dataclass_fields__), 500


def add(workspace: Workspace, ctx: JobContext, about: About, reason: str) -> Changed:
    """Hold back, and share it at once.  Raises :class:`UsageError` for what cannot be meant, :class:`ReviewError` without a reason."""
    from chorus_gui.core.review.holds import check_reason

    check_reason(reason)
    targets = _targets(workspace, about)
    who, now = user_name(), time.time_ns() // 1000
    with workspace.holds() as kept:
        count = kept.add(Hold(*target, reason.strip(), who, now) for target in targets)
    shared = _shared(workspace, ctx, count)  # first: to look takes time, and a colleague can be uploading
    unknown = (*_unknown_files(workspace, targets), *_unknown_patients(workspace, about.patients))
    return replace(shared, notes=(*shared.notes, *unknown, OTHER_TOOLS))


def release(workspace: Workspace, ctx: JobContext, about: About, reason: str = "") -> Changed:
    """Release what is held back of these, and share it at once.  Raises :class:`UsageError` if nothing of it is held back."""
    refresh(workspace, ctx)  # a release is about the holds that are known
    targets = _targets(workspace, about, any_modality=True)
    with workspace.holds() as kept:
        count = kept.remove(targets, reason=reason.strip())
    if not count:
        raise UsageError(
            "Nothing of this is held back.",
            meaning="Nothing was changed.",
            remedy="Use “hold list” to see what is held back. Release a file of a patient who is held back with --patient, and a patient whose folder was "
            "renamed with the earlier ID.",
        )
    return _shared(workspace, ctx, count)


def import_list(workspace: Workspace, ctx: JobContext, file: Path) -> Changed:
    """Hold back what is in a colleague's list, too, and share it at once.  Raises :class:`UsageError` for another file."""
    with workspace.holds() as kept:
        count = kept.import_(file)
    return _shared(workspace, ctx, count)


def records(workspace: Workspace, ctx: JobContext) -> tuple[list[Record], Refreshed]:
    """Every hold that is known, released ones too, after the shared list was read."""
    found = refresh(workspace, ctx)
    with workspace.holds() as kept:
        return kept.known().everything.records, found


def change(workspace: Workspace, ctx: JobContext, step: Callable[[], object]) -> Changed:
    """Run a step that holds back or releases changes of the review, and share it at once."""
    with workspace.holds() as kept:
        before = kept.known().everything
        step()
        act = kept.known().everything.act_since(before)
    return replace(_shared(workspace, ctx, len(act.added) + len(act.released)), act=act)


def undo(workspace: Workspace, ctx: JobContext, act: HoldsAct) -> Changed:
    """Undo an act of :func:`change`, and share that at once.  ``count`` is 0 if nothing of it was left to undo."""
    with workspace.holds() as kept:
        count = kept.undo(act)
    return _shared(workspace, ctx, count)


def _shared(workspace: Workspace, ctx: JobContext, count: int) -> Changed:
    found = refresh(workspace, ctx)
    _mark_review(workspace)
    return Changed(count, found.state, found.notes)


def _mark_review(workspace: Workspace) -> None:
    """Show it in the review of the window, if there is one."""
    from chorus_gui.core.review.holds import show

    try:
        with workspace.staged() as staging, workspace.holds() as kept:
            show(staging, kept)
    except ReviewError:
        return


def _targets(workspace: Workspace, about: About, *, any_modality: bool = False) -> list[Target]:
    from chorus_gui.core.review.hold_list import Target, is_text

    if about.modality and about.modality not in workspace.config.sites:
        raise UsageError(f"The configuration has no modality “{about.modality}”.", remedy=f"Use {', '.join(workspace.config.sites)}.")
    out: list[Target] = []
    for path in about.paths:
        matching = [name for name, site in workspace.config.sites.items() if site.pattern.match(path)]
        if not path or path.startswith(("/", "./", "../")) or path.endswith("/") or ("\\" in path and not matching):
            raise UsageError(
                f"“{path}” is not the path of a file as in the journal.",
                remedy="Write it as “file list” shows it: relative to the site folder, with “/” between folders.",
            )
        if about.modality:
            chosen = [about.modality]
        elif (any_modality and matching) or len(matching) == 1:
            chosen = matching
        else:
            what = "matches the patterns of several modalities" if matching else "matches no pattern of the configuration"
            raise UsageError(f"“{path}” {what}.", meaning="So its modality is not known.", remedy="Add --modality.")
        out += [Target(name, path) for name in chosen]
    for patient in about.patients:
        if not patient.strip() or "/" in patient:
            raise UsageError(f"“{patient}” is not a patient ID.", remedy="Write it as the name of the patient's folder, as in 1000001.")
        out.append(Target(patient_id=patient))
    if any(not is_text(part) for target in out for part in target):
        raise UsageError(
            "A path or a patient ID is not readable as text.",
            meaning="Nothing was changed.",
            remedy="Rename the file or the folder on the site.",
        )
    if not out:
        raise UsageError("There is nothing to hold back or release.", remedy="Add --file or --patient.")
    return out


def _unknown_files(workspace: Workspace, targets: Sequence[Target]) -> list[str]:
    """A path that is not on the site is perhaps mistyped: then the hold protects nothing."""
    missing: list[str] = []
    for modality, path, _ in targets:
        if path:
            try:
                with workspace:
                    workspace.sources()[modality].stat(path)
            except ChorusError:
                missing.append(path)
    if not missing:
        return []
    more = f" and {len(missing) - 1:,} more" if len(missing) > 1 else ""
    return [f"“{missing[0]}”{more} could not be found on the site. Check the spelling: the hold applies to exactly this path."]


def _unknown_patients(workspace: Workspace, patients: Sequence[str]) -> list[str]:
    """An ID of which nothing is known is perhaps mistyped, too."""
    from chorus_gui.core.journal.queries import unknown_patients
    from chorus_gui.core.review.changes import has_changes_of

    missing = list(patients)
    with suppress(JournalError), workspace.local_journal() as journal:
        missing = unknown_patients(journal, missing)
    with suppress(ReviewError), workspace.staged() as staging:
        missing = [patient for patient in missing if not has_changes_of(staging, patient)]
    if not missing:
        return []
    more = f" and {len(missing) - 1:,} more" if len(missing) > 1 else ""
    return [f"The journal has no file of patient {missing[0]}{more} yet. Check the ID. The hold applies to later files."]


# --- for the steps that upload ---------------------------------------------------------------------------------------------


@contextmanager
def holding_back(active: Run, *, sends: bool = True) -> Generator[None]:
    """The block does not touch what is held back or left out by the configuration; then the run says what it was.

    The shared lists of holds and of accepted leaks are read before the block, and again once a minute while files are sent.  Raises :class:`ReviewError` if it
    ``sends``, and the list could not be read, now or ever: then nothing is known of what colleagues hold back.
    """
    from chorus_gui.core.submission.held import HeldNow

    workspace, ctx = active.workspace, active.ctx
    state = refresh_for(active)
    if sends and state.trouble and not state.ever_read:
        raise ReviewError(
            "Could not read the shared list of held-back files, and this computer never read it before.",
            meaning=f"So it is not known what colleagues hold back, and nothing was uploaded. {state.trouble}",
            remedy="Try again. If it fails again, run “hold list” on a computer that knows the list, or tell the central team.",
        )
    leaks.refresh_for(active)
    accepted = leaks.Watched(workspace.config)

    def now() -> Sequence[Hold]:
        leaks.refresh(workspace, ctx)
        return (*refresh(workspace, ctx).state.holds, *accepted.withdrawn())

    active.held = HeldNow(workspace.config, state.holds, now)
    try:
        yield
    finally:
        for text in (*_held_back(active.log.held), *_left_out(active.log.left_out)):
            active.warn(text)


def known_to_stay(config: Config) -> Stays:
    """What the configuration leaves out, and what this computer knows to be held back, without asking anybody: for a preview."""
    from chorus_gui.core.review.holds import Holds
    from chorus_gui.core.submission.held import HeldNow

    with Holds(config.journal.local) as kept:
        held = HeldNow(config, kept.all(), tuple)
    return lambda modality, path, patient_id: config.exclude.covers(path) or held.of(modality, path, patient_id) is not None


def refresh_for(active: Run) -> HoldsState:
    """Read the shared list for a run, which says what was shared and what is wrong; the state."""
    found = refresh(active.workspace, active.ctx)
    for note in found.notes:
        active.add_note(note)
    if found.state.warning and found.state.warning not in active.notes:
        active.warn(found.state.warning)
    sent = _sent_anyway(active, found.state.holds)
    if sent and sent not in active.notes:
        active.warn(sent)
    return found.state


def _sent_anyway(active: Run, holds: Sequence[Hold]) -> str:
    """Files that were uploaded after they were held back: only a tool that does not know holds does that."""
    from chorus_gui.core.journal.queries import uploaded_files
    from chorus_gui.core.submission.commit import upload_time
    from chorus_gui.core.submission.held import HeldNow

    if not holds:
        return ""
    held = HeldNow(active.workspace.config, holds, tuple)
    rows = uploaded_files(active.journal, (h.path for h in holds if h.path), (h.patient_id for h in holds if h.patient_id))
    found = [
        row.path
        for row in rows
        if (hold := held.of(row.modality, row.path, row.patient_id)) and hold.at_us and (row.uploaded or "") > upload_time(hold.at_us / 1e6)
    ]
    if not found:
        return ""
    count = len(found)
    more = f" and {count - 1:,} more" if count > 1 else ""
    return (
        f"{files(count)} {agree(count, 'was', 'were')} uploaded although {agree(count, 'it is', 'they are')} held back: “{found[0]}”{more}. "
        f"{OTHER_TOOLS} If {agree(count, 'it', 'they')} must not be there, tell the central team."
    )


def _left_out(found: Collection[tuple[str, str]]) -> Iterator[str]:
    if found:
        count = len(found)
        paths = sorted(path for _, path in found)
        named = f"“{paths[0]}”" if count == 1 else f"“{paths[0]}” and {count - 1:,} more"
        them = agree(count, "it", "them")
        yield (
            f"{plural(count, 'pending file')} {agree(count, 'was', 'were')} not uploaded, because “exclude” in the configuration leaves {them} out: "
            f"{named}. To upload {them}, change “exclude”. Otherwise scan again, and mark {them} as deleted with “file mark_as_deleted --file PATH”."
        )


def _held_back(held: Mapping[tuple[str, str], Hold]) -> Iterator[str]:
    """One sentence for each reason."""
    by_reason: dict[tuple[str, str], list[str]] = {}
    for (_, path), hold in held.items():
        by_reason.setdefault((hold.held_by, hold.reason), []).append(path)
    for (who, reason), paths in by_reason.items():
        count = len(paths)
        named = f"“{paths[0]}”" if count == 1 else f"“{paths[0]}” and {count - 1:,} more"
        yield f"{files(count)} {agree(count, 'was', 'were')} left out, because {who or 'somebody'} holds {agree(count, 'it', 'them')} back ({reason}): {named}."
