"""A credential that ends in the middle: requests wait for another one, all of them use it, and a refusal at the start waits for nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from awayworld import MINUTE, Clock
from memorystore import MemoryStore

from chorus_gui.app.status import Status, of_error
from chorus_gui.core.config.sas import SasInfo
from chorus_gui.core.errors import AccessError, Cancelled, Silence, Why
from chorus_gui.core.job import JobContext, Patience, Progress
from chorus_gui.core.storage.outage import Outage
from chorus_gui.core.storage.renewal import Renewal, Renewed
from chorus_gui.core.storage.retrying import RetryingStore


@dataclass
class Service:
    """A store that accepts one token, and asks for the token that requests carry now."""

    clock: Clock
    accepted: str = "old"
    used: str = "old"
    saved: str = "old"
    """what the configuration has"""
    forbidden: tuple[str, ...] = ()
    """operations for which the token lacks a permission"""
    requests: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    inner: MemoryStore = field(default_factory=MemoryStore)
    looks: int = 0

    def __getattr__(self, name: str):
        real = getattr(self.inner, name)
        if not callable(real) or name == "close":
            return real

        def ask(*args: object, **options: object) -> object:
            self.requests.append((name, self.used))
            if self.used != self.accepted:
                raise refused(Why.CREDENTIAL)
            if name in self.forbidden:
                raise refused(Why.RIGHTS)
            return real(*args, **options)

        return ask

    def look(self) -> bool:
        self.looks += 1
        changed, self.used = self.saved != self.used, self.saved
        return changed

    changeable: bool = True

    def store(self) -> RetryingStore:
        renewed = Renewed(self.look, lambda: self.head("nothing"), "central", "Save a new token.", changeable=self.changeable)
        renewal = Renewal("The central store", renewed, patience=15 * MINUTE, clock=self.clock)
        return RetryingStore(self, Outage(clock=self.clock, patience=15 * MINUTE), renewal)  # type: ignore[arg-type]


def refused(why: Why) -> AccessError:
    error = AccessError("The central store does not accept the SAS token.", meaning="It expired.")
    error.why = why
    return error


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Service:
    return Service(Clock(monkeypatch))


@pytest.fixture
def ctx() -> Iterator[JobContext]:
    with JobContext().entered() as job:
        yield job


def at(service: Service, monkeypatch: pytest.MonkeyPatch, seconds: float, saved: str, accepted: str = "") -> None:
    """A person saves another token so many seconds from now."""
    real, due = JobContext.sleep, service.clock.now + seconds

    def sleep(self: JobContext, pause: float) -> None:
        real(self, pause)
        if service.clock.now >= due:
            service.saved = saved
            service.accepted = accepted or service.accepted

    monkeypatch.setattr(JobContext, "sleep", sleep)


def test_a_token_that_ends_in_the_middle_is_waited_for(service: Service, ctx: JobContext, monkeypatch: pytest.MonkeyPatch) -> None:
    store = service.store()
    store.put("a", b"1")
    service.accepted = "new"
    at(service, monkeypatch, 300, "new")
    service.requests.clear()
    store.put("b", b"2")
    assert [used for name, used in service.requests if name == "put"] == ["old", "new"], "one request finds out, one continues"
    assert service.requests.count(("head", "old")) <= 11, "now and then a small request"
    assert 300 <= service.clock.now < 310, "it is found within seconds"
    assert ctx.progress.snapshot().waiting is None


def test_a_refusal_at_the_beginning_is_an_error_at_once(service: Service, ctx: JobContext) -> None:
    service.accepted = "new"
    with pytest.raises(AccessError) as raised:
        service.store().put("a", b"1")
    assert (service.clock.now, service.looks, raised.value.silence) == (0, 0, Silence.NONE)


def test_in_the_next_job_it_is_a_beginning_again(service: Service) -> None:
    store = service.store()
    with JobContext().entered():
        store.put("a", b"1")
    service.accepted = "new"
    with JobContext().entered(), pytest.raises(AccessError):
        store.put("b", b"1")
    assert service.clock.now == 0


def test_a_permission_that_is_missing_for_one_operation_is_an_error_at_once(service: Service, ctx: JobContext) -> None:
    store = service.store()
    store.put("a", b"1")
    service.forbidden = ("delete",)
    with pytest.raises(AccessError):
        store.delete("a")
    assert service.clock.now == 0


def test_a_permission_that_is_taken_away_is_waited_for(service: Service, ctx: JobContext, monkeypatch: pytest.MonkeyPatch) -> None:
    store = service.store()
    store.put("a", b"1")
    service.forbidden = ("put",)
    real = JobContext.sleep

    def sleep(self: JobContext, pause: float) -> None:
        real(self, pause)
        if service.clock.now > 120:
            service.forbidden = ()

    monkeypatch.setattr(JobContext, "sleep", sleep)
    store.put("b", b"1")
    assert 120 < service.clock.now <= 180


def test_after_the_patience_it_stops_in_a_state_that_continues(service: Service, ctx: JobContext) -> None:
    store = service.store()
    store.put("a", b"1")
    service.accepted = "new"
    with pytest.raises(AccessError) as raised:
        store.put("b", b"1")
    assert 15 * MINUTE <= service.clock.now < 16 * MINUTE
    assert raised.value.silence is Silence.STOPPED
    assert of_error(raised.value) is Status.STOPPED
    assert "waited 15 minutes" in str(raised.value)
    assert "Save a new token." in str(raised.value)
    before = service.clock.now
    with pytest.raises(AccessError):
        store.head("a")
    assert service.clock.now - before < 10, "it was waited for already: the check-in fails at once"
    service.saved = service.accepted
    store.head("a")


def test_another_token_that_is_refused_too_does_not_end_the_waiting(
    service: Service, ctx: JobContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = service.store()
    store.put("a", b"1")
    service.accepted = "right"
    at(service, monkeypatch, 60, "wrong")
    at(service, monkeypatch, 120, "right")
    store.put("b", b"1")
    assert service.requests[-1] == ("put", "right")


def test_the_same_token_that_is_accepted_again_ends_the_waiting(service: Service, ctx: JobContext, monkeypatch: pytest.MonkeyPatch) -> None:
    """The laptop was in another network for a while."""
    store = service.store()
    store.put("a", b"1")
    service.accepted = "none"
    at(service, monkeypatch, 200, "old", accepted="old")
    store.put("b", b"1")
    assert 200 <= service.clock.now <= 240


def test_what_a_person_sees_meanwhile(service: Service, ctx: JobContext, monkeypatch: pytest.MonkeyPatch) -> None:
    store = service.store()
    store.put("a", b"1")
    service.accepted = "new"
    at(service, monkeypatch, 60, "new")
    real, texts = JobContext.sleep, []

    def sleep(self: JobContext, pause: float) -> None:
        waiting = self.progress.snapshot().waiting
        assert waiting is not None
        texts.append(waiting)
        real(self, pause)

    monkeypatch.setattr(JobContext, "sleep", sleep)
    store.put("b", b"1")
    assert {(waiting.why, waiting.credential) for waiting in texts} == {(Why.CREDENTIAL, "central")}
    assert "has refused the credential since" in texts[0].text
    assert "Save a new token." in texts[0].text
    assert "Trying again until" in texts[0].text


def test_all_threads_wait_and_continue_with_the_new_token_alone(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    ctx, store = JobContext(), service.store()
    with ctx.entered():
        store.put("a", b"1")
    service.accepted = "new"
    at(service, monkeypatch, 120, "new")
    failed: list[BaseException] = []

    def work(number: int) -> None:
        try:
            with ctx.entered():
                for file in range(5):
                    store.put(f"{number}/{file}", b"1")
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    puts = [used for name, used in service.requests if name == "put"][1:]
    assert puts.count("new") == 40
    assert puts.count("old") <= 8, "each thread finds out once at most"
    first = puts.index("new")
    assert "old" not in puts[first:]


def test_waiting_for_a_token_can_be_cancelled_and_leaves_nothing(service: Service) -> None:
    ctx, store = JobContext(), service.store()
    with ctx.entered():
        store.put("a", b"1")
        service.accepted = "new"
        real = JobContext.sleep
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(JobContext, "sleep", lambda self, seconds: (ctx.cancel(), real(self, seconds)))
            with pytest.raises(Cancelled):
                store.put("b", b"1")
    with JobContext().entered(), pytest.raises(AccessError):
        store.head("a")
    assert service.clock.now < 10


@pytest.mark.parametrize("patience", [Patience.BRIEF, Patience.ONCE])
def test_a_question_of_the_window_does_not_wait_for_a_token(service: Service, patience: Patience) -> None:
    store = service.store()
    with JobContext(patience=patience).entered():
        store.put("a", b"1")
        service.accepted = "new"
        with pytest.raises(AccessError):
            store.put("b", b"1")
    assert service.clock.now == 0


def test_a_branch_with_a_progress_of_its_own_belongs_to_the_job(service: Service, ctx: JobContext, monkeypatch: pytest.MonkeyPatch) -> None:
    """The journal is sent in one, at check-in."""
    store = service.store()
    store.head("a")
    apart = ctx.branch()
    apart.progress = Progress()
    service.accepted = "new"
    at(service, monkeypatch, 60, "new")
    with apart.entered():
        store.put("journal.db", b"1")
    assert service.clock.now >= 60


def test_what_the_letters_of_a_token_do_not_allow_is_not_waited_for(service: Service) -> None:
    """A token that may create a small blob may lack the right to write one in blocks: nobody changes that."""
    service.changeable = False
    store = service.store()
    with JobContext().entered():
        store.put("small", b"1")
        service.forbidden = ("stage_block", "put")
        for write in (lambda: store.stage_block("large", "1", b"1"), lambda: store.put("small", b"2")):
            with pytest.raises(AccessError):
                write()
    assert service.clock.now < MINUTE


@pytest.mark.parametrize(
    ("token", "changeable"),
    [
        ("sv=2024&sp=rcwl&sr=c&sig=x", False),
        ("sv=2024&si=a-policy&sr=c&sig=x", True),
        ("sv=2024&sp=rcwl&skoid=1&sktid=2&sig=x", True),
    ],
)
def test_a_token_says_if_what_it_allows_can_change(token: str, changeable: bool) -> None:
    assert SasInfo.parse(token).changeable is changeable
