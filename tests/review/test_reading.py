"""What an approval would read from a cloud: the numbers that a person sees before the costs arise."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from world import World

from chorus_gui.core.model import Tally
from chorus_gui.core.review import to_read
from chorus_gui.core.review.reading import CLOUDS, PIECE_BYTES, cloud_reading
from chorus_gui.core.review.staging import Staging
from chorus_gui.core.review.values import Pending

PLACE = ["s3", "s3://bucket/images", ["Images"], 7, 0]


@pytest.fixture
def staging(tmp_path: Path) -> Iterator[Staging]:
    """The review of an empty site; the tests fill it."""
    path = World(tmp_path).review().path
    with Staging.open(path) as staging:
        staging.put(CLOUDS, [PLACE])
        yield staging


def change(staging: Staging, size: int, *, kind: str = "added", modality: str = "Images", excluded: int = 0, done: int = 0) -> None:
    path = f"{modality}-{kind}-{size}-{excluded}-{done}"
    sql = "INSERT INTO change (kind, modality, path, size, excluded, done) VALUES (?, ?, ?, ?, ?, ?)"
    staging.db.execute(sql, (kind, modality, path, size, excluded, done))


def pending(staging: Staging, size: int, version: str, *, own: int = 0) -> None:
    sql = "INSERT INTO pending (own, modality, path, version, size) VALUES (?, 'Images', ?, ?, ?)"
    staging.db.execute(sql, (own, f"{size}", version, size))


@pytest.mark.parametrize(
    ("size", "requests"),
    [(0, 1), (1, 1), (PIECE_BYTES, 1), (PIECE_BYTES + 1, 2), (10 * PIECE_BYTES, 10)],
)
def test_a_file_takes_a_request_for_each_4_mib_and_one_if_it_is_empty(staging: Staging, size: int, requests: int) -> None:
    assert PIECE_BYTES == 4 * 1024 * 1024
    change(staging, size)
    (found,) = cloud_reading(staging, Pending())
    assert (found.kind, found.place, found.modalities, found.listing) == ("s3", "s3://bucket/images", ("Images",), 7)
    assert (found.files, found.requests) == (Tally(1, size), requests)


def test_what_is_read_counts_and_nothing_else(staging: Staging) -> None:
    change(staging, 100)
    change(staging, 20, kind="updated")
    for other in ("deleted", "moved", "restored", "unmatched", "problem"):
        change(staging, 5, kind=other)
    change(staging, 5, modality="Waveforms")
    change(staging, 5, excluded=1)
    change(staging, 5, done=1)
    (found,) = cloud_reading(staging, Pending())
    assert (found.files, found.requests) == (Tally(2, 120), 2)


def test_pending_files_that_go_along_count_too(staging: Staging) -> None:
    change(staging, 100)
    pending(staging, 2 * PIECE_BYTES, "v1")
    pending(staging, 7, "v2")
    pending(staging, 9, "v1", own=1)
    along = Pending((("v1", "Images", Tally(1, 2 * PIECE_BYTES)),))
    (found,) = cloud_reading(staging, along)
    assert (found.files, found.requests) == (Tally(2, 100 + 2 * PIECE_BYTES), 3)


@pytest.mark.skipif(os.name != "posix", reason="rights of POSIX")
def test_the_list_of_files_to_read_is_of_this_user_alone(tmp_path: Path) -> None:
    to_read.remember(tmp_path / "journal.db", [("Images", "1/a")])
    assert to_read._file(tmp_path / "journal.db").stat().st_mode & 0o077 == 0
