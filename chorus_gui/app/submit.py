"""Record a review, or record it and upload it with the pending files that were approved, too."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any

from chorus_gui.app import leaks
from chorus_gui.app.cluster import use_cluster
from chorus_gui.app.expiry import expiry_sentence, watched
from chorus_gui.app.holds import holding_back
from chorus_gui.app.options import SubmitOptions, params_text
from chorus_gui.app.review import ASKED, Review, Reviewing, reviewed_site
from chorus_gui.app.run import Command, Done, Run, run
from chorus_gui.app.words import files, plural
from chorus_gui.app.workspace import Workspace
from chorus_gui.core.config.model import BY_THE_PROGRAM, SCRIPTS_NEED_AZURE, Config, PlaceKind, UploadMethod
from chorus_gui.core.errors import NotReadyError, ReviewError, UsageError
from chorus_gui.core.job import JobContext
from chorus_gui.core.model import Approval, ChangeKind
from chorus_gui.core.review.values import Reviewed
from chorus_gui.core.rules import RuleStatus, Severity

if TYPE_CHECKING:
    from chorus_gui.core.review.staging import Staging
    from chorus_gui.core.storage.base import Store
    from chorus_gui.core.submission.approved import Approved
    from chorus_gui.core.submission.run_result import RunResult
    from chorus_gui.core.submission.work import Selection


NOT_UPLOADED = "Nothing was uploaded."


def submit(workspace: Workspace, ctx: JobContext, options: SubmitOptions, reviewing: Reviewing, *, record_only: bool = False) -> Done[None]:
    """Scan, show, and after the person's approval record, or (not ``record_only``) record and upload."""
    from chorus_gui.core.submission.work import choose_modalities

    def step(active: Run) -> None:
        if not record_only:
            check_built_in(workspace.config)
            workspace.store()
            use_cluster(active)
        with reviewed_site(active, options, keep=True) as (review, staging, reviewed):
            reviewing.show(review)
            reviewing.check(review)
            active.log.policy = reviewing.policy
            if options.require_ready:
                check_ready(review.readiness)
            approval = _approve(active, staging, options, review.version, record_only=record_only)
            if not record_only:
                _refuse_leaks(active, staging)
            if not record_only and (soon := expiry_sentence(workspace.config, _to_send(review))):
                active.warn(soon)
            if review.to_do or (review.along.parts and not record_only):
                reviewing.confirm(review)
            active.log.modalities = choose_modalities(workspace.config, options.modalities)
            _carry_out(active, staging, approval, reviewed)

    return run(workspace, _command(options, record_only=record_only), ctx, step)


def carry_out(workspace: Workspace, ctx: JobContext, options: SubmitOptions, *, record_only: bool) -> Done[None]:
    """Approve the review and record it, or (not ``record_only``) record and upload."""
    from chorus_gui.core.review.approval import choose_version
    from chorus_gui.core.submission.work import choose_modalities

    def step(active: Run) -> None:
        if not record_only:
            check_built_in(workspace.config)
            use_cluster(active)
        with workspace.staged() as staging:
            version = choose_version(active.journal, options.version, amend=options.amend)
            approval = _approve(active, staging, options, version, record_only=record_only)
            active.log.modalities = choose_modalities(workspace.config, scanned.modalities)
            _carry_out(active, staging, approval, _reviewed(staging))

    scanned = _as_scanned(workspace, options)
    return run(workspace, _command(scanned, record_only=record_only), ctx, step)


def resume(workspace: Workspace, ctx: JobContext, approval: Approval) -> Done[None]:
    """Record the rest of an approved review, and upload what was approved with it."""
    from chorus_gui.core.submission.work import choose_modalities

    def step(active: Run) -> None:
        if not approval.record_only:
            check_built_in(workspace.config)
            use_cluster(active)
        with workspace.staged() as staging:
            active.log.modalities = choose_modalities(workspace.config, scanned.modalities)
            _carry_out(active, staging, approval, _reviewed(staging))

    options = SubmitOptions(version=approval.version, allow_deletions=approval.allow_deletions)
    scanned = _as_scanned(workspace, options)
    return run(workspace, _command(scanned, record_only=approval.record_only), ctx, step)


