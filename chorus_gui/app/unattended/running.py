"""An unattended run: submit what a policy approves, then verify, repair and check in as it says, and leave a report in every case."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chorus_gui.app.receipts import headline
from chorus_gui.app.run import Done
from chorus_gui.app.status import Status, of_error
from chorus_gui.app.unattended import run_report, working
from chorus_gui.app.unattended.quiet import Quiet, watched
from chorus_gui.app.unattended.run_report import Kept, Rule, RunReport, Step, clean, problem
from chorus_gui.core import job
from chorus_gui.core.errors import Cancelled, ChorusError, LockedError, UnansweredError, UsageError
from chorus_gui.core.job import JobContext, Outcome, OutcomeKind
from chorus_gui.core.model import Tally
from chorus_gui.core.submission.run_result import RunResult

if TYPE_CHECKING:
    from chorus_gui.app.options import SubmitOptions
    from chorus_gui.app.unattended.approving import ByPolicy
    from chorus_gui.app.unattended.policy import Policy
    from chorus_gui.app.workspace import Workspace
    from chorus_gui.core.config.model import Config

SAID = 8
"""Sentences of a step that a report has."""
_WEIGHT = (Status.DONE, Status.FAULTY, Status.STOPPED, Status.NOT_STARTED, Status.DECISION, Status.INTERRUPTED, Status.CRASHED)
"""From the best to the worst."""


@dataclass(slots=True)
class UnattendedRun:
    """A run and its report, while it runs.  ``on_result`` gets each step's name and end, for the face."""

    kept: Kept
    on_result: Callable[[str, Done[Any]], None] | None = None
    status: Status = Status.DONE
    decided: Done[Any] | None = None
    """the step that decided the status"""
    config: Config | None = None
    """None: it could not be read, so nobody gets a mail"""
    quiet: Quiet | None = None
    unfinished: list[Kept] = field(default_factory=list[Kept])
    """reports of earlier runs that were killed; they were completed now"""

    @property
    def report(self) -> RunReport:
        """What is known so far."""
        return self.kept.report

    def update(self, **changed: Any) -> None:
        """Change the report."""
        self.kept.report = replace(self.kept.report, **changed)

    def take(self, name: str, done: Done[Any], said: tuple[str, ...] = ()) -> bool:
        """Note how a step ended; True if the next one may follow."""
        done = self.quiet.stopped(done) if self.quiet is not None else done
        if self.on_result is not None:
            self.on_result(name, done)
        status = done.status
        if self.decided is None or _WEIGHT.index(status) > _WEIGHT.index(self.status):
            self.status, self.decided = status, done
        if done.outcome.error is not None:
            self.update(error=problem(done.outcome.error))
        texts = [*([headline(done.made)] if done.made else []), *said, *done.notes]
        kept = tuple(clean(text) for text in texts[:SAID])
        self.update(steps=(*self.report.steps, Step(name, int(status), kept, done.receipt.name if done.receipt else "")))
        self._count(done.log)
        return done.ok

    def _count(self, log: RunResult) -> None:
        changes = {modality: dict(kinds) for modality, kinds in self.report.changes.items()}
        for modality, kinds in log.entered.items():
            for kind, tally in kinds.items():
                counts = changes.setdefault(modality, {})
                counts[kind.value] = counts.get(kind.value, 0) + tally.files
        uploaded = dict(self.report.uploaded)
        for modality, tally in log.uploaded.items():
            uploaded[modality] = uploaded.get(modality, Tally()) + tally
        versions = tuple(sorted({*self.report.versions, *log.versions, *log.recorded}))
        self.update(changes=changes, uploaded=uploaded, versions=versions, failed=self.report.failed + len(log.failures))


@contextmanager
def reported(config: Path, policy_file: Path) -> Generator[UnattendedRun]:
    """A run whose report is on the disk when the block ends, however it ends.  Errors are raised."""
    running = UnattendedRun(Kept.begin(run_report.begun(config, policy_file)))
    running.unfinished = run_report.close_unfinished(running.report.config)
    try:
        yield running
    except Cancelled:
        running.status = Status.INTERRUPTED
        raise
    except ChorusError as error:
        running.status = of_error(error)
        running.update(error=problem(error))
        raise
    except BaseException as error:
        running.status = Status.INTERRUPTED if isinstance(error, KeyboardInterrupt) else Status.CRASHED
        raise
    finally:
        running.kept.write(running.report.ended(running.status))
        _notify(running)
        running.kept.close()
        run_report.prune()


def _notify(running: UnattendedRun) -> None:
    """Tell people, also about earlier runs of this configuration that were killed."""
    from chorus_gui.app.unattended.notifying import notify

    if running.config is None:
        return
    for kept in running.unfinished:
        notify(running.config, kept.report, kept.file)
    warnings = tuple(clean(text) for text in notify(running.config, running.report, running.kept.file))
    if warnings:
        running.kept.write(replace(running.report, warnings=warnings))


def options_of(policy: Policy, options: SubmitOptions) -> SubmitOptions:
    """What is scanned and approved under a policy.  Options may narrow it.  Raises :class:`UsageError` if they widen it."""
    if options.allow_deletions:
        raise UsageError(
            "--allow-deletions and --policy exclude each other.",
            remedy="Write “allow_many = true” in [deletions] of the policy, or approve it yourself.",
        )
    wide = [name for name in options.modalities if policy.modalities and name.lower() not in {one.lower() for one in policy.modalities}]
    if wide:
        raise UsageError(
            f"The policy “{policy.name}” is not for {', '.join(wide)}.", remedy="Leave out --modalities, or add the modality to the policy."
        )
    return replace(
        options,
        modalities=options.modalities or policy.modalities,
        pending=options.pending and policy.pending,
        allow_deletions=policy.allow_many,
    )


