"""Intents in, one frozen state out.

:class:`Session` keeps the :class:`~.state.SessionState`, asks :mod:`.jobs` to run what :mod:`.actions` and the readers need of
:mod:`chorus_gui.app`, and reduces the results.  It does no work itself: nothing here touches the network, and no file but a configuration's text.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from PySide6.QtCore import QObject, QTimer, Signal

from chorus_gui.app import facts
from chorus_gui.app.configuration import load_or_why, trust_host, unconfirmed_hosts
from chorus_gui.app.custody import CustodyConflictError
from chorus_gui.app.folders import is_there, log_folder, receipts_folder
from chorus_gui.app.known import LessHistoryError
from chorus_gui.app.readiness_facts import readiness
from chorus_gui.app.run import Done
from chorus_gui.app.shared import shared
from chorus_gui.app.signin import login
from chorus_gui.app.values import CustodyFacts, StoreKind
from chorus_gui.app.workspace import Workspace
from chorus_gui.core.config.model import Config
from chorus_gui.core.errors import ChorusError, ConfigError, UntrustedHostError
from chorus_gui.core.job import JobContext, Outcome, OutcomeKind
from chorus_gui.core.model import Grade
from chorus_gui.core.redact import redact
from chorus_gui.core.timetable import parse_limit
from chorus_gui.ui import actions, intents, job_intents, site_intents
from chorus_gui.ui.afterwards import AfterJobs
from chorus_gui.ui.in_window import use_configuration
from chorus_gui.ui.job_end import job_end, succeeded
from chorus_gui.ui.jobs import Job, Jobs, Reader, Step
from chorus_gui.ui.outside import Outside
from chorus_gui.ui.settings import Settings
from chorus_gui.ui.state import SENDING, Afterwards, JobEnd, JobKind, Message, Preferences, SessionState, UndoList

MESSAGES = 500
CHECK_MINUTES = 5
_LOG = logging.getLogger("chorus.ui")
T = TypeVar("T")


class Session(QObject):
    """What is open, and everything that is done with it."""

    changed = Signal(object)
    """the new :class:`SessionState`"""
    progressed = Signal(object)
    """a :class:`JobProgress`, ten times a second for each running job"""
    crashed = Signal(str)
    """a redacted report of an error in the program"""
    page_wanted = Signal(str, str)
    """a page's name and a topic"""
    path_wanted = Signal(object, bool)
    """a file or folder to open, or to show in its folder"""
    sign_in_wanted = Signal(object)
    """a :class:`~chorus_gui.app.signin.DeviceCode` to show; emitted from whatever thread asked"""
    trust_wanted = Signal(object)
    """the names of servers, as a tuple, that the person has to confirm before anything is sent to them"""
    sides_wanted = Signal(object, object)
    """a file and both journals, as :class:`~chorus_gui.app.custody.Sides`, for the person to decide"""
    less_history = Signal(object, object)
    """a :class:`~chorus_gui.app.known.LessHistoryError` and the intent that it stopped, for the person to decide"""
    set_aside_wanted = Signal(object)
    """sentences about the files that are uploaded again if the local journal is set aside, for the person to decide"""
    script_wanted = Signal(str)
    """the tool of a script to ask the person about, or "list" for a file list"""
    ended = Signal(object)
    """a :class:`JobEnd`"""
    stopped = Signal()
    """after :meth:`stop`: every thread has ended"""

    def __init__(self, settings: Settings, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.settings = settings
        self.jobs = Jobs(self)
        self.reader, self.pager = Reader("reader", self), Reader("pager", self)
        self._facts, self._remote, self.checker = Reader("facts", self), Reader("remote", self), Reader("checker", self)
        self._readers = (self.reader, self.pager, self._facts, self._remote, self.checker)
        self._revision = self._looks = 0
        self._found: list[tuple[int, dict[str, Any]]] = []
        self._recovering = False  # the journal's state is read with what an interrupted command left; not answered yet
        self.login = login(asked=True, show=self.sign_in_wanted.emit)  # the signal takes the code to the screen's thread
        self._workspace: Workspace | None = None
        self._stopping = False
        self._doing = intents.Intent()
        settings.use_limit(self.jobs.limit)
        self.state = SessionState(sites=settings.sites, preferences=self._preferences())
        self._handlers = self._table()
        self.jobs.changed.connect(self._jobs_changed)
        self.jobs.progressed.connect(self.progressed)
        for reader in self._readers:
            reader.crashed.connect(self.crashed)
        self.outside, self.after = Outside(self), AfterJobs(self)
        self._soon = QTimer(self, singleShot=True, interval=0)
        self._soon.timeout.connect(self._take_found)
        self._timer = QTimer(self)
        self._timer.setInterval(CHECK_MINUTES * 60_000)
        self._timer.timeout.connect(lambda: self.look_remote(timed=True))
        self._timer.start()

    def do(self, intent: intents.Intent) -> None:
        """Do what a page asked for.  An expected error is shown like that of a failed job."""
        self._doing = intent
        try:
            self._handlers[type(intent)](intent)
        except ChorusError as error:
            self.show_error(error)

    def stop(self) -> None:
        """Cancel everything; ``stopped`` comes when every thread has ended."""
        self._stopping = True
        self.after.choose(Afterwards.NOTHING)  # whoever closes the program is at the computer
        self._timer.stop()
        self.jobs.cancel_all()
        for reader in (*self._readers, self.outside.watch):
            reader.finished.connect(self._maybe_stopped)
            reader.stop()
        self._maybe_stopped()

    def _maybe_stopped(self) -> None:
        if self._stopping and self.jobs.idle and all(one.isFinished() for one in (*self._readers, self.outside.watch)):
            self._stopping = False
            self.settings.sync()
            self.stopped.emit()

    # --- the state --------------------------------------------------------------------------------------------------

    def update(self, **fields: Any) -> None:  # the names are checked by replace
        """Change the state."""
        self.state = replace(self.state, **fields)
        self.changed.emit(self.state)

    def show_message(self, text: str, grade: Grade = Grade.INFO, **fields: Any) -> None:
        """A line for the Log page and the log file; ``fields`` change with it, and everything is drawn once."""
        message = Message(datetime.now().astimezone(), grade, redact(text))
        _LOG.log(logging.ERROR if grade is Grade.BAD else logging.INFO, "%s", message.text)
        self.update(**fields, messages=(*self.state.messages[-MESSAGES + 1 :], message))

    def show_error(self, error: ChorusError, title: str = "") -> None:
        """Show an expected error like that of a failed job."""
        end = JobEnd(0, JobKind.SAVE, title, OutcomeKind.FAILED, error.summary, error.remedy)
        self.show_message(str(error), Grade.BAD, last=end)
        self.ended.emit(end)

    def _preferences(self) -> Preferences:
        rate = self.settings.number("rate")
        return Preferences(self.settings.theme, self.jobs.limit.timetable, rate, log_folder(), receipts_folder())

    # --- intents ----------------------------------------------------------------------------------------------------

    def _table(self) -> dict[type[intents.Intent], Callable[[Any], None]]:
        return {
            intents.ShowPage: lambda i: self.page_wanted.emit(i.name, i.topic),
            intents.OpenPath: lambda i: self.path_wanted.emit(i.path, i.select),
            intents.Refresh: lambda _: self.open(self.state.config_file) if self.state.config_file else None,
            intents.DismissNotice: lambda _: self.update(last=None),
            intents.TrustHosts: self._trust_hosts,
            intents.SetTheme: self._set_theme,
            intents.OpenConfig: lambda i: self.open(i.file),
            intents.CloseConfig: self._close_config,
            site_intents.ListSites: lambda i: self.update(sites=self.settings.keep_sites(i.sites)),
            intents.MarkTest: self._mark_test,
            intents.CancelJob: lambda i: self._on_job(i.job, self.jobs.cancel),
            intents.PauseJob: lambda i: self._on_job(i.job, self.jobs.pause),
            intents.ResumeJob: lambda i: self._on_job(i.job, self.jobs.resume),
            intents.SetLimit: self._set_limit,
            job_intents.ChooseAfterwards: lambda i: self.after.choose(i.what),
            intents.AcceptLessHistory: self._accept_less,
            intents.DecideHistory: lambda _: self._decide_history(),
            **actions.table(self),
        }

    def _trust_hosts(self, intent: intents.TrustHosts) -> None:
        for host in intent.hosts:
            self.show_message(f"“{trust_host(host)}” is a trusted server from now on.")
        self.update(last=None)
        self.look()

    def _set_theme(self, intent: intents.SetTheme) -> None:
        self.settings.put("theme", intent.theme)
        self.update(preferences=self._preferences())

    def _set_limit(self, intent: intents.SetLimit) -> None:
        self.settings.choose_limit(self.jobs.limit, parse_limit(intent.text))
        self.update(preferences=self._preferences())

    def _accept_less(self, intent: intents.AcceptLessHistory) -> None:
        """For the next job alone; what it accepts is remembered."""
        self.workspace().accept_less = True
        self.do(intent.again)

    def _decide_history(self) -> None:
        custody = self.state.custody
        if custody.less is not None:
            self.less_history.emit(custody.less, intents.CheckOut() if custody.can_check_out else intents.Scan())

    def _on_job(self, number: int | None, act: Callable[[int], None]) -> None:
        number = number if number is not None else self.state.running.id if self.state.running else None
        if number is not None:
            act(number)

    def _mark_test(self, intent: intents.MarkTest) -> None:
        if (state := self.state).config is not None and state.config_file is not None:
            self.settings.mark_test(state.config_file, intent.test)
            self.update(store_kind=facts.store_kind(state.config, intent.test))

    # --- the configuration ------------------------------------------------------------------------------------------

    def open(self, file: Path, *, demo: bool | None = None) -> None:
        """Open a configuration file; faults are part of the state.  Reading it is the one file access on the screen's thread."""
        file = file.absolute()
        same = file == self.state.config_file
        config, error, faults = load_or_why(file)
        if config is not None or is_there(file):
            self.settings.remember(file)
            self.settings.put("last", str(file))
        fresh = self.state if same else SessionState(jobs=self.state.jobs, after=self.state.after, messages=self.state.messages)
        self._revision, self._looks = self._revision + 1, self._looks + 1  # what is being read is about another state
        self._use(Workspace(config, self.login) if config else None)
        self.settings.use_limit(self.jobs.limit, config.limit if config else None)
        self.jobs.file = file
        self.state = replace(
            fresh,
            config_file=file,
            config=config,
            config_error=str(error.what) if error else "",
            faults=faults,
            config_revision=self.state.config_revision + 1,
            demo=self.state.demo and same if demo is None else demo,
            sites=self.settings.sites,
            store_kind=facts.store_kind(config, self.settings.marked_test(file)) if config else StoreKind.NONE,
            credential=facts.credential(config) if config else fresh.credential,
            custody=fresh.custody if config else CustodyFacts(),
            journal=fresh.journal if config else None,
            review=fresh.review if config else None,
            readiness=fresh.readiness if config else None,
            loading=config is not None,
            preferences=self._preferences(),
            undo=fresh.undo if same and config and self.state.key == str(config.journal.local) else UndoList(),
        )
        self.changed.emit(self.state)
        if not same:
            self.show_message(f"Opened {file}.")
        for warning in config.warnings if config else ():
            self.show_message(warning, Grade.WARNING)
        if config and not same:
            self._ask_for_trust(config)
        self.outside.opened()
        self.look(recover=not same)

    def _ask_for_trust(self, config: Config) -> None:
        """Ask about servers that nobody confirmed.  Until then every connection to them is refused."""
        try:
            hosts = unconfirmed_hosts(config)
        except ChorusError as error:  # the machine policy cannot be read
            self.show_error(error)
            return
        if hosts:
            self.trust_wanted.emit(tuple(hosts))

    def _close_config(self, _: intents.CloseConfig) -> None:
        self.settings.put("last", None)
        self._use(None)
        now, kept = self.state, self._preferences()
        self.state = SessionState(sites=self.settings.sites, jobs=now.jobs, after=now.after, messages=now.messages, preferences=kept)
        self._looks += 1
        self.changed.emit(self.state)

    def _use(self, workspace: Workspace | None) -> None:
        """Hold another workspace.  Jobs and readers of the previous one hold it themselves, until they end."""
        if workspace is not None:
            workspace.__enter__()
        use_configuration(workspace.config.file if workspace else None)
        before, self._workspace = self._workspace, workspace
        if before is not None:
            before.__exit__(None, None, None)

    # --- reading the facts ------------------------------------------------------------------------------------------

    def look(self, *, recover: bool = False, remote: bool = True) -> None:
        """Read the facts again, off the screen's thread; answers about what is no longer open are dropped.  ``remote``: ask the cloud, too."""
        config = self.state.config
        if config is None:
            return
        self._looks += remote  # otherwise, what the cloud was asked is still to be answered
        look, revision, ask = self._looks, self._revision, self.ask_facts
        self.outside.looking()
        ask(lambda ctx: facts.journal(config, ctx), lambda seen: self._seen(look, journal=seen), "journal", look)
        ask(lambda ctx: facts.review(config, revision, ctx), lambda seen: self._seen(look, review=seen, loading=False), "review", look)
        ask(lambda ctx: readiness(config, ctx), lambda seen: self._seen(look, readiness=seen), "readiness", look)
        ask(lambda ctx: facts.receipts(config, ctx), lambda seen: self._seen(look, receipts=seen), "receipts", look)
        if remote:
            self.look_remote(recover=recover)

    def ask_facts(self, step: Step, then: Callable[[Any], None], channel: str, look: int | None = None) -> None:
        """Read something for the state, in this look; a failure only goes to the log, one of an earlier look nowhere."""
        self._facts.ask(self, step, lambda outcome: self._answered(outcome, then, look), channel=channel)

    def when_read(self, then: Callable[[], None]) -> None:
        """Call ``then`` when every reader has answered what it was asked before: nobody has the review's file open then.  Not for another site."""
        waiting, doing, site = [self.reader, self.pager, self._facts], self._doing, self.state.site

        def answered(reader: Reader) -> None:
            waiting.remove(reader)
            if not waiting and not self._stopping and self.state.site == site:
                self._doing = doing
                then()

        for reader in tuple(waiting):
            reader.ask(self, lambda _: None, lambda _, reader=reader: answered(reader))

    def look_remote(self, *, recover: bool = False, timed: bool = False) -> None:
        """Read who has the cloud journal again, off the screen's thread."""
        workspace = self._workspace
        if workspace is None or self.state.busy:
            return
        look, offer, config = self._looks, timed and bool(self.state.custody.offers), workspace.config
        self._recovering = recover = recover or self._recovering  # this question replaces one that nobody answered yet

        def custody_seen(seen: CustodyFacts) -> None:
            self._recovering = False
            self._seen(look, custody=seen, credential=facts.credential(config))

        self._remote.ask(
            self,
            lambda ctx: facts.custody(workspace, ctx, recover=recover, offer=offer),
            lambda outcome: self._answered(outcome, custody_seen, look),
            channel="custody",
        )
        self._remote.ask(
            self,
            lambda ctx: shared(workspace, ctx),
            lambda outcome: self._answered(outcome, lambda seen: self._seen(look, receipts=seen.receipts, complete=seen.complete), look),
            channel="shared",
        )
        wrong_seen: Callable[[Outcome[Any]], None] = lambda found: self._answered(found, lambda seen: self._seen(look, wrong=seen), look)  # noqa: E731
        self._remote.ask(self, lambda ctx: facts.wrong(workspace, ctx), wrong_seen, channel="wrong")
        away_seen: Callable[[Outcome[Any]], None] = lambda found: self._answered(found, lambda seen: self._seen(look, away=seen), look)  # noqa: E731
        self.checker.ask(self, lambda ctx: facts.away(config, ctx), away_seen, channel="away")  # a dead share takes long

    def _answered(self, outcome: Outcome[Any], then: Callable[[Any], None], look: int | None) -> None:
        if outcome.kind is OutcomeKind.DONE:
            then(outcome.value)
        elif outcome.kind is OutcomeKind.FAILED and look in (None, self._looks):  # only if it is about the latest look
            self.show_message(str(outcome.error), Grade.BAD, loading=False)
        elif outcome.kind is OutcomeKind.CRASHED and look in (None, self._looks):
            self.update(loading=False)

    def _seen(self, look: int, **fields: Any) -> None:
        """Answers that arrive together are drawn together."""
        self._found.append((look, fields))
        self._soon.start()

    def _take_found(self) -> None:
        found, self._found = self._found, []
        if fields := {name: value for look, seen in found if look == self._looks for name, value in seen.items()}:
            self.update(**fields)

    # --- jobs -------------------------------------------------------------------------------------------------------

    def workspace(self) -> Workspace:
        """What a job works on.  Raises :class:`ConfigError` if no usable configuration is open."""
        if self._workspace is None:
            raise ConfigError("No usable configuration is open.", remedy="Open one, or fix its problems on the Configuration page.")
        return self._workspace

    def show_page(self, name: str, topic: str = "") -> None:
        """Bring a page to the front."""
        self.page_wanted.emit(name, topic)

    def show_sides(self, file: Path, sides: Any) -> None:
        """Ask the person to decide between a file and the cloud journal."""
        self.sides_wanted.emit(file, sides)

    def ask_set_aside(self, again: tuple[str, ...]) -> None:
        """Ask the person whether to set the local journal aside."""
        self.set_aside_wanted.emit(again)

    def show_script(self, tool: str) -> None:
        """Ask the person about a script, or a list."""
        self.script_wanted.emit(tool)

    def start(
        self,
        kind: JobKind,
        title: str,
        step: Callable[[JobContext], T],
        done: Callable[[T], str] | None = None,
        *,
        cancellable: bool = True,
        key: str | None = None,
    ) -> None:
        """Run a step as a job on the open journal.  ``done`` reduces its value (of a run that succeeded: its :class:`Done`) to a sentence."""
        if self.state.last is not None and kind not in actions.QUIET:
            self.update(last=None)  # what the job before said is about another moment
        origin, doing = self.state.key, self._doing
        number = self.jobs.start(
            kind,
            title,
            origin if key is None else key,
            step,
            lambda job, outcome: self._job_ended(job, outcome, done, doing if self.state.key == origin else None),
            cancellable=cancellable,
        )
        self.show_message(f"{title}: {'waiting for another job' if any(j.id == number for j in self.state.queue) else 'started'}.")

    def _jobs_changed(self) -> None:
        if (views := self.jobs.views()) != self.state.jobs:
            self.update(jobs=views)
        self._maybe_stopped()

    def _job_ended(self, job: Job, outcome: Outcome[Any], done: Callable[[Any], str] | None, doing: intents.Intent | None) -> None:
        """``doing`` is what was asked for; None: the configuration that it worked for is no longer open."""
        value, here = outcome.value, doing is not None
        run: Done[Any] | None = value if isinstance(value, Done) else None
        end = job_end(job, run.outcome if run else outcome, done(value) if succeeded(outcome) and done and here else "", run)
        sentence = " ".join(part for part in (end.text, end.remedy) if part)
        fields: dict[str, Any] = {"jobs": self.jobs.views()}
        if end.outcome is not OutcomeKind.DONE or end.kind not in actions.QUIET:
            fields["last"] = end
        if run is not None and here and job.kind in SENDING | {JobKind.RECORD}:
            fields["failures"] = tuple(run.log.failures)
            if job.kind in SENDING and run.log.transfers.network_bytes > 1_000_000 and job.seconds > 1:
                self.settings.put("rate", run.log.transfers.network_bytes / job.seconds)
                fields["preferences"] = self._preferences()
        self.show_message(sentence if sentence.startswith(job.title) else f"{job.title}: {sentence}", end.grade, **fields)
        if job.kind in actions.CHANGES_REVIEW:
            self._revision += 1
        if not self._stopping and job.kind in actions.LOOK_AFTER:
            self.look()
        self.ended.emit(end)
        if end.outcome is OutcomeKind.CRASHED:
            self.crashed.emit((run.outcome if run else outcome).report)
        if here and self._workspace is not None:
            self._workspace.accept_less = False
        error = (run.outcome if run else outcome).error
        if isinstance(error, UntrustedHostError) and not self._stopping:
            self.trust_wanted.emit((error.host,))
        if here and isinstance(error, LessHistoryError):
            self.less_history.emit(error, doing)
        elif here and isinstance(error, CustodyConflictError) and self.state.config is not None:
            self.sides_wanted.emit(self.state.config.journal.local, error.sides)
