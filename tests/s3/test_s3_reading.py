"""What a person sees of requests and traffic before the approval: the numbers are those of the requests that follow."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from commands import Run, printed, run
from s3server import S3Server
from test_s3_submission import nested

from chorus_gui.app import facts
from chorus_gui.app.reading import reading_text
from chorus_gui.core.config.load import load
from chorus_gui.core.job import JobContext
from chorus_gui.core.storage.s3.wire import Bucket

__all__ = ["run"]
PIECE = 4 * 1024 * 1024
SIZES = {"a": 1, "b": PIECE, "c": PIECE + 1, "d": 2 * PIECE + 1, "e": 3 * PIECE}


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """The requests to the bucket, by their kind."""
    seen: Counter[str] = Counter()
    for name in ("list_page", "head", "read"):
        real = getattr(Bucket, name)

        def counted(self: Bucket, *args: Any, real: Any = real, name: str = name, **named: Any) -> Any:
            seen[name] += 1
            return real(self, *args, **named)

        monkeypatch.setattr(Bucket, name, counted)
    return seen


def test_the_numbers_before_the_approval_are_those_of_the_upload(s3: S3Server, tmp_path: Path, run: Run, sent: Counter[str]) -> None:
    bucket = s3.bucket()
    world = nested(s3, bucket, tmp_path)
    world.put("OMOP/person.csv", "person_id")
    for name, size in SIZES.items():
        s3.put(bucket, f"images/1/Images/{name}.dcm", os.urandom(size))
    status, text = run(world, "journal", "update", "--dry-run", "--json")
    assert status == 0, text
    (told,) = printed(text)["reading"]
    assert (told["place"], told["provider"], told["modalities"]) == (f"s3://{bucket}/images", "Amazon S3", ["Images"])
    assert (told["files"], told["bytes"]) == (len(SIZES), sum(SIZES.values()))
    assert told["listing_requests"] == sent["list_page"] > 0

    sent.clear()
    status, text = run(world, "submit", "--yes")
    assert status == 0, text
    assert f"The upload reads 5 files ({sum(SIZES.values()) / 1e6:.1f} MB) from Amazon S3 (s3://{bucket}/images)" in text
    assert "price list" in text
    assert (told["requests"], sent["head"]) == (sent["read"], 0), "what a range says of the object needs no request of its own"

    status, text = run(world, "scan")
    assert f"Nothing is read from Amazon S3 (s3://{bucket}/images). The scan took " in text


def test_what_was_recorded_earlier_or_held_back_counts_as_it_should(s3: S3Server, tmp_path: Path, run: Run) -> None:
    bucket = s3.bucket()
    world = nested(s3, bucket, tmp_path)
    world.put("OMOP/person.csv", "person_id")
    for name in "abc":
        s3.put(bucket, f"images/1/Images/{name}.dcm", name.encode())
    assert run(world, "hold", "add", "--file", "1/Images/a.dcm", "--reason", "later")[0] == 0
    assert run(world, "journal", "update", "--version", "v1")[0] == 0
    s3.put(bucket, "images/1/Images/d.dcm", b"dd")
    status, text = run(world, "journal", "update", "--dry-run", "--json")
    assert status == 0, text
    (told,) = printed(text)["reading"]
    assert (told["files"], told["bytes"], told["requests"]) == (3, 4, 3), "b and c are pending, d is new, a is held back"


def test_a_site_in_folders_has_no_such_line(tmp_path: Path, run: Run) -> None:
    from world import World

    world = World(tmp_path)
    world.put("OMOP/person.csv", "person_id")
    status, text = run(world, "journal", "update", "--dry-run", "--json")
    assert status == 0, text
    assert printed(text)["reading"] == []
    assert "price list" not in run(world, "scan")[1]


def test_the_window_knows_the_same_numbers(s3: S3Server, tmp_path: Path) -> None:
    bucket = s3.bucket()
    world = nested(s3, bucket, tmp_path)
    world.put("OMOP/person.csv", "person_id")
    s3.put(bucket, "images/1/Images/a.dcm", b"one")
    world.review()
    found = facts.review(load(world.file, environ={}), 1, JobContext())
    assert found is not None
    (told,) = found.reading
    assert reading_text(told).startswith(
        f"The upload reads 1 file (3 B) from Amazon S3 (s3://{bucket}/images), in about 1 request. The scan took "
    )