def submit_by_policy(
    workspace: Workspace, ctx: JobContext, policy: Policy, options: SubmitOptions, reviewing: ByPolicy, running: UnattendedRun
) -> Done[Any]:
    """Submit what the policy approves, and do what it says must follow.  The end of the step that decided the exit status.

    Raises :class:`UsageError` for options that the policy does not allow; every other error is in the outcome.
    """
    from chorus_gui.app.submit import submit

    config = workspace.config
    running.update(
        site=" · ".join(dict.fromkeys(config.sites[name].place.text for name in config.modalities)),
        central_url=config.central.text,
        journal=str(config.journal.local),
        policy=policy.approving,
    )
    running.kept.write(running.report)  # if the run is killed, this is what is known of it
    wanted = options_of(policy, options)

    def ready(ctx: JobContext) -> None:
        reviewing.begin()
        working.wait(config.file, ctx)

    with watched(policy, ctx) as running.quiet:
        begun = job.run(ready, ctx)
        done: Done[Any] = Done(begun, RunResult()) if begun.kind is not OutcomeKind.DONE else submit(workspace, ctx, wanted, reviewing)
        return _after_submit(workspace, ctx, policy, running, done, reviewing)


def _after_submit(
    workspace: Workspace, ctx: JobContext, policy: Policy, running: UnattendedRun, done: Done[Any], reviewing: ByPolicy
) -> Done[Any]:
    if isinstance(done.outcome.error, LockedError):
        done = replace(done, outcome=Outcome(OutcomeKind.FAILED, error=_waits_for_a_colleague(done.outcome.error)))
    running.update(rules=tuple(Rule(one.rule, one.text, one.found, one.allowed, one.examples) for one in reviewing.broken))
    more = running.take("submit", done)
    if more and policy.after.verify and done.begun:
        more = _verify_and_repair(workspace, ctx, policy, running, done)
    if policy.after.check_in and more:
        _check_in(workspace, ctx, running)
    assert running.decided is not None
    return running.decided


def _waits_for_a_colleague(error: LockedError) -> UnansweredError:
    """With nobody at the keyboard, a colleague's check-out needs a decision: wait, ask, or unlock."""
    return UnansweredError(error.what, meaning=f"{error.meaning} Nothing was recorded or uploaded.", remedy=error.remedy)


def _verify_and_repair(workspace: Workspace, ctx: JobContext, policy: Policy, running: UnattendedRun, submitted: Done[Any]) -> bool:
    """Verify the versions that received files; False if something stopped.  What the submission itself found wrong is repaired, too."""
    from chorus_gui.app.options import Part, Selection
    from chorus_gui.app.repair import repair
    from chorus_gui.app.verify import Comparison, sentences, verify

    share = policy.after.reread
    ways = [Comparison()] if share < 1 else []
    if share:
        ways.append(Comparison(reread=True, part=Part(share=share) if share < 1 else Part()))
    wrong, verified, log = 0, 0, submitted.log
    before = running.status, running.decided
    if log.wrong_files and not log.failures and not submitted.unread:  # nothing else made the submission faulty
        before = Status.DONE, replace(submitted, faulty=False)
    running.update(differing=log.wrong_files)
    for version in sorted(log.versions):
        for how in ways:
            done = _continued(verify(workspace, ctx, Selection(version), how))
            found = done.value if done.ok else None
            said = tuple(sentences(found, repairing=policy.after.repair)) if found else ()
            if not running.take("verify", done, said):
                return False
            if found is not None:
                wrong += found.bad_total
                verified += (found.total - found.unchecked_total) if how is ways[0] else 0
            running.update(verified=verified, differing=max(wrong, log.wrong_files))
    if (wrong or log.wrong_files) and policy.after.repair:
        done = _continued(repair(workspace, ctx, Selection(), known=True))
        if done.ok and not done.faulty:
            running.status, running.decided = before  # what was wrong is right now
        said = tuple(sentences(done.value.now, repairing=True)) if done.ok else ()
        more = running.take("repair", done, said)
        running.update(repaired=max(0, done.value.wrong - done.value.now.bad_total) if done.ok else 0)
        return more
    return True


def _check_in(workspace: Workspace, ctx: JobContext, running: UnattendedRun) -> None:
    """Check the journal in, if somebody checked it out by hand on this computer: the steps' own check-outs have ended."""
    from chorus_gui.app import custody
    from chorus_gui.app.custody import State

    if not workspace.custody or workspace.config.journal.cloud is None:
        return

    def step(ctx: JobContext) -> tuple[str, ...]:
        _, state, _ = custody.status(workspace, ctx)
        return custody.check_in(workspace, ctx) if state.state is State.MINE else ()

    outcome = job.run(step, ctx)
    if outcome.kind is not OutcomeKind.DONE or outcome.value:
        running.take("check in", _continued(Done(outcome, RunResult(), tuple(outcome.value or ()))))


def _continued(done: Done[Any]) -> Done[Any]:
    """A step of a run that has begun: what keeps it from starting stops the run on the way."""
    return replace(done, begun=True)
