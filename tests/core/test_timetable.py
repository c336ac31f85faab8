"""A limit of the bandwidth as text, and what it says at a moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from chorus_gui.core.errors import UsageError
from chorus_gui.core.timetable import EXAMPLE, Timetable, parse_limit

BERLIN, SYDNEY, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("Australia/Lord_Howe"), ZoneInfo("America/New_York")
FRIDAY = datetime(2026, 11, 27, tzinfo=BERLIN)


def at(table: Timetable, day: int, hour: int, minute: int = 0) -> int | None:
    """The rate on a day of the week (0 is Monday)."""
    return table.rate(datetime(2026, 11, 23 + day, hour, minute, tzinfo=UTC))


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("4 MB/s", 4_000_000),
        ("4M", 4_000_000),
        ("4MB", 4_000_000),
        ("500 kB/s", 500_000),
        ("500k", 500_000),
        ("500 KB/s", 500_000),
        ("2.5 MB/s", 2_500_000),
        ("1 GB/s", 1_000_000_000),
        ("1 MiB/s", 1_048_576),
        ("20 Mbit/s", 2_500_000),
        ("20 Mbps", 2_500_000),
        ("off", None),
        ("free", None),
        ("Unlimited", None),
        ("  no   limit ", None),
    ],
)
def test_a_speed_alone(text: str, rate: int | None):
    table = parse_limit(text)
    assert not table.changes
    assert {at(table, day, hour) for day in range(7) for hour in range(24)} == {rate}


def test_the_example():
    table = parse_limit(EXAMPLE)
    assert [at(table, 4, hour) for hour in (0, 7, 8, 17, 18, 23)] == [None, None, 4_000_000, 4_000_000, None, None]
    assert [at(table, 5, 12), at(table, 6, 12), at(table, 0, 12)] == [None, None, 4_000_000]


@pytest.mark.parametrize(
    ("text", "limited"),
    [
        ("1 MB/s on Mon-Wed", {(day, hour) for day in (0, 1, 2) for hour in range(24)}),
        ("1 MB/s on Sat-Mon 8-9", {(5, 8), (6, 8), (0, 8)}),
        ("1 MB/s on Mon and Thu 8-9", {(0, 8), (3, 8)}),
        ("1 MB/s Mondays 8-9", {(0, 8)}),
        ("1 MB/s on Fri 22-2", {(4, 22), (4, 23), (5, 0), (5, 1)}),
        ("1 MB/s on weekends 0-1", {(5, 0), (6, 0)}),
        ("1 MB/s on Sunday 23-24", {(6, 23)}),
        ("1 MB/s every day 8 – 9", {(day, 8) for day in range(7)}),
        ("free 0-23, 1 MB/s otherwise", {(day, 23) for day in range(7)}),
    ],
)
def test_days_and_hours(text: str, limited: set[tuple[int, int]]):
    table = parse_limit(text)
    assert {(day, hour) for day in range(7) for hour in range(24) if at(table, day, hour)} == limited


def test_minutes_and_more_than_two_speeds():
    table = parse_limit("1 MB/s on workdays 7:30-12, 2 MB/s on workdays 12-18:15, free otherwise")
    assert [at(table, 0, 7, 29), at(table, 0, 7, 30), at(table, 0, 12), at(table, 0, 18, 14), at(table, 0, 18, 15)] == [
        None,
        1_000_000,
        2_000_000,
        2_000_000,
        None,
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "The limit is empty."),
        ("4", "no unit"),
        ("4 Mb/s", "can mean bytes or bits. Write 4 MB/s for bytes, or 4 Mbit/s for bits."),
        ("500 kb/s", "Write 500 kB/s for bytes"),
        ("4 mph", "is not a unit of speed"),
        ("0 MB/s", "too slow"),
        ("0", "too slow"),
        ("100 B/s", "The least is 10 kB/s. To send nothing for a while, pause the upload."),
        ("99999999999999999999 GB/s", "does not begin with a speed"),
        ("-4 MB/s", "does not begin with a speed"),
        ("2,5 MB/s", "no unit"),
        ("fast", "does not begin with a speed"),
        ("4 MB/s at noon", "“at”"),
        ("4 MB/s on workdays 8-18 9-17", "two times of day"),
        ("4 MB/s on workdays 8-25", "does not exist"),
        ("4 MB/s on workdays 8:75-9", "does not exist"),
        ("4 MB/s 8-8", "begins and ends at the same time"),
        ("4 MB/s 8am-6pm", "neither a day nor a time of day"),
        ("4 MB/s on Funday", "neither a day nor a time of day"),
        ("4 MB/s otherwise, free on weekends", "applies at all times"),
        ("4 MB/s on weekends,, free", "nothing between two commas"),
        ("4 MB/s on weekends, 4 MB/s on weekends", "twice"),
        ("4 MB/s on", "neither days nor hours"),
    ],
)
def test_what_is_not_understood_shows_a_right_example(text: str, says: str):
    with pytest.raises(UsageError) as caught:
        parse_limit(text)
    assert says in str(caught.value)
    assert f"Example: “{EXAMPLE}”." in caught.value.remedy


def test_what_applies_now_and_what_comes_next():
    table = parse_limit(EXAMPLE)
    assert table.now_and_next(FRIDAY.replace(hour=9), BERLIN) == "4 MB/s until 18:00, then free"
    assert table.now_and_next(FRIDAY.replace(hour=20), BERLIN) == "free until Mon 30 Nov 08:00, then 4 MB/s"
    assert parse_limit("500k").now_and_next(FRIDAY, BERLIN) == "500 kB/s"
    assert parse_limit("off").now_and_next(FRIDAY, BERLIN) == ""
    assert parse_limit("1.5 MB/s on Fri 22-2").now_and_next(FRIDAY.replace(hour=23), BERLIN) == "1.5 MB/s until Sat 28 Nov 02:00, then free"


@pytest.mark.parametrize("zone", [BERLIN, SYDNEY, NEW_YORK], ids=str)
@pytest.mark.parametrize("text", [EXAMPLE, "1 MB/s 2:30-4, free otherwise", "1 MB/s 1-2, 2 MB/s 2-3, free otherwise", "1 MB/s on Sun 22-2"])
def test_the_next_change_is_right_all_year_also_when_the_clock_is_changed(zone: ZoneInfo, text: str):
    """Compared with looking at every quarter of an hour."""
    table = parse_limit(text)
    for month, day in ((3, 6), (3, 27), (4, 3), (10, 2), (10, 23), (10, 30)):
        moment = datetime(2026, month, day, 11, 7, tzinfo=UTC)
        for _ in range(7):
            change = table.next_change(moment, zone)
            assert change is not None
            rate = table.rate(moment.astimezone(zone))
            step = datetime.fromtimestamp(moment.timestamp() // 900 * 900 + 900, UTC)
            while table.rate(step.astimezone(zone)) == rate:
                step += timedelta(minutes=15)
            assert (change[0].timestamp(), change[1]) == (step.timestamp(), table.rate(step.astimezone(zone)))
            moment = step


def test_in_the_zone_of_this_computer():
    change = parse_limit(EXAMPLE).next_change(datetime.now(UTC))
    assert change is not None
    assert change[0] > datetime.now(UTC)
