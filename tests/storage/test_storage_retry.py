"""How long it takes until a request is sent again."""

from __future__ import annotations

from chorus_gui.core.storage.retry import LONGEST_WAIT, RetryPolicy


def test_waits_are_random_capped_and_as_long_as_the_service_asks():
    policy = RetryPolicy()
    assert max(policy.wait(20) for _ in range(200)) <= 30.0
    assert len({policy.wait(5) for _ in range(20)}) > 10
    assert all(0 <= policy.wait(attempt) <= 0.5 * 2 ** (attempt - 1) for attempt in (1, 2, 3))
    assert policy.wait(1, 17.0) == 17.0
    assert policy.wait(1, 1e9) == LONGEST_WAIT
