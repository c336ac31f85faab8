"""Which entries a person marks as deleted or as uploaded: the current ones of these paths, and only what the store confirms."""

from __future__ import annotations

from pathlib import Path

import pytest
from memorystore import MemoryStore
from world import World

from chorus_gui.core.errors import UsageError
from chorus_gui.core.model import Action, ChangeKind, Entry, Level, Row, Tally
from chorus_gui.core.storage.digests import md5_of
from chorus_gui.core.submission.mark import check_upload_time, mark_as_deleted, mark_as_uploaded
from chorus_gui.core.submission.marker import marker_path
from chorus_gui.core.transfer.verify import VerifyResult

SENT, WAITS, TWICE, OLD = "1/Images/sent.dcm", "1/Images/waits.dcm", "2/Images/other.dcm", "2/Images/closed.dcm"
TIME = "20260303030303"


@pytest.fixture
def world(tmp_path: Path) -> World:
    """In v1 one file was sent and another recorded, in v2 a third was recorded; a fourth was sent and deleted."""
    world = World(tmp_path)
    world.store = MemoryStore()
    with world.open() as journal:
        for path, version, uploaded in (
            (SENT, "v1", "20260101000000"),
            (WAITS, "v1", None),
            (TWICE, "v2", None),
            (OLD, "v1", "20260101000000"),
        ):
            data = path.encode()
            journal.commit([Entry(Action.ENTER, "Images", path, path[0], len(data), 1, md5_of(data).hexdigest(), version, uploaded)])
        (closed,) = [row for row in journal.rows() if row.path == OLD]
        journal.commit([Entry(Action.CLOSE, old_id=closed.file_id, state="DELETED")])
    return world


@pytest.mark.parametrize(
    ("paths", "version", "marked", "unknown"),
    [
        pytest.param([SENT], None, [SENT], {}, id="a file that was sent"),
        pytest.param([SENT, WAITS, TWICE], None, [SENT, WAITS, TWICE], {}, id="several, pending ones too"),
        pytest.param([SENT, SENT], None, [SENT], {}, id="named twice, marked once"),
        pytest.param([SENT, TWICE], "v1", [SENT], {TWICE: "It is current in another version than v1."}, id="of one version alone"),
        pytest.param([OLD], None, [], {OLD: ""}, id="what was deleted before has no current entry"),
        pytest.param(["nowhere"], None, [], {"nowhere": ""}, id="nor has what was never submitted"),
        pytest.param([], None, [], {}, id="nothing"),
    ],
)
def test_what_is_marked_as_deleted(world: World, paths: list[str], version: str | None, marked: list[str], unknown: dict[str, str]) -> None:
    current = set(world.active())
    with world.working() as work:
        out = mark_as_deleted(work, paths, version=version)
        entered = work.log.entered
    assert (sorted(out.marked), out.unknown | out.unclear, out.already, out.refused) == (sorted(marked), unknown, [], [])
    assert set(out.unclear) == ({TWICE} if version else set())
    assert set(world.active()) == current - set(marked)
    size = sum(len(path) for path in marked)
    assert entered == ({"Images": {ChangeKind.DELETED: Tally(len(marked), size)}} if marked else {})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026",
        "2026-01-01 00:00",
        "202601010000000",
        "2026010100000x",
        "20260101000000\n",
        "20261301000000",
        "20260101000060",
        "00000000000000",
        "20269999999999",
    ],
)
def test_an_upload_time_is_a_moment_of_fourteen_digits(world: World, text: str) -> None:
    with pytest.raises(UsageError, match="not a valid upload time"):
        check_upload_time(text)
    with world.working() as work, pytest.raises(UsageError):
        mark_as_uploaded(work, world.store, [WAITS], upload_time=text, central=False)
    assert world.active()[WAITS].uploaded is None


def in_store(world: World, path: str, data: bytes | None = None) -> None:
    version = {TWICE: "v2"}.get(path, "v1")
    world.store.put(f"{version}/{path}", path.encode() if data is None else data)


@pytest.mark.parametrize("central", [False, True])
@pytest.mark.parametrize(
    ("content", "result"),
    [
        pytest.param(b"right", VerifyResult.OK, id="the store has it"),
        pytest.param(None, VerifyResult.MISSING, id="the store does not have it"),
        pytest.param(b"short", VerifyResult.SIZE_DIFFERS, id="its size is another one"),
        pytest.param(b"x" * len(WAITS), VerifyResult.CONTENT_DIFFERS, id="its content is another one"),
    ],
)
def test_an_entry_is_marked_as_uploaded_only_if_the_store_confirms_it(
    world: World, content: bytes | None, result: VerifyResult, central: bool
) -> None:
    """A file of other content changed perhaps before the other tool read it: the next scan reads it."""
    if content is not None:
        in_store(world, WAITS, WAITS.encode() if content == b"right" else content)
    with world.working() as work:
        out = mark_as_uploaded(work, world.store, [f"v1/{WAITS}" if central else WAITS], upload_time=TIME, central=central)
        log = work.log
    row: Row = world.active()[WAITS]
    if result is VerifyResult.OK:
        assert (row.uploaded, out.marked, out.refused) == (TIME, [WAITS], [])
        assert (log.there, log.proofs) == (Tally(1, len(WAITS)), {Level.PROPERTIES: 1})
        assert log.sent == Tally()
    else:
        assert (row.uploaded, out.marked, [verdict.result for verdict in out.refused]) == (None, [], [result])
        assert log.there == Tally()
    assert log.to_read == ({("Images", WAITS)} if result is VerifyResult.CONTENT_DIFFERS else set())
    assert (out.already, out.unknown) == ([], {})


def test_what_is_uploaded_already_and_what_is_unknown_are_said(world: World) -> None:
    for path in (SENT, WAITS, TWICE):
        in_store(world, path)
    with world.working() as work:
        out = mark_as_uploaded(work, world.store, [SENT, WAITS, TWICE, OLD, "nowhere"], upload_time=TIME, central=False)
        total = work.ctx.progress.snapshot().total
    assert (out.already, sorted(out.marked), set(out.unknown)) == ([SENT], [WAITS, TWICE], {OLD, "nowhere"})
    assert world.active()[SENT].uploaded == "20260101000000"
    assert (total.total_files, total.total_bytes) == (2, len(WAITS) + len(TWICE))


@pytest.mark.parametrize(
    ("named", "found"),
    [
        (f"v1/{WAITS}", True),
        (f"/v1/{WAITS}/", True),
        (f"{{central}}/v1/{WAITS}", True),
        (f"v2/{WAITS}", False),
        (WAITS, False),
        (f"v1/{OLD}", False),
        ("v9/x", False),
    ],
)
def test_how_a_path_of_the_store_is_named(world: World, named: str, found: bool) -> None:
    in_store(world, WAITS)
    path = named.replace("{central}", world.config.central.text)
    with world.working() as work:
        out = mark_as_uploaded(work, world.store, [path], upload_time=TIME, central=True)
    assert out.marked == ([WAITS] if found else [])
    assert bool(out.unknown) is not found


def test_only_versions_that_get_files_lose_their_marker(world: World) -> None:
    for version in ("v1", "v2"):
        world.store.put(marker_path(version), b'{"schema": "chorus-upload-submission/1"}')
    in_store(world, TWICE)
    with world.working() as work:
        mark_as_uploaded(work, world.store, [SENT, TWICE], upload_time=TIME, central=False)
    assert world.store.head(marker_path("v1")) is not None, "its file was uploaded already"
    assert world.store.head(marker_path("v2")) is None
