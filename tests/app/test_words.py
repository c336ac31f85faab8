"""Numbers, sizes and durations as people read them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chorus_gui.app import words
from chorus_gui.core.model import ChangeKind, Tally
from chorus_gui.core.transfer.verify import VerifyResult


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0 B"),
        (1, "1 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (1049, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (14_200_000, "14.2 MB"),
        (999_949_999, "999.9 MB"),
        (999_950_000, "1.0 GB"),
        (999_950_000_000, "1.0 TB"),
        (1_234_567_000_000_000, "1,234.6 TB"),
    ],
)
def test_a_size(value: int, text: str) -> None:
    assert words.size(value) == text


@given(st.integers(0, 10**16))
def test_a_size_is_never_rounded_to_a_thousand_of_its_unit(value: int) -> None:
    number, unit = words.size(value).split()
    shown = float(number.replace(",", ""))
    assert shown < 1000 or unit == "TB"
    factor = {"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}[unit]
    assert shown * factor == pytest.approx(value, abs=0.0501 * factor)


@given(st.integers(0, 10**15), st.integers(0, 10**15))
def test_the_greater_size_is_not_shown_as_the_smaller_one(one: int, other: int) -> None:
    def read(value: int) -> float:
        number, unit = words.size(value).split()
        return float(number.replace(",", "")) * {"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}[unit]

    low, high = sorted((one, other))
    assert read(low) <= read(high)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, words.DASH),
        (0, "0 s"),
        (-3.0, "0 s"),
        (0.01, "0.1 s"),
        (0.4, "0.4 s"),
        (0.949, "0.9 s"),
        (0.95, "1 s"),
        (12.4, "12 s"),
        (59.4, "59 s"),
        (59.5, "1 min 0 s"),
        (125, "2 min 5 s"),
        (3599.4, "59 min 59 s"),
        (3599.5, "1 h 0 min"),
        (12_000, "3 h 20 min"),
        (100 * 3600, "100 h 0 min"),
    ],
)
def test_a_duration(seconds: float | None, text: str) -> None:
    assert words.duration(seconds) == text


@given(st.floats(0, 1e6))
def test_a_duration_never_shows_sixty(seconds: float) -> None:
    numbers = [int(number) for number in re.findall(r"(\d+) (?:s|min)", words.duration(seconds))]
    assert all(number < 60 for number in numbers)


@pytest.mark.parametrize(
    ("value", "one", "many", "text"),
    [
        (0, "file", "", "0 files"),
        (1, "file", "", "1 file"),
        (2, "file", "", "2 files"),
        (1204, "file", "", "1,204 files"),
        (1, "entry", "entries", "1 entry"),
        (3, "entry", "entries", "3 entries"),
        (1_000_000, "entry", "entries", "1,000,000 entries"),
    ],
)
def test_a_count_with_its_word(value: int, one: str, many: str, text: str) -> None:
    assert words.plural(value, one, many) == text


@given(st.integers(0, 10**9))
def test_a_count_of_files(value: int) -> None:
    number, word = words.files(value).split()
    assert int(number.replace(",", "")) == value
    assert (word == "file") is (value == 1)
    assert words.files_and_size(Tally(value, value)) == f"{words.files(value)} ({words.size(value)})"


@pytest.mark.parametrize(("value", "text"), [(None, words.DASH), (0, words.DASH), (999.9, "999 B/s"), (12_400_000.0, "12.4 MB/s")])
def test_a_rate(value: float | None, text: str) -> None:
    assert words.rate(value) == text


@given(st.datetimes(datetime(1980, 1, 1), datetime(2100, 1, 1)))  # noqa: DTZ001
def test_a_moment_can_be_read_back(naive: datetime) -> None:
    at = naive.replace(tzinfo=UTC, microsecond=0)
    assert datetime.strptime(words.moment(int(at.timestamp()) * 1_000_000), "%Y-%m-%d %H:%M:%S %z") == at
    elsewhere = at.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert words.utc(elsewhere) == at.strftime("%Y-%m-%d %H:%M:%S")


def test_the_window_uses_the_same_words() -> None:
    from chorus_gui.cli import report
    from chorus_gui.ui import words as window

    assert window.files_and_size is words.files_and_size
    assert report.size is words.size
    assert report.duration is words.duration


def test_a_verb_agrees_with_its_count() -> None:
    assert [words.agree(count, "is", "are") for count in (0, 1, 2)] == ["are", "is", "are"]


def test_kinds_and_verdicts_have_words_instead_of_names_from_the_code() -> None:
    assert set(words.KINDS) == set(ChangeKind)
    assert words.KINDS[ChangeKind.MOVED] == "time changed"
    assert set(words.RESULTS) == {result.value for result in VerifyResult}
    for heading, sentence in words.RESULTS.values():
        assert "_" not in heading + sentence
        assert sentence.endswith(".")
