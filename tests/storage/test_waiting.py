"""What a person sees while something is waited for: what, why, since when, until when; and what the estimate does meanwhile."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, cast

import pytest
from awayworld import MINUTE, AwayStore, Clock, Trouble
from memorystore import MemoryStore

from chorus_gui.cli.report import json_line
from chorus_gui.core.errors import AccessError, ChorusError, Silence, StoreUnavailableError, Why
from chorus_gui.core.job import JobContext, Progress
from chorus_gui.core.storage import silence
from chorus_gui.core.storage.base import Store
from chorus_gui.core.storage.outage import Outage
from chorus_gui.core.storage.retrying import RetryingStore
from chorus_gui.core.storage.silence import moved
from chorus_gui.core.waiting import Waiting

MIB8 = 8 * 1024 * 1024


def answered_before(clock: Clock) -> Outage:
    made = Outage(clock=clock, patience=15 * MINUTE)
    made.answered()
    return made


def unanswered(why: Why | None, kind: type[ChorusError] = StoreUnavailableError, **options: Any) -> ChorusError:
    error = kind("no", **options)
    error.why = why
    return error


class Watched(MemoryStore):
    """A store that answers after what ``during`` does; it notes what a screen would show then."""

    def __init__(self, ctx: JobContext, during: Callable[[Callable[[], None]], None]) -> None:
        super().__init__()
        self.ctx, self.during = ctx, during
        self.seen: list[Waiting | None] = []

    def look(self) -> None:
        self.seen.append(self.ctx.progress.snapshot().waiting)

    def head(self, path: str) -> Any:
        self.during(self.look)
        return super().head(path)

    def put(self, path: str, data: Any, **options: Any) -> Any:
        self.during(self.look)
        return super().put(path, data, **options)


def shown_while(ctx: JobContext, monkeypatch: pytest.MonkeyPatch) -> list[Waiting]:
    """What is shown at every pause from now on, where it changes."""
    seen: list[Waiting] = []
    real = JobContext.sleep

    def sleep(self: JobContext, seconds: float) -> None:
        found = self.progress.snapshot().waiting
        if found is not None and (not seen or seen[-1] != found):
            seen.append(found)
        real(self, seconds)

    monkeypatch.setattr(JobContext, "sleep", sleep)
    return seen


# --- from the third silent second on ---------------------------------------------------------------------------------------


def test_a_request_that_nobody_answers_is_shown_after_three_seconds_not_when_it_fails(clock: Clock, ctx: JobContext) -> None:
    def during(look: Callable[[], None]) -> None:
        clock.pass_by(2.9)
        look()
        clock.pass_by(0.2)
        look()
        clock.pass_by(60)
        look()

    inner = Watched(ctx, during)
    began = datetime.now().astimezone()
    RetryingStore(inner, answered_before(clock)).head("a")
    early, at_once, late = inner.seen
    assert early is None
    assert at_once is not None
    assert at_once.why is Why.NO_ANSWER
    assert abs(at_once.since - began) < timedelta(seconds=2)
    assert late is not None
    assert late.since == at_once.since, "since when does not move"
    assert at_once.until is not None
    assert timedelta(minutes=14) < at_once.until - began < timedelta(minutes=15, seconds=2)
    assert ctx.progress.snapshot().waiting is None


@pytest.mark.parametrize("why", [Why.NAME, Why.REFUSED, Why.LOST, Why.STALLED, Why.TLS, Why.PROXY, Why.NO_ANSWER, None])
def test_the_reason_is_named(clock: Clock, ctx: JobContext, monkeypatch: pytest.MonkeyPatch, why: Why | None) -> None:
    seen = shown_while(ctx, monkeypatch)
    inner = MemoryStore()
    inner.fail_next("head", unanswered(why), times=40)
    store = RetryingStore(cast("Store", AwayForEver(inner, clock, why)), answered_before(clock))
    with pytest.raises(StoreUnavailableError):
        store.head("a")
    place = [waiting for waiting in seen if not waiting.file]
    assert place
    assert {waiting.why for waiting in place} == {why or Why.NO_ANSWER}
    assert all("has not answered since" in waiting.text and "Trying again until" in waiting.text for waiting in place)
    assert len({waiting.since for waiting in place}) == 1


class AwayForEver:
    """A store of which every request fails for the same reason, after a second."""

    def __init__(self, inner: MemoryStore, clock: Clock, why: Why | None) -> None:
        self._inner, self._clock, self._why = inner, clock, why

    def __getattr__(self, name: str) -> Any:
        def fail(*_args: object, **_options: object) -> None:
            self._clock.pass_by(1.0)
            raise unanswered(self._why)

        return fail


def test_the_service_that_asks_to_wait_is_shown_with_the_moment_of_the_next_attempt(
    clock: Clock, ctx: JobContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = shown_while(ctx, monkeypatch)
    inner = MemoryStore()
    inner.fail_next("head", unanswered(Why.BUSY, retry_after=45), times=2)
    RetryingStore(inner, answered_before(clock)).head("a")
    assert {waiting.why for waiting in seen} == {Why.BUSY}
    assert all(waiting.again is not None and "Trying again at" in waiting.text for waiting in seen)
    assert "busy" in seen[0].text


@pytest.mark.parametrize("why", [Why.STRANGER, Why.CERTIFICATE, Why.PROXY_LOGIN])
@pytest.mark.parametrize("kind", [StoreUnavailableError, AccessError])
def test_what_answers_in_place_of_the_store_is_named_at_once_and_waited_for(
    clock: Clock, ctx: JobContext, monkeypatch: pytest.MonkeyPatch, why: Why, kind: type[ChorusError]
) -> None:
    seen = shown_while(ctx, monkeypatch)
    inner = MemoryStore()
    inner.put("a", b"1")
    inner.fail_next("head", unanswered(why, kind), times=12)
    assert RetryingStore(inner, answered_before(clock)).head("a") is not None
    assert seen[0].why is why
    assert "sign" in seen[0].text
    assert not seen[0].file
    assert clock.now > 30


@pytest.mark.parametrize("why", [Why.STRANGER, Why.CERTIFICATE, Why.PROXY_LOGIN])
def test_what_answers_in_place_of_the_store_from_the_beginning_is_an_error_at_once(clock: Clock, ctx: JobContext, why: Why) -> None:
    inner = MemoryStore()
    inner.fail_next("head", unanswered(why, AccessError), times=12)
    known = Outage(clock=clock, patience=15 * MINUTE)
    for _ in range(2):  # what it says is no answer of the store
        with pytest.raises(AccessError):
            RetryingStore(inner, known).head("a")
    assert clock.now == 0


def test_a_file_that_alone_gets_no_answer_is_named_and_the_store_is_not_blamed(
    clock: Clock, ctx: JobContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = shown_while(ctx, monkeypatch)
    inner = MemoryStore()
    real = inner.put

    def put(path: str, *args: Any, **options: Any) -> Any:
        clock.pass_by(1.0)
        return real(path, *args, **options)

    inner.put = put  # type: ignore[method-assign]
    inner.fail_next("put", unanswered(Why.LOST), times=99)
    with pytest.raises(StoreUnavailableError):
        RetryingStore(inner, answered_before(clock)).put("v/a.dcm", b"x")
    assert {waiting.file for waiting in seen} == {"v/a.dcm"}, "nothing else is said of the store"
    assert "“v/a.dcm” has had no answer since" in seen[-1].text
    assert "answers other requests" in seen[-1].text


# --- what moves is not silent ------------------------------------------------------------------------------------------------


def test_a_large_body_on_a_slow_line_is_not_silent(clock: Clock, ctx: JobContext) -> None:
    def during(look: Callable[[], None]) -> None:
        for _ in range(30):
            clock.pass_by(2.5)
            moved()
            look()
        clock.pass_by(8)  # what waits in buffers on the way
        look()

    inner = Watched(ctx, during)
    RetryingStore(inner, answered_before(clock)).put("a", bytes(MIB8))
    assert inner.seen == [None] * 31


def test_a_large_body_that_stops_moving_is_silent(clock: Clock, ctx: JobContext) -> None:
    def during(look: Callable[[], None]) -> None:
        clock.pass_by(1)
        moved()
        clock.pass_by(MIB8 / silence.SLOWEST * 2 + 4)
        look()

    inner = Watched(ctx, during)
    RetryingStore(inner, answered_before(clock)).put("a", bytes(MIB8))
    assert inner.seen[0] is not None


def test_a_fast_line_makes_large_bodies_as_impatient_as_small_ones(clock: Clock, ctx: JobContext) -> None:
    waits = iter([0.1] * 12 + [3.5])

    def during(look: Callable[[], None]) -> None:
        clock.pass_by(next(waits))
        look()

    inner = Watched(ctx, during)
    store = RetryingStore(inner, answered_before(clock))
    for _ in range(13):
        store.put("a", bytes(MIB8))
    assert inner.seen[-1] is not None


# --- the estimate --------------------------------------------------------------------------------------------------------------


def test_time_stands_still_while_something_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("chorus_gui.core.job.time.monotonic", lambda: now[0])
    progress = Progress()
    progress.begin("upload")
    now[0] = 10.0
    assert progress.snapshot().elapsed == 10.0
    progress.waiting(Waiting("The central store", Why.NAME, datetime.now().astimezone()))
    assert progress.snapshot().elapsed == 10.0
    now[0] = 70.0
    assert progress.snapshot().elapsed == 10.0
    progress.waiting(None)
    assert progress.snapshot().elapsed == 10.0
    now[0] = 75.0
    assert progress.snapshot().elapsed == 15.0


def test_json_has_the_same_facts_and_no_estimate(clock: Clock, ctx: JobContext) -> None:
    lines: list[dict[str, Any]] = []

    def during(look: Callable[[], None]) -> None:
        clock.pass_by(5)
        look()
        lines.append(json.loads(json_line(ctx.progress.snapshot()))["progress"])

    ctx.progress.begin("verify")
    ctx.progress.add("Images", 3, 3_000)
    inner = Watched(ctx, during)
    RetryingStore(inner, answered_before(clock)).head("a")
    waiting = lines[0]["waiting"]
    shown = inner.seen[0]
    assert shown is not None
    assert waiting == {
        "place": "The central store",
        "why": "no_answer",
        "since": shown.since.isoformat(),
        "until": waiting["until"],
        "again": None,
        "file": None,
        "credential": None,
        "gave_up": False,
        "text": waiting["text"],
    }
    assert (lines[0]["phase"], lines[0]["files"], lines[0]["seconds_left"], lines[0]["bytes_per_second"]) == ("verify", 3, None, None)
    assert json.loads(json_line(ctx.progress.snapshot()))["progress"]["waiting"] is None


def test_two_jobs_do_not_see_each_others_waiting(clock: Clock) -> None:
    seen: list[Waiting | None] = []
    other = JobContext()
    with JobContext().entered() as ctx:

        def during(look: Callable[[], None]) -> None:
            clock.pass_by(10)
            look()
            seen.append(other.progress.snapshot().waiting)

        known = answered_before(clock)
        other.progress.watch(known)
        inner = Watched(ctx, during)
        RetryingStore(inner, known).head("a")
    assert inner.seen[0] is not None
    assert seen == [None]


def test_a_place_that_was_given_up_has_no_end(clock: Clock, ctx: JobContext) -> None:
    store = RetryingStore(AwayStore(MemoryStore(), clock, 0, Trouble(minutes=100)), answered_before(clock))
    with pytest.raises(StoreUnavailableError) as raised:
        store.head("a")
    assert raised.value.silence is Silence.STOPPED
    found = ctx.progress.snapshot().waiting
    assert found is not None
    assert (found.ends, found.until) == (False, None)


def test_a_place_that_takes_requests_and_never_answers_any_is_given_up_after_one_long_attempt(clock: Clock, ctx: JobContext) -> None:
    class Mute:
        def __getattr__(self, name: str) -> Any:
            def ask(*_args: object, **_options: object) -> None:
                clock.pass_by(90)
                raise unanswered(Why.NO_ANSWER)

            return ask

    with pytest.raises(StoreUnavailableError) as raised:
        RetryingStore(Mute(), Outage(clock=clock, patience=15 * MINUTE)).head("a")  # type: ignore[arg-type]
    assert clock.now < 2 * MINUTE
    assert raised.value.silence is Silence.NEVER


def test_a_small_request_behind_large_ones_on_a_slow_line_is_not_silent(clock: Clock, ctx: JobContext) -> None:
    known = answered_before(clock)
    inner = MemoryStore()
    seen: list[Waiting | None] = []
    store = RetryingStore(inner, known)
    real_put, real_head = inner.put, inner.head

    def head(path: str) -> Any:
        clock.pass_by(40)
        seen.append(ctx.progress.snapshot().waiting)
        return real_head(path)

    def put(path: str, *args: Any, **options: Any) -> Any:
        store.head("small")  # while these bytes are on their way
        clock.pass_by(27)
        return real_put(path, *args, **options)

    inner.head, inner.put = head, put  # type: ignore[method-assign]
    store.put("large", bytes(MIB8))
    assert seen == [None]
    store.head("small")
    assert seen[1] is not None, "nothing is before it now"
