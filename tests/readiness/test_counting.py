"""Lines and patients of a table in its bytes: the same as the csv module counts, wherever the blocks are cut."""

from __future__ import annotations

import csv
import io
import random
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chorus_gui.core.readiness import counting
from chorus_gui.core.readiness.counting import Counter
from chorus_gui.core.readiness.omop import Header

COLUMNS = ("measurement_id", "person_id", "value_source_value")


def counted(data: bytes, size: int, columns: tuple[str, ...] = COLUMNS, delimiter: str = ",") -> tuple[int, int | None]:
    counter = Counter(Header(columns, delimiter, 0))
    for start in range(0, len(data), size):
        counter.feed(data[start : start + size])
    counter.end()
    return counter.lines, counter.patients


def as_csv_counts(data: bytes, columns: tuple[str, ...] = COLUMNS, delimiter: str = ",") -> tuple[int, int | None]:
    """What the thorough pass reads, with the same reader as there."""
    reader = csv.reader(io.TextIOWrapper(io.BytesIO(data), "utf-8-sig", errors="surrogateescape", newline=""), delimiter=delimiter)
    next(reader, None)
    found = [line for line in reader if line]
    at = columns.index("person_id") if "person_id" in columns else -1
    return len(found), len({line[at].strip(" \t\r\n\v\f") for line in found if len(line) > at} - {""}) if at >= 0 else None


@pytest.mark.parametrize("seed", range(60))
def test_as_the_csv_module_counts(seed: int) -> None:
    rng = random.Random(seed)
    rows = [
        [str(number), str(rng.randrange(5)), rng.choice(["a", "x,y", "l\nm", '"q"', "", "\n\n", 'é\n"', '"', "\0", "l\r\nm", "r\rs"])]
        for number in range(rng.randrange(40))
    ]
    out = io.StringIO()
    quoting: Literal[0, 1, 2] = rng.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])
    writer = csv.writer(out, lineterminator=rng.choice(["\n", "\r\n", "\r"]), delimiter=rng.choice([",", ";", "\t", "|"]), quoting=quoting)
    writer.writerow(COLUMNS)
    writer.writerows(rows)
    text = out.getvalue()
    delimiter = text[text.index("measurement_id") + len("measurement_id") :].lstrip('"')[0]
    data = (text.rstrip("\r\n") if rng.random() < 0.3 else text).encode("utf-8-sig" if rng.random() < 0.5 else "utf-8")
    for size in (1, 3, rng.randrange(1, 60), 1 << 20):
        assert counted(data, size, delimiter=delimiter) == as_csv_counts(data, delimiter=delimiter), data
    if b"r\rs" not in data or quoting == csv.QUOTE_ALL:  # the writer leaves a carriage return without quotes
        assert as_csv_counts(data, delimiter=delimiter) == (len(rows), len({row[1] for row in rows}))


PIECES = (
    '"',
    '"',
    '""',
    ",",
    ",",
    "\n",
    "\n",
    "\r\n",
    "\r",
    "7",
    "8",
    " ",
    "x",
    "\0",
    "é",
    '5" tube',
    '"a,b"',
    '"l\nm"',
    "1,7,y\n",
    '1,"8",z\n',
)


@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join), st.integers(1, 30), st.booleans(), st.integers(0, 4))
@pytest.mark.parametrize("columns", [COLUMNS, ("person_id", "a"), ("a", "b")], ids=["second", "first", "none"])
def test_any_bytes(columns: tuple[str, ...], text: str, size: int, mark: bool, missing: int) -> None:
    """Also odd ones: quotes within values, quotes that nothing closes, a file that was cut."""
    data = ",".join(columns).encode("utf-8-sig" if mark else "utf-8") + b"\n" + text.encode()
    data = data[: len(data) - missing]
    lines, patients = counted(data, size, columns)
    expected = as_csv_counts(data, columns)
    assert lines == expected[0]
    assert patients in (expected[1], None if b'"' in data else expected[1])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", (0, 0)),
        ("a,person_id,b\n", (0, 0)),
        ("a,person_id,b\n1,7,x\n\n2,7,y\n", (2, 1)),
        ("a,person_id,b\n1\n2,7,y\n", (2, 1)),
        ('a,person_id,b\n1,"7",x\n2,7,y\n3,"8",z\n', (3, 2)),
        ('a,person_id,b\n"x,y,z",7,x\n', (1, 1)),
        ("a,person_id,b\n1, 7 ,x\n2,7,y\n", (2, 1)),
        ("a,person_id,b\n1,,x\n2,7,y\n", (2, 1)),
        ('a,person_id,b\n1,7,5" tube\n2,8,y\n3,9,"two\nlines"\n', (3, 3)),
        ('a,person_id,b\n1,7,5" tube, 3" tube\n2,8,y\n', (2, 2)),
        ('a,person_id,b\n1,7,"cut\n2,8,y\n', (1, 1)),
        ('a,person_id,b\n1,7,x\n2,8,"cut', (2, 2)),
        ("a,person_id,b\r1,7,x\r2,8,y\r", (2, 2)),
        ('a,person_id,b\n1,"7"7,x\n', (1, None)),
    ],
)
@pytest.mark.parametrize("size", [1, 4, 1 << 20])
def test_odd_tables(text: str, found: tuple[int, int | None], size: int) -> None:
    assert counted(text.encode(), size) == found


def test_a_table_without_patients_has_none() -> None:
    assert counted(b"note_nlp_id,note_id\n1,2\n\n3,4\n", 7, ("note_nlp_id", "note_id")) == (2, None)


def test_a_quote_that_nothing_closes_ends_the_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest of the table is not kept in memory."""
    monkeypatch.setattr(counting, "LONGEST", 1000)
    counter = Counter(Header(COLUMNS, ",", 0))
    counter.feed(b'measurement_id,person_id,value_source_value\n1,7,x\n2,7,"\n')
    for _ in range(100):
        counter.feed(b"3,8,y\n" * 10)
        assert len(counter._rest) <= 1000
    counter.end()
    assert (counter.lines, counter.patients) == (1, None)