def upload(workspace: Workspace, ctx: JobContext, which: Selection) -> Done[None]:
    """Upload pending files."""
    from chorus_gui.core.submission.leak_gate import of_pending, refuse
    from chorus_gui.core.submission.upload import upload_pending
    from chorus_gui.core.submission.work import choose_modalities

    def step(active: Run) -> None:
        check_built_in(workspace.config)
        check_version(active, which.version)
        active.log.version = active.named = which.version or ""
        active.log.modalities = choose_modalities(workspace.config, which.modalities)
        store = active.store()
        use_cluster(active)
        with holding_back(active):
            refuse(active.work, of_pending(active.work, which), NOT_UPLOADED)
            active.begin(leave_copies=store)
            with watched(active), workspace.person.progress(ctx):
                upload_pending(active.work, store, which)
        _mention_outside(active)
        mention_wrong(active)

    params = params_text((("version", which.version), ("modalities", which.modalities), ("max-num-files", which.max_files)))
    return run(workspace, Command("file upload", params, writes=True, sends=True, receipt="upload"), ctx, step)


def upload_rest(workspace: Workspace, ctx: JobContext) -> Done[None]:
    """Upload what the last submission or upload left pending, and nothing that it was not asked for.

    After a restart nobody remembers what that was: it is in the journal's history, and of a submission in its approved review.
    """
    from chorus_gui.app.options import Selection, selection_of
    from chorus_gui.core.submission.leak_gate import of_pending, refuse
    from chorus_gui.core.submission.upload import upload_pending

    def step(active: Run) -> None:
        check_built_in(workspace.config)
        last = next((line for line in reversed(active.journal.history()) if line.command in ("submit", "file upload")), None)
        which, submitted = selection_of(last.params if last is not None else ""), last is not None and last.command == "submit"
        with ExitStack() as stack:
            staging = _approved_review(stack, workspace) if submitted else None
            if staging is None and submitted and which is None:
                raise UsageError(
                    "The last submission left its pending files for later.",
                    remedy="Scan and review the site again, or select Upload › Upload pending files.",
                )
            which = which or Selection()
            active.log.version = active.named = which.version or ""
            which = which if staging is None else Selection()
            store = active.store()
            use_cluster(active)
            refuse(active.work, of_pending(active.work, which, staging), NOT_UPLOADED)
            active.begin(leave_copies=store)
            with watched(active), workspace.person.progress(ctx):
                upload_pending(active.work, store, which, approved=staging)
        mention_wrong(active)

    return run(workspace, Command("file upload", writes=True, sends=True, receipt="upload"), ctx, step)


def _approved_review(stack: ExitStack, workspace: Workspace) -> Staging | None:
    """The review that was approved to be uploaded, perhaps out of date by now; None if there is none."""
    with suppress(ReviewError):
        staging = stack.enter_context(workspace.staged())
        approval: dict[str, object] = staging.get("approval") or {}
        if approval and not approval.get("record_only"):
            return staging
    return None


def _to_send(review: Review) -> int:
    """Bytes that are uploaded if the review is approved."""
    sent = [review.to_do[kind].bytes for kind in (ChangeKind.ADDED, ChangeKind.UPDATED) if kind in review.to_do]
    return sum(sent) + review.along.total.bytes


def written(log: RunResult) -> list[str]:
    """What a run that uploaded no files wrote into the central store, as sentences."""
    if log.uploaded:
        return []
    copies = [f"Wrote the copy of the journal in the folder of version {version}." for version in sorted(log.copies)]
    return [*copies, *(f"Version {version} is complete. Wrote its completion marker." for version in log.complete)]


def mention_wrong(active: Run) -> None:
    """Note what a verification found and nobody has repaired."""
    from chorus_gui.app.outside import wrong_outside, wrong_sentence
    from chorus_gui.app.verified import kept_wrong, refresh

    config = active.workspace.config
    refresh(active.workspace, active.ctx)
    wrong = kept_wrong(active.journal, config, config.modalities)
    if wrong is not None:
        active.log.notes.append(wrong.sentence)
    active.log.notes += [wrong_sentence(*found) for found in wrong_outside(active.journal, config)]


def _mention_outside(active: Run) -> None:
    """Note what is pending and of a modality that the configuration does not include."""
    from chorus_gui.app.outside import pending_outside, pending_sentence

    found = pending_outside(active.workspace.config, active.journal.counts())
    active.log.notes += [pending_sentence(modality, tally.files) for modality, tally in found]


RECORD_AND_WRITE = (
    "Record the changes with “journal update” and write a script with “file list --output-type azcli”, or set upload_method to “builtin”."
)


