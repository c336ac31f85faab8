"""How much is on its way: little on a slow line, all that the threads can send on a fast one, and never nothing."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace

import pytest

from chorus_gui.core.errors import Cancelled
from chorus_gui.core.job import JobContext
from chorus_gui.core.storage.base import StoreLimits
from chorus_gui.core.transfer import pace as module
from chorus_gui.core.transfer.blocks import BLOCK, BLOCKS, MIB, block_id, block_size, staged_size
from chorus_gui.core.transfer.pace import FIRST_BLOCK, LEAST, START, Pace

LIMITS = StoreLimits(put_bytes=4 * MIB, block_bytes=100 * MIB)


class Line:
    """A line of so many bytes a second that all requests share; its clock goes on only when something is sent."""

    def __init__(self, rate: float, patch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        self.rate = rate
        patch.setattr(module, "time", SimpleNamespace(monotonic=lambda: self.now))

    def round(self, pace: Pace, size: int, most: int) -> int:
        """As many requests together as the pace lets begin; how many that were."""
        entered = []
        while len(entered) < most and (not entered or pace._under_way + size <= pace.budget):
            sending = pace.sending(size)
            sending.__enter__()
            entered.append(sending)
        self.now += len(entered) * size / self.rate
        for sending in entered:
            sending.__exit__(None, None, None)
        return len(entered)


@pytest.mark.parametrize("mbit", [0.5, 1, 4, 10])
def test_on_a_slow_line_what_is_on_its_way_takes_less_than_a_minute(monkeypatch: pytest.MonkeyPatch, mbit: float) -> None:
    line, pace = Line(mbit * 125_000, monkeypatch), Pace(JobContext(), 16 * BLOCK)
    for _ in range(30):
        line.round(pace, pace.block_size(), 8)
        assert pace.budget / line.rate < 70 or pace.budget <= START
    assert pace.budget / line.rate < 40


@pytest.mark.parametrize("mbit", [400, 1000, 8000])
def test_on_a_fast_line_all_threads_send_after_a_moment(monkeypatch: pytest.MonkeyPatch, mbit: float) -> None:
    line, pace = Line(mbit * 125_000, monkeypatch), Pace(JobContext(), 16 * BLOCK)
    began = line.now
    while line.round(pace, BLOCK, 8) < 8:
        assert line.now - began < 5
    assert pace.block_size() == BLOCK


def test_a_line_that_becomes_slow_and_fast_again(monkeypatch: pytest.MonkeyPatch) -> None:
    line, pace = Line(50_000_000, monkeypatch), Pace(JobContext(), 16 * BLOCK)
    for _ in range(20):
        line.round(pace, BLOCK, 8)
    high, line.rate = pace.budget, 125_000
    for _ in range(20):
        line.round(pace, BLOCK, 8)
    assert pace.budget < high / 8
    assert pace.block_size() == BLOCKS[0]
    line.rate = 50_000_000
    for _ in range(60):
        line.round(pace, BLOCK, 8)
    assert pace.budget == high
    assert pace.block_size() == BLOCK


def test_one_request_is_always_on_its_way_however_large_it_is() -> None:
    pace = Pace(JobContext(), 16 * BLOCK)
    with pace.sending(1000 * MIB):
        pass


def test_a_request_that_waits_for_its_turn_ends_with_the_job() -> None:
    ctx = JobContext()
    pace = Pace(ctx, 16 * BLOCK)
    ended: list[type[BaseException]] = []

    def wait() -> None:
        try:
            with pace.sending(START):
                pass
        except Cancelled:
            ended.append(Cancelled)

    with pace.sending(START):
        thread = threading.Thread(target=wait)
        thread.start()
        time.sleep(0.1)
        ctx.cancel()
        thread.join(2)
        assert not thread.is_alive()
    assert ended == [Cancelled]
    with pace.sending(START):  # its bytes are not counted any longer
        assert pace._under_way == START


def test_a_failed_request_gives_its_place_back() -> None:
    pace = Pace(JobContext(), 16 * BLOCK)
    with pytest.raises(LookupError), pace.sending(START):
        raise LookupError
    assert pace._under_way == 0
    assert pace.budget == START, "a request that failed tells nothing about the line"
    assert pace.block_size() == FIRST_BLOCK


def test_a_request_with_few_bytes_says_nothing_about_the_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    line, pace = Line(1000, monkeypatch), Pace(JobContext(), 16 * BLOCK)
    line.round(pace, LEAST - 1, 1)
    assert pace.block_size() == FIRST_BLOCK
    line.round(pace, LEAST, 1)
    assert pace.block_size() == BLOCKS[0]


def test_slow_requests_that_were_under_way_together_are_one_sign(monkeypatch: pytest.MonkeyPatch) -> None:
    line, pace = Line(50_000_000, monkeypatch), Pace(JobContext(), 16 * BLOCK)
    for _ in range(20):
        line.round(pace, BLOCK, 8)
    high, line.rate = pace.budget, 125_000
    assert line.round(pace, BLOCK, 8) == 8
    assert pace.budget == pytest.approx(0.6 * high, abs=1)


def test_the_time_of_a_pause_says_nothing_about_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    paused = 0.0
    monkeypatch.setattr(JobContext, "held_seconds", property(lambda _: paused))
    ctx = JobContext()
    line, pace = Line(50_000_000, monkeypatch), Pace(ctx, 16 * BLOCK)
    before = pace.budget
    with pace.sending(BLOCK):
        paused = 3600.0
        line.now += 3600.2
    assert pace.budget > before
    assert pace.block_size() == BLOCK


def test_the_budget_never_falls_below_the_least(monkeypatch: pytest.MonkeyPatch) -> None:
    line, pace = Line(1000, monkeypatch), Pace(JobContext(), 16 * BLOCK)
    for _ in range(50):
        line.round(pace, MIB, 8)
    assert pace.budget == LEAST


@pytest.mark.parametrize("staged", [MIB, 2 * MIB, 4 * MIB])
def test_a_file_that_is_continued_at_another_pace_has_the_blocks_that_are_staged(staged: int) -> None:
    names = {block_id(number, staged, "0" * 32): staged for number in range(5)} | {block_id(9, BLOCK, "1" * 32): 100, "QUFBQQ==": 50 * MIB}
    assert staged_size(names) == staged
    assert block_size(100 * MIB, LIMITS, staged_size(names)) == staged


def test_other_tools_blocks_tell_no_size() -> None:
    assert staged_size({}) == 0
    assert staged_size({"QUFBQQ==": 10, "000001-x": 5}) == 0


def test_the_number_of_blocks_suffices_at_every_pace() -> None:
    for wanted in BLOCKS:
        for size in (1, 100 * MIB, 60_000 * MIB, 1_000_000 * MIB):
            block = block_size(size, LIMITS, wanted)
            assert -(-size // block) <= LIMITS.blocks


@pytest.mark.parametrize("size", [0, 1, MIB - 1, MIB + 1, 9 * MIB, 100 * MIB, 4000 * MIB, 10**24 - 1])
def test_a_size_that_this_program_never_uses_is_not_taken_from_the_store(size: int) -> None:
    """Whoever may write to the container can leave blocks with any id: one must not cost memory, or stop the upload."""
    assert staged_size({f"000000-{size:024d}-{'0' * 32}": 100 * MIB}) == 0


def test_while_a_job_is_paused_requests_that_end_give_their_places_back() -> None:
    ctx = JobContext()
    pace = Pace(ctx, 16 * BLOCK)
    first = pace.sending(START)
    first.__enter__()
    entered = threading.Event()

    def wait() -> None:
        with pace.sending(START):
            entered.set()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    ctx.pause()
    time.sleep(0.6)  # it notices the pause while it waits for its turn
    ended = threading.Thread(target=lambda: first.__exit__(None, None, None), daemon=True)
    ended.start()
    ended.join(2)
    assert not ended.is_alive()
    assert not entered.is_set()
    ctx.resume()
    assert entered.wait(5)
