"""Every step of check-out and check-in meets a store that is away, busy, or whose answer is lost: it waits, or the next command continues."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from awayworld import BUSY, LOST, MINUTE, OUTAGE_5, OUTAGE_20, OUTAGE_20_LOST, AwayStore, Clock, Trouble
from custodyworld import BLOB, LOCK, cloud_names, entry, journal_bytes, names, person, record
from memorystore import MemoryStore

from chorus_gui.app.status import Status, of_error
from chorus_gui.core.custody import session as session_module
from chorus_gui.core.custody.checkin import checkin
from chorus_gui.core.custody.checkout import checkout
from chorus_gui.core.custody.cloud_journal import CloudJournal
from chorus_gui.core.custody.session import session
from chorus_gui.core.custody.state import State, look
from chorus_gui.core.custody.unlock import unlock
from chorus_gui.core.errors import AccessError, ChorusError, Silence
from chorus_gui.core.job import JobContext
from chorus_gui.core.journal.store import Journal
from chorus_gui.core.storage.base import StoreLimits
from chorus_gui.core.storage.digests import md5_of
from chorus_gui.core.storage.outage import PATIENCE_S, Outage
from chorus_gui.core.storage.retrying import RetryingStore

WAITED = 15 * MINUTE


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


class Case:
    """A journal in the cloud, and a person at a computer.  ``small`` stores take the journal in blocks."""

    def __init__(self, folder: Path, clock: Clock, *, small: bool = False, keeps_md5: bool = True) -> None:
        self.store = MemoryStore(limits=StoreLimits(put_bytes=4096, block_bytes=8192) if small else None)
        self.store.keeps_md5 = keeps_md5
        self.clock = clock
        self.folder = folder
        data = journal_bytes("a", "b")
        self.store.stage_block(BLOB, "0", data)
        self.store.commit_blocks(BLOB, ["0"], md5=md5_of(data).digest())

    def home(self, at: int | None = None, trouble: Trouble = LOST) -> tuple[CloudJournal, AwayStore]:
        """The computer, whose request number ``at`` meets the trouble.  The store has answered before."""
        away = AwayStore(self.store, self.clock, at, trouble)
        outage = Outage(patience=WAITED, clock=self.clock)
        outage.answered()
        home = person(self.store, self.folder / "mine")
        return replace(home, store=RetryingStore(away, outage)), away


def run(step: Callable[[CloudJournal, JobContext], object], home: CloudJournal) -> ChorusError | None:
    ctx = JobContext()
    try:
        with ctx.entered():
            step(home, ctx)
    except ChorusError as error:
        return error
    return None


def checked_out(home: CloudJournal, ctx: JobContext) -> None:
    checkout(home, ctx)


def a_command(home: CloudJournal, ctx: JobContext) -> None:
    """Check out, record, check in: what every command that writes does."""
    no_config: Any = None
    with session(no_config, home, ctx, purpose="file upload") as work, Journal.open(work.journal, create=True) as journal:
        if "new" not in {row.path for row in journal.rows()}:
            journal.commit([entry("new")], at_us=1_700_000_000_000_001)


def prepared(case: Case, kind: str) -> Callable[[CloudJournal, JobContext], object]:
    """What is done, and what comes before it."""
    if kind == "check out":
        return checked_out
    if kind == "a command":
        return a_command
    home, _ = case.home()
    checkout(home, JobContext())
    record(home.local, "new")
    if kind == "check in":
        return lambda home, ctx: checkin(home, ctx)
    return lambda home, ctx: unlock(home, ctx)


KINDS = ("check out", "check in", "unlock", "a command")


def steps(folder: Path, clock: Clock, kind: str) -> list[str]:
    """The requests of an undisturbed run."""
    case = Case(folder, clock)
    step = prepared(case, kind)
    home, away = case.home()
    assert run(step, home) is None
    return away.requests


def check_end(case: Case, kind: str) -> None:
    """How it must look afterwards, however it came there."""
    home, _ = case.home()
    state = look(home, JobContext())
    if kind == "check out":
        assert state.state is State.MINE
        assert names(home.local) == {"a", "b"}
        return
    assert state.state is State.FREE
    assert case.store.head(LOCK) is None
    assert cloud_names(case.store) == ({"a", "b"} if kind == "unlock" else {"a", "b", "new"})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "trouble", [OUTAGE_5, OUTAGE_20, OUTAGE_20_LOST, BUSY, LOST], ids=["5 min", "20 min", "20 min lost", "busy", "lost"]
)
def test_every_step_waits_or_the_next_command_continues(tmp_path: Path, clock: Clock, kind: str, trouble: Trouble) -> None:
    requests = steps(tmp_path / "undisturbed", clock, kind)
    assert len(requests) >= 3
    for number, request in enumerate(requests):
        case = Case(tmp_path / str(number), clock)
        step = prepared(case, kind)
        home, _ = case.home(number, trouble)
        began = clock.now
        error = run(step, home)
        waited, where = clock.now - began, f"{kind}, request {number}: {request}"
        if trouble.minutes < 15:
            assert error is None, f"{where}: {error}"
            assert waited >= max(trouble.minutes * MINUTE, trouble.busy * trouble.retry_after), where
            assert waited < trouble.minutes * MINUTE + 120, where
        else:
            assert error is not None, where
            assert of_error(error) is Status.STOPPED, f"{where}: {error}"
            assert WAITED <= waited < WAITED + 3 * MINUTE, f"{where}: waited {waited}"
            assert "15 minutes" in str(error), f"{where}: {error}"
            clock.pass_by(20 * MINUTE)
            again = run(step, case.home()[0])
            continues = again is None or (kind == "check out" and "checked out" in str(again)) or kind == "unlock"
            assert continues, f"{where}: {again}"
        check_end(case, kind)


def test_a_store_that_never_answered_is_given_up_soon(tmp_path: Path, clock: Clock) -> None:
    case = Case(tmp_path, clock)
    home, away = case.home(0, OUTAGE_20)
    home = replace(home, store=RetryingStore(away, Outage(clock=clock, patience=WAITED)))
    began = clock.now
    error = run(checked_out, home)
    assert error is not None
    assert of_error(error) is Status.STOPPED
    assert clock.now - began < MINUTE


def test_fifteen_minutes_is_what_people_are_promised() -> None:
    assert PATIENCE_S == WAITED


@pytest.mark.parametrize("trouble", [OUTAGE_5, LOST], ids=["5 min", "lost"])
@pytest.mark.parametrize(("small", "keeps_md5"), [(True, True), (False, False), (True, False)])
def test_a_check_in_in_blocks_and_to_a_store_without_md5(
    tmp_path: Path, clock: Clock, trouble: Trouble, small: bool, keeps_md5: bool
) -> None:
    for number in range(40):
        case = Case(tmp_path / str(number), clock, small=small, keeps_md5=keeps_md5)
        step = prepared(case, "check in")
        home, away = case.home(number, trouble)
        assert run(step, home) is None
        check_end(case, "check in")
        if number >= len(away.requests):
            return
    pytest.fail("a check-in of more than 40 requests")


@pytest.mark.parametrize("waited", [True, False])
def test_a_check_in_that_waited_in_vain_for_a_credential_is_continued_by_the_next_command(tmp_path: Path, waited: bool) -> None:
    refused = AccessError("The token has expired.")
    refused.silence = Silence.STOPPED if waited else Silence.NONE
    assert of_error(session_module._not_back(refused, tmp_path)) is (Status.STOPPED if waited else Status.NOT_STARTED)
