"""What is done for many changes together gives what it gives one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from bench.scale_data import config_for
from hypothesis import given
from hypothesis import strategies as st

from chorus_gui.core.config.model import Config, Place, PlaceKind, Site
from chorus_gui.core.errors import PatternError
from chorus_gui.core.model import Change, Entry, Row
from chorus_gui.core.pattern import Pattern
from chorus_gui.core.review import tails
from chorus_gui.core.review.approval import diff_hash
from chorus_gui.core.review.changes import by_ids, stream
from chorus_gui.core.review.litter import note
from chorus_gui.core.review.staging import Staging
from chorus_gui.core.review.values import Query
from chorus_gui.core.storage.accepts import refusal
from chorus_gui.core.submission import commit
from chorus_gui.core.submission.commit import Batch

PATTERNS = ("{patient_id:w}/Images/{filepath}", "Images/{patient_id:w}/{filepath}", "{patient_id:w}/Images/x{filepath}")
FOLDERS = st.sampled_from(["1/Images", "1/Images/CT", "2/Images/@eaDir/9", "Images/3", "Images/3/a.", "4/Images/" + "d" * 120, "other", ""])
NAMES = st.sampled_from(
    [
        "1.dcm",
        "12.dcm",
        "x3.dcm",
        "x4",
        "com1",
        "com0",
        "a\\b",
        "a:b",
        "._1",
        "Thumbs.db",
        "9.tmp",
        "ä.dcm",
        "end.",
        "b c.dcm",
        "n" * 90,
        "n" * 91,
    ]
)


def azure_config(folder: Path, pattern: str) -> Config:
    """A store in Azure, and images by this pattern."""
    config = config_for(folder)
    images = Site("Images", config.sites["Images"].place, Pattern.parse(pattern), mapped=True)
    central = Place(PlaceKind.AZURE, "az://container/some/prefix", prefix="some/prefix")
    return replace(config, central=central, sites={**config.sites, "Images": images})


def one_by_one(config: Config, path: str) -> tuple[str, str, str | None]:
    """What a review says of a new file, looked at alone: its kind, its note, its place."""
    try:
        tail = config.store_path("Images", path, "v").removeprefix("v/")
    except PatternError as error:
        return "problem", str(error), None
    said, place = note(path), None if tail == path else tail
    if why := refusal(config.central)(f"YYYYMMDDHHMMSS/{tail}"):
        return "problem", f"The central store cannot hold a file of this name. {why} {tails._RENAME}", place
    return "added", said, place


@given(
    st.lists(st.builds(lambda folder, name: f"{folder}/{name}".removeprefix("/"), FOLDERS, NAMES), max_size=30, unique=True),
    st.sampled_from(PATTERNS),
    st.sampled_from([1, 3, 4096]),
)
def test_places_names_and_litter_are_found_for_a_folder_as_for_each_file(paths: list[str], pattern: str, page: int) -> None:
    with (
        TemporaryDirectory() as name,
        pytest.MonkeyPatch.context() as patch,
        Staging.create(Path(name) / "review.db") as staging,
    ):
        patch.setattr(tails, "PAGE", page)
        config = azure_config(Path(name), pattern)
        staging.db.executemany(
            "INSERT INTO change (kind, modality, path, size) VALUES ('added', 'Images', ?, 1)", [(path,) for path in paths]
        )
        tails.find_tails(config, staging)
        found = {path: (kind, said, tail) for path, kind, said, tail in staging.db.execute("SELECT path, kind, note, tail FROM change")}
    assert found == {path: one_by_one(config, path) for path in paths}


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=8)
NUMBERS = st.integers(0, 2**62)
CHANGES = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["added", "updated", "moved", "deleted", "problem"]),
        "modality": st.sampled_from(["Images", "OMOP"]),
        "path": TEXTS,
        "size": st.none() | NUMBERS,
        "mtime_us": st.none() | NUMBERS,
        "md5": st.none() | TEXTS,
        "old_id": st.none() | NUMBERS,
        "old_size": st.none() | NUMBERS,
        "old_md5": st.none() | TEXTS,
        "old_version": st.none() | TEXTS,
        "excluded": st.sampled_from([0, 0, 1]),
    }
)
LISTS = st.lists(CHANGES, max_size=8)


def staged(path: Path, changes: Sequence[dict[str, object]]) -> Staging:
    """A review with these changes."""
    staging = Staging.create(path)
    for change in changes:
        staging.db.execute(f"INSERT INTO change ({', '.join(change)}) VALUES ({', '.join('?' * len(change))})", tuple(change.values()))
    return staging


@given(LISTS)
def test_changes_are_read_with_their_entries(changes: list[dict[str, object]]) -> None:
    unknown = {"old_size": 0, "old_mtime_us": 0, "old_valid_us": 0, "old_version": ""}
    with TemporaryDirectory() as name, staged(Path(name) / "review.db", changes) as staging:
        found = list(stream(staging, Query(order="id")))
        assert by_ids(staging, [change.id for change in reversed(found)]) == found[::-1]
        staging.db.row_factory = lambda cursor, row: {one[0]: value for one, value in zip(cursor.description, row, strict=True)}
        kept = staging.db.execute("SELECT * FROM change ORDER BY id").fetchall()
    for change, line in zip(found, kept, strict=True):
        row: dict[str, Any] = {key: unknown.get(key) if value is None else value for key, value in line.items()}
        old = None
        if row["old_id"] is not None:
            rest = [row[f"old_{field.name}"] for field in fields(Row)[3:]]
            old = Row(row["old_id"], row["modality"], row["path"], *rest)
        plain = {field.name: row[field.name] for field in fields(Change) if field.name not in ("kind", "old")}
        assert change == Change(kind=change.kind, old=old, **plain)
        assert change.kind.value == row["kind"]


@given(LISTS, st.integers(0, 7), CHANGES)
def test_every_change_of_a_change_shows_in_the_hash(changes: list[dict[str, object]], place: int, other: dict[str, object]) -> None:
    """The hash is of what a submission carries out: the same for the same, another for anything else."""
    read = ("kind", "modality", "path", "size", "mtime_us", "md5", "old_id", "excluded")
    second = [other if number == place else change for number, change in enumerate(changes)]

    def carried_out(some: list[dict[str, object]]) -> list[tuple[object, ...]]:
        return [tuple(change[key] for key in read) for change in some if change["kind"] != "problem"]

    with TemporaryDirectory() as name:
        with staged(Path(name) / "a.db", changes) as staging:
            before = diff_hash(staging)
        with staged(Path(name) / "b.db", second) as staging:
            after = diff_hash(staging)
    assert (before == after) == (carried_out(changes) == carried_out(second))


@given(st.sets(st.integers(1, 40)))
def test_exactly_these_changes_are_marked_as_done(ids: set[int]) -> None:
    with TemporaryDirectory() as name, Staging.create(Path(name) / "review.db") as staging:
        staging.db.executemany("INSERT INTO change (kind, modality, path) VALUES ('added', 'Images', ?)", [(str(n),) for n in range(40)])
        staging.db.execute("COMMIT")
        staging.mark_done(iter(ids))
        assert {key for (key,) in staging.db.execute("SELECT id FROM change WHERE done")} == ids


@given(st.lists(st.integers(0, 9), max_size=12))
def test_entries_of_a_page_are_committed_as_one_by_one(pages: list[int]) -> None:
    class Kept:
        def __init__(self) -> None:
            self.commits: list[int] = []

        def commit(self, entries: list[Entry]) -> None:
            self.commits.append(len(entries))

    patch = pytest.MonkeyPatch()
    patch.setattr(commit.time, "monotonic", lambda: 100.0)  # no second goes by
    together, alone = Kept(), Kept()
    done: list[int] = []
    entry = Entry.__new__(Entry)
    with Batch[int](together, 4, done.extend) as batch:  # type: ignore[arg-type]
        for number, count in enumerate(pages):
            batch.add_all((entry, number) for _ in range(count))
    with Batch[int](alone, 4, lambda what: None) as batch:  # type: ignore[arg-type]
        for number, count in enumerate(pages):
            for _ in range(count):
                batch.add(entry, number)
    patch.undo()
    assert together.commits == alone.commits
    assert done == [number for number, count in enumerate(pages) for _ in range(count)]
