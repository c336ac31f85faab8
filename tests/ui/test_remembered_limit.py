"""Which bandwidth limit a window begins with: the configuration's, or the one that was chosen in the window before."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from chorus_gui.core.job import JobContext
from chorus_gui.core.limit import Limit
from chorus_gui.core.timetable import EXAMPLE, FREE, at_most, parse_limit
from chorus_gui.ui.settings import Settings

WORK = parse_limit(EXAMPLE)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "window.ini")


def started(settings: Settings) -> Limit:
    limit = Limit()
    settings.use_limit(limit)
    return limit


def test_without_a_limit_in_the_configuration_the_choice_is_remembered(settings: Settings) -> None:
    limit = started(settings)
    settings.use_limit(limit, FREE)
    assert limit.timetable == FREE
    settings.choose_limit(limit, parse_limit("4M"))
    settings.use_limit(limit, FREE)
    assert limit.rate == 4_000_000
    assert started(settings).timetable == at_most(4_000_000)
    settings.choose_limit(limit, FREE)
    assert started(settings).timetable == FREE


def test_a_limit_in_the_configuration_applies_again_at_the_next_start(settings: Settings) -> None:
    settings.choose_limit(started(settings), parse_limit("1 MB/s"))
    limit = started(settings)
    settings.use_limit(limit, WORK)
    assert limit.timetable == WORK
    settings.choose_limit(limit, parse_limit("off"))
    settings.use_limit(limit, WORK)  # the file was read again
    settings.use_limit(limit)  # … and had a fault
    assert limit.timetable == FREE
    limit = started(settings)
    settings.use_limit(limit, WORK)
    assert limit.timetable == WORK


def test_another_limit_in_the_configuration_replaces_a_choice(settings: Settings) -> None:
    limit = started(settings)
    settings.use_limit(limit, WORK)
    settings.choose_limit(limit, parse_limit("off"))
    settings.use_limit(limit, at_most(2_000_000))
    assert limit.rate == 2_000_000
    settings.use_limit(limit, FREE)
    assert limit.rate is None


@pytest.mark.parametrize(("kept", "rate"), [("2000000", 2_000_000), ("0", None), ("fast", None), ("4 MB/s", 4_000_000)])
def test_what_an_earlier_version_kept_is_read(settings: Settings, kept: str, rate: int | None) -> None:
    settings.put("limit", kept)
    assert started(settings).rate == rate


def test_the_limit_follows_the_clock_while_a_job_runs() -> None:
    """By a clock of its own: at six in the evening everything that waits goes on at once."""
    moment = [datetime(2026, 11, 27, 17, 59, 58).astimezone()]
    seconds = [1000.0]
    limit = Limit(now=lambda: moment[0], clock=lambda: seconds[0])
    limit.configure(parse_limit("1 MB/s on workdays 8-18, free otherwise"))
    assert limit.rate == 1_000_000
    assert JobContext(limit).progress.snapshot().limit == "1 MB/s until 18:00, then free"
    assert limit.reserve(5_000_000) == 0.0
    assert limit.reserve(1000) == pytest.approx(5.0)
    moment[0] = datetime(2026, 11, 27, 18, 0, 0).astimezone()
    seconds[0] += 2
    assert limit.rate is None
    assert limit.reserve(1000) == 0.0
    assert limit.words == "free until Mon 30 Nov 08:00, then 1 MB/s"
    moment[0] = datetime(2026, 11, 30, 8, 0, 0).astimezone()
    seconds[0] += 2
    assert limit.rate == 1_000_000
    assert limit.reserve(1000) == 0.0, "what was booked before is forgotten"
