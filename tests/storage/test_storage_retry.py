"""When a request is tried again."""

from __future__ import annotations

import pytest

from chorus_gui.core.errors import AccessError, Cancelled, StoreUnavailableError
from chorus_gui.core.job import JobContext
from chorus_gui.core.storage.retry import LONGEST_WAIT, RetryPolicy, Tries


class Clock(JobContext):
    """Notes the waits in place of waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.checkpoint()


def failing(times: int, error: Exception):
    left = [times]

    def request() -> str:
        if left[0]:
            left[0] -= 1
            raise error
        return "answer"

    return request


def test_a_busy_store_is_asked_again():
    ctx, tries = Clock(), Tries()
    assert RetryPolicy().call(failing(4, StoreUnavailableError("busy")), ctx, tries) == "answer"
    assert tries.count == 5
    assert len(ctx.waits) == 4
    assert all(0 <= wait <= 0.5 * 2**index for index, wait in enumerate(ctx.waits))


def test_it_gives_up_after_so_many_attempts():
    ctx, tries = Clock(), Tries()
    with pytest.raises(StoreUnavailableError):
        RetryPolicy(attempts=3).call(failing(3, StoreUnavailableError("busy")), ctx, tries)
    assert (tries.count, len(ctx.waits)) == (3, 2)


def test_a_refusal_is_not_asked_again():
    ctx = Clock()
    with pytest.raises(AccessError):
        RetryPolicy().call(failing(1, AccessError("no")), ctx)
    assert ctx.waits == []


def test_waits_are_random_capped_and_as_long_as_the_service_asks():
    policy = RetryPolicy()
    assert max(policy.wait(20) for _ in range(200)) <= 30.0
    assert len({policy.wait(5) for _ in range(20)}) > 10
    assert policy.wait(1, 17.0) == 17.0
    assert policy.wait(1, 1e9) == LONGEST_WAIT
    ctx = Clock()
    RetryPolicy().call(failing(1, StoreUnavailableError("busy", retry_after=7.5)), ctx)
    assert ctx.waits == [7.5]


def test_a_cancellation_ends_the_waiting():
    ctx = Clock()
    ctx.cancel()
    with pytest.raises(Cancelled):
        RetryPolicy().call(failing(1, StoreUnavailableError("busy")), ctx)
