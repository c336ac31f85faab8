"""What each intent runs, and what its result does to the state: one short function an intent, for :class:`.session.Session`."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from chorus_gui.core.config import keychain
from chorus_gui.core.errors import ReviewError, UsageError
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import ChangeKind, Tally
from chorus_gui.ui import custody, exports, intents, work
from chorus_gui.ui.state import DoctorFacts, JobKind
from chorus_gui.ui.words import count_of, files_and_size

if TYPE_CHECKING:
    from chorus_gui.ui.session import Session

CHANGES_REVIEW = frozenset({JobKind.SCAN, JobKind.HOLD, JobKind.RECORD, JobKind.SUBMIT, JobKind.CLEAR})
"""After these the rows of the review may be others."""

LOOK_AFTER = frozenset(JobKind) - {JobKind.EXPORT, JobKind.SCRIPT, JobKind.TEST, JobKind.SAVE, JobKind.COMPARE, JobKind.EXAMINE}
"""After these the facts are read anew."""

QUIET = frozenset({JobKind.HOLD, JobKind.COMPARE, JobKind.EXAMINE})
"""When these go well, the page shows it; no notice is needed."""


def table(session: Session) -> dict[type[intents.Intent], Callable[[Any], None]]:
    """Intent → what carries it out."""
    return {intent: _bind(function, session) for intent, function in _ACTIONS.items()}


def _bind(function: Callable[[Session, Any], None], session: Session) -> Callable[[Any], None]:
    return lambda intent: function(session, intent)


# --- configuration ------------------------------------------------------------------------------------------------------


def _open_demo(session: Session, intent: intents.OpenDemo) -> None:
    def done(file: Any) -> str:
        session.open(file, demo=True)
        return "A made-up site is ready."

    session.start(JobKind.SAVE, "Make up a site", lambda _: work.make_demo(intent.folder), done, cancellable=False, key="")


def _save_config(session: Session, intent: intents.SaveConfig) -> None:
    def done(file: Any) -> str:
        session.open(file)
        return f"{file.name} is saved."

    session.start(
        JobKind.SAVE,
        f"Save {intent.file.name}",
        lambda _: work.save_config(intent.file, intent.text, intent.based_on, overwrite=intent.overwrite),
        done,
        cancellable=False,
        key="",
    )


def _keep_tokens(session: Session, _: intents.KeepTokens) -> None:
    file = session.state.config_file
    if file is None:
        raise UsageError("No configuration is open.", remedy="Open one first.")

    def done(kept: Any) -> str:
        session.open(file)
        told = f"{count_of(len(kept.entries), 'SAS token')} moved from {file.name} into {keychain.title()}."
        return " ".join([told, *kept.remains])

    session.start(JobKind.SAVE, "Keep SAS tokens safe", lambda _: work.keep_tokens(file), done, cancellable=False, key="")


def _test(session: Session, intent: intents.TestConnection) -> None:
    config, login = session.state.config, session.login()
    session.update(test=())

    def done(found: Any) -> str:
        session.update(test=found)
        bad = sum(finding.grade.value == "bad" for finding in found)
        return "Every place answers." if not bad else f"{bad} of {len(found)} findings need to be looked at."

    session.start(
        JobKind.TEST,
        "Test connection",
        lambda ctx: work.test_connection(config, intent.text, intent.file, login, ctx),
        done,
        key="test connection",
    )


def _examine(session: Session, _: intents.Examine) -> None:
    from chorus_gui.core.doctor.examine import examine

    file, login = session.state.config_file, session.login()
    if file is None:
        raise UsageError("No configuration is open.", remedy="Open one first.")

    def done(found: Any) -> str:
        session.update(doctor=DoctorFacts(tuple(found), time.time_ns() // 1000))
        bad = sum(finding.severity.value == "bad" for finding in found)
        return f"{count_of(bad, 'thing')} to mend." if bad else "Nothing has to be mended."

    session.start(JobKind.EXAMINE, "Doctor", lambda ctx: examine(file, ctx, login), done, key="doctor")


def _clear(session: Session, intent: intents.ClearLocalData) -> None:
    def done(count: Any) -> str:
        if intent.staging:
            session.update(review=None, verify=None, failures=())
        return f"{count_of(count, 'file')} removed."

    session.update(review=None if intent.staging else session.state.review)
    session.start(
        JobKind.CLEAR,
        "Clear local data",
        lambda _: work.clear_local_data(staging=intent.staging, logs=intent.logs, receipts=intent.receipts),
        done,
        cancellable=False,
    )


# --- journal ------------------------------------------------------------------------------------------------------------


def _sentences(notes: Any) -> str:
    return " ".join(notes)


def _check_out(session: Session, _: intents.CheckOut) -> None:
    site = session.site()
    session.start(JobKind.CHECK_OUT, "Check out", lambda ctx: custody.check_out(site, ctx), _sentences)


def _check_in(session: Session, intent: intents.CheckIn) -> None:
    site = session.site()
    session.start(JobKind.CHECK_IN, "Check in", lambda ctx: custody.check_in(site, ctx, keep=intent.keep), _sentences)


def _unlock(session: Session, _: intents.Unlock) -> None:
    site = session.site()
    session.start(JobKind.UNLOCK, "Unlock", lambda ctx: custody.unlock(site, ctx), _sentences)


def _recover(session: Session, intent: intents.Recover) -> None:
    from chorus_gui.core.custody.recover import Choice

    site = session.site()
    if Choice(intent.choice) is Choice.TAKE_OVER:  # a person sees both sides before that
        _compare(session, intents.CompareJournals())
        return
    session.start(JobKind.RECOVER, f"Recover: {intent.choice}", lambda ctx: custody.recover(site, ctx, intent.choice), _sentences)


def _compare(session: Session, intent: intents.CompareJournals) -> None:
    site = session.site()
    file = intent.file or site.config.journal.local

    def done(sides: Any) -> str:
        session.sides_wanted.emit(file, sides)
        return ""

    session.start(JobKind.COMPARE, "Compare the journals", lambda ctx: custody.compare(site, ctx, file), done)


def _adopt(session: Session, intent: intents.Adopt) -> None:
    site = session.site()
    title = f"Go on with {intent.file.name}"
    session.start(JobKind.ADOPT, title, lambda ctx: custody.adopt(site, ctx, intent.file, intent.sides), _sentences, cancellable=False)


def _upgrade(session: Session, _: intents.UpgradeJournal) -> None:
    from chorus_gui.core.journal.upgrade import upgrade

    path = session.site().config.journal.local
    session.start(
        JobKind.UPGRADE,
        "Upgrade the journal",
        lambda ctx: upgrade(path, ctx=ctx),
        lambda done: f"The journal has schema 2 now, with {count_of(done.rows, 'row')}. The old one is kept as {done.kept.name}.",
    )


def _undo(session: Session, intent: intents.Undo) -> None:
    site = session.site()
    session.start(
        JobKind.UNDO,
        f"Take back version {intent.version}",
        lambda ctx: work.undo(site, ctx, intent.version),
        lambda count: f"{count_of(count, 'recorded file')} of version {intent.version} taken back. The next scan finds them again.",
        cancellable=False,
    )


def _restore(session: Session, intent: intents.Restore) -> None:
    from chorus_gui.core.journal import backups

    local = session.site().config.journal.local
    session.start(
        JobKind.RESTORE,
        f"Restore {intent.copy.name}",
        lambda _: backups.restore(local, intent.copy),
        lambda kept: f"The journal is {intent.copy.name} again." + (f" The one in its place is kept as {kept.name}." if kept else ""),
        cancellable=False,
    )


# --- review -------------------------------------------------------------------------------------------------------------


def _scan(session: Session, intent: intents.Scan) -> None:
    site = session.site()
    if session.state.busy_with(JobKind.SCAN):
        raise UsageError("A scan runs or waits already.", remedy="Wait for it, or cancel it.")

    def done(reviewed: Any) -> str:
        found = reviewed.summary
        kinds = [(kind, found.total(kind)) for kind in ChangeKind if kind is not ChangeKind.UNCHANGED]
        told = ", ".join(f"{tally.files:,} {kind.value}" for kind, tally in kinds if tally.files)
        return f"{told or 'Nothing has changed'}; {found.total(ChangeKind.UNCHANGED).files:,} unchanged."

    def step(ctx: JobContext) -> Any:
        return work.scan(site, ctx, mode=intent.mode, modalities=intent.modalities)

    session.update(review=None)  # its file is made anew: nobody may read it meanwhile
    session.when_read(lambda: session.start(JobKind.SCAN, "Scan", step, done))


def _hold_back(session: Session, intent: intents.HoldBack) -> None:
    config = session.site().config
    title = f"Hold back {count_of(len(intent.ids), 'change')}"
    session.start(JobKind.HOLD, title, lambda _: work.hold_back(config, intent.ids, intent.reason), cancellable=False)


def _hold_back_patient(session: Session, intent: intents.HoldBackPatient) -> None:
    config = session.site().config
    title = f"Hold back patient {intent.patient_id}"
    session.start(JobKind.HOLD, title, lambda _: work.hold_back_patient(config, intent.patient_id, intent.reason), cancellable=False)


def _let_go(session: Session, intent: intents.LetGo) -> None:
    config = session.site().config
    title = f"Take {count_of(len(intent.ids), 'change')} back in"
    session.start(JobKind.HOLD, title, lambda _: work.let_go(config, intent.ids), cancellable=False)


def _import_holds(session: Session, intent: intents.ImportHolds) -> None:
    config = session.site().config
    session.start(
        JobKind.HOLD,
        "Import what is held back",
        lambda _: work.import_holds(config, intent.file),
        lambda count: f"{count_of(count, 'entry', 'entries')} taken over.",
        cancellable=False,
    )


def _export_holds(session: Session, intent: intents.ExportHolds) -> None:
    config = session.site().config
    _export(session, intent.file, lambda _: exports.export_holds(config, intent.file))


def _approve(session: Session, intent: intents.Approve) -> None:
    site, review = session.site(), session.state.review
    if review is None or review.revision != intent.revision:
        raise ReviewError("The review has changed since it was shown.", remedy="Look at it again, then approve it.")
    run = work.Run()
    total = review.to_do_total

    def step(ctx: JobContext) -> None:
        work.carry_out(
            site,
            run,
            ctx,
            version=intent.version,
            amend=intent.amend,
            record_only=intent.record_only,
            allow_deletions=intent.allow_deletions,
        )

    kind = JobKind.RECORD if intent.record_only else JobKind.SUBMIT
    title = f"{kind.value} {count_of(total.files, 'change')}"
    session.start(kind, title, step, lambda _: _ran(run), run=run)


def _ran(run: work.Run) -> str:
    log = run.log
    entered = sum((tally for kinds in log.entered.values() for tally in kinds.values()), Tally())
    parts: list[str] = []
    if log.uploaded_total.files:
        parts.append(f"{files_and_size(log.uploaded_total)} uploaded and proved.")
    if entered.files:
        parts.append(f"{count_of(entered.files, 'change')} entered as version {log.version}.")
    if log.failures:
        parts.append(f"{count_of(len(log.failures), 'file')} failed; the Upload page says why.")
    return " ".join(parts) or "Nothing to do: the journal and the store are up to date."


# --- sending, verifying -------------------------------------------------------------------------------------------------


def _upload(session: Session, intent: intents.UploadPending) -> None:
    site, run = session.site(), work.Run()

    def step(ctx: JobContext) -> None:
        work.upload(site, run, ctx, version=intent.version, modalities=intent.modalities)

    session.start(JobKind.UPLOAD, "Upload what is pending", step, lambda _: _ran(run), run=run)


def _retry(session: Session, _: intents.RetryFailed) -> None:
    site, run, review = session.site(), work.Run(), session.state.review
    approval = review.approval if review and review.approval and not review.stale and review.to_do_total.files else None
    session.start(JobKind.UPLOAD, "Try again", lambda ctx: work.retry(site, run, ctx, approval), lambda _: _ran(run), run=run)


def _verify(session: Session, intent: intents.Verify) -> None:
    site, run = session.site(), work.Run()

    def step(ctx: JobContext) -> Any:
        return exports.verify(site, run, ctx, version=intent.version, modalities=intent.modalities, reread=intent.reread)

    def done(facts: Any) -> str:
        session.update(verify=facts)
        total = sum(facts.counts.values())
        if facts.bad_total:
            return f"{facts.bad_total:,} of {count_of(total, 'file')} are not as the journal says."
        return f"{count_of(total, 'file')} compared: all are in the store as the journal says."

    session.start(JobKind.VERIFY, f"Verify {intent.version or 'every version'}", step, done, run=run)


# --- files that people take away ----------------------------------------------------------------------------------------


def _export(session: Session, file: Any, step: Callable[[JobContext], Any]) -> None:
    session.start(JobKind.EXPORT, f"Write {file.name}", step, lambda _: f"Written to {file}.", key="export")


def _export_changes(session: Session, intent: intents.ExportChanges) -> None:
    config = session.site().config
    _export(session, intent.file, lambda ctx: exports.export_changes(config, intent.file, intent.query, ctx))


def _export_verify(session: Session, intent: intents.ExportVerify) -> None:
    _export(session, intent.file, lambda _: exports.export_verify(intent.file, intent.results))


def _export_failures(session: Session, intent: intents.ExportFailures) -> None:
    failures = session.state.failures
    _export(session, intent.file, lambda _: exports.export_failures(intent.file, failures))


def _export_file_list(session: Session, intent: intents.ExportFileList) -> None:
    site = session.site()
    _export(session, intent.file, lambda ctx: exports.export_file_list(site, intent, ctx))


def _generate_script(session: Session, intent: intents.GenerateScript) -> None:
    from chorus_gui.ui.scripts import write_script

    site = session.site()
    session.start(JobKind.SCRIPT, f"Generate {intent.file.name}", lambda ctx: write_script(site, intent, ctx), str)


def _show_script(session: Session, intent: intents.ShowScript) -> None:
    session.site()
    if intent.approve is not None:
        _approve(session, intent.approve)
    session.script_wanted.emit(intent.tool)


def _support(session: Session, intent: intents.SupportBundle) -> None:
    from chorus_gui.core.support import write_bundle

    config = session.state.config_file
    _export(session, intent.file, lambda ctx: write_bundle(intent.file, config, ctx, with_paths=intent.with_paths))


_ACTIONS: dict[type[intents.Intent], Callable[[Session, Any], None]] = {
    intents.OpenDemo: _open_demo,
    intents.SaveConfig: _save_config,
    intents.KeepTokens: _keep_tokens,
    intents.TestConnection: _test,
    intents.ClearLocalData: _clear,
    intents.Examine: _examine,
    intents.SupportBundle: _support,
    intents.CheckOut: _check_out,
    intents.CheckIn: _check_in,
    intents.Unlock: _unlock,
    intents.Recover: _recover,
    intents.CompareJournals: _compare,
    intents.Adopt: _adopt,
    intents.UpgradeJournal: _upgrade,
    intents.Undo: _undo,
    intents.Restore: _restore,
    intents.Scan: _scan,
    intents.HoldBack: _hold_back,
    intents.HoldBackPatient: _hold_back_patient,
    intents.LetGo: _let_go,
    intents.ImportHolds: _import_holds,
    intents.ExportHolds: _export_holds,
    intents.Approve: _approve,
    intents.UploadPending: _upload,
    intents.RetryFailed: _retry,
    intents.Verify: _verify,
    intents.ExportChanges: _export_changes,
    intents.ExportVerify: _export_verify,
    intents.ExportFailures: _export_failures,
    intents.ExportFileList: _export_file_list,
    intents.GenerateScript: _generate_script,
    intents.ShowScript: _show_script,
}