def check_built_in(config: Config, remedy: str = RECORD_AND_WRITE) -> None:
    """Raise :class:`UsageError` for a site that uploads with generated scripts."""
    if config.upload_method is UploadMethod.AZCLI and config.central.kind is PlaceKind.FOLDER:
        raise UsageError(SCRIPTS_NEED_AZURE, remedy=BY_THE_PROGRAM)
    if config.upload_method is UploadMethod.AZCLI:
        raise UsageError("This configuration uploads with generated scripts (upload_method = “azcli”).", remedy=remedy)


def check_version(active: Run, version: str | None) -> None:
    """Raise :class:`UsageError` for a version that the journal does not have."""
    if version is not None and version not in active.journal.versions():
        raise UsageError(f"The journal has no version {version}.", remedy="List the versions with “journal list”.")


def _command(options: SubmitOptions, *, record_only: bool) -> Command:
    if record_only:
        return Command("journal update", options.params, writes=True, creates=True, receipt="record")
    return Command("submit", options.params, writes=True, creates=True, sends=True, receipt="submission")


def _approve(active: Run, staging: Staging, options: SubmitOptions, version: str, *, record_only: bool) -> Approval:
    """Approve the changes, and the pending files that are uploaded with them."""
    from chorus_gui.core.review import pending
    from chorus_gui.core.review.approval import approve

    pending.choose(staging, include=options.pending and not record_only, version=options.pending_in(version))
    return approve(staging, active.journal, version, allow_deletions=options.allow_deletions, record_only=record_only)


def _carry_out(active: Run, staging: Staging, approval: Approval, reviewed: Reviewed) -> None:
    """Do what was approved, and nothing else."""
    from chorus_gui.core.submission.approved import Approved
    from chorus_gui.core.submission.submit import record

    workspace, approved = active.workspace, Approved(staging, approval)
    active.reviewed = reviewed
    if approval.record_only:
        store = active.store_if_reachable()
        with holding_back(active, sends=False):
            active.begin()
            with workspace.person.progress(active.ctx):
                record(active.work, approved, store)
        mention_wrong(active)
        return
    _refuse_leaks(active, staging)
    store = active.store()
    with holding_back(active):
        active.begin(leave_copies=store)
        _send(active, approved, store)


def _refuse_leaks(active: Run, staging: Staging) -> None:
    """Before anything is done: raises :class:`LeakError` for a leak that no person accepted in what this approval sends."""
    from chorus_gui.core.submission.leak_gate import of_review, refuse

    leaks.refresh_for(active)
    refuse(active.work, of_review(active.work, staging))


def check_ready(readiness: Mapping[str, Any]) -> None:
    """Raise :class:`NotReadyError` unless the quick pass that came with the scan was complete, and found nothing that the central team rejects."""
    found = [
        one
        for one in readiness.get("findings", ())
        if one["severity"] == Severity.REJECTED.value and one["status"] != RuleStatus.AWAITING.value
    ]
    unchecked = readiness.get("unchecked", {}).get("count", 0)
    if not found and not unchecked:
        return
    lines = [f"{one['rule']}, {files(one['files'])}: {one['must']}" + _examples(one) for one in found]
    lines += [f"{plural(unchecked, 'place')} could not be checked."] if unchecked else []
    raise NotReadyError(
        "The site is not ready, and this submission requires that it is.",
        list(dict.fromkeys(lines)),
        meaning="Nothing was recorded or uploaded.",
        remedy="“chorus-upload readiness --pass quick” shows what to do. To submit without it, leave out “--require ready”.",
    )


def _examples(one: Mapping[str, Any]) -> str:
    return "".join(f"\n      {example['path']}" for example in one["examples"] if example["path"])


def _send(active: Run, approved: Approved, store: Store) -> None:
    from chorus_gui.core.submission.submit import remember, submit
    from chorus_gui.core.submission.upload import upload_pending

    with watched(active), active.workspace.person.progress(active.ctx):
        work = active.work
        submit(work, approved, store)
        try:
            upload_pending(work, store, approved=approved.staging)
        finally:
            remember(work, approved)
    mention_wrong(active)


def _reviewed(staging: Staging) -> Reviewed:
    from chorus_gui.core.review.changes import summary

    return Reviewed(staging.path, summary(staging))


def _as_scanned(workspace: Workspace, options: SubmitOptions) -> SubmitOptions:
    """The options together with those of the review's scan; without a review they are not changed, and the run reports it."""
    try:
        with workspace.staged() as staging:
            return options.with_scan(staging.get(ASKED) or {})
    except ReviewError:
        return options
