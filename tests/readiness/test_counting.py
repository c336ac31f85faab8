"""Lines and patients of a table in its bytes: the same as the csv module counts, wherever the blocks are cut."""

from __future__ import annotations

import csv
import io
import random

import pytest

from chorus_gui.core.readiness.counting import Counter
from chorus_gui.core.readiness.omop import Header

COLUMNS = ("measurement_id", "person_id", "value_source_value")


def counted(data: bytes, size: int, columns: tuple[str, ...] = COLUMNS, delimiter: str = ",") -> tuple[int, int | None]:
    counter = Counter(Header(columns, delimiter, 0))
    for start in range(0, len(data), size):
        counter.feed(data[start : start + size])
    counter.end()
    return counter.lines, counter.patients


@pytest.mark.parametrize("seed", range(60))
def test_as_the_csv_module_counts(seed: int) -> None:
    rng = random.Random(seed)
    rows = [
        [str(number), str(rng.randrange(5)), rng.choice(["a", "x,y", "l\nm", '"q"', "", "\n\n", 'é\n"', '"'])]
        for number in range(rng.randrange(40))
    ]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator=rng.choice(["\n", "\r\n"]), delimiter=rng.choice([",", ";"]))
    writer.writerow(COLUMNS)
    writer.writerows(rows)
    data = out.getvalue().encode()
    data = data.rstrip(b"\r\n") if rng.random() < 0.3 else data
    delimiter = ";" if b"measurement_id;" in data else ","
    for size in (1, 3, rng.randrange(1, 60), 1 << 20):
        assert counted(data, size, delimiter=delimiter) == (len(rows), len({row[1] for row in rows})), data


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", (0, 0)),
        ("a,person_id,b\n", (0, 0)),
        ("a,person_id,b\n1,7,x\n\n2,7,y\n", (2, 1)),
        ("a,person_id,b\n1\n2,7,y\n", (2, 1)),
        ('a,person_id,b\n1,"7",x\n', (1, None)),
        ("a,person_id,b\n1, 7 ,x\n2,7,y\n", (2, 1)),
    ],
)
def test_odd_tables(text: str, found: tuple[int, int | None]) -> None:
    assert counted(text.encode(), 4) == found


def test_a_table_without_patients_has_none() -> None:
    assert counted(b"note_nlp_id,note_id\n1,2\n", 7, ("note_nlp_id", "note_id")) == (1, None)
