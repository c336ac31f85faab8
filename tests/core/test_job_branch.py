"""A job's branches: the threads of one step."""

from __future__ import annotations

import threading
import time

import pytest

from chorus_gui.core.errors import Cancelled
from chorus_gui.core.job import JobContext


def test_a_branch_is_cancelled_with_its_job_and_not_the_other_way_round():
    ctx = JobContext()
    branch, other = ctx.branch(), ctx.branch()
    branch.cancel()
    with pytest.raises(Cancelled):
        branch.checkpoint()
    other.checkpoint()
    ctx.checkpoint()
    ctx.cancel()
    with pytest.raises(Cancelled):
        other.checkpoint()
    with pytest.raises(Cancelled):
        ctx.branch().checkpoint()


def test_a_branch_shares_progress_and_limit():
    ctx = JobContext()
    branch = ctx.branch()
    assert branch.progress is ctx.progress
    assert branch.limit is ctx.limit


@pytest.mark.parametrize("end", ["resume", "cancel job", "cancel branch"])
def test_a_paused_branch_waits_for_its_job(end: str):
    ctx = JobContext()
    branch = ctx.branch()
    ctx.pause()
    late = ctx.branch()
    passed: list[str] = []

    def work(context: JobContext, name: str) -> None:
        try:
            context.checkpoint()
            passed.append(name)
        except Cancelled:
            passed.append("cancelled " + name)

    threads = [threading.Thread(target=work, args=pair) for pair in ((branch, "early"), (late, "late"))]
    for thread in threads:
        thread.start()
    time.sleep(0.05)
    assert passed == []
    if end == "cancel branch":
        branch.cancel()
        threads[0].join(5)
        assert passed == ["cancelled early"]
        ctx.resume()
    elif end == "cancel job":
        ctx.cancel()
    else:
        ctx.resume()
    for thread in threads:
        thread.join(5)
    expected = {
        "resume": {"early", "late"},
        "cancel job": {"cancelled early", "cancelled late"},
        "cancel branch": {"cancelled early", "late"},
    }
    assert set(passed) == expected[end]


def test_a_pause_is_taken_out_of_the_elapsed_time_once_however_many_threads_it_holds():
    ctx = JobContext()
    ctx.progress.begin("upload")
    ctx.pause()
    threads = [threading.Thread(target=context.checkpoint) for context in [ctx.branch(), ctx.branch(), ctx, ctx]]
    for thread in threads:
        thread.start()
    time.sleep(1.0)
    ctx.pause()
    ctx.resume()
    ctx.resume()
    for thread in threads:
        thread.join(5)
    assert 0.0 <= ctx.progress.snapshot().elapsed < 0.9  # the rest is what a busy computer takes
