"""Results that a person named take the place of what is there, or leave it; and two values that once stopped a program."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import chorus_gui
from chorus_gui.core import private
from chorus_gui.core.cluster import host
from chorus_gui.core.limit import Limit


def test_a_result_that_fails_leaves_what_is_there(tmp_path: Path) -> None:
    """Also a file of the person's own that ends in “.part”."""
    target, other = tmp_path / "holds.toml", tmp_path / "holds.toml.part"
    target.write_text("before")
    other.write_text("mine")
    with pytest.raises(RuntimeError), private.replacing(target) as out:  # noqa: PT012 - it fails after a part
        out.write(b"half")
        raise RuntimeError
    assert target.read_text() == "before"
    with private.replacing(target) as out:
        out.write(b"after")
    assert target.read_text() == "after"
    assert sorted(tmp_path.iterdir()) == [target, other]
    assert other.read_text() == "mine"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")
def test_a_result_goes_through_a_link_and_into_a_pipe(tmp_path: Path) -> None:
    """``--output-file /dev/stdout`` is a link to a pipe: nothing takes its place."""
    file, link, pipe = tmp_path / "file", tmp_path / "link", tmp_path / "pipe"
    file.write_text("before")
    link.symlink_to(file)
    with private.replacing(link) as out:
        out.write(b"after")
    assert (link.is_symlink(), file.read_text()) == (True, "after")
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with private.replacing(pipe) as out:
            out.write(b"through")
        assert os.read(reading, 100) == b"through"
    finally:
        os.close(reading)
    assert pipe.is_fifo()


@pytest.mark.parametrize("write", ["replacing", "write"])
def test_an_error_names_the_result_and_not_its_part(tmp_path: Path, write: str) -> None:
    target = tmp_path / "no folder" / "holds.toml"
    with pytest.raises(FileNotFoundError) as caught:  # noqa: PT012 - one of two
        if write == "write":
            private.write(target, b"x")
        else:
            with private.replacing(target):
                pass
    assert caught.value.filename == str(target)
    assert ".part" not in str(caught.value)


def test_what_a_killed_program_left_is_removed_by_the_next_one(tmp_path: Path) -> None:
    """Only if nobody has written it for a day, and only what this program names so."""
    target, now = tmp_path / "list.csv", tmp_path.stat().st_mtime
    left = [private.beside(tmp_path / name) for name in ("list.csv", "other.db", "x" * 90)]
    written, mine = private.beside(target), [tmp_path / name for name in ("list.csv.part", ".list.csv.part", ".list.csv.1-abc.part")]
    folder = private.beside(tmp_path / "folder")
    folder.mkdir()
    for file in (*left, written, *mine):
        file.write_bytes(b"half")
    old, later = now - private.LEFT_S - 60, now - private.LEFT_S + 3600
    for file in (*left, *mine, folder):
        os.utime(file, (old, old))
    os.utime(written, (later, later))
    with private.replacing(target) as out:
        out.write(b"whole")
    assert sorted(tmp_path.iterdir()) == sorted([target, written, *mine, folder])
    left[0].write_bytes(b"half")
    os.utime(left[0], (old, old))
    part = private.beside(target)
    part.write_bytes(b"again")
    private.take_place(part, target)  # a download, or a kept copy
    assert sorted(tmp_path.iterdir()) == sorted([target, written, *mine, folder])
    assert target.read_bytes() == b"again"


def test_no_result_empties_a_file_before_it_is_complete() -> None:
    """Whoever writes what a person named uses ``private.replacing``; ``private.named`` is its way into a pipe."""
    root = Path(chorus_gui.__file__).parent
    users = [str(file.relative_to(root)) for file in root.rglob("*.py") if "private.named(" in file.read_text("utf-8")]
    assert users == []


def test_a_limit_of_nothing_is_no_limit() -> None:
    limit = Limit(0)
    assert limit.rate is None
    assert limit.reserve(1000) == 0


def test_a_place_that_cannot_be_closed_does_not_end_the_watch() -> None:
    def close() -> None:
        raise OSError("gone")

    job: Any = SimpleNamespace(over=True, batches={}, places=SimpleNamespace(close=close))
    host._Job.close_if_over(job)
