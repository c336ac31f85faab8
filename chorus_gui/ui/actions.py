"""What each intent runs, and what its result changes in the state: one short function for each intent, for a :class:`.host.Host`."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chorus_gui.app import exports, review, submit
from chorus_gui.app.options import Selection, SubmitOptions
from chorus_gui.core.errors import ReviewError, UsageError
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import ChangeKind, Grade, Tally
from chorus_gui.ui import hold_actions, intents, journal_actions, readiness_actions, saving_actions
from chorus_gui.ui.host import Host
from chorus_gui.ui.saving_actions import save, spares
from chorus_gui.ui.state import DoctorFacts, JobKind, ScanChoice, UndoList
from chorus_gui.ui.words import KINDS, count_of, files_and_size, number

if TYPE_CHECKING:
    from chorus_gui.app.run import Done
    from chorus_gui.app.values import VerifyFacts
    from chorus_gui.ui.dropped import Dropped


CHANGES_REVIEW = frozenset({JobKind.SCAN, JobKind.HOLD, JobKind.RECORD, JobKind.SUBMIT, JobKind.CLEAR})
"""After these the review may have other changes."""

LOOK_AFTER = frozenset(JobKind) - {
    JobKind.EXPORT,
    JobKind.DOWNLOAD,
    JobKind.SCRIPT,
    JobKind.TEST,
    JobKind.SAVE,
    JobKind.OPEN,
    JobKind.COMPARE,
    JobKind.EXAMINE,
}
"""After these the facts are read again."""

QUIET = frozenset({JobKind.HOLD, JobKind.COMPARE, JobKind.EXAMINE, JobKind.READINESS, JobKind.ACCEPT})
"""When these succeed, the page shows it; no notice is needed."""


def table(host: Host) -> dict[type[intents.Intent], Callable[[Any], None]]:
    """Intent → the function that does it."""
    others = {**hold_actions.ACTIONS, **journal_actions.ACTIONS, **readiness_actions.ACTIONS, **saving_actions.ACTIONS}
    return {intent: _bind(function, host) for intent, function in {**_ACTIONS, **others}.items()}


def _bind(function: Callable[[Host, Any], None], host: Host) -> Callable[[Any], None]:
    return lambda intent: function(host, intent)


# --- configuration ------------------------------------------------------------------------------------------------------


def _open_demo(host: Host, intent: intents.OpenDemo) -> None:
    from chorus_gui.app import demo

    def done(file: Path) -> str:
        host.open(file, demo=True)
        return "The demo site is open."

    host.start(JobKind.SAVE, "Open the demo site", lambda _: demo.make(intent.folder), done, cancellable=False, key="")


def _open_dropped(host: Host, intent: intents.OpenDropped) -> None:
    from chorus_gui.ui.dropped import look_at

    def done(found: Dropped) -> str:
        if found.configuration is not None:
            host.open(found.configuration)
            return f"Opened {found.configuration}."
        host.show_page("configuration", f"assistant:{found.folder}")
        return f"“{found.folder}” has no config.toml, so it can be a new site. The assistant asks what else is needed."

    host.start(JobKind.OPEN, "Open what was dropped", lambda _: look_at(intent.paths), done, key="")


def _opens(host: Host) -> Callable[[Path], None]:
    """What opens a file that was saved, unless the person opened another configuration meanwhile."""
    before = host.state.config_file
    return lambda file: host.open(file) if host.state.config_file == before else None


def _save_config(host: Host, intent: intents.SaveConfig) -> None:
    from chorus_gui.app import configuration

    opens = _opens(host)

    def done(file: Path) -> str:
        others = any(job.kind not in (JobKind.SAVE, JobKind.TEST) for job in host.state.jobs)
        if intent.opens:
            opens(file)
        return f"Saved {file.name}." + (" The running job still uses the earlier one." if others else "")

    host.start(
        JobKind.SAVE,
        f"Save {intent.file.name}",
        lambda _: configuration.save(intent.file, intent.text, intent.based_on, overwrite=intent.overwrite),
        done,
        cancellable=False,
        key="",
    )


def _keep_tokens(host: Host, _: intents.KeepTokens) -> None:
    file, opens = host.state.config_file, _opens(host)
    if file is None:
        raise UsageError("No configuration is open.", remedy="Open one with File → Open configuration.")

    from chorus_gui.app import credential_store

    def done(kept: credential_store.Kept) -> str:
        opens(file)
        text = f"Moved {count_of(len(kept.entries), 'credential')} from {file.name} to {credential_store.title()}."
        return " ".join([text, *kept.remains])

    host.start(JobKind.SAVE, "Move credentials", lambda _: credential_store.move_tokens(file), done, cancellable=False, key="")


def _renew(host: Host, intent: intents.RenewCredential) -> None:
    from chorus_gui.app.renewal import place_title, save_credential

    file, secret, workspace, opens = host.state.config_file, intent.secret, host.workspace(), _opens(host)
    if secret is None or file is None:
        workspace.try_credentials()
        return

    def done(places: tuple[str, ...]) -> str:
        workspace.try_credentials()
        opens(file)
        return f"Saved the new credential for {' and '.join(map(place_title, places))}. The job continues with it."

    host.start(JobKind.SAVE, "Save the credential", lambda _: save_credential(file, intent.where, secret), done, cancellable=False, key="")


def _test(host: Host, intent: intents.TestConnection) -> None:
    from chorus_gui.app import configuration

    config, login = host.state.config, host.login
    host.update(test=(), tested=intent.file or host.state.config_file)

    def done(found: Any) -> str:
        host.update(test=found)
        bad = sum(finding.grade is Grade.BAD for finding in found)
        return f"{bad} of {count_of(len(found), 'check')} failed." if bad else "The connection works."

    host.start(
        JobKind.TEST,
        "Test connection",
        lambda ctx: configuration.test_connection(config, intent.text, intent.file, login, ctx),
        done,
        key="test connection",
    )


def _examine(host: Host, _: intents.Examine) -> None:
    from chorus_gui.app.doctor.examine import examine

    file, login = host.state.config_file, host.login
    if file is None:
        raise UsageError("No configuration is open.", remedy="Open one with File → Open configuration.")

    def done(found: Any) -> str:
        host.update(doctor=DoctorFacts(tuple(found), time.time_ns() // 1000))
        bad = sum(finding.grade is Grade.BAD for finding in found)
        return f"{count_of(bad, 'problem')} to fix." if bad else "No problems."

    host.start(JobKind.EXAMINE, "Doctor", lambda ctx: examine(file, ctx, login), done, key="doctor")


def _clear(host: Host, intent: intents.ClearLocalData) -> None:
    from chorus_gui.app.folders import clear_local_data

    def done(count: int) -> str:
        if intent.staging:
            host.update(review=None, verify=None, failures=())
        return f"Removed {count_of(count, 'file')} from this computer."

    host.update(review=None if intent.staging else host.state.review)
    host.start(
        JobKind.CLEAR,
        "Clear local data",
        lambda _: clear_local_data(staging=intent.staging, logs=intent.logs, receipts=intent.receipts),
        done,
        cancellable=False,
    )


# --- review -------------------------------------------------------------------------------------------------------------


def _scan(host: Host, intent: intents.Scan) -> None:
    workspace = host.workspace()
    if host.state.busy_with(JobKind.SCAN):
        raise UsageError("A scan is already running or waiting.", remedy="Wait until it has finished, or cancel it.")

    def describe(done: Done[review.Reviewed]) -> str:
        found = done.value.summary
        kinds = [(kind, found.once(kind)) for kind in ChangeKind if kind is not ChangeKind.UNCHANGED]
        parts = [_found(kind, tally.files) for kind, tally in kinds if tally.files]
        parts += [f"{number(found.renamed)} renamed"] if found.renamed else []
        gone = f" {number(found.vanished)} no longer on the site, ignored in append mode." if found.vanished else ""
        return f"Scanned the site: {', '.join(parts) or 'nothing has changed'}; {number(found.total(ChangeKind.UNCHANGED).files)} unchanged.{gone}"

    chosen = host.state.scan
    options = SubmitOptions(mode=intent.mode or chosen.mode, modalities=intent.modalities or chosen.modalities, hashed=intent.hashed)
    host.update(review=None, undo=UndoList())  # its file is written again: nobody may read it meanwhile
    host.when_read(lambda: host.start(JobKind.SCAN, "Scan", lambda ctx: review.scan(workspace, ctx, options), describe))


def _choose_scan(host: Host, intent: intents.ChooseScan) -> None:
    host.update(scan=ScanChoice(intent.mode, intent.modalities))


def _found(kind: ChangeKind, files: int) -> str:
    return count_of(files, "problem") if kind is ChangeKind.PROBLEM else f"{number(files)} {KINDS[kind]}"


def _approve(host: Host, intent: intents.Approve) -> None:
    workspace, shown = host.workspace(), host.state.review
    if shown is None or shown.revision != intent.revision:
        raise ReviewError("The review has changed since it was shown.", remedy="Check the changes again, then approve them.")
    options = SubmitOptions(version=intent.version, amend=intent.amend, allow_deletions=intent.allow_deletions, pending=intent.pending)
    total = shown.to_do_total
    along = shown.pending.of(options.pending_in(intent.version or "")).total if intent.pending and not intent.record_only else Tally()
    kind = JobKind.RECORD if intent.record_only else JobKind.SUBMIT
    host.update(upload=None, undo=UndoList())
    host.start(
        kind,
        f"{kind.value} {count_of(total.files, 'change')}" if total.files else f"{kind.value} {count_of(along.files, 'pending file')}",
        lambda ctx: submit.carry_out(workspace, ctx, options, record_only=intent.record_only),
        _ran,
    )


def _ran(done: Done[None]) -> str:
    log = done.log
    entered = sum(tally.files for kinds in log.entered.values() for tally in kinds.values())
    entered -= sum(tally.files for tally in log.renamed.values())  # one change, as everywhere else
    parts: list[str] = []
    if log.transfers.uploaded.files:
        parts.append(f"Uploaded {files_and_size(log.transfers.uploaded)}, confirmed by the store.")
    if entered:
        parts.append(f"Recorded {count_of(entered, 'change')} as version {log.version}.")
    if len(log.failures) == 1:
        parts.append(f"1 file failed: {log.failures[0].cause}")
    elif log.failures:
        parts.append(f"{count_of(len(log.failures), 'file')} failed. The Upload page lists them by cause.")
    parts += [*submit.written(log), *log.notes] if not parts else []
    return " ".join(parts) or "Nothing to do. The journal and the store are up to date."


# --- sending, verifying -------------------------------------------------------------------------------------------------


def _upload(host: Host, intent: intents.UploadPending) -> None:
    workspace, which = host.workspace(), Selection(intent.version, tuple(intent.modalities))
    host.update(upload=which)
    host.start(JobKind.UPLOAD, "Upload pending files", lambda ctx: submit.upload(workspace, ctx, which), _ran)


def _retry(host: Host, _: intents.RetryFailed) -> None:
    workspace, shown, which = host.workspace(), host.state.review, host.state.upload
    approval = shown.approval if shown and not shown.stale and which is None else None

    def step(ctx: JobContext) -> Done[None]:
        if approval is not None:
            return submit.resume(workspace, ctx, approval)
        return submit.upload(workspace, ctx, which) if which is not None else submit.upload_rest(workspace, ctx)

    host.start(JobKind.UPLOAD, "Upload pending files" if approval is None else "Resume the submission", step, _ran)


def _verify(host: Host, intent: intents.Verify) -> None:
    from chorus_gui.app.verify import Comparison, sentences, verify

    workspace, which = host.workspace(), Selection(intent.version, tuple(intent.modalities))

    def describe(done: Done[VerifyFacts]) -> str:
        found = done.value
        host.update(verify=found)
        return " ".join(sentences(found, window=True))

    title = f"Verify {intent.version or 'all versions'}"
    host.start(JobKind.VERIFY, title, lambda ctx: verify(workspace, ctx, which, Comparison(intent.reread, intent.part)), describe)


def _repair(host: Host, _: intents.Repair) -> None:
    from chorus_gui.app.repair import Repaired, repair
    from chorus_gui.app.verify import sentences

    workspace = host.workspace()

    def describe(done: Done[Repaired]) -> str:
        host.update(failures=tuple(done.log.failures))
        wrong, now = done.value.wrong, done.value.now
        again = wrong - now.bad_total
        said = [f"Uploaded {count_of(again, 'file')} again."] if again else []
        said += [f"1 file failed: {done.log.failures[0].cause}"] if len(done.log.failures) == 1 else []
        said += [f"{count_of(len(done.log.failures), 'file')} failed."] if len(done.log.failures) > 1 else []
        return " ".join(said or sentences(now, repairing=True, window=True))

    host.start(JobKind.REPAIR, "Upload different files again", lambda ctx: repair(workspace, ctx, Selection(), known=True), describe)


# --- files for people -------------------------------------------------------------------------------------------------


def _export_holds(host: Host, intent: intents.ExportHolds) -> None:
    workspace = host.workspace()
    save(host, intent.file, lambda _: exports.export_holds(workspace, intent.file))


def _export_changes(host: Host, intent: intents.ExportChanges) -> None:
    workspace = host.workspace()
    save(host, intent.file, lambda ctx: exports.export_changes(workspace, intent.file, intent.query, ctx))


def _export_verify(host: Host, intent: intents.ExportVerify) -> None:
    config = host.workspace().config
    save(host, intent.file, lambda _: exports.export_verify(config, intent.file, intent.results))


def _export_failures(host: Host, intent: intents.ExportFailures) -> None:
    failures = host.state.failures
    save(host, intent.file, lambda _: exports.export_failures(intent.file, failures))


def _export_file_list(host: Host, intent: intents.ExportFileList) -> None:
    workspace = host.workspace()
    save(host, intent.file, lambda ctx: exports.write_file_list(workspace, ctx, intent, local=True))


def _generate_script(host: Host, intent: intents.GenerateScript) -> None:
    from chorus_gui.app import scripts

    workspace = host.workspace()

    def describe(done: Done[scripts.Written]) -> str:
        return scripts.sentences(done.value, intent)

    write = spares(host, intent.file, lambda ctx: scripts.write(workspace, ctx, intent, local=True))
    host.start(JobKind.SCRIPT, f"Generate {intent.file.name}", write, describe)


def _show_script(host: Host, intent: intents.ShowScript) -> None:
    host.workspace()
    if intent.approve is not None:
        _approve(host, intent.approve)
    host.show_script(intent.tool)


def _support(host: Host, intent: intents.SupportBundle) -> None:
    from chorus_gui.app.support import write_bundle

    config = host.state.config_file
    save(host, intent.file, lambda ctx: write_bundle(intent.file, config, ctx, with_paths=intent.with_paths))


_ACTIONS: dict[type[intents.Intent], Callable[[Host, Any], None]] = {
    intents.OpenDemo: _open_demo,
    intents.OpenDropped: _open_dropped,
    intents.SaveConfig: _save_config,
    intents.KeepTokens: _keep_tokens,
    intents.RenewCredential: _renew,
    intents.TestConnection: _test,
    intents.ClearLocalData: _clear,
    intents.Examine: _examine,
    intents.SupportBundle: _support,
    intents.Scan: _scan,
    intents.ChooseScan: _choose_scan,
    intents.ExportHolds: _export_holds,
    intents.Approve: _approve,
    intents.UploadPending: _upload,
    intents.RetryFailed: _retry,
    intents.Verify: _verify,
    intents.Repair: _repair,
    intents.ExportChanges: _export_changes,
    intents.ExportVerify: _export_verify,
    intents.ExportFailures: _export_failures,
    intents.ExportFileList: _export_file_list,
    intents.GenerateScript: _generate_script,
    intents.ShowScript: _show_script,
}
